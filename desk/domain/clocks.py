"""The clocks of a ticket as a fold over their events: what was consumed, when it is due, when it was breached.

The events are the truth; everything else here is worked out from them and can be worked out again. Two moments are
kept apart: ``due_at`` is the nearest instant at which the target is used up (what people read: "Friday 17:00"),
``breach_at`` the farthest one (nobody is late before Monday 09:00). Breached means consumed > target: after
``breach_at``. What a change of the ticket does to its clocks is in ``desk.domain.sla``.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from desk.domain.calendar import Boundary, NoOpening, instant, whole_second
from desk.domain.calendar_history import CalendarHistory
from desk.domain.priority import Priority
from desk.domain.targets import DEFAULT_LADDER, NOTHING_PROMISED, Kind, Target

CalendarKey: TypeAlias = int | str
Calendars: TypeAlias = Mapping[CalendarKey, CalendarHistory]
Percents: TypeAlias = Mapping[Kind, tuple[int, ...]]
"""At which shares of the target a kind warns; kinds that are absent warn at the default ones."""


class ClockState(StrEnum):
    """Running and paused clocks are live; a stopped one may go on after a reopening, a cancelled one never."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    CANCELLED = "cancelled"


class EventType(StrEnum):
    """What can happen to a clock."""

    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    RETARGETED = "retargeted"
    CALENDAR_CHANGED = "calendar_changed"
    WARNED = "warned"
    BREACHED = "breached"
    STOPPED = "stopped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class ClockEvent:
    """One thing that happened to a clock. Events are applied in the order in which they were written.

    ``since``: a start that measures from an earlier instant (merge). ``target``: with a start, a resumption or a
    retargeting. ``seconds`` and ``target_seconds``: as measured when the event was written; absent, they are measured
    now. A stored one wins, so that a later change of the zone database does not rewrite the past. ``priority``: the
    ticket's when the clock was given its target; for whoever supposes other targets.
    """

    kind: Kind
    type: EventType
    at: datetime
    cause: str = ""
    since: datetime | None = None
    calendar: CalendarKey | None = None
    target: Target | None = None
    target_seconds: int | None = None
    seconds: int | None = None
    percent: int | None = None
    reason: str | None = None
    actor_id: int | None = None
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A closed stretch in which the clock ran, and the working seconds it measured."""

    start: datetime
    end: datetime
    calendar: CalendarKey
    seconds: int


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock of one cycle, as of some instant. ``settled`` is consumed up to ``running_since``, ``consumed`` in all.

    ``due_at``, ``breach_at`` and ``warn_at`` (with ``warn_percent``) are empty unless it runs towards a target and its
    calendar opens. ``parts``: the calendars it was measured in, each from its instant.
    """

    kind: Kind
    cycle: int
    state: ClockState
    parts: tuple[tuple[datetime, CalendarKey], ...]
    started_at: datetime
    changed_at: datetime  # of the target or the calendar: a breach is never dated before it
    cause: str  # why it is in its state
    target: Target = NOTHING_PROMISED
    target_seconds: int | None = None
    segments: tuple[Segment, ...] = ()
    settled: int = 0
    running_since: datetime | None = None
    stopped_at: datetime | None = None
    warned: frozenset[int] = frozenset()
    breached_at: datetime | None = None
    breach_recorded: bool = False
    consumed: int = 0
    due_at: datetime | None = None
    breach_at: datetime | None = None
    warn_at: datetime | None = None
    warn_percent: int | None = None

    @property
    def live(self) -> bool:
        """Whether it may still be late: running or paused."""
        return self.state in (ClockState.RUNNING, ClockState.PAUSED)

    @property
    def calendar(self) -> CalendarKey:
        """The calendar it is measured in now."""
        return self.parts[-1][1]

    @property
    def unpromisable(self) -> bool:
        """It runs towards a target in a calendar that never opens: a configuration error to show to managers."""
        return self.state is ClockState.RUNNING and self.target.promised and self.due_at is None

    def history(self, calendars: Calendars, known_at: datetime | None = None) -> CalendarHistory:
        """The calendar it is measured in over its whole life, as known at some instant (None: all that is known)."""
        parts = [(since, calendars[key]) for since, key in self.parts]
        return CalendarHistory.joined([(since, h.known_at(known_at) if known_at else h) for since, h in parts])


def fold(
    events: Iterable[ClockEvent],
    calendars: Calendars,
    targets: Mapping[Kind, Target],
    as_of: datetime,
    percents: Percents | None = None,
) -> dict[Kind, Clock]:
    """The latest cycle of every clock as of an instant, by kind.

    ``targets`` serve starts that carry none of their own; ``percents`` are those of the ladders in force. Events and
    calendar versions after ``as_of`` are not looked at.
    """
    before = (event for event in events if whole_second(event.at) <= whole_second(as_of))
    every = replay(before, calendars, targets)
    latest = {kind: every[kind, cycle] for kind, cycle in sorted(every, key=lambda key: key[1])}
    return {kind: view(clock, calendars, as_of, percents) for kind, clock in latest.items()}


def replay(
    events: Iterable[ClockEvent], calendars: Calendars, targets: Mapping[Kind, Target] | None = None
) -> dict[tuple[Kind, int], Clock]:
    """Every cycle of every clock after its last event, in the order in which they began."""
    found: dict[tuple[Kind, int], Clock] = {}
    latest: dict[Kind, Clock] = {}
    for event in events:
        clock = step(latest.get(event.kind), event, calendars, targets)
        latest[event.kind] = found[clock.kind, clock.cycle] = clock
    return found


def step(
    clock: Clock | None, event: ClockEvent, calendars: Calendars, targets: Mapping[Kind, Target] | None = None
) -> Clock:
    """The clock after one event; a breach that happened before it is noted first, at its own instant."""
    at = instant(whole_second(event.at))
    if event.type is EventType.STARTED:
        return _started(clock, event, at, calendars, targets or {})
    if clock is None:
        raise ValueError(f"a clock of kind {event.kind} was {event.type} before it started")
    clock = _with_breach(clock, calendars, at)
    if event.type in _MOVING:
        clock = replace(clock, cause=event.cause)
    return _STEPS[event.type](clock, event, at, calendars)


def measured(before: Clock | None, event: ClockEvent, after: Clock) -> ClockEvent:
    """The event with what was measured at it, as it is stored."""
    settled = 0 if before is None or event.type is EventType.STARTED else before.settled
    closed = after.settled - settled if event.type in _CLOSING else None
    return replace(event, seconds=closed, target_seconds=after.target_seconds if event.type in _TARGETING else None)


def passed(clock: Clock, calendars: Calendars, as_of: datetime, percents: Percents | None = None) -> list[ClockEvent]:
    """Warnings and the breach that have happened by ``as_of`` and are not recorded yet, each at its own instant.

    The same whenever it is asked: a sweep that comes late writes what one in time would have written.
    """
    at = instant(whole_second(as_of))
    clock = _with_breach(clock, calendars, at)
    if not clock.live or clock.target_seconds is None:
        return []
    consumed = _consumed(clock, calendars, at)
    out = []
    for percent in _percents(clock, percents):
        share = _share(clock.target_seconds, percent)
        if percent not in clock.warned and consumed >= share:
            reached = max(_reach(clock, calendars, at, share, "nearest") or clock.changed_at, clock.changed_at)
            out.append(ClockEvent(clock.kind, EventType.WARNED, reached, cause="warned", percent=percent))
    if clock.breached_at is not None and not clock.breach_recorded:
        out.append(ClockEvent(clock.kind, EventType.BREACHED, clock.breached_at, cause="breached"))
    return sorted(out, key=lambda event: event.at)


def view(clock: Clock, calendars: Calendars, as_of: datetime, percents: Percents | None = None) -> Clock:
    """The clock as seen at an instant: what is consumed by then, whether it is late, and its three moments."""
    at = instant(whole_second(as_of))
    clock = _with_breach(clock, calendars, at)
    return replace(with_moments(clock, calendars, percents, at), consumed=_consumed(clock, calendars, at))


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
        warn_at=None if percent is None else _reach(clock, calendars, known_at, _share(target, percent), "nearest"),
    )


def _percents(clock: Clock, percents: Percents | None) -> tuple[int, ...]:
    return (percents or {}).get(clock.kind, DEFAULT_LADDER.percents)


def _share(target: int, percent: int) -> int:
    return -(-target * percent // 100)


def _consumed(clock: Clock, calendars: Calendars, at: datetime) -> int:
    if clock.running_since is None:
        return clock.settled
    return clock.settled + max(clock.history(calendars, at).elapsed(clock.running_since, at), 0)


def _reach(
    clock: Clock, calendars: Calendars, known_at: datetime | None, seconds: int, boundary: Boundary
) -> datetime | None:
    """The nearest or farthest instant at which so much is consumed, over closed segments and then the live one."""
    history = clock.history(calendars, known_at)
    done = 0
    try:
        for segment in clock.segments:
            over = done + segment.seconds - seconds
            if over > 0 or (over == 0 and boundary == "nearest"):
                return min(history.add(segment.start, seconds - done, boundary), segment.end)
            done += segment.seconds
        return history.add(clock.running_since, seconds - done, boundary) if clock.running_since else None
    except NoOpening:
        return None


def _with_breach(clock: Clock, calendars: Calendars, at: datetime) -> Clock:
    if not clock.live or clock.breached_at is not None or clock.target_seconds is None:
        return clock
    if _consumed(clock, calendars, at) <= clock.target_seconds:
        return clock
    reached = _reach(clock, calendars, at, clock.target_seconds, "farthest")
    return replace(clock, breached_at=max(reached or clock.changed_at, clock.changed_at))


def _resolved_target(
    clock: Clock, event: ClockEvent, at: datetime, calendars: Calendars, target: Target
) -> tuple[Target, int | None]:
    """The target with its seconds: working days become the open time up to the close of the last of them."""
    if event.target_seconds is not None or target.working_days is None:
        return target, event.target_seconds if event.target_seconds is not None else target.seconds
    history = clock.history(calendars, at)
    try:
        close = history.add_working_days(clock.started_at, target.working_days)
    except NoOpening:
        return target, None
    return target, history.elapsed(clock.started_at, close)


def _started(
    before: Clock | None, event: ClockEvent, at: datetime, calendars: Calendars, targets: Mapping[Kind, Target]
) -> Clock:
    if event.calendar is None:
        raise ValueError("a clock starts in a calendar")
    since = instant(whole_second(event.since)) if event.since else at
    clock = Clock(
        kind=event.kind,
        cycle=before.cycle + 1 if before else 1,
        state=ClockState.RUNNING,
        parts=((since, event.calendar),),
        started_at=since,
        changed_at=at,
        cause=event.cause,
        running_since=since,
    )
    return _retarget(clock, event, at, calendars, event.target or targets.get(event.kind, NOTHING_PROMISED))


def _retarget(clock: Clock, event: ClockEvent, at: datetime, calendars: Calendars, target: Target | None) -> Clock:
    if target is None:
        return clock
    target, seconds = _resolved_target(clock, event, at, calendars, target)
    # A warning that still holds is not given again; one that holds no longer may come again.
    consumed = _consumed(clock, calendars, at)
    held = frozenset(p for p in clock.warned if seconds is not None and consumed >= _share(seconds, p))
    return replace(clock, target=target, target_seconds=seconds, changed_at=at, warned=held)


def _closed(clock: Clock, event: ClockEvent, at: datetime, calendars: Calendars) -> Clock:
    if clock.running_since is None:
        return clock
    seconds = event.seconds
    if seconds is None:
        seconds = max(clock.history(calendars, at).elapsed(clock.running_since, at), 0)
    segment = Segment(clock.running_since, at, clock.calendar, seconds)
    return replace(clock, segments=(*clock.segments, segment), settled=clock.settled + seconds, running_since=None)


def _paused(clock: Clock, event: ClockEvent, at: datetime, calendars: Calendars) -> Clock:
    return replace(_closed(clock, event, at, calendars), state=ClockState.PAUSED)


def _resumed(clock: Clock, event: ClockEvent, at: datetime, calendars: Calendars) -> Clock:
    again = clock.state is ClockState.STOPPED
    cycle = clock.cycle + 1 if again else clock.cycle
    clock = replace(clock, cycle=cycle, state=ClockState.RUNNING, running_since=at, stopped_at=None)
    return _retarget(clock, event, at, calendars, event.target)


def _retargeted(clock: Clock, event: ClockEvent, at: datetime, calendars: Calendars) -> Clock:
    return _retarget(clock, event, at, calendars, event.target)


def _calendar_changed(clock: Clock, event: ClockEvent, at: datetime, calendars: Calendars) -> Clock:
    running = clock.running_since is not None
    clock = _closed(clock, event, at, calendars)
    if event.calendar is not None and event.calendar != clock.calendar:
        clock = replace(clock, parts=(*clock.parts, (at, event.calendar)))
    if not clock.live:
        return clock  # what is over keeps its target; it is given a new one when it goes on
    _, seconds = _resolved_target(clock, event, at, calendars, clock.target)
    return replace(clock, target_seconds=seconds, changed_at=at, running_since=at if running else None)


def _warned(clock: Clock, event: ClockEvent, at: datetime, calendars: Calendars) -> Clock:
    return replace(clock, warned=clock.warned | {event.percent or 0})


def _breached(clock: Clock, event: ClockEvent, at: datetime, calendars: Calendars) -> Clock:
    return clock if clock.breach_recorded else replace(clock, breached_at=at, breach_recorded=True)


def _stopped(clock: Clock, event: ClockEvent, at: datetime, calendars: Calendars) -> Clock:
    return replace(_closed(clock, event, at, calendars), state=ClockState.STOPPED, stopped_at=at)


def _cancelled(clock: Clock, event: ClockEvent, at: datetime, calendars: Calendars) -> Clock:
    return replace(_closed(clock, event, at, calendars), state=ClockState.CANCELLED, stopped_at=at)


_MOVING = frozenset({EventType.PAUSED, EventType.RESUMED, EventType.STOPPED, EventType.CANCELLED})
_CLOSING = frozenset({EventType.PAUSED, EventType.CALENDAR_CHANGED, EventType.STOPPED, EventType.CANCELLED})
_TARGETING = frozenset({EventType.STARTED, EventType.RESUMED, EventType.RETARGETED, EventType.CALENDAR_CHANGED})

_STEPS: dict[EventType, Callable[[Clock, ClockEvent, datetime, Calendars], Clock]] = {
    EventType.PAUSED: _paused,
    EventType.RESUMED: _resumed,
    EventType.RETARGETED: _retargeted,
    EventType.CALENDAR_CHANGED: _calendar_changed,
    EventType.WARNED: _warned,
    EventType.BREACHED: _breached,
    EventType.STOPPED: _stopped,
    EventType.CANCELLED: _cancelled,
}
