"""What somebody types as working hours: read with every fault at its row, written back, compared, shown as a year."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.domain import calendar_year
from desk.domain.calendar import BusinessCalendar
from desk.domain.calendar_changes import changes, shift_in_words
from desk.domain.calendar_dates import days_in_words, listed
from desk.domain.calendar_history import CalendarHistory, Version
from desk.domain.calendar_sheet import Sheet, holidays_of, read, sheet_of
from desk.domain.calendar_year import DayKind
from desk.domain.errors import InvalidInput
from desk.domain.holiday_dates import HOLIDAY_YEARS, countries, parts_of, place_name, public_holidays
from desk.domain.opening_hours import WEEKDAYS, check, overlaps, parse, typed_time

NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
TODAY = date(2026, 3, 4)
OFFICE = {day: [("09:00", "17:00")] for day in WEEKDAYS[:5]}


def problems(**typed: Any) -> list[tuple[str, str]]:
    return read(Sheet(**{"tz": "Europe/Madrid", "weekly": OFFICE, **typed}), NOW, TODAY)[1]


def spec_of(**typed: Any) -> dict[str, Any]:
    draft, wrong = read(Sheet(**{"tz": "Europe/Madrid", "weekly": OFFICE, **typed}), NOW, TODAY)
    assert draft is not None and wrong == []
    return draft.spec


@pytest.mark.parametrize(
    ("typed", "read_as"),
    [
        ("9", "09:00"),
        ("09", "09:00"),
        ("9:30", "09:30"),
        ("9.30", "09:30"),
        ("9h30", "09:30"),
        ("930", "09:30"),
        ("0930", "09:30"),
        (" 17:00 ", "17:00"),
        ("24", "24:00"),
        ("24:00", "24:00"),
        ("0", "00:00"),
        ("24:01", None),
        ("25", None),
        ("9:60", None),
        ("noon", None),
        ("", None),
        ("-1", None),
        ("९", None),
        ("12345", None),
    ],
)
def test_times_are_read_as_people_type_them(typed: str, read_as: str | None) -> None:
    assert typed_time(typed) == read_as


def test_windows_that_touch_are_no_overlap_and_a_night_into_the_next_day_may_be_one() -> None:
    assert overlaps({"mon": [["09:00", "12:00"], ["12:00", "17:00"]], "sun": [["22:00", "06:00"]]}) == []
    assert overlaps({"mon": [["22:00", "06:00"]], "tue": [["06:00", "09:00"]]}) == []
    assert [each[:2] for each in overlaps({"mon": [["22:00", "06:00"]], "tue": [["05:00", "09:00"]]})] == [("tue", 0)]
    assert [each[:2] for each in overlaps({"sun": [["22:00", "06:00"]], "mon": [["05:00", "09:00"]]})] == [("mon", 0)]
    assert overlaps(dict.fromkeys(WEEKDAYS, (("00:00", "24:00"),))) == []


def test_what_is_stored_may_overlap_and_what_is_edited_may_not() -> None:
    spec = {"tz": "UTC", "weekly_hours": {"mon": [["09:00", "17:00"], ["10:00", "11:00"]]}}
    assert len(parse(spec).weekly[0]) == 2
    with pytest.raises(InvalidInput, match="overlap"):
        check(spec)
    with pytest.raises(InvalidInput, match="12"):
        check({"tz": "UTC", "weekly_hours": {"mon": [[f"{n:02}:00", f"{n:02}:30"] for n in range(13)]}})
    with pytest.raises(InvalidInput, match="24:00"):
        check({"tz": "UTC", "weekly_hours": {"mon": [["09:00", "09:00"]]}})


def test_a_window_with_its_ends_the_wrong_way_round_is_told_from_a_night() -> None:
    for night in (["22:00", "06:00"], ["20:00", "08:00"], ["09:00", "00:00"]):
        assert check({"tz": "UTC", "weekly_hours": {"fri": [night]}}).weekly[4]
    ((control, sentence),) = problems(weekly={"fri": [("17:00", "9")]})
    assert control == "fri-0-from"
    assert sentence.endswith("if it is meant, write 17:00 to 24:00 and, on the next day, 00:00 to 09:00.")
    assert problems(weekly={"fri": [("17:00", "24:00")], "sat": [("00:00", "09:00")]}) == []
    with pytest.raises(InvalidInput, match="Swap the two times"):
        check({"tz": "UTC", "weekly_hours": {"fri": [["20:00", "08:01"]]}})


def test_every_fault_is_named_at_its_row() -> None:
    wrong = problems(
        tz="Mars",
        weekly={"mon": [("9", "17"), ("", ""), ("x", "18")], "tue": [("9", "")]},
        closures=[("2026-12-24", "2026-12-20", "")],
        special=[("2026-12-24", "9-12", ""), ("2026-12-24", "", "")],
        breaks=[("", "9", "10")],
    )
    assert [control for control, _ in wrong] == [
        "mon-2-from",
        "tue-0-from",
        "closure-0-first",
        "special-1-day",
        "tz",
        "break-0-day",
    ]


def test_a_closure_of_many_days_takes_its_holidays_along_and_comes_back_as_one_row() -> None:
    sheet = Sheet(
        tz="Europe/Madrid",
        weekly=OFFICE,
        country="ES",
        subdivision="MD",
        closures=[("2026-12-24", "2027-01-07", "Winter")],
    )
    draft, _ = read(sheet, NOW, TODAY)
    assert draft is not None
    assert draft.names["2026-12-24"] == "Winter" and draft.names["2026-12-25"] == "Christmas Day"
    back = sheet_of(draft.spec, draft.names, "ES", "MD", TODAY)
    assert back.closures == [("2026-12-24", "2027-01-07", "Winter")] and back.worked == frozenset()


def test_a_special_day_wins_over_a_closure_and_a_holiday() -> None:
    spec = spec_of(
        country="ES",
        closures=[("2026-12-24", "2026-12-31", "")],
        special=[("2026-12-25", "9-12 and 13-14", "Open day")],
    )
    assert spec["overrides"]["2026-12-25"] == [["09:00", "12:00"], ["13:00", "14:00"]]
    calendar = BusinessCalendar.from_spec(spec)
    assert calendar.is_open(datetime(2026, 12, 25, 9, 0, tzinfo=UTC))
    assert not calendar.is_open(datetime(2026, 12, 28, 9, 0, tzinfo=UTC))


def test_a_holiday_that_is_worked_stays_so_and_one_the_list_has_learnt_does_not() -> None:
    draft, _ = read(Sheet(tz="UTC", weekly=OFFICE, country="ES", worked=frozenset({"2026-12-08"})), NOW, TODAY)
    assert draft is not None and "2026-12-08" not in draft.spec["holidays"]
    assert sheet_of(draft.spec, draft.names, "ES", None, TODAY).worked == {"2026-12-08"}
    forgotten = {day: name for day, name in draft.names.items() if day != "2026-12-08"}
    assert sheet_of(draft.spec, forgotten, "ES", None, TODAY).worked == frozenset()


def test_dates_that_are_stored_without_a_country_come_back_as_closures() -> None:
    spec = {"tz": "UTC", "weekly_hours": {}, "holidays": ["2020-01-01", "2026-05-01", "2026-05-02"]}
    assert sheet_of(spec, {}, None, None, TODAY).closures == [("2026-05-01", "2026-05-02", "")]


days = st.dates(date(2026, 3, 5), date(2027, 12, 31)).map(date.isoformat)
times = st.integers(0, 23).map(lambda hour: f"{hour:02}:00")
windows = st.tuples(times, times).filter(lambda pair: pair[0] < pair[1])
sheets = st.builds(
    Sheet,
    tz=st.sampled_from(["Europe/Madrid", "America/New_York", "Asia/Kathmandu"]),
    weekly=st.dictionaries(st.sampled_from(WEEKDAYS), st.lists(windows, min_size=1, max_size=1), min_size=1),
    country=st.sampled_from(["", "ES", "DE"]),
    worked=st.frozensets(st.sampled_from(["2026-05-01", "2026-12-25", "2027-01-01"])),
    closures=st.lists(st.tuples(days, st.just(""), st.sampled_from(["", "A", "B"])), max_size=4),
    special=st.lists(
        st.tuples(days, windows.map(lambda pair: f"{pair[0]}–{pair[1]}"), st.sampled_from(["", "C"])),
        max_size=3,
        unique_by=lambda row: row[0],
    ),
    breaks=st.lists(st.tuples(days, times, times).filter(lambda row: row[1] < row[2]), max_size=2),
)


@given(sheets)
def test_what_is_written_back_into_the_form_reads_the_same(sheet: Sheet) -> None:
    draft, wrong = read(sheet, NOW, TODAY)
    assert wrong == [] and draft is not None
    back = sheet_of(draft.spec, draft.names, draft.country, draft.subdivision, TODAY)
    again, wrong = read(back, NOW, TODAY)
    assert wrong == [] and again is not None
    # A break that overlaps another one is the same time either way.
    assert {**again.spec, "breaks": {}} == {**draft.spec, "breaks": {}}
    assert changes(draft.spec, again.spec, TODAY) == []


def test_changes_are_said_in_sentences() -> None:
    before = spec_of(closures=[("2026-05-04", "", "")], special=[("2026-05-06", "9-12", "")])
    after = spec_of(
        tz="Europe/Lisbon",
        weekly={**OFFICE, "fri": [("9", "15")], "sat": [("22", "2")]},
        closures=[("2026-12-24", "2026-12-31", "")],
        breaks=[("2026-05-07", "12", "13")],
    )
    assert changes(before, after, TODAY) == [
        "Time zone Europe/Lisbon instead of Europe/Madrid.",
        "Friday: 09:00 to 15:00 instead of 09:00 to 17:00.",
        "Saturday: 22:00 to 02:00 the next day instead of closed.",
        "Closed as well: 24 to 31 December 2026.",
        "No longer closed: 4 May 2026.",
        "7 May 2026: closed from 12:00 to 13:00.",
        "6 May 2026: as on other Wednesdays again.",
    ]


def test_dates_and_shifts_in_words() -> None:
    assert days_in_words(date(2026, 12, 30), date(2027, 1, 2)) == "30 December 2026 to 2 January 2027"
    assert days_in_words(date(2026, 11, 30), date(2026, 12, 2)) == "30 November to 2 December 2026"
    assert listed([date(2026, 1, n) for n in range(1, 20, 2)], 2) == "1 January 2026, 3 January 2026 and 8 more"
    assert [shift_in_words(seconds) for seconds in (86_400, -2 * 86_400 - 3600, 2700, -30)] == [
        "1 day later",
        "2 days 1 h earlier",
        "45 min later",
        "less than a minute earlier",
    ]


def test_a_year_shows_each_version_on_its_own_days() -> None:
    old = BusinessCalendar.from_spec({"tz": "Europe/Madrid", "weekly_hours": {"mon": [["09:00", "17:00"]]}})
    new = BusinessCalendar.from_spec(
        {"tz": "Europe/Madrid", "weekly_hours": {"tue": [["22:00", "06:00"]]}, "holidays": ["2026-12-08"]}
    )
    begin = datetime(2026, 6, 30, 22, 0, tzinfo=UTC)  # midnight in Madrid
    history = CalendarHistory([Version(NOW - timedelta(days=400), old, 1), Version(begin, new, 2)])
    months = calendar_year.months(history, {2: {"2026-12-08": "Immaculate Conception"}}, 2026)
    found = {day.day: day for month in months for week in month.weeks for day in week if day is not None}
    assert len(found) == 365
    assert found[date(2026, 6, 29)].kind is DayKind.OPEN and found[date(2026, 7, 6)].kind is DayKind.REST
    assert found[date(2026, 7, 7)].in_words == "open 22:00 to 06:00 the next day"
    assert found[date(2026, 7, 1)].changes_at == begin
    assert found[date(2026, 12, 8)].in_words == "Immaculate Conception"
    assert calendar_year.working_days(months) == 26 + 25


def test_a_closure_is_said_once_across_the_holidays_in_it() -> None:
    sheet = Sheet(
        tz="UTC", weekly=OFFICE, country="GB", subdivision="ENG", closures=[("2026-12-24", "2026-12-31", "Winter")]
    )
    draft, _ = read(sheet, NOW, TODAY)
    assert draft is not None
    history = CalendarHistory.of(BusinessCalendar.from_spec(draft.spec), 1)
    december = calendar_year.months(history, {1: draft.names}, 2026)[11]
    assert [(note.when, note.what) for note in december.notes] == [
        ("24 to 31 December", "closed: Winter"),
        ("25 December", "Christmas Day"),
        ("26 December", "Boxing Day"),
        ("28 December", "Boxing Day (observed)"),
    ]


def test_a_date_that_the_zone_skipped_has_no_hours() -> None:
    spec = {"tz": "Pacific/Apia", "weekly_hours": {day: [["09:00", "17:00"]] for day in WEEKDAYS}}
    history = CalendarHistory.of(BusinessCalendar.from_spec(spec))
    (day,) = calendar_year.days(history, {}, date(2011, 12, 30), date(2011, 12, 30))
    assert day.kind is DayKind.REST


def test_countries_and_their_parts_have_names() -> None:
    assert len(countries()) > 200 and countries()["GB"] == "United Kingdom"
    assert parts_of("ES")["MD"] == "Madrid" and parts_of("XX") == {}
    assert place_name("DE", "BE") == "Germany, Berlin" and place_name("XX", None) == "XX"
    assert all(len(part) <= 10 for country in countries() for part in parts_of(country))
    kept = holidays_of(Sheet(country="DE", subdivision="BE"), 2026)
    assert kept == public_holidays("DE", "BE", 2026, 2026 + HOLIDAY_YEARS - 1)
    assert kept["2026-03-08"] == "Women's Day"
