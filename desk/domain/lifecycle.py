"""The ticket's life: states, moves between them, and whose turn each state is. Data first; two functions read it."""

from enum import StrEnum

from desk.domain.errors import IllegalTransition
from desk.domain.vocabulary import Party


class State(StrEnum):
    """Where a ticket stands. What each waits for is in ``TURN``."""

    NEW = "new"
    OPEN = "open"
    PENDING_MEMBER = "pending_member"
    ESCALATED = "escalated"
    PENDING_LEAD = "pending_lead"
    ON_HOLD = "on_hold"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Action(StrEnum):
    """What can be done to a ticket's state; each is the name of a verb."""

    ANSWER = "answer"  # public answer of staff
    ASK_MEMBER = "ask_member"
    MEMBER_WRITES = "member_writes"
    HOLD = "hold"
    WAKE = "wake"
    ESCALATE = "escalate"
    HAND_BACK = "hand_back"  # the registry returned, declined or fixed it
    WITHDRAW = "withdraw"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    CLOSE = "close"
    MERGE = "merge"  # it goes on in another ticket


BACK = None
"""In ``TRANSITIONS``: the state is the one remembered from before the pause (pending lead is answered into open)."""

_WORKING = (State.NEW, State.OPEN, State.PENDING_LEAD)
_LIVE = (*_WORKING, State.PENDING_MEMBER, State.ESCALATED, State.ON_HOLD)

TRANSITIONS: dict[tuple[State, Action], State | None] = {
    (State.NEW, Action.ANSWER): State.OPEN,
    **{(state, Action.ANSWER): state for state in _LIVE if state is not State.NEW},
    **{
        (state, Action.ASK_MEMBER): State.PENDING_MEMBER for state in (*_WORKING, State.ESCALATED, State.PENDING_MEMBER)
    },
    **{(state, Action.MEMBER_WRITES): state for state in _LIVE if state is not State.PENDING_MEMBER},
    (State.PENDING_MEMBER, Action.MEMBER_WRITES): BACK,
    **{(state, Action.HOLD): State.ON_HOLD for state in (*_WORKING, State.PENDING_MEMBER)},
    (State.ON_HOLD, Action.WAKE): State.OPEN,
    **{(state, Action.ESCALATE): State.ESCALATED for state in (*_WORKING, State.ON_HOLD)},
    (State.ESCALATED, Action.HAND_BACK): State.PENDING_LEAD,
    (State.PENDING_MEMBER, Action.HAND_BACK): State.PENDING_LEAD,
    (State.ESCALATED, Action.WITHDRAW): State.OPEN,
    (State.PENDING_MEMBER, Action.WITHDRAW): State.OPEN,
    **{(state, Action.RESOLVE): State.RESOLVED for state in (*_WORKING, State.PENDING_MEMBER, State.ON_HOLD)},
    (State.RESOLVED, Action.ANSWER): State.RESOLVED,
    (State.RESOLVED, Action.REOPEN): State.OPEN,
    (State.RESOLVED, Action.CLOSE): State.CLOSED,
    **{(state, Action.MERGE): State.CLOSED for state in (*_WORKING, State.PENDING_MEMBER, State.ON_HOLD)},
}

TURN: dict[State, Party] = {
    State.NEW: Party.LEAD,
    State.OPEN: Party.LEAD,
    State.PENDING_MEMBER: Party.MEMBER,
    State.ESCALATED: Party.REGISTRY,
    State.PENDING_LEAD: Party.LEAD,
    State.ON_HOLD: Party.HOLD,
    State.RESOLVED: Party.NOBODY,
    State.CLOSED: Party.NOBODY,
}

DONE = frozenset({State.RESOLVED, State.CLOSED})
LIVE = frozenset(State) - DONE

STAFF_WORDS: dict[State, str] = {
    State.NEW: "New",
    State.OPEN: "Open",
    State.PENDING_MEMBER: "Waiting for the member",
    State.ESCALATED: "With the registry",
    State.PENDING_LEAD: "Back with the lead",
    State.ON_HOLD: "On hold",
    State.RESOLVED: "Resolved",
    State.CLOSED: "Closed",
}

MEMBER_WORDS: dict[State, str] = {
    State.NEW: "Received; your consortium lead will answer first",
    State.OPEN: "Your consortium lead is working on it",
    State.PENDING_MEMBER: "Waiting for your answer",
    State.ESCALATED: "With the registry's support team",
    State.PENDING_LEAD: "Your consortium lead is working on it",
    State.ON_HOLD: "On hold until an agreed date",
    State.RESOLVED: "Answered; tell us if it is not solved",
    State.CLOSED: "Closed",
}

_ACTION_WORDS: dict[Action, str] = {
    Action.ANSWER: "answered",
    Action.ASK_MEMBER: "sent back to the member with a question",
    Action.MEMBER_WRITES: "continued",
    Action.HOLD: "put on hold",
    Action.WAKE: "taken off hold",
    Action.ESCALATE: "escalated",
    Action.HAND_BACK: "handed back",
    Action.WITHDRAW: "withdrawn from the registry",
    Action.RESOLVE: "resolved",
    Action.REOPEN: "reopened",
    Action.CLOSE: "closed",
    Action.MERGE: "merged into another",
}


def may_move(state: State, action: Action, before: State | None = None) -> bool:
    """Whether the move exists; pages show only buttons for which it does.

    While the member is asked about something the registry has, the ticket is still the registry's: it can be handed
    back or withdrawn, but not resolved, held or merged; and the reverse when the lead asked.
    """
    if state is State.PENDING_MEMBER:
        with_registry = before is State.ESCALATED
        if action in (Action.HAND_BACK, Action.WITHDRAW) and not with_registry:
            return False
        if action in (Action.RESOLVE, Action.HOLD, Action.MERGE) and with_registry:
            return False
    return (state, action) in TRANSITIONS


def next_state(state: State, action: Action, before: State | None = None) -> State:
    """The state after ``action``.

    ``before`` is the state remembered when the ticket was sent to the member; the member's answer goes back there, and
    from pending lead to open. Raises ``IllegalTransition`` with a sentence when the move does not exist.
    """
    if not may_move(state, action, before):
        raise IllegalTransition(
            f"A ticket that is “{STAFF_WORDS[state].lower()}” cannot be {_ACTION_WORDS[action]}. "
            "Somebody may have moved it since you opened the page."
        )
    after = TRANSITIONS[state, action]
    if after is not BACK:
        return after
    return State.ESCALATED if before is State.ESCALATED else State.OPEN
