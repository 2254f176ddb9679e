"""The form of a brief, with the fields that its catalogue entry asks for."""

from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, Field, IntegerField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import HiddenInput

from desk.domain.catalogue import Entry
from desk.domain.catalogue import Field as Asked
from desk.domain.catalogue_fields import problems, validate_fields
from desk.domain.escalation import BRIEF_LINE_LENGTH, BRIEF_TEXT_LENGTH, HELP, LABELS, Brief, Consent
from desk.domain.text import MESSAGE_LENGTH
from desk.domain.vocabulary import Environment
from desk.domain.wording import ENVIRONMENT_WORDS
from desk.escalations.queries import CONSENT_WORDS, extra_fields
from desk.forms import Form, id_of

EXTRA = "f_"
"""Stands before the id of a catalogue field, so that none can be mistaken for a field of ours."""

_LINE = Length(max=BRIEF_LINE_LENGTH, message=f"Please use at most {BRIEF_LINE_LENGTH} characters.")
_TEXT = Length(max=BRIEF_TEXT_LENGTH, message=f"Please use at most {BRIEF_TEXT_LENGTH:,} characters.")
_SERVICES = [("", "Please choose"), ("ORCID", "ORCID"), ("DataCite", "DataCite"), ("both", "Both")]
_CONSENTS = [(each.value, CONSENT_WORDS[each] or "Please choose") for each in Consent]
_ENVIRONMENTS = [("", "Please choose"), *((each.value, ENVIRONMENT_WORDS[each]) for each in Environment)]
_SHORT = frozenset({"text", "integer", "email", "url", "date", "datetime", "country", "language", "timezone", "file"})


def _line(name: str) -> StringField:
    return StringField(LABELS[name], [_LINE], description=HELP[name])


def _text(name: str) -> TextAreaField:
    return TextAreaField(LABELS[name], [_TEXT], description=HELP[name])


class BriefForm(Form):
    """What the registry is told. Nothing is required to save; what sending requires is named beside it."""

    asked = _text("asked")
    service = SelectField(LABELS["service"], choices=_SERVICES, description=HELP["service"])
    environment = SelectField(LABELS["environment"], choices=_ENVIRONMENTS, description=HELP["environment"])
    impact = _text("impact")
    error_code = _line("error_code")
    error_text = _text("error_text")
    utc_times = _text("utc_times")
    steps = _text("steps")
    tried = _text("tried")
    identifiers = TextAreaField(LABELS["identifiers"], [_TEXT], description="One in each line.")
    consent = SelectField(LABELS["consent"], choices=_CONSENTS, description=HELP["consent"])
    known_issues_checked = BooleanField("It is none of the known issues")
    version = IntegerField(widget=HiddenInput())

    @property
    def extra(self) -> list[Field]:
        """The fields that the catalogue entry asks for."""
        return [field for field in self if field.name.startswith(EXTRA)]


def brief_form(entry: Entry | None, brief: Brief | None = None, version: int | None = None) -> BriefForm:
    """The form with the entry's own fields, filled in from ``brief`` unless something was sent."""
    wanted = {EXTRA + each.id: _control(each) for each in extra_fields(entry)}
    kind = type("BriefFormOfEntry", (BriefForm,), wanted)
    if brief is None:
        form: BriefForm = kind()
        return form
    data = {**brief.to_dict(), "identifiers": "\n".join(brief.identifiers), "version": version}
    filled: BriefForm = kind(data={**data, **_as_typed(brief.fields, wanted)})
    return filled


def _control(each: Asked) -> Field:
    if each.type == "multi":
        return SelectMultipleField(each.label, choices=[(one, one) for one in each.options], description=each.help)
    options = ("yes", "no") if each.type == "boolean" else each.options
    if options:
        shown = [("", "Please choose"), *((one, one.capitalize() if one in ("yes", "no") else one) for one in options)]
        return SelectField(each.label, choices=shown, description=each.help)
    if each.type in _SHORT or each.type == "organisation":
        hint = " Name the file below, or say where it can be found." if each.type == "file" else ""
        return StringField(each.label, [_LINE], description=f"{each.help}{hint}")
    hint = " One in each line." if each.type.endswith("-list") else ""
    return TextAreaField(each.label, [_TEXT], description=f"{each.help}{hint}")


def _as_typed(fields: Mapping[str, Any], wanted: Mapping[str, Field]) -> dict[str, Any]:
    typed: dict[str, Any] = {}
    for key, value in fields.items():
        if isinstance(value, bool):
            typed[EXTRA + key] = "yes" if value else "no"
        elif isinstance(value, list) and wanted.get(EXTRA + key) and not _takes_many(wanted[EXTRA + key]):
            typed[EXTRA + key] = "\n".join(str(each) for each in value)
        else:
            typed[EXTRA + key] = value
    return typed


def _takes_many(control: Any) -> bool:
    return getattr(control, "field_class", None) is SelectMultipleField


def read_brief(form: BriefForm, entry: Entry | None, zone: str) -> Brief | None:
    """The brief as it was filled in; None, with the sentences put beside the fields, when something cannot be kept."""
    asked = extra_fields(entry)
    answers = {each.id: form[EXTRA + each.id].data for each in asked}
    wrong = problems(entry, answers, asked, zone=zone, partial=True) if entry else []
    if not form.validate() or wrong:
        for name, sentence in wrong:
            form.refuse(EXTRA + name, sentence)
        return None
    extra = validate_fields(entry, answers, asked, zone=zone, partial=True) if entry else {}
    data = {**form.data, "identifiers": (form.identifiers.data or "").splitlines(), "fields": extra}
    return Brief.from_dict(data)


def chosen(sent: MultiDict[str, str], name: str) -> list[int]:
    """The ids whose boxes were ticked; what is not an id is left out."""
    return [found for value in sent.getlist(name) if (found := id_of(value)) is not None]


def anchor(field: str) -> str:
    """The form's field for what ``lacks`` names."""
    return EXTRA + field.removeprefix("fields.") if field.startswith("fields.") else field


class AnswerForm(Form):
    """What helps meanwhile, for the member."""

    text = TextAreaField(
        "Answer to the member",
        [InputRequired("Say what helps meanwhile; the member reads this."), Length(max=MESSAGE_LENGTH)],
        description="The ticket is resolved with it, and goes on if the member says that it does not help.",
    )
