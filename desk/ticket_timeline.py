"""What happened to a ticket, line by line: only what the reader may know of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.domain.vocabulary import Audience
from desk.domain.wording import EVENT_WORDS
from desk.events import queries as events
from desk.events.models import Event
from desk.ticket_clocks import Side
from desk.tickets.models import Ticket


@dataclass(frozen=True, slots=True)
class Happening:
    """A line of the timeline."""

    at: datetime
    kind: str
    words: str
    actor: str | None
    detail: str = ""


_FOR_MEMBERS = frozenset(
    [
        "opened",
        "answered",
        "member_wrote",
        "asked_member",
        "held",
        "woken",
        "escalated",
        "resolved",
        "confirmed",
        "reopened",
        "closed",
        "followed_up",
        "promise_moved",
        "objection_raised",
        "objection_confirmed",
        "objection_refused",
        "merged",
        "absorbed",
        "transferred",
        "rerouted",
        "waved_through",
        "redirected",
    ]
)
_FOR_REGISTRIES = frozenset(
    [
        "escalated",
        "accepted",
        "declined",
        "returned",
        "withdrawn",
        "tier_moved",
        "fixed",
        "verified",
        "disclosed",
        "waved_through",
        "registry_let_write",
        "registry_kept_from_writing",
    ]
)


def timeline(session: Session, ticket: Ticket, side: Side) -> list[Happening]:
    """What happened, the oldest first, as that side may know it."""
    shown = [each for each in events.timeline(session, ticket.id) if _is_for(each, side)]
    names = accounts.names_of_people(session, {each.actor_id for each in shown if each.actor_id is not None})
    return [
        Happening(each.at, each.kind, EVENT_WORDS[each.kind], _by(each, names), _detail(each, side)) for each in shown
    ]


def _by(event: Event, names: Mapping[int, str]) -> str | None:
    return names.get(event.actor_id or 0) or event.payload.get("by")


def _is_for(event: Event, side: Side) -> bool:
    """Notes are for who reads them; a member sees what moved the ticket, a registry what concerns the hand-over."""
    if event.kind not in EVENT_WORDS:
        return False
    if side is Side.MEMBER:
        return event.kind in _FOR_MEMBERS and event.audience in (None, Audience.MEMBER)
    if side is Side.REGISTRY:
        return event.kind in _FOR_REGISTRIES or event.audience in (Audience.HANDOVER, Audience.REGISTRY)
    return event.audience != Audience.REGISTRY


def _detail(event: Event, side: Side) -> str:
    payload = event.payload
    if event.kind.startswith("registry_action_"):
        return str(payload.get("kind", "")) if side is Side.LEAD else ""
    if event.kind == "held":
        return str(payload.get("reason", ""))
    if event.kind == "triaged" and payload.get("before") != payload.get("priority"):
        return f"{payload.get('before')} → {payload.get('priority')}"
    if event.kind in ("returned", "declined") and side is not Side.MEMBER:
        return str(payload.get("reason", "")).replace("_", " ")
    if event.kind in ("followed_up", "merged", "absorbed"):
        return f"number {payload.get('ticket_id')}"
    if event.kind == "rerouted":
        return f"from {payload.get('from')}"
    if event.kind == "transferred":
        return f"from {payload.get('from')} to {payload.get('to')}"
    if event.kind == "mail_returned":
        return f"to {payload.get('address')}, {payload.get('why')}"
    if event.kind == "registry_answer_held":
        return str(payload.get("why", ""))
    if event.kind in ("warned", "breached"):
        return str(payload.get("kind", "")).replace("_", " ")
    return ""
