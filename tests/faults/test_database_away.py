"""The database goes away and comes back: refusals that say so, nothing lost, no process to be started again."""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.db import db
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.clock import MovableClock
from tests.conftest import dispose, make_app, migrate
from tests.servers.desk import Desk, status
from tests.servers.postgres import Postgres
from tests.servers.processes import until
from tests.servers.sink import Sink
from tests.servers.visitor import Visitor

pytestmark = pytest.mark.faults

TRY_LATER = 75


def test_postgresql_goes_away_under_every_process_and_comes_back(
    fragile_postgres: Postgres, tmp_path: Path, clock: MovableClock, now: datetime, sink: Sink, letter: bytes
) -> None:
    url = fragile_postgres.create("desk")
    migrate(url, tmp_path)
    app = make_app(url, tmp_path, CLOCK_OFFSET_FILE=clock.file)
    with app.app_context():
        cast = Cast.create(now)
        cookie = cast.sign_in(app.test_client(), cast.leo).get_cookie("desk")
        dispose()
    assert cookie is not None
    desk = Desk(tmp_path, url, CLOCK_OFFSET_FILE=str(clock.file), SMTP_PORT=str(sink.port), TICK_SECONDS="1")
    try:
        _, base = desk.gunicorn(workers=2)
        jobs = desk.start("jobs", "run")
        leo = Visitor(base, cookie.value)
        assert leo.get("/queue").status == 200

        fragile_postgres.go_away()
        refused = leo.get("/queue")
        assert refused.status == 503
        assert "Nothing was lost" in refused.text and "psycopg" not in refused.text
        assert (status(f"{base}/healthz"), status(f"{base}/readyz")) == (200, 503)
        assert desk.run("mail", "receive", stdin=letter).returncode == TRY_LATER
        assert jobs.returncode is None

        fragile_postgres.come_back()
        assert desk.run("mail", "receive", stdin=letter).returncode == 0
        until(lambda: leo.get("/queue").status == 200, 30, "the queue")
        assert "Researchers cannot sign in" in leo.get("/queue").text
        sink.wait_for(1, 60)
        assert jobs.returncode is None
    finally:
        desk.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_mail_waits_while_somebody_else_holds_the_database_file(
    app: Flask, session: Session, cast: Cast, desk: Desk, databases: Path, letter: bytes
) -> None:
    session.rollback()
    with closing(sqlite3.connect(databases / "desk.db", isolation_level=None)) as hog:
        hog.execute("BEGIN EXCLUSIVE")
        assert desk.run("mail", "receive", stdin=letter).returncode == TRY_LATER
        hog.execute("ROLLBACK")
    assert desk.run("mail", "receive", stdin=letter).returncode == 0
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Ticket)) == 1


def test_a_database_without_tables_is_said_to_be_so_and_no_mail_is_lost(tmp_path: Path, letter: bytes) -> None:
    desk = Desk(tmp_path, f"sqlite:///{tmp_path / 'desk.db'}")
    assert desk.run("mail", "receive", "--mailbox", "north@desk.example", stdin=letter).returncode == TRY_LATER
