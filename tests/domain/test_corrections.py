"""Measuring again: what was measured stays, the difference is added, and nothing is ever dated back."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from desk.domain.account import account_of
from desk.domain.calendar import BusinessCalendar
from desk.domain.calendar_history import CalendarHistory, Version
from desk.domain.corrections import Correction, correct_calendar, correct_stretch
from desk.domain.lifecycle import State
from desk.domain.sla import Book, Change, ClockEvent, ClockState, EventType, Kind, Measure, Target, Terms, fold, replay

OFFICE = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
START = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday
HOURS = BusinessCalendar.from_spec({"tz": "UTC", "weekly_hours": OFFICE})
KEYS = dict.fromkeys(Kind, "lead")
HOUR = 3600


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


THIRTY_HOURS = Target(seconds=30 * HOUR)


def opened(target: Target = THIRTY_HOURS) -> tuple[Book, Terms]:
    terms = Terms(KEYS, {Kind.LEAD: target, Kind.OVERALL: target})
    book = Book({}, {"lead": CalendarHistory.of(HOURS, 1)})
    book.apply(Change.created(), terms, START)
    return book, terms


def events(book: Book) -> list[ClockEvent]:
    return [entry.event for entry in book.entries]


def closed_on(book: Book, day: str, at: datetime) -> tuple[CalendarHistory, datetime, datetime]:
    """The calendar with a forgotten holiday, as it is known from ``at`` on, and the span of that day."""
    known = book.calendars["lead"]
    since = utc(f"{day}T00:00")
    until = since + timedelta(days=1)
    shut = BusinessCalendar.from_spec({"tz": "UTC", "weekly_hours": OFFICE, "holidays": [day]})
    as_before = known.version_at(until).calendar
    number = len(known.versions)
    corrected = [
        Version(since, shut, number + 1, known_from=at),
        Version(until, as_before, number + 2, known_from=at),
    ]
    return CalendarHistory([*known.versions, *corrected]), since, until


def forget(book: Book, terms: Terms, day: str, at: datetime) -> None:
    history, since, until = closed_on(book, day, at)
    correct_calendar(book, terms, "lead", history, Correction(since, until, at, "a holiday", 7))


def differences(book: Book) -> list[tuple[str, int, int | None]]:
    return [
        (entry.event.kind.value, entry.clock.cycle, entry.event.seconds)
        for entry in book.entries
        if entry.event.type is EventType.REMEASURED
    ]


def is_reproduced(book: Book) -> None:
    """Law 11, every cycle; and what was stored in pieces adds up to what was measured."""
    assert replay(events(book), book.calendars) == book.cycles
    for entry in book.entries:
        if entry.event.seconds is not None:
            assert sum(piece.seconds for piece in entry.pieces) == entry.event.seconds, entry.event


def account(book: Book, kind: Kind, now: datetime) -> Any:
    own = [event for event in events(book) if event.kind is kind]
    return account_of(fold(events(book), book.calendars, {}, now)[kind], own, book.calendars, now)


def test_a_forgotten_holiday_moves_the_date_of_a_clock_that_runs() -> None:
    book, terms = opened()
    now = utc("2026-03-05T12:00")
    forget(book, terms, "2026-03-04", now)
    clock = fold(events(book), book.calendars, {}, now)[Kind.LEAD]
    # 27 hours were counted; eight of them were not worked. Eleven are left: five today, six on Friday.
    assert clock.consumed == 19 * HOUR
    assert clock.due_at == utc("2026-03-06T15:00")
    assert clock.breached_at is None
    assert differences(book) == [
        (kind, 1, -8 * HOUR) for kind in ("first_response", "regular_update", "lead", "overall")
    ]
    is_reproduced(book)


def test_the_date_that_was_shown_before_can_still_be_worked_out() -> None:
    book, terms = opened()
    book.catch_up(utc("2026-03-05T11:59"))
    before = fold(events(book), book.calendars, {}, utc("2026-03-05T11:59"))
    forget(book, terms, "2026-03-04", utc("2026-03-05T12:00"))
    assert fold(events(book), book.calendars, {}, utc("2026-03-05T11:59")) == before


def test_a_clock_that_stands_still_and_one_that_is_over_are_measured_again_too() -> None:
    book, terms = opened()
    book.apply(Change.moved(State.PENDING_MEMBER), terms, utc("2026-03-04T12:00"))
    book.apply(Change.staff_replied(), terms, utc("2026-03-04T12:00"))
    forget(book, terms, "2026-03-04", utc("2026-03-05T12:00"))
    lead, first = book.clocks[Kind.LEAD], book.clocks[Kind.FIRST_RESPONSE]
    assert (lead.state, lead.settled) == (ClockState.PAUSED, 16 * HOUR)
    assert (first.state, first.settled) == (ClockState.STOPPED, 16 * HOUR)
    is_reproduced(book)


def test_what_was_cancelled_is_left_alone() -> None:
    book, terms = opened()
    book.apply(Change.merged(), terms, utc("2026-03-05T10:00"))
    forget(book, terms, "2026-03-04", utc("2026-03-05T12:00"))
    assert differences(book) == []


def test_a_recorded_breach_is_not_erased_although_less_was_used() -> None:
    book, terms = opened(Target(seconds=20 * HOUR))
    now = utc("2026-03-05T12:00")
    forget(book, terms, "2026-03-04", now)
    clock = fold(events(book), book.calendars, {}, now)[Kind.LEAD]
    assert (clock.consumed, clock.breached_at) == (19 * HOUR, utc("2026-03-04T13:00"))
    # What had happened by the hours as they were known is written down before the correction, with their date.
    lead = [event for event in events(book) if event.kind is Kind.LEAD]
    breached = next(i for i, event in enumerate(lead) if event.type is EventType.BREACHED)
    assert breached < next(i for i, event in enumerate(lead) if event.type is EventType.REMEASURED)
    is_reproduced(book)


def worked(book: Book, terms: Terms, day: str, at: datetime) -> None:
    """The reverse: a day that was closed by mistake was a working day."""
    since = utc(f"{day}T00:00")
    until = since + timedelta(days=1)
    known = book.calendars["lead"]
    number = len(known.versions)
    more = [Version(since, HOURS, number + 1, known_from=at), Version(until, HOURS, number + 2, known_from=at)]
    history = CalendarHistory([*known.versions, *more])
    correct_calendar(book, terms, "lead", history, Correction(since, until, at, "we worked", 7))


def shut(day: str) -> CalendarHistory:
    spec = {"tz": "UTC", "weekly_hours": OFFICE, "holidays": [day]}
    return CalendarHistory.of(BusinessCalendar.from_spec(spec), 1)


def test_a_breach_by_a_correction_is_dated_at_the_correction() -> None:
    terms = Terms(KEYS, {Kind.LEAD: Target(seconds=20 * HOUR), Kind.OVERALL: Target(seconds=18 * HOUR)})
    book = Book({}, {"lead": shut("2026-03-04")})
    book.apply(Change.created(), terms, START)
    book.apply(Change.resolved(public_message=True), terms, utc("2026-03-05T10:00"))  # 17 hours
    now = utc("2026-03-09T12:00")
    worked(book, terms, "2026-03-04", now)
    lead, overall = book.clocks[Kind.LEAD], book.clocks[Kind.OVERALL]
    assert (lead.settled, lead.state, lead.breached_at) == (25 * HOUR, ClockState.STOPPED, now)
    assert overall.breached_at == now
    breaches = [event for event in events(book) if event.type is EventType.BREACHED]
    assert {(event.kind, event.at) for event in breaches} == {(Kind.LEAD, now), (Kind.OVERALL, now)}
    is_reproduced(book)


def test_a_replay_with_the_correction_known_dates_no_breach_back() -> None:
    terms = Terms(KEYS, {Kind.LEAD: Target(seconds=20 * HOUR)})
    book = Book({}, {"lead": shut("2026-03-04")})
    book.apply(Change.created(), terms, START)
    book.apply(Change.moved(State.PENDING_MEMBER), terms, utc("2026-03-05T11:00"))  # 18 hours, or 26
    book.apply(Change.moved(State.OPEN), terms, utc("2026-03-05T12:00"))
    now = utc("2026-03-05T13:00")
    worked(book, terms, "2026-03-04", now)
    assert book.clocks[Kind.LEAD].breached_at == now
    is_reproduced(book)


def test_a_clock_that_went_on_in_another_cycle_is_corrected_in_both() -> None:
    book, terms = opened()
    book.apply(Change.resolved(public_message=False), terms, utc("2026-03-04T17:00"))
    book.apply(Change.reopened(), terms, utc("2026-03-09T09:00"))
    forget(book, terms, "2026-03-04", utc("2026-03-09T10:00"))
    first, second = book.cycles[Kind.LEAD, 1], book.cycles[Kind.LEAD, 2]
    assert (first.settled, first.state) == (16 * HOUR, ClockState.STOPPED)
    assert (second.settled, second.state) == (17 * HOUR, ClockState.RUNNING)
    assert [each for each in differences(book) if each[0] == "lead"] == [("lead", 1, -8 * HOUR)]
    is_reproduced(book)


def test_a_span_over_two_cycles_is_corrected_once_in_each() -> None:
    book, terms = opened()
    book.apply(Change.resolved(public_message=False), terms, utc("2026-03-04T12:00"))
    book.apply(Change.reopened(), terms, utc("2026-03-04T15:00"))
    book.apply(Change.moved(State.PENDING_MEMBER), terms, utc("2026-03-05T10:00"))
    forget(book, terms, "2026-03-04", utc("2026-03-06T10:00"))
    assert [each for each in differences(book) if each[0] == "lead"] == [("lead", 1, -3 * HOUR), ("lead", 2, -2 * HOUR)]
    assert book.cycles[Kind.LEAD, 1].settled == 16 * HOUR
    assert book.cycles[Kind.LEAD, 2].settled == 17 * HOUR
    is_reproduced(book)


def test_an_answer_of_an_earlier_cycle_is_corrected_without_touching_the_later_one() -> None:
    book, terms = opened()
    book.apply(Change.staff_replied(), terms, utc("2026-03-02T10:00"))
    book.apply(Change.member_wrote(), terms, utc("2026-03-03T09:00"))
    book.apply(Change.staff_replied(), terms, utc("2026-03-04T11:00"))
    book.apply(Change.member_wrote(), terms, utc("2026-03-05T09:00"))
    forget(book, terms, "2026-03-04", utc("2026-03-05T10:00"))
    assert [each for each in differences(book) if each[0] == "next_response"] == [("next_response", 1, -2 * HOUR)]
    assert book.cycles[Kind.NEXT_RESPONSE, 1].settled == 8 * HOUR
    assert book.clocks[Kind.NEXT_RESPONSE].cycle == 2
    is_reproduced(book)


def test_a_pause_that_should_have_counted_counts() -> None:
    book, terms = opened()
    book.apply(Change.moved(State.PENDING_MEMBER), terms, utc("2026-03-02T12:00"))
    book.apply(Change.moved(State.OPEN), terms, utc("2026-03-03T12:00"))
    at = utc("2026-03-04T09:00")
    span = Correction(utc("2026-03-02T12:00"), utc("2026-03-03T12:00"), at, "we had answered", 7)
    assert correct_stretch(book, Kind.OVERALL, 1, Measure.COUNTS, span) == 8 * HOUR
    assert book.clocks[Kind.OVERALL].settled == 16 * HOUR
    assert correct_stretch(book, Kind.OVERALL, 1, Measure.COUNTS, span) == 0
    is_reproduced(book)


def test_a_stretch_that_should_not_have_counted_is_taken_back_even_while_it_lasts() -> None:
    book, _ = opened()
    at = utc("2026-03-03T12:00")
    span = Correction(START, utc("2026-03-02T12:00"), at, "we were shut", 7)
    assert correct_stretch(book, Kind.OVERALL, 1, Measure.DOES_NOT_COUNT, span) == -3 * HOUR
    clock = fold(events(book), book.calendars, {}, at)[Kind.OVERALL]
    assert (clock.consumed, clock.running_since) == (8 * HOUR, at)
    assert clock.due_at == utc("2026-03-06T10:00")  # 22 hours are left
    is_reproduced(book)


def test_what_was_measured_by_other_rules_of_its_zone_is_taken_back_as_it_was_measured() -> None:
    lived, terms = opened()
    lived.apply(Change.moved(State.PENDING_MEMBER), terms, utc("2026-03-02T12:00"))
    # The rules have changed since: at nine in UTC it is evening there, and nothing is open until midnight.
    other = BusinessCalendar.from_spec({"tz": "Asia/Tokyo", "weekly_hours": OFFICE})
    calendars = {"lead": CalendarHistory.of(other, 1)}
    cycles = replay(events(lived), calendars)
    book = Book({kind: clock for (kind, _), clock in cycles.items()}, calendars)
    span = Correction(START, utc("2026-03-02T12:00"), utc("2026-03-03T00:00"), "we were shut", 7)
    assert correct_stretch(book, Kind.LEAD, 1, Measure.DOES_NOT_COUNT, span) == -3 * HOUR
    assert book.clocks[Kind.LEAD].settled == 0


def test_what_was_taken_back_is_not_taken_back_again_with_the_day() -> None:
    book, terms = opened()
    book.apply(Change.moved(State.PENDING_MEMBER), terms, utc("2026-03-04T17:00"))
    at = utc("2026-03-05T12:00")
    span = Correction(utc("2026-03-04T09:00"), utc("2026-03-04T12:00"), at, "we were shut", 7)
    assert correct_stretch(book, Kind.LEAD, 1, Measure.DOES_NOT_COUNT, span) == -3 * HOUR
    forget(book, terms, "2026-03-04", at + timedelta(hours=1))
    assert [each for each in differences(book) if each[0] == "lead"] == [("lead", 1, -3 * HOUR), ("lead", 1, -5 * HOUR)]
    assert book.clocks[Kind.LEAD].settled == 16 * HOUR
    is_reproduced(book)


def test_a_correction_of_a_correction_restores_what_was() -> None:
    book, terms = opened()
    forget(book, terms, "2026-03-04", utc("2026-03-05T12:00"))
    worked(book, terms, "2026-03-04", utc("2026-03-05T13:00"))
    clock = fold(events(book), book.calendars, {}, utc("2026-03-05T13:00"))[Kind.LEAD]
    assert clock.consumed == 28 * HOUR
    is_reproduced(book)


def test_the_account_keeps_what_was_measured_and_tells_the_correction() -> None:
    book, terms = opened()
    book.apply(Change.moved(State.PENDING_MEMBER), terms, utc("2026-03-05T11:00"))
    forget(book, terms, "2026-03-04", utc("2026-03-05T12:00"))
    told = account(book, Kind.LEAD, utc("2026-03-06T12:00"))
    assert [(stretch.ran, stretch.seconds) for stretch in told.stretches] == [(True, 26 * HOUR), (False, 0)]
    assert told.stretches[-1].end is None
    (mark,) = [mark for mark in told.marks if mark.type is EventType.REMEASURED]
    assert (mark.seconds, mark.reason, mark.actor_id) == (-8 * HOUR, "a holiday", 7)
    assert (mark.since, mark.until) == (utc("2026-03-04T00:00"), utc("2026-03-05T00:00"))
    assert told.clock.consumed == 18 * HOUR


CHANGES: Sequence[Any] = [
    Change.staff_replied(),
    Change.member_wrote(),
    Change.escalated(),
    Change.moved(State.OPEN),
    Change.moved(State.PENDING_MEMBER),
    Change.moved(State.ON_HOLD),
    Change.resolved(public_message=True),
    Change.resolved(public_message=False),
    Change.reopened(by_member=True),
    Change.priority_changed(),
    "forget",
    "worked",
    "counts",
    "does_not_count",
]
PLAYS = st.lists(
    st.tuples(st.integers(0, 3 * 86_400), st.sampled_from(CHANGES), st.integers(1, 6)), min_size=1, max_size=14
)


def happen(book: Book, what: Any, number: int, now: datetime) -> None:
    terms = Terms(KEYS, {kind: Target(working_days=number) for kind in Kind})
    day = (now - timedelta(days=number)).date()
    if isinstance(what, Change):
        book.apply(what, terms, now)
    elif what == "forget":
        forget(book, terms, day.isoformat(), now)
    elif what == "worked":
        worked(book, terms, day.isoformat(), now)
    else:
        (kind, cycle) = list(book.cycles)[number % len(book.cycles)]
        since = book.cycles[kind, cycle].started_at
        span = Correction(since, min(since + timedelta(days=number), now), now, "no", None)
        correct_stretch(book, kind, cycle, Measure.COUNTS if what == "counts" else Measure.DOES_NOT_COUNT, span)


@settings(max_examples=200, deadline=None)
@given(PLAYS)
def test_whatever_is_corrected_a_replay_gives_the_same_and_nothing_is_dated_back(plays: Any) -> None:
    book, _ = opened(Target(working_days=2))
    now, state = START, State.NEW
    for wait, what, number in plays:
        now += timedelta(seconds=wait)
        if isinstance(what, Change) and what.state is not None:
            if (state is State.RESOLVED) != (what.type.value == "reopened"):
                continue
            state = what.state
        recorded = {key: clock.breached_at for key, clock in book.cycles.items() if clock.breach_recorded}
        noted = len(book.entries)
        happen(book, what, number, now)
        for key, breached_at in recorded.items():
            assert book.cycles[key].breached_at == breached_at
        corrected = next((i for i, e in enumerate(book.entries[noted:]) if e.event.type is EventType.REMEASURED), None)
        for entry in book.entries[noted + corrected :] if corrected is not None else ():
            assert entry.event.at == now
    is_reproduced(book)
    later = now + timedelta(days=3)
    for (kind, cycle), clock in book.cycles.items():
        own = [event for event in events(book) if event.kind is kind]
        seen = fold(own, book.calendars, {}, later)[kind] if cycle == book.clocks[kind].cycle else clock
        told = account_of(seen, own, book.calendars, later)
        ran = sum(stretch.seconds for stretch in told.stretches)
        again = sum(mark.seconds or 0 for mark in told.marks)
        assert ran + again == (seen.consumed or seen.settled)
