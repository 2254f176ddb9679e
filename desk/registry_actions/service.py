"""Verbs of a lead that files something at the registry: file it, write down how it ended, show it to the registry.

None of them moves the ticket, its holder or a clock. Each takes the ticket's lock first; ``NotFound`` for anybody but
the ticket's own lead. A job reminds the lead's desk, once, of what was not answered by the day on which it should be.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.calendars.queries import calendar_of_party, opening_from, opening_on
from desk.domain.errors import Conflict, IllegalTransition
from desk.domain.permissions import SYSTEM, Actor, Permission
from desk.domain.registry_action import (
    ActionDraft,
    ActionState,
    end,
    note_text,
    overdue_from,
    reference_line,
)
from desk.domain.vocabulary import Audience
from desk.registry_actions import queries
from desk.registry_actions.models import RegistryAction
from desk.tickets import service as tickets
from desk.tickets.models import Ticket


def today_of(actor: Actor, now: datetime) -> date:
    """The day it is where the actor is."""
    return now.astimezone(ZoneInfo(actor.timezone)).date()


def file_action(
    session: Session, actor: Actor, ticket: Ticket, draft: ActionDraft, *, show: bool = False, now: datetime
) -> RegistryAction:
    """Keep that something was filed at the consortium's registry. ``show``: the registry reads it with the ticket.

    Raises ``InvalidInput`` with the field.
    """
    tickets.working(session, actor, ticket, Permission.TICKET_ESCALATE)
    clean = draft.cleaned(today_of(actor, now))
    action = RegistryAction(
        ticket_id=ticket.id,
        registry_id=ticket.consortium.registry_id,
        kind=clean.kind,
        reference=clean.reference,
        filed_on=clean.filed_on,
        expected_by=clean.expected_by,
        remind_at=_due_at(session, ticket, clean.expected_by, now),
        state=ActionState.FILED,
        note=clean.note,
        shown_at=now if show else None,
        created_at=now,
        created_by=actor.person_id,
        updated_at=now,
    )
    session.add(action)
    session.flush()
    _record(session, actor, ticket, action, "registry_action_filed", now)
    return action


def end_action(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    action_id: int,
    *,
    state: ActionState,
    on: date,
    reference: str = "",
    note: str = "",
    version: int,
    now: datetime,
) -> RegistryAction:
    """Write down how it ended: confirmed, refused, or withdrawn by the lead. ``note`` and ``reference`` add to it.

    Raises ``IllegalTransition`` when it had ended already, ``Conflict`` when somebody changed it since ``version``.
    """
    tickets.working(session, actor, ticket, Permission.TICKET_ESCALATE)
    action = _fresh(session, actor, ticket, action_id)
    action.state = end(action.state, state, filed_on=action.filed_on, on=on, today=today_of(actor, now))
    if action.version != version:
        raise Conflict
    action.ended_on, action.updated_at, action.remind_at = on, now, None
    action.reference = reference_line(reference) or action.reference
    added = note_text(note)
    action.note = "\n\n".join(text for text in (action.note, added) if text)
    session.flush()
    _record(session, actor, ticket, action, f"registry_action_{state.value}", now)
    return action


def show_action(session: Session, actor: Actor, ticket: Ticket, action_id: int, *, now: datetime) -> RegistryAction:
    """Let the registry that was handed the ticket read it. What was shown stays shown."""
    subject = tickets.working(session, actor, ticket, Permission.TICKET_ESCALATE)
    action = _fresh(session, actor, ticket, action_id)
    if action.registry_id not in subject.registry_ids:
        raise IllegalTransition("The registry was not handed this ticket, so nobody there would read it.")
    if action.shown_at is None:
        action.shown_at = action.updated_at = now
        session.flush()
        _record(session, actor, ticket, action, "registry_action_shown", now)
    return action


def remind(session: Session, now: datetime, limit: int) -> int:
    """Tell desks of what is overdue and was not answered; returns how many were looked at, so a caller can go on.

    Any number of processes may do this at once: each row is claimed by its own moment. What fell into a night, or into
    a closure that was entered later, waits for the next opening.
    """
    due = session.execute(
        sa.select(RegistryAction, Ticket)
        .join(Ticket, Ticket.id == RegistryAction.ticket_id)
        .where(RegistryAction.remind_at <= now)
        .order_by(RegistryAction.remind_at)
        .limit(limit)
        .with_for_update(of=RegistryAction, skip_locked=True)
    ).all()
    return sum(_remind_of(session, action, ticket, now) for action, ticket in due)


def _remind_of(session: Session, action: RegistryAction, ticket: Ticket, now: datetime) -> bool:
    opening = opening_from(session, calendar_of_party(session, consortium_id=ticket.consortium_id), now)
    later = opening if opening > now else None
    # Not through the record: a reminder is no edit, and must not let a version that somebody looks at be stale.
    claim = (
        sa.update(RegistryAction)
        .where(RegistryAction.id == action.id, RegistryAction.remind_at == action.remind_at)
        .values(remind_at=later)
    )
    claimed = session.execute(claim, execution_options={"synchronize_session": False})
    if not getattr(claimed, "rowcount", 0):
        return False
    if later is None:
        _tell(session, action, ticket, now)
    return True


def _tell(session: Session, action: RegistryAction, ticket: Ticket, now: datetime) -> None:
    payload = {
        "action_id": action.id,
        "kind": action.kind,
        "reference": action.reference,
        "filed_on": action.filed_on.isoformat(),
        "on": action.expected_by.isoformat() if action.expected_by else None,
    }
    tickets.record(session, ticket, "registry_action_overdue", SYSTEM, now, payload=payload, audience=Audience.LEAD)


def _due_at(session: Session, ticket: Ticket, expected_by: date | None, now: datetime) -> datetime | None:
    """When the lead's desk opens on the first day on which it is overdue, in the desk's own zone."""
    day = overdue_from(expected_by)
    calendar_id = calendar_of_party(session, consortium_id=ticket.consortium_id)
    return None if day is None else opening_on(session, calendar_id, day, now)


def _fresh(session: Session, actor: Actor, ticket: Ticket, action_id: int) -> RegistryAction:
    """The action as it is now, under the ticket's lock."""
    action = queries.get(session, actor, ticket, action_id)
    session.refresh(action)
    return action


def _record(session: Session, actor: Actor, ticket: Ticket, action: RegistryAction, kind: str, now: datetime) -> None:
    audience = Audience.LEAD if action.shown_at is None else Audience.HANDOVER
    payload = {"action_id": action.id, "kind": action.kind}
    tickets.record(session, ticket, kind, actor, now, payload=payload, audience=audience, quiet=True)
