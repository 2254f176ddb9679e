"""The mail servers between two desks: carries by domain, writes down who vouches for whom, keeps the rest."""

import asyncio
import smtplib
import threading
from collections.abc import Callable, Mapping
from email.parser import BytesHeaderParser

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.servers.processes import free_port
from tests.servers.sink import Received


class Postman:
    """SMTP on loopback. ``routes``: domain to the port of its desk, or to a function that takes the mail itself."""

    def __init__(self, routes: Mapping[str, int | Callable[[Received], None]]) -> None:
        self.routes = routes
        self.port = free_port()
        self._carried: list[tuple[str, Received]] = []
        self._lock = threading.Lock()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, data_size_limit=50_000_000)
        self._controller.start()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        for recipient in envelope.rcpt_tos:
            try:
                await asyncio.to_thread(self._carry, envelope.mail_from or "", recipient, content)
            except smtplib.SMTPException as refused:
                return f"451 4.0.0 {type(refused).__name__}"
        return "250 2.0.0 Carried"

    def _carry(self, sender: str, recipient: str, content: bytes) -> None:
        domain = recipient.rpartition("@")[2]
        received = Received(sender, (recipient,), vouched(content, domain))
        route = self.routes.get(domain)
        if isinstance(route, int):
            with smtplib.SMTP("127.0.0.1", route, timeout=20) as client:
                client.sendmail(sender, [recipient], received.raw)
        elif route is not None:
            route(received)
        with self._lock:
            self._carried.append((domain, received))

    def to(self, domain: str) -> list[Received]:
        """What was carried to a domain, the oldest first."""
        with self._lock:
            return [mail for name, mail in self._carried if name == domain]

    def close(self) -> None:
        self._controller.stop()


def vouched(content: bytes, by: str) -> bytes:
    """As the receiving server hands it on: it has looked, and says that the sender is who From says."""
    sender = str(BytesHeaderParser().parsebytes(content)["From"])
    domain = sender.rpartition("@")[2].strip(" >")
    return f"Authentication-Results: {by}; dmarc=pass header.from={domain}\r\n".encode() + content
