"""The page of one's mails, and the address behind "unsubscribe": no sign-in, no token of a form, and no harm by GET."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.domain.notices import TOPICS, Topic, Wishes
from desk.preferences import queries, service
from tests.cast import Cast
from tests.servers.desk import SECRET_KEY

FORM = {"how": "daily", "daily_at": "8", "quiet_from": "22", "quiet_until": "7"}


def test_a_member_chooses_and_finds_the_choice_again(cast: Cast, client: FlaskClient, session: Session) -> None:
    cast.sign_in(client, cast.alice)
    page = client.get("/profile/mail").text
    assert "Known issues that you follow" in page and "New tickets at your desk" not in page
    assert "Receipts, answers and questions on your own tickets" in page
    answer = client.post("/profile/mail", data=FORM | {"on": ["progress", "others_tickets"]})
    assert answer.status_code == 303
    wished = queries.wishes_of(session, cast.alice)
    assert wished == Wishes("Europe/Berlin", 8, 22, 7, frozenset({Topic.ISSUES}))
    again = client.get("/profile/mail").text
    assert 'id="on-progress" value="progress" checked' in again
    assert 'id="on-issues" value="issues" checked' not in again


def test_a_choice_that_cannot_be_is_shown_with_its_sentence(cast: Cast, client: FlaskClient) -> None:
    cast.sign_in(client, cast.leo)
    page = client.post("/profile/mail", data=FORM | {"daily_at": "3"})
    assert page.status_code == 422
    assert "That hour is within your quiet hours" in page.text
    assert client.post("/profile/mail", data=FORM | {"daily_at": "99", "on": "nothing"}).status_code == 422


def test_what_the_page_does_not_show_to_somebody_stays_as_it_was(
    cast: Cast, client: FlaskClient, session: Session
) -> None:
    cast.sign_in(client, cast.leo)
    client.post("/profile/mail", data={"how": "at_once", "daily_at": "8", "quiet_from": "", "quiet_until": ""})
    shown = {topic for topic, words in TOPICS.items() if "lead" in words.sides}
    assert queries.wishes_of(session, cast.leo).off == shown


@pytest.mark.parametrize("csrf", [True, False])
def test_a_mail_program_ends_it_with_one_post_and_without_signing_in(
    app: Flask, cast: Cast, client: FlaskClient, session: Session, csrf: bool
) -> None:
    app.config["WTF_CSRF_ENABLED"] = csrf
    address = f"/unsubscribe/{service.unsubscribe_token(cast.alice.id, [Topic.ISSUES], SECRET_KEY)}"
    asked = client.get(address)
    assert asked.status_code == 200 and "Known issues that you follow" in asked.text
    assert cast.alice.name not in asked.text and cast.alice.email not in asked.text
    assert queries.wishes_of(session, cast.alice).off == frozenset()
    done = client.post(address, data={"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200 and "Switched off" in done.text
    assert "Set-Cookie" not in done.headers
    session.expire_all()
    assert queries.wishes_of(session, cast.alice).off == {Topic.ISSUES}


def test_a_forged_address_is_not_found_and_says_nothing(cast: Cast, client: FlaskClient) -> None:
    token = service.unsubscribe_token(cast.alice.id, [Topic.ISSUES], SECRET_KEY)
    for forged in (token[:-1], token.replace(".", ".x"), "x" * 2000):
        assert client.get(f"/unsubscribe/{forged}").status_code == 404
        assert client.post(f"/unsubscribe/{forged}").status_code == 404
