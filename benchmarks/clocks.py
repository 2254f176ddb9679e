"""Clocks, measured: the arithmetic of working time, and the sweep at rest and under load, with its growth.

    python -m benchmarks.clocks [--running 1000000] [--due 10000] [--database sqlite]

Arithmetic is held against two bare bisections and against datetime arithmetic, the sweep against plain statements that
write the same number of rows. PostgreSQL is a private server, durable as in production.
"""

import argparse
import logging
import os
import statistics
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from benchmarks.measure import counted
from benchmarks.running import ALL_PASSED, World, copied, desk_on, swept
from desk.db import db, transaction
from desk.domain.calendar import BusinessCalendar
from desk.domain.clocks import EventType
from desk.domain.holiday_dates import public_holidays
from desk.sla import queries, service
from desk.sla.models import Clock, ClockEvent
from tests.servers import postgres as postgres_server
from tests.servers.postgres import Postgres

BATCH = 50  # tickets in one unit of work, as ``desk.jobs`` has it
SIZES = (1_000, 10_000, 100_000, 1_000_000)
ROUNDS = 15
SPEC = {
    "tz": "Europe/Madrid",
    "weekly_hours": {day: [["09:00", "14:00"], ["16:00", "19:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
}
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--running", type=int, default=SIZES[-1], help="clocks that run, at most (default 1000000)")
    parser.add_argument("--due", type=int, default=10_000, help="clocks that are due at once (default 10000)")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], help="only this one")
    wanted = parser.parse_args()
    logging.disable(logging.INFO)  # a migration's steps are not the question
    _print_load()
    _print_arithmetic()
    for name in [wanted.database] if wanted.database else ["sqlite", "postgresql"]:
        if name == "postgresql" and (why := postgres_server.why_not()):
            print(f"\nPostgreSQL was not measured: {why}")
            continue
        with _place(name) as (url, folder, server):
            if wanted.due:
                _print_due(name, url, folder, server, wanted.due)
        with _place(name) as (url, folder, _):
            _print_running(name, url, folder, [size for size in SIZES if size <= wanted.running])
    _print_load()


def _print_load() -> None:
    one, five, fifteen = os.getloadavg()
    print(f"load average {one:.2f} {five:.2f} {fifteen:.2f} on {os.cpu_count()} processors")


@contextmanager
def _place(name: str) -> Iterator[tuple[str, Path, Postgres | None]]:
    with tempfile.TemporaryDirectory(prefix="desk-bench-") as folder:
        server = Postgres(durable=True) if name == "postgresql" else None
        try:
            yield server.create("desk") if server else f"sqlite:///{folder}/desk.db", Path(folder), server
        finally:
            if server:
                server.close()


# ------------------------------------------------------------------ arithmetic


def _print_arithmetic() -> None:
    holidays = list(public_holidays("ES", "MD", 2024, 2033))
    spec = {**SPEC, "holidays": holidays}
    five, fifty = _compiled(spec, 2026, 2030), _compiled(spec, 2001, 2050)
    later = START + timedelta(days=1500)
    table = sorted(range(0, 2 * len(five._table.starts), 2))
    middle = len(table)
    bare = _micros(lambda: (bisect_right(table, middle), bisect_right(table, middle)))
    minus = _micros(lambda: later - START)
    print(f"\n{'arithmetic':<44}{'µs':>10}{'ratio':>9}  held against")
    days = _micros(lambda: _five_years_of_dates(ZoneInfo("Europe/Madrid")), 3, 1)
    compiling = _micros(lambda: _compiled(spec, 2026, 2030), 3, 1)
    intervals = len(five._table.starts)
    _row(f"compile five years ({intervals} intervals)", compiling, days, "the same instants by datetime alone")
    for label, calendar, end in (
        ("elapsed, a month", five, START + timedelta(days=30)),
        ("elapsed, four years", five, later),
        ("elapsed, four years of fifty compiled", fifty, later),
    ):
        took = _micros(lambda calendar=calendar, end=end: calendar.elapsed(START, end))
        _row(label, took, bare, "two bare bisections")
    for label, calendar, seconds in (
        ("add, two hours", five, 7_200),
        ("add, a thousand hours", five, 3_600_000),
        ("add, a thousand hours of fifty years compiled", fifty, 3_600_000),
    ):
        took = _micros(lambda calendar=calendar, seconds=seconds: calendar.add(START, seconds, "farthest"))
        _row(label, took, bare, "two bare bisections")
    _row("add_working_days, twenty", _micros(lambda: five.add_working_days(START, 20)), bare, "two bare bisections")
    _row("elapsed, four years", _micros(lambda: five.elapsed(START, later)), minus, "one subtraction of datetimes")


def _row(label: str, micros: float, bare: float, against: str) -> None:
    print(f"{label:<44}{micros:>10.2f}{micros / bare:>9.1f}  {against} ({bare:.2f})")


def _compiled(spec: dict[str, Any], first: int, last: int) -> BusinessCalendar:
    calendar = BusinessCalendar.from_spec(spec)
    # A table has a year to spare on both sides.
    calendar.elapsed(datetime(first + 1, 6, 1, tzinfo=UTC), datetime(last - 1, 6, 1, tzinfo=UTC))
    return calendar


def _five_years_of_dates(zone: ZoneInfo) -> int:
    """Every date's windows as instants, and no rule at all: what compiling cannot go below."""
    found = 0
    for ordinal in range(date(2026, 1, 1).toordinal(), date(2031, 1, 1).toordinal()):
        day = date.fromordinal(ordinal)
        for hour in (9, 14, 16, 19):
            found += int(datetime.combine(day, clock_time(hour), zone).timestamp()) > 0
    return found


def _micros(run: Callable[[], object], repeats: int = 7, number: int = 20_000) -> float:
    """The best of several series, in microseconds for one."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(number):
            run()
        best = min(best, time.perf_counter() - start)
    return best / number * 1_000_000


# ------------------------------------------------------------------ many due at once


def _print_due(name: str, url: str, folder: Path, server: Postgres | None, clocks: int) -> None:
    with desk_on(url, folder):
        World.make().grow(clocks)
        statements, written = _one_batch()
    bare = _plain(copied(url, "plain", server), folder, clocks, written)
    print(f"\n{name}: {clocks} clocks due at once, everything promised has passed; batches of {BATCH} tickets")
    print(f"{'':<44}{'seconds':>10}{'ms each':>9}{'per s':>8}{'ratio':>8}{'CPU ms each':>13}")
    _due_row("plain statements, the same rows", bare, clocks, bare[0])
    for label, sweepers, killed in (
        ("one sweeper", 1, False),
        ("two sweepers", 2, False),
        ("two sweepers and one killed with a batch", 2, True),
    ):
        fresh = copied(url, f"due_{sweepers}_{int(killed)}", server)
        took = swept(fresh, folder, sweepers=sweepers, batch=BATCH, killed=killed)
        _due_row(label, took, clocks, bare[0])
        with desk_on(fresh, folder):
            _check_once(clocks)
    print(f"statements for a batch: {statements}; rows written for a clock: {written:.1f}")


def _due_row(label: str, took: tuple[float, float], clocks: int, bare: float) -> None:
    seconds, worked = took
    each, processor = seconds / clocks * 1000, worked / clocks * 1000
    print(f"{label:<44}{seconds:>10.1f}{each:>9.2f}{clocks / seconds:>8.0f}{seconds / bare:>8.1f}{processor:>13.2f}")


def _one_batch() -> tuple[int, float]:
    """Statements of one unit of work, and the rows that it writes for each clock; nothing of it is kept."""
    with counted(db.engine) as seen:
        with transaction() as session:
            before = _events(session)
            service.act_on_due_clocks(session, ALL_PASSED, BATCH)
            written = _events(session) - before
            session.rollback()
    return len([one for one in seen if not one.startswith(("BEGIN", "PRAGMA"))]) - 2, written / (BATCH * 4)


def _events(session: Any) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(ClockEvent)) or 0


def _plain(url: str, folder: Path, clocks: int, written: float) -> tuple[float, float]:
    """Seconds for as many rows by the plainest statements: events inserted, clocks brought up to date, no rule."""
    with desk_on(url, folder):
        engine, event, clock = db.engine, ClockEvent.__table__, Clock.__table__
        with engine.connect() as connection:
            row = dict(connection.execute(sa.select(event).limit(1)).mappings().one())
            ids = connection.scalars(sa.select(clock.c.id).order_by(clock.c.id)).all()
        row.pop("id")
        update = sa.update(clock).where(clock.c.id == sa.bindparam("of")).values(next_at=None)
        start, worked = time.perf_counter(), time.process_time()
        for first in range(0, len(ids), BATCH * 4):
            batch = ids[first : first + BATCH * 4]
            with transaction() as session:
                session.execute(sa.insert(event), [row] * int(len(batch) * written))
                session.execute(update, [{"of": ident} for ident in batch])
        return time.perf_counter() - start, time.process_time() - worked


def _check_once(clocks: int) -> None:
    """Every warning and every breach is there once, whoever swept."""
    types = (EventType.WARNED, EventType.BREACHED)
    key = (ClockEvent.ticket_id, ClockEvent.kind, ClockEvent.cycle, ClockEvent.type, ClockEvent.percent)
    chosen = sa.select(sa.func.count()).where(ClockEvent.type.in_(types))
    assert set(db.session.scalars(chosen.group_by(*key))) == {1}, "recorded twice"
    breached = sa.select(sa.func.count()).where(ClockEvent.type == EventType.BREACHED)
    found = db.session.scalar(breached)
    assert found == -(-clocks // 4) * 4, f"{found} breaches for {clocks} clocks"


# ------------------------------------------------------------------ one due among many


def _print_running(name: str, url: str, folder: Path, sizes: list[int]) -> None:
    print(f"\n{name}: one clock due among those that run")
    print(f"{'running':>12}{'sweep ms':>12}{'p95':>8}{'ratio':>8}{'nothing due ms':>17}{'ratio':>8}  index of the look")
    first: tuple[float, float] | None = None
    with desk_on(url, folder):
        world = World.make()
        for size in sizes:
            world.grow(size)
            world.probe()
            due, idle = _rounds()
            busy, rest = statistics.median(due), statistics.median(idle)
            first = first or (busy, rest)
            p95 = sorted(due)[round(len(due) * 0.95) - 1]
            ratios = busy / first[0], rest / first[1]
            numbers = f"{busy:>12.1f}{p95:>8.1f}{ratios[0]:>8.2f}{rest:>17.2f}{ratios[1]:>8.2f}"
            print(f"{size:>12}{numbers}  {_index()}")


def _rounds() -> tuple[list[float], list[float]]:
    """Milliseconds of a unit of work that finds one due clock, and of one that finds none."""
    due, idle = [], []
    for _ in range(ROUNDS):
        moment = db.session.scalar(sa.select(sa.func.min(Clock.next_at)))
        assert moment is not None
        took, moved = _timed(moment)
        assert 0 < moved <= 2, moved
        due.append(took)
        took, moved = _timed(moment)
        assert moved == 0
        idle.append(took)
    return due, idle


def _timed(now: datetime) -> tuple[float, int]:
    start = time.perf_counter()
    with transaction() as session:
        moved = service.act_on_due_clocks(session, now, BATCH)
    return (time.perf_counter() - start) * 1000, moved


def _index() -> str:
    """How the database finds what is due: the indexes in its plan, or a warning."""
    session = db.session()
    with counted(db.engine) as seen:
        queries.due_tickets(session, START, BATCH)
        queries.tickets_left_behind(session, BATCH)
    session.rollback()
    plans = [_plan(session, sql) for sql in seen if sql.startswith(("SELECT", "WITH"))]
    session.rollback()
    names = [
        next((name for name in ("ix_clock_next_at", "ix_clock_live_calendar") if name in plan), "") for plan in plans
    ]
    return ", ".join(name or "NO INDEX" for name in names)


def _plan(session: Any, statement: str) -> str:
    if db.engine.dialect.name == "sqlite":
        rows = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", (1,) * statement.count("?"))
        return " ".join(str(row[3]) for row in rows)
    values = {name: START if "next_at" in name else BATCH for name in _names(statement)}
    return " ".join(row[0] for row in session.connection().exec_driver_sql(f"EXPLAIN {statement}", values))


def _names(statement: str) -> list[str]:
    return [part.partition(")s")[0] for part in statement.split("%(")[1:]]


if __name__ == "__main__":
    main()
