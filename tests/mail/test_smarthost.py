"""A smarthost that is away, slow, half well or hostile: every mail arrives once, in order, and never in clear."""

import base64
import itertools
import logging
import ssl
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiosmtpd.smtp import AuthResult
from flask import Flask
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.config import Settings
from desk.db import transaction
from desk.domain.vocabulary import Audience, Channel
from desk.events.models import Event
from desk.extensions import mail
from desk.mail import notify, outbound
from desk.mail.models import OutboundMail, OutboundState
from desk.progress import service as progress
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.issues.scenes import filed
from tests.servers.engines import missing, program
from tests.servers.processes import free_port
from tests.servers.sink import Received, Sink


@pytest.fixture
def settings(app: Flask, sink: Sink) -> Settings:
    return replace(app.config["DESK"], SMTP_HOST="127.0.0.1", SMTP_PORT=sink.port, SMTP_TIMEOUT=5)


def send_all(settings: Settings, now: datetime) -> int:
    return sum(1 for _ in iter(lambda: outbound.send_one(mail, settings=settings, now=now), False))


def tell(settings: Settings, now: datetime) -> None:
    more = True
    while more:
        with transaction() as unit:
            more = notify.expand_one(unit, settings=settings, now=now)


def answer(cast: Cast, number: int, text: str, now: datetime) -> None:
    with transaction() as unit:
        ticket = unit.get_one(Ticket, number)
        write = {"audience": Audience.MEMBER, "text": text, "channel": Channel.WEB, "now": now}
        progress.add_message(unit, cast.actor(cast.leo), ticket, **write)


def of(session: Session, person: Person) -> list[OutboundMail]:
    session.rollback()
    session.expire_all()
    wanted = sa.select(OutboundMail).where(OutboundMail.to_address == person.email).order_by(OutboundMail.id)
    return list(session.scalars(wanted))


def to(sink: Sink, person: Person) -> list[Received]:
    return [one for one in sink.messages if person.email in one.recipients]


# ------------------------------------------------------------------ away, and well again


def test_two_hours_without_a_smarthost_cost_no_mail_and_no_order(
    cast: Cast, session: Session, settings: Settings, sink: Sink, now: datetime
) -> None:
    numbers = [filed(cast, cast.alice, cast.alder, subject=f"Request {each}") for each in range(2)]
    for each, number in itertools.product(range(2), numbers):
        answer(cast, number, f"Answer {each}.", now)
    tell(settings, now)
    queued = session.scalar(sa.select(sa.func.count()).select_from(OutboundMail)) or 0
    assert queued >= 10
    for mode, minutes in (("away", (0, 25)), ("421", (50, 75)), ("451", (100, 120))):
        port = free_port() if mode == "away" else sink.port
        sink.mode = mode
        for minute in minutes:
            send_all(replace(settings, SMTP_PORT=port), now + timedelta(minutes=minute))
    assert sink.messages == []
    sink.mode = "ok"
    for hours in (3, 4, 5):
        send_all(settings, now + timedelta(hours=hours))
    assert len(sink.messages) == queued
    assert set(Counter(one.message_id for one in sink.messages).values()) == {1}
    for number in numbers:
        texts = [one.text for one in to(sink, cast.alice) if f"[#{number}]" in one.subject]
        found = [each for text in texts for each in range(2) if f"Answer {each}." in text]
        assert found == [0, 1]


def test_half_a_smarthost_delivers_everything_once(
    cast: Cast, session: Session, settings: Settings, sink: Sink, now: datetime
) -> None:
    for each in range(2):
        filed(cast, cast.alice, cast.alder, subject=f"Request {each}")
    tell(settings, now)
    sink.mode = "half"
    for minutes in range(0, 60, 10):
        send_all(settings, now + timedelta(minutes=minutes))
    session.rollback()
    assert set(session.scalars(sa.select(OutboundMail.state))) == {OutboundState.SENT}
    assert set(Counter(one.message_id for one in sink.messages).values()) == {1}


def test_an_answer_that_is_slower_than_our_patience_means_one_repeat_with_the_same_id(
    cast: Cast, session: Session, settings: Settings, sink: Sink, now: datetime
) -> None:
    filed(cast, cast.alice, cast.alder)
    tell(settings, now)
    [receipt] = of(session, cast.alice)
    sink.mode = "slow"
    with transaction() as unit:
        unit.execute(sa.delete(OutboundMail).where(OutboundMail.id != receipt.id))
    send_all(replace(settings, SMTP_TIMEOUT=1), now)
    sink.wait_for(1)
    sink.mode = "ok"
    send_all(settings, now + timedelta(minutes=2))
    assert [one.message_id for one in sink.messages] == [f"<{receipt.message_id}>"] * 2
    assert of(session, cast.alice)[0].state is OutboundState.SENT


def test_an_answer_that_nobody_took_for_five_days_is_told_to_its_desk_and_can_be_sent_again(
    cast: Cast, session: Session, settings: Settings, sink: Sink, now: datetime
) -> None:
    number = filed(cast, cast.alice, cast.alder)
    answer(cast, number, "The answer.", now)
    tell(settings, now)
    sink.mode = "451"
    send_all(settings, now)
    send_all(settings, now + timedelta(days=5, hours=2))
    dead = of(session, cast.alice)[-1]
    assert dead.state is OutboundState.DEAD
    [returned] = session.scalars(sa.select(Event).where(Event.kind == "mail_returned"))
    assert returned.ticket_id == number
    assert returned.payload["why"].startswith("no mail server took it for 5 days (451")
    sink.mode = "ok"
    later = now + timedelta(days=6)
    with transaction() as unit:
        outbound.send_again(unit, unit.get_one(OutboundMail, dead.id), now=later)
    send_all(settings, later)
    assert to(sink, cast.alice)[-1].message_id == f"<{dead.message_id}>"


def test_an_answer_whose_content_is_refused_is_told_to_its_desk(
    cast: Cast, session: Session, settings: Settings, sink: Sink, now: datetime
) -> None:
    answer(cast, filed(cast, cast.alice, cast.alder), "The answer.", now)
    tell(settings, now)
    sink.mode = "550"
    send_all(settings, now)
    [returned] = session.scalars(sa.select(Event).where(Event.kind == "mail_returned"))
    assert returned.payload["why"].startswith("the mail server refused it (550 5.7.1")


# ------------------------------------------------------------------ what goes over the wire


@pytest.mark.parametrize("name", ["Alice\r\nBcc: evil@evil.example", 'Alice" <evil@evil.example>, "', "Älice 🐙\x00"])
def test_no_name_or_subject_adds_a_recipient_or_a_header(
    cast: Cast, session: Session, settings: Settings, sink: Sink, now: datetime, name: str
) -> None:
    with transaction() as unit:
        unit.merge(cast.leo).name = name.replace("\x00", "")
        unit.merge(cast.north_desk).name = name.replace("\x00", "")
    number = filed(cast, cast.alice, cast.alder, subject="hi\r\nBcc: evil@evil.example")
    answer(cast, number, "The answer.", now)
    tell(settings, now)
    send_all(settings, now)
    received = to(sink, cast.alice)
    assert len(received) == 2
    for one in received:
        assert one.recipients == (cast.alice.email,)
        assert one.message["Bcc"] is None
        assert [str(address.addr_spec) for address in one.message["From"].addresses] == ["north@desk.example"]
        assert len(one.message.get_all("Subject") or []) == 1


@pytest.mark.parametrize("address", ["-oq/tmp/x@member.example", "danger-$user@member.example", "a|b@member.example"])
def test_an_odd_address_is_one_recipient_and_nothing_else(
    app: Flask, session: Session, settings: Settings, sink: Sink, now: datetime, address: str
) -> None:
    with transaction() as unit:
        row = {"from_header": "desk@desk.example", "subject": "s", "text": "t\n", "created_at": now, "next_try_at": now}
        unit.add(OutboundMail(to_address=address, message_id="one@desk.example", **row))
    send_all(settings, now)
    assert [one.recipients for one in sink.messages] == [(address,)]


def test_no_note_of_staff_and_no_address_of_theirs_reaches_a_member(
    cast: Cast, session: Session, settings: Settings, sink: Sink, now: datetime
) -> None:
    number = filed(cast, cast.alice, cast.alder)
    with transaction() as unit:
        note = {"audience": Audience.LEAD, "text": "MARKER of the team", "channel": Channel.WEB, "now": now}
        progress.add_message(unit, cast.actor(cast.leo), unit.get_one(Ticket, number), **note)
    answer(cast, number, "A public answer.", now)
    tell(settings, now)
    send_all(settings, now)
    received = to(sink, cast.alice)
    assert any("A public answer." in one.text for one in received)
    for one in received:
        assert b"MARKER" not in one.raw
        assert cast.leo.email.encode() not in one.raw and cast.lena.email.encode() not in one.raw


# ------------------------------------------------------------------ encryption and sign-in


@pytest.fixture
def unsigned(tmp_path: Path) -> Iterator[Sink]:
    """A smarthost with a certificate that nobody has signed."""
    if program("openssl", "/usr/bin") is None:
        missing("postfix", "openssl is not installed")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    words += " -addext subjectAltName=DNS:localhost -keyout key.pem -out certificate.pem"
    subprocess.run(["openssl", *words.split()], cwd=tmp_path, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    made = Sink(tls_context=context)
    yield made
    made.close()


def test_nothing_goes_to_a_smarthost_whose_certificate_nobody_signed(
    cast: Cast, session: Session, settings: Settings, unsigned: Sink, now: datetime
) -> None:
    filed(cast, cast.alice, cast.alder)
    tell(settings, now)
    send_all(replace(settings, SMTP_SECURITY="starttls", SMTP_HOST="localhost", SMTP_PORT=unsigned.port), now)
    assert unsigned.messages == []
    [row] = of(session, cast.alice)
    assert row.state is OutboundState.QUEUED
    assert "certificate" in row.last_error.lower()


def test_a_wrong_password_is_in_no_log_and_on_no_page(
    cast: Cast, session: Session, settings: Settings, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    password = "correct horse battery staple"
    server = Sink(authenticator=lambda *_: AuthResult(success=False, handled=False), auth_require_tls=False)
    try:
        filed(cast, cast.alice, cast.alder)
        tell(settings, now)
        with caplog.at_level(logging.DEBUG):
            send_all(replace(settings, SMTP_PORT=server.port, SMTP_USER="desk", SMTP_PASSWORD=password), now)
    finally:
        server.close()
    [row] = of(session, cast.alice)
    assert row.state is OutboundState.QUEUED and "SMTP_PASSWORD" in row.last_error
    shown = caplog.text + "".join(each.last_error for each in session.scalars(sa.select(OutboundMail)))
    for secret in (password, base64.b64encode(password.encode()).decode(), f"\0desk\0{password}"):
        assert secret not in shown
    assert base64.b64encode(f"\0desk\0{password}".encode()).decode() not in shown
