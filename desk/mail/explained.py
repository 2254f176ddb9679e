"""What would be read of a mail, and what would be done with it and why, without changing anything.

``flask mail explain`` prints it, the mail laboratory shows it. Nothing is kept: the row that a mail would have is made
up for the question and never meets the session.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk import markup
from desk.accounts.models import Team
from desk.config import Settings
from desk.db import AWAY
from desk.domain.identifiers import redact
from desk.domain.permissions import Actor, Role
from desk.domain.text import MESSAGE_LENGTH
from desk.domain.vocabulary import Audience
from desk.mail import gateway, intake, queries, storms
from desk.mail.message import InboundMessage
from desk.mail.models import MESSAGE_ID_LENGTH, InboundMail, InboundState
from desk.mail.reply import new_text
from desk.mail.sandbox import LIMITS, Limits, Unreadable, read_guarded
from desk.mail.threading import Decision
from desk.tickets.models import Ticket

log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What would become of a mail."""

    APPEND = "append"
    OPEN = "open"
    HOLD = "hold"
    REPORT = "report"
    QUARANTINE = "quarantine"  # it cannot be read, or deciding about it fails
    DUPLICATE = "duplicate"  # the same mail is on a ticket by another address
    REPEAT = "repeat"  # the same mail came for this address already: nothing happens


@dataclass(frozen=True, slots=True)
class Explained:
    """One mail in one mailbox. ``message`` is None where it cannot be read; ``decision`` where there is none."""

    mailbox: str
    outcome: Outcome
    reason: str
    message: InboundMessage | None = None
    decision: Decision | None = None
    twin_id: int | None = None

    @property
    def ticket_ids(self) -> list[int]:
        """Every ticket that the answer speaks of."""
        found = (self.decision.ticket_id, *self.decision.linked) if self.decision else ()
        return [number for number in dict.fromkeys((*found, self.twin_id)) if number]


# ------------------------------------------------------------------ the answer


def read_to_explain(raw: bytes, settings: Settings, limits: Limits = LIMITS) -> InboundMessage:
    """The reading that the desk would make. Raises ``Unreadable`` and ``NoReader`` with a sentence."""
    try:
        return read_guarded(raw, settings.AUTHSERV_ID or None, limits)
    except (RecursionError, MemoryError) as error:
        raise Unreadable(f"Reading it failed: {type(error).__name__}.") from error


def explain(
    session: Session, raw: bytes, message: InboundMessage, *, mailbox: str, settings: Settings, now: datetime
) -> Explained:
    """What would be done with a mail that came for ``mailbox`` now; changes nothing.

    What fails while it is decided quarantines a real mail, and says so here. Raises only when the database is away.
    """
    try:
        with session.begin_nested():
            return _explained(session, raw, message, mailbox, settings, now)
    except AWAY:
        raise
    except Exception as error:
        log.info("no decision: %s", type(error).__name__)
        reason = getattr(error, "sentence", "") or f"Reading it failed: {type(error).__name__}."
        return Explained(mailbox, Outcome.QUARANTINE, reason, message)


def _explained(
    session: Session, raw: bytes, message: InboundMessage, mailbox: str, settings: Settings, now: datetime
) -> Explained:
    signer = intake.signer_of(settings)
    owner = queries.mailbox(session, mailbox, signer)
    unkept = InboundMail(
        mailbox=owner.address if owner else mailbox.lower(),
        message_id=message.message_id[:MESSAGE_ID_LENGTH],
        content_sha256=intake.content_sha256(raw),
        envelope_from="",
        sender="",
        received_at=now,
        consortium_id=owner.consortium_id if owner else None,
        registry_id=owner.registry_id if owner else None,
    )
    decision = gateway.decision_about(session, unkept, message, signer, now, storms.pair_caps(settings))
    found = Explained(
        mailbox,
        Outcome(decision.verdict.value),
        decision.reason,
        message,
        decision,
    )
    if _came_already(session, unkept):
        return replace(found, outcome=Outcome.REPEAT, reason="The same mail came for this address already.")
    twin = gateway.twin_of(session, unkept, message, decision, now)
    if twin is not None:
        reason = "The same mail came to another address of this desk."
        return replace(found, outcome=Outcome.DUPLICATE, reason=reason, twin_id=twin.ticket_id)
    return found


def _came_already(session: Session, unkept: InboundMail) -> bool:
    wanted = sa.select(InboundMail.id).filter_by(
        mailbox=unkept.mailbox, message_id=unkept.message_id, content_sha256=unkept.content_sha256
    )
    return session.scalar(wanted.where(InboundMail.state != InboundState.NEW).limit(1)) is not None


# ------------------------------------------------------------------ for the mail laboratory


def mailboxes(session: Session, actor: Actor) -> Sequence[Team]:
    """The teams with an address whose mail the actor manages, by address."""
    own = sa.or_(
        Team.consortium_id.in_(actor.consortia(frozenset({Role.LEAD_MANAGER}))),
        Team.registry_id.in_(actor.registries(frozenset({Role.REGISTRY_MANAGER}))),
    )
    return session.scalars(sa.select(Team).where(Team.support_address.is_not(None), own).order_by(Team.id)).all()


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer as one reader may see it. ``withheld``: it speaks of a ticket that the reader cannot open."""

    explained: Explained
    tickets: Sequence[Ticket]
    withheld: bool
    subject: str = ""
    new: str = ""
    folded: str = ""
    removed: tuple[str, ...] = ()

    @property
    def audience(self) -> Audience | None:
        """Who would read it, where it would join a ticket."""
        decision = self.explained.decision
        return decision.audience if decision and self.explained.outcome is Outcome.APPEND else None


def shown_to(session: Session, actor: Actor, explained: Explained) -> Shown:
    """The answer for one reader, with secrets masked as on arrival.

    Of an answer that speaks of a ticket the reader cannot open nothing is shown: neither which one, nor what the sender
    may do there.
    """
    tickets = queries.tickets_to_link(session, actor, explained.ticket_ids)
    withheld = len(tickets) < len(explained.ticket_ids)
    message = explained.message
    if message is None:
        return Shown(explained, tickets, withheld)
    new = new_text(message)
    texts = (message.subject, new, message.text if message.text.strip() != new.strip() else "")
    masked = [redact(text[:MESSAGE_LENGTH]) for text in texts]
    removed = tuple(dict.fromkeys(one.kind for _, found in masked for one in found))
    subject, shown_new, folded = (text.strip() for text, _ in masked)
    return Shown(explained, tickets, withheld, subject, shown_new, folded, removed)


# ------------------------------------------------------------------ for the command line


def as_read(message: InboundMessage) -> dict[str, Any]:
    """A reading as values for JSON."""

    def shown(address: Any) -> dict[str, str] | None:
        return {"email": address.email, "name": address.name} if address else None

    recipients = message.report.recipients if message.report else ()
    return {
        "subject": message.subject,
        "from": shown(message.sender or next(iter(message.authors), None)),
        "sender_doubt": message.sender_doubt,
        "to": [shown(one) for one in message.to],
        "cc": [shown(one) for one in message.cc],
        "reply_to": [shown(one) for one in message.reply_to],
        "message_id": message.message_id,
        "in_reply_to": next(iter(message.in_reply_to), ""),
        "references": list(message.references),
        "text": message.text,
        "html": markup.mail_html(message.html) if message.html else None,
        "attachments": [
            {"filename": one.filename, "content_type": one.content_type, "size": len(one.data), "label": one.label}
            for one in message.attachments
        ],
        "is_auto_reply": message.is_auto_reply,
        "suppress_auto_response": message.is_machine,
        "machine": list(message.machine),
        "is_bounce": message.is_bounce,
        "bounce": {
            "recipients": [one.email for one in recipients],
            "statuses": [one.status for one in recipients],
            "original_message_id": message.report.original_message_id if message.report else "",
        },
        "is_feedback_report": message.is_feedback_report,
        "reply_text": new_text(message),
        "auth_verdict": message.auth.value,
        "forwarded_from": message.forwarded_from.email if message.forwarded_from else "",
        "defects": list(message.defects),
    }


def as_decided(explained: Explained) -> dict[str, Any]:
    """What would be done, as values for JSON."""
    found: dict[str, Any] = {
        "verdict": explained.outcome.value,
        "reason": explained.reason,
        "mailbox": explained.mailbox,
    }
    decision = explained.decision
    if decision is None:
        return found
    return found | {
        "ticket": explained.twin_id or decision.ticket_id,
        "audience": decision.audience.value,
        "machine": decision.machine,
        "answerable": decision.answerable,
        "linked": list(decision.linked),
        "evidence": list(decision.evidence),
    }


def kinds_of(shown: Shown | None) -> list[str]:
    """What the program says of itself in a message, in words."""
    message = shown.explained.message if shown else None
    if message is None:
        return []
    marks = (
        (message.is_bounce, "Delivery report"),
        (message.is_feedback_report, "Complaint report"),
        (message.is_auto_reply, "Automatic answer"),
        (message.is_machine and not (message.is_bounce or message.is_auto_reply), "Written by a machine"),
        (not message.complete, "Not read as a whole"),
    )
    return [words for holds, words in marks if holds]
