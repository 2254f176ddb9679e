"""Answering the tickets of an issue at once: written down ticket by ticket, then worked off one at a time.

Pressing the button writes a row for each ticket in one statement; a job gives each its own unit of work. Killed between
two of them nothing is lost or said twice, since a row is marked in the transaction that writes its message. Every
ticket is judged again when its turn comes, by the roles that whoever pressed the button has then.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.bulk_answers import queries
from desk.bulk_answers.models import BulkAnswer, BulkAnswerTicket, BulkAnswerTold
from desk.bulk_answers.queries import Desk
from desk.db import AWAY, insert_found, insert_ignore
from desk.domain.bulk_answer import (
    CHOOSABLE,
    EVENT_KEY,
    OUTCOMES,
    BulkKind,
    Choice,
    Progress,
    Reason,
    Standing,
    Task,
    against_reporting,
    against_resolving,
    against_telling,
    letter,
)
from desk.domain.errors import DeskError, InvalidInput, NotPermitted
from desk.domain.lifecycle import State
from desk.domain.permissions import SYSTEM, Actor
from desk.domain.register import prose
from desk.domain.vocabulary import Audience, Outcome
from desk.escalations import service as escalations
from desk.events import service as events
from desk.issues.models import Issue, IssueTicket
from desk.progress import service as progress
from desk.tickets import service as tickets
from desk.tickets.models import Ticket

log = logging.getLogger(__name__)

_ROW = ("bulk_answer_id", "ticket_id", "issue_id", "task", "state", "watched")


# ------------------------------------------------------------------ pressing the button


def start(
    session: Session,
    actor: Actor,
    issue: Issue,
    *,
    kind: BulkKind,
    desk: Desk,
    text: str,
    workaround: str = "",
    next_update_at: datetime | None = None,
    outcome: Outcome | None = None,
    choice: Choice | None = None,
    news: Mapping[str, Any] | None = None,
    now: datetime,
) -> BulkAnswer:
    """Write down which tickets of the desk are answered, resolved or reported as fixed; the job does it.

    ``news``: keywords of the event that tells followers when all are done. Raises ``NotPermitted`` for the tickets of
    another desk, ``InvalidInput`` for a ticket that is none of the issue's (field ``tickets``), when nothing is left to
    do, for a missing text.
    """
    if not (desk.is_of(actor) or actor.system):
        raise NotPermitted
    choice = choice or Choice()
    resolves = kind is not BulkKind.FIX and not choice.is_empty
    if resolves and outcome not in OUTCOMES:
        raise InvalidInput("Say how the tickets end: solved, by a workaround, or as a known error.", field="outcome")
    _refuse_foreign(session, issue, desk, choice)
    bulk = BulkAnswer(
        kind=kind,
        issue_id=issue.id,
        text=prose(text, "text"),
        workaround=prose(workaround, "workaround", required=False),
        next_update_at=next_update_at,
        outcome=outcome if resolves else None,
        news=dict(news or {}),
        by_id=actor.person_id,
        created_at=now,
        **desk.columns(),
    )
    session.add(bulk)
    session.flush()
    _write_rows(session, bulk, desk, choice)
    total = queries.counts(session, [bulk.id])[bulk.id].total
    if not total and kind is not BulkKind.UPDATE:
        raise InvalidInput("None of the tickets that you chose is left to do; look at the list again.", field="tickets")
    payload = {"number": issue.id, EVENT_KEY: bulk.id, "tickets": total}
    events.record(
        session, "issue_answered", at=now, actor_id=actor.person_id, issue_id=issue.id, payload=payload, quiet=True,
        **desk.columns(),
    )  # fmt: skip
    if not total:
        _finish(session, bulk, now)
    return bulk


def _refuse_foreign(session: Session, issue: Issue, desk: Desk, choice: Choice) -> None:
    """Numbers come from a form: each has to be, or to have been, a ticket of this desk under this issue."""
    named = choice.listed | choice.chosen
    known = sa.select(IssueTicket.ticket_id).join(Ticket, Ticket.id == IssueTicket.ticket_id)
    here = IssueTicket.issue_id.in_(queries.family(issue.id, desk)), queries.of_desk(desk)
    if named - set(session.scalars(known.where(IssueTicket.ticket_id.in_(named), *here))):
        raise InvalidInput(
            "One of the tickets is not one of yours under this issue. Please look at the list again.", field="tickets"
        )


def _write_rows(session: Session, bulk: BulkAnswer, desk: Desk, choice: Choice) -> None:
    """One statement for all tickets, and one for each reason that was overruled."""
    ticked = Ticket.id.in_(sorted(choice.chosen))
    wanted = sa.or_(ticked, Ticket.id.not_in(sorted(choice.listed | choice.chosen))) if choice.rest else ticked
    task: sa.ColumnElement[Any] = sa.literal(Task.RESOLVE, BulkAnswerTicket.task.type)
    if bulk.kind is BulkKind.UPDATE:
        task = sa.case((wanted, task), else_=sa.literal(Task.ANSWER, BulkAnswerTicket.task.type))
        wanted = sa.true()
    elif bulk.kind is BulkKind.FIX:
        task = sa.literal(Task.REPORT_FIX, BulkAnswerTicket.task.type)
    linked = queries.links(bulk.issue_id, desk).subquery()
    waiting = sa.literal(Progress.WAITING, BulkAnswerTicket.state.type)
    found = (
        sa.select(sa.literal(bulk.id), Ticket.id, linked.c.issue_id, task, waiting, sa.false())
        .join(linked, linked.c.ticket_id == Ticket.id)
        .where(queries.open_ones(bulk.issue_id, desk), wanted)
        .order_by(Ticket.id)
    )
    insert_found(session, BulkAnswerTicket, _ROW, found)
    for reason in sorted(CHOOSABLE & set(choice.despite.values())):
        of_reason = [number for number, why in choice.despite.items() if why is reason]
        session.execute(
            sa.update(BulkAnswerTicket)
            .where(BulkAnswerTicket.bulk_answer_id == bulk.id, BulkAnswerTicket.ticket_id.in_(of_reason))
            .values(despite=reason)
            .execution_options(synchronize_session=False)
        )


# ------------------------------------------------------------------ one at a time


def work_one(session: Session, now: datetime) -> int:
    """Give the oldest ticket that waits its answer, or end an answer whose tickets are all done; how much was done."""
    row = session.scalars(
        sa.select(BulkAnswerTicket)
        .where(BulkAnswerTicket.state == Progress.WAITING)
        .order_by(BulkAnswerTicket.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if row is None:
        return _finish_one(session, now)
    bulk = session.get_one(BulkAnswer, row.bulk_answer_id)
    try:
        with session.begin_nested():
            task, why = _act(session, bulk, row, now)
    except AWAY:
        raise
    except DeskError as refusal:
        log.info("ticket %s is left out: %s", row.ticket_id, refusal.sentence)
        task, why = row.task, Reason.FAILED
    except Exception:
        # One ticket that cannot be answered must not keep the others from it.
        log.exception("ticket %s could not be answered with its issue", row.ticket_id)
        task, why = row.task, Reason.FAILED
    left_out = why is not None and task is row.task
    row.state = Progress.LEFT_OUT if left_out else Progress.DONE
    row.task, row.why, row.done_at = task, why, now
    row.watched = row.state is Progress.DONE and task is Task.RESOLVE
    session.flush()
    return 1


def _act(session: Session, bulk: BulkAnswer, row: BulkAnswerTicket, now: datetime) -> tuple[Task, Reason | None]:
    """Do what the row says; returns what was done instead, or (the same task, a reason) when it was left out."""
    actor = SYSTEM if bulk.by_id is None else accounts.actor_of(session, bulk.by_id, now)
    desk = queries.desk_of(bulk)
    if not (desk.is_of(actor) or actor.system):
        return row.task, Reason.ROLE_ENDED
    ticket = session.get_one(Ticket, row.ticket_id)
    tickets.locked(session, ticket)
    linked = queries.links(bulk.issue_id, desk).where(IssueTicket.ticket_id == ticket.id)
    if session.execute(linked).first() is None:
        return row.task, Reason.UNLINKED
    standing = queries.standings(session, [ticket], but=row.id)[ticket.id]
    return _do(session, actor, bulk, row, ticket, standing, now)


def _do(
    session: Session,
    actor: Actor,
    bulk: BulkAnswer,
    row: BulkAnswerTicket,
    ticket: Ticket,
    standing: Standing,
    now: datetime,
) -> tuple[Task, Reason | None]:
    if row.task is Task.REPORT_FIX:
        why = against_reporting(standing)
        if why is None:
            escalations.report_fix(session, actor, ticket, text=bulk.text, now=now)
        return row.task, why
    untold = against_telling(standing)
    if untold is not None:
        return row.task, untold
    why = against_resolving(standing) if row.task is Task.RESOLVE else None
    if why is not None and why != row.despite:
        if bulk.kind is not BulkKind.UPDATE:
            return row.task, why
        _say(session, actor, bulk, ticket, Task.ANSWER, now)
        return Task.ANSWER, why
    _say(session, actor, bulk, ticket, row.task, now)
    return row.task, None


def _say(session: Session, actor: Actor, bulk: BulkAnswer, ticket: Ticket, task: Task, now: datetime) -> None:
    """The message to the member, in their zone; everybody who reads it there and was not told yet gets a mail."""
    for person_id in queries.to_tell(session, bulk, ticket):
        key = {"bulk_answer_id": bulk.id, "person_id": person_id}
        insert_ignore(session, BulkAnswerTold, **key, ticket_id=ticket.id)
    desk = accounts.team_of_consortium(session, ticket.consortium_id)
    what: dict[str, Any] = {
        "text": letter(bulk.text, bulk.workaround, bulk.next_update_at, queries.zone_of(ticket)),
        "author_label": "" if actor.person_id else desk.name,
        "payload": {EVENT_KEY: bulk.id, "number": bulk.issue_id},
    }
    if task is Task.RESOLVE and bulk.outcome is not None:
        progress.resolve(session, actor, ticket, outcome=bulk.outcome, now=now, **what)
    else:
        progress.answer_as_desk(session, actor, ticket, now=now, **what)


def _finish_one(session: Session, now: datetime) -> int:
    """End an answer of which no ticket waits any more. A step of its own: two jobs may do its last two tickets."""
    waits = sa.exists().where(
        BulkAnswerTicket.bulk_answer_id == BulkAnswer.id, BulkAnswerTicket.state == Progress.WAITING
    )
    bulk = session.scalars(
        sa.select(BulkAnswer)
        .where(BulkAnswer.finished_at.is_(None), ~waits)
        .order_by(BulkAnswer.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if bulk is None:
        return 0
    _finish(session, bulk, now)
    return 1


def _finish(session: Session, bulk: BulkAnswer, now: datetime) -> None:
    bulk.finished_at = now
    if bulk.news:
        payload = {**bulk.news["payload"], EVENT_KEY: bulk.id}
        where = {"issue_id": bulk.news["issue_id"], "consortium_id": bulk.consortium_id, "actor_id": bulk.by_id}
        events.record(session, bulk.news["kind"], at=now, audience=Audience.MEMBER.value, payload=payload, **where)
    session.flush()


# ------------------------------------------------------------------ those that come back


def note_came_back(session: Session, now: datetime, limit: int) -> int:
    """Undo the link of tickets that were resolved through an issue and then opened again; returns how many rows.

    Both sides keep it: the ticket's timeline, and the issue's count. The owner is told once for all of one pass.
    """
    again = sa.or_(Ticket.resolved_at.is_(None), Ticket.resolved_at != BulkAnswerTicket.done_at)
    found = session.execute(
        sa.select(BulkAnswerTicket, Ticket)
        .join(Ticket, Ticket.id == BulkAnswerTicket.ticket_id)
        .where(BulkAnswerTicket.watched, sa.or_(again, Ticket.state == State.CLOSED))
        .order_by(BulkAnswerTicket.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=BulkAnswerTicket)
    ).all()
    back: dict[int, int] = {}
    for row, ticket in found:
        row.watched = False
        if ticket.resolved_at != row.done_at:
            row.came_back_at = now
            for issue_id in _unlink(session, row, ticket, now):
                back[issue_id] = back.get(issue_id, 0) + 1
    session.flush()
    for issue_id, fresh in sorted(back.items()):
        _tell_owner(session, session.get_one(Issue, issue_id), fresh, now)
    return len(found)


def _unlink(session: Session, row: BulkAnswerTicket, ticket: Ticket, now: datetime) -> set[int]:
    """Undo its links to the issue and to the one above; returns which issues it came back to."""
    issue = session.get_one(Issue, row.issue_id)
    about = {issue.id, *([issue.upstream_issue_id] if issue.upstream_issue_id else [])}
    session.execute(
        sa.update(IssueTicket)
        .where(IssueTicket.ticket_id == ticket.id, IssueTicket.issue_id.in_(about), IssueTicket.unlinked_at.is_(None))
        .values(unlinked_at=now, unlinked_by=None)
        .execution_options(synchronize_session=False)
    )
    shared = issue.registry_id is not None or issue.upstream_issue_id is not None
    events.record(
        session,
        "came_back",
        at=now,
        audience=(Audience.HANDOVER if shared else Audience.LEAD).value,
        ticket_id=ticket.id,
        issue_id=issue.id,
        consortium_id=ticket.consortium_id,
        payload={"number": issue.id, "title": issue.title},
        quiet=True,
    )
    return about


def _tell_owner(session: Session, issue: Issue, fresh: int, now: datetime) -> None:
    """Who answers for the issue is told of numbers; whose tickets they are stays with each desk."""
    count = queries.came_back_count(session, issue.id)
    places: dict[str, Any] = {"consortium_id": issue.consortium_id, "registry_id": issue.registry_id}
    payload = {"number": issue.id, "title": issue.title, "fresh": fresh, "count": count}
    events.record(session, "issue_came_back", at=now, issue_id=issue.id, payload=payload, **places)
