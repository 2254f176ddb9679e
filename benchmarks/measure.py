"""Timing two things in turn, so that both meet the same moods of the machine; counting statements; memory."""

import re
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event


@dataclass(frozen=True)
class Timing:
    """Milliseconds of many runs."""

    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    @property
    def p95(self) -> float:
        return sorted(self.runs)[min(len(self.runs) - 1, round(len(self.runs) * 0.95))]


@dataclass(frozen=True)
class Line:
    """One job of the desk beside its bare counterpart."""

    job: str
    desk: Timing
    bare: Timing
    statements: int

    @property
    def ratio(self) -> float:
        return self.desk.median / self.bare.median


def in_turn(desk: Callable[[], None], bare: Callable[[], None], rounds: int) -> tuple[Timing, Timing]:
    """Run each ``rounds`` times, one after the other, after a warm-up of three."""
    runs: tuple[list[float], list[float]] = ([], [])
    for number in range(-3, rounds):
        for kept, one in zip(runs, (desk, bare), strict=True):
            start = time.perf_counter()
            one()
            if number >= 0:
                kept.append((time.perf_counter() - start) * 1000)
    return Timing(tuple(runs[0])), Timing(tuple(runs[1]))


@contextmanager
def counted(engine: sa.Engine) -> Iterator[list[str]]:
    """The statements that are executed inside."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def megabytes(pid: int) -> float:
    """Resident memory of a process, shared pages counted in full."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def children(pid: int) -> list[int]:
    """The processes that a process has started and not yet ended."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]
