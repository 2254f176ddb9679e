"""Reading objections, who may raise and who decides one, and what a correction of a calendar's past concerns."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.calendars.models import CalendarVersion
from desk.corrections.models import Objection, ObjectionState, Party
from desk.domain.clocks import ClockState, EventType
from desk.domain.permissions import Actor, Permission, Place, Role, TicketSubject, may
from desk.domain.targets import CONSORTIUM_KINDS, REGISTRY_KINDS, Kind
from desk.sla.models import Clock, ClockEvent, ClockSegment, ClockSet
from desk.tickets.models import Ticket

OBJECTS: dict[Party, frozenset[Kind]] = {
    Party.MEMBER: frozenset({Kind.FIRST_RESPONSE, Kind.NEXT_RESPONSE, Kind.REGULAR_UPDATE, Kind.OVERALL}),
    Party.LEAD: frozenset(REGISTRY_KINDS),
    Party.REGISTRY: frozenset({Kind.OVERALL}),
}
"""The clocks that a party sees and does not itself answer for."""

_STANDS_FOR = {
    Party.LEAD: Permission.TICKET_WORK,
    Party.REGISTRY: Permission.ESCALATION_WORK,
    Party.MEMBER: Permission.TICKET_CONFIRM,
}


def is_party(actor: Actor, subject: TicketSubject, party: Party) -> bool:
    """Whether the actor is of that party of the ticket."""
    return actor.person_id is not None and may(actor, _STANDS_FOR[party], subject)


def keeps(actor: Actor, subject: TicketSubject, kind: Kind) -> bool:
    """Whether the actor's side is the one that answers for such a clock of the ticket."""
    return is_party(actor, subject, Party.REGISTRY if kind in REGISTRY_KINDS else Party.LEAD)


def may_object(actor: Actor, subject: TicketSubject, kind: Kind) -> Party | None:
    """As which party the actor may object to a clock of the kind; None: not at all."""
    if keeps(actor, subject, kind):
        return None
    found = (party for party in _STANDS_FOR if kind in OBJECTS[party] and is_party(actor, subject, party))
    return next(found, None)


def may_decide(actor: Actor, consortium_id: int, registry_id: int | None, kind: Kind) -> bool:
    """Whether the actor manages the party that answers for such a clock of a ticket of these parties."""
    theirs = kind in REGISTRY_KINDS
    place = Place(registry_id=registry_id) if theirs else Place(consortium_id=consortium_id)
    return may(actor, Permission.CALENDAR_EDIT, place)


def of_ticket(session: Session, ticket_id: int) -> list[Objection]:
    """Every objection to a clock of the ticket, the oldest first."""
    chosen = sa.select(Objection).where(Objection.ticket_id == ticket_id).order_by(Objection.id)
    return list(session.scalars(chosen))


def waiting_for(session: Session, actor: Actor) -> list[Objection]:
    """The open objections that the actor decides as a manager, the oldest first; one query."""
    consortia = actor.consortia(frozenset({Role.LEAD_MANAGER}))
    registries = actor.registries(frozenset({Role.REGISTRY_MANAGER}))
    if not consortia and not registries:
        return []
    mine = sa.or_(
        sa.and_(Objection.kind.in_(CONSORTIUM_KINDS), ClockSet.consortium_id.in_(consortia)),
        sa.and_(Objection.kind.in_(REGISTRY_KINDS), ClockSet.registry_id.in_(registries)),
    )
    return list(
        session.scalars(
            sa.select(Objection)
            .join(ClockSet, ClockSet.ticket_id == Objection.ticket_id)
            .where(Objection.state == ObjectionState.OPEN, Objection.raised_by != actor.person_id, mine)
            .order_by(Objection.id)
        )
    )


def that_differ(session: Session) -> list[str]:
    """What no replay can put right, in words: clocks of another state, priority or lead than their ticket's, and
    objections that were confirmed without measuring again, or the reverse."""
    return [*_sets_that_differ(session), *_objections_that_differ(session)]


def _sets_that_differ(session: Session) -> list[str]:
    columns = ("state", "priority", "consortium_id")
    pairs = [(getattr(ClockSet, name), getattr(Ticket, name)) for name in columns]
    rows = session.execute(
        sa.select(ClockSet, Ticket)
        .join(Ticket, Ticket.id == ClockSet.ticket_id)
        .where(sa.or_(*(theirs != own for theirs, own in pairs)))
        .order_by(Ticket.id)
    )
    return [
        f"Ticket {row.ticket_id}: its clocks were told {name} {getattr(row, name)}, it has {getattr(ticket, name)}."
        for row, ticket in rows
        for name in columns
        if getattr(row, name) != getattr(ticket, name)
    ]


def _objections_that_differ(session: Session) -> list[str]:
    """A confirmed objection has its event, with the same span; one that is not confirmed has none."""
    again = sa.and_(
        ClockEvent.ticket_id == Objection.ticket_id,
        ClockEvent.kind == Objection.kind,
        ClockEvent.cycle == Objection.cycle,
        ClockEvent.type == EventType.REMEASURED,
        ClockEvent.since == Objection.from_at,
        ClockEvent.until == Objection.until_at,
        ClockEvent.recorded_at == Objection.decided_at,
    )
    confirmed = Objection.state == ObjectionState.CONFIRMED
    measured = sa.select(ClockEvent.id).where(again).exists()
    chosen = sa.select(Objection).where(sa.or_(sa.and_(confirmed, ~measured), sa.and_(~confirmed, measured)))
    return [
        f"Ticket {row.ticket_id}, {row.kind} {row.cycle}: objection {row.id} is {row.state}, but its stretch was "
        f"{'not ' if row.state is ObjectionState.CONFIRMED else ''}measured again."
        for row in session.scalars(chosen.order_by(Objection.id))
    ]


def tickets_measured_in(session: Session, calendar_id: int, since: datetime, until: datetime) -> Sequence[int]:
    """Tickets with a clock that ran in the calendar in that span, or that is live in it; as they are locked."""
    of_calendar = sa.select(CalendarVersion.id).where(CalendarVersion.calendar_id == calendar_id)
    ran = sa.select(ClockSegment.ticket_id).where(
        ClockSegment.calendar_version_id.in_(of_calendar), ClockSegment.from_at < until, ClockSegment.until_at > since
    )
    lives = sa.select(Clock.ticket_id).where(
        Clock.calendar_id == calendar_id, Clock.state.in_([ClockState.RUNNING, ClockState.PAUSED])
    )
    either = sa.union(ran, lives).subquery()
    return session.scalars(sa.select(either.c.ticket_id).order_by(either.c.ticket_id)).all()
