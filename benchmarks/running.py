"""A world of running clocks, made by the verbs once and then copied inside the database; sweepers as processes."""

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy.orm import Session

from desk.app import create_app
from desk.db import db, transaction
from desk.sla import service
from desk.sla.models import Clock, ClockEvent, ClockSet
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.servers.desk import SECRET_KEY
from tests.sla.rig import Rig

BEGUN = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""When the copied tickets were opened: a Monday. A fortnight later everything that was promised has passed."""
ALL_PASSED = BEGUN + timedelta(days=30)
KINDS_EACH = 4
_COPIED = (Ticket.__table__, ClockSet.__table__, Clock.__table__, ClockEvent.__table__)


def app_on(url: str, folder: Path) -> Flask:
    """The desk on a database."""
    return create_app(
        {
            "TESTING": True,
            "SECRET_KEY": SECRET_KEY,
            "DATABASE_URL": url,
            "INSTANCE": folder,
            "BASE_URL": "http://localhost",
        }
    )


@contextmanager
def desk_on(url: str, folder: Path) -> Iterator[None]:
    """The same, inside its context; its connections are closed at the end."""
    app = app_on(url, folder)
    with app.app_context():
        yield
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


@dataclass
class World:
    """Tickets with four running clocks each; ``probe`` opens one whose clocks are due before all the others'."""

    cast: Cast
    first: Rig
    probes: int = 0

    @classmethod
    def make(cls) -> "World":
        """Everybody, and one ticket through the verbs, in an empty database."""
        upgrade()
        cast = Cast.create(BEGUN)
        return cls(cast, Rig.build(cast, BEGUN))

    def grow(self, clocks: int) -> None:
        """Copy the ticket until so many clocks run."""
        with transaction() as session:
            if db.engine.dialect.name == "postgresql":
                # The desk bounds each statement of a person's; this copies a million rows at once.
                session.execute(sa.text("SET LOCAL statement_timeout = 0"))
            have = session.scalar(sa.select(sa.func.count()).select_from(Clock)) or 0
            highest = session.scalar(sa.select(sa.func.max(Ticket.id))) or 0
            for table in _COPIED:
                _copy(session, table, self.first.ticket_id, highest, -(-(clocks - have) // KINDS_EACH))
            if db.engine.dialect.name == "postgresql":
                last = sa.select(sa.func.max(Ticket.id)).scalar_subquery()
                session.execute(sa.select(sa.func.setval(sa.func.pg_get_serial_sequence("ticket", "id"), last)))
        with transaction() as session:
            if db.engine.dialect.name == "postgresql":
                session.execute(sa.text("SET LOCAL statement_timeout = 0"))
            session.execute(sa.text("ANALYZE"))

    def probe(self) -> None:
        """One more ticket, opened weeks before the others, so that its moments come one by one before theirs."""
        self.probes += 1
        Rig.build(self.cast, BEGUN - timedelta(days=60, seconds=self.probes), consortium=self.first)


def _copy(session: Session, table: Any, ticket_id: int, highest: int, times: int) -> None:
    """The rows of a ticket so many times more, for tickets numbered on from the highest; one statement."""
    numbers = sa.select(sa.literal(1).label("i")).cte("numbers", recursive=True)
    numbers = numbers.union_all(sa.select(numbers.c.i + 1).where(numbers.c.i < times))
    key = "id" if table is Ticket.__table__ else "ticket_id"
    columns = [column for column in table.c if column.name == key or not column.primary_key]
    values = [numbers.c.i + highest if column.name == key else column for column in columns]
    # Ticket by ticket, as rows of a desk lie in time.
    rows = sa.select(*values).select_from(table).join(numbers, sa.true()).where(table.c[key] == ticket_id)
    session.execute(
        sa.insert(table).from_select([column.name for column in columns], rows.order_by(numbers.c.i, *_key(table)))
    )


def _key(table: Any) -> Sequence[Any]:
    return [column for column in table.c if column.primary_key]


def copied(url: str, name: str, server: Any) -> str:
    """Another database with the same content."""
    if server is not None:
        made: str = server.create(name, url.rpartition("/")[2])
        return made
    source = Path(url.removeprefix("sqlite:///"))
    copy = source.with_name(f"{name}.db")
    shutil.copyfile(source, copy)
    return f"sqlite:///{copy}"


# ------------------------------------------------------------------ sweepers


def swept(url: str, folder: Path, *, sweepers: int, batch: int, killed: bool = False) -> tuple[float, float]:
    """Seconds from the start signal until so many sweepers found nothing more, and those of the processor in them.

    ``killed``: with one more that holds a batch and is killed -9 at the start.
    """
    context = multiprocessing.get_context("spawn")
    gate, in_hand, worked = context.Barrier(sweepers + 1), context.Event(), context.Value("d", 0.0)
    victim = context.Process(target=_hold, args=(url, folder, batch, in_hand)) if killed else None
    if victim is not None:
        victim.start()
        assert in_hand.wait(120)
    workers = [context.Process(target=_sweep, args=(url, folder, batch, gate, worked)) for _ in range(sweepers)]
    for worker in workers:
        worker.start()
    gate.wait(120)
    start = time.perf_counter()
    if victim is not None:
        # On SQLite nobody else can write as long as it lives; on PostgreSQL they go round what it holds.
        os.kill(victim.pid or 0, signal.SIGKILL)
        victim.join()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0, worker.exitcode
    return time.perf_counter() - start, worked.value


def _sweep(url: str, folder: Path, batch: int, gate: Barrier, worked: Any) -> None:
    with desk_on(url, folder):
        _once(0)
        gate.wait(120)
        start = time.process_time()
        while _once(batch):
            pass
        with worked.get_lock():
            worked.value += time.process_time() - start


def _hold(url: str, folder: Path, batch: int, in_hand: Event) -> None:
    with desk_on(url, folder), transaction() as session:
        service.act_on_due_clocks(session, ALL_PASSED, batch)
        in_hand.set()
        signal.pause()


def _once(batch: int) -> int:
    """One unit of work as the jobs do it; none with 0, which only connects."""
    if not batch:
        db.session.execute(sa.text("SELECT 1"))
        db.session.rollback()
        return 0
    try:
        with transaction() as session:
            return service.act_on_due_clocks(session, ALL_PASSED, batch)
    except sa.exc.OperationalError:
        # SQLite's one writer had it for too long on a busy machine; the jobs come again, too.
        return batch
