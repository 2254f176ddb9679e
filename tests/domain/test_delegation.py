"""When a draft goes by itself, who is told of it when, and what a draft cannot become."""

from datetime import UTC, datetime, timedelta

import pytest

from desk.domain.calendar import BusinessCalendar
from desk.domain.calendar_history import CalendarHistory
from desk.domain.delegation import (
    HOURS_MOST,
    DraftState,
    DraftText,
    UpdateText,
    checked_hours,
    demand_waiting,
    follows_to,
    goes_at,
    told_from,
)
from desk.domain.errors import IllegalTransition, InvalidInput
from desk.domain.register import MOVES, IssueState

FRIDAY = datetime(2026, 3, 6, 15, 0, tzinfo=UTC)  # 16:00 in Berlin, an hour before closing


def hours(weekly: dict[str, list[list[str]]] | None = None) -> CalendarHistory:
    days = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    spec = {"tz": "Europe/Berlin", "weekly_hours": days if weekly is None else weekly}
    return CalendarHistory.of(BusinessCalendar.from_spec(spec))


def test_a_draft_goes_after_working_hours_of_the_lead_not_of_the_clock() -> None:
    assert goes_at(hours(), FRIDAY, 4) == datetime(2026, 3, 9, 11, 0, tzinfo=UTC)  # Monday, 12:00 in Berlin
    assert goes_at(hours(), FRIDAY, 1) == datetime(2026, 3, 6, 16, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("calendar", "allowed"), [(hours(), None), (None, 4), (hours({}), 4)], ids=["not allowed", "no hours", "never open"]
)
def test_a_draft_never_goes_by_itself(calendar: CalendarHistory | None, allowed: int | None) -> None:
    assert goes_at(calendar, FRIDAY, allowed) is None


def test_a_desk_is_told_when_it_works() -> None:
    saturday = FRIDAY + timedelta(days=1)
    assert told_from(hours(), saturday) == datetime(2026, 3, 9, 8, 0, tzinfo=UTC)
    assert [told_from(hours(), FRIDAY), told_from(None, saturday), told_from(hours({}), saturday)] == [None] * 3


@pytest.mark.parametrize("wrong", [0, -1, HOURS_MOST + 1])
def test_the_hours_have_limits(wrong: int) -> None:
    with pytest.raises(InvalidInput) as refusal:
        checked_hours(wrong)
    assert refusal.value.field == "hours"
    assert [checked_hours(each) for each in (None, 1, HOURS_MOST)] == [None, 1, HOURS_MOST]


@pytest.mark.parametrize("state", [each for each in DraftState if each is not DraftState.WAITING])
def test_a_draft_is_dealt_with_once(state: DraftState) -> None:
    with pytest.raises(IllegalTransition):
        demand_waiting(state)


def test_texts_lose_their_secrets_and_name_the_field_that_is_wrong() -> None:
    token = "Bearer 4bed1e13-7792-4129-9f07-aaf7b88ba88f"
    assert "4bed1e13" not in str(UpdateText(token, token, token).cleaned(FRIDAY))
    assert "4bed1e13" not in str(DraftText("A title", token, token).cleaned(FRIDAY))
    for wrong, field in (
        (UpdateText("", "b"), "text"),
        (UpdateText("a", " "), "member_text"),
        (UpdateText("a", "b", next_update_at=FRIDAY), "next_update_at"),
        (DraftText(" ", "b"), "title"),
        (DraftText("a", ""), "text"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            wrong.cleaned(FRIDAY)
        assert refusal.value.field == field


def test_a_leads_own_issue_follows_where_there_is_such_a_move() -> None:
    assert follows_to(IssueState.INVESTIGATING, IssueState.FIXED, "")
    assert not follows_to(IssueState.FIXED, IssueState.FIXED, "")
    assert not follows_to(IssueState.INVESTIGATING, IssueState.KNOWN_ERROR, " ")
    assert {each for each in IssueState if follows_to(IssueState.FIXED, each, "")} == set(MOVES[IssueState.FIXED])
