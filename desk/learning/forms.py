"""What became of a proposed step, and the wish to have a field required or no longer."""

from collections.abc import Mapping

from wtforms import HiddenField, RadioField, TextAreaField
from wtforms.validators import InputRequired, Length

from desk.domain.learning import REASON_LENGTH, Decided, Proposal, Step
from desk.forms import Form
from desk.learning.queries import Key

KEY = ("step", "entry", "field")


class DecisionForm(Form):
    """Done or declined, and why."""

    step = HiddenField()
    entry = HiddenField()
    field = HiddenField()
    decided = RadioField(
        "What became of it?",
        [InputRequired("Please say whether it was done.")],
        choices=[(Decided.DONE.value, "It is done"), (Decided.DECLINED.value, "We shall not do it")],
    )
    reason = TextAreaField(
        "What was done, or why not",
        [
            InputRequired("Please say in a sentence what was done, or why not."),
            Length(max=REASON_LENGTH, message=f"Please keep it below {REASON_LENGTH} characters."),
        ],
        description="Your desk and the registry read it. The step comes again when there is another case.",
    )


def key_of(sent: Mapping[str, str], consortium_id: int) -> Key | None:
    """Which step a form is about; None when it cannot be one."""
    step = sent.get("step", "")
    if step not in set(Step):
        return None
    return (consortium_id, Step(step), sent.get("entry", "")[:60], sent.get("field", "")[:60])


def named(proposal: Proposal) -> dict[str, str]:
    """The step as forms and addresses name it."""
    return {"step": proposal.step.value, "entry": proposal.entry_key, "field": proposal.field_id}
