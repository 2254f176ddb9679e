"""The disk is full from some write on: the mail server is asked to try later, and nothing is lost or taken twice."""

from datetime import datetime

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.mail.models import InboundMail, InboundState, OutboundMail
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.faults.test_killed import assert_sent_once_or_once_more, later, numbered, queue, rows, traced
from tests.servers import strace
from tests.servers.desk import ROOT, Desk
from tests.servers.sink import Sink
from tests.servers.strace import Call

pytestmark = pytest.mark.faults

__all__ = ["traced"]
POINTS = 5
TRY_LATER = 75
GROWS = ("write", "pwrite64", "fsync", "fdatasync", "rename")
"""What a full disk refuses. ``sendto`` is PostgreSQL's disk, which is a server of its own."""


def growing(calls: list[Call]) -> list[Call]:
    return [call for call in calls if call.name in GROWS]


def test_a_mail_for_which_there_is_no_room_is_asked_for_again_and_then_kept_once(
    app: Flask, session: Session, cast: Cast, desk: Desk, letter: bytes
) -> None:
    words = desk.command("mail", "receive")
    calls = growing(strace.Command(words, numbered(letter, 0), desk.env, ROOT).calls())
    points = strace.spread(calls, POINTS)
    codes = []
    for number, call in enumerate(points, 1):
        mail = numbered(letter, number)
        codes.append(strace.Command(words, mail, desk.env, ROOT).full_from(call))
        assert desk.run("mail", "receive", stdin=mail).returncode == 0
    assert set(codes) <= {0, TRY_LATER}, list(zip(points, codes, strict=True))
    assert TRY_LATER in codes
    desk.do("jobs", "tick", "--until-idle")
    assert rows(session, InboundMail) == len(points) + 1
    assert rows(session, InboundMail, InboundMail.state != InboundState.DONE) == 0
    assert rows(session, Ticket) == len(points) + 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_mail_whose_result_could_not_be_written_down_is_sent_again_under_its_id(
    app: Flask, session: Session, desk: Desk, sink: Sink, now: datetime
) -> None:
    desk.env |= {"DESK_SMTP_PORT": str(sink.port)}
    sender = strace.Command(desk.command("mail", "send"), b"", desk.env, ROOT)
    queue(0, now)
    points = strace.spread(growing(sender.calls()), POINTS)
    for number, call in enumerate(points, 1):
        queue(number, now)
        sender.full_from(call)
    desk.env |= {"DESK_CLOCK_OFFSET_FILE": later(desk)}
    desk.do("mail", "send")
    assert rows(session, OutboundMail, OutboundMail.sent_at.is_(None)) == 0
    assert session.scalar(sa.select(sa.func.count()).select_from(OutboundMail)) == len(points) + 1
    assert_sent_once_or_once_more(session, sink, len(points))
