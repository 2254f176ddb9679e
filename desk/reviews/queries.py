"""When the desk of an issue is reminded of its review: on the day, as soon as the desk opens."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from desk.calendars.queries import calendar_of_party, history
from desk.domain.calendar import NoOpening
from desk.domain.calendar_history import CalendarHistory
from desk.domain.permissions import IssueSubject

_REGISTRY_TIER = 2


def due_at(session: Session, owned: IssueSubject, day: date | None, now: datetime) -> datetime | None:
    """When its desk opens on the day of the next review, in the desk's own zone; None without a date."""
    if day is None:
        return None
    hours = _hours(session, owned)
    zone = hours.version_at(now).calendar.tz if hours is not None else "UTC"
    return _opening(hours, datetime.combine(day, time.min, ZoneInfo(zone)))


def opens_at(session: Session, owned: IssueSubject, now: datetime) -> datetime:
    """``now`` while the desk of the issue works or has no hours, else when it opens next."""
    return _opening(_hours(session, owned), now)


def _opening(hours: CalendarHistory | None, moment: datetime) -> datetime:
    try:
        # A desk that never opens is told at once: for it that would otherwise be never.
        return moment if hours is None else hours.next_opening(moment)
    except NoOpening:
        return moment


def _hours(session: Session, owned: IssueSubject) -> CalendarHistory | None:
    if owned.registry_id is not None:
        return history(session, calendar_of_party(session, registry_id=owned.registry_id, tier=_REGISTRY_TIER))
    return history(session, calendar_of_party(session, consortium_id=owned.consortium_id))
