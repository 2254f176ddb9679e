"""Verbs of what members read of the register, and of what they say to it: publish, update, "affects us too", follow.

What the members of a consortium read is decided by its lead alone, for a registry's issue too. Everything written here
loses its secrets before it is kept.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk import markup
from desk.accounts.models import MemberOrg
from desk.db import insert_ignore
from desk.domain.errors import Conflict, InvalidInput, NotFound, NotPermitted
from desk.domain.permissions import Actor
from desk.domain.register import LIVE, EntryAudience, IssueState, prose, told_prose, told_title
from desk.issues import queries as issues
from desk.issues.models import Issue, IssueMemberOrg, IssuePublication, IssueUpdate
from desk.issues.service import (
    add_entry,
    demand_edit,
    demand_shareable,
    demand_unmerged,
    news_of,
    record,
    tell_members,
)
from desk.known_issues import queries

_READ_BY_MEMBERS = ("state", "title", "text", "workaround", "next_update_at", "withdrawn_at")

# ------------------------------------------------------------------ what members read


def publish(
    session: Session,
    actor: Actor,
    issue: Issue,
    *,
    consortium_id: int,
    title: str,
    text: str,
    workaround: str = "",
    next_update_at: datetime | None = None,
    version: int | None = None,
    now: datetime,
) -> IssuePublication:
    """Publish to the members of one consortium, or replace what they read. Only that consortium's lead does this.

    ``version``: of the publication as it was read, if any. Raises ``NotPermitted``, ``Conflict``, ``InvalidInput``,
    ``HoldsScript``.
    """
    _demand_voice(session, actor, issue, consortium_id)
    text, workaround = told_prose(text, "text"), told_prose(workaround, "workaround", required=False)
    _demand_future(next_update_at, now)
    told = issues.publication(session, issue.id, consortium_id)
    if told is not None and version is not None and told.version != version:
        raise Conflict
    values = {
        "state": issue.state,
        "title": told_title(title),
        "text": text,
        "html": markup.markdown(text),
        "workaround": workaround,
        "workaround_html": markup.markdown(workaround),
        "next_update_at": next_update_at,
        "withdrawn_at": None,
        "updated_at": now,
        "updated_by": actor.person_id,
    }
    is_news = told is None or told.withdrawn_at is not None
    if told is not None and all(getattr(told, name) == values[name] for name in _READ_BY_MEMBERS):
        return told
    if told is None:
        told = IssuePublication(issue_id=issue.id, consortium_id=consortium_id, published_at=now)
        session.add(told)
    for name, value in values.items():
        setattr(told, name, value)
    session.flush()
    tell_members(session, "issue_published" if is_news else "issue_updated", actor, told, now, text=text)
    return told


def withdraw(session: Session, actor: Actor, issue: Issue, *, consortium_id: int, now: datetime) -> None:
    """Take back what was published to a consortium; who follows and who is affected is kept."""
    _demand_voice(session, actor, issue, consortium_id)
    told = issues.publication(session, issue.id, consortium_id)
    if told is None or told.withdrawn_at is not None:
        raise NotFound
    told.withdrawn_at = now
    record(session, "issue_withdrawn", actor, issue, now, {}, consortium_id=consortium_id, quiet=True)


def add_update(
    session: Session,
    actor: Actor,
    issue: Issue,
    *,
    audience: EntryAudience,
    text: str,
    consortium_id: int | None = None,
    next_update_at: datetime | None = None,
    now: datetime,
) -> IssueUpdate:
    """Add a dated entry: for the owner's desk, for the desks that read the record, or for a consortium's members."""
    text = prose(text, "text") if audience is EntryAudience.OWNER else told_prose(text, "text")
    if audience is not EntryAudience.MEMBERS or consortium_id is None:
        demand_edit(session, actor, issue)
        if audience is EntryAudience.MEMBERS:
            raise InvalidInput("Choose whose members shall read it.", field="audience")
        if audience is EntryAudience.DESKS:
            demand_shareable(session, issues.subject_of(session, issue), {"text": text})
        record(session, "issue_noted", actor, issue, now, {"audience": audience.value}, quiet=True)
        return add_entry(session, actor, issue, audience, None, text, now)
    _demand_future(next_update_at, now)
    _demand_voice(session, actor, issue, consortium_id)
    told = issues.publication(session, issue.id, consortium_id)
    if told is None or told.withdrawn_at is not None:
        raise InvalidInput("Publish the issue to your members first; then they can read updates.", field="audience")
    entry = add_entry(session, actor, issue, audience, consortium_id, text, now)
    told.updated_at = now
    passed = told.next_update_at is not None and told.next_update_at <= now
    # What is fixed or closed promises nothing more unless this says so; an older promise would stand beside "Fixed".
    if next_update_at is not None or passed or told.state not in LIVE:
        told.next_update_at = next_update_at
    tell_members(session, "issue_updated", actor, told, now, text=text)
    return entry


def relay(
    session: Session,
    actor: Actor,
    issue: Issue,
    *,
    consortium_id: int,
    title: str,
    text: str,
    workaround: str,
    next_update_at: datetime | None,
    state: IssueState,
    now: datetime,
) -> dict[str, Any]:
    """What a registry said, in the words of a lead: published, or added as a dated entry where something is already.

    ``state``: where the registry's issue stands. Nobody is told yet, since those with a ticket read it there: returns
    ``kind``, ``issue_id`` and ``payload`` of the event that tells the others. Raises as ``publish``.
    """
    if not actor.system:
        _demand_voice(session, actor, issue, consortium_id)
    text, workaround = told_prose(text, "text"), told_prose(workaround, "workaround", required=False)
    _demand_future(next_update_at, now)
    told = issues.publication(session, issue.id, consortium_id)
    is_news = told is None or told.withdrawn_at is not None
    if told is None:
        told = IssuePublication(issue_id=issue.id, consortium_id=consortium_id, published_at=now)
        session.add(told)
    if is_news:
        told.text, told.html, told.withdrawn_at, told.next_update_at = text, markup.markdown(text), None, next_update_at
    else:
        add_entry(session, actor, issue, EntryAudience.MEMBERS, consortium_id, text, now)
    passed = told.next_update_at is not None and told.next_update_at <= now
    # What is fixed or closed promises nothing more unless this says so; an older promise would stand beside "Fixed".
    if next_update_at is not None or passed or state not in LIVE:
        told.next_update_at = next_update_at
    told.title, told.state = told_title(title), state
    told.workaround, told.workaround_html = workaround, markup.markdown(workaround)
    told.updated_at, told.updated_by = now, actor.person_id
    session.flush()
    kind = "issue_published" if is_news else "issue_updated"
    return {"kind": kind, "issue_id": issue.id, "payload": news_of(told, text)}


# ------------------------------------------------------------------ what members say


def affects_us(
    session: Session, actor: Actor, issue: Issue, affected: bool = True, *, member_org_id: int, now: datetime
) -> None:
    """A contact says for their organisation that it has the same problem (and then follows), or no longer has."""
    said = _voice_of_member(session, actor, issue, member_org_id)
    if affected:
        said.affected_since, said.follows = said.affected_since or now, True
    else:
        # For the organisation, whoever of it said so.
        of_org = sa.update(IssueMemberOrg).filter_by(issue_id=issue.id, member_org_id=member_org_id)
        session.execute(of_org.values(affected_since=None))
    payload = {"member_org_id": member_org_id, "affected": affected}
    record(session, "issue_affects", actor, issue, now, payload, quiet=True)


def follow(
    session: Session, actor: Actor, issue: Issue, follows: bool = True, *, member_org_id: int, now: datetime
) -> None:
    """Ask to be told of updates, or no longer."""
    said = _voice_of_member(session, actor, issue, member_org_id)
    said.follows = follows
    record(session, "issue_followed", actor, issue, now, {"follows": follows}, quiet=True)


def _voice_of_member(session: Session, actor: Actor, issue: Issue, member_org_id: int) -> IssueMemberOrg:
    org = session.get(MemberOrg, member_org_id)
    published = issues.subject_of(session, issue).published_to
    # The organisation has to be the actor's own, and the issue published where that organisation is a member.
    if org is None or member_org_id not in actor.orgs() or org.consortium_id not in published:
        raise NotFound
    keys = {"issue_id": issue.id, "member_org_id": member_org_id, "person_id": actor.person_id}
    insert_ignore(session, IssueMemberOrg, **keys, follows=False)
    return session.scalars(sa.select(IssueMemberOrg).filter_by(**keys)).one()


# ------------------------------------------------------------------ what they share


def _demand_voice(session: Session, actor: Actor, issue: Issue, consortium_id: int) -> None:
    """To a consortium's members speaks its own lead, about its own issues and those of its registry."""
    demand_unmerged(session, issue)
    if consortium_id not in {consortium.id for consortium, _ in queries.publications_for(session, actor, issue)}:
        raise NotPermitted


def _demand_future(moment: datetime | None, now: datetime) -> None:
    if moment is not None and moment <= now:
        raise InvalidInput("The next update has to be in the future.", field="next_update_at")
