"""A calendar over time: its versions joined, each from its moment on, with what was known of them when."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from desk.domain.calendar import EPOCH, Boundary, BusinessCalendar, counted, instant, whole_second


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
        return cls([Version(EPOCH, calendar, key)])

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
        until = whole_second(at)
        known = [v for v in self.versions if v.known_from is None or whole_second(v.known_from) <= until]
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

    def closes_at(self, at: datetime) -> datetime:
        """The end of the open stretch that ``at``, an open instant, lies in, or the moment another version comes."""
        closing, until = self.version_at(at).calendar.closes_at(at), self._until(self._index(whole_second(at)))
        return closing if until == math.inf else min(closing, instant(int(until)))

    def add_working_days(self, a: datetime, n: int) -> datetime:
        """As ``BusinessCalendar.add_working_days``; the day of ``a`` is that of the version in force at ``a``.

        A date counts once, when any version in force during it opens on it.
        """
        day, last_change = self.version_at(a).calendar.day_of(a), self._from[-1]
        left = counted(n)
        last = self._in_order[-1].calendar
        while day <= last.day_of(instant(last_change)) + timedelta(days=1) and len(self._from) > 1:
            day += timedelta(days=1)
            closing = self._closing_of(day)
            left -= closing is not None
            if closing is not None and left == 0:
                return closing
        return last.close_of_working_day(day, left)

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
