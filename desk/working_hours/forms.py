"""Forms of the pages of working hours. The week and the dated rows are read as they are typed, into a ``Sheet``."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from werkzeug.datastructures import MultiDict
from wtforms import Field, FileField, HiddenField, IntegerField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange, ValidationError
from wtforms.widgets import DateTimeLocalInput, HiddenInput

from desk.calendars.models import CalendarVersion
from desk.db import LARGEST_ID, NAME_LENGTH
from desk.domain.calendar import instant, whole_second
from desk.domain.calendar_dates import ONE_DAY
from desk.domain.calendar_sheet import Draft, Row, Sheet, holidays_of, read, sheet_of
from desk.domain.errors import InvalidInput
from desk.domain.holiday_dates import HOLIDAY_YEARS, countries, parts_of
from desk.domain.icalendar import Found, Hours
from desk.domain.opening_hours import DAY_NAMES, WEEKDAYS, typed_time, zone_key
from desk.domain.permissions import Place
from desk.domain.text import REASON_LENGTH
from desk.forms import Form, id_of
from desk.working_hours.queries import PartyHours
from desk.working_hours.service import FAR, LATEST

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "closure": ("first", "last", "name"),
    "special": ("day", "hours", "name"),
    "break": ("day", "from", "until"),
}
"""The controls of a row of each kind of dated rows."""

_NAME_FITS = Length(max=NAME_LENGTH, message=f"Please use at most {NAME_LENGTH} characters.")
YEARS = range(2000, 2101)


class HoursForm(Form):
    """Hours as they are edited: the week, the place, dated rows, and from when."""

    tz = StringField("Time zone")
    country = SelectField("Country", validate_choice=False, choices=[])
    subdivision = SelectField("State, region or part", validate_choice=False, choices=[])
    when = RadioField(
        "These hours count",
        choices=[("now", "from the moment I save"), ("later", "from a later date and time")],
        default="now",
    )
    effective_from = StringField("From", widget=DateTimeLocalInput(), description="In the calendar's own time zone.")
    note = TextAreaField(
        "Why",
        [Length(max=REASON_LENGTH, message=f"Please use at most {REASON_LENGTH} characters.")],
        description="One line for your colleagues; it is kept with this version.",
    )
    base = IntegerField(widget=HiddenInput())
    previewed = HiddenField()
    listed_for = HiddenField()  # the place and first year whose holidays were shown with a box to tick

    def begin(self, version: CalendarVersion, base: int, now: datetime) -> None:
        """Fill a form that was not sent yet with a stored version."""
        today = now.astimezone(ZoneInfo(version.spec["tz"])).date()
        self.base.data = base
        self.when.data = "now"
        self.put(sheet_of(version.spec, version.holiday_names, version.country, version.subdivision, today), now)

    def put(self, sheet: Sheet, now: datetime) -> None:
        """Show a sheet: the rows, and the choices that follow from it."""
        self.sheet = sheet
        self.tz.data, self.country.data, self.subdivision.data = sheet.tz, sheet.country, sheet.subdivision
        self.problems: dict[str, str] = {}
        self.country.choices = [("", "None: I enter closed days myself"), *countries().items()]
        self.subdivision.choices = [("", "The whole country"), *parts_of(sheet.country).items()]
        self.first_year = self.start(now)[0].year
        self.listed = holidays_of(sheet, self.first_year)
        self.listed_for.data = _place(sheet, self.first_year)

    def take(self, sent: MultiDict[str, str], now: datetime) -> None:
        """Read the rows as they were sent. Holidays are all closed when another place was chosen."""
        sheet = Sheet(
            tz=self.tz.data or "",
            weekly={day: _pairs(sent, f"{day}-from", f"{day}-until") for day in WEEKDAYS},
            country=self.country.data or "",
            subdivision=self.subdivision.data or "",
            closures=_rows(sent, "closure"),
            special=_rows(sent, "special"),
            breaks=_rows(sent, "break"),
        )
        if sheet.subdivision not in parts_of(sheet.country):
            sheet = replace(sheet, subdivision="")
        listed = self.listed_for.data or ""
        year = id_of(listed.rpartition(" ")[2])
        if year is not None and year in YEARS and listed == _place(sheet, year):
            shown = holidays_of(sheet, year)
            sheet = replace(sheet, worked=frozenset(shown) - set(sent.getlist("closed")))
        self.put(sheet, now)

    def start(self, now: datetime) -> tuple[datetime, str]:
        """When the version begins, and what is wrong with that; now when it is wrong."""
        if self.when.data != "later":
            return instant(whole_second(now)), ""
        try:
            wall = datetime.fromisoformat((self.effective_from.data or "").strip())
            zone = ZoneInfo(zone_key((self.tz.data or "").strip()))
        except InvalidInput:
            return now, ""  # said at the zone
        except ValueError:
            return now, "Give the date and the time from which these hours count."
        if wall.tzinfo is not None or wall.year not in YEARS:
            return now, FAR
        begin = wall.replace(tzinfo=zone).astimezone(UTC)
        if begin < instant(whole_second(now)):
            return now, "That moment is over: hours can be changed from now on, not in the past."
        return (now, FAR) if begin > now + LATEST else (begin, "")

    def draft(self, now: datetime) -> Draft | None:
        """The draft, or None with every fault at its row and at its field."""
        begin, fault = self.start(now)
        try:
            today = now.astimezone(ZoneInfo(zone_key(self.sheet.tz.strip()))).date()
        except InvalidInput:
            today = now.date()
        found, problems = read(self.sheet, begin, today)
        if fault:
            problems = [("effective_from", fault), *problems]
        for control, sentence in problems:
            if control in self:
                self.refuse(control, sentence)
            else:
                self.problems.setdefault(control, sentence)
        return None if problems or self.errors else found

    def seal(self, draft: Draft, now: datetime) -> str:
        """What stands for exactly these hours: saving needs the one of the preview that was shown."""
        start = self.start(now)[0].isoformat() if self.when.data == "later" else "now"
        place = (draft.country, draft.subdivision)
        return sealed(draft.spec, draft.names, *place, start, (self.note.data or "").strip(), self.base.data)

    def change(self, command: str, now: datetime) -> str:
        """Do what a button of the form asks for, to what was typed; the id of the control that takes the focus."""
        verb, _, rest = command.partition(":")
        kind, _, place = rest.partition(":")
        sheet, focus = self.sheet, ""
        if verb == "copy":
            sheet = replace(sheet, weekly={**sheet.weekly, **dict.fromkeys(WEEKDAYS[1:5], sheet.weekly.get("mon", ()))})
            focus = "tue-0-from"
        elif kind in WEEKDAYS:
            rows = _changed(sheet.weekly.get(kind, ()), verb, place, ("", ""))
            sheet = replace(sheet, weekly={**sheet.weekly, kind: rows})
            focus = f"{kind}-{len(rows) - 1}-from" if verb == "add" else f"add-{kind}"
        elif kind in COLUMNS:
            rows = _changed(dated(sheet)[kind], verb, place, ("", "", ""))
            sheet = with_dated(sheet, kind, rows)
            focus = f"{kind}-{len(rows) - 1}-{COLUMNS[kind][0]}" if verb == "add" else f"add-{kind}"
        self.put(sheet, now)
        return focus

    def add(self, found: Found, timed: str, now: datetime) -> None:
        """Put what a holiday file holds into the rows: what is closed already is left as it is."""
        sheet = self.sheet
        closed = {day for day in self.listed if day not in sheet.worked}
        closed |= {day for first, last, *_ in sheet.closures for day in _dates(first, last)}
        new = [days for days in found.days if set(_dates(days.first.isoformat(), days.last.isoformat())) - closed]
        rows = [(days.first.isoformat(), days.last.isoformat(), days.name) for days in new]
        sheet = replace(sheet, closures=[*sheet.closures, *rows])
        if timed == "special":
            sheet = replace(sheet, special=[*sheet.special, *_by_day(found.timed, {row[0] for row in sheet.special})])
        elif timed == "break":
            breaks = [(each.day.isoformat(), each.start, each.end) for each in found.timed]
            sheet = replace(sheet, breaks=[*sheet.breaks, *(row for row in breaks if row not in sheet.breaks)])
        self.added = (
            len(rows) + len(sheet.special) + len(sheet.breaks) - len(self.sheet.special) - len(self.sheet.breaks)
        )
        self.put(sheet, now)

    def overnight(self, window: Row) -> bool:
        """Whether a window that was typed ends on the next day."""
        hours = _hours(window)
        return hours is not None and hours[1] < hours[0]

    def all_problems(self) -> list[tuple[str, str]]:
        """Faults of rows for the summary: the id of a control, and the sentence with the row's name before it."""
        return [(control, f"{_row_name(control)}: {sentence}") for control, sentence in self.problems.items()]

    def years(self) -> Iterator[tuple[int, list[tuple[str, str, bool]]]]:
        """The listed holidays by year: date, name, and whether the desk is closed on it."""
        for year in range(self.first_year, self.first_year + HOLIDAY_YEARS):
            days = [(day, name) for day, name in self.listed.items() if day.startswith(str(year))]
            if days:
                yield year, [(day, name, day not in self.sheet.worked) for day, name in days]

    def kept(self) -> Iterator[tuple[str, str]]:
        """Everything that was typed, as names and values of hidden controls: for the step before saving."""
        sheet = self.sheet
        yield from (("tz", sheet.tz), ("country", sheet.country), ("subdivision", sheet.subdivision))
        yield from (("when", self.when.data or ""), ("effective_from", self.effective_from.data or ""))
        yield from (("note", self.note.data or ""), ("base", str(self.base.data or "")))
        yield "listed_for", self.listed_for.data or ""
        yield from (("closed", day) for day in self.listed if day not in sheet.worked)
        for day in WEEKDAYS:
            for start, end in sheet.weekly.get(day, ()):
                yield from ((f"{day}-from", start), (f"{day}-until", end))
        for kind, rows in dated(sheet).items():
            for row in rows:
                yield from ((f"{kind}-{column}", value) for column, value in zip(COLUMNS[kind], row, strict=True))


class CalendarForm(Form):
    """A further calendar."""

    party = SelectField("Whose", choices=[])
    name = StringField("Name", [InputRequired("Give it a name."), _NAME_FITS], description="Such as “Evening hours”.")
    like = SelectField("Begin with", choices=[], description="You can change everything in the next step.")
    tz = StringField("Time zone", description="For office hours; a copy keeps its own.")

    def offer(self, parties: Sequence[PartyHours], zone: str) -> None:
        """Fill the choices: the desks that the reader manages, and their calendars."""
        managed = [party for party in parties if party.edits]
        self.party.choices = [(_key(party.place), party.name) for party in managed]
        copies = [(str(each.id), f"The hours of “{each.name}”") for party in managed for each in party.calendars]
        self.like.choices = [("", "Office hours, Monday to Friday 09:00 to 17:00"), *copies]
        self.party.data = self.party.data or self.party.choices[0][0]
        self.like.data = self.like.data or ""
        self.tz.data = self.tz.data or zone

    def values(self) -> dict[str, Any]:
        """What was written, as the verb takes it. Raises ``InvalidInput``."""
        kind, _, key = self.party.data.partition(":")
        place = Place(consortium_id=int(key)) if kind == "consortium" else Place(registry_id=int(key))
        like = id_of(self.like.data or "")
        tz = "UTC" if like is not None else zone_key((self.tz.data or "").strip())
        return {"place": place, "name": self.name.data, "like": like, "tz": tz}


class FileForm(Form):
    """A holiday file of somebody else's."""

    file = FileField("Holiday file", description="An .ics file, as calendar programs and holiday sites offer it.")
    timed = RadioField(
        "Events with hours in it",
        choices=[
            ("leave", "Leave them out"),
            ("special", "The desk is open then and only then: special days"),
            ("break", "The desk is closed then: breaks in the day's hours"),
        ],
        default="leave",
    )

    def validate_file(self, field: Field) -> None:
        """One has to be chosen."""
        if not getattr(field.data, "filename", ""):
            raise ValidationError("Choose a file.")

    def content(self, most: int) -> bytes:
        """The first bytes of the file, at most so many."""
        try:
            return bytes(self.file.data.read(most))
        finally:
            self.file.data.close()


class NameForm(Form):
    """Another name for a calendar."""

    name = StringField("Name", [InputRequired("Give it a name."), _NAME_FITS])


class TeamForm(Form):
    """Which of the party's calendars a team keeps."""

    team = IntegerField(validators=[NumberRange(1, LARGEST_ID)])
    calendar = IntegerField(validators=[NumberRange(1, LARGEST_ID)])
    previewed = HiddenField()


class YearForm(Form):
    """Which year to show."""

    class Meta(Form.Meta):
        """A filter changes nothing."""

        csrf = False

    y = StringField("Year")

    def year(self, now: datetime) -> tuple[int, str]:
        """The year that was asked for, this one by default, and what is wrong with what was asked."""
        text = (self.y.data or "").strip()
        if not text:
            return now.year, ""
        if not text.isdecimal() or len(text) > 4 or int(text) not in YEARS:
            return now.year, f"Choose a year between {YEARS[0]} and {YEARS[-1]}."
        return int(text), ""


def sealed(*said: Any) -> str:
    """A short text that is the same for the same content only."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def zones() -> list[str]:
    """The names of time zones to propose: places, and UTC."""
    return ["UTC", *sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))]


def pictured(windows: Sequence[Row], night: Sequence[Row] = ()) -> list[tuple[float, float]]:
    """A day of 24 hours as open stretches, start and length, to draw; ``night``: the windows of the day before."""
    found = []
    for start, until in filter(None, map(_hours, windows)):
        found.append((start, (24 if until <= start else until) - start))
    for start, until in filter(None, map(_hours, night)):
        if until <= start and until:
            found.append((0, until))
    return found


def _hours(window: Row) -> tuple[float, float] | None:
    times = [typed_time(text) for text in window[:2]]
    if not times[0] or not times[1] or times[0] == times[1]:
        return None
    start, until = (int(text[:2]) + int(text[3:5]) / 60 for text in times if text)
    return start, until


def _row_name(control: str) -> str:
    kind, place, _ = control.split("-", 2)
    if kind in WEEKDAYS:
        return DAY_NAMES[WEEKDAYS.index(kind)]
    return f"{'Special day' if kind == 'special' else kind.capitalize()} {int(place) + 1}"


def dated(sheet: Sheet) -> Mapping[str, Sequence[Row]]:
    """The dated rows of a sheet by their kind."""
    return {"closure": sheet.closures, "special": sheet.special, "break": sheet.breaks}


def with_dated(sheet: Sheet, kind: str, rows: Sequence[Row]) -> Sheet:
    """The sheet with other rows of a kind."""
    if kind == "closure":
        return replace(sheet, closures=rows)
    return replace(sheet, special=rows) if kind == "special" else replace(sheet, breaks=rows)


def _pairs(sent: MultiDict[str, str], *names: str) -> list[Row]:
    columns = [sent.getlist(name) for name in names]
    longest = max(map(len, columns))
    return [tuple(column[place] if place < len(column) else "" for column in columns) for place in range(longest)]


def _rows(sent: MultiDict[str, str], kind: str) -> list[Row]:
    return _pairs(sent, *(f"{kind}-{column}" for column in COLUMNS[kind]))


def _changed(rows: Sequence[Row], verb: str, place: str, empty: Row) -> list[Row]:
    if verb == "add":
        return [*rows, empty]
    return [row for number, row in enumerate(rows) if str(number) != place]


def _dates(first: str, last: str) -> list[str]:
    begin, end = date.fromisoformat(first), date.fromisoformat(last or first)
    return [(begin + number * ONE_DAY).isoformat() for number in range((end - begin).days + 1)]


def _by_day(timed: Sequence[Hours], known: set[str]) -> list[Row]:
    """Special days from timed events: those of one date in one row, unless the date has a row already."""
    days: dict[str, list[Hours]] = {}
    for each in timed:
        days.setdefault(each.day.isoformat(), []).append(each)
    return [
        (day, ", ".join(f"{each.start}–{each.end}" for each in hours), hours[0].name)
        for day, hours in days.items()
        if day not in known
    ]


def _place(sheet: Sheet, year: int) -> str:
    return f"{sheet.country}-{sheet.subdivision} {year}"


def _key(place: Place) -> str:
    return f"consortium:{place.consortium_id}" if place.consortium_id is not None else f"registry:{place.registry_id}"
