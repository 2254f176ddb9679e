"""Fetching by IMAP: keep, commit, then move; the move is what tells the mailbox that a mail was kept.

A mail that was kept and not moved, because the process ended in between or the folder is full, is found again and
recognised by its content. Any number of processes may run: one of them holds a mailbox at a time.
"""

import imaplib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice

from flask import Flask

from desk.clock import utcnow
from desk.config import Settings
from desk.db import AWAY, transaction
from desk.domain.errors import NotFound, TooLarge
from desk.imap_account import ImapAccount
from desk.mail import intake, queries
from desk.mail.models import InboundMail, InboundState, MailboxTrouble
from desk.mail.sources import mailboxes
from desk.mail.sources.imap import BROKEN, Inbox, NotMoved, SignInRefused, Unreachable, connected
from desk.mail.sources.tokens import Tokens
from desk.storage import store

log = logging.getLogger(__name__)

RENEW_SECONDS = 40.0
LOOK_SECONDS = 180.0
"""A mailbox is looked at this often even when the server tells of nothing; IDLE is begun anew each time, well within
the 29 minutes of RFC 2177."""

OTHERS_SECONDS = 15.0
FIRST_PAUSE = {MailboxTrouble.REFUSED: 60.0, MailboxTrouble.UNKNOWN_ADDRESS: 60.0}
LONGEST_PAUSE = {MailboxTrouble.REFUSED: 3600.0, MailboxTrouble.UNKNOWN_ADDRESS: 300.0}
"""A server that is asked in vain too often locks an account; an address may be added to a team at any moment."""

AT_ONCE = 100
STOP_SECONDS = 10.0


class _UnknownAddress(Exception):
    """No team has the address."""


class _Lost(Exception):
    """Another process holds the mailbox now."""


class _CannotKeep(Exception):
    """The disk takes no mail, so that fetching more would be in vain."""


@dataclass
class Counts:
    """What one pass did. ``left`` could not be kept or not be moved, and is tried again."""

    kept: int = 0
    too_large: int = 0
    left: int = 0
    trouble: MailboxTrouble | None = None  # None: another process fetches this mailbox


class Fetcher:
    """One account in one process."""

    def __init__(self, account: ImapAccount, settings: Settings) -> None:
        self.account = account
        self._settings = settings
        self._holder = secrets.token_hex(16)
        self._tokens = Tokens(account)
        self._claimed_at = float("-inf")
        self._uid_validity: int | None = None
        self._kept: set[int] = set()  # kept, and still to be moved

    def once(self) -> Counts:
        """One pass, for a command; the trouble it met is in the row and in the counts."""
        if not self._claim():
            return Counts()
        counts = Counts()
        try:
            counts.trouble = self._guarded(lambda inbox: self._fetch_all(inbox, counts))
        finally:
            with suppress(*AWAY), transaction() as session:
                mailboxes.release(session, self.account, self._holder)
        return counts

    def run(self, stopping: threading.Event) -> None:
        """Fetch, wait, fetch again until told to stop; whatever happens, it is tried again, later each time."""
        pause = 0.0
        while not stopping.is_set():
            try:
                if not self._claim():
                    stopping.wait(OTHERS_SECONDS)
                    continue
                began = time.monotonic()
                trouble = self._guarded(lambda inbox: self._stay(inbox, stopping))
                lasted = time.monotonic() - began
            except AWAY as error:
                log.warning("%s: the database is away (%s)", self.account.address, type(error).__name__)
                trouble, lasted = MailboxTrouble.FAILED, 0.0
            except Exception:
                log.exception("%s: fetching failed", self.account.address)
                trouble, lasted = MailboxTrouble.FAILED, 0.0
            pause = _longer(0.0 if lasted > LOOK_SECONDS else pause, trouble)
            stopping.wait(pause)
        with suppress(*AWAY), transaction() as session:
            mailboxes.release(session, self.account, self._holder)

    # ------------------------------------------------------------------ the hold

    def _claim(self) -> bool:
        with transaction() as session:
            held = mailboxes.claim(session, self.account, self._holder, utcnow())
        self._claimed_at = time.monotonic() if held else float("-inf")
        return held

    def _renew(self) -> None:
        if time.monotonic() - self._claimed_at > RENEW_SECONDS and not self._claim():
            raise _Lost

    # ------------------------------------------------------------------ one connection

    def _guarded(self, work: Callable[[Inbox], MailboxTrouble]) -> MailboxTrouble:
        """Connect and work; how that ended, also in the row. Raises what is wrong with the database or with us."""
        address = self.account.address
        try:
            self._demand_address()
            with self._connected() as inbox:
                self._recognise(inbox)
                return work(inbox)
        except _Lost:
            return MailboxTrouble.NONE
        except _UnknownAddress:
            log.error("%s is not an address of this desk, so its mailbox is not fetched", address)
            trouble = MailboxTrouble.UNKNOWN_ADDRESS
        except _CannotKeep as error:
            log.error("the mailbox of %s: mail cannot be kept (%s)", address, error)
            trouble = MailboxTrouble.FAILED
        except SignInRefused as error:
            log.error("the mailbox of %s: %s", address, error)
            trouble = MailboxTrouble.REFUSED
        except Unreachable as error:
            log.warning("the mailbox of %s: %s", address, error)
            trouble = MailboxTrouble.UNREACHABLE
        except BROKEN as error:
            log.warning("the mailbox of %s: the connection broke (%s)", address, type(error).__name__)
            trouble = MailboxTrouble.UNREACHABLE
        self._note(trouble)
        return trouble

    @contextmanager
    def _connected(self) -> Iterator[Inbox]:
        """A token from earlier may have been withdrawn before its time: then once more, with a new one."""
        was_kept = self._tokens.is_kept
        with ExitStack() as stack:
            try:
                inbox = stack.enter_context(connected(self.account, self._tokens))
            except SignInRefused:
                if not was_kept:
                    raise
                inbox = stack.enter_context(connected(self.account, self._tokens))
            yield inbox

    def _demand_address(self) -> None:
        """A mailbox whose owner is not known is left alone: a mistake in our set-up must not cost a mail."""
        with transaction() as session:
            owner = queries.mailbox(session, self.account.address, intake.signer_of(self._settings))
        if owner is None:
            raise _UnknownAddress

    def _recognise(self, inbox: Inbox) -> None:
        """A new UIDVALIDITY means that numbers name other mails than before: what was remembered is forgotten."""
        if self._uid_validity is None:
            with transaction() as session:
                self._uid_validity = mailboxes.remembered_validity(session, self.account)
        if self._uid_validity not in (None, inbox.uid_validity):
            log.warning("the mailbox of %s was made anew; all that is in it is looked at again", self.account.address)
        if self._uid_validity != inbox.uid_validity:
            self._kept.clear()
        self._uid_validity = inbox.uid_validity

    def _stay(self, inbox: Inbox, stopping: threading.Event) -> MailboxTrouble:
        trouble = MailboxTrouble.NONE
        while not stopping.is_set():
            trouble = self._fetch_all(inbox, Counts(), stopping)
            end = time.monotonic() + LOOK_SECONDS
            told = False
            while not told and not stopping.is_set() and (left := end - time.monotonic()) > 0:
                self._renew()
                told = inbox.wait(min(left, RENEW_SECONDS), stopping)
        return trouble

    # ------------------------------------------------------------------ one pass

    def _fetch_all(self, inbox: Inbox, counts: Counts, stopping: threading.Event | None = None) -> MailboxTrouble:
        """Everything in the folder, until only what cannot be kept or moved is left in it."""
        tried: dict[int, MailboxTrouble] = {}
        present = inbox.uids()
        while todo := [uid for uid in present if uid not in tried]:
            tried |= dict.fromkeys(todo, MailboxTrouble.FAILED)
            for uid, size in _with_sizes(inbox, todo):
                if stopping is not None and stopping.is_set():
                    return MailboxTrouble.NONE
                self._renew()
                tried[uid] = self._take_one(inbox, uid, size, counts)
            present = inbox.uids()
        counts.left = len(present)
        found = {tried[uid] for uid in present}
        trouble = MailboxTrouble.FAILED if MailboxTrouble.FAILED in found else MailboxTrouble.NOT_MOVED
        self._note(trouble if found else MailboxTrouble.NONE, inbox, max(tried, default=0))
        return trouble if found else MailboxTrouble.NONE

    def _take_one(self, inbox: Inbox, uid: int, size: int, counts: Counts) -> MailboxTrouble:
        """Keep one mail and move it. Its failure is its own: only what stops them all is raised."""
        try:
            if size > self._settings.max_mail_bytes or not self._keep(inbox, uid, counts):
                self._set_aside(inbox, uid, size)
                counts.too_large += 1
            else:
                inbox.move(uid, self.account.processed)
            self._kept.discard(uid)
        except NotMoved:
            log.error("a mail of %s was kept, but cannot be moved out of the way", self.account.address)
            return MailboxTrouble.NOT_MOVED
        except NotFound:
            raise _UnknownAddress from None
        except (*AWAY, *BROKEN):
            raise
        except Exception:
            log.exception("a mail of %s could not be kept, and is tried again", self.account.address)
            return MailboxTrouble.FAILED
        return MailboxTrouble.NONE

    def _keep(self, inbox: Inbox, uid: int, counts: Counts) -> bool:
        """Keep one mail; False when it is too large after all."""
        if uid in self._kept:
            return True
        raw = inbox.raw(uid)
        if raw is None:
            raise imaplib.IMAP4.error("the server gives no bytes")
        try:
            now = utcnow()
            intake.accept(raw, mailbox=self.account.address, envelope_from="", settings=self._settings, now=now)
        except TooLarge:
            return False
        except OSError as error:
            raise _CannotKeep(error.strerror or type(error).__name__) from error
        self._kept.add(uid)
        counts.kept += 1
        return True

    def _set_aside(self, inbox: Inbox, uid: int, size: int) -> None:
        """A row with the header and the reason, for the mail screen; the mail itself in a folder of its own."""
        header = inbox.header(uid) or b"\r\n"
        key = store().put(header)
        now = utcnow()
        with transaction() as session:
            address = self.account.address
            mail_id = intake.keep(
                session, header, key, mailbox=address, envelope_from="", settings=self._settings, now=now
            )
            mail = session.get_one(InboundMail, mail_id)
            if mail.state is InboundState.NEW:
                mail.state, mail.read_at, mail.size = InboundState.QUARANTINED, now, size
                mail.reason = _too_large(size, self._settings.MAX_MAIL_MB, self.account.too_large)
        log.warning("mail %s of %s is too large, and was put aside", mail_id, address)
        inbox.move(uid, self.account.too_large)

    def _note(self, trouble: MailboxTrouble, inbox: Inbox | None = None, highest: int = 0) -> None:
        validity = inbox.uid_validity if inbox else None
        with transaction() as session:
            mailboxes.note(session, self.account, trouble, utcnow(), uid_validity=validity, last_uid=highest)


def _with_sizes(inbox: Inbox, uids: list[int]) -> Iterator[tuple[int, int]]:
    """Each mail that is still there with its size, oldest first."""
    rest = iter(uids)
    while some := list(islice(rest, AT_ONCE)):
        yield from sorted(inbox.sizes(some).items())


def _too_large(size: int, most: int, folder: str) -> str:
    return (
        f"With {-(-size // 2**20)} MB it is larger than the {most} MB that the desk takes. "
        f"It lies in the folder “{folder}” of the mailbox; only its header is here."
    )


def _longer(pause: float, trouble: MailboxTrouble) -> float:
    """How long to wait after a failure: twice as long as the last time, and not all at once."""
    longest = LONGEST_PAUSE.get(trouble, 300.0)
    return min(max(pause * 2, FIRST_PAUSE.get(trouble, 2.0)), longest) * (0.75 + secrets.randbelow(50) / 100)


class Fetchers:
    """A thread for each account of one process; ``stop`` lets the mail in hand be kept and moved."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._stopping = threading.Event()
        settings: Settings = app.config["DESK"]
        self._threads = [
            threading.Thread(target=self._run, args=(Fetcher(account, settings),), name="mail-fetcher", daemon=True)
            for account in settings.IMAP_ACCOUNTS
        ]

    def start(self) -> "Fetchers":
        """Begin; returns at once."""
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """End after the mail in hand; a server that does not answer is not waited for."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(STOP_SECONDS)

    def _run(self, fetcher: Fetcher) -> None:
        with self._app.app_context():
            fetcher.run(self._stopping)
