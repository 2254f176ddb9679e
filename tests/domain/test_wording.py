"""Instants, spans and sizes in words."""

from datetime import UTC, datetime, timedelta

import pytest

from desk.domain import wording
from desk.domain.priority import Impact
from desk.domain.vocabulary import Audience

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("UTC", "Wed 4 Mar 2026, 12:00 UTC"),
        ("Europe/Berlin", "Wed 4 Mar 2026, 13:00 CET"),
        ("America/Sao_Paulo", "Wed 4 Mar 2026, 09:00 UTC−03:00"),
        ("Asia/Kathmandu", "Wed 4 Mar 2026, 17:45 UTC+05:45"),
        ("Pacific/Auckland", "Thu 5 Mar 2026, 01:00 NZDT"),
    ],
)
def test_a_date_is_the_readers_and_names_its_zone(zone: str, text: str) -> None:
    assert wording.date_and_time(NOON, zone) == text


def test_summer_and_winter_time_have_their_own_names() -> None:
    july = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    assert wording.zone_name(july, "Europe/Berlin") == "CEST"
    assert wording.zone_name(NOON, "Europe/Berlin") == "CET"


@pytest.mark.parametrize(
    ("away", "text"),
    [
        (timedelta(), "now"),
        (timedelta(seconds=-5), "just now"),
        (timedelta(minutes=1), "in 1 minute"),
        (timedelta(minutes=-90), "90 minutes ago"),
        (timedelta(hours=2), "in 2 hours"),
        (timedelta(hours=26), "in 26 hours"),
        (timedelta(days=-2), "2 days ago"),
        (timedelta(days=-75), "2 months ago"),
        (timedelta(days=800), "in 2 years"),
    ],
)
def test_how_far_away_something_is(away: timedelta, text: str) -> None:
    assert wording.relative(NOON + away, NOON) == text


@pytest.mark.parametrize(
    ("away", "text"),
    [
        (timedelta(hours=3), "Today 16:00 CET"),
        (timedelta(hours=12), "Thu 01:00 CET"),
        (timedelta(days=-6), "Thu 13:00 CET"),
        (timedelta(days=7), "11 Mar, 13:00 CET"),
        (timedelta(days=-90), "4 Dec 2025, 13:00 CET"),
    ],
)
def test_the_short_form_says_as_much_of_the_date_as_is_needed(away: timedelta, text: str) -> None:
    assert wording.short(NOON + away, "Europe/Berlin", NOON) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 min"),
        (40, "40 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (12_000, "3 h 20 min"),
        (90_000, "25 h"),
        (-60, "−1 min"),
    ],
)
def test_working_time_is_hours_and_minutes_and_never_days(seconds: int, text: str) -> None:
    assert wording.span(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(1, "1 byte"), (999, "999 bytes"), (1500, "2 kB"), (999_600, "1.0 MB"), (3_400_000, "3.4 MB")]
)
def test_sizes_are_decimal(count: int, text: str) -> None:
    assert wording.size(count) == text


def test_every_word_of_a_closed_list_is_written_out() -> None:
    assert wording.words(Audience.LEAD) == "Note for the lead's team only"
    assert wording.words(Impact.LOW) == "One person or one record"
    assert wording.words("not_in_a_list") == "Not in a list"
    assert wording.words(None) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 min"),
        (41, "41 s"),
        (11_580, "3 h 13 min"),
        (183_821, "51 h 3 min 41 s"),
        (3_605, "1 h 5 s"),
        (-61, "−1 min 1 s"),
    ],
)
def test_a_span_in_a_sum_is_told_to_the_second(seconds: int, text: str) -> None:
    assert wording.exact_span(seconds) == text
