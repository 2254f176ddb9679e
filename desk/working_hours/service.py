"""Verbs on calendars while clocks run in them: other hours, another calendar of a team, word of one that is closed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Team
from desk.calendars import service as calendars
from desk.calendars.models import Calendar, CalendarVersion
from desk.calendars.queries import history
from desk.db import NAME_LENGTH
from desk.domain.calendar import BusinessCalendar, NoOpening, whole_second
from desk.domain.calendar_changes import changes
from desk.domain.calendar_sheet import Draft
from desk.domain.errors import Conflict, InvalidInput, NotFound
from desk.domain.opening_hours import WEEKDAYS, check
from desk.domain.permissions import Actor, Place
from desk.domain.text import REASON_LENGTH, clean_line, clean_text
from desk.domain.ticket_change import Change
from desk.events import service as events
from desk.sla import queries as clocks
from desk.sla import service as sla
from desk.working_hours import queries

BATCH = 200
LATEST = timedelta(days=5 * 366)
FAR = "Please choose a moment within the next five years."
OFFICE_HOURS = {day: [["09:00", "17:00"]] for day in WEEKDAYS[:5]}


def edit_hours(
    session: Session,
    actor: Actor,
    *,
    calendar_id: int,
    draft: Draft,
    base: int,
    note: str,
    now: datetime,
    effective_from: datetime | None = None,
) -> CalendarVersion:
    """Other hours as a manager writes them: as ``save_calendar_version``, and stricter.

    ``base``: the newest version that the manager has seen; another one since is a ``Conflict``. Raises that,
    ``InvalidInput`` with the field, without one when nothing is changed, ``NotFound``, ``NotPermitted``.
    """
    calendar = _locked(session, calendar_id)
    calendars.may_edit(actor, calendar.consortium_id, calendar.registry_id)
    found = queries.versions(session, calendar_id)
    if base not in {each.id for each in found}:
        raise InvalidInput("Say which version of this calendar these hours were made from.", field="base")
    if found[-1].id != base:
        raise Conflict("Somebody else saved other hours of this calendar meanwhile. Yours are kept below, not saved.")
    check(draft.spec)
    start = effective_from or now
    if start > now + LATEST:
        raise InvalidInput(FAR, field="effective_from")
    if _is_as(queries.in_force(found, start), draft, start):
        raise InvalidInput("Nothing was changed, so nothing was saved.")
    version = save_calendar_version(
        session,
        actor,
        calendar_id=calendar_id,
        spec=draft.spec,
        effective_from=effective_from,
        country=draft.country,
        subdivision=draft.subdivision,
        names=draft.names,
        note=clean_text(note, name="The note", field="note", required=False, limit=REASON_LENGTH),
        now=now,
    )
    hours = history(session, calendar_id)
    try:
        if hours is not None:
            hours.next_opening(version.effective_from)
    except NoOpening as error:
        raise InvalidInput("These hours never open: enter at least one window.", field="weekly_hours") from error
    return version


def _is_as(version: CalendarVersion, draft: Draft, start: datetime) -> bool:
    """Whether the draft says the same as the version about all that is to come."""
    since = BusinessCalendar.from_spec({"tz": draft.spec["tz"], "weekly_hours": {}}).day_of(start)
    if (version.country, version.subdivision) != (draft.country, draft.subdivision):
        return False
    old, new = (
        {day: name for day, name in names.items() if name and day >= since.isoformat()}
        for names in (version.holiday_names, draft.names)
    )
    return old == new and not changes(version.spec, draft.spec, since)


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
    names: Mapping[str, str] | None = None,
) -> CalendarVersion:
    """Other working hours from now or from a later moment on; every live clock of the calendar is worked out again.

    The past keeps the version it was measured with: a moment before now is refused. ``names``: of its dates. Raises
    ``InvalidInput``, ``NotFound``, ``NotPermitted``.
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
        names=names,
    )
    for batch in clocks.live_tickets_of_calendar(session, calendar_id, BATCH):
        sla.work(
            session, clocks.locked(session, batch), now, lambda unit: sla.learn(unit, {calendar_id}, actor.person_id)
        )
    return version


def found_calendar(
    session: Session, actor: Actor, *, place: Place, name: str, like: int | None, tz: str, now: datetime
) -> Calendar:
    """A further calendar of a party, with the hours of another one (``like``) or with office hours in a zone.

    Raises ``InvalidInput``, ``NotFound``, ``NotPermitted``.
    """
    calendars.may_edit(actor, place.consortium_id, place.registry_id)
    shown = _free_name(session, place, name)
    given: dict[str, Any] = {"spec": {"tz": tz, "weekly_hours": OFFICE_HOURS}}
    if like is not None:
        queries.get(session, actor, like)
        model = queries.in_force(queries.versions(session, like), now)
        given = {"spec": model.spec, "country": model.country, "subdivision": model.subdivision}
        given["names"] = dict(model.holiday_names)
    check(given["spec"])
    return calendars.add_calendar(
        session,
        actor,
        name=shown,
        consortium_id=place.consortium_id,
        registry_id=place.registry_id,
        now=now,
        **given,
    )


def rename_calendar(session: Session, actor: Actor, *, calendar_id: int, name: str, now: datetime) -> Calendar:
    """Another name for a calendar. Raises ``InvalidInput``, ``NotFound``, ``NotPermitted``."""
    calendar = _locked(session, calendar_id)
    calendars.may_edit(actor, calendar.consortium_id, calendar.registry_id)
    before = calendar.name
    if clean_line(name, name="The name", field="name", limit=NAME_LENGTH) != before:
        calendar.name = _free_name(session, queries.place_of(calendar), name)
        _record(session, "calendar_renamed", actor, calendar, {"before": before, "name": calendar.name}, now)
    return calendar


def set_team_calendar(session: Session, actor: Actor, *, team_id: int, calendar_id: int, now: datetime) -> int:
    """Another of the party's calendars for a team; how many tickets go on in it.

    From now on the team's clocks of every ticket that is not closed are measured in it: a lead's Tier 1, a registry's
    support (Tier 2) for both of its clocks. What the member was promised stays in the calendar it was promised in. The
    hours of a registry's Tier 3 are shown, and measure nothing. Raises ``NotFound``, ``NotPermitted``.
    """
    team = session.get(Team, team_id, with_for_update=calendars.UNDER_LOCK)
    calendar = session.get(Calendar, calendar_id)
    if team is None or calendar is None:
        raise NotFound
    owner = (team.consortium_id, team.registry_id)
    calendars.may_edit(actor, *owner)
    if owner != (calendar.consortium_id, calendar.registry_id):
        raise NotFound
    if team.calendar_id == calendar_id:
        return 0
    payload = {"team_id": team.id, "before": team.calendar_id, "calendar_id": calendar_id}
    team.calendar_id = calendar_id
    session.flush()
    _record(session, "team_hours_chosen", actor, calendar, payload, now)
    if not queries.measures(team):
        return 0
    return _go_on(session, actor, team, calendar, now)


def _go_on(session: Session, actor: Actor, team: Team, calendar: Calendar, now: datetime) -> int:
    """Tell the clocks of the team's tickets; how many tickets."""
    reason, moved = f"{team.name} keeps “{calendar.name}” now", 0

    def choose(unit: clocks.Unit) -> None:
        sla.do(unit, Change.hours_chosen(), actor.person_id, reason)

    for batch in queries.tickets_of_team(session, team, calendar.id, BATCH):
        rows = clocks.locked(session, batch)
        for row in rows:
            queries.keep(row, team, calendar.id)
        sla.work(session, rows, now, choose)
        moved += len(rows)
    return moved


def tell_of_closed(session: Session, now: datetime) -> int:
    """Tell the managers of each calendar that leaves promises without a date, once for each of its versions; how many.

    It never opens again, or too little for what is promised: dates are empty until somebody mends the hours.
    """
    told = 0
    for calendar, version_id, opens in queries.unseen_closed(session, now):
        mine = sa.or_(Calendar.closed_version_id.is_(None), Calendar.closed_version_id != version_id)
        claimed = session.execute(
            sa.update(Calendar).where(Calendar.id == calendar.id, mine).values(closed_version_id=version_id)
        )
        if claimed.rowcount != 1:  # type: ignore[attr-defined]
            continue
        told += 1
        events.record(
            session,
            "calendar_never_opens",
            at=now,
            consortium_id=calendar.consortium_id,
            registry_id=calendar.registry_id,
            payload={"calendar_id": calendar.id, "name": calendar.name, "version": version_id, "opens": opens},
        )
    return told


def _locked(session: Session, calendar_id: int) -> Calendar:
    """The calendar, locked until the end of the transaction: one edit after the other."""
    found = session.get(Calendar, calendar_id, with_for_update=calendars.UNDER_LOCK)
    if found is None:
        raise NotFound
    return found


def _free_name(session: Session, place: Place, name: str) -> str:
    shown = clean_line(name, name="The name", field="name", limit=NAME_LENGTH)
    own = (Calendar.consortium_id == place.consortium_id, Calendar.registry_id == place.registry_id)
    taken = sa.select(Calendar.id).where(own[0] if place.consortium_id else own[1], Calendar.name == shown)
    if session.scalars(taken).first() is not None:
        raise InvalidInput(f"There is a calendar “{shown}” already.", field="name")
    return shown


def _record(
    session: Session, kind: str, actor: Actor, calendar: Calendar, payload: dict[str, Any], now: datetime
) -> None:
    # For the audit only: what it changes for a ticket is told by the ticket's own events.
    events.record(
        session,
        kind,
        at=now,
        actor_id=actor.person_id,
        consortium_id=calendar.consortium_id,
        registry_id=calendar.registry_id,
        payload={"calendar_id": calendar.id, **payload},
        quiet=True,
    )
