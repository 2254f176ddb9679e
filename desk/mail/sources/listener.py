"""LMTP and SMTP listeners: bytes in, and a yes only for what is durably kept.

LMTP answers once per recipient, which aiosmtpd does not; so one recipient is taken per message, and the mail server
sends the others separately (``lmtp_destination_recipient_limit = 1`` in Postfix spares it the attempt). Everything
unexpected is 451 without a word about what it was. The SMTP door is for a trusted server in front of it: it relays
nothing, asks for no sign-in, and is not meant for the open internet.
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
from desk.domain.errors import TooLarge
from desk.mail import intake, queries

log = logging.getLogger(__name__)

OK = "250 2.0.0 OK"
KEPT = "250 2.6.0 Kept"
LATER = "451 4.3.0 Please try again later"
ONE_AT_A_TIME = "452 4.5.3 One recipient at a time, please"
UNKNOWN = "451 4.1.1 This desk has no such address, or not yet"
SECONDS_OF_SILENCE = 300


class _Handler:
    """What aiosmtpd asks at each step. Work on the database is done in threads, each with a session of its own."""

    def __init__(self, app: Flask, readers: ThreadPoolExecutor) -> None:
        self._app = app
        self._settings: Settings = app.config["DESK"]
        self._readers = readers

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if envelope.rcpt_tos:
            return ONE_AT_A_TIME
        if not await asyncio.to_thread(self._is_ours, address):
            # Not 5xx: an address that is missing because of a mistake in our set-up must not cost a mail.
            return UNKNOWN
        envelope.rcpt_tos.append(address)
        return OK

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = envelope.original_content or b""
        sender = envelope.mail_from or "<>"
        try:
            mail_id = await asyncio.to_thread(self._keep, raw, envelope.rcpt_tos[0], sender)
        except TooLarge as refusal:
            return f"552 5.3.4 {refusal.sentence}"
        self._readers.submit(self._read, mail_id)
        return KEPT

    async def handle_exception(self, error: Exception) -> str:
        """Anything at all: aiosmtpd's own answer would be 500, for good, with the exception's text."""
        log.error("a message was not kept: %s", type(error).__name__, exc_info=error)
        return LATER

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
        self._doors = [_Door(LMTP, handler, settings.LMTP_LISTEN, settings)]
        if settings.SMTP_LISTEN:
            self._doors.append(_Door(SMTP, handler, settings.SMTP_LISTEN, settings))

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
