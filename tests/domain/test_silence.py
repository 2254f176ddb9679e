"""How long a silence is usual for a mailbox."""

from datetime import timedelta

import pytest

from desk.domain.silence import FEWEST_GAPS, is_unusual, usual_gap

HOUR = 3600
LONG = timedelta(days=9)


def test_nothing_is_usual_after_a_few_mails() -> None:
    assert usual_gap([HOUR] * (FEWEST_GAPS - 1)) is None
    assert not is_unusual([HOUR] * (FEWEST_GAPS - 1), 1000 * HOUR, LONG)


def test_a_few_long_gaps_are_not_the_usual_ones() -> None:
    assert usual_gap([HOUR] * 97 + [50 * HOUR] * 3) == HOUR


@pytest.mark.parametrize(
    ("gap", "silence", "is_long"),
    [(HOUR, 16 * HOUR, False), (HOUR, 17 * HOUR, True), (8 * HOUR, 24 * HOUR, False), (8 * HOUR, 25 * HOUR, True)],
)
def test_two_working_days_or_three_times_the_usual_gap_are_too_long(gap: int, silence: int, is_long: bool) -> None:
    assert is_unusual([gap] * 40, silence, LONG) is is_long


def test_less_than_two_days_are_never_too_long() -> None:
    assert not is_unusual([60] * 40, 40 * HOUR, timedelta(days=2))
