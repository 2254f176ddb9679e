"""Reading calendars and agreements: rows into the values of the domain."""

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

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
    *,
    consortium_id: int | None = None,
    registry_id: int | None = None,
    member_org_id: int | None = None,
    to_consortium_id: int | None = None,
) -> int | None:
    """The newest version of the agreement of a consortium with a member, or a registry with a consortium.

    One made for that member or consortium goes before the one made for all. None: the defaults apply.
    """
    giver = (
        Agreement.consortium_id == consortium_id if consortium_id is not None else Agreement.registry_id == registry_id
    )
    return session.scalars(
        sa.select(AgreementVersion.id)
        .join(Agreement, Agreement.id == AgreementVersion.agreement_id)
        .where(
            giver,
            sa.or_(Agreement.member_org_id.is_(None), Agreement.member_org_id == member_org_id),
            sa.or_(Agreement.to_consortium_id.is_(None), Agreement.to_consortium_id == to_consortium_id),
        )
        .order_by(
            Agreement.member_org_id.is_(None),
            Agreement.to_consortium_id.is_(None),
            Agreement.id.desc(),
            AgreementVersion.id.desc(),
        )
        .limit(1)
    ).first()
