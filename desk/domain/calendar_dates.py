"""Dates of a calendar in words: ``24 to 31 December 2026``, and days in a row taken together."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)


def day_in_words(day: date) -> str:
    """``24 December 2026``."""
    return f"{day.day} {day:%B %Y}"


def short_day(day: str) -> str:
    """``Fri 25 Dec`` for an ISO date, under a heading with the year."""
    parsed = date.fromisoformat(day)
    return f"{parsed:%a} {parsed.day} {parsed:%b}"


def days_in_words(first: date, last: date) -> str:
    """``24 December 2026``, ``24 to 31 December 2026``, ``30 December 2026 to 2 January 2027``."""
    if first == last:
        return day_in_words(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {day_in_words(last)}"
    if first.year == last.year:
        return f"{first.day} {first:%B} to {day_in_words(last)}"
    return f"{day_in_words(first)} to {day_in_words(last)}"


def in_a_row(days: Iterable[date]) -> list[tuple[date, date]]:
    """Runs of neighbouring days, each as its first and last."""
    runs: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if runs and runs[-1][1] + ONE_DAY == day:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs


def listed(days: Sequence[date], most: int = 6) -> str:
    """Days in words, runs together, at most so many: ``1 May 2026, 24 to 31 December 2026 and 3 more``."""
    runs = [days_in_words(first, last) for first, last in in_a_row(days)]
    if len(runs) <= most:
        return ", ".join(runs)
    return f"{', '.join(runs[:most])} and {len(runs) - most} more"
