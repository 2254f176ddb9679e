"""The issues register's rules: the life of an issue, what a draft must hold, and likely issues."""

from dataclasses import replace
from datetime import date
from itertools import pairwise, product

import pytest

from desk.domain.errors import IllegalTransition, InvalidInput
from desk.domain.register import (
    LIVE,
    MEMBER_WORDS,
    MOVES,
    STAFF_WORDS,
    TEXT_LENGTH,
    TITLE_LENGTH,
    Affected,
    IssueDraft,
    IssueState,
    demand_workaround,
    needs_note,
    next_state,
)
from desk.domain.wording import words

USUAL_LIFE = (
    IssueState.IDENTIFIED,
    IssueState.INVESTIGATING,
    IssueState.KNOWN_ERROR,
    IssueState.FIX_PLANNED,
    IssueState.FIXED,
    IssueState.CLOSED,
)


def test_the_usual_life_goes_from_identified_to_closed() -> None:
    for state, to in pairwise(USUAL_LIFE):
        assert MOVES[state][0] is to
        assert next_state(state, to, workaround="Use the other form.", note="") is to


def test_every_state_has_moves_and_words() -> None:
    assert set(MOVES) == set(STAFF_WORDS) == set(MEMBER_WORDS) == set(IssueState)
    assert all(MOVES.values())
    # Pages of the desk use the vocabulary's words; they have to be these.
    assert {state: words(state) for state in IssueState} == STAFF_WORDS


ABSENT = [(state, to) for state, to in product(IssueState, repeat=2) if to not in MOVES[state]]


@pytest.mark.parametrize(("state", "to"), ABSENT)
def test_a_move_that_is_not_in_the_table_is_refused_with_both_words(state: IssueState, to: IssueState) -> None:
    with pytest.raises(IllegalTransition) as refusal:
        next_state(state, to, workaround="There is one.", note="Because.")
    assert STAFF_WORDS[state].lower() in refusal.value.sentence
    assert STAFF_WORDS[to].lower() in refusal.value.sentence


def test_a_known_error_needs_its_workaround() -> None:
    with pytest.raises(InvalidInput) as refusal:
        next_state(IssueState.INVESTIGATING, IssueState.KNOWN_ERROR, workaround=" \n", note="")
    assert refusal.value.field == "workaround"


@pytest.mark.parametrize("state", sorted(set(IssueState) - {IssueState.KNOWN_ERROR}))
def test_no_other_state_needs_a_workaround(state: IssueState) -> None:
    demand_workaround(state, "")


@pytest.mark.parametrize("state", sorted(LIVE - {IssueState.FIX_PLANNED}))
def test_closing_without_a_fix_needs_a_reason(state: IssueState) -> None:
    with pytest.raises(InvalidInput) as refusal:
        next_state(state, IssueState.CLOSED, workaround="x", note="  ")
    assert refusal.value.field == "note"
    assert next_state(state, IssueState.CLOSED, workaround="x", note="A duplicate of 3.") is IssueState.CLOSED


def test_closing_after_the_fix_needs_none_and_opening_again_does() -> None:
    assert not needs_note(IssueState.FIXED, IssueState.CLOSED)
    assert needs_note(IssueState.FIXED, IssueState.INVESTIGATING)
    assert needs_note(IssueState.CLOSED, IssueState.INVESTIGATING)


# ------------------------------------------------------------------ drafts

DRAFT = IssueDraft(
    title="Works are not shown", symptom="The list is empty.", service="ORCID", first_seen=date(2026, 3, 2)
)


def test_a_draft_loses_its_secrets_in_every_text() -> None:
    token = "Authorization: Bearer 4bed1e13-7792-4129-9f07-aaf7b88ba88f"
    draft = IssueDraft(
        title=f"Fails with {token}",
        symptom=token,
        service="ORCID",
        first_seen=date(2026, 3, 2),
        cause=token,
        workaround=token,
        impact=token,
        registry_reference=token,
    ).cleaned()
    assert "4bed1e13" not in str(draft)
    assert draft.symptom.endswith("]")


@pytest.mark.parametrize("name", ["title", "symptom", "service"])
def test_a_draft_without_what_it_needs_is_refused_at_the_field(name: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        replace(DRAFT, **{name: " "}).cleaned()
    assert refusal.value.field == name


@pytest.mark.parametrize(
    ("name", "length"),
    [("title", TITLE_LENGTH), ("symptom", TEXT_LENGTH), ("cause", TEXT_LENGTH), ("impact", TEXT_LENGTH)],
)
def test_a_text_is_kept_to_its_limit_and_refused_beyond(name: str, length: int) -> None:
    assert getattr(replace(DRAFT, **{name: "ä" * length}).cleaned(), name) == "ä" * length
    with pytest.raises(InvalidInput) as refusal:
        replace(DRAFT, **{name: "ä" * (length + 1)}).cleaned()
    assert refusal.value.field == name


def test_members_that_may_not_be_named_are_counted() -> None:
    assert Affected(members=5, consortia=2, own_members=("Alder", "Birch"), consortium_names=()).other_members == 3
