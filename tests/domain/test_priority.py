"""Impact and urgency make a priority."""

from itertools import pairwise, product

import pytest

from desk.domain.priority import Impact, Priority, Urgency, priority_of


@pytest.mark.parametrize(
    ("impact", "urgency", "priority"),
    [
        ("high", "high", "P1"),
        ("high", "medium", "P2"),
        ("medium", "medium", "P3"),
        ("high", "low", "P3"),
        ("medium", "low", "P4"),
        ("low", "low", "P4"),
    ],
)
def test_the_table_is_the_agreed_one_and_symmetrical(impact: str, urgency: str, priority: str) -> None:
    assert priority_of(Impact(impact), Urgency(urgency)) == priority
    assert priority_of(Impact(urgency), Urgency(impact)) == priority


def test_more_impact_or_urgency_never_lowers_a_priority() -> None:
    for fixed, (less, more) in product(("low", "medium", "high"), pairwise(("low", "medium", "high"))):
        assert priority_of(Impact(more), Urgency(fixed)) <= priority_of(Impact(less), Urgency(fixed))
        assert priority_of(Impact(fixed), Urgency(more)) <= priority_of(Impact(fixed), Urgency(less))


def test_there_are_four_priorities() -> None:
    assert [priority.value for priority in Priority] == ["P1", "P2", "P3", "P4"]
