"""Forms of objections: what is wrong with a stretch, and the answer of who keeps the clock."""

from datetime import UTC, datetime
from typing import Any

from wtforms import HiddenField, TextAreaField
from wtforms.validators import DataRequired, Length

from desk.corrections.service import OBJECTION_LENGTH
from desk.forms import Form

_FITS = Length(max=OBJECTION_LENGTH, message=f"Please use at most {OBJECTION_LENGTH:,} characters.")


class ObjectionForm(Form):
    """“This is wrong”: which stretch is in the address of the page."""

    text = TextAreaField(
        "What is wrong with it?",
        validators=[DataRequired("Say what is wrong, in a sentence or two."), _FITS],
    )


class DecisionForm(Form):
    """Confirmed or refused; a refusal needs its reason."""

    decision = HiddenField()
    answer = TextAreaField("Your answer", validators=[_FITS])

    def validate(self, extra_validators: Any = None) -> bool:
        """Also: one of the two buttons was pressed, and a refusal says why."""
        fine = bool(super().validate(extra_validators))
        if self.decision.data not in ("confirm", "refuse"):
            self.refuse(None, "Choose whether to confirm or to refuse it.")
            return False
        if self.decision.data == "refuse" and not (self.answer.data or "").strip():
            self.refuse("answer", "Say why you refuse it; the other side reads this.")
            return False
        return fine


def instant_of(text: str) -> datetime | None:
    """An instant in an address, as ``wording.iso`` writes it; None when it is none."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
