"""The service level: what a change of a ticket does to its clocks, and the clocks' vocabulary in one place.

A verb describes what it did to a ticket as a ``Change``; ``decide`` answers with the clock events that it causes, under
the ``Terms`` (targets, calendars, two choices of the agreement). How clocks follow from events is in
``desk.domain.clock_steps``, what is promised in ``desk.domain.targets``; both are offered from here: one import for
callers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from desk.domain.calendar_history import Piece
from desk.domain.clock_moments import passed, view, with_moments
from desk.domain.clock_steps import CLOSING, Cycles, fold, measured, replay, take
from desk.domain.clocks import (
    CalendarKey,
    Calendars,
    Clock,
    ClockEvent,
    ClockState,
    EventType,
    Measure,
    Percents,
    Segment,
)
from desk.domain.lifecycle import DONE, State
from desk.domain.priority import Priority
from desk.domain.targets import NOTHING_PROMISED, REGISTRY_KINDS, Kind, Ladder, Target, Targets
from desk.domain.ticket_change import Change, ChangeType, HandoverAnswer

__all__ = [
    "Book",
    "CalendarKey",
    "Calendars",
    "Change",
    "ChangeType",
    "Clock",
    "ClockEvent",
    "ClockState",
    "Entry",
    "EventType",
    "HandoverAnswer",
    "Kind",
    "Ladder",
    "Measure",
    "Percents",
    "Segment",
    "Target",
    "Terms",
    "decide",
    "fold",
    "measured",
    "passed",
    "replay",
    "unanswered_since",
    "view",
    "with_moments",
]


@dataclass(frozen=True, slots=True)
class Terms:
    """What applies to one ticket now. A kind without a calendar is not measured."""

    calendars: Mapping[Kind, CalendarKey]
    targets: Targets = field(default_factory=dict)
    receipt_counts: bool = False
    hold_pauses_overall: bool = False
    priority: Priority | None = None

    def target(self, kind: Kind) -> Target:
        """The target of a kind, which may promise nothing."""
        return self.targets.get(kind, NOTHING_PROMISED)


_RUNS = {
    Kind.LEAD: {State.NEW, State.OPEN, State.PENDING_LEAD},
    Kind.REGISTRY: {State.ESCALATED},
    Kind.OVERALL: {State.NEW, State.OPEN, State.PENDING_LEAD, State.ESCALATED, State.ON_HOLD},
    Kind.REGULAR_UPDATE: {State.NEW, State.OPEN, State.PENDING_LEAD, State.ESCALATED, State.ON_HOLD},
}
_ONE_SECOND = timedelta(seconds=1)
_PRIORITISED = frozenset({EventType.STARTED, EventType.RESUMED, EventType.RETARGETED})
_ANSWERED = "answered"
"""The cause with which a regular update stops when the ticket is resolved with a message: reopened, it starts anew."""


@dataclass(slots=True)
class _Decision:
    """Collects the events of one change; knows the clocks as they were before it."""

    clocks: Mapping[Kind, Clock]
    terms: Terms
    at: datetime
    cause: str
    reason: str | None
    actor_id: int | None
    events: list[ClockEvent] = field(default_factory=list)

    def live(self, kind: Kind) -> bool:
        clock = self.clocks.get(kind)
        return clock is not None and clock.live

    def add(
        self,
        kind: Kind,
        type_: EventType,
        *,
        cause: str | None = None,
        calendar: CalendarKey | None = None,
        target: Target | None = None,
        since: datetime | None = None,
    ) -> None:
        self.events.append(
            ClockEvent(
                kind,
                type_,
                self.at,
                cause=cause or self.cause,
                since=since,
                calendar=calendar,
                target=target,
                reason=self.reason,
                actor_id=self.actor_id,
                priority=self.terms.priority if type_ in _PRIORITISED else None,
            )
        )

    def start(self, kind: Kind, since: datetime | None = None) -> None:
        calendar = self.terms.calendars.get(kind)
        if calendar is not None:
            self.add(kind, EventType.STARTED, calendar=calendar, target=self.terms.target(kind), since=since)

    def end(self, kind: Kind, type_: EventType = EventType.STOPPED, cause: str | None = None) -> None:
        if self.live(kind):
            self.add(kind, type_, cause=cause)

    def replied(self, restart: bool = True) -> None:
        """A public message of staff: answers what waits for one, and is the regular update."""
        self.end(Kind.FIRST_RESPONSE)
        self.end(Kind.NEXT_RESPONSE)
        update = self.clocks.get(Kind.REGULAR_UPDATE)
        if update is None or not update.live or not restart:
            return
        self.end(Kind.REGULAR_UPDATE)
        self.start(Kind.REGULAR_UPDATE)
        if update.state is ClockState.PAUSED:
            self.add(Kind.REGULAR_UPDATE, EventType.PAUSED, cause=update.cause)

    def member_waits(self, since: datetime | None = None) -> None:
        """An unanswered message of the member; later ones do not move the clock."""
        if not self.live(Kind.FIRST_RESPONSE) and not self.live(Kind.NEXT_RESPONSE):
            self.start(Kind.NEXT_RESPONSE, since)

    def moved(self, state: State, cause: str | None = None) -> None:
        """The clocks that follow the ticket's state, put where they belong in ``state``."""
        for kind in _RUNS:
            if state in DONE:
                self.end(kind, cause=cause if kind is Kind.REGULAR_UPDATE else None)
            else:
                self.follow(kind, state)
        if state not in (State.ESCALATED, State.PENDING_MEMBER):
            # Nobody is asked to accept any more: withdrawn, or done without the registry.
            self.end(Kind.REGISTRY_ACCEPTANCE, EventType.CANCELLED)

    def follow(self, kind: Kind, state: State) -> None:
        clock = self.clocks.get(kind)
        runs = state in _RUNS[kind]
        if kind is Kind.OVERALL and state is State.ON_HOLD and self.terms.hold_pauses_overall:
            runs = False
        if clock is None:
            if runs:
                self.start(kind)
        elif runs and clock.state is ClockState.STOPPED and clock.cause == _ANSWERED:
            self.start(kind)
        elif runs and clock.state is ClockState.STOPPED:
            # What it consumed is kept; the priority may have changed while it was resolved.
            self.add(kind, EventType.RESUMED, target=self.terms.target(kind))
        elif runs and clock.state is ClockState.PAUSED:
            self.add(kind, EventType.RESUMED)
        elif not runs and clock.live and (clock.state is ClockState.RUNNING or clock.cause != state.value):
            # Standing still for another reason is a pause of its own: who was waited for must add up.
            self.add(kind, EventType.PAUSED, cause=state.value)

    def retargeted(self) -> None:
        for kind, clock in self.clocks.items():
            if clock.live and clock.target != self.terms.target(kind):
                self.add(kind, EventType.RETARGETED, target=self.terms.target(kind))


def decide(
    change: Change,
    clocks: Mapping[Kind, Clock],
    terms: Terms,
    at: datetime,
    *,
    reason: str | None = None,
    actor_id: int | None = None,
) -> list[ClockEvent]:
    """The clock events that ``change`` causes at ``at``, in order. ``clocks``: the latest cycles before it."""
    decision = _Decision(clocks, terms, at, change.type.value, reason, actor_id)
    _apply(decision, change)
    return decision.events


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as it is stored (measured), the clock after it, and the working time that came with it, cut by version.

    The pieces are of the running stretch that it closed, or the differences of what was measured again.
    """

    event: ClockEvent
    clock: Clock
    pieces: tuple[Piece, ...] = ()


@dataclass(slots=True)
class Book:
    """The latest clocks of one ticket with the calendars they run in; what is done to them is in ``entries``.

    ``cycles``: all of them, where one that is over may be measured again.
    """

    clocks: dict[Kind, Clock]
    calendars: Calendars
    percents: Percents = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    cycles: Cycles = field(default_factory=dict)
    before: Cycles = field(init=False)

    def __post_init__(self) -> None:
        self.cycles = self.cycles or {(clock.kind, clock.cycle): clock for clock in self.clocks.values()}
        self.before = dict(self.cycles)

    def apply(
        self,
        change: Change,
        terms: Terms,
        at: datetime,
        *,
        reason: str | None = None,
        actor_id: int | None = None,
        percents: Percents | None = None,
    ) -> None:
        """Do what ``change`` causes. What has run out by ``at`` is recorded first, what runs out through it after.

        ``percents``: where another ladder comes with the change. A rung that was passed before it existed warns at
        ``at``.
        """
        self.catch_up(at)
        self.percents = self.percents if percents is None else percents
        for event in decide(change, self.clocks, terms, at, reason=reason, actor_id=actor_id):
            self.enter(event)
        self.catch_up(at, not_before=at)

    def catch_up(self, at: datetime, not_before: datetime | None = None) -> None:
        """Record every warning and breach that has happened by ``at`` and is not recorded yet."""
        due = [event for clock in self.cycles.values() for event in passed(clock, self.calendars, at, self.percents)]
        for event in sorted(due, key=lambda event: event.at):
            self.enter(event if not_before is None else replace(event, at=max(event.at, not_before)))

    def had(self, kind: Kind, type_: EventType, cause: str | None = None) -> bool:
        """Whether such an event was entered, by that cause or by any."""
        found = (entry.event for entry in self.entries if entry.event.kind is kind and entry.event.type is type_)
        return any(cause is None or event.cause == cause for event in found)

    @property
    def measured_again(self) -> bool:
        """Whether anything of the past was corrected."""
        return any(entry.event.type is EventType.REMEASURED for entry in self.entries)

    def touched(self) -> dict[tuple[Kind, int], Clock]:
        """The latest cycles, and those that ended in what was just done or were measured again."""
        changed = {key: clock for key, clock in self.cycles.items() if self.before.get(key) is not clock}
        return changed | {(clock.kind, clock.cycle): clock for clock in self.clocks.values()}

    def enter(self, event: ClockEvent, pieces: Sequence[Piece] = ()) -> None:
        """Let an event happen and keep it. ``pieces``: of one that measures again, its differences."""
        before = self.clocks.get(event.kind)
        after = take(self.cycles, self.clocks, event, self.calendars)
        if before is not None and event.type in CLOSING and before.running_since is not None:
            # As known before: what is saved in this very second is about what comes, or is a correction.
            pieces = before.history(self.calendars, event.at - _ONE_SECOND).pieces(before.running_since, event.at)
        self.entries.append(Entry(measured(before, event, after), after, tuple(pieces)))


def unanswered_since(clocks: Mapping[Kind, Clock]) -> datetime | None:
    """Since when the member waits for an answer: what a merge takes along to the other ticket."""
    waiting = (clocks.get(Kind.FIRST_RESPONSE), clocks.get(Kind.NEXT_RESPONSE))
    return min((clock.started_at for clock in waiting if clock is not None and clock.live), default=None)


def _apply(decision: _Decision, change: Change) -> None:
    match change.type:
        case ChangeType.CREATED:
            if not change.by_staff:
                decision.start(Kind.FIRST_RESPONSE)
            for kind in (Kind.REGULAR_UPDATE, Kind.LEAD, Kind.OVERALL):
                decision.start(kind)
        case ChangeType.STAFF_REPLIED:
            decision.replied()
        case ChangeType.RECEIPT_SENT:
            if decision.terms.receipt_counts:
                decision.end(Kind.FIRST_RESPONSE)
        case ChangeType.MEMBER_WROTE:
            decision.member_waits()
        case ChangeType.RESOLVED:
            _resolve(decision, change)
        case ChangeType.PRIORITY_CHANGED | ChangeType.AGREEMENT_CHANGED:
            decision.retargeted()
            if change.state is State.ON_HOLD:
                decision.follow(Kind.OVERALL, State.ON_HOLD)
        case ChangeType.CALENDAR_EDITED | ChangeType.ZONE_RULES_CHANGED:
            for kind, clock in decision.clocks.items():
                if clock.live and clock.calendar == change.calendar:
                    decision.add(kind, EventType.CALENDAR_CHANGED, calendar=clock.calendar)
        case ChangeType.HOURS_CHOSEN:
            for kind in (Kind.LEAD, *REGISTRY_KINDS):
                if kind in decision.clocks and decision.clocks[kind].calendar != decision.terms.calendars.get(kind):
                    _go_on_elsewhere(decision, kind)
        case ChangeType.LEAD_TRANSFERRED:
            _go_on_elsewhere(decision, Kind.LEAD)
        case ChangeType.MERGED:
            for kind in decision.clocks:
                decision.end(kind, EventType.CANCELLED)
        case ChangeType.ABSORBED:
            _absorb(decision, change.since)
        case _:
            _move(decision, change)


def _move(decision: _Decision, change: Change) -> None:
    """Moved, escalated, handed back, reopened, closed: what else happens beside the change of state."""
    if change.type is ChangeType.HANDOVER_ANSWERED:
        decision.end(Kind.REGISTRY_ACCEPTANCE, cause=change.answer)
        decision.clocks = {kind: clock for kind, clock in decision.clocks.items() if kind != Kind.REGISTRY_ACCEPTANCE}
    if change.state is not None:
        decision.moved(change.state)
    if change.type is ChangeType.ESCALATED and not decision.live(Kind.REGISTRY_ACCEPTANCE):
        decision.start(Kind.REGISTRY_ACCEPTANCE)
    if change.type is ChangeType.REOPENED and change.by_member:
        decision.member_waits()
    if change.type is ChangeType.CLOSED:
        for kind in (Kind.FIRST_RESPONSE, Kind.NEXT_RESPONSE):
            decision.end(kind, EventType.CANCELLED)


def _resolve(decision: _Decision, change: Change) -> None:
    if change.answered:
        decision.replied(restart=False)
    else:
        # Nothing was said in public, so nothing was answered: neither met nor late.
        for kind in (Kind.FIRST_RESPONSE, Kind.NEXT_RESPONSE):
            decision.end(kind, EventType.CANCELLED)
    decision.moved(State.RESOLVED, cause=_ANSWERED if change.answered else None)


def _go_on_elsewhere(decision: _Decision, kind: Kind) -> None:
    """From now on in the calendar that the terms name; also what was stopped, since it may be reopened."""
    clock = decision.clocks.get(kind)
    calendar = decision.terms.calendars.get(kind)
    if clock is not None and calendar is not None and clock.state is not ClockState.CANCELLED:
        decision.add(kind, EventType.CALENDAR_CHANGED, calendar=calendar)


def _absorb(decision: _Decision, since: datetime | None) -> None:
    own = decision.clocks.get(Kind.NEXT_RESPONSE)
    if since is None or (own is not None and own.live and own.started_at <= since):
        return
    if own is not None and own.live:
        decision.add(Kind.NEXT_RESPONSE, EventType.CANCELLED)
        decision.start(Kind.NEXT_RESPONSE, since)
    else:
        decision.member_waits(since)
