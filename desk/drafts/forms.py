"""Forms of drafts: what the lead's members read, why one is dismissed, after how many hours one goes by itself."""

from typing import Any

from wtforms import DateTimeLocalField, IntegerField, RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange, Optional
from wtforms.widgets import HiddenInput

from desk.bulk_answers.forms import FITS
from desk.domain.bulk_answer import OUTCOMES
from desk.domain.delegation import HOURS_LEAST, HOURS_MOST, DraftText
from desk.domain.register import TITLE_LENGTH
from desk.domain.text import REASON_LENGTH
from desk.domain.vocabulary import Outcome
from desk.domain.wording import OUTCOME_WORDS
from desk.drafts.models import UpdateDraft
from desk.forms import Form
from desk.known_issues.forms import instant, local


class DraftForm(Form):
    """What the members of the lead's consortium read."""

    title = StringField(
        "Title for members",
        [
            InputRequired("Give it a title."),
            Length(max=TITLE_LENGTH, message=f"Please use at most {TITLE_LENGTH} characters."),
        ],
    )
    text = TextAreaField("What your members read", [InputRequired("Write what your members shall read."), FITS])
    workaround = TextAreaField("What they can do meanwhile", [FITS])
    next_update_at = DateTimeLocalField(
        "Next update", [Optional()], description="In your time zone. Members read it as a promise, in theirs."
    )
    outcome = RadioField(
        "How the chosen tickets end",
        [Optional()],
        choices=[(each.value, OUTCOME_WORDS[each]) for each in OUTCOMES],
        validate_choice=False,
    )
    version = IntegerField(validators=[InputRequired()], widget=HiddenInput())

    def written(self, zone: str) -> DraftText:
        """As the verb takes it."""
        return DraftText(
            title=self.title.data,
            text=self.text.data,
            workaround=self.workaround.data or "",
            next_update_at=instant(self.next_update_at.data, zone),
        )

    def ending(self) -> Outcome | None:
        """How the chosen tickets end."""
        return Outcome(self.outcome.data) if self.outcome.data in set(OUTCOMES) else None


def as_drafted(draft: UpdateDraft, zone: str) -> dict[str, Any]:
    """What the form of a draft starts with."""
    names = ("title", "text", "workaround", "version")
    return {name: getattr(draft, name) for name in names} | {"next_update_at": local(draft.next_update_at, zone)}


class DismissForm(Form):
    """Why it is not for our members."""

    reason = StringField(
        "Reason",
        [
            InputRequired("Say why it is not sent."),
            Length(max=REASON_LENGTH, message=f"Please use at most {REASON_LENGTH} characters."),
        ],
        description="Your desk reads it. The registry sees only that the draft was dismissed.",
    )


class VersionForm(Form):
    """A button about the draft as it was read."""

    version = IntegerField(validators=[InputRequired()], widget=HiddenInput())


class PolicyForm(Form):
    """Whether drafts go by themselves."""

    mode = RadioField(
        "Drafts of a registry's updates",
        choices=[("wait", "Wait for one of us"), ("go", "Go by themselves, unless one of us acts first")],
    )
    hours = IntegerField(
        "After how many working hours",
        [
            Optional(),
            NumberRange(
                min=HOURS_LEAST, max=HOURS_MOST, message=f"Choose from {HOURS_LEAST} to {HOURS_MOST} working hours."
            ),
        ],
        description="Counted in your desk's own hours, from when the draft arrived.",
    )

    def wanted(self) -> int | None:
        """The hours, or None for never."""
        return self.hours.data if self.mode.data == "go" else None
