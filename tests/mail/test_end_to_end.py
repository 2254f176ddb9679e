"""Real servers: Postfix hands mail to the desk by LMTP, the desk's answers reach a smarthost, and nothing is lost."""

import json
import smtplib
import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.conversations.models import Message
from desk.db import db, transaction
from desk.domain.vocabulary import Audience, Channel
from desk.mail.models import InboundMail
from desk.progress import service as progress
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.clock import MovableClock
from tests.servers.desk import Desk
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.postfix import Postfix
from tests.servers.processes import Process, free_port, until
from tests.servers.sink import Received, Sink

NORTH = "north@desk.example"


def raw_mail(sender: str, to: str = NORTH, subject: str = "Cannot get a token", text: str = "Error 9017.") -> bytes:
    return (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{len(text)}.{subject[:3]}@mail.example>\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    ).encode()


@pytest.fixture
def lmtp_port() -> int:
    return free_port()


@pytest.fixture
def installation(cast: Cast, desk: Desk, sink: Sink, lmtp_port: int) -> Desk:
    """The desk as processes see it: its own LMTP port, the sink as smarthost."""
    db.session.remove()
    desk.env |= {
        "DESK_TESTING": "1",
        "DESK_LMTP_LISTEN": f"127.0.0.1:{lmtp_port}",
        "DESK_SMTP_HOST": "127.0.0.1",
        "DESK_SMTP_PORT": str(sink.port),
        "DESK_SMTP_SECURITY": "none",
        "DESK_MAX_MAIL_MB": "1",
    }
    return desk


@pytest.fixture
def listener(installation: Desk, lmtp_port: int) -> Iterator[Process]:
    yield installation.start("mail", "listen").wait_for_port(lmtp_port)


def count(session: Session, model: type) -> int:
    session.rollback()
    session.expire_all()
    return session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


def texts(session: Session, ticket_id: int) -> list[str]:
    session.rollback()
    return list(session.scalars(sa.select(Message.text).where(Message.ticket_id == ticket_id).order_by(Message.id)))


def send(port: int, raw: bytes, sender: str, to: str) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        client.sendmail(sender, [to], raw)


def to_whom(sink: Sink, address: str) -> list[Received]:
    return [one for one in sink.messages if address in one.recipients]


# ------------------------------------------------------------------ the pipe


def test_the_pipe_keeps_a_message_once_and_says_so_by_its_exit_code(
    cast: Cast, installation: Desk, session: Session
) -> None:
    raw = raw_mail(cast.alice.email)
    for _ in range(2):
        done = installation.run("mail", "receive", stdin=raw)
        assert (done.returncode, done.stdout) == (0, b""), done.stderr.decode()
    assert (count(session, Ticket), count(session, Message), count(session, InboundMail)) == (1, 1, 1)


def test_the_pipe_asks_to_try_later_or_refuses_with_a_sentence(cast: Cast, installation: Desk) -> None:
    unknown = installation.run("mail", "receive", "--mailbox", "nobody@desk.example", stdin=raw_mail("a@b.example"))
    assert unknown.returncode == 75
    assert b"not an address of this desk" in unknown.stderr
    large = installation.run("mail", "receive", stdin=raw_mail("a@b.example", text="x" * 2**21))
    assert large.returncode == 69
    assert b"larger than 1 MB" in large.stderr


def test_explain_says_what_would_be_done_and_changes_nothing(
    cast: Cast, installation: Desk, session: Session, tmp_path: object
) -> None:
    file = installation.folder / "mail.eml"
    file.write_bytes(raw_mail(cast.alice.email))
    [explained] = [json.loads(line) for line in installation.do("mail", "explain", str(file)).splitlines()]
    assert explained["subject"] == "Cannot get a token"
    assert explained["decision"]["verdict"] == "open"
    assert count(session, InboundMail) == 0


# ------------------------------------------------------------------ the listener


def test_lmtp_takes_what_is_ours(cast: Cast, listener: Process, lmtp_port: int, session: Session) -> None:
    with smtplib.LMTP("127.0.0.1", lmtp_port) as client:
        client.ehlo()
        client.mail(cast.alice.email)
        assert client.rcpt("nobody@desk.example")[0] == 451
        assert client.rcpt(NORTH)[0] == 250
        assert client.data(raw_mail(cast.alice.email))[0] == 250
    until(lambda: count(session, Ticket) == 1, what="a ticket")


def test_lmtp_refuses_what_is_too_large(cast: Cast, listener: Process, lmtp_port: int) -> None:
    with smtplib.LMTP("127.0.0.1", lmtp_port) as client, pytest.raises(smtplib.SMTPResponseException) as refusal:
        client.sendmail(cast.alice.email, [NORTH], raw_mail(cast.alice.email, text="x\r\n" * 2**20))
    assert refusal.value.smtp_code == 552


def test_a_client_that_goes_away_before_the_end_leaves_nothing(
    cast: Cast, listener: Process, lmtp_port: int, session: Session
) -> None:
    with socket.create_connection(("127.0.0.1", lmtp_port)) as line:
        line.sendall(f"LHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<{NORTH}>\r\nDATA\r\nSubject: half".encode())
        line.recv(100)
    send_by_lmtp(lmtp_port, raw_mail(cast.alice.email))
    until(lambda: count(session, Ticket) == 1, what="a ticket")
    assert count(session, InboundMail) == 1


def send_by_lmtp(port: int, raw: bytes) -> None:
    with smtplib.LMTP("127.0.0.1", port) as client:
        client.sendmail("alice@alder.example", [NORTH], raw)


def test_a_listener_killed_after_its_yes_has_lost_nothing(
    cast: Cast, installation: Desk, listener: Process, lmtp_port: int, session: Session
) -> None:
    for number in range(5):
        send_by_lmtp(lmtp_port, raw_mail(cast.alice.email, subject=f"{number} mail"))
    listener.kill()
    assert count(session, InboundMail) == 5
    installation.do("jobs", "tick", "--until-idle")
    assert count(session, Ticket) == 5


# ------------------------------------------------------------------ the whole way


@pytest.mark.mailservers
def test_a_conversation_by_mail_from_the_first_question_to_the_answer(
    cast: Cast,
    installation: Desk,
    listener: Process,
    postfix: Postfix,
    sink: Sink,
    session: Session,
    clock: MovableClock,
) -> None:
    alice = cast.alice.email
    send(postfix.port, raw_mail(alice), alice, NORTH)
    until(lambda: count(session, Ticket) == 1, what="a ticket")
    installation.do("jobs", "tick", "--until-idle")
    [receipt] = to_whom(sink, alice)
    assert receipt.sender in ("", "<>")
    assert receipt.message["Auto-Submitted"] == "auto-generated"

    # Her client answers the receipt: to the signed address, with the receipt's id.
    reply_to = str(receipt.message["Reply-To"])
    answer = raw_mail(alice, to=reply_to, subject=f"Re: {receipt.subject}", text="Yes, that was me.")
    send(postfix.port, answer, alice, reply_to)
    until(lambda: count(session, Message) == 2, what="the answer on the ticket")
    ticket = session.scalars(sa.select(Ticket)).one()
    assert (ticket.requester_id, ticket.unverified_sender) == (cast.alice.id, None)

    # A stranger who has seen the number cannot.
    intruder = raw_mail("mallory@evil.example", subject=f"Re: [#{ticket.id}] mine", text="let me in")
    send(postfix.port, intruder, "mallory@evil.example", NORTH)
    until(lambda: count(session, Ticket) == 2, what="a ticket of its own")
    assert texts(session, ticket.id) == ["Error 9017.", "Yes, that was me."]

    clock.move(timedelta(minutes=5))
    session.rollback()
    with transaction() as unit:
        progress.add_message(
            unit,
            cast.actor(cast.leo),
            unit.get_one(Ticket, ticket.id),
            audience=Audience.MEMBER,
            text="Please use the production site.",
            channel=Channel.WEB,
            now=clock.now(),
        )
    installation.do("jobs", "tick", "--until-idle")
    answered = to_whom(sink, alice)[-1]
    assert "Please use the production site." in answered.text
    assert "Leo Larch" in str(answered.message["From"])
    assert answered.message["Auto-Submitted"] is None
    references = str(answered.message["References"]).split()
    assert receipt.message_id in references
    # Any client threads it: it names both of her mails, and answers the last of the conversation.
    assert {"<11.Can@mail.example>", "<17.Re:@mail.example>"} <= set(references)
    assert str(answered.message["In-Reply-To"]).strip() == references[-1]


@pytest.mark.mailservers
def test_postfix_dovecot_and_our_listener_together_take_each_mail_once_and_bring_every_answer_back(
    cast: Cast,
    installation: Desk,
    listener: Process,
    postfix: Postfix,
    dovecot: Dovecot,
    sink: Sink,
    session: Session,
) -> None:
    """The desk's address is delivered by LMTP and lies in a mailbox too; what the desk writes leaves by Postfix."""
    alice, user = cast.alice.email, "north-of-all-servers"
    account = {"host": "127.0.0.1", "port": dovecot.imap_port, "security": "none", "user": user, "password": PASSWORD}
    installation.env |= {
        "DESK_SMTP_PORT": str(postfix.port),
        "DESK_IMAP_ACCOUNTS": json.dumps([account | {"address": NORTH}]),
    }
    # With a date, as every mail program writes it: Postfix would add one, and two different mails are two.
    dated = b"Date: Wed, 4 Mar 2026 10:00:00 +0000\r\n"
    both = dated + raw_mail(alice)
    fetched = dated + raw_mail(alice, subject="Second request", text="Fetched from the mailbox.")
    send(postfix.port, both, alice, NORTH)
    until(lambda: count(session, Ticket) == 1, what="a ticket by LMTP")
    dovecot.deliver(user, both, fetched)
    assert "2 kept" in installation.do("mail", "poll")
    installation.do("jobs", "tick", "--until-idle")
    assert (count(session, Ticket), count(session, InboundMail)) == (2, 2)
    assert (dovecot.count(user), dovecot.count(user, "Processed")) == (0, 2)

    until(lambda: len(to_whom(sink, alice)) == 2, what="a receipt for each")
    for receipt in to_whom(sink, alice):
        reply_to = str(receipt.message["Reply-To"])
        answer = raw_mail(alice, to=reply_to, subject=f"Re: {receipt.subject}", text=f"About {receipt.subject}.")
        send(postfix.port, answer, alice, reply_to)
    until(lambda: count(session, Message) == 4, what="both answers")
    for number in list(session.scalars(sa.select(Ticket.id))):
        assert texts(session, number)[-1].startswith(f"About [#{number}] ")
    arrived = [one.message_id for one in sink.messages]
    assert len(arrived) == len(set(arrived))
    until(lambda: postfix.queued() == 0, what="nothing waits at Postfix")
