"""Reading the ledger."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Person, Team
from desk.custody.models import CustodyEntry


def ledger(session: Session, ticket_id: int) -> Sequence[tuple[CustodyEntry, str | None, str | None]]:
    """Every turn of a ticket, oldest first, with the team's and the mover's names."""
    return [
        (entry, team, actor)
        for entry, team, actor in session.execute(
            sa.select(CustodyEntry, Team.name, Person.name)
            .outerjoin(Team, Team.id == CustodyEntry.team_id)
            .outerjoin(Person, Person.id == CustodyEntry.actor_id)
            .where(CustodyEntry.ticket_id == ticket_id)
            .order_by(CustodyEntry.id)
        )
    ]


def current(session: Session, ticket_id: int) -> CustodyEntry | None:
    """The open turn, or None when the ticket is done."""
    return session.scalars(
        sa.select(CustodyEntry).where(CustodyEntry.ticket_id == ticket_id, CustodyEntry.until_at.is_(None))
    ).first()
