"""What the lead decides about a ticket before and while working on it: who takes it, what it is, who wrote it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import MemberOrg
from desk.catalogue import queries as catalogue
from desk.domain.errors import Conflict, InvalidInput
from desk.domain.permissions import Actor
from desk.domain.priority import Impact, Urgency, priority_of
from desk.domain.vocabulary import Environment, Resolver, TicketKind
from desk.sla import service as sla
from desk.tickets import queries
from desk.tickets import service as tickets
from desk.tickets.models import Participant, Ticket

TAGS_MAX = 20
TAG_LENGTH = 40


def take(session: Session, actor: Actor, ticket: Ticket, *, now: datetime) -> None:
    """Make the ticket one's own. ``Conflict`` when a colleague has it already."""
    tickets.working(session, actor, ticket)
    if ticket.assignee_id not in (None, actor.person_id):
        raise Conflict("A colleague has taken this ticket meanwhile. Ask them, or assign it to yourself.")
    if actor.person_id is not None:
        _assign(session, actor, ticket, actor.person_id, "taken", now)


def assign(session: Session, actor: Actor, ticket: Ticket, *, assignee_id: int | None, now: datetime) -> None:
    """Give the ticket to somebody of the lead's desk, or to nobody."""
    tickets.working(session, actor, ticket)
    team = accounts.lead_people(session, ticket.consortium_id, now)
    if assignee_id is not None and assignee_id not in {person.id for person in team}:
        raise InvalidInput("Only somebody of the consortium's own desk can be given a ticket.", field="assignee_id")
    _assign(session, actor, ticket, assignee_id, "assigned", now)


def triage(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    *,
    kind: TicketKind,
    impact: Impact,
    urgency: Urgency,
    catalogue_key: str | None,
    service: str,
    environment: Environment | None,
    fields: Mapping[str, Any],
    tags: Sequence[str],
    version: int,
    now: datetime,
) -> None:
    """Classify and prioritise. ``version`` is the one the page showed; another one is a ``Conflict``."""
    tickets.working(session, actor, ticket)
    if ticket.version != version:
        raise Conflict
    entry = catalogue.entry(session, catalogue_key)
    before = ticket.priority
    ticket.kind, ticket.impact, ticket.urgency = kind, impact, urgency
    ticket.priority = priority_of(impact, urgency)
    ticket.catalogue_key = entry.key if entry else None
    ticket.resolver = Resolver(entry.resolver) if entry and entry.resolver else None
    ticket.service, ticket.environment = service, environment
    ticket.fields = {key: value for key, value in fields.items() if value not in (None, "", [])}
    ticket.tags = sorted({tag.strip().lower()[:TAG_LENGTH] for tag in tags if tag.strip()})[:TAGS_MAX]
    ticket.updated_at = now
    if before is not ticket.priority:
        sla.change_priority(session, ticket.id, ticket.priority, actor_id=actor.person_id, now=now)
    payload = {"priority": ticket.priority.value, "before": before.value, "catalogue_key": ticket.catalogue_key}
    tickets.record(session, ticket, "triaged", actor, now, payload=payload)


def confirm_requester(
    session: Session, actor: Actor, ticket: Ticket, *, member_org_id: int, person_id: int, now: datetime
) -> None:
    """The lead says who wrote: an unverified sender's ticket becomes a contact's of a member organisation."""
    tickets.working(session, actor, ticket)
    contacts = accounts.contacts_of(session, member_org_id, now)
    org = session.get(MemberOrg, member_org_id)
    if org is None or org.consortium_id != ticket.consortium_id or person_id not in {each.id for each in contacts}:
        raise InvalidInput("Please choose a contact of a member of this consortium.", field="person_id")
    ticket.member_org_id, ticket.requester_id = member_org_id, person_id
    ticket.proposed_org_id = ticket.unverified_sender = None
    ticket.updated_at = now
    tickets.record(session, ticket, "requester_confirmed", actor, now, payload={"person_id": person_id})


def add_participant(session: Session, actor: Actor, ticket: Ticket, *, person_id: int, now: datetime) -> None:
    """Let another contact of the consortium's members follow the ticket."""
    tickets.working(session, actor, ticket)
    if not accounts.orgs_of_person(session, person_id, ticket.consortium_id, now):
        raise InvalidInput("Only contacts of this consortium's members can follow a ticket.", field="person_id")
    if person_id not in queries.subject_of(session, ticket).participant_ids:
        session.add(Participant(ticket_id=ticket.id, person_id=person_id, added_at=now, added_by=actor.person_id))
        tickets.record(session, ticket, "participant_added", actor, now, payload={"person_id": person_id})


def _assign(session: Session, actor: Actor, ticket: Ticket, assignee_id: int | None, kind: str, now: datetime) -> None:
    if ticket.assignee_id == assignee_id:
        return
    ticket.assignee_id, ticket.updated_at = assignee_id, now
    tickets.record(session, ticket, kind, actor, now, payload={"assignee_id": assignee_id})
