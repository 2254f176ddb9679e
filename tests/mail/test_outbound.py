"""Sending: once each where the other server is well, in order, later where it is not, never where it refuses."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.accounts import service as accounts
from desk.accounts.models import TokenPurpose
from desk.config import Settings
from desk.db import transaction
from desk.domain.vocabulary import Channel
from desk.events.service import record
from desk.extensions import mail
from desk.mail import notify, outbound
from desk.mail.models import OutboundMail
from desk.tickets.service import NewTicket, open_ticket
from tests.cast import Cast
from tests.servers.processes import free_port
from tests.servers.sink import Sink


@pytest.fixture
def settings(app: Flask, sink: Sink) -> Iterator[Settings]:
    yield replace(app.config["DESK"], SMTP_HOST="127.0.0.1", SMTP_PORT=sink.port, SMTP_TIMEOUT=5)


def queue(now: datetime, *addresses: str, **values: object) -> list[int]:
    """Rows that are due; the ids."""
    ids = []
    with transaction() as session:
        for number, address in enumerate(addresses):
            row = OutboundMail(
                to_address=address,
                message_id=f"{number}.{address}",
                from_header="Desk <desk@desk.example>",
                subject=f"mail {number}",
                text=f"text {number}\n",
                created_at=now,
                next_try_at=now,
                **values,
            )
            session.add(row)
            session.flush()
            ids.append(row.id)
    return ids


def send_all(settings: Settings, now: datetime) -> int:
    count = 0
    while outbound.send_one(mail, settings=settings, now=now):
        count += 1
    return count


def states(session: Session) -> list[str]:
    session.expire_all()
    return [row.state.value for row in session.scalars(sa.select(OutboundMail).order_by(OutboundMail.id)).all()]


def test_each_mail_is_sent_once(app: Flask, session: Session, settings: Settings, sink: Sink, now: datetime) -> None:
    queue(now, "a@x.example", "b@x.example")
    assert send_all(settings, now) == 2
    assert send_all(settings, now + timedelta(days=1)) == 0
    assert [received.recipients for received in sink.messages] == [("a@x.example",), ("b@x.example",)]
    assert states(session) == ["sent", "sent"]


def test_a_mail_that_is_not_taken_is_tried_later_and_later(
    app: Flask, session: Session, settings: Settings, sink: Sink, now: datetime
) -> None:
    [mail_id] = queue(now, "a@x.example")
    sink.mode = "451"
    waits = []
    for _ in range(8):
        assert send_all(settings, now) == 1
        session.expire_all()
        row = session.get_one(OutboundMail, mail_id)
        waits.append((row.next_try_at - now) / timedelta(minutes=1))
        now = row.next_try_at
    for wait, least in zip(waits, (1, 2, 4, 8, 16, 32, 60, 60), strict=True):
        assert least <= wait <= least * 1.25
    sink.mode = "ok"
    send_all(settings, now)
    assert states(session) == ["sent"]
    assert [one.message_id for one in sink.messages] == ["<0.a@x.example>"]


def test_it_is_given_up_after_five_days(
    app: Flask, session: Session, settings: Settings, sink: Sink, now: datetime
) -> None:
    queue(now, "a@x.example")
    sink.mode = "451"
    send_all(settings, now + timedelta(days=5, minutes=1))
    assert states(session) == ["dead"]


@pytest.mark.parametrize("mode", ["550", "reject"])
def test_a_refusal_for_good_is_not_repeated_and_holds_up_nobody(
    app: Flask, session: Session, settings: Settings, sink: Sink, now: datetime, mode: str
) -> None:
    [mail_id] = queue(now, "gone@x.example")
    sink.mode = mode
    send_all(settings, now)
    sink.mode = "ok"
    queue(now, "b@x.example")
    send_all(settings, now + timedelta(days=1))
    assert states(session) == ["dead", "sent"]
    assert session.get_one(OutboundMail, mail_id).last_error.startswith("550")


def test_a_mail_whose_answer_was_lost_is_repeated_with_the_same_id(
    app: Flask, session: Session, settings: Settings, sink: Sink, now: datetime
) -> None:
    queue(now, "a@x.example")
    sink.mode = "drop"
    send_all(settings, now)
    sink.mode = "ok"
    send_all(settings, now + timedelta(minutes=2))
    assert [one.message_id for one in sink.messages] == ["<0.a@x.example>"] * 2
    assert states(session) == ["sent"]


@pytest.mark.parametrize("mode", ["away", "hang"])
def test_a_server_that_is_away_or_hangs_ends_in_a_timeout_and_a_sentence(
    app: Flask, session: Session, settings: Settings, sink: Sink, now: datetime, mode: str
) -> None:
    [mail_id] = queue(now, "a@x.example")
    changes = {"SMTP_PORT": free_port()} if mode == "away" else {"SMTP_TIMEOUT": 1}
    sink.mode = "ok" if mode == "away" else "hang"
    send_all(replace(settings, **changes), now)
    assert states(session) == ["queued"]
    assert "could not be reached" in session.get_one(OutboundMail, mail_id).last_error


def test_nothing_goes_out_in_clear_where_encryption_is_asked_for(
    app: Flask, session: Session, settings: Settings, sink: Sink, now: datetime
) -> None:
    [mail_id] = queue(now, "a@x.example")
    send_all(replace(settings, SMTP_SECURITY="starttls"), now)
    assert sink.messages == []
    assert "no encryption" in session.get_one(OutboundMail, mail_id).last_error


def test_mail_to_one_address_about_one_ticket_keeps_its_order(
    cast: Cast, session: Session, settings: Settings, sink: Sink, now: datetime
) -> None:
    with transaction() as unit:
        draft = NewTicket(consortium_id=cast.north.id, member_org_id=cast.alder.id, subject="s", text="t")
        ticket = open_ticket(unit, cast.actor(cast.alice), draft, channel=Channel.WEB, now=now)
    queue(now, "a@x.example", ticket_id=ticket.id)
    sink.mode = "451"
    send_all(settings, now)
    sink.mode = "ok"
    with transaction() as unit:
        later = {"from_header": "d@desk.example", "text": "later\n", "created_at": now, "next_try_at": now}
        unit.add(OutboundMail(to_address="a@x.example", message_id="later", subject="l", ticket_id=ticket.id, **later))
        unit.add(OutboundMail(to_address="b@x.example", message_id="other", subject="o", ticket_id=ticket.id, **later))
    send_all(settings, now)
    send_all(settings, now + timedelta(minutes=2))
    assert [one.message_id for one in sink.messages] == ["<other>", "<0.a@x.example>", "<later>"]


def test_a_claim_whose_process_died_runs_out(
    app: Flask, session: Session, settings: Settings, sink: Sink, now: datetime
) -> None:
    queue(now, "a@x.example")
    with transaction() as unit:
        assert outbound._claim(unit, now) is not None
    assert send_all(settings, now) == 0
    assert send_all(settings, now + outbound.CLAIM) == 1
    assert states(session) == ["sent"]


def test_a_subject_with_line_breaks_is_one_header(
    app: Flask, session: Session, settings: Settings, sink: Sink, now: datetime
) -> None:
    [mail_id] = queue(now, "a@x.example")
    with transaction() as unit:
        unit.get_one(OutboundMail, mail_id).subject = "hi\r\nBcc: evil@evil.example"
    send_all(settings, now)
    [received] = sink.messages
    assert received.subject == "hi Bcc: evil@evil.example"
    assert received.message["Bcc"] is None


def test_a_mail_that_cannot_be_put_together_is_dead_and_holds_up_nobody(
    app: Flask, session: Session, settings: Settings, sink: Sink, now: datetime
) -> None:
    [broken, _] = queue(now, "a@x.example", "b@x.example")
    with transaction() as unit:
        unit.get_one(OutboundMail, broken).from_header = "a\r\nBcc: evil@evil.example"
    send_all(settings, now)
    assert states(session) == ["dead", "sent"]


def test_a_sign_in_link_works_when_it_arrives(
    cast: Cast, session: Session, settings: Settings, sink: Sink, now: datetime
) -> None:
    with transaction() as unit:
        person = unit.merge(cast.alice)
        link = accounts.issue_link(unit, person, purpose=TokenPurpose.SIGN_IN, lifetime=timedelta(minutes=30), now=now)
        record(unit, "sign_in_link_issued", at=now, person_id=person.id, payload={"link_id": link.id})
    with transaction() as unit:
        assert notify.expand_one(unit, settings=settings, now=now)
    send_all(settings, now)
    [received] = sink.messages
    token = received.text.partition("/link/")[2].split()[0]
    found = accounts.find_link(session, token, secret_key=settings.SECRET_KEY, now=now)
    assert found.person_id == cast.alice.id
