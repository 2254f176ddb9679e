"""What an edit of hours would do to running clocks: which dates move, by how much, and who is late at once."""

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from desk.domain.targets import Kind

ROWS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Move:
    """A clock whose date an edit would move. A date of None: none can be given."""

    ticket_id: int
    kind: Kind
    before: datetime | None
    after: datetime | None
    late: bool  # at once, and not before

    @property
    def seconds(self) -> int:
        """By how much, later being positive; 0 where a date is gained or lost."""
        return int((self.after - self.before).total_seconds()) if self.before and self.after else 0

    @property
    def weight(self) -> tuple[bool, bool, int, int]:
        """What comes first: late at once, then no date any more, then the widest moves."""
        return (self.late, self.after is None, abs(self.seconds), -self.ticket_id)


@dataclass(slots=True)
class Preview:
    """What an edit would do: counts over all live clocks of the calendar, and the moves that matter most."""

    live: int = 0
    later: int = 0
    earlier: int = 0
    undated: int = 0
    late: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)
    rows: list[Move] = field(default_factory=list)

    @property
    def moved(self) -> int:
        """How many clocks would have another date."""
        return sum(self.kinds.values())

    def count(self, moves: Sequence[Move]) -> None:
        """Take some moves in; only the weightiest are kept."""
        for move in moves:
            self.kinds[move.kind] += move.before != move.after
            self.late += move.late
            self.later += move.seconds > 0
            self.earlier += move.seconds < 0
            self.undated += move.after is None
        self.rows = heapq.nlargest(ROWS_SHOWN, [*self.rows, *moves], key=lambda move: move.weight)
