"""A form filed at the registry, credentials or a prefix asked for: what it is, and how it can end. Pure.

It is no escalation: nobody's clock changes by it, and the ticket stays where it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from desk.domain.errors import IllegalTransition, InvalidInput
from desk.domain.identifiers import redact
from desk.domain.text import clean_line, clean_text

KIND_LENGTH = 200
REFERENCE_LENGTH = 80
NOTE_LENGTH = 2_000
EARLIEST = date(2000, 1, 1)
EXPECTED_WITHIN = timedelta(days=731)
"""Nobody files what is to be answered in more than two years."""


class ActionState(StrEnum):
    """Where a registry action stands."""

    FILED = "filed"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


ENDS = (ActionState.CONFIRMED, ActionState.REFUSED, ActionState.WITHDRAWN)

STATE_WORDS: Mapping[ActionState, str] = {
    ActionState.FILED: "Filed",
    ActionState.CONFIRMED: "Confirmed",
    ActionState.REFUSED: "Refused",
    ActionState.WITHDRAWN: "Withdrawn",
}

END_WORDS: Mapping[ActionState, str] = {
    ActionState.CONFIRMED: "The registry has done it",
    ActionState.REFUSED: "The registry refused it",
    ActionState.WITHDRAWN: "We need it no longer",
}


@dataclass(frozen=True, slots=True)
class ActionDraft:
    """What somebody writes down of it. ``reference`` is the registry's own, empty while there is none."""

    kind: str
    filed_on: date
    reference: str = ""
    expected_by: date | None = None
    note: str = ""

    def cleaned(self, today: date) -> "ActionDraft":
        """Texts in shape and without secrets. Raises ``InvalidInput`` with the field."""
        kind = clean_line(self.kind, name="What was filed", field="kind", limit=KIND_LENGTH)
        _demand_past(self.filed_on, today, "filed_on")
        if self.expected_by is not None and not self.filed_on <= self.expected_by <= self.filed_on + EXPECTED_WITHIN:
            raise InvalidInput(
                "An answer is expected after the day of filing, and within two years.", field="expected_by"
            )
        return replace(self, kind=redact(kind)[0], reference=reference_line(self.reference), note=note_text(self.note))


def reference_line(text: str) -> str:
    """The registry's reference as one clean line; raises ``InvalidInput``."""
    if not text.strip():
        return ""
    return redact(clean_line(text, name="The reference", field="reference", limit=REFERENCE_LENGTH))[0]


def note_text(text: str) -> str:
    """A note without secrets; raises ``InvalidInput``."""
    return redact(clean_text(text, name="The note", field="note", required=False, limit=NOTE_LENGTH))[0]


def end(state: ActionState, to: ActionState, *, filed_on: date, on: date, today: date) -> ActionState:
    """``to``, when it can still end so. Raises ``IllegalTransition``, ``InvalidInput`` (fields ``state``, ``on``)."""
    if to not in ENDS:
        raise InvalidInput("Please choose how it ended.", field="state")
    if state is not ActionState.FILED:
        raise IllegalTransition(f"It is {STATE_WORDS[state].lower()} already. Somebody was faster.")
    _demand_past(on, today, "on")
    if on < filed_on:
        raise InvalidInput("It cannot have ended before it was filed.", field="on")
    return to


def is_overdue(state: ActionState, expected_by: date | None, today: date) -> bool:
    """Whether the day on which an answer was expected has passed without one."""
    return state is ActionState.FILED and expected_by is not None and expected_by < today


def overdue_from(expected_by: date | None) -> date | None:
    """The first day on which it is overdue; None where no answer is expected by a day."""
    return None if expected_by is None else expected_by + timedelta(days=1)


def _demand_past(day: date, today: date, field: str) -> None:
    if not EARLIEST <= day <= today:
        raise InvalidInput("Please choose a day that is not in the future.", field=field)
