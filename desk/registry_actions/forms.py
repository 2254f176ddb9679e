"""Forms of registry actions: filing one, and how it ended."""

from collections.abc import Iterable
from typing import Any

from wtforms import BooleanField, DateField, HiddenField, IntegerField, RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import HiddenInput

from desk.domain.registry_action import (
    END_WORDS,
    KIND_LENGTH,
    NOTE_LENGTH,
    REFERENCE_LENGTH,
    ActionDraft,
)
from desk.forms import Form

_NOTE = Length(max=NOTE_LENGTH, message=f"Please use at most {NOTE_LENGTH:,} characters.")
_REFERENCE = Length(max=REFERENCE_LENGTH, message=f"Please use at most {REFERENCE_LENGTH} characters.")


class FileForm(Form):
    """What was filed, when, and by when an answer is expected."""

    kind = StringField(
        "What was filed?",
        [InputRequired("Say what was filed."), Length(max=KIND_LENGTH)],
        description="As the catalogue calls it, or in your own words.",
    )
    filed_on = DateField("Filed on", [InputRequired("Choose the day on which it was filed.")])
    reference = StringField(
        "Reference at the registry", [_REFERENCE], description="The number that the registry gave it."
    )
    expected_by = DateField(
        "Answer expected by", [Optional()], description="It stands in your list as overdue after that day."
    )
    note = TextAreaField("Note", [_NOTE], description="Secrets are removed.")
    show = BooleanField("The registry reads this with the ticket, once it has the ticket")

    def draft(self) -> ActionDraft:
        """What was typed."""
        return ActionDraft(
            kind=self.kind.data,
            filed_on=self.filed_on.data,
            reference=self.reference.data or "",
            expected_by=self.expected_by.data,
            note=self.note.data or "",
        )


class EndForm(Form):
    """How it ended."""

    action = HiddenField()
    version = IntegerField(widget=HiddenInput())
    state = RadioField("How did it end?", choices=[(each.value, text) for each, text in END_WORDS.items()])
    on = DateField("On which day?", [InputRequired("Choose the day.")])
    reference = StringField("Reference at the registry", [_REFERENCE], description="If it came only now.")
    note = TextAreaField("Note", [_NOTE], description="Added to what stands there. Secrets are removed.")


def choices(kinds: Iterable[str], first: str = "") -> list[Any]:
    """Kinds to propose, that of the ticket's own entry first."""
    return [*([first] if first else []), *(each for each in kinds if each != first)]
