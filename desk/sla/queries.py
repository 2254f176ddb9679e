"""Reading clocks and what applies to them: rows into the values of the domain, and what pages and reports ask."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.calendars.models import AgreementVersion, CalendarVersion
from desk.calendars.queries import come_into_force, histories
from desk.domain.account import Account, account_of
from desk.domain.calendar import instant, whole_second
from desk.domain.calendar_history import CalendarHistory
from desk.domain.clock_audit import StoredSegment
from desk.domain.clock_line import ClockLine
from desk.domain.clock_moments import view
from desk.domain.clock_steps import replay
from desk.domain.clock_words import undated
from desk.domain.clocks import CalendarKey, Percents
from desk.domain.clocks import Clock as ClockValue
from desk.domain.clocks import ClockEvent as EventValue
from desk.domain.priority import Priority
from desk.domain.sla import Book, Change, Terms
from desk.domain.targets import (
    CONSORTIUM_KINDS,
    DEFAULT_CONSORTIUM_TARGETS,
    DEFAULT_LADDER,
    DEFAULT_REGISTRY_LADDER,
    DEFAULT_REGISTRY_TARGETS,
    REGISTRY_KINDS,
    Kind,
    Ladder,
    Target,
    TargetTable,
    table_from_json,
)
from desk.sla.models import Clock, ClockEvent, ClockSegment, ClockSet

LABELS: dict[Kind, str] = {
    Kind.FIRST_RESPONSE: "First answer",
    Kind.NEXT_RESPONSE: "Next answer",
    Kind.REGULAR_UPDATE: "Regular update",
    Kind.LEAD: "Consortium lead",
    Kind.REGISTRY_ACCEPTANCE: "Acceptance by the registry",
    Kind.REGISTRY: "Registry",
    Kind.OVERALL: "Promise to the member",
}
_ORDER = {kind: place for place, kind in enumerate(Kind)}
PINS = ("agreement_version_id", "registry_agreement_version_id")
"""The columns of ``ClockSet`` that say under which versions of the two agreements a ticket's clocks are."""

SWEEPERS = 10
"""A sweeper looks at so many batches, to find one of its own where others, however slow, hold those before."""

# Literals, word for word the condition of the partial index: a bound value would not be recognised as implying it.
_LIVE = Clock.state.in_([sa.literal_column("'running'"), sa.literal_column("'paused'")])


@dataclass(frozen=True, slots=True)
class Applied:
    """What applies to one ticket: terms for decisions, and the ladders."""

    terms: Terms
    ladders: dict[Kind, Ladder]

    @property
    def percents(self) -> Percents:
        """The percentages at which each kind warns."""
        return {kind: ladder.percents for kind, ladder in self.ladders.items()}


def applied(session: Session, sets: Sequence[ClockSet]) -> dict[int, Applied]:
    """What applies to each ticket's clocks; one query for all agreements."""
    ids = {each.agreement_version_id for each in sets} | {each.registry_agreement_version_id for each in sets}
    versions = {
        version.id: version
        for version in session.scalars(sa.select(AgreementVersion).where(AgreementVersion.id.in_(ids - {None})))
    }
    return {each.ticket_id: _applied(each, versions) for each in sets}


def _applied(row: ClockSet, versions: Mapping[int, AgreementVersion]) -> Applied:
    pinned = (versions.get(row.agreement_version_id or 0), versions.get(row.registry_agreement_version_id or 0))
    return applied_under(row, *pinned)


def applied_under(row: ClockSet, own: AgreementVersion | None, registry: AgreementVersion | None) -> Applied:
    """What applies to a ticket's clocks under these versions of the two agreements; None: the defaults."""
    mine, ladder = _promised(own, row.priority, DEFAULT_CONSORTIUM_TARGETS, DEFAULT_LADDER)
    theirs, registry_ladder = _promised(registry, row.priority, DEFAULT_REGISTRY_TARGETS, DEFAULT_REGISTRY_LADDER)
    calendars: dict[Kind, int | None] = dict.fromkeys(CONSORTIUM_KINDS, row.promise_calendar_id)
    calendars[Kind.LEAD] = row.lead_calendar_id
    calendars |= dict.fromkeys(REGISTRY_KINDS, row.registry_calendar_id)
    return Applied(
        Terms(
            calendars={kind: calendar_id for kind, calendar_id in calendars.items() if calendar_id is not None},
            targets={kind: mine[kind] for kind in CONSORTIUM_KINDS if kind in mine}
            | {kind: theirs[kind] for kind in REGISTRY_KINDS if kind in theirs},
            receipt_counts=own is not None and own.receipt_counts,
            hold_pauses_overall=own is not None and own.hold_pauses_overall,
            priority=row.priority,
        ),
        dict.fromkeys(CONSORTIUM_KINDS, ladder) | dict.fromkeys(REGISTRY_KINDS, registry_ladder),
    )


def _promised(
    version: AgreementVersion | None, priority: Priority, targets: TargetTable, ladder: Ladder
) -> tuple[dict[Kind, Target], Ladder]:
    if version is None:
        return dict(targets[priority]), ladder
    return dict(table_from_json(version.targets).get(priority, {})), Ladder.from_json(version.ladder)


def events_of(session: Session, ticket_ids: Collection[int]) -> dict[int, list[EventValue]]:
    """The clock events of some tickets in the order in which they were written; one query."""
    rows = happened_to(session, ticket_ids)
    return {ticket_id: [ClockEvent.value(row) for row in happened] for ticket_id, happened in rows.items()}


@dataclass(slots=True)
class Unit:
    """One ticket's clocks, read, while something works on them: a verb on locked rows, or a preview that keeps nothing.

    ``at`` is when it works: never before what is already written, since a machine's clock may be behind. ``coming``:
    versions of its agreements, each with the column that pins it, that came into force since the clocks were told.
    """

    row: ClockSet
    applied: Applied
    book: Book
    at: datetime
    versions: Mapping[int, AgreementVersion] = field(default_factory=dict)
    coming: Sequence[tuple[str, AgreementVersion]] = ()

    def pin(self, column: str, version: AgreementVersion) -> None:
        """From now on the clocks are under that version."""
        setattr(self.row, column, version.id)
        self.applied = _applied(self.row, self.versions)

    def keep_up(self) -> None:
        """Give the clocks what came into force since they were told of their agreements, each at its own moment.

        Before anything else is done to them: whether a sweep was here first must not change a result.
        """
        for column, version in self.coming:
            self.pin(column, version)
            # Later than its moment only when something is written already: a verb that was quicker than the saving.
            at = self.row.last_at = max(version.effective_from, self.row.last_at)
            change, reason, percents = (
                Change.agreement_changed(self.row.state),
                version.note or None,
                self.applied.percents,
            )
            self.book.apply(
                change, self.applied.terms, at, reason=reason, actor_id=version.created_by, percents=percents
            )

    def prioritise(self, priority: Priority) -> None:
        """From now on the ticket has that priority."""
        self.row.priority = priority
        self.applied = _applied(self.row, self.versions)


def read(
    session: Session,
    rows: Sequence[ClockSet],
    now: datetime,
    supposed: Mapping[CalendarKey, CalendarHistory] | None = None,
) -> list[Unit]:
    """The clocks of some tickets, replayed from their events. ``supposed``: calendars as they might be."""
    return _units(session, rows, events_of(session, [row.ticket_id for row in rows]), now, supposed)


def _units(
    session: Session,
    rows: Sequence[ClockSet],
    happened: dict[int, list[EventValue]],
    now: datetime,
    supposed: Mapping[CalendarKey, CalendarHistory] | None = None,
) -> list[Unit]:
    known = histories(session, calendars_of(rows, happened)) | dict(supposed or {})
    since = come_into_force(session, {getattr(row, pin) for row in rows for pin in PINS} - {None}, now)
    versions = {version.id: version for found in since.values() for version in found}
    units = []
    for row in rows:
        cycles = replay(happened[row.ticket_id], known)
        clocks = {clock.kind: clock for clock in cycles.values()}
        terms = _applied(row, versions)
        book, at = Book(clocks, known, terms.percents, cycles=cycles), max(instant(whole_second(now)), row.last_at)
        units.append(Unit(row, terms, book, at, versions, _coming(row, since)))
    return units


def _coming(row: ClockSet, since: Mapping[int, Sequence[AgreementVersion]]) -> list[tuple[str, AgreementVersion]]:
    """What came into force after the versions that the ticket is under, in that order."""
    found = [(pin, version) for pin in PINS for version in since.get(getattr(row, pin) or 0, ())[1:]]
    return sorted(found, key=lambda each: (each[1].effective_from, each[1].id))


def locked(
    session: Session,
    ticket_ids: Sequence[int] | Mapping[int, object],
    *,
    skip: bool = False,
    limit: int | None = None,
) -> list[ClockSet]:
    """The rows, locked in the order of their ids; ``skip`` leaves out those that another has locked.

    ``limit``: so many of them, of those that can be had.
    """
    chosen = sa.select(ClockSet).where(ClockSet.ticket_id.in_(list(ticket_ids))).order_by(ClockSet.ticket_id)
    locking = chosen.limit(limit).with_for_update(skip_locked=skip).execution_options(populate_existing=True)
    return list(session.scalars(locking))


def sets_of(session: Session, ticket_ids: Sequence[int]) -> Sequence[ClockSet]:
    """The rows, not locked: for a preview, which keeps nothing."""
    return session.scalars(
        sa.select(ClockSet).where(ClockSet.ticket_id.in_(ticket_ids)).order_by(ClockSet.ticket_id)
    ).all()


def calendars_of(rows: Iterable[ClockSet], happened: Mapping[int, list[EventValue]]) -> set[CalendarKey]:
    """Every calendar that applies to the tickets, or once did."""
    named: set[CalendarKey | None] = {event.calendar for events in happened.values() for event in events}
    for row in rows:
        named |= {row.promise_calendar_id, row.lead_calendar_id, row.registry_calendar_id}
    return {key for key in named if key is not None}


def clocks_of(session: Session, ticket_ids: Collection[int]) -> dict[int, list[Clock]]:
    """The latest cycle of every clock of some tickets, in the order of the kinds; one query."""
    order = list(Kind)
    found: dict[int, list[Clock]] = {ticket_id: [] for ticket_id in ticket_ids}
    for row in session.scalars(sa.select(Clock).where(Clock.ticket_id.in_(ticket_ids), Clock.current)):
        found[row.ticket_id].append(row)
    for clocks in found.values():
        clocks.sort(key=lambda clock: order.index(clock.kind))
    return found


def lines(session: Session, ticket_id: int, now: datetime) -> list[ClockLine]:
    """The latest cycle of each clock of a ticket as of ``now``; four queries."""
    row = session.get(ClockSet, ticket_id)
    if row is None:
        return []
    pinned = {getattr(row, pin) for pin in PINS} - {None}
    if any(len(found) > 1 for found in come_into_force(session, pinned, now).values()):
        # What is stored does not know yet what came into force.
        return [_line(each.clock, each.clock.target, each.tz) for each in account(session, ticket_id, now)]
    rows = clocks_of(session, [ticket_id])[ticket_id]
    calendars = histories(session, {clock.calendar_id for clock in rows})
    return [_stored_line(clock, calendars[clock.calendar_id], now.replace(microsecond=0)) for clock in rows]


def _stored_line(row: Clock, calendar: CalendarHistory, now: datetime) -> ClockLine:
    running = row.running_since is not None and row.running_since < now
    late = row.breach_at if row.breach_at is not None and row.breach_at < now else None
    line = _line(row, Target.from_json(row.target), calendar.version_at(now).calendar.tz)
    consumed = row.consumed + (calendar.elapsed(row.running_since, now) if running and row.running_since else 0)
    return replace(line, consumed=consumed, breached_at=row.breached_at or late)


def _line(clock: Clock | ClockValue, target: Target, tz: str) -> ClockLine:
    return ClockLine(
        kind=clock.kind,
        label=LABELS[clock.kind],
        state=clock.state,
        cause=clock.cause,
        consumed=clock.consumed,
        target_seconds=clock.target_seconds,
        due_at=clock.due_at,
        breach_at=clock.breach_at,
        breached_at=clock.breached_at,
        tz=tz,
        undated=undated(target) if clock.running_since and clock.due_at is None else "",
    )


def account(session: Session, ticket_id: int, as_of: datetime, *, earlier: bool = False) -> list[Account]:
    """The account of every clock of a ticket: stretches, pauses with reason and who, the way to the due date.

    Of each kind the latest cycle with those that it went on from; with ``earlier`` also those that were measured anew.
    What came into force counts, whether it is written down yet or not; nothing is written.
    """
    row = session.get(ClockSet, ticket_id)
    if row is None:
        return []
    events = [event for event in events_of(session, [ticket_id])[ticket_id] if event.at <= as_of]
    (unit,) = _units(session, [_copy(row)], {ticket_id: events}, as_of)
    unit.keep_up()
    events += [entry.event for entry in unit.book.entries]
    calendars, percents = unit.book.calendars, unit.applied.percents
    # By kind alone, or by where the measurement began: the last one of each tells of all before it.
    cycles = unit.book.cycles.values()
    last = {(clock.kind, clock.first_cycle if earlier else 0): clock for clock in cycles}
    of_kind = {kind: [event for event in events if event.kind is kind] for kind in Kind}
    return [
        account_of(view(clock, calendars, as_of, percents), of_kind[clock.kind], calendars, as_of)
        for clock in sorted(last.values(), key=lambda clock: (_ORDER[clock.kind], clock.cycle))
    ]


def _copy(row: ClockSet) -> ClockSet:
    """The row as one of no session: what is done to it is never written."""
    return ClockSet(**{column.key: getattr(row, column.key) for column in sa.inspect(ClockSet).column_attrs})


def live_tickets_of_calendar(session: Session, calendar_id: int, size: int) -> list[Sequence[int]]:
    """Tickets with a live clock in the calendar, in the order in which they are locked, in batches."""
    found = session.scalars(
        sa.select(Clock.ticket_id).where(Clock.calendar_id == calendar_id, _LIVE).distinct().order_by(Clock.ticket_id)
    )
    return list(found.partitions(size))


def live_tickets_after(session: Session, calendars: sa.Select[tuple[int]], last: int, limit: int) -> Sequence[int]:
    """The next tickets, by id, with a live clock in the calendars."""
    wanted = sa.select(Clock.ticket_id).where(Clock.calendar_id.in_(calendars), _LIVE, Clock.ticket_id > last)
    return session.scalars(wanted.distinct().order_by(Clock.ticket_id).limit(limit)).all()


def live_tickets_under(session: Session, version_ids: Collection[int], limit: int | None = None) -> Sequence[int]:
    """Tickets with a live clock under one of these versions of an agreement, in the order in which they are locked."""
    under = sa.or_(*(getattr(ClockSet, pin).in_(version_ids) for pin in PINS))
    live = sa.select(Clock.id).where(Clock.ticket_id == ClockSet.ticket_id, _LIVE).exists()
    return session.scalars(
        sa.select(ClockSet.ticket_id).where(under, live).order_by(ClockSet.ticket_id).limit(limit)
    ).all()


def tickets_left_behind(session: Session, limit: int) -> dict[int, set[int]]:
    """Tickets whose clocks do not know the newest version of a calendar, with the calendars: begun as it was saved."""
    newest = (
        sa.select(CalendarVersion.calendar_id, sa.func.max(CalendarVersion.id).label("id"))
        .group_by(CalendarVersion.calendar_id)
        .subquery()
    )
    # One look into the index for each calendar. Joined, a million live clocks would be read whenever nothing is due.
    oldest = (
        sa.select(Clock.calendar_version_id)
        .where(Clock.calendar_id == newest.c.calendar_id, _LIVE)
        .order_by(Clock.calendar_version_id)
        .limit(1)
        .scalar_subquery()
    )
    found: dict[int, set[int]] = {}
    for calendar_id, version_id in session.execute(
        sa.select(newest.c.calendar_id, newest.c.id).where(oldest < newest.c.id)
    ):
        behind = sa.and_(Clock.calendar_id == calendar_id, Clock.calendar_version_id < version_id, _LIVE)
        for ticket_id in session.scalars(sa.select(Clock.ticket_id).where(behind).limit(limit)):
            found.setdefault(ticket_id, set()).add(calendar_id)
    return found


def ticket_ids_after(session: Session, last: int, limit: int) -> Sequence[int]:
    """The next tickets that have clocks, by id."""
    return session.scalars(
        sa.select(ClockSet.ticket_id).where(ClockSet.ticket_id > last).order_by(ClockSet.ticket_id).limit(limit)
    ).all()


def happened_to(session: Session, ticket_ids: Collection[int]) -> dict[int, list[ClockEvent]]:
    """The rows of the clock events of some tickets, in the order in which they were written; one query.

    Plain rows that read like ``ClockEvent``: nobody changes one, and there may be hundreds of thousands.
    """
    found: dict[int, list[ClockEvent]] = {ticket_id: [] for ticket_id in ticket_ids}
    chosen = sa.select(ClockEvent.__table__).where(ClockEvent.ticket_id.in_(ticket_ids)).order_by(ClockEvent.id)
    for row in session.execute(chosen):
        found[row.ticket_id].append(cast(ClockEvent, row))
    return found


def segments_of(session: Session, ticket_ids: Collection[int]) -> dict[int, list[StoredSegment]]:
    """The stored time that came with the clock events of some tickets, by event; one query."""
    found: dict[int, list[StoredSegment]] = {}
    for row in session.scalars(
        sa.select(ClockSegment)
        .join(ClockEvent, ClockEvent.id == ClockSegment.closed_by)
        .where(ClockEvent.ticket_id.in_(ticket_ids))
        .order_by(ClockSegment.id)
    ):
        span = (row.from_at, row.until_at, row.calendar_version_id, row.seconds)
        found.setdefault(row.closed_by, []).append(StoredSegment(row.ticket_id, row.kind, row.cycle, *span))
    return found


def due_tickets(session: Session, now: datetime, limit: int) -> list[int]:
    """Tickets with a clock whose next moment has passed, the earliest first: so many that others may hold some."""
    # Grouped here: a database asked to group by ticket would rather read the whole table in the order of tickets.
    moments = sa.select(Clock.ticket_id).where(Clock.next_at <= now).order_by(Clock.next_at)
    return list(dict.fromkeys(session.scalars(moments.limit(limit * len(Kind) * SWEEPERS))))
