"""The mail screen: who sees which mail, and what can be done with it."""

from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.config import Settings
from desk.db import transaction
from desk.mail import intake
from desk.mail.models import InboundMail, InboundOutcome, InboundState, OutboundMail, OutboundState
from tests.cast import Cast

HELD = (
    b"From: bob@birch.example\r\nTo: north@desk.example\r\nSubject: away until Monday\r\n"
    b"Auto-Submitted: auto-replied\r\n\r\nx\r\n"
)


@pytest.fixture
def held(cast: Cast, app: Flask, now: datetime) -> int:
    settings: Settings = app.config["DESK"]
    mail_id = intake.accept(HELD, mailbox="north@desk.example", envelope_from="", settings=settings, now=now)
    intake.read_one(mail_id, settings, now)
    return mail_id


def test_managers_see_what_came_in_with_the_reason(cast: Cast, client: FlaskClient, held: int) -> None:
    cast.sign_in(client, cast.lena)
    assert "away until Monday" in client.get("/mail").text
    assert "away until Monday" in client.get("/mail?show=held").text
    assert "away until Monday" not in client.get("/mail?show=opened").text
    page = client.get(f"/mail/{held}").text
    assert "An automatic answer" in page
    assert "machine: Auto-Submitted" in page


@pytest.mark.parametrize("name", ["alice", "olga", "bob", "leo", "sofia", "rita", "ruth", "dirk", "ada"])
def test_nobody_else_sees_it(cast: Cast, client: FlaskClient, held: int, name: str) -> None:
    cast.sign_in(client, cast.people()[name])
    assert client.get(f"/mail/{held}").status_code == 404
    assert client.post(f"/mail/{held}/open").status_code == 404
    assert "away until Monday" not in client.get("/mail").text


def test_a_held_mail_becomes_a_ticket(cast: Cast, client: FlaskClient, session: Session, held: int) -> None:
    cast.sign_in(client, cast.lena)
    assert client.post(f"/mail/{held}/open").status_code == 303
    session.expire_all()
    assert session.get_one(InboundMail, held).outcome is InboundOutcome.OPENED


def test_a_quarantined_mail_is_read_again(cast: Cast, client: FlaskClient, session: Session, held: int) -> None:
    with transaction() as unit:
        mail = unit.get_one(InboundMail, held)
        mail.state, mail.outcome, mail.reason = InboundState.QUARANTINED, None, "It failed."
    cast.sign_in(client, cast.lena)
    assert "Read it again" in client.get(f"/mail/{held}").text
    assert client.post(f"/mail/{held}/retry").status_code == 303
    session.expire_all()
    assert session.get_one(InboundMail, held).state is InboundState.DONE


@pytest.fixture
def dead(cast: Cast, now: datetime) -> int:
    """A mail about no ticket that was refused."""
    with transaction() as unit:
        row = OutboundMail(
            to_address="gone@alder.example",
            message_id="x@desk.example",
            from_header="desk@desk.example",
            subject="Your link",
            text="hello",
            state=OutboundState.DEAD,
            created_at=now,
            next_try_at=now,
            last_error="550 no such user",
        )
        unit.add(row)
        unit.flush()
        return row.id


def test_mail_that_was_not_delivered_is_listed_and_sent_again(
    cast: Cast, client: FlaskClient, session: Session, dead: int
) -> None:
    cast.sign_in(client, cast.ruth)
    assert "550 no such user" in client.get("/mail/out").text
    assert client.post(f"/mail/out/{dead}/send").status_code == 303
    session.expire_all()
    assert session.get_one(OutboundMail, dead).state is OutboundState.QUEUED


def test_mail_about_no_ticket_is_not_shown_to_a_lead(cast: Cast, client: FlaskClient, dead: int) -> None:
    cast.sign_in(client, cast.lena)
    assert "gone@alder.example" not in client.get("/mail/out").text
    assert client.post(f"/mail/out/{dead}/send").status_code == 404
