"""Reminders of what the registry should have answered: once, when the lead's desk opens, to whose ticket it is."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from desk.config import Settings
from desk.db import transaction
from desk.domain.registry_action import ActionDraft, ActionState
from desk.events.models import Event
from desk.mail import notify, told
from desk.mail.models import OutboundMail
from desk.registry_actions import service
from desk.registry_actions.models import RegistryAction
from desk.triage import service as triage
from tests.cast import Cast
from tests.escalations.stage import Stage

FRIDAY = date(2026, 3, 6)
MONDAY_NINE = datetime(2026, 3, 9, 8, 0, tzinfo=UTC)  # 09:00 in Berlin, the first opening after that Friday
DRAFT = ActionDraft("Credentials form", date(2026, 3, 2), reference="CR-12", expected_by=FRIDAY)


@pytest.fixture
def stage(cast: Cast, session: Session) -> Stage:
    return Stage.set(cast, session)


def filed(stage: Stage, draft: ActionDraft = DRAFT) -> RegistryAction:
    return stage.does(stage.cast.leo, service.file_action, draft=draft)  # type: ignore[no-any-return]


def remind(now: datetime) -> int:
    with transaction() as unit:
        return service.remind(unit, now, 50)


def reminders(session: Session) -> list[Event]:
    session.expire_all()
    return session.query(Event).filter_by(kind="registry_action_overdue").order_by(Event.id).all()


def names(session: Session, event: Event) -> set[str]:
    return {each.person.name for each in told.told(session, event, MONDAY_NINE) if each.person}


def test_a_desk_is_reminded_once_when_it_opens_after_the_day_is_over(stage: Stage, session: Session) -> None:
    action = filed(stage)
    filed(stage, ActionDraft("A prefix", date(2026, 3, 2)))  # no answer is expected by a day
    version = action.version
    assert action.remind_at == MONDAY_NINE
    assert remind(MONDAY_NINE - timedelta(seconds=1)) == 0
    assert remind(MONDAY_NINE) == 1
    assert [remind(MONDAY_NINE + timedelta(days=days)) for days in (0, 1, 30)] == [0, 0, 0]
    (event,) = reminders(session)
    assert (event.ticket_id, event.audience) == (stage.ticket.id, "lead")
    # A reminder is no edit: whoever writes meanwhile how it ended can save.
    assert session.get_one(RegistryAction, action.id).version == version


def test_a_reminder_that_comes_late_waits_for_the_next_opening(stage: Stage, session: Session) -> None:
    action = filed(stage)
    assert remind(MONDAY_NINE + timedelta(hours=12)) == 1
    assert reminders(session) == []
    session.expire_all()
    assert action.remind_at == MONDAY_NINE + timedelta(days=1)
    assert remind(MONDAY_NINE + timedelta(days=1)) == 1
    assert len(reminders(session)) == 1


def test_nobody_is_reminded_of_what_has_ended(stage: Stage, cast: Cast, session: Session) -> None:
    what = {"state": ActionState.CONFIRMED, "on": date(2026, 3, 4)}
    action = filed(stage)
    stage.does(cast.leo, service.end_action, action_id=action.id, version=action.version, **what)
    assert remind(MONDAY_NINE) == 0
    # Reminded of, and answered before the mail was written: it is no news any more.
    late = filed(stage)
    assert remind(MONDAY_NINE) == 1
    stage.does(cast.leo, service.end_action, action_id=late.id, version=late.version, **what)
    (event,) = reminders(session)
    assert names(session, event) == set()


def test_the_desk_is_told_or_whose_ticket_it_is_and_nobody_else(
    stage: Stage, cast: Cast, session: Session, settings: Settings
) -> None:
    filed(stage)
    stage.sent()
    remind(MONDAY_NINE)
    (event,) = reminders(session)
    assert names(session, event) == {"Leo Larch", "Lena Linden"}
    stage.does(cast.lena, triage.assign, assignee_id=cast.lena.id)
    session.expire_all()
    assert names(session, event) == {"Lena Linden"}
    with transaction() as unit:
        while notify.expand_one(unit, settings=settings, now=MONDAY_NINE):
            pass
    mails = [each for each in session.query(OutboundMail).all() if each.event_id == event.id]
    assert [each.to_address for each in mails] == [cast.lena.email]
    assert "CR-12" in mails[0].text and "/registry-actions?overdue=1" in mails[0].text
