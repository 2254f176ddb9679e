"""Measuring again what is over: of a stretch that was disputed, and of a calendar whose past was wrong.

Nothing is erased and nothing is dated back: what already happened by what was known before is recorded first, the
difference is an event of its own, and whoever is late by it is late from that moment on.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise

from desk.domain.calendar import BusinessCalendar, Interval, whole_second
from desk.domain.calendar_dates import ONE_DAY
from desk.domain.calendar_history import CalendarHistory, Piece
from desk.domain.clocks import CalendarKey, Clock, ClockEvent, ClockState, EventType, Measure
from desk.domain.remeasuring import calendar_differences, stretch_differences
from desk.domain.sla import Book, Change, Terms
from desk.domain.targets import Kind

LONGEST_COMPARED = timedelta(days=4000)
"""A longer span is taken to differ where its hours are written otherwise, without comparing it day by day."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A span that is measured again: when, why, by whom."""

    since: datetime
    until: datetime
    at: datetime
    reason: str
    actor_id: int | None


def correct_stretch(book: Book, kind: Kind, cycle: int, measure: Measure, correction: Correction) -> int:
    """A stretch counts after all, or does not count. The difference in seconds; 0, on record too: it was so already."""
    book.catch_up(correction.at)
    latest = book.clocks[kind]
    if latest.first_cycle <= cycle <= latest.cycle:
        _close(book, latest, correction)
    pieces = stretch_differences(
        book.cycles[kind, cycle], cycle, book.calendars, correction.since, correction.until, measure
    )
    _enter(book, kind, cycle, measure, correction, pieces)
    book.catch_up(correction.at, not_before=correction.at)
    return sum(piece.seconds for piece in pieces)


def correct_calendar(
    book: Book, terms: Terms, calendar: CalendarKey, corrected: CalendarHistory, correction: Correction
) -> None:
    """Measure every clock that ran in the span again, in the corrected calendar; those that live go on in it.

    The book's own history of the calendar is as it was known before. What was cancelled is left alone.
    """
    book.catch_up(correction.at)
    for clock in book.clocks.values():
        if clock.calendar == calendar and clock.running_since and clock.running_since < correction.until:
            _close(book, clock, correction)
    before = book.calendars
    book.calendars = {**before, calendar: corrected}
    for (kind, cycle), clock in list(book.cycles.items()):
        if clock.state is not ClockState.CANCELLED and any(key == calendar for _, key in clock.parts):
            pieces = calendar_differences(clock, cycle, before, book.calendars, correction.since, correction.until)
            if pieces:
                _enter(book, kind, cycle, Measure.CALENDAR, correction, pieces, calendar)
    book.apply(Change.calendar_edited(calendar), terms, correction.at, actor_id=correction.actor_id)


def would_correct(
    known: CalendarHistory,
    since: datetime,
    until: datetime,
    hours: BusinessCalendar | None,
    holidays: Collection[date],
) -> bool:
    """Whether other ``hours``, or forgotten ``holidays``, are other working time than was known in the span."""
    begins = {version.effective_from for version in known.versions}
    for start, end in pairwise(sorted({since, until, *(begin for begin in begins if since < begin < until)})):
        old = known.version_at(start).calendar
        new = hours or BusinessCalendar(replace(old.hours, holidays=old.hours.holidays | frozenset(holidays)))
        if _differ(old, new, start, end):
            return True
    return False


def _differ(old: BusinessCalendar, new: BusinessCalendar, start: datetime, end: datetime) -> bool:
    if old.hours == new.hours:
        return False
    far = end - start > LONGEST_COMPARED or start.year <= date.min.year
    return far or _open_time(old, start, end) != _open_time(new, start, end)


def _open_time(hours: BusinessCalendar, start: datetime, end: datetime) -> list[Interval]:
    first, last = hours.day_of(start) - ONE_DAY, hours.day_of(end)
    begin, finish = whole_second(start), whole_second(end)
    every = (each for n in range((last - first).days + 1) for each in hours.intervals_of(first + n * ONE_DAY))
    return [(max(a, begin), min(b, finish)) for a, b in every if a < finish and b > begin]


def _close(book: Book, clock: Clock, correction: Correction) -> None:
    """End the live stretch with what it measured by now, so that a correction comes after all that it corrects."""
    if clock.running_since is not None:
        book.enter(
            ClockEvent(
                clock.kind,
                EventType.CALENDAR_CHANGED,
                correction.at,
                cause=EventType.REMEASURED,
                calendar=clock.calendar,
                actor_id=correction.actor_id,
            )
        )


def _enter(
    book: Book,
    kind: Kind,
    cycle: int,
    measure: Measure,
    correction: Correction,
    pieces: Sequence[Piece],
    calendar: CalendarKey | None = None,
) -> None:
    event = ClockEvent(
        kind,
        EventType.REMEASURED,
        correction.at,
        cause=measure,
        since=correction.since,
        until=correction.until,
        cycle=cycle,
        calendar=calendar,
        seconds=sum(piece.seconds for piece in pieces),
        reason=correction.reason,
        actor_id=correction.actor_id,
    )
    book.enter(event, pieces)
