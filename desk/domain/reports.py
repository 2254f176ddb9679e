"""What reports count in: periods of whole days, ages, shares, how often. Pure."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from desk.domain.errors import InvalidInput

LONGEST_PERIOD = timedelta(days=366)
"""Of one report: a year. What is further apart is two reports."""
FIRST_DAYS = 90
"""How far back a report goes unless somebody asks otherwise."""
YEARS = range(2000, 2101)
MANY_TIMES = 4
"""Times that a ticket came back which are counted as "or more"."""


@dataclass(frozen=True, slots=True)
class Period:
    """From the beginning of ``first`` to the end of ``last`` in the reader's zone; ``[since, until)`` as instants."""

    first: date
    last: date
    since: datetime
    until: datetime

    @classmethod
    def of(cls, first: date, last: date, zone: str) -> "Period":
        """Raises ``InvalidInput`` (field ``since`` or ``until``) for what is reversed, too long or out of all time."""
        for day, field in ((first, "since"), (last, "until")):
            if day.year not in YEARS:
                raise InvalidInput(f"Please choose a date between {YEARS[0]} and {YEARS[-1]}.", field=field)
        if last < first:
            raise InvalidInput("The period ends before it begins.", field="until")
        if last - first >= LONGEST_PERIOD:
            raise InvalidInput(f"A report covers at most {LONGEST_PERIOD.days} days.", field="until")
        return cls(first, last, _midnight(first, zone), _midnight(last + timedelta(days=1), zone))

    @classmethod
    def recent(cls, now: datetime, zone: str) -> "Period":
        """The last ``FIRST_DAYS`` days, today included."""
        today = now.astimezone(ZoneInfo(zone)).date()
        return cls.of(today - timedelta(days=FIRST_DAYS - 1), today, zone)


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Ages:
    """How old some things are, in seconds of one calendar; None where there are none."""

    count: int
    median: int | None
    oldest: int | None

    @classmethod
    def of(cls, seconds: Iterable[int]) -> "Ages":
        """Of the single ages."""
        known = sorted(seconds)
        return cls(len(known), int(statistics.median(known)) if known else None, known[-1] if known else None)


def percent(part: int, whole: int) -> int | None:
    """``part`` of ``whole`` in whole percent; None of nothing. Not 0 for a part that is there, nor 100 short of all."""
    if not whole:
        return None
    return min(max(round(100 * part / whole), 1 if part else 0), 100 if part >= whole else 99)


def shares(parts: Sequence[int]) -> list[int | None]:
    """Each part of their sum in whole percent, which add up to 100 (largest remainder); all None where all are nothing.

    What is there is never 0, as long as there are not more parts than percent.
    """
    whole = sum(parts)
    if not whole:
        return [None] * len(parts)
    least = 1 if sum(1 for part in parts if part) <= 100 else 0
    found = [max(100 * part // whole, least if part else 0) for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda n: (-(100 * parts[n] % whole), -parts[n], n))
    for number in [n for n in by_remainder if 100 * parts[n] // whole == found[n]][: max(100 - sum(found), 0)]:
        found[number] += 1
    while sum(found) > 100:  # what was lifted to 1 is taken from the largest
        found[found.index(max(found))] -= 1
    return list(found)


def spread(times: Sequence[int]) -> dict[int, int]:
    """How many tickets came back once, twice, ...; the last number means "or more"."""
    found = dict.fromkeys(range(1, MANY_TIMES + 1), 0)
    for each in times:
        if each > 0:
            found[min(each, MANY_TIMES)] += 1
    return found
