"""What a verb did to a ticket, in the words its clocks understand."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from desk.domain.clocks import CalendarKey
from desk.domain.lifecycle import State


class ChangeType(StrEnum):
    """What was done to a ticket, as far as its clocks care. The value is the ``cause`` of the events that follow."""

    CREATED = "created"
    STAFF_REPLIED = "staff_replied"
    RECEIPT_SENT = "receipt_sent"
    MEMBER_WROTE = "member_wrote"
    MOVED = "moved"
    ESCALATED = "escalated"
    HANDOVER_ANSWERED = "handover_answered"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    CLOSED = "closed"
    PRIORITY_CHANGED = "priority_changed"
    AGREEMENT_CHANGED = "agreement_changed"
    CALENDAR_EDITED = "calendar_edited"
    HOURS_CHOSEN = "hours_chosen"
    ZONE_RULES_CHANGED = "zone_rules_changed"
    LEAD_TRANSFERRED = "lead_transferred"
    MERGED = "merged"
    ABSORBED = "absorbed"


class HandoverAnswer(StrEnum):
    """How the registry answers a hand-over; each ends the acceptance clock."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to a ticket. Made with the class methods; ``state`` is the ticket's state after it."""

    type: ChangeType
    state: State | None = None
    by_staff: bool = False
    answered: bool = False  # a public message went to the member with it
    by_member: bool = False
    calendar: CalendarKey | None = None
    since: datetime | None = None
    answer: HandoverAnswer | None = None

    @classmethod
    def created(cls, *, opened_by_staff: bool = False) -> "Change":
        """A ticket was opened; when staff opened it, nobody waits for a first response."""
        return cls(ChangeType.CREATED, State.NEW, by_staff=opened_by_staff)

    @classmethod
    def staff_replied(cls) -> "Change":
        """Somebody of any tier sent a public message to the member. A move with it is a change of its own."""
        return cls(ChangeType.STAFF_REPLIED)

    @classmethod
    def receipt_sent(cls) -> "Change":
        """The automatic receipt went out; it counts as a first response only where the agreement says so."""
        return cls(ChangeType.RECEIPT_SENT)

    @classmethod
    def member_wrote(cls) -> "Change":
        """The member wrote; the oldest unanswered message starts the next response."""
        return cls(ChangeType.MEMBER_WROTE)

    @classmethod
    def moved(cls, state: State) -> "Change":
        """The ticket is now in ``state``: asked, held, woken, withdrawn from the registry, answered by the member."""
        return cls(ChangeType.MOVED, State(state))

    @classmethod
    def escalated(cls) -> "Change":
        """A hand-over was sent to the registry, for the first time or again."""
        return cls(ChangeType.ESCALATED, State.ESCALATED)

    @classmethod
    def handover_answered(cls, answer: HandoverAnswer, state: State) -> "Change":
        """The registry accepted, declined or returned the hand-over; the ticket is now in ``state``."""
        return cls(ChangeType.HANDOVER_ANSWERED, State(state), answer=HandoverAnswer(answer))

    @classmethod
    def resolved(cls, *, public_message: bool) -> "Change":
        """Resolved, with or without a public message to the member in the same act."""
        return cls(ChangeType.RESOLVED, State.RESOLVED, answered=public_message)

    @classmethod
    def reopened(cls, state: State = State.OPEN, *, by_member: bool = False) -> "Change":
        """Reopened; ``by_member``: by a message of the member, which then waits for an answer."""
        return cls(ChangeType.REOPENED, State(state), by_member=by_member)

    @classmethod
    def closed(cls) -> "Change":
        """Closed for good."""
        return cls(ChangeType.CLOSED, State.CLOSED)

    @classmethod
    def priority_changed(cls) -> "Change":
        """Another priority; the new targets are in the terms."""
        return cls(ChangeType.PRIORITY_CHANGED)

    @classmethod
    def agreement_changed(cls, state: State | None = None) -> "Change":
        """A new version of the agreement; its targets are in the terms. ``state``: the ticket's, which stays."""
        return cls(ChangeType.AGREEMENT_CHANGED, None if state is None else State(state))

    @classmethod
    def calendar_edited(cls, calendar: CalendarKey) -> "Change":
        """A new version of one of the ticket's calendars was saved."""
        return cls(ChangeType.CALENDAR_EDITED, calendar=calendar)

    @classmethod
    def hours_chosen(cls) -> "Change":
        """A team keeps another calendar: its clocks go on in the one that the terms now name; the promise stays."""
        return cls(ChangeType.HOURS_CHOSEN)

    @classmethod
    def zone_rules_changed(cls, calendar: CalendarKey) -> "Change":
        """The rules of the zone of one of the ticket's calendars were found to be others than it was measured by."""
        return cls(ChangeType.ZONE_RULES_CHANGED, calendar=calendar)

    @classmethod
    def lead_transferred(cls) -> "Change":
        """Another lead has it: Tier 1 goes on in the calendar that the terms now name; the promise stays."""
        return cls(ChangeType.LEAD_TRANSFERRED)

    @classmethod
    def merged(cls) -> "Change":
        """Merged into another ticket: this one's clocks end, nothing of it can be late any more."""
        return cls(ChangeType.MERGED, State.CLOSED)

    @classmethod
    def absorbed(cls, since: datetime | None) -> "Change":
        """Another ticket was merged into this one; ``since``: when its unanswered message was written, if any."""
        return cls(ChangeType.ABSORBED, since=since)
