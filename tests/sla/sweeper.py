"""A sweeper as a process of its own: works off what is due, or stops with a batch in hand until it is killed.

    python -m tests.sla.sweeper BATCH [FILE]

With FILE it makes that file when the first batch is written and not yet committed, and waits.
"""

import signal
import sys
from pathlib import Path

from desk.app import create_app
from desk.clock import utcnow
from desk.db import transaction
from desk.sla import service


def main(batch: int, in_hand: Path | None) -> None:
    with create_app().app_context():
        while sweep(batch, in_hand):
            pass


def sweep(batch: int, in_hand: Path | None) -> int:
    """One unit of work as the jobs do it."""
    with transaction() as session:
        moved = service.act_on_due_clocks(session, utcnow(), batch)
        if in_hand is not None:
            in_hand.touch()
            signal.pause()
    return moved


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
