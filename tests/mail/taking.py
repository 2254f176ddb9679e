"""Taking mail in, as several test files do: a message, the word of our receiving server, and what became of it."""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.config import Settings
from desk.db import transaction
from desk.mail import intake, notify
from desk.mail.models import InboundMail, OutboundMail
from desk.tickets.models import Ticket

AUTHSERV = "mx.desk.example"
NORTH, SOUTH, ORCID = "north@desk.example", "south@desk.example", "orcid@desk.example"

Take = Callable[..., InboundMail]


def raw_mail(
    sender: str, *, to: str = NORTH, subject: str = "No token", text: str = "We get error 9017.", head: str = ""
) -> bytes:
    """A plain mail; ``head`` goes above its own header."""
    identity = f"{abs(hash((sender, to, subject, text, head)))}@elsewhere.example"
    return (
        f"{head}From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{identity}>\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    ).encode()


def vouched(sender: str) -> str:
    """Our receiving server says that the sender's domain wrote it."""
    return f"Authentication-Results: {AUTHSERV}; dmarc=pass header.from={sender.rpartition('@')[2]}\r\n"


def taker(session: Session, settings: Settings, now: datetime) -> Take:
    """Take a mail in and read it; the row."""
    object.__setattr__(settings, "AUTHSERV_ID", AUTHSERV)

    def take(
        raw: bytes, mailbox: str = NORTH, envelope_from: str = "", at: datetime | None = None, read: bool = True
    ) -> InboundMail:
        came = at or now
        mail_id = intake.accept(raw, mailbox=mailbox, envelope_from=envelope_from, settings=settings, now=came)
        if read:
            intake.read_one(mail_id, settings, now)
        session.expire_all()
        return session.get_one(InboundMail, mail_id)

    return take


def expand(settings: Settings, now: datetime) -> None:
    """Turn every event into mail."""
    while True:
        with transaction() as session:
            if not notify.expand_one(session, settings=settings, now=now):
                return


def tickets(session: Session) -> list[Ticket]:
    """All of them, in the order of their numbers."""
    return list(session.scalars(sa.select(Ticket).order_by(Ticket.id)).all())


def told(session: Session, address: str) -> list[OutboundMail]:
    """Our mails to an address, in the order in which they were written."""
    session.expire_all()
    rows = sa.select(OutboundMail).where(OutboundMail.to_address == address).order_by(OutboundMail.id)
    return list(session.scalars(rows).all())
