"""Verbs of drafts: a lead edits, sends in its own name or dismisses what the registry wrote; or it goes by itself.

A draft is locked before it is read, so that of two leads who send at once, or of a lead and the timer, one wins and the
other is told. What a lead wrote is never replaced by what the registry writes later.
"""

import logging
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Team
from desk.bulk_answers import service as bulk_answers
from desk.bulk_answers.queries import Desk
from desk.calendars.models import CalendarVersion
from desk.db import insert_ignore
from desk.domain.bulk_answer import BulkKind, Choice
from desk.domain.delegation import (
    DraftState,
    DraftText,
    checked_hours,
    demand_waiting,
    follows_to,
    goes_at,
    moved_note,
    reason_line,
    told_from,
)
from desk.domain.errors import Conflict, DeskError, InvalidInput, NotFound
from desk.domain.permissions import SYSTEM, Actor, Permission, Place, may
from desk.domain.register import LIVE, needs_note
from desk.domain.vocabulary import Outcome
from desk.drafts import queries
from desk.drafts.models import DraftPolicy, RegistryUpdate, UpdateDraft
from desk.events import service as events
from desk.issues import service as issues
from desk.known_issues import service as known_issues

log = logging.getLogger(__name__)


# ------------------------------------------------------------------ the registry's words


def make(session: Session, update: RegistryUpdate, consortium_id: int, now: datetime) -> UpdateDraft:
    """A draft of the update for one lead, in the registry's words; called by ``delegation``."""
    page = queries.page_of(session, update.issue, consortium_id)
    draft = UpdateDraft(
        update=update,
        consortium_id=consortium_id,
        issue_id=page.id,
        state=DraftState.WAITING,
        revision=update.revision,
        title=page.title,
        created_at=now,
        ready_at=now,
        **_words(update),
    )
    told = queries.published(session, draft)
    draft.title = told.title if told is not None else page.title
    if told is not None and update.state in LIVE:
        draft.workaround = draft.workaround or told.workaround
    session.add(draft)
    session.flush()
    _set_timer(session, draft)
    _tell_lead(session, "update_drafted", draft, now)
    return draft


def _words(update: RegistryUpdate) -> dict[str, Any]:
    return {"text": update.member_text, "workaround": update.workaround, "next_update_at": update.next_update_at}


def pass_on(session: Session, draft: UpdateDraft, update: RegistryUpdate, now: datetime) -> None:
    """A draft that nobody touched gets the newer words of its update, its lead is told; called by ``delegation``."""
    if draft.state is DraftState.DISMISSED:
        return
    if draft.state is DraftState.WAITING and draft.edited_at is None:
        _take_words(session, draft, update, now)
    session.flush()
    _tell_lead(session, "draft_outdated", draft, now)


def _take_words(session: Session, draft: UpdateDraft, update: RegistryUpdate, now: datetime) -> None:
    draft.text, draft.next_update_at = update.member_text, update.next_update_at
    draft.workaround = update.workaround or (draft.workaround if update.state in LIVE else "")
    draft.revision, draft.ready_at, draft.edited_at, draft.edited_by_id = update.revision, now, None, None
    _set_timer(session, draft)


# ------------------------------------------------------------------ the lead


def save_draft(
    session: Session, actor: Actor, draft: UpdateDraft, text: DraftText, *, version: int, now: datetime
) -> UpdateDraft:
    """Keep what the lead makes of it. From then on it waits for a person: half a sentence must not go by itself."""
    _locked(session, actor, draft, version)
    _write(session, actor, draft, text.cleaned(now), now)
    return draft


def send_draft(
    session: Session,
    actor: Actor,
    draft: UpdateDraft,
    text: DraftText,
    *,
    version: int,
    choice: Choice | None = None,
    outcome: Outcome | None = None,
    now: datetime,
) -> UpdateDraft:
    """Send it in the lead's name: to the known-issue page, to those who follow, into each open linked ticket.

    ``choice`` and ``outcome``: which of the tickets are resolved with it, and how. Raises as ``save_draft``, and
    ``InvalidInput`` for tickets that are not the lead's.
    """
    _locked(session, actor, draft, version)
    _write(session, actor, draft, text.cleaned(now), now)
    _send(session, actor, draft, DraftState.SENT, choice, outcome, now)
    return draft


def dismiss_draft(session: Session, actor: Actor, draft: UpdateDraft, *, reason: str, now: datetime) -> None:
    """Not for our members, and why."""
    _locked(session, actor, draft)
    draft.state, draft.reason, draft.send_at = DraftState.DISMISSED, reason_line(reason), None
    draft.decided_at, draft.decided_by_id = now, actor.person_id
    session.flush()
    _record(session, "draft_dismissed", actor, draft, now)


def take_newer(session: Session, actor: Actor, draft: UpdateDraft, *, version: int, now: datetime) -> None:
    """Replace what stands in the draft by the registry's newer words: the lead's own choice."""
    _locked(session, actor, draft, version)
    _take_words(session, draft, draft.update, now)
    session.flush()


def stop_timer(session: Session, actor: Actor, draft: UpdateDraft, *, now: datetime) -> None:
    """It does not go by itself."""
    _locked(session, actor, draft)
    _stop(draft, actor, now)
    session.flush()


def start_timer(session: Session, actor: Actor, draft: UpdateDraft, *, now: datetime) -> None:
    """It may go by itself again; the hours begin now. ``InvalidInput`` where the lead's manager does not allow it."""
    _locked(session, actor, draft)
    draft.stopped_at, draft.stopped_by_id, draft.ready_at = None, None, now
    _set_timer(session, draft)
    if draft.send_at is None:
        raise InvalidInput("Your drafts do not go by themselves: a lead manager can allow it.")
    session.flush()


def allow(session: Session, actor: Actor, consortium_id: int, *, hours: int | None, now: datetime) -> None:
    """Let drafts go by themselves after some working hours, or (None) never; for those that wait, from now on.

    Raises ``NotFound`` for anybody but the lead's manager, ``InvalidInput`` (field ``hours``).
    """
    if not may(actor, Permission.DELEGATION_EDIT, Place(consortium_id=consortium_id)):
        raise NotFound
    hours = checked_hours(hours)
    insert_ignore(session, DraftPolicy, consortium_id=consortium_id, hours=None, since=now)
    found = session.get_one(DraftPolicy, consortium_id, with_for_update=True, populate_existing=True)
    if found.hours == hours:
        return
    found.hours, found.since, found.set_by_id = hours, now, actor.person_id
    session.flush()
    waiting = sa.select(UpdateDraft).filter_by(consortium_id=consortium_id, state=DraftState.WAITING)
    for draft in session.scalars(waiting.with_for_update()):
        _set_timer(session, draft)
    session.flush()
    payload = {"hours": hours}
    events.record(
        session, "drafts_allowed", at=now, actor_id=actor.person_id, consortium_id=consortium_id, payload=payload,
        quiet=True,
    )  # fmt: skip


def _locked(session: Session, actor: Actor, draft: UpdateDraft, version: int | None = None) -> None:
    """Lock, read again, and refuse who is no lead there, what is over, and what somebody else changed."""
    session.refresh(draft, with_for_update=True)
    if draft.consortium_id not in actor.consortia():
        raise NotFound
    demand_waiting(draft.state)
    if version is not None and draft.version != version:
        raise Conflict("This draft was changed while you were looking at it. Please read it again; your text is kept.")


def _write(session: Session, actor: Actor, draft: UpdateDraft, text: DraftText, now: datetime) -> None:
    values = asdict(text)
    draft.revision = draft.update.revision
    if any(getattr(draft, name) != value for name, value in values.items()):
        for name, value in values.items():
            setattr(draft, name, value)
        draft.edited_at, draft.edited_by_id = now, actor.person_id
        _stop(draft, actor, now)
    session.flush()


def _stop(draft: UpdateDraft, actor: Actor, now: datetime) -> None:
    draft.send_at = None
    draft.stopped_at, draft.stopped_by_id = draft.stopped_at or now, draft.stopped_by_id or actor.person_id


# ------------------------------------------------------------------ by itself


def send_due(session: Session, now: datetime) -> int:
    """Send the draft whose moment came first, or set a timer anew after a change of hours; how much was done.

    The moment is always that of the calendar as it is: a draft whose calendar has a newer version is looked at first.
    """
    draft = session.scalars(_stale().limit(1).with_for_update(skip_locked=True, of=UpdateDraft)).first()
    if draft is not None:
        _set_timer(session, draft)
        session.flush()
        return 1
    due = sa.select(UpdateDraft).where(UpdateDraft.state == DraftState.WAITING, UpdateDraft.send_at <= now)
    draft = session.scalars(
        due.order_by(UpdateDraft.send_at, UpdateDraft.id).limit(1).with_for_update(skip_locked=True, of=UpdateDraft)
    ).first()
    if draft is None:
        return 0
    try:
        with session.begin_nested():
            if draft.next_update_at is not None and draft.next_update_at <= now:
                draft.next_update_at = None  # a promise that has passed while it waited is none
            _send(session, SYSTEM, draft, DraftState.SENT_BY_ITSELF, None, None, now)
    except DeskError as refusal:
        log.warning("draft %s does not go by itself: %s", draft.id, refusal.sentence)
        _stop(draft, SYSTEM, now)
        session.flush()
    return 1


def _stale() -> sa.Select[tuple[UpdateDraft]]:
    """Waiting drafts that may go by themselves, and whose calendar has changed since their moment was worked out."""
    newest = (
        sa.select(sa.func.max(CalendarVersion.id))
        .join(Team, Team.calendar_id == CalendarVersion.calendar_id)
        .where(Team.consortium_id == UpdateDraft.consortium_id, Team.tier == 1)
        .correlate(UpdateDraft)
        .scalar_subquery()
    )
    return (
        sa.select(UpdateDraft)
        .join(DraftPolicy, DraftPolicy.consortium_id == UpdateDraft.consortium_id)
        .where(
            UpdateDraft.state == DraftState.WAITING,
            UpdateDraft.stopped_at.is_(None),
            DraftPolicy.hours.is_not(None),
            UpdateDraft.calendar_version_id.is_distinct_from(newest),
        )
        .order_by(UpdateDraft.id)
    )


def _set_timer(session: Session, draft: UpdateDraft) -> None:
    """Work out when it goes by itself, from the lead's calendar as it is."""
    hours, allowed = queries.hours_of(session, draft.consortium_id), queries.policy(session, draft.consortium_id)
    keys = [each.key for each in hours.versions if isinstance(each.key, int)] if hours is not None else []
    draft.calendar_version_id = max(keys, default=None)
    if allowed is None or draft.stopped_at is not None:
        draft.send_at = None
    else:
        draft.send_at = goes_at(hours, max(draft.ready_at, allowed.since), allowed.hours)


def _send(
    session: Session,
    actor: Actor,
    draft: UpdateDraft,
    state: DraftState,
    choice: Choice | None,
    outcome: Outcome | None,
    now: datetime,
) -> None:
    update, page = draft.update, draft.issue
    words: dict[str, Any] = {
        "text": draft.text,
        "workaround": draft.workaround,
        "next_update_at": draft.next_update_at,
    }
    if page.consortium_id is not None and follows_to(page.state, update.state, page.workaround):
        note = moved_note(update.state) if needs_note(page.state, update.state) else ""
        issues.move_issue(session, actor, page, to=update.state, note=note, version=page.version, tell=False, now=now)
    news = known_issues.relay(
        session, actor, page, consortium_id=draft.consortium_id, title=draft.title, state=update.state, now=now, **words
    )
    bulk = bulk_answers.start(
        session,
        actor,
        update.issue,
        kind=BulkKind.UPDATE,
        desk=Desk(draft.consortium_id),
        choice=choice,
        outcome=outcome,
        news=news,
        now=now,
        **words,
    )
    draft.state, draft.send_at, draft.bulk_answer_id = state, None, bulk.id
    draft.decided_at, draft.decided_by_id = now, actor.person_id
    _hold_back_older(session, actor, draft, now)
    session.flush()
    _record(session, "draft_sent", actor, draft, now)


def _hold_back_older(session: Session, actor: Actor, sent: UpdateDraft, now: datetime) -> None:
    """What the registry said before does not follow by itself on what it said later; a person may still send it."""
    older = sa.select(UpdateDraft).where(
        UpdateDraft.consortium_id == sent.consortium_id,
        UpdateDraft.state == DraftState.WAITING,
        UpdateDraft.registry_update_id < sent.registry_update_id,
        UpdateDraft.registry_update_id.in_(
            sa.select(RegistryUpdate.id).where(RegistryUpdate.issue_id == sent.update.issue_id)
        ),
    )
    for draft in session.scalars(older.with_for_update(of=UpdateDraft)):
        _stop(draft, actor, now)


# ------------------------------------------------------------------ what is written down


def _tell_lead(session: Session, kind: str, draft: UpdateDraft, now: datetime) -> None:
    """The lead's desk is told inside its own hours, and when the draft goes by itself."""
    payload = {
        "draft_id": draft.id,
        "number": draft.update.issue_id,
        "title": draft.update.issue.title,
        "state": draft.state.value,
        "edited": draft.edited_at is not None,
        "due_at": draft.send_at.isoformat() if draft.send_at else None,
    }
    event = events.record(session, kind, at=now, consortium_id=draft.consortium_id, payload=payload)
    event.tell_from = told_from(queries.hours_of(session, draft.consortium_id), now)


def _record(session: Session, kind: str, actor: Actor, draft: UpdateDraft, now: datetime) -> None:
    payload = {"draft_id": draft.id, "update_id": draft.registry_update_id, "state": draft.state.value}
    where: dict[str, Any] = {"issue_id": draft.update.issue_id, "consortium_id": draft.consortium_id}
    events.record(session, kind, at=now, actor_id=actor.person_id, payload=payload, quiet=True, **where)
