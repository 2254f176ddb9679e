"""Forms of tickets: filing, writing, triage and the moves of the lead's desk, and the filter of the queue."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict
from wtforms import (
    DateField,
    HiddenField,
    IntegerField,
    MultipleFileField,
    RadioField,
    SearchField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, ValidationError
from wtforms.widgets import HiddenInput

from desk.conversations.service import File
from desk.domain.catalogue import Catalogue, Entry, EntryKind, Field
from desk.domain.lifecycle import DONE, STAFF_WORDS, State
from desk.domain.priority import Impact, Urgency
from desk.domain.text import MESSAGE_LENGTH, REASON_LENGTH, SUBJECT_LENGTH
from desk.domain.vocabulary import Audience, Environment, Outcome, TicketKind
from desk.domain.wording import (
    ENVIRONMENT_WORDS,
    IMPACT_QUESTIONS,
    IMPACT_WORDS,
    KIND_NAMES,
    KIND_WORDS,
    OUTCOME_WORDS,
    URGENCY_QUESTIONS,
    URGENCY_WORDS,
)
from desk.forms import Form, id_of, optional_id
from desk.tickets.models import Ticket

ANSWER = "a-"
"""Stands before the id of a catalogue field, so that none can be mistaken for a field of ours."""

ASK = "ask"
"""The composer's choice beside the four audiences: to the member, whose turn it then is."""

_MORNING = time(8, 0)
_ON_THE_FORM = frozenset({"environment", "member_org"})  # catalogue fields the ticket has a place of its own for
_UNKNOWN = [("", "I do not know, or it does not matter")]
_FILES = "Logs, screenshots, exported records. Never send passwords or tokens: the desk removes those it finds in text."


def _choices(words: Mapping[Any, str]) -> list[tuple[str, str]]:
    return [(key.value, text) for key, text in words.items()]


class NewTicketForm(Form):
    """What a member is asked: plain words, no priority, no tier."""

    member_org_id = SelectField("For which organisation?", coerce=int)
    behalf = SelectField("For whom?", description="The contact who asked you. They are told by mail.")
    kind = RadioField("What is it?", choices=_choices(KIND_WORDS), default=TicketKind.INCIDENT.value)
    subject = StringField(
        "In one line",
        [
            InputRequired("Say in one line what it is about."),
            Length(
                max=SUBJECT_LENGTH, message=f"Please use at most {SUBJECT_LENGTH} characters here; the rest fits below."
            ),
        ],
        description="For example: Researchers cannot connect their ORCID iD since this morning.",
    )
    text = TextAreaField(
        "What happened?",
        [
            InputRequired("Describe what happened."),
            Length(max=MESSAGE_LENGTH, message="That is too long for a message. Please attach it as a file."),
        ],
    )
    environment = SelectField("Where does it happen?", choices=[*_UNKNOWN, *_choices(ENVIRONMENT_WORDS)])
    impact = RadioField("Whom does it affect?", choices=_choices(IMPACT_QUESTIONS), default=Impact.LOW.value)
    urgency = RadioField(
        "How much does it hold you up?", choices=_choices(URGENCY_QUESTIONS), default=Urgency.LOW.value
    )
    catalogue_key = StringField("What is it about?")
    files = MultipleFileField("Files", description=_FILES)
    key = HiddenField(default=lambda: secrets.token_urlsafe(18))


class ReplyForm(Form):
    """A message to one audience. The button that was pressed names the audience too, and both have to agree."""

    audience = RadioField("Who reads this?", choices=[])
    send = HiddenField()
    text = TextAreaField(
        "Message",
        [
            # Not required: a file alone is a message too. The verb refuses one with neither.
            Length(max=MESSAGE_LENGTH, message="That is too long for a message. Please attach it as a file."),
        ],
    )
    files = MultipleFileField("Add files")
    seen = IntegerField(widget=HiddenInput())

    def validate_send(self, field: Any) -> None:
        """Nothing goes to other readers than the button named."""
        if field.data and field.data != self.audience.data:
            raise ValidationError("The button and the choice of readers differ. Nothing was sent; please choose again.")


class ConfirmForm(Form):
    """The member's word on whether it is solved."""

    text = TextAreaField("What is still wrong?", [Length(max=MESSAGE_LENGTH)], id="confirm-text")


class TriageForm(Form):
    """Classification and the two answers from which priority follows."""

    kind = SelectField("Kind", choices=_choices(KIND_NAMES))
    impact = SelectField("Impact", choices=_choices(IMPACT_WORDS))
    urgency = SelectField("Urgency", choices=_choices(URGENCY_WORDS))
    catalogue_key = SelectField("Catalogue entry", choices=[])
    service = SelectField("Service", choices=[])
    environment = SelectField("Environment", choices=[("", "Not known"), *_choices(ENVIRONMENT_WORDS)])
    tags = StringField("Tags", [Length(max=500)], description="Separated by commas.")
    version = IntegerField(widget=HiddenInput())

    @property
    def tag_list(self) -> list[str]:
        """The tags one by one."""
        return [tag.strip() for tag in (self.tags.data or "").split(",") if tag.strip()]


class HoldForm(Form):
    """Until when, and why."""

    reason = StringField(
        "Why does it wait?",
        [InputRequired("Say why it waits; the member reads this."), Length(max=REASON_LENGTH)],
        id="hold-reason",
    )
    until = DateField(
        "Until which day?",
        [InputRequired("Choose the day on which it goes on.")],
        id="hold-until",
        description="It comes back to the queue at 8:00 that morning, in your time zone.",
    )

    def validate_until(self, field: Any) -> None:
        """A day that somebody may mean."""
        if field.data and not 2000 <= field.data.year <= 2200:
            raise ValidationError("Please choose a day in the coming months.")

    def moment(self, zone: str) -> datetime:
        """The chosen morning as an instant."""
        return datetime.combine(self.until.data, _MORNING, ZoneInfo(zone)).astimezone(UTC)


class ResolveForm(Form):
    """How it ended, and what the member is told."""

    outcome = SelectField(
        "How did it end?",
        choices=_choices({each: text for each, text in OUTCOME_WORDS.items() if each is not Outcome.MERGED}),
    )
    text = TextAreaField(
        "Closing message to the member",
        [Length(max=MESSAGE_LENGTH)],
        id="resolve-text",
        description="Sent with the outcome. Leave it empty if your last answer said it all.",
    )


class QueueForm(Form):
    """The filter of the queue; sent by GET, so it can be bookmarked."""

    class Meta(Form.Meta):
        """No token: the filter changes nothing."""

        csrf = False

    q = SearchField("Words or number", [Length(max=200)])
    view = SelectField(
        "Show",
        choices=[("", "All that is open"), ("mine", "Mine"), ("unassigned", "Nobody's yet"), ("done", "Done")],
        default="",
    )
    state = SelectField(
        "State",
        choices=[("", "Any state"), *((each.value, STAFF_WORDS[each]) for each in State if each not in DONE)],
        default="",
    )
    org = SelectField("Member", coerce=optional_id, default=None)
    page = IntegerField(default=1)


def triage_form(ticket: Ticket, known: Catalogue, **options: Any) -> TriageForm:
    """The form with the catalogue's entries and services as choices; filled from the ticket unless it was sent."""
    form = TriageForm(obj=_Stored(ticket), **options)
    groups: dict[str, list[tuple[str, str]]] = {"": [("", "Not classified yet")]}
    for entry in sorted(known.entries.values(), key=lambda entry: (entry.service, entry.title)):
        kind = "requests" if entry.kind is EntryKind.REQUEST else "incidents"
        groups.setdefault(f"{entry.service}, {kind}", []).append((entry.key, entry.title))
    if ticket.catalogue_key and ticket.catalogue_key not in known.entries:
        groups["Earlier versions"] = [(ticket.catalogue_key, ticket.catalogue_key)]
    form.catalogue_key.choices = groups
    form.service.choices = sorted({entry.service for entry in known.entries.values()} | {ticket.service})
    return form


class _Stored:
    """A ticket as the triage form reads it: values of lists as text."""

    def __init__(self, ticket: Ticket) -> None:
        self.kind, self.impact, self.urgency = ticket.kind.value, ticket.impact.value, ticket.urgency.value
        self.catalogue_key, self.service = ticket.catalogue_key or "", ticket.service
        self.environment = ticket.environment.value if ticket.environment else ""
        self.tags, self.version = ", ".join(ticket.tags), ticket.version


def asked(entry: Entry | None) -> tuple[Field, ...]:
    """The fields of an entry that the form itself does not ask for."""
    return tuple(each for each in entry.fields if each.id not in _ON_THE_FORM) if entry else ()


def answers(entry: Entry | None, sent: MultiDict[str, str], more: Mapping[str, Any]) -> dict[str, Any]:
    """What was answered to the entry's fields, raw: one text, or a list where several may be chosen."""
    found: dict[str, Any] = {}
    for each in asked(entry):
        given = [value.replace("\x00", "") for value in sent.getlist(ANSWER + each.id)]
        found[each.id] = given if each.type == "multi" else "".join(given[:1])
    own = {each.id for each in entry.fields} & _ON_THE_FORM if entry else set()
    return found | {key: value for key, value in more.items() if key in own}


def pair_of_ids(text: str) -> tuple[int, int] | None:
    """The ids in ``organisation:person`` as a choice carries them; None when it is none of ours."""
    first, _, second = text.partition(":")
    org_id, person_id = id_of(first), id_of(second)
    return None if org_id is None or person_id is None else (org_id, person_id)


def files_of(field: MultipleFileField) -> tuple[File, ...]:
    """The uploaded files; an empty choice of a browser is none."""
    return tuple(File(one.filename, one.read()) for one in field.data or () if getattr(one, "filename", ""))


def environment_of(value: str) -> Environment | None:
    """The chosen environment, None when it is not known."""
    return Environment(value) if value else None


def audience_of(value: str) -> Audience:
    """Who reads what the composer sends; a question goes to the member too."""
    return Audience.MEMBER if value == ASK else Audience(value)
