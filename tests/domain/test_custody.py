"""What each party reads of the custody ledger, and what the desk counts in it."""

from datetime import UTC, datetime, timedelta

import pytest

from desk.domain.custody import Turn, came_back, for_desk, for_member, share_left, totals
from desk.domain.vocabulary import Party

NINE = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
HOUR = 3600


def ledger() -> list[Turn]:
    """Filed, handed over late, returned, handed over again, moved to the engineers, and there now."""
    rows = [
        (Party.LEAD, "North", "opened", "Alice", None),
        (Party.REGISTRY, "Support", "escalated", "Leo", 24),
        (Party.LEAD, "North", "returned", "Rita", None),
        (Party.MEMBER, None, "asked_member", "Leo", None),
        (Party.LEAD, "North", "member_wrote", "Alice", None),
        (Party.REGISTRY, "Support", "escalated", "Leo", 25),
        (Party.REGISTRY, "Engineering", "tier_moved", "Rita", 20),
    ]
    hour = timedelta(hours=1)
    return [
        Turn(
            party,
            team,
            NINE + n * hour,
            NINE + (n + 1) * hour if n + 1 < len(rows) else None,
            HOUR,
            reason,
            who,
            left,
        )
        for n, (party, team, reason, who, left) in enumerate(rows)
    ]


def test_only_a_hand_over_with_little_of_the_promise_left_is_late() -> None:
    assert [turn.came_late for turn in ledger()] == [False, True, False, False, False, False, False]


@pytest.mark.parametrize(
    ("consumed", "target", "left"), [(0, 100, 100), (75, 100, 25), (76, 100, 24), (130, 100, 0), (5, None, None)]
)
def test_the_share_left_is_in_percent_and_never_below_nothing(consumed: int, target: int | None, left: int) -> None:
    assert share_left(consumed, target) == left


def test_what_came_back_undone_is_counted() -> None:
    assert came_back(ledger()) == 1


def test_sums_are_per_party_in_the_order_of_their_first_turn() -> None:
    found = totals(for_desk(ledger(), whose=Party.LEAD))
    assert [(each.party, each.turns, each.seconds) for each in found] == [
        (Party.LEAD, 3, 3 * HOUR),
        (Party.REGISTRY, 3, 3 * HOUR),
        (Party.MEMBER, 1, HOUR),
    ]


def test_a_registry_reads_how_long_it_had_it_itself_and_of_others_only_when() -> None:
    shown = for_desk(ledger(), whose=Party.REGISTRY)
    assert [turn.seconds for turn in shown] == [None, HOUR, None, None, None, HOUR, HOUR]
    assert [turn.who for turn in shown] == [None, "Leo", "Rita", None, None, "Leo", "Rita"]
    assert [each.seconds for each in totals(shown)] == [None, 3 * HOUR, None]
    assert shown[1].came_late


def test_a_member_reads_parties_and_dates_in_plain_words_and_no_names() -> None:
    shown = for_member(ledger())
    assert [turn.team for turn in shown] == [
        "With your consortium lead",
        "With the registry",
        "With your consortium lead",
        "Waiting for you",
        "With your consortium lead",
        "With the registry",
    ]
    assert [turn.why for turn in shown] == [
        "you filed it",
        "your lead passed it on",
        "",
        "there is a question for you",
        "you answered",
        "your lead passed it on",
    ]
    assert {(turn.who, turn.seconds, turn.promise_left) for turn in shown} == {(None, None, None)}
    assert shown[-1].is_live
    assert not any(turn.came_late for turn in shown)
