"""What came into force counts at once in what is read, with or without the jobs; reading writes nothing."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.agreements import service as agreements
from desk.db import transaction
from desk.domain.account import Account
from desk.domain.clock_line import ClockLine
from desk.domain.targets import Kind
from desk.sla import queries
from desk.sla.models import ClockEvent, ClockSet
from tests.cast import Cast
from tests.sla.rig import Rig, at

SOON = at("2026-03-02T10:26")


def promised_ahead(cast: Cast) -> Rig:
    """Saved at ten for 10:26: four hours for the lead. No job ever runs."""
    rig = Rig.build(cast, at("2026-03-02T09:00"))
    rig.edit_agreement("2026-03-02T10:00", {Kind.LEAD: {"minutes": 240}}, effective_from=SOON, note="Faster.")
    return rig


def account_at(session: Session, rig: Rig, when: str) -> Account:
    return {each.clock.kind: each for each in queries.account(session, rig.ticket_id, at(when))}[Kind.LEAD]


def line_at(session: Session, rig: Rig, when: str) -> ClockLine:
    return {each.kind: each for each in queries.lines(session, rig.ticket_id, at(when))}[Kind.LEAD]


def test_the_account_knows_a_version_from_its_moment_on_without_any_job(cast: Cast, session: Session) -> None:
    rig = promised_ahead(cast)
    before, after = (account_at(session, rig, f"2026-03-02T10:{minute}") for minute in (25, 27))
    assert before.clock.target.working_days == 3
    assert (after.clock.target_seconds, after.clock.due_at) == (4 * 3600, at("2026-03-02T13:00"))
    assert [(mark.at, mark.cause) for mark in after.marks if mark.at == SOON] == [(SOON, "agreement_changed")]


def test_the_ticket_shows_the_same_date_as_its_account(cast: Cast, session: Session) -> None:
    rig = promised_ahead(cast)
    for minute in (25, 27):
        line = line_at(session, rig, f"2026-03-02T10:{minute}")
        told = account_at(session, rig, f"2026-03-02T10:{minute}")
        assert (line.due_at, line.target_seconds, line.consumed) == (
            told.clock.due_at,
            told.clock.target_seconds,
            told.clock.consumed,
        )


def test_reading_writes_nothing_and_the_job_writes_what_was_read(cast: Cast, session: Session) -> None:
    rig = promised_ahead(cast)

    def stored() -> tuple[object, ...]:
        session.expire_all()
        row = session.get_one(ClockSet, rig.ticket_id)
        return row.agreement_version_id, row.last_at, session.scalar(sa.select(sa.func.count(ClockEvent.id)))

    before = stored()
    read = account_at(session, rig, "2026-03-02T10:27")
    session.commit()
    assert stored() == before
    with transaction() as unit:
        assert agreements.carry_out(unit, at("2026-03-02T10:40"), 100) == 1
    assert rig.clocks()[Kind.LEAD].due_at == read.clock.due_at
    assert rig.check() == []
