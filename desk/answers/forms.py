"""What a lead writes down for a registry that keeps its own desk: an answer given elsewhere, what a word means."""

from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from desk.domain.bridge import choices
from desk.domain.bridge_pattern import NUMBER_LENGTH
from desk.domain.text import MESSAGE_LENGTH
from desk.forms import Form


class RecordForm(Form):
    """What the registry said by telephone, or in a mail that did not find its way."""

    meaning = SelectField("What did they say?", [InputRequired()], choices=choices())
    reference = StringField(
        "Their ticket number",
        [Length(max=NUMBER_LENGTH)],
        description="If they named one that is not known yet.",
    )
    text = TextAreaField(
        "In their words, or yours",
        [InputRequired("Write down what was said."), Length(max=MESSAGE_LENGTH)],
        description="Shown on the ticket as the registry's, recorded by you. The member does not read it.",
    )
