"""Deciding about a step that the figures propose: done, declined, or the field required from now on."""

from datetime import datetime

from sqlalchemy.orm import Session

from desk.catalogue import service as catalogue
from desk.domain.errors import NotFound, NotPermitted
from desk.domain.learning import REASON_LENGTH, Decided, Proposal, Step, proposals
from desk.domain.permissions import Actor, Permission, Place, may
from desk.domain.reports import Period
from desk.domain.text import clean_text
from desk.events import service as events
from desk.learning import queries
from desk.learning.models import Improvement

REQUIRED = "Required in every brief from now on."


def decide(
    session: Session,
    actor: Actor,
    *,
    key: queries.Key,
    period: Period,
    decided: Decided,
    reason: str,
    now: datetime,
) -> Improvement:
    """The desk says that a step is done, or not worth doing, and why; it comes again when there is another case.

    ``period``: in which the step was proposed. Raises ``NotPermitted`` for anybody but the consortium's desk,
    ``NotFound`` for a step that nothing proposes, ``InvalidInput`` (field ``reason``).
    """
    proposal = _proposed(session, actor, key, period)
    said = clean_text(reason, name="The reason", field="reason", limit=REASON_LENGTH)
    return _keep(session, actor, proposal, decided, said, now)


def require(session: Session, actor: Actor, *, key: queries.Key, period: Period, now: datetime) -> Improvement:
    """A lead manager has the proposed field demanded in every brief about its entry.

    Raises as ``decide`` and ``catalogue.demand_field`` do.
    """
    proposal = _proposed(session, actor, key, period)
    if proposal.step is not Step.FIELD:
        raise NotFound
    catalogue.demand_field(session, actor, proposal.consortium_id, proposal.entry_key, proposal.field_id, now=now)
    return _keep(session, actor, proposal, Decided.DONE, REQUIRED, now)


def _proposed(session: Session, actor: Actor, key: queries.Key, period: Period) -> Proposal:
    place = Place(consortium_id=key[0])
    if not may(actor, Permission.DESK_IMPROVE, place):
        raise NotPermitted
    found = next((each for each in proposals(queries.cases(session, actor, place, period)) if each.key == key), None)
    if found is None:
        raise NotFound
    return found


def _keep(
    session: Session, actor: Actor, proposal: Proposal, decided: Decided, reason: str, now: datetime
) -> Improvement:
    consortium_id, step, entry_key, field_id = proposal.key
    kept = Improvement(
        consortium_id=consortium_id,
        step=step,
        entry_key=entry_key,
        field_id=field_id,
        decided=decided,
        reason=reason,
        cases=len(proposal.cases),
        decided_at=now,
        decided_by=actor.person_id,
    )
    session.add(kept)
    session.flush()
    payload = {"step": step.value, "entry": entry_key, "field": field_id, "decided": decided.value}
    events.record(
        session,
        "improvement_decided",
        at=now,
        actor_id=actor.person_id,
        consortium_id=consortium_id,
        payload=payload,
        quiet=True,
    )
    return kept
