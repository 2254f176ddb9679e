"""The period of a report, sent with GET: reading figures changes nothing."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from wtforms import StringField
from wtforms.widgets import DateInput

from desk.domain.errors import InvalidInput
from desk.domain.reports import LONGEST_PERIOD, Period
from desk.forms import Form


class PeriodForm(Form):
    """From which day to which, both included."""

    class Meta(Form.Meta):
        """Nothing is changed by it, so that it needs no token."""

        csrf = False

    since = StringField("From", widget=DateInput())
    until = StringField("Up to and including", widget=DateInput())

    def read(self, zone: str) -> Period | None:
        """The period, or None with a sentence at the field that needs one."""
        self.validate()
        days = {name: self._day(name) for name in ("since", "until")}
        if days["since"] is None or days["until"] is None:
            return None
        try:
            return Period.of(days["since"], days["until"], zone)
        except InvalidInput as refusal:
            self.refuse(refusal.field, refusal.sentence)
            return None

    def _day(self, name: str) -> date | None:
        try:
            return date.fromisoformat((self[name].data or "").strip())
        except ValueError:
            self.refuse(name, "Please enter a date, such as 2026-09-01.")
            return None


def form_of(sent: Any, now: datetime, zone: str) -> tuple[PeriodForm, Period | None]:
    """The form as it was sent, or as it is at first, with its period; None when that cannot be used."""
    if "since" in sent or "until" in sent:
        form = PeriodForm(formdata=sent)
        return form, form.read(zone)
    period = Period.recent(now, zone)
    return PeriodForm(formdata=None, data=named(period)), period


def named(period: Period) -> Mapping[str, str]:
    """The period as addresses name it."""
    return {"since": period.first.isoformat(), "until": period.last.isoformat()}


LONGEST_DAYS = LONGEST_PERIOD.days
