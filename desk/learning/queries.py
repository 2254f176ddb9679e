"""Reading what came back from a registry: the cases, what was decided about the steps, and the words for both."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from desk.accounts.models import Person
from desk.catalogue import queries as catalogue
from desk.catalogue.models import CatalogueDemand
from desk.domain.catalogue import Catalogue
from desk.domain.demands import demandable
from desk.domain.escalation import LABELS, EscalationState, ReturnReason
from desk.domain.learning import Case, Fate, Proposal, Step, lacked, proposals, sentence, undecided
from desk.domain.lifecycle import DONE
from desk.domain.permissions import Actor, Place
from desk.domain.reports import Period
from desk.domain.vocabulary import Outcome
from desk.escalations import queries as escalations
from desk.escalations.models import Escalation, EscalationRound
from desk.learning.models import Improvement
from desk.tickets.models import Ticket

SHOWN_AT_MOST = 100  # decisions
_FATES = {EscalationState.DECLINED: Fate.DECLINED, EscalationState.RETURNED: Fate.RETURNED}
_SOLVED = (Outcome.SOLVED, Outcome.WORKAROUND)
_ANSWERED_LATER = (ReturnReason.INFORMATION_MISSING, ReturnReason.REPRODUCTION, ReturnReason.CONSENT)

Key = tuple[int, Step, str, str]


def cases(session: Session, actor: Actor, place: Place, period: Period) -> list[Case]:
    """What came back in the period, oldest first: a lead's own, or all that a registry gave back; one query.

    Read through the scope of hand-overs, so that each case is one that the reader may open.
    """
    later = aliased(EscalationRound)
    own = Escalation.registry_id == place.registry_id
    if place.registry_id is None:
        own = Ticket.consortium_id == place.consortium_id
    rows = session.execute(
        sa.select(
            Ticket.id,
            Ticket.consortium_id,
            Ticket.catalogue_key,
            Ticket.state,
            Ticket.outcome,
            EscalationRound.outcome,
            EscalationRound.ended_at,
            EscalationRound.return_reason,
            EscalationRound.decline_entry_key,
            EscalationRound.brief,
            later.brief,
        )
        .select_from(Ticket)
        .join(Escalation, Escalation.ticket_id == Ticket.id)
        .join(EscalationRound, EscalationRound.escalation_id == Escalation.id)
        .outerjoin(later, sa.and_(later.escalation_id == Escalation.id, later.cycle == EscalationRound.cycle + 1))
        .where(
            EscalationRound.ended_at >= period.since,
            EscalationRound.ended_at < period.until,
            EscalationRound.outcome.in_(_FATES),
            own,
            escalations.visible_to(actor),
        )
        .order_by(EscalationRound.ended_at, EscalationRound.id)
    )
    return [_case(*row) for row in rows]


def _case(
    ticket: int,
    consortium_id: int,
    key: str | None,
    state: Any,
    outcome: Outcome | None,
    ended: EscalationState,
    at: datetime,
    reason: ReturnReason | None,
    answer: str | None,
    brief: Mapping[str, Any],
    later: Mapping[str, Any] | None,
) -> Case:
    missing: tuple[str, ...] = ()
    if reason in _ANSWERED_LATER:
        missing = lacked(brief, later) if later is not None else ()
        if reason is ReturnReason.CONSENT:
            missing = ("consent",)
    return Case(
        ticket=ticket,
        consortium_id=consortium_id,
        entry_key=key or "",
        fate=_FATES[ended],
        at=at,
        reason=reason,
        answer_key=answer or "",
        solved=later is None and state in DONE and outcome in _SOLVED,
        lacked=missing,
    )


# ------------------------------------------------------------------ what was decided


@dataclass(frozen=True, slots=True)
class Decision:
    """The newest decision about a step, and who took it."""

    improvement: Improvement
    by: str | None

    @property
    def key(self) -> Key:
        """As a proposal's."""
        own = self.improvement
        return (own.consortium_id, own.step, own.entry_key, own.field_id)


def decisions(session: Session, consortium_ids: Collection[int]) -> dict[Key, Decision]:
    """The newest decision about each step of some desks, the latest first; one query."""
    newest = (
        sa.select(sa.func.max(Improvement.id))
        .where(Improvement.consortium_id.in_(consortium_ids))
        .group_by(Improvement.consortium_id, Improvement.step, Improvement.entry_key, Improvement.field_id)
    )
    rows = session.execute(
        sa.select(Improvement, Person.name)
        .outerjoin(Person, Person.id == Improvement.decided_by)
        .where(Improvement.id.in_(newest))
        .order_by(Improvement.id.desc())
    )
    found = (Decision(*row) for row in rows)
    return {each.key: each for each in found}


def open_proposals(
    found: Sequence[Case], decided: Mapping[Key, Decision], demands: Sequence[CatalogueDemand]
) -> list[Proposal]:
    """The steps that the cases propose and that wait for a decision; a field that is required already is not one."""
    demanded = {(each.consortium_id, each.entry_key, each.field_id) for each in demands}
    moments = {key: each.improvement.decided_at for key, each in decided.items()}
    return [
        each
        for each in undecided(proposals(found), moments)
        if each.step is not Step.FIELD or (each.consortium_id, each.entry_key, each.field_id) not in demanded
    ]


# ------------------------------------------------------------------ words


@dataclass(frozen=True, slots=True)
class Words:
    """What pages call entries and fields, and which fields can be required."""

    catalogue: Catalogue

    def entry(self, key: str) -> str:
        """The title of an entry; its key when the newest catalogue has it no more, empty for none."""
        found = self.catalogue.entries.get(key)
        return found.title if found is not None else key

    def field(self, key: str) -> str:
        """The label of a part of the brief, or of a field that an entry asks for."""
        known = self.catalogue.fields.get(key)
        return LABELS.get(key) or (known.label if known is not None else key)

    def can_be_required(self, key: str) -> bool:
        """Whether a consortium can demand it."""
        return demandable(key, self.catalogue.fields) is not None

    def sentence(self, proposal: Proposal) -> str:
        """The step in words."""
        field = self.field(proposal.field_id) if proposal.field_id else ""
        return sentence(proposal, self.entry(proposal.entry_key), field)


def words(session: Session) -> Words:
    """Of the newest catalogue."""
    return Words(catalogue.catalogue(session))
