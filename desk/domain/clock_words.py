"""Clocks in words: what each measures, why one stands still or has ended, what happened to it, what is promised."""

from collections.abc import Mapping

from desk.domain.clocks import EventType
from desk.domain.targets import Kind, Target
from desk.domain.wording import counted, exact_span

MEASURES: Mapping[Kind, str] = {
    Kind.FIRST_RESPONSE: "From filing until somebody of the desk answers in person. It never stands still.",
    Kind.NEXT_RESPONSE: "From the oldest unanswered message until it is answered. Later ones do not move it.",
    Kind.REGULAR_UPDATE: "From one message of the desk to the next, so that nobody is left without news.",
    Kind.LEAD: "The time in which the consortium lead has the ticket.",
    Kind.REGISTRY_ACCEPTANCE: "From the hand-over until the registry accepts, declines or returns it.",
    Kind.REGISTRY: "The time in which the registry has the ticket, over all hand-overs together.",
    Kind.OVERALL: "From filing until it is solved, whoever works on it. It waits while the member is asked.",
}
"""What each clock measures, in a sentence for whoever reads its account."""

_WHY: Mapping[str, str] = {
    "staff_replied": "the member was answered",
    "pending_member": "it is the member's turn",
    "escalated": "the registry has it",
    "accepted": "the registry accepted it",
    "declined": "the registry declined it",
    "returned": "the registry returned it",
    "handover_answered": "the registry answered",
    "on_hold": "it is on hold",
    "resolved": "the ticket was resolved",
    "closed": "the ticket was closed",
    "open": "the lead has it",
    "pending_lead": "the lead has it again",
    "merged": "it was merged into another ticket",
    "absorbed": "an older message came with another ticket",
    "receipt_sent": "the receipt went out",
    "answered": "the member was answered",
    "cancelled": "there was nothing left to answer",
    "moved": "the ticket moved on",
}
_WHY_TO_MEMBER: Mapping[str, str] = {
    "staff_replied": "you were answered",
    "answered": "you were answered",
    "pending_member": "it is your turn",
}

_HAPPENED: Mapping[EventType, str] = {
    EventType.STARTED: "Started",
    EventType.RESUMED: "Went on",
    EventType.RETARGETED: "Another time is promised",
    EventType.CALENDAR_CHANGED: "Other working hours",
    EventType.WARNED: "Warned",
    EventType.BREACHED: "Missed",
    EventType.REMEASURED: "Measured again",
}

_BECAUSE: Mapping[str, str] = {
    "priority_changed": "the priority changed",
    "agreement_changed": "the agreement changed",
    "calendar_edited": "the calendar was edited",
    "lead_transferred": "another consortium's lead took over",
    "absorbed": "another ticket was merged into this one",
    "reopened": "the ticket was reopened",
    "counts_after_all": "this time counts after all",
    "does_not_count": "this time does not count",
    "calendar_corrected": "the working hours of that time were corrected",
    "hours_chosen": "another calendar was chosen",
    "zone_rules_changed": "the rules of the time zone changed",
}

_CHANGE: Mapping[str, str] = {
    "priority_changed": "the change of the priority",
    "agreement_changed": "the change of the agreement",
    "calendar_edited": "the change of the working hours",
    "lead_transferred": "the move to another consortium's lead",
    "absorbed": "the merging of another ticket into this one",
    "reopened": "the reopening",
    "counts_after_all": "the correction of what counts",
    "does_not_count": "the correction of what counts",
    "calendar_corrected": "the correction of the working hours",
    "hours_chosen": "the choice of another calendar",
    "zone_rules_changed": "the change of the time zone's rules",
}


def the_change(cause: str) -> str:
    """What was changed, to go on after "late by" or "with": ``the change of the agreement``."""
    return _CHANGE.get(cause, "a change of what counts")


def why(cause: str, *, to_member: bool = False) -> str:
    """Why a clock stands still or has ended, to go on after "because"."""
    found = _WHY_TO_MEMBER.get(cause) if to_member else None
    return found or _WHY.get(cause, cause.replace("_", " "))


def happened(type_: EventType, cause: str, percent: int | None) -> str:
    """What happened to a clock at a moment, with the reason where it is not the ticket's ordinary course."""
    said = _HAPPENED.get(type_, type_.value.replace("_", " ").capitalize())
    if percent is not None:
        said = f"{said} at {percent} %"
    return f"{said}: {_BECAUSE[cause]}" if cause in _BECAUSE else said


def undated(target: Target) -> str:
    """Why what is promised has no date at the moment; empty where nothing is promised."""
    return f"its calendar has not enough opening hours ahead for {target.words}" if target.promised else ""


def promised(target: Target, seconds: int | None) -> str:
    """What is promised: ``1 working day, which is 8 h of working time``; for nothing, that it is only measured."""
    if seconds is None:
        return f"{target.words} of working time" if target.seconds else target.words or "Measured, not promised"
    if target.working_days:
        return f"{counted(target.working_days, 'working day')}, which is {exact_span(seconds)} of working time"
    return f"{exact_span(seconds)} of working time"
