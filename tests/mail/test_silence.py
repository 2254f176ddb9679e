"""The alarm for a mailbox that has become silent."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.config import Settings
from desk.db import transaction
from desk.events.models import Event
from desk.mail import notify, silence
from desk.mail.models import InboundMail, InboundState, OutboundMail
from tests.cast import Cast
from tests.clock import MovableClock

NORTH = "north@desk.example"


def arrive(*moments: datetime) -> None:
    with transaction() as session:
        for number, at in enumerate(moments):
            session.add(
                InboundMail(
                    mailbox=NORTH,
                    message_id=f"{number}.{at.timestamp()}@alder.example",
                    content_sha256="0" * 64,
                    key="0" * 64,
                    size=1,
                    received_at=at,
                    read_at=at,
                    state=InboundState.DONE,
                    outcome=None,
                )
            )


def look(now: datetime) -> int:
    with transaction() as session:
        return silence.tell_of_silent(session, now)


def test_managers_are_told_once_of_a_mailbox_that_became_silent(
    app: Flask, cast: Cast, session: Session, client: FlaskClient, clock: MovableClock, now: datetime
) -> None:
    arrive(*(now - timedelta(hours=6 * number) for number in range(100)))
    assert look(now + timedelta(days=1)) == 0
    later = now + timedelta(days=7)
    assert (look(later), look(later + timedelta(days=1))) == (1, 0)
    event = session.scalars(sa.select(Event).where(Event.kind == silence.KIND)).one()
    assert (event.consortium_id, event.payload["address"]) == (cast.north.id, NORTH)

    settings: Settings = app.config["DESK"]
    with transaction() as unit:
        while notify.expand_one(unit, settings=settings, now=later):
            pass
    mails = session.scalars(sa.select(OutboundMail).where(OutboundMail.event_id == event.id)).all()
    assert [mail.to_address for mail in mails] == [cast.lena.email]
    assert NORTH in mails[0].subject and "forwarding rule" in mails[0].text

    clock.move(timedelta(days=7))
    said = "No mail has come to a support address for an unusual time"
    assert any(said in sentence for sentence in client.get("/readyz").get_json()["wrong"])
    # Mail comes again, and then stops again: that is another silence.
    arrive(later + timedelta(days=2))
    assert not any(said in sentence for sentence in client.get("/readyz").get_json()["wrong"])
    assert look(later + timedelta(days=9)) == 1


def test_a_weekend_is_no_silence(app: Flask, cast: Cast, now: datetime) -> None:
    friday = now + timedelta(days=2)
    arrive(*(friday - timedelta(minutes=10 * number) for number in range(30)))
    assert look(friday + timedelta(days=3)) == 0


def test_a_mailbox_that_was_never_busy_is_left_alone(app: Flask, cast: Cast, now: datetime) -> None:
    arrive(now)
    assert look(now + timedelta(days=30)) == 0
