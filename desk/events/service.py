"""Writing down what happened. Called by every verb that changes something, in the verb's own transaction."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from desk.events.models import Event


def record(
    session: Session,
    kind: str,
    *,
    at: datetime,
    actor_id: int | None = None,
    audience: str | None = None,
    ticket_id: int | None = None,
    message_id: int | None = None,
    escalation_id: int | None = None,
    issue_id: int | None = None,
    person_id: int | None = None,
    consortium_id: int | None = None,
    registry_id: int | None = None,
    payload: dict[str, Any] | None = None,
    quiet: bool = False,
    flush: bool = True,
) -> Event:
    """Append an event.

    ``kind`` is a past participle (``opened``, ``answered``, ``breached``). ``quiet`` marks it as expanded at once, so
    that nobody is told: for imports, and for events that only the timeline needs. ``flush``: send it at once, so that
    it has its id; not for hundreds, since each flush looks through all that the session holds.
    """
    event = Event(
        kind=kind,
        at=at,
        actor_id=actor_id,
        audience=audience,
        ticket_id=ticket_id,
        message_id=message_id,
        escalation_id=escalation_id,
        issue_id=issue_id,
        person_id=person_id,
        consortium_id=consortium_id,
        registry_id=registry_id,
        payload=payload or {},
        expanded_at=at if quiet else None,
    )
    session.add(event)
    if flush:
        session.flush()
    return event
