"""The listeners: one answer for each recipient, and what fails for one of them costs the other nothing."""

import smtplib
import socket
from collections.abc import Iterator
from typing import BinaryIO

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Team
from desk.db import transaction
from desk.mail.models import InboundMail
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.servers.desk import Desk
from tests.servers.postfix import Postfix
from tests.servers.processes import Process, free_port, until

NORTH = "north@desk.example"
SOUTH = "south@desk.example"
# From nobody whom a desk knows: a member's mail goes to their own lead, whoever else gets it.
LETTER = (
    f"From: Nadia Novak <nadia@elsewhere.example>\r\nTo: {NORTH}, {SOUTH}\r\nSubject: Sign-in fails\r\n"
    "Message-ID: <sign-in@alder.example>\r\n\r\nSince this morning.\r\n"
).encode()


@pytest.fixture
def lmtp_port() -> int:
    return free_port()


@pytest.fixture
def smtp_port() -> int:
    return free_port()


@pytest.fixture
def listener(cast: Cast, desk: Desk, session: Session, lmtp_port: int, smtp_port: int) -> Iterator[Process]:
    session.rollback()
    desk.env |= {
        "DESK_LMTP_LISTEN": f"127.0.0.1:{lmtp_port}",
        "DESK_SMTP_LISTEN": f"127.0.0.1:{smtp_port}",
        "DESK_MAX_MAIL_MB": "3",
    }
    yield desk.start("mail", "listen").wait_for_port(lmtp_port).wait_for_port(smtp_port)


def mailboxes(session: Session) -> list[str]:
    session.rollback()
    return sorted(session.scalars(sa.select(InboundMail.mailbox)))


def tickets(session: Session) -> list[int]:
    session.rollback()
    return sorted(session.scalars(sa.select(Ticket.consortium_id)))


def begun(client: smtplib.SMTP, *recipients: str) -> None:
    client.ehlo()
    client.mail("alice@alder.example")
    for recipient in recipients:
        assert client.rcpt(recipient)[0] == 250


def answers(client: smtplib.SMTP, raw: bytes, count: int) -> list[int]:
    """Send the message and read so many answers; the connection is in order only when there are no more."""
    assert client.docmd("DATA")[0] == 354
    client.send(raw + b".\r\n")
    found = [client.getreply()[0] for _ in range(count)]
    assert client.noop()[0] == 250
    return found


def rename(address: str, to: str) -> None:
    with transaction() as session:
        session.execute(sa.update(Team).where(Team.support_address == address).values(support_address=to))


def test_two_recipients_get_an_answer_and_a_ticket_each(
    cast: Cast, listener: Process, lmtp_port: int, session: Session
) -> None:
    with smtplib.LMTP("127.0.0.1", lmtp_port) as client:
        begun(client, NORTH, SOUTH)
        assert answers(client, LETTER, 2) == [250, 250]
    assert mailboxes(session) == [NORTH, SOUTH]
    until(lambda: tickets(session) == sorted([cast.north.id, cast.south.id]), what="a ticket for each")


def test_an_unknown_recipient_is_tried_later_and_the_other_is_kept(
    cast: Cast, listener: Process, lmtp_port: int, session: Session
) -> None:
    with smtplib.LMTP("127.0.0.1", lmtp_port) as client:
        begun(client, NORTH)
        assert client.rcpt("nobody@desk.example")[0] == 451
        assert answers(client, LETTER, 1) == [250]
    assert mailboxes(session) == [NORTH]


def test_what_fails_after_the_message_fails_for_one_recipient(
    cast: Cast, listener: Process, lmtp_port: int, session: Session
) -> None:
    with smtplib.LMTP("127.0.0.1", lmtp_port) as client:
        begun(client, NORTH, SOUTH, NORTH)
        rename(SOUTH, "elsewhere@desk.example")
        assert answers(client, LETTER, 3) == [250, 451, 250]
    assert mailboxes(session) == [NORTH]


def test_every_recipient_hears_that_a_message_is_too_large(
    cast: Cast, listener: Process, lmtp_port: int, session: Session
) -> None:
    with smtplib.LMTP("127.0.0.1", lmtp_port) as client:
        begun(client, NORTH, SOUTH)
        assert answers(client, LETTER + b"large\r\n" * 2**19, 2) == [552, 552]
        begun(client, NORTH, SOUTH)
        assert answers(client, LETTER, 2) == [250, 250]


def test_every_recipient_hears_that_the_desk_cannot_keep_it(
    cast: Cast, listener: Process, desk: Desk, lmtp_port: int, session: Session
) -> None:
    attachments = desk.folder / "attachments"
    attachments.touch()  # a file where the folder should be
    with smtplib.LMTP("127.0.0.1", lmtp_port) as client:
        begun(client, NORTH, SOUTH)
        assert answers(client, LETTER, 2) == [451, 451]
        attachments.unlink()
        begun(client, NORTH, SOUTH)
        assert answers(client, LETTER, 2) == [250, 250]


def test_more_than_a_hundred_recipients_come_in_several_messages(cast: Cast, listener: Process, lmtp_port: int) -> None:
    with smtplib.LMTP("127.0.0.1", lmtp_port) as client:
        begun(client, *[NORTH] * 100)
        assert client.rcpt(NORTH)[0] == 452


def test_smtp_has_one_answer_and_takes_one_recipient(
    cast: Cast, listener: Process, smtp_port: int, session: Session
) -> None:
    with smtplib.SMTP("127.0.0.1", smtp_port) as client:
        begun(client, NORTH)
        assert client.rcpt(SOUTH)[0] == 452
        assert answers(client, LETTER, 1) == [250]
    assert mailboxes(session) == [NORTH]


def test_a_line_longer_than_the_standards_allow_costs_no_mail(
    cast: Cast, listener: Process, lmtp_port: int, session: Session
) -> None:
    with smtplib.LMTP("127.0.0.1", lmtp_port) as client:
        begun(client, NORTH)
        assert answers(client, LETTER + b"x" * 2**20 + b"\r\n", 1) == [250]


@pytest.mark.mailservers
def test_postfix_hands_over_once_and_tries_again_only_for_whom_it_failed(
    cast: Cast, listener: Process, postfix: Postfix, session: Session
) -> None:
    rename(SOUTH, "elsewhere@desk.example")
    session.rollback()
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=20) as client:
        client.sendmail("alice@alder.example", [NORTH, SOUTH], LETTER)
    until(lambda: tickets(session) == [cast.north.id], what="the ticket of the one")
    until(lambda: postfix.queued() == 1 and "status=deferred" in postfix.log(), what="the other in the queue")
    rename("elsewhere@desk.example", SOUTH)
    session.rollback()
    postfix.flush()
    until(lambda: tickets(session) == sorted([cast.north.id, cast.south.id]), what="the ticket of the other")
    until(lambda: postfix.queued() == 0, what="an empty queue")
    assert mailboxes(session) == [NORTH, SOUTH]
    assert session.scalars(sa.select(InboundMail.repeats)).all() == [0, 0]


def raw_connection(port: int) -> tuple[socket.socket, BinaryIO]:
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    return connection, connection.makefile("rb")


def said(connection: socket.socket, answers: BinaryIO, line: bytes) -> bytes:
    connection.sendall(line)
    found = answers.readline()
    while found[3:4] == b"-":
        found = answers.readline()
    return found


def in_data(port: int) -> tuple[socket.socket, BinaryIO]:
    """A connection on which the message is awaited."""
    connection, lines = raw_connection(port)
    lines.readline()
    for line, code in (
        (b"EHLO mx.alder.example\r\n", b"250"),
        (b"MAIL FROM:<alice@alder.example>\r\n", b"250"),
        (f"RCPT TO:<{NORTH}>\r\n".encode(), b"250"),
        (b"DATA\r\n", b"354"),
    ):
        assert said(connection, lines, line).startswith(code)
    return connection, lines


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n\0.\r\n"])
def test_what_only_looks_like_the_end_of_a_message_smuggles_no_second_one(
    cast: Cast, listener: Process, smtp_port: int, session: Session, end: bytes
) -> None:
    inside = (
        b"MAIL FROM:<ceo@north.example>\r\nRCPT TO:<" + NORTH.encode() + b">\r\nDATA\r\n"
        b"From: ceo@north.example\r\nSubject: smuggled\r\n\r\npay\r\n"
    )
    connection, lines = in_data(smtp_port)
    with connection:
        answer = said(connection, lines, LETTER.rstrip() + end + inside + b"\r\n.\r\n")
        assert answer[:3] in (b"250", b"500", b"501", b"550", b"554")
        connection.sendall(b"QUIT\r\n")
        rest = lines.read()
    # One envelope: whatever was inside was read as text, or the whole was refused.
    assert rest.count(b"354") == 0
    session.rollback()
    assert len(mailboxes(session)) <= 1
    assert "ceo@north.example" not in session.scalars(sa.select(InboundMail.envelope_from)).all()
    assert "smuggled" not in session.scalars(sa.select(InboundMail.subject)).all()


def test_a_client_that_is_gone_before_the_end_leaves_nothing_and_one_that_tries_again_leaves_one(
    cast: Cast, listener: Process, smtp_port: int, session: Session
) -> None:
    for sent in (LETTER[: len(LETTER) // 2], LETTER):
        connection, _ = in_data(smtp_port)
        connection.sendall(sent)
        connection.close()
    connection, lines = in_data(smtp_port)
    connection.sendall(LETTER + b".\r\n")
    connection.close()  # gone after the dot, before our answer
    connection, lines = in_data(smtp_port)
    with connection:
        assert said(connection, lines, LETTER + b".\r\n").startswith(b"250")
    until(lambda: mailboxes(session) == [NORTH])
    until(lambda: tickets(session) == [cast.north.id])
