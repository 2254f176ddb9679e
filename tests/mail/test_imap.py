"""Fetching by IMAP from a real server: each mail once, whatever breaks, and nothing is moved that was not kept."""

import imaplib
import itertools
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.config import Settings
from desk.db import db
from desk.imap_account import ImapAccount
from desk.mail.models import ImapMailbox, InboundMail, InboundState, MailboxTrouble
from desk.mail.sources import imap
from desk.mail.sources.fetcher import Counts, Fetcher
from desk.mail.sources.imap import Inbox
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.clock import MovableClock
from tests.servers import strace
from tests.servers.desk import ROOT, Desk
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.engines import missing
from tests.servers.processes import until

pytestmark = pytest.mark.mailservers

NORTH = "north@desk.example"
_users = itertools.count(1)


def letter(number: int, text: str = "Since this morning.") -> bytes:
    return (
        f"From: Alice Alder <alice@alder.example>\r\nTo: {NORTH}\r\nSubject: Sign-in number {number} fails\r\n"
        f"Message-ID: <mail-{number}@alder.example>\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    ).encode()


@pytest.fixture
def account(dovecot: Dovecot, cast: Cast) -> ImapAccount:
    """A mailbox of the test's own."""
    return ImapAccount(
        host="127.0.0.1",
        port=dovecot.imap_port,
        security="none",
        user=f"north-{next(_users)}",
        password=PASSWORD,
        address=NORTH,
    )


def as_setting(*accounts: ImapAccount) -> dict[str, str]:
    return {"DESK_IMAP_ACCOUNTS": json.dumps([vars(account) for account in accounts])}


def count(session: Session, model: type, *where: sa.ColumnElement[bool]) -> int:
    session.rollback()
    return session.scalar(sa.select(sa.func.count()).select_from(model).where(*where)) or 0


def row(session: Session) -> ImapMailbox:
    session.rollback()
    session.expire_all()
    return session.scalars(sa.select(ImapMailbox)).one()


# ------------------------------------------------------------------ one pass


def test_mail_is_fetched_read_and_moved_out_of_the_way(
    dovecot: Dovecot, account: ImapAccount, desk: Desk, session: Session
) -> None:
    dovecot.deliver(account.user, letter(1), letter(2))
    desk.env |= as_setting(account)
    assert desk.do("mail", "poll") == f"{NORTH}: 2 kept, 0 too large, 0 left\n"
    assert (dovecot.count(account.user), dovecot.count(account.user, "Processed")) == (0, 2)
    assert (count(session, InboundMail), count(session, Ticket)) == (2, 2)
    assert desk.do("mail", "poll") == f"{NORTH}: 0 kept, 0 too large, 0 left\n"
    assert row(session).trouble is MailboxTrouble.NONE
    assert row(session).last_uid == 2


def test_one_account_is_set_in_the_environment_alone(
    dovecot: Dovecot, account: ImapAccount, desk: Desk, session: Session
) -> None:
    dovecot.deliver(account.user, letter(1))
    desk.env |= {
        "DESK_IMAP_HOST": "127.0.0.1",
        "DESK_IMAP_PORT": str(dovecot.imap_port),
        "DESK_IMAP_SECURITY": "none",
        "DESK_IMAP_USER": account.user,
        "DESK_IMAP_PASSWORD": PASSWORD,
        "DESK_IMAP_ADDRESS": NORTH,
    }
    assert "1 kept" in desk.do("mail", "poll")
    assert count(session, InboundMail) == 1


def test_each_mailbox_has_its_own_address(
    dovecot: Dovecot, account: ImapAccount, settings: Settings, session: Session, cast: Cast
) -> None:
    south = replace(account, user=f"south-{next(_users)}", address="south@desk.example")
    for one in (account, south):
        dovecot.deliver(one.user, letter(1))
        assert Fetcher(one, settings).once().kept == 1
    owners = session.execute(sa.select(InboundMail.mailbox, InboundMail.consortium_id)).all()
    assert set(owners) == {(NORTH, cast.north.id), ("south@desk.example", cast.south.id)}


def test_two_hundred_mails_are_fetched_in_one_pass(
    dovecot: Dovecot, account: ImapAccount, settings: Settings, session: Session
) -> None:
    dovecot.deliver(account.user, *(letter(number) for number in range(200)))
    assert Fetcher(account, settings).once() == Counts(kept=200, trouble=MailboxTrouble.NONE)
    assert count(session, InboundMail) == 200
    assert (dovecot.count(account.user), dovecot.count(account.user, "Processed")) == (0, 200)


def test_a_mail_that_is_too_large_is_put_aside_and_shown_while_the_others_go_on(
    dovecot: Dovecot, account: ImapAccount, settings: Settings, session: Session, cast: Cast, client: FlaskClient
) -> None:
    small = replace(settings, MAX_MAIL_MB=1)
    dovecot.deliver(account.user, letter(1), letter(2, "large\r\n" * 2**18), letter(3))
    assert Fetcher(account, small).once() == Counts(kept=2, too_large=1, trouble=MailboxTrouble.NONE)
    assert dovecot.count(account.user, "Too large") == 1
    [aside] = session.scalars(sa.select(InboundMail).where(InboundMail.state == InboundState.QUARANTINED)).all()
    assert aside.subject == "Sign-in number 2 fails"
    assert "larger than the 1 MB" in aside.reason
    page = cast.sign_in(client, cast.lena).get(f"/mail/{aside.id}")
    assert "Too large" in page.text


def test_a_server_that_cannot_move_gets_a_copy_and_a_mark(
    dovecot: Dovecot, account: ImapAccount, settings: Settings, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Inbox.__init__

    def without_move(inbox: Inbox, box: object, of: ImapAccount) -> None:
        opened(inbox, box, of)  # type: ignore[arg-type]
        inbox._abilities -= {"MOVE"}

    monkeypatch.setattr(Inbox, "__init__", without_move)
    dovecot.deliver(account.user, letter(1), letter(2))
    assert Fetcher(account, settings).once().kept == 2
    assert (dovecot.count(account.user), dovecot.count(account.user, "Processed")) == (0, 2)


# ------------------------------------------------------------------ what breaks


def test_a_mail_kept_but_not_moved_is_recognised_and_moved_the_next_time(
    dovecot: Dovecot, account: ImapAccount, settings: Settings, session: Session, clock: MovableClock
) -> None:
    """What a process leaves that is killed between the commit and the move."""

    class Killed(BaseException):
        """Nothing catches it."""

    class Killing(Fetcher):
        def _keep(self, inbox: Inbox, uid: int, counts: Counts) -> bool:
            super()._keep(inbox, uid, counts)
            raise Killed

    dovecot.deliver(account.user, letter(1))
    with pytest.raises(Killed):
        Killing(account, settings).once()
    assert (count(session, InboundMail), dovecot.count(account.user)) == (1, 1)
    assert Fetcher(account, settings).once().trouble is MailboxTrouble.NONE
    assert (dovecot.count(account.user), dovecot.count(account.user, "Processed")) == (0, 1)
    assert session.scalars(sa.select(InboundMail)).one().repeats == 1


@pytest.mark.faults
def test_each_mail_is_there_once_whenever_the_poll_is_killed(
    dovecot: Dovecot, account: ImapAccount, desk: Desk, session: Session, clock: MovableClock
) -> None:
    why = strace.why_not()
    if why is not None:
        missing("strace", why)
    desk.env |= as_setting(account)
    session.rollback()
    words = desk.command("mail", "poll")
    dovecot.deliver(account.user, letter(0))
    points = strace.spread(strace.Command(words, b"", desk.env, ROOT).calls(), 5)
    killed = 0
    for number, call in enumerate(points, 1):
        dovecot.deliver(account.user, letter(number))
        killed += strace.Command(words, b"", desk.env, ROOT).killed_at(call)
        clock.move(timedelta(minutes=3))
    assert killed >= len(points) // 2, "the calls of two runs differ too much to say anything"
    desk.do("mail", "poll")
    assert dovecot.count(account.user) == 0
    assert dovecot.count(account.user, "Processed") == len(points) + 1
    assert (count(session, InboundMail), count(session, Ticket)) == (len(points) + 1, len(points) + 1)
    assert count(session, InboundMail, InboundMail.state != InboundState.DONE) == 0


def test_a_killed_process_holds_a_mailbox_for_two_minutes_only(
    dovecot: Dovecot, account: ImapAccount, settings: Settings, session: Session, clock: MovableClock
) -> None:
    assert Fetcher(account, settings)._claim()
    dovecot.deliver(account.user, letter(1))
    assert Fetcher(account, settings).once().trouble is None
    clock.move(timedelta(minutes=3))
    assert Fetcher(account, settings).once().kept == 1


def test_mail_that_cannot_be_moved_is_kept_once_and_moved_when_that_is_possible(
    dovecot: Dovecot, account: ImapAccount, settings: Settings, session: Session
) -> None:
    dovecot.deliver(account.user, letter(1), letter(2))
    stuck = Fetcher(replace(account, processed="no//such//folder"), settings)
    assert stuck.once() == Counts(kept=2, left=2, trouble=MailboxTrouble.NOT_MOVED)
    assert stuck.once() == Counts(kept=0, left=2, trouble=MailboxTrouble.NOT_MOVED)
    assert Fetcher(account, settings).once().trouble is MailboxTrouble.NONE
    assert dovecot.count(account.user, "Processed") == 2
    assert count(session, InboundMail) == 2


def test_a_mailbox_made_anew_is_looked_at_again_although_the_numbers_are_known(
    dovecot: Dovecot, account: ImapAccount, settings: Settings, session: Session
) -> None:
    """A new UIDVALIDITY: number 1 is another mail now."""
    of_folder = replace(account, folder="Support", processed="no//such//folder")
    client = dovecot.login(account.user)
    client.create("Support")
    dovecot.deliver(account.user, letter(1), folder="Support")
    fetcher = Fetcher(of_folder, settings)
    assert fetcher.once().kept == 1
    before = row(session).uid_validity
    client.delete("Support")
    # Dovecot takes the second for it.
    until(lambda: client.status("INBOX", "(UIDVALIDITY)") and remade(client, before), 10, "another UIDVALIDITY")
    client.logout()
    dovecot.deliver(account.user, letter(2), folder="Support")
    assert fetcher.once().kept == 1
    assert set(session.scalars(sa.select(InboundMail.message_id))) == {"mail-1@alder.example", "mail-2@alder.example"}
    assert row(session).uid_validity not in (None, before)


def remade(client: imaplib.IMAP4, before: int | None) -> bool:
    client.create("Support")
    _, words = client.status("Support", "(UIDVALIDITY)")
    if f"UIDVALIDITY {before})".encode() not in (words[0] or b""):
        return True
    client.delete("Support")
    return False


def test_a_refused_sign_in_is_said_without_the_password_in_the_log_and_in_readyz(
    dovecot: Dovecot, account: ImapAccount, desk: Desk, client: FlaskClient, session: Session
) -> None:
    desk.env |= as_setting(replace(account, password="open sesame"))
    done = desk.run("mail", "poll")
    assert done.returncode == 1
    said = done.stderr.decode()
    assert "does not accept our sign-in (AUTHENTICATIONFAILED)" in said
    assert "open sesame" not in said and "Traceback" not in said
    assert row(session).trouble is MailboxTrouble.REFUSED
    answer = client.get("/readyz")
    assert any("does not accept the sign-in" in sentence for sentence in answer.get_json()["wrong"])
    assert account.user not in answer.text and NORTH not in answer.text


def test_a_mailbox_of_an_address_nobody_has_is_left_alone(
    dovecot: Dovecot, account: ImapAccount, settings: Settings, session: Session, client: FlaskClient
) -> None:
    dovecot.deliver(account.user, letter(1))
    unknown = replace(account, address="nobody@desk.example")
    assert Fetcher(unknown, settings).once() == Counts(trouble=MailboxTrouble.UNKNOWN_ADDRESS)
    assert (dovecot.count(account.user), count(session, InboundMail)) == (1, 0)
    assert any("address" in sentence for sentence in client.get("/readyz").get_json()["wrong"])
    assert Fetcher(account, settings).once().kept == 1
    assert client.get("/readyz").get_json()["wrong"] == []


def test_a_server_that_is_away_is_trouble_and_no_crash(
    account: ImapAccount, settings: Settings, session: Session
) -> None:
    away = replace(account, port=1)
    assert Fetcher(away, settings).once().trouble is MailboxTrouble.UNREACHABLE
    assert row(session).trouble_since is not None


def test_a_server_that_takes_the_connection_and_says_nothing_holds_nobody_up(
    account: ImapAccount, settings: Settings, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = replace(account, port=silent.getsockname()[1])
        assert Fetcher(hanging, settings).once().trouble is MailboxTrouble.UNREACHABLE
    assert Fetcher(account, settings).once().trouble is MailboxTrouble.NONE


def test_a_disk_that_takes_no_mail_leaves_it_where_it_is(
    dovecot: Dovecot, account: ImapAccount, settings: Settings, session: Session, desk: Desk
) -> None:
    dovecot.deliver(account.user, letter(1))
    attachments = desk.folder / "attachments"
    attachments.touch()  # a file where the folder should be
    assert Fetcher(account, settings).once().trouble is MailboxTrouble.FAILED
    assert (dovecot.count(account.user), count(session, InboundMail)) == (1, 0)
    attachments.unlink()
    assert Fetcher(account, settings).once().kept == 1


# ------------------------------------------------------------------ several, and for long


def test_two_pollers_at_once_take_each_mail_once(
    dovecot: Dovecot, account: ImapAccount, desk: Desk, session: Session
) -> None:
    dovecot.deliver(account.user, *(letter(number) for number in range(20)))
    desk.env |= as_setting(account)
    session.rollback()
    with ThreadPoolExecutor(2) as both:
        said = list(both.map(lambda _: desk.do("mail", "poll"), range(2)))
    assert any("20 kept" in words for words in said), said
    assert (count(session, InboundMail), count(session, Ticket)) == (20, 20)
    assert count(session, InboundMail, InboundMail.repeats > 0) == 0


@contextmanager
def running(app: Flask, account: ImapAccount) -> Iterator[None]:
    """A fetcher as a process has it."""
    stopping = threading.Event()

    def run() -> None:
        with app.app_context():
            Fetcher(account, app.config["DESK"]).run(stopping)
            db.session.remove()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(20)
        assert not thread.is_alive()


def test_mail_that_comes_while_the_desk_waits_is_there_soon(
    app: Flask, dovecot: Dovecot, account: ImapAccount, session: Session
) -> None:
    with running(app, account):
        until(lambda: count(session, ImapMailbox, ImapMailbox.fetched_at.is_not(None)), 10, "the first look")
        for number in range(3):
            dovecot.deliver(account.user, letter(number))
            until(lambda wanted=number + 1: count(session, InboundMail) == wanted, 10, "the mail")  # type: ignore[misc]
        until(lambda: dovecot.count(account.user, "Processed") == 3, 10, "moved")


def test_a_server_that_was_restarted_is_fetched_again(
    app: Flask, dovecot: Dovecot, account: ImapAccount, session: Session
) -> None:
    with running(app, account):
        until(lambda: count(session, ImapMailbox, ImapMailbox.fetched_at.is_not(None)), 10, "the first look")
        dovecot.go_away()
        away = ImapMailbox.trouble == MailboxTrouble.UNREACHABLE
        until(lambda: count(session, ImapMailbox, away), 20, "the trouble to be noted")
        dovecot.come_back()
        dovecot.deliver(account.user, letter(1))
        until(lambda: count(session, InboundMail) == 1, 60, "the mail")
        until(lambda: row(session).trouble is MailboxTrouble.NONE, 20, "the trouble to be over")


def test_the_jobs_fetch_and_read_by_themselves(
    dovecot: Dovecot, account: ImapAccount, desk: Desk, session: Session
) -> None:
    desk.env |= as_setting(account)
    dovecot.deliver(account.user, letter(1))
    session.rollback()
    jobs = desk.start("jobs", "run")
    until(lambda: count(session, Ticket) == 1, 60, "a ticket")
    assert jobs.stop() == 0, jobs.output()
    assert "Traceback" not in jobs.output(), jobs.output()
    assert row(session).holder == ""
