"""The demo world before its first ticket: places, calendars, teams and people, made through the verbs."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts import service
from desk.accounts.models import Consortium, MemberOrg, Organisation, Person, Registry, Team
from desk.calendars import service as calendars
from desk.catalogue.queries import catalogue
from desk.catalogue.service import load_catalogue, read_document
from desk.db import Base
from desk.demo.people import Human
from desk.demo.places import CONSORTIA, REGISTRIES, ConsortiumPlace, Opening, RegistryPlace
from desk.domain.calendar import BusinessCalendar
from desk.domain.catalogue import Catalogue
from desk.domain.holiday_dates import public_holidays
from desk.domain.opening_hours import WEEKDAYS
from desk.domain.permissions import MEMBER_ROLES, REGISTRY_ROLES, SYSTEM, Actor, Role

YEARS_AHEAD = 5
CLOSURE = "between Christmas and New Year"


@dataclass
class Ground:
    """Where everything is: database ids by the names of ``desk.demo.places``, working hours, and who acts."""

    session: Session
    since: datetime
    catalogue: Catalogue
    registries: dict[str, int] = field(default_factory=dict)
    consortia: dict[str, int] = field(default_factory=dict)
    members: dict[str, int] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)
    hours: dict[str, BusinessCalendar] = field(default_factory=dict)  # by the slug of a consortium or registry
    held: list[Base] = field(default_factory=list)
    _actors: dict[str, Actor] = field(default_factory=dict)

    def actor(self, human: Human) -> Actor:
        """Somebody as the verbs take them; roles of this world began with it and last."""
        if human.email not in self._actors:
            self._actors[human.email] = accounts.actor_of(self.session, self.people[human.email], self.since)
        return self._actors[human.email]


def lay(session: Session, people: Iterable[Human], since: datetime, until: datetime) -> Ground:
    """Found registries, consortia, members and people as of ``since``; calendars reach some years beyond ``until``."""
    load_catalogue(session, read_document(), since)
    ground = Ground(session, since, catalogue(session))
    for registry in REGISTRIES:
        _found_registry(ground, registry, until)
    for consortium in CONSORTIA:
        _found_consortium(ground, consortium, until)
    for human in people:
        _settle(ground, human)
    ground.held = held(session)
    return ground


def held(session: Session) -> list[Base]:
    """Rows that every verb asks for. Holding them spares a query each time: a session forgets what nobody holds."""
    kinds: tuple[type[Base], ...] = (Registry, Consortium, Organisation, MemberOrg, Team, Person)
    return [row for kind in kinds for row in session.scalars(sa.select(kind))]


def specification(opening: Opening, since: datetime, until: datetime) -> dict[str, Any]:
    """The opening hours in the form in which calendars are stored, holidays and closures as dates."""
    years = range(since.year - 1, until.year + YEARS_AHEAD + 1)
    return {
        "tz": opening.timezone,
        "weekly_hours": {
            day: [window.split("-") for window in windows]
            for day, windows in zip(WEEKDAYS, opening.days, strict=True)
            if windows
        },
        "holidays": list(public_holidays(opening.country, opening.subdivision, years[0], years[-1])),
        "overrides": {day.isoformat(): [] for year in years for day in _closed(opening, year)},
    }


def names_of_days(opening: Opening, spec: dict[str, Any]) -> dict[str, str]:
    """What the dates of a specification are called; a public holiday keeps its name inside a closure.

    A day after the last year of holidays has none: named, and on the list, it would pass for a holiday that is worked.
    """
    years = [int(day[:4]) for day in spec["holidays"]]
    known = public_holidays(opening.country, opening.subdivision, min(years), max(years))
    closed = [day for day in spec["overrides"] if int(day[:4]) <= max(years)]
    return dict.fromkeys(closed, CLOSURE) | {day: known[day] for day in spec["holidays"]}


def _closed(opening: Opening, year: int) -> list[date]:
    """The days of the closure that begins in ``year``."""
    if opening.closure is None:
        return []
    (month, day), (last_month, last_day) = opening.closure
    first = date(year, month, day)
    last = date(year + (last_month < month), last_month, last_day)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _calendar(ground: Ground, slug: str, name: str, opening: Opening, until: datetime, **owner: int) -> int:
    spec = specification(opening, ground.since, until)
    ground.hours[slug] = BusinessCalendar.from_spec(spec)
    made = calendars.add_calendar(
        ground.session,
        SYSTEM,
        name=name,
        spec=spec,
        now=ground.since,
        country=opening.country,
        subdivision=opening.subdivision,
        names=names_of_days(opening, spec),
        note="Set up with the consortium." if "consortium_id" in owner else "Set up with the registry.",
        **owner,  # type: ignore[arg-type]
    )
    return made.id


def _found_registry(ground: Ground, place: RegistryPlace, until: datetime) -> None:
    session, since = ground.session, ground.since
    registry = service.add_registry(session, slug=place.slug, name=place.name, service=place.service, now=since)
    ground.registries[place.slug] = registry.id
    hours = _calendar(ground, place.slug, f"{place.name} support hours", place.opening, until, registry_id=registry.id)
    for tier, name, address in ((2, "support", place.support_address), (3, "engineering", None)):
        service.add_team(
            session,
            tier=tier,
            name=f"{place.name} {name}",
            registry_id=registry.id,
            calendar_id=hours,
            support_address=address,
            signature=f"{place.name} {name}",
        )
    calendars.add_agreement(session, SYSTEM, name=f"{place.name} and its consortia", now=since, registry_id=registry.id)


def _found_consortium(ground: Ground, place: ConsortiumPlace, until: datetime) -> None:
    session, since = ground.session, ground.since
    consortium = service.add_consortium(
        session,
        registry_id=ground.registries[place.registry],
        slug=place.slug,
        name=place.name,
        language=place.language,
        now=since,
    )
    ground.consortia[place.slug] = consortium.id
    hours = _calendar(
        ground, place.slug, f"{place.team}: opening hours", place.opening, until, consortium_id=consortium.id
    )
    service.add_team(
        session,
        tier=1,
        name=place.team,
        consortium_id=consortium.id,
        calendar_id=hours,
        support_address=place.support_address,
        signature=f"{place.team}\n{place.name}",
    )
    calendars.add_agreement(session, SYSTEM, name=f"Promises of {place.name}", now=since, consortium_id=consortium.id)
    for member in place.members:
        row = service.add_member_org(
            session,
            consortium_id=consortium.id,
            name=member.name,
            ror_id=member.ror,
            country=member.country,
            mail_domains=[member.domain],
            now=since,
        )
        ground.members[member.code] = row.id


def _settle(ground: Ground, human: Human) -> None:
    session, since = ground.session, ground.since
    person: Person = service.add_person(
        session, name=human.name, email=human.email, timezone=human.timezone, language=human.language, now=since
    )
    ground.people[human.email] = person.id
    member_id = ground.members[human.place] if human.role in MEMBER_ROLES else None
    service.grant_role(
        session,
        person=person,
        role=human.role,
        now=since,
        member_org_id=member_id,
        consortium_id=ground.consortia.get(human.place) if human.role in (Role.LEAD_AGENT, Role.LEAD_MANAGER) else None,
        registry_id=ground.registries[human.place] if human.role in REGISTRY_ROLES else None,
        sees_all=human.sees_all,
    )
    for label in human.contact_roles:
        if member_id is not None:
            service.add_contact_role(session, person_id=person.id, member_org_id=member_id, label=label)
