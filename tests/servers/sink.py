"""A smarthost that records what the desk sends and fails on demand."""

import asyncio
import email
import email.policy
import threading
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.servers.processes import free_port, until


@dataclass(frozen=True)
class Received:
    """One accepted message with its envelope."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        return cast(EmailMessage, email.message_from_bytes(self.raw, policy=email.policy.default))

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"]).strip()

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        """The plain part."""
        part = self.message.get_body(("plain",))
        return part.get_content() if part else ""


class _Handler:
    def __init__(self, sink: "Sink") -> None:
        self._sink = sink

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._sink.mode == "421":
            return "421 4.3.2 Closing"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._sink.mode == "reject" or address in self._sink.unknown:
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        mode = self._sink.mode
        self._sink.tries += 1
        if mode == "451" or (mode == "half" and self._sink.tries % 2):
            return "451 4.3.0 Try later"
        if mode == "550":
            return "550 5.7.1 Refused"
        if mode == "hang":
            await asyncio.sleep(3600)
        content = envelope.content
        assert isinstance(content, bytes)
        self._sink.keep(Received(envelope.mail_from or "", tuple(envelope.rcpt_tos), content))
        if mode == "slow":
            await asyncio.sleep(2)
        if mode == "drop":
            # Accepted, but the answer never arrives: the sender cannot know and has to repeat.
            assert server.transport is not None
            server.transport.close()
        return "250 2.0.0 Kept"


class Sink:
    """SMTP on loopback.

    ``mode``: ok, 421 (before the sender), 451, half (every second one), 550, reject, hang, slow (accepted, but two
    seconds pass before the answer), or drop (accept, then lose the answer). ``options`` are the controller's.
    """

    def __init__(self, **options: Any) -> None:
        self.mode = "ok"
        self.tries = 0
        self._options = options
        self.unknown: set[str] = set()
        self._messages: list[Received] = []
        self._lock = threading.Lock()
        self.port = free_port()
        self._controller: Controller | None = None
        self.open()

    def keep(self, message: Received) -> None:
        with self._lock:
            self._messages.append(message)

    @property
    def messages(self) -> list[Received]:
        """What was accepted, oldest first."""
        with self._lock:
            return list(self._messages)

    def wait_for(self, count: int, seconds: float = 20.0) -> list[Received]:
        """The messages once there are ``count``."""
        until(lambda: len(self.messages) >= count, seconds, f"{count} messages at the sink")
        return self.messages

    def clear(self) -> None:
        """Forget the messages and be well again."""
        with self._lock:
            self._messages.clear()
        self.mode = "ok"
        self.tries = 0
        self.unknown = set()

    def open(self) -> None:
        own = {"hostname": "127.0.0.1", "port": self.port, "data_size_limit": 50_000_000}
        self._controller = Controller(_Handler(self), **own, **self._options)
        self._controller.start()

    def close(self) -> None:
        """Stop listening: connections are refused until ``open``."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None
