"""The digest of a zone's rules: the same where the wall clock is the same, another one where it ever differs."""

from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

from desk.domain.zone_rules import _offsets, digest
from tests.zones.crafted import zone_data


def test_zones_with_the_same_wall_clock_have_the_same_digest_whatever_they_are_called() -> None:
    assert digest("Europe/Berlin") == digest("Europe/Vienna")
    assert digest("UTC") == digest("Africa/Abidjan")


def test_one_change_in_one_year_makes_another_digest() -> None:
    # Paraguay stopped changing its clocks in October 2024; French Guiana never does.
    assert digest("America/Asuncion", 2025, 2030) == digest("America/Cayenne", 2025, 2030)
    assert digest("America/Asuncion", 2024, 2030) != digest("America/Cayenne", 2024, 2030)


def test_a_change_is_found_to_the_second() -> None:
    assert list(_offsets(ZoneInfo("Africa/Cairo"), 2026, 2026)) == [
        (1_767_225_600, 7_200),
        (1_776_981_600, 10_800),  # 2026-04-23 22:00 UTC
        (1_793_307_600, 7_200),  # 2026-10-29 21:00 UTC
    ]
    assert list(_offsets(ZoneInfo("Asia/Tokyo"), 2026, 2026)) == [(1_767_225_600, 32_400)]


def test_the_change_of_a_year_is_no_change_of_the_rules() -> None:
    assert digest("Europe/Berlin") == digest("Europe/Berlin", 2024, 2049)
    assert digest("Europe/Berlin", 2024, 2049) != digest("Europe/Berlin", 2024, 2050)


def test_an_unknown_zone_has_none() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        digest("Europe/Atlantis")


def test_newer_data_is_seen_by_whoever_starts_with_it(tmp_path: Path) -> None:
    before = digest("Europe/Berlin")
    with zone_data(tmp_path) as data:
        data.give("Europe/Berlin", "Europe/Moscow")
        assert digest("Europe/Berlin") == digest("Europe/Moscow") != before
        data.take_back("Europe/Berlin")
        assert digest("Europe/Berlin") == before
    assert digest("Europe/Berlin") == before
