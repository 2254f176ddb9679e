"""People and places: who exists, what a role gives and until when, passwords, links, and what ends a session."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from desk.accounts import queries, service
from desk.accounts.models import OneTimeLink, Person, TokenPurpose
from desk.db import transaction
from desk.domain.errors import InvalidInput, NotFound, TooMany
from desk.domain.permissions import Role
from tests.cast import Cast

KEY = "k" * 40
HALF_AN_HOUR = timedelta(minutes=30)
PASSWORD = "quiet harbour morning"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "alice",
        "alice@",
        "@a.example",
        "a b@c.example",
        "alice@good.example <bob@evil.example>",
        "a@b",
        "a" * 250 + "@b.example",
    ],
)
def test_an_address_that_mail_could_not_reach_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        service.clean_address(address)
    assert refused.value.field == "email"


def test_an_address_is_kept_in_lower_case_and_its_domain_in_ascii() -> None:
    assert service.clean_address(" Alice@Bücher.Example ") == "alice@xn--bcher-kva.example"


def test_one_address_is_one_person_whatever_its_case(cast: Cast) -> None:
    with pytest.raises(InvalidInput), transaction() as session:
        service.add_person(session, name="Other", email="ALICE@alder.example", now=cast.now)


def test_a_role_gives_from_its_first_instant_to_just_before_its_last(cast: Cast, session: Session) -> None:
    start, end = cast.now + timedelta(days=1), cast.now + timedelta(days=2)
    with transaction() as unit:
        person = service.add_person(unit, name="Temp", email="temp@alder.example", now=cast.now)
        service.grant_role(
            unit,
            person=person,
            role=Role.CONTACT,
            member_org_id=cast.alder.id,
            valid_from=start,
            valid_until=end,
            now=cast.now,
        )
    second = timedelta(seconds=1)
    for at, gives in ((start - second, False), (start, True), (end - second, True), (end, False)):
        assert bool(queries.actor_of(session, person.id, at).grants) is gives


def test_a_deactivated_person_has_no_role_left(cast: Cast, session: Session) -> None:
    with transaction() as unit:
        service.deactivate(unit, cast.alice, now=cast.now)
    assert not cast.actor(cast.alice).grants


@pytest.mark.parametrize("change", ["grant", "end", "password", "deactivate", "sign out"])
def test_every_change_of_rights_ends_older_sessions(cast: Cast, session: Session, change: str) -> None:
    before = cast.alice.epoch
    with transaction() as unit:
        _change(unit, cast, change)
    assert cast.alice.epoch > before


def _change(session: Session, cast: Cast, change: str) -> None:
    alice = session.merge(cast.alice)
    match change:
        case "grant":
            service.grant_role(session, person=alice, role=Role.CONTACT, member_org_id=cast.birch.id, now=cast.now)
        case "end":
            service.end_role(session, alice.roles[0], now=cast.now)
        case "password":
            service.set_password(session, alice, PASSWORD, now=cast.now)
        case "deactivate":
            service.deactivate(session, alice, now=cast.now)
        case "sign out":
            service.end_sessions(session, alice, now=cast.now)


def check(cast: Cast, email: str, password: str, *, network: str = "192.0.2.1", at: datetime | None = None) -> Any:
    with transaction() as session:
        return service.check_password(
            session, email=email, password=password, network=network, secret_key=KEY, now=at or cast.now
        )


@pytest.fixture
def with_password(cast: Cast) -> Person:
    with transaction() as session:
        service.set_password(session, session.merge(cast.alice), PASSWORD, now=cast.now)
    return cast.alice


def test_the_right_password_signs_in_and_a_wrong_one_does_not(cast: Cast, with_password: Person) -> None:
    assert check(cast, "Alice@alder.example", PASSWORD).id == with_password.id
    assert check(cast, "alice@alder.example", PASSWORD + "!") is None
    assert check(cast, "nobody@alder.example", PASSWORD) is None
    assert check(cast, "adam@alder.example", "") is None


def test_the_password_is_kept_as_scrypt_only(cast: Cast, session: Session, with_password: Person) -> None:
    stored = queries.password_hash(session, with_password.id)
    assert stored is not None
    assert stored.startswith("scrypt:")


def test_too_many_wrong_tries_at_one_account_are_stopped_for_a_while(cast: Cast, with_password: Person) -> None:
    for turn in range(service.ATTEMPTS_PER_ADDRESS):
        assert check(cast, "alice@alder.example", "wrong", network=f"192.0.2.{turn}") is None
    with pytest.raises(TooMany):
        check(cast, "alice@alder.example", PASSWORD)
    later = cast.now + service.ATTEMPT_WINDOW + timedelta(seconds=1)
    assert check(cast, "alice@alder.example", PASSWORD, at=later)


def test_unknown_addresses_are_throttled_like_known_ones(cast: Cast) -> None:
    for _ in range(service.ATTEMPTS_PER_ADDRESS):
        check(cast, "nobody@alder.example", "wrong")
    with pytest.raises(TooMany):
        check(cast, "nobody@alder.example", "wrong")


@pytest.mark.parametrize("password", ["short", "x" * 201, "aaaaaaaaaaaaaaaa", "alice@alder.example"])
def test_a_password_that_is_easy_to_guess_is_refused(cast: Cast, password: str) -> None:
    with pytest.raises(InvalidInput) as refused, transaction() as session:
        service.set_password(session, session.merge(cast.alice), password, now=cast.now)
    assert refused.value.field == "password"


def link_for(cast: Cast, person: Person) -> str:
    with transaction() as session:
        link = service.issue_link(session, person, purpose=TokenPurpose.SIGN_IN, lifetime=HALF_AN_HOUR, now=cast.now)
        return service.link_token(link, KEY)


def redeem(cast: Cast, token: str, *, key: str = KEY, after: timedelta = timedelta()) -> OneTimeLink:
    with transaction() as session:
        return service.redeem_link(session, token, secret_key=key, now=cast.now + after)


def test_a_link_signs_in_once(cast: Cast) -> None:
    token = link_for(cast, cast.alice)
    assert redeem(cast, token).person_id == cast.alice.id
    with pytest.raises(NotFound):
        redeem(cast, token)


def test_a_link_ends_with_its_time(cast: Cast) -> None:
    with pytest.raises(NotFound):
        redeem(cast, link_for(cast, cast.alice), after=HALF_AN_HOUR)


def test_a_link_made_before_the_roles_changed_is_worth_nothing(cast: Cast) -> None:
    token = link_for(cast, cast.alice)
    with transaction() as session:
        service.end_role(session, session.merge(cast.alice).roles[0], now=cast.now)
    with pytest.raises(NotFound):
        redeem(cast, token)


def test_a_link_needs_every_character_and_this_desks_key(cast: Cast) -> None:
    token = link_for(cast, cast.alice)
    tampered = token[:-1] + ("0" if token[-1] != "0" else "1")
    for wrong in ("", token[:32], token[:-1], tampered, token + "0", "%", token.upper() + "g"):
        with pytest.raises(NotFound):
            redeem(cast, wrong)
    with pytest.raises(NotFound):
        redeem(cast, token, key="other" * 10)


def test_what_the_database_holds_does_not_open_a_link(cast: Cast, session: Session) -> None:
    token = link_for(cast, cast.alice)
    (row,) = session.query(OneTimeLink).all()
    assert token not in {str(value) for value in vars(row).values()}


def test_a_link_is_mailed_a_few_times_and_then_no_more(cast: Cast, session: Session) -> None:
    asked = {"lifetime": HALF_AN_HOUR, "network": "192.0.2.1", "secret_key": KEY, "now": cast.now}
    for _ in range(service.LINKS_PER_PERSON + 3):
        with transaction() as unit:
            service.request_link(unit, email="alice@alder.example", **asked)
    with transaction() as unit:
        service.request_link(unit, email="nobody@alder.example", **asked)
    assert session.query(OneTimeLink).count() == service.LINKS_PER_PERSON


def test_a_mail_domain_proposes_its_member_and_subdomains_too(cast: Cast, session: Session) -> None:
    for domain in ("alder.example", "lib.ALDER.example"):
        found = queries.org_by_mail_domain(session, cast.north.id, domain)
        assert found is not None
        assert found.id == cast.alder.id
    assert queries.org_by_mail_domain(session, cast.south.id, "alder.example") is None
    assert queries.org_by_mail_domain(session, cast.north.id, "notalder.example") is None
