"""Reading registry actions: one scope, those of a ticket, and the lead's list with what is overdue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from desk.accounts.models import MemberOrg, Organisation
from desk.catalogue import queries as catalogue
from desk.domain.errors import NotFound
from desk.domain.masking import mask
from desk.domain.permissions import Actor, Permission, TicketSubject, may
from desk.domain.registry_action import ActionState, is_overdue
from desk.registry_actions.models import RegistryAction
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket, TicketRegistry

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Shown:
    """One registry action as the reader may read it."""

    action: RegistryAction
    kind: str
    reference: str
    note: str
    overdue: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """Those of a ticket. ``may_file``: the reader is its lead; ``may_show``: the registry has had the ticket."""

    actions: Sequence[Shown] = ()
    may_file: bool = False
    may_show: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the lead's list."""

    action: RegistryAction
    ticket: Ticket
    organisation: str | None
    overdue: bool


def visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    """The condition on ``RegistryAction``: the lead's own, and for a registry what was shown on a ticket it was handed.

    To be used in a select that joins ``Ticket``.
    """
    if actor.system:
        return sa.true()
    handed = sa.select(TicketRegistry.ticket_id).where(TicketRegistry.registry_id.in_(actor.registries()))
    shown = sa.and_(
        RegistryAction.shown_at.is_not(None),
        RegistryAction.registry_id.in_(actor.registries()),
        RegistryAction.ticket_id.in_(handed),
    )
    return sa.or_(Ticket.consortium_id.in_(actor.consortia()), shown)


def get(session: Session, actor: Actor, ticket: Ticket, action_id: int) -> RegistryAction:
    """The action of that number if it is of this ticket and the actor sees it; raises ``NotFound`` otherwise."""
    wanted = (
        sa.select(RegistryAction)
        .join(Ticket, Ticket.id == RegistryAction.ticket_id)
        .where(RegistryAction.id == action_id, RegistryAction.ticket_id == ticket.id, visible_to(actor))
    )
    found = session.scalars(wanted).first()
    if found is None:
        raise NotFound
    return found


def panel_for(session: Session, actor: Actor, ticket: Ticket, today: date, subject: TicketSubject) -> Panel:
    """Those of a ticket that the actor may read, the latest first; people in them masked for a registry."""
    lead = may(actor, Permission.TICKET_ESCALATE, subject)
    if not lead and not may(actor, Permission.ESCALATION_WORK, subject):
        return Panel()
    wanted = (
        sa.select(RegistryAction)
        .join(Ticket, Ticket.id == RegistryAction.ticket_id)
        .where(RegistryAction.ticket_id == ticket.id, visible_to(actor))
        .order_by(RegistryAction.id.desc())
    )
    found = [
        _shown(each, today, whole=lead or tickets.names_people_to(session, ticket.id, each.registry_id))
        for each in session.scalars(wanted)
    ]
    return Panel(found, may_file=lead, may_show=lead and ticket.consortium.registry_id in subject.registry_ids)


def _shown(action: RegistryAction, today: date, *, whole: bool) -> Shown:
    texts = (action.kind, action.reference, action.note)
    kind, reference, note = texts if whole else tuple(mask(text) for text in texts)
    return Shown(action, kind, reference, note, is_overdue(action.state, action.expected_by, today))


def listed(
    session: Session,
    actor: Actor,
    today: date,
    *,
    state: ActionState | None = None,
    overdue: bool = False,
    page: int = 1,
) -> list[Row]:
    """A page of the lead's own, what is expected first at the top; one row more than a page if more follow.

    Without ``state`` those that are not answered yet.
    """
    wanted = (
        sa.select(RegistryAction, Ticket, Organisation.name)
        .join(Ticket, Ticket.id == RegistryAction.ticket_id)
        .outerjoin(MemberOrg, MemberOrg.id == Ticket.member_org_id)
        .outerjoin(Organisation, Organisation.id == MemberOrg.organisation_id)
        .where(Ticket.consortium_id.in_(actor.consortia()), RegistryAction.state == (state or ActionState.FILED))
        .options(joinedload(RegistryAction.filed_by))
        .order_by(RegistryAction.expected_by.asc().nulls_last(), RegistryAction.id.desc())
        .limit(PAGE_SIZE + 1)
        .offset((max(page, 1) - 1) * PAGE_SIZE)
    )
    if overdue:
        wanted = wanted.where(RegistryAction.expected_by < today)
    return [
        Row(action, ticket, name, is_overdue(action.state, action.expected_by, today))
        for action, ticket, name in session.execute(wanted)
    ]


def counts(session: Session, actor: Actor, today: date) -> dict[str, int]:
    """How many of the lead's own are in each state, and ``overdue``: one query."""
    late = sa.case((sa.and_(RegistryAction.state == ActionState.FILED, RegistryAction.expected_by < today), 1), else_=0)
    rows = session.execute(
        sa.select(RegistryAction.state, sa.func.count(), sa.func.sum(late))
        .join(Ticket, Ticket.id == RegistryAction.ticket_id)
        .where(Ticket.consortium_id.in_(actor.consortia()))
        .group_by(RegistryAction.state)
    ).all()
    found = {state.value: count for state, count, _ in rows}
    found["overdue"] = sum(int(each) for _, _, each in rows)
    return found


def kinds(session: Session, service: str) -> list[str]:
    """What can be filed at a registry, in the catalogue's words."""
    entries = catalogue.catalogue(session).entries.values()
    return sorted(
        {each.registry_action for each in entries if each.registry_action and each.service in (service, "both")}
    )
