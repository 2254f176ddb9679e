"""Targets as people type and read them, and what another promise would move."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.domain.errors import InvalidInput
from desk.domain.targets import Target, TimeUnit, days, hours

UNITS = st.sampled_from(list(TimeUnit))


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (hours(2), "2 working hours"),
        (hours(1), "1 working hour"),
        (Target(seconds=5400), "90 working minutes"),
        (days(1), "1 working day"),
        (Target(), ""),
    ],
)
def test_a_target_reads_as_it_would_be_said(target: Target, words: str) -> None:
    assert target.words == words


@given(st.integers(1, 500), UNITS)
def test_what_is_typed_comes_back_and_is_kept(number: int, unit: TimeUnit) -> None:
    target = Target.read(f" {number} ", unit)
    again = Target.read(*target.typed)
    assert again == target == Target.from_json(target.to_json())


@given(st.text(max_size=30), UNITS)
def test_whatever_is_typed_is_a_target_or_is_refused_with_a_sentence(typed: str, unit: TimeUnit) -> None:
    try:
        target = Target.read(typed, unit)
    except InvalidInput as refusal:
        assert refusal.sentence.endswith(".")
        return
    assert target.promised == bool(typed.strip())


@pytest.mark.parametrize(
    ("typed", "unit"),
    [
        ("0", "hours"),
        ("00", "working_days"),
        ("501", "working_days"),
        ("876000", "hours"),
        ("52560000", "minutes"),
        ("9" * 5000, "hours"),
        ("1.5", "hours"),
        ("1e3", "hours"),
        ("٣", "hours"),
        ("2", "fortnights"),
        ("2", ""),
    ],
)
def test_zero_a_century_and_nonsense_are_refused(typed: str, unit: str) -> None:
    with pytest.raises(InvalidInput):
        Target.read(typed, unit)


def test_nothing_typed_promises_nothing() -> None:
    assert Target.read("  ", "hours") == Target()
    assert not Target.read("", "working_days").promised


def test_a_key_that_is_not_known_is_named() -> None:
    with pytest.raises(InvalidInput, match="“working_minutes” is not known"):
        Target.from_json({"working_minutes": 30})
    with pytest.raises(InvalidInput, match="not both"):
        Target.from_json({"minutes": 30, "working_days": 1})
