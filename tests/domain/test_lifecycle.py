"""The ticket's life as a table: every move that exists, and a sentence for each that does not."""

import itertools

import pytest

from desk.domain.errors import IllegalTransition
from desk.domain.lifecycle import (
    DONE,
    MEMBER_WORDS,
    STAFF_WORDS,
    TRANSITIONS,
    TURN,
    Action,
    State,
    may_move,
    next_state,
)
from desk.domain.vocabulary import Party


@pytest.mark.parametrize(("state", "action"), list(itertools.product(State, Action)))
def test_a_move_that_is_not_in_the_table_is_refused_with_a_sentence(state: State, action: Action) -> None:
    if (state, action) in TRANSITIONS:
        return
    with pytest.raises(IllegalTransition) as refused:
        next_state(state, action)
    assert STAFF_WORDS[state].lower() in refused.value.sentence


def test_the_first_public_answer_opens_a_new_ticket() -> None:
    assert next_state(State.NEW, Action.ANSWER) is State.OPEN


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (State.NEW, State.OPEN),
        (State.OPEN, State.OPEN),
        (State.PENDING_LEAD, State.OPEN),
        (State.ESCALATED, State.ESCALATED),
    ],
)
def test_the_members_answer_goes_back_to_whoever_asked(before: State, after: State) -> None:
    assert next_state(before, Action.ASK_MEMBER) is State.PENDING_MEMBER
    assert next_state(State.PENDING_MEMBER, Action.MEMBER_WRITES, before) is after


@pytest.mark.parametrize("action", [Action.RESOLVE, Action.HOLD])
def test_what_the_registry_has_is_not_resolved_or_held_while_the_member_is_asked(action: Action) -> None:
    assert not may_move(State.PENDING_MEMBER, action, State.ESCALATED)
    assert may_move(State.PENDING_MEMBER, action, State.OPEN)


@pytest.mark.parametrize("action", [Action.HAND_BACK, Action.WITHDRAW])
def test_what_the_lead_has_is_not_handed_back_by_the_registry(action: Action) -> None:
    assert not may_move(State.PENDING_MEMBER, action, State.OPEN)
    assert may_move(State.PENDING_MEMBER, action, State.ESCALATED)


def test_an_escalated_ticket_is_resolved_only_after_it_came_back() -> None:
    with pytest.raises(IllegalTransition):
        next_state(State.ESCALATED, Action.RESOLVE)
    assert next_state(next_state(State.ESCALATED, Action.HAND_BACK), Action.RESOLVE) is State.RESOLVED


def test_nothing_leads_out_of_closed() -> None:
    assert not [action for action in Action if may_move(State.CLOSED, action)]


def test_every_state_has_words_for_both_sides_and_a_turn() -> None:
    for state in State:
        assert STAFF_WORDS[state]
        assert MEMBER_WORDS[state]
        assert (TURN[state] is Party.NOBODY) == (state in DONE)


def test_every_state_can_be_reached_from_new() -> None:
    reached, frontier = {State.NEW}, [State.NEW]
    while frontier:
        state = frontier.pop()
        for action in Action:
            if (state, action) in TRANSITIONS:
                after = next_state(state, action, State.OPEN) if may_move(state, action, State.OPEN) else None
                if after is not None and after not in reached:
                    reached.add(after)
                    frontier.append(after)
    assert reached == set(State)
