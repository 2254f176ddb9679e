"""Working time: a table of cases worked out by hand, and the laws that hold for every calendar."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.domain.calendar import BusinessCalendar, NoOpening
from desk.domain.calendar_history import CalendarHistory, Version
from desk.domain.errors import InvalidInput
from desk.domain.opening_hours import WEEKDAYS

OFFICE = {day: [["09:00", "17:00"]] for day in WEEKDAYS[:5]}
ALWAYS = {day: [["00:00", "24:00"]] for day in WEEKDAYS}


def calendar(tz: str = "UTC", weekly: Any = None, **more: Any) -> BusinessCalendar:
    return BusinessCalendar.from_spec({"tz": tz, "weekly_hours": OFFICE if weekly is None else weekly, **more})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, tz: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz))


NIGHTS = {day: [["22:00", "06:00"]] for day in WEEKDAYS}

ADDED = [
    # zone, weekly hours, more, start, seconds, nearest, farthest (local time)
    ("UTC", OFFICE, {}, "2026-03-02T10:00", 3600, "2026-03-02T11:00", "2026-03-02T11:00"),
    ("UTC", OFFICE, {}, "2026-03-06T16:00", 3600, "2026-03-06T17:00", "2026-03-09T09:00"),
    ("UTC", OFFICE, {}, "2026-03-06T16:00", 3601, "2026-03-09T09:00:01", "2026-03-09T09:00:01"),
    ("UTC", OFFICE, {}, "2026-03-07T12:00", 0, "2026-03-07T12:00", "2026-03-09T09:00"),
    ("UTC", OFFICE, {}, "2026-03-09T09:30", -1800, "2026-03-09T09:00", "2026-03-06T17:00"),
    ("UTC", OFFICE, {"holidays": ["2026-03-03"]}, "2026-03-02T16:00", 7200, "2026-03-04T10:00", "2026-03-04T10:00"),
    (
        "UTC",
        OFFICE,
        {"overrides": {"2026-03-03": []}},
        "2026-03-02T16:00",
        7200,
        "2026-03-04T10:00",
        "2026-03-04T10:00",
    ),
    (
        "UTC",
        OFFICE,
        {"holidays": ["2026-03-03"], "overrides": {"2026-03-03": [["09:00", "10:00"]]}},
        "2026-03-02T16:00",
        7200,
        "2026-03-03T10:00",
        "2026-03-04T09:00",
    ),
    (
        "UTC",
        OFFICE,
        {"breaks": {"2026-03-02": [["12:00", "13:00"]]}},
        "2026-03-02T11:00",
        7200,
        *["2026-03-02T14:00"] * 2,
    ),
    # A night belongs to the date on which it begins: the holiday takes the night away, not the morning.
    ("UTC", NIGHTS, {"holidays": ["2026-03-03"]}, "2026-03-03T05:00", 7200, "2026-03-04T23:00", "2026-03-04T23:00"),
    # A break after midnight is taken out of the night that began the evening before.
    (
        "UTC",
        NIGHTS,
        {"breaks": {"2026-03-03": [["01:00", "02:00"]]}},
        "2026-03-03T00:00",
        7200,
        *["2026-03-03T03:00"] * 2,
    ),
    # Clocks go forward at 02:00 in that night, and back at 03:00 in the other.
    ("Europe/Berlin", NIGHTS, {}, "2026-03-28T22:00", 7 * 3600, "2026-03-29T06:00", "2026-03-29T22:00"),
    ("Europe/Berlin", NIGHTS, {}, "2026-10-24T22:00", 9 * 3600, "2026-10-25T06:00", "2026-10-25T22:00"),
    # Samoa had no 30th of December 2011, a Friday.
    ("Pacific/Apia", OFFICE, {}, "2011-12-29T16:00", 7200, "2012-01-02T10:00", "2012-01-02T10:00"),
    # A holiday is a date of the calendar's zone, whatever the date is in UTC.
    ("Pacific/Auckland", OFFICE, {"holidays": ["2026-03-03"]}, "2026-03-02T16:30", 3600, *["2026-03-04T09:30"] * 2),
]


@pytest.mark.parametrize(("tz", "weekly", "more", "start", "seconds", "nearest", "farthest"), ADDED)
def test_an_instant_so_much_working_time_away(
    tz: str, weekly: Any, more: dict[str, Any], start: str, seconds: int, nearest: str, farthest: str
) -> None:
    one = calendar(tz, weekly, **more)
    for time in (one, CalendarHistory.of(one)):
        assert time.add(local(start, tz), seconds) == local(nearest, tz)
        assert time.add(local(start, tz), seconds, "farthest") == local(farthest, tz)


@pytest.mark.parametrize(
    ("received", "holidays", "days", "due"),
    [
        ("2026-03-05T16:00", ["2026-03-09"], 3, "2026-03-11T17:00"),  # Thursday; Friday 1, Tuesday 2, Wednesday 3
        ("2026-03-07T16:00", [], 3, "2026-03-11T17:00"),  # Saturday; Monday 1, Tuesday 2, Wednesday 3
        ("2026-03-02T00:00", [], 1, "2026-03-03T17:00"),  # day 0 whatever the hour
        ("2026-03-02T23:59", [], 1, "2026-03-03T17:00"),
        ("2026-03-06T18:00", [], 1, "2026-03-09T17:00"),
    ],
)
def test_working_days_are_counted_after_the_day_of_receipt(
    received: str, holidays: list[str], days: int, due: str
) -> None:
    one = calendar("Europe/Madrid", holidays=holidays)
    for time in (one, CalendarHistory.of(one)):
        assert time.add_working_days(local(received, "Europe/Madrid"), days) == local(due, "Europe/Madrid")


def test_the_day_of_receipt_is_the_calendars_own_day() -> None:
    # Sunday evening in UTC is Monday morning in Auckland.
    assert calendar("Pacific/Auckland").add_working_days(utc("2026-03-01T22:00"), 1) == local(
        "2026-03-03T17:00", "Pacific/Auckland"
    )


def test_the_closing_instant_is_closed_and_the_opening_one_is_open() -> None:
    one = calendar()
    assert one.is_open(utc("2026-03-02T09:00"))
    assert not one.is_open(utc("2026-03-02T17:00"))
    assert one.next_opening(utc("2026-03-02T17:00")) == utc("2026-03-03T09:00")
    assert one.next_opening(utc("2026-03-02T10:00")) == utc("2026-03-02T10:00")
    assert one.last_closing(utc("2026-03-02T17:00")) == utc("2026-03-02T17:00")
    assert one.last_closing(utc("2026-03-02T09:00")) == utc("2026-02-27T17:00")
    assert one.closes_at(utc("2026-03-02T10:00")) == utc("2026-03-02T17:00")


def test_instants_are_cut_to_whole_seconds() -> None:
    start = utc("2026-03-02T10:00") + timedelta(microseconds=999_999)
    assert calendar().add(start, 1) == utc("2026-03-02T10:00:01")
    assert calendar().elapsed(start, utc("2026-03-02T10:00:01")) == 1


def test_a_calendar_without_openings_ahead_promises_nothing() -> None:
    closed = calendar(weekly={}, overrides={"2026-03-02": [["09:00", "10:00"]]})
    assert closed.add(utc("2026-03-01T00:00"), 1800) == utc("2026-03-02T09:30")
    assert closed.elapsed(utc("2026-01-01T00:00"), utc("2027-01-01T00:00")) == 3600
    for operation in (
        lambda: closed.add(utc("2026-03-01T00:00"), 3601),
        lambda: closed.next_opening(utc("2026-03-03T00:00")),
        lambda: closed.add_working_days(utc("2026-03-03T00:00"), 1),
        lambda: CalendarHistory.of(closed).add_working_days(utc("2026-03-03T00:00"), 1),
    ):
        with pytest.raises(NoOpening):
            operation()


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        calendar().elapsed(datetime(2026, 3, 2), utc("2026-03-02T10:00"))


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"tz": "Europe/Atlantis", "weekly_hours": {}}, "tz"),
        ({"tz": "../etc/passwd", "weekly_hours": {}}, "tz"),
        ({"tz": None, "weekly_hours": {}}, "tz"),
        ({"tz": "UTC"}, "weekly_hours"),
        ({"tz": "UTC", "weekly_hours": {"monday": []}}, "weekly_hours"),
        ({"tz": "UTC", "weekly_hours": {"mon": "09:00-17:00"}}, "weekly_hours"),
        ({"tz": "UTC", "weekly_hours": {"mon": [["09:00"]]}}, "weekly_hours"),
        ({"tz": "UTC", "weekly_hours": {"mon": [["9:00", "17:00"]]}}, "weekly_hours"),
        ({"tz": "UTC", "weekly_hours": {"mon": [["09:60", "17:00"]]}}, "weekly_hours"),
        ({"tz": "UTC", "weekly_hours": {"mon": [["09:00", "24:01"]]}}, "weekly_hours"),
        ({"tz": "UTC", "weekly_hours": {"mon": [["24:00", "24:00"]]}}, "weekly_hours"),
        ({"tz": "UTC", "weekly_hours": {}, "holidays": ["25.12.2026"]}, "holidays"),
        ({"tz": "UTC", "weekly_hours": {}, "holidays": "2026-12-25"}, "holidays"),
        ({"tz": "UTC", "weekly_hours": {}, "overrides": {"never": []}}, "overrides"),
        ({"tz": "UTC", "weekly_hours": {}, "breaks": []}, None),
        ({"tz": "UTC", "weekly_hours": {}, "breaks": ["2026-12-25"]}, "breaks"),
    ],
)
def test_what_cannot_be_read_is_refused_beside_its_field(spec: dict[str, Any], field: str | None) -> None:
    if field is None:
        BusinessCalendar.from_spec(spec)
        return
    with pytest.raises(InvalidInput) as refused:
        BusinessCalendar.from_spec(spec)
    assert refused.value.field == field


def test_versions_are_joined_at_their_moments() -> None:
    mornings = calendar(weekly={day: [["09:00", "12:00"]] for day in WEEKDAYS[:5]})
    joined = CalendarHistory(
        [
            Version(utc("2026-01-01T00:00"), calendar(), "old"),
            Version(utc("2026-03-03T11:00"), mornings, "new", known_from=utc("2026-03-02T12:00")),
        ]
    )
    start = utc("2026-03-02T09:00")
    assert joined.elapsed(start, utc("2026-03-05T00:00")) == (8 + 2 + 1 + 3) * 3600
    assert joined.elapsed(utc("2026-03-05T00:00"), start) == -(8 + 2 + 1 + 3) * 3600
    assert joined.add(start, 11 * 3600) == utc("2026-03-03T12:00")
    assert joined.add(start, 11 * 3600, "farthest") == utc("2026-03-04T09:00")
    assert joined.add(utc("2026-03-04T10:00"), -4 * 3600) == utc("2026-03-03T09:00")
    assert joined.add(utc("2026-03-04T10:00"), -4 * 3600, "farthest") == utc("2026-03-02T17:00")
    assert joined.add_working_days(start, 1) == utc("2026-03-03T12:00")
    assert joined.add_working_days(start, 2) == utc("2026-03-04T12:00")
    assert joined.add_working_days(start, 7) == utc("2026-03-11T12:00")
    assert joined.closes_at(utc("2026-03-03T10:00")) == utc("2026-03-03T11:00")
    assert [piece.version.key for piece in joined.pieces(start, utc("2026-03-05T00:00"))] == ["old", "new"]
    # What was known the day before did not shorten Tuesday.
    assert joined.known_at(utc("2026-03-02T11:59")).add_working_days(start, 1) == utc("2026-03-03T17:00")
    assert joined.known_at(utc("2026-03-02T12:00")) is joined


def test_the_first_version_also_holds_before_it_and_the_last_of_two_at_one_moment_counts() -> None:
    joined = CalendarHistory(
        [
            Version(utc("2026-03-03T00:00"), calendar(), 1),
            Version(utc("2026-03-04T00:00"), calendar(), 2),
            Version(utc("2026-03-04T00:00"), calendar(weekly={}), 3),
        ]
    )
    assert joined.is_open(utc("2026-03-02T10:00"))
    assert joined.version_at(utc("2026-03-05T00:00")).key == 3


# --- the laws

ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "America/St_Johns",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Africa/Cairo",
    ]
)
QUARTERS = [f"{quarter // 4:02}:{quarter % 4 * 15:02}" for quarter in range(96)]
WINDOW = st.tuples(st.sampled_from(QUARTERS), st.sampled_from([*QUARTERS, "24:00"])).map(list)
WEEKS = st.dictionaries(st.sampled_from(WEEKDAYS), st.lists(WINDOW, min_size=1, max_size=3), min_size=1)
DATES = st.dates(date(2025, 12, 1), date(2026, 12, 31)).map(date.isoformat)
SPECS = st.fixed_dictionaries(
    {"tz": ZONES, "weekly_hours": WEEKS},
    optional={
        "holidays": st.lists(DATES, max_size=5),
        "overrides": st.dictionaries(DATES, st.lists(WINDOW, max_size=2), max_size=3),
        "breaks": st.dictionaries(DATES, st.lists(WINDOW, max_size=2), max_size=3),
    },
)
INSTANTS = st.integers(0, 300 * 86_400).map(lambda second: utc("2026-01-15T00:00") + timedelta(seconds=second))
SECONDS = st.integers(1, 200_000)
SPANS = st.integers(0, 200_000)


@settings(max_examples=60, deadline=None)
@given(SPECS, INSTANTS, SECONDS)
def test_law_1_both_boundaries_are_exactly_so_much_working_time_away(spec: Any, a: datetime, s: int) -> None:
    one = BusinessCalendar.from_spec(spec)
    nearest, farthest = one.add(a, s), one.add(a, s, "farthest")
    assert one.elapsed(a, nearest) == one.elapsed(a, farthest) == s
    assert nearest <= farthest
    assert one.elapsed(nearest, farthest) == 0


@settings(max_examples=60, deadline=None)
@given(SPECS, INSTANTS, INSTANTS)
def test_law_2_an_instant_lies_between_the_boundaries_of_its_distance(spec: Any, a: datetime, b: datetime) -> None:
    one = BusinessCalendar.from_spec(spec)
    a, b = min(a, b), max(a, b)
    s = one.elapsed(a, b)
    if s > 0:
        assert one.add(a, s) <= b <= one.add(a, s, "farthest")


@settings(max_examples=60, deadline=None)
@given(SPECS, INSTANTS, INSTANTS, INSTANTS)
def test_law_3_working_time_adds_up_and_is_never_more_than_real_time(
    spec: Any, a: datetime, b: datetime, c: datetime
) -> None:
    one = BusinessCalendar.from_spec(spec)
    assert one.elapsed(a, b) + one.elapsed(b, c) == one.elapsed(a, c)
    assert one.elapsed(a, b) == -one.elapsed(b, a)
    assert 0 <= one.elapsed(min(a, b), max(a, b)) <= abs((b - a).total_seconds())


@settings(max_examples=60, deadline=None)
@given(SPECS, INSTANTS, INSTANTS, SPANS, SPANS)
def test_law_4_adding_twice_is_adding_the_sum_and_order_is_kept(
    spec: Any, a: datetime, b: datetime, s: int, t: int
) -> None:
    one = BusinessCalendar.from_spec(spec)
    assert one.add(one.add(a, s), t) == one.add(a, s + t)
    assert one.add(min(a, b), s) <= one.add(max(a, b), s)
    assert one.add(a, min(s, t)) <= one.add(a, max(s, t))


@settings(max_examples=60, deadline=None)
@given(SPECS, INSTANTS, SPANS, DATES)
def test_law_5_less_open_time_never_makes_a_date_earlier(spec: Any, a: datetime, s: int, day: str) -> None:
    one = BusinessCalendar.from_spec(spec)
    # A night that began before the day stays: only the windows of the day itself go.
    less = BusinessCalendar.from_spec({**spec, "overrides": {**spec.get("overrides", {}), day: []}})
    assert less.add(a, s) >= one.add(a, s)
    assert less.add(a, s, "farthest") >= one.add(a, s, "farthest")


@settings(max_examples=40, deadline=None)
@given(SPECS, INSTANTS, SPANS, st.randoms(use_true_random=False))
def test_law_6_how_it_is_written_does_not_matter(spec: Any, a: datetime, s: int, dice: Any) -> None:
    holidays = spec.get("holidays", []) * 2
    dice.shuffle(holidays)
    halves = {
        day: [half for start, end in windows for half in split(start, end)]
        for day, windows in spec["weekly_hours"].items()
    }
    one = BusinessCalendar.from_spec(spec)
    other = BusinessCalendar.from_spec({**spec, "weekly_hours": halves, "holidays": holidays})
    elsewhere = a.astimezone(ZoneInfo("Asia/Tokyo"))
    assert one.add(a, s) == other.add(elsewhere, s)
    assert one.add(a, s, "farthest") == other.add(elsewhere, s, "farthest")


def split(start: str, end: str) -> list[list[str]]:
    if "12:00" not in (start, end) and start < "12:00" < end:
        return [[start, "12:00"], ["12:00", end]]
    return [[start, end]]


@settings(max_examples=40, deadline=None)
@given(ZONES, st.integers(0, 40 * 366 * 86_400), st.integers(0, 40 * 86_400))
def test_law_7_around_the_clock_is_real_time_across_every_change_of_offset(tz: str, start: int, span: int) -> None:
    a = utc("1990-01-01T00:00") + timedelta(seconds=start)
    around = AROUND.setdefault(tz, calendar(tz, ALWAYS))
    assert around.elapsed(a, a + timedelta(seconds=span)) == span
    assert around.add(a, span, "farthest") == a + timedelta(seconds=span)


AROUND: dict[str, BusinessCalendar] = {}


@settings(max_examples=60, deadline=None)
@given(SPECS, SPECS, INSTANTS, INSTANTS, INSTANTS, st.integers(-150_000, 150_000))
def test_a_joined_history_obeys_the_same_laws(
    old: Any, new: Any, change: datetime, a: datetime, b: datetime, s: int
) -> None:
    joined = CalendarHistory(
        [
            Version(utc("2026-01-01T00:00"), BusinessCalendar.from_spec(old)),
            Version(change, BusinessCalendar.from_spec(new)),
        ]
    )
    assert joined.elapsed(a, b) == -joined.elapsed(b, a)
    assert joined.elapsed(a, change) + joined.elapsed(change, b) == joined.elapsed(a, b)
    nearest, farthest = joined.add(a, s), joined.add(a, s, "farthest")
    assert joined.elapsed(a, nearest) == joined.elapsed(a, farthest) == s
    assert (nearest <= farthest) if s >= 0 else (farthest <= nearest)
    assert joined.elapsed(nearest, farthest) == 0
    assert joined.is_open(joined.next_opening(a))
    assert joined.elapsed(a, joined.next_opening(a)) == 0
