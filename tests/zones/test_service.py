"""Machines get new rules of time zones while clocks run: dates follow from then on, what was measured stays."""

import logging
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk import jobs
from desk.calendars import queries as calendars
from desk.db import db, transaction
from desk.domain.clocks import EventType
from desk.domain.lifecycle import State
from desk.domain.sla import Change, Kind
from desk.events.models import Event
from desk.sla import queries as clocks
from desk.sla.models import ClockEvent, ClockSegment
from desk.zones import queries, service
from desk.zones.models import ZoneRules
from tests.cast import Cast
from tests.servers.processes import until
from tests.sla.rig import Rig, at
from tests.zones.crafted import ZoneData, zone_data

MONDAY = "2026-03-02T09:00"  # ten o'clock in Berlin
TUESDAY = "2026-03-03T10:00"


@pytest.fixture
def data(tmp_path: Path) -> Iterator[ZoneData]:
    (tmp_path / "zones").mkdir()
    with zone_data(tmp_path / "zones") as given:
        yield given


@pytest.fixture
def rig(cast: Cast) -> Rig:
    """A ticket in Berlin's office hours, opened on Monday morning; the desk knows the rules of its zones."""
    rig = Rig.build(cast, at(MONDAY))
    assert watch(MONDAY) == 3  # Berlin, New York, and UTC of the cast
    return rig


def watch(when: str, limit: int = 100) -> int:
    """Look until nothing is left to do, as the job does."""
    done = 0
    while True:
        with transaction() as session:
            count = service.watch_zones(session, at(when), limit)
        if not count:
            return done
        done += count


def changes(session: Session) -> list[ClockEvent]:
    wanted = sa.select(ClockEvent).where(ClockEvent.cause == "zone_rules_changed").order_by(ClockEvent.id)
    return list(session.scalars(wanted))


def test_the_first_rules_of_a_zone_are_only_noted(rig: Rig, session: Session) -> None:
    assert {rules.tz for rules in session.scalars(sa.select(ZoneRules))} == {"America/New_York", "Europe/Berlin", "UTC"}
    assert changes(session) == []
    assert watch(TUESDAY) == 0


def test_new_rules_move_the_dates_of_what_runs_and_keep_what_was_measured(
    rig: Rig, session: Session, data: ZoneData
) -> None:
    rig.change("2026-03-02T12:00", Change.moved(State.PENDING_MEMBER))
    rig.change("2026-03-02T14:00", Change.moved(State.OPEN))
    assert rig.clocks()[Kind.LEAD].consumed == 3 * 3600
    data.give("Europe/Berlin", "Asia/Tokyo")  # the office is open from midnight to eight in UTC, says the new data
    watch(TUESDAY)
    after = rig.clocks()
    # What was measured on Monday stays; what runs is measured by the new rules: nothing on Monday, all of Tuesday.
    assert after[Kind.LEAD].consumed == (3 + 8) * 3600
    assert after[Kind.LEAD].running_since == at(TUESDAY)
    first = session.scalars(sa.select(ClockSegment).where(ClockSegment.kind == Kind.LEAD).order_by(ClockSegment.id))
    assert [(each.until_at, each.seconds) for each in first] == [
        (at("2026-03-02T12:00"), 3 * 3600),
        (at(TUESDAY), 8 * 3600),
    ]
    assert {event.kind for event in changes(session)} == {kind for kind, clock in after.items() if clock.due_at}
    assert {event.type for event in changes(session)} == {EventType.CALENDAR_CHANGED}
    assert rig.check() == []


def test_the_member_is_told_that_the_promised_date_moved(rig: Rig, session: Session, data: ZoneData) -> None:
    before = rig.clocks()[Kind.OVERALL].due_at
    data.give("Europe/Berlin", "Europe/Moscow")
    watch(TUESDAY)
    after = rig.clocks()[Kind.OVERALL].due_at
    told = session.scalars(sa.select(Event).where(Event.kind == "promise_moved")).one()
    assert before is not None and after is not None and before != after
    assert (told.payload["before"], told.payload["due_at"]) == (before.isoformat(), after.isoformat())


def test_what_was_late_by_the_old_rules_stays_dated_by_them(rig: Rig, session: Session, data: ZoneData) -> None:
    # The first answer was due on Tuesday at 17:00 in Berlin, and late from Wednesday at 09:00; no sweep has seen it.
    data.give("Europe/Berlin", "Europe/Moscow")
    watch("2026-03-04T09:00")
    assert rig.clocks()[Kind.FIRST_RESPONSE].breached_at == at("2026-03-04T08:00")
    warned = sa.select(ClockEvent.at).where(ClockEvent.kind == Kind.FIRST_RESPONSE, ClockEvent.type == EventType.WARNED)
    assert session.scalars(warned).first() == at("2026-03-03T08:30")
    assert rig.check() == []


def test_who_is_late_only_by_the_new_rules_is_late_from_now_on(rig: Rig, data: ZoneData) -> None:
    rig.edit_agreement(MONDAY, {Kind.LEAD: {"minutes": 7 * 60}, Kind.OVERALL: {"working_days": 1}})
    # Seven hours: until Monday's closing in Berlin, so nobody is late before Tuesday at eight in UTC. By New
    # York's rules they were over on Monday at 21:00, which nobody could know then.
    data.give("Europe/Berlin", "America/New_York")
    watch("2026-03-03T07:00")
    assert rig.clocks()[Kind.LEAD].breached_at == at("2026-03-03T07:00")
    assert rig.clocks()[Kind.OVERALL].breached_at is None
    assert rig.check() == []


def test_a_target_of_working_days_is_counted_again(rig: Rig, data: ZoneData) -> None:
    assert rig.clocks()[Kind.FIRST_RESPONSE].target_seconds == 15 * 3600  # seven hours of Monday and all of Tuesday
    data.give("Europe/Berlin", "Asia/Tokyo")  # it came in after closing time, and Tuesday ended at eight in UTC
    watch("2026-03-04T05:00")
    clock = rig.clocks()[Kind.FIRST_RESPONSE]
    assert (clock.target_seconds, clock.breached_at) == (8 * 3600, at("2026-03-04T05:00"))


def test_a_machine_with_older_data_changes_nothing_and_says_so(
    app: Flask, rig: Rig, session: Session, data: ZoneData, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    data.give("Europe/Berlin", "Europe/Moscow")
    watch(TUESDAY)
    told = len(changes(session))
    due = {kind: clock.due_at for kind, clock in rig.clocks().items()}
    data.take_back("Europe/Berlin")
    assert watch("2026-03-03T11:00") == 0
    assert {kind: clock.due_at for kind, clock in rig.clocks().items()} == due
    assert len(changes(session)) == told
    assert queries.behind(session) == ["Europe/Berlin"]
    session.rollback()
    assert any("Europe/Berlin" in sentence for sentence in client.get("/readyz").json["wrong"])
    with caplog.at_level(logging.WARNING):
        jobs.tick_all(app)
    assert "older than what the desk has seen of Europe/Berlin" in caplog.text


def test_clocks_in_other_zones_are_left_alone(rig: Rig, session: Session, data: ZoneData) -> None:
    rig.change("2026-03-02T10:00", Change.escalated())
    data.give("America/New_York", "America/Denver")
    watch(TUESDAY)
    assert {event.kind for event in changes(session)} == {Kind.REGISTRY, Kind.REGISTRY_ACCEPTANCE}
    assert rig.check() == []


def test_a_zone_that_the_hours_left_before_the_ticket_began_does_not_matter(
    rig: Rig, session: Session, data: ZoneData
) -> None:
    rig.edit_calendar(TUESDAY, tz="UTC")
    Rig.build(rig.cast, at("2026-03-04T10:00"), consortium=rig)
    data.give("Europe/Berlin", "Europe/Moscow")
    watch("2026-03-05T10:00")
    assert {event.ticket_id for event in changes(session)} == {rig.ticket_id}


def test_the_work_is_cut_into_batches_and_goes_on_where_it_was_stopped(
    rig: Rig, session: Session, data: ZoneData
) -> None:
    rigs = [rig, *(Rig.build(rig.cast, at(MONDAY), consortium=rig) for _ in range(4))]
    data.give("Europe/Berlin", "Europe/Moscow")
    with transaction() as unit:
        assert service.watch_zones(unit, at(TUESDAY), 2) == 1  # the rules are noted
    with transaction() as unit:
        assert service.watch_zones(unit, at(TUESDAY), 2) == 2
    assert len({event.ticket_id for event in changes(session)}) == 2
    with pytest.raises(RuntimeError), transaction() as unit:
        service.watch_zones(unit, at(TUESDAY), 2)
        raise RuntimeError("the machine was switched off")
    assert watch("2026-03-03T12:00", 2) == 3
    assert sorted({event.ticket_id for event in changes(session)}) == [each.ticket_id for each in rigs]
    assert len(changes(session)) == 5 * 4
    assert watch("2026-03-03T13:00") == 0
    assert watch("2026-03-04T13:00") == 1  # it is over
    assert watch("2026-03-05T13:00") == 0
    assert rig.check() == []


def test_a_ticket_that_a_machine_opened_before_it_was_started_anew_is_told_the_next_day(
    rig: Rig, session: Session, data: ZoneData
) -> None:
    data.give("Europe/Berlin", "Europe/Moscow")
    watch(TUESDAY)
    data.take_back("Europe/Berlin")
    late = Rig.build(rig.cast, at("2026-03-03T10:01"), consortium=rig)
    data.give("Europe/Berlin", "Europe/Moscow")
    assert rig.check() != []
    watch("2026-03-04T10:00")
    assert {event.ticket_id for event in changes(session)} == {rig.ticket_id, late.ticket_id}
    assert rig.check() == []


def test_two_machines_at_once_tell_each_clock_once(app: Flask, rig: Rig, session: Session, data: ZoneData) -> None:
    for _ in range(9):
        Rig.build(rig.cast, at(MONDAY), consortium=rig)
    data.give("Europe/Berlin", "Europe/Moscow")
    gate, failures = threading.Barrier(3), []

    def look() -> None:
        try:
            with app.app_context():
                gate.wait(10)
                watch(TUESDAY, 2)
                db.session.remove()
        except Exception as error:  # a thread's failure must reach the test
            failures.append(error)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert len(changes(session)) == 10 * 4
    session.rollback()
    assert rig.check() == []


def test_a_ticket_opened_under_the_new_rules_is_not_told_of_them(rig: Rig, session: Session, data: ZoneData) -> None:
    data.give("Europe/Berlin", "Europe/Moscow")
    with transaction() as unit:
        service.watch_zones(unit, at(TUESDAY), 2)
    later = Rig.build(rig.cast, at("2026-03-03T10:30"), consortium=rig)
    watch("2026-03-03T11:00")
    assert {event.ticket_id for event in changes(session)} == {rig.ticket_id}
    assert later.ticket_id != rig.ticket_id


def test_tables_that_a_process_compiled_follow_the_data_it_was_started_with(
    rig: Rig, session: Session, data: ZoneData
) -> None:
    def opening() -> datetime:
        history = calendars.history(session, rig.lead_calendar_id)
        assert history is not None
        return history.next_opening(at("2026-03-03T00:00"))

    assert opening() == at("2026-03-03T08:00")
    data.give("Europe/Berlin", "Europe/Moscow")
    assert opening() == at("2026-03-03T06:00")
    assert clocks.histories(session, [rig.lead_calendar_id])[rig.lead_calendar_id].is_open(at("2026-03-03T07:00"))
    session.rollback()


def test_the_jobs_look_when_their_process_starts(app: Flask, cast: Cast, session: Session) -> None:
    running = jobs.Jobs(app).start()
    try:
        until(
            lambda: noted(session) == {"America/New_York", "Europe/Berlin", "UTC"}, what="the first look at the zones"
        )
    finally:
        running.stop()


def noted(session: Session) -> set[str]:
    session.rollback()
    return set(session.scalars(sa.select(ZoneRules.tz)))
