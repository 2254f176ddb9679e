"""One clock of a ticket as a page shows it: how it stands, how much is used, when it is due and whether it is late."""

from dataclasses import dataclass
from datetime import datetime

from desk.domain.clocks import ClockState
from desk.domain.targets import Kind, is_due_soon


@dataclass(frozen=True, slots=True)
class ClockLine:
    """One clock as a page shows it; ``consumed`` is up to now."""

    kind: Kind
    label: str
    state: ClockState
    cause: str
    consumed: int
    target_seconds: int | None
    due_at: datetime | None
    breach_at: datetime | None
    breached_at: datetime | None
    tz: str
    undated: str  # why it has no date although one is promised; else empty

    @property
    def misconfigured(self) -> bool:
        """It is promised, and its calendar does not open enough to tell by when."""
        return bool(self.undated)

    @property
    def is_running(self) -> bool:
        """Time counts now, in working hours."""
        return self.state is ClockState.RUNNING

    @property
    def is_paused(self) -> bool:
        """It stands still until somebody moves the ticket."""
        return self.state is ClockState.PAUSED

    @property
    def is_late(self) -> bool:
        """The target was exceeded, whether that has been recorded yet or not."""
        return self.breached_at is not None

    @property
    def is_due_soon(self) -> bool:
        """It runs, is kept so far, and most of the target is used."""
        return self.is_running and not self.is_late and is_due_soon(self.consumed, self.target_seconds)

    @property
    def percent(self) -> int | None:
        """How much of the target is used; None when nothing is promised."""
        return None if not self.target_seconds else 100 * self.consumed // self.target_seconds

    @property
    def late_by_change(self) -> bool:
        """No date that was given has passed: a change of what counts made it late when it was made."""
        return bool(self.breached_at and self.breach_at and self.breached_at > self.breach_at)

    @property
    def moved_since(self) -> bool:
        """It was missed, and what is promised or counted was changed after that: the date is not the missed one."""
        return bool(self.breached_at and self.breach_at and self.breached_at < self.breach_at)
