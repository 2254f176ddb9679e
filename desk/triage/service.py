"""What the lead decides about a ticket before and while working on it: who takes it, what it is, who wrote it.

Also where it goes on: in another ticket of the same member, or with the lead of another consortium.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import MemberOrg, Person
from desk.catalogue import queries as catalogue
from desk.conversations import queries as conversations
from desk.domain.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from desk.domain.escalation import OPEN
from desk.domain.lifecycle import DONE, STAFF_WORDS, Action, next_state
from desk.domain.permissions import Actor, Permission, TicketSubject, may
from desk.domain.priority import Impact, Urgency, priority_of
from desk.domain.text import REASON_LENGTH, clean_text
from desk.domain.vocabulary import Audience, Channel, Environment, Outcome, Resolver, TicketKind
from desk.escalations import queries as escalations
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
    sla.change_member(session, ticket.id, member_org_id, actor_id=actor.person_id, now=now)
    tickets.record(session, ticket, "requester_confirmed", actor, now, payload={"person_id": person_id})


def add_participant(session: Session, actor: Actor, ticket: Ticket, *, person_id: int, now: datetime) -> None:
    """Let another contact of the consortium's members follow the ticket."""
    tickets.working(session, actor, ticket)
    if not accounts.orgs_of_person(session, person_id, ticket.consortium_id, now):
        raise InvalidInput("Only contacts of this consortium's members can follow a ticket.", field="person_id")
    if person_id not in queries.subject_of(session, ticket).participant_ids:
        session.add(Participant(ticket_id=ticket.id, person_id=person_id, added_at=now, added_by=actor.person_id))
        tickets.record(session, ticket, "participant_added", actor, now, payload={"person_id": person_id})


def merge(session: Session, actor: Actor, ticket: Ticket, *, into: int, now: datetime) -> Ticket:
    """The ticket goes on in another one of the same member; its messages stay in it, its people follow the other.

    It is closed and points to the other, to which answers to its mails go from now on. Raises ``InvalidInput`` (field
    ``into``) when that is not possible with the other ticket, ``IllegalTransition`` when it is not with this one.
    """
    target = merge_target(session, actor, ticket, into=into)
    # Both locks before anything is read, in the order in which everybody takes them.
    for each in sorted((ticket.id, target.id)):
        sla.lock(session, each)
    tickets.working(session, actor, ticket)
    session.refresh(target)
    merge_target(session, actor, ticket, into=into)
    brought = followers_brought(session, ticket, target, now)
    sla.merge_clocks(session, ticket.id, target.id, actor_id=actor.person_id, now=now)
    payload = {"ticket_id": target.id}
    tickets.move(session, ticket, Action.MERGE, "merged", actor, now, outcome=Outcome.MERGED, payload=payload)
    ticket.merged_into_id, target.updated_at = target.id, now
    for person in brought:
        session.add(Participant(ticket_id=target.id, person_id=person.id, added_at=now, added_by=actor.person_id))
    tickets.record(session, target, "absorbed", actor, now, payload={"ticket_id": ticket.id})
    return target


def merge_target(session: Session, actor: Actor, ticket: Ticket, *, into: int) -> Ticket:
    """The ticket into which this one can be merged by this actor; raises as ``merge`` does."""
    subject = queries.subject_of(session, ticket)
    if not may(actor, Permission.TICKET_WORK, subject):
        raise NotFound
    if ticket.merged_into_id is not None:
        raise IllegalTransition(f"This ticket was merged into #{ticket.merged_into_id} already.")
    _is_with_lead(session, ticket)
    next_state(ticket.state, Action.MERGE, ticket.state_before)
    target = _of_queue(session, actor, into)
    wrong = _why_not(ticket, target)
    if wrong:
        raise InvalidInput(wrong, field="into")
    return target


def followers_brought(session: Session, ticket: Ticket, target: Ticket, now: datetime) -> list[Person]:
    """Who will read and answer the target after the merge and does not yet: this ticket's people of its member."""
    source, known = queries.subject_of(session, ticket), queries.subject_of(session, target)
    asked = source.participant_ids | {source.requester_id}
    present = known.participant_ids | {known.requester_id}
    contacts = accounts.contacts_of(session, target.member_org_id, now) if target.member_org_id else ()
    return [person for person in contacts if person.id in asked - present]


def transfer(session: Session, actor: Actor, ticket: Ticket, *, member_org_id: int, reason: str, now: datetime) -> None:
    """Another consortium's lead takes the ticket over; ``member_org_id``: the organisation's membership there.

    Access is the new consortium's from now on, what was promised stays. Nothing that was written among the first
    lead's team, or with a registry, may come to be read by another one: such a ticket is refused, as is one that its
    requester would not see any more. Raises ``InvalidInput`` (fields ``member_org_id``, ``reason``),
    ``IllegalTransition``.
    """
    subject = tickets.working(session, actor, ticket)
    _is_with_lead(session, ticket)
    org = next((each for each in transfer_places(session, ticket, now) if each.id == member_org_id), None)
    if org is None:
        raise InvalidInput("Choose a consortium of which the organisation is a member, too.", field="member_org_id")
    _may_pass(session, ticket, subject, org, now)
    why = clean_text(reason, name="The reason", field="reason", limit=REASON_LENGTH)
    team, calendar_id = accounts.team_of_consortium(session, org.consortium_id), tickets.turn_calendar(session, ticket)
    payload = {"from": ticket.consortium.name, "to": org.consortium.name}
    ticket.consortium_id, ticket.member_org_id = org.consortium_id, org.id
    # Who works on it and under which words it was filed were the first desk's own.
    ticket.assignee_id, ticket.tags, ticket.updated_at = None, [], now
    session.flush()
    session.expire(ticket, ["consortium", "member_org", "assignee"])
    _drop_followers(session, ticket, now)
    tickets.pass_on(session, ticket, team, "transferred", actor, now, calendar_id=calendar_id)
    sla.transfer_lead(
        session,
        ticket.id,
        consortium_id=org.consortium_id,
        lead_calendar_id=team.calendar_id,
        actor_id=actor.person_id,
        reason=why,
        now=now,
    )
    tickets.record(session, ticket, "transferred", actor, now, payload=payload)
    note = tickets.write(session, actor, ticket, why, (), Channel.WEB, now, audience=Audience.LEAD, from_staff=True)
    tickets.record(session, ticket, "noted", actor, now, message=note)


def transfer_places(session: Session, ticket: Ticket, now: datetime) -> Sequence[MemberOrg]:
    """Where the ticket's organisation is a member as well, under the same registry; raises ``IllegalTransition``."""
    if ticket.state in DONE:
        raise IllegalTransition(f"A ticket that is “{STAFF_WORDS[ticket.state].lower()}” stays where it is.")
    if ticket.member_org is None or ticket.unverified_sender:
        raise IllegalTransition("Confirm first who wrote this; only then is it known where they are members.")
    return accounts.memberships_elsewhere(session, ticket.member_org, now)


def _is_with_lead(session: Session, ticket: Ticket) -> None:
    newest = escalations.newest(session, ticket.id)
    if newest is not None and newest.state in OPEN:
        raise IllegalTransition(
            "Its escalation to the registry is still open. Withdraw or finish the escalation first."
        )


def _of_queue(session: Session, actor: Actor, number: int) -> Ticket:
    """A ticket on which the actor works; one that is not theirs looks like one that is not there."""
    try:
        found = queries.get(session, actor, number)
    except NotFound:
        found = None
    if found is None or not may(actor, Permission.TICKET_WORK, queries.subject_of(session, found)):
        raise InvalidInput(f"There is no ticket #{number} in your queue.", field="into")
    return found


def _why_not(ticket: Ticket, target: Ticket) -> str:
    """Why the one cannot be merged into the other, in a sentence; empty when it can."""
    if ticket.id == target.id:
        return "A ticket cannot be merged into itself."
    if target.state in DONE:
        return f"#{target.number} is {STAFF_WORDS[target.state].lower()}. Choose one that is open, or reopen it first."
    if ticket.consortium_id != target.consortium_id:
        return f"#{target.number} belongs to another consortium."
    for each, name in ((ticket, "this ticket"), (target, f"#{target.number}")):
        if each.member_org_id is None or each.unverified_sender:
            return f"Confirm first who wrote {name}; until then it belongs to nobody for certain."
    if ticket.member_org_id != target.member_org_id:
        return (
            f"#{target.number} is of another member organisation, and one must not read what the other wrote. "
            "If both have the same cause, link both to one issue."
        )
    return ""


def _may_pass(session: Session, ticket: Ticket, subject: TicketSubject, org: MemberOrg, now: datetime) -> None:
    if subject.registry_ids:
        raise IllegalTransition("The registry has worked on this ticket for your consortium. It stays with you.")
    if conversations.has_notes(session, ticket.id):
        raise IllegalTransition(
            "This ticket has notes for your team, which another lead would come to read. Ask the member to file it "
            "with the other consortium, or file it there for them."
        )
    contacts = {person.id for person in accounts.contacts_of(session, org.id, now)}
    if ticket.requester_id not in contacts:
        name = ticket.requester.name if ticket.requester else "The requester"
        raise IllegalTransition(
            f"{name} is no contact of {org.name} in {org.consortium.name} and would not see the ticket any more. "
            "Its manager there can add them."
        )


def _drop_followers(session: Session, ticket: Ticket, now: datetime) -> None:
    """Those who are nobody's contacts where the ticket goes on do not follow it, should they become so later either."""
    rows = session.scalars(sa.select(Participant).where(Participant.ticket_id == ticket.id))
    for row in rows:
        if not accounts.orgs_of_person(session, row.person_id, ticket.consortium_id, now):
            session.delete(row)


def _assign(session: Session, actor: Actor, ticket: Ticket, assignee_id: int | None, kind: str, now: datetime) -> None:
    if ticket.assignee_id == assignee_id:
        return
    ticket.assignee_id, ticket.updated_at = assignee_id, now
    tickets.record(session, ticket, kind, actor, now, payload={"assignee_id": assignee_id})
