"""Verbs on calendars while clocks run in them: a new version, and every live clock worked out again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from desk.calendars import service as calendars
from desk.calendars.models import Calendar, CalendarVersion
from desk.domain.calendar import whole_second
from desk.domain.errors import InvalidInput, NotFound
from desk.domain.permissions import Actor
from desk.sla import queries as clocks
from desk.sla import service as sla

BATCH = 200


def save_calendar_version(
    session: Session,
    actor: Actor,
    *,
    calendar_id: int,
    spec: Mapping[str, Any],
    now: datetime,
    effective_from: datetime | None = None,
    country: str | None = None,
    subdivision: str | None = None,
    note: str = "",
) -> CalendarVersion:
    """Other working hours from now or from a later moment on; every live clock of the calendar is worked out again.

    The past keeps the version it was measured with: a moment before now is refused. Raises ``InvalidInput``,
    ``NotFound``, ``NotPermitted``.
    """
    calendar = session.get(Calendar, calendar_id)
    if calendar is None:
        raise NotFound
    start = effective_from or now
    if whole_second(start) < whole_second(now):
        raise InvalidInput("A calendar can be changed from now on, not in the past.", field="effective_from")
    version = calendars.add_calendar_version(
        session,
        actor,
        calendar,
        spec=spec,
        effective_from=start,
        now=now,
        country=country,
        subdivision=subdivision,
        note=note,
    )
    for batch in clocks.live_tickets_of_calendar(session, calendar_id, BATCH):
        sla.work(
            session, clocks.locked(session, batch), now, lambda unit: sla.learn(unit, {calendar_id}, actor.person_id)
        )
    return version
