"""Updates with delegation: what a registry says once, as a draft for each lead, and when a draft goes by itself.

A lead speaks to its own members. A draft therefore waits for somebody of the lead's desk; only where the lead's manager
allows it, one that nobody touched goes after some working hours of that desk.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from desk.domain.calendar import NoOpening
from desk.domain.calendar_history import CalendarHistory
from desk.domain.errors import IllegalTransition, InvalidInput
from desk.domain.register import MOVES, STAFF_WORDS, IssueState, told_prose, told_title
from desk.domain.text import REASON_LENGTH, clean_text

HOURS_LEAST = 1
HOURS_MOST = 80
"""Working hours after which a draft may go by itself: at least one to look at it, at most about two weeks."""


class DraftState(StrEnum):
    """What became of a draft."""

    WAITING = "waiting"
    SENT = "sent"
    SENT_BY_ITSELF = "sent_by_itself"
    DISMISSED = "dismissed"


DRAFT_WORDS = {
    DraftState.WAITING: "Waiting",
    DraftState.SENT: "Sent",
    DraftState.SENT_BY_ITSELF: "Sent by itself",
    DraftState.DISMISSED: "Dismissed",
}

SENT = frozenset({DraftState.SENT, DraftState.SENT_BY_ITSELF})


@dataclass(frozen=True, slots=True)
class UpdateText:
    """What a registry writes: to the desks, and suggested to members with what helps and when the next word comes."""

    text: str
    member_text: str
    workaround: str = ""
    next_update_at: datetime | None = None

    def cleaned(self, now: datetime) -> "UpdateText":
        """Without secrets and control characters. Raises ``InvalidInput`` with the field, ``HoldsScript``."""
        demand_future(self.next_update_at, now)
        return replace(
            self,
            text=told_prose(self.text, "text"),
            member_text=told_prose(self.member_text, "member_text"),
            workaround=told_prose(self.workaround, "workaround", required=False),
        )


@dataclass(frozen=True, slots=True)
class DraftText:
    """What a lead makes of it for its own members."""

    title: str
    text: str
    workaround: str = ""
    next_update_at: datetime | None = None

    def cleaned(self, now: datetime) -> "DraftText":
        """Without secrets and control characters. Raises ``InvalidInput`` with the field, ``HoldsScript``."""
        demand_future(self.next_update_at, now)
        return replace(
            self,
            title=told_title(self.title),
            text=told_prose(self.text, "text"),
            workaround=told_prose(self.workaround, "workaround", required=False),
        )


def demand_future(moment: datetime | None, now: datetime) -> None:
    """Refuse a next update that is over before it was promised (field ``next_update_at``)."""
    if moment is not None and moment <= now:
        raise InvalidInput("The next update has to be in the future.", field="next_update_at")


def reason_line(reason: str) -> str:
    """Why a draft is dismissed. Raises ``InvalidInput(field="reason")`` when it is missing."""
    return clean_text(reason, name="The reason", field="reason", limit=REASON_LENGTH)


def demand_waiting(state: DraftState) -> None:
    """Refuse anything with a draft that somebody, or the clock, has dealt with."""
    if state is not DraftState.WAITING:
        how = "has been dismissed" if state is DraftState.DISMISSED else f"was {DRAFT_WORDS[state].lower()}"
        raise IllegalTransition(f"This draft {how} meanwhile. What you wrote is kept below; nothing was sent twice.")


def checked_hours(hours: int | None) -> int | None:
    """After how many working hours a draft may go by itself; None: never. Raises ``InvalidInput(field="hours")``."""
    if hours is not None and not HOURS_LEAST <= hours <= HOURS_MOST:
        raise InvalidInput(f"Choose from {HOURS_LEAST} to {HOURS_MOST} working hours.", field="hours")
    return hours


def goes_at(calendar: CalendarHistory | None, since: datetime, hours: int | None) -> datetime | None:
    """When a draft that is ready ``since`` goes by itself: after ``hours`` of the lead's working time.

    None: never, since the lead does not allow it, has no calendar, or one that does not open any more.
    """
    if hours is None or calendar is None:
        return None
    try:
        return calendar.add(since, hours * 3600)
    except NoOpening:
        return None


def told_from(calendar: CalendarHistory | None, now: datetime) -> datetime | None:
    """From when on people of a desk are told: at its next opening; None: now (open, without hours, never open)."""
    try:
        opening = calendar.next_opening(now) if calendar is not None else now
    except NoOpening:
        return None
    return opening if opening > now else None


def follows_to(own: IssueState, state: IssueState, workaround: str) -> bool:
    """Whether a lead's own issue follows the registry's to ``state``: a move that there is, with what it demands."""
    if state not in MOVES[own]:
        return False
    return state is not IssueState.KNOWN_ERROR or bool(workaround.strip())


def offers_resolving(state: IssueState) -> bool:
    """Whether the tickets of an issue in this state can be resolved with it."""
    return state in (IssueState.FIXED, IssueState.CLOSED, IssueState.KNOWN_ERROR)


def moved_note(state: IssueState) -> str:
    """The reason written down where a lead's own issue follows the registry's."""
    return f"The registry's issue is “{STAFF_WORDS[state].lower()}”."
