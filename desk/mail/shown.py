"""What the templates of letters get to show: plain values of one event for one reader, and nothing to call."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Person, Team
from desk.config import Settings
from desk.conversations import queries as conversations
from desk.conversations.models import Message
from desk.domain.lifecycle import MEMBER_WORDS, STAFF_WORDS
from desk.domain.masking import mask
from desk.domain.notices import MEMBER, PERSONAL
from desk.domain.targets import Kind
from desk.domain.vocabulary import Audience
from desk.events.models import Event
from desk.mail import late
from desk.mail.compose import LINK_PLACE
from desk.mail.recipient import Recipient
from desk.sla import queries as sla
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket


def team_of(session: Session, event: Event | None) -> Team | None:
    """The desk in whose name a letter is written; None where the event belongs to no consortium."""
    consortium_id = event.consortium_id if event is not None else None
    if consortium_id is None:
        registry_id = event.registry_id if event is not None and event.kind == "redirected" else None
        return accounts.team_of_registry(session, registry_id) if registry_id is not None else None
    return session.scalars(sa.select(Team).where(Team.consortium_id == consortium_id, Team.tier == 1)).first()


def is_unproved(session: Session, event: Event) -> bool:
    """Whether nothing proves that whoever of a member's side is written to wrote to us: the narrowest caps hold."""
    if event.kind == "redirected":
        ticket = session.get(Ticket, event.ticket_id) if event.ticket_id else None
        return ticket is None or ticket.unverified_sender is not None
    return event.kind == "received_unverified"


def values(session: Session, event: Event, recipient: Recipient, settings: Settings, now: datetime) -> dict[str, Any]:
    """What a template shows. Whom nothing has proved yet is shown nothing that an unproved sender wrote."""
    ticket = session.get(Ticket, event.ticket_id) if event.ticket_id else None
    message = session.get(Message, event.message_id) if event.message_id else None
    proposed = ticket is not None and ticket.unverified_sender is not None and recipient.side == MEMBER
    # What was taken out is said to its writer, unproved or not: the kinds are our words.
    removed = list(message.secrets_removed) if message is not None and recipient.side == MEMBER else []
    if message is not None and proposed and not message.from_staff:
        message = None
    actor = session.get(Person, event.actor_id) if event.actor_id else None
    team = team_of(session, event)
    chosen = recipient.person is not None and event.kind not in PERSONAL and event.kind != "sign_in_link_issued"
    return {
        "side": recipient.side,
        "name": recipient.person.name if recipient.person else "",
        "desk": team.name if team else "Consortium Desk",
        "signature": team.signature if team else "",
        "actor": actor.name if actor else event.payload.get("by", ""),
        "at": event.at,
        "at_now": now,
        "payload": event.payload,
        "clock": late.values(session, event, settings.BASE_URL, now) if event.kind in late.KINDS else None,
        "before": datetime.fromisoformat(event.payload["before"]) if event.kind == "promise_moved" else None,
        "due_at": datetime.fromisoformat(event.payload["due_at"]) if event.payload.get("due_at") else None,
        "answer_by": _promised_answer(session, ticket, now) if ticket and event.kind == "opened" else None,
        "message": _shown(session, message, recipient, ticket, now),
        "secrets": removed,
        "ticket": _ticket(session, ticket, recipient, settings, now, proposed=proposed) if ticket else None,
        "base_url": settings.BASE_URL,
        "choice_url": f"{settings.BASE_URL}/profile/mail" if chosen else "",
        "unsubscribe_url": "",
        "link_place": LINK_PLACE,
    }


def _promised_answer(session: Session, ticket: Ticket, now: datetime) -> datetime | None:
    """When the first answer is promised, where one is and it is still to come."""
    lines = sla.lines(session, ticket.id, now)
    return next((line.due_at for line in lines if line.kind is Kind.FIRST_RESPONSE and line.is_running), None)


def _shown(
    session: Session, message: Message | None, recipient: Recipient, ticket: Ticket | None, now: datetime
) -> dict[str, Any] | None:
    if message is None:
        return None
    author = message.author.name if message.author else message.author_label
    files: Sequence[str] = [attachment.file_name for attachment in message.attachments]
    text, html = message.text, message.html
    if recipient.side == "registry" and message.audience is Audience.MEMBER and recipient.person and ticket:
        reader = accounts.actor_of(session, recipient.person.id, now)
        seen = conversations.shown_message(session, reader, message, tickets.subject_of(session, ticket))
        if seen is None:
            return None
        author, text, html = seen.author, seen.text, seen.html
        files = [attachment.file_name for attachment in seen.attachments]
    return {"author": author, "text": text, "html": html, "files": files, "audience": message.audience.value}


def _ticket(
    session: Session, ticket: Ticket, recipient: Recipient, settings: Settings, now: datetime, *, proposed: bool
) -> dict[str, Any]:
    words = MEMBER_WORDS if recipient.side == MEMBER else STAFF_WORDS
    org = ticket.member_org.name if ticket.member_org else ""
    return {
        "number": ticket.number,
        "subject": "" if proposed else _subject(session, ticket, recipient, now),
        "state": words[ticket.state],
        "organisation": org,
        "priority": ticket.priority.value if recipient.side != MEMBER else "",
        "url": f"{settings.BASE_URL}/tickets/{ticket.number}" if recipient.person else "",
        "unverified_sender": ticket.unverified_sender if recipient.side == "lead" else None,
    }


def _subject(session: Session, ticket: Ticket, recipient: Recipient, now: datetime) -> str:
    """Everybody of a registry's desk reads it as on its pages; an address that is nobody's there, masked."""
    if recipient.side != "registry":
        return ticket.subject
    if recipient.person is None:
        return mask(ticket.subject)
    return tickets.subject_for(session, accounts.actor_of(session, recipient.person.id, now), ticket)
