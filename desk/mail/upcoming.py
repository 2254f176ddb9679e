"""What waits to be written, as the mail screen shows it: for whom, how much, why, and when it goes.

Nobody reads of what before they are told of it: shown are counts and tickets, in the scope of mail that went out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.domain.notices import Wait
from desk.domain.permissions import Actor, Role
from desk.events.models import Event
from desk.mail.models import WaitingNotice
from desk.mail.queries import PAGE_SIZE
from desk.tickets.models import Ticket

WAIT_WORDS = {
    Wait.GATHER: "what else happens on the ticket",
    Wait.QUIET: "the end of their quiet hours",
    Wait.DIGEST: "their daily mail",
}


@dataclass(frozen=True, slots=True)
class Upcoming:
    """All that waits for one moment of one person. ``tickets``: numbers, in their order."""

    name: str
    address: str
    waits_for: str
    due_at: datetime
    count: int
    tickets: Sequence[int]


def visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    """The condition on ``WaitingNotice``, as ``queries.outbound_visible_to`` has it for the mail that comes of it."""
    places = actor.consortia(frozenset({Role.LEAD_MANAGER}))
    managed = sa.select(Ticket.id).where(Ticket.consortium_id.in_(places))
    told = sa.select(Event.id).where(Event.ticket_id.is_(None), Event.consortium_id.in_(places))
    conditions: list[sa.ColumnElement[bool]] = [WaitingNotice.ticket_id.in_(managed), WaitingNotice.event_id.in_(told)]
    if actor.registries(frozenset({Role.REGISTRY_MANAGER})):
        placed = sa.exists().where(Event.id == WaitingNotice.event_id, Event.consortium_id.is_not(None))
        conditions.append(sa.and_(WaitingNotice.ticket_id.is_(None), ~placed))
    return sa.and_(WaitingNotice.written_at.is_(None), sa.or_(*conditions))


def count(session: Session, actor: Actor) -> int:
    """How many notices wait."""
    return session.scalar(sa.select(sa.func.count()).select_from(WaitingNotice).where(visible_to(actor))) or 0


def listed(session: Session, actor: Actor, *, page: int = 1) -> list[Upcoming]:
    """A page of those who will be told, whoever is due first at the top; one row more than a page if more follow."""
    key = (WaitingNotice.person_id, WaitingNotice.wait, WaitingNotice.due_at)
    groups = session.execute(
        sa.select(*key, Person.name, Person.email, sa.func.count())
        .join(Person, Person.id == WaitingNotice.person_id)
        .where(visible_to(actor))
        .group_by(*key, Person.name, Person.email)
        .order_by(WaitingNotice.due_at, WaitingNotice.person_id, WaitingNotice.wait)
        .limit(PAGE_SIZE + 1)
        .offset((max(page, 1) - 1) * PAGE_SIZE)
    ).all()
    about = _tickets(session, actor, {person_id for person_id, *_ in groups})
    return [
        Upcoming(name, address, WAIT_WORDS[wait], due_at, number, sorted(about.get((person_id, wait, due_at), ())))
        for person_id, wait, due_at, name, address, number in groups
    ]


def _tickets(session: Session, actor: Actor, people: set[int]) -> dict[tuple[int, Wait, datetime], set[int]]:
    found: dict[tuple[int, Wait, datetime], set[int]] = {}
    rows = session.execute(
        sa.select(WaitingNotice.person_id, WaitingNotice.wait, WaitingNotice.due_at, WaitingNotice.ticket_id)
        .where(visible_to(actor), WaitingNotice.person_id.in_(people), WaitingNotice.ticket_id.is_not(None))
        .distinct()
    )
    for person_id, wait, due_at, ticket_id in rows:
        found.setdefault((person_id, wait, due_at), set()).add(ticket_id)
    return found
