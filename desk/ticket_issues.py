"""What a ticket's page shows of the issues register: its issues and likely ones, or what is published of them."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.domain.permissions import Actor, Permission, TicketSubject, may
from desk.issues import queries as issues
from desk.issues.models import Issue
from desk.known_issues import queries as known
from desk.known_issues.queries import KnownIssue
from desk.matching import queries as matching
from desk.matching.queries import Candidate
from desk.tickets.models import Ticket


@dataclass(frozen=True, slots=True)
class Panel:
    """For the ticket page: what the desk sees (linked, likely) or what the member sees (published, linked)."""

    linked: tuple[Issue, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    published: tuple[KnownIssue, ...] = ()
    may_link: bool = False


def panel_for(session: Session, actor: Actor, ticket: Ticket, subject: TicketSubject) -> Panel:
    """What the ticket page shows of the register: linked and likely issues to a desk, published ones to the member."""
    linked = matching.linked_to(ticket)
    if not any(may(actor, right, subject) for right in (Permission.TICKET_WORK, Permission.ESCALATION_WORK)):
        return Panel(published=tuple(known.explaining(session, actor, ticket)))
    found = sa.select(Issue).where(Issue.id.in_(linked), issues.visible_to(actor)).order_by(Issue.id.desc())
    return Panel(tuple(session.scalars(found)), tuple(matching.candidates_for(session, actor, ticket)), may_link=True)
