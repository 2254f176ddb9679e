"""Events to mail: one row per recipient, complete before the first try. Who is told is decided in ``told`` alone.

Nobody is told of what they did themselves, nor of a message that they may not read at this moment. Automatic mail is
marked and capped by counts that trust no header: per address and day, per ticket and hour. What a cap holds back is a
dead row with its reason, visible and to be sent by hand.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Person, Team
from desk.config import Settings
from desk.conversations.models import Message
from desk.domain.lifecycle import MEMBER_WORDS, STAFF_WORDS
from desk.domain.permissions import MessageSubject, Permission, may
from desk.domain.vocabulary import Audience
from desk.events import queries as events
from desk.events.models import Event
from desk.issues import queries as issues
from desk.mail import letter, queries
from desk.mail.address import Signer
from desk.mail.models import OutboundMail, OutboundState
from desk.tickets import queries as tickets
from desk.tickets.models import Participant, Ticket

log = logging.getLogger(__name__)

PER_STRANGER_AND_DAY = 3
PER_PERSON_AND_DAY = 300
PER_TICKET_AND_HOUR = 60
LINK_PLACE = "{{ one-time link }}"
"""Stands in a row for a sign-in link until the moment of sending: the database alone gives nobody a link."""

_REFERENCES = 10
# Written by a person and meant for this reader; everything else says that something happened.
_PERSONAL = frozenset({"answered", "asked_member", "resolved"})


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who is told. ``side``: member, lead or registry, whose words are used; ``audience`` of their answer."""

    address: str
    side: str
    audience: Audience
    person: Person | None = None

    @property
    def zone(self) -> str:
        """Where their clocks are."""
        return self.person.timezone if self.person else "UTC"


def expand_one(session: Session, *, settings: Settings, now: datetime) -> bool:
    """Turn the oldest event that nobody was told of into rows of mail; whether there was one."""
    event = events.claim_unexpanded(session)
    if event is None:
        return False
    event.expanded_at = now
    for recipient in told(session, event, now):
        try:
            with session.begin_nested():
                _add(session, event, recipient, settings, now)
        except Exception:
            # One letter that cannot be written must not keep the others from being told.
            log.exception("event %s (%s) could not be written to a recipient", event.id, event.kind)
            _add_unwritten(session, event, recipient, settings, now)
    session.flush()
    return True


# ------------------------------------------------------------------ who is told


def told(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """Everybody who is told of an event, each address once."""
    rule = _TOLD.get(event.kind)
    found = rule(session, event, now) if rule else []
    chosen: dict[str, Recipient] = {}
    for recipient in found:
        person = recipient.person
        if person is not None and (not person.active or _did_it(event, recipient, person)):
            continue
        if _may_read(session, event, recipient, now):
            chosen.setdefault(recipient.address.lower(), recipient)
    return list(chosen.values())


def _did_it(event: Event, recipient: Recipient, person: Person) -> bool:
    """Whether it would be news of their own act; a receipt for their request is none."""
    return person.id == event.actor_id and not (event.kind == "opened" and recipient.side == "member")


def kinds() -> frozenset[str]:
    """The events of which anybody is told; each has a folder in ``templates/mail``."""
    return frozenset(_TOLD)


def _may_read(session: Session, event: Event, recipient: Recipient, now: datetime) -> bool:
    """Whether they may read what the mail shows, now and not when it was written."""
    if recipient.person is None or event.ticket_id is None:
        return True
    ticket = session.get_one(Ticket, event.ticket_id)
    actor = accounts.actor_of(session, recipient.person.id, now)
    subject = tickets.subject_of(session, ticket)
    message = session.get(Message, event.message_id) if event.message_id else None
    if message is not None:
        return may(actor, Permission.MESSAGE_READ, MessageSubject(subject, message.audience))
    return may(actor, Permission.TICKET_READ, subject)


def _members(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """Requester and participants; the address that wrote, while it belongs to nobody known."""
    ticket = session.get_one(Ticket, event.ticket_id)
    people = session.scalars(
        sa.select(Person).where(
            sa.or_(
                Person.id == ticket.requester_id,
                Person.id.in_(sa.select(Participant.person_id).where(Participant.ticket_id == ticket.id)),
            )
        )
    ).all()
    found = [Recipient(person.email, "member", Audience.MEMBER, person) for person in people]
    if ticket.requester_id is None and ticket.unverified_sender and "@" in ticket.unverified_sender:
        found.append(Recipient(ticket.unverified_sender, "member", Audience.MEMBER))
    return found


def _sender(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """Who wrote an unverified mail, unless it was a machine or its sender failed authentication."""
    mail = queries.mail_of_message(session, event.message_id) if event.message_id else None
    return _members(session, event, now) if mail is not None and mail.evidence.get("answerable") else []


def _desk(session: Session, event: Event, now: datetime, audience: Audience = Audience.MEMBER) -> list[Recipient]:
    """Everybody of the lead's desk."""
    ticket = session.get_one(Ticket, event.ticket_id)
    people = accounts.lead_people(session, ticket.consortium_id, now)
    return [Recipient(person.email, "lead", audience, person) for person in people]


def _whose_it_is(
    session: Session, event: Event, now: datetime, audience: Audience = Audience.MEMBER
) -> list[Recipient]:
    """Who has taken the ticket, else everybody of the lead's desk."""
    ticket = session.get_one(Ticket, event.ticket_id)
    everybody = _desk(session, event, now, audience)
    return [one for one in everybody if one.person and one.person.id == ticket.assignee_id] or everybody


def _registries(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """The desks of the registries that the ticket was handed to."""
    ticket = session.get_one(Ticket, event.ticket_id)
    audience = Audience.REGISTRY if event.audience == Audience.REGISTRY.value else Audience.HANDOVER
    return [
        Recipient(person.email, "registry", audience, person)
        for registry_id in sorted(tickets.subject_of(session, ticket).registry_ids)
        for person in accounts.registry_people(session, registry_id, now)
    ]


def _about_the_work(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """The lead's side of a hand-over."""
    return _whose_it_is(session, event, now, Audience.HANDOVER)


def _readers_of_a_note(session: Session, event: Event, now: datetime) -> list[Recipient]:
    if event.audience == Audience.LEAD.value:
        return _whose_it_is(session, event, now, Audience.LEAD)
    lead = _about_the_work(session, event, now) if event.audience == Audience.HANDOVER.value else []
    return [*lead, *_registries(session, event, now)]


def _assignee(session: Session, event: Event, now: datetime) -> list[Recipient]:
    ticket = session.get_one(Ticket, event.ticket_id)
    everybody = _desk(session, event, now, Audience.LEAD)
    return [one for one in everybody if one.person and one.person.id == ticket.assignee_id]


def _the_other_side(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """The desk when the member reopened it; the member when the desk did."""
    by_desk = event.actor_id in {one.person.id for one in _desk(session, event, now) if one.person}
    return _members(session, event, now) if by_desk else _whose_it_is(session, event, now)


def _opened(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """The desk, and a receipt for who asked even though they did it themselves."""
    return [*_members(session, event, now), *_desk(session, event, now)]


def _received(session: Session, event: Event, now: datetime) -> list[Recipient]:
    return [*_sender(session, event, now), *_desk(session, event, now)]


def _escalated(session: Session, event: Event, now: datetime) -> list[Recipient]:
    return [*_members(session, event, now), *_registries(session, event, now)]


def _late(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """Whoever's clock it is: the registry's desk while the ticket is there, the lead's always."""
    at_registry = "registry" in str(event.payload.get("kind", ""))
    return [*_about_the_work(session, event, now), *(_registries(session, event, now) if at_registry else [])]


def _that_person(session: Session, event: Event, now: datetime) -> list[Recipient]:
    person_id = event.person_id or event.payload.get("person_id")
    person = session.get(Person, person_id) if person_id else None
    return [Recipient(person.email, "member", Audience.MEMBER, person)] if person else []


def _followers(session: Session, event: Event, now: datetime) -> list[Recipient]:
    if event.issue_id is None or event.consortium_id is None:
        return []
    ids = issues.followers(session, event.issue_id, event.consortium_id, now)
    people = session.scalars(sa.select(Person).where(Person.id.in_(ids)).order_by(Person.id)).all()
    return [Recipient(person.email, "member", Audience.MEMBER, person) for person in people]


_TOLD: Mapping[str, Callable[[Session, Event, datetime], list[Recipient]]] = {
    "opened": _opened,
    "received_unverified": _received,
    "requester_confirmed": _members,
    "participant_added": _that_person,
    "assigned": _assignee,
    "answered": _members,
    "asked_member": _members,
    "resolved": _members,
    "member_wrote": _whose_it_is,
    "confirmed": _whose_it_is,
    "reopened": _the_other_side,
    "noted": _readers_of_a_note,
    "escalated": _escalated,
    "accepted": _about_the_work,
    "declined": _about_the_work,
    "returned": _about_the_work,
    "fixed": _about_the_work,
    "withdrawn": _registries,
    "verified": _registries,
    "warned": _late,
    "breached": _late,
    "sign_in_link_issued": _that_person,
    "issue_published": _followers,
    "issue_updated": _followers,
}


# ------------------------------------------------------------------ the row


def _add(session: Session, event: Event, recipient: Recipient, settings: Settings, now: datetime) -> None:
    row = _row(session, event, recipient, settings, now)
    content = letter.write(
        event.kind,
        _values(session, event, recipient, settings),
        zone=recipient.zone,
        with_marker=bool(row.reply_to),
    )
    row.subject, row.text, row.html = content.subject, content.text, content.html
    unproved = event.kind == "received_unverified" and recipient.side == "member"
    held_back = _held_back(session, row, recipient, now, unproved=unproved)
    if held_back:
        row.state, row.last_error = OutboundState.DEAD, held_back
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


def _held_back(session: Session, row: OutboundMail, recipient: Recipient, now: datetime, *, unproved: bool) -> str:
    """Why an automatic mail is not sent, or ''. The counts trust no header of anybody."""
    if row.to_address in queries.own_addresses(session):
        return "Held back: it is an address of the desk's own."
    if not row.automatic:
        return ""
    limit = PER_PERSON_AND_DAY if recipient.person and not unproved else PER_STRANGER_AND_DAY
    if queries.automatic_count(session, now - timedelta(days=1), address=row.to_address) >= limit:
        return f"Held back: {limit} automatic mails went to this address within a day."
    if row.ticket_id is None:
        return ""
    recent = queries.automatic_count(session, now - timedelta(hours=1), ticket_id=row.ticket_id)
    if recent >= PER_TICKET_AND_HOUR:
        return f"Held back: {PER_TICKET_AND_HOUR} automatic mails went out about this ticket within an hour."
    return ""


def _values(session: Session, event: Event, recipient: Recipient, settings: Settings) -> dict[str, Any]:
    """What a template shows. Whom nothing has proved yet is shown nothing that an unproved sender wrote."""
    ticket = session.get(Ticket, event.ticket_id) if event.ticket_id else None
    message = session.get(Message, event.message_id) if event.message_id else None
    proposed = ticket is not None and ticket.unverified_sender is not None and recipient.side == "member"
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
        "payload": event.payload,
        "message": _shown(message),
        "ticket": _ticket(ticket, recipient, settings, proposed=proposed) if ticket else None,
        "base_url": settings.BASE_URL,
        "link_place": LINK_PLACE,
    }


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
        "secrets": list(message.secrets_removed),
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
