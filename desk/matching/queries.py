"""Which live issues a ticket may be about, and which tickets an issue may explain, as far as this reader sees both.

Tickets are looked up, never read through: by their kind of incident, by the identifiers and by any two of the telling
words that stand in them (the full text of either database), the newest of each; those few are then compared. A lead
looks among the consortium's tickets, a registry among those it was handed, by their briefs: what was not disclosed
neither finds a ticket nor stands among the reasons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from desk.domain import likeness, register
from desk.domain.identifiers import find
from desk.domain.lifecycle import LIVE
from desk.domain.likeness import Evidence, Likeness
from desk.domain.permissions import Actor, IssueSubject, Permission, may
from desk.domain.vocabulary import Audience
from desk.escalations.models import Escalation, EscalationRound
from desk.fulltext import queries as fulltext
from desk.issues.models import Issue, IssueTicket
from desk.issues.queries import visible_to
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket, TicketRegistry

OPEN_ISSUES_READ = 500  # of the newest when a ticket is compared with them
TICKETS_READ = 200  # of the newest that are found in each of the three ways
TICKETS_SHOWN = 25
LOOKED_BACK = timedelta(days=180)
"""Older tickets are explained by no issue of today."""

GROUPED_AT_MOST = 400  # live tickets without an issue, the newest
GROUPS_SHOWN = 10

_TOLD = ("asked", "error_text", "error_code", "steps")  # of a brief


@dataclass(frozen=True, slots=True)
class Candidate:
    """An issue that a ticket may be about, and what says so."""

    issue: Issue
    likeness: Likeness


@dataclass(frozen=True, slots=True)
class LikelyTicket:
    """A ticket that an issue may explain, what says so, and the beginning of what it says to this reader."""

    ticket: Ticket
    subject: str
    reasons: tuple[str, ...]
    said: str


@dataclass(frozen=True, slots=True)
class Group:
    """Tickets without an issue that look alike, newest first, and what they share."""

    tickets: tuple[LikelyTicket, ...]
    members: int
    reasons: tuple[str, ...]


# ------------------------------------------------------------------ a ticket: which issues


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
    return [
        Candidate(by_id[key], alike)
        for key, alike in likeness.candidates(asked, {key: _of_issue(issue) for key, issue in by_id.items()})
    ]


def linked_to(ticket: Ticket) -> sa.Select[tuple[int]]:
    """Ids of the issues that the ticket is linked to."""
    return sa.select(IssueTicket.issue_id).where(IssueTicket.ticket_id == ticket.id, IssueTicket.unlinked_at.is_(None))


def _asked(session: Session, actor: Actor, ticket: Ticket) -> Evidence:
    """What the ticket says to this reader: a registry must not learn from a reason what was masked for it."""
    subject = tickets.subject_of(session, ticket)
    shown = tickets.messages_for(session, actor, ticket, subject)
    whole = [each.message for each in shown if each.html == each.message.html]
    said = [message.text for message in whole if message.audience is Audience.MEMBER]
    text = "\n".join([tickets.subject_for(session, actor, ticket), *said[:1]])
    is_lead = may(actor, Permission.TICKET_WORK, subject)
    return _evidence(ticket, text, ticket.identifiers if is_lead else likeness.stored(find(text)))


def _of_issue(issue: Issue) -> Evidence:
    return _evidence(issue, f"{issue.title}\n{issue.symptom}", issue.identifiers)


def _evidence(of: Ticket | Issue, text: str, things: Sequence[Mapping[str, Any]]) -> Evidence:
    return likeness.evidence(
        text, service=of.service, environment=of.environment, entry_key=of.catalogue_key, identifiers=things
    )


# ------------------------------------------------------------------ an issue: which tickets


def tickets_for(session: Session, actor: Actor, issue: Issue, now: datetime) -> list[LikelyTicket]:
    """Tickets that the issue may explain and that its owner's desk sees, likeliest first, at most ``TICKETS_SHOWN``."""
    asked = _of_issue(issue)
    linked = sa.select(IssueTicket.ticket_id).where(IssueTicket.issue_id == issue.id, IssueTicket.unlinked_at.is_(None))
    pool = _pool(issue.consortium_id, issue.registry_id, now).where(tickets.visible_to(actor), Ticket.id.not_in(linked))
    ways: list[sa.ColumnElement[bool]] = []
    if issue.catalogue_key:
        ways.append(Ticket.catalogue_key == issue.catalogue_key)
    if issue.registry_id is not None:
        ways.append(sa.true())  # what was handed over is little, and only its briefs may be compared
    else:
        ways += fulltext.conditions(session, likeness.telling(asked), likeness.named_things(asked))
    found = {ticket.id: ticket for way in ways for ticket in session.scalars(pool.where(way).limit(TICKETS_READ))}
    subjects, said = _subjects(session, actor, found), _said(session, issue.registry_id, found)
    compared = {
        key: _of_ticket(ticket, f"{subjects[key]}\n{said[key]}", issue.registry_id) for key, ticket in found.items()
    }
    return [
        LikelyTicket(found[key], subjects[key], alike.reasons, said[key])
        for key, alike in likeness.tickets_like(asked, compared, TICKETS_SHOWN)
    ]


def alike(session: Session, actor: Actor, place: IssueSubject, now: datetime) -> list[Group]:
    """Live tickets of a consortium, or handed to a registry, that have no issue there and look alike; largest first."""
    of_owner = sa.select(IssueTicket.ticket_id).join(Issue, Issue.id == IssueTicket.issue_id)
    linked = of_owner.where(IssueTicket.ticket_id == Ticket.id, IssueTicket.unlinked_at.is_(None), visible_to(actor))
    pool = _pool(place.consortium_id, place.registry_id, now).where(
        tickets.visible_to(actor), Ticket.state.in_(LIVE), ~linked.correlate(Ticket).exists()
    )
    found = {ticket.id: ticket for ticket in session.scalars(pool.limit(GROUPED_AT_MOST))}
    subjects, said = _subjects(session, actor, found), _said(session, place.registry_id, found)
    compared = {
        key: _of_ticket(ticket, f"{subjects[key]}\n{said[key]}", place.registry_id) for key, ticket in found.items()
    }
    return [
        Group(
            tuple(LikelyTicket(found[key], subjects[key], (), said[key]) for key in each.keys),
            len({found[key].member_org_id for key in each.keys} - {None}),
            each.reasons,
        )
        for each in likeness.clusters(compared, GROUPS_SHOWN)
    ]


def _pool(consortium_id: int | None, registry_id: int | None, now: datetime) -> sa.Select[tuple[Ticket]]:
    """Tickets of the place that may still want an explanation, newest first, each with its member at hand."""
    of_place: sa.ColumnElement[bool] = Ticket.consortium_id == consortium_id
    if registry_id is not None:
        handed = sa.select(TicketRegistry.ticket_id).where(TicketRegistry.registry_id == registry_id)
        of_place = Ticket.id.in_(handed)
    return (
        sa.select(Ticket)
        .where(of_place, Ticket.created_at >= now - LOOKED_BACK, Ticket.merged_into_id.is_(None))
        .options(selectinload(Ticket.member_org))
        .order_by(Ticket.id.desc())
    )


def _of_ticket(ticket: Ticket, text: str, registry_id: int | None) -> Evidence:
    return _evidence(ticket, text, ticket.identifiers if registry_id is None else likeness.stored(find(text)))


def _subjects(session: Session, actor: Actor, found: Mapping[int, Ticket]) -> dict[int, str]:
    return tickets.subjects_for(session, actor, {key: ticket.subject for key, ticket in found.items()})


def _said(session: Session, registry_id: int | None, found: Mapping[int, Ticket]) -> dict[int, str]:
    """What each ticket says: to its lead the first message, to a registry the brief that it was sent. One query."""
    texts = fulltext.first_words(session, found) if registry_id is None else _briefs(session, registry_id, found)
    return {key: texts.get(key, "") for key in found}


def _briefs(session: Session, registry_id: int, found: Mapping[int, Ticket]) -> dict[int, str]:
    """What the registry was sent last of each ticket, as text; what the lead wrote since is not the registry's."""
    rows = session.execute(
        sa.select(Escalation.ticket_id, EscalationRound.brief)
        .join(EscalationRound, EscalationRound.escalation_id == Escalation.id)
        .where(Escalation.registry_id == registry_id, Escalation.ticket_id.in_(found))
        .order_by(EscalationRound.id)
    )
    return {row.ticket_id: "\n".join(str(row.brief.get(name) or "") for name in _TOLD) for row in rows}
