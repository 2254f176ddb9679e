"""Verbs on clocks. Under a ticket's clock lock: record what has run out, decide, measure, project.

Every verb and every sweep takes a ticket's ``clock_set`` row first, before the ticket and before any clock; several in
the order of their ids. On SQLite the writing transaction is the lock.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.calendars.queries import agreement_in_force, calendar_of_party
from desk.domain.calendar import instant, whole_second
from desk.domain.clock_audit import StoredSegment, is_mendable, segment_faults
from desk.domain.clock_moments import with_moments
from desk.domain.clocks import Clock as ClockValue
from desk.domain.clocks import EventType
from desk.domain.errors import NotFound
from desk.domain.lifecycle import State
from desk.domain.priority import Priority
from desk.domain.sla import Book, Change, ChangeType, Entry, unanswered_since
from desk.domain.targets import CONSORTIUM_KINDS, REGISTRY_KINDS, Kind
from desk.domain.vocabulary import Audience
from desk.events import service as events
from desk.sla import queries
from desk.sla.models import Clock, ClockEvent, ClockSegment, ClockSet, projection

BATCH = 200
REGISTRY_TIER = 2
_PROMISED = frozenset(CONSORTIUM_KINDS) - {Kind.LEAD}


def lock(session: Session, ticket_id: int) -> ClockSet:
    """Take the ticket's clock lock until the end of the transaction. Raises ``NotFound``."""
    rows = queries.locked(session, [ticket_id])
    if not rows:
        raise NotFound
    return rows[0]


def start_clocks(
    session: Session,
    *,
    ticket_id: int,
    consortium_id: int,
    registry_id: int | None,
    lead_calendar_id: int | None,
    priority: Priority,
    opened_by_staff: bool,
    actor_id: int | None,
    now: datetime,
    member_org_id: int | None = None,
) -> None:
    """Start a new ticket's clocks. The lead's calendar is pinned as the promise's; without one nothing is measured."""
    lead = lead_calendar_id or calendar_of_party(session, consortium_id=consortium_id)
    row = ClockSet(
        ticket_id=ticket_id,
        consortium_id=consortium_id,
        registry_id=registry_id,
        member_org_id=member_org_id,
        priority=priority,
        state=State.NEW,
        promise_calendar_id=lead,
        lead_calendar_id=lead,
        registry_calendar_id=calendar_of_party(session, registry_id=registry_id, tier=REGISTRY_TIER),
        agreement_version_id=agreement_in_force(session, now, consortium_id=consortium_id, member_org_id=member_org_id),
        registry_agreement_version_id=registry_id
        and agreement_in_force(session, now, registry_id=registry_id, to_consortium_id=consortium_id),
        last_at=instant(whole_second(now)),
    )
    session.add(row)
    session.flush()
    change = Change.created(opened_by_staff=opened_by_staff)
    work(session, [row], now, lambda unit: do(unit, change, actor_id, None))


def apply_change(
    session: Session,
    ticket_id: int,
    change: Change,
    *,
    actor_id: int | None,
    now: datetime,
    reason: str | None = None,
) -> None:
    """Do to the ticket's clocks what ``change`` causes. Raises ``NotFound``."""
    row = lock(session, ticket_id)
    if change.type is ChangeType.ESCALATED and row.registry_calendar_id is None:
        row.registry_calendar_id = calendar_of_party(session, registry_id=row.registry_id, tier=REGISTRY_TIER)
    work(session, [row], now, lambda unit: do(unit, change, actor_id, reason))


def change_priority(
    session: Session,
    ticket_id: int,
    priority: Priority,
    *,
    actor_id: int | None,
    now: datetime,
    reason: str | None = None,
) -> None:
    """Other targets from the same start; what was consumed stays, a breach is dated now and never back."""
    row = lock(session, ticket_id)

    def prioritise(unit: queries.Unit) -> None:
        unit.prioritise(priority)
        do(unit, Change.priority_changed(), actor_id, reason)

    work(session, [row], now, prioritise)


def transfer_lead(
    session: Session,
    ticket_id: int,
    *,
    consortium_id: int,
    lead_calendar_id: int | None,
    actor_id: int | None,
    now: datetime,
    reason: str | None = None,
) -> None:
    """Another consortium's lead has the ticket: Tier 1 goes on in that lead's calendar, the promise stays as it was."""
    row = lock(session, ticket_id)
    row.consortium_id = consortium_id
    row.lead_calendar_id = lead_calendar_id or calendar_of_party(session, consortium_id=consortium_id)
    work(session, [row], now, lambda unit: do(unit, Change.lead_transferred(), actor_id, reason))


def change_member(session: Session, ticket_id: int, member_org_id: int, *, actor_id: int | None, now: datetime) -> None:
    """It is known now whose ticket it is: what is agreed with that member holds from now on, from the same start."""
    row = lock(session, ticket_id)
    place = {"consortium_id": row.consortium_id, "member_org_id": member_org_id}

    def agree(unit: queries.Unit) -> None:
        row.member_org_id = member_org_id
        row.agreement_version_id = agreement_in_force(session, unit.at, **place)
        unit.applied = queries.applied(session, [row])[ticket_id]
        change, terms = Change.agreement_changed(row.state), unit.applied
        row.last_at = unit.at
        unit.book.apply(change, terms.terms, unit.at, actor_id=actor_id, percents=terms.percents)

    work(session, [row], now, agree)


def merge_clocks(session: Session, source_id: int, target_id: int, *, actor_id: int | None, now: datetime) -> None:
    """End the source's clocks as cancelled; the target keeps its own, with the older of the unanswered messages."""
    rows = {row.ticket_id: row for row in queries.locked(session, [source_id, target_id])}
    if len(rows) < 2:
        raise NotFound
    since: list[datetime | None] = []

    def end(unit: queries.Unit) -> None:
        since.append(unanswered_since(unit.book.clocks))
        do(unit, Change.merged(), actor_id, f"merged into {target_id}")

    work(session, [rows[source_id]], now, end)
    work(session, [rows[target_id]], now, lambda unit: do(unit, Change.absorbed(since[0]), actor_id, None))


def act_on_due_clocks(session: Session, now: datetime, limit: int) -> int:
    """Record the warnings and breaches of up to ``limit`` tickets whose moment has passed; how many clocks moved on.

    Each is recorded once and at its own instant, whenever and by however many this is called: rows that another has
    locked are left to it, and after the lock the truth is worked out again from the events.
    """
    due = queries.locked(session, queries.due_tickets(session, now, limit), skip=True, limit=limit)
    moved = work(session, due, now, lambda unit: unit.book.catch_up(unit.at))
    behind = queries.tickets_left_behind(session, limit)
    locked = queries.locked(session, behind, skip=True)
    return moved + work(session, locked, now, lambda unit: learn(unit, behind[unit.row.ticket_id], None))


def rebuild(session: Session, check: bool = True) -> list[str]:
    """Replay every event against all that is stored besides; the differences, in words.

    Without ``check`` they are put right, but for measurements that no event can give back.
    """
    found: list[str] = []
    last = 0
    while ids := queries.ticket_ids_after(session, last, BATCH):
        last = ids[-1]
        rows = queries.locked(session, ids)
        units = queries.read(session, rows, rows[0].last_at) if rows else []
        stored, segments = queries.happened_to(session, ids), queries.segments_of(session, ids)
        for unit in units:
            happened = stored[unit.row.ticket_id]
            replayed = Book({}, unit.book.calendars)
            for row in happened:
                replayed.enter(ClockEvent.value(row))
            found += _compare_set(unit, happened, check)
            found += _compare(session, unit, replayed.cycles, check)
            found += _compare_segments(session, happened, replayed, segments, check)
        session.flush()
    return found


def do(unit: queries.Unit, change: Change, actor_id: int | None, reason: str | None) -> None:
    """Do what ``change`` causes to a ticket's clocks, in the book only: ``work`` writes it down."""
    unit.row.last_at = unit.at
    if change.state is not None:
        unit.row.state = change.state
    unit.book.apply(change, unit.applied.terms, unit.at, reason=reason, actor_id=actor_id)


def learn(unit: queries.Unit, calendar_ids: set[int], actor_id: int | None) -> None:
    """Tell the clocks that run in the calendars of their newest versions."""
    for calendar_id in sorted(calendar_ids):
        do(unit, Change.calendar_edited(calendar_id), actor_id, None)


def work(session: Session, rows: Sequence[ClockSet], now: datetime, act: Callable[[queries.Unit], None]) -> int:
    """Read the clocks of locked rows, act on each, write down what followed; how many have another next moment."""
    if not rows:
        return 0
    units = queries.read(session, rows, now)
    for unit in units:
        unit.keep_up()
        act(unit)
    _append(session, units, now)
    return _project(session, units)


def _append(session: Session, units: Sequence[queries.Unit], now: datetime) -> None:
    """The events, the segments that they closed, and word of what ran out."""
    entries = [(unit, entry) for unit in units for entry in unit.book.entries]
    rows = [ClockEvent.of(unit.row.ticket_id, entry, now) for unit, entry in entries]
    session.add_all(rows)
    session.flush()
    for (unit, entry), row in zip(entries, rows, strict=True):
        session.add_all(ClockSegment.of(unit.row.ticket_id, entry, row.id))
    for unit in units:
        # What a sweep wrote down has happened, too: a machine that is behind must not write before it.
        unit.row.last_at = max([unit.row.last_at, *(entry.event.at for entry in unit.book.entries)])
        told = (e for e in unit.book.entries if e.event.type in (EventType.WARNED, EventType.BREACHED))
        last = {(entry.clock.kind, entry.clock.cycle): entry for entry in told}
        for entry in last.values():
            _tell(session, unit, entry)


def _tell(session: Session, unit: queries.Unit, entry: Entry) -> None:
    clock = with_moments(entry.clock, unit.book.calendars)
    events.record(
        session,
        entry.event.type.value,
        at=entry.event.at,
        audience=Audience.HANDOVER if clock.kind in REGISTRY_KINDS else Audience.LEAD,
        ticket_id=unit.row.ticket_id,
        consortium_id=unit.row.consortium_id,
        registry_id=unit.row.registry_id if clock.kind in REGISTRY_KINDS else None,
        payload={
            "kind": clock.kind.value,
            "cycle": clock.cycle,
            "percent": entry.event.percent,
            "due_at": clock.due_at.isoformat() if clock.due_at else None,
            "breach_at": clock.breach_at.isoformat() if clock.breach_at else None,
            "tell": [told.value for told in unit.applied.ladders[clock.kind].told_at(entry.event.percent)],
            "calendar_id": clock.calendar,
        },
        flush=False,
        quiet=not clock.live,  # late by a correction, long after it was over: on record, but nobody can hurry any more
    )


def _project(session: Session, units: Sequence[queries.Unit]) -> int:
    """Bring the rows of the units' clocks up to date; how many have another next moment than before."""
    ids = [unit.row.ticket_id for unit in units]
    chosen = sa.select(Clock).where(Clock.ticket_id.in_(ids)).execution_options(populate_existing=True)
    if not any(unit.book.measured_again for unit in units):
        chosen = chosen.where(Clock.current)  # nothing else changes a cycle that is over
    rows = {(row.ticket_id, row.kind, row.cycle): row for row in session.scalars(chosen)}
    moved = 0
    for unit in units:
        ticket_id = unit.row.ticket_id
        for (kind, cycle), clock in unit.book.touched().items():
            row = rows.setdefault((ticket_id, kind, cycle), Clock(ticket_id=ticket_id, kind=kind, cycle=cycle))
            before, moment = row.due_at, row.next_at
            row.keep(projection(clock, unit.book.calendars, unit.applied.percents))
            moved += row.next_at != moment
            if kind is Kind.OVERALL:
                _tell_of_promise(session, unit, before, row.due_at)
        for (owner, kind, cycle), row in rows.items():
            if owner == ticket_id:
                row.current = cycle == unit.book.clocks[kind].cycle
    session.add_all(rows.values())
    session.flush()
    return moved


def _tell_of_promise(session: Session, unit: queries.Unit, before: datetime | None, due_at: datetime | None) -> None:
    """The member was given a date and it has moved with the calendar or the agreement."""
    by_calendar = unit.book.had(Kind.OVERALL, EventType.CALENDAR_CHANGED)
    corrected = unit.book.had(Kind.OVERALL, EventType.REMEASURED)
    by_agreement = unit.book.had(Kind.OVERALL, EventType.RETARGETED, ChangeType.AGREEMENT_CHANGED)
    if before is None or due_at is None or before == due_at or not (by_calendar or by_agreement):
        return
    events.record(
        session,
        "promise_moved",
        at=unit.at,
        audience=Audience.MEMBER,
        ticket_id=unit.row.ticket_id,
        consortium_id=unit.row.consortium_id,
        payload={
            "kind": Kind.OVERALL.value,
            "before": before.isoformat(),
            "due_at": due_at.isoformat(),
            "by": "correction" if corrected else "calendar" if by_calendar else "agreement",
        },
        flush=False,
    )


def _compare_set(unit: queries.Unit, happened: Sequence[ClockEvent], check: bool) -> list[str]:
    """Where what is kept of a ticket for its clocks is not what its events say."""
    row = unit.row
    values: dict[str, Any] = {}
    for name, kind in (("lead_calendar_id", Kind.LEAD), ("registry_calendar_id", Kind.REGISTRY)):
        clock = unit.book.clocks.get(kind)
        if clock is not None and clock.live:
            values[name] = clock.calendar
    promised = (event.calendar_id for event in happened if event.kind in _PROMISED and event.calendar_id is not None)
    values["promise_calendar_id"] = next(promised, row.promise_calendar_id)
    values["last_at"] = max([row.last_at, *(event.at for event in happened)])
    found = []
    for name, value in values.items():
        if getattr(row, name) != value:
            found.append(f"Ticket {row.ticket_id}: {name} of its clocks is {getattr(row, name)}, not {value}.")
            if not check:
                setattr(row, name, value)
    return found


def _compare_segments(
    session: Session,
    happened: Sequence[ClockEvent],
    replayed: Book,
    segments: Mapping[int, Sequence[StoredSegment]],
    check: bool,
) -> list[str]:
    """Where the stored time of one ticket's clocks is not what its events measured; written again unless ``check``."""
    found = []
    for row, entry in zip(happened, replayed.entries, strict=True):
        faults = segment_faults(entry, row.ticket_id, segments.get(row.id, ()), replayed.calendars)
        found += [f"Ticket {row.ticket_id}, {row.kind} {row.cycle}: event {row.id}: {fault}." for fault in faults]
        if faults and not check and is_mendable(entry):
            session.execute(sa.delete(ClockSegment).where(ClockSegment.closed_by == row.id))
            session.add_all(ClockSegment.of(row.ticket_id, entry, row.id))
    return found


def _compare(
    session: Session, unit: queries.Unit, every: Mapping[tuple[Kind, int], ClockValue], check: bool
) -> list[str]:
    """Where the stored clocks of one ticket differ from a replay; put right unless ``check``."""
    ticket_id, found = unit.row.ticket_id, []
    rows = {(row.kind, row.cycle): row for row in session.scalars(sa.select(Clock).where(Clock.ticket_id == ticket_id))}
    for key, clock in every.items():
        values = projection(clock, unit.book.calendars, unit.applied.percents)
        values["current"] = unit.book.clocks[key[0]].cycle == key[1]
        row = rows.pop(key, None) or Clock(ticket_id=ticket_id, kind=key[0], cycle=key[1])
        if not clock.live and row.calendar_version_id is not None:
            values.pop("calendar_version_id")  # what was known at its end: nobody waits for more
        for name, value in values.items():
            if getattr(row, name) != value:
                found.append(f"Ticket {ticket_id}, {key[0]} {key[1]}: {name} is {getattr(row, name)}, not {value}.")
        if not check:
            row.keep(values)
            session.add(row)
    for (kind, cycle), row in rows.items():
        found.append(f"Ticket {ticket_id}, {kind} {cycle}: stored, but nothing says that it started.")
        if not check:
            session.delete(row)
    return found
