"""The verb that merges an issue into another of the same register.

Links, followers, decisions, updates and what points upward move; the merged issue is closed, points to the other and is
read no more: its addresses lead there. What members of a consortium read moves too, unless the other is published to
them already; then they are told that it goes on under that title. What the merged record said stays as an entry of the
other, for its own desk.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.bulk_answers.models import BulkAnswer, BulkAnswerTicket
from desk.domain.errors import Conflict, InvalidInput, NotFound
from desk.domain.permissions import Actor
from desk.domain.register import EntryAudience, IssueState, merged_words
from desk.drafts.models import RegistryUpdate, UpdateDraft
from desk.issues import queries
from desk.issues.models import (
    Issue,
    IssueDecision,
    IssueMemberOrg,
    IssuePublication,
    IssueTicket,
    IssueUpdate,
)
from desk.issues.service import add_entry, demand_edit, record, tell_members

_MOVED: tuple[Any, ...] = (IssueDecision, IssueUpdate, RegistryUpdate, UpdateDraft, BulkAnswer, BulkAnswerTicket)


def merge(session: Session, actor: Actor, issue: Issue, *, into: int, version: int, now: datetime) -> Issue:
    """Merge the issue into the one of that number, and return that. ``version``: of the issue as it was read.

    Of two people who merge at once one wins: both rows are locked in the order of their numbers, and change.
    Raises ``NotPermitted``, ``InvalidInput(field="into")`` for one that is missing, itself or of another register,
    ``Conflict`` when either was merged, or this one edited, meanwhile.
    """
    target = _lock(session, actor, issue, into)
    demand_edit(session, actor, issue)
    if issue.version != version:
        raise Conflict("Somebody changed this issue while you were looking at it. Please look again.")
    demand_edit(session, actor, target)
    if (target.consortium_id, target.registry_id) != (issue.consortium_id, issue.registry_id):
        raise InvalidInput("Both issues have to be of the same register. Link upward instead.", field="into")
    add_entry(session, actor, target, EntryAudience.OWNER, None, merged_words(issue.id, _written(issue)), now)
    _move_links(session, issue, target)
    _move_voices(session, issue, target)
    for told in _publications(session, issue):
        _move_publication(session, actor, told, target, now)
    session.flush()
    _move_rest(session, issue, target)
    target.first_seen = min(target.first_seen, issue.first_seen)
    target.updated_at = issue.updated_at = now
    issue.state, issue.merged_into_id, issue.review_at = IssueState.CLOSED, target.id, None
    record(session, "issue_merged", actor, issue, now, {"into": target.id}, quiet=True)
    session.flush()
    return target


def _lock(session: Session, actor: Actor, issue: Issue, into: int) -> Issue:
    """Both issues as they are now, locked; the other one."""
    if into == issue.id:
        raise InvalidInput("An issue cannot be merged into itself.", field="into")
    try:
        queries.get(session, actor, into)
    except NotFound:
        raise InvalidInput(f"There is no issue {into} in your register.", field="into") from None
    both = sa.select(Issue).where(Issue.id.in_((issue.id, into))).order_by(Issue.id).with_for_update()
    found = {each.id: each for each in session.scalars(both, execution_options={"populate_existing": True})}
    return found[into]


def _written(issue: Issue) -> dict[str, str]:
    names = ("title", "symptom", "workaround", "cause", "impact", "registry_reference")
    return {name: getattr(issue, name) or "" for name in names}


def _move_links(session: Session, issue: Issue, target: Issue) -> None:
    """A ticket that is linked to both is linked once; of an undone link and one that stands, the latter counts."""
    there = {link.ticket_id: link for link in _rows(session, IssueTicket, target)}
    for link in _rows(session, IssueTicket, issue):
        other = there.get(link.ticket_id)
        if other is None:
            link.issue_id = target.id
        elif other.unlinked_at is not None and link.unlinked_at is None:
            other.linked_at, other.linked_by = link.linked_at, link.linked_by
            other.unlinked_at = other.unlinked_by = None


def _move_voices(session: Session, issue: Issue, target: Issue) -> None:
    there = {(said.member_org_id, said.person_id): said for said in _rows(session, IssueMemberOrg, target)}
    for said in _rows(session, IssueMemberOrg, issue):
        other = there.get((said.member_org_id, said.person_id))
        if other is None:
            said.issue_id = target.id
            continue
        other.follows = other.follows or said.follows
        other.affected_since = other.affected_since or said.affected_since


def _move_publication(session: Session, actor: Actor, told: IssuePublication, target: Issue, now: datetime) -> None:
    entries = sa.update(IssueUpdate).where(
        IssueUpdate.issue_id == told.issue_id, IssueUpdate.consortium_id == told.consortium_id
    )
    session.execute(entries.values(issue_id=target.id), execution_options={"synchronize_session": False})
    there = queries.publication(session, target.id, told.consortium_id)
    if there is None:
        told.issue_id, told.updated_at = target.id, now
        return
    if told.withdrawn_at is not None:
        return
    told.withdrawn_at = now
    if there.withdrawn_at is not None:
        # What was taken back of the other does not come back by itself; what members read until now goes on there.
        for name in ("state", "title", "text", "html", "workaround", "workaround_html", "next_update_at"):
            setattr(there, name, getattr(told, name))
        there.withdrawn_at, there.updated_at, there.updated_by = None, now, actor.person_id
        return
    there.updated_at = now
    text = f"“{told.title}” has the same cause. News about it is given here from now on."
    tell_members(session, "issue_updated", actor, there, now, text=text)


def _move_rest(session: Session, issue: Issue, target: Issue) -> None:
    unsynced = {"synchronize_session": False}
    for model in _MOVED:
        moved = sa.update(model).where(model.issue_id == issue.id).values(issue_id=target.id)
        session.execute(moved, execution_options=unsynced)
    # Those below, and those that were merged into this one: each points on in one step.
    for column in (Issue.upstream_issue_id, Issue.merged_into_id):
        pointed = sa.update(Issue).where(column == issue.id).values({column: target.id})
        session.execute(pointed, execution_options=unsynced)


def _publications(session: Session, issue: Issue) -> Iterable[IssuePublication]:
    return session.scalars(sa.select(IssuePublication).filter_by(issue_id=issue.id)).all()


def _rows(session: Session, model: Any, issue: Issue) -> Iterable[Any]:
    return session.scalars(sa.select(model).filter_by(issue_id=issue.id)).all()
