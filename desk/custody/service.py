"""Passing a ticket from one party to the next, with a line in the ledger for each."""

from datetime import datetime

from sqlalchemy.orm import Session

from desk.calendars import queries as calendars
from desk.custody import queries
from desk.custody.models import CustodyEntry
from desk.domain.vocabulary import Party


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
        ticket_id=ticket_id, party=party, team_id=team_id, from_at=now, reason=reason, actor_id=actor_id
    )
    session.add(entry)
    session.flush()
    return entry
