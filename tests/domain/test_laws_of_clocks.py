"""What holds for the clocks of a ticket, whatever happens to it and whenever anybody looks."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from desk.domain.account import account_of
from desk.domain.calendar import instant, whole_second
from desk.domain.lifecycle import Action, State
from desk.domain.sla import Book, ClockEvent, ClockState, EventType, Kind, fold, replay
from tests.domain.random_calendars import DAY, LAW
from tests.domain.random_tickets import EDITS, PLACES, TURNS, Story, stories, zones_changed

LOOKS = st.lists(st.integers(0, 40 * DAY), min_size=1, max_size=5)
SWEEPS = st.lists(st.integers(0, 30 * DAY), max_size=8)
SECOND = timedelta(seconds=1)
PARTIES = {
    "lead": (State.NEW, State.OPEN, State.PENDING_LEAD),
    "registry": (State.ESCALATED,),
    "waiting": (State.PENDING_MEMBER,),
    "hold": (State.ON_HOLD,),
    "over": (State.RESOLVED, State.CLOSED),
}


# --- law 8


@LAW
@given(stories(), st.lists(st.tuples(st.integers(0, 2 * DAY), st.integers(0, 2 * DAY)), min_size=1, max_size=4))
def test_law_8_what_was_consumed_with_pauses_and_the_pauses_are_what_is_consumed_without(
    story: Story, pauses: list[tuple[int, int]]
) -> None:
    plot = [
        each
        for work, pause in pauses
        for each in ((work, Action.ASK_MEMBER.value, 0), (pause, Action.MEMBER_WRITES.value, 0))
    ]
    with_pauses, without = story.live(plot=plot), story.live(plot=[], rest=0)
    calendar, end = with_pauses.book.calendars["lead"], with_pauses.now
    spans = list(zip(with_pauses.stood[1::2], with_pauses.stood[2::2], strict=True))
    stood = sum(calendar.elapsed(stops, goes_on) for (stops, _), (goes_on, _) in spans)
    for kind in (Kind.LEAD, Kind.OVERALL):
        clock = fold(with_pauses.events, with_pauses.book.calendars, {}, end)[kind]
        assert clock.consumed + stood == fold(without.events, without.book.calendars, {}, end)[kind].consumed


@LAW
@given(stories(), st.integers(0, 3 * DAY), st.integers(0, 2 * DAY), st.integers(0, 2 * DAY))
def test_law_8_a_pause_in_closed_time_changes_nothing(story: Story, work: int, early: int, late: int) -> None:
    calendar = story.scene.calendar
    closing = calendar.add(story.start + timedelta(seconds=work), 3_600)
    shut = calendar.next_opening(closing) - closing
    stops, goes_on = sorted(
        (closing + min(timedelta(seconds=early), shut), closing + min(timedelta(seconds=late), shut))
    )
    plot = [
        (int((stops - story.start).total_seconds()), Action.ASK_MEMBER.value, 0),
        (int((goes_on - stops).total_seconds()), Action.MEMBER_WRITES.value, 0),
    ]
    paused, undisturbed = story.live(plot=plot, rest=0), story.live(plot=[], rest=0)
    for look in (0, 900, DAY, 9 * DAY):
        now = goes_on + timedelta(seconds=look)
        one = fold(paused.events, paused.book.calendars, {}, now)
        other = fold(undisturbed.events, undisturbed.book.calendars, {}, now)
        for kind in (Kind.LEAD, Kind.OVERALL):
            for name in ("consumed", "target_seconds", "due_at", "breach_at", "breached_at"):
                assert getattr(one[kind], name) == getattr(other[kind], name), name


# --- law 9


@LAW
@given(stories(*TURNS, *EDITS))
def test_law_9_the_parties_share_out_the_tickets_life_no_second_twice_and_none_lost(story: Story) -> None:
    life = story.live(plot=[each for each in story.plot if each[1] != "agreement"])
    clocks = fold(life.events, life.book.calendars, {}, life.now)
    calendar = life.book.calendars["lead"]
    shares = {party: life.spent(*states) for party, states in PARTIES.items()}
    assert sum(shares.values()) == calendar.elapsed(life.start, life.now)
    registry = clocks[Kind.REGISTRY].consumed if Kind.REGISTRY in clocks else 0
    assert (clocks[Kind.LEAD].consumed, registry) == (shares["lead"], shares["registry"])
    assert clocks[Kind.OVERALL].consumed == shares["lead"] + shares["registry"] + shares["hold"]


@LAW
@given(stories(*TURNS, *EDITS))
def test_law_9_the_account_of_a_clock_tells_every_second_once_and_for_whom_it_stood(story: Story) -> None:
    life = story.live()
    calendar = life.book.calendars["lead"]
    clock = fold(life.events, life.book.calendars, {}, life.now)[Kind.LEAD]
    own = [event for event in life.events if event.kind is Kind.LEAD]
    account = account_of(clock, own, life.book.calendars, life.now)
    at = life.start
    ran, stood = 0, Counter[str]()
    for stretch in account.stretches:
        assert stretch.start == at, "a gap or an overlap"
        at = stretch.end or life.now
        if stretch.ran:
            ran += stretch.seconds
        else:
            stood[stretch.cause] += calendar.elapsed(stretch.start, at)
    assert at == life.now
    assert ran == clock.consumed == life.spent(*PARTIES["lead"])
    for state in (State.ESCALATED, State.PENDING_MEMBER, State.ON_HOLD):
        assert stood[state.value] == life.spent(state)


# --- law 10


def every_look(life: Any, looks: list[int]) -> list[datetime]:
    """Instants at which something could be wrong: those asked for, each event's, each breach's, and a second around."""
    edges = {whole_second(event.at) for event in life.events}
    edges |= {
        whole_second(at) for c in life.book.cycles.values() for at in (c.breached_at, c.due_at, c.breach_at) if at
    }
    edges |= {whole_second(life.start) + look for look in looks}
    return [instant(second + by) for second in sorted(edges) for by in (-1, 0, 1)]


@LAW
@given(stories("receipt", "accept", *PLACES), LOOKS)
def test_law_10_at_every_instant_late_is_exactly_when_more_was_consumed_than_promised(
    story: Story, looks: list[int]
) -> None:
    life = story.live()
    for now in every_look(life, looks):
        for clock in fold(life.events, life.book.calendars, {}, now).values():
            late = clock.target_seconds is not None and clock.consumed > clock.target_seconds
            # What was late stays late when its target grew afterwards, as with a lead whose working days are longer.
            grew = clock.breached_at is not None and clock.changed_at > clock.breached_at
            assert (clock.breached_at is not None) == (late or grew), (now, clock)
            if clock.breach_at is not None:
                assert late == (now > clock.breach_at)


@LAW
@given(stories(*TURNS, *EDITS, *PLACES), LOOKS)
def test_law_10_whatever_changes_nobody_is_late_unrecorded_and_no_breach_is_moved_or_taken_back(
    story: Story, looks: list[int]
) -> None:
    life = story.live()
    seen: dict[tuple[Kind, int], datetime] = {}
    for now in every_look(life, looks):
        for clock in fold(life.events, life.book.calendars, {}, now).values():
            if clock.target_seconds is not None and clock.consumed > clock.target_seconds:
                assert clock.breached_at is not None
            if clock.breached_at is not None:
                assert clock.breached_at <= now
                assert seen.setdefault((clock.kind, clock.cycle), clock.breached_at) == clock.breached_at
    recorded = Counter((e.event.kind, e.clock.cycle) for e in life.book.entries if e.event.type is EventType.BREACHED)
    assert set(recorded.values()) <= {1}
    for entry in life.book.entries:
        if entry.event.type is EventType.BREACHED:
            # A cycle that ended in the second of its breach is not looked at any more.
            assert seen.get((entry.event.kind, entry.clock.cycle), entry.event.at) == entry.event.at


@LAW
@given(stories(*TURNS, *EDITS, *PLACES))
def test_a_breach_is_never_dated_before_the_promise_was_what_it_is(story: Story) -> None:
    life = story.live()
    changed: dict[Kind, datetime] = {}
    for entry in life.book.entries:
        event = entry.event
        if event.type in (EventType.STARTED, EventType.RETARGETED, EventType.CALENDAR_CHANGED):
            changed[event.kind] = event.at
        if event.type is EventType.BREACHED:
            assert event.at >= changed[event.kind]


# --- law 11


@LAW
@given(stories(*TURNS, *EDITS, *PLACES), SWEEPS)
def test_law_11_a_replay_of_the_events_gives_the_same_clocks(story: Story, sweeps: list[int]) -> None:
    life = story.live(sweeps)
    again = replay(life.events, life.book.calendars)
    assert again == life.book.cycles
    assert {clock.kind: clock for clock in again.values()} == life.book.clocks


@LAW
@given(stories(*TURNS, *EDITS, *PLACES), SWEEPS)
def test_law_11_what_was_measured_stays_whatever_is_learnt_of_the_zones_later(story: Story, sweeps: list[int]) -> None:
    life = story.live(sweeps)
    again = replay(life.events, zones_changed(life.book.calendars))
    for key, clock in life.book.cycles.items():
        # Which warnings still hold is asked of the stretch that runs, so not of these.
        for name in ("state", "settled", "segments", "target_seconds", "breached_at", "running_since"):
            assert getattr(again[key], name) == getattr(clock, name), name


@LAW
@given(stories(*TURNS, *EDITS, *PLACES), st.integers(0, 30 * DAY))
def test_law_11_what_was_shown_at_a_moment_can_be_worked_out_again_later(story: Story, look: int) -> None:
    then = story.start + timedelta(seconds=look)
    past, when = [], story.start
    for each in story.plot:
        when += timedelta(seconds=each[0])
        if when > then:
            break
        past.append(each)
    long, short = story.live(), story.live(plot=past)
    assert fold(long.events, long.book.calendars, {}, then) == fold(short.events, short.book.calendars, {}, then)


# --- law 12


def recorded(book: Book) -> set[Any]:
    return {
        (e.event.kind, e.clock.cycle, e.event.type, e.event.percent, e.event.at)
        for e in book.entries
        if e.event.type in (EventType.BREACHED, EventType.WARNED)
    }


@LAW
@given(stories(*TURNS, *EDITS, *PLACES), SWEEPS)
def test_law_12_sweeping_at_any_set_of_times_records_the_same(story: Story, sweeps: list[int]) -> None:
    once, often = story.live(), story.live(sweeps)
    assert recorded(once.book) == recorded(often.book)
    assert once.book.clocks == often.book.clocks


# --- that the lives hold what the laws are about


def test_the_lives_hold_what_the_laws_are_about() -> None:
    seen: Counter[str] = Counter()

    @settings(LAW, max_examples=250, derandomize=True)
    @given(stories(*TURNS, *EDITS, *PLACES))
    def look(story: Story) -> None:
        life = story.live()
        seen.update(event.type.value for event in life.events)
        seen.update(f"for {event.cause}" for event in life.events if event.type is EventType.PAUSED)
        seen.update(f"cycle {min(cycle, 3)}" for _, cycle in life.book.cycles)
        seen["late by a change"] += any(late_by_a_change(life.events, event) for event in life.events)
        seen["late and then paused"] += any(
            clock.state is ClockState.PAUSED and clock.breached_at is not None for clock in life.book.clocks.values()
        )
        seen["never promised"] += any(clock.target_seconds is None for clock in life.book.clocks.values())

    look()
    wanted = {event.value for event in EventType} - {"remeasured"}
    wanted |= {"for pending_member", "for escalated", "for on_hold", "cycle 2", "cycle 3"}
    wanted |= {"late by a change", "late and then paused", "never promised"}
    assert {name: seen[name] for name in wanted if not seen[name]} == {}


def late_by_a_change(events: list[ClockEvent], breach: ClockEvent) -> bool:
    changes = (EventType.RETARGETED, EventType.CALENDAR_CHANGED)
    return breach.type is EventType.BREACHED and any(
        event.kind is breach.kind and event.type in changes and event.at == breach.at for event in events
    )
