"""What is stored of a clock's time, held against its events: every difference in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from desk.domain.calendar_history import CalendarHistory
from desk.domain.clocks import Calendars, EventType
from desk.domain.sla import Entry
from desk.domain.targets import Kind


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A row of measured time, as it is stored."""

    ticket_id: int
    kind: Kind
    cycle: int
    start: datetime
    end: datetime
    version: int
    seconds: int


def segment_faults(entry: Entry, ticket_id: int, stored: Sequence[StoredSegment], calendars: Calendars) -> list[str]:
    """Where the rows that came with an event of a ticket are not what the event says; ``entry``: as it is replayed.

    Which versions were known at an instant is not asked: machines whose clocks differ may have written them since.
    """
    event, clock = entry.event, entry.clock
    total = sum(segment.seconds for segment in stored)
    found = []
    if total != (event.seconds or 0):
        found.append(f"it measured {event.seconds} s, its segments add up to {total} s")
    for segment in stored:
        own = (segment.ticket_id, segment.kind, segment.cycle)
        if own != (ticket_id, clock.kind, clock.cycle):
            found.append(f"a segment is of ticket {own[0]}, {own[1]} {own[2]}")
    if event.type is EventType.REMEASURED:
        return [*found, *_outside(entry, stored)]
    start, end = (entry.pieces[0].start, entry.pieces[-1].end) if entry.pieces else (event.at, event.at)
    if not _covers(stored, start, end):
        found.append(f"its segments are {_shown(stored)}, not {start.isoformat()} to {end.isoformat()}")
    elif stored and not _measured_in(stored, calendars[clock.segments[-1].calendar]):
        found.append(f"its segments cannot be {_shown(stored)} in the versions of the calendar")
    return found


def _covers(stored: Sequence[StoredSegment], start: datetime, end: datetime) -> bool:
    """Whether the rows follow each other without a gap from one instant to the other."""
    at = start
    for segment in stored:
        if segment.start != at or segment.end <= at:
            return False
        at = segment.end
    return at == end


def _measured_in(stored: Sequence[StoredSegment], history: CalendarHistory) -> bool:
    """Whether the rows are of versions of the calendar, cut where these begin, with the time that they have open.

    A change of zone rules since then makes other times of some of them; then their sum tells.
    """
    versions = {version.key: version for version in history.versions}
    if any(segment.version not in versions for segment in stored):
        return False
    begins = [versions[segment.version].effective_from for segment in stored]
    if any(begin != segment.start for begin, segment in zip(begins[1:], stored[1:], strict=True)):
        return False
    if begins[0] > stored[0].start and stored[0].version != history.versions[0].key:
        return False
    open_ = [versions[segment.version].calendar.elapsed(segment.start, segment.end) for segment in stored]
    seconds = [segment.seconds for segment in stored]
    return seconds == open_ or sum(seconds) != sum(open_)


def is_mendable(entry: Entry) -> bool:
    """Whether the segments can be written again from the event: not differences, nor in zones that changed since."""
    measured = sum(piece.seconds for piece in entry.pieces)
    return entry.event.type is not EventType.REMEASURED and measured == (entry.event.seconds or 0)


def _outside(entry: Entry, stored: Sequence[StoredSegment]) -> list[str]:
    """Differences lie in the span that was measured again, and are no longer than their stretch."""
    since, until = entry.event.since or entry.event.at, entry.event.until or entry.event.at
    wrong = [
        segment
        for segment in stored
        if not since <= segment.start < segment.end <= until
        or abs(segment.seconds) > (segment.end - segment.start).total_seconds()
    ]
    return [f"what was measured again cannot be {_shown(wrong)}"] if wrong else []


def _shown(stored: Sequence[StoredSegment]) -> str:
    rows = [f"{s.start.isoformat()} to {s.end.isoformat()}, version {s.version}, {s.seconds} s" for s in stored]
    return "; ".join(rows) or "none"
