"""Forms of the demo's mail pages."""

from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from desk.demo.letters import SUBJECT_LENGTH, TEXT_LENGTH
from desk.forms import Form


class AnswerForm(Form):
    """What somebody writes back."""

    text = TextAreaField("Your answer", validators=[InputRequired("Please write something."), Length(max=TEXT_LENGTH)])


class LetterForm(Form):
    """A first mail: who writes it, and to which desk."""

    sender = SelectField("Written by")
    to = SelectField("To")
    subject = StringField("Subject", validators=[InputRequired("Please give a subject."), Length(max=SUBJECT_LENGTH)])
    text = TextAreaField("Text", validators=[InputRequired("Please write something."), Length(max=TEXT_LENGTH)])
