"""Reading calendars and agreements: rows into the values of the domain."""

import json
from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from desk.accounts.models import Team
from desk.calendars.models import Agreement, AgreementVersion, Calendar, CalendarVersion
from desk.domain.calendar import BusinessCalendar, NoOpening
from desk.domain.calendar_history import CalendarHistory, Version
from desk.domain.clocks import CalendarKey


def histories(session: Session, calendar_ids: Collection[CalendarKey]) -> dict[CalendarKey, CalendarHistory]:
    """The calendars with all their versions, by id; one query. A calendar always has a version."""
    rows = session.execute(
        sa.select(
            CalendarVersion.calendar_id,
            CalendarVersion.id,
            CalendarVersion.effective_from,
            CalendarVersion.created_at,
            CalendarVersion.spec,
        )
        .where(CalendarVersion.calendar_id.in_(calendar_ids))
        .order_by(CalendarVersion.id)
    )
    versions: dict[int, list[Version]] = {}
    for calendar_id, version_id, effective_from, created_at, spec in rows:
        compiled = _compiled(json.dumps(spec, sort_keys=True))
        versions.setdefault(calendar_id, []).append(Version(effective_from, compiled, version_id, created_at))
    return {calendar_id: CalendarHistory(found) for calendar_id, found in versions.items()}


@lru_cache(maxsize=4096)
def _compiled(spec: str) -> BusinessCalendar:
    # By content, so that equal versions share their tables; a calendar is never changed once it is made.
    return BusinessCalendar.from_spec(json.loads(spec))


def history(session: Session, calendar_id: int | None) -> CalendarHistory | None:
    """One calendar over time, or None where there is none."""
    return None if calendar_id is None else histories(session, [calendar_id]).get(calendar_id)


def working_seconds(session: Session, calendar_id: int | None, a: datetime, b: datetime) -> int:
    """Working seconds between two instants; 0 without a calendar."""
    found = history(session, calendar_id)
    return 0 if found is None else max(found.elapsed(a, b), 0)


def after_working_days(session: Session, calendar_id: int | None, start: datetime, days: int) -> datetime:
    """The close of the ``days``-th working day after ``start``; without a usable calendar half as many days more."""
    found = history(session, calendar_id)
    try:
        if found is not None:
            return found.add_working_days(start, days)
    except NoOpening:
        pass
    return start + timedelta(days=days * 1.5)


def opening_on(session: Session, calendar_id: int | None, day: date, now: datetime) -> datetime:
    """When a desk with that calendar opens on a day or after it, in the calendar's own zone (UTC without one)."""
    hours = history(session, calendar_id)
    zone = hours.version_at(now).calendar.tz if hours is not None else "UTC"
    return _opening(hours, datetime.combine(day, time.min, ZoneInfo(zone)))


def opening_from(session: Session, calendar_id: int | None, moment: datetime) -> datetime:
    """``moment`` while a desk with that calendar works or has no hours, else when it opens next."""
    return _opening(history(session, calendar_id), moment)


def _opening(hours: CalendarHistory | None, moment: datetime) -> datetime:
    try:
        # A desk that never opens is told at once: for it that would otherwise be never.
        return moment if hours is None else hours.next_opening(moment)
    except NoOpening:
        return moment


def calendar_of_party(
    session: Session, *, consortium_id: int | None = None, registry_id: int | None = None, tier: int = 1
) -> int | None:
    """The calendar of the party's team of that tier, else the party's first one, else None."""
    team = sa.select(Team.calendar_id).where(Team.tier == tier, Team.calendar_id.is_not(None))
    first = sa.select(Calendar.id).order_by(Calendar.id).limit(1)
    if consortium_id is not None:
        team, first = (
            team.where(Team.consortium_id == consortium_id),
            first.where(Calendar.consortium_id == consortium_id),
        )
    else:
        team, first = team.where(Team.registry_id == registry_id), first.where(Calendar.registry_id == registry_id)
    return session.scalars(team).first() or session.scalars(first).first()


def agreement_in_force(
    session: Session,
    now: datetime,
    *,
    consortium_id: int | None = None,
    registry_id: int | None = None,
    member_org_id: int | None = None,
    to_consortium_id: int | None = None,
) -> int | None:
    """The version in force at ``now`` of a consortium's agreement with a member, or a registry's with a consortium.

    One made for that member or consortium goes before the one made for all, from its own first moment on. Of several
    versions the one whose moment came last counts, of two with the same moment the later one. None: the defaults apply.
    """
    giver = (
        Agreement.consortium_id == consortium_id if consortium_id is not None else Agreement.registry_id == registry_id
    )
    return session.scalars(
        sa.select(AgreementVersion.id)
        .join(Agreement, Agreement.id == AgreementVersion.agreement_id)
        .where(
            giver,
            AgreementVersion.effective_from <= now,
            sa.or_(Agreement.member_org_id.is_(None), Agreement.member_org_id == member_org_id),
            sa.or_(Agreement.to_consortium_id.is_(None), Agreement.to_consortium_id == to_consortium_id),
        )
        .order_by(
            Agreement.member_org_id.is_(None),
            Agreement.to_consortium_id.is_(None),
            Agreement.id.desc(),
            AgreementVersion.effective_from.desc(),
            AgreementVersion.id.desc(),
        )
        .limit(1)
    ).first()


def come_into_force(session: Session, version_ids: Collection[int], now: datetime) -> dict[int, list[AgreementVersion]]:
    """For each version: itself, then those of its agreement that came into force after it by ``now``, in that order.

    One query.
    """
    if not version_ids:
        return {}
    given, version = aliased(AgreementVersion), AgreementVersion
    after = sa.or_(
        version.effective_from > given.effective_from,
        sa.and_(version.effective_from == given.effective_from, version.id > given.id),
    )
    found: dict[int, list[AgreementVersion]] = {}
    for given_id, row in session.execute(
        sa.select(given.id, version)
        .join(version, version.agreement_id == given.agreement_id)
        .where(
            given.id.in_(version_ids),
            sa.or_(version.id == given.id, sa.and_(after, version.effective_from <= now)),
        )
        .order_by(given.id, version.effective_from, version.id)
    ):
        found.setdefault(given_id, []).append(row)
    return found


def versions_of(session: Session, calendar_ids: Collection[CalendarKey]) -> Sequence[tuple[Calendar, CalendarVersion]]:
    """Every version of some calendars, in the order in which they were written; one query."""
    return [
        (calendar, version)
        for calendar, version in session.execute(
            sa.select(Calendar, CalendarVersion)
            .join(CalendarVersion, CalendarVersion.calendar_id == Calendar.id)
            .where(Calendar.id.in_(calendar_ids))
            .order_by(CalendarVersion.id)
        )
    ]


def agreement_version_at(session: Session, agreement_id: int, at: datetime) -> AgreementVersion | None:
    """The version of an agreement that was in force at an instant."""
    return session.scalars(
        sa.select(AgreementVersion)
        .where(AgreementVersion.agreement_id == agreement_id, AgreementVersion.effective_from <= at)
        .order_by(AgreementVersion.effective_from.desc(), AgreementVersion.id.desc())
        .limit(1)
    ).first()
