"""Versions over time: dated ahead, carried out late or early, by a sweep or by whoever is first at a ticket."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.agreements import queries, service
from desk.agreements.service import Draft
from desk.calendars import service as calendars
from desk.calendars.models import AgreementVersion
from desk.calendars.queries import agreement_in_force
from desk.db import db, transaction
from desk.domain.errors import Conflict, InvalidInput, NotFound, NotPermitted
from desk.domain.lifecycle import State
from desk.domain.permissions import SYSTEM
from desk.domain.priority import Priority
from desk.domain.sla import Change, Kind
from desk.domain.targets import (
    DEFAULT_CONSORTIUM_TARGETS,
    DEFAULT_LADDER,
    Ladder,
    Target,
    Told,
    hours,
)
from desk.events.models import Event
from desk.sla import service as sla
from desk.sla.models import ClockEvent, ClockSet
from tests.cast import Cast
from tests.sla.rig import Rig, at

OPENED = at("2026-03-04T09:00")  # Wednesday, 10:00 in Berlin


def promised(rig: Rig, when: str, first_response: Target, begins: str | None = None, **more: Any) -> int:
    """Another version: a first response of every priority, and a lead's day."""
    row = {Kind.FIRST_RESPONSE: first_response, Kind.OVERALL: hours(16), Kind.LEAD: hours(8)}
    with transaction() as session:
        return service.save_agreement_version(
            session,
            SYSTEM,
            agreement_id=rig.agreement_id,
            targets=dict.fromkeys(Priority, row),
            ladder=more.pop("ladder", DEFAULT_LADDER),
            effective_from=at(begins) if begins else None,
            now=at(when),
            **more,
        ).id


def carry_out(when: str) -> int:
    done = 0
    while True:
        with transaction() as session:
            count = service.carry_out(session, at(when), 50)
        if not count:
            return done
        done += count


def events(session: Session, rig: Rig, kind: Kind) -> list[tuple[str, datetime]]:
    wanted = sa.select(ClockEvent).where(ClockEvent.ticket_id == rig.ticket_id, ClockEvent.kind == kind)
    return [(row.type.value, row.at) for row in session.scalars(wanted.order_by(ClockEvent.id))]


def stored(session: Session, rig: Rig) -> list[Any]:
    """Everything that is known of the ticket's clocks, except when it was written down."""
    session.expire_all()
    wanted = sa.select(ClockEvent).where(ClockEvent.ticket_id == rig.ticket_id)
    found = [
        (row.kind.value, row.type.value, row.at, row.target, row.seconds)
        for row in session.scalars(wanted.order_by(ClockEvent.id))
    ]
    return [sorted(map(repr, found)), {k: (c.due_at, c.breached_at, c.target) for k, c in rig.clocks().items()}]


def test_a_version_dated_ahead_changes_nothing_before_its_moment(cast: Cast, session: Session) -> None:
    rig = Rig.build(cast, OPENED)
    before = stored(session, rig)
    promised(rig, "2026-03-04T09:30", hours(2), begins="2026-03-04T12:00")
    assert carry_out("2026-03-04T11:59") == 0
    assert stored(session, rig) == before
    with transaction() as unit:
        assert agreement_in_force(unit, at("2026-03-04T11:59"), consortium_id=cast.north.id) != agreement_in_force(
            unit, at("2026-03-04T12:00"), consortium_id=cast.north.id
        )


def test_its_moment_gives_running_clocks_their_targets_from_the_same_start(cast: Cast, session: Session) -> None:
    rig = Rig.build(cast, OPENED)
    promised(rig, "2026-03-04T09:30", hours(2), begins="2026-03-04T10:00")
    assert carry_out("2026-03-04T10:00") == 1
    clock = rig.clocks()[Kind.FIRST_RESPONSE]
    assert (clock.started_at, clock.due_at) == (OPENED, at("2026-03-04T11:00"))
    assert ("retargeted", at("2026-03-04T10:00")) in events(session, rig, Kind.FIRST_RESPONSE)
    assert rig.check() == []


def test_who_is_late_by_it_is_late_from_its_moment_and_never_before(cast: Cast, session: Session) -> None:
    rig = Rig.build(cast, OPENED)
    promised(rig, "2026-03-04T09:30", hours(1), begins="2026-03-04T12:00")
    carry_out("2026-03-04T15:00")
    assert rig.clocks()[Kind.FIRST_RESPONSE].breached_at == at("2026-03-04T12:00")


LATE: dict[str, Callable[[Rig], Any]] = {
    "the sweep of agreements in time": lambda rig: carry_out("2026-03-04T12:00"),
    "the sweep of agreements a day late": lambda rig: carry_out("2026-03-05T12:00"),
    "the sweep of clocks": lambda rig: rig.sweep("2026-03-04T13:30"),
    "nobody before the answer": lambda rig: None,
}


@pytest.mark.parametrize("first", LATE)
def test_whoever_comes_first_the_result_is_the_same(cast: Cast, session: Session, first: str) -> None:
    rig = Rig.build(cast, OPENED)
    promised(rig, "2026-03-04T09:30", hours(1), begins="2026-03-04T12:00")
    LATE[first](rig)
    when = "2026-03-05T12:30" if "day late" in first else "2026-03-04T14:00"
    rig.change(when, Change.staff_replied())
    carry_out("2026-03-06T12:00")
    clock = rig.clocks()[Kind.FIRST_RESPONSE]
    assert clock.breached_at == at("2026-03-04T12:00")
    assert [e for e in events(session, rig, Kind.FIRST_RESPONSE) if e[0] in ("retargeted", "breached")] == [
        ("retargeted", at("2026-03-04T12:00")),
        ("breached", at("2026-03-04T12:00")),
    ]
    assert rig.check() == []


@pytest.mark.parametrize("swept", [True, False])
def test_what_somebody_does_later_does_not_reach_back_to_its_moment(cast: Cast, session: Session, swept: bool) -> None:
    """A priority and a state that came after the version must not be taken for those at its moment."""
    rig = Rig.build(cast, OPENED)
    row = {Kind.OVERALL: hours(40), Kind.FIRST_RESPONSE: hours(30)}
    with transaction() as unit:
        service.save_agreement_version(
            unit,
            SYSTEM,
            agreement_id=rig.agreement_id,
            targets={Priority.P3: row, Priority.P1: {kind: hours(1) for kind in row}},
            ladder=DEFAULT_LADDER,
            hold_pauses_overall=True,
            effective_from=at("2026-03-04T10:00"),
            now=OPENED,
        )
    if swept:
        carry_out("2026-03-04T10:00")
    with transaction() as unit:
        sla.change_priority(unit, rig.ticket_id, Priority.P1, actor_id=None, now=at("2026-03-04T12:00"))
    rig.change("2026-03-04T13:00", Change.moved(State.ON_HOLD))
    assert rig.clocks()[Kind.FIRST_RESPONSE].breached_at == at("2026-03-04T12:00"), "late by the priority, not before"
    paused = [moment for kind, moment in events(session, rig, Kind.OVERALL) if kind == "paused"]
    assert paused == [at("2026-03-04T13:00")]
    assert rig.check() == []


@pytest.mark.parametrize("swept", [True, False])
def test_a_hold_that_began_later_pauses_then(cast: Cast, session: Session, swept: bool) -> None:
    rig = Rig.build(cast, OPENED)
    promised(rig, "2026-03-04T09:30", hours(7), begins="2026-03-04T10:00", hold_pauses_overall=True)
    if swept:
        carry_out("2026-03-04T10:00")
    rig.change("2026-03-04T13:00", Change.moved(State.ON_HOLD))
    paused = [moment for kind, moment in events(session, rig, Kind.OVERALL) if kind == "paused"]
    assert paused == [at("2026-03-04T13:00")]


def test_of_several_versions_each_holds_from_its_own_moment_whenever_they_are_carried_out(
    cast: Cast, session: Session
) -> None:
    rig = Rig.build(cast, OPENED)
    promised(rig, "2026-03-04T09:10", hours(1), begins="2026-03-04T11:00")  # late from eleven
    promised(rig, "2026-03-04T09:20", hours(7), begins="2026-03-04T12:00")
    carry_out("2026-03-04T12:30")
    clock = rig.clocks()[Kind.FIRST_RESPONSE]
    assert clock.breached_at == at("2026-03-04T11:00"), "what was broken between the two stays broken"
    assert clock.target == {"minutes": 420}
    retargeted = [moment for kind, moment in events(session, rig, Kind.FIRST_RESPONSE) if kind == "retargeted"]
    assert retargeted == [at("2026-03-04T11:00"), at("2026-03-04T12:00")]


def test_a_version_saved_later_for_an_earlier_moment_does_not_outlive_the_one_dated_ahead(
    cast: Cast, session: Session
) -> None:
    rig = Rig.build(cast, OPENED)
    ahead = promised(rig, "2026-03-04T09:10", hours(3), begins="2026-03-05T10:00")
    now = promised(rig, "2026-03-04T09:20", hours(5))
    assert session.get_one(ClockSet, rig.ticket_id).agreement_version_id == now
    carry_out("2026-03-05T10:01")
    session.expire_all()
    assert session.get_one(ClockSet, rig.ticket_id).agreement_version_id == ahead


def test_a_ticket_that_was_over_goes_on_under_what_is_in_force_when_it_is_reopened(
    cast: Cast, session: Session
) -> None:
    rig = Rig.build(cast, OPENED)
    rig.change("2026-03-04T10:00", Change.resolved(public_message=True))
    promised(rig, "2026-03-04T10:30", hours(2))
    rig.change("2026-03-04T12:00", Change.reopened(State.OPEN, by_member=True))
    assert rig.clocks()[Kind.LEAD].target == {"minutes": 480}
    assert rig.check() == []


def test_a_rung_that_is_passed_when_it_is_invented_warns_then_and_not_before(cast: Cast, session: Session) -> None:
    rig = Rig.build(cast, OPENED)
    target = {Kind.FIRST_RESPONSE: {"minutes": 240}}
    rig.edit_agreement("2026-03-04T09:01", target)
    row = {kind: Target.from_json(value) for kind, value in target.items()}
    with transaction() as unit:
        service.save_agreement_version(
            unit,
            SYSTEM,
            agreement_id=rig.agreement_id,
            targets=dict.fromkeys(Priority, row),
            ladder=Ladder(((10, (Told.TEAM,)), (90, (Told.TEAM,))), (Told.TEAM,)),
            now=at("2026-03-04T10:00"),
        )
    warned = [moment for kind, moment in events(session, rig, Kind.FIRST_RESPONSE) if kind == "warned"]
    assert warned == [at("2026-03-04T10:00")]


def test_a_version_is_marked_when_no_live_ticket_is_left_under_an_older_one(cast: Cast, session: Session) -> None:
    rig = Rig.build(cast, OPENED)
    version = promised(rig, "2026-03-04T09:30", hours(2), begins="2026-03-04T10:00")
    carry_out("2026-03-04T10:00")
    assert session.get_one(AgreementVersion, version).carried_out_at is None, "one opened this second may be seen late"
    carry_out("2026-03-04T10:02")
    session.expire_all()
    assert session.get_one(AgreementVersion, version).carried_out_at == at("2026-03-04T10:02")
    assert queries.to_carry_out(session, at("2026-03-04T11:00")) == []


def test_any_number_of_processes_carry_it_out_once(app: Flask, cast: Cast, session: Session) -> None:
    first = Rig.build(cast, OPENED)
    for _ in range(7):
        Rig.build(cast, OPENED, consortium=first)
    promised(first, "2026-03-04T09:30", hours(2), begins="2026-03-04T10:00")
    gate, failures = threading.Barrier(3), []

    def sweep() -> None:
        try:
            with app.app_context():
                gate.wait(20)
                for _ in range(12):
                    with transaction() as unit:
                        service.carry_out(unit, at("2026-03-04T10:00"), 1)
                db.session.remove()
        except Exception as error:  # a thread's failure must reach the test
            failures.append(error)

    threads = [threading.Thread(target=sweep) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    with transaction() as unit:
        wanted = sa.select(ClockEvent.ticket_id).where(ClockEvent.type == "retargeted", ClockEvent.kind == Kind.LEAD)
        done = unit.scalars(wanted).all()
    assert len(done) == len(set(done)) == 8


def test_a_ticket_that_somebody_works_on_is_left_to_them_and_is_none_in_the_way_of_others(
    app: Flask, cast: Cast, session: Session
) -> None:
    if db.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    held = Rig.build(cast, OPENED)
    free = Rig.build(cast, OPENED, consortium=held)
    promised(held, "2026-03-04T09:30", hours(2), begins="2026-03-04T10:00")
    found: list[int] = []

    def sweep() -> None:
        with app.app_context():
            with transaction() as unit:
                found.append(service.carry_out(unit, at("2026-03-04T10:00"), 1))
            db.session.remove()

    with transaction() as unit:
        sla.lock(unit, held.ticket_id)
        thread = threading.Thread(target=sweep)
        thread.start()
        thread.join(20)
    assert found == [1]
    assert free.clocks()[Kind.FIRST_RESPONSE].target == {"minutes": 120}
    assert held.clocks()[Kind.FIRST_RESPONSE].target == {"working_days": 1}


def test_tickets_stay_with_the_agreement_that_they_were_opened_under(cast: Cast, session: Session) -> None:
    rig = Rig.build(cast, OPENED)
    before = stored(session, rig)
    with transaction() as unit:
        draft = Draft(DEFAULT_CONSORTIUM_TARGETS, DEFAULT_LADDER, effective_from=at("2026-03-04T10:00"))
        service.add_agreement(
            unit,
            SYSTEM,
            draft,
            consortium_id=cast.north.id,
            member_org_id=cast.alder.id,
            now=at("2026-03-04T09:30"),
        )
    carry_out("2026-03-04T12:00")
    assert stored(session, rig) == before

    def applies(when: str) -> int | None:
        return agreement_in_force(session, at(when), consortium_id=cast.north.id, member_org_id=cast.alder.id)

    assert applies("2026-03-04T09:59") != applies("2026-03-04T10:00"), "not before its first moment"


def test_the_member_is_told_the_new_date_with_the_old_one(cast: Cast, session: Session) -> None:
    rig = Rig.build(cast, OPENED)
    old = rig.clocks()[Kind.OVERALL].due_at
    assert old is not None
    promised(rig, "2026-03-04T09:30", hours(2), begins="2026-03-04T10:00")
    carry_out("2026-03-04T10:00")
    new = rig.clocks()[Kind.OVERALL].due_at
    assert new is not None
    [event] = session.scalars(sa.select(Event).where(Event.kind == "promise_moved"))
    assert (event.ticket_id, event.audience, event.at) == (rig.ticket_id, "member", at("2026-03-04T10:00"))
    wanted = {"kind": "overall", "before": old.isoformat(), "due_at": new.isoformat(), "by": "agreement"}
    assert event.payload == wanted


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"effective_from": OPENED - timedelta(seconds=1)}, "not in the past"),
        ({"effective_from": OPENED + timedelta(days=40_000)}, "within the next five years"),
    ],
)
def test_no_version_begins_in_the_past_or_in_another_age(
    cast: Cast, session: Session, change: dict[str, Any], sentence: str
) -> None:
    rig = Rig.build(cast, OPENED)
    with pytest.raises(InvalidInput, match=sentence), transaction() as unit:
        service.save_agreement_version(
            unit,
            SYSTEM,
            agreement_id=rig.agreement_id,
            targets=DEFAULT_CONSORTIUM_TARGETS,
            ladder=DEFAULT_LADDER,
            now=OPENED,
            **change,
        )


def test_nobody_saves_over_what_they_have_not_seen(cast: Cast, session: Session) -> None:
    rig = Rig.build(cast, OPENED)
    seen = queries.newest_version(session, rig.agreement_id)
    promised(rig, "2026-03-04T09:10", hours(3))
    with pytest.raises(Conflict):
        promised(rig, "2026-03-04T09:20", hours(5), newest=seen)


def test_who_does_not_manage_the_party_saves_nothing(cast: Cast, session: Session) -> None:
    rig = Rig.build(cast, OPENED)
    for person in (cast.leo, cast.sofia, cast.ruth, cast.alice, cast.ada):
        with pytest.raises(NotPermitted), transaction() as unit:
            service.save_agreement_version(
                unit,
                cast.actor(person),
                agreement_id=rig.agreement_id,
                targets=DEFAULT_CONSORTIUM_TARGETS,
                ladder=DEFAULT_LADDER,
                now=OPENED,
            )
    with pytest.raises(NotFound), transaction() as unit:
        draft = Draft(DEFAULT_CONSORTIUM_TARGETS, DEFAULT_LADDER)
        actor = cast.actor(cast.lena)
        service.add_agreement(unit, actor, draft, consortium_id=cast.north.id, member_org_id=cast.cedar.id, now=OPENED)


def test_a_general_agreement_of_a_consortium_without_one_holds_for_later_tickets(cast: Cast, session: Session) -> None:
    with transaction() as unit:
        general = queries.between(unit, cast.north.id, None)
        assert general is not None
        draft = Draft(DEFAULT_CONSORTIUM_TARGETS, DEFAULT_LADDER)
        with pytest.raises(Conflict, match="already"):
            service.add_agreement(unit, cast.actor(cast.lena), draft, consortium_id=cast.north.id, now=OPENED)
        assert calendars.add_agreement(unit, SYSTEM, name="x", consortium_id=cast.north.id, now=OPENED).id != general
