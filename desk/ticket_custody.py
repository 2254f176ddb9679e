"""The custody ledger of a ticket as one side of it may read it, with the turn that still lasts counted up to now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from desk.custody import queries as custody
from desk.domain.custody import Total, Turn, came_back, for_desk, for_member, totals
from desk.domain.vocabulary import Party
from desk.tickets.models import Ticket


@dataclass(frozen=True, slots=True)
class Bar:
    """A turn's place in the strip, in percent of the ticket's life so far."""

    party: Party
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Custody:
    """Who had the ticket: turn by turn, in all, and how often it came back."""

    turns: Sequence[Turn]
    totals: Sequence[Total]
    strip: Sequence[Bar]
    came_back: int

    @property
    def since(self) -> datetime | None:
        """When the latest turn began."""
        return self.turns[-1].from_at if self.turns else None


def custody_of(session: Session, ticket: Ticket, reader: Party, now: datetime) -> Custody:
    """The ledger as a reader of that party may read it: lead, registry or member."""
    whole = custody.turns(session, ticket.id, now)
    shown = for_member(whole) if reader is Party.MEMBER else for_desk(whole, whose=reader)
    return Custody(
        turns=shown,
        totals=totals(shown) if reader is not Party.MEMBER else (),
        strip=_strip(shown, now),
        came_back=came_back(whole) if reader is not Party.MEMBER else 0,
    )


def _strip(turns: Sequence[Turn], now: datetime) -> list[Bar]:
    if not turns:
        return []
    begin = turns[0].from_at
    end = max(turns[-1].until_at or now, begin)
    whole = max((end - begin).total_seconds(), 1.0)
    return [
        Bar(
            turn.party,
            round(100 * (turn.from_at - begin).total_seconds() / whole, 2),
            round(100 * ((turn.until_at or end) - turn.from_at).total_seconds() / whole, 2),
        )
        for turn in turns
    ]
