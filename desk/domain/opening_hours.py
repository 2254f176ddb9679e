"""What somebody writes down as their opening hours, read and checked: the spec of a calendar as values."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from desk.domain.errors import InvalidInput

Window = tuple[int, int]
"""Seconds after the date's own midnight by the wall clock, start and end; the end may lie past midnight."""

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_SECONDS = 24 * 60 * 60

DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

MOST_WINDOWS = 12
"""Windows of one day. More is a slip, or somebody trying what happens."""

LONGEST_NIGHT = 12 * 60 * 60
"""Seconds of a window past midnight. What is longer has its ends the wrong way round more often than it is meant."""

_TIME = re.compile(r"(\d\d):(\d\d)(?::(\d\d))?", re.ASCII)
_TYPED = re.compile(r"(\d{1,2})(?:[:.h]?(\d\d))?(?::(\d\d))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """A checked spec. ``weekly`` has seven entries from Monday; ``overrides`` replace a date's windows."""

    tz: str
    weekly: tuple[tuple[Window, ...], ...]
    holidays: frozenset[date]
    overrides: Mapping[date, tuple[Window, ...]]
    breaks: Mapping[date, tuple[Window, ...]]

    def windows_of(self, day: date) -> tuple[Window, ...]:
        """The windows that start on ``day``, breaks not yet taken out."""
        found = self.overrides.get(day)
        if found is not None:
            return found
        return () if day in self.holidays else self.weekly[day.weekday()]


def parse(spec: Mapping[str, Any]) -> OpeningHours:
    """Opening hours from ``{"tz", "weekly_hours", "holidays", "overrides", "breaks"}``; the last three may be absent.

    ``weekly_hours``: ``{"mon": [["09:00", "17:00"]]}``; an end at or before its start runs past midnight and belongs to
    the date it starts on; "24:00" may end a window. ``holidays``: dates without windows, in the calendar's own zone.
    ``overrides``: date to the windows that replace the weekly ones (none: closed), on a holiday too. ``breaks``: date
    to windows taken out. Raises ``InvalidInput`` with the field's name.
    """
    weekly_hours = _mapping(spec.get("weekly_hours"), "weekly_hours")
    unknown = set(weekly_hours) - set(WEEKDAYS)
    if unknown:
        raise InvalidInput(f"“{min(map(str, unknown))}” is not a day of the week.", field="weekly_hours")
    return OpeningHours(
        tz=_zone_name(spec.get("tz")),
        weekly=tuple(_windows(weekly_hours.get(day, ()), "weekly_hours") for day in WEEKDAYS),
        holidays=frozenset(_date(value, "holidays") for value in _list(spec.get("holidays") or (), "holidays")),
        overrides=_dated(spec.get("overrides"), "overrides"),
        breaks=_dated(spec.get("breaks"), "breaks"),
    )


def _mapping(value: Any, field: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput("Opening hours are missing or not in the expected form.", field=field)
    return value


def _list(value: Any, field: str) -> Iterable[Any]:
    if not isinstance(value, list | tuple | set | frozenset):
        raise InvalidInput("A list was expected here.", field=field)
    return value


def _zone_name(value: Any) -> str:
    try:
        return ZoneInfo(str(value)).key
    except (KeyError, ValueError, OSError) as error:
        # ZoneInfoNotFoundError is a KeyError; a path, or a folder of the zone database, is one of the others.
        raise InvalidInput(f"“{value}” is not a time zone; give one such as Europe/Madrid.", field="tz") from error


def _date(value: Any, field: str) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"“{value}” is not a date; write it as 2026-12-25.", field=field) from error


def _dated(value: Any, field: str) -> dict[date, tuple[Window, ...]]:
    entries = _mapping(value or {}, field)
    return {_date(day, field): _windows(windows, field) for day, windows in entries.items()}


def _windows(value: Any, field: str) -> tuple[Window, ...]:
    out = []
    for window in _list(value, field):
        if not isinstance(window, list | tuple) or len(window) != 2:
            raise InvalidInput("Each window of opening hours needs a start and an end.", field=field)
        start, end = _wall_time(window[0], field), _wall_time(window[1], field)
        if start == DAY_SECONDS:
            raise InvalidInput("A window cannot start at 24:00; write 00:00 on the next day.", field=field)
        out.append((start, end if end > start else end + DAY_SECONDS))
    return tuple(out)


def _wall_time(value: Any, field: str) -> int:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match:
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        total = hours * 3600 + minutes * 60 + seconds
        if minutes < 60 and seconds < 60 and total <= DAY_SECONDS:
            return total
    raise InvalidInput(f"“{value}” is not a time of day; write it as 09:00, at most 24:00.", field=field)


# ------------------------------------------------------------------ what is asked of hours that somebody edits


def typed_time(text: str) -> str | None:
    """A time of day as people type it (``9``, ``9.30``, ``0930``, ``24``) as "HH:MM"; None when it is none."""
    match = _TYPED.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    if minutes > 59 or seconds > 59 or hours * 3600 + minutes * 60 + seconds > DAY_SECONDS:
        return None
    return f"{hours:02}:{minutes:02}" + (f":{seconds:02}" if seconds else "")


def zone_key(text: str) -> str:
    """The name of a time zone, checked. Raises ``InvalidInput`` at ``tz``."""
    return _zone_name(text)


def window_in_words(window: Sequence[str]) -> str:
    """``09:00 to 17:00``, ``22:00 to 06:00 the next day``."""
    start, end = window
    return f"{start} to {end}" + (" the next day" if end <= start else "")


def window_fault(start: str, end: str) -> str:
    """What is wrong with a window of two times "HH:MM", in a sentence; empty when nothing is."""
    if start >= "24:00":
        return "A window cannot start at 24:00; write 00:00 on the next day."
    if start == end:
        return f"It starts and ends at {start}; for a whole day write 00:00 to 24:00."
    ((begin, finish),) = _windows([[start, end]], "weekly_hours")
    if finish > DAY_SECONDS and finish - begin > LONGEST_NIGHT:
        return (
            f"{start} to {end} would last more than {LONGEST_NIGHT // 3600} hours, through the night."
            f" Swap the two times, or, if it is meant, write {start} to 24:00 and, on the next day, 00:00 to {end}."
        )
    return ""


def overlaps(weekly: Mapping[str, Sequence[Sequence[str]]]) -> list[tuple[str, int, str]]:
    """Windows of a week that lie over one before them, the night into the next day included: day, place, sentence."""
    found: list[tuple[str, int, str]] = []
    spans = [
        (number * DAY_SECONDS + start, number * DAY_SECONDS + end, day, place)
        for number, day in enumerate(WEEKDAYS)
        for place, (start, end) in enumerate(_windows(weekly.get(day, ()), "weekly_hours"))
    ]
    spans.sort()
    week = 7 * DAY_SECONDS
    # Sunday's night is Monday's morning: the last ones once more, a week earlier.
    around = [(start - week, end - week, day, place) for start, end, day, place in spans if end > week]
    latest: tuple[int, int, str, int] | None = max(around, key=lambda span: span[1], default=None)
    for span in spans:
        if latest is not None and span[0] < latest[1]:
            one, other = (_placed(weekly, day, place) for _, _, day, place in (latest, span))
            found.append((span[2], span[3], f"{one} and {other} overlap."))
        if latest is None or span[1] > latest[1]:
            latest = span
    return found


def _placed(weekly: Mapping[str, Sequence[Sequence[str]]], day: str, place: int) -> str:
    return f"{DAY_NAMES[WEEKDAYS.index(day)]} {window_in_words(weekly[day][place])}"


def check(spec: Mapping[str, Any]) -> OpeningHours:
    """As ``parse``, and stricter, for hours that somebody edits: few windows, none over another, none that is empty.

    What is stored already is read by ``parse``: it may overlap, and counts once. Raises ``InvalidInput``.
    """
    hours = parse(spec)
    weekly = _mapping(spec.get("weekly_hours"), "weekly_hours")
    dated = {**_mapping(spec.get("overrides") or {}, "overrides"), **_mapping(spec.get("breaks") or {}, "breaks")}
    for windows in (*weekly.values(), *dated.values()):
        if len(windows) > MOST_WINDOWS:
            raise InvalidInput(f"At most {MOST_WINDOWS} windows fit into a day.", field="weekly_hours")
        for start, end in windows:
            if fault := window_fault(start, end):
                raise InvalidInput(fault, field="weekly_hours")
    for _, _, sentence in overlaps(weekly):
        raise InvalidInput(sentence, field="weekly_hours")
    return hours
