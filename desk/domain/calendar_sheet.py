"""Working hours as somebody types them in: rows of text, read with every fault named at its row, and written back.

A ``Sheet`` is what the form holds, right or wrong. ``read`` makes a ``Draft`` of it: the spec that is stored and the
names of its dates. ``sheet_of`` is the way back, from a stored version to the form.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from desk.domain.calendar import BusinessCalendar, NoOpening
from desk.domain.calendar_dates import ONE_DAY, day_in_words, in_a_row
from desk.domain.errors import InvalidInput
from desk.domain.holiday_dates import HOLIDAY_YEARS, countries, parts_of, public_holidays
from desk.domain.opening_hours import MOST_WINDOWS, WEEKDAYS, check, overlaps, typed_time, window_fault, zone_key
from desk.domain.text import visible

MOST_ROWS = 150
"""Closures, special days and breaks, of each kind."""

LONGEST_CLOSURE = 366
YEARS_AHEAD = 10
NAME_LENGTH = 80

Row = tuple[str, ...]
Problem = tuple[str, str]
"""The id of a control, and what is wrong there."""

_RANGE = re.compile(r"\s*(?:[-–—]|to|until)\s*")
_BETWEEN = re.compile(r"\s*(?:[,;]|\band\b)\s*")


@dataclass(frozen=True, slots=True)
class Sheet:
    """What was typed. ``worked``: public holidays on which people work; a closure is first day, last day, name; a
    special day is date, hours, name; a break is date, start, end.
    """

    tz: str = ""
    weekly: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    country: str = ""
    subdivision: str = ""
    worked: frozenset[str] = frozenset()
    closures: Sequence[Row] = ()
    special: Sequence[Row] = ()
    breaks: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A sheet without faults: what ``add_calendar_version`` stores."""

    spec: dict[str, Any]
    names: dict[str, str]
    country: str | None
    subdivision: str | None


def holidays_of(sheet: Sheet, first_year: int) -> dict[str, str]:
    """The public holidays that the sheet's place has in the years that are kept; none for a place nobody knows."""
    if sheet.country not in countries() or (sheet.subdivision and sheet.subdivision not in parts_of(sheet.country)):
        return {}
    return public_holidays(sheet.country, sheet.subdivision or None, first_year, first_year + HOLIDAY_YEARS - 1)


def read(sheet: Sheet, start: datetime, today: date) -> tuple[Draft | None, list[Problem]]:
    """The draft of a sheet for a version that begins at ``start``, or what is wrong with it, every fault at its row.

    ``today``: in the calendar's zone; what lies before it cannot be entered any more.
    """
    reader = _Reader(today)
    draft = reader.draft(sheet, start)
    if not reader.problems:
        try:
            BusinessCalendar(check(draft.spec)).next_opening(start)
        except NoOpening:
            reader.problems.append(("mon-0-from", "These hours never open: enter at least one window."))
        except InvalidInput as refusal:
            reader.problems.append(("mon-0-from", refusal.sentence))
    return (None, reader.problems) if reader.problems else (draft, [])


class _Reader:
    """Reads the rows and collects what is wrong with them."""

    def __init__(self, today: date) -> None:
        self.today = today
        self.problems: list[Problem] = []

    def draft(self, sheet: Sheet, start: datetime) -> Draft:
        known = self.place(sheet, start.year)
        holidays = {day: name for day, name in known.items() if day not in sheet.worked}
        weekly = self.week(sheet.weekly)
        closed = self.closures(sheet.closures)
        special, special_names = self.special(sheet.special)
        spec = {
            "tz": self.zone(sheet.tz),
            "weekly_hours": weekly,
            "holidays": sorted(holidays),
            "overrides": dict(sorted({**{day: [] for day in closed}, **special}.items())),
            "breaks": self.breaks(sheet.breaks),
        }
        # A public holiday keeps its name inside a closure, and when it is worked: the form can be filled again.
        names = {**{day: name for day, name in closed.items() if name}, **known, **special_names}
        return Draft(spec, dict(sorted(names.items())), sheet.country or None, sheet.subdivision or None)

    def zone(self, text: str) -> str:
        try:
            return zone_key(text.strip())
        except InvalidInput as refusal:
            self.problems.append(("tz", refusal.sentence))
            return "UTC"

    def place(self, sheet: Sheet, year: int) -> dict[str, str]:
        if sheet.country and sheet.country not in countries():
            self.problems.append(("country", f"No holidays are known for “{sheet.country[:20]}”."))
        elif sheet.subdivision and sheet.subdivision not in parts_of(sheet.country):
            name = countries().get(sheet.country)
            sentence = f"“{sheet.subdivision[:20]}” is no part of {name}." if name else "Choose the country first."
            self.problems.append(("subdivision", sentence))
        return holidays_of(sheet, year)

    def week(self, rows: Mapping[str, Sequence[Row]]) -> dict[str, list[list[str]]]:
        found: dict[str, list[list[str]]] = {}
        places: dict[tuple[str, int], str] = {}
        before = len(self.problems)
        for day in WEEKDAYS:
            typed = [(place, row) for place, row in enumerate(rows.get(day, ())) if any(part.strip() for part in row)]
            if len(typed) > MOST_WINDOWS:
                self.problems.append((f"{day}-0-from", f"{len(typed)} windows in one day; at most {MOST_WINDOWS} fit."))
                continue
            for place, row in typed:
                window = self.window(row, f"{day}-{place}-from")
                if window:
                    places[day, len(found.setdefault(day, []))] = f"{day}-{place}-from"
                    found[day].append(window)
        if len(self.problems) == before:
            self.problems += [(places[day, place], sentence) for day, place, sentence in overlaps(found)]
        return {day: sorted(windows) for day, windows in found.items()}

    def window(self, row: Sequence[str], control: str) -> list[str] | None:
        if not all(part.strip() for part in row[:2]):
            self.problems.append((control, "Give both a start and an end, or leave both empty."))
            return None
        times = [typed_time(part) for part in row[:2]]
        for text, time in zip(row, times, strict=False):
            if time is None:
                self.problems.append(
                    (control, f"“{text[:20]}” is not a time of day; write it as 09:00, at most 24:00.")
                )
                return None
        window = [time for time in times if time is not None]
        fault = window_fault(*window)
        if fault:
            self.problems.append((control, fault))
            return None
        return window

    def closures(self, rows: Sequence[Row]) -> dict[str, str]:
        """Every closed date with its name."""
        found: dict[str, str] = {}
        for control, (first_text, last_text, name) in self.rows(rows, "closure", "first"):
            first = self.date(first_text, control)
            last = self.date(last_text, control) if last_text.strip() else first
            if first is None or last is None:
                continue
            if last < first:
                self.problems.append((control, f"It ends on {day_in_words(last)}, before it begins."))
            elif (last - first).days >= LONGEST_CLOSURE:
                self.problems.append((control, "A closure of more than a year: change the week instead."))
            elif last < self.today:
                self.problems.append((control, f"{day_in_words(last)} is over; only what is to come can be changed."))
            else:
                said = self.name(name, control)
                for number in range((last - first).days + 1):
                    found.setdefault((first + number * ONE_DAY).isoformat(), said)
        return found

    def special(self, rows: Sequence[Row]) -> tuple[dict[str, list[list[str]]], dict[str, str]]:
        hours: dict[str, list[list[str]]] = {}
        names: dict[str, str] = {}
        for control, (text, typed, name) in self.rows(rows, "special", "day"):
            day = self.coming(text, control)
            if day is None:
                continue
            if day.isoformat() in hours:
                self.problems.append((control, f"{day_in_words(day)} is entered twice; put its hours into one line."))
                continue
            hours[day.isoformat()] = self.windows(typed, control)
            if name.strip():
                names[day.isoformat()] = self.name(name, control)
        return hours, names

    def windows(self, typed: str, control: str) -> list[list[str]]:
        """``09:00-12:00, 13:00-15:00``; nothing: closed."""
        found: list[list[str]] = []
        parts = [part for part in _BETWEEN.split(typed.strip()) if part]
        if len(parts) > MOST_WINDOWS:
            self.problems.append((control, f"{len(parts)} windows in one day; at most {MOST_WINDOWS} fit."))
            return found
        for part in parts:
            ends = [*_RANGE.split(part.strip().removesuffix("the next day").strip(), maxsplit=1), ""][:2]
            window = self.window(ends, control)
            if window:
                found.append(window)
        for _, _, sentence in overlaps({"mon": found}):
            self.problems.append((control, sentence.replace("Monday ", "")))
        return sorted(found)

    def breaks(self, rows: Sequence[Row]) -> dict[str, list[list[str]]]:
        found: dict[str, list[list[str]]] = {}
        for control, (text, start, end) in self.rows(rows, "break", "day"):
            day, window = self.coming(text, control), self.window((start, end), control)
            if day is not None and window is not None:
                found.setdefault(day.isoformat(), []).append(window)
        return dict(sorted((day, sorted(windows)) for day, windows in found.items()))

    def rows(self, rows: Sequence[Row], kind: str, control: str) -> Iterator[tuple[str, Row]]:
        """The rows in which something was typed, each with the id of its first control."""
        typed = [(place, row) for place, row in enumerate(rows) if any(part.strip() for part in row)]
        if len(typed) > MOST_ROWS:
            self.problems.append((f"{kind}-0-{control}", f"{len(typed)} rows; at most {MOST_ROWS} are kept."))
            return
        for place, row in typed:
            yield f"{kind}-{place}-{control}", row

    def coming(self, text: str, control: str) -> date | None:
        day = self.date(text, control)
        if day is not None and day < self.today:
            self.problems.append((control, f"{day_in_words(day)} is over; only what is to come can be changed."))
            return None
        return day

    def date(self, text: str, control: str) -> date | None:
        try:
            day = date.fromisoformat(text.strip())
        except ValueError:
            said = f"“{text[:20]}” is not a date; write it as 2026-12-25." if text.strip() else "Give the date."
            self.problems.append((control, said))
            return None
        if day.year < self.today.year - 1:
            self.problems.append((control, f"{day_in_words(day)} is over; only what is to come can be changed."))
            return None
        if day.year > self.today.year + YEARS_AHEAD:
            self.problems.append((control, f"{day.year} is too far away; dates up to {YEARS_AHEAD} years ahead fit."))
            return None
        return day

    def name(self, text: str, control: str) -> str:
        name = " ".join(visible(text).split())
        if len(name) > NAME_LENGTH:
            self.problems.append((control, f"Please use at most {NAME_LENGTH} characters for the name."))
        return name


def sheet_of(
    spec: Mapping[str, Any], names: Mapping[str, str], country: str | None, subdivision: str | None, today: date
) -> Sheet:
    """The sheet that a stored version fills the form with. What is over before ``today`` is left out."""
    overrides = {day: windows for day, windows in (spec.get("overrides") or {}).items() if _ahead(day, today)}
    kept = {str(day) for day in spec.get("holidays") or ()}
    known: dict[str, str] = {}
    if country in countries() and country and (not subdivision or subdivision in parts_of(country)):
        last = max([today.year + HOLIDAY_YEARS, *(int(day[:4]) for day in kept)])
        known = public_holidays(country, subdivision, today.year, min(last, today.year + 2 * YEARS_AHEAD))
    own = {day for day in kept - known.keys() if _ahead(day, today)}
    closed = {day for day, windows in overrides.items() if not windows} | own
    return Sheet(
        tz=str(spec.get("tz") or ""),
        weekly={day: [(start, end) for start, end in windows] for day, windows in spec["weekly_hours"].items()},
        country=country or "",
        subdivision=subdivision or "",
        # A holiday that the list has learnt since is no choice of anybody: it has no name in the version.
        worked=frozenset(day for day in known if day not in kept and day in names),
        closures=_closures(closed, names, known),
        special=[
            (
                day,
                ", ".join(f"{start}–{end}" for start, end in windows),
                names.get(day, "") if names.get(day) != known.get(day) else "",
            )
            for day, windows in sorted(overrides.items())
            if windows
        ],
        breaks=[
            (day, start, end)
            for day, windows in sorted((spec.get("breaks") or {}).items())
            if _ahead(day, today)
            for start, end in windows
        ],
    )


def _ahead(day: str, today: date) -> bool:
    return date.fromisoformat(day) >= today - timedelta(days=1)


def _closures(closed: set[str], names: Mapping[str, str], known: Mapping[str, str]) -> list[Row]:
    """Closed dates as ranges: days in a row with one name; a public holiday among them belongs to its neighbours."""
    rows: list[Row] = []
    for first, last in in_a_row(date.fromisoformat(day) for day in closed):
        days = [(first + number * ONE_DAY).isoformat() for number in range((last - first).days + 1)]
        said = {day: names.get(day, "") for day in days if day not in known}
        begun, name = days[0], next(iter(said.values()), names.get(days[0], ""))
        for before, day in pairwise(days):
            if day in said and said[day] != name:
                rows.append((begun, before, name))
                begun, name = day, said[day]
        rows.append((begun, days[-1], name))
    return rows
