"""When a mailbox has been silent for longer than is usual for it. Values in, decision out."""

from collections.abc import Sequence
from datetime import timedelta

FEWEST_GAPS = 20
"""With fewer of them nothing is usual."""

SHARE = 0.95
TIMES = 3
LEAST = timedelta(days=2)
LEAST_WORKING_SECONDS = 16 * 3600
"""Two working days: over a weekend nobody writes, and the morning after begins with silence."""


def usual_gap(gaps: Sequence[int]) -> int | None:
    """Working seconds within which 95 of 100 mails follow the one before; None when too few came to tell."""
    if len(gaps) < FEWEST_GAPS:
        return None
    return sorted(gaps)[min(int(len(gaps) * SHARE), len(gaps) - 1)]


def is_unusual(gaps: Sequence[int], silence: int, passed: timedelta) -> bool:
    """Whether ``silence``, in working seconds since the last mail, is longer than this mailbox is used to.

    ``gaps``: working seconds between one mail and the next, of the last weeks. ``passed``: by the clock on the wall.
    """
    usual = usual_gap(gaps)
    return usual is not None and passed > LEAST and silence > max(LEAST_WORKING_SECONDS, TIMES * usual)
