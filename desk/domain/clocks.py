"""The clocks of a ticket as values: what happens to one, what it has measured, and what it is held against.

How a clock follows from its events is in ``desk.domain.clock_steps``, when it is due or late in
``desk.domain.clock_moments``, and what a change of the ticket does to its clocks in ``desk.domain.sla``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from desk.domain.calendar_history import CalendarHistory
from desk.domain.priority import Priority
from desk.domain.targets import NOTHING_PROMISED, Kind, Target

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
    REMEASURED = "remeasured"


class Measure(StrEnum):
    """Why a segment is there: the clock ran; or what was measured was corrected later (the cause of that event)."""

    RAN = "ran"
    COUNTS = "counts_after_all"
    DOES_NOT_COUNT = "does_not_count"
    CALENDAR = "calendar_corrected"


@dataclass(frozen=True, slots=True)
class ClockEvent:
    """One thing that happened to a clock. Events are applied in the order in which they were written.

    ``since``: a start that measures from an earlier instant (merge); with ``until`` the stretch that is measured again,
    where ``seconds`` is the difference. ``cycle``: of the clock that was breached or is measured again; it may be over.
    ``target``: with a start, a resumption or a retargeting. ``seconds`` and ``target_seconds``: as measured when the
    event was written; absent, they are measured now. A stored one wins: a later zone database rewrites no past.
    ``priority``: the ticket's when the clock was given its target; for whoever supposes others.
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
    until: datetime | None = None
    cycle: int | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A closed stretch in which the clock ran, and the working seconds it measured; or a correction of one.

    ``cycle``: in which it was measured. A correction has the difference as its seconds, and counts from ``written_at``.
    """

    start: datetime
    end: datetime
    calendar: CalendarKey
    seconds: int
    cycle: int = 1
    measure: Measure = Measure.RAN
    written_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock of one cycle, as of some instant. ``settled`` is consumed up to ``running_since``, ``consumed`` in all.

    ``due_at``, ``breach_at`` and ``warn_at`` (with ``warn_percent``) are empty unless it runs towards a target and its
    calendar opens. ``parts``: the calendars it was measured in, each from its instant. ``first_cycle``: in which the
    measurement began that reopenings took up again; the segments are those since then.
    """

    kind: Kind
    cycle: int
    state: ClockState
    parts: tuple[tuple[datetime, CalendarKey], ...]
    started_at: datetime
    changed_at: datetime  # of the target, the calendar or the measurement: a breach is never dated before it
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
    first_cycle: int = 1

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

    def concerned_by(self, event: ClockEvent) -> bool:
        """Whether the event, of its kind, is about this cycle; a correction is about those that go on from it, too."""
        if event.cycle is None or event.type not in (EventType.BREACHED, EventType.REMEASURED):
            return True
        first = self.cycle if event.type is EventType.BREACHED else self.first_cycle
        return first <= event.cycle <= self.cycle
