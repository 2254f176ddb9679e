"""Measuring again what is over: of a stretch that was disputed, and of a calendar whose past was wrong.

Nothing is erased and nothing is dated back: what already happened by what was known before is recorded first, the
difference is an event of its own, and whoever is late by it is late from that moment on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from desk.domain.calendar_history import CalendarHistory, Piece
from desk.domain.clocks import CalendarKey, Clock, ClockEvent, ClockState, EventType, Measure
from desk.domain.remeasuring import calendar_differences, stretch_differences
from desk.domain.sla import Book, Change, Terms
from desk.domain.targets import Kind


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
