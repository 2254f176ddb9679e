"""Clocks without a database: what each change causes, and the laws that hold whatever happens to a ticket."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.domain.account import account_of
from desk.domain.calendar import BusinessCalendar
from desk.domain.calendar_history import CalendarHistory, Version
from desk.domain.clocks import ClockEvent
from desk.domain.errors import InvalidInput
from desk.domain.holiday_dates import public_holidays
from desk.domain.lifecycle import State
from desk.domain.priority import Priority
from desk.domain.sla import (
    Book,
    Change,
    ClockState,
    EventType,
    HandoverAnswer,
    Kind,
    Target,
    Terms,
    fold,
    replay,
    unanswered_since,
)
from desk.domain.targets import (
    DEFAULT_CONSORTIUM_TARGETS,
    DEFAULT_LADDER,
    DEFAULT_REGISTRY_TARGETS,
    Ladder,
    table_from_json,
    table_to_json,
)

OFFICE = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
LEAD = CalendarHistory.of(BusinessCalendar.from_spec({"tz": "UTC", "weekly_hours": OFFICE}), "lead")
KEYS = dict.fromkeys(Kind, "lead")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def targets(**given: Target) -> dict[Kind, Target]:
    return {Kind(kind): target for kind, target in given.items()}


def opened(terms: Terms | None = None) -> tuple[Book, Terms]:
    terms = terms or Terms(KEYS, targets(lead=Target(working_days=3), overall=Target(seconds=40 * 3600)))
    book = Book({}, {"lead": LEAD})
    book.apply(Change.created(), terms, START)
    return book, terms


def events(book: Book) -> list[ClockEvent]:
    return [entry.event for entry in book.entries]


def test_working_days_become_seconds_when_the_clock_starts() -> None:
    book, _ = opened()
    assert book.clocks[Kind.LEAD].target_seconds == 4 * 8 * 3600
    clock = fold(events(book), book.calendars, {}, START)[Kind.LEAD]
    assert (clock.due_at, clock.breach_at) == (utc("2026-03-05T17:00"), utc("2026-03-06T09:00"))


def test_a_pause_does_not_count_the_working_days_again() -> None:
    book, terms = opened()
    book.apply(Change.moved(State.PENDING_MEMBER), terms, utc("2026-03-02T12:00"))
    book.apply(Change.moved(State.OPEN), terms, utc("2026-03-03T12:00"))
    clock = fold(events(book), book.calendars, {}, utc("2026-03-03T12:00"))[Kind.LEAD]
    assert clock.target_seconds == 4 * 8 * 3600
    assert clock.due_at == utc("2026-03-06T17:00")


def test_a_start_without_a_target_of_its_own_takes_the_given_one() -> None:
    started = ClockEvent(Kind.LEAD, EventType.STARTED, START, calendar="lead")
    clock = fold([started], {"lead": LEAD}, {Kind.LEAD: Target(seconds=60)}, START)[Kind.LEAD]
    assert clock.due_at == START + timedelta(seconds=60)


def test_measured_but_not_promised_has_no_date_and_is_never_late() -> None:
    book, _ = opened(Terms(KEYS))
    clock = fold(events(book), book.calendars, {}, utc("2027-01-01T00:00"))[Kind.LEAD]
    assert clock.consumed > 0
    assert (clock.due_at, clock.breach_at, clock.breached_at, clock.warn_at) == (None, None, None, None)


def test_a_stored_measurement_outlives_a_change_of_the_zones() -> None:
    book, terms = opened()
    book.apply(Change.moved(State.PENDING_MEMBER), terms, utc("2026-03-02T12:00"))
    written = events(book)
    later_zones = {"lead": CalendarHistory.of(BusinessCalendar.from_spec({"tz": "Asia/Tokyo", "weekly_hours": OFFICE}))}
    assert replay(written, later_zones)[Kind.LEAD, 1].settled == 3 * 3600
    assert replay(written, later_zones)[Kind.LEAD, 1].target_seconds == 4 * 8 * 3600


def test_a_warning_that_still_holds_is_not_given_again_and_one_that_does_not_may_be() -> None:
    book, _ = opened(Terms(KEYS, targets(lead=Target(seconds=10 * 3600))))
    book.catch_up(utc("2026-03-02T17:00"))
    assert book.clocks[Kind.LEAD].warned == {50, 80}
    book.apply(Change.priority_changed(), Terms(KEYS, targets(lead=Target(seconds=16 * 3600))), utc("2026-03-03T09:00"))
    assert book.clocks[Kind.LEAD].warned == {50}
    book.catch_up(utc("2026-03-04T09:00"))
    assert book.clocks[Kind.LEAD].warned == {50, 80, 100}


def test_a_ladder_of_its_own_decides_when_a_kind_warns() -> None:
    book, _ = opened()
    book.percents = {Kind.LEAD: (25,)}
    book.catch_up(utc("2026-03-09T09:00"))
    assert book.clocks[Kind.LEAD].warned == {25}


def test_the_unanswered_message_is_the_one_that_still_waits() -> None:
    book, terms = opened()
    assert unanswered_since(book.clocks) == START
    book.apply(Change.staff_replied(), terms, utc("2026-03-02T10:00"))
    assert unanswered_since(book.clocks) is None
    book.apply(Change.member_wrote(), terms, utc("2026-03-02T11:00"))
    assert unanswered_since(book.clocks) == utc("2026-03-02T11:00")


@pytest.mark.parametrize(
    ("since", "expected"),
    [("2026-03-02T10:30", "2026-03-02T10:30"), ("2026-03-02T12:00", "2026-03-02T11:00"), (None, "2026-03-02T11:00")],
)
def test_a_merge_keeps_the_older_question(since: str | None, expected: str) -> None:
    book, terms = opened(Terms(KEYS, targets(next_response=Target(seconds=3600))))
    book.apply(Change.staff_replied(), terms, utc("2026-03-02T10:00"))
    book.apply(Change.member_wrote(), terms, utc("2026-03-02T11:00"))
    book.apply(Change.absorbed(utc(since) if since else None), terms, utc("2026-03-02T11:50"))
    clock = book.clocks[Kind.NEXT_RESPONSE]
    assert clock.started_at == utc(expected)
    # Late by what it brought along, but never dated before the merge.
    assert clock.breached_at == (utc("2026-03-02T11:50") if since == "2026-03-02T10:30" else None)


def test_the_account_of_a_resumed_clock_tells_its_earlier_cycle_too() -> None:
    book, terms = opened()
    book.apply(Change.resolved(public_message=True), terms, utc("2026-03-02T11:00"))
    book.apply(Change.reopened(), terms, utc("2026-03-03T11:00"))
    now = utc("2026-03-03T12:00")
    clock = fold(events(book), book.calendars, {}, now)[Kind.LEAD]
    own = [event for event in events(book) if event.kind is Kind.LEAD]
    account = account_of(clock, own, book.calendars, now)
    assert [(stretch.ran, stretch.seconds, stretch.cause) for stretch in account.stretches] == [
        (True, 7200, ""),
        (False, 0, "resolved"),
        (True, 3600, ""),
    ]


def test_targets_and_ladders_survive_their_written_form() -> None:
    for table in (DEFAULT_CONSORTIUM_TARGETS, DEFAULT_REGISTRY_TARGETS):
        assert table_from_json(table_to_json(table)) == table
    assert Ladder.from_json(DEFAULT_LADDER.to_json()) == DEFAULT_LADDER
    assert DEFAULT_LADDER.percents == (50, 80, 100)
    assert Target.from_json(Target(seconds=90).to_json()) == Target(seconds=90)


@pytest.mark.parametrize(
    "written",
    [
        {"P1": {"lead": {"minutes": 0}}},
        {"P1": {"lead": {"minutes": True}}},
        {"P1": {"lead": {"minutes": "60"}}},
        {"P1": {"lead": {"minutes": 60, "working_days": 1}}},
        {"P1": {"lead": {"fortnights": 1}}},
        {"P1": {"patience": {"minutes": 60}}},
        {"P5": {"lead": {"minutes": 60}}},
        {"P1": []},
        [],
    ],
)
def test_targets_that_cannot_be_meant_are_refused(written: Any) -> None:
    with pytest.raises(InvalidInput):
        table_from_json(written)


def test_the_defaults_are_the_agreed_ones() -> None:
    p1, p4 = DEFAULT_CONSORTIUM_TARGETS[Priority.P1], DEFAULT_CONSORTIUM_TARGETS[Priority.P4]
    assert (p1[Kind.FIRST_RESPONSE], p1[Kind.LEAD], p1[Kind.OVERALL]) == (
        Target(seconds=7200),
        Target(seconds=14_400),
        Target(working_days=1),
    )
    assert (p4[Kind.NEXT_RESPONSE], p4[Kind.LEAD], p4[Kind.OVERALL]) == (
        Target(working_days=1),
        Target(working_days=10),
        Target(working_days=20),
    )
    assert DEFAULT_REGISTRY_TARGETS[Priority.P2][Kind.REGISTRY_ACCEPTANCE] == Target(working_days=1)
    assert not DEFAULT_REGISTRY_TARGETS[Priority.P2][Kind.REGISTRY].promised


def test_holidays_of_an_unknown_place_are_refused_beside_their_field() -> None:
    assert public_holidays("ES", "MD", 2026, 2026)["2026-05-02"]
    for country, part in (("XX", None), ("DE", "ZZ")):
        with pytest.raises(InvalidInput) as refused:
            public_holidays(country, part, 2026, 2026)
        assert refused.value.field == "country"


# --- the laws

MOVES: list[Change] = [
    Change.staff_replied(),
    Change.member_wrote(),
    Change.escalated(),
    *(Change.moved(state) for state in (State.OPEN, State.PENDING_MEMBER, State.PENDING_LEAD, State.ON_HOLD)),
    Change.handover_answered(HandoverAnswer.RETURNED, State.PENDING_LEAD),
    Change.resolved(public_message=True),
    Change.resolved(public_message=False),
    Change.reopened(by_member=True),
    Change.priority_changed(),
    Change.calendar_edited("lead"),
    Change.lead_transferred(),
]
GAPS = st.sampled_from([0, 1, 40, 3_600, 9_000, 30_000, 86_400, 300_000])
PLAYS = st.lists(st.tuples(GAPS, st.sampled_from(MOVES), st.integers(1, 6)), max_size=14)
SWEEPS = st.lists(st.integers(0, 30 * 86_400), max_size=8)


def play(plays: Sequence[tuple[int, Change, int]], sweeps: Sequence[int] = ()) -> tuple[Book, datetime]:
    """A ticket to which ``plays`` happen (gap, change, days promised from then on), swept at ``sweeps`` too."""
    shorter = BusinessCalendar.from_spec(
        {"tz": "Europe/Berlin", "weekly_hours": {**OFFICE, "wed": [["08:00", "12:00"]]}}
    )
    book = Book({}, {"lead": LEAD, "other": CalendarHistory.of(shorter, "other")})
    keys: dict[Kind, int | str] = dict(KEYS)
    now, promised, state = START, 2, State.NEW
    pending = sorted(START + timedelta(seconds=second) for second in sweeps)
    book.apply(Change.created(), terms_of(keys, promised), now)
    for gap, change, days in plays:
        now += timedelta(seconds=gap)
        if change.state is not None and (state is State.RESOLVED) != (change.type.value == "reopened"):
            continue  # what is resolved can only be reopened, and only that
        state = change.state or state
        while pending and pending[0] <= now:
            book.catch_up(pending.pop(0))
        if change.type.value == "priority_changed":
            promised = days
        if change.type.value == "lead_transferred":
            keys[Kind.LEAD] = "other"
        if change.type.value == "calendar_edited":
            version = Version(now, shorter if days > 3 else LEAD.versions[0].calendar, f"v{days}", known_from=now)
            book.calendars = {**book.calendars, "lead": CalendarHistory([*book.calendars["lead"].versions, version])}
        book.apply(change, terms_of(keys, promised), now)
    now += timedelta(days=12)
    for moment in pending:
        book.catch_up(moment)
    book.catch_up(now)
    return book, now


def terms_of(keys: dict[Kind, int | str], days: int) -> Terms:
    return Terms(dict(keys), {kind: Target(working_days=days) for kind in Kind})


@settings(max_examples=150, deadline=None)
@given(PLAYS)
def test_law_11_a_replay_of_the_events_gives_the_same_clocks(plays: Any) -> None:
    book, _ = play(plays)
    again = replay(events(book), book.calendars)
    assert {kind: clock for (kind, _), clock in again.items()} == book.clocks


@settings(max_examples=150, deadline=None)
@given(PLAYS, SWEEPS)
def test_law_12_sweeping_at_any_times_records_the_same(plays: Any, sweeps: Any) -> None:
    def recorded(book: Book) -> set[Any]:
        kinds = (EventType.BREACHED, EventType.WARNED)
        return {
            (e.event.kind, e.clock.cycle, e.event.type, e.event.percent, e.event.at)
            for e in book.entries
            if e.event.type in kinds
        }

    once, _ = play(plays)
    often, _ = play(plays, sweeps)
    assert recorded(once) == recorded(often)
    breaches = [(e.event.kind, e.clock.cycle) for e in often.entries if e.event.type is EventType.BREACHED]
    assert len(breaches) == len(set(breaches))


@settings(max_examples=100, deadline=None)
@given(PLAYS, st.lists(st.integers(0, 40 * 86_400), min_size=1, max_size=6))
def test_law_10_late_is_when_more_was_consumed_than_promised(plays: Any, looks: list[int]) -> None:
    book, _ = play([each for each in plays if each[1].type.value not in ("priority_changed", "calendar_edited")])
    for look in looks:
        now = START + timedelta(seconds=look)
        for clock in fold(events(book), book.calendars, {}, now).values():
            if clock.state is ClockState.CANCELLED or clock.target_seconds is None:
                continue
            assert (clock.breached_at is not None) == (clock.consumed > clock.target_seconds), clock
            if clock.breach_at is not None:
                assert (clock.breached_at is not None) == (now > clock.breach_at)


@settings(max_examples=100, deadline=None)
@given(PLAYS)
def test_law_9_the_parties_share_out_the_tickets_life_without_gap_or_overlap(plays: Any) -> None:
    book, now = play([each for each in plays if each[1].type.value not in ("lead_transferred",)])
    calendar = book.calendars["lead"]
    clocks = fold(events(book), book.calendars, {}, now)
    lead = account_of(clocks[Kind.LEAD], [e for e in events(book) if e.kind is Kind.LEAD], book.calendars, now)
    stood: dict[str, int] = {}
    for stretch in lead.stretches:
        if not stretch.ran:
            stood[stretch.cause] = stood.get(stretch.cause, 0) + calendar.elapsed(stretch.start, stretch.end or now)
    assert clocks[Kind.LEAD].consumed + sum(stood.values()) == calendar.elapsed(START, now)
    registry = clocks[Kind.REGISTRY].consumed if Kind.REGISTRY in clocks else 0
    assert registry == stood.get("escalated", 0)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 400_000), st.integers(0, 400_000), st.integers(0, 400_000))
def test_law_8_a_pause_gives_back_its_working_time_exactly(before: int, pause: int, after: int) -> None:
    terms = Terms(KEYS, targets(lead=Target(seconds=999_999)))
    book, _ = opened(terms)
    stops = START + timedelta(seconds=before)
    goes_on = stops + timedelta(seconds=pause)
    end = goes_on + timedelta(seconds=after)
    book.apply(Change.moved(State.PENDING_MEMBER), terms, stops)
    book.apply(Change.moved(State.OPEN), terms, goes_on)
    consumed = fold(events(book), book.calendars, {}, end)[Kind.LEAD].consumed
    assert consumed + LEAD.elapsed(stops, goes_on) == LEAD.elapsed(START, end)


@settings(max_examples=60, deadline=None)
@given(PLAYS, st.integers(0, 30 * 86_400))
def test_what_was_shown_at_a_moment_can_be_worked_out_again_later(plays: Any, look: int) -> None:
    then = START + timedelta(seconds=look)
    passed, when = [], START
    for each in plays:
        when += timedelta(seconds=each[0])
        if when > then:
            break
        passed.append(each)
    book, _ = play(plays)
    shorter, _ = play(passed)
    assert fold(events(book), book.calendars, {}, then) == fold(events(shorter), shorter.calendars, {}, then)
