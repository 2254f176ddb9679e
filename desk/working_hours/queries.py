"""Reading working hours: whose they are, when they open next, what stands in them, and which clocks an edit would move."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Team
from desk.calendars.models import Calendar
from desk.calendars.queries import histories
from desk.domain.calendar import NoOpening
from desk.domain.calendar_history import CalendarHistory
from desk.sla.models import ClockSet


@dataclass(frozen=True, slots=True)
class Opening:
    """A desk's hours as of now: open until then, or closed until then; neither: it never opens again."""

    calendar_id: int
    name: str
    tz: str
    open_until: datetime | None = None
    opens_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is open now."""
        return self.open_until is not None


@dataclass(frozen=True, slots=True)
class Openings:
    """Both desks of a ticket; None where no hours are known."""

    lead: Opening | None = None
    registry: Opening | None = None


def opening_of(calendar_id: int, name: str, history: CalendarHistory, now: datetime) -> Opening:
    """A calendar as of now."""
    tz = history.version_at(now).calendar.tz
    try:
        if history.is_open(now):
            return Opening(calendar_id, name, tz, open_until=open_until(history, now))
        return Opening(calendar_id, name, tz, opens_at=history.next_opening(now))
    except NoOpening:
        return Opening(calendar_id, name, tz)


def open_until(history: CalendarHistory, now: datetime) -> datetime:
    """When it closes; a change of version in an open stretch does not close it."""
    end = history.closes_at(now)
    while history.is_open(end) and (end - now).days < 400:
        end = history.closes_at(end)
    return end


def next_openings(session: Session, ticket_ids: Collection[int], now: datetime) -> dict[int, Openings]:
    """Both desks' hours as of now for some tickets; two queries however many they are."""
    rows = session.execute(
        sa.select(ClockSet.ticket_id, ClockSet.lead_calendar_id, ClockSet.registry_calendar_id).where(
            ClockSet.ticket_id.in_(ticket_ids)
        )
    ).all()
    ids = {row.lead_calendar_id for row in rows} | {row.registry_calendar_id for row in rows}
    known = openings(session, ids - {None}, now)
    found = {
        row.ticket_id: Openings(known.get(row.lead_calendar_id), known.get(row.registry_calendar_id)) for row in rows
    }
    return {ticket_id: found.get(ticket_id, Openings()) for ticket_id in ticket_ids}


def openings(session: Session, calendar_ids: Collection[int], now: datetime) -> dict[int, Opening]:
    """Some calendars as of now, named after the first team that keeps them; two queries."""
    team = sa.select(sa.func.min(Team.id)).where(Team.calendar_id == Calendar.id).correlate(Calendar).scalar_subquery()
    names = session.execute(
        sa.select(Calendar.id, sa.func.coalesce(Team.name, Calendar.name))
        .outerjoin(Team, Team.id == team)
        .where(Calendar.id.in_(calendar_ids))
    )
    known = {calendar_id: name for calendar_id, name in names}
    return {
        calendar_id: opening_of(calendar_id, known[calendar_id], history, now)
        for calendar_id, history in histories(session, list(known)).items()
        if isinstance(calendar_id, int)
    }
