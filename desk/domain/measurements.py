"""How each measurement of a clock ended: from a start to its end, a reopening included.

A clock as ``desk.domain.clock_steps`` keeps it can be explained line by line; here thousands are judged at once, so
that only the ends are kept. Both say the same (a property); what was corrected goes the longer way.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from desk.domain.calendar import NoOpening
from desk.domain.calendar_history import CalendarHistory
from desk.domain.clock_moments import view, with_breach
from desk.domain.clock_steps import CLOSING, Cycles, take
from desk.domain.clocks import CalendarKey, Calendars, Clock, ClockEvent, ClockState, EventType
from desk.domain.targets import NOTHING_PROMISED, Kind, Target


class Verdict(StrEnum):
    """How a measurement ended. Late is for good, also while the clock still runs."""

    MET = "met"
    LATE = "late"
    RUNNING = "running"
    ENDED = "ended"  # cancelled in time: neither met nor late
    UNPROMISED = "unpromised"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one measurement, or how far it has come."""

    verdict: Verdict
    consumed: int
    target_seconds: int | None
    breached_at: datetime | None

    @property
    def is_late(self) -> bool:
        """Whether the target was exceeded."""
        return self.verdict is Verdict.LATE


@dataclass(slots=True)
class Tally:
    """Measurements counted by how they ended."""

    counts: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.counts[outcome.verdict] += 1

    @property
    def measured(self) -> int:
        """All of them."""
        return sum(self.counts.values())

    @property
    def decided(self) -> int:
        """Those that are known to be met or late."""
        return self.counts[Verdict.MET] + self.counts[Verdict.LATE]

    @property
    def attainment(self) -> float | None:
        """Met among decided in percent, cut to a tenth: one late in ten thousand is not 100. None: nothing decided."""
        return 1000 * self.counts[Verdict.MET] // self.decided / 10 if self.decided else None


def outcomes(
    events: Sequence[ClockEvent], calendars: Calendars, as_of: datetime, *, judge: bool = False, anew: bool = False
) -> list[Outcome]:
    """One outcome for every start among the events of one kind, in that order, followed until ``as_of``.

    ``judge``: find out here what was late when; otherwise the recorded breaches tell. ``anew``: measure in the
    calendars at hand what was measured when it was recorded.
    """
    if judge:
        events = [event for event in events if event.type not in (EventType.WARNED, EventType.BREACHED)]
    if any(event.type is EventType.REMEASURED for event in events):
        return _by_steps(events, calendars, as_of, judge=judge, anew=anew)
    found: list[_Measurement] = []
    for event in events:
        if event.type is EventType.STARTED:
            found.append(_Measurement(event, calendars, judge=judge, anew=anew))
        else:
            found[-1].take(event)
    return [each.outcome(as_of) for each in found]


def _by_steps(
    events: Iterable[ClockEvent], calendars: Calendars, as_of: datetime, *, judge: bool, anew: bool
) -> list[Outcome]:
    """The same, every step of the way as the clocks themselves take it."""
    found: Cycles = {}
    latest: dict[Kind, Clock] = {}
    for event in events:
        if judge and event.kind in latest:
            clock = with_breach(latest[event.kind], calendars, event.at)
            latest[event.kind] = found[clock.kind, clock.cycle] = clock
        take(found, latest, replace(event, seconds=None, target_seconds=None) if anew else event, calendars)
    # A reopened clock goes on in another cycle of the same measurement: the last one tells.
    last = {clock.first_cycle: clock for clock in found.values()}
    ends = [view(clock, calendars, as_of) for clock in last.values()]
    return [_outcome(clock.state, clock.consumed, clock.target_seconds, clock.breached_at) for clock in ends]


def _outcome(state: ClockState, consumed: int, target_seconds: int | None, breached_at: datetime | None) -> Outcome:
    if breached_at is not None:
        verdict = Verdict.LATE
    elif target_seconds is None:
        verdict = Verdict.UNPROMISED
    else:
        verdict = _ENDS.get(state, Verdict.RUNNING)
    return Outcome(verdict, consumed, target_seconds, breached_at)


_ENDS = {ClockState.STOPPED: Verdict.MET, ClockState.CANCELLED: Verdict.ENDED}
_STATES = {
    EventType.PAUSED: ClockState.PAUSED,
    EventType.RESUMED: ClockState.RUNNING,
    EventType.STOPPED: ClockState.STOPPED,
    EventType.CANCELLED: ClockState.CANCELLED,
}


class _Measurement:
    """One measurement while its events happen to it."""

    __slots__ = (
        "anew",
        "breached_at",
        "calendars",
        "changed_at",
        "history",
        "judge",
        "known",
        "parts",
        "running_since",
        "segments",
        "settled",
        "started_at",
        "state",
        "target",
        "target_seconds",
    )

    def __init__(self, event: ClockEvent, calendars: Calendars, *, judge: bool, anew: bool) -> None:
        if event.calendar is None:
            raise ValueError("a clock starts in a calendar")
        self.calendars, self.judge, self.anew = calendars, judge, anew
        self.started_at = event.since or event.at
        self.state = ClockState.RUNNING
        self.running_since: datetime | None = self.started_at
        self.settled = 0
        self.segments: list[tuple[datetime, datetime, int]] = []
        self.breached_at: datetime | None = None
        self.parts: list[tuple[datetime, CalendarKey]] = []
        self._goes_on_in(event.calendar, self.started_at)
        self._retarget(event, event.target or NOTHING_PROMISED)

    def take(self, event: ClockEvent) -> None:
        """Let one event happen."""
        type_ = event.type
        if type_ is EventType.BREACHED:
            self.breached_at = self.breached_at or event.at
            return
        running = self.running_since
        if type_ in CLOSING and running is not None:
            seconds = event.seconds
            if seconds is None or self.anew:
                seconds = max(self._known_at(event.at).elapsed(running, event.at), 0)
            self.segments.append((running, event.at, seconds))
            self.settled += seconds
            self.running_since = None
        self._find_breach(event.at)
        self.state = _STATES.get(type_, self.state)
        if type_ is EventType.RESUMED:
            self.running_since = event.at
        if type_ is EventType.CALENDAR_CHANGED:
            self._change_calendar(event, running is not None)
        elif event.target is not None:
            self._retarget(event, event.target)

    def outcome(self, as_of: datetime) -> Outcome:
        """How it ended, or how far it has come by ``as_of``, a whole second."""
        # Also of what is recorded: nobody may have swept since it became late.
        self.judge = True
        self._find_breach(as_of)
        return _outcome(self.state, self._consumed(as_of), self.target_seconds, self.breached_at)

    @property
    def _live(self) -> bool:
        return self.state in (ClockState.RUNNING, ClockState.PAUSED)

    def _consumed(self, at: datetime) -> int:
        if self.running_since is None:
            return self.settled
        return self.settled + max(self._known_at(at).elapsed(self.running_since, at), 0)

    def _find_breach(self, at: datetime) -> None:
        if not self.judge or self.breached_at is not None or self.target_seconds is None or not self._live:
            return
        if self._consumed(at) > self.target_seconds:
            self.breached_at = max(self._reached(self.target_seconds, at), self.changed_at)

    def _reached(self, target: int, at: datetime) -> datetime:
        """The last instant at which no more than the target was consumed."""
        history, left = self._known_at(at), target
        try:
            for start, end, seconds in self.segments:
                if seconds > left:
                    return min(history.add(start, left, "farthest"), end)
                left -= seconds
            return history.add(self.running_since, left, "farthest") if self.running_since else self.changed_at
        except NoOpening:
            return self.changed_at

    def _retarget(self, event: ClockEvent, target: Target) -> None:
        self.target, self.changed_at = target, event.at
        if event.target_seconds is not None and not self.anew:
            self.target_seconds: int | None = event.target_seconds
        elif target.working_days is None:
            self.target_seconds = target.seconds
        else:
            history = self._known_at(event.at)
            try:
                close = history.add_working_days(self.started_at, target.working_days)
                self.target_seconds = history.elapsed(self.started_at, close)
            except NoOpening:
                self.target_seconds = None

    def _change_calendar(self, event: ClockEvent, goes_on: bool) -> None:
        if event.calendar is not None and event.calendar != self.parts[-1][1]:
            self._goes_on_in(event.calendar, event.at)
        if self._live:  # what is over keeps its target; it is given a new one when it goes on
            self.running_since = event.at if goes_on else None
            self._retarget(event, self.target)

    def _goes_on_in(self, key: CalendarKey, since: datetime) -> None:
        self.parts.append((since, key))
        self.history = self.calendars[key]
        if len(self.parts) > 1:
            self.history = CalendarHistory.joined([(start, self.calendars[part]) for start, part in self.parts])
        # From here on all that is known of the calendar by now was known.
        self.known = max((version.known_from for version in self.history.versions if version.known_from), default=None)

    def _known_at(self, at: datetime) -> CalendarHistory:
        if self.known is None or at >= self.known:
            return self.history
        if len(self.parts) == 1:
            return self.history.known_at(at)
        return CalendarHistory.joined([(start, self.calendars[part].known_at(at)) for start, part in self.parts])
