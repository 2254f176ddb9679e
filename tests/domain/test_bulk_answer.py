"""Which tickets an issue's answer fits, which a person looks at first, and what each member reads."""

from datetime import UTC, datetime

import pytest

from desk.domain.bulk_answer import (
    CHOOSABLE,
    REASON_WORDS,
    Choice,
    Reason,
    Standing,
    against_reporting,
    against_resolving,
    against_telling,
    letter,
    outcome_of,
)
from desk.domain.escalation import EscalationState
from desk.domain.lifecycle import Action, State, may_move
from desk.domain.register import IssueState
from desk.domain.vocabulary import Outcome


@pytest.mark.parametrize(
    ("standing", "why"),
    [
        (Standing(State.NEW), None),
        (Standing(State.OPEN), None),
        (Standing(State.PENDING_LEAD, hand_over=EscalationState.FIXED), None),
        (Standing(State.PENDING_LEAD, hand_over=EscalationState.RETURNED), Reason.RETURNED),
        (Standing(State.PENDING_LEAD, hand_over=EscalationState.DECLINED), Reason.RETURNED),
        (Standing(State.OPEN, member_wrote_last=True), Reason.MEMBER_WROTE),
        (Standing(State.ON_HOLD), Reason.ON_HOLD),
        (Standing(State.PENDING_MEMBER, State.OPEN), Reason.ASKED_MEMBER),
        (Standing(State.PENDING_MEMBER, State.ESCALATED), Reason.WITH_REGISTRY),
        (Standing(State.ESCALATED), Reason.WITH_REGISTRY),
        (Standing(State.OPEN, verified=False), Reason.UNVERIFIED),
        (Standing(State.OPEN, in_hand=True), Reason.IN_HAND),
        (Standing(State.RESOLVED), Reason.OVER),
        (Standing(State.CLOSED, verified=False), Reason.OVER),
    ],
)
def test_a_ticket_in_which_something_else_goes_on_is_not_resolved_with_the_others(
    standing: Standing, why: Reason | None
) -> None:
    assert against_resolving(standing) is why


@pytest.mark.parametrize(
    ("state", "before"),
    [*((state, None) for state in State), *((State.PENDING_MEMBER, each) for each in (State.OPEN, State.ESCALATED))],
)
def test_what_is_offered_is_what_the_life_of_a_ticket_allows(state: State, before: State | None) -> None:
    why = against_resolving(Standing(state, before))
    assert (why is None or why in CHOOSABLE) == may_move(state, Action.RESOLVE, before)


def test_every_open_ticket_is_told_whoever_has_it() -> None:
    told = {state for state in State if against_telling(Standing(state)) is None}
    assert told == {state for state in State if may_move(state, Action.ANSWER)} - {State.RESOLVED}
    assert against_telling(Standing(State.OPEN, verified=False)) is Reason.UNVERIFIED


def test_a_registry_reports_the_fix_of_what_it_has() -> None:
    has = [Standing(State.ESCALATED), Standing(State.PENDING_MEMBER, State.ESCALATED)]
    has_not = [Standing(State.PENDING_LEAD), Standing(State.PENDING_MEMBER, State.OPEN), Standing(State.RESOLVED)]
    assert [against_reporting(each) for each in has] == [None, None]
    assert {against_reporting(each) for each in has_not} == {Reason.NOT_WITH_REGISTRY}
    assert against_reporting(Standing(State.ESCALATED, hand_over=EscalationState.SENT)) is Reason.NOT_ACCEPTED


def test_every_reason_has_its_sentence() -> None:
    assert set(REASON_WORDS) == set(Reason)


def test_a_choice_leaves_out_what_was_shown_and_not_ticked() -> None:
    assert Choice(frozenset({1, 2, 3}), frozenset({2})).left_out == [1, 3]
    assert Choice(frozenset({1})).is_empty and not Choice(rest=True).is_empty


def test_the_outcome_fits_how_far_the_issue_is() -> None:
    assert outcome_of(IssueState.FIXED, "") is Outcome.SOLVED
    assert outcome_of(IssueState.KNOWN_ERROR, "Sign in with a password.") is Outcome.WORKAROUND
    assert outcome_of(IssueState.CLOSED, " ") is Outcome.KNOWN_ERROR


def test_a_letter_says_the_next_update_in_the_readers_zone() -> None:
    at = datetime(2026, 3, 30, 9, 0, tzinfo=UTC)
    here, there = (letter("It is **known**.", "Wait.", at, zone) for zone in ("Europe/Berlin", "Asia/Kathmandu"))
    assert here == "It is **known**.\n\nUntil it is fixed:\n\nWait.\n\nNext update by Mon 30 Mar 2026, 11:00 CEST."
    assert "14:45" in there
    assert letter("Only this.", " ", None, "UTC") == "Only this."
