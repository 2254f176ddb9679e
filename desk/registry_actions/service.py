"""Verbs of a lead that files something at the registry: file it, write down how it ended, show it to the registry.

None of them moves the ticket, its holder or a clock. Each takes the ticket's lock first; ``NotFound`` for anybody but
the ticket's own lead.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from desk.domain.errors import Conflict, IllegalTransition
from desk.domain.permissions import Actor, Permission
from desk.domain.registry_action import ActionDraft, ActionState, end, note_text, reference_line
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
    action.ended_on, action.updated_at = on, now
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


def _fresh(session: Session, actor: Actor, ticket: Ticket, action_id: int) -> RegistryAction:
    """The action as it is now, under the ticket's lock."""
    action = queries.get(session, actor, ticket, action_id)
    session.refresh(action)
    return action


def _record(session: Session, actor: Actor, ticket: Ticket, action: RegistryAction, kind: str, now: datetime) -> None:
    audience = Audience.LEAD if action.shown_at is None else Audience.HANDOVER
    payload = {"action_id": action.id, "kind": action.kind}
    tickets.record(session, ticket, kind, actor, now, payload=payload, audience=audience, quiet=True)
