"""What a stored clock says of itself, without asking a calendar."""

from datetime import timedelta

from desk.sla.models import Clock
from tests.sla.rig import at

FRIDAY, MONDAY = at("2026-03-06T17:00"), at("2026-03-09T09:00")
MINUTE = timedelta(minutes=1)


def test_a_clock_is_late_from_its_breach_on_whether_anybody_has_looked_or_not() -> None:
    clock = Clock(due_at=FRIDAY, breach_at=MONDAY)
    assert [clock.is_late(moment) for moment in (FRIDAY + MINUTE, MONDAY, MONDAY + MINUTE)] == [False, False, True]
    assert Clock(due_at=FRIDAY, breached_at=MONDAY).is_late(MONDAY)
    assert not Clock().is_late(MONDAY)
