"""Signing in and out, one-time links and the profile in the browser: what ends a session, and what never tells."""

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.accounts import service
from desk.accounts.models import OneTimeLink, Person, SignInAttempt, TokenPurpose
from desk.accounts.views import safe_target
from desk.db import transaction
from desk.events.models import Event
from tests.cast import Cast
from tests.clock import MovableClock
from tests.tickets.scenes import browser

PASSWORD = "quiet harbour morning"


def with_password(cast: Cast, person: Person) -> None:
    with transaction() as session:
        service.set_password(session, session.get_one(Person, person.id), PASSWORD, now=cast.now)


def sign_in(client: FlaskClient, email: str, password: str = PASSWORD, way: str = "password", query: str = "") -> Any:
    return client.post(f"/sign-in{query}", data={"email": email, "password": password, "way": way})


def linked(app: Flask, cast: Cast, person: Person, purpose: TokenPurpose = TokenPurpose.SIGN_IN) -> str:
    with transaction() as session:
        someone = session.get_one(Person, person.id)
        link = service.issue_link(session, someone, purpose=purpose, lifetime=timedelta(minutes=30), now=cast.now)
        return f"/link/{service.link_token(link, app.config['DESK'].SECRET_KEY)}"


def plain(answer: Any, email: str) -> str:
    """The page without what is the asker's own: the address they typed, the form's token, the second they asked in."""
    return re.sub(r'name="csrf_token" value="[^"]+"|data-now="[^"]*"', "", str(answer.text)).replace(email, "")


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/profile").status_code == 200


def test_a_person_signs_in_with_a_password_and_out_again(app: Flask, cast: Cast, client: FlaskClient) -> None:
    with_password(cast, cast.alice)
    assert sign_in(client, "ALICE@alder.example").status_code == 303
    assert is_signed_in(client)
    assert client.post("/sign-out").status_code == 303
    assert not is_signed_in(client)


def test_everybody_is_led_to_the_page_they_work_on(app: Flask, cast: Cast, client: FlaskClient) -> None:
    for person, path in ((cast.alice, "/tickets"), (cast.leo, "/queue"), (cast.rita, "/escalations")):
        assert browser(app, cast, person).get("/").location == path
    assert "You have no role at this desk" not in browser(app, cast, cast.alice).get("/", follow_redirects=True).text
    assert "You administer this installation" in browser(app, cast, cast.ada).get("/").text
    with transaction() as unit:
        service.end_role(unit, unit.merge(cast.alice).roles[0], now=cast.now)
        gone = unit.merge(cast.alice)
    assert "You have no role at this desk" in browser(app, cast, gone).get("/").text
    assert client.get("/").location == "/sign-in"


@pytest.mark.parametrize("email", ["alice@alder.example", "nobody@alder.example", "adam@alder.example"])
def test_a_wrong_pair_looks_alike_whether_the_address_is_known(
    app: Flask, cast: Cast, client: FlaskClient, email: str
) -> None:
    with_password(cast, cast.alice)
    answer = sign_in(client, email, "not the password")
    assert answer.status_code == 422
    assert "do not belong together" in answer.text
    assert plain(answer, email) == plain(
        sign_in(app.test_client(), "nobody@else.example", "wrong"), "nobody@else.example"
    )


def test_too_many_failures_are_slowed_down(cast: Cast, client: FlaskClient, session: Session) -> None:
    for _ in range(service.ATTEMPTS_PER_ADDRESS):
        assert sign_in(client, "alice@alder.example", "wrong").status_code == 422
    refused = sign_in(client, "alice@alder.example", "wrong")
    assert refused.status_code == 429 and "wait a few minutes" in refused.text
    assert session.scalar(sa.select(sa.func.count()).select_from(SignInAttempt)) == 2 * service.ATTEMPTS_PER_ADDRESS


def test_asking_for_a_link_says_the_same_to_everybody(cast: Cast, client: FlaskClient, session: Session) -> None:
    known, unknown = (sign_in(client, each, "", "link") for each in ("alice@alder.example", "nobody@alder.example"))
    assert known.status_code == unknown.status_code == 200
    assert plain(known, "alice@alder.example") == plain(unknown, "nobody@alder.example")
    assert [each.person_id for each in session.scalars(sa.select(OneTimeLink))] == [cast.alice.id]
    assert session.scalars(sa.select(Event).where(Event.kind == "sign_in_link_issued")).one().person_id == cast.alice.id


def test_a_link_signs_in_once_and_looking_at_it_uses_nothing_up(app: Flask, cast: Cast) -> None:
    path = linked(app, cast, cast.alice)
    scanner, alice, thief = (app.test_client() for _ in range(3))
    assert "Sign in as Alice Alder" in scanner.get(path).text
    assert scanner.head(path).status_code == 200 and not is_signed_in(scanner)
    assert alice.post(path).status_code == 303 and is_signed_in(alice)
    assert thief.post(path).status_code == 404 and not is_signed_in(thief)
    assert "This link has ended" in thief.get(path).text


def test_an_expired_link_opens_nothing(app: Flask, cast: Cast, client: FlaskClient, clock: MovableClock) -> None:
    path = linked(app, cast, cast.alice)
    clock.move(timedelta(minutes=31))
    assert client.post(path).status_code == 404 and not is_signed_in(client)


@pytest.mark.parametrize("token", ["x", "%20", "%00", "null", "0", "*", "%25", "_", "a" * 96, "a" * 3000])
def test_a_made_up_link_opens_nothing(app: Flask, cast: Cast, client: FlaskClient, token: str) -> None:
    linked(app, cast, cast.alice)
    assert client.get(f"/link/{token}").status_code == 404
    assert client.post(f"/link/{token}").status_code == 404
    assert not is_signed_in(client)


def test_an_invitation_asks_for_a_password_and_stays_good_until_it_fits(app: Flask, cast: Cast) -> None:
    path = linked(app, cast, cast.alice, TokenPurpose.SET_PASSWORD)
    alice = app.test_client()
    assert "Welcome, Alice Alder" in alice.get(path).text
    assert "between 12 and 200 characters" in alice.post(path, data={"password": "short"}).text
    assert not is_signed_in(alice)
    assert alice.post(path, data={"password": PASSWORD}).status_code == 303 and is_signed_in(alice)
    assert sign_in(app.test_client(), "alice@alder.example").status_code == 303


def test_signing_in_takes_nothing_over_from_an_older_session(app: Flask, cast: Cast, client: FlaskClient) -> None:
    with_password(cast, cast.alice)
    with client.session_transaction() as cookie:
        cookie["planted"] = "by somebody else"
    sign_in(client, "alice@alder.example")
    with client.session_transaction() as cookie:
        assert "planted" not in cookie


def test_a_new_password_needs_the_present_one_and_ends_other_sessions(app: Flask, cast: Cast) -> None:
    with_password(cast, cast.alice)
    here, there = app.test_client(), app.test_client()
    for client in (here, there):
        sign_in(client, "alice@alder.example")
    fresh = "another quiet harbour"
    for present in ("", "wrong"):
        refused = here.post("/profile/password", data={"present": present, "password": fresh})
        assert refused.status_code == 422 and "That is not your present password." in refused.text
    assert here.post("/profile/password", data={"present": PASSWORD, "password": fresh}).status_code == 303
    assert is_signed_in(here) and not is_signed_in(there)
    assert sign_in(app.test_client(), "alice@alder.example").status_code == 422
    assert sign_in(app.test_client(), "alice@alder.example", fresh).status_code == 303


def test_signing_out_ends_every_session_and_link(app: Flask, cast: Cast) -> None:
    with_password(cast, cast.alice)
    path = linked(app, cast, cast.alice)
    here, there = app.test_client(), app.test_client()
    for client in (here, there):
        sign_in(client, "alice@alder.example")
    assert here.post("/sign-out").status_code == 303
    assert not is_signed_in(here) and not is_signed_in(there)
    assert app.test_client().post(path).status_code == 404


def test_a_deactivated_person_is_out_at_the_next_click(app: Flask, cast: Cast) -> None:
    alice = browser(app, cast, cast.alice)
    assert is_signed_in(alice)
    with transaction() as session:
        service.deactivate(session, session.get_one(Person, cast.alice.id), now=cast.now)
    assert not is_signed_in(alice)


def test_a_profile_keeps_name_zone_and_language(app: Flask, cast: Cast, session: Session) -> None:
    alice = browser(app, cast, cast.alice)
    page = alice.get("/profile").text
    assert "Contact, Alder University, Northern Consortium" in page
    values = {"name": "Alice A.", "timezone": "America/New_York", "language": "fr"}
    assert alice.post("/profile", data=values).status_code == 303
    session.expire_all()
    stored = session.get_one(Person, cast.alice.id)
    assert (stored.name, stored.timezone, stored.language) == ("Alice A.", "America/New_York", "fr")
    for wrong in ({"timezone": "Mars/Base"}, {"name": " "}, {"language": "xx"}):
        assert alice.post("/profile", data=values | wrong).status_code == 422, wrong


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/%09/evil.example\n",
        "https:evil.example",
        "https://evil.example/",
        "https://desk.example@evil.example",
        "javascript:alert(1)",
        "evil",
        "",
        " /queue",
    ],
)
def test_after_sign_in_nobody_lands_elsewhere(app: Flask, cast: Cast, client: FlaskClient, target: str) -> None:
    with app.test_request_context():
        assert safe_target(target) == "/"
    with_password(cast, cast.alice)
    answer = client.post(
        "/sign-in", query_string={"next": target}, data={"email": "alice@alder.example", "password": PASSWORD}
    )
    assert answer.location == "/"


def test_after_sign_in_one_is_where_one_wanted_to_be(cast: Cast, client: FlaskClient) -> None:
    with_password(cast, cast.leo)
    wanted = client.get("/queue?q=a%20b")
    assert wanted.status_code == 302
    answer = client.post(wanted.location, data={"email": "leo@north.example", "password": PASSWORD})
    assert answer.location == "/queue?q=a%20b"
