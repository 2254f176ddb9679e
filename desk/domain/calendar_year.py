"""A year of somebody's working hours, day by day: open, special, holiday, closed, with names; to see and to hear."""

import calendar
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from desk.domain.calendar import BusinessCalendar, whole_second
from desk.domain.calendar_dates import ONE_DAY, days_in_words
from desk.domain.calendar_history import CalendarHistory
from desk.domain.opening_hours import DAY_SECONDS, Window

Names = Mapping[int | str | None, Mapping[str, str]]
"""The names of dates, by the key of the version that has them."""


class DayKind(StrEnum):
    """What a date is. ``REST``: the week has no hours on it. ``SPECIAL``: other hours than its weekday's."""

    OPEN = "open"
    SPECIAL = "special"
    HOLIDAY = "holiday"
    CLOSED = "closed"
    REST = "rest"


MARKS: Mapping[DayKind, str] = {DayKind.SPECIAL: "S", DayKind.HOLIDAY: "H", DayKind.CLOSED: "C"}
"""A letter beside the number, so that nobody needs colour."""


@dataclass(frozen=True, slots=True)
class Day:
    """A date: what it is, its hours, its name, and the moment at which other hours come into force during it."""

    day: date
    kind: DayKind
    windows: tuple[Window, ...] = ()
    breaks: tuple[Window, ...] = ()
    name: str = ""
    changes_at: datetime | None = None

    @property
    def hours(self) -> str:
        """``09:00 to 17:00``; without the breaks."""
        return in_words(self.windows)

    @property
    def mark(self) -> str:
        """The letter beside its number."""
        return MARKS.get(self.kind, "")

    @property
    def in_words(self) -> str:
        """What a screen reader says after the number, and a note says after the date."""
        out = f"; closed {in_words(self.breaks)}" if self.breaks and self.windows else ""
        match self.kind:
            case DayKind.HOLIDAY:
                return self.name or "public holiday"
            case DayKind.CLOSED:
                return f"closed: {self.name}" if self.name else "closed"
            case DayKind.REST:
                return "closed"
            case DayKind.SPECIAL:
                return f"{self.name + ': ' if self.name else ''}open {self.hours}{out}"
        return f"open {self.hours}" + (f", {self.name} is worked" if self.name else "")


@dataclass(frozen=True, slots=True)
class Note:
    """Days in a row that are alike and not like their weekdays, in words."""

    when: str
    what: str
    kind: DayKind


@dataclass(frozen=True, slots=True)
class Month:
    """A month in weeks from Monday, with None outside it, and what is to be said of its days."""

    name: str
    weeks: Sequence[Sequence[Day | None]]
    notes: Sequence[Note]


def months(history: CalendarHistory, names: Names, year: int) -> list[Month]:
    """The twelve months of a year, with every version in force on its own days."""
    every = {day.day: day for day in days(history, names, date(year, 1, 1), date(year, 12, 31))}
    found = []
    for number in range(1, 13):
        weeks = [[every.get(day) if day.month == number else None for day in week] for week in _weeks(year, number)]
        own = [day for week in weeks for day in week if day is not None]
        found.append(Month(calendar.month_name[number], weeks, notes(own)))
    return found


def days(history: CalendarHistory, names: Names, first: date, last: date) -> Iterator[Day]:
    """Every date of a span, both ends included."""
    begins = {}
    for version in history.versions:
        begins[version.calendar.day_of(version.effective_from)] = version.effective_from
    for number in range((last - first).days + 1):
        day = first + number * ONE_DAY
        version = history.version_at(_noon(history, day))
        yield _day(day, version.calendar, names.get(version.key, {}), begins.get(day))


def working_days(found: Sequence[Month]) -> int:
    """How many dates of the year are open at all."""
    return sum(bool(day and day.windows) for month in found for week in month.weeks for day in week)


def notes(found: Sequence[Day]) -> list[Note]:
    """What is to be said of some days in order: those alike and in a row together, a closure across its holidays."""
    said: list[tuple[date, date, Day]] = []
    for day in found:
        if not (day.mark or day.breaks or (day.name and day.kind is DayKind.OPEN)):
            continue
        place = next((n for n, (_, last, one) in enumerate(said) if _goes_on(one, last, day, found)), None)
        if place is None:
            said.append((day.day, day.day, day))
        else:
            said[place] = (said[place][0], day.day, day)
    return [
        Note(days_in_words(first, last).rsplit(" ", 1)[0], day.in_words, day.kind)
        for first, last, day in sorted(said, key=lambda run: run[0])
    ]


def _goes_on(one: Day, last: date, day: Day, found: Sequence[Day]) -> bool:
    """Whether a day is like a run that ended on ``last``, with nothing but holidays between the two."""
    if one.in_words != day.in_words or one.kind is not day.kind:
        return False
    between = [each for each in found if last < each.day < day.day]
    return all(day.kind is DayKind.CLOSED and each.kind is DayKind.HOLIDAY for each in between)


def closed_runs(found: Iterable[Day]) -> list[tuple[date, date, str]]:
    """Holidays and closures among some days in order: those in a row with one name together."""
    runs: list[tuple[date, date, str]] = []
    for day in found:
        if day.kind not in (DayKind.HOLIDAY, DayKind.CLOSED):
            continue
        name = day.name or "Closed"
        if runs and runs[-1][1] + ONE_DAY == day.day and runs[-1][2] == name:
            runs[-1] = (runs[-1][0], day.day, name)
        else:
            runs.append((day.day, day.day, name))
    return runs


def other_hours(found: Iterable[Day]) -> list[tuple[date, str, str, str]]:
    """Windows of the days with other hours than their weekday's, breaks taken out: date, start, end, name."""
    return [
        (day.day, _wall(start), _wall(end), day.name or "Other hours")
        for day in found
        if day.kind is DayKind.SPECIAL
        for start, end in without(day.windows, day.breaks)
    ]


def without(windows: Sequence[Window], breaks: Sequence[Window]) -> list[Window]:
    """The windows with the breaks taken out."""
    left = sorted(windows)
    for start, end in breaks:
        cut = [(a, min(b, start)) for a, b in left] + [(max(a, end), b) for a, b in left]
        left = sorted((a, b) for a, b in cut if a < b)
    return left


def _wall(second: int) -> str:
    wall = second - DAY_SECONDS if second > DAY_SECONDS else second
    return f"{wall // 3600:02}:{wall % 3600 // 60:02}"


def in_words(windows: Sequence[Window]) -> str:
    """``09:00 to 12:00 and 13:00 to 17:00``."""
    return " and ".join(f"{_clock(start)} to {_clock(end)}" for start, end in sorted(windows))


def _clock(second: int) -> str:
    return _wall(second) + (" the next day" if second > DAY_SECONDS else "")


def _weeks(year: int, month: int) -> list[list[date]]:
    return calendar.Calendar().monthdatescalendar(year, month)


def _noon(history: CalendarHistory, day: date) -> datetime:
    rough = datetime.combine(day, time(12), UTC)
    return datetime.combine(day, time(12), history.version_at(rough).calendar.zone).astimezone(UTC)


def _day(day: date, hours: BusinessCalendar, names: Mapping[str, str], changes_at: datetime | None) -> Day:
    name = names.get(day.isoformat(), "")
    breaks = hours.hours.breaks.get(day, ())
    override = hours.hours.overrides.get(day)
    windows = hours.hours.windows_of(day) if _exists(hours, day) else ()
    if override is not None:
        kind = DayKind.SPECIAL if override else DayKind.CLOSED
    elif day in hours.hours.holidays:
        kind = DayKind.HOLIDAY
    else:
        kind = DayKind.OPEN if windows else DayKind.REST
    if kind is DayKind.CLOSED and day in hours.hours.holidays and name:
        kind = DayKind.HOLIDAY
    if kind is DayKind.OPEN and breaks:
        kind = DayKind.SPECIAL
    return Day(day, kind, windows, breaks, name, changes_at)


def _exists(hours: BusinessCalendar, day: date) -> bool:
    """Whether the date exists in the zone: Apia skipped 2011-12-30."""
    midnight = datetime.combine(day, time(), hours.zone)
    return whole_second(midnight + timedelta(days=1)) > whole_second(midnight)
