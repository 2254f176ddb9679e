"""The form of which mails one gets, and when."""

from wtforms import RadioField, SelectField, SelectMultipleField

from desk.domain.notices import TOPICS, Topic
from desk.forms import Form

AT_ONCE, DAILY = "at_once", "daily"
_HOURS = [(str(hour), f"{hour:02d}:00") for hour in range(24)]


class MailForm(Form):
    """What comes when. ``on`` holds the topics that are wanted."""

    how = RadioField(
        "What is not urgent comes",
        choices=((AT_ONCE, "at once"), (DAILY, "in one mail a day")),
        default=AT_ONCE,
    )
    daily_at = SelectField("The daily mail comes at", choices=_HOURS, default="8")
    quiet_from = SelectField("Quiet from", choices=[("", "no quiet hours"), *_HOURS], default="")
    quiet_until = SelectField("Quiet until", choices=[("", "no quiet hours"), *_HOURS], default="")
    on = SelectMultipleField(
        "Mails that you get", choices=[(topic.value, words.title) for topic, words in TOPICS.items()]
    )

    def hour(self, name: str) -> int | None:
        """The hour that was chosen in a field; None for none."""
        text = self[name].data
        return int(text) if text else None

    def wanted(self) -> frozenset[Topic]:
        """The topics that are ticked."""
        return frozenset(Topic(name) for name in self.on.data or ())
