"""Working time: one party's opening hours as exact intervals of UTC seconds, and arithmetic on them.

A ``BusinessCalendar`` is one immutable version (zone, weekly windows, holidays, dated overrides, breaks). It is
compiled to merged half-open intervals with prefix sums; a span is two bisections, whatever its length. A window's ends
become instants with ``fold=0`` (RFC 5545, 3.3.5), so that a window across a change of offset has the length it really
had. Versions are joined by ``desk.domain.calendar_history``.

Instants are aware and cut to whole seconds; results are aware, in UTC.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from desk.domain.errors import DeskError
from desk.domain.opening_hours import DAY_SECONDS, OpeningHours, parse

Boundary = Literal["nearest", "farthest"]
Interval = tuple[int, int]

HORIZON_YEARS = 50

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_YEAR_SECONDS = 366 * DAY_SECONDS


class NoOpening(DeskError):
    """The calendar never opens (again) within its horizon: no date can be promised, and 24×7 would be a lie."""

    sentence = "This calendar has no opening hours ahead, so no date can be worked out from it."


def whole_second(at: datetime) -> int:
    """The instant as whole seconds since 1970, cut, not rounded. A naive datetime is a programming error."""
    if at.tzinfo is None:
        raise ValueError("an instant needs its zone")
    return (at - EPOCH) // _SECOND


def instant(second: int) -> datetime:
    """The aware UTC instant of a number of whole seconds since 1970."""
    return EPOCH + timedelta(seconds=second)


@dataclass(frozen=True, slots=True)
class _Table:
    """Compiled whole years. Interval i is ``[starts[i], ends[i])`` and has ``before[i]`` open seconds before it."""

    begin: int  # spans within [begin, finish] can be asked
    finish: int
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    before: tuple[int, ...]  # one longer: the last is the total
    days: tuple[int, ...]  # ordinals of the dates that open at all, in the calendar's zone
    closes: tuple[int, ...]  # when the last window of that date closes

    def open_seconds(self, at: int) -> int:
        """Open seconds from the beginning of the table to ``at``."""
        i = bisect_right(self.starts, at) - 1
        return self.before[i] + min(at, self.ends[i]) - self.starts[i] if i >= 0 else 0


_EMPTY = _Table(1, 0, (), (), (0,), (), ())


class BusinessCalendar:
    """One immutable version of somebody's opening hours."""

    def __init__(self, hours: OpeningHours) -> None:
        self.tz = hours.tz
        self.zone = ZoneInfo(hours.tz)
        self.hours = hours
        self._table = _EMPTY

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> "BusinessCalendar":
        """A calendar from ``{"tz", "weekly_hours", "holidays", "overrides", "breaks"}``: ``opening_hours.parse``."""
        return cls(parse(spec))

    def elapsed(self, a: datetime, b: datetime) -> int:
        """Open seconds from ``a`` to ``b``; negative when ``b`` is the earlier one."""
        start, end = whole_second(a), whole_second(b)
        table = self._covering(min(start, end), max(start, end))
        return table.open_seconds(end) - table.open_seconds(start)

    def add(self, a: datetime, seconds: int, boundary: Boundary = "nearest") -> datetime:
        """The instant ``seconds`` open seconds after ``a`` (before it, when negative).

        Where a whole closed span qualifies, ``nearest`` is its end at ``a``'s side (closing time: what people read) and
        ``farthest`` the other (the next opening: after it somebody is late). Nothing added: ``a`` itself, or the next
        opening. Raises ``NoOpening``.
        """
        if seconds == 0:
            return instant(whole_second(a)) if boundary == "nearest" else self.next_opening(a)
        return instant(self._moved(whole_second(a), seconds, closing=(boundary == "nearest") == (seconds > 0)))

    def is_open(self, at: datetime) -> bool:
        """Whether ``at`` is in working time; the closing instant itself is not."""
        second = whole_second(at)
        table = self._covering(second, second)
        i = bisect_right(table.starts, second) - 1
        return i >= 0 and second < table.ends[i]

    def next_opening(self, at: datetime) -> datetime:
        """``at`` itself when open, else the next instant that is. Raises ``NoOpening``."""
        return instant(self._moved(whole_second(at), 0, closing=False))

    def last_closing(self, at: datetime) -> datetime:
        """``at`` itself when working time reaches up to it, else the last closing before it. Raises ``NoOpening``."""
        return instant(self._moved(whole_second(at), 0, closing=True))

    def closes_at(self, at: datetime) -> datetime:
        """The end of the open stretch that ``at``, an open instant, lies in."""
        table = self._covering(whole_second(at), whole_second(at))
        return instant(table.ends[bisect_right(table.starts, whole_second(at)) - 1])

    def add_working_days(self, a: datetime, n: int) -> datetime:
        """The close of the ``n``-th working day after the day of ``a``, which is day 0 whatever its hour or weekday.

        A working day is a date of the calendar's zone with some open time; ``n`` is at least 1. Raises ``NoOpening``.
        """
        return self.close_of_working_day(self.day_of(a), n)

    def close_of_working_day(self, day: date, n: int) -> datetime:
        """The close of the ``n``-th working day after ``day``, a date of the calendar's zone. Raises ``NoOpening``."""
        start, years = self.second_of(day, 0), 0
        while True:
            table = self._covering(start, start + years * _YEAR_SECONDS)
            i = bisect_right(table.days, day.toordinal()) + counted(n) - 1
            if i < len(table.days):
                return instant(table.closes[i])
            years = _further(years)

    def day_of(self, at: datetime) -> date:
        """The date in the calendar's own zone."""
        return at.astimezone(self.zone).date()

    def intervals_of(self, day: date) -> list[Interval]:
        """Open time of the windows that start on ``day``, breaks taken out, as UTC seconds in order."""
        windows = self.hours.windows_of(day)
        if not windows or self._skipped(day):
            return []
        found = _merged((self.second_of(day, start), self.second_of(day, end)) for start, end in windows)
        if self.hours.breaks:
            # A break is taken out by its instants: one of the evening before may reach into the day's windows, and a
            # window may reach into a break of the morning after.
            for near in (day - _DAY, day, day + _DAY):
                for start, end in self.hours.breaks.get(near, ()):
                    if not self._skipped(near):
                        found = _without(found, self.second_of(near, start), self.second_of(near, end))
        return found

    def _skipped(self, day: date) -> bool:
        """Whether the zone never had that date (Apia, 2011-12-30)."""
        return self.second_of(day, DAY_SECONDS) <= self.second_of(day, 0)

    def _moved(self, start: int, seconds: int, *, closing: bool) -> int:
        """The earliest (``closing``) or the latest instant with so many open seconds from ``start``."""
        backward = seconds < 0 or (seconds == 0 and closing)
        years = 0
        while True:
            reach = years * _YEAR_SECONDS
            table = self._covering(start - reach, start) if backward else self._covering(start, start + reach)
            target = table.open_seconds(start) + seconds
            i = (bisect_left if closing else bisect_right)(table.before, target) - 1
            if 0 <= i < len(table.starts):
                return table.starts[i] + target - table.before[i]
            years = _further(years)

    def _covering(self, start: int, end: int) -> _Table:
        """A table for the span, with a year to spare. Replaced whole when widened: a reader never sees half of one."""
        table = self._table
        if table.begin <= start and end <= table.finish:
            return table
        first, last = instant(start).year - 1, instant(end).year + 1
        if table is not _EMPTY:
            first, last = min(first, instant(table.begin).year), max(last, instant(table.finish).year)
        self._table = self._compiled(first, last)
        return self._table

    def _compiled(self, first: int, last: int) -> _Table:
        spans: list[Interval] = []
        days: list[int] = []
        closes: list[int] = []
        for ordinal in range(date(first, 1, 1).toordinal(), date(last, 12, 31).toordinal() + 1):
            found = self.intervals_of(date.fromordinal(ordinal))
            if found:
                spans += found
                days.append(ordinal)
                closes.append(found[-1][1])
        merged = _merged(spans)
        before = [0]
        for start, end in merged:
            before.append(before[-1] + end - start)
        return _Table(
            # Three days in from both ends: what overlaps them from outside is not compiled.
            begin=whole_second(datetime(first, 1, 4, tzinfo=UTC)),
            finish=whole_second(datetime(last, 12, 28, tzinfo=UTC)),
            starts=tuple(start for start, _ in merged),
            ends=tuple(end for _, end in merged),
            before=tuple(before),
            days=tuple(days),
            closes=tuple(closes),
        )

    def second_of(self, day: date, second: int) -> int:
        """The instant of a wall-clock time; in a gap the offset before it counts, in an overlap the first one."""
        wall = datetime.combine(day, time(), self.zone) + timedelta(seconds=second)
        return whole_second(wall)


def counted(n: int) -> int:
    """A number of working days, which is at least 1; anything else is a programming error."""
    if n < 1:
        raise ValueError("working days are counted from 1")
    return n


def _further(years: int) -> int:
    if years >= HORIZON_YEARS:
        raise NoOpening
    return min(max(years * 4, 1), HORIZON_YEARS)


def _merged(spans: Iterable[Interval]) -> list[Interval]:
    """The same time as disjoint, non-empty, sorted intervals; touching ones become one."""
    out: list[Interval] = []
    for start, end in sorted(spans):
        if end <= start:
            continue  # a window inside the hour that spring skips
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def _without(spans: list[Interval], start: int, end: int) -> list[Interval]:
    kept = [(a, min(b, start)) for a, b in spans] + [(max(a, end), b) for a, b in spans]
    return _merged(kept)
