"""The jobs: one pass does what is due, a failure ends its own pass only, and the process ends when asked to."""

import signal
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from desk.db import transaction
from desk.domain.lifecycle import State
from desk.domain.vocabulary import Channel, Outcome
from desk.events.models import Event
from desk.jobs import Jobs, Tick, tick_all, work_off
from desk.progress import service as progress
from desk.tickets import service as tickets
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.cli.test_setup import run
from tests.clock import MovableClock
from tests.servers.desk import Desk
from tests.servers.processes import until


def resolved(cast: Cast) -> int:
    """A ticket that closes by itself when its window is over; its id."""
    with transaction() as session:
        draft = tickets.NewTicket(
            consortium_id=cast.north.id, member_org_id=cast.alder.id, subject="Done", text="It is done."
        )
        ticket = tickets.open_ticket(session, cast.actor(cast.alice), draft, channel=Channel.WEB, now=cast.now)
        progress.resolve(session, cast.actor(cast.leo), ticket, outcome=Outcome.SOLVED, text="Done.", now=cast.now)
        return ticket.id


def test_a_pass_closes_what_is_over_and_tells_everybody(
    app: Flask, session: Session, cast: Cast, clock: MovableClock
) -> None:
    ticket_id = resolved(cast)
    clock.move(timedelta(days=40))
    done = tick_all(app, until_idle=True)
    session.rollback()
    assert session.get_one(Ticket, ticket_id, populate_existing=True).state is State.CLOSED
    assert done["tickets due"] == 1
    assert session.scalars(sa.select(Event.id).where(Event.expanded_at.is_(None))).all() == []


def test_the_command_says_what_was_done(app: Flask, cast: Cast) -> None:
    resolved(cast)
    code, output = run(app, "jobs", "tick", "--until-idle")
    assert code == 0
    counts = dict(line.split(": ") for line in output.splitlines() if ": " in line and line[0].islower())
    assert set(counts) == {
        "mail read",
        "agreements due",
        "clocks due",
        "zones watched",
        "silence heard",
        "hours looked at",
        "tickets due",
        "drafts due",
        "tickets answered",
        "tickets that came back",
        "reviews due",
        "registry actions due",
        "notices due",
        "events told",
        "mail sent",
    }
    assert int(counts["events told"]) > 0


def test_a_failure_ends_its_own_pass_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[int] = []

    def fails() -> int:
        tries.append(1)
        raise ValueError("a row that cannot be dealt with")

    assert work_off(Tick("a job", 1, fails)) == 0
    assert len(tries) == 1
    assert "a job failed" in caplog.text


@pytest.mark.parametrize(
    "error", [OperationalError("select", {}, Exception("no connection")), PoolTimeout("no connection")]
)
def test_a_database_that_is_away_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    def away() -> int:
        raise error

    assert work_off(Tick("a job", 1, away)) == 0
    assert "the database is away (no connection)" in caplog.text
    assert "Traceback" not in caplog.text


def test_it_goes_on_until_nothing_is_left() -> None:
    left = [3, 2, 1]
    assert work_off(Tick("a job", 1, lambda: left.pop() if left else 0)) == 6


def test_the_alarm_clock_works_and_stops(app: Flask, session: Session, cast: Cast) -> None:
    resolved(cast)
    jobs = Jobs(app).start()

    def told() -> bool:
        session.rollback()
        return session.scalars(sa.select(Event.id).where(Event.expanded_at.is_(None))).first() is None

    try:
        assert until(told, what="the events")
    finally:
        jobs.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_when_asked_to(desk: Desk, number: signal.Signals) -> None:
    process = desk.start("jobs", "run")
    until(lambda: "The jobs run" in process.output(), seconds=120, what="the jobs")
    process.stop_signal = number
    assert process.stop() == 0
    assert "Traceback" not in process.output()
