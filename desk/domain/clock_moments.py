"""When a clock is due, warns, and is late.

Two moments are kept apart: ``due_at`` is the nearest instant at which the target is used up (what people read: "Friday
17:00"), ``breach_at`` the farthest one (nobody is late before Monday 09:00). Breached means consumed > target: after
``breach_at``. Nothing is ever dated before the target, the calendar or the measurement was what it is.
"""

from dataclasses import replace
from datetime import datetime

from desk.domain.calendar import Boundary, NoOpening, instant, whole_second
from desk.domain.clocks import Calendars, Clock, ClockEvent, ClockState, EventType, Percents
from desk.domain.targets import DEFAULT_LADDER


def view(clock: Clock, calendars: Calendars, as_of: datetime, percents: Percents | None = None) -> Clock:
    """The clock as seen at an instant: what is consumed by then, whether it is late, and its three moments."""
    at = instant(whole_second(as_of))
    clock = with_breach(clock, calendars, at)
    return replace(with_moments(clock, calendars, percents, at), consumed=consumed_at(clock, calendars, at))


def passed(clock: Clock, calendars: Calendars, as_of: datetime, percents: Percents | None = None) -> list[ClockEvent]:
    """Warnings and the breach that have happened by ``as_of`` and are not recorded yet, each at its own instant.

    The same whenever it is asked: a sweep that comes late writes what one in time would have written.
    """
    at = instant(whole_second(as_of))
    clock = with_breach(clock, calendars, at)
    out = _warnings(clock, calendars, at, percents) if clock.live else []
    if clock.breached_at is not None and not clock.breach_recorded:
        out.append(ClockEvent(clock.kind, EventType.BREACHED, clock.breached_at, cause="breached", cycle=clock.cycle))
    return sorted(out, key=lambda event: event.at)


def with_moments(
    clock: Clock, calendars: Calendars, percents: Percents | None = None, known_at: datetime | None = None
) -> Clock:
    """The clock with ``due_at``, ``breach_at``, ``warn_at``: empty unless it runs towards a target that can be met."""
    if clock.state is not ClockState.RUNNING or clock.target_seconds is None:
        return replace(clock, due_at=None, breach_at=None, warn_at=None, warn_percent=None)
    target = clock.target_seconds
    percent = min((p for p in _percents(clock, percents) if p not in clock.warned), default=None)
    return replace(
        clock,
        due_at=_reach(clock, calendars, known_at, target, "nearest"),
        breach_at=_reach(clock, calendars, known_at, target, "farthest"),
        warn_percent=percent,
        warn_at=None if percent is None else _reach(clock, calendars, known_at, share(target, percent), "nearest"),
    )


def with_breach(clock: Clock, calendars: Calendars, at: datetime) -> Clock:
    """The clock with the breach that has happened by ``at``, if any."""
    if not clock.live or clock.breached_at is not None or clock.target_seconds is None:
        return clock
    if consumed_at(clock, calendars, at) <= clock.target_seconds:
        return clock
    reached = _reach(clock, calendars, at, clock.target_seconds, "farthest")
    return replace(clock, breached_at=max(reached or clock.changed_at, clock.changed_at))


def consumed_at(clock: Clock, calendars: Calendars, at: datetime) -> int:
    """The working seconds measured by ``at``, in what was known of the calendar then."""
    if clock.running_since is None:
        return clock.settled
    return clock.settled + max(clock.history(calendars, at).elapsed(clock.running_since, at), 0)


def share(target: int, percent: int) -> int:
    """So much percent of a target, in seconds, rounded up."""
    return -(-target * percent // 100)


def _warnings(clock: Clock, calendars: Calendars, at: datetime, percents: Percents | None) -> list[ClockEvent]:
    if clock.target_seconds is None:
        return []
    consumed = consumed_at(clock, calendars, at)
    out = []
    for percent in _percents(clock, percents):
        wanted = share(clock.target_seconds, percent)
        if percent not in clock.warned and consumed >= wanted:
            reached = max(_reach(clock, calendars, at, wanted, "nearest") or clock.changed_at, clock.changed_at)
            out.append(ClockEvent(clock.kind, EventType.WARNED, reached, cause="warned", percent=percent))
    return out


def _percents(clock: Clock, percents: Percents | None) -> tuple[int, ...]:
    return (percents or {}).get(clock.kind, DEFAULT_LADDER.percents)


def _reach(
    clock: Clock, calendars: Calendars, known_at: datetime | None, seconds: int, boundary: Boundary
) -> datetime | None:
    """The nearest or farthest instant from which on so much is consumed, over closed segments and then the live one.

    A correction counts when it was written; one that takes time away may undo that it was reached before.
    """
    history = clock.history(calendars, known_at)
    done, reached = 0, None
    try:
        for segment in clock.segments:
            before, done = done, done + segment.seconds
            if done < seconds or (done == seconds and boundary == "farthest"):
                reached = None
            elif reached is None:
                closed = segment.written_at or segment.end
                reached = closed if segment.written_at else history.add(segment.start, seconds - before, boundary)
                reached = min(reached, closed)
        if reached is None and clock.running_since is not None:
            return history.add(clock.running_since, seconds - done, boundary)
        return reached
    except NoOpening:
        return None
