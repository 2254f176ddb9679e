"""Passing a ticket from one party to the next, with a line in the ledger for each."""

from datetime import datetime

from sqlalchemy.orm import Session

from desk.calendars import queries as calendars
from desk.custody import queries
from desk.custody.models import CustodyEntry
from desk.domain.custody import share_left
from desk.domain.targets import Kind
from desk.domain.vocabulary import Party
from desk.sla import queries as sla


def pass_to(
    session: Session,
    *,
    ticket_id: int,
    party: Party,
    team_id: int | None,
    calendar_id: int | None,
    reason: str,
    actor_id: int | None,
    now: datetime,
) -> CustodyEntry | None:
    """End the present turn and begin the next; None when nothing changes hands, or when it is nobody's turn any more.

    ``calendar_id``: the calendar in which the turn that now ends is measured (the holder's; the lead's while the
    member or nobody was on). Called under the ticket's clock lock.
    """
    current = queries.current(session, ticket_id)
    if current is not None:
        if (current.party, current.team_id) == (party, team_id):
            return None
        current.until_at = now
        current.seconds = calendars.working_seconds(session, calendar_id, current.from_at, now)
        # The index allows one open turn per ticket, so the old one must be closed first.
        session.flush()
    if party is Party.NOBODY:
        return None
    entry = CustodyEntry(
        ticket_id=ticket_id,
        party=party,
        team_id=team_id,
        from_at=now,
        reason=reason,
        actor_id=actor_id,
        promise_left=_promise_left(session, ticket_id, now) if party is Party.REGISTRY else None,
    )
    session.add(entry)
    session.flush()
    return entry


def _promise_left(session: Session, ticket_id: int, now: datetime) -> int | None:
    """Percent of the promise to the member that is left, as it is promised at this moment."""
    overall = next((line for line in sla.lines(session, ticket_id, now) if line.kind is Kind.OVERALL), None)
    return share_left(overall.consumed, overall.target_seconds) if overall is not None else None
