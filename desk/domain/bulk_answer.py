"""One answer to the many tickets of an issue: which of them it fits, which a person has to look at first, what it says.

Resolving a ticket says that its question is answered, so a ticket in which something else is going on is not resolved
with the others: it is shown with the reason, and either a person ticks it all the same or it stays as it is.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from desk.domain.escalation import EscalationState
from desk.domain.lifecycle import DONE, State
from desk.domain.register import IssueState
from desk.domain.vocabulary import Outcome
from desk.domain.wording import date_and_time

LISTED_AT_MOST = 200
"""Tickets shown one by one before they are answered; further ones are a number and can go with them."""

EVENT_KEY = "bulk_answer_id"
"""In the payload of an event: it is one of many alike, so everybody is told once for all of them."""


class BulkKind(StrEnum):
    """What is done with the tickets of an issue at once."""

    UPDATE = "update"  # all that are open are told; those that were chosen are resolved with it
    RESOLVE = "resolve"
    FIX = "fix"  # the registry reports the fix of what was escalated to it


class Task(StrEnum):
    """What is to be done with one of the tickets."""

    ANSWER = "answer"
    RESOLVE = "resolve"
    REPORT_FIX = "report_fix"


class Progress(StrEnum):
    """How far one of the tickets is."""

    WAITING = "waiting"
    DONE = "done"
    LEFT_OUT = "left_out"


class Reason(StrEnum):
    """Why a ticket is not resolved, or not even told."""

    OVER = "over"
    WITH_REGISTRY = "with_registry"
    UNVERIFIED = "unverified"
    UNLINKED = "unlinked"
    NOT_WITH_REGISTRY = "not_with_registry"
    NOT_ACCEPTED = "not_accepted"
    IN_HAND = "in_hand"
    ON_HOLD = "on_hold"
    ASKED_MEMBER = "asked_member"
    MEMBER_WROTE = "member_wrote"
    RETURNED = "returned"
    NOT_CHOSEN = "not_chosen"
    ROLE_ENDED = "role_ended"
    FAILED = "failed"


REASON_WORDS = {
    Reason.OVER: "It is over already.",
    Reason.WITH_REGISTRY: "The registry has it: its fix comes back through the escalation.",
    Reason.UNVERIFIED: "Nobody has confirmed yet who wrote it.",
    Reason.UNLINKED: "It is no longer linked to the issue.",
    Reason.NOT_WITH_REGISTRY: "The registry does not have it (any more).",
    Reason.NOT_ACCEPTED: "The registry has not accepted it yet.",
    Reason.IN_HAND: "It is being resolved with the issue already.",
    Reason.ON_HOLD: "It is on hold.",
    Reason.ASKED_MEMBER: "It waits for the member's answer to a question.",
    Reason.MEMBER_WROTE: "The member wrote last: a question of their own may be open.",
    Reason.RETURNED: "The registry gave it back with something to do.",
    Reason.NOT_CHOSEN: "It was not chosen.",
    Reason.ROLE_ENDED: "The role of who pressed the button has ended.",
    Reason.FAILED: "It could not be done; the log says why.",
}

CHOOSABLE = frozenset({Reason.ON_HOLD, Reason.ASKED_MEMBER, Reason.MEMBER_WROTE, Reason.RETURNED})
"""Reasons that a person may overrule ticket by ticket, having looked."""

_BACK = frozenset({EscalationState.RETURNED, EscalationState.DECLINED})


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a linked ticket stands. ``member_wrote_last``: after the desk had answered; ``in_hand``: being resolved."""

    state: State
    state_before: State | None = None
    verified: bool = True
    member_wrote_last: bool = False
    hand_over: EscalationState | None = None
    in_hand: bool = False

    @property
    def is_with_registry(self) -> bool:
        """Whether the registry's turn it is, asked for something meanwhile or not."""
        return State.ESCALATED in (self.state, self.state_before)


def against_telling(standing: Standing) -> Reason | None:
    """Why the ticket's member is not told there; None when they are."""
    if standing.state in DONE:
        return Reason.OVER
    return None if standing.verified else Reason.UNVERIFIED


def against_resolving(standing: Standing) -> Reason | None:
    """Why the ticket is not resolved with the others; None when it is. Only ``CHOOSABLE`` ones can be overruled."""
    never = against_telling(standing)
    if never is not None:
        return never
    if standing.is_with_registry:
        return Reason.WITH_REGISTRY
    if standing.in_hand:
        return Reason.IN_HAND
    if standing.state is State.ON_HOLD:
        return Reason.ON_HOLD
    if standing.state is State.PENDING_MEMBER:
        return Reason.ASKED_MEMBER
    if standing.hand_over in _BACK:
        return Reason.RETURNED
    return Reason.MEMBER_WROTE if standing.member_wrote_last else None


def against_reporting(standing: Standing) -> Reason | None:
    """Why the registry cannot report a fix of it; None when it can."""
    if not standing.is_with_registry:
        return Reason.NOT_WITH_REGISTRY
    return Reason.NOT_ACCEPTED if standing.hand_over is EscalationState.SENT else None


# ------------------------------------------------------------------ which of them


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person ticked. ``listed``: ticket numbers the page showed; ``rest``: those beyond the list go with them.

    ``despite``: which reason each ticked ticket was shown with.
    """

    listed: frozenset[int] = frozenset()
    chosen: frozenset[int] = frozenset()
    rest: bool = False
    despite: dict[int, Reason] = field(default_factory=dict)

    @property
    def left_out(self) -> Collection[int]:
        """Shown, and not ticked."""
        return sorted(self.listed - self.chosen)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was ticked."""
        return not self.chosen and not self.rest


# ------------------------------------------------------------------ what it says and how it ends

OUTCOMES = (Outcome.SOLVED, Outcome.WORKAROUND, Outcome.KNOWN_ERROR)
"""How a ticket can end through its issue."""


def outcome_of(state: IssueState, workaround: str) -> Outcome:
    """How tickets end by default: solved by a fix; else there is a way round it, or at least a name for it (ITIL)."""
    if state is IssueState.FIXED:
        return Outcome.SOLVED
    return Outcome.WORKAROUND if workaround.strip() else Outcome.KNOWN_ERROR


def letter(text: str, workaround: str, next_update_at: datetime | None, zone: str) -> str:
    """What one member reads, in Markdown: the text, what helps meanwhile, and the next update in their own zone."""
    parts = [text.strip()]
    if workaround.strip():
        parts.append(f"Until it is fixed:\n\n{workaround.strip()}")
    if next_update_at is not None:
        parts.append(f"Next update by {date_and_time(next_update_at, zone)}.")
    return "\n\n".join(part for part in parts if part)
