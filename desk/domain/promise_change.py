"""What another promise would do to the clocks of a ticket: which dates move, and what would be late at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from desk.domain.clocks import Clock, ClockState
from desk.domain.targets import Kind


@dataclass(frozen=True, slots=True)
class Move:
    """One clock before and after. ``late``: it is in time before the change and late from its moment on.

    ``waits``: it stands still, so that it has no date before it goes on. A date of None: none is promised.
    """

    kind: Kind
    before: datetime | None
    after: datetime | None
    late: bool
    waits: bool


def moves(before: Mapping[Kind, Clock], after: Mapping[Kind, Clock]) -> list[Move]:
    """The live clocks that the change concerns, as they are seen at one instant before and after it."""
    found = []
    for kind, clock in after.items():
        old = before[kind]
        if not clock.live or (old.target, old.due_at, old.state) == (clock.target, clock.due_at, clock.state):
            continue
        late = clock.breached_at is not None and old.breached_at is None
        found.append(Move(kind, old.due_at, clock.due_at, late, clock.state is ClockState.PAUSED))
    return found
