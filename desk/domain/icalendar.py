"""Days of a calendar as an iCalendar file (RFC 5545), and a holiday file of somebody else's as days.

Written are all-day events for closures and holidays and timed ones for days with other hours. The weekly hours are told
in the description only: as events they would fill everybody's calendar program with an appointment for every day.

Read is what a holiday file has: all-day events, in a row or repeated every year; a timed event is offered apart, since
it may mean either that a desk is open then or that it is not. Whatever the file holds, little work is done: its size,
its events and the days they become are limited, and repetitions are only looked for in the years that are asked for.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import icalendar

from desk.domain.calendar_dates import ONE_DAY
from desk.domain.errors import InvalidInput, TooLarge
from desk.domain.text import cut_line

MOST_BYTES = 512 * 1024
MOST_EVENTS = 2000
MOST_DAYS = 4000
NAME_LENGTH = 80
LONGEST = 366
LONGEST_COUNT = 100
"""Years back from which a counted repetition is still counted through."""

MOST_STEPS = 200_000
"""Years and dates that the repetitions of a file are worked out through, all in all; some tenths of a second."""

CATEGORY = "WORKING-HOURS"

LONGEST_RULE = 2000
"""Characters of a rule. The library takes seconds to read one that fills a file."""

_ENDLESS_RULE = re.compile(rf"^RRULE[^\n]{{{LONGEST_RULE}}}", re.IGNORECASE | re.MULTILINE)
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_BY_DAY = re.compile(r"([+-]?[1-5])(MO|TU|WE|TH|FR|SA|SU)")
_UNDERSTOOD = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYMONTH", "BYMONTHDAY", "BYDAY", "WKST"}


@dataclass(frozen=True, slots=True)
class Days:
    """An all-day event: both ends are in it."""

    first: date
    last: date
    name: str


@dataclass(frozen=True, slots=True)
class Hours:
    """A timed event on one date: wall-clock times of the calendar's zone, "HH:MM"; an end before it: the next day."""

    day: date
    start: str
    end: str
    name: str


@dataclass(slots=True)
class Found:
    """What a file holds for the years that were asked for, and in words what of it was left out."""

    days: list[Days] = field(default_factory=list)
    timed: list[Hours] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    steps: int = field(default=0, compare=False, repr=False)

    def step(self, number: int) -> None:
        """Count work. Raises ``InvalidInput`` when the file asks for more than there is for it."""
        self.steps += number
        if self.steps > MOST_STEPS:
            sentence = (
                "The repetitions in this file are too many to work out; take a file with the days of a few years."
            )
            raise InvalidInput(sentence, field="file")


# ------------------------------------------------------------------ writing


def write(
    name: str, description: str, tz: str, uid: str, written_at: datetime, closed: Iterable[Days], other: Iterable[Hours]
) -> bytes:
    """The file. ``uid``: what the ids of its events end in, the same whenever it is written."""
    out = icalendar.Calendar()
    for key, value in (
        ("prodid", "-//Consortium Desk//Working hours//EN"),
        ("version", "2.0"),
        ("calscale", "GREGORIAN"),
    ):
        out.add(key, value)
    for key, value in (("x-wr-calname", name), ("x-wr-timezone", tz), ("x-wr-caldesc", description)):
        out.add(key, value)
    for days in closed:
        event = _event(days.name, f"closed-{days.first:%Y%m%d}-{uid}", written_at)
        event.add("dtstart", days.first)
        event.add("dtend", days.last + ONE_DAY)
        out.add_component(event)
    zone = ZoneInfo(tz)
    for hours in other:
        event = _event(hours.name, f"open-{hours.day:%Y%m%d}-{hours.start.replace(':', '')}-{uid}", written_at)
        event.add("dtstart", _wall(hours.day, hours.start, zone))
        event.add("dtend", _wall(hours.day + (ONE_DAY if hours.end <= hours.start else timedelta()), hours.end, zone))
        out.add_component(event)
    out.add_missing_timezones()
    return bytes(out.to_ical())


def _event(name: str, uid: str, written_at: datetime) -> icalendar.Event:
    event = icalendar.Event()
    event.add("summary", name)
    event.add("uid", uid)
    event.add("dtstamp", written_at.astimezone(UTC))
    event.add("categories", [CATEGORY])
    event.add("transp", "TRANSPARENT")
    return event


def _wall(day: date, clock: str, zone: tzinfo) -> datetime:
    hours, minutes = int(clock[:2]), int(clock[3:5])
    day, hours = (day + ONE_DAY, 0) if hours == 24 else (day, hours)
    return datetime(day.year, day.month, day.day, hours, minutes, tzinfo=zone)


# ------------------------------------------------------------------ reading


def read(data: bytes, tz: str, first: date, last: date) -> Found:
    """What the file says about the span, both ends included, times in the zone ``tz``.

    Raises ``TooLarge``, and ``InvalidInput`` at ``file`` for what is no calendar at all.
    """
    if len(data) > MOST_BYTES:
        raise TooLarge(f"The file has more than {MOST_BYTES // 1024} kB; a holiday file is far smaller.")
    events = _events(data)
    if len(events) > MOST_EVENTS:
        raise InvalidInput(f"The file has {len(events)} events; at most {MOST_EVENTS} are read.", field="file")
    found, zone = Found(), ZoneInfo(tz)
    for event in events:
        try:
            _take(event, found, zone, first, last)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, IndexError):
            found.left_out.append(f"{_name(event)}: its dates cannot be read.")
        if sum((days.last - days.first).days + 1 for days in found.days) + len(found.timed) > MOST_DAYS:
            raise InvalidInput(f"The file has more than {MOST_DAYS} days; that is no holiday file.", field="file")
    found.days = sorted(set(found.days), key=lambda days: (days.first, days.last, days.name))
    found.timed = sorted(set(found.timed), key=lambda hours: (hours.day, hours.start, hours.end, hours.name))
    return found


def _events(data: bytes) -> list[Any]:
    text = re.sub(r"\r\n?", "\n", _decoded(data))
    if "BEGIN:VCALENDAR" not in text.upper():
        raise InvalidInput("This is no calendar file: an .ics file begins with BEGIN:VCALENDAR.", field="file")
    if _ENDLESS_RULE.search(re.sub(r"\n[ \t]", "", text)):
        raise InvalidInput(f"A repetition in this file has more than {LONGEST_RULE} characters.", field="file")
    try:
        # Zones are known by their names; rules that a file brings along would be worked out, however long that takes.
        calendars = icalendar.Calendar.from_ical("\n".join(_without_zones(text.split("\n"))), multiple=True)
        if not calendars:
            raise ValueError("it does not end")
        return [event for each in calendars for event in each.walk("VEVENT")]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise InvalidInput("This calendar file is damaged: it cannot be read to its end.", field="file") from error


def _without_zones(lines: Iterable[str]) -> Iterator[str]:
    inside = False
    for line in lines:
        word = line.strip().upper()
        inside = inside or word == "BEGIN:VTIMEZONE"
        if not inside:
            yield line
        elif word == "END:VTIMEZONE":
            inside = False


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _take(event: Any, found: Found, zone: tzinfo, first: date, last: date) -> None:
    if str(event.get("status", "")).upper() == "CANCELLED":
        return
    name, start = _name(event), event["dtstart"].dt
    if not isinstance(start, date):
        raise ValueError("no date")
    if isinstance(start, datetime):
        _take_timed(event, found, name, zone, (first, last))
        return
    length = _length(event, start)
    if length < 1 or length > LONGEST:
        found.left_out.append(f"{name}: it lasts {length} days.")
        return
    starts = _starts(event, start, first - (length - 1) * ONE_DAY, last, found)
    if starts is None:
        found.left_out.append(f"{name}: it repeats in a way that is not understood here; enter its days by hand.")
        return
    for each in starts:
        end = each + (length - 1) * ONE_DAY
        if end >= first and each <= last:
            found.days.append(Days(each, end, name))


def _take_timed(event: Any, found: Found, name: str, zone: tzinfo, span: tuple[date, date]) -> None:
    if "rrule" in event or "rdate" in event:
        found.left_out.append(f"{name}: an event with hours that repeats; enter its days by hand.")
        return
    start, end = _local(event["dtstart"].dt, zone), _local(_end(event), zone)
    if not timedelta() < end - start <= timedelta(days=1):
        found.left_out.append(f"{name}: it does not last between a minute and a day.")
    elif span[0] <= start.date() <= span[1]:
        until = "24:00" if end.date() > start.date() and f"{end:%H:%M}" == "00:00" else f"{end:%H:%M}"
        found.timed.append(Hours(start.date(), f"{start:%H:%M}", until, name))


def _local(at: Any, zone: tzinfo) -> datetime:
    if not isinstance(at, datetime):
        raise ValueError("no time")
    return at.replace(tzinfo=zone) if at.tzinfo is None else at.astimezone(zone)


def _end(event: Any) -> Any:
    if "dtend" in event:
        return event["dtend"].dt
    return event["dtstart"].dt + event["duration"].dt


def _length(event: Any, start: date) -> int:
    """Days of an all-day event; its end is the first day that is no longer in it (RFC 5545, 3.6.1)."""
    if "dtend" in event:
        end = event["dtend"].dt
        end = end.date() if isinstance(end, datetime) else end
        return max((end - start).days, 1 if end == start else 0)
    return max(event["duration"].dt.days, 1) if "duration" in event else 1


def _starts(event: Any, start: date, first: date, last: date, work: Found) -> list[date] | None:
    """The first days of an all-day event's repetitions within the span; None for a rule that is not understood."""
    rules, out = event.get("rrule"), _dates(event.get("exdate"))
    more = [day for day in _dates(event.get("rdate")) if first <= day <= last]
    if rules is None:
        return sorted({start, *more} - set(out))
    if isinstance(rules, list):
        return None
    days = _yearly(rules, start, first, last, work)
    return None if days is None else sorted({*days, *more} - set(out))


def _dates(value: Any) -> list[date]:
    lists = value if isinstance(value, list) else [] if value is None else [value]
    found = [each.dt for one in lists for each in one.dts]
    return [each.date() if isinstance(each, datetime) else each for each in found if isinstance(each, date)]


def _yearly(rule: Any, start: date, first: date, last: date, work: Found) -> list[date] | None:
    """The days of a yearly rule. Not the library's: an empty rule keeps it searching until the year 9999."""
    if set(map(str.upper, rule)) - _UNDERSTOOD or str(_one(rule, "FREQ", "")).upper() != "YEARLY":
        return None
    interval, count, until = int(_one(rule, "INTERVAL", 1)), _one(rule, "COUNT", None), _one(rule, "UNTIL", last)
    until = until.date() if isinstance(until, datetime) else until
    pattern = _pattern(rule, start)
    if pattern is None or interval < 1 or (count is not None and start.year < first.year - LONGEST_COUNT):
        return None
    found: list[date] = []
    counted = 0
    begin = start.year if count is not None else max(start.year, first.year - (first.year - start.year) % interval)
    for year in range(begin, min(last.year, until.year) + 1, interval):
        work.step(1 + len(pattern))
        for day in _of_year(pattern, year):
            counted += day >= start
            if count is not None and counted > int(count):
                return found
            if max(start, first) <= day <= min(last, until):
                found.append(day)
    return found


_Pattern = Collection[tuple[int, int, int | None]]
"""What a rule names of every year: month, number, and the weekday that is counted, or None where days are."""


def _pattern(rule: Any, start: date) -> _Pattern | None:
    """A date, or the n-th weekday, of some months, each once however often a rule says it."""
    months = {int(month) for month in rule.get("BYMONTH", [start.month])}
    if any(not 1 <= month <= 12 for month in months):
        return None
    if "BYDAY" not in rule:
        numbers = {int(number) for number in rule.get("BYMONTHDAY", [start.day])}
        return [(month, number, None) for month in months for number in numbers if 1 <= abs(number) <= 31]
    if "BYMONTHDAY" in rule or "BYMONTH" not in rule:
        return None
    matches = [_BY_DAY.fullmatch(text) for text in {str(text).upper() for text in rule["BYDAY"]}]
    named = {(int(match[1]), _WEEKDAYS.index(match[2])) for match in matches if match is not None}
    return None if None in matches else [(month, *each) for month in months for each in named]


def _of_year(pattern: _Pattern, year: int) -> Sequence[date]:
    """The days that a yearly rule has in one year."""
    found: set[date] = set()
    for month, number, weekday in pattern:
        found.update(
            _day_of_month(year, month, number) if weekday is None else _weekday_of_month(year, month, number, weekday)
        )
    return sorted(found)


def _day_of_month(year: int, month: int, number: int) -> Iterator[date]:
    """The day, unless the month has none: 29 February comes in leap years only."""
    try:
        yield date(year, month, number) if number > 0 else _month_end(year, month) + (number + 1) * ONE_DAY
    except ValueError:
        return


def _weekday_of_month(year: int, month: int, number: int, weekday: int) -> Iterator[date]:
    end = _month_end(year, month)
    if number > 0:
        begin = date(year, month, 1)
        day = begin + ((weekday - begin.weekday()) % 7 + 7 * (number - 1)) * ONE_DAY
    else:
        day = end - ((end.weekday() - weekday) % 7 + 7 * (-number - 1)) * ONE_DAY
    if day.month == month:
        yield day


def _month_end(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1) - ONE_DAY


def _one(rule: Any, key: str, otherwise: Any) -> Any:
    value = rule.get(key, otherwise)
    return value[0] if isinstance(value, list) and value else otherwise if isinstance(value, list) else value


def _name(event: Any) -> str:
    return cut_line(str(event.get("summary", "")), NAME_LENGTH) or "Closed"
