"""When a machine learns other rules of a time zone: what runs is worked out again from now on, the past stays."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.db import insert_ignore
from desk.domain.clock_moments import with_moments
from desk.domain.clocks import ClockEvent, EventType
from desk.domain.ticket_change import Change
from desk.domain.zone_rules import digest
from desk.sla import queries as clocks
from desk.sla import service as sla
from desk.sla.models import Clock
from desk.zones import queries
from desk.zones.models import ZoneRules

SETTLED = timedelta(hours=23)
"""So long after new rules were seen a machine may still be at work that was not yet started anew with them."""


def watch_zones(session: Session, now: datetime, limit: int) -> int:
    """Look whether this machine has rules of a zone that the desk has not seen; tell the clocks of ``limit`` tickets.

    How much was done: to be called again until it is nothing. The first rules of a zone are only noted. Several
    machines may do this at once, and one that was stopped in the middle is taken over from; one with older rules than
    others have had changes nothing (``queries.behind``).
    """
    for tz in queries.used(session):
        done = _watch(session, tz, now, limit)
        if done:
            return done
    return 0


def _watch(session: Session, tz: str, now: datetime, limit: int) -> int:
    mine, seen = digest(tz), queries.seen(session, tz)
    if mine not in {rules.digest for rules in seen}:
        done_at = None if seen else now  # nothing was measured by other rules before the first ones
        return insert_ignore(session, ZoneRules, tz=tz, digest=mine, seen_at=now, last_ticket_id=0, done_at=done_at)
    if seen[-1].digest != mine or seen[-1].done_at is not None:
        return 0
    unfinished = sa.select(ZoneRules).where(ZoneRules.id == seen[-1].id, ZoneRules.done_at.is_(None))
    locking = unfinished.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    rules = session.scalars(locking).first()
    return 0 if rules is None else _tell_clocks(session, rules, now, limit)


def _tell_clocks(session: Session, rules: ZoneRules, now: datetime, limit: int) -> int:
    ids = queries.tickets_to_tell(session, rules, limit)
    if not ids and rules.seen_at > now - SETTLED:
        return 0
    if not ids:
        rules.done_at = now
        return 1
    rows = clocks.locked(session, ids)
    stored = clocks.clocks_of(session, ids)
    sla.work(session, rows, now, lambda unit: _learn(unit, stored[unit.row.ticket_id], rules))
    rules.last_ticket_id = ids[-1]
    return len(ids)


def _learn(unit: clocks.Unit, stored: list[Clock], rules: ZoneRules) -> None:
    """Measure what runs up to now, by the new rules, and work out its dates again."""
    dates = {row.kind: (row.due_at, row.breach_at) for row in stored}
    mine = set()
    for kind, clock in unit.book.clocks.items():
        if clock.live and queries.measured_by(clock, unit.book.calendars, rules.tz):
            seen = with_moments(clock, unit.book.calendars)
            # What began since was measured by these rules already, unless by a process that was not yet started anew.
            if clock.started_at < rules.seen_at or dates.get(kind) != (seen.due_at, seen.breach_at):
                mine.add(clock.calendar)
    if not mine:
        return
    for event in _passed(stored, unit.at):
        unit.book.enter(event)
    # What is late only by the new rules is late from now on, and not since a moment that nobody could know.
    unit.book.catch_up(unit.at, not_before=unit.at)
    for calendar in sorted(mine, key=str):
        sla.do(unit, Change.zone_rules_changed(calendar), None, None)


def _passed(stored: list[Clock], at: datetime) -> list[ClockEvent]:
    """What had happened by the rules as they were, and no sweep has seen yet: it stands in the rows."""
    found = []
    for row in stored:
        if row.warn_at is not None and row.warn_at <= at:
            found.append(ClockEvent(row.kind, EventType.WARNED, row.warn_at, cause="warned", percent=row.warn_percent))
        if row.breach_at is not None and row.breach_at < at and row.breached_at is None:
            found.append(ClockEvent(row.kind, EventType.BREACHED, row.breach_at, cause="breached", cycle=row.cycle))
    return sorted(found, key=lambda event: event.at)
