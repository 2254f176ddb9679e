"""Periods, ages, shares and files of figures."""

import csv
import io
from datetime import UTC, date, datetime

import pytest

from desk.domain.errors import InvalidInput
from desk.domain.reports import LONGEST_PERIOD, Ages, Period, percent, shares, spread
from desk.domain.spreadsheet import BYTE_ORDER_MARK, written


def test_a_period_is_whole_days_of_the_readers_zone() -> None:
    period = Period.of(date(2026, 3, 28), date(2026, 3, 29), "Europe/Berlin")
    assert period.since == datetime(2026, 3, 27, 23, tzinfo=UTC)
    assert period.until == datetime(2026, 3, 29, 22, tzinfo=UTC)  # the clocks went forward in between


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        (date(2026, 3, 2), date(2026, 3, 1), "until"),
        (date(2025, 1, 1), date(2025, 1, 1) + LONGEST_PERIOD, "until"),
        (date(1999, 12, 31), date(2026, 3, 1), "since"),
        (date(2026, 3, 1), date(9999, 12, 31), "until"),
    ],
)
def test_a_period_that_is_reversed_too_long_or_out_of_all_time_is_refused_at_its_field(
    first: date, last: date, field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        Period.of(first, last, "UTC")
    assert refused.value.field == field


def test_a_whole_year_is_a_period() -> None:
    assert Period.of(date(2024, 1, 1), date(2024, 12, 31), "UTC").last == date(2024, 12, 31)


def test_ages_have_a_median_and_an_oldest_or_nothing() -> None:
    assert Ages.of([10, 2, 4]) == Ages(3, 4, 10)
    assert Ages.of([10, 3]) == Ages(2, 6, 10)
    assert Ages.of([]) == Ages(0, None, None)


def test_a_share_is_not_rounded_to_none_or_all() -> None:
    assert [percent(*each) for each in ((0, 0), (0, 9), (1, 900), (899, 900), (900, 900), (1, 2))] == [
        None, 0, 1, 99, 100, 50,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([335, 335, 330], [34, 33, 33]),
        ([125, 125, 125, 625], [13, 12, 12, 63]),  # rounded one by one: 12, 12, 12, 62
        ([205, 205, 590], [21, 20, 59]),
        ([155, 155, 155, 535], [16, 15, 15, 54]),  # rounded one by one: 16, 16, 16, 54, which is 102
        ([1, 1, 1_000_000], [1, 1, 98]),
        ([0, 7], [0, 100]),
        ([0, 0], [None, None]),
        ([], []),
        ([1] * 150, [1] * 100 + [0] * 50),
    ],
)
def test_shares_of_a_whole_add_up_to_a_hundred(parts: list[int], expected: list[int | None]) -> None:
    assert shares(parts) == expected


def test_tickets_are_counted_by_how_often_they_came_back() -> None:
    assert spread([1, 1, 2, 4, 9]) == {1: 2, 2: 1, 3: 0, 4: 2}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"])
def test_no_text_of_a_file_becomes_a_formula(text: str) -> None:
    (row,) = list(csv.reader(io.StringIO(written(["a"], [[text, 3, None]]).removeprefix(BYTE_ORDER_MARK))))[1:]
    assert row == [f"'{text}", "3", ""]


def test_a_file_begins_with_the_mark_and_keeps_names_and_numbers_as_they_are() -> None:
    text = written(["Müller, a", "n"], [['Óscar "O"', -5]])
    assert text.encode().startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(io.StringIO(text[1:]))) == [["Müller, a", "n"], ['Óscar "O"', "-5"]]
