"""Verbs on agreements while clocks run under them: a new one, a new version, and the versions whose moment has come.

A version dated ahead comes into force by itself: every verb and sweep first gives a ticket's clocks what came into
force since it was last looked at, at that moment (``keep_up`` of ``desk.sla.queries.Unit``). ``carry_out`` only sees to
it that this happens soon for tickets that nothing else happens to, so when it runs never changes a result.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Consortium, MemberOrg
from desk.agreements import queries
from desk.calendars import service as calendars
from desk.calendars.models import Agreement, AgreementVersion
from desk.domain.calendar import whole_second
from desk.domain.errors import Conflict, InvalidInput, NotFound
from desk.domain.permissions import Actor
from desk.domain.targets import Ladder, TargetTable
from desk.sla import queries as clocks
from desk.sla import service as sla

BATCH = 200
LATEST = timedelta(days=5 * 366)
SETTLED = timedelta(minutes=1)
"""So long after its moment a version is still looked after: a ticket opened under the older one may be seen late."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a version is to say. ``effective_from`` None: from now on."""

    targets: TargetTable
    ladder: Ladder
    receipt_counts: bool = False
    hold_pauses_overall: bool = False
    effective_from: datetime | None = None
    note: str = ""


def add_agreement(
    session: Session,
    actor: Actor,
    draft: Draft,
    *,
    now: datetime,
    consortium_id: int | None = None,
    registry_id: int | None = None,
    member_org_id: int | None = None,
    to_consortium_id: int | None = None,
) -> Agreement:
    """An agreement of a consortium with all members or one, of a registry with all consortia or one.

    Tickets that are open keep the agreement that they were opened under. Raises ``Conflict`` when there is one already,
    ``InvalidInput``, ``NotFound``, ``NotPermitted``.
    """
    calendars.may_edit(actor, consortium_id, registry_id)
    name = _name(session, consortium_id, registry_id, member_org_id, to_consortium_id)
    if queries.between(session, consortium_id, registry_id, member_org_id, to_consortium_id) is not None:
        raise Conflict("There is such an agreement already. Please change that one.")
    return calendars.add_agreement(
        session,
        actor,
        name=name,
        now=now,
        consortium_id=consortium_id,
        registry_id=registry_id,
        member_org_id=member_org_id,
        to_consortium_id=to_consortium_id,
        targets=draft.targets,
        ladder=draft.ladder,
        receipt_counts=draft.receipt_counts,
        hold_pauses_overall=draft.hold_pauses_overall,
        effective_from=_moment(draft.effective_from, now),
        note=draft.note,
    )


def save_agreement_version(
    session: Session,
    actor: Actor,
    *,
    agreement_id: int,
    targets: TargetTable,
    ladder: Ladder,
    now: datetime,
    receipt_counts: bool = False,
    hold_pauses_overall: bool = False,
    effective_from: datetime | None = None,
    note: str = "",
    newest: int | None = None,
) -> AgreementVersion:
    """Other targets from now or a later moment on; every live clock under the agreement gets them, from its same start.

    ``newest``: the version that was the newest one when the change was made up; ``Conflict`` when another came
    meanwhile. Raises ``InvalidInput``, ``NotFound``, ``NotPermitted``.
    """
    # Locked, so that of two who save at once the second sees the first one's version.
    agreement = session.scalars(sa.select(Agreement).where(Agreement.id == agreement_id).with_for_update()).first()
    if agreement is None:
        raise NotFound
    if newest is not None and queries.newest_version(session, agreement_id) != newest:
        raise Conflict("Somebody else saved another version meanwhile.")
    version = calendars.add_agreement_version(
        session,
        actor,
        agreement,
        targets=targets,
        ladder=ladder,
        receipt_counts=receipt_counts,
        hold_pauses_overall=hold_pauses_overall,
        effective_from=_moment(effective_from, now),
        note=note,
        now=now,
    )
    if version.effective_from <= now:
        left = clocks.live_tickets_under(session, queries.replaced(session, agreement_id, now))
        for start in range(0, len(left), BATCH):
            _keep_up(session, left[start : start + BATCH], now)
    return version


def carry_out(session: Session, now: datetime, limit: int) -> int:
    """Give up to ``limit`` live tickets of each agreement the version that came into force; how much was done.

    Tickets that another process has locked are left to it, or to the next time.
    """
    done = 0
    for agreement_id in queries.to_carry_out(session, now):
        older = queries.replaced(session, agreement_id, now)
        left = clocks.live_tickets_under(session, older, limit * clocks.SWEEPERS)
        done += _keep_up(session, left, now, free=limit)
        if not left:
            done += _carried_out(session, agreement_id, now)
    return done


def _keep_up(session: Session, ticket_ids: Sequence[int], now: datetime, *, free: int | None = None) -> int:
    """``free``: only so many of them, of those that nobody else has locked."""
    rows = clocks.locked(session, ticket_ids, skip=free is not None, limit=free)
    sla.work(session, rows, now, lambda unit: None)
    return len(rows)


def _carried_out(session: Session, agreement_id: int, now: datetime) -> int:
    marked = session.execute(
        sa.update(AgreementVersion)
        .where(
            AgreementVersion.agreement_id == agreement_id,
            AgreementVersion.carried_out_at.is_(None),
            AgreementVersion.effective_from <= now - SETTLED,
        )
        .values(carried_out_at=now)
        .returning(AgreementVersion.id)
    )
    return len(marked.all())


def _moment(effective_from: datetime | None, now: datetime) -> datetime:
    if effective_from is None:
        return now
    if whole_second(effective_from) < whole_second(now):
        raise InvalidInput("A promise can be changed from now on, not in the past.", field="effective_from")
    if effective_from > now + LATEST:
        raise InvalidInput("Please choose a moment within the next five years.", field="effective_from")
    return effective_from


def _name(
    session: Session,
    consortium_id: int | None,
    registry_id: int | None,
    member_org_id: int | None,
    to_consortium_id: int | None,
) -> str:
    """For whom it is, in words; ``NotFound`` for somebody who is not of the giver."""
    if member_org_id is not None:
        member = session.get(MemberOrg, member_org_id)
        if member is None or member.consortium_id != consortium_id or member.left_at is not None:
            raise NotFound
        return f"Promise to {member.name}"
    if to_consortium_id is not None:
        place = session.get(Consortium, to_consortium_id)
        if place is None or place.registry_id != registry_id:
            raise NotFound
        return f"Promise to {place.name}"
    return "Promise to all members" if consortium_id is not None else "Promise to all consortia"
