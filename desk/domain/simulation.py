"""What the clocks would have said in other working hours or under other promises: stored events, measured again.

What people did, and when, is taken as it was; only what it is measured in and held against is supposed. Whatever the
supposition does not touch keeps its recorded measurement, so that supposing what was in force gives what is recorded.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from desk.domain.calendar_history import CalendarHistory
from desk.domain.clocks import CalendarKey, Calendars, ClockEvent, EventType
from desk.domain.lifecycle import State
from desk.domain.measurements import Outcome, Verdict, outcomes
from desk.domain.priority import Priority
from desk.domain.targets import NOTHING_PROMISED, Kind, Target, TargetTable

PriorityChange = tuple[datetime, Priority]


@dataclass(frozen=True, slots=True)
class Past:
    """The stored clock events of one ticket, and its priority from each moment on (the first one also before it)."""

    events: Sequence[ClockEvent]
    priorities: Sequence[PriorityChange]

    def priority_at(self, at: datetime) -> Priority:
        """The priority in force at an instant."""
        return next((priority for since, priority in reversed(self.priorities) if since <= at), self.priorities[0][1])


@dataclass(frozen=True, slots=True)
class Supposition:
    """What is supposed; what is left out was as it was.

    ``calendars``: each in place of the one that is stored under its key. ``targets``: of ``kinds``, by priority, for
    the whole time; an absent one promises nothing. ``kinds``: also those that are compared.
    """

    kinds: frozenset[Kind]
    calendars: Mapping[CalendarKey, CalendarHistory] = field(default_factory=dict)
    targets: TargetTable | None = None
    hold_pauses_overall: bool | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The ``number``-th measurement of a kind as it is recorded, and as it would have been."""

    kind: Kind
    number: int
    before: Outcome
    after: Outcome

    @property
    def changes(self) -> bool:
        """Whether one of them is late and the other is not, and both were promised something."""
        promised = Verdict.UNPROMISED not in (self.before.verdict, self.after.verdict)
        return promised and self.before.is_late is not self.after.is_late


def compare(past: Past, calendars: Calendars, supposition: Supposition, as_of: datetime) -> list[Comparison]:
    """Every measurement of the supposition's kinds, as recorded and as supposed, both followed until ``as_of``."""
    past = replace(past, events=[event for event in past.events if event.at <= as_of])
    stored, supposed = _by_kind(past.events), _by_kind(suppose(past, supposition))
    others = {**calendars, **supposition.calendars}
    found = []
    for kind in sorted(supposition.kinds & stored.keys(), key=_ORDER.index):
        mine, theirs = stored[kind], supposed[kind]
        before = after = outcomes(mine, calendars, as_of)
        anew = any(event.calendar in supposition.calendars for event in mine if event.calendar is not None)
        if anew or theirs != mine:
            after = outcomes(theirs, others, as_of, judge=True, anew=anew)
        pairs = zip(before, after, strict=True)
        found += [Comparison(kind, number, *pair) for number, pair in enumerate(pairs, start=1)]
    return found


_ORDER = list(Kind)


def _by_kind(events: Iterable[ClockEvent]) -> dict[Kind, list[ClockEvent]]:
    found: dict[Kind, list[ClockEvent]] = {}
    for event in events:
        found.setdefault(event.kind, []).append(event)
    return found


def suppose(past: Past, supposition: Supposition) -> list[ClockEvent]:
    """The events as they would have been; those that the supposition does not touch are the stored ones.

    What is measured in a supposed calendar has to be measured anew; the events do not say so.
    """
    events = list(past.events)
    if supposition.hold_pauses_overall is not None:
        events = _with_holds(events, supposition.hold_pauses_overall)
    if supposition.targets is not None:
        events = list(_Promises(past, supposition.targets, supposition.kinds).rewritten(events))
    return events


@dataclass(slots=True)
class _Promises:
    """Gives each event the target that it would have carried; knows what each clock is held against in both worlds."""

    past: Past
    table: TargetTable
    kinds: frozenset[Kind]
    recorded: dict[Kind, Target] = field(default_factory=dict)
    supposed: dict[Kind, Target] = field(default_factory=dict)
    live: set[Kind] = field(default_factory=set)

    def rewritten(self, events: Iterable[ClockEvent]) -> Iterator[ClockEvent]:
        """The events with the supposed targets."""
        changes = list(self.past.priorities[1:])
        for event in events:
            while changes and changes[0][0] < event.at:
                yield from self._reprioritised(changes.pop(0)[0])
            if event.kind in self.kinds:
                yield from self._rewritten(event)
            else:
                yield event
        for since, _ in changes:
            yield from self._reprioritised(since)

    def _rewritten(self, event: ClockEvent) -> Iterator[ClockEvent]:
        kind = event.kind
        if event.type in (EventType.STOPPED, EventType.CANCELLED):
            self.live.discard(kind)
        elif event.type in (EventType.STARTED, EventType.RESUMED):
            self.live.add(kind)
        if event.type is not EventType.STARTED and event.target is None:
            differs = self.supposed.get(kind) != self.recorded.get(kind)
            yield replace(event, target_seconds=None) if differs else event
            return
        self.recorded[kind] = event.target or NOTHING_PROMISED
        target = self._target(kind, event.at)
        if event.type is EventType.RETARGETED and target == self.supposed.get(kind):
            return  # the agreement changed, or a priority that this kind does not tell apart
        self.supposed[kind] = target
        same = target == self.recorded[kind]
        yield event if same else replace(event, target=target, target_seconds=None)

    def _reprioritised(self, at: datetime) -> Iterator[ClockEvent]:
        """Where the recorded targets of two priorities were equal, no event tells that the priority changed."""
        for kind in sorted(self.live):
            target = self._target(kind, at)
            if target != self.supposed[kind]:
                self.supposed[kind] = target
                yield ClockEvent(kind, EventType.RETARGETED, at, cause="priority_changed", target=target)

    def _target(self, kind: Kind, at: datetime) -> Target:
        return self.table.get(self.past.priority_at(at), {}).get(kind, NOTHING_PROMISED)


def _with_holds(events: Sequence[ClockEvent], pauses: bool) -> list[ClockEvent]:
    """The events with the overall clock standing still while the ticket is on hold, or running on.

    The lead's clock stands still on hold under every agreement, with that cause: it tells when the ticket was.
    """
    holds = _Holds(pauses, {(event.type, event.at) for event in events if event.kind is Kind.OVERALL})
    found = [each for event in events for each in holds.rewritten(event)]
    if found == list(events):
        return found
    return [replace(event, seconds=None) if event.kind is Kind.OVERALL else event for event in found]


@dataclass(slots=True)
class _Holds:
    """Follows the state of a ticket by its lead's clock, and the overall clock as it would have been."""

    pauses: bool
    recorded: set[tuple[EventType, datetime]]  # of the overall clock
    on_hold: bool = False
    live: bool = False
    standing: bool = False

    def rewritten(self, event: ClockEvent) -> Iterator[ClockEvent]:
        """What takes the place of one event."""
        if event.kind is Kind.LEAD:
            yield event
            yield from self._followed(event)
        elif event.kind is Kind.OVERALL:
            yield from self._overall(event)
        else:
            yield event

    def _followed(self, event: ClockEvent) -> Iterator[ClockEvent]:
        if event.type not in _ENDS_A_HOLD:
            return
        before, self.on_hold = self.on_hold, _is_hold(event)
        if not self.pauses or not self.live or before is self.on_hold:
            return
        # What the recorded clock did in the same change is left to the recorded event.
        known = (EventType.PAUSED,) if self.on_hold else _ENDS_A_HOLD
        if self.standing is not self.on_hold and not any((type_, event.at) in self.recorded for type_ in known):
            self.standing = self.on_hold
            type_ = EventType.PAUSED if self.on_hold else EventType.RESUMED
            yield ClockEvent(Kind.OVERALL, type_, event.at, cause=event.cause)

    def _overall(self, event: ClockEvent) -> Iterator[ClockEvent]:
        match event.type:
            case EventType.STARTED:
                self.live, self.standing = True, False
            case EventType.STOPPED | EventType.CANCELLED:
                self.live = False
            case EventType.RESUMED if self.live:
                if self.pauses and self.on_hold:
                    event = replace(event, type=EventType.PAUSED, cause=State.ON_HOLD.value)
                elif not self.standing:
                    return
                self.standing = event.type is EventType.PAUSED
            case EventType.RESUMED:
                self.live, self.standing = True, False
            case EventType.PAUSED if _is_hold(event) and not self.pauses:
                if not self.standing:
                    return
                event, self.standing = replace(event, type=EventType.RESUMED), False
            case EventType.PAUSED:
                self.standing = True
        yield event


_ENDS_A_HOLD = (EventType.PAUSED, EventType.RESUMED, EventType.STOPPED, EventType.CANCELLED)


def _is_hold(event: ClockEvent) -> bool:
    return event.type is EventType.PAUSED and event.cause == State.ON_HOLD.value
