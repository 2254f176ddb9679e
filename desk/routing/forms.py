"""Forms of the wrong door: what a registry files at a lead, and the answer to a researcher."""

from wtforms import RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from desk.domain.redirects import DESTINATION_WORDS, REDIRECT_LENGTH
from desk.domain.text import MESSAGE_LENGTH, SUBJECT_LENGTH
from desk.forms import Form, optional_id


class FileForm(Form):
    """What a member told the registry, for their lead."""

    consortium_id = SelectField("Consortium whose lead answers it", coerce=optional_id)
    email = StringField(
        "The member's address",
        [DataRequired("Write the address of the person who asked.")],
        description="They get a receipt there. The lead confirms who it is.",
    )
    subject = StringField("Subject", [DataRequired("Write what it is about."), Length(max=SUBJECT_LENGTH)])
    text = TextAreaField("What they said", [DataRequired("Write what they said."), Length(max=MESSAGE_LENGTH)])


class RedirectForm(Form):
    """Who can help a researcher, and in which words they are told."""

    destination = RadioField(
        "Where to?", choices=[(each.value, text) for each, text in DESTINATION_WORDS.items()], validate_choice=True
    )
    text = TextAreaField("This goes out", [DataRequired("Write the answer."), Length(max=REDIRECT_LENGTH)])
