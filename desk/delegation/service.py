"""Verbs of a registry's updates: said once, moved with the issue, corrected; each lead with a part gets a draft."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.delegation import queries
from desk.domain.delegation import UpdateText
from desk.domain.errors import Conflict, InvalidInput
from desk.domain.permissions import Actor, IssueSubject
from desk.domain.register import EntryAudience, IssueState, needs_note
from desk.drafts import service as drafts
from desk.drafts.models import RegistryUpdate, UpdateDraft
from desk.events import service as events
from desk.issues import service as issues
from desk.issues.models import Issue
from desk.known_issues import service as known_issues


def write_update(
    session: Session,
    actor: Actor,
    issue: Issue,
    text: UpdateText,
    *,
    to: IssueState,
    version: int,
    now: datetime,
) -> RegistryUpdate:
    """Say once what there is to say of a registry's issue, moving it to ``to``: every lead with a part gets a draft.

    ``version`` of the issue as it was read. Raises ``NotPermitted`` for anybody but the registry's desk,
    ``InvalidInput`` for a consortium's issue and for what is missing, ``IllegalTransition``, ``Conflict``.
    """
    owned = issues.demand_edit(session, actor, issue)
    if issue.registry_id is None:
        raise InvalidInput("Only a registry's issue has leads to write to. Publish your own to your members.")
    if issue.version != version:
        raise Conflict("Somebody changed this issue while you were writing. Please look again; your text is kept.")
    clean = text.cleaned(now)
    _demand_unnamed(session, owned, clean)
    _move(session, actor, issue, to, clean, now)
    update = RegistryUpdate(
        issue_id=issue.id, state=issue.state, author_id=actor.person_id, created_at=now, **asdict(clean)
    )
    session.add(update)
    session.flush()
    known_issues.add_update(session, actor, issue, audience=EntryAudience.DESKS, text=clean.text, now=now)
    places = queries.consortia_of(session, issue)
    for place in places:
        drafts.make(session, update, place.id, now)
    _record(session, "update_written", actor, update, now, {"drafts": len(places)})
    return update


def _demand_unnamed(session: Session, owned: IssueSubject, text: UpdateText) -> None:
    """What is suggested to members is read by every lead; what the desks read is asked of by its own verb."""
    issues.demand_shareable(session, owned, {"member_text": text.member_text, "workaround": text.workaround})


def _move(session: Session, actor: Actor, issue: Issue, to: IssueState, text: UpdateText, now: datetime) -> None:
    """The issue goes where its update says; a way round that was not in its record yet is written down with it."""
    if text.workaround and not issue.workaround:
        issue.workaround, issue.updated_at = text.workaround, now
        session.flush()
    if to is not issue.state:
        note = text.text if needs_note(issue.state, to) else ""
        issues.move_issue(session, actor, issue, to=to, note=note, version=issue.version, now=now)


def revise_update(
    session: Session, actor: Actor, update: RegistryUpdate, text: UpdateText, *, version: int, now: datetime
) -> RegistryUpdate:
    """Change the words of an update. Drafts that nobody touched get them, and their hours begin again.

    Where a lead has written, or has sent, its words stay and it is told that there are newer ones.
    """
    owned = issues.demand_edit(session, actor, update.issue)
    if update.version != version:
        raise Conflict("Somebody changed this update while you were writing. Please look again; your text is kept.")
    clean = text.cleaned(now)
    _demand_unnamed(session, owned, clean)
    before = {name: getattr(update, name) for name in asdict(clean)}
    if before == asdict(clean):
        return update
    for name, value in asdict(clean).items():
        setattr(update, name, value)
    update.revision, update.revised_at = update.revision + 1, now
    session.flush()
    payload = {"before": {name: before[name] for name in ("text", "member_text", "workaround")}}
    _record(session, "update_revised", actor, update, now, payload)
    words = f"Corrected: {clean.text}"
    known_issues.add_update(session, actor, update.issue, audience=EntryAudience.DESKS, text=words, now=now)
    for draft in session.scalars(sa.select(UpdateDraft).filter_by(registry_update_id=update.id).with_for_update()):
        drafts.pass_on(session, draft, update, now)
    return update


def _record(
    session: Session,
    kind: str,
    actor: Actor,
    update: RegistryUpdate,
    now: datetime,
    payload: dict[str, Any],
) -> None:
    events.record(
        session,
        kind,
        at=now,
        actor_id=actor.person_id,
        issue_id=update.issue_id,
        registry_id=update.issue.registry_id,
        payload={"update_id": update.id, "revision": update.revision, **payload},
        quiet=True,
    )
