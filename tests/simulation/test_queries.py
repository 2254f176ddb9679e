"""Simulations from what is stored: the party's own tickets, compared with what is recorded, and nothing written."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.calendars.queries import histories
from desk.db import Base, db, transaction
from desk.domain.calendar import BusinessCalendar
from desk.domain.errors import InvalidInput, NotFound
from desk.domain.lifecycle import State
from desk.domain.measurements import Verdict
from desk.domain.permissions import SYSTEM, Place
from desk.domain.priority import Priority
from desk.domain.sla import Change
from desk.domain.supposed_terms import SupposedAgreement
from desk.domain.targets import CONSORTIUM_KINDS, REGISTRY_KINDS, Kind, Target
from desk.events import service as events
from desk.simulation.queries import Question, simulate
from desk.sla import service
from desk.tickets.models import TicketRegistry
from tests.cast import Cast
from tests.sla.rig import Rig, at, counted_queries, office_hours

MONDAY = "2026-03-02T09:00"
NOW = at("2026-03-23T12:00")
LONG_DAYS = BusinessCalendar.from_spec(
    {"tz": "Europe/Berlin", "weekly_hours": {day: [["06:00", "22:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}}
)
WITHIN_TWO_HOURS = SupposedAgreement({p: {Kind.FIRST_RESPONSE: Target(seconds=7200)} for p in Priority})


@pytest.fixture
def rig(cast: Cast) -> Rig:
    """One that is answered on Tuesday at noon: after ten working hours, in time."""
    rig = Rig.build(cast, at(MONDAY))
    rig.change("2026-03-03T11:00", Change.staff_replied())
    return rig


@pytest.fixture
def question(cast: Cast) -> Question:
    return Question(Place(consortium_id=cast.north.id), at("2026-03-01T00:00"), at("2026-04-01T00:00"))


def test_supposing_nothing_gives_what_is_recorded(rig: Rig, question: Question, session: Session) -> None:
    rig.change("2026-03-20T11:00", Change.resolved(public_message=True))
    answer = simulate(session, SYSTEM, question, NOW)
    assert answer.tickets == 1
    assert answer.changed == []
    assert answer.before == answer.after
    late = {kind for kind, clock in rig.clocks().items() if clock.breached_at is not None}
    assert (
        {kind for kind, tally in answer.before.items() if tally.counts[Verdict.LATE]}
        == late
        == {
            Kind.LEAD,
            Kind.OVERALL,
            Kind.REGULAR_UPDATE,
        }
    )


def test_the_same_hours_and_targets_as_in_force_give_what_is_recorded(
    rig: Rig, question: Question, session: Session
) -> None:
    spec = office_hours("Europe/Berlin")
    (same,) = histories(session, [rig.lead_calendar_id]).values()
    assert BusinessCalendar.from_spec(spec).hours == same.versions[0].calendar.hours
    answer = simulate(session, SYSTEM, replace(question, hours=BusinessCalendar.from_spec(spec)), NOW)
    assert answer.before == answer.after


def test_longer_hours_use_the_promised_time_up_sooner(rig: Rig, question: Question, session: Session) -> None:
    hurried = SupposedAgreement({p: {Kind.FIRST_RESPONSE: Target(seconds=11 * 3600)} for p in Priority})
    assert simulate(session, SYSTEM, replace(question, agreement=hurried), NOW).changed == []
    answer = simulate(session, SYSTEM, replace(question, hours=LONG_DAYS, agreement=hurried), NOW)
    (changed,) = answer.changed
    assert (changed.ticket_id, changed.comparison.kind) == (rig.ticket_id, Kind.FIRST_RESPONSE)
    assert changed.comparison.before.consumed == 10 * 3600
    assert changed.comparison.after.consumed == 18 * 3600
    assert changed.comparison.after.breached_at == at("2026-03-02T20:00")
    assert (answer.newly_late, answer.no_longer_late) == (1, 0)
    assert (answer.before[Kind.FIRST_RESPONSE].attainment, answer.after[Kind.FIRST_RESPONSE].attainment) == (100.0, 0.0)


def test_the_priority_counts_that_the_ticket_had_although_no_clock_was_told(
    rig: Rig, question: Question, session: Session
) -> None:
    with transaction() as unit:
        # The recorded targets of the first answer are one working day for both.
        events.record(
            unit,
            "triaged",
            at=at("2026-03-02T10:00"),
            ticket_id=rig.ticket_id,
            payload={"before": "P4", "priority": "P3"},
        )
    targets = {Priority.P3: {Kind.FIRST_RESPONSE: Target(seconds=3600)}, Priority.P4: {}}
    answer = simulate(session, SYSTEM, replace(question, agreement=SupposedAgreement(targets)), NOW)
    (changed,) = answer.changed
    assert changed.comparison.after.breached_at == at("2026-03-02T10:00")


def test_a_change_of_the_priority_counts_from_its_moment(rig: Rig, question: Question, session: Session) -> None:
    with transaction() as unit:
        service.change_priority(unit, rig.ticket_id, Priority.P1, actor_id=None, now=at("2026-03-20T10:00"))
    targets = {Priority.P1: {Kind.LEAD: Target(seconds=3600)}, Priority.P3: {Kind.LEAD: Target(seconds=900 * 3600)}}
    answer = simulate(session, SYSTEM, replace(question, agreement=SupposedAgreement(targets)), NOW)
    assert answer.after[Kind.LEAD].counts[Verdict.LATE] == 1
    targets[Priority.P1] = targets[Priority.P3]
    answer = simulate(session, SYSTEM, replace(question, agreement=SupposedAgreement(targets)), NOW)
    assert (answer.newly_late, answer.no_longer_late) == (0, 1)


def test_holds_can_be_supposed_to_stop_the_promise(rig: Rig, question: Question, session: Session) -> None:
    rig.change("2026-03-04T09:00", Change.moved(State.ON_HOLD))
    rig.change("2026-03-19T09:00", Change.moved(State.OPEN))
    rig.change("2026-03-19T10:00", Change.resolved(public_message=True))
    held = SupposedAgreement(hold_pauses_overall=True)
    (changed,) = simulate(session, SYSTEM, replace(question, agreement=held), NOW).changed
    assert changed.comparison.kind is Kind.OVERALL
    assert (changed.comparison.before.verdict, changed.comparison.after.verdict) == (Verdict.LATE, Verdict.MET)


@pytest.mark.parametrize(("counts", "unknown"), [(True, True), (False, False), (None, False)])
def test_it_says_that_receipts_cannot_be_supposed(
    rig: Rig, question: Question, session: Session, counts: bool | None, unknown: bool
) -> None:
    agreement = SupposedAgreement(receipt_counts=counts)
    assert simulate(session, SYSTEM, replace(question, agreement=agreement), NOW).receipts_unknown is unknown


def test_a_ticket_counts_from_its_days_first_instant_and_not_on_the_day_after(
    rig: Rig, question: Question, session: Session
) -> None:
    opened = at(MONDAY)
    assert simulate(session, SYSTEM, replace(question, since=opened, until=NOW), NOW).tickets == 1
    assert simulate(session, SYSTEM, replace(question, until=opened), NOW).tickets == 0


def test_only_a_manager_of_the_party_may_ask(rig: Rig, question: Question, session: Session, cast: Cast) -> None:
    assert simulate(session, cast.actor(cast.lena), question, NOW).tickets == 1
    others: list[Person] = [cast.leo, cast.sofia, cast.ruth, cast.olga, cast.ada]
    for person in others:
        with pytest.raises(NotFound):
            simulate(session, cast.actor(person), question, NOW)
    with pytest.raises(NotFound):
        simulate(session, cast.actor(cast.lena), replace(question, place=Place()), NOW)


def test_a_registry_sees_its_own_clocks_of_what_was_handed_to_it(
    rig: Rig, question: Question, session: Session, cast: Cast
) -> None:
    question = replace(question, place=Place(registry_id=cast.orcid.id))
    assert simulate(session, cast.actor(cast.ruth), question, NOW).tickets == 0
    rig.change("2026-03-04T09:00", Change.escalated())
    with transaction() as unit:
        unit.add(TicketRegistry(ticket_id=rig.ticket_id, registry_id=cast.orcid.id, since=at("2026-03-04T09:00")))
    answer = simulate(session, cast.actor(cast.ruth), question, NOW)
    assert answer.tickets == 1
    assert tuple(answer.before) == REGISTRY_KINDS
    assert tuple(simulate(session, SYSTEM, replace(question, place=Place()), NOW).before) == CONSORTIUM_KINDS


def test_a_period_with_more_tickets_than_a_page_may_ask_for_is_refused(
    rig: Rig, question: Question, session: Session, cast: Cast
) -> None:
    Rig.build(cast, at(MONDAY), consortium=rig)
    assert simulate(session, SYSTEM, question, NOW, most=2).tickets == 2
    with pytest.raises(InvalidInput, match="More than 1 tickets") as refused:
        simulate(session, SYSTEM, question, NOW, most=1)
    assert refused.value.field == "until"


def test_it_asks_the_database_as_often_for_many_tickets_as_for_one(
    rig: Rig, question: Question, session: Session, cast: Cast
) -> None:
    def asked() -> int:
        with counted_queries() as sent:
            simulate(session, SYSTEM, replace(question, hours=LONG_DAYS, agreement=WITHIN_TWO_HOURS), NOW)
        return len(sent)

    one = asked()
    for _ in range(6):
        Rig.build(cast, at(MONDAY), consortium=rig)
    assert asked() == one


def test_nothing_at_all_is_written(rig: Rig, question: Question, session: Session, cast: Cast) -> None:
    rig.sweep("2026-03-06T12:00")
    before = dict(digests(session))
    agreement = replace(WITHIN_TWO_HOURS, hold_pauses_overall=True, receipt_counts=True)
    answer = simulate(session, SYSTEM, replace(question, hours=LONG_DAYS, agreement=agreement), NOW)
    assert answer.changed
    assert not session.new
    assert not session.dirty
    session.rollback()
    assert dict(digests(session)) == before
    assert rig.check() == []


def digests(session: Session) -> Iterator[tuple[str, tuple[int, str]]]:
    """Every table with the number of its rows and a digest of all that is in them."""
    assert db.engine is not None
    for table in Base.metadata.sorted_tables:
        rows = sorted(repr(tuple(row)) for row in session.execute(sa.select(table)))
        yield table.name, (len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest())
