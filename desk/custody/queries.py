"""Reading the ledger: of one ticket by turns, and how often many came back. Whose tickets is the caller's scope."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from desk.accounts.models import Person, Team
from desk.calendars import queries as calendars
from desk.custody.models import CustodyEntry
from desk.domain.custody import CAME_BACK, Turn
from desk.domain.vocabulary import Party


def ledger(session: Session, ticket_id: int) -> Sequence[tuple[CustodyEntry, str | None, str | None]]:
    """Every turn of a ticket, oldest first, with the team's and the mover's names."""
    return [
        (entry, team, actor)
        for entry, team, actor in session.execute(
            sa.select(CustodyEntry, Team.name, Person.name)
            .outerjoin(Team, Team.id == CustodyEntry.team_id)
            .outerjoin(Person, Person.id == CustodyEntry.actor_id)
            .where(CustodyEntry.ticket_id == ticket_id)
            .order_by(CustodyEntry.id)
        )
    ]


def current(session: Session, ticket_id: int) -> CustodyEntry | None:
    """The open turn, or None when the ticket is done."""
    return session.scalars(
        sa.select(CustodyEntry).where(CustodyEntry.ticket_id == ticket_id, CustodyEntry.until_at.is_(None))
    ).first()


def turns(session: Session, ticket_id: int, now: datetime) -> list[Turn]:
    """Every turn of a ticket, oldest first; the one that lasts has its working time up to ``now``.

    Turns of member and hold are measured in the calendar of the lead who had it before, as when they end.
    """
    rows = session.execute(
        sa.select(CustodyEntry, Team, Person.name)
        .outerjoin(Team, Team.id == CustodyEntry.team_id)
        .outerjoin(Person, Person.id == CustodyEntry.actor_id)
        .where(CustodyEntry.ticket_id == ticket_id)
        .order_by(CustodyEntry.id)
    )
    found, of_lead = [], None
    for entry, team, who in rows:
        of_lead = team.calendar_id if team is not None and entry.party is Party.LEAD else of_lead
        seconds = entry.seconds
        if seconds is None:
            calendar_id = team.calendar_id if team is not None else of_lead
            seconds = calendars.working_seconds(session, calendar_id, entry.from_at, max(now, entry.from_at))
        name = team.name if team is not None else None
        turn = Turn(entry.party, name, entry.from_at, entry.until_at, seconds, entry.reason, who, entry.promise_left)
        found.append(turn)
    return found


# ------------------------------------------------------------------ many tickets


@dataclass(frozen=True, slots=True)
class BackAndForth:
    """How often a registry gave a ticket back undone to the same lead."""

    ticket_id: int
    lead_team_id: int | None
    registry_id: int
    times: int


def back_and_forth(
    session: Session, tickets: sa.Select[tuple[int]], *, since: datetime, until: datetime
) -> Sequence[BackAndForth]:
    """Which of these tickets came back undone in ``[since, until)``, and how often between the same two, most first."""
    before = aliased(CustodyEntry)
    # The registry that had it last: between it and the return the member may have been asked.
    last = (
        sa.select(sa.func.max(before.id))
        .where(before.ticket_id == CustodyEntry.ticket_id, before.id < CustodyEntry.id, before.party == Party.REGISTRY)
        .correlate(CustodyEntry)
        .scalar_subquery()
    )
    had = aliased(CustodyEntry)
    times = sa.func.count().label("times")
    wanted = (
        sa.select(CustodyEntry.ticket_id, CustodyEntry.team_id, Team.registry_id, times)
        .select_from(CustodyEntry)
        .join(had, had.id == last)
        .join(Team, Team.id == had.team_id)
        .where(
            CustodyEntry.ticket_id.in_(tickets),
            CustodyEntry.reason.in_(CAME_BACK),
            CustodyEntry.from_at >= since,
            CustodyEntry.from_at < until,
        )
        .group_by(CustodyEntry.ticket_id, CustodyEntry.team_id, Team.registry_id)
        .order_by(times.desc(), CustodyEntry.ticket_id)
    )
    return [BackAndForth(*row) for row in session.execute(wanted)]
