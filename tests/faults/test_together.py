"""Everything at once on PostgreSQL: two web workers, two job processes, a listener; each thing happens exactly once."""

import smtplib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.db import db
from desk.events.models import Event
from desk.mail.models import InboundMail, InboundState, OutboundMail, OutboundState
from desk.sla.models import Clock, ClockEvent
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.clock import MovableClock
from tests.servers.desk import Desk
from tests.servers.processes import free_port, until
from tests.servers.sink import Sink
from tests.servers.visitor import Visitor

pytestmark = [pytest.mark.faults, pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)]

MAILS = 24
PAGES = 8


def letter(number: int) -> bytes:
    """A verified mail of Alice, the same each time it is asked for."""
    return (
        "Authentication-Results: desk.example; dmarc=pass header.from=alder.example\r\n"
        "From: Alice Alder <alice@alder.example>\r\nTo: north@desk.example\r\n"
        f"Subject: Sign-in number {number} fails\r\nMessage-ID: <mail-{number}@alder.example>\r\n"
        "Date: Wed, 04 Mar 2026 10:00:00 +0000\r\n\r\n"
        f"Researcher number {number} cannot connect an ORCID iD.\r\n"
    ).encode()


def deliver(port: int, number: int) -> None:
    with smtplib.LMTP("127.0.0.1", port) as client:
        assert client.sendmail("alice@alder.example", ["north@desk.example"], letter(number)) == {}


def file_by_web(base: str, cookie: str, cast: Cast, number: int) -> None:
    answer = Visitor(base, cookie).post(
        "/tickets/new",
        {
            "member_org_id": str(cast.alder.id),
            "kind": "incident",
            "subject": f"Filed by web, number {number}",
            "text": "It does not work since this morning.",
            "environment": "production",
            "catalogue_key": "",
            "impact": "low",
            "urgency": "low",
            "key": f"form-{number}-of-this-test",
        },
    )
    assert answer.status == 200 and "/tickets/" in answer.url and not answer.url.endswith("/new"), answer


def cookie_of(app: Flask, cast: Cast) -> str:
    client = cast.sign_in(app.test_client(), cast.alice)
    cookie = client.get_cookie("desk")
    assert cookie is not None
    return cookie.value


def count(session: Session, model: type, *where: sa.ColumnElement[bool]) -> int:
    session.rollback()
    return session.scalar(sa.select(sa.func.count()).select_from(model).where(*where)) or 0


def is_quiet(session: Session) -> bool:
    """Nothing is left to read, to tell, to send, or due."""
    return (
        count(session, InboundMail, InboundMail.state == InboundState.NEW) == 0
        and count(session, Event, Event.expanded_at.is_(None)) == 0
        and count(session, OutboundMail, OutboundMail.state.in_([OutboundState.QUEUED, OutboundState.SENDING])) == 0
    )


def test_every_mail_event_and_breach_happens_exactly_once(
    app: Flask, session: Session, cast: Cast, desk: Desk, sink: Sink, clock: MovableClock, now: datetime
) -> None:
    lmtp = free_port()
    desk.env |= {"DESK_SMTP_PORT": str(sink.port), "DESK_LMTP_LISTEN": f"127.0.0.1:{lmtp}", "DESK_TICK_SECONDS": "1"}
    _, base = desk.gunicorn(workers=2)
    jobs = [desk.start("jobs", "run"), desk.start("jobs", "run")]
    listener = desk.start("mail", "listen").wait_for_port(lmtp)
    cookie = cookie_of(app, cast)

    # Each mail twice, as a mail server does that did not hear our answer; the pages in between.
    with ThreadPoolExecutor(6) as crowd:
        work = [crowd.submit(deliver, lmtp, number) for number in [*range(MAILS), *range(MAILS)]]
        work += [crowd.submit(file_by_web, base, cookie, cast, number) for number in [*range(PAGES), *range(PAGES)]]
        for one in work:
            one.result()

    until(lambda: count(session, Ticket) >= MAILS + PAGES and is_quiet(session), 90, "quiet")
    assert count(session, Ticket) == MAILS + PAGES
    assert len(set(session.scalars(sa.select(Ticket.number)))) == MAILS + PAGES
    assert count(session, InboundMail) == MAILS
    assert count(session, InboundMail, InboundMail.state != InboundState.DONE) == 0
    assert count(session, Event, Event.kind == "opened") == MAILS + PAGES

    # Weeks later nobody has answered: every promise is broken, each once, by whichever process finds it.
    clock.move(timedelta(days=40))
    promised = count(session, Clock, Clock.target_seconds.is_not(None))
    assert promised
    breached = Clock.breached_at.is_not(None)
    until(lambda: count(session, Clock, breached) >= promised and is_quiet(session), 120, "every breach")
    found = session.execute(
        sa.select(ClockEvent.ticket_id, ClockEvent.kind, ClockEvent.cycle).where(ClockEvent.type == "breached")
    ).all()
    assert len(found) == len(set(found)) == promised
    assert count(session, Event, Event.kind == "breached") == promised

    sent = Counter(message.message_id for message in sink.messages)
    rows = session.scalars(sa.select(OutboundMail.message_id).where(OutboundMail.state == OutboundState.SENT)).all()
    assert sent == Counter(f"<{message_id}>" for message_id in rows)
    told = session.execute(sa.select(OutboundMail.event_id, OutboundMail.to_address)).all()
    assert len(told) == len(set(told))

    assert [process.stop() for process in (*jobs, listener)] == [0, 0, 0]
    for process in (*jobs, listener):
        assert "Traceback" not in process.output(), process.output()
    db.session.remove()
