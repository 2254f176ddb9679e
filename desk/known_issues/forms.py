"""Forms of what members read, and of what they say: the published text, an organisation's voice."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from wtforms import DateTimeLocalField, IntegerField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange, Optional
from wtforms.widgets import HiddenInput

from desk.db import LARGEST_ID
from desk.domain.errors import InvalidInput
from desk.domain.register import TEXT_LENGTH, TITLE_LENGTH
from desk.forms import Form
from desk.issues.models import IssuePublication

_FITS = Length(max=TEXT_LENGTH, message=f"Please use at most {TEXT_LENGTH:,} characters.")
_TITLE_FITS = Length(max=TITLE_LENGTH, message=f"Please use at most {TITLE_LENGTH} characters.")
_IS_ID = NumberRange(min=1, max=LARGEST_ID, message="That is not the number of an organisation.")


class PublishForm(Form):
    """What the members of one consortium read."""

    title = StringField("Title for members", [InputRequired("Give it a title."), _TITLE_FITS])
    text = TextAreaField(
        "What members read",
        [InputRequired("Write what members shall read."), _FITS],
        description="Plain words; name no other member. Markdown works: **bold**, lists, `code`. "
        "Passwords and tokens are removed.",
    )
    workaround = TextAreaField("What they can do meanwhile", [_FITS])
    next_update_at = DateTimeLocalField(
        "Next update", [Optional()], description="In your time zone. Members see it as a promise."
    )
    version = IntegerField(validators=[Optional()], widget=HiddenInput())


class MemberForm(Form):
    """The organisation in whose name a member speaks, and what it says: yes, or no longer."""

    member_org_id = IntegerField(validators=[InputRequired(), _IS_ID])
    yes = IntegerField(validators=[NumberRange(min=0, max=1)], default=1)


def local(instant: datetime | None, zone: str) -> datetime | None:
    """An instant as a clock on the reader's wall has it, for a form."""
    return None if instant is None else instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def as_published(told: IssuePublication | None, zone: str) -> dict[str, Any]:
    """What the form of a publication starts with."""
    if told is None:
        return {}
    names = ("title", "text", "workaround", "version")
    return {name: getattr(told, name) for name in names} | {"next_update_at": local(told.next_update_at, zone)}


def instant(wall: datetime | None, zone: str) -> datetime | None:
    """What a person entered in their own zone, as an instant; of an hour that a change of clocks repeats, the first."""
    if wall is not None and not 2000 <= wall.year < 2100:
        raise InvalidInput("Please choose a date of this century.", field="next_update_at")
    return None if wall is None else wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
