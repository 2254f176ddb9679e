"""Clocks without a database, worked out by hand. What holds whatever happens is in ``test_laws_of_clocks``."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from desk.domain.account import account_of
from desk.domain.calendar import BusinessCalendar
from desk.domain.calendar_history import CalendarHistory
from desk.domain.clocks import ClockEvent
from desk.domain.errors import InvalidInput
from desk.domain.holiday_dates import public_holidays
from desk.domain.lifecycle import State
from desk.domain.priority import Priority
from desk.domain.sla import (
    Book,
    Change,
    EventType,
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


def test_other_rules_of_a_zone_judge_nothing_that_was_recorded() -> None:
    book, terms = opened(Terms(KEYS, targets(lead=Target(seconds=4 * 3600))))
    book.apply(Change.moved(State.PENDING_MEMBER), terms, utc("2026-03-02T12:00"))
    book.apply(Change.moved(State.OPEN), terms, utc("2026-03-02T16:00"))
    book.apply(Change.resolved(public_message=True), terms, utc("2026-03-02T16:30"))
    always = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    open_then = {"lead": CalendarHistory.of(BusinessCalendar.from_spec({"tz": "UTC", "weekly_hours": always}), "lead")}
    raw = [replace(event, seconds=None, target_seconds=None) for event in events(book)]
    now = utc("2026-03-03T12:00")
    assert fold(events(book), open_then, {}, now)[Kind.LEAD].breached_at is None
    # What nobody has measured is judged by what the calendar says.
    lead = [event for event in raw if event.kind is Kind.LEAD]
    late = [replace(event, at=utc("2026-03-02T19:00")) if event.type is EventType.STOPPED else event for event in lead]
    assert fold(late, open_then, {}, now)[Kind.LEAD].breached_at == utc("2026-03-02T17:00")


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
