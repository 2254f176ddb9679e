"""The form of a registry's update: its words to the desks, and those that it suggests to members."""

from typing import Any

from wtforms import DateTimeLocalField, IntegerField, SelectField, TextAreaField
from wtforms.validators import InputRequired, Optional
from wtforms.widgets import HiddenInput

from desk.bulk_answers.forms import FITS
from desk.domain.delegation import UpdateText
from desk.domain.register import MOVES, STAFF_WORDS, IssueState
from desk.drafts.models import RegistryUpdate
from desk.forms import Form
from desk.known_issues.forms import instant, local


class UpdateForm(Form):
    """What is said once. Each lead makes its own of the second text."""

    text = TextAreaField(
        "To the leads and the desks",
        [InputRequired("Write what the desks shall know."), FITS],
        description="An entry of the issue's record. Members do not read it. Secrets are removed.",
    )
    member_text = TextAreaField(
        "Suggested for members",
        [InputRequired("Suggest what members could read."), FITS],
        description="Each lead gets it as a draft and sends it in its own name. Name no consortium and no member.",
    )
    workaround = TextAreaField("What members can do meanwhile", [FITS])
    to = SelectField("The issue is then", choices=[])
    next_update_at = DateTimeLocalField(
        "Next update", [Optional()], description="In your time zone. Members read it as a promise, in theirs."
    )
    version = IntegerField(validators=[InputRequired()], widget=HiddenInput())

    def offer(self, state: IssueState) -> None:
        """The state it is in, and those to which it can go."""
        self.to.choices = [(each.value, STAFF_WORDS[each]) for each in (state, *MOVES[state])]

    def written(self, zone: str) -> UpdateText:
        """As the verb takes it."""
        return UpdateText(
            text=self.text.data,
            member_text=self.member_text.data,
            workaround=self.workaround.data or "",
            next_update_at=instant(self.next_update_at.data, zone),
        )


def as_written(update: RegistryUpdate, zone: str) -> dict[str, Any]:
    """What the form of an update that is changed starts with."""
    names = ("text", "member_text", "workaround", "version")
    values = {name: getattr(update, name) for name in names}
    return values | {"to": update.state.value, "next_update_at": local(update.next_update_at, zone)}
