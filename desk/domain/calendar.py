"""Working time: one party's opening hours as exact intervals of UTC seconds, and arithmetic on them.

A ``BusinessCalendar`` is one immutable version (zone, weekly windows, holidays, dated overrides, breaks). It is
compiled to merged half-open intervals with prefix sums; a span is two bisections, whatever its length. A window's ends
become instants with ``fold=0`` (RFC 5545, 3.3.5), so that a window across a change of offset has the length it really
had. A ``CalendarHistory`` joins versions, each from its moment on, and knows since when each was known.

Instants are aware and cut to whole seconds; results are aware, in UTC.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from desk.domain.errors import DeskError
from desk.domain.opening_hours import DAY_SECONDS, OpeningHours, parse

Boundary = Literal["nearest", "farthest"]
Interval = tuple[int, int]

HORIZON_YEARS = 50

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_YEAR_SECONDS = 366 * DAY_SECONDS


class NoOpening(DeskError):
    """The calendar never opens (again) within its horizon: no date can be promised, and 24×7 would be a lie."""

    sentence = "This calendar has no opening hours ahead, so no date can be worked out from it."


def whole_second(at: datetime) -> int:
    """The instant as whole seconds since 1970, cut, not rounded. A naive datetime is a programming error."""
    if at.tzinfo is None:
        raise ValueError("an instant needs its zone")
    return (at - _EPOCH) // _SECOND


def instant(second: int) -> datetime:
    """The aware UTC instant of a number of whole seconds since 1970."""
    return _EPOCH + timedelta(seconds=second)


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

    def add_working_days(self, a: datetime, n: int) -> datetime:
        """The close of the ``n``-th working day after the day of ``a``, which is day 0 whatever its hour or weekday.

        A working day is a date of the calendar's zone with some open time; ``n`` is at least 1. Raises ``NoOpening``.
        """
        start, today, years = whole_second(a), self.day_of(a).toordinal(), 0
        while True:
            table = self._covering(start, start + years * _YEAR_SECONDS)
            i = bisect_right(table.days, today) + _counted(n) - 1
            if i < len(table.days):
                return instant(table.closes[i])
            years = _further(years)

    def day_of(self, at: datetime) -> date:
        """The date in the calendar's own zone."""
        return at.astimezone(self.zone).date()

    def intervals_of(self, day: date) -> list[Interval]:
        """Open time of the windows that start on ``day``, breaks taken out, as UTC seconds in order."""
        windows = self.hours.windows_of(day)
        if not windows or self._second(day, DAY_SECONDS) <= self._second(day, 0):
            return []  # no windows, or a date that its zone skipped (Apia, 2011-12-30)
        found = _merged((self._second(day, start), self._second(day, end)) for start, end in windows)
        if self.hours.breaks:
            # A break is taken out by its instants, so also from a window that began the evening before.
            for near in (day, day + timedelta(days=1)):
                for start, end in self.hours.breaks.get(near, ()):
                    found = _without(found, self._second(near, start), self._second(near, end))
        return found

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
        if table is not _EMPTY:
            start, end = min(start, table.begin), max(end, table.finish)
        self._table = self._compiled(instant(start).year - 1, instant(end).year + 1)
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

    def _second(self, day: date, second: int) -> int:
        """The instant of a wall-clock time; in a gap the offset before it counts, in an overlap the first one."""
        wall = datetime.combine(day, time(), self.zone) + timedelta(seconds=second)
        return whole_second(wall)


@dataclass(frozen=True, slots=True)
class Version:
    """A calendar in force from ``effective_from``; ``known_from`` is when it was written down (None: always known)."""

    effective_from: datetime
    calendar: BusinessCalendar
    key: int | str | None = None
    known_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of time under one version, with its open seconds."""

    start: datetime
    end: datetime
    version: Version
    seconds: int


class CalendarHistory:
    """One party's calendar over time: versions joined at their ``effective_from``; the first one also holds before it.

    Of two versions with the same moment the later in the sequence counts. Same operations as ``BusinessCalendar``.
    """

    def __init__(self, versions: Sequence[Version]) -> None:
        if not versions:
            raise ValueError("a calendar needs a version")
        chosen = {whole_second(version.effective_from): version for version in versions}
        self.versions = tuple(versions)
        self._from = sorted(chosen)
        self._in_order = [chosen[second] for second in self._from]

    @classmethod
    def of(cls, calendar: BusinessCalendar, key: int | str | None = None) -> "CalendarHistory":
        """A history of one version, always known."""
        return cls([Version(_EPOCH, calendar, key)])

    @classmethod
    def joined(cls, parts: Sequence[tuple[datetime, "CalendarHistory"]]) -> "CalendarHistory":
        """One history from several: each from its moment to the next one's, as when a ticket goes to another lead."""
        if len(parts) == 1:
            return parts[0][1]
        versions: list[Version] = []
        for i, (start, history) in enumerate(parts):
            end = whole_second(parts[i + 1][0]) if i + 1 < len(parts) else math.inf
            if i > 0:
                versions.append(replace(history.version_at(start), effective_from=start))
            begin = whole_second(start) if i > 0 else -math.inf
            versions += [
                version
                for second, version in zip(history._from, history._in_order, strict=True)
                if begin < second < end
            ]
        return cls(versions)

    def known_at(self, at: datetime) -> "CalendarHistory":
        """The history as it was known at that moment: what a date shown then was worked out from."""
        known = [v for v in self.versions if v.known_from is None or v.known_from <= at]
        return self if len(known) == len(self.versions) else CalendarHistory(known or self.versions[:1])

    def version_at(self, at: datetime) -> Version:
        """The version in force at that moment."""
        return self._in_order[self._index(whole_second(at))]

    def pieces(self, a: datetime, b: datetime) -> list[Piece]:
        """The span from ``a`` to a later ``b`` cut where versions change."""
        out = []
        start, end = whole_second(a), whole_second(b)
        while start < end:
            version = self._in_order[self._index(start)]
            until = min(end, self._until(self._index(start)))
            begin, finish = instant(start), instant(int(until))
            out.append(Piece(begin, finish, version, version.calendar.elapsed(begin, finish)))
            start = int(until)
        return out

    def elapsed(self, a: datetime, b: datetime) -> int:
        """Open seconds from ``a`` to ``b``; negative when ``b`` is the earlier one."""
        if len(self._from) == 1:
            return self._in_order[0].calendar.elapsed(a, b)
        if b < a:
            return -self.elapsed(b, a)
        return sum(piece.seconds for piece in self.pieces(a, b))

    def add(self, a: datetime, seconds: int, boundary: Boundary = "nearest") -> datetime:
        """As ``BusinessCalendar.add``, over the joined versions."""
        return self._backward(a, -seconds, boundary) if seconds < 0 else self._forward(a, seconds, boundary)

    def is_open(self, at: datetime) -> bool:
        """Whether ``at`` is in working time."""
        return self.version_at(at).calendar.is_open(at)

    def next_opening(self, at: datetime) -> datetime:
        """``at`` itself when open, else the next instant that is. Raises ``NoOpening``."""
        return self._forward(at, 0, "farthest")

    def last_closing(self, at: datetime) -> datetime:
        """``at`` itself when working time reaches up to it, else the last closing before it. Raises ``NoOpening``."""
        return self._backward(at, 0, "farthest")

    def add_working_days(self, a: datetime, n: int) -> datetime:
        """As ``BusinessCalendar.add_working_days``; the day of ``a`` is that of the version in force at ``a``.

        A date counts once, when any version in force during it opens on it.
        """
        day, last_change = self.version_at(a).calendar.day_of(a), self._from[-1]
        left = _counted(n)
        last = self._in_order[-1].calendar
        while day <= last.day_of(instant(last_change)) + timedelta(days=1) and len(self._from) > 1:
            day += timedelta(days=1)
            closing = self._closing_of(day)
            left -= closing is not None
            if closing is not None and left == 0:
                return closing
        return last.add_working_days(instant(last._second(day, DAY_SECONDS // 2)), left)

    def _closing_of(self, day: date) -> datetime | None:
        """When the date closes for good, over the versions in force during it; None when it never opens."""
        ends = [
            min(end, self._until(i))
            for i, version in enumerate(self._in_order)
            for start, end in version.calendar.intervals_of(day)
            if max(start, self._begin(i)) < min(end, self._until(i))
        ]
        return instant(int(max(ends))) if ends else None

    def _forward(self, a: datetime, seconds: int, boundary: Boundary) -> datetime:
        at, left, i = whole_second(a), seconds, self._index(whole_second(a))
        while True:
            calendar, until = self._in_order[i].calendar, self._until(i)
            if until == math.inf:
                return calendar.add(instant(at), left, boundary)
            there = calendar.elapsed(instant(at), instant(int(until)))
            if left < there or (left == there and boundary == "nearest"):
                return calendar.add(instant(at), left, boundary)
            at, left, i = int(until), left - there, i + 1

    def _backward(self, a: datetime, seconds: int, boundary: Boundary) -> datetime:
        at, left, i = whole_second(a), seconds, self._index(whole_second(a) - 1)
        while True:
            calendar, begin = self._in_order[i].calendar, self._begin(i)
            there = math.inf if begin == -math.inf else calendar.elapsed(instant(int(begin)), instant(at))
            if left < there or (left == there and boundary == "nearest"):
                return calendar.add(instant(at), -left, boundary) if left else calendar.last_closing(instant(at))
            at, left, i = int(begin), int(left - there), i - 1

    def _index(self, second: int) -> int:
        return max(bisect_right(self._from, second) - 1, 0)

    def _begin(self, i: int) -> float:
        return self._from[i] if i > 0 else -math.inf

    def _until(self, i: int) -> float:
        return self._from[i + 1] if i + 1 < len(self._from) else math.inf


def _counted(n: int) -> int:
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
