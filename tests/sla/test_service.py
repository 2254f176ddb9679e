"""What happens to a ticket moves its clocks: each row of the table of clocks, through the verb, on a real database."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.calendars import queries as calendar_queries
from desk.calendars import service as calendars
from desk.calendars.models import Calendar
from desk.db import transaction
from desk.domain.clocks import ClockState, EventType
from desk.domain.errors import InvalidInput, NotFound, NotPermitted
from desk.domain.lifecycle import State
from desk.domain.permissions import SYSTEM
from desk.domain.priority import Priority
from desk.domain.sla import Change, HandoverAnswer, Kind
from desk.events.models import Event
from desk.sla import queries, service
from desk.sla.models import Clock, ClockEvent, ClockSegment
from tests.cast import Cast
from tests.sla.rig import WEEKDAYS, Rig, at, counted_queries

MONDAY = "2026-03-02T09:00"


@pytest.fixture
def rig(cast: Cast) -> Rig:
    """A ticket of Alice's, opened on a Monday at nine, with the calendars of its lead and its registry."""
    return Rig.build(cast, at(MONDAY))


def test_a_new_ticket_starts_the_clocks_of_the_member_and_the_lead(rig: Rig) -> None:
    clocks = rig.clocks()
    assert set(clocks) == {Kind.FIRST_RESPONSE, Kind.REGULAR_UPDATE, Kind.LEAD, Kind.OVERALL}
    assert all(clock.state is ClockState.RUNNING for clock in clocks.values())
    # P3: an answer within one working day, the lead three, an update within five, all of it seven.
    assert clocks[Kind.FIRST_RESPONSE].due_at == at("2026-03-03T16:00")
    assert clocks[Kind.LEAD].due_at == at("2026-03-05T16:00")
    assert clocks[Kind.REGULAR_UPDATE].due_at == at("2026-03-09T16:00")
    assert clocks[Kind.OVERALL].due_at == at("2026-03-11T16:00")


def test_closing_time_is_due_and_only_the_next_opening_is_late(rig: Rig) -> None:
    clock = rig.clocks()[Kind.FIRST_RESPONSE]
    assert (clock.due_at, clock.breach_at) == (at("2026-03-03T16:00"), at("2026-03-04T08:00"))


def test_a_ticket_that_staff_opened_waits_for_no_first_answer(cast: Cast) -> None:
    rig = Rig.build(cast, at(MONDAY), opened_by_staff=True)
    assert Kind.FIRST_RESPONSE not in rig.clocks()
    rig.change("2026-03-02T10:00", Change.member_wrote())
    assert rig.clocks()[Kind.NEXT_RESPONSE].started_at == at("2026-03-02T10:00")


def test_the_first_public_answer_stops_the_first_response(rig: Rig) -> None:
    rig.change("2026-03-02T11:00", Change.staff_replied())
    clock = rig.clocks()[Kind.FIRST_RESPONSE]
    assert (clock.state, clock.consumed, clock.due_at) == (ClockState.STOPPED, 2 * 3600, None)


def test_the_first_response_never_stands_still(rig: Rig) -> None:
    rig.change("2026-03-02T10:00", Change.moved(State.PENDING_MEMBER))
    rig.change("2026-03-02T11:00", Change.moved(State.ON_HOLD))
    assert rig.clocks()[Kind.FIRST_RESPONSE].running_since == at(MONDAY)


@pytest.mark.parametrize("counts", [True, False])
def test_an_automatic_receipt_counts_only_where_the_agreement_says_so(cast: Cast, counts: bool) -> None:
    rig = Rig.build(cast, at(MONDAY), receipt_counts=counts)
    rig.change("2026-03-02T09:01", Change.receipt_sent())
    assert (rig.clocks()[Kind.FIRST_RESPONSE].state is ClockState.STOPPED) is counts


def test_the_oldest_unanswered_message_counts_and_later_ones_do_not_move_it(rig: Rig) -> None:
    rig.change("2026-03-02T09:30", Change.member_wrote())
    assert Kind.NEXT_RESPONSE not in rig.clocks()
    rig.change("2026-03-02T10:00", Change.staff_replied())
    rig.change("2026-03-02T11:00", Change.member_wrote())
    rig.change("2026-03-02T12:00", Change.member_wrote())
    assert rig.clocks()[Kind.NEXT_RESPONSE].started_at == at("2026-03-02T11:00")
    rig.change("2026-03-02T13:00", Change.staff_replied())
    rig.change("2026-03-02T14:00", Change.member_wrote())
    clock = rig.clocks()[Kind.NEXT_RESPONSE]
    assert (clock.cycle, clock.started_at, clock.consumed) == (2, at("2026-03-02T14:00"), 0)


def test_every_public_answer_begins_a_new_regular_update(rig: Rig) -> None:
    rig.change("2026-03-02T11:00", Change.staff_replied())
    clock = rig.clocks()[Kind.REGULAR_UPDATE]
    assert (clock.cycle, clock.started_at, clock.state) == (2, at("2026-03-02T11:00"), ClockState.RUNNING)


def test_an_answer_while_the_member_is_asked_begins_an_update_that_stands_still(rig: Rig) -> None:
    rig.change("2026-03-02T11:00", Change.moved(State.PENDING_MEMBER))
    rig.change("2026-03-02T12:00", Change.staff_replied())
    clock = rig.clocks()[Kind.REGULAR_UPDATE]
    assert (clock.cycle, clock.state, clock.cause) == (2, ClockState.PAUSED, "pending_member")


def test_waiting_for_the_member_stops_lead_promise_and_update(rig: Rig) -> None:
    rig.change("2026-03-02T10:00", Change.moved(State.PENDING_MEMBER), reason="asked for the client id")
    clocks = rig.clocks()
    for kind in (Kind.LEAD, Kind.OVERALL, Kind.REGULAR_UPDATE):
        assert (clocks[kind].state, clocks[kind].consumed, clocks[kind].due_at) == (ClockState.PAUSED, 3600, None)
    rig.change("2026-03-04T10:00", Change.moved(State.OPEN))
    # Sixteen working hours of waiting: two working days later.
    assert rig.clocks()[Kind.OVERALL].due_at == at("2026-03-13T16:00")


def test_with_the_registry_the_leads_clock_stands_still_and_the_promise_runs(rig: Rig) -> None:
    rig.change("2026-03-02T10:00", Change.escalated())
    clocks = rig.clocks()
    assert clocks[Kind.LEAD].state is ClockState.PAUSED
    assert clocks[Kind.OVERALL].state is ClockState.RUNNING
    assert clocks[Kind.REGISTRY].state is ClockState.RUNNING
    assert clocks[Kind.REGISTRY_ACCEPTANCE].due_at == at("2026-03-03T22:00")  # 17:00 in New York


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (HandoverAnswer.ACCEPTED, State.ESCALATED),
        (HandoverAnswer.DECLINED, State.PENDING_LEAD),
        (HandoverAnswer.RETURNED, State.PENDING_LEAD),
    ],
)
def test_every_answer_of_the_registry_stops_the_acceptance(rig: Rig, answer: HandoverAnswer, state: State) -> None:
    rig.change("2026-03-02T10:00", Change.escalated())
    rig.change("2026-03-02T15:00", Change.handover_answered(answer, state))
    clock = rig.clocks()[Kind.REGISTRY_ACCEPTANCE]
    assert (clock.state, clock.cause, clock.consumed) == (ClockState.STOPPED, answer, 3600)


def test_time_with_the_registry_adds_up_over_several_hand_overs(rig: Rig) -> None:
    rig.change("2026-03-02T15:00", Change.escalated())
    rig.change("2026-03-02T17:00", Change.handover_answered(HandoverAnswer.RETURNED, State.PENDING_LEAD))
    rig.change("2026-03-03T15:00", Change.escalated())
    rig.change("2026-03-03T18:00", Change.handover_answered(HandoverAnswer.ACCEPTED, State.ESCALATED))
    rig.change("2026-03-03T19:00", Change.moved(State.OPEN))
    clocks = rig.clocks()
    assert (clocks[Kind.REGISTRY].consumed, clocks[Kind.REGISTRY].cycle) == (6 * 3600, 1)
    assert clocks[Kind.REGISTRY_ACCEPTANCE].cycle == 2


def test_a_hand_over_that_is_withdrawn_waits_for_no_acceptance(rig: Rig) -> None:
    rig.change("2026-03-02T15:00", Change.escalated())
    rig.change("2026-03-02T17:00", Change.moved(State.OPEN))
    assert rig.clocks()[Kind.REGISTRY_ACCEPTANCE].state is ClockState.CANCELLED


@pytest.mark.parametrize(("pauses", "state"), [(False, ClockState.RUNNING), (True, ClockState.PAUSED)])
def test_on_hold_the_promise_runs_unless_the_agreement_says_otherwise(
    cast: Cast, pauses: bool, state: ClockState
) -> None:
    rig = Rig.build(cast, at(MONDAY), hold_pauses_overall=pauses)
    rig.change("2026-03-02T10:00", Change.moved(State.ON_HOLD))
    assert rig.clocks()[Kind.LEAD].state is ClockState.PAUSED
    assert rig.clocks()[Kind.OVERALL].state is state
    assert rig.clocks()[Kind.REGULAR_UPDATE].state is ClockState.RUNNING


def test_resolved_with_an_answer_everything_is_met(rig: Rig) -> None:
    rig.change("2026-03-02T11:00", Change.resolved(public_message=True))
    assert {clock.state for clock in rig.clocks().values()} == {ClockState.STOPPED}


def test_resolved_in_silence_no_answer_is_counted(rig: Rig) -> None:
    rig.change("2026-03-02T11:00", Change.resolved(public_message=False))
    clocks = rig.clocks()
    assert clocks[Kind.FIRST_RESPONSE].state is ClockState.CANCELLED
    assert clocks[Kind.LEAD].state is ClockState.STOPPED


def test_reopened_clocks_go_on_with_what_they_consumed(rig: Rig) -> None:
    rig.change("2026-03-02T11:00", Change.resolved(public_message=True))
    rig.change("2026-03-05T11:00", Change.reopened(by_member=True))
    clocks = rig.clocks()
    for kind in (Kind.LEAD, Kind.OVERALL):
        assert (clocks[kind].cycle, clocks[kind].consumed, clocks[kind].started_at) == (2, 2 * 3600, at(MONDAY))
    assert clocks[Kind.FIRST_RESPONSE].state is ClockState.STOPPED
    assert clocks[Kind.NEXT_RESPONSE].started_at == at("2026-03-05T11:00")
    assert (clocks[Kind.REGULAR_UPDATE].cycle, clocks[Kind.REGULAR_UPDATE].consumed) == (2, 0)


def test_another_priority_gives_other_targets_from_the_same_start(rig: Rig) -> None:
    with transaction() as session:
        service.change_priority(session, rig.ticket_id, Priority.P2, actor_id=None, now=at("2026-03-02T10:00"))
    clocks = rig.clocks()
    assert clocks[Kind.FIRST_RESPONSE].due_at == at("2026-03-02T13:00")
    assert (clocks[Kind.LEAD].started_at, clocks[Kind.LEAD].due_at) == (at(MONDAY), at("2026-03-03T16:00"))


def test_a_breach_by_another_priority_is_dated_at_the_change(rig: Rig) -> None:
    with transaction() as session:
        service.change_priority(session, rig.ticket_id, Priority.P1, actor_id=None, now=at("2026-03-02T14:30"))
    assert rig.clocks()[Kind.FIRST_RESPONSE].breached_at == at("2026-03-02T14:30")
    assert rig.clocks()[Kind.LEAD].breached_at == at("2026-03-02T14:30")


def test_a_recorded_breach_is_never_taken_back(rig: Rig) -> None:
    rig.sweep("2026-03-05T09:00")
    breached = rig.clocks()[Kind.FIRST_RESPONSE].breached_at
    assert breached == at("2026-03-04T08:00")
    with transaction() as session:
        service.change_priority(session, rig.ticket_id, Priority.P4, actor_id=None, now=at("2026-03-05T10:00"))
    rig.change("2026-03-05T11:00", Change.resolved(public_message=True))
    assert rig.clocks()[Kind.FIRST_RESPONSE].breached_at == breached


def test_a_transfer_takes_tier_one_into_the_new_leads_hours_and_leaves_the_promise(rig: Rig, cast: Cast) -> None:
    promised = rig.clocks()[Kind.OVERALL].due_at
    with transaction() as session:
        tokyo = rig.add_calendar(session, "Asia/Tokyo", cast.south.id)
        service.transfer_lead(
            session,
            rig.ticket_id,
            consortium_id=cast.south.id,
            lead_calendar_id=tokyo.id,
            actor_id=None,
            now=at("2026-03-02T11:00"),
        )
    clocks = rig.clocks()
    assert clocks[Kind.LEAD].calendar_id == tokyo.id
    assert clocks[Kind.LEAD].due_at == at("2026-03-05T08:00")  # the close of the third working day, 17:00 in Tokyo
    assert clocks[Kind.OVERALL].due_at == promised
    assert rig.check() == []


def test_a_late_answer_is_late_although_nobody_had_looked(rig: Rig) -> None:
    rig.change("2026-03-04T09:00", Change.staff_replied())
    clock = rig.clocks()[Kind.FIRST_RESPONSE]
    assert (clock.state, clock.breached_at) == (ClockState.STOPPED, at("2026-03-04T08:00"))


def test_an_answer_on_saturday_is_in_time_for_friday_evening(cast: Cast) -> None:
    rig = Rig.build(cast, at("2026-03-05T09:00"))
    rig.change("2026-03-07T10:00", Change.staff_replied())
    assert rig.clocks()[Kind.FIRST_RESPONSE].breached_at is None


def test_merging_ends_the_source_and_hands_over_the_older_question(rig: Rig, cast: Cast) -> None:
    other = Rig.build(cast, at("2026-03-02T09:00"), consortium=rig)
    for each in (rig, other):
        each.change("2026-03-02T10:00", Change.staff_replied())
    rig.change("2026-03-02T11:00", Change.member_wrote())
    other.change("2026-03-02T12:00", Change.member_wrote())
    with transaction() as session:
        service.merge_clocks(session, rig.ticket_id, other.ticket_id, actor_id=None, now=at("2026-03-02T13:00"))
    assert rig.clocks()[Kind.NEXT_RESPONSE].state is ClockState.CANCELLED
    assert not [clock for clock in rig.clocks().values() if clock.state in (ClockState.RUNNING, ClockState.PAUSED)]
    assert other.clocks()[Kind.NEXT_RESPONSE].started_at == at("2026-03-02T11:00")
    rig.sweep("2026-04-02T13:00")
    assert rig.clocks()[Kind.OVERALL].breached_at is None
    assert rig.check() == []


def test_holidays_of_the_calendar_edit_move_running_clocks_and_the_member_is_told(rig: Rig, session: Session) -> None:
    rig.edit_calendar("2026-03-02T10:00", holidays=["2026-03-03"])
    clocks = rig.clocks()
    assert clocks[Kind.FIRST_RESPONSE].due_at == at("2026-03-04T16:00")
    assert clocks[Kind.OVERALL].due_at == at("2026-03-12T16:00")
    told = session.scalars(sa.select(Event).where(Event.kind == "promise_moved")).one()
    assert told.payload["before"] == "2026-03-11T16:00:00+00:00"
    assert told.payload["due_at"] == "2026-03-12T16:00:00+00:00"


def test_the_past_keeps_the_hours_it_was_measured_with(rig: Rig, session: Session) -> None:
    rig.edit_calendar("2026-03-02T14:00", weekly_hours={day: [["14:00", "15:00"]] for day in WEEKDAYS})
    rig.change("2026-03-03T14:00", Change.moved(State.PENDING_MEMBER))
    assert rig.clocks()[Kind.LEAD].consumed == 5 * 3600 + 3600
    segments = session.scalars(
        sa.select(ClockSegment).where(ClockSegment.kind == Kind.LEAD).order_by(ClockSegment.id)
    ).all()
    assert [segment.seconds for segment in segments] == [5 * 3600, 3600]
    assert len({segment.calendar_version_id for segment in segments}) == 2


def test_a_version_for_a_later_day_counts_from_that_day_on(rig: Rig, session: Session) -> None:
    rig.edit_calendar("2026-03-02T10:00", effective_from=at("2026-03-03T00:00"), holidays=["2026-03-03", "2026-03-04"])
    assert rig.clocks()[Kind.FIRST_RESPONSE].due_at == at("2026-03-05T16:00")
    rig.change("2026-03-05T10:00", Change.moved(State.PENDING_MEMBER))
    segments = session.scalars(
        sa.select(ClockSegment).where(ClockSegment.kind == Kind.LEAD).order_by(ClockSegment.id)
    ).all()
    assert [(s.from_at, s.until_at) for s in segments] == [
        (at("2026-03-02T09:00"), at("2026-03-02T10:00")),
        (at("2026-03-02T10:00"), at("2026-03-03T00:00")),
        (at("2026-03-03T00:00"), at("2026-03-05T10:00")),
    ]
    assert rig.check() == []


def test_the_past_cannot_be_edited(rig: Rig) -> None:
    with pytest.raises(InvalidInput):
        rig.edit_calendar("2026-03-02T10:00", effective_from=at("2026-03-01T00:00"), holidays=[])


def test_only_the_partys_manager_edits_its_calendar(rig: Rig, cast: Cast) -> None:
    for person, allowed in ((cast.lena, True), (cast.leo, False), (cast.sofia, False), (cast.alice, False)):
        actor = cast.actor(person)
        if allowed:
            rig.edit_calendar("2026-03-02T10:00", holidays=[], actor=actor)
        else:
            with pytest.raises(NotPermitted):
                rig.edit_calendar("2026-03-02T10:00", holidays=[], actor=actor)


def test_a_calendar_that_never_opens_promises_no_date_and_says_so(rig: Rig, session: Session) -> None:
    rig.edit_calendar("2026-03-02T10:00", weekly_hours={})
    clock = rig.clocks()[Kind.LEAD]
    assert (clock.state, clock.due_at, clock.breach_at) == (ClockState.RUNNING, None, None)
    line = next(
        line for line in queries.lines(session, rig.ticket_id, at("2026-03-09T10:00")) if line.kind is Kind.LEAD
    )
    assert line.misconfigured
    assert not line.is_late


def test_another_agreement_gives_every_live_clock_its_targets(rig: Rig) -> None:
    rig.edit_agreement("2026-03-02T10:00", {Kind.LEAD: {"minutes": 120}})
    clocks = rig.clocks()
    assert clocks[Kind.LEAD].due_at == at("2026-03-02T11:00")
    assert (clocks[Kind.FIRST_RESPONSE].due_at, clocks[Kind.FIRST_RESPONSE].target) == (None, {})
    assert rig.check() == []


def test_without_a_calendar_nothing_is_measured_and_nothing_fails(cast: Cast, session: Session) -> None:
    rig = Rig.build(cast, at(MONDAY), calendars=False)
    rig.change("2026-03-02T10:00", Change.staff_replied())
    rig.change("2026-03-02T10:00", Change.escalated())
    assert rig.clocks() == {}
    assert rig.check() == []


def test_a_ticket_without_clocks_is_not_found(app: object) -> None:
    with pytest.raises(NotFound), transaction() as session:
        service.lock(session, 1)


def test_a_machine_whose_clock_is_behind_does_not_write_before_what_is_written(rig: Rig) -> None:
    rig.change("2026-03-02T11:00", Change.moved(State.PENDING_MEMBER))
    rig.change("2026-03-02T10:59", Change.moved(State.OPEN))
    clock = rig.clocks()[Kind.LEAD]
    assert (clock.consumed, clock.running_since) == (2 * 3600, at("2026-03-02T11:00"))
    assert rig.check() == []


def test_pauses_within_one_minute_count_to_the_second(rig: Rig) -> None:
    start = at(MONDAY)
    for second, state in ((5, State.PENDING_MEMBER), (20, State.OPEN), (40, State.PENDING_MEMBER)):
        rig.apply(start + timedelta(seconds=second, milliseconds=700), Change.moved(state))
    assert rig.clocks()[Kind.LEAD].consumed == 25


def test_the_account_names_every_stretch_every_pause_with_its_reason_and_the_way_to_the_date(
    rig: Rig, cast: Cast, session: Session
) -> None:
    rig.change("2026-03-02T10:00", Change.moved(State.PENDING_MEMBER), reason="the client id", actor_id=cast.leo.id)
    rig.change("2026-03-03T09:00", Change.moved(State.OPEN))
    accounts = {a.clock.kind: a for a in queries.account(session, rig.ticket_id, at("2026-03-03T10:00"))}
    lead = accounts[Kind.LEAD]
    assert [(s.ran, s.seconds, s.cause, s.reason) for s in lead.stretches] == [
        (True, 3600, "", None),
        (False, 0, "pending_member", "the client id"),
        (True, 3600, "", None),
    ]
    assert lead.stretches[1].actor_id == cast.leo.id
    assert (lead.stretches[1].start, lead.stretches[1].end) == (at("2026-03-02T10:00"), at("2026-03-03T09:00"))
    assert lead.clock.target_seconds is not None
    assert sum(step.seconds for step in lead.steps) == lead.clock.target_seconds - lead.clock.consumed
    assert lead.steps[-1].end == lead.clock.due_at
    assert lead.next_opening == at("2026-03-03T10:00")
    # As it stood the day before, although more is known now.
    before = {a.clock.kind: a for a in queries.account(session, rig.ticket_id, at("2026-03-02T09:30"))}
    assert (before[Kind.LEAD].clock.consumed, before[Kind.LEAD].clock.due_at) == (1800, at("2026-03-05T16:00"))


def test_clocks_of_many_tickets_are_one_query(rig: Rig, cast: Cast, session: Session) -> None:
    others = [Rig.build(cast, at(MONDAY), consortium=rig) for _ in range(3)]
    with counted_queries() as counted:
        found = queries.clocks_of(session, [rig.ticket_id, *(other.ticket_id for other in others)])
    assert len(counted) == 1
    assert [len(clocks) for clocks in found.values()] == [4, 4, 4, 4]


def test_public_holidays_are_kept_with_their_names(cast: Cast) -> None:
    with transaction() as session:
        calendar = calendars.add_calendar(
            session,
            SYSTEM,
            name="Berlin",
            spec={"tz": "Europe/Berlin", "weekly_hours": {"mon": [["09:00", "17:00"]]}},
            country="DE",
            subdivision="BE",
            consortium_id=cast.north.id,
            now=datetime(2026, 1, 1, tzinfo=UTC),
        )
        assert isinstance(calendar, Calendar)
        found = calendar_queries.history(session, calendar.id)
    assert found is not None
    assert not found.is_open(at("2026-04-06T10:00"))  # Easter Monday
    assert found.is_open(at("2026-04-13T10:00"))


def test_every_event_of_a_clock_is_kept(rig: Rig, session: Session) -> None:
    rig.change("2026-03-02T10:00", Change.moved(State.PENDING_MEMBER))
    rig.change("2026-03-02T11:00", Change.moved(State.OPEN))
    rows = session.scalars(sa.select(ClockEvent).where(ClockEvent.kind == Kind.LEAD).order_by(ClockEvent.id)).all()
    assert [row.type for row in rows] == [EventType.STARTED, EventType.PAUSED, EventType.RESUMED]
    assert [row.seconds for row in rows] == [None, 3600, None]
    assert rows[0].target_seconds == 7 * 3600 + 3 * 8 * 3600
    assert session.scalar(sa.select(sa.func.count()).select_from(Clock)) == 4
