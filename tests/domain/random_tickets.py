"""Random lives of tickets: legal moves and everything else that happens to clocks, in calendars near eventful dates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import strategies as st

from desk.domain.calendar import BusinessCalendar
from desk.domain.calendar_history import CalendarHistory, Version
from desk.domain.clock_changes import changes_of
from desk.domain.clocks import ClockEvent
from desk.domain.lifecycle import LIVE, Action, State, may_move, next_state
from desk.domain.sla import Book, Change, HandoverAnswer, Kind, Target, Terms
from desk.domain.targets import REGISTRY_KINDS
from tests.domain.random_calendars import DAY, Scene, scenes, specs

Happening = tuple[int, str, int]
"""So many seconds after what happened before: what, and a number that chooses among its varieties."""

_GAPS = st.one_of(
    st.sampled_from([0, 0, 1, 40, 3_600, 9_000, 30_000, DAY, 3 * DAY]),
    st.integers(0, 200).map(lambda quarters: quarters * 900),
    st.integers(0, 4 * DAY),
)
_RARE = (Action.MERGE, Action.CLOSE)  # nothing happens to a ticket after them
MOVES = (*(action for action in Action if action not in _RARE), *_RARE)
TURNS = ("priority", "agreement", "receipt", "accept", "absorb")
EDITS = ("edit", "edit ahead")
PLACES = ("transfer", "hours")


def happenings(*names: str, size: int = 14) -> st.SearchStrategy[list[Happening]]:
    """What happens to a ticket, and what is illegal at its turn does not happen."""
    moves = st.sampled_from([move.value for move in MOVES])
    what = st.one_of(moves, st.sampled_from(names), st.sampled_from(names)) if names else moves
    return st.lists(st.tuples(_GAPS, what, st.integers(0, 11)), min_size=3, max_size=size)


@dataclass
class Life:
    """A ticket while things happen to it, and what its clocks must say in the end: who had it when."""

    start: datetime
    lead: CalendarHistory
    edits: Sequence[BusinessCalendar] = ()
    other: CalendarHistory | None = None
    sweeps: Sequence[datetime] = ()
    book: Book = field(init=False)
    now: datetime = field(init=False)
    state: State = State.NEW
    remembered: State | None = None
    stood: list[tuple[datetime, State]] = field(default_factory=list)
    keys: dict[Kind, str] = field(default_factory=lambda: dict.fromkeys(Kind, "lead"))
    target: Target = field(default_factory=lambda: Target(working_days=2))
    hold_pauses_overall: bool = False

    def __post_init__(self) -> None:
        self.now = self.start
        self.book = Book({}, {"lead": self.lead, "other": self.other or self.lead})
        self._do(Change.created())
        self.stood.append((self.now, State.NEW))

    @property
    def events(self) -> list[ClockEvent]:
        """All clock events so far, in the order in which they were written."""
        return [entry.event for entry in self.book.entries]

    @property
    def terms(self) -> Terms:
        return Terms(
            dict(self.keys),
            dict.fromkeys(Kind, self.target),
            receipt_counts=True,
            hold_pauses_overall=self.hold_pauses_overall,
        )

    def play(self, plot: Sequence[Happening], rest: int = 12 * DAY) -> "Life":
        """Let everything happen, then nothing for ``rest`` seconds."""
        for gap, what, number in plot:
            self.wait(gap)
            self._happen(what, number)
        self.wait(rest)
        self.book.catch_up(self.now)
        return self

    def wait(self, seconds: int) -> None:
        """Let time pass, swept at the moments asked for."""
        before, self.now = self.now, self.now + timedelta(seconds=seconds)
        for moment in sorted(self.sweeps):
            if before <= moment < self.now:
                self.book.catch_up(moment)

    def spent(self, *states: State) -> int:
        """Open seconds of the lead's calendar that the ticket spent in the states, worked out from its moves."""
        ends = [*(at for at, _ in self.stood[1:]), self.now]
        calendar = self.book.calendars["lead"]
        return sum(
            calendar.elapsed(at, end) for (at, state), end in zip(self.stood, ends, strict=True) if state in states
        )

    def _happen(self, what: str, number: int) -> None:
        if what in set(Action):
            self._move(Action(what), number)
            return
        match what:
            case "priority":
                self.target = _TARGETS[number % len(_TARGETS)]
                self._do(Change.priority_changed())
            case "agreement":
                self.target, self.hold_pauses_overall = _TARGETS[number % len(_TARGETS)], number % 2 == 0
                self._do(Change.agreement_changed(self.state))
            case "receipt":
                self._do(Change.receipt_sent())
            case "accept":
                if self.state is State.ESCALATED:
                    self._do(Change.handover_answered(HandoverAnswer.ACCEPTED, State.ESCALATED))
            case "absorb":
                if self.state in LIVE:
                    self._do(Change.absorbed(self.now - timedelta(seconds=number * 9_000) if number else None))
            case "transfer":
                self.keys[Kind.LEAD] = "other" if self.keys[Kind.LEAD] == "lead" else "lead"
                self._do(Change.lead_transferred())
            case "hours":
                self.keys |= dict.fromkeys((Kind.LEAD, *REGISTRY_KINDS), "other" if number % 2 else "lead")
                self._do(Change.hours_chosen())
            case "edit" | "edit ahead" if self.edits:
                self._edit(self.edits[number % len(self.edits)], timedelta(hours=7 * number * (what == "edit ahead")))

    def _edit(self, calendar: BusinessCalendar, ahead: timedelta) -> None:
        known = self.book.calendars["lead"].versions
        version = Version(self.now + ahead, calendar, len(known), known_from=self.now)
        self.book.calendars = {**self.book.calendars, "lead": CalendarHistory([*known, version])}
        self._do(Change.calendar_edited("lead"))

    def _move(self, action: Action, number: int) -> None:
        if not may_move(self.state, action, self.remembered):
            return
        before, self.state = self.state, next_state(self.state, action, self.remembered)
        if action is Action.ASK_MEMBER and before is not State.PENDING_MEMBER:
            self.remembered = before
        answer = list(HandoverAnswer)[number % 3]
        staff, member = number % 2 == 0, number % 3 > 0
        for change in changes_of(action, before, self.state, staff_wrote=staff, member_wrote=member, answer=answer):
            self._do(change)
        self.stood.append((self.now, self.state))

    def _do(self, change: Change) -> None:
        self.book.apply(change, self.terms, self.now)


_TARGETS = (
    Target(),
    Target(working_days=1),
    Target(seconds=3 * 3600),
    Target(working_days=5),
    Target(seconds=20 * 3600),
    Target(working_days=2),
)


@dataclass(frozen=True)
class Story:
    """What is needed to live a ticket's life again, with or without this and that."""

    scene: Scene
    plot: list[Happening]
    edits: tuple[BusinessCalendar, ...] = ()
    other: BusinessCalendar | None = None

    @property
    def start(self) -> datetime:
        """When the ticket is opened."""
        return min(self.scene.a, self.scene.b)

    def live(self, sweeps: Sequence[int] = (), plot: Sequence[Happening] | None = None, rest: int = 12 * DAY) -> Life:
        """The ticket after its plot, swept so many seconds after its start."""
        life = Life(
            self.start,
            CalendarHistory([Version(self.start, self.scene.calendar, 0)]),
            self.edits,
            CalendarHistory.of(self.other, "other") if self.other else None,
            [self.start + timedelta(seconds=second) for second in sweeps],
        )
        return life.play(self.plot if plot is None else plot, rest)


@st.composite
def stories(draw: st.DrawFn, *more: str) -> Story:
    """A ticket's life of moves and of ``more``; of the calendars that are edited one is the scene's own again."""
    scene = draw(scenes())
    if not {*PLACES, *EDITS} & set(more):
        return Story(scene, draw(happenings(*more)))
    others = [BusinessCalendar.from_spec(draw(specs(scene.tz, scene.day))) for _ in range(2)]
    return Story(scene, draw(happenings(*more)), (scene.calendar, others[0]), others[1])


def zones_changed(calendars: Mapping[int | str, CalendarHistory]) -> dict[int | str, CalendarHistory]:
    """The same hours in a zone that is somewhere else, as if its rules had been found to be wrong."""
    return {
        key: CalendarHistory(
            [Version(v.effective_from, _elsewhere(v.calendar), v.key, v.known_from) for v in history.versions]
        )
        for key, history in calendars.items()
    }


def _elsewhere(calendar: BusinessCalendar) -> BusinessCalendar:
    hours = calendar.hours
    moved = type(hours)("Pacific/Honolulu", hours.weekly, hours.holidays, hours.overrides, hours.breaks)
    return BusinessCalendar(moved)
