"""When the desk of an issue is reminded of its review: on the day, as soon as the desk opens."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from desk.calendars.queries import calendar_of_party, opening_from, opening_on
from desk.domain.permissions import IssueSubject

_REGISTRY_TIER = 2


def due_at(session: Session, owned: IssueSubject, day: date | None, now: datetime) -> datetime | None:
    """When its desk opens on the day of the next review, in the desk's own zone; None without a date."""
    return None if day is None else opening_on(session, _calendar(session, owned), day, now)


def opens_at(session: Session, owned: IssueSubject, now: datetime) -> datetime:
    """``now`` while the desk of the issue works or has no hours, else when it opens next."""
    return opening_from(session, _calendar(session, owned), now)


def _calendar(session: Session, owned: IssueSubject) -> int | None:
    if owned.registry_id is not None:
        return calendar_of_party(session, registry_id=owned.registry_id, tier=_REGISTRY_TIER)
    return calendar_of_party(session, consortium_id=owned.consortium_id)
