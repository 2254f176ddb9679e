"""Events to mail: one row per recipient, complete before the first try. Who is told is decided in ``desk.mail.told``.

Automatic mail is marked, and capped by ``desk.mail.storms``; nothing goes where mail comes back from. What is held back
is a dead row with its reason, visible and to be sent by hand.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Person, Team
from desk.config import Settings
from desk.conversations.models import Message
from desk.domain.lifecycle import MEMBER_WORDS, STAFF_WORDS
from desk.domain.targets import Kind
from desk.events import queries as events
from desk.events.models import Event
from desk.mail import late, letter, queries, storms, undelivered
from desk.mail.address import Signer
from desk.mail.compose import LINK_PLACE
from desk.mail.models import Hold, OutboundMail, OutboundState
from desk.mail.told import Recipient, told
from desk.sla import queries as sla
from desk.tickets.models import Ticket

log = logging.getLogger(__name__)

_REFERENCES = 10
# Written by a person and meant for this reader; everything else says that something happened.
_PERSONAL = frozenset({"answered", "asked_member", "resolved"})


def expand_one(session: Session, *, settings: Settings, now: datetime) -> bool:
    """Turn the oldest event that nobody was told of into rows of mail; whether there was one."""
    event = events.claim_unexpanded(session, now)
    if event is None:
        return False
    event.tell_from = _waits(session, event, now) or event.tell_from
    if event.tell_from is not None and event.tell_from > now:
        return True
    event.expanded_at = now
    for recipient in _told(session, event, now):
        try:
            with session.begin_nested():
                _add(session, event, recipient, settings, now)
        except Exception:
            # One letter that cannot be written must not keep the others from being told.
            log.exception("event %s (%s) could not be written to a recipient", event.id, event.kind)
            _add_unwritten(session, event, recipient, settings, now)
    session.flush()
    return True


def _waits(session: Session, event: Event, now: datetime) -> datetime | None:
    """Until when nobody is told, since those whom it concerns are not at work; None: now, as of everything else."""
    try:
        return late.wait_until(session, event, now) if event.kind in late.KINDS else None
    except Exception:
        log.exception("it could not be found out when to tell of event %s (%s)", event.id, event.kind)
        return None


def _told(session: Session, event: Event, now: datetime) -> Sequence[Recipient]:
    """Who is told; nobody, with a word in the log, where that cannot be found out: later events must not wait."""
    try:
        if event.kind in late.KINDS and not late.is_news(session, event):
            return []
        return told(session, event, now)
    except Exception:
        log.exception("nobody could be told of event %s (%s)", event.id, event.kind)
        return []


# ------------------------------------------------------------------ the row


def _add(session: Session, event: Event, recipient: Recipient, settings: Settings, now: datetime) -> None:
    row = _row(session, event, recipient, settings, now)
    content = letter.write(
        event.kind,
        _values(session, event, recipient, settings, now),
        zone=recipient.zone,
        with_marker=bool(row.reply_to),
    )
    row.subject, row.text, row.html = content.subject, content.text, content.html
    unproved = event.kind == "received_unverified" and recipient.side == "member"
    gone = undelivered.held_back(session, row)
    known = recipient.person is not None
    held = gone or storms.held_back(session, event, row, settings, now, known=known, unproved=unproved)
    if held:
        row.state, row.last_error, row.held_by = OutboundState.DEAD, held, Hold.ADDRESS if gone else Hold.CAP
    session.add(row)
    session.flush()


def _add_unwritten(session: Session, event: Event, recipient: Recipient, settings: Settings, now: datetime) -> None:
    row = _row(session, event, recipient, settings, now)
    row.state, row.last_error = OutboundState.DEAD, "The letter could not be written; the log says why."
    session.add(row)
    session.flush()


def _row(session: Session, event: Event, recipient: Recipient, settings: Settings, now: datetime) -> OutboundMail:
    """Everything but the words: addresses, ids and marks, fixed before the first try."""
    signer = Signer(settings.SECRET_KEY, settings.MAIL_DOMAIN)
    person_id = recipient.person.id if recipient.person else None
    address = recipient.address.lower()
    ids = (person_id, recipient.audience, address)
    reply_to = signer.reply_address(event.ticket_id, *ids) if event.ticket_id else ""
    thread = queries.thread_of(session, event.ticket_id, address) if event.ticket_id else []
    automatic = event.kind not in _PERSONAL
    return OutboundMail(
        event_id=event.id,
        person_id=person_id,
        to_address=address,
        ticket_id=event.ticket_id,
        ticket_message_id=event.message_id,
        audience=recipient.audience if event.ticket_id else None,
        message_id=signer.message_id(event.id, event.ticket_id or 0, *ids),
        # A bounce of a personal answer comes back to where an answer would; an automatic mail must not bounce.
        envelope_from="" if automatic else reply_to,
        from_header=_from(session, event, settings),
        reply_to=reply_to,
        in_reply_to=thread[-1] if thread else "",
        references=thread if len(thread) <= _REFERENCES else [thread[0], *thread[1 - _REFERENCES :]],
        subject="",
        text="",
        html="",
        automatic=automatic,
        state=OutboundState.QUEUED,
        created_at=now,
        next_try_at=now,
    )


def _from(session: Session, event: Event, settings: Settings) -> str:
    """Who writes, in the name of which desk; the address is the desk's own."""
    team = _team(session, event)
    address = team.support_address if team and team.support_address else f"desk@{settings.MAIL_DOMAIN}"
    name = team.name if team else "Consortium Desk"
    writer = session.get(Person, event.actor_id) if event.actor_id and event.kind in _PERSONAL else None
    return str(Address(display_name=f"{writer.name} ({name})" if writer else name, addr_spec=address))


def _team(session: Session, event: Event) -> Team | None:
    consortium_id = event.consortium_id
    if consortium_id is None:
        return None
    return session.scalars(sa.select(Team).where(Team.consortium_id == consortium_id, Team.tier == 1)).first()


def _values(session: Session, event: Event, recipient: Recipient, settings: Settings, now: datetime) -> dict[str, Any]:
    """What a template shows. Whom nothing has proved yet is shown nothing that an unproved sender wrote."""
    ticket = session.get(Ticket, event.ticket_id) if event.ticket_id else None
    message = session.get(Message, event.message_id) if event.message_id else None
    proposed = ticket is not None and ticket.unverified_sender is not None and recipient.side == "member"
    # What was taken out is said to its writer, unproved or not: the kinds are our words.
    removed = list(message.secrets_removed) if message is not None and recipient.side == "member" else []
    if message is not None and proposed and not message.from_staff:
        message = None
    actor = session.get(Person, event.actor_id) if event.actor_id else None
    team = _team(session, event)
    return {
        "side": recipient.side,
        "name": recipient.person.name if recipient.person else "",
        "desk": team.name if team else "Consortium Desk",
        "signature": team.signature if team else "",
        "actor": actor.name if actor else "",
        "at": event.at,
        "at_now": now,
        "payload": event.payload,
        "clock": late.values(session, event, settings.BASE_URL, now) if event.kind in late.KINDS else None,
        "before": datetime.fromisoformat(event.payload["before"]) if event.kind == "promise_moved" else None,
        "due_at": datetime.fromisoformat(event.payload["due_at"]) if event.payload.get("due_at") else None,
        "answer_by": _promised_answer(session, ticket, now) if ticket and event.kind == "opened" else None,
        "message": _shown(message),
        "secrets": removed,
        "ticket": _ticket(ticket, recipient, settings, proposed=proposed) if ticket else None,
        "base_url": settings.BASE_URL,
        "link_place": LINK_PLACE,
    }


def _promised_answer(session: Session, ticket: Ticket, now: datetime) -> datetime | None:
    """When the first answer is promised, where one is and it is still to come."""
    lines = sla.lines(session, ticket.id, now)
    return next((line.due_at for line in lines if line.kind is Kind.FIRST_RESPONSE and line.is_running), None)


def _shown(message: Message | None) -> dict[str, Any] | None:
    if message is None:
        return None
    author = message.author.name if message.author else message.author_label
    files: Sequence[str] = [attachment.file_name for attachment in message.attachments]
    return {
        "author": author,
        "text": message.text,
        "html": message.html,
        "files": files,
        "audience": message.audience.value,
    }


def _ticket(ticket: Ticket, recipient: Recipient, settings: Settings, *, proposed: bool) -> dict[str, Any]:
    words = MEMBER_WORDS if recipient.side == "member" else STAFF_WORDS
    org = ticket.member_org.name if ticket.member_org else ""
    return {
        "number": ticket.number,
        "subject": "" if proposed else ticket.subject,
        "state": words[ticket.state],
        "organisation": org,
        "priority": ticket.priority.value if recipient.side != "member" else "",
        "url": f"{settings.BASE_URL}/tickets/{ticket.number}" if recipient.person else "",
        "unverified_sender": ticket.unverified_sender if recipient.side == "lead" else None,
    }
