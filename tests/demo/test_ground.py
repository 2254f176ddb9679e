"""The calendars of the demo world: their closures have names, as somebody would have given them."""

from datetime import UTC, date, datetime

import pytest

from desk.demo.ground import CLOSURE, names_of_days, specification
from desk.demo.places import CONSORTIA, Opening
from desk.domain.calendar import BusinessCalendar
from desk.domain.calendar_history import CalendarHistory
from desk.domain.calendar_sheet import sheet_of
from desk.domain.calendar_year import DayKind, days

NOW = datetime(2026, 3, 4, 10, tzinfo=UTC)
CLOSING = [place.opening for place in CONSORTIA if place.opening.closure]


@pytest.mark.parametrize("opening", CLOSING, ids=lambda opening: opening.country)
def test_the_days_of_a_closure_are_named_and_holidays_keep_their_own(opening: Opening) -> None:
    spec = specification(opening, NOW, NOW)
    names = names_of_days(opening, spec)
    assert {*spec["holidays"], *spec["overrides"]} - set(names) == {"2032-01-01"}
    history = CalendarHistory.of(BusinessCalendar.from_spec(spec), 1)
    year = list(days(history, {1: names}, date(2026, 12, 24), date(2027, 1, 1)))
    closed = {day.day: day.name for day in year if day.kind in (DayKind.CLOSED, DayKind.HOLIDAY)}
    assert all(closed.values())
    assert closed[date(2026, 12, 24)] == CLOSURE
    assert closed[date(2026, 12, 25)] == "Christmas Day"
    sheet = sheet_of(spec, names, opening.country, opening.subdivision, NOW.date())
    assert sheet.closures and {name for *_, name in sheet.closures} == {CLOSURE}
    assert not sheet.worked
