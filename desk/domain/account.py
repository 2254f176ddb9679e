"""The account of a clock, line by line: when it ran, when it stood still and why, and how its due date comes about."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from desk.domain.calendar import NoOpening
from desk.domain.clock_moments import with_moments
from desk.domain.clock_steps import Cycles, take
from desk.domain.clocks import Calendars, Clock, ClockEvent, ClockState, EventType
from desk.domain.targets import Kind

LONGEST_WALK = 60
_CHANGES = frozenset(
    {
        EventType.STARTED,  # from an earlier moment, when another ticket was merged into this one
        EventType.RESUMED,
        EventType.RETARGETED,
        EventType.CALENDAR_CHANGED,
        EventType.REMEASURED,
    }
)
_ONE_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of the clock's life. It ran (``seconds`` counted in ``version`` of a calendar) or stood still.

    ``cycle``: in which it would count. ``end`` is None while it stands still, and after the end.
    """

    start: datetime
    end: datetime | None
    ran: bool
    seconds: int
    tz: str
    version: int | str | None
    cause: str
    reason: str | None
    actor_id: int | None
    cycle: int = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that matters: another target, another calendar, a warning, the breach, a correction of the past.

    A correction has the reason, the span that was measured again, and the difference in seconds; it counts from ``at``.
    What ran and the corrections together are what is consumed.
    """

    at: datetime
    type: EventType
    percent: int | None
    target_seconds: int | None
    cause: str
    actor_id: int | None
    reason: str | None = None
    seconds: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    moved: bool = True  # False: other working hours with which the same was promised for the same date


@dataclass(frozen=True, slots=True)
class Step:
    """Open time that is still to be used up on the way to the due date, and what is left after it."""

    start: datetime
    end: datetime
    seconds: int
    left: int


@dataclass(frozen=True, slots=True)
class Account:
    """Everything about one cycle of a clock as of an instant."""

    clock: Clock
    tz: str
    stretches: tuple[Stretch, ...]
    marks: tuple[Mark, ...]
    steps: tuple[Step, ...]
    next_opening: datetime | None


def account_of(clock: Clock, events: Iterable[ClockEvent], calendars: Calendars, as_of: datetime) -> Account:
    """The account of ``clock`` (as seen at ``as_of``). ``events``: all of its kind, in order, earlier cycles too."""
    stretches: list[Stretch] = []
    marks: list[Mark] = []
    cycles: Cycles = {}
    latest: dict[Kind, Clock] = {}
    for event in events:
        before = latest.get(event.kind)
        after = take(cycles, latest, event, calendars)
        if event.type is EventType.REMEASURED:
            if clock.first_cycle <= after.cycle <= clock.cycle:
                marks.append(_correction(event))
        elif clock.first_cycle <= after.cycle <= clock.cycle:
            _note(stretches, marks, before, event, after, calendars)
    if clock.running_since is not None and clock.running_since < as_of:
        stretches += _ran(clock, clock.running_since, as_of, calendars, clock.consumed - clock.settled)
    return Account(
        clock,
        clock.history(calendars).version_at(as_of).calendar.tz,
        tuple(stretches),
        tuple(marks),
        tuple(_way_to_due(clock, calendars, as_of)),
        _next_opening(clock, calendars, as_of),
    )


def made_late_by(account: Account) -> Mark | None:
    """The change that made the clock late at the moment it was made; None: its time ran out, or it is not late."""
    clock = account.clock
    if clock.breached_at is None or clock.breached_at == clock.breach_at:
        return None
    return next((each for each in reversed(_changes(account)) if each.at == clock.breached_at), None)


def changed_since(account: Account) -> Mark | None:
    """The last change made after the clock was missed, which moved its date; None: the date is the missed one."""
    clock = account.clock
    if clock.breached_at is None or clock.breached_at == clock.breach_at:
        return None
    return next((each for each in reversed(_changes(account)) if each.at > clock.breached_at), None)


def _changes(account: Account) -> list[Mark]:
    return [mark for mark in account.marks if mark.type in _CHANGES]


def _correction(event: ClockEvent) -> Mark:
    return Mark(
        event.at,
        event.type,
        None,
        None,
        event.cause,
        event.actor_id,
        event.reason,
        event.seconds,
        event.since,
        event.until,
    )


def _note(
    stretches: list[Stretch],
    marks: list[Mark],
    before: Clock | None,
    event: ClockEvent,
    after: Clock,
    calendars: Calendars,
) -> None:
    over = event.type in (EventType.PAUSED, EventType.STOPPED, EventType.CANCELLED)
    if stretches and stretches[-1].end is None and (over or after.running_since is not None):
        stretches[-1] = replace(stretches[-1], end=event.at, cycle=after.cycle)
    if before is not None and before.running_since and event.type is not EventType.STARTED:
        if len(after.segments) > len(before.segments):
            stretches += _ran(after, before.running_since, event.at, calendars, after.segments[-1].seconds)
    if over:
        tz = after.history(calendars).version_at(event.at).calendar.tz
        who = event.actor_id
        stretches.append(Stretch(event.at, None, False, 0, tz, None, event.cause, event.reason, who, after.cycle))
    elif event.cause != EventType.REMEASURED and (event.type is not EventType.RESUMED or event.target is not None):
        moved = event.type is not EventType.CALENDAR_CHANGED or _dated(before, after, event.at, calendars)
        target, who = after.target_seconds, event.actor_id
        marks.append(Mark(event.at, event.type, event.percent, target, event.cause, who, moved=moved))


def _dated(before: Clock | None, after: Clock, at: datetime, calendars: Calendars) -> bool:
    """Whether a change of the hours gave the clock another target in seconds, or another date."""
    if before is None or before.calendar != after.calendar or before.target_seconds != after.target_seconds:
        return True
    was = with_moments(before, calendars, known_at=at - _ONE_SECOND)
    now = with_moments(after, calendars, known_at=at)
    return (was.due_at, was.breach_at) != (now.due_at, now.breach_at)


def _ran(clock: Clock, start: datetime, end: datetime, calendars: Calendars, seconds: int) -> list[Stretch]:
    """The stretch cut where versions changed, as they were known before its end: a correction comes after it.

    A stored measurement that differs from today's goes to the last part.
    """
    pieces = clock.history(calendars, end - _ONE_SECOND).pieces(start, end)
    found = [
        Stretch(
            start=piece.start,
            end=piece.end,
            ran=True,
            seconds=piece.seconds,
            tz=piece.version.calendar.tz,
            version=piece.version.key,
            cause="",
            reason=None,
            actor_id=None,
            cycle=clock.cycle,
        )
        for piece in pieces
    ]
    if found:
        found[-1] = replace(found[-1], seconds=seconds - sum(each.seconds for each in found[:-1]))
    return found


def _way_to_due(clock: Clock, calendars: Calendars, as_of: datetime) -> Iterable[Step]:
    if clock.running_since is None or clock.target_seconds is None or clock.due_at is None:
        return
    history = clock.history(calendars)
    at, left = max(as_of, clock.running_since), clock.target_seconds - clock.consumed
    for _ in range(LONGEST_WALK):
        if left <= 0:
            return
        opening = history.next_opening(at)
        closing = min(history.closes_at(opening), clock.due_at)
        seconds = history.elapsed(opening, closing)
        left -= seconds
        yield Step(opening, closing, seconds, left)
        at = closing


def _next_opening(clock: Clock, calendars: Calendars, as_of: datetime) -> datetime | None:
    if clock.state not in (ClockState.RUNNING, ClockState.PAUSED):
        return None
    try:
        return clock.history(calendars).next_opening(as_of)
    except NoOpening:
        return None
