"""Writing down working hours and promises. Versions are never changed; the clocks are told by ``desk.sla.service``."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.calendars.models import Agreement, AgreementVersion, Calendar, CalendarVersion
from desk.domain.calendar import EPOCH, instant, whole_second
from desk.domain.calendar_history import CalendarHistory
from desk.domain.errors import InvalidInput, NotPermitted
from desk.domain.holiday_dates import HOLIDAY_YEARS, public_holidays
from desk.domain.opening_hours import parse
from desk.domain.permissions import Actor, Permission, Place, may
from desk.domain.targets import (
    DEFAULT_CONSORTIUM_TARGETS,
    DEFAULT_LADDER,
    DEFAULT_REGISTRY_LADDER,
    DEFAULT_REGISTRY_TARGETS,
    Ladder,
    TargetTable,
    table_from_json,
    table_to_json,
)
from desk.events import service as events

UNDER_LOCK = {"key_share": True}
"""How an edit locks a calendar, a team or an agreement: against other edits, not against whoever writes a clock that
points at it. That one has the ticket's clock lock already, for which the edit is going to wait."""


def add_calendar(
    session: Session,
    actor: Actor,
    *,
    name: str,
    spec: Mapping[str, Any],
    now: datetime,
    consortium_id: int | None = None,
    registry_id: int | None = None,
    effective_from: datetime | None = None,
    country: str | None = None,
    subdivision: str | None = None,
    note: str = "",
    names: Mapping[str, str] | None = None,
) -> Calendar:
    """A party's calendar with its first version, which also holds for the time before it.

    ``spec``: ``desk.domain.opening_hours.parse``; with a ``country`` and no holidays in it, they are looked up;
    ``names`` of its dates. Raises ``InvalidInput``, ``NotPermitted``.
    """
    may_edit(actor, consortium_id, registry_id)
    calendar = Calendar(consortium_id=consortium_id, registry_id=registry_id, name=name, created_at=now)
    session.add(calendar)
    session.flush()
    add_calendar_version(
        session,
        actor,
        calendar,
        spec=spec,
        effective_from=effective_from or now,
        now=now,
        country=country,
        subdivision=subdivision,
        note=note,
        names=names,
    )
    return calendar


def add_calendar_version(
    session: Session,
    actor: Actor,
    calendar: Calendar,
    *,
    spec: Mapping[str, Any],
    effective_from: datetime,
    now: datetime,
    country: str | None,
    subdivision: str | None,
    note: str,
    names: Mapping[str, str] | None = None,
) -> CalendarVersion:
    """Write a version. ``desk.working_hours.service.save_calendar_version`` calls this and tells the clocks.

    ``names`` of its dates, in ISO form; without them the public holidays have those of the list.
    """
    may_edit(actor, calendar.consortium_id, calendar.registry_id)
    start = instant(whole_second(effective_from))
    kept = _kept(spec)
    known: dict[str, str] = {}
    if country and names is None:
        known = public_holidays(country, subdivision, start.year, start.year + HOLIDAY_YEARS - 1)
        if "holidays" not in spec:
            kept["holidays"] = sorted(known)
        known = {day: name for day, name in known.items() if day in kept["holidays"]}
    parse(kept)
    version = CalendarVersion(
        calendar_id=calendar.id,
        effective_from=start,
        spec=kept,
        holiday_names=dict(known if names is None else names),
        country=country,
        subdivision=subdivision,
        note=note,
        created_by=actor.person_id,
        created_at=now,
    )
    session.add(version)
    session.flush()
    _record(session, "calendar_saved", actor, calendar.consortium_id, calendar.registry_id, version.id, now)
    return version


def correct_past(
    session: Session,
    actor: Actor,
    calendar: Calendar,
    *,
    known: CalendarHistory,
    since: datetime,
    until: datetime,
    spec: Mapping[str, Any] | None,
    holidays: Collection[str],
    note: str,
    now: datetime,
) -> None:
    """Versions with the hours that were really kept from ``since`` to ``until``, and as before from then on.

    ``known``: the calendar until now. ``holidays``: ISO dates that were forgotten, where no ``spec`` is given; they
    keep the name they have, else that of the list, else are closed days. Called by
    ``desk.corrections.service.remeasure``, which measures again.
    """
    chosen = sa.select(CalendarVersion).where(CalendarVersion.calendar_id == calendar.id)
    rows: dict[Any, CalendarVersion] = {version.id: version for version in session.scalars(chosen)}

    def write(start: datetime, hours: Mapping[str, Any] | None, more: Collection[str]) -> None:
        old = rows[known.version_at(start).key]
        version = add_calendar_version(
            session,
            actor,
            calendar,
            spec=hours or {**old.spec, "holidays": [*old.spec["holidays"], *more]},
            effective_from=start,
            now=now,
            country=old.country,
            subdivision=old.subdivision,
            note=note,
            names={**{day: _listed_name(old, day) for day in more}, **old.holiday_names},
        )
        version.correction = True

    begins = {version.effective_from for version in known.versions}
    if since < min(begins):
        write(EPOCH, None, ())  # the first one also holds before it
    for start in sorted({since, *(begin for begin in begins if since < begin < until)}):
        write(start, spec, holidays)
    if until not in begins:
        write(until, None, holidays)


def _listed_name(version: CalendarVersion, day: str) -> str:
    """What the list of the version's place calls a date."""
    year = int(day[:4])
    known = public_holidays(version.country, version.subdivision, year, year) if version.country else {}
    return known.get(day, "closed")


def add_agreement(
    session: Session,
    actor: Actor,
    *,
    name: str,
    now: datetime,
    consortium_id: int | None = None,
    registry_id: int | None = None,
    member_org_id: int | None = None,
    to_consortium_id: int | None = None,
    targets: TargetTable | None = None,
    ladder: Ladder | None = None,
    receipt_counts: bool = False,
    hold_pauses_overall: bool = False,
    effective_from: datetime | None = None,
    note: str = "",
) -> Agreement:
    """A promise of a consortium or a registry, to all or to one, with its first version; what is absent is the default.

    It holds for tickets opened from ``effective_from``, or now, on: the others keep the agreement that they were opened
    under. Raises ``InvalidInput``, ``NotPermitted``.
    """
    may_edit(actor, consortium_id, registry_id)
    agreement = Agreement(
        consortium_id=consortium_id,
        registry_id=registry_id,
        member_org_id=member_org_id,
        to_consortium_id=to_consortium_id,
        name=name,
        created_at=now,
    )
    session.add(agreement)
    session.flush()
    ours = consortium_id is not None
    first = add_agreement_version(
        session,
        actor,
        agreement,
        targets=targets or (DEFAULT_CONSORTIUM_TARGETS if ours else DEFAULT_REGISTRY_TARGETS),
        ladder=ladder or (DEFAULT_LADDER if ours else DEFAULT_REGISTRY_LADDER),
        receipt_counts=receipt_counts,
        hold_pauses_overall=hold_pauses_overall,
        effective_from=effective_from or now,
        note=note,
        now=now,
    )
    first.carried_out_at = now  # no ticket is under an older one
    return agreement


def add_agreement_version(
    session: Session,
    actor: Actor,
    agreement: Agreement,
    *,
    targets: TargetTable,
    ladder: Ladder,
    receipt_counts: bool,
    hold_pauses_overall: bool,
    effective_from: datetime,
    note: str,
    now: datetime,
) -> AgreementVersion:
    """Write a version. Called by ``add_agreement`` and by ``desk.agreements.service.save_agreement_version``."""
    may_edit(actor, agreement.consortium_id, agreement.registry_id)
    version = AgreementVersion(
        agreement_id=agreement.id,
        effective_from=instant(whole_second(effective_from)),
        targets=_checked(targets),
        ladder=Ladder.from_json(ladder.to_json()).to_json(),
        receipt_counts=receipt_counts,
        hold_pauses_overall=hold_pauses_overall,
        note=note,
        created_by=actor.person_id,
        created_at=now,
    )
    session.add(version)
    session.flush()
    _record(session, "agreement_saved", actor, agreement.consortium_id, agreement.registry_id, version.id, now)
    return version


def may_edit(actor: Actor, consortium_id: int | None, registry_id: int | None) -> None:
    """Raise ``NotPermitted`` unless the actor manages the party."""
    if not may(actor, Permission.CALENDAR_EDIT, Place(consortium_id=consortium_id, registry_id=registry_id)):
        raise NotPermitted


def _checked(targets: TargetTable) -> dict[str, Any]:
    written = table_to_json(targets)
    table_from_json(written)
    return written


def _kept(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec as it is stored: dates as text, holidays in order and once."""
    try:
        return {
            "tz": spec.get("tz"),
            "weekly_hours": dict(spec.get("weekly_hours") or {}),
            "holidays": sorted({_text(day) for day in spec.get("holidays") or ()}),
            "overrides": {_text(day): windows for day, windows in dict(spec.get("overrides") or {}).items()},
            "breaks": {_text(day): windows for day, windows in dict(spec.get("breaks") or {}).items()},
        }
    except (TypeError, ValueError) as error:
        raise InvalidInput("Opening hours are not in the expected form.", field="spec") from error


def _text(day: Any) -> str:
    return day.isoformat() if isinstance(day, date) else str(day)


def _record(
    session: Session,
    kind: str,
    actor: Actor,
    consortium_id: int | None,
    registry_id: int | None,
    version_id: int,
    now: datetime,
) -> None:
    # For the audit only: what it changes for a ticket is told by the ticket's own events.
    events.record(
        session,
        kind,
        at=now,
        actor_id=actor.person_id,
        consortium_id=consortium_id,
        registry_id=registry_id,
        payload={"version": version_id},
        quiet=True,
    )
