"""The sweep records what has happened, once and at its own instant, whenever and by however many it is run."""

import itertools
import random
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.calendars import service as calendars
from desk.calendars.models import Calendar
from desk.db import db, transaction
from desk.domain.clocks import EventType
from desk.domain.lifecycle import State
from desk.domain.permissions import SYSTEM
from desk.domain.priority import Priority
from desk.domain.sla import Change, HandoverAnswer, Kind
from desk.events.models import Event
from desk.sla import queries, service
from desk.sla.models import Clock, ClockEvent
from tests.cast import Cast
from tests.clock import MovableClock
from tests.servers.desk import ROOT, Desk
from tests.servers.processes import Process, until
from tests.sla.rig import WEEKDAYS, Rig, at, counted_queries, office_hours

MONDAY = "2026-03-02T09:00"


@pytest.fixture
def rig(cast: Cast) -> Rig:
    return Rig.build(cast, at(MONDAY))


def recorded(session: Session, kind: Kind, *types: EventType) -> list[tuple[str, int | None, datetime]]:
    rows = session.scalars(
        sa.select(ClockEvent).where(ClockEvent.kind == kind, ClockEvent.type.in_(types)).order_by(ClockEvent.id)
    )
    return [(row.type.value, row.percent, row.at) for row in rows]


def test_warnings_come_at_shares_of_the_working_time_and_the_breach_after_it(rig: Rig, session: Session) -> None:
    # The first answer: fifteen working hours, seven on Monday and eight on Tuesday.
    assert rig.sweep("2026-03-02T15:59") == 0
    for when in ("2026-03-03T08:30", "2026-03-03T13:00", "2026-03-03T16:00", "2026-03-04T08:00", "2026-03-04T08:01"):
        rig.sweep(when)
        rig.sweep(when)
    assert recorded(session, Kind.FIRST_RESPONSE, EventType.WARNED, EventType.BREACHED) == [
        ("warned", 50, at("2026-03-03T08:30")),
        ("warned", 80, at("2026-03-03T13:00")),
        ("warned", 100, at("2026-03-03T16:00")),
        ("breached", None, at("2026-03-04T08:00")),
    ]


def test_at_the_breachs_own_instant_nobody_is_late_yet(rig: Rig) -> None:
    rig.sweep("2026-03-04T08:00")
    assert rig.clocks()[Kind.FIRST_RESPONSE].breached_at is None
    rig.sweep("2026-03-04T08:00:01")
    assert rig.clocks()[Kind.FIRST_RESPONSE].breached_at == at("2026-03-04T08:00")


def test_people_are_told_of_the_last_thing_only_when_a_sweep_comes_late(rig: Rig, session: Session) -> None:
    rig.sweep("2026-03-04T09:00")
    told = [
        event
        for event in session.scalars(sa.select(Event).where(Event.kind.in_(["warned", "breached"])))
        if event.payload["kind"] == "first_response"
    ]
    assert [event.kind for event in told] == ["breached"]
    assert told[0].ticket_id == rig.ticket_id
    assert told[0].at == at("2026-03-04T08:00")
    assert told[0].audience == "lead"
    assert told[0].payload["percent"] is None
    assert told[0].payload["due_at"] == "2026-03-03T16:00:00+00:00"
    assert told[0].payload["breach_at"] == "2026-03-04T08:00:00+00:00"
    assert told[0].payload["tell"] == ["assignee", "team", "manager"]


def test_a_clock_that_stands_still_is_not_swept(rig: Rig) -> None:
    rig.change("2026-03-02T10:00", Change.staff_replied())
    rig.change("2026-03-02T10:00", Change.moved(State.PENDING_MEMBER))
    assert rig.sweep("2026-06-01T10:00") == 0
    assert not [clock for clock in rig.clocks().values() if clock.breached_at]


@pytest.mark.parametrize(
    "times",
    [
        [],
        ["2026-03-04T08:00:01"],
        ["2026-03-03T12:00", "2026-03-04T09:00", "2026-03-04T09:00", "2026-03-20T00:00"],
        [f"2026-03-{day:02}T{hour:02}:17" for day in range(2, 21) for hour in (3, 11, 19)],
    ],
)
def test_the_schedule_of_the_sweep_never_changes_what_is_recorded(rig: Rig, session: Session, times: list[str]) -> None:
    for when in times:
        rig.sweep(when)
    rig.change("2026-03-23T10:00", Change.resolved(public_message=True))
    late = {kind: clock.breached_at for kind, clock in rig.clocks().items()}
    assert late == BREACHES
    for kind, moment in late.items():
        assert recorded(session, kind, EventType.BREACHED) == [("breached", None, moment)]
        assert [percent for _, percent, _ in recorded(session, kind, EventType.WARNED)] == [50, 80, 100]
    assert rig.check() == []


def test_the_sweeps_find_their_rows_by_index(rig: Rig, session: Session) -> None:
    if db.engine.dialect.name != "sqlite":
        pytest.skip("an almost empty table is always read whole by PostgreSQL")
    with counted_queries() as sent:
        queries.due_tickets(session, at(MONDAY), 10)
        queries.tickets_left_behind(session, 10)
        queries.live_tickets_of_calendar(session, rig.lead_calendar_id, 10)
    plans = [
        "".join(str(row[3]) for row in session.connection().exec_driver_sql(plan(sql), (1,) * sql.count("?")))
        for sql in sent
    ]
    for found, index in zip(
        plans, ("ix_clock_next_at", "ix_clock_live_calendar", "ix_clock_live_calendar"), strict=True
    ):
        assert index in found


def plan(sql: str) -> str:
    return f"EXPLAIN QUERY PLAN {sql}"


def test_two_sweepers_at_once_record_each_breach_once(app: Flask, cast: Cast) -> None:
    first = Rig.build(cast, at(MONDAY))
    for _ in range(11):
        Rig.build(cast, at(MONDAY), consortium=first)
    gate, failures = threading.Barrier(3), []

    def sweep() -> None:
        try:
            with app.app_context():
                gate.wait(10)
                for _ in range(40):
                    with transaction() as session:
                        service.act_on_due_clocks(session, at("2026-03-16T09:00"), 2)
                db.session.remove()
        except Exception as error:  # a thread's failure must reach the test
            failures.append(error)

    threads = [threading.Thread(target=sweep) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    with transaction() as session:
        times = session.execute(
            sa.select(ClockEvent.ticket_id, ClockEvent.kind, sa.func.count())
            .where(ClockEvent.type == EventType.BREACHED)
            .group_by(ClockEvent.ticket_id, ClockEvent.kind)
        ).all()
        told = session.scalar(sa.select(sa.func.count()).select_from(Event).where(Event.kind == "breached"))
    assert len(times) == 12 * 4
    assert {count for _, _, count in times} == {1}
    assert told == 12 * 4
    assert first.check() == []


@pytest.mark.faults
def test_a_sweeper_killed_with_a_batch_in_hand_costs_nothing_and_repeats_nothing(
    app: Flask, cast: Cast, desk: Desk, clock: MovableClock, session: Session
) -> None:
    first = Rig.build(cast, at(MONDAY))
    rigs = [first, *(Rig.build(cast, at(MONDAY), consortium=first) for _ in range(11))]
    clock.set(at("2026-03-16T09:00"))
    in_hand = desk.folder / "in-hand"
    killed = sweeper(desk, "5", str(in_hand))
    until(in_hand.exists, 60, "a batch in hand")
    others = [sweeper(desk, "2") for _ in range(2)]
    if db.engine.dialect.name == "postgresql":
        # They go round the rows that are held, and find all the others.
        assert [other.wait(90) for other in others] == [0, 0], [other.output() for other in others]
        assert len({ticket_id for ticket_id, *_ in judged(session)}) == len(rigs) - 5
    killed.kill()
    assert [other.wait(90) for other in others] == [0, 0], [other.output() for other in others]
    assert sweeper(desk, "50").wait(90) == 0
    found = judged(session)
    assert len(found) == len(set(found)), "something was recorded twice"
    assert {rig.ticket_id for rig in rigs} == {ticket_id for ticket_id, *_ in found}
    for rig in rigs:
        own = [each[1:] for each in found if each[0] == rig.ticket_id]
        assert [each for each in own if each[0] is Kind.FIRST_RESPONSE] == [
            (Kind.FIRST_RESPONSE, "warned", 50, at("2026-03-03T08:30")),
            (Kind.FIRST_RESPONSE, "warned", 80, at("2026-03-03T13:00")),
            (Kind.FIRST_RESPONSE, "warned", 100, at("2026-03-03T16:00")),
            (Kind.FIRST_RESPONSE, "breached", None, at("2026-03-04T08:00")),
        ]
        assert {each[0]: each[3] for each in own if each[1] == "breached"} == BREACHES
    told = session.scalar(sa.select(sa.func.count()).select_from(Event).where(Event.kind == "breached"))
    assert told == len(rigs) * len(BREACHES)
    assert first.check() == []


BREACHES = {
    Kind.FIRST_RESPONSE: at("2026-03-04T08:00"),
    Kind.LEAD: at("2026-03-06T08:00"),
    Kind.REGULAR_UPDATE: at("2026-03-10T08:00"),
    Kind.OVERALL: at("2026-03-12T08:00"),
}


def sweeper(desk: Desk, *words: str) -> Process:
    """A process of its own that works off what is due, see ``tests.sla.sweeper``."""
    command = [sys.executable, "-m", "tests.sla.sweeper", *words]
    return Process(command, log=desk.folder / f"sweeper-{next(_numbers)}.log", env=desk.env, cwd=ROOT)


_numbers = itertools.count(1)


def judged(session: Session) -> list[tuple[int, Kind, str, int | None, datetime]]:
    """Every warning and breach that is recorded: ticket, clock, which, and its instant."""
    session.rollback()
    rows = session.scalars(
        sa.select(ClockEvent)
        .where(ClockEvent.type.in_([EventType.WARNED, EventType.BREACHED]))
        .order_by(ClockEvent.ticket_id, ClockEvent.kind, ClockEvent.at, ClockEvent.id)
    )
    return [(row.ticket_id, row.kind, row.type.value, row.percent, row.at) for row in rows]


def test_verbs_sweeps_and_edits_at_once_neither_block_each_other_for_good_nor_lose_anything(
    app: Flask, cast: Cast
) -> None:
    first = Rig.build(cast, at(MONDAY))
    rigs = [first, *(Rig.build(cast, at(MONDAY), consortium=first) for _ in range(5))]
    failures: list[Exception] = []

    def work(seed: int) -> None:
        dice = random.Random(seed)
        now = at(MONDAY)
        try:
            with app.app_context():
                for _ in range(15):
                    now += timedelta(hours=5)
                    happen(dice, dice.choice(rigs), now)
                db.session.remove()
        except Exception as error:  # a thread's failure must reach the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failures == []
    first.sweep("2026-03-06T12:00:05")
    assert first.check() == []


def test_a_ticket_that_somebody_works_on_is_left_to_them(app: Flask, cast: Cast) -> None:
    if db.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    held, free = Rig.build(cast, at(MONDAY)), None
    free = Rig.build(cast, at(MONDAY), consortium=held)
    done = threading.Event()

    def sweep() -> None:
        with app.app_context():
            with transaction() as session:
                service.act_on_due_clocks(session, at("2026-03-16T09:00"), 10)
            db.session.remove()
            done.set()

    with transaction() as session:
        service.lock(session, held.ticket_id)
        thread = threading.Thread(target=sweep)
        thread.start()
        assert done.wait(20)
        thread.join()
    assert free.clocks()[Kind.LEAD].breached_at is not None
    assert held.clocks()[Kind.LEAD].breached_at is None


def test_a_clock_that_began_while_its_calendar_was_saved_learns_of_it(rig: Rig) -> None:
    with transaction() as session:
        # As the other transaction saw it: the version is there, the clock was not yet.
        calendar = session.get(Calendar, rig.lead_calendar_id)
        assert calendar is not None
        calendars.add_calendar_version(
            session,
            SYSTEM,
            calendar,
            spec=office_hours("Europe/Berlin", holidays=["2026-03-03"]),
            effective_from=at("2026-03-02T09:00"),
            now=at("2026-03-02T09:00"),
            country=None,
            subdivision=None,
            note="",
        )
    assert rig.sweep("2026-03-02T09:01") == 4
    assert rig.clocks()[Kind.FIRST_RESPONSE].due_at == at("2026-03-04T16:00")
    assert rig.sweep("2026-03-02T09:02") == 0
    assert rig.check() == []


def test_a_rebuild_puts_right_what_somebody_bent(rig: Rig, session: Session) -> None:
    rig.change("2026-03-02T11:00", Change.staff_replied())
    with transaction() as unit:
        unit.execute(sa.update(Clock).where(Clock.kind == Kind.LEAD).values(consumed=99, due_at=None))
        unit.execute(sa.delete(Clock).where(Clock.kind == Kind.OVERALL))
    found = rig.check()
    assert any("consumed is 99, not 0" in line for line in found)
    assert any("overall 1: state is None" in line for line in found)
    with transaction() as unit:
        assert service.rebuild(unit, check=False) == found
    assert rig.check() == []


MOVES: list[Callable[[], Change]] = [
    Change.staff_replied,
    Change.member_wrote,
    Change.receipt_sent,
    Change.escalated,
    lambda: Change.moved(State.OPEN),
    lambda: Change.moved(State.PENDING_MEMBER),
    lambda: Change.moved(State.PENDING_LEAD),
    lambda: Change.moved(State.ON_HOLD),
    lambda: Change.handover_answered(HandoverAnswer.ACCEPTED, State.ESCALATED),
    lambda: Change.handover_answered(HandoverAnswer.RETURNED, State.PENDING_LEAD),
    lambda: Change.resolved(public_message=True),
    lambda: Change.resolved(public_message=False),
    lambda: Change.reopened(by_member=True),
]


@pytest.mark.parametrize("seed", range(4))
def test_replaying_the_events_gives_what_is_stored_after_whatever_happens(
    cast: Cast, session: Session, seed: int
) -> None:
    dice = random.Random(seed)
    rigs = [Rig.build(cast, at(MONDAY))]
    rigs.append(Rig.build(cast, at(MONDAY), consortium=rigs[0]))
    now = at(MONDAY)
    for _ in range(30):
        now += timedelta(seconds=dice.choice([0, 1, 59, 3600, 20_000, 90_000, 200_000]))
        happen(dice, dice.choice(rigs), now)
    assert rigs[0].check() == []
    times = session.execute(
        sa.select(sa.func.count())
        .where(ClockEvent.type == EventType.BREACHED)
        .group_by(ClockEvent.ticket_id, ClockEvent.kind, ClockEvent.cycle)
    ).scalars()
    assert set(times) <= {1}


def happen(dice: random.Random, rig: Rig, now: datetime) -> None:
    when = now.isoformat()[:-6]
    match dice.randrange(9):
        case 0:
            with transaction() as session:
                priority = dice.choice(list(Priority))
                service.change_priority(session, rig.ticket_id, priority, actor_id=None, now=now)
        case 1:
            hours = {day: [[f"{dice.randrange(7, 12):02}:00", f"{dice.randrange(13, 24):02}:00"]] for day in WEEKDAYS}
            later = now + timedelta(days=dice.choice([0, 0, 1, 9]))
            rig.edit_calendar(when, effective_from=later, weekly_hours=hours)
        case 2:
            rig.edit_agreement(
                when, {Kind.LEAD: {"minutes": dice.randrange(1, 900)}, Kind.OVERALL: {"working_days": 2}}
            )
        case 3:
            rig.sweep(when)
        case _:
            rig.apply(now, dice.choice(MOVES)())
