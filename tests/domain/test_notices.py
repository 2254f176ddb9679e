"""Which mails wait, and until when: quiet hours, also over the change of clocks, the daily hour, what is urgent."""

from datetime import UTC, datetime, timedelta

import pytest

from desk.domain import notices
from desk.domain.notices import Topic, Wait, Wishes, delivery, next_hour, quiet_end, topic_of
from desk.mail import told

BERLIN = "Europe/Berlin"
GATHER = timedelta(minutes=2)


def at(day: int, hour: int, minute: int = 0, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "local_hour", "quiet"),
    [
        (22, 7, 21, False),
        (22, 7, 22, True),
        (22, 7, 3, True),
        (22, 7, 7, False),
        (12, 14, 13, True),
        (12, 14, 14, False),
        (7, 7, 7, False),
        (None, None, 3, False),
    ],
)
def test_quiet_hours_are_hours_of_the_readers_own_day(
    start: int | None, end: int | None, local_hour: int, quiet: bool
) -> None:
    now = at(4, local_hour) - timedelta(hours=1)  # Berlin is an hour ahead
    assert (quiet_end(now, Wishes(BERLIN, quiet_from=start, quiet_until=end)) is not None) is quiet


def test_quiet_hours_end_on_the_wall_clock_when_the_clocks_go_forward() -> None:
    # 29 March 2026: from 02:00 to 03:00 in Berlin. Seven o'clock is then 05:00 UTC, and was 06:00 the day before.
    assert quiet_end(at(28, 22), Wishes(BERLIN, quiet_from=22, quiet_until=7)) == at(29, 5)
    assert quiet_end(at(27, 22), Wishes(BERLIN, quiet_from=22, quiet_until=7)) == at(28, 6)


def test_an_hour_that_a_day_does_not_have_is_an_hour_on_and_one_that_comes_twice_is_the_first() -> None:
    assert next_hour(at(29, 0), BERLIN, 2) == at(29, 1)
    assert next_hour(at(24, 22, month=10), BERLIN, 2) == at(25, 0, month=10)


def test_the_daily_hour_is_never_the_present_moment() -> None:
    assert next_hour(at(4, 7), BERLIN, 8) == at(5, 7)
    assert next_hour(at(4, 6, 59), BERLIN, 8) == at(4, 7)


@pytest.mark.parametrize(
    ("kind", "wishes", "urgent", "wait"),
    [
        ("noted", Wishes(), False, Wait.GATHER),
        ("opened", Wishes(), False, None),
        ("noted", Wishes(daily_at=8), False, Wait.DIGEST),
        ("answered", Wishes(daily_at=8), False, None),
        ("answered", Wishes(quiet_from=9, quiet_until=12), False, Wait.QUIET),
        ("noted", Wishes(quiet_from=9, quiet_until=12), False, Wait.QUIET),
        ("noted", Wishes(daily_at=8, quiet_from=9, quiet_until=12), False, Wait.DIGEST),
        ("breached", Wishes(daily_at=8, quiet_from=9, quiet_until=12), True, None),
    ],
)
def test_what_waits_and_why(kind: str, wishes: Wishes, urgent: bool, wait: Wait | None) -> None:
    assert delivery(kind, wishes, at(4, 10), urgent=urgent, gather=GATHER).wait is wait


def test_without_a_time_to_gather_nothing_waits_for_company() -> None:
    assert delivery("noted", Wishes(), at(4, 10), urgent=False, gather=timedelta(0)).wait is None


def test_what_is_about_a_p1_ticket_is_urgent_to_staff_and_to_no_member() -> None:
    assert notices.is_urgent("noted", notices.LEAD, pressing=True)
    assert not notices.is_urgent("escalated", notices.MEMBER, pressing=True)


def test_answers_to_own_tickets_and_links_cannot_be_switched_off_and_others_tickets_can() -> None:
    for kind in ("opened", "answered", "asked_member", "resolved", "sign_in_link_issued", "secret_removed"):
        assert topic_of(kind, notices.MEMBER, own=True) is None, kind
    assert topic_of("answered", notices.MEMBER, own=False) is Topic.OTHERS_TICKETS
    for side in notices.STAFF:
        for kind in ("warned", "breached"):
            assert topic_of(kind, side, own=False) is None


def test_every_kind_that_a_table_names_is_one_that_somebody_is_told_of() -> None:
    named = {kind for kind, _ in notices._TOPIC_OF} | notices._OF_A_FOLLOWED_TICKET | notices.PERSONAL
    assert named | notices.FIRST_WORD | set(notices.URGENT) | notices.GATHERED <= told.kinds()
    assert set(notices.TOPICS) == set(Topic)
    assert not notices.GATHERED & (notices.PERSONAL | {"opened"})
