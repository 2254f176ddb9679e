"""What a clock would have measured otherwise: the difference that a correction of the past makes, piece by piece.

A correction adds and never erases, so what counts now is the stretches in which the clock ran, without those that were
found not to count and with those that count after all.
"""

from dataclasses import replace
from datetime import datetime

from desk.domain.calendar_history import Piece
from desk.domain.clocks import Calendars, Clock, Measure

Span = tuple[datetime, datetime]


def counted_spans(clock: Clock, cycle: int) -> list[Span]:
    """The closed stretches of one cycle of the clock's measurement that count by now, in order and apart."""
    found: list[Span] = []
    for segment in clock.segments:
        if segment.cycle != cycle or segment.measure is Measure.CALENDAR:
            continue
        found = _without(found, segment.start, segment.end)
        if segment.measure is not Measure.DOES_NOT_COUNT and segment.start < segment.end:
            found = sorted([*found, (segment.start, segment.end)])
    return found


def calendar_differences(
    clock: Clock, cycle: int, before: Calendars, after: Calendars, since: datetime, until: datetime
) -> list[Piece]:
    """How much more (or less) the stretches of a cycle from ``since`` to ``until`` measure in corrected calendars.

    One piece for each version of ``after``, with the difference as its seconds; none where there is no difference.
    """
    old, new = clock.history(before), clock.history(after)
    pieces = [
        replace(piece, seconds=piece.seconds - old.elapsed(piece.start, piece.end))
        for start, end in _within(counted_spans(clock, cycle), since, until)
        for piece in new.pieces(start, end)
    ]
    return [piece for piece in pieces if piece.seconds]


def stretch_differences(
    clock: Clock, cycle: int, calendars: Calendars, since: datetime, until: datetime, measure: Measure
) -> list[Piece]:
    """What a stretch adds that counts after all, or takes away if it does not count; nothing that is so already."""
    if measure is Measure.CALENDAR:
        return []
    history = clock.history(calendars)
    counted = _within(counted_spans(clock, cycle), since, until)
    if measure is Measure.COUNTS:
        missing: list[Span] = [(since, until)]
        for start, end in counted:
            missing = _without(missing, start, end)
        return [piece for start, end in missing for piece in history.pieces(start, end) if piece.seconds]
    taken = [_taken(clock, history.pieces(start, end)) for start, end in counted]
    return [piece for pieces in taken for piece in pieces if piece.seconds]


def _taken(clock: Clock, pieces: list[Piece]) -> list[Piece]:
    """The pieces of a counted span turned round; where it is a whole segment, what was measured then is taken back."""
    out = [replace(piece, seconds=-piece.seconds) for piece in pieces]
    start, end = pieces[0].start, pieces[-1].end
    there = [segment for segment in clock.segments if segment.start < end and start < segment.end]
    if [(segment.start, segment.end, segment.measure) for segment in there] == [(start, end, Measure.RAN)]:
        drift = there[0].seconds + sum(piece.seconds for piece in out)
        out[-1] = replace(out[-1], seconds=out[-1].seconds - drift)
    return out


def _within(spans: list[Span], since: datetime, until: datetime) -> list[Span]:
    cut = [(max(start, since), min(end, until)) for start, end in spans]
    return [(start, end) for start, end in cut if start < end]


def _without(spans: list[Span], since: datetime, until: datetime) -> list[Span]:
    kept = [part for start, end in spans for part in ((start, min(end, since)), (max(start, until), end))]
    return [(start, end) for start, end in kept if start < end]
