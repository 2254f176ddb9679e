"""What a time zone's rules are on this machine, as a digest: two machines with the same one measure the same.

A process reads a zone once: newer data on the disk is seen by the next process, never by a running one. So whatever is
kept of a zone within a process (``ZoneInfo``'s own cache, compiled calendars, the digests here) cannot be stale in it.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from desk.domain.calendar import instant, whole_second

FIRST_YEAR, LAST_YEAR = 2024, 2049
"""The desk has no tickets from before, and no promise reaches beyond. Fixed: a New Year is no news."""

_STEP = 12 * 3600  # no zone ever changed its offset twice within so many seconds


@lru_cache(maxsize=1024)
def digest(tz: str, first_year: int = FIRST_YEAR, last_year: int = LAST_YEAR) -> str:
    """The offsets of a zone from the first to the last year, both whole in UTC, as 64 hexadecimal digits.

    Names of zones and of their seasons do not count, only what the wall clock shows. Raises ``KeyError`` for an unknown
    zone (``zoneinfo.ZoneInfoNotFoundError``).
    """
    written = ";".join(f"{second} {offset}" for second, offset in _offsets(ZoneInfo(tz), first_year, last_year))
    return hashlib.sha256(written.encode()).hexdigest()


def _offsets(zone: ZoneInfo, first_year: int, last_year: int) -> Iterator[tuple[int, int]]:
    """From which second on (since 1970) the zone has which offset (in seconds), beginning with the first year."""
    start, end = (whole_second(datetime.fromisoformat(f"{year}-01-01T00:00Z")) for year in (first_year, last_year + 1))
    present = _offset(zone, start)
    yield start, present
    for second in range(start + _STEP, end, _STEP):
        if _offset(zone, second) != present:
            present = _offset(zone, second)
            yield _change(zone, second - _STEP, second), present


def _change(zone: ZoneInfo, before: int, after: int) -> int:
    """The second in which the zone takes the offset that it has at ``after`` and not yet at ``before``."""
    wanted = _offset(zone, after)
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (before, middle) if _offset(zone, middle) == wanted else (middle, after)
    return after


def _offset(zone: ZoneInfo, second: int) -> int:
    return int((instant(second).astimezone(zone).utcoffset() or timedelta()).total_seconds())
