"""Reading working hours: whose they are, when they open next, what was changed in them, which clocks an edit moves."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Consortium, Person, Registry, Team
from desk.calendars.models import Calendar, CalendarVersion
from desk.calendars.queries import histories
from desk.domain.calendar import BusinessCalendar, NoOpening, instant, whole_second
from desk.domain.calendar_changes import changes
from desk.domain.calendar_history import CalendarHistory, Version
from desk.domain.clock_moments import with_moments
from desk.domain.clock_moves import Move, Preview
from desk.domain.clocks import ClockState, EventType
from desk.domain.errors import NotFound
from desk.domain.lifecycle import State
from desk.domain.permissions import Actor, Permission, Place, may
from desk.domain.targets import REGISTRY_KINDS, Kind
from desk.domain.ticket_change import Change
from desk.sla import queries as sla
from desk.sla import service as clocks
from desk.sla.models import Clock, ClockSet

BATCH = 200
LONGEST_PROMISE = timedelta(days=3 * 366)
"""Hours that still open after so long are taken to be enough for whatever is promised: no clock is looked at."""
REGISTRY_TIER = 2
"""The team whose hours a registry's clocks are measured in."""
DRAFT = "draft"
"""The key of a version that is not saved."""


# ------------------------------------------------------------------ whose they are


@dataclass(frozen=True, slots=True)
class PartyHours:
    """A desk of the reader's: its calendars by name, the teams that keep them, and whether the reader may edit them."""

    name: str
    place: Place
    edits: bool
    calendars: Sequence[Calendar]
    teams: Sequence[Team]

    def keeps(self, calendar: Calendar) -> list[Team]:
        """The teams that keep a calendar."""
        return [team for team in self.teams if team.calendar_id == calendar.id]


def visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    """Calendars that the actor may read: those of the desks they work at."""
    return sa.or_(Calendar.consortium_id.in_(actor.consortia()), Calendar.registry_id.in_(actor.registries()))


def get(session: Session, actor: Actor, number: int) -> Calendar:
    """A calendar that the actor may read. Raises ``NotFound``."""
    found = session.scalars(sa.select(Calendar).where(Calendar.id == number, visible_to(actor))).first()
    if found is None:
        raise NotFound
    return found


def team(session: Session, calendar: Calendar, number: int) -> Team:
    """A team of the calendar's own party. Raises ``NotFound``."""
    found = session.get(Team, number)
    owner = (calendar.consortium_id, calendar.registry_id)
    if found is None or (found.consortium_id, found.registry_id) != owner:
        raise NotFound
    return found


def place_of(calendar: Calendar) -> Place:
    """Whose it is, as the rules see it."""
    return Place(consortium_id=calendar.consortium_id, registry_id=calendar.registry_id)


def parties(session: Session, actor: Actor) -> list[PartyHours]:
    """The desks of the actor with their calendars and teams; four queries."""
    consortia = session.scalars(sa.select(Consortium).where(Consortium.id.in_(actor.consortia()))).all()
    registries = session.scalars(sa.select(Registry).where(Registry.id.in_(actor.registries()))).all()
    calendars = session.scalars(sa.select(Calendar).where(visible_to(actor)).order_by(Calendar.name, Calendar.id)).all()
    own = sa.or_(Team.consortium_id.in_(actor.consortia()), Team.registry_id.in_(actor.registries()))
    teams = session.scalars(sa.select(Team).where(own).order_by(Team.tier, Team.id)).all()
    places = [(each.name, Place(consortium_id=each.id)) for each in sorted(consortia, key=lambda each: each.name)]
    places += [(each.name, Place(registry_id=each.id)) for each in sorted(registries, key=lambda each: each.name)]

    def of(place: Place, rows: Sequence[Any]) -> list[Any]:
        key = (place.consortium_id, place.registry_id)
        return [row for row in rows if (row.consortium_id, row.registry_id) == key]

    return [
        PartyHours(name, place, may(actor, Permission.CALENDAR_EDIT, place), of(place, calendars), of(place, teams))
        for name, place in places
    ]


# ------------------------------------------------------------------ versions


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version as the list shows it. ``standing``: in force, ahead, past, or replaced by a later one of its moment."""

    version: CalendarVersion
    by: str
    standing: str
    changes: Sequence[str]


def versions(session: Session, calendar_id: int) -> list[CalendarVersion]:
    """All versions of a calendar in the order in which they were written; the last is the newest."""
    return versions_of(session, [calendar_id])[calendar_id]


def versions_of(session: Session, calendar_ids: Collection[int]) -> dict[int, list[CalendarVersion]]:
    """The versions of some calendars, each in the order in which they were written; one query."""
    found: dict[int, list[CalendarVersion]] = {calendar_id: [] for calendar_id in calendar_ids}
    chosen = sa.select(CalendarVersion).where(CalendarVersion.calendar_id.in_(calendar_ids))
    for version in session.scalars(chosen.order_by(CalendarVersion.id)):
        found[version.calendar_id].append(version)
    return found


def newest_id(session: Session, calendar_id: int) -> int:
    """The id of the version that was written last: what an edit says that it knows."""
    newest = sa.select(sa.func.max(CalendarVersion.id)).where(CalendarVersion.calendar_id == calendar_id)
    return session.scalar(newest) or 0


def in_force(found: Sequence[CalendarVersion], at: datetime) -> CalendarVersion:
    """The version that counts at an instant; the earliest one counts before it, too."""
    begun = [each for each in found if each.effective_from <= at]
    if not begun:
        first = min(each.effective_from for each in found)
        begun = [each for each in found if each.effective_from == first]
    return max(begun, key=lambda each: (each.effective_from, each.id))


def version_lines(session: Session, found: Sequence[CalendarVersion], now: datetime) -> list[VersionLine]:
    """The versions of a calendar, the newest first, with who wrote them and what each changed."""
    people = sa.select(Person.id, Person.name).where(Person.id.in_({each.created_by for each in found} - {None}))
    names: dict[int | None, str] = {row.id: row.name for row in session.execute(people)}
    force, said = in_force(found, now), []
    for place, each in enumerate(found):
        later = any(other.effective_from == each.effective_from for other in found[place + 1 :])
        before = in_force(found[:place], each.effective_from) if place else None
        zone = BusinessCalendar.from_spec({"tz": each.spec["tz"], "weekly_hours": {}})
        what = changes(before.spec, each.spec, zone.day_of(each.effective_from)) if before else []
        standing = "in force" if each is force else "replaced" if later else "past"
        standing = "ahead" if each.effective_from > now and not later else standing
        said.append(VersionLine(each, names.get(each.created_by, "The desk itself"), standing, what))
    return said[::-1]


def holidays_until(version: CalendarVersion) -> int | None:
    """The last year whose public holidays the version knows; None where it has no country."""
    years = [int(day[:4]) for day in version.spec["holidays"]]
    return max(years) if version.country and years else None


def names_of(found: Sequence[CalendarVersion]) -> dict[int | str | None, Mapping[str, str]]:
    """The names of dates by version, as ``calendar_year`` takes them."""
    return {each.id: each.holiday_names for each in found}


# ------------------------------------------------------------------ when they open


@dataclass(frozen=True, slots=True)
class Opening:
    """A desk's hours as of now: open until then, or closed until then; neither: it never opens again."""

    calendar_id: int
    name: str
    tz: str
    open_until: datetime | None = None
    opens_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is open now."""
        return self.open_until is not None


@dataclass(frozen=True, slots=True)
class Openings:
    """Both desks of a ticket; None where no hours are known."""

    lead: Opening | None = None
    registry: Opening | None = None


def next_openings(session: Session, ticket_ids: Collection[int], now: datetime) -> dict[int, Openings]:
    """Both desks' hours as of now for some tickets; three queries however many they are."""
    chosen = sa.select(ClockSet.ticket_id, ClockSet.lead_calendar_id, ClockSet.registry_calendar_id)
    rows = session.execute(chosen.where(ClockSet.ticket_id.in_(ticket_ids))).all()
    known = openings(session, {row.lead_calendar_id for row in rows} | {row.registry_calendar_id for row in rows}, now)
    found = {row.ticket_id: Openings(known.get(row[1]), known.get(row[2])) for row in rows}
    return {ticket_id: found.get(ticket_id, Openings()) for ticket_id in ticket_ids}


def openings(session: Session, calendar_ids: Collection[int | None], now: datetime) -> dict[int, Opening]:
    """Some calendars as of now, each named after the first team that keeps it; two queries."""
    team = sa.select(sa.func.min(Team.id)).where(Team.calendar_id == Calendar.id).correlate(Calendar).scalar_subquery()
    rows = session.execute(
        sa.select(Calendar.id, sa.func.coalesce(Team.name, Calendar.name).label("name"))
        .outerjoin(Team, Team.id == team)
        .where(Calendar.id.in_([each for each in calendar_ids if each is not None]))
    ).all()
    known = histories(session, [row.id for row in rows])
    return {row.id: opening_of(row.id, row.name, known[row.id], now) for row in rows if row.id in known}


def opening_of(calendar_id: int, name: str, hours: CalendarHistory, now: datetime) -> Opening:
    """A calendar as of now."""
    tz = hours.version_at(now).calendar.tz
    try:
        if hours.is_open(now):
            return Opening(calendar_id, name, tz, open_until=_open_until(hours, now))
        return Opening(calendar_id, name, tz, opens_at=hours.next_opening(now))
    except NoOpening:
        return Opening(calendar_id, name, tz)


def _open_until(hours: CalendarHistory, now: datetime) -> datetime:
    """When it closes; a change of version in the middle of an open stretch does not close it."""
    end = hours.closes_at(now)
    while hours.is_open(end) and end - now < timedelta(days=400):
        end = hours.closes_at(end)
    return end


def never_opens(hours: CalendarHistory, now: datetime) -> bool:
    """Whether no opening lies ahead of ``now``, within the horizon."""
    try:
        hours.next_opening(now)
    except NoOpening:
        return True
    return False


# ------------------------------------------------------------------ what an edit would move


def supposed(hours: CalendarHistory, spec: Mapping[str, Any], start: datetime, now: datetime) -> CalendarHistory:
    """A calendar's history as it would be with one more version."""
    begin = instant(whole_second(start))
    return CalendarHistory([*hours.versions, Version(begin, BusinessCalendar.from_spec(spec), DRAFT, now)])


def preview(session: Session, calendar_id: int, hours: CalendarHistory, now: datetime) -> Preview:
    """What running clocks would do with ``hours`` as the calendar's history; nothing is written.

    Worked out as the edit itself would do it, in batches, each of a few queries.
    """
    batches = sla.live_tickets_of_calendar(session, calendar_id, BATCH)
    found = Preview()
    for rows in _borrowed(session, batches):
        units = sla.read(session, rows, now, {calendar_id: hours})
        mine = _act(session, units, lambda unit: clocks.learn(unit, {calendar_id}, None))
        _count(found, [(unit, clock) for unit, clock in mine if clock.calendar_id == calendar_id], now)
    return found


def preview_choice(session: Session, team: Team, calendar: Calendar, now: datetime) -> Preview:
    """What the clocks of a team would do if it kept another calendar; nothing is written."""
    found = Preview()
    batches = tickets_of_team(session, team, calendar.id, BATCH) if measures(team) else []
    for rows in _borrowed(session, batches):
        for row in rows:
            keep(row, team, calendar.id)
        units = sla.read(session, rows, now)
        mine = _act(session, units, lambda unit: clocks.do(unit, Change.hours_chosen(), None, None))
        kinds = (Kind.LEAD,) if team.consortium_id is not None else REGISTRY_KINDS
        _count(found, [(unit, clock) for unit, clock in mine if clock.kind in kinds], now)
    return found


def measures(team: Team) -> bool:
    """Whether clocks are measured in the team's hours; those of a registry's Tier 3 are only shown."""
    return team.consortium_id is not None or team.tier == REGISTRY_TIER


def keep(row: ClockSet, team: Team, calendar_id: int) -> None:
    """The clocks of a ticket that are the team's go on in its calendar."""
    if team.consortium_id is not None:
        row.lead_calendar_id = calendar_id
    else:
        row.registry_calendar_id = calendar_id


def _borrowed(session: Session, batches: Sequence[Sequence[int]]) -> Iterator[Sequence[ClockSet]]:
    """The rows of some tickets, batch by batch, out of the session: what is done to them is never written."""
    for batch in batches:
        rows = sla.sets_of(session, batch)
        for row in rows:
            session.expunge(row)
        yield rows


def _act(session: Session, units: Sequence[sla.Unit], act: Callable[[sla.Unit], None]) -> list[tuple[sla.Unit, Clock]]:
    """Do to each what a verb would do; the live clocks as they are stored, each with its unit."""
    stored = sla.clocks_of(session, [unit.row.ticket_id for unit in units])
    for unit in units:
        unit.keep_up()
        act(unit)
    return [(unit, clock) for unit in units for clock in stored[unit.row.ticket_id] if _is_live(clock)]


def _count(found: Preview, looked: Sequence[tuple[sla.Unit, Clock]], now: datetime) -> None:
    """Take in some clocks as they are stored, each with what it would be."""
    found.live += len(looked)
    found.count([move for unit, clock in looked if (move := _move(unit, clock, now))])


def _move(unit: sla.Unit, before: Clock, now: datetime) -> Move | None:
    after = with_moments(unit.book.clocks[before.kind], unit.book.calendars, unit.applied.percents)
    late = unit.book.had(before.kind, EventType.BREACHED) and not before.is_late(now)
    if before.due_at == after.due_at and not late:
        return None
    return Move(unit.row.ticket_id, before.kind, before.due_at, after.due_at, late)


def _is_live(clock: Clock) -> bool:
    """Whether a clock may still be late: it runs, or stands still for the time being."""
    return clock.state in (ClockState.RUNNING, ClockState.PAUSED)


def due_dates(session: Session, calendar_id: int) -> dict[int, datetime | None]:
    """The dates of all live clocks of a calendar, by clock: compared before and after an edit."""
    rows = session.execute(
        sa.select(Clock.id, Clock.due_at).where(
            Clock.calendar_id == calendar_id,
            Clock.state.in_([sa.literal_column("'running'"), sa.literal_column("'paused'")]),
        )
    )
    return {row.id: row.due_at for row in rows}


def tickets_of_team(session: Session, team: Team, calendar_id: int, size: int) -> list[Sequence[int]]:
    """The team's tickets that are not closed and do not count in this calendar, as they are locked, in batches."""
    if team.consortium_id is not None:
        own = ClockSet.consortium_id == team.consortium_id
        other = ClockSet.lead_calendar_id.is_distinct_from(calendar_id)
    else:
        own = ClockSet.registry_id == team.registry_id
        other = ClockSet.registry_calendar_id.is_distinct_from(calendar_id)
    chosen = sa.select(ClockSet.ticket_id).where(own, other, ClockSet.state != State.CLOSED)
    return list(session.scalars(chosen.order_by(ClockSet.ticket_id)).partitions(size))


def unseen_closed(session: Session, now: datetime) -> list[tuple[Calendar, int, bool]]:
    """Calendars that leave promises without a date of which nobody was told yet, each with its newest version.

    And whether they open again at all: hours that end may be too few for a promise long before the last of them.
    """
    newest = sa.func.max(CalendarVersion.id)
    rows = session.execute(
        sa.select(Calendar, newest.label("version"))
        .join(CalendarVersion, CalendarVersion.calendar_id == Calendar.id)
        .group_by(Calendar.id)
        .having(sa.or_(Calendar.closed_version_id.is_(None), Calendar.closed_version_id != newest))
    ).all()
    known = histories(session, [row[0].id for row in rows])
    ending = [row for row in rows if never_opens(known[row[0].id], now + LONGEST_PROMISE)]
    short = _without_dates(session, [row[0].id for row in ending])
    found = [(row[0], row[1], not never_opens(known[row[0].id], now)) for row in ending]
    return [(calendar, version, opens) for calendar, version, opens in found if not opens or calendar.id in short]


def _without_dates(session: Session, calendar_ids: Collection[int]) -> set[int]:
    """Those of the calendars in which a running clock is promised and has no date; one query."""
    if not calendar_ids:
        return set()
    lost = (Clock.state == ClockState.RUNNING, Clock.due_at.is_(None), sa.cast(Clock.target, sa.String) != "{}")
    return set(
        session.scalars(sa.select(Clock.calendar_id).where(Clock.calendar_id.in_(calendar_ids), *lost).distinct())
    )
