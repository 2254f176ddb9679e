"""What came to a registry's door and was passed to a lead: for that registry's people, and no more than came."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.conversations.models import Message
from desk.domain.doors import why_not_taken_on
from desk.domain.errors import NotFound
from desk.domain.permissions import Actor
from desk.routing.models import Rerouting
from desk.tickets import queries as tickets

PAGE_SIZE = 50


def visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    """The people of the registry whose door it came to."""
    return Rerouting.from_registry_id.in_(actor.registries())


def passed_on(session: Session, actor: Actor, *, page: int = 1) -> Sequence[Rerouting]:
    """A page of what was passed to leads, newest first; one row more than a page if more follow."""
    offset = (max(page, 1) - 1) * PAGE_SIZE
    wanted = sa.select(Rerouting).where(visible_to(actor)).order_by(Rerouting.id.desc())
    return session.scalars(wanted.limit(PAGE_SIZE + 1).offset(offset)).all()


def get(session: Session, actor: Actor, number: int) -> Rerouting:
    """One of them by the number of its ticket, or ``NotFound``."""
    found = session.scalars(sa.select(Rerouting).where(Rerouting.ticket_id == number, visible_to(actor))).first()
    if found is None:
        raise NotFound
    return found


def of_ticket(session: Session, ticket_id: int) -> Rerouting | None:
    """That this ticket came to another door, if it did."""
    return session.scalars(sa.select(Rerouting).where(Rerouting.ticket_id == ticket_id)).first()


def as_it_came(session: Session, rerouting: Rerouting) -> Message:
    """What was written to the registry's door: the first message, and nothing that followed."""
    return tickets.first_message(session, rerouting.ticket)


def why_not(rerouting: Rerouting) -> str:
    """Why the registry cannot take it on, in a sentence; '' when it can."""
    ticket = rerouting.ticket
    return why_not_taken_on(
        ticket.state, taken=ticket.assignee_id is not None, waved_through=rerouting.taken_on_at is not None
    )
