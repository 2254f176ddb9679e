"""Where the demo's outbound mail ends: an SMTP server on loopback that keeps every message in a Maildir."""

import logging
import mailbox
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from desk.config import Listen

RECIPIENT = "X-Demo-Recipient"
SIZE_LIMIT = 50 * 1024 * 1024


class Sink:
    """Takes whatever is sent to it and keeps one copy for each recipient."""

    def __init__(self, folder: Path, listen: Listen) -> None:
        self._controller = Controller(
            _Keep(folder), hostname=listen.host, port=listen.port, data_size_limit=SIZE_LIMIT, server_hostname="sink"
        )

    def start(self) -> "Sink":
        """Listen; returns when it does."""
        logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd tells of every step of every mail
        self._controller.start()
        return self

    def stop(self) -> None:
        """Stop listening."""
        self._controller.stop()


class _Keep:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        box = opened(self._folder)
        for recipient in envelope.rcpt_tos:
            box.add(f"{RECIPIENT}: {recipient.lower()}\r\n".encode() + content)
        return "250 kept for the demo"


def opened(folder: Path) -> mailbox.Maildir:
    """The Maildir, made when it is not there yet."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    return mailbox.Maildir(folder, create=True)


@dataclass(frozen=True, slots=True)
class Kept:
    """A message in the sink, as lists show it."""

    key: str
    recipient: str
    sender: str
    subject: str
    at: datetime


def kept(folder: Path, recipient: str | None = None) -> list[Kept]:
    """What has been sent, newest first; to one address when named."""
    if not folder.exists():
        return []
    box = opened(folder)
    found = [_listed(folder, key, message) for key in box.iterkeys() if (message := _headers(box, key)) is not None]
    wanted = [each for each in found if recipient is None or each.recipient == recipient.lower()]
    return sorted(wanted, key=lambda each: (each.at, each.key), reverse=True)


def read(folder: Path, key: str) -> EmailMessage | None:
    """One message whole, or None when it is not there."""
    if not folder.exists():
        return None
    try:
        raw = opened(folder).get_bytes(key)
    except KeyError:
        return None
    return BytesParser(EmailMessage, policy=policy.default).parsebytes(raw)


def _headers(box: mailbox.Maildir, key: str) -> EmailMessage | None:
    try:
        with box.get_file(key) as file:
            return BytesParser(EmailMessage, policy=policy.default).parse(file, headersonly=True)  # type: ignore[arg-type]
    except KeyError:
        return None  # taken away while we looked


def _listed(folder: Path, key: str, message: EmailMessage) -> Kept:
    name = next((path for part in ("new", "cur") if (path := folder / part / key).exists()), None)
    at = datetime.fromtimestamp(name.stat().st_mtime, UTC) if name else datetime.fromtimestamp(0, UTC)
    return Kept(
        key=key,
        recipient=str(message.get(RECIPIENT, "")),
        sender=str(message.get("From", "")),
        subject=str(message.get("Subject", "")),
        at=at,
    )
