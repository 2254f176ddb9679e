"""Reading mail: whose an address is, what an id belongs to, what is due, and the lists of the mail screen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Team
from desk.bridge.models import BridgeLink
from desk.domain.errors import NotFound
from desk.domain.permissions import Actor, Role
from desk.domain.vocabulary import Audience
from desk.events.models import Event
from desk.mail.address import Signer
from desk.mail.failures import Failure
from desk.mail.models import (
    InboundMail,
    InboundOutcome,
    InboundState,
    OutboundMail,
    OutboundState,
    SuppressedAddress,
    WaitingNotice,
)
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket

PAGE_SIZE = 50
_MOST_MERGES = 20


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address of the desk's own: whose it is. A reply address that is worth nothing belongs to nobody."""

    address: str
    consortium_id: int | None = None
    registry_id: int | None = None


def mailbox(session: Session, address: str, signer: Signer) -> Mailbox | None:
    """Whose address this is: a team's (with or without ``+detail``), or of the form of a reply address; else None."""
    lowered = address.strip().strip("<>").lower()
    if signer.claims_to_be_ours(lowered):
        link_id = signer.read_escalation_address(lowered)
        if link_id is not None:
            link = session.get(BridgeLink, link_id)
            escalated = session.get(Ticket, link.ticket_id) if link else None
            return Mailbox(lowered, escalated.consortium_id if escalated else None)
        issued = signer.read_reply_address(lowered)
        ticket = session.get(Ticket, issued.ticket_id) if issued else None
        if ticket is not None and issued is not None and issued.audience is Audience.REGISTRY:
            # An answer to a note of the registry's own: nothing of it is for the lead, held or not.
            return Mailbox(lowered, registry_id=ticket.consortium.registry_id)
        return Mailbox(lowered, ticket.consortium_id if ticket else None)
    local, _, domain = lowered.rpartition("@")
    team = accounts.team_by_address(session, lowered)
    team = team or accounts.team_by_address(session, f"{local.partition('+')[0]}@{domain}")
    return Mailbox(lowered, team.consortium_id, team.registry_id) if team else None


def own_addresses(session: Session) -> frozenset[str]:
    """Every support address: a mail from one of them is a mail from ourselves."""
    return frozenset(
        address for address in session.scalars(sa.select(Team.support_address)).all() if address is not None
    )


def only_mailbox(session: Session) -> str | None:
    """The one lead's address of an installation that has just one."""
    addresses = session.scalars(
        sa.select(Team.support_address).where(Team.tier == 1, Team.support_address.is_not(None)).limit(2)
    ).all()
    return addresses[0] if len(addresses) == 1 else None


def followed(session: Session, ticket_id: int) -> Ticket | None:
    """The ticket, or the one that it was merged into; None when there is no such ticket."""
    ticket = session.get(Ticket, ticket_id) if ticket_id < 2**31 else None
    for _ in range(_MOST_MERGES):
        if ticket is None or ticket.merged_into_id is None:
            return ticket
        ticket = session.get(Ticket, ticket.merged_into_id)
    return ticket


def sent_by_ids(session: Session, ids: Sequence[str]) -> Sequence[OutboundMail]:
    """Mails of ours with one of these Message-IDs that belong to a ticket."""
    if not ids:
        return []
    return session.scalars(
        sa.select(OutboundMail).where(OutboundMail.message_id.in_(ids), OutboundMail.ticket_id.is_not(None))
    ).all()


def received_by_ids(session: Session, ids: Sequence[str]) -> Sequence[InboundMail]:
    """Mails that came in with one of these Message-IDs and are on a ticket."""
    if not ids:
        return []
    return session.scalars(
        sa.select(InboundMail).where(InboundMail.message_id.in_(ids), InboundMail.ticket_id.is_not(None))
    ).all()


def twin(session: Session, mail: InboundMail, consortium_id: int | None) -> InboundMail | None:
    """The same mail, already read for another address, of which that consortium has a message (None: a registry)."""
    if not mail.message_id:
        return None
    return session.scalars(
        sa.select(InboundMail).where(
            InboundMail.id != mail.id,
            InboundMail.message_id == mail.message_id,
            InboundMail.content_sha256 == mail.content_sha256,
            InboundMail.state == InboundState.DONE,
            InboundMail.ticket_message_id.is_not(None),
            InboundMail.consortium_id.is_not_distinct_from(consortium_id),
        )
    ).first()


def next_unread(session: Session, after_id: int = 0) -> InboundMail | None:
    """The oldest mail that was kept and not read."""
    return session.scalars(
        sa.select(InboundMail)
        .where(InboundMail.state == InboundState.NEW, InboundMail.id > after_id)
        .order_by(InboundMail.id)
        .limit(1)
    ).first()


def mail_of_message(session: Session, ticket_message_id: int) -> InboundMail | None:
    """The mail that became this message of a ticket."""
    return session.scalars(
        sa.select(InboundMail).where(InboundMail.ticket_message_id == ticket_message_id).limit(1)
    ).first()


def addressed_with(session: Session, ticket_id: int) -> list[str]:
    """Whom the mails of a ticket were addressed to besides the desk, each once: they get nothing by that."""
    found = session.scalars(
        sa.select(InboundMail.evidence)
        .where(InboundMail.ticket_id == ticket_id, InboundMail.ticket_message_id.is_not(None))
        .order_by(InboundMail.id)
        .limit(PAGE_SIZE)
    )
    return list(dict.fromkeys(address for evidence in found for address in evidence.get("addressed", ())))


def thread_of(session: Session, ticket_id: int, address: str) -> list[str]:
    """The Message-IDs that this address has seen of a ticket, theirs and ours, in the order of time."""
    sent = session.execute(
        sa.select(OutboundMail.created_at, OutboundMail.message_id).where(
            OutboundMail.ticket_id == ticket_id, OutboundMail.to_address == address
        )
    ).all()
    came = session.execute(
        sa.select(InboundMail.received_at, InboundMail.message_id).where(
            InboundMail.ticket_id == ticket_id, InboundMail.sender == address, InboundMail.message_id != ""
        )
    ).all()
    # A header of ours is ASCII; ids of strangers may be anything.
    in_order = sorted((at, message_id) for at, message_id in (*came, *sent) if message_id.isascii())
    return list(dict.fromkeys(message_id for _, message_id in in_order))


def events_of(session: Session, mail: OutboundMail) -> Sequence[Event]:
    """The events that a mail of ours tells of: its own, or those that were gathered in it."""
    gathered = sa.select(WaitingNotice.event_id).where(WaitingNotice.mail_id == mail.id)
    own = sa.false() if mail.event_id is None else Event.id == mail.event_id
    return session.scalars(sa.select(Event).where(sa.or_(own, Event.id.in_(gathered))).order_by(Event.id)).all()


def automatic_count(
    session: Session, since: datetime, *, address: str | None = None, ticket_id: int | None = None
) -> int:
    """How many automatic mails were written since then to an address, or about a ticket; without those held back."""
    conditions = [
        OutboundMail.automatic,
        OutboundMail.created_at > since,
        OutboundMail.state != OutboundState.DEAD,
    ]
    if address is not None:
        conditions.append(OutboundMail.to_address == address)
    if ticket_id is not None:
        conditions.append(OutboundMail.ticket_id == ticket_id)
    return session.scalar(sa.select(sa.func.count()).select_from(OutboundMail).where(*conditions)) or 0


_LATEST_EVENTS = 20_000


def unproved_count(session: Session, event: Event, since: datetime) -> int:
    """How many mails of senders nobody has vouched for opened tickets at the event's desk since then, this one too."""
    wanted = sa.select(sa.func.count()).where(
        Event.id > event.id - _LATEST_EVENTS,  # by the primary key: events have no index on their time
        Event.id <= event.id,
        Event.kind == event.kind,
        Event.consortium_id == event.consortium_id,
        Event.at > since,
    )
    return session.scalar(wanted) or 0


def pair_count(session: Session, mail: InboundMail, address: str, since: datetime) -> int:
    """How many mails of this address came to the mail's desk from ``since`` until the mail itself, without it."""
    wanted = sa.select(sa.func.count()).where(
        InboundMail.counterpart == address,
        InboundMail.received_at > since,
        InboundMail.received_at <= mail.received_at,
        InboundMail.id != mail.id,
        InboundMail.consortium_id.is_not_distinct_from(mail.consortium_id),
        InboundMail.registry_id.is_not_distinct_from(mail.registry_id),
    )
    return session.scalar(wanted) or 0


def came_from(
    session: Session, address: str, since: datetime, consortium_id: int | None, registry_id: int | None
) -> int:
    """How many mails of this address came to a desk since then."""
    owner = InboundMail.consortium_id == consortium_id if consortium_id else InboundMail.registry_id == registry_id
    wanted = sa.select(sa.func.count()).where(
        InboundMail.counterpart == address, InboundMail.received_at > since, owner
    )
    return session.scalar(wanted) or 0


def failed_count(session: Session, address: str, failure: Failure, since: datetime) -> int:
    """How many mails of ours to this address failed in this way since then."""
    wanted = sa.select(sa.func.count()).where(
        OutboundMail.to_address == address, OutboundMail.failure == failure, OutboundMail.failed_at > since
    )
    return session.scalar(wanted) or 0


def suppression_of(session: Session, address: str) -> SuppressedAddress | None:
    """Why nothing goes to an address now; None where mail does."""
    return session.scalars(
        sa.select(SuppressedAddress).where(SuppressedAddress.address == address, SuppressedAddress.lifted_at.is_(None))
    ).first()


# ------------------------------------------------------------------ the mail screen


@dataclass(frozen=True, slots=True)
class InboundFilter:
    """What of the mail that came in is to be listed."""

    state: InboundState | None = None
    outcome: InboundOutcome | None = None


def inbound_visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    """Mail for the managers of its consortium or registry; mail that belongs to neither, for registries' managers."""
    registries = actor.registries(frozenset({Role.REGISTRY_MANAGER}))
    conditions: list[sa.ColumnElement[bool]] = [
        InboundMail.consortium_id.in_(actor.consortia(frozenset({Role.LEAD_MANAGER}))),
        InboundMail.registry_id.in_(registries),
    ]
    if registries:
        conditions.append(sa.and_(InboundMail.consortium_id.is_(None), InboundMail.registry_id.is_(None)))
    return sa.or_(*conditions)


def inbound(session: Session, actor: Actor, wanted: InboundFilter, *, page: int = 1) -> Sequence[InboundMail]:
    """A page of the mail that came in, newest first; one row more than a page if more follow."""
    query = sa.select(InboundMail).where(inbound_visible_to(actor))
    if wanted.state:
        query = query.where(InboundMail.state == wanted.state)
    if wanted.outcome:
        query = query.where(InboundMail.outcome == wanted.outcome)
    offset = (max(page, 1) - 1) * PAGE_SIZE
    return session.scalars(query.order_by(InboundMail.id.desc()).limit(PAGE_SIZE + 1).offset(offset)).all()


def inbound_counts(session: Session, actor: Actor) -> dict[str, int]:
    """How many mails came in, by outcome, and by state where there is none: the parts add up to ``received``."""
    rows = session.execute(
        sa.select(InboundMail.state, InboundMail.outcome, sa.func.count())
        .where(inbound_visible_to(actor))
        .group_by(InboundMail.state, InboundMail.outcome)
    ).all()
    found: dict[str, int] = {"received": 0}
    for state, outcome, count in rows:
        name = outcome.value if state is InboundState.DONE and outcome else state.value
        found[name] = found.get(name, 0) + count
        found["received"] += count
    return found


def get_inbound(session: Session, actor: Actor, mail_id: int) -> InboundMail:
    """One mail, or ``NotFound``."""
    found = session.scalars(sa.select(InboundMail).where(InboundMail.id == mail_id, inbound_visible_to(actor))).first()
    if found is None:
        raise NotFound
    return found


def tickets_to_link(session: Session, actor: Actor, ids: Sequence[int]) -> Sequence[Ticket]:
    """Those of these tickets that the actor can open."""
    wanted = sa.select(Ticket).where(Ticket.id.in_(ids), tickets.visible_to(actor)).order_by(Ticket.id)
    return session.scalars(wanted).all()


def outbound_visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    """A consortium's mail, of its tickets and published issues, to its managers; nobody's to registries' managers."""
    places = actor.consortia(frozenset({Role.LEAD_MANAGER}))
    managed = sa.select(Ticket.id).where(Ticket.consortium_id.in_(places))
    told = sa.select(Event.id).where(Event.ticket_id.is_(None), Event.consortium_id.in_(places))
    conditions: list[sa.ColumnElement[bool]] = [OutboundMail.ticket_id.in_(managed), OutboundMail.event_id.in_(told)]
    if actor.registries(frozenset({Role.REGISTRY_MANAGER})):
        placed = sa.exists().where(Event.id == OutboundMail.event_id, Event.consortium_id.is_not(None))
        conditions.append(sa.and_(OutboundMail.ticket_id.is_(None), ~placed))
    return sa.or_(*conditions)


def outbound(session: Session, actor: Actor, state: OutboundState, *, page: int = 1) -> Sequence[OutboundMail]:
    """A page of mail of ours in one state, newest first; one row more than a page if more follow."""
    return session.scalars(
        sa.select(OutboundMail)
        .where(OutboundMail.state == state, outbound_visible_to(actor))
        .order_by(OutboundMail.id.desc())
        .limit(PAGE_SIZE + 1)
        .offset((max(page, 1) - 1) * PAGE_SIZE)
    ).all()


def get_outbound(session: Session, actor: Actor, mail_id: int) -> OutboundMail:
    """One mail of ours, or ``NotFound``."""
    found = session.scalars(
        sa.select(OutboundMail).where(OutboundMail.id == mail_id, outbound_visible_to(actor))
    ).first()
    if found is None:
        raise NotFound
    return found
