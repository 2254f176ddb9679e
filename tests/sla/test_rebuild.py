"""Whatever is stored besides the events: bent in any column, it is reported, and put right where events can say how."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.corrections import queries, service
from desk.corrections.models import Objection, ObjectionState, Party
from desk.db import Base, transaction
from desk.domain.clocks import ClockState, EventType
from desk.domain.lifecycle import State
from desk.domain.priority import Priority
from desk.domain.sla import Change, Kind
from desk.sla.models import Clock, ClockEvent, ClockSegment, ClockSet
from desk.sla.service import rebuild
from tests.cast import Cast
from tests.sla.rig import Rig, at, office_hours

MONDAY = "2026-03-02T09:00"


@pytest.fixture
def rig(cast: Cast) -> Rig:
    """With something of everything: a pause, two versions in one stretch, two cycles, a breach, a correction."""
    rig = Rig.build(cast, at(MONDAY))
    rig.change("2026-03-02T10:00", Change.moved(State.PENDING_MEMBER))
    rig.change("2026-03-02T12:00", Change.moved(State.OPEN))
    rig.edit_calendar("2026-03-02T13:00", effective_from=at("2026-03-03T00:00"), holidays=["2026-03-04"])
    rig.change("2026-03-05T10:00", Change.resolved(public_message=True))
    rig.change("2026-03-06T09:00", Change.reopened(by_member=True))
    rig.change("2026-03-06T10:00", Change.escalated())
    number = object_to(rig, cast)
    with transaction() as session:
        service.decide(
            session,
            cast.actor(cast.lena),
            objection_id=number,
            confirm=True,
            answer="You are right",
            now=at("2026-03-06T12:00"),
        )
    rig.sweep("2026-03-20T10:00")
    assert faults() == []
    return rig


def object_to(rig: Rig, cast: Cast) -> int:
    with transaction() as session:
        return service.object_to(
            session,
            cast.actor(cast.alice),
            ticket_id=rig.ticket_id,
            party=Party.MEMBER,
            kind=Kind.OVERALL,
            from_at=at("2026-03-02T10:00"),
            text="I had answered",
            now=at("2026-03-06T11:00"),
        ).id


def faults(check: bool = True) -> list[str]:
    with transaction() as session:
        return [*rebuild(session, check=check), *queries.that_differ(session)]


def bend(model: type[Base], row_id: int, values: Mapping[str, Any]) -> None:
    with transaction() as session:
        key = sa.inspect(model).primary_key[0]
        session.execute(sa.update(model).where(key == row_id).values(values))


CLOCK: dict[str, Any] = {
    "current": False,
    "state": ClockState.CANCELLED,
    "cause": "whim",
    "target": {"minutes": 7},
    "target_seconds": 7,
    "started_at": at("2026-01-01T00:00"),
    "consumed": 7,
    "running_since": at("2026-01-01T00:00"),
    "stopped_at": at("2026-01-01T00:00"),
    "due_at": at("2026-01-01T00:00"),
    "warn_at": at("2026-01-01T00:00"),
    "warn_percent": 7,
    "breach_at": at("2026-01-01T00:00"),
    "breached_at": at("2026-01-01T00:00"),
    "next_at": at("2026-01-01T00:00"),
}


def test_every_projected_column_is_compared_and_put_right(rig: Rig, session: Session) -> None:
    found = sa.select(Clock.id).where(Clock.kind == Kind.OVERALL, Clock.current)
    clock_id = session.scalars(found).one()
    others = {"id", "ticket_id", "kind", "cycle", "calendar_id", "calendar_version_id"}
    assert set(CLOCK) == {column.key for column in sa.inspect(Clock).column_attrs} - others
    for name, value in CLOCK.items():
        bend(Clock, clock_id, {name: value})
        assert [line for line in faults() if f"overall 2: {name} is" in line], name
        faults(check=False)
        assert faults() == [], name
    with transaction() as unit:
        another = rig.add_calendar(unit, "Asia/Tokyo", rig.cast.south.id).id
    for name, value in (("calendar_id", another), ("calendar_version_id", 1)):
        bend(Clock, clock_id, {name: value})
        assert [line for line in faults() if f"overall 2: {name} is" in line], name
        faults(check=False)
        assert faults() == [], name


def test_a_clock_of_another_kind_or_cycle_is_one_too_few_and_one_too_many(rig: Rig, session: Session) -> None:
    clock_id = session.scalars(sa.select(Clock.id).where(Clock.kind == Kind.OVERALL, Clock.current)).one()
    for wrong in ({"cycle": 9}, {"kind": Kind.REGISTRY, "cycle": 9}):
        bend(Clock, clock_id, wrong)
        lines = faults()
        assert any("overall 2: state is None" in line for line in lines)
        assert any("9: stored, but nothing says that it started" in line for line in lines)
        faults(check=False)
        assert faults() == []
        clock_id = session.scalars(sa.select(Clock.id).where(Clock.kind == Kind.OVERALL, Clock.current)).one()


def test_every_stored_segment_is_compared_in_every_column(rig: Rig, session: Session) -> None:
    with transaction() as unit:
        tokyo = rig.add_calendar(unit, "Asia/Tokyo", rig.cast.south.id).id
    another = Rig.build(rig.cast, at("2026-03-06T09:00"), consortium=rig).ticket_id
    foreign = session.scalars(sa.text(f"SELECT id FROM calendar_version WHERE calendar_id = {tokyo}")).one()
    segments = session.scalars(sa.select(ClockSegment).order_by(ClockSegment.id)).all()
    assert len(segments) >= 12
    last_event = session.scalars(sa.select(sa.func.max(ClockEvent.id))).one()
    for segment in [(s.id, s.from_at, s.until_at, s.seconds, s.cycle, s.kind) for s in segments]:
        row_id, from_at, until_at, seconds, cycle, kind = segment
        day = timedelta(days=30)
        wrong: dict[str, Any] = {
            "ticket_id": another,
            "kind": Kind.LEAD if kind is not Kind.LEAD else Kind.OVERALL,
            "cycle": cycle + 1,
            "from_at": from_at - day,
            "until_at": until_at + day,
            "seconds": seconds + 60,
            "closed_by": last_event,
        }
        right = {name: getattr(session.get_one(ClockSegment, row_id), name) for name in [*wrong, "calendar_version_id"]}
        is_difference = is_of(session, right["closed_by"], EventType.REMEASURED)
        if not is_difference:
            wrong["calendar_version_id"] = foreign
        for name, value in wrong.items():
            bend(ClockSegment, row_id, {name: value})
            assert faults() != [], (name, segment)
            bend(ClockSegment, row_id, {name: right[name]})
    assert faults() == []


def is_of(session: Session, event_id: int, type_: EventType) -> bool:
    return session.get_one(ClockEvent, event_id).type is type_


def test_two_segments_that_lend_each_other_a_minute_are_seen(rig: Rig, session: Session) -> None:
    two = next(
        rows
        for event_id in session.scalars(sa.select(ClockEvent.id).order_by(ClockEvent.id))
        if len(rows := session.scalars(sa.select(ClockSegment).where(ClockSegment.closed_by == event_id)).all()) > 1
    )
    for row, more in zip(two, (60, -60), strict=False):
        bend(ClockSegment, row.id, {"seconds": row.seconds + more})
    assert len(faults()) == 1
    faults(check=False)
    assert faults() == []


def test_lost_segments_are_written_again_but_not_differences(rig: Rig, session: Session) -> None:
    def lose(type_: EventType) -> None:
        with transaction() as unit:
            chosen = sa.select(ClockEvent.id).where(ClockEvent.type == type_)
            unit.execute(sa.delete(ClockSegment).where(ClockSegment.closed_by.in_(chosen)))

    lose(EventType.PAUSED)
    assert len(faults()) == 2 * 4  # of four events: the time, and the stretches
    faults(check=False)
    assert faults() == []
    lose(EventType.REMEASURED)
    lost = faults()
    assert all("it measured 7200 s, its segments add up to 0 s" in line for line in lost)
    assert faults(check=False) == faults() == lost != []


def test_what_is_kept_of_the_ticket_is_compared_too(rig: Rig, session: Session) -> None:
    calendars = ("promise_calendar_id", "registry_calendar_id", "last_at")
    for name, value in zip(calendars, (rig.registry_calendar_id, rig.lead_calendar_id, at(MONDAY)), strict=True):
        bend(ClockSet, rig.ticket_id, {name: value})
        assert [line for line in faults() if name in line], name
        faults(check=False)
        assert faults() == [], name
    told = {"state": State.NEW, "priority": Priority.P1, "consortium_id": rig.cast.south.id}
    for name, value in told.items():
        row = session.get_one(ClockSet, rig.ticket_id)
        right = getattr(row, name)
        bend(ClockSet, rig.ticket_id, {name: value})
        assert [line for line in faults() if f"its clocks were told {name}" in line], name
        bend(ClockSet, rig.ticket_id, {name: right})
    assert faults() == []


def test_an_objection_is_confirmed_if_and_only_if_its_stretch_was_measured_again(rig: Rig, session: Session) -> None:
    number = session.scalars(sa.select(Objection.id)).one()
    bend(Objection, number, {"state": ObjectionState.REFUSED})
    assert "is refused, but its stretch was measured again" in faults()[0]
    bend(Objection, number, {"state": ObjectionState.CONFIRMED, "until_at": at("2026-03-02T11:00")})
    assert "is confirmed, but its stretch was not measured again" in faults()[0]


def test_a_correction_of_the_calendar_leaves_nothing_to_put_right(rig: Rig) -> None:
    with transaction() as session:
        service.remeasure(
            session,
            rig.cast.actor(rig.cast.lena),
            calendar_id=rig.lead_calendar_id,
            from_at=at("2026-03-01T23:00"),
            until_at=at("2026-03-05T23:00"),
            reason="We were open longer",
            spec=office_hours("Europe/Berlin", weekly_hours={"mon": [["06:00", "20:00"]], "wed": [["09:00", "13:00"]]}),
            now=at("2026-03-20T12:00"),
        )
    assert faults() == []
