"""Forms of the answers to a hand-over: a small one for each move."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wtforms import HiddenField, IntegerField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import HiddenInput

from desk.domain.escalation import REASON_LABELS, Move, ReturnReason
from desk.domain.text import MESSAGE_LENGTH
from desk.escalations.service import REFERENCE_LENGTH
from desk.forms import Form

_FITS = Length(max=MESSAGE_LENGTH, message="That is too long for a message.")


class ActForm(Form):
    """What every answer carries: the version of the hand-over that the person saw."""

    version = IntegerField(widget=HiddenInput())


class WritingForm(Form):
    """Who writes to members while the registry has their ticket, unless something else is chosen on it."""

    allowed = RadioField(
        "While the registry has a ticket",
        choices=[
            ("no", "Only we write to the member; the registry asks us"),
            ("yes", "The registry may write to the member too, and reads what the member answers"),
        ],
    )


class AcceptForm(ActForm):
    """The registry takes it on."""

    reference = StringField(
        "Number at your own desk",
        [Length(max=REFERENCE_LENGTH)],
        description="If the registry keeps it under another number too.",
    )


class DeclineForm(ActForm):
    """The lead can answer it, with this entry."""

    entry_key = SelectField("Which entry of the catalogue answers it?", choices=[])
    text = TextAreaField(
        "Message to the lead", [_FITS], description="The entry's own fix is sent when you leave this empty."
    )


class ReturnForm(ActForm):
    """The lead has to do something first."""

    reason = RadioField(
        "Why does it go back?",
        [InputRequired("Say why it goes back.")],
        choices=[(each.value, REASON_LABELS[each]) for each in ReturnReason],
    )
    text = TextAreaField(
        "What is needed",
        [InputRequired("Say what the lead has to find out or do."), _FITS],
        description="The lead reads this; the member does not.",
    )


class FixForm(ActForm):
    """It is mended."""

    text = TextAreaField(
        "What was done, and how can the member see that it works?",
        [InputRequired("Say what was done."), _FITS],
        description="The lead reads this and asks the member.",
    )


class TierForm(ActForm):
    """To the engineers, or back from them."""

    tier = HiddenField()
    text = TextAreaField("Note for your colleagues", [_FITS], description="Only the registry's teams read this.")


class WithdrawForm(ActForm):
    """The lead takes it back."""

    text = TextAreaField("Message to the registry", [_FITS], description="Why. It may stay empty.")


class VerifyForm(ActForm):
    """The member says that it works."""

    text = TextAreaField(
        "Closing message to the member", [_FITS], description="Sent with the outcome “solved”. It may stay empty."
    )


FORMS: Mapping[Move, type[ActForm]] = {
    Move.ACCEPT: AcceptForm,
    Move.DECLINE: DeclineForm,
    Move.RETURN: ReturnForm,
    Move.REPORT_FIX: FixForm,
    Move.MOVE_TIER: TierForm,
    Move.WITHDRAW: WithdrawForm,
    Move.VERIFY: VerifyForm,
    Move.CLOSE: ActForm,
}


def act_form(move: Move, entries: Iterable[tuple[str, str]] = (), tier: int | None = None) -> ActForm:
    """The form of a move; ``entries`` are the catalogue's (key, title) to choose from, ``tier`` the present one."""
    form = FORMS[move]()
    if isinstance(form, DeclineForm):
        form.entry_key.choices = [("", "Please choose"), *entries]
    if isinstance(form, TierForm):
        form.tier.data = "2" if tier == 3 else "3"
    return form


def entry_choices(rows: Sequence[Any]) -> list[tuple[str, str]]:
    """Catalogue rows as choices."""
    return [(row.key, row.title) for row in rows]
