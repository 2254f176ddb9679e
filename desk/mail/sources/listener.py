"""LMTP and SMTP listeners: bytes in, and a yes only for what is durably kept.

LMTP answers once for each recipient (RFC 2033, 4.2), which aiosmtpd leaves to us: each has a row of its own, and of two
recipients one may be kept and the other be tried again. SMTP has one answer for all, so it takes one recipient per
message and the mail server sends the others separately. Everything unexpected is 451 without a word about what it was.
The SMTP door is for a trusted server in front of it: it relays nothing, asks for no sign-in, and is not meant for the
open internet.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask

from desk.clock import utcnow
from desk.config import Listen, Settings
from desk.db import db
from desk.domain.errors import NotFound, TooLarge
from desk.mail import intake, queries

log = logging.getLogger(__name__)

OK = "250 2.0.0 OK"
KEPT = "250 2.6.0 Kept"
LATER = "451 4.3.0 Please try again later"
ONE_AT_A_TIME = "452 4.5.3 One recipient at a time, please"
UNKNOWN = "451 4.1.1 This desk has no such address, or not yet"
TOO_MANY = "452 4.5.3 Too many recipients, please send the rest separately"
SECONDS_OF_SILENCE = 300

MOST_RECIPIENTS = 100
"""What RFC 5321, 4.5.3.1.8 asks for at least."""

LONGEST_LINE = 2 * 1024 * 1024
"""Longer than the standards allow, since refusing such a mail is for good, and mail servers let them through."""


class _Handler:
    """What aiosmtpd asks at each step. Work on the database is done in threads, each with a session of its own."""

    def __init__(self, app: Flask, readers: ThreadPoolExecutor) -> None:
        self._app = app
        self._settings: Settings = app.config["DESK"]
        self._readers = readers

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if envelope.rcpt_tos and not isinstance(server, LMTP):
            return ONE_AT_A_TIME
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return TOO_MANY
        if not await asyncio.to_thread(self._is_ours, address):
            # Not 5xx: an address that is missing because of a mistake in our set-up must not cost a mail.
            return UNKNOWN
        envelope.rcpt_tos.append(address)
        return OK

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = envelope.original_content or b""
        sender = envelope.mail_from or "<>"
        # In their order, and one after the other: the answers are told apart by nothing else.
        answers = [await asyncio.to_thread(self._take, raw, address, sender) for address in envelope.rcpt_tos]
        return "\r\n".join(answers)

    async def handle_exception(self, error: Exception) -> str:
        """Anything at all: aiosmtpd's own answer would be 500, for good, with the exception's text."""
        _log_unkept(error)
        return LATER

    def _take(self, raw: bytes, address: str, sender: str) -> str:
        """Keep a message for one recipient; the answer for that one."""
        try:
            mail_id = self._keep(raw, address, sender)
        except TooLarge as refusal:
            return f"552 5.3.4 {refusal.sentence}"
        except NotFound:
            return UNKNOWN  # it was ours a moment ago
        except Exception as error:
            _log_unkept(error)
            return LATER
        self._readers.submit(self._read, mail_id)
        return KEPT

    def _is_ours(self, address: str) -> bool:
        with self._app.app_context():
            return queries.mailbox(db.session(), address, intake.signer_of(self._settings)) is not None

    def _keep(self, raw: bytes, mailbox: str, sender: str) -> int:
        with self._app.app_context():
            return intake.accept(raw, mailbox=mailbox, envelope_from=sender, settings=self._settings, now=utcnow())

    def _read(self, mail_id: int) -> None:
        with self._app.app_context():
            try:
                intake.read_one(mail_id, self._settings, utcnow())
            except Exception:
                # The row is there; the jobs read what was left.
                log.exception("mail %s is kept and will be read later", mail_id)


def _log_unkept(error: Exception) -> None:
    log.error("a message was not kept: %s", type(error).__name__, exc_info=error)


class _Smtp(SMTP):
    line_length_limit = LONGEST_LINE


class _Lmtp(LMTP):
    """One answer for each recipient, also where the library has one for all of them."""

    line_length_limit = LONGEST_LINE
    _owed = 0

    async def push(self, status: str | bytes) -> None:
        """Send an answer; the one after the message as often as there are recipients, unless it is theirs already."""
        text = status.decode() if isinstance(status, bytes) else status
        if self._owed > 1 and "\r\n" not in text.rstrip():
            text = "\r\n".join([text.rstrip()] * self._owed)
        self._owed = len(self.envelope.rcpt_tos) if text.startswith("354") and self.envelope else 0
        await super().push(text)


class _Door(Controller):
    """One port; ``kind`` is LMTP or SMTP."""

    def __init__(self, kind: type[SMTP], handler: _Handler, listen: Listen, settings: Settings) -> None:
        self._kind = kind
        super().__init__(
            handler,
            hostname=listen.host,
            port=listen.port,
            data_size_limit=settings.max_mail_bytes,
            server_hostname=settings.MAIL_DOMAIN,
            ident="Consortium Desk",
            enable_SMTPUTF8=True,
            timeout=SECONDS_OF_SILENCE,
        )

    def factory(self) -> Any:
        """A protocol per connection."""
        return self._kind(self.handler, **self.SMTP_kwargs)


class Listener:
    """The listeners of one process; ``stop`` lets the mail in hand be read to the end."""

    def __init__(self, app: Flask) -> None:
        settings: Settings = app.config["DESK"]
        # One reader: mails of one sender are read in the order in which they came.
        self._readers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail-reader")
        handler = _Handler(app, self._readers)
        self._doors = [_Door(_Lmtp, handler, settings.LMTP_LISTEN, settings)]
        if settings.SMTP_LISTEN:
            self._doors.append(_Door(_Smtp, handler, settings.SMTP_LISTEN, settings))

    def start(self) -> "Listener":
        """Listen; returns once every port is open, raises ``OSError`` when one cannot be."""
        # aiosmtpd tells of every step of every mail: addresses of people, and reply addresses that are worth a key.
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        for door in self._doors:
            door.start()
        return self

    def stop(self) -> None:
        """Close the ports, then finish reading what was kept."""
        for door in self._doors:
            door.stop()
        self._readers.shutdown(wait=True)
