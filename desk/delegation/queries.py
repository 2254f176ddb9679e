"""Reading a registry's updates: which leads get a draft of one, and what became of each, without names of members."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Consortium, MemberOrg
from desk.bulk_answers import queries as bulk_answers
from desk.bulk_answers.models import BulkAnswer, BulkAnswerTicket
from desk.bulk_answers.queries import Counts, Desk
from desk.domain.bulk_answer import LISTED_AT_MOST
from desk.domain.delegation import DraftState
from desk.domain.errors import NotFound
from desk.domain.permissions import Actor
from desk.drafts import queries as drafts
from desk.drafts.models import RegistryUpdate, UpdateDraft
from desk.issues.models import Issue, IssueMemberOrg, IssuePublication, IssueTicket
from desk.tickets.models import Ticket


@dataclass(frozen=True, slots=True)
class Line:
    """A draft as the registry knows of it: whose, what became of it and when, and numbers."""

    consortium: str
    state: DraftState
    at: datetime | None
    send_at: datetime | None
    counts: Counts


def consortia_of(session: Session, issue: Issue) -> Sequence[Consortium]:
    """Consortia of the issue's registry with a part in it: a linked ticket, somebody who follows it or said that it
    affects them too, an issue of their own that points to it, or a publication of it; by name.
    """
    family = bulk_answers.family(issue.id, Desk(registry_id=issue.registry_id))
    by_ticket = (
        sa.select(Ticket.consortium_id)
        .join(IssueTicket, IssueTicket.ticket_id == Ticket.id)
        .where(IssueTicket.issue_id.in_(family), IssueTicket.unlinked_at.is_(None))
    )
    by_word = (
        sa.select(MemberOrg.consortium_id)
        .join(IssueMemberOrg, IssueMemberOrg.member_org_id == MemberOrg.id)
        .where(
            IssueMemberOrg.issue_id.in_(family),
            sa.or_(IssueMemberOrg.follows, IssueMemberOrg.affected_since.is_not(None)),
        )
    )
    own = sa.select(Issue.consortium_id).where(Issue.upstream_issue_id == issue.id)
    published = sa.select(IssuePublication.consortium_id).where(
        IssuePublication.issue_id == issue.id, IssuePublication.withdrawn_at.is_(None)
    )
    part = sa.union(by_ticket, by_word, own, published).subquery()
    return session.scalars(
        sa.select(Consortium)
        .where(Consortium.registry_id == issue.registry_id, Consortium.id.in_(sa.select(part.c[0])))
        .order_by(Consortium.name, Consortium.id)
    ).all()


def update_of(session: Session, actor: Actor, update_id: int) -> RegistryUpdate:
    """An update of a registry's desk at which the actor works. Raises ``NotFound``."""
    found = session.get(RegistryUpdate, update_id)
    if found is None or found.issue.registry_id not in actor.registries():
        raise NotFound
    return found


def updates_of(session: Session, actor: Actor, issue: Issue) -> Sequence[RegistryUpdate]:
    """The updates that its registry's desk has written of an issue, newest first; nothing for anybody else."""
    if issue.registry_id not in actor.registries():
        return []
    query = sa.select(RegistryUpdate).where(RegistryUpdate.issue_id == issue.id).order_by(RegistryUpdate.id.desc())
    return session.scalars(query.limit(LISTED_AT_MOST)).all()


def lines(session: Session, update: RegistryUpdate) -> list[Line]:
    """What became of each draft, by consortium: states and numbers, no member and no ticket."""
    rows = session.execute(
        sa.select(UpdateDraft, Consortium.name)
        .join(Consortium, Consortium.id == UpdateDraft.consortium_id)
        .where(UpdateDraft.registry_update_id == update.id)
        .order_by(Consortium.name)
    ).all()
    counts = bulk_answers.counts(session, [draft.bulk_answer_id for draft, _ in rows if draft.bulk_answer_id])
    return [
        Line(name, draft.state, draft.decided_at, draft.send_at, counts.get(draft.bulk_answer_id, Counts()))
        for draft, name in rows
    ]


def tally(session: Session, update_ids: Sequence[int]) -> dict[int, dict[DraftState, int]]:
    """How many drafts of each update are in which state; one query."""
    found: dict[int, dict[DraftState, int]] = {each: {} for each in update_ids}
    query = sa.select(UpdateDraft.registry_update_id, UpdateDraft.state, sa.func.count()).where(
        UpdateDraft.registry_update_id.in_(update_ids)
    )
    for key, state, count in session.execute(query.group_by(UpdateDraft.registry_update_id, UpdateDraft.state)):
        found[key][state] = count
    return found


# ------------------------------------------------------------------ on the issue's page


@dataclass(frozen=True, slots=True)
class Panel:
    """What the issue's page shows of updates and answers to the person who reads it.

    ``places``: own consortia with how many open tickets each; ``to_report``: tickets the registry has.
    """

    updates: Sequence[tuple[RegistryUpdate, dict[DraftState, int]]]
    drafts: Sequence[UpdateDraft]
    answers: Sequence[tuple[BulkAnswer, Counts]]
    places: Sequence[tuple[Consortium, int]]
    to_report: int
    came_back: int
    came_back_own: Sequence[tuple[BulkAnswerTicket, Ticket]]
    writes: bool


def panel(session: Session, actor: Actor, issue: Issue) -> Panel:
    """For somebody who reads the issue."""
    updates, answers = updates_of(session, actor, issue), bulk_answers.of_issue(session, actor, issue)
    tallies = tally(session, [each.id for each in updates]) if updates else {}
    counts = bulk_answers.counts(session, [each.id for each in answers]) if answers else {}
    writes = issue.registry_id is not None and issue.registry_id in actor.registries()
    mine = Consortium.registry_id == issue.registry_id if issue.registry_id else Consortium.id == issue.consortium_id
    own = session.scalars(
        sa.select(Consortium).where(Consortium.id.in_(actor.consortia()), mine).order_by(Consortium.name)
    )
    return Panel(
        updates=[(each, tallies[each.id]) for each in updates],
        drafts=drafts.drafts_of_issue(session, actor, issue),
        answers=[(each, counts[each.id]) for each in answers],
        places=[(place, bulk_answers.open_count(session, issue.id, Desk(place.id))) for place in own],
        to_report=bulk_answers.open_count(session, issue.id, Desk(registry_id=issue.registry_id)) if writes else 0,
        came_back=bulk_answers.came_back_count(session, issue.id),
        came_back_own=bulk_answers.came_back(session, actor, issue),
        writes=writes,
    )
