"""What the demo's leads filed at their registries outside of the desk, and where they let the registry write.

Written down when the world opens, after all else that happened: a ticket's timeline only goes forward.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.catalogue import queries as catalogue
from desk.domain.lifecycle import LIVE, State
from desk.domain.registry_action import ActionDraft, ActionState
from desk.handover import service as handover
from desk.registry_actions import service
from desk.tickets.models import Ticket

FILED_AT_MOST = 12
WRITING_AT_MOST = 2
_WAITS = (2, 5, 12)
"""Days after filing by which an answer was expected: some are overdue by now."""
_ENDS = {
    1: (ActionState.CONFIRMED, "Done as asked."),
    3: (ActionState.REFUSED, "The form lacks the scopes."),
}
"""Of every four that were filed, which are answered, and how."""


def file_some(session: Session, now: datetime) -> None:
    """Registry actions on live tickets whose catalogue entry names one."""
    live = sa.select(Ticket).where(Ticket.state.in_(LIVE), Ticket.assignee_id.is_not(None)).order_by(Ticket.id)
    entries = ((ticket, catalogue.entry(session, ticket.catalogue_key)) for ticket in session.scalars(live).all())
    wanted = [(ticket, entry.registry_action) for ticket, entry in entries if entry and entry.registry_action]
    for number, (ticket, kind) in enumerate(wanted[:FILED_AT_MOST]):
        _file(session, ticket, kind, number, now)


def _file(session: Session, ticket: Ticket, kind: str, number: int, now: datetime) -> None:
    lead = accounts.actor_of(session, ticket.assignee_id or 0, now)
    today = service.today_of(lead, now)
    draft = ActionDraft(
        kind=kind,
        filed_on=min(service.today_of(lead, ticket.created_at), today),
        reference=f"CR-{4100 + number}",
        expected_by=service.today_of(lead, ticket.created_at) + timedelta(days=_WAITS[number % len(_WAITS)]),
        note="Sent with the member's approval." if number % 2 else "",
    )
    action = service.file_action(session, lead, ticket, draft, show=number % 3 == 0, now=now)
    if number % 4 in _ENDS:
        state, note = _ENDS[number % 4]
        seen = action.version
        service.end_action(session, lead, ticket, action.id, state=state, on=today, note=note, version=seen, now=now)


def let_some_write(session: Session, now: datetime) -> None:
    """Where a lead lets the registry ask the member itself."""
    with_registry = sa.select(Ticket).where(Ticket.state == State.ESCALATED, Ticket.assignee_id.is_not(None))
    for ticket in session.scalars(with_registry.order_by(Ticket.id).limit(WRITING_AT_MOST)).all():
        lead = accounts.actor_of(session, ticket.assignee_id or 0, now)
        handover.let_registry_write(session, lead, ticket, allowed=True, now=now)
