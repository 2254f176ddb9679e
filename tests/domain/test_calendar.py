"""Working time: a table of cases worked out by hand. What holds for every calendar is in ``test_laws_of_calendars``."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

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
    # A break past midnight reaches into the next date, whose own windows it shortens too.
    (
        "UTC",
        ALWAYS,
        {"breaks": {"2026-03-02": [["23:00", "02:00"]]}},
        "2026-03-02T22:00",
        7200,
        *["2026-03-03T03:00"] * 2,
    ),
    # Clocks go forward at 02:00 in that night, and back at 03:00 in the other.
    ("Europe/Berlin", NIGHTS, {}, "2026-03-28T22:00", 7 * 3600, "2026-03-29T06:00", "2026-03-29T22:00"),
    ("Europe/Berlin", NIGHTS, {}, "2026-10-24T22:00", 9 * 3600, "2026-10-25T06:00", "2026-10-25T22:00"),
    # By its own rules a night is shorter or longer, at midnight, at one past it, by half an hour or by two.
    ("America/Santiago", NIGHTS, {}, "2024-09-07T22:00", 7 * 3600, "2024-09-08T06:00", "2024-09-08T22:00"),
    ("America/St_Johns", NIGHTS, {}, "2010-03-13T22:00", 7 * 3600, "2010-03-14T06:00", "2010-03-14T22:00"),
    ("Australia/Lord_Howe", NIGHTS, {}, "2026-10-03T22:00", 27_000, "2026-10-04T06:00", "2026-10-04T22:00"),
    ("Australia/Lord_Howe", NIGHTS, {}, "2026-10-04T12:00", -27_000, "2026-10-03T22:00", "2026-10-03T06:00"),
    ("Australia/Lord_Howe", NIGHTS, {}, "2026-04-04T22:00", 30_600, "2026-04-05T06:00", "2026-04-05T22:00"),
    ("Antarctica/Troll", NIGHTS, {}, "2026-03-28T22:00", 6 * 3600, "2026-03-29T06:00", "2026-03-29T22:00"),
    ("Africa/Casablanca", NIGHTS, {}, "2026-02-14T22:00", 9 * 3600, "2026-02-15T06:00", "2026-02-15T22:00"),
    ("Africa/Cairo", NIGHTS, {}, "2026-04-23T22:00", 7 * 3600, "2026-04-24T06:00", "2026-04-24T22:00"),
    ("Pacific/Chatham", NIGHTS, {}, "2024-09-28T22:00", 7 * 3600, "2024-09-29T06:00", "2024-09-29T22:00"),
    # Around the clock a change of offset is nothing: Pyongyang went half an hour on for good.
    ("Asia/Pyongyang", ALWAYS, {}, "2018-05-04T00:00", 171_000, *["2018-05-06T00:00"] * 2),
    ("America/Havana", ALWAYS, {}, "2026-10-31T12:00", 25 * 3600, *["2026-11-01T12:00"] * 2),
    ("Asia/Kathmandu", ALWAYS, {}, "1985-12-31T12:00", 85_500, *["1986-01-01T12:00"] * 2),
    # By RFC 5545 a time that was skipped counts with the offset before: this window opens when it is to close.
    (
        "Europe/Berlin",
        {"sun": [["02:30", "03:15"]], "mon": [["09:00", "17:00"]]},
        {},
        "2026-03-28T12:00",
        3600,
        *["2026-03-30T10:00"] * 2,
    ),
    (
        "Europe/Berlin",
        {"sun": [["02:30", "04:00"]]},
        {},
        "2026-03-28T12:00",
        1800,
        "2026-03-29T04:00",
        "2026-04-05T02:30",
    ),
    # Samoa had no 30th of December 2011, a Friday.
    ("Pacific/Apia", OFFICE, {}, "2011-12-29T16:00", 7200, "2012-01-02T10:00", "2012-01-02T10:00"),
    (
        "Pacific/Apia",
        ALWAYS,
        {"breaks": {"2011-12-30": [["09:00", "17:00"]]}},
        "2011-12-29T16:00",
        24 * 3600,
        *["2011-12-31T16:00"] * 2,
    ),
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
    with pytest.raises(ValueError, match=r"^an instant needs its zone$"):
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


def test_the_last_second_of_a_day_is_one_second() -> None:
    start = utc("2026-03-02T16:59:59")
    assert calendar().add(start, 1) == utc("2026-03-02T17:00")
    assert calendar().add(start, 1, "farthest") == utc("2026-03-03T09:00")
    assert calendar().add(utc("2026-03-03T09:00:01"), -1) == utc("2026-03-03T09:00")
    assert calendar().add(utc("2026-03-03T09:00:01"), -1, "farthest") == utc("2026-03-02T17:00")


def test_a_single_opening_is_found_over_many_years_in_both_directions() -> None:
    for day, now in (("2019-06-03", "2026-03-02T00:00"), ("2033-06-06", "2026-03-02T00:00")):
        opening, closing, noon = utc(f"{day}T09:00"), utc(f"{day}T17:00"), utc(f"{day}T12:00")

        def rare(opens: str = day) -> BusinessCalendar:
            return calendar(weekly={}, overrides={opens: [["09:00", "17:00"]]})

        assert rare().is_open(noon)
        assert not rare().is_open(opening - timedelta(seconds=1))
        assert rare().closes_at(noon) == closing
        if opening > utc(now):
            assert rare().next_opening(utc(now)) == opening
            assert rare().add(utc(now), 3 * 3600) == noon
            assert rare().add(utc(now), 8 * 3600) == closing
            assert rare().add_working_days(utc(now), 1) == closing
        else:
            assert rare().last_closing(utc(now)) == closing
            assert rare().add(utc(now), -5 * 3600) == noon
            assert rare().add(utc(now), -8 * 3600) == opening
            with pytest.raises(NoOpening):
                rare().add(utc(now), -8 * 3600 - 1)


def test_what_was_asked_before_does_not_matter() -> None:
    nights = {"weekly": NIGHTS, "overrides": {"2025-12-31": [["08:00", "07:00"]]}, "holidays": ["2026-01-01"]}
    wide = calendar("Pacific/Auckland", **nights)
    wide.elapsed(utc("2015-01-01T00:00"), utc("2040-01-01T00:00"))
    new_years = [utc(f"{year}-01-01T00:00") for year in (2025, 2026)]
    moments = [year + timedelta(hours=hours) for year in new_years for hours in range(-130, 130, 26)]
    for a, b in zip(moments, moments[7:] + moments[:7], strict=True):
        fresh = calendar("Pacific/Auckland", **nights)
        assert fresh.elapsed(a, b) == wide.elapsed(a, b)
        assert fresh.elapsed(b, a + timedelta(days=900)) == wide.elapsed(b, a + timedelta(days=900))
        assert calendar("Pacific/Auckland", **nights).add(a, 50_000) == wide.add(a, 50_000)
        assert calendar("Pacific/Auckland", **nights).add(a, -50_000) == wide.add(a, -50_000)
        assert calendar("Pacific/Auckland", **nights).add_working_days(a, 3) == wide.add_working_days(a, 3)
        assert calendar("Pacific/Auckland", **nights).is_open(a) == wide.is_open(a)


def test_a_table_is_kept_and_not_compiled_again_for_what_it_covers() -> None:
    one = calendar()
    one.elapsed(utc("2026-02-01T00:00"), utc("2026-03-01T00:00"))
    table = one._table
    # A year to spare on both sides, but for three days, which windows from outside may reach into.
    one.elapsed(utc("2025-01-04T00:00"), utc("2027-12-28T00:00"))
    assert one.elapsed(utc("2025-01-04T00:00"), utc("2025-02-01T00:00")) == 20 * 8 * 3600
    assert one._table is table
    one.elapsed(utc("2026-02-01T00:00"), utc("2029-03-01T00:00"))
    assert one._table is not table
    assert one._table.begin == table.begin == utc("2025-01-04T00:00").timestamp()
    assert (table.finish, one._table.finish) == (
        utc("2027-12-28T00:00").timestamp(),
        utc("2030-12-28T00:00").timestamp(),
    )


def test_no_working_day_is_the_nought_th() -> None:
    for time in (calendar(), CalendarHistory.of(calendar())):
        for days in (0, -1):
            with pytest.raises(ValueError, match=r"^working days are counted from 1$"):
                time.add_working_days(utc("2026-03-02T10:00"), days)


def test_windows_that_overlap_or_touch_are_open_once() -> None:
    monday = [["09:00", "12:00"], ["11:00", "13:00"], ["13:00", "14:00"], ["09:30", "10:00"], ["15:00", "16:00"]]
    one = calendar(weekly={"mon": monday})
    assert one.intervals_of(utc("2026-03-02T00:00").date()) == [
        (int(utc("2026-03-02T09:00").timestamp()), int(utc("2026-03-02T14:00").timestamp())),
        (int(utc("2026-03-02T15:00").timestamp()), int(utc("2026-03-02T16:00").timestamp())),
    ]
    assert one.intervals_of(utc("2026-03-03T00:00").date()) == []


def test_a_date_whose_only_hour_was_skipped_is_no_working_day() -> None:
    one = calendar("Europe/Berlin", {"sun": [["02:00", "03:00"]], "mon": [["09:00", "17:00"]]})
    assert one.intervals_of(date(2026, 3, 29)) == []
    assert one.add_working_days(utc("2026-03-28T12:00"), 1) == local("2026-03-30T17:00", "Europe/Berlin")


def test_a_calendar_names_its_zone() -> None:
    assert (calendar("Asia/Tokyo").tz, calendar("Asia/Tokyo").zone) == ("Asia/Tokyo", ZoneInfo("Asia/Tokyo"))
