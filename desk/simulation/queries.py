"""Simulations: the stored clock events of a party's tickets, measured again as supposed. Nothing is written."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.calendars.models import AgreementVersion, Calendar, CalendarVersion
from desk.calendars.queries import agreement_in_force, calendar_of_party, histories, versions_of
from desk.domain.calendar import BusinessCalendar, instant, whole_second
from desk.domain.calendar_history import CalendarHistory
from desk.domain.clocks import CalendarKey, Calendars, EventType
from desk.domain.clocks import ClockEvent as EventValue
from desk.domain.errors import InvalidInput, NotFound
from desk.domain.measurements import Tally
from desk.domain.permissions import Actor, Permission, Place, may
from desk.domain.priority import Priority
from desk.domain.simulation import Comparison, Past, PriorityChange, Supposition, compare
from desk.domain.supposed_terms import SupposedAgreement
from desk.domain.targets import (
    CONSORTIUM_KINDS,
    DEFAULT_CONSORTIUM_TARGETS,
    DEFAULT_REGISTRY_TARGETS,
    REGISTRY_KINDS,
    Kind,
    Target,
    TargetTable,
    table_from_json,
)
from desk.events.models import Event
from desk.sla.models import Clock, ClockEvent, ClockSet
from desk.tickets.models import Ticket
from desk.tickets.queries import subjects_for, visible_to

MOST_TICKETS = 10_000
"""Of one simulation on a page: a few seconds of work. The command line has no such limit."""
_BATCH = 500
_REGISTRY_TIER = 2


@dataclass(frozen=True, slots=True)
class Question:
    """Which tickets, and what is supposed for them: those opened from ``since`` on and before ``until``.

    ``place``: a consortium, a registry, or neither for all consortia. ``hours``: instead of the party's calendars, for
    the whole time; None, there or within ``agreement``: as it was.
    """

    place: Place
    since: datetime
    until: datetime
    hours: BusinessCalendar | None = None
    agreement: SupposedAgreement = field(default_factory=SupposedAgreement)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What the party promises."""
        return REGISTRY_KINDS if self.place.registry_id is not None else CONSORTIUM_KINDS


@dataclass(frozen=True, slots=True)
class Changed:
    """A measurement that is late in one world and not in the other."""

    ticket_id: int
    subject: str
    opened_at: datetime
    comparison: Comparison


@dataclass(slots=True)
class Answer:
    """What a simulation found; measurements were followed until ``as_of``."""

    as_of: datetime
    tickets: int
    before: dict[Kind, Tally]
    after: dict[Kind, Tally]
    changed: list[Changed] = field(default_factory=list)
    receipts_unknown: bool = False  # it was supposed that receipts count, or do not, which no event can tell

    @property
    def newly_late(self) -> int:
        """Measurements that would have been late and were not."""
        return sum(each.comparison.after.is_late for each in self.changed)

    @property
    def no_longer_late(self) -> int:
        """Measurements that were late and would not have been."""
        return len(self.changed) - self.newly_late


@dataclass(frozen=True, slots=True)
class Ground:
    """What is in force for a party, from which somebody supposes something else. ``hours``: None without a calendar."""

    zone: str
    hours: CalendarVersion | None
    saved: Sequence[tuple[Calendar, CalendarVersion]]
    targets: TargetTable
    hold_pauses_overall: bool


def ground(session: Session, place: Place, now: datetime) -> Ground:
    """The hours of the party's first team, every version of hours that it saved, and what it promises to all."""
    of_registry = place.registry_id is not None
    party = {"consortium_id": place.consortium_id, "registry_id": place.registry_id}
    key = calendar_of_party(session, **party, tier=_REGISTRY_TIER if of_registry else 1)
    saved = versions_of(session, _calendars_of(session, place))
    # The one in force, else the first, which also holds before its own moment.
    own = sorted((v for _, v in saved if v.calendar_id == key), key=lambda version: version.effective_from)
    begun = [version for version in own if version.effective_from <= now]
    hours = begun[-1] if begun else own[0] if own else None
    pinned = agreement_in_force(session, now, **party)
    agreement = session.get(AgreementVersion, pinned) if pinned is not None else None
    defaults = DEFAULT_REGISTRY_TARGETS if of_registry else DEFAULT_CONSORTIUM_TARGETS
    return Ground(
        zone=hours.spec["tz"] if hours is not None else "UTC",
        hours=hours,
        saved=saved,
        targets=table_from_json(agreement.targets) if agreement is not None else defaults,
        hold_pauses_overall=agreement is not None and agreement.hold_pauses_overall,
    )


def simulate(session: Session, actor: Actor, question: Question, now: datetime, most: int | None = None) -> Answer:
    """What would have become of the party's tickets. ``most``: refuse more of them.

    Raises ``NotFound`` for a party that is not the actor's to manage, ``InvalidInput`` for more tickets than that.
    """
    if not may(actor, Permission.CALENDAR_EDIT, question.place):
        raise NotFound
    tickets = _tickets(session, actor, question, most)
    supposition = _supposition(session, question)
    as_of = instant(whole_second(now))
    answer = Answer(
        as_of, len(tickets), {kind: Tally() for kind in question.kinds}, {kind: Tally() for kind in question.kinds}
    )
    wanted = question.agreement.receipt_counts
    if wanted is not None:
        pins = {ticket.agreement_version_id for ticket in tickets}
        answer.receipts_unknown = _receipts_count(session, pins) != {wanted}
    names = subjects_for(session, actor, {ticket.id: ticket.subject for ticket in tickets})
    for ticket, past, calendars in _pasts(session, tickets):
        for comparison in compare(past, calendars, supposition, as_of):
            answer.before[comparison.kind].add(comparison.before)
            answer.after[comparison.kind].add(comparison.after)
            if comparison.changes:
                answer.changed.append(Changed(ticket.id, names[ticket.id], ticket.created_at, comparison))
    return answer


def _tickets(session: Session, actor: Actor, question: Question, most: int | None) -> Sequence[Any]:
    """Id, subject, opening, present priority and agreement of the tickets that have clocks of the party's kinds."""
    of_party: sa.ColumnElement[bool] = sa.true()
    if question.place.consortium_id is not None:
        of_party = ClockSet.consortium_id == question.place.consortium_id
    elif question.place.registry_id is not None:
        of_party = ClockSet.registry_id == question.place.registry_id
    measured = sa.exists().where(Clock.ticket_id == Ticket.id, Clock.kind.in_(question.kinds))
    columns = (Ticket.id, Ticket.subject, Ticket.created_at, ClockSet.priority, ClockSet.agreement_version_id)
    rows = session.execute(
        sa.select(*columns)
        .join(ClockSet, ClockSet.ticket_id == Ticket.id)
        .where(of_party, measured, visible_to(actor))
        .where(Ticket.created_at >= question.since, Ticket.created_at < question.until)
        .order_by(Ticket.id)
        .limit(None if most is None else most + 1)
    ).all()
    if most is not None and len(rows) > most:
        sentence = f"More than {most:,} tickets were opened in this time. Please choose a shorter one."
        raise InvalidInput(sentence, field="until")
    return rows


def _supposition(session: Session, question: Question) -> Supposition:
    replaced: dict[CalendarKey, CalendarHistory] = {}
    if question.hours is not None:
        supposed = CalendarHistory.of(question.hours)
        replaced = dict.fromkeys(_calendars_of(session, question.place), supposed)
    agreement = question.agreement
    return Supposition(frozenset(question.kinds), replaced, agreement.targets, agreement.hold_pauses_overall)


def _calendars_of(session: Session, place: Place) -> Sequence[int]:
    owned: sa.ColumnElement[bool] = Calendar.consortium_id.is_not(None)
    if place.consortium_id is not None:
        owned = Calendar.consortium_id == place.consortium_id
    elif place.registry_id is not None:
        owned = Calendar.registry_id == place.registry_id
    return session.scalars(sa.select(Calendar.id).where(owned)).all()


def _receipts_count(session: Session, pins: set[int | None]) -> set[bool]:
    """What the agreements of the tickets say about receipts; without an agreement they do not count."""
    said = sa.select(AgreementVersion.receipt_counts).where(AgreementVersion.id.in_(pins - {None})).distinct()
    return set(session.scalars(said)) | ({False} if None in pins else set())


def _pasts(session: Session, tickets: Sequence[Any]) -> Iterator[tuple[Any, Past, Calendars]]:
    """Every ticket with its past and the calendars that it was measured in; three queries for each batch."""
    calendars: dict[CalendarKey, CalendarHistory] = {}
    for start in range(0, len(tickets), _BATCH):
        batch = tickets[start : start + _BATCH]
        ids = [ticket.id for ticket in batch]
        happened = _events(session, ids)
        named = {event.calendar for events in happened.values() for event in events} - {None} - set(calendars)
        calendars |= histories(session, [key for key in named if key is not None])
        triaged = _triaged(session, ids)
        for ticket in batch:
            events = happened[ticket.id]
            stated = [(event.at, event.priority) for event in events if event.priority is not None]
            known = sorted([*triaged.get(ticket.id, ()), *stated], key=lambda change: change[0])
            yield ticket, Past(events, _changes(known) or [(ticket.created_at, ticket.priority)]), calendars


def _changes(known: Sequence[PriorityChange]) -> list[PriorityChange]:
    """Without those that say again what was known."""
    return [change for i, change in enumerate(known) if i == 0 or change[1] is not known[i - 1][1]]


def _events(session: Session, ticket_ids: Sequence[int]) -> dict[int, list[EventValue]]:
    """As ``events_of`` of the clocks, but what judging needs, as plain rows: there may be hundreds of thousands."""
    found: dict[int, list[EventValue]] = {ticket_id: [] for ticket_id in ticket_ids}
    rows = session.execute(
        sa.select(*_NEEDED)
        .where(ClockEvent.ticket_id.in_(ticket_ids), ClockEvent.type != EventType.WARNED)
        .order_by(ClockEvent.id)
    )
    for ticket_id, written, target_seconds, seconds, priority, until, cycle, *what in rows:
        target = None if written is None else _target(written)
        kind, type_, at, cause, since, calendar = what
        spans = (target, target_seconds, seconds)
        event = EventValue(kind, type_, at, cause, since, calendar, *spans, priority=priority, until=until, cycle=cycle)
        found[ticket_id].append(event)
    return found


_NEEDED: tuple[Any, ...] = (
    ClockEvent.ticket_id,
    # As text: the few different ones are read once, not tens of thousands of times.
    sa.cast(ClockEvent.target, sa.Text),
    ClockEvent.target_seconds,
    ClockEvent.seconds,
    ClockEvent.priority,
    ClockEvent.until,
    ClockEvent.cycle,
    # In the order of the value's own fields.
    ClockEvent.kind,
    ClockEvent.type,
    ClockEvent.at,
    ClockEvent.cause,
    ClockEvent.since,
    ClockEvent.calendar_id,
)


@lru_cache(maxsize=1024)
def _target(written: str) -> Target:
    return Target.from_json(json.loads(written))


def _triaged(session: Session, ticket_ids: Sequence[int]) -> dict[int, list[PriorityChange]]:
    """What each triage made of the priority. A clock says it too, but only one that was given another target by it."""
    found: dict[int, list[PriorityChange]] = {}
    rows = session.execute(
        sa.select(Event.ticket_id, Event.at, Event.payload)
        .where(Event.ticket_id.in_(ticket_ids), Event.kind == "triaged")
        .order_by(Event.id)
    )
    for ticket_id, at, payload in rows:
        changes = found.setdefault(ticket_id, [])
        when = instant(whole_second(at))
        if not changes and "before" in payload:
            changes.append((datetime.min.replace(tzinfo=when.tzinfo), Priority(payload["before"])))
        if "priority" in payload:
            changes.append((when, Priority(payload["priority"])))
    return found
