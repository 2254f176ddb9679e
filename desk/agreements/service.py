"""Verbs on agreements while clocks run under them: a new version, and every live clock given its targets."""

from datetime import datetime

from sqlalchemy.orm import Session

from desk.calendars import service as calendars
from desk.calendars.models import Agreement, AgreementVersion
from desk.domain.errors import NotFound
from desk.domain.permissions import Actor
from desk.domain.sla import Change
from desk.domain.targets import Ladder, TargetTable
from desk.sla import queries as clocks
from desk.sla import service as sla

BATCH = 200


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
    note: str = "",
) -> AgreementVersion:
    """Other targets from now on; every live clock under the agreement gets them, from its same start."""
    agreement = session.get(Agreement, agreement_id)
    if agreement is None:
        raise NotFound
    version = calendars.add_agreement_version(
        session,
        actor,
        agreement,
        targets=targets,
        ladder=ladder,
        receipt_counts=receipt_counts,
        hold_pauses_overall=hold_pauses_overall,
        note=note,
        now=now,
    )
    column = "agreement_version_id" if agreement.consortium_id is not None else "registry_agreement_version_id"
    for batch in clocks.live_tickets_of_agreement(session, agreement_id, BATCH):
        rows = clocks.locked(session, batch)
        for row in rows:
            setattr(row, column, version.id)
        sla.work(
            session,
            rows,
            now,
            lambda unit: sla.do(unit, Change.agreement_changed(unit.row.state), actor.person_id, note),
        )
    return version
