"""The form of a registry that is reached by mail, its table of words, and the box to try it in."""

from collections.abc import Iterable

from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, IntegerField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import HiddenInput

from desk.bridge.models import Bridge
from desk.bridge.service import Draft
from desk.domain.bridge import DEFAULT_WORDS, Meaning, Word, choice_of, read_choice
from desk.domain.bridge_pattern import DEFAULT_PATTERN, PATTERN_LENGTH
from desk.domain.text import MESSAGE_LENGTH
from desk.forms import Form

BLANK_ROWS = 4


class BridgeForm(Form):
    """How one team is reached."""

    version = IntegerField(widget=HiddenInput())
    active = BooleanField(
        "Reach this team by mail",
        description="What is escalated goes out as a mail. Switched off, answers are still read.",
    )
    address = StringField(
        "Address of their desk",
        [InputRequired("Where do escalations go?"), Length(max=254)],
        description="Each escalation is written to it from an address of its own, and answers come back there.",
    )
    senders = TextAreaField(
        "Who speaks for them",
        [Length(max=4000)],
        description="One address or @domain on each line. Left empty: everybody at the domain of their address.",
    )
    number_pattern = StringField(
        "Pattern of their ticket numbers",
        [Length(max=PATTERN_LENGTH)],
        description="A regular expression with one group, the number: \\[?#(\\d{4,})\\]? finds [#4711] and #4711.",
    )
    number_in_subject = BooleanField(
        "Their desk goes by the number in the subject", description="Our later mails then begin with it."
    )
    phrases = TextAreaField(
        "Sentences of their automatic answers",
        [Length(max=6000)],
        description="One on each line. A mail with one is a machine's: it gives us their number and moves nothing.",
    )
    first_answer_accepts = BooleanField(
        "The first answer of a person counts as accepted",
        description="Unless it has a status that says otherwise. The acceptance clock stops with it.",
    )


class TryForm(Form):
    """A mail of theirs, to see what would be read of it."""

    subject = StringField("Subject", [Length(max=998)])
    text = TextAreaField("Text", [Length(max=MESSAGE_LENGTH)])


def bridge_form(bridge: Bridge | None) -> BridgeForm:
    """The form as it is stored, or as a new one begins."""
    if bridge is None:
        return BridgeForm(
            formdata=None,
            active=True,
            number_pattern=DEFAULT_PATTERN,
            number_in_subject=True,
            first_answer_accepts=True,
        )
    return BridgeForm(
        formdata=None,
        version=bridge.version,
        active=bridge.active,
        address=bridge.address,
        senders="\n".join(bridge.senders),
        number_pattern=bridge.number_pattern,
        number_in_subject=bridge.number_in_subject,
        phrases="\n".join(bridge.phrases),
        first_answer_accepts=bridge.first_answer_accepts,
    )


def draft_of(form: BridgeForm, words: Iterable[Word]) -> Draft:
    """What was typed, for the verb."""
    return Draft(
        address=form.address.data or "",
        active=bool(form.active.data),
        number_pattern=(form.number_pattern.data or "").strip(),
        senders=(form.senders.data or "").splitlines(),
        phrases=(form.phrases.data or "").splitlines(),
        first_answer_accepts=bool(form.first_answer_accepts.data),
        number_in_subject=bool(form.number_in_subject.data),
        words=list(words),
    )


def read_words(sent: MultiDict[str, str]) -> list[Word]:
    """The table as it was sent; rows without a word are left out."""
    found = []
    for word, value in zip(sent.getlist("word"), sent.getlist("meaning"), strict=False):
        chosen = read_choice(value)
        if word.strip() and chosen is not None:
            found.append(Word(word.replace("\x00", ""), *chosen))
    return found


def rows_of(words: Iterable[Word]) -> list[tuple[str, str]]:
    """The rows of the table with some blank ones below."""
    return [*((each.word, choice_of(each)) for each in words), *([("", Meaning.NONE.value)] * BLANK_ROWS)]


def first_words() -> list[Word]:
    """The table of a new one."""
    return list(DEFAULT_WORDS)
