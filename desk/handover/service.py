"""Giving a ticket to a registry and back; the verbs of ``escalations`` call these. State, ledger and clocks move."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Consortium, Team
from desk.conversations import service as conversations
from desk.conversations.models import Message
from desk.domain.errors import NotFound
from desk.domain.lifecycle import Action
from desk.domain.permissions import Actor, Permission, Place, may
from desk.domain.sla import Change, HandoverAnswer
from desk.domain.vocabulary import Audience
from desk.events import service as events
from desk.sla import service as sla
from desk.tickets import service as tickets
from desk.tickets.models import Ticket, TicketRegistry


def hand_over(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    *,
    registry_id: int,
    team: Team,
    tier: int,
    now: datetime,
    escalation_id: int | None = None,
    message: Message | None = None,
    people_named: bool = False,
) -> None:
    """Give the ticket to a registry's team, which sees what is disclosed from now on. Called by ``escalations``.

    ``people_named``: those whose iDs and addresses appear agreed that the registry reads them.
    """
    tickets.working(session, actor, ticket, Permission.TICKET_ESCALATE)
    handed = session.scalars(
        sa.select(TicketRegistry).where(
            TicketRegistry.ticket_id == ticket.id, TicketRegistry.registry_id == registry_id
        )
    ).first()
    again = handed is not None
    if handed is None:
        handed = TicketRegistry(ticket_id=ticket.id, registry_id=registry_id, since=now)
        session.add(handed)
    handed.people_named = people_named
    ticket.tier = tier
    tickets.move(
        session,
        ticket,
        Action.ESCALATE,
        "escalated",
        actor,
        now,
        holder=team,
        message=message,
        escalation_id=escalation_id,
        payload={"again": True} if again else None,
    )


def take_on(
    session: Session, actor: Actor, ticket: Ticket, *, registry_id: int, team: Team, escalation_id: int, now: datetime
) -> None:
    """A registry takes a ticket on that came to its own door, and accepts it with that. Called by ``routing``.

    Only the consortium's own registry can; that it came to its door is for the caller to know.
    """
    subject = tickets.locked(session, ticket)
    own = accounts.consortium(session, ticket.consortium_id).registry_id == registry_id
    if not own or registry_id not in actor.registries():
        raise NotFound
    if registry_id not in subject.registry_ids:
        session.add(TicketRegistry(ticket_id=ticket.id, registry_id=registry_id, since=now))
    ticket.tier = team.tier
    payload = {"registry": team.name}
    tickets.move(
        session,
        ticket,
        Action.ESCALATE,
        "waved_through",
        actor,
        now,
        holder=team,
        escalation_id=escalation_id,
        payload=payload,
    )
    change = Change.handover_answered(HandoverAnswer.ACCEPTED, ticket.state)
    sla.apply_change(session, ticket.id, change, actor_id=actor.person_id, reason="waved_through", now=now)


def accept_handover(
    session: Session, actor: Actor, ticket: Ticket, *, now: datetime, escalation_id: int | None = None
) -> None:
    """The registry takes the hand-over on: its acceptance clock stops, the ticket stays with it."""
    if not may(actor, Permission.ESCALATION_WORK, tickets.locked(session, ticket)):
        raise NotFound
    change = Change.handover_answered(HandoverAnswer.ACCEPTED, ticket.state)
    sla.apply_change(session, ticket.id, change, actor_id=actor.person_id, reason="accepted", now=now)
    ticket.updated_at = now
    tickets.record(session, ticket, "accepted", actor, now, escalation_id=escalation_id)


def move_tier(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    *,
    team: Team,
    tier: int,
    now: datetime,
    escalation_id: int | None = None,
    message: Message | None = None,
) -> None:
    """The registry passes the ticket between its own tiers; its clock goes on."""
    if not may(actor, Permission.ESCALATION_WORK, tickets.locked(session, ticket)):
        raise NotFound
    payload = {"tier": tier, "before": ticket.tier}
    ticket.tier, ticket.updated_at = tier, now
    calendar_id = tickets.turn_calendar(session, ticket)
    tickets.pass_on(session, ticket, team, "tier_moved", actor, now, calendar_id=calendar_id)
    tickets.record(
        session, ticket, "tier_moved", actor, now, message=message, escalation_id=escalation_id, payload=payload
    )


def hand_back(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    *,
    kind: str,
    now: datetime,
    escalation_id: int | None = None,
    payload: Mapping[str, Any] | None = None,
    message: Message | None = None,
) -> None:
    """The registry returned, declined or fixed it: the lead's turn. ``kind`` is the event."""
    subject = tickets.locked(session, ticket)
    if not may(actor, Permission.ESCALATION_WORK, subject):
        raise NotFound
    _to_lead(session, actor, ticket, Action.HAND_BACK, kind, now, escalation_id, payload, message)


def withdraw(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    *,
    now: datetime,
    escalation_id: int | None = None,
    message: Message | None = None,
) -> None:
    """The lead takes the ticket back from the registry. Called by ``escalations``."""
    tickets.working(session, actor, ticket, Permission.TICKET_ESCALATE)
    _to_lead(session, actor, ticket, Action.WITHDRAW, "withdrawn", now, escalation_id, None, message)


def disclose(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    *,
    registry_id: int,
    message_ids: Sequence[int],
    attachment_ids: Sequence[int],
    masked: Mapping[int, str],
    now: datetime,
) -> None:
    """Show chosen member messages and files to a registry; ``masked`` has the text shown instead, by message id."""
    tickets.working(session, actor, ticket, Permission.TICKET_ESCALATE)
    shown = conversations.disclose(
        session,
        ticket.id,
        registry_id=registry_id,
        message_ids=message_ids,
        attachment_ids=attachment_ids,
        masked=masked,
        by_id=actor.person_id,
        now=now,
    )
    payload = {"registry_id": registry_id, "messages": sorted(message_ids), "attachments": [one.id for one in shown]}
    tickets.record(session, ticket, "disclosed", actor, now, payload=payload, quiet=True)


def let_registry_write(session: Session, actor: Actor, ticket: Ticket, *, allowed: bool, now: datetime) -> bool:
    """The lead lets the registry write to the member of this ticket, or no longer; False when it was so already.

    While it may and has the ticket, it reads what the member answers. What was written stays, whatever comes later.
    """
    tickets.working(session, actor, ticket, Permission.TICKET_ESCALATE)
    if ticket.registry_may_write is allowed:
        return False
    ticket.registry_may_write, ticket.updated_at = allowed, now
    kind = "registry_let_write" if allowed else "registry_kept_from_writing"
    tickets.record(session, ticket, kind, actor, now, audience=Audience.HANDOVER, quiet=True)
    return True


def let_registry_write_at_first(
    session: Session, actor: Actor, consortium_id: int, *, allowed: bool, now: datetime
) -> bool:
    """Whether the registry may write to the members of tickets opened from now on; False when it was so already.

    Tickets that are there keep what was chosen for each. Raises ``NotFound`` for anybody but the lead's manager.
    """
    if not may(actor, Permission.HANDOVER_EDIT, Place(consortium_id=consortium_id)):
        raise NotFound
    place = session.get_one(Consortium, consortium_id, with_for_update={"of": Consortium}, populate_existing=True)
    if place.registry_may_write is allowed:
        return False
    place.registry_may_write = allowed
    session.flush()
    payload = {"allowed": allowed}
    where: dict[str, Any] = {"consortium_id": consortium_id, "registry_id": place.registry_id}
    events.record(
        session, "registry_writing_chosen", at=now, actor_id=actor.person_id, payload=payload, quiet=True, **where
    )
    return True


def _to_lead(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    action: Action,
    kind: str,
    now: datetime,
    escalation_id: int | None,
    payload: Mapping[str, Any] | None,
    message: Message | None,
) -> None:
    team = accounts.team_of_consortium(session, ticket.consortium_id)
    tickets.move(
        session,
        ticket,
        action,
        kind,
        actor,
        now,
        holder=team,
        message=message,
        escalation_id=escalation_id,
        payload=payload,
    )
    ticket.tier = 1
