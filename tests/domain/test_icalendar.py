"""Holiday files of others, read within limits whatever they hold; and our own, which come back as they went out."""

import time
from contextlib import suppress
from datetime import UTC, date, datetime

import pytest

from desk.domain import calendar_year
from desk.domain.calendar import BusinessCalendar
from desk.domain.calendar_history import CalendarHistory
from desk.domain.errors import InvalidInput, TooLarge
from desk.domain.icalendar import MOST_BYTES, Days, Found, Hours, read, write

FIRST, LAST = date(2026, 1, 1), date(2029, 12, 31)
WRITTEN = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)


def file(*events: str, before: str = "") -> bytes:
    """A calendar with these events, each the lines between BEGIN and END."""
    body = "".join(f"BEGIN:VEVENT\r\nUID:{number}\r\n{event}\r\nEND:VEVENT\r\n" for number, event in enumerate(events))
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{before}{body}END:VCALENDAR\r\n".encode()


def days(*events: str) -> list[Days]:
    return read(file(*events), "Europe/Madrid", FIRST, LAST).days


def left_out(*events: str) -> list[str]:
    return read(file(*events), "Europe/Madrid", FIRST, LAST).left_out


def test_the_end_of_an_all_day_event_is_no_longer_in_it() -> None:
    found = days("SUMMARY:Christmas\r\nDTSTART;VALUE=DATE:20261224\r\nDTEND;VALUE=DATE:20261227")
    assert found == [Days(date(2026, 12, 24), date(2026, 12, 26), "Christmas")]


def test_an_event_without_an_end_is_one_day_and_one_with_a_duration_as_many() -> None:
    assert days("SUMMARY:A\r\nDTSTART;VALUE=DATE:20261224") == [Days(date(2026, 12, 24), date(2026, 12, 24), "A")]
    found = days("SUMMARY:A\r\nDTSTART;VALUE=DATE:20261224\r\nDURATION:P3D")
    assert found == [Days(date(2026, 12, 24), date(2026, 12, 26), "A")]


def test_folded_lines_and_other_charsets_keep_the_name() -> None:
    folded = "SUMMARY:Día de la Co\r\n nstitución\r\nDTSTART;VALUE=DATE:20261206"
    assert days(folded)[0].name == "Día de la Constitución"
    for charset in ("utf-8-sig", "cp1252", "utf-16"):
        data = file(folded).decode().encode(charset)
        assert read(data, "Europe/Madrid", FIRST, LAST).days[0].name == "Día de la Constitución", charset


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_any_line_end_will_do(end: str) -> None:
    data = file("SUMMARY:A\r\nDTSTART;VALUE=DATE:20261224").replace(b"\r\n", end.encode())
    assert len(read(data, "UTC", FIRST, LAST).days) == 1


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=YEARLY", ["2026-12-25", "2027-12-25", "2028-12-25", "2029-12-25"]),
        ("FREQ=YEARLY;INTERVAL=2", ["2026-12-25", "2028-12-25"]),
        ("FREQ=YEARLY;COUNT=14", ["2026-12-25", "2027-12-25"]),
        ("FREQ=YEARLY;UNTIL=20271231", ["2026-12-25", "2027-12-25"]),
        ("FREQ=YEARLY;BYMONTH=5;BYDAY=1MO", ["2026-05-04", "2027-05-03", "2028-05-01", "2029-05-07"]),
        ("FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO", ["2026-05-25", "2027-05-31", "2028-05-29", "2029-05-28"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", ["2028-02-29"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", []),
        ("FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=-1", ["2026-03-31", "2027-03-31", "2028-03-31", "2029-03-31"]),
    ],
)
def test_a_day_that_comes_every_year_is_found_in_the_years_asked_for(rule: str, expected: list[str]) -> None:
    found = days(f"SUMMARY:A\r\nDTSTART;VALUE=DATE:20141225\r\nRRULE:{rule}")
    assert [each.first.isoformat() for each in found] == expected


def test_days_may_be_added_to_a_rule_and_taken_out() -> None:
    found = days(
        "SUMMARY:A\r\nDTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=YEARLY\r\nEXDATE;VALUE=DATE:20271225"
        "\r\nRDATE;VALUE=DATE:20270102"
    )
    assert [each.first.isoformat() for each in found] == ["2026-12-25", "2027-01-02", "2028-12-25", "2029-12-25"]


@pytest.mark.parametrize(
    "rule", ["FREQ=WEEKLY;BYDAY=FR", "FREQ=DAILY", "FREQ=YEARLY;BYDAY=MO", "FREQ=YEARLY;BYEASTER=1", "FREQ=SECONDLY"]
)
def test_a_rule_that_is_not_understood_is_left_out_and_said(rule: str) -> None:
    event = f"SUMMARY:Odd\r\nDTSTART;VALUE=DATE:20260102\r\nRRULE:{rule}"
    assert days(event) == [] and left_out(event)[0].startswith("Odd: ")


def test_events_with_hours_are_offered_apart_in_the_calendars_own_zone() -> None:
    found = read(
        file(
            "SUMMARY:UTC\r\nDTSTART:20261223T080000Z\r\nDTEND:20261223T110000Z",
            "SUMMARY:New York\r\nDTSTART;TZID=America/New_York:20261224T040000\r\nDURATION:PT2H",
            "SUMMARY:There\r\nDTSTART:20261228T090000\r\nDURATION:PT3H",
            "SUMMARY:Night\r\nDTSTART:20261229T220000\r\nDTEND:20261230T060000",
        ),
        "Europe/Madrid",
        FIRST,
        LAST,
    )
    assert found.days == []
    assert found.timed == [
        Hours(date(2026, 12, 23), "09:00", "12:00", "UTC"),
        Hours(date(2026, 12, 24), "10:00", "12:00", "New York"),
        Hours(date(2026, 12, 28), "09:00", "12:00", "There"),
        Hours(date(2026, 12, 29), "22:00", "06:00", "Night"),
    ]


def test_what_is_cancelled_or_outside_the_years_is_not_there() -> None:
    assert days("DTSTART;VALUE=DATE:20200101\r\nSUMMARY:Past", "DTSTART;VALUE=DATE:20990101\r\nSUMMARY:Far") == []
    assert days("DTSTART;VALUE=DATE:20260606\r\nSTATUS:CANCELLED\r\nSUMMARY:No") == []


@pytest.mark.parametrize(
    "event",
    [
        "SUMMARY:Bad\r\nDTSTART;VALUE=DATE:20269999",
        "SUMMARY:Bad\r\nDTSTART;VALUE=DATE:00000101",
        "SUMMARY:Bad",
        "SUMMARY:Bad\r\nDTSTART;VALUE=DATE:20260101\r\nDURATION:P99999999999D",
        "SUMMARY:Bad\r\nDTSTART;VALUE=DATE:20260101\r\nDTEND;VALUE=DATE:20250101",
        "SUMMARY:Bad\r\nDTSTART;VALUE=DATE:20260101\r\nDTEND;VALUE=DATE:20990101",
        "SUMMARY:Bad\r\nDTSTART:20260101T100000Z\r\nDTEND:20260101T090000Z",
        "SUMMARY:Bad\r\nDTSTART:20260101T100000Z\r\nRRULE:FREQ=YEARLY\r\nDTEND:20260101T110000Z",
        "SUMMARY:Bad\r\nDTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY;COUNT=x",
        "SUMMARY:Bad\r\nDTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY;BYMONTH=13",
    ],
)
def test_a_damaged_event_is_left_out_with_a_sentence_and_the_others_are_read(event: str) -> None:
    good = "SUMMARY:Good\r\nDTSTART;VALUE=DATE:20260606"
    found = read(file(event, good), "UTC", FIRST, LAST)
    assert [each.name for each in found.days if each.name == "Good"] == ["Good"]
    assert found.left_out and found.left_out[0].startswith("Bad")


@pytest.mark.parametrize(
    "data", [b"", b"\x00\x01nonsense", b"<html>no</html>", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", b"PK\x03\x04"]
)
def test_what_is_no_calendar_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read(data, "UTC", FIRST, LAST)
    assert refusal.value.field == "file"


def test_a_file_too_large_is_refused() -> None:
    with pytest.raises(TooLarge):
        read(b"x" * (MOST_BYTES + 1), "UTC", FIRST, LAST)


def test_too_many_events_or_days_are_refused() -> None:
    with pytest.raises(InvalidInput):
        read(file(*["SUMMARY:A\r\nDTSTART;VALUE=DATE:20260101"] * 2001), "UTC", FIRST, LAST)
    long = [f"SUMMARY:A{n}\r\nDTSTART;VALUE=DATE:20260101\r\nDTEND;VALUE=DATE:20261231" for n in range(30)]
    with pytest.raises(InvalidInput):
        read(file(*long), "UTC", FIRST, LAST)


ENDLESS = (
    "BEGIN:STANDARD\r\nDTSTART:19000101T000000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0100\r\n"
    "RRULE:FREQ=SECONDLY\r\nEND:STANDARD"
)
MONTHS = ",".join(map(str, range(1, 13)))
EVERY_DAY = (
    f"SUMMARY:A\r\nDTSTART;VALUE=DATE:19300101\r\nRRULE:FREQ=YEARLY;COUNT=9999999;BYMONTH={MONTHS};"
    f"BYMONTHDAY={','.join(map(str, range(1, 32)))}"
)
HOSTILE = {
    "a zone with endless rules": file(
        "SUMMARY:A\r\nDTSTART;TZID=Odd/Zone:20260101T100000\r\nDTEND;TZID=Odd/Zone:20260101T110000",
        before=f"BEGIN:VTIMEZONE\r\nTZID:Odd/Zone\r\n{ENDLESS}\r\nEND:VTIMEZONE\r\n",
    ),
    "rules that never match": file(
        *["SUMMARY:A\r\nDTSTART;VALUE=DATE:19400101\r\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=9"] * 1900
    ),
    "rules from the beginning of time": file(*["DTSTART;VALUE=DATE:00010101\r\nRRULE:FREQ=YEARLY"] * 500),
    "events within events": b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\n" * 30_000,
    "a long line": file("SUMMARY:" + "a" * 400_000),
    "many folds": file("SUMMARY:a" + "\r\n b" * 90_000),
    "many parameters": file("SUMMARY" + ";X=a" * 90_000 + ":b"),
    "many dates": file("DTSTART;VALUE=DATE:20260101\r\nRDATE;VALUE=DATE:" + ",".join(["20260102"] * 50_000)),
    "a rule that says one day again and again": file(
        f"DTSTART;VALUE=DATE:19300101\r\nRRULE:FREQ=YEARLY;COUNT=999999999;BYMONTH={MONTHS};BYMONTHDAY={'1,' * 12_000}1"
    ),
    "a rule that says one weekday again and again": file(
        f"DTSTART;VALUE=DATE:19300101\r\nRRULE:FREQ=YEARLY;COUNT=999999999;BYMONTH={MONTHS};BYDAY={'1MO,' * 9_000}1MO"
    ),
    "many rules of every day": file(*[EVERY_DAY] * 1500),
    "a rule as long as a file": file(f"DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY;BYMONTHDAY={'1,' * 250_000}1"),
    "zones that never end": b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VTIMEZONE\r\n" * 30_000,
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_whatever_a_file_holds_it_is_read_or_refused_soon(data: bytes) -> None:
    started = time.process_time()
    with suppress(InvalidInput, TooLarge):
        read(data, "Europe/Madrid", FIRST, LAST)
    assert time.process_time() - started < 5


LEAP = "FREQ=YEARLY;COUNT=90;BYMONTH=2;BYMONTHDAY=29,30"


def test_a_file_whose_repetitions_are_too_much_work_is_refused_with_a_sentence() -> None:
    with pytest.raises(InvalidInput, match="too many to work out") as refusal:
        read(file(*[f"DTSTART;VALUE=DATE:19300101\r\nRRULE:{LEAP}"] * 1500), "UTC", FIRST, LAST)
    assert refusal.value.field == "file"


def test_a_rule_as_long_as_a_file_is_refused_with_a_sentence() -> None:
    folded = "DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY;BYMONTHDAY=1" + "\r\n ,1" * 1100
    with pytest.raises(InvalidInput, match="more than 2000 characters") as refusal:
        read(file(folded), "UTC", FIRST, LAST)
    assert refusal.value.field == "file"


def test_a_day_that_a_rule_says_twice_is_one_day() -> None:
    twice = days("DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY;COUNT=3;BYMONTH=5,5;BYMONTHDAY=1,1,-31")
    assert [each.first.isoformat() for each in twice] == ["2026-05-01", "2027-05-01", "2028-05-01"]


SPEC = {
    "tz": "Europe/Madrid",
    "weekly_hours": {"mon": [["09:00", "17:00"]], "tue": [["09:00", "17:00"]], "fri": [["22:00", "06:00"]]},
    "holidays": ["2026-12-25", "2027-01-01", "2027-01-06"],
    "overrides": {
        **{f"2026-12-{day}": [] for day in (24, 28, 29, 30, 31)},
        "2026-12-23": [["09:00", "12:00"], ["13:00", "24:00"]],
        "2026-12-21": [["20:00", "02:00"]],
    },
    "breaks": {"2026-11-30": [["12:00", "13:00"]]},
}
NAMES = {"2026-12-25": "Christmas; “Day”, 2026", "2026-12-24": "Between the years", "2026-12-23": "Half day"}


def test_what_is_exported_comes_back_as_the_same_days_and_hours() -> None:
    """The same open time: breaks come back as hours with a gap."""
    history = CalendarHistory.of(BusinessCalendar.from_spec(SPEC), 1)
    every = list(calendar_year.days(history, {1: NAMES}, FIRST, date(2027, 12, 31)))
    closed = [Days(*run) for run in calendar_year.closed_runs(every)]
    other = [Hours(*hours) for hours in calendar_year.other_hours(every)]
    data = write("Our hours", "Open", "Europe/Madrid", "1@desk.example", WRITTEN, closed, other)
    found = read(data, "Europe/Madrid", FIRST, LAST)
    assert found == Found(
        sorted(closed, key=lambda each: each.first), sorted(other, key=lambda each: (each.day, each.start))
    )
    again = {
        "tz": "Europe/Madrid",
        "weekly_hours": SPEC["weekly_hours"],
        "holidays": [
            (each.first.toordinal() + n, each) for each in found.days for n in range((each.last - each.first).days + 1)
        ],
    }
    again["holidays"] = [date.fromordinal(number).isoformat() for number, _ in again["holidays"]]  # type: ignore[union-attr]
    again["overrides"] = {}
    for hours in found.timed:
        again["overrides"].setdefault(hours.day.isoformat(), []).append([hours.start, hours.end])
    before, after = BusinessCalendar.from_spec(SPEC), BusinessCalendar.from_spec(again)
    for number in range(FIRST.toordinal(), date(2027, 12, 31).toordinal()):
        day = date.fromordinal(number)
        assert before.intervals_of(day) == after.intervals_of(day), day


def test_the_file_is_the_same_whenever_it_is_written_and_says_the_hours() -> None:
    values = ("Our hours", "Open Monday", "Europe/Madrid", "1@desk.example", WRITTEN)
    closed = [Days(date(2026, 12, 24), date(2026, 12, 26), "Christmas")]
    data = write(*values, closed, [])
    assert data == write(*values, closed, [])
    text = data.decode().replace("\r\n ", "")
    assert "DTSTART;VALUE=DATE:20261224" in text and "DTEND;VALUE=DATE:20261227" in text
    assert "X-WR-CALDESC:Open Monday" in text
