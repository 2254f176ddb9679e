"""Reading events: a ticket's timeline, and the oldest ones that nobody was told of."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.events.models import Event


def timeline(session: Session, ticket_id: int, limit: int = 500) -> Sequence[Event]:
    """The last ``limit`` events of a ticket, oldest first. Who may read which is for the caller to decide."""
    newest = sa.select(Event).where(Event.ticket_id == ticket_id).order_by(Event.id.desc()).limit(limit)
    return list(reversed(session.scalars(newest).all()))


def claim_unexpanded(session: Session, now: datetime) -> Event | None:
    """The oldest event that has not been turned into mail and need not wait, locked where a row can be locked."""
    oldest = (
        sa.select(Event)
        .where(Event.expanded_at.is_(None), sa.or_(Event.tell_from.is_(None), Event.tell_from <= now))
        .order_by(Event.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return session.scalars(oldest).first()
