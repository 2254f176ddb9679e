"""Storms: what desks and machines can make the desk send when nothing they write says what they are."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.accounts import service as accounts
from desk.accounts.models import Team
from desk.config import Settings
from desk.db import db, transaction
from desk.domain.permissions import Role
from desk.domain.vocabulary import Audience, Channel
from desk.events.models import Event
from desk.extensions import mail
from desk.mail import intake, notify, outbound, storms
from desk.mail.models import Hold, InboundMail, InboundOutcome, MailStorm, OutboundMail, OutboundState
from desk.progress import service as progress
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.conftest import dispose, make_app
from tests.servers.sink import Received, Sink

OURS, THEIRS = "north@desk.example", "help@other.example"
MOST = 6


@dataclass
class Side:
    """One of two desks, each of which has the other's address among its contacts."""

    app: Flask
    settings: Settings
    own: str
    other: str

    def take(self, raw: bytes, at: datetime) -> None:
        with self.app.app_context():
            mail_id = intake.accept(raw, mailbox=self.own, envelope_from=self.other, settings=self.settings, now=at)
            intake.read_one(mail_id, self.settings, at)

    def send(self, at: datetime) -> None:
        """Everything that is to be told goes to the server that stands between the two."""
        with self.app.app_context():
            more = True
            while more:
                with transaction() as unit:
                    more = notify.expand_one(unit, settings=self.settings, now=at)
            while outbound.send_one(mail, settings=self.settings, now=at):
                pass

    def rows(self, model: type[InboundMail] | type[Event] | type[OutboundMail]) -> list[object]:
        with self.app.app_context():
            return list(db.session().scalars(sa.select(model).order_by(model.id)).all())


def meet(cast: Cast, settings: Settings, own: str, other: str) -> None:
    """Give the desk its address, and the other desk's to a contact of a member: nothing about it looks strange."""
    with transaction() as unit:
        unit.get_one(Team, cast.north_desk.id).support_address = own
        person = accounts.add_person(unit, name="The others", email=other, timezone="UTC", now=cast.now)
        accounts.grant_role(unit, person=person, role=Role.CONTACT, member_org_id=cast.alder.id, now=cast.now)


@pytest.fixture
def sides(
    app: Flask, cast: Cast, sink: Sink, sqlite_cast: Path, tmp_path_factory: pytest.TempPathFactory, now: datetime
) -> Iterator[tuple[Side, Side]]:
    """The desk of the test, and another one with a database of its own; both send through the sink."""
    folder = tmp_path_factory.mktemp("other")
    shutil.copyfile(sqlite_cast, folder / "desk.db")
    domains = {"MAIL_DOMAIN": "other.example", "AUTHSERV_ID": "other.example"}
    second = make_app(f"sqlite:///{folder / 'desk.db'}", folder, **domains)
    made = []
    for one, own, other in ((app, OURS, THEIRS), (second, THEIRS, OURS)):
        caps = {"MAIL_PAIR_PER_HOUR": MOST, "MAIL_PAIR_PER_DAY": MOST * 2}
        smtp = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": sink.port, "SMTP_TIMEOUT": 5}
        settings = replace(one.config["DESK"], **caps, **smtp)
        with one.app_context():
            found = Cast.load(now)
            assert found is not None
            meet(found, settings, own, other)
        made.append(Side(one, settings, own, other))
    yield made[0], made[1]
    with second.app_context():
        dispose()


def stripped(received: Received, side: Side, count: int) -> bytes:
    """What a relay makes of a mail that takes every mark away, and vouches for who wrote it."""
    authserv = side.settings.AUTHSERV_ID
    domain = side.other.rpartition("@")[2]
    subject = re.sub(r"\[#\d+\]", "", received.subject).strip()
    return (
        f"Authentication-Results: {authserv}; dmarc=pass header.from={domain}\r\nFrom: {side.other}\r\n"
        f"To: {side.own}\r\nSubject: {subject}\r\nMessage-ID: <{count}@relay.example>\r\n\r\nThank you, we have it.\r\n"
    ).encode()


def test_two_desks_that_answer_each_other_through_a_relay_that_strips_every_mark_stop_at_the_cap(
    sides: tuple[Side, Side], sink: Sink, now: datetime
) -> None:
    ours, theirs = sides
    first = f"From: {THEIRS}\r\nTo: {OURS}\r\nSubject: A question\r\nMessage-ID: <0@relay.example>\r\n\r\nHow?\r\n"
    vouched = "Authentication-Results: desk.example; dmarc=pass header.from=other.example\r\n"
    ours.take((vouched + first).encode(), now)
    carried, at = 0, now
    for _ in range(100):
        at += timedelta(seconds=30)
        ours.send(at)
        theirs.send(at)
        waiting = [one for one in sink.messages if one.recipients[0] in (OURS, THEIRS)][carried:]
        if not waiting:
            break
        for one in waiting:
            carried += 1
            side = ours if one.recipients[0] == OURS else theirs
            side.take(stripped(one, side, carried), at)
    came = [[one for one in side.rows(InboundMail) if isinstance(one, InboundMail)] for side in sides]
    # One side reaches its cap, keeps the next mail without an answer, and there is nothing left to answer.
    assert sorted(len(rows) for rows in came) in ([MOST, MOST + 1], [MOST + 1, MOST + 1])
    assert sum(len(rows) for rows in came) == carried + 1
    assert {one.outcome for rows in came for one in rows} == {InboundOutcome.OPENED}
    alerts = [
        one for side in sides for one in side.rows(Event) if isinstance(one, Event) and one.kind == storms.STOPPED
    ]
    assert len(alerts) == 1
    subject = re.compile("is not answered for now")
    told = [one.recipients[0] for one in sink.messages if subject.search(one.subject)]
    assert told == ["lena@north.example"]


# ------------------------------------------------------------------ the caps, one by one


@pytest.fixture
def settings(app: Flask) -> Settings:
    found: Settings = app.config["DESK"]
    return replace(found, MAIL_PAIR_PER_HOUR=MOST, MAIL_PAIR_PER_DAY=MOST + 2)


Take = Callable[..., InboundMail]


@pytest.fixture
def take(session: Session, settings: Settings, now: datetime) -> Take:
    def taken(
        sender: str, number: int, at: datetime | None = None, to: str = OURS, mailbox: str = "", *, proved: bool = True
    ) -> InboundMail:
        domain = sender.rpartition("@")[2]
        head = f"Authentication-Results: desk.example; dmarc=pass header.from={domain}\r\n" if proved else ""
        raw = (
            f"{head}From: {sender}\r\nTo: {to}\r\n"
            f"Subject: mail {number}\r\nMessage-ID: <{number}@x.example>\r\n\r\nText {number}.\r\n"
        ).encode()
        box = mailbox or to
        mail_id = intake.accept(raw, mailbox=box, envelope_from=sender, settings=settings, now=at or now)
        intake.read_one(mail_id, settings, at or now)
        session.expire_all()
        return session.get_one(InboundMail, mail_id)

    return taken


def expand(settings: Settings, at: datetime) -> None:
    more = True
    while more:
        with transaction() as unit:
            more = notify.expand_one(unit, settings=settings, now=at)


def receipts(session: Session, address: str) -> list[OutboundMail]:
    rows = sa.select(OutboundMail).where(OutboundMail.to_address == address).order_by(OutboundMail.id)
    return list(session.scalars(rows).all())


def alerts(session: Session) -> list[Event]:
    return list(session.scalars(sa.select(Event).where(Event.kind == storms.STOPPED)).all())


def test_beyond_the_cap_all_is_kept_nothing_answered_and_the_managers_are_told_once(
    cast: Cast, session: Session, settings: Settings, take: Take, now: datetime
) -> None:
    mails = []
    for number in range(MOST + 4):
        mails.append(take(cast.alice.email, number, now + timedelta(seconds=number)))
        expand(settings, now + timedelta(seconds=number))
    assert [one.outcome for one in mails] == [InboundOutcome.OPENED] * (MOST + 4)
    assert "nothing is answered" in mails[-1].reason
    rows = receipts(session, cast.alice.email)
    assert [row.state for row in rows].count(OutboundState.QUEUED) == MOST
    held = [row for row in rows if row.state is OutboundState.DEAD]
    assert {row.held_by for row in held} == {Hold.CAP}
    assert all(row.last_error.startswith(f"Held back: more than {MOST} mails came") for row in held)
    assert len(alerts(session)) == 1
    assert [row.subject for row in receipts(session, cast.lena.email)].count(
        f"Mail of {cast.alice.email} is not answered for now"
    ) == 1
    (storm,) = session.scalars(sa.select(MailStorm)).all()
    assert (storm.address, storm.mails, storm.consortium_id) == (cast.alice.email, 4, cast.north.id)


def test_another_address_and_another_desk_are_answered_meanwhile(
    cast: Cast, session: Session, settings: Settings, take: Take, now: datetime
) -> None:
    for number in range(MOST + 1):
        take(cast.alice.email, number)
    assert "nothing is answered" not in take(cast.bob.email, 50).reason
    assert "nothing is answered" not in take(cast.alice.email, 51, to="south@desk.example").reason


def test_an_address_with_another_detail_each_time_is_one_address(cast: Cast, session: Session, take: Take) -> None:
    reasons = [take(f"robot+{number}@elsewhere.example", number).reason for number in range(MOST + 1)]
    assert ["nothing is answered" in reason for reason in reasons] == [False] * MOST + [True]


def test_nobody_uses_up_the_cap_of_somebody_else_by_writing_in_their_name(
    cast: Cast, session: Session, settings: Settings, take: Take, now: datetime
) -> None:
    reasons = [take(cast.alice.email, number, proved=False).reason for number in range(MOST + 1)]
    assert "nothing is answered" in reasons[-1]
    genuine = take(cast.alice.email, 90)
    assert "nothing is answered" not in genuine.reason
    expand(settings, now)
    about = [row for row in receipts(session, cast.alice.email) if row.ticket_id == genuine.ticket_id]
    assert [row.state for row in about] == [OutboundState.QUEUED]


def test_the_day_has_a_cap_of_its_own_and_the_next_day_begins_anew(
    cast: Cast, session: Session, take: Take, now: datetime
) -> None:
    over = []
    for number in range(MOST + 4):
        reason = take(cast.alice.email, number, now + timedelta(hours=number)).reason
        over.append("within a day" in reason)
    assert over == [False] * (MOST + 2) + [True] * 2
    assert len(alerts(session)) == 1
    assert "nothing is answered" not in take(cast.alice.email, 99, now + timedelta(days=3)).reason
    for number in range(100, 100 + MOST):
        take(cast.alice.email, number, now + timedelta(days=3, minutes=number - 99))
    assert len(alerts(session)) == 2


def test_answers_of_staff_beyond_the_cap_are_held_and_not_lost(
    cast: Cast, session: Session, settings: Settings, take: Take, now: datetime
) -> None:
    number = take(cast.alice.email, 0).ticket_id
    with transaction() as unit:
        ticket = unit.get_one(Ticket, number)
        progress.add_message(
            unit, cast.actor(cast.alice), ticket, audience=Audience.MEMBER, text="?", channel=Channel.WEB, now=now
        )
    signed = intake.signer_of(settings).reply_address(number or 0, cast.leo.id, Audience.MEMBER, cast.leo.email)
    outcomes = [take(cast.leo.email, 10 + turn, mailbox=signed).outcome for turn in range(MOST + 1)]
    assert outcomes == [InboundOutcome.APPENDED] * MOST + [InboundOutcome.HELD]
    assert len(alerts(session)) == 1


def test_the_mail_screen_shows_how_far_each_cap_is_used(
    cast: Cast, session: Session, settings: Settings, take: Take, now: datetime, client: FlaskClient
) -> None:
    for number in range(MOST + 1):
        take(cast.alice.email, number)
    take("stranger@elsewhere.example", 90)
    expand(settings, now)
    page = cast.sign_in(client, cast.lena).get("/mail/caps").text
    assert "1 mail kept without an answer" in page
    assert f"{cast.alice.email}: {MOST + 1} of 20 within the last hour" in page
    assert "stranger@elsewhere.example: 1 of 3" in page
    assert "Northern Consortium: 1 of 60 senders nobody knows" in page
    for person in (cast.sofia, cast.ruth, cast.leo, cast.alice):
        assert "stranger@elsewhere.example" not in cast.sign_in(client, person).get("/mail/caps").text
