"""Whoever edits a calendar waits for who works on a ticket, and never the reverse at the same time."""

import threading
from collections.abc import Callable
from datetime import date

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from desk.corrections import service as corrections
from desk.custody import service as custody
from desk.db import db, transaction
from desk.domain.permissions import SYSTEM
from desk.domain.sla import Change
from desk.domain.vocabulary import Party
from desk.sla import service
from desk.working_hours import service as working_hours
from tests.cast import Cast
from tests.servers.processes import until
from tests.sla.rig import Rig, at, office_hours

NOW = at("2026-03-05T10:00")
Edit = Callable[[Session, Rig], object]


def remeasure(session: Session, rig: Rig) -> None:
    corrections.remeasure(
        session,
        SYSTEM,
        calendar_id=rig.lead_calendar_id,
        from_at=at("2026-03-03T00:00"),
        until_at=at("2026-03-04T00:00"),
        holidays=[date(2026, 3, 3)],
        reason="A holiday",
        now=NOW,
    )


def save(session: Session, rig: Rig) -> None:
    working_hours.save_calendar_version(
        session, SYSTEM, calendar_id=rig.lead_calendar_id, spec=office_hours("Europe/Lisbon"), now=NOW
    )


def choose(session: Session, rig: Rig) -> None:
    team_id = rig.cast.north_desk.id
    calendar_id = rig.add_calendar(session, "Asia/Tokyo", rig.cast.north.id).id
    working_hours.set_team_calendar(session, SYSTEM, team_id=team_id, calendar_id=calendar_id, now=NOW)


@pytest.mark.parametrize("edit", [remeasure, save, choose])
def test_an_edit_and_a_verb_do_not_wait_for_each_other_at_once(app: Flask, cast: Cast, edit: Edit) -> None:
    if db.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    rig = Rig.build(cast, at("2026-03-02T09:00"))
    failures: list[Exception] = []

    def run() -> None:
        try:
            with app.app_context():
                with transaction() as session:
                    edit(session, rig)
                db.session.remove()
        except Exception as error:  # a thread's failure must reach the test
            failures.append(error)

    thread = threading.Thread(target=run)
    with transaction() as session:
        service.lock(session, rig.ticket_id)
        thread.start()
        until(lambda: _waits(session), what="the edit's wait for the ticket")
        # What it writes points at the calendar and the team, which the other has taken.
        service.apply_change(session, rig.ticket_id, Change.staff_replied(), actor_id=None, now=NOW)
        custody.pass_to(
            session,
            ticket_id=rig.ticket_id,
            party=Party.LEAD,
            team_id=cast.north_desk.id,
            calendar_id=None,
            reason="taken",
            actor_id=None,
            now=NOW,
        )
    thread.join(30)
    assert failures == []
    assert rig.check() == []


def _waits(session: Session) -> bool:
    """Whether somebody waits for a lock by now."""
    asked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
    return bool(session.connection().exec_driver_sql(asked).scalar())
