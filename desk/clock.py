"""The one reader of the wall clock.

In demo and tests a file may shift it (``CLOCK_OFFSET_FILE``: seconds, may be negative), so that a day can pass
while somebody watches. Production never reads the file: ``configure`` is only called with one in demo and tests.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

_offset_file: Path | None = None


def configure(offset_file: Path | None) -> None:
    """Name the file that shifts the clock, or none."""
    global _offset_file
    _offset_file = offset_file


def utcnow() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC) + _offset()


def _offset() -> timedelta:
    if _offset_file is None:
        return timedelta()
    try:
        return timedelta(seconds=float(_offset_file.read_text().strip() or "0"))
    except (FileNotFoundError, ValueError):
        # No file means no shift; a half-written one is read again at the next call.
        return timedelta()
