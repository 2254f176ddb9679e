"""Supposed hours and agreements are read strictly: whoever simulates wants to know what was misspelt."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from desk.domain.errors import InvalidInput
from desk.domain.priority import Priority
from desk.domain.supposed_terms import SupposedAgreement, hours_as_of, supposed_agreement, supposed_hours
from desk.domain.targets import CONSORTIUM_KINDS, Kind, Target

SINCE, UNTIL = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)
WEEK = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
KINDS = frozenset(CONSORTIUM_KINDS)


def test_a_country_stands_for_its_public_holidays_of_the_time() -> None:
    hours = supposed_hours(
        {"tz": "Europe/Madrid", "weekly_hours": WEEK, "country": "ES", "subdivision": "MD"}, SINCE, UNTIL
    )
    assert date(2026, 5, 2) in hours.hours.holidays
    assert {day.year for day in hours.hours.holidays} == {2025, 2026, 2027}


def test_holidays_that_are_given_are_the_only_ones() -> None:
    spec = {"tz": "Europe/Madrid", "weekly_hours": WEEK, "country": "ES", "holidays": ["2026-03-19"]}
    assert supposed_hours(spec, SINCE, UNTIL).hours.holidays == {date(2026, 3, 19)}


def test_hours_saved_for_next_year_get_this_years_holidays_and_keep_their_own() -> None:
    # In 2027 they are open on 6 January, which is a public holiday there; in 2026 nobody said so.
    spec = {"tz": "Europe/Madrid", "weekly_hours": WEEK, "holidays": ["2027-01-01", "2028-01-06"]}
    holidays = hours_as_of(spec, "ES", None, 2027, SINCE, datetime(2027, 6, 1, tzinfo=UTC)).hours.holidays
    assert date(2026, 1, 6) in holidays
    assert date(2027, 1, 6) not in holidays
    assert date(2028, 1, 6) in holidays
    assert hours_as_of(spec, None, None, 2027, SINCE, UNTIL).hours.holidays == {date(2027, 1, 1), date(2028, 1, 6)}


@pytest.mark.parametrize(
    ("document", "field", "said"),
    [
        ([], "hours", "An object"),
        ({"tz": "Europe/Madrid", "weekly_hours": WEEK, "holyday": []}, "hours", "“holyday” is not known here"),
        ({"tz": "Middle/Earth", "weekly_hours": WEEK}, "tz", "not a time zone"),
        ({"tz": "UTC", "weekly_hours": WEEK, "country": "QQ"}, "country", "No holidays are known"),
        ({"tz": "UTC", "weekly_hours": WEEK, "country": 34}, "country", "two letters"),
        ({"tz": "UTC", "weekly_hours": {}}, "hours", "never open"),
        ({"tz": "UTC", "weekly_hours": {"mon": [["09:00", "17:00"], ["12:00", "13:00"]]}}, "weekly_hours", "overlap"),
        ({"tz": "UTC", "weekly_hours": {"mon": [["09:00", "25:00"]]}}, "weekly_hours", "not a time of day"),
    ],
)
def test_hours_that_cannot_be_meant_are_refused(document: Any, field: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        supposed_hours(document, SINCE, UNTIL)
    assert refused.value.field == field


def test_an_agreement_may_suppose_a_part_only() -> None:
    found = supposed_agreement({"targets": {"P1": {"lead": {"minutes": 60}}}}, KINDS)
    assert found == SupposedAgreement({Priority.P1: {Kind.LEAD: Target(seconds=3600)}})
    assert supposed_agreement({"hold_pauses_overall": True}, KINDS) == SupposedAgreement(hold_pauses_overall=True)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("P1", "An object"),
        ({"target": {}}, "“target” is not known here"),
        ({"targets": {"P1": {"registry": {"minutes": 60}}}}, "“registry” is not this party's to promise"),
        ({"targets": {"P1": {"lead": {"minutes": 0}}}}, "whole number"),
        ({"hold_pauses_overall": "yes"}, "true or false"),
        ({"ladder": {"rungs": 1}}, "ladder"),
    ],
)
def test_an_agreement_that_cannot_be_meant_is_refused(document: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        supposed_agreement(document, KINDS)
