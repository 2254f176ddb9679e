"""Killed at any write, statement or rename: what was acknowledged is there, once; what was not comes again, once."""

import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.config import Settings
from desk.conversations.models import Attachment, Message
from desk.db import transaction
from desk.events.models import Event
from desk.mail import intake
from desk.mail.models import InboundMail, InboundState, OutboundMail
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.issues.scenes import filed
from tests.servers import strace
from tests.servers.desk import ROOT, Desk
from tests.servers.engines import missing
from tests.servers.sink import Sink

pytestmark = pytest.mark.faults

POINTS = 8
FEWER = 5


@pytest.fixture(autouse=True)
def traced() -> None:
    """These tests stop a process at a chosen system call."""
    why = strace.why_not()
    if why is not None:
        missing("strace", why)


def numbered(letter: bytes, number: int) -> bytes:
    """The same letter under another Message-ID, so that each point has a mail of its own."""
    return letter.replace(b"<sign-in@", b"<sign-in-%d@" % number)


def handed_over(app: Flask, mail: bytes, now: datetime) -> None:
    """What the pipe does with a mail, without a process of its own, which would take seconds."""
    with app.app_context():
        settings: Settings = app.config["DESK"]
        mail_id = intake.accept(mail, mailbox="north@desk.example", envelope_from="", settings=settings, now=now)
        intake.read_one(mail_id, settings, now)


def rows(session: Session, model: type, *where: sa.ColumnElement[bool]) -> int:
    session.rollback()
    return session.scalar(sa.select(sa.func.count()).select_from(model).where(*where)) or 0


def test_a_mail_that_was_taken_is_there_once_whenever_the_pipe_is_killed(
    app: Flask, session: Session, cast: Cast, desk: Desk, letter: bytes, now: datetime
) -> None:
    words = desk.command("mail", "receive")
    calls = strace.Command(words, numbered(letter, 0), desk.env, ROOT).calls()
    killed = 0
    points = strace.spread(calls, POINTS)
    for number, call in enumerate(points, 1):
        mail = numbered(letter, number)
        killed += strace.Command(words, mail, desk.env, ROOT).killed_at(call)
        # The mail server heard no answer and tries again.
        handed_over(app, mail, now)
    assert killed >= len(points) // 2, "the calls of two runs differ too much to say anything"
    desk.do("jobs", "tick", "--until-idle")
    assert rows(session, InboundMail) == len(points) + 1
    assert rows(session, InboundMail, InboundMail.state != InboundState.DONE) == 0
    for model in (Ticket, Message, Attachment):
        assert rows(session, model) == len(points) + 1, model
    assert rows(session, Event, Event.kind == "opened") == len(points) + 1
    assert list(desk.folder.rglob("*.part")) == [] or whole_blobs(desk.folder)


def whole_blobs(folder: Path) -> bool:
    """A kill in the middle of a file leaves a part behind, never a blob under its final name that is not whole."""
    blobs = [path for path in (folder / "attachments").rglob("*") if path.is_file() and path.suffix != ".part"]
    return bool(blobs) and all(path.stat().st_size for path in blobs)


def test_no_event_is_left_untold_and_none_is_told_twice_whenever_the_jobs_are_killed(
    app: Flask, session: Session, cast: Cast, desk: Desk, sink: Sink, letter: bytes, now: datetime
) -> None:
    desk.env |= {"DESK_SMTP_PORT": str(sink.port)}
    words = desk.command("jobs", "tick")
    handed_over(app, numbered(letter, 0), now)
    calls = strace.Command(words, b"", desk.env, ROOT).calls()
    points = strace.spread(calls, POINTS)
    for number, call in enumerate(points, 1):
        handed_over(app, numbered(letter, number), now)
        strace.Command(words, b"", desk.env, ROOT).killed_at(call)
    # A claim of a sender that died runs out after a quarter of an hour.
    session.rollback()
    desk.env |= {"DESK_CLOCK_OFFSET_FILE": later(desk)}
    desk.do("jobs", "tick", "--until-idle")
    assert rows(session, Event, Event.expanded_at.is_(None)) == 0
    told = session.execute(sa.select(OutboundMail.event_id, OutboundMail.to_address)).all()
    assert len(told) == len(set(told))
    assert rows(session, OutboundMail, OutboundMail.sent_at.is_(None)) == 0
    assert_sent_once_or_once_more(session, sink, len(points))


def assert_sent_once_or_once_more(session: Session, sink: Sink, kills: int) -> None:
    """Every mail arrived; no kill means more than one repeat, and a repeat is the same mail under the same id."""
    arrived = Counter(message.message_id for message in sink.messages)
    assert set(arrived) == {f"<{message_id}>" for message_id in session.scalars(sa.select(OutboundMail.message_id))}
    assert max(arrived.values()) <= 2
    assert arrived.total() - len(arrived) <= kills
    assert len({message.raw for message in sink.messages}) == len(arrived)


def test_a_mail_that_was_queued_arrives_whenever_the_sender_is_killed(
    app: Flask, session: Session, desk: Desk, sink: Sink, now: datetime
) -> None:
    desk.env |= {"DESK_SMTP_PORT": str(sink.port)}
    sender = strace.Command(desk.command("mail", "send"), b"", desk.env, ROOT)
    queue(0, now)
    points = strace.spread(sender.calls(), FEWER)
    killed = 0
    for number, call in enumerate(points, 1):
        queue(number, now)
        killed += sender.killed_at(call)
    assert killed >= len(points) // 2, "the calls of two runs differ too much to say anything"
    desk.env |= {"DESK_CLOCK_OFFSET_FILE": later(desk)}
    desk.do("mail", "send")
    assert rows(session, OutboundMail, OutboundMail.sent_at.is_(None)) == 0
    assert_sent_once_or_once_more(session, sink, killed)


def queue(number: int, now: datetime) -> None:
    """A mail of ours that is due."""
    with transaction() as unit:
        row = {"from_header": "desk@desk.example", "subject": "s", "text": "t\n", "created_at": now, "next_try_at": now}
        unit.add(OutboundMail(to_address=f"{number}@x.example", message_id=f"{number}@desk.example", **row))


def test_an_answer_is_stored_with_its_event_or_not_at_all_and_nothing_is_sent_before(
    app: Flask, session: Session, cast: Cast, desk: Desk, sink: Sink
) -> None:
    desk.env |= {"DESK_SMTP_PORT": str(sink.port)}
    ticket, leo = filed(cast, cast.alice, cast.alder), cast.leo.id
    session.rollback()  # an open transaction would keep its view of the past, and PostgreSQL ends it
    words = [sys.executable, "-m", "tests.faults.store_answer", str(ticket), str(leo)]
    writer = strace.Command(words, b"", desk.env, ROOT)
    points = strace.spread(writer.calls(), FEWER)
    killed = sum(writer.killed_at(call) for call in points)
    assert killed >= len(points) // 2, "the calls of two runs differ too much to say anything"
    stored = session.scalars(sa.select(Message.id).where(Message.author_id == leo)).all()
    told = session.scalars(sa.select(Event.message_id).where(Event.kind == "answered")).all()
    assert sorted(stored) == sorted(one for one in told if one is not None)
    assert 1 + len(points) - killed <= len(stored) <= 1 + len(points)
    assert rows(session, OutboundMail) == 0 and sink.messages == []
    desk.do("jobs", "tick", "--until-idle")
    answers = [one for one in sink.messages if "answered by a process" in one.text]
    assert len(answers) == len(stored)
    assert len({one.message_id for one in answers}) == len(answers)


def later(desk: Desk) -> str:
    """The desk's clock an hour on, in a file of its own."""
    file = desk.folder / "clock-later"
    file.write_text(str(float((desk.folder / "clock").read_text()) + 3600))
    return str(file)
