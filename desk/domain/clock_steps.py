"""The clocks of a ticket as a fold over their events.

The events are the truth; everything else is worked out from them and can be worked out again. What was measured when an
event was written is kept in it, so that nothing that is learnt later (another zone database, a correction) rewrites it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from desk.domain.calendar import NoOpening, instant, whole_second
from desk.domain.clock_moments import consumed_at, share, view, with_breach
from desk.domain.clocks import Calendars, Clock, ClockEvent, ClockState, EventType, Measure, Percents, Segment
from desk.domain.remeasuring import stretch_differences
from desk.domain.targets import NOTHING_PROMISED, Kind, Target

Cycles = dict[tuple[Kind, int], Clock]


def fold(
    events: Iterable[ClockEvent],
    calendars: Calendars,
    targets: Mapping[Kind, Target],
    as_of: datetime,
    percents: Percents | None = None,
) -> dict[Kind, Clock]:
    """The latest cycle of every clock as of an instant, by kind; breaches that no event tells of are noted.

    Of events as they are recorded, with what was measured, none is: what zones and calendars say today judges no past.

    ``targets`` serve starts that carry none of their own; ``percents`` are those of the ladders in force. Events and
    calendar versions after ``as_of`` are not looked at.
    """
    found: Cycles = {}
    latest: dict[Kind, Clock] = {}
    recorded: set[Kind] = set()
    until = whole_second(as_of)
    for event in events:
        # At a breach's own instant nobody is late yet, unless by a change: ``view`` works it out.
        if whole_second(event.at) < until + (event.type is not EventType.BREACHED):
            if event.kind in latest and event.kind not in recorded:
                clock = with_breach(latest[event.kind], calendars, instant(whole_second(event.at)))
                latest[event.kind] = found[clock.kind, clock.cycle] = clock
            take(found, latest, event, calendars, targets)
            if event.target_seconds is not None:
                recorded.add(event.kind)
    return {kind: view(clock, calendars, as_of, percents) for kind, clock in latest.items()}


def replay(events: Iterable[ClockEvent], calendars: Calendars, targets: Mapping[Kind, Target] | None = None) -> Cycles:
    """Every cycle of every clock after its last event, in the order in which they began.

    For events as they were recorded: whatever was late before one of them has an event of its own.
    """
    found: Cycles = {}
    latest: dict[Kind, Clock] = {}
    for event in events:
        take(found, latest, event, calendars, targets)
    return found


def take(
    found: Cycles,
    latest: dict[Kind, Clock],
    event: ClockEvent,
    calendars: Calendars,
    targets: Mapping[Kind, Target] | None = None,
) -> Clock:
    """Let an event happen to the cycles that it concerns; the clock that it is an event of."""
    present = latest.get(event.kind)
    own = present.cycle if present is not None and event.cycle is None else event.cycle
    if present is None or own is None or event.type not in _OF_A_CYCLE:
        clock = _stepped(present, event, calendars, targets)
        latest[event.kind] = found[clock.kind, clock.cycle] = clock
        return clock
    event = replace(event, cycle=own)
    for (kind, cycle), clock in found.items():
        if kind is event.kind and clock.concerned_by(event):
            found[kind, cycle] = _stepped(clock, event, calendars, targets)
    latest[event.kind] = found[event.kind, present.cycle]
    return found[event.kind, own]


def measured(before: Clock | None, event: ClockEvent, after: Clock) -> ClockEvent:
    """The event with what was measured at it, as it is stored."""
    if event.type is EventType.REMEASURED:
        return replace(event, seconds=after.segments[-1].seconds)
    settled = 0 if before is None or event.type is EventType.STARTED else before.settled
    closed = after.settled - settled if event.type in CLOSING else None
    return replace(event, seconds=closed, target_seconds=after.target_seconds if event.type in _TARGETING else None)


def _stepped(
    clock: Clock | None, event: ClockEvent, calendars: Calendars, targets: Mapping[Kind, Target] | None
) -> Clock:
    at = instant(whole_second(event.at))
    if event.type is EventType.STARTED:
        return _started(clock, event, at, calendars, targets or {})
    if clock is None:
        raise ValueError(f"a clock of kind {event.kind} was {event.type} before it started")
    if event.type in _MOVING:
        clock = replace(clock, cause=event.cause)
    return _STEPS[event.type](clock, event, at, calendars)


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
    cycle = before.cycle + 1 if before else 1
    clock = Clock(
        kind=event.kind,
        cycle=cycle,
        state=ClockState.RUNNING,
        parts=((since, event.calendar),),
        started_at=since,
        changed_at=at,
        cause=event.cause,
        running_since=since,
        first_cycle=cycle,
    )
    return _retarget(clock, event, at, calendars, event.target or targets.get(event.kind, NOTHING_PROMISED))


def _retarget(clock: Clock, event: ClockEvent, at: datetime, calendars: Calendars, target: Target | None) -> Clock:
    if target is None:
        return clock
    target, seconds = _resolved_target(clock, event, at, calendars, target)
    clock = replace(clock, target=target, target_seconds=seconds, changed_at=at)
    return _with_warnings_that_hold(clock, calendars, at)


def _with_warnings_that_hold(clock: Clock, calendars: Calendars, at: datetime) -> Clock:
    """A warning that still holds is not given again; one that holds no longer may come again."""
    target = clock.target_seconds
    consumed = consumed_at(clock, calendars, at)
    held = frozenset(p for p in clock.warned if target is not None and consumed >= share(target, p))
    return replace(clock, warned=held)


def _closed(clock: Clock, event: ClockEvent, at: datetime, calendars: Calendars) -> Clock:
    if clock.running_since is None:
        return clock
    seconds = event.seconds
    if seconds is None:
        seconds = max(clock.history(calendars, at).elapsed(clock.running_since, at), 0)
    segment = Segment(clock.running_since, at, clock.calendar, seconds, clock.cycle)
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


def _remeasured(clock: Clock, event: ClockEvent, at: datetime, calendars: Calendars) -> Clock:
    """What was measured stays; the difference is added. Late by it, also when it is over, is late from now on."""
    if event.since is None or event.until is None:
        raise ValueError("a stretch is measured again")
    measure, seconds = Measure(event.cause), event.seconds
    if seconds is None:  # supposed in other hours, where a calendar's correction is no difference any more
        again = stretch_differences(clock, event.cycle or clock.cycle, calendars, event.since, event.until, measure)
        seconds = sum(piece.seconds for piece in again)
    segment = Segment(
        event.since, event.until, clock.calendar, seconds, event.cycle or clock.cycle, measure, written_at=at
    )
    clock = replace(clock, segments=(*clock.segments, segment), settled=clock.settled + seconds, changed_at=at)
    if clock.live:
        return _with_warnings_that_hold(clock, calendars, at)
    over = clock.target_seconds is not None and clock.settled > clock.target_seconds
    if clock.state is ClockState.STOPPED and over and clock.breached_at is None:
        clock = replace(clock, breached_at=at)
    return clock


_OF_A_CYCLE = frozenset({EventType.BREACHED, EventType.REMEASURED})
_MOVING = frozenset({EventType.PAUSED, EventType.RESUMED, EventType.STOPPED, EventType.CANCELLED})
CLOSING = frozenset({EventType.PAUSED, EventType.CALENDAR_CHANGED, EventType.STOPPED, EventType.CANCELLED})
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
    EventType.REMEASURED: _remeasured,
}
