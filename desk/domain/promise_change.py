"""What another promise would do to the clocks of a ticket: which dates move, and what would be late at once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from desk.domain.clocks import Clock, ClockState
from desk.domain.targets import Kind


@dataclass(frozen=True, slots=True)
class Move:
    """One clock before and after. ``late``: it is in time before the change and late from its moment on.

    ``was_late``: it is late anyway. ``waits``: it stands still, so that it has no date before it goes on. A date of
    None: none is promised.
    """

    kind: Kind
    before: datetime | None
    after: datetime | None
    late: bool
    was_late: bool
    waits: bool


def moves(before: Mapping[Kind, Clock], after: Mapping[Kind, Clock]) -> list[Move]:
    """The live clocks that the change concerns, as they are seen at one instant before and after it."""
    found = []
    for kind, clock in after.items():
        old = before[kind]
        if not clock.live or (old.target, old.due_at, old.state) == (clock.target, clock.due_at, clock.state):
            continue
        was_late = old.breached_at is not None
        late = clock.breached_at is not None and not was_late
        found.append(Move(kind, old.due_at, clock.due_at, late, was_late, clock.state is ClockState.PAUSED))
    return found


@dataclass(frozen=True, slots=True)
class Line:
    """A clock that would be moved, with its ticket."""

    number: int
    subject: str
    move: Move


@dataclass(slots=True)
class Preview:
    """What another promise would do to all clocks, if nothing else happens before its moment."""

    looked_at: int = 0
    more: bool = False  # there are tickets that were not looked at
    tickets: int = 0
    moved: Counter[Kind] = field(default_factory=Counter)
    late: Counter[Kind] = field(default_factory=Counter)
    waiting: int = 0  # clocks that stand still: they have another target when they go on
    lines: list[Line] = field(default_factory=list)

    def add(self, number: int, changed: Sequence[Move]) -> None:
        """Count what happens to one ticket, and keep what has a date or is late."""
        self.tickets += bool(changed)
        for move in changed:
            self.waiting += move.waits
            self.moved[move.kind] += not move.waits
            self.late[move.kind] += move.late
            if not move.waits or move.late:
                self.lines.append(Line(number, "", move))
