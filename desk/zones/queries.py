"""Reading which zones the desk measures in, by which rules, and which clocks have not been told of newer ones."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.calendars.models import CalendarVersion
from desk.domain.clocks import Calendars, Clock
from desk.domain.zone_rules import digest
from desk.sla import queries as clocks
from desk.zones.models import ZoneRules

_TZ = CalendarVersion.spec["tz"].as_string()


def used(session: Session) -> Sequence[str]:
    """The zones of all calendars, in alphabetical order; one query."""
    return session.scalars(sa.select(_TZ).distinct().order_by(_TZ)).all()


def seen(session: Session, tz: str) -> list[ZoneRules]:
    """The rules that a zone has had on any machine, in the order in which they were seen: the last one holds."""
    return list(session.scalars(sa.select(ZoneRules).where(ZoneRules.tz == tz).order_by(ZoneRules.id)))


def behind(session: Session) -> list[str]:
    """The zones of which this machine has rules that others have replaced: its time zone data is to be updated."""
    found: dict[str, list[str]] = {}
    for tz, known in session.execute(sa.select(ZoneRules.tz, ZoneRules.digest).order_by(ZoneRules.tz, ZoneRules.id)):
        found.setdefault(tz, []).append(known)
    return [tz for tz, known in found.items() if digest(tz) in known[:-1]]


def tickets_to_tell(session: Session, rules: ZoneRules, limit: int) -> Sequence[int]:
    """The next tickets with clocks that are live in calendars of the zone."""
    calendars = sa.select(CalendarVersion.calendar_id).where(rules.tz == _TZ)
    return clocks.live_tickets_after(session, calendars, rules.last_ticket_id, limit)


def measured_by(clock: Clock, calendars: Calendars, tz: str) -> bool:
    """Whether hours in that zone count for the clock: at its start, or in a version since then or still to come."""
    history = clock.history(calendars)
    later = (version for version in history.versions if version.effective_from > clock.started_at)
    return any(version.calendar.tz == tz for version in (history.version_at(clock.started_at), *later))
