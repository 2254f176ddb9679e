"""The people and places of the tests: two registries, two consortia, their members, and strangers who must see nothing.

Every desk works Monday to Friday from 9 to 17 in its own zone: north in Berlin, south in New York, ORCID in UTC.
Alice and Adam are contacts of one member, Olga manages it; Bob is a contact of another member of the same consortium,
Carla of a member of another consortium under another registry. Everybody and everything is fictional.
"""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.access import STARTED
from desk.accounts import queries, service
from desk.accounts.models import Consortium, MemberOrg, Person, Registry, Team
from desk.calendars import service as calendars
from desk.clock import utcnow
from desk.db import db, transaction
from desk.domain.permissions import SYSTEM, Actor, Role


@dataclass
class Cast:
    """Everybody by name. Verbs take ``cast.actor(cast.alice)``; ``cast.sign_in(client, cast.alice)`` is her browser."""

    now: datetime

    orcid: Registry
    datacite: Registry
    north: Consortium  # of ORCID
    south: Consortium  # of DataCite

    north_desk: Team
    south_desk: Team
    orcid_support: Team
    orcid_engineering: Team
    datacite_support: Team

    alder: MemberOrg  # of north: Alice, Adam, Olga
    birch: MemberOrg  # of north: Bob
    cedar: MemberOrg  # of south: Carla

    alice: Person
    adam: Person
    olga: Person
    bob: Person
    carla: Person
    leo: Person  # lead agent, north
    lena: Person  # lead manager, north
    samir: Person  # lead agent, south
    sofia: Person  # lead manager, south
    rita: Person  # registry agent, ORCID
    ruth: Person  # registry manager, ORCID
    dora: Person  # registry agent, DataCite
    dirk: Person  # registry manager, DataCite
    ada: Person  # administrator of the installation

    def actor(self, person: Person, at: datetime | None = None) -> Actor:
        """The person with the roles in force at ``at``, the cast's own ``now`` by default."""
        return queries.actor_of(db.session(), person.id, at or self.now)

    def people(self) -> dict[str, Person]:
        """Everybody by first name in lower case."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Person)}

    def sign_in(self, client: FlaskClient, person: Person) -> FlaskClient:
        """Give the browser the cookie of somebody who has just signed in; the sign-in page has tests of its own."""
        with client.session_transaction() as cookie:
            cookie["_user_id"] = f"{person.id}:{person.epoch}"
            cookie["_fresh"] = True
            cookie[STARTED] = utcnow().timestamp()
        return client

    @classmethod
    def create(cls, now: datetime) -> "Cast":
        """Store everybody through the verbs, a year before ``now``, in one unit of work."""
        began = now - timedelta(days=365)
        with transaction() as session:
            places = _places(session, began)
            people = _people(session, places, began)
            return cls(now=now, **places, **people)

    @classmethod
    def load(cls, now: datetime) -> "Cast | None":
        """Everybody as an earlier ``create`` stored them; None when the database is empty."""
        session = db.session()
        found = (
            {row.slug: row for row in session.scalars(sa.select(Registry))}
            | {row.slug: row for row in session.scalars(sa.select(Consortium))}
            | {f"team {row.name}": row for row in session.scalars(sa.select(Team))}
            | {row.name.split()[0].lower(): row for row in session.scalars(sa.select(MemberOrg))}
            | {row.email.partition("@")[0]: row for row in session.scalars(sa.select(Person))}
        )
        # Ends the transaction and leaves what was read as it is, as ``create`` does.
        session.commit()
        if not found:
            return None
        teams = {name: found[f"team {label}"] for name, label in _TEAMS.items()}
        return cls(now=now, **teams, **{one.name: found[one.name] for one in fields(cls) if one.name in found})


def _places(session: Session, now: datetime) -> dict[str, Any]:
    orcid = service.add_registry(session, slug="orcid", name="ORCID", service="ORCID", now=now)
    datacite = service.add_registry(session, slug="datacite", name="DataCite", service="DataCite", now=now)
    north = service.add_consortium(session, registry_id=orcid.id, slug="north", name="Northern Consortium", now=now)
    south = service.add_consortium(session, registry_id=datacite.id, slug="south", name="Southern Consortium", now=now)

    def hours(name: str, timezone: str, **owner: int) -> int:
        spec = {"tz": timezone, "weekly_hours": {day: [["09:00", "17:00"]] for day in _WORKING_DAYS}}
        calendars.add_agreement(session, SYSTEM, name=f"Promise of {name}", now=now, **owner)
        return calendars.add_calendar(session, SYSTEM, name=name, spec=spec, now=now, **owner).id

    def team(tier: int, name: str, address: str, calendar_id: int, **owner: int) -> Team:
        return service.add_team(
            session,
            tier=tier,
            name=name,
            support_address=f"{address}@desk.example",
            calendar_id=calendar_id,
            **owner,
        )

    berlin = hours("Northern support", "Europe/Berlin", consortium_id=north.id)
    new_york = hours("Southern support", "America/New_York", consortium_id=south.id)
    utc = hours("ORCID support", "UTC", registry_id=orcid.id)
    hanover = hours("DataCite support", "Europe/Berlin", registry_id=datacite.id)

    def member(consortium: Consortium, name: str, ror: str, domain: str) -> MemberOrg:
        return service.add_member_org(
            session,
            consortium_id=consortium.id,
            name=name,
            ror_id=f"https://ror.org/{ror}",
            country="XX",
            mail_domains=[domain],
            now=now,
        )

    return {
        "orcid": orcid,
        "datacite": datacite,
        "north": north,
        "south": south,
        "north_desk": team(1, "Northern support", "north", berlin, consortium_id=north.id),
        "south_desk": team(1, "Southern support", "south", new_york, consortium_id=south.id),
        "orcid_support": team(2, "ORCID support", "orcid", utc, registry_id=orcid.id),
        "orcid_engineering": team(3, "ORCID engineering", "orcid-engineering", utc, registry_id=orcid.id),
        "datacite_support": team(2, "DataCite support", "datacite", hanover, registry_id=datacite.id),
        "alder": member(north, "Alder University", "016cn1q84", "alder.example"),
        "birch": member(north, "Birch Library", "02r0a6q32", "birch.example"),
        "cedar": member(south, "Cedar Institute", "027h0q440", "cedar.example"),
    }


def _people(session: Session, places: dict[str, Any], now: datetime) -> dict[str, Person]:
    people: dict[str, Person] = {}
    for name, surname, domain, role, scope, place in _ROLES:
        person = service.add_person(
            session, name=f"{name.title()} {surname}", email=f"{name}@{domain}", timezone="Europe/Berlin", now=now
        )
        where = {f"{scope}_id": places[place].id} if scope else {}
        service.grant_role(session, person=person, role=role, now=now, **where)
        people[name] = person
    return people


_TEAMS = {
    "north_desk": "Northern support",
    "south_desk": "Southern support",
    "orcid_support": "ORCID support",
    "orcid_engineering": "ORCID engineering",
    "datacite_support": "DataCite support",
}
_WORKING_DAYS = ("mon", "tue", "wed", "thu", "fri")

_ROLES: tuple[tuple[str, str, str, Role, str, str], ...] = (
    ("alice", "Alder", "alder.example", Role.CONTACT, "member_org", "alder"),
    ("adam", "Ash", "alder.example", Role.CONTACT, "member_org", "alder"),
    ("olga", "Oak", "alder.example", Role.ORG_MANAGER, "member_org", "alder"),
    ("bob", "Birch", "birch.example", Role.CONTACT, "member_org", "birch"),
    ("carla", "Cedar", "cedar.example", Role.CONTACT, "member_org", "cedar"),
    ("leo", "Larch", "north.example", Role.LEAD_AGENT, "consortium", "north"),
    ("lena", "Linden", "north.example", Role.LEAD_MANAGER, "consortium", "north"),
    ("samir", "Spruce", "south.example", Role.LEAD_AGENT, "consortium", "south"),
    ("sofia", "Sycamore", "south.example", Role.LEAD_MANAGER, "consortium", "south"),
    ("rita", "Rowan", "orcid.example", Role.REGISTRY_AGENT, "registry", "orcid"),
    ("ruth", "Redwood", "orcid.example", Role.REGISTRY_MANAGER, "registry", "orcid"),
    ("dora", "Dogwood", "datacite.example", Role.REGISTRY_AGENT, "registry", "datacite"),
    ("dirk", "Douglas", "datacite.example", Role.REGISTRY_MANAGER, "registry", "datacite"),
    ("ada", "Acacia", "desk.example", Role.ADMINISTRATOR, "", ""),
)
