"""What a lead does with a draft, and when one goes by itself: on both databases, whoever else acts at the same time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import RoleGrant
from desk.calendars import service as calendars
from desk.calendars.models import Calendar
from desk.db import transaction
from desk.domain.delegation import HOURS_MOST, DraftState
from desk.domain.errors import Conflict, DeskError, IllegalTransition, InvalidInput, NotFound
from desk.domain.permissions import SYSTEM
from desk.domain.register import IssueState
from desk.domain.script import HoldsScript
from desk.domain.sla import ClockState
from desk.domain.targets import Kind
from desk.drafts import queries, service
from desk.drafts.models import UpdateDraft
from desk.events.models import Event
from desk.issues import queries as issues
from desk.issues import service as register
from desk.issues.models import Issue, IssueUpdate
from desk.sla.models import Clock
from tests.cast import Cast
from tests.delegation.scenes import (
    SUGGESTED,
    Two,
    allowed,
    corrected,
    done,
    draft_of,
    heard,
    later,
    sent,
    words,
    worked_off,
)
from tests.issues.scenes import draft as issue_draft
from tests.issues.scenes import published

# The cast's Wednesday, 11:00 in Berlin: four working hours later it is 15:00 there.
FOUR_LATER = datetime(2026, 3, 4, 14, 0, tzinfo=UTC)


def acted(cast: Cast, person: Any, verb: Any, now: datetime | None = None, **more: Any) -> None:
    """A verb on the newest draft of the north."""
    with transaction() as session:
        verb(session, cast.actor(person, now), draft_of(session, cast.north), now=now or cast.now, **more)


# ------------------------------------------------------------------ by choice


def test_sending_publishes_in_the_leads_words_and_writes_into_its_open_tickets_only(
    cast: Cast, session: Session
) -> None:
    two = Two.set(cast)
    two.said(workaround="Load it again.", next_update_at=later(cast, 48))
    sent(cast, cast.leo, cast.north, title="Lists are late", text="Our **own** words.")
    worked_off(cast.now)
    told = issues.publication(session, two.number, cast.north.id)
    assert told is not None
    assert (told.title, told.text, told.state) == ("Lists are late", "Our **own** words.", IssueState.INVESTIGATING)
    assert issues.publication(session, two.number, two.place.id) is None
    (message,) = heard(session, two.here)
    assert message.author_id == cast.leo.id
    assert message.text == (
        "Our **own** words.\n\nUntil it is fixed:\n\nLoad it again.\n\nNext update by Fri 6 Mar 2026, 11:00 CET."
    )
    assert heard(session, two.there) == []
    draft = two.draft()
    assert (draft.state, draft.decided_by_id) == (DraftState.SENT, cast.leo.id)


def test_a_second_update_is_a_dated_entry_beside_what_was_published(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    published(cast, cast.leo, two.number, cast.north, workaround="Wait.")
    two.said()
    assert (two.draft().title, two.draft().workaround) == ("Lists may look empty", "Wait.")
    sent(cast, cast.leo, cast.north)
    told = issues.publication(session, two.number, cast.north.id)
    assert told is not None and told.text == "We know that **lists** may look empty."
    entries = session.scalars(sa.select(IssueUpdate).where(IssueUpdate.consortium_id == cast.north.id)).all()
    assert [entry.text for entry in entries] == [SUGGESTED]


def test_the_answer_counts_on_the_clocks_of_the_ticket_as_any_public_one(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    two.said()
    sent(cast, cast.leo, cast.north)
    worked_off(cast.now)
    clock = session.scalars(sa.select(Clock).filter_by(ticket_id=two.here, kind=Kind.FIRST_RESPONSE)).one()
    assert clock.state is ClockState.STOPPED


def test_an_own_issue_of_the_lead_follows_the_registrys(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    with transaction() as unit:
        own = register.open_issue(unit, cast.actor(cast.leo), issue_draft(), consortium_id=cast.north.id, now=cast.now)
        register.link_upstream(unit, cast.actor(cast.leo), own, upstream_number=two.number, now=cast.now)
        number = own.id
    two.said(IssueState.FIXED)
    assert two.draft().issue_id == number
    sent(cast, cast.leo, cast.north)
    own = session.get_one(Issue, number, populate_existing=True)
    told = issues.publication(session, number, cast.north.id)
    assert told is not None and (own.state, told.state) == (IssueState.FIXED, IssueState.FIXED)
    assert len(session.scalars(sa.select(Event).where(Event.kind == "issue_updated")).all()) == 0


@pytest.mark.parametrize("name", ["alice", "olga", "samir", "rita", "ruth", "dora", "ada"])
def test_a_draft_is_the_leads_alone(cast: Cast, session: Session, name: str) -> None:
    two, person = Two.set(cast), cast.people()[name]
    two.said()
    number = two.draft().id
    with pytest.raises(NotFound):
        queries.get(session, cast.actor(person), number)
    for verb, more in (
        (service.dismiss_draft, {"reason": "no"}),
        (service.stop_timer, {}),
        (service.start_timer, {}),
        (service.take_newer, {"version": 1}),
    ):
        with pytest.raises(NotFound):
            acted(cast, person, verb, **more)
    with pytest.raises(NotFound):
        sent(cast, person, cast.north)
    assert two.draft().state is DraftState.WAITING


def test_a_role_that_has_ended_sends_nothing(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    two.said()
    with transaction() as unit:
        unit.execute(sa.update(RoleGrant).where(RoleGrant.person_id == cast.leo.id).values(valid_until=cast.now))
    with pytest.raises(NotFound):
        sent(cast, cast.leo, cast.north)
    assert two.draft().state is DraftState.WAITING


def test_of_two_leads_who_send_at_once_one_is_told_and_nothing_is_sent_twice(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    two.said()
    version = two.draft().version
    sent(cast, cast.leo, cast.north, text="Leo's.", version=version)
    with pytest.raises(IllegalTransition):
        sent(cast, cast.lena, cast.north, text="Lena's.", version=version)
    worked_off(cast.now)
    assert [message.text for message in heard(session, two.here)] == ["Leo's."]


def test_a_dismissed_draft_keeps_its_reason_and_is_not_sent(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    two.said()
    with pytest.raises(InvalidInput) as refusal:
        acted(cast, cast.leo, service.dismiss_draft, reason=" ")
    assert refusal.value.field == "reason"
    acted(cast, cast.leo, service.dismiss_draft, reason="Not for our members.")
    assert (two.draft().state, two.draft().reason) == (DraftState.DISMISSED, "Not for our members.")
    with pytest.raises(IllegalTransition):
        sent(cast, cast.lena, cast.north)
    assert worked_off(cast.now) == 0


HOSTILE = "<script>alert(1)</script>[x](javascript:alert(1)) fine"


def test_a_script_in_a_text_is_refused_of_registry_and_lead_and_reaches_nobody(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    for field in ("text", "member_text", "workaround"):
        with pytest.raises(HoldsScript) as refusal:
            two.said(**{field: HOSTILE})
        assert refusal.value.field == field
    two.said()
    for act in (service.save_draft, service.send_draft):
        with pytest.raises(HoldsScript):
            acted(cast, cast.leo, act, text=words(two.draft(), text=HOSTILE), version=two.draft().version)
    assert issues.publication(session, two.number, cast.north.id) is None


def test_a_script_that_stood_in_a_draft_before_does_not_go_by_itself(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    allowed(cast, 1)
    two.said()
    with transaction() as unit:
        unit.execute(sa.update(UpdateDraft).values(text=HOSTILE))
    assert done(service.send_due, cast.now + timedelta(days=3)) == 1
    assert two.draft().state is DraftState.WAITING and two.draft().send_at is None
    assert issues.publication(session, two.number, cast.north.id) is None


# ------------------------------------------------------------------ by itself


def test_drafts_wait_for_a_person_unless_the_leads_manager_allows_it(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    two.said()
    assert two.draft().send_at is None
    for name in ("leo", "alice", "sofia", "rita", "ruth", "ada"):
        with pytest.raises(NotFound), transaction() as unit:
            service.allow(unit, cast.actor(cast.people()[name]), cast.north.id, hours=4, now=cast.now)
    for wrong in (0, HOURS_MOST + 1):
        with pytest.raises(InvalidInput):
            allowed(cast, wrong)
    assert done(service.send_due, later(cast, 24 * 365)) == 0


def test_a_draft_goes_by_itself_after_the_hours_in_the_name_of_the_desk(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    allowed(cast, 4)
    two.said()
    assert (two.draft().send_at, two.draft(two.place).send_at) == (FOUR_LATER, None)
    assert done(service.send_due, FOUR_LATER - timedelta(seconds=1)) == 0
    assert done(service.send_due, FOUR_LATER) == 1
    worked_off(FOUR_LATER)
    draft = two.draft()
    assert (draft.state, draft.decided_by_id, draft.send_at) == (DraftState.SENT_BY_ITSELF, None, None)
    (message,) = heard(session, two.here)
    assert (message.author_id, message.author_label, message.from_staff) == (None, "Northern support", True)
    assert two.draft(two.place).state is DraftState.WAITING
    with pytest.raises(IllegalTransition):
        sent(cast, cast.leo, cast.north)


def test_those_who_wait_get_their_hours_from_when_it_was_allowed(cast: Cast) -> None:
    two = Two.set(cast)
    two.said()
    allowed(cast, 2, later(cast, 1))
    assert two.draft().send_at == later(cast, 3)
    allowed(cast, None, later(cast, 2))
    assert two.draft().send_at is None


def test_one_can_be_stopped_and_let_go_again(cast: Cast) -> None:
    two = Two.set(cast)
    allowed(cast, 4)
    two.said()
    acted(cast, cast.leo, service.stop_timer)
    assert (two.draft().send_at, two.draft().stopped_by_id) == (None, cast.leo.id)
    assert done(service.send_due, later(cast, 24 * 365)) == 0
    acted(cast, cast.lena, service.start_timer, later(cast, 1))
    assert two.draft().send_at == later(cast, 5)


def test_what_the_registry_said_before_does_not_follow_by_itself_on_what_it_said_later(
    cast: Cast, session: Session
) -> None:
    two = Two.set(cast)
    allowed(cast, 4)
    two.said()
    older = two.draft().id
    two.said(IssueState.FIX_PLANNED, now=later(cast, 1))
    sent(cast, cast.leo, cast.north, later(cast, 2))
    assert done(service.send_due, later(cast, 24 * 365)) == 0
    kept = session.get_one(UpdateDraft, older, populate_existing=True)
    assert (kept.state, kept.send_at) == (DraftState.WAITING, None)


def test_what_a_lead_has_begun_to_write_does_not_go_by_itself(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    allowed(cast, 4)
    two.said()
    with transaction() as unit:
        draft = draft_of(unit, cast.north)
        text = words(draft, text="Half a sen")
        service.save_draft(unit, cast.actor(cast.leo), draft, text, version=draft.version, now=cast.now)
    assert done(service.send_due, later(cast, 24 * 365)) == 0
    assert heard(session, two.here) == []


def test_a_lead_who_writes_while_it_goes_is_told_and_it_is_sent_once(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    allowed(cast, 4)
    two.said()
    version = two.draft().version
    done(service.send_due, FOUR_LATER)
    for verb in (service.save_draft, service.send_draft):
        with pytest.raises(IllegalTransition), transaction() as unit:
            draft = draft_of(unit, cast.north)
            verb(unit, cast.actor(cast.leo), draft, words(draft, text="Mine."), version=version, now=FOUR_LATER)  # type: ignore[operator]
    worked_off(FOUR_LATER)
    assert [message.text for message in heard(session, two.here)] == [SUGGESTED]


def test_the_hours_begin_again_when_the_registry_corrects_its_words(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    allowed(cast, 4)
    update_id = two.said()
    corrected(cast, update_id, "Newer words.", later(cast, 3))
    assert two.draft().send_at == datetime(2026, 3, 5, 9, 0, tzinfo=UTC)  # Thursday, 10:00 in Berlin
    assert done(service.send_due, FOUR_LATER) == 0


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (["07:00", "21:00"], datetime(2026, 3, 4, 18, 0, tzinfo=UTC)),  # sooner: Wednesday, 19:00 in Berlin
        (["09:00", "10:00"], datetime(2026, 3, 13, 9, 0, tzinfo=UTC)),  # later: one hour was used, one more each day
    ],
)
def test_the_moment_is_that_of_the_calendar_as_it_is(
    cast: Cast, session: Session, window: list[str], expected: datetime
) -> None:
    two = Two.set(cast)
    allowed(cast, 8)
    two.said()
    assert two.draft().send_at == datetime(2026, 3, 5, 10, 0, tzinfo=UTC)  # Thursday, 11:00 in Berlin
    changed = later(cast, 1)
    with transaction() as unit:
        calendar = unit.scalars(sa.select(Calendar).filter_by(consortium_id=cast.north.id)).one()
        spec = {"tz": "Europe/Berlin", "weekly_hours": {day: [window] for day in ("mon", "tue", "wed", "thu", "fri")}}
        how = {"effective_from": changed, "country": None, "subdivision": None, "note": ""}
        calendars.add_calendar_version(unit, SYSTEM, calendar, spec=spec, now=changed, **how)  # type: ignore[arg-type]
    assert done(service.send_due, changed) == 1
    assert two.draft().send_at == expected
    assert done(service.send_due, expected) == 1


def test_a_promise_that_passed_while_it_waited_is_not_made(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    allowed(cast, 4)
    two.said(next_update_at=later(cast, 2))
    done(service.send_due, FOUR_LATER)
    worked_off(FOUR_LATER)
    assert two.draft().state is DraftState.SENT_BY_ITSELF
    assert "Next update" not in heard(session, two.here)[0].text


def test_a_draft_that_cannot_go_stops_and_keeps_no_other_from_it(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    allowed(cast, 4)
    two.said()
    with transaction() as unit:
        draft_of(unit, cast.north).title = " "
    two.said()
    assert done(service.send_due, FOUR_LATER) == 2
    states = [
        (draft.state, draft.stopped_at is not None) for draft in queries.drafts_for(session, cast.actor(cast.leo))
    ]
    assert sorted(states) == [(DraftState.SENT_BY_ITSELF, False), (DraftState.WAITING, True)]


def test_two_jobs_send_a_draft_once(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    allowed(cast, 4)
    two.said()
    assert [done(service.send_due, FOUR_LATER), done(service.send_due, FOUR_LATER)] == [1, 0]
    assert worked_off(FOUR_LATER) == 2
    assert len(heard(session, two.here)) == 1


def test_refusals_are_sentences(cast: Cast) -> None:
    two = Two.set(cast)
    two.said()
    for wrong, kind in (({"title": ""}, InvalidInput), ({"text": " "}, InvalidInput), ({"version": 99}, Conflict)):
        with pytest.raises(kind) as refusal:
            sent(cast, cast.leo, cast.north, **wrong)
        assert isinstance(refusal.value, DeskError) and refusal.value.sentence.endswith(".")
    assert two.draft().state is DraftState.WAITING
