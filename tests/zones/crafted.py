"""Time zone data of this process as another machine might have it: one zone's rules under another's name."""

import importlib.resources
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from desk.calendars.queries import _compiled
from desk.domain.zone_rules import digest


class ZoneData:
    """A folder of zone files that go before the machine's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def give(self, tz: str, rules_of: str) -> None:
        """From now on ``tz`` has the rules of another zone, as if the process had been started with newer data."""
        path = self._folder / tz
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_own(rules_of))
        forget()

    def take_back(self, tz: str) -> None:
        """The machine's own rules again."""
        (self._folder / tz).unlink()
        forget()


@contextmanager
def zone_data(folder: Path) -> Iterator[ZoneData]:
    """Data of one's own until the end of the block, then the machine's again."""
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=[str(folder), *before])
    try:
        yield ZoneData(folder)
    finally:
        zoneinfo.reset_tzpath(to=before)
        forget()


def forget() -> None:
    """Drop what a process keeps of zones; a real one is started anew instead."""
    zoneinfo.ZoneInfo.clear_cache()
    _compiled.cache_clear()
    digest.cache_clear()


def _own(tz: str) -> bytes:
    # Not from the folders of TZPATH: they are where a test may have put something else.
    return importlib.resources.files("tzdata.zoneinfo").joinpath(*tz.split("/")).read_bytes()
