"""What the desk does not send, for the mail screen and the ticket page: stopped addresses and how far caps are used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Consortium, Person, Registry
from desk.domain.errors import NotFound
from desk.domain.permissions import Actor, Place, Role
from desk.events.models import Event
from desk.mail.caps import Cap, set_here
from desk.mail.models import InboundMail, MailStorm, OutboundMail, OutboundState, SuppressedAddress
from desk.mail.queries import PAGE_SIZE, inbound_visible_to, outbound_visible_to
from desk.mail.storms import DAY, HOUR
from desk.tickets.models import Participant, Ticket

_SHOWN = 10
_LATEST = 20_000
"""So many mails are looked through at most: there is no index on time alone, and what is older is not of today."""

STORMS_SHOWN = 30 * DAY


# ------------------------------------------------------------------ addresses


def _visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    """An address is shown to whoever is shown a mail of ours to it."""
    return sa.exists().where(OutboundMail.to_address == SuppressedAddress.address, outbound_visible_to(actor))


def addresses(session: Session, actor: Actor, *, page: int = 1) -> Sequence[SuppressedAddress]:
    """A page of addresses that get nothing, and below them those that were lifted; one row more if more follow."""
    return session.scalars(
        sa.select(SuppressedAddress)
        .where(_visible_to(actor))
        .order_by(SuppressedAddress.lifted_at.is_not(None), SuppressedAddress.id.desc())
        .limit(PAGE_SIZE + 1)
        .offset((max(page, 1) - 1) * PAGE_SIZE)
    ).all()


def address(session: Session, actor: Actor, suppressed_id: int) -> SuppressedAddress:
    """One that gets nothing now, or ``NotFound``."""
    found = session.scalars(
        sa.select(SuppressedAddress).where(
            SuppressedAddress.id == suppressed_id, SuppressedAddress.lifted_at.is_(None), _visible_to(actor)
        )
    ).first()
    if found is None:
        raise NotFound
    return found


def on_ticket(session: Session, actor: Actor, ticket_id: int) -> Sequence[SuppressedAddress]:
    """Who of the people of a ticket gets nothing, for its lead: nobody else needs to know whose mailbox is full."""
    if not actor.consortia():
        return ()
    ticket = sa.select(Ticket).where(Ticket.id == ticket_id, Ticket.consortium_id.in_(actor.consortia())).subquery()
    people = sa.or_(
        Person.id.in_(sa.select(ticket.c.requester_id)),
        Person.id.in_(sa.select(Participant.person_id).where(Participant.ticket_id.in_(sa.select(ticket.c.id)))),
    )
    theirs = sa.or_(
        SuppressedAddress.address.in_(sa.select(sa.func.lower(Person.email)).where(people)),
        SuppressedAddress.address.in_(sa.select(sa.func.lower(ticket.c.unverified_sender))),
    )
    return session.scalars(
        sa.select(SuppressedAddress).where(SuppressedAddress.lifted_at.is_(None), theirs).order_by(SuppressedAddress.id)
    ).all()


# ------------------------------------------------------------------ caps


@dataclass(frozen=True, slots=True)
class DeskCaps:
    """A desk whose mail the reader manages, and the caps that it has set for itself."""

    key: str
    name: str
    place: Place
    own: Mapping[Cap, int]


def caps_of(session: Session, actor: Actor) -> list[DeskCaps]:
    """Every desk that the actor manages, leads' before registries'."""
    consortia = actor.consortia(frozenset({Role.LEAD_MANAGER}))
    registries = actor.registries(frozenset({Role.REGISTRY_MANAGER}))
    leads = session.scalars(sa.select(Consortium).where(Consortium.id.in_(consortia)).order_by(Consortium.name))
    others = session.scalars(sa.select(Registry).where(Registry.id.in_(registries)).order_by(Registry.name))
    return [
        *(
            DeskCaps(f"consortium-{one.id}", one.name, Place(consortium_id=one.id), set_here(session, one.id, None))
            for one in leads
        ),
        *(
            DeskCaps(f"registry-{one.id}", one.name, Place(registry_id=one.id), set_here(session, None, one.id))
            for one in others
        ),
    ]


@dataclass(frozen=True, slots=True)
class Used:
    """How much of a cap somebody used; ``hour`` is None where a cap is for a day only."""

    who: str
    day: int
    hour: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What came and went within a day, those who used most of a cap first."""

    pairs: Sequence[Used]
    people: Sequence[Used]
    strangers: Sequence[Used]
    unknown: Sequence[Used]  # of senders nobody knows, by desk; their number is for an hour
    tickets: Sequence[tuple[int, int]]
    storms: Sequence[MailStorm]


def usage(session: Session, actor: Actor, now: datetime) -> Usage:
    """How far each cap is used at the actor's desks."""
    return Usage(
        _pairs(session, actor, now),
        _automatic(session, actor, now, known=True),
        _automatic(session, actor, now, known=False),
        _unknown(session, actor, now),
        _tickets(session, actor, now),
        _storms(session, actor, now),
    )


def _pairs(session: Session, actor: Actor, now: datetime) -> list[Used]:
    newest = sa.select(sa.func.coalesce(sa.func.max(InboundMail.id), 0)).scalar_subquery()
    day = sa.func.count()
    hour = sa.func.sum(sa.case((InboundMail.received_at > now - HOUR, 1), else_=0))
    rows = session.execute(
        sa.select(InboundMail.counterpart, day, hour)
        .where(
            InboundMail.id > newest - _LATEST,
            InboundMail.received_at > now - DAY,
            InboundMail.counterpart != "",
            inbound_visible_to(actor),
        )
        .group_by(InboundMail.counterpart, InboundMail.consortium_id, InboundMail.registry_id)
        .order_by(day.desc(), InboundMail.counterpart)
        .limit(_SHOWN)
    ).all()
    return [Used(who or "", count, recent) for who, count, recent in rows]


def _sent(actor: Actor, since: datetime) -> list[sa.ColumnElement[bool]]:
    newest = sa.select(sa.func.coalesce(sa.func.max(OutboundMail.id), 0)).scalar_subquery()
    return [
        OutboundMail.id > newest - _LATEST,
        OutboundMail.automatic.is_(True),
        OutboundMail.state != OutboundState.DEAD,
        OutboundMail.created_at > since,
        outbound_visible_to(actor),
    ]


def _automatic(session: Session, actor: Actor, now: datetime, *, known: bool) -> list[Used]:
    whose = OutboundMail.person_id.is_not(None) if known else OutboundMail.person_id.is_(None)
    day = sa.func.count()
    rows = session.execute(
        sa.select(OutboundMail.to_address, day)
        .where(*_sent(actor, now - DAY), whose)
        .group_by(OutboundMail.to_address)
        .order_by(day.desc(), OutboundMail.to_address)
        .limit(_SHOWN)
    ).all()
    return [Used(who, count) for who, count in rows]


def _unknown(session: Session, actor: Actor, now: datetime) -> list[Used]:
    newest = sa.select(sa.func.coalesce(sa.func.max(Event.id), 0)).scalar_subquery()
    rows = session.execute(
        sa.select(Consortium.name, sa.func.count())
        .select_from(Event)
        .join(Consortium, Consortium.id == Event.consortium_id)
        .where(
            Event.id > newest - _LATEST,
            Event.kind == "received_unverified",
            Event.at > now - HOUR,
            Event.consortium_id.in_(actor.consortia(frozenset({Role.LEAD_MANAGER}))),
        )
        .group_by(Consortium.name)
        .order_by(Consortium.name)
    ).all()
    return [Used(name, 0, count) for name, count in rows]


def _tickets(session: Session, actor: Actor, now: datetime) -> list[tuple[int, int]]:
    hour = sa.func.count()
    rows = session.execute(
        sa.select(OutboundMail.ticket_id, hour)
        .where(*_sent(actor, now - HOUR), OutboundMail.ticket_id.is_not(None))
        .group_by(OutboundMail.ticket_id)
        .order_by(hour.desc(), OutboundMail.ticket_id)
        .limit(_SHOWN)
    ).all()
    return [(number, count) for number, count in rows if number is not None]


def _storms(session: Session, actor: Actor, now: datetime) -> Sequence[MailStorm]:
    own = sa.or_(
        MailStorm.consortium_id.in_(actor.consortia(frozenset({Role.LEAD_MANAGER}))),
        MailStorm.registry_id.in_(actor.registries(frozenset({Role.REGISTRY_MANAGER}))),
    )
    return session.scalars(
        sa.select(MailStorm).where(own, MailStorm.last_at > now - STORMS_SHOWN).order_by(MailStorm.last_at.desc())
    ).all()
