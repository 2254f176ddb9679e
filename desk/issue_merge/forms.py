"""The form that merges an issue into another."""

from wtforms import IntegerField
from wtforms.validators import InputRequired, NumberRange
from wtforms.widgets import HiddenInput

from desk.db import LARGEST_ID
from desk.forms import Form


class MergeForm(Form):
    """The number of the issue in which this one goes on."""

    into = IntegerField(
        "Number of the issue in which it goes on",
        [
            InputRequired("Enter the number of an issue."),
            NumberRange(min=1, max=LARGEST_ID, message="That is not the number of an issue."),
        ],
    )
    version = IntegerField(validators=[InputRequired()], widget=HiddenInput())
