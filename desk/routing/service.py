"""A request at the wrong door: passed to its lead, taken on by the registry it was written to, or sent elsewhere."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.conversations import service as conversations
from desk.domain.doors import Door
from desk.domain.errors import IllegalTransition, InvalidInput, NotFound
from desk.domain.escalation import Brief, EscalationState, Tier, as_disclosed
from desk.domain.permissions import SYSTEM, Actor
from desk.domain.redirects import Destination, checked
from desk.domain.text import clean_line
from desk.domain.vocabulary import Audience, Channel, Outcome
from desk.escalations.models import Escalation, EscalationRound
from desk.handover import service as handover
from desk.progress import service as progress
from desk.routing import queries
from desk.routing.models import DOOR_LENGTH, Rerouting
from desk.tickets import queries as ticket_queries
from desk.tickets import service as tickets
from desk.tickets.models import Ticket
from desk.tickets.service import NewTicket


def open_at_lead(
    session: Session, actor: Actor, draft: NewTicket, *, door: Door, address: str, channel: Channel, now: datetime
) -> Ticket:
    """File at the lead what came to another desk's door. The sender is told so in the receipt of the ticket.

    ``draft.arrived_at`` is when it came to that door: the clocks run from then, and nobody loses time by the detour.
    """
    name = _name_of(session, door) or address
    ticket = tickets.open_ticket(session, actor, replace(draft, rerouted_from=name), channel=channel, now=now)
    session.add(
        Rerouting(
            ticket_id=ticket.id,
            from_consortium_id=door.consortium_id,
            from_registry_id=door.registry_id,
            door=address[:DOOR_LENGTH],
            arrived_at=ticket.created_at,
            rerouted_at=now,
        )
    )
    tickets.record(session, ticket, "rerouted", SYSTEM, now, payload={"from": name}, quiet=True)
    return ticket


def _name_of(session: Session, door: Door) -> str:
    if door.consortium_id is not None:
        return accounts.team_of_consortium(session, door.consortium_id).name
    return accounts.team_of_registry(session, door.registry_id).name if door.registry_id is not None else ""


def file_for(
    session: Session, actor: Actor, *, consortium_id: int, email: str, subject: str, text: str, now: datetime
) -> Rerouting:
    """Somebody of a registry files at a lead what a member told them, by telephone or in a mail that was held.

    Who it is for is an address that nothing proves here: the lead confirms it, as for a mail of an unverified sender,
    and the registry does not learn whom the consortium knows. Raises ``NotFound`` for a consortium of another registry.
    """
    consortium = accounts.consortium(session, consortium_id)
    if actor.person_id is None or consortium.registry_id not in actor.registries():
        raise NotFound
    address = clean_line(email, name="The address", field="email").lower()
    if not address.isascii() or address.count("@") != 1 or " " in address or address[0] == "@" or address[-1] == "@":
        raise InvalidInput("Write one address, such as name@university.example.", field="email")
    person = accounts.person_by_email(session, address)
    orgs = accounts.orgs_of_person(session, person.id, consortium_id, now) if person else ()
    org = orgs[0] if orgs else accounts.org_by_mail_domain(session, consortium_id, address.rpartition("@")[2])
    draft = NewTicket(
        consortium_id=consortium_id,
        member_org_id=None,
        subject=subject,
        text=text,
        requester_id=person.id if person and orgs else None,
        unverified_sender=address,
        proposed_org_id=org.id if org else None,
        arrived_at=now,
        answerable=True,
    )
    door = Door(registry_id=consortium.registry_id)
    ticket = open_at_lead(session, SYSTEM, draft, door=door, address="", channel=Channel.WEB, now=now)
    tickets.record(session, ticket, "filed_by_registry", actor, now, quiet=True)
    found = queries.of_ticket(session, ticket.id)
    if found is None:
        raise NotFound
    return found


def take_on(session: Session, actor: Actor, rerouting: Rerouting, *, now: datetime) -> Escalation:
    """The registry works itself on what came to its own door: waved through, without waiting for the lead to escalate.

    The lead stays accountable and is told. The registry reads what was written to it, which is the first message, and
    what it is shown from now on. Raises ``IllegalTransition`` once the lead has begun, ``NotFound`` for anybody else.
    """
    ticket = rerouting.ticket
    tickets.locked(session, ticket)
    session.refresh(rerouting)
    registry_id = accounts.consortium(session, ticket.consortium_id).registry_id
    if actor.person_id is None or rerouting.from_registry_id != registry_id or registry_id not in actor.registries():
        raise NotFound
    why = queries.why_not(rerouting)
    if why:
        raise IllegalTransition(why)
    found = _accepted(session, actor, ticket, registry_id, now)
    team = accounts.team_of_registry(session, registry_id, Tier.SUPPORT)
    handover.take_on(session, actor, ticket, registry_id=registry_id, team=team, escalation_id=found.id, now=now)
    first = ticket_queries.first_message(session, ticket)
    conversations.disclose(
        session,
        ticket.id,
        registry_id=registry_id,
        message_ids=[first.id],
        attachment_ids=[file.id for file in first.attachments],
        masked={},  # it was written to the registry, as it stands
        by_id=actor.person_id,
        now=now,
    )
    rerouting.taken_on_at, rerouting.taken_on_by = now, actor.person_id
    session.flush()
    return found


def _accepted(session: Session, actor: Actor, ticket: Ticket, registry_id: int, now: datetime) -> Escalation:
    """A hand-over that nobody had to ask for; its brief says no more than what came."""
    brief = Brief(
        asked=f"It came to the registry's own door: {ticket.subject}",
        service=ticket.service,
        environment=ticket.environment.value if ticket.environment else "",
    )
    person_id = actor.person_id
    found = Escalation(
        ticket_id=ticket.id,
        ordinal=1,
        registry_id=registry_id,
        state=EscalationState.ACCEPTED,
        tier=Tier.SUPPORT,
        cycle=1,
        brief=brief.to_dict(),
        chosen_messages=[],
        chosen_attachments=[],
        prepared_by_id=person_id,
        assignee_id=person_id,
        created_at=now,
        sent_at=now,
        accepted_at=now,
        answered_at=now,
    )
    session.add(found)
    session.flush()
    session.add(
        EscalationRound(
            escalation_id=found.id,
            cycle=1,
            tier=Tier.SUPPORT,
            brief=as_disclosed(brief).to_dict(),
            sent_at=now,
            sent_by_id=person_id,
            accepted_at=now,
        )
    )
    session.flush()
    return found


def redirect(
    session: Session, actor: Actor, ticket: Ticket, *, destination: Destination, text: str, now: datetime
) -> None:
    """The lead answers a researcher with who can help them; the ticket is resolved as redirected.

    ``text`` goes out in an automatic mail under the caps, since often nothing proves who wrote; none of it is theirs.
    """
    tickets.working(session, actor, ticket)
    said = tickets.write(
        session, actor, ticket, checked(text), (), Channel.WEB, now, from_staff=True, audience=Audience.MEMBER
    )
    progress.end(
        session,
        actor,
        ticket,
        outcome=Outcome.REDIRECTED,
        kind="redirected",
        message=said,
        payload={"to": destination.value},
        now=now,
    )
