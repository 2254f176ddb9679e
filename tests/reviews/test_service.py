"""Reminders of reviews: once, on the day, when the desk opens, to whom it concerns."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.db import transaction
from desk.domain.register import IssueState
from desk.events.models import Event
from desk.issues import service as issues
from desk.issues.models import Issue
from desk.mail import told
from desk.reviews import service
from tests.cast import Cast
from tests.issues.scenes import at_registry, draft, issue, opened

SATURDAY = date(2026, 3, 7)
MONDAY_NINE = datetime(2026, 3, 9, 8, 0, tzinfo=UTC)  # 09:00 in Berlin


def remind(now: datetime) -> int:
    with transaction() as unit:
        return service.remind(unit, now, 50)


def reminders(session: Session) -> list[Event]:
    session.expire_all()
    return session.query(Event).filter_by(kind="issue_review_due").order_by(Event.id).all()


def test_a_desk_is_reminded_once_when_it_opens_on_or_after_the_day(cast: Cast, session: Session) -> None:
    number = opened(cast, text=draft(next_review_on=SATURDAY))
    assert session.get_one(Issue, number).review_at == MONDAY_NINE
    assert remind(MONDAY_NINE - timedelta(seconds=1)) == 0
    assert remind(MONDAY_NINE) == 1
    assert remind(MONDAY_NINE + timedelta(hours=1)) == 0
    (event,) = reminders(session)
    assert (event.issue_id, event.consortium_id) == (number, cast.north.id)
    # A reminder is no edit: whoever writes meanwhile can save.
    assert session.get_one(Issue, number).version == 1


def test_a_reminder_that_comes_late_waits_for_the_next_opening(cast: Cast, session: Session) -> None:
    number = opened(cast, text=draft(next_review_on=SATURDAY))
    night = MONDAY_NINE + timedelta(hours=12)
    assert remind(night) == 1
    assert reminders(session) == []
    assert session.get_one(Issue, number).review_at == MONDAY_NINE + timedelta(days=1)
    assert remind(MONDAY_NINE + timedelta(days=1)) == 1
    assert len(reminders(session)) == 1


def test_a_new_date_is_a_new_reminder_and_another_edit_is_none(cast: Cast, session: Session) -> None:
    number = opened(cast, text=draft(next_review_on=SATURDAY))
    remind(MONDAY_NINE)

    def edit(**more: object) -> None:
        with transaction() as unit:
            found = issue(unit, cast, cast.leo, number)
            issues.edit_issue(unit, cast.actor(cast.leo), found, draft(**more), version=found.version, now=MONDAY_NINE)

    edit(next_review_on=SATURDAY, cause="A stale index.")
    assert remind(MONDAY_NINE + timedelta(hours=2)) == 0
    edit(next_review_on=date(2026, 3, 10))
    assert remind(MONDAY_NINE + timedelta(days=1)) == 1
    assert len(reminders(session)) == 2


def test_nobody_is_reminded_of_what_is_fixed_until_it_is_opened_again(cast: Cast, session: Session) -> None:
    number = opened(cast, text=draft(next_review_on=SATURDAY))

    def move(to: IssueState, note: str = "") -> None:
        with transaction() as unit:
            found = issue(unit, cast, cast.leo, number)
            issues.move_issue(
                unit, cast.actor(cast.leo), found, to=to, note=note, version=found.version, now=MONDAY_NINE
            )

    move(IssueState.FIXED)
    assert remind(MONDAY_NINE) == 1
    assert reminders(session) == []
    move(IssueState.INVESTIGATING, "It came back.")
    assert remind(MONDAY_NINE) == 1
    assert len(reminders(session)) == 1


@pytest.mark.parametrize(("owner", "told_names"), [("lena", {"Lena Linden"}), ("", {"Leo Larch", "Lena Linden"})])
def test_who_answers_for_it_is_told_else_the_desk(
    cast: Cast, session: Session, owner: str, told_names: set[str]
) -> None:
    chosen = getattr(cast, owner).id if owner else None
    opened(cast, text=draft(next_review_on=SATURDAY, owner_id=chosen))
    remind(MONDAY_NINE)
    assert names(session, cast) == told_names


def test_a_registrys_problem_manager_is_told_while_they_are_at_its_desk(cast: Cast, session: Session) -> None:
    at_registry(cast, text=draft(next_review_on=SATURDAY, problem_manager_id=cast.ruth.id))
    remind(MONDAY_NINE + timedelta(hours=2))
    assert names(session, cast) == {"Ruth Redwood"}
    (event,) = reminders(session)
    recipient = told.told(session, event, cast.now)[0]
    assert told.may_be_told(session, event, recipient, cast.now)
    with transaction() as unit:
        unit.get_one(Person, cast.ruth.id).active = False
    assert names(session, cast) == {"Rita Rowan"}
    assert not told.may_be_told(session, event, recipient, cast.now)


def names(session: Session, cast: Cast) -> set[str]:
    (event,) = reminders(session)
    return {each.person.name for each in told.told(session, event, cast.now) if each.person}
