"""The desk's clock in tests: it stands at a known instant, goes on from there, and can be moved.

It is the file that the demo has too (CLOCK_OFFSET_FILE), so real processes of the same test follow it.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path


class MovableClock:
    """Moves what ``desk.clock.utcnow()`` says; verbs are given their ``now`` and need none of this."""

    def __init__(self, file: Path, start: datetime) -> None:
        self.file = file
        self._offset = timedelta()
        self.set(start)

    def set(self, instant: datetime) -> None:
        """Let it be ``instant`` now."""
        self._offset = instant - datetime.now(UTC)
        self._write()

    def move(self, by: timedelta) -> None:
        """Let time pass at once."""
        self._offset += by
        self._write()

    def now(self) -> datetime:
        """What the desk takes for the present."""
        return datetime.now(UTC) + self._offset

    def _write(self) -> None:
        # Renamed into place: a process that reads meanwhile sees the old or the new, never half a number.
        fresh = self.file.with_suffix(".new")
        fresh.write_text(str(self._offset.total_seconds()))
        fresh.rename(self.file)
