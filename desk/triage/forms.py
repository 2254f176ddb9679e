"""Forms of where a ticket goes on: in another ticket, or with another consortium's lead."""

from typing import Any

from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from desk.domain.text import REASON_LENGTH
from desk.forms import Form, id_of, optional_id


class MergeForm(Form):
    """The number of the other ticket, with or without its sign."""

    into = StringField("Number of the ticket in which it goes on", [DataRequired("Give the number of a ticket.")])

    @property
    def number(self) -> int:
        """The number that was given; 0, which no ticket has, for what is none."""
        return id_of((self.into.data or "").strip().removeprefix("#")) or 0

    def validate(self, extra_validators: Any = None) -> bool:
        """Also: it can be a number."""
        fine = bool(super().validate(extra_validators))
        if fine and not self.number:
            self.refuse("into", "That is not the number of a ticket. Write it as 147 or #147.")
            return False
        return fine


class TransferForm(Form):
    """Which consortium, and why."""

    member_org_id = SelectField("Consortium that takes it over", coerce=optional_id, validate_choice=True)
    reason = TextAreaField(
        "Why?",
        [DataRequired("Say why; the other lead reads it first."), Length(max=REASON_LENGTH)],
        description="The other lead's team reads this as a note; the member does not.",
    )
