"""Which live issues a ticket may be about, as far as this reader sees both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.domain import register
from desk.domain.identifiers import find
from desk.domain.permissions import Actor, Permission, may
from desk.domain.register import Evidence, Likeness
from desk.domain.vocabulary import Audience
from desk.issues.models import Issue, IssueTicket
from desk.issues.queries import visible_to
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket

OPEN_ISSUES_READ = 500  # of the newest when a ticket is compared with them


@dataclass(frozen=True, slots=True)
class Candidate:
    """An issue that a ticket may be about, and what says so."""

    issue: Issue
    likeness: Likeness


def candidates_for(session: Session, actor: Actor, ticket: Ticket) -> list[Candidate]:
    """Live issues that the ticket may be about, best first, among those whose record the actor reads."""
    here = sa.or_(Issue.consortium_id == ticket.consortium_id, Issue.registry_id == ticket.consortium.registry_id)
    issues = session.scalars(
        sa.select(Issue)
        .where(visible_to(actor), here, Issue.state.in_(register.LIVE), Issue.id.not_in(linked_to(ticket)))
        .order_by(Issue.id.desc())
        .limit(OPEN_ISSUES_READ)
    ).all()
    if not issues:
        return []
    by_id = {issue.id: issue for issue in issues}
    asked = _asked(session, actor, ticket)
    kept = {key: _evidence(issue, f"{issue.title}\n{issue.symptom}", issue.identifiers) for key, issue in by_id.items()}
    return [Candidate(by_id[key], alike) for key, alike in register.candidates(asked, kept)]


def _asked(session: Session, actor: Actor, ticket: Ticket) -> Evidence:
    """What the ticket says to this reader: a registry must not learn from a reason what was masked for it."""
    subject = tickets.subject_of(session, ticket)
    shown = tickets.messages_for(session, actor, ticket, subject)
    whole = [each.message for each in shown if each.html == each.message.html]
    said = [message.text for message in whole if message.audience is Audience.MEMBER]
    text = "\n".join([tickets.subject_for(session, actor, ticket), *said[:1]])
    is_lead = may(actor, Permission.TICKET_WORK, subject)
    return _evidence(ticket, text, ticket.identifiers if is_lead else register.stored(find(text)))


def linked_to(ticket: Ticket) -> sa.Select[tuple[int]]:
    """Ids of the issues that the ticket is linked to."""
    return sa.select(IssueTicket.issue_id).where(IssueTicket.ticket_id == ticket.id, IssueTicket.unlinked_at.is_(None))


def _evidence(of: Ticket | Issue, text: str, things: Sequence[Mapping[str, Any]]) -> Evidence:
    return register.evidence(
        text, service=of.service, environment=of.environment, entry_key=of.catalogue_key, identifiers=things
    )
