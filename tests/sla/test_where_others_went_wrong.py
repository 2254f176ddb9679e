"""What help desks have shown wrongly, each as a test of the real service.

Also elsewhere: a late answer met because nobody had looked (``test_service``), news at midnight (``tests/mail``),
exclusions that shorten the wait (law 5, ``tests/domain``).
"""

import time
from datetime import datetime

import pytest
from sqlalchemy.orm import Session

from desk.accounts.models import Team
from desk.db import db, transaction
from desk.domain.lifecycle import State
from desk.domain.permissions import SYSTEM
from desk.domain.priority import Priority
from desk.domain.sla import Change, Kind
from desk.sla import queries, service
from desk.working_hours import service as working_hours
from tests.cast import Cast
from tests.sla.rig import Rig, at

MONDAY = "2026-03-02T09:00"  # ten o'clock in Berlin
RUNS = {
    State.OPEN: {Kind.LEAD, Kind.OVERALL},
    State.PENDING_MEMBER: set(),
    State.PENDING_LEAD: {Kind.LEAD, Kind.OVERALL},
    State.ON_HOLD: {Kind.OVERALL},
    State.ESCALATED: {Kind.REGISTRY, Kind.REGISTRY_ACCEPTANCE, Kind.OVERALL},
}


@pytest.fixture
def rig(cast: Cast) -> Rig:
    return Rig.build(cast, at(MONDAY))


def due(rig: Rig, kind: Kind) -> datetime | None:
    return rig.clocks()[kind].due_at


def test_no_edit_of_hours_priority_or_team_leaves_a_stored_date_stale(rig: Rig, cast: Cast) -> None:
    assert due(rig, Kind.LEAD) == at("2026-03-05T16:00")
    rig.edit_calendar("2026-03-02T10:00", holidays=["2026-03-03"])
    assert due(rig, Kind.LEAD) == at("2026-03-06T16:00")
    with transaction() as session:
        service.change_priority(session, rig.ticket_id, Priority.P2, actor_id=None, now=at("2026-03-02T10:30"))
    assert due(rig, Kind.LEAD) == at("2026-03-04T16:00")
    with transaction() as session:
        team = session.get_one(Team, cast.north_desk.id)
        team.calendar_id = rig.lead_calendar_id
        other = rig.add_calendar(session, "Pacific/Auckland", cast.north.id)
        working_hours.set_team_calendar(
            session, SYSTEM, team_id=team.id, calendar_id=other.id, now=at("2026-03-02T11:00")
        )
    assert due(rig, Kind.LEAD) == at("2026-03-03T04:00")  # Tuesday at 17:00 in Auckland
    assert due(rig, Kind.OVERALL) == at("2026-03-06T16:00")  # the promise stays in the hours it was made in
    assert rig.check() == []


def test_the_second_tier_does_not_inherit_a_spent_clock(rig: Rig) -> None:
    rig.change("2026-03-09T15:00", Change.escalated())
    clocks = rig.clocks()
    assert clocks[Kind.LEAD].breached_at == at("2026-03-06T08:00")
    assert (clocks[Kind.REGISTRY].consumed, clocks[Kind.REGISTRY].started_at) == (0, at("2026-03-09T15:00"))
    assert clocks[Kind.REGISTRY].breached_at is None
    assert clocks[Kind.REGISTRY_ACCEPTANCE].due_at == at("2026-03-10T21:00")  # Tuesday 17:00 in New York


@pytest.mark.parametrize("state", list(RUNS))
def test_a_state_pauses_what_it_stands_for_and_not_what_it_is_called(rig: Rig, state: State) -> None:
    rig.change("2026-03-02T10:00", Change.staff_replied())
    rig.change("2026-03-02T10:00", Change.escalated() if state is State.ESCALATED else Change.moved(state))
    running = {kind for kind, clock in rig.clocks().items() if clock.running_since is not None}
    assert running - {Kind.REGULAR_UPDATE} == RUNS[state]


def test_a_pause_is_counted_to_the_second(rig: Rig) -> None:
    rig.change("2026-03-02T10:00:29", Change.moved(State.PENDING_MEMBER))
    rig.change("2026-03-02T10:01:06", Change.moved(State.OPEN))
    rig.change("2026-03-02T11:00", Change.moved(State.PENDING_MEMBER))
    assert rig.clocks()[Kind.LEAD].consumed == 2 * 3600 - 37


def test_a_pause_over_the_weekend_gives_back_working_hours_and_no_others(rig: Rig) -> None:
    assert due(rig, Kind.OVERALL) == at("2026-03-11T16:00")
    rig.change("2026-03-06T15:00", Change.moved(State.PENDING_MEMBER))  # Friday at 16:00 in Berlin
    rig.change("2026-03-09T09:00", Change.moved(State.OPEN))  # Monday at 10:00
    assert due(rig, Kind.OVERALL) == at("2026-03-12T10:00")  # two hours later, not sixty-six


def test_a_day_has_as_many_windows_as_it_needs(rig: Rig) -> None:
    week = ("mon", "tue", "wed", "thu", "fri")
    hours = {day: [["08:00", "10:00"], ["11:00", "12:30"], ["14:00", "18:30"]] for day in week}
    rig.edit_calendar("2026-03-02T09:00", weekly_hours=hours)
    rig.change("2026-03-02T17:00", Change.moved(State.PENDING_MEMBER))  # Monday at 18:00 in Berlin, opened at 10:00
    assert rig.clocks()[Kind.LEAD].consumed == (90 + 240) * 60


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"])
def test_hours_follow_the_party_and_neither_the_server_nor_the_viewer(
    cast: Cast, session: Session, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        rig = Rig.build(cast, at(MONDAY))
        lines = {line.kind: line for line in queries.lines(db.session(), rig.ticket_id, at("2026-03-02T10:00"))}
        session.rollback()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert lines[Kind.LEAD].due_at == at("2026-03-05T16:00")
    assert lines[Kind.LEAD].tz == "Europe/Berlin"
    assert lines[Kind.LEAD].consumed == 3600


def test_a_holiday_is_a_date_of_the_partys_own_zone(rig: Rig) -> None:
    # In Auckland the 3rd of March begins on the 2nd at eleven in UTC.
    rig.edit_calendar("2026-03-02T09:00", tz="Pacific/Auckland", holidays=["2026-03-03"])
    rig.change("2026-03-03T03:00", Change.moved(State.PENDING_MEMBER))  # the 3rd at 16:00, there
    assert rig.clocks()[Kind.LEAD].consumed == 0
    rig.change("2026-03-03T20:00", Change.moved(State.OPEN))  # the 4th at 09:00
    rig.change("2026-03-03T21:00", Change.moved(State.PENDING_MEMBER))
    assert rig.clocks()[Kind.LEAD].consumed == 3600
