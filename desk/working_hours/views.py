"""Pages of working hours: whose calendars there are, a week to edit with a look ahead before saving, a year, files."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for

from desk.access import current_actor, requires
from desk.calendars.models import Calendar, CalendarVersion
from desk.calendars.queries import histories
from desk.clock import utcnow
from desk.db import db, transaction
from desk.domain import calendar_year, icalendar
from desk.domain.calendar_changes import changes, shift_in_words
from desk.domain.calendar_dates import ONE_DAY, days_in_words, short_day
from desk.domain.calendar_history import CalendarHistory
from desk.domain.calendar_sheet import Draft
from desk.domain.errors import Conflict, InvalidInput, NotFound, TooLarge
from desk.domain.holiday_dates import HOLIDAY_YEARS, place_name
from desk.domain.hours_words import hours_in_words
from desk.domain.opening_hours import DAY_NAMES, WEEKDAYS
from desk.domain.permissions import Permission, ever_may, may
from desk.errors import status_of
from desk.sla.queries import LABELS
from desk.working_hours import queries, service
from desk.working_hours.forms import (
    CalendarForm,
    FileForm,
    HoursForm,
    NameForm,
    TeamForm,
    YearForm,
    pictured,
    sealed,
    zones,
)

blueprint = Blueprint("working_hours", __name__)

SOON_DAYS = 90
DAYS = tuple(zip(WEEKDAYS, DAY_NAMES, strict=True))


@blueprint.app_template_global()
def service_level_tabs() -> list[tuple[str, str, bool]]:
    """The tabs of the service levels that the reader may open: label, address, whether the page is below it."""
    tabs = [("Working hours", "working_hours"), ("Agreements", "agreements")]
    if ever_may(current_actor(), Permission.CALENDAR_EDIT):
        tabs.append(("What if", "simulation"))
    return [(label, url_for(f"{name}.index"), request.blueprint == name) for label, name in tabs]


# ------------------------------------------------------------------ whose hours


@blueprint.get("/service-levels/hours")
@requires(Permission.CALENDAR_READ)
def index() -> Any:
    """The calendars of the reader's desks, and which team keeps which."""
    session, now = db.session(), utcnow()
    parties = queries.parties(session, current_actor())
    ids = [each.id for party in parties for each in party.calendars]
    found = queries.versions_of(session, ids)
    return render_template(
        "working_hours/index.html",
        parties=parties,
        force={calendar_id: queries.in_force(versions, now) for calendar_id, versions in found.items()},
        ahead={calendar_id: [v for v in versions if v.effective_from > now] for calendar_id, versions in found.items()},
        openings=queries.openings(session, ids, now),
        holidays_until=queries.holidays_until,
        edits=any(party.edits for party in parties),
        **_words(),
    )


@blueprint.route("/service-levels/hours/new", methods=["GET", "POST"])
@requires(Permission.CALENDAR_EDIT)
def new() -> Any:
    """A further calendar; its hours are edited in the next step."""
    session, actor = db.session(), current_actor()
    form = CalendarForm()
    form.offer(queries.parties(session, actor), actor.timezone)
    if form.validate_on_submit():
        try:
            with transaction() as unit:
                number = service.found_calendar(unit, current_actor(), now=utcnow(), **form.values()).id
            flash("The calendar is there. Give it its hours, then choose it for a team.", "success")
            return redirect(url_for("working_hours.edit", number=number), 303)
        except InvalidInput as refusal:
            form.refuse(refusal.field, refusal.sentence)
    return render_template("working_hours/new.html", form=form, zones=zones()), 422 if form.errors else 200


@blueprint.get("/service-levels/hours/<int:number>")
@requires(Permission.CALENDAR_READ)
def show(number: int) -> Any:
    """One calendar: its hours, what is ahead, who changed what and why."""
    return _calendar_page(number, NameForm(formdata=None))


@blueprint.post("/service-levels/hours/<int:number>/rename")
@requires(Permission.CALENDAR_EDIT)
def rename(number: int) -> Any:
    """Another name."""
    _editable(number)
    form = NameForm()
    if form.validate():
        try:
            with transaction() as unit:
                service.rename_calendar(
                    unit, current_actor(), calendar_id=number, name=form.name.data or "", now=utcnow()
                )
            flash("The calendar has its new name.", "success")
            return redirect(url_for("working_hours.show", number=number), 303)
        except InvalidInput as refusal:
            form.refuse(refusal.field, refusal.sentence)
    return _calendar_page(number, form), 422


@blueprint.post("/service-levels/hours/teams")
@requires(Permission.CALENDAR_EDIT)
def choose() -> Any:
    """Another calendar for a team, after a look at what that would move."""
    form = TeamForm()
    if not form.validate() or form.team.data is None or form.calendar.data is None:
        raise InvalidInput("Please choose the team and its calendar again.")
    calendar, session = _editable(form.calendar.data), db.session()
    team = queries.team(session, calendar, form.team.data)
    seal = sealed(team.id, team.calendar_id, calendar.id, queries.newest_id(session, calendar.id))
    if request.form.get("do") != "save" or form.previewed.data != seal:
        looked = queries.preview_choice(session, team, calendar, utcnow())
        words = {"labels": LABELS, "shift": shift_in_words, "seal": seal}
        return render_template("working_hours/choose.html", calendar=calendar, team=team, looked=looked, **words)
    with transaction() as unit:
        moved = service.set_team_calendar(
            unit, current_actor(), team_id=form.team.data, calendar_id=form.calendar.data, now=utcnow()
        )
    said = f" The clocks of {moved} tickets go on in it from now." if moved > 1 else ""
    said = " The clocks of one ticket go on in it from now." if moved == 1 else said
    flash(f"The team keeps these hours now.{said}", "success")
    return redirect(url_for("working_hours.index", _anchor="teams"), 303)


# ------------------------------------------------------------------ other hours


@blueprint.route("/service-levels/hours/<int:number>/edit", methods=["GET", "POST"])
@requires(Permission.CALENDAR_EDIT)
def edit(number: int) -> Any:
    """Edit the hours: rows are added and taken away, looked at in a second step, and only then saved."""
    calendar, now = _editable(number), utcnow()
    if request.method == "GET":
        form = HoursForm(formdata=None)
        found = queries.versions(db.session(), number)
        form.begin(_started_from(found, now), found[-1].id, now)
        return _edit_page(calendar, form)
    form = HoursForm()
    form.take(request.form, now)
    command = request.form.get("do", "preview")
    if command not in ("preview", "save"):
        return _edit_page(calendar, form, focus=form.change(command, now))
    seen = [each.id for each in queries.versions(db.session(), number)]
    if form.base.data not in seen:
        form.refuse(None, "It is not known which hours yours were made from, so nothing was saved. Look through them.")
        form.base.raw_data, form.base.data = None, seen[-1]
        return _edit_page(calendar, form), 422
    draft = form.draft(now) if form.validate() else None
    if draft is None:
        return _edit_page(calendar, form), 422
    saves = command == "save" and form.previewed.data == form.seal(draft, now)
    return _save(calendar, form, draft) if saves else _preview_page(calendar, form, draft, now)


def _started_from(found: Sequence[CalendarVersion], now: datetime) -> CalendarVersion:
    """The version that was asked to begin with, else the one in force."""
    wanted = request.args.get("from", type=int)
    return next((each for each in found if each.id == wanted), queries.in_force(found, now))


def _save(calendar: Calendar, form: HoursForm, draft: Draft) -> Any:
    number, now = calendar.id, utcnow()
    later = form.start(now)[0] if form.when.data == "later" else None
    try:
        with transaction() as unit:
            before = queries.due_dates(unit, number)
            service.edit_hours(
                unit,
                current_actor(),
                calendar_id=number,
                draft=draft,
                base=form.base.data or 0,
                effective_from=later,
                note=form.note.data or "",
                now=now,
            )
            after = queries.due_dates(unit, number)
    except (InvalidInput, Conflict) as refusal:
        form.refuse(getattr(refusal, "field", None), refusal.sentence)
        return _edit_page(_editable(number), form, conflict=isinstance(refusal, Conflict)), status_of(refusal)
    flash(_said_of(before, after, request.form.get("foreseen", type=int)), "success")
    return redirect(url_for("working_hours.show", number=number), 303)


def _said_of(before: dict[int, datetime | None], after: dict[int, datetime | None], foreseen: int | None) -> str:
    """What the edit did to running clocks; where it is not what was foreseen, that too."""
    moved = sum(before[clock] != due for clock, due in after.items() if clock in before)
    said = "The hours are saved. " + ("No date moved." if not moved else f"Dates moved: {moved}.")
    if foreseen is not None and foreseen != moved:
        said += f" When you looked it would have been {foreseen}: tickets have moved on since."
    return said


def _preview_page(calendar: Calendar, form: HoursForm, draft: Draft, now: datetime) -> Any:
    """What would be, before anything is: the year, and the clocks that would move."""
    session = db.session()
    found = queries.versions(session, calendar.id)
    if found[-1].id != form.base.data:
        form.refuse(None, "Somebody else saved other hours of this calendar meanwhile. Yours are below, not saved.")
        return _edit_page(calendar, form, conflict=True), 409
    start = form.start(now)[0]
    hours = queries.supposed(histories(session, [calendar.id])[calendar.id], draft.spec, start, now)
    zone = ZoneInfo(draft.spec["tz"])
    names = queries.names_of(found) | {queries.DRAFT: draft.names}
    first = start.astimezone(zone).year
    return render_template(
        "working_hours/preview.html",
        calendar=calendar,
        form=form,
        draft=draft,
        start=start,
        seal=form.seal(draft, now),
        looked=queries.preview(session, calendar.id, hours, now),
        differs=changes(queries.in_force(found, start).spec, draft.spec, start.astimezone(zone).date()),
        ahead=[version for version in found if version.effective_from > start],
        years=[(year, calendar_year.months(hours, names, year)) for year in (first, first + 1)],
        today=now.astimezone(zone).date(),
        labels=LABELS,
        shift=shift_in_words,
        **_words(),
    )


def _edit_page(calendar: Calendar, form: HoursForm, focus: str = "", conflict: bool = False) -> str:
    meanwhile = []
    if conflict:
        session = db.session()
        found = queries.versions(session, calendar.id)
        seen = form.base.data or 0
        meanwhile = [line for line in queries.version_lines(session, found, utcnow()) if line.version.id > seen]
        # Who has now seen the other version may decide to replace it.
        form.base.raw_data, form.base.data = None, found[-1].id
    return render_template(
        "working_hours/edit.html",
        calendar=calendar,
        form=form,
        focus=focus,
        meanwhile=meanwhile,
        zones=zones(),
        **_words(),
    )


# ------------------------------------------------------------------ a year, and files


@blueprint.get("/service-levels/hours/<int:number>/year")
@requires(Permission.CALENDAR_READ)
def year(number: int) -> Any:
    """Twelve months: open days, holidays, closures, other hours."""
    session, now = db.session(), utcnow()
    calendar = _of(number)
    found = queries.versions(session, number)
    hours = histories(session, [number])[number]
    form = YearForm(request.args)
    chosen, fault = form.year(now)
    months = calendar_year.months(hours, queries.names_of(found), chosen)
    return render_template(
        "working_hours/year.html",
        calendar=calendar,
        year=chosen,
        fault=fault,
        typed=form.y.data,
        months=months,
        worked=calendar_year.working_days(months),
        today=now.astimezone(hours.version_at(now).calendar.zone).date(),
        holidays_until=queries.holidays_until(queries.in_force(found, now)),
        **_words(),
    ), 422 if fault else 200


@blueprint.get("/service-levels/hours/<int:number>/calendar.ics")
@requires(Permission.CALENDAR_READ)
def export(number: int) -> Any:
    """The calendar's days as an iCalendar file, from the beginning of this year on."""
    session, now = db.session(), utcnow()
    calendar, found = _of(number), queries.versions(db.session(), number)
    force = queries.in_force(found, now)
    dated = [day for version in found for day in (*version.spec["holidays"], *version.spec["overrides"])]
    last = max([date(now.year, 12, 31), *(date.fromisoformat(day) for day in dated)])
    hours = histories(session, [number])[number]
    days = list(calendar_year.days(hours, queries.names_of(found), date(now.year, 1, 1), last))
    data = icalendar.write(
        calendar.name,
        f"Open {hours_in_words(force.spec['weekly_hours'])}, {force.spec['tz']}.",
        force.spec["tz"],
        f"{number}@{current_app.config['DESK'].MAIL_DOMAIN}",
        found[-1].created_at,
        [icalendar.Days(*run) for run in calendar_year.closed_runs(days)],
        [icalendar.Hours(*hours) for hours in calendar_year.other_hours(days)],
    )
    headers = {"Content-Disposition": f"attachment; filename=working-hours-{number}.ics"}
    return Response(data, mimetype="text/calendar", headers=headers)


@blueprint.route("/service-levels/hours/<int:number>/import", methods=["GET", "POST"])
@requires(Permission.CALENDAR_EDIT)
def read_file(number: int) -> Any:
    """Read somebody's holiday file, show what is in it, and go on to the form with it; nothing is saved here."""
    calendar, now = _editable(number), utcnow()
    form, found, filled = FileForm(), None, None
    if form.validate_on_submit():
        versions = queries.versions(db.session(), number)
        filled = HoursForm(formdata=None)
        filled.begin(queries.in_force(versions, now), versions[-1].id, now)
        today = now.astimezone(ZoneInfo(filled.sheet.tz)).date()
        last = date(today.year + HOLIDAY_YEARS - 1, 12, 31)
        try:
            found = icalendar.read(form.content(icalendar.MOST_BYTES + 1), filled.sheet.tz, today, last)
            filled.add(found, form.timed.data, now)
        except (InvalidInput, TooLarge) as refusal:
            form.refuse("file", refusal.sentence)
            found = None
    shown = {"form": form, "found": found, "filled": filled, "days_in_words": days_in_words}
    page = render_template("working_hours/read_file.html", calendar=calendar, **shown)
    return page, 422 if form.errors else 200


# ------------------------------------------------------------------ what they share


def _of(number: int) -> Calendar:
    return queries.get(db.session(), current_actor(), number)


def _editable(number: int) -> Calendar:
    """The calendar, for somebody who may edit it; who may only read it finds no such page."""
    calendar = _of(number)
    if not may(current_actor(), Permission.CALENDAR_EDIT, queries.place_of(calendar)):
        raise NotFound
    return calendar


def _calendar_page(number: int, naming: NameForm) -> str:
    session, actor, now = db.session(), current_actor(), utcnow()
    calendar = _of(number)
    found = queries.versions(session, number)
    hours: CalendarHistory = histories(session, [number])[number]
    today = now.astimezone(hours.version_at(now).calendar.zone).date()
    if not naming.errors:
        naming.name.data = calendar.name
    coming = list(calendar_year.days(hours, queries.names_of(found), today, today + SOON_DAYS * ONE_DAY))
    party = next(each for each in queries.parties(session, actor) if calendar in each.calendars)
    return render_template(
        "working_hours/show.html",
        calendar=calendar,
        party=party,
        force=queries.in_force(found, now),
        lines=queries.version_lines(session, found, now),
        opening=queries.opening_of(number, calendar.name, hours, now),
        coming=calendar_year.notes(coming),
        soon_days=SOON_DAYS,
        holidays_until=queries.holidays_until(queries.in_force(found, now)),
        naming=naming,
        **_words(),
    )


def _words() -> dict[str, Any]:
    """What the templates of hours say things with."""
    tools: dict[str, Callable[..., Any]] = {"in_words": _sentence, "pictured": pictured, "short_day": short_day}
    return {"days": DAYS, "place_name": place_name, **tools}


def _sentence(weekly: Mapping[str, Sequence[Sequence[str]]]) -> str:
    words = hours_in_words(weekly)
    return f"{words[:1].upper()}{words[1:]}."
