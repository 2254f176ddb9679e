"""The form of a what-if: a period, other hours, other promises. It is sent with GET: an answer changes nothing."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from wtforms import RadioField, SelectField, SelectMultipleField, StringField
from wtforms.widgets import CheckboxInput, DateInput, ListWidget

from desk.calendars.models import CalendarVersion
from desk.domain.calendar import BusinessCalendar
from desk.domain.errors import InvalidInput
from desk.domain.holiday_dates import countries
from desk.domain.hours_words import hours_in_words
from desk.domain.opening_hours import DAY_NAMES, WEEKDAYS, typed_time, window_fault, zone_key
from desk.domain.permissions import Place
from desk.domain.supposed_terms import SupposedAgreement, hours_as_of, supposed_hours
from desk.domain.targets import CONSORTIUM_KINDS, REGISTRY_KINDS, Kind
from desk.forms import id_of
from desk.simulation.queries import Ground, Question
from desk.target_form import TargetForm, typed_targets, with_targets

FIRST_DAYS = 90
"""How far back the period of a new form goes."""
KEPT = "kept"
YEARS = range(2000, 2101)
# Where a refusal of the domain is said.
_FIELDS = {"weekly_hours": "days", "country": "closed"}


class WhatIfForm(TargetForm):
    """What is supposed; the table of targets is added for the kinds of the party, see ``form_for``."""

    class Meta(TargetForm.Meta):
        """Nothing is changed by it, so that it needs no token."""

        csrf = False

    since = StringField("Opened from", widget=DateInput(), description="The first day, from midnight on.")
    until = StringField("Opened before", widget=DateInput(), description="The first day that no longer counts.")
    hours = RadioField(
        "Working hours",
        choices=[("recorded", "As they were"), ("saved", "Hours that are saved"), ("other", "Other hours")],
        default="recorded",
    )
    saved = SelectField("Saved hours", choices=[], validate_choice=False)
    days = SelectMultipleField(
        "Open on",
        choices=list(zip(WEEKDAYS, DAY_NAMES, strict=True)),
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    opens = StringField("From", description="Such as 09:00 or 9.")
    closes = StringField("To", description="Up to 24:00; before the other time: on the next day.")
    tz = StringField("Time zone")
    closed = SelectField("Closed days", choices=[], validate_choice=False)
    promises = RadioField(
        "Promises", choices=[("recorded", "As they were"), ("other", "Other targets")], default="recorded"
    )
    hold = RadioField(
        "A ticket on hold",
        choices=[
            ("", "As it was"),
            ("pauses", "Pauses the promise to the member"),
            ("runs", "Does not pause the promise to the member"),
        ],
        default="",
        validate_choice=False,
    )

    def offer(self, ground: Ground, place: Place) -> None:
        """Fill in what can be chosen."""
        self.ground, self.place = ground, place
        self.saved.choices = [(str(version.id), _label(name.name, version)) for name, version in ground.saved]
        own = [(KEPT, "The holidays and closed days of your hours now")] if ground.hours is not None else []
        self.closed.choices = [
            *own,
            ("", "None"),
            *((code, f"Holidays of {name}") for code, name in countries().items()),
        ]
        if place.registry_id is not None:
            del self.hold  # a registry promises nothing to a member

    def read(self, now: datetime) -> Question | None:
        """The question, or None with a sentence at every field that needs one."""
        self.validate()
        zone = ZoneInfo(self.ground.zone)
        since, until = self._midnight("since", zone), self._midnight("until", zone)
        if since is not None and until is not None and since >= until:
            self.refuse("until", "The period ends before it begins.")
        targets = self.targets() if self.promises.data == "other" else None
        if "hold" in self and (self.hold.data or "") not in dict(self.hold.choices):
            self.refuse("hold", "Please choose one of these.")
        hold = {"pauses": True, "runs": False}.get(self.hold.data or "") if "hold" in self else None
        hours = None
        try:
            hours = self._hours(since or now, now)
        except InvalidInput as refusal:
            self.refuse(_FIELDS.get(refusal.field or "", refusal.field), refusal.sentence)
        if since is None or until is None or self.errors or self.form_errors:
            return None
        return Question(self.place, since, until, hours, SupposedAgreement(targets, hold))

    @property
    def first_day(self) -> str:
        """The first day that was read, in words; likewise below."""
        return _day(self.since.data)

    @property
    def day_after(self) -> str:
        """The first day that no longer counts."""
        return _day(self.until.data)

    @property
    def supposed(self) -> list[str]:
        """What is supposed, in words."""
        words = []
        if self.hours.data == "saved":
            words += [label for value, label in self.saved.choices or () if value == self.saved.data]
        elif self.hours.data == "other":
            words.append(f"{hours_in_words(self._week())} ({self.tz.data})")
        if self.promises.data == "other":
            words.append("the targets below")
        if "hold" in self and self.hold.data:
            words.append(f"a ticket on hold {'pauses' if self.hold.data == 'pauses' else 'does not pause'} the promise")
        return words

    def _week(self) -> dict[str, list[list[str]]]:
        return {day: [self._window()] for day in WEEKDAYS if day in (self.days.data or ())}

    def _midnight(self, name: str, zone: ZoneInfo) -> datetime | None:
        try:
            day = date.fromisoformat((self[name].data or "").strip())
        except ValueError:
            self.refuse(name, "Please enter a date, such as 2026-09-01.")
            return None
        if day.year not in YEARS:
            self.refuse(name, f"Please choose a date between {YEARS[0]} and {YEARS[-1]}.")
            return None
        return datetime.combine(day, time(), zone).astimezone(UTC)

    def _hours(self, since: datetime, now: datetime) -> BusinessCalendar | None:
        if self.hours.data == "saved":
            return self._saved(since, now)
        return self._other(since, now) if self.hours.data == "other" else None

    def _saved(self, since: datetime, now: datetime) -> BusinessCalendar:
        chosen = id_of(self.saved.data or "")
        version = next((version for _, version in self.ground.saved if version.id == chosen), None)
        if version is None:
            raise InvalidInput("Please choose one of your saved hours.", field="saved")
        return _as_of(version, version.spec, since, now)

    def _other(self, since: datetime, now: datetime) -> BusinessCalendar:
        week = self._week()
        if not week:
            raise InvalidInput("Please choose the days on which the desk is open.", field="days")
        hours = {"tz": zone_key((self.tz.data or "").strip()), "weekly_hours": week}
        if self.closed.data == KEPT and self.ground.hours is not None:
            return _as_of(self.ground.hours, {**self.ground.hours.spec, **hours}, since, now)
        return supposed_hours(hours | ({"country": self.closed.data} if self.closed.data else {}), since, now)

    def _window(self) -> list[str]:
        times = [typed_time(self[name].data or "") for name in ("opens", "closes")]
        for name, found in zip(("opens", "closes"), times, strict=True):
            if found is None:
                raise InvalidInput("Please enter a time of day, such as 09:00.", field=name)
        start, end = times[0] or "", times[1] or ""
        if fault := window_fault(start, end):
            raise InvalidInput(fault, field="opens")
        return [start, end]


@cache
def form_for(kinds: tuple[Kind, ...]) -> type[WhatIfForm]:
    """The form with the table of these kinds."""
    return with_targets(WhatIfForm, kinds, validate_choice=False)


def form_of(sent: Any, ground: Ground, place: Place, now: datetime) -> WhatIfForm:
    """The form as it was sent, or as it is at first: the last weeks, and what is in force."""
    made = form_for(REGISTRY_KINDS if place.registry_id is not None else CONSORTIUM_KINDS)
    form = made(formdata=sent, data=None if sent else _first(ground, made.kinds, now))
    form.offer(ground, place)
    return form


def _first(ground: Ground, kinds: Sequence[Kind], now: datetime) -> Mapping[str, Any]:
    today = now.astimezone(ZoneInfo(ground.zone)).date()
    spec = ground.hours.spec if ground.hours is not None else {}
    week = {day: windows for day, windows in spec.get("weekly_hours", {}).items() if windows}
    window = next(iter(week.values()))[0] if week else ["09:00", "17:00"]
    values: dict[str, Any] = {
        "since": (today - timedelta(days=FIRST_DAYS)).isoformat(),
        "until": (today + timedelta(days=1)).isoformat(),
        "days": list(week) or list(WEEKDAYS[:5]),
        "opens": window[0],
        "closes": window[1],
        "tz": ground.zone,
        "saved": str(ground.hours.id) if ground.hours is not None else "",
        "closed": KEPT if ground.hours is not None else "",
    }
    return {**values, **typed_targets(ground.targets, kinds)}


def _day(text: str) -> str:
    day = date.fromisoformat(text.strip())
    return f"{day.day} {day:%b} {day.year}"


def _label(name: str, version: CalendarVersion) -> str:
    since = version.effective_from.astimezone(ZoneInfo(version.spec["tz"])).date().isoformat()
    return f"{name}, from {_day(since)}: {hours_in_words(version.spec['weekly_hours'])} ({version.spec['tz']})"


def _as_of(version: CalendarVersion, spec: Mapping[str, Any], since: datetime, now: datetime) -> BusinessCalendar:
    kept_from = version.effective_from.astimezone(ZoneInfo(version.spec["tz"])).year
    return hours_as_of(spec, version.country, version.subdivision, kept_from, since, now)
