"""Reading reports: whose figures a reader may see, and from the ledger of custody whose turn it was for how long.

A turn counts in the period in which it ended, with the working time that the ledger of its ticket shows: in the hours
of whoever had it, the lead's while the member was asked or the ticket was on hold. A registry reads its own turns only,
of every consortium; of Tier 1 its managers read counts, and nothing else.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Consortium, MemberOrg, Organisation, Registry, Team
from desk.custody import queries as custody
from desk.custody.models import CustodyEntry
from desk.domain.custody import HANDED_OVER, LITTLE_LEFT
from desk.domain.errors import NotFound
from desk.domain.permissions import Actor, Permission, Place, Role, may
from desk.domain.reports import Period, shares
from desk.domain.vocabulary import Party
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket, TicketRegistry

PAGE_SIZE = 50


# ------------------------------------------------------------------ whose figures


@dataclass(frozen=True, slots=True)
class Desk:
    """A place whose reports somebody reads: a registry, a consortium, or a member organisation."""

    name: str
    place: Place

    @property
    def slug(self) -> str:
        """As addresses name it."""
        for kind in ("registry", "consortium", "member_org"):
            if (number := getattr(self.place, f"{kind}_id")) is not None:
                return f"{kind.replace('_org', '')}-{number}"
        return ""


def places(session: Session, actor: Actor) -> list[Desk]:
    """Whose reports the actor reads: registries, then consortia, then organisations, each by name; one query."""
    registries = sa.select(sa.literal("registry_id"), Registry.id, Registry.name, sa.literal(0))
    consortia = sa.select(sa.literal("consortium_id"), Consortium.id, Consortium.name, sa.literal(1))
    orgs = sa.select(sa.literal("member_org_id"), MemberOrg.id, Organisation.name, sa.literal(2))
    rows = session.execute(
        sa.union_all(
            registries.where(Registry.id.in_(actor.registries())),
            consortia.where(Consortium.id.in_(actor.consortia())),
            orgs.join(Organisation, Organisation.id == MemberOrg.organisation_id).where(MemberOrg.id.in_(actor.orgs())),
        )
    ).all()
    found = [Desk(name, Place(**{kind: number})) for kind, number, name, _ in sorted(rows, key=lambda r: (r[3], r[2]))]
    return [desk for desk in found if may(actor, Permission.REPORT_READ, desk.place)]


def chosen(desks: Sequence[Desk], slug: str | None) -> Desk:
    """The one that was asked for, the first when none was. Raises ``NotFound`` for any other."""
    found = next((desk for desk in desks if slug in (None, "", desk.slug)), None)
    if found is None:
        raise NotFound
    return found


def consortia_of(session: Session, place: Place) -> dict[int, str]:
    """The names of the consortia that a desk's reports speak of, in the order of their names."""
    wanted = sa.select(Consortium.id, Consortium.name).order_by(Consortium.name)
    if place.registry_id is not None:
        wanted = wanted.where(Consortium.registry_id == place.registry_id)
    elif place.consortium_id is not None:
        wanted = wanted.where(Consortium.id == place.consortium_id)
    else:
        wanted = wanted.where(
            Consortium.id.in_(sa.select(MemberOrg.consortium_id).where(MemberOrg.id == place.member_org_id))
        )
    return {row.id: row.name for row in session.execute(wanted)}


def _of(place: Place) -> list[sa.ColumnElement[bool]]:
    """Turns that the reports of a place count. To be used in a select that joins ``Ticket`` and ``Team``."""
    if place.registry_id is not None:
        # What a consortium did before it handed over is its own affair: the legs of the registry's own teams.
        own = sa.select(Team.id).where(Team.registry_id == place.registry_id)
        return [CustodyEntry.party == Party.REGISTRY, CustodyEntry.team_id.in_(own)]
    if place.consortium_id is not None:
        return [Ticket.consortium_id == place.consortium_id]
    return [Ticket.member_org_id == place.member_org_id]


# ------------------------------------------------------------------ totals


@dataclass(frozen=True, slots=True)
class Total:
    """What one party had of a consortium's tickets. ``tier``: of the registry's team, 0 for the others."""

    consortium_id: int
    party: Party
    tier: int
    seconds: int
    turns: int
    tickets: int
    share: int | None  # percent of the working time of the consortium, or of the registry with all of them


_TIER = sa.case((CustodyEntry.party == Party.REGISTRY, sa.func.coalesce(Team.tier, 2)), else_=0)


def _turns(place: Place, period: Period, *columns: Any) -> sa.Select[Any]:
    ended = (CustodyEntry.until_at >= period.since, CustodyEntry.until_at < period.until)
    return (
        sa.select(*columns)
        .select_from(CustodyEntry)
        .join(Ticket, Ticket.id == CustodyEntry.ticket_id)
        .outerjoin(Team, Team.id == CustodyEntry.team_id)
        .where(*ended, *_of(place))
    )


def totals(session: Session, place: Place, period: Period) -> list[Total]:
    """Working time, turns and tickets by consortium, party and tier; one query over the turns that ended."""
    counted = (sa.func.sum(CustodyEntry.seconds), sa.func.count(), sa.func.count(CustodyEntry.ticket_id.distinct()))
    # A member reads of the registry as one.
    keys = (Ticket.consortium_id, CustodyEntry.party, _TIER if place.member_org_id is None else sa.literal(0))
    groups = keys if place.member_org_id is None else keys[:2]
    rows = session.execute(_turns(place, period, *keys, *counted).group_by(*groups)).all()
    found = [
        Total(consortium_id, party, int(tier), int(seconds or 0), turns, count, None)
        for consortium_id, party, tier, seconds, turns, count in rows
    ]
    found.sort(key=lambda each: (each.consortium_id, _ORDER[each.party], each.tier))
    # A registry's is one whole over all consortia, any other reader's one for each.
    wholes = groupby(found, key=lambda each: 0 if place.registry_id is not None else each.consortium_id)
    return [each for _, whole in wholes for each in _shared(list(whole))]


def _shared(whole: Sequence[Total]) -> list[Total]:
    found = shares([each.seconds for each in whole])
    return [replace(each, share=share) for each, share in zip(whole, found, strict=True)]


_ORDER = {party: number for number, party in enumerate(Party)}


@dataclass(frozen=True, slots=True)
class HandOver:
    """A hand-over to a registry with little of the promise to the member left, in percent of its working time."""

    ticket: int
    subject: str
    consortium_id: int
    at: datetime
    left: int


def late_hand_overs(session: Session, place: Place, period: Period) -> list[HandOver]:
    """Hand-overs of the period with little of the promise left, the latest first; subjects as they are stored."""
    made = (CustodyEntry.from_at >= period.since, CustodyEntry.from_at < period.until)
    rows = session.execute(
        sa.select(Ticket.id, Ticket.subject, Ticket.consortium_id, CustodyEntry.from_at, CustodyEntry.promise_left)
        .select_from(CustodyEntry)
        .join(Ticket, Ticket.id == CustodyEntry.ticket_id)
        .where(CustodyEntry.reason == HANDED_OVER, CustodyEntry.promise_left < LITTLE_LEFT, *made, *_of(place))
        .order_by(CustodyEntry.from_at.desc(), CustodyEntry.id.desc())
    )
    return [HandOver(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Back:
    """A ticket that a registry gave back undone, and how often in the period."""

    ticket: int
    consortium_id: int
    times: int


def came_back(session: Session, place: Place, period: Period) -> list[Back]:
    """Tickets that came back from a registry undone, most often first; two queries."""
    wanted = sa.select(Ticket.id).where(Ticket.consortium_id == place.consortium_id)
    if place.registry_id is not None:
        wanted = sa.select(TicketRegistry.ticket_id).where(TicketRegistry.registry_id == place.registry_id)
    leads = {row.id: row.consortium_id for row in session.execute(sa.select(Team.id, Team.consortium_id))}
    return [
        Back(each.ticket_id, leads[each.lead_team_id] or 0, each.times)
        for each in custody.back_and_forth(session, wanted, since=period.since, until=period.until)
        if place.registry_id in (None, each.registry_id) and each.lead_team_id in leads
    ]


def tier_one_counts(session: Session, actor: Actor, place: Place, period: Period) -> dict[int, tuple[int, int]] | None:
    """Per consortium, tickets opened in the period and how many of these the registry ever had.

    Counts are all that a registry reads of Tier 1, and only its managers do: None for anybody else.
    """
    if place.registry_id not in actor.registries(frozenset({Role.REGISTRY_MANAGER})):
        return None
    handed = sa.select(TicketRegistry.ticket_id).where(TicketRegistry.registry_id == place.registry_id)
    rows = session.execute(
        sa.select(Ticket.consortium_id, sa.func.count(), sa.func.sum(sa.case((Ticket.id.in_(handed), 1), else_=0)))
        .join(Consortium, Consortium.id == Ticket.consortium_id)
        .where(
            Consortium.registry_id == place.registry_id,
            Ticket.created_at >= period.since,
            Ticket.created_at < period.until,
        )
        .group_by(Ticket.consortium_id)
    )
    return {consortium_id: (count, int(had)) for consortium_id, count, had in rows}


# ------------------------------------------------------------------ the rows behind a number


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which turns, of those that a report counts. ``tier``: of the registry's team."""

    consortium_id: int | None = None
    party: Party | None = None
    tier: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One line of a ticket's ledger, with its ticket."""

    ticket: int
    subject: str
    consortium: str
    party: Party
    team: str | None
    from_at: datetime
    until_at: datetime
    seconds: int
    reason: str


def turns(session: Session, actor: Actor, place: Place, period: Period, wanted: Wanted, page: int) -> list[Turn]:
    """A page of turns that ended in the period, the longest first; one row more than a page if more follow.

    Those only whose ticket the reader may open: a contact sees fewer rows than the organisation has.
    """
    columns = (
        Ticket.id,
        Ticket.subject,
        Consortium.name,
        CustodyEntry.party,
        Team.name,
        CustodyEntry.from_at,
        CustodyEntry.until_at,
        CustodyEntry.seconds,
        CustodyEntry.reason,
    )
    query = _turns(place, period, *columns).join(Consortium, Consortium.id == Ticket.consortium_id)
    query = query.where(tickets.visible_to(actor))
    if wanted.consortium_id is not None:
        query = query.where(Ticket.consortium_id == wanted.consortium_id)
    if wanted.party is not None:
        query = query.where(CustodyEntry.party == wanted.party)
    if wanted.tier:
        query = query.where(_TIER == wanted.tier)
    query = query.order_by(CustodyEntry.seconds.desc(), CustodyEntry.id.desc())
    rows = session.execute(query.limit(PAGE_SIZE + 1).offset((page - 1) * PAGE_SIZE)).all()
    names = tickets.subjects_for(session, actor, {row[0]: row[1] for row in rows})
    return [Turn(row[0], names[row[0]], *row[2:]) for row in rows]


def subjects(session: Session, actor: Actor, numbers: Collection[int]) -> dict[int, str]:
    """Subjects, as the reader may read them, of those of the tickets that the reader may open; two queries."""
    found = tickets.some(session, actor, numbers)
    return tickets.subjects_for(session, actor, {number: ticket.subject for number, ticket in found.items()})
