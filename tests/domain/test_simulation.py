"""Other hours and other promises: the simulation says what would have been recorded, had they been in force."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from desk.domain.calendar import BusinessCalendar
from desk.domain.calendar_history import CalendarHistory, Version
from desk.domain.clock_moments import view
from desk.domain.clock_steps import replay
from desk.domain.clocks import CalendarKey, Measure
from desk.domain.lifecycle import State
from desk.domain.measurements import Outcome, Tally, Verdict, outcomes
from desk.domain.priority import Priority
from desk.domain.remeasuring import stretch_differences
from desk.domain.simulation import Comparison, Past, Supposition, compare, suppose
from desk.domain.sla import Book, Change, ClockEvent, EventType, HandoverAnswer, Kind, Target, Terms
from desk.domain.targets import TargetTable

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
WEEK = ("mon", "tue", "wed", "thu", "fri")


def hours(tz: str, start: str, end: str, days: Sequence[str] = WEEK, **more: Any) -> BusinessCalendar:
    return BusinessCalendar.from_spec({"tz": tz, "weekly_hours": {day: [[start, end]] for day in days}, **more})


OFFICE = hours("UTC", "09:00", "17:00")
LONG = hours("UTC", "08:00", "20:00")
ALWAYS = hours("UTC", "00:00", "24:00", (*WEEK, "sat", "sun"))
CALENDARS = [OFFICE, LONG, ALWAYS, hours("Europe/Berlin", "09:00", "13:00", ("mon", "wed"), holidays=["2026-03-04"])]
OTHER = CalendarHistory.of(hours("America/New_York", "09:00", "17:00"), "other")


def table(**by_priority: Target) -> TargetTable:
    return {Priority(name): dict.fromkeys(Kind, target) for name, target in by_priority.items()}


def flat(target: Target) -> TargetTable:
    return dict.fromkeys(Priority, dict.fromkeys(Kind, target))


@dataclass
class World:
    """What is in force: the agreement's targets, its choice for holds, and the calendar that starts."""

    targets: TargetTable
    calendar: BusinessCalendar = OFFICE
    hold_pauses: bool = False


@dataclass
class Life:
    """A ticket that lives in a world, and what is stored of it."""

    world: World
    book: Book
    priority: Priority = Priority.P3
    now: datetime = START
    lead: CalendarKey = "lead"
    priorities: list[tuple[datetime, Priority]] = field(default_factory=lambda: [(START, Priority.P3)])

    @classmethod
    def begin(cls, world: World) -> "Life":
        life = cls(world, Book({}, {"lead": CalendarHistory.of(world.calendar, "lead"), "other": OTHER}))
        life.happen(0, Change.created())
        return life

    def terms(self) -> Terms:
        keys: dict[Kind, CalendarKey] = {**dict.fromkeys(Kind, "lead"), Kind.LEAD: self.lead}
        return Terms(keys, self.world.targets.get(self.priority, {}), hold_pauses_overall=self.world.hold_pauses)

    def happen(self, gap: int, change: Change) -> None:
        self.now += timedelta(seconds=gap)
        self.book.apply(change, self.terms(), self.now)

    def prioritise(self, gap: int, priority: Priority) -> None:
        self.priority = priority
        self.happen(gap, Change.priority_changed())
        self.priorities.append((self.now, priority))

    def edit_calendar(self, gap: int, calendar: BusinessCalendar) -> None:
        when = self.now + timedelta(seconds=gap)
        versions = [*self.book.calendars["lead"].versions, Version(when, calendar, "edited", known_from=when)]
        self.book.calendars = {**self.book.calendars, "lead": CalendarHistory(versions)}
        self.happen(gap, Change.calendar_edited("lead"))

    def past(self) -> Past:
        return Past([entry.event for entry in self.book.entries], self.priorities)

    def suppose(self, days: float = 20, **supposed: Any) -> dict[tuple[Kind, int], Comparison]:
        supposition = Supposition(**{"kinds": frozenset(Kind), **supposed})
        found = compare(self.past(), self.book.calendars, supposition, self.now + timedelta(days=days))
        return {(each.kind, each.number): each for each in found}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_longer_hours_make_late_what_was_in_time() -> None:
    life = Life.begin(World(flat(Target(seconds=8 * 3600))))
    life.happen(31 * 3600, Change.staff_replied())  # Tuesday 16:00
    life.happen(0, Change.resolved(public_message=True))
    found = life.suppose(calendars={"lead": CalendarHistory.of(ALWAYS)})[Kind.FIRST_RESPONSE, 1]
    assert found.before == Outcome(Verdict.LATE, 15 * 3600, 8 * 3600, utc("2026-03-03T09:00"))
    assert found.after == Outcome(Verdict.LATE, 31 * 3600, 8 * 3600, utc("2026-03-02T17:00"))
    assert not found.changes
    shorter = hours("UTC", "09:00", "13:00")
    found = life.suppose(calendars={"lead": CalendarHistory.of(shorter)})[Kind.FIRST_RESPONSE, 1]
    assert found.after == Outcome(Verdict.MET, 8 * 3600, 8 * 3600, None)
    assert found.changes


def test_other_targets_count_from_the_same_start_by_the_priority_of_the_time() -> None:
    life = Life.begin(World(flat(Target(seconds=40 * 3600))))
    life.prioritise(3600, Priority.P1)  # the recorded targets do not tell priorities apart: no event says so
    assert [event.type for event in life.past().events].count(EventType.RETARGETED) == 0
    life.happen(3 * 3600, Change.resolved(public_message=True))
    supposed = table(P1=Target(seconds=2 * 3600), P3=Target(seconds=3 * 3600))
    found = life.suppose(targets=supposed)[Kind.LEAD, 1]
    assert found.before.verdict is Verdict.MET
    assert found.after == Outcome(Verdict.LATE, 4 * 3600, 2 * 3600, utc("2026-03-02T11:00"))


def test_what_was_used_up_before_the_priority_changed_is_late_from_the_change_on() -> None:
    life = Life.begin(World(flat(Target(seconds=40 * 3600))))
    life.prioritise(4 * 3600, Priority.P1)
    found = life.suppose(targets=table(P1=Target(seconds=3600), P3=Target(seconds=9 * 3600)))[Kind.LEAD, 1]
    assert found.after.breached_at == utc("2026-03-02T13:00")


def test_a_kind_that_is_not_asked_for_is_not_compared() -> None:
    life = Life.begin(World(flat(Target(seconds=3600))))
    assert {kind for kind, _ in life.suppose(kinds=frozenset({Kind.LEAD}))} == {Kind.LEAD}


def test_a_kind_without_a_supposed_target_is_measured_but_not_promised() -> None:
    life = Life.begin(World(flat(Target(seconds=3600))))
    found = life.suppose(targets={})[Kind.LEAD, 1]
    assert (found.before.verdict, found.after.verdict) == (Verdict.LATE, Verdict.UNPROMISED)
    assert not found.changes
    assert found.after.consumed == found.before.consumed


def test_the_overall_clock_stands_still_on_hold_when_that_is_supposed() -> None:
    life = Life.begin(World(flat(Target(seconds=6 * 3600))))
    life.happen(3600, Change.moved(State.ON_HOLD))
    life.happen(24 * 3600, Change.moved(State.OPEN))
    life.happen(3600, Change.resolved(public_message=True))
    found = life.suppose(hold_pauses_overall=True)
    assert found[Kind.OVERALL, 1].before.consumed == 10 * 3600
    assert found[Kind.OVERALL, 1].after == Outcome(Verdict.MET, 2 * 3600, 6 * 3600, None)
    assert found[Kind.LEAD, 1].after == found[Kind.LEAD, 1].before


def test_the_overall_clock_runs_on_hold_when_that_is_supposed() -> None:
    life = Life.begin(World(flat(Target(seconds=9 * 3600)), hold_pauses=True))
    life.happen(3600, Change.moved(State.ON_HOLD))
    life.happen(24 * 3600, Change.moved(State.OPEN))
    life.happen(3600, Change.moved(State.PENDING_MEMBER))
    life.happen(3600, Change.moved(State.ON_HOLD))
    life.happen(3600, Change.resolved(public_message=True))
    found = life.suppose(hold_pauses_overall=False)[Kind.OVERALL, 1]
    assert (found.before.consumed, found.before.verdict) == (2 * 3600, Verdict.MET)
    assert (found.after.consumed, found.after.verdict) == (11 * 3600, Verdict.LATE)


def test_a_hold_after_a_wait_for_the_member_stands_still_as_well() -> None:
    life = Life.begin(World(flat(Target(seconds=6 * 3600))))
    life.happen(3600, Change.moved(State.PENDING_MEMBER))
    life.happen(3600, Change.moved(State.ON_HOLD))
    life.happen(3600, Change.moved(State.PENDING_MEMBER))
    life.happen(3600, Change.moved(State.ON_HOLD))
    life.happen(3600, Change.moved(State.OPEN))
    found = life.suppose(days=0, hold_pauses_overall=True)[Kind.OVERALL, 1]
    assert (found.before.consumed, found.after.consumed) == (3 * 3600, 3600)


def test_a_reopened_clock_is_one_measurement_and_each_question_is_one() -> None:
    life = Life.begin(World(flat(Target(seconds=80 * 3600))))
    life.happen(3600, Change.resolved(public_message=True))
    life.happen(3600, Change.reopened(by_member=True))
    life.happen(3600, Change.staff_replied())
    life.happen(3600, Change.member_wrote())
    found = life.suppose()
    assert {number for kind, number in found if kind is Kind.LEAD} == {1}
    assert {number for kind, number in found if kind is Kind.NEXT_RESPONSE} == {1, 2}


def test_a_stretch_that_counts_after_all_counts_in_other_hours_too() -> None:
    life = Life.begin(World(flat(Target(seconds=9 * 3600))))
    life.happen(4 * 3600, Change.moved(State.PENDING_MEMBER))  # 13:00 to 19:00, of which four hours were open
    life.happen(6 * 3600, Change.moved(State.OPEN))
    life.happen(16 * 3600, Change.resolved(public_message=True))  # Tuesday 11:00
    correct(life, Measure.COUNTS, utc("2026-03-02T13:00"), utc("2026-03-02T19:00"))
    assert life.suppose()[Kind.LEAD, 1].before.consumed == (4 + 2 + 4) * 3600
    assert life.suppose()[Kind.LEAD, 1].before.is_late
    longer = life.suppose(calendars={"lead": CalendarHistory.of(LONG)})[Kind.LEAD, 1].after
    assert longer.consumed == (4 + 1 + 3 + 6) * 3600
    assert life.suppose(targets=flat(Target(seconds=10 * 3600)))[Kind.LEAD, 1].after.verdict is Verdict.MET


def test_what_was_corrected_is_the_same_under_what_was_in_force() -> None:
    life = Life.begin(World(flat(Target(seconds=3 * 3600))))
    life.happen(4 * 3600, Change.moved(State.PENDING_MEMBER))
    correct(life, Measure.DOES_NOT_COUNT, utc("2026-03-02T10:00"), utc("2026-03-02T12:00"))
    life.happen(3600, Change.moved(State.OPEN))
    found = life.suppose(calendars={"lead": life.book.calendars["lead"]}, targets=life.world.targets)
    assert {each.before for each in found.values() if each.kind is Kind.LEAD} == {
        each.after for each in found.values() if each.kind is Kind.LEAD
    }


def correct(life: Life, measure: Measure, since: datetime, until: datetime) -> None:
    """Somebody finds that the lead's clock was wrong about a stretch."""
    life.now += timedelta(seconds=60)
    clock = life.book.clocks[Kind.LEAD]
    pieces = stretch_differences(clock, clock.cycle, life.book.calendars, since, until, measure)
    event = ClockEvent(
        Kind.LEAD, EventType.REMEASURED, life.now, measure.value, since=since, until=until, cycle=clock.cycle
    )
    life.book.enter(replace(event, seconds=sum(piece.seconds for piece in pieces)), pieces)
    life.book.catch_up(life.now)


def test_what_was_called_off_in_time_is_neither_met_nor_late() -> None:
    life = Life.begin(World(flat(Target(seconds=8 * 3600))))
    life.happen(3600, Change.resolved(public_message=False))
    found = life.suppose()
    assert found[Kind.FIRST_RESPONSE, 1].before.verdict is Verdict.ENDED
    tally = Tally()
    for comparison in found.values():
        tally.add(comparison.before)
    assert (tally.measured, tally.decided, tally.attainment) == (4, 3, 100.0)


def test_attainment_is_cut_and_never_rounded_up_to_all() -> None:
    tally = Tally()
    assert tally.attainment is None
    tally.counts[Verdict.MET], tally.counts[Verdict.LATE] = 9_999, 1
    assert tally.attainment == 99.9


# --- the laws

MOVES: list[Change | Priority | BusinessCalendar] = [
    Change.staff_replied(),
    Change.member_wrote(),
    Change.escalated(),
    *(Change.moved(state) for state in (State.OPEN, State.PENDING_MEMBER, State.PENDING_LEAD)),
    Change.moved(State.ON_HOLD),
    Change.moved(State.ON_HOLD),
    Change.handover_answered(HandoverAnswer.ACCEPTED, State.ESCALATED),
    Change.handover_answered(HandoverAnswer.RETURNED, State.PENDING_LEAD),
    Change.resolved(public_message=True),
    Change.resolved(public_message=False),
    Change.reopened(by_member=True),
    Change.lead_transferred(),
    *Priority,
    *CALENDARS,
]
GAPS = st.sampled_from([1, 40, 3_600, 9_000, 30_000, 86_400, 300_000])
PLAYS = st.lists(st.tuples(GAPS, st.sampled_from(MOVES)), max_size=14)
TARGETS = st.one_of(
    st.sampled_from([Target(), Target(seconds=60), Target(seconds=30_000), Target(seconds=90_000)]),
    st.integers(1, 6).map(lambda days: Target(working_days=days)),
)
# Few different ones, so that priorities often have the same target.
TABLES = st.fixed_dictionaries({p: st.fixed_dictionaries(dict.fromkeys(Kind, TARGETS)) for p in Priority})
WORLDS = st.builds(World, TABLES, st.sampled_from(CALENDARS), st.booleans())


def live(world: World, plays: Sequence[tuple[int, Any]], *, edits: bool = True) -> Life:
    """``plays`` happen to a ticket in a world; without ``edits`` its calendar stays."""
    life, state = Life.begin(world), State.NEW
    for gap, what in plays:
        if isinstance(what, Priority):
            life.prioritise(gap, what)
        elif isinstance(what, BusinessCalendar):
            life.edit_calendar(gap, what if edits else world.calendar)
        elif what.state is not None and (state is State.RESOLVED) != (what.type.value == "reopened"):
            continue  # what is resolved can only be reopened, and only that
        else:
            state = what.state or state
            if what == Change.lead_transferred():
                life.lead = "other"
            life.happen(gap, what)
    return life


@settings(max_examples=200, deadline=None)
@given(WORLDS, PLAYS)
def test_supposing_what_was_in_force_gives_exactly_what_is_recorded(world: World, plays: Any) -> None:
    life = live(world, plays)
    until = life.now + timedelta(days=12)
    life.book.catch_up(until)
    past = life.past()
    supposition = Supposition(
        frozenset(Kind), {"lead": life.book.calendars["lead"]}, world.targets, hold_pauses_overall=world.hold_pauses
    )
    found = compare(past, life.book.calendars, supposition, until)
    assert [each.after for each in found] == [each.before for each in found]
    # And the one without a supposed calendar does not so much as touch an event.
    assert suppose(past, replace(supposition, calendars={})) == past.events
    late = {kind for (kind, _), clock in replay(past.events, life.book.calendars).items() if clock.breached_at}
    assert {each.kind for each in found if each.before.is_late} == late


@settings(max_examples=300, deadline=None)
@given(WORLDS, WORLDS, PLAYS, st.booleans())
def test_the_simulation_says_what_living_it_again_would_have_recorded(
    was: World, other: World, plays: Any, same_hours: bool
) -> None:
    other = replace(other, calendar=was.calendar) if same_hours else other
    life, again = live(was, plays), live(other, plays, edits=same_hours)
    until = life.now + timedelta(days=12)
    life.book.catch_up(until)
    hours_ = {} if same_hours else {"lead": CalendarHistory.of(other.calendar)}
    supposition = Supposition(frozenset(Kind), hours_, other.targets, other.hold_pauses)
    found = compare(life.past(), life.book.calendars, supposition, until)
    again.book.catch_up(until)
    assert {(each.kind, each.number): each.after for each in found} == kept(again.past(), again.book, until)


@settings(max_examples=200, deadline=None)
@given(WORLDS, PLAYS)
def test_many_are_judged_at_once_as_each_clock_would_be(world: World, plays: Any) -> None:
    life = live(world, plays)
    until = life.now + timedelta(days=12)
    life.book.catch_up(until)
    past = life.past()
    for judge in (False, True):
        found = {
            (kind, number): outcome
            for kind in Kind
            for number, outcome in enumerate(
                outcomes([e for e in past.events if e.kind is kind], life.book.calendars, until, judge=judge), start=1
            )
        }
        assert found == kept(past, life.book, until)


def kept(past: Past, book: Book, until: datetime) -> dict[tuple[Kind, int], Outcome]:
    """The outcomes as the clocks themselves have them, one for every start."""
    found: dict[tuple[Kind, int], Outcome] = {}
    last = {(kind, clock.first_cycle): clock for (kind, _), clock in replay(past.events, book.calendars).items()}
    for (kind, _), one in last.items():
        clock = view(one, book.calendars, until)
        verdict = {"stopped": Verdict.MET, "cancelled": Verdict.ENDED}.get(clock.state.value, Verdict.RUNNING)
        if clock.breached_at is not None or clock.target_seconds is None:
            verdict = Verdict.LATE if clock.breached_at is not None else Verdict.UNPROMISED
        number = sum(1 for other, _ in found if other is kind) + 1
        found[kind, number] = Outcome(verdict, clock.consumed, clock.target_seconds, clock.breached_at)
    return found


@settings(max_examples=100, deadline=None)
@given(WORLDS, PLAYS, st.integers(60, 200_000), st.integers(0, 200_000))
def test_a_longer_target_makes_nothing_late(was: World, plays: Any, short: int, more: int) -> None:
    life = live(was, plays)
    tight = life.suppose(targets=flat(Target(seconds=short)))
    loose = life.suppose(targets=flat(Target(seconds=short + more)))
    assert [key for key in tight if loose[key].after.is_late and not tight[key].after.is_late] == []


@settings(max_examples=100, deadline=None)
@given(WORLDS, PLAYS, st.integers(60, 200_000))
def test_more_open_time_makes_nothing_that_is_late_in_time(was: World, plays: Any, seconds: int) -> None:
    life = live(was, plays)
    table_ = flat(Target(seconds=seconds))
    fewer = life.suppose(targets=table_, calendars={"lead": CalendarHistory.of(OFFICE)})
    all_ = life.suppose(targets=table_, calendars={"lead": CalendarHistory.of(ALWAYS)})
    assert [key for key in fewer if fewer[key].after.is_late and not all_[key].after.is_late] == []


def test_an_event_after_the_moment_of_the_question_is_not_looked_at() -> None:
    started = ClockEvent(Kind.LEAD, EventType.STARTED, START, calendar="lead", target=Target(seconds=3600))
    stopped = ClockEvent(Kind.LEAD, EventType.STOPPED, START + timedelta(hours=3))
    past = Past([started, stopped], [(START, Priority.P3)])
    calendars = {"lead": CalendarHistory.of(OFFICE)}
    (found,) = compare(past, calendars, Supposition(frozenset(Kind)), START + timedelta(minutes=30))
    assert found.before.verdict is Verdict.RUNNING
