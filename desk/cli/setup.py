"""``flask setup``: an empty desk made ready, from one file and two tables, in one unit of work."""

from datetime import datetime, timedelta
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts import service
from desk.accounts.models import Consortium, Person, Registry, TokenPurpose
from desk.bridge import service as bridges
from desk.calendars import service as calendars
from desk.catalogue.queries import current_version
from desk.catalogue.service import load_catalogue, read_document
from desk.cli.bridge import draft_from
from desk.cli.readiness import demand_database
from desk.cli.setup_file import BadSetup, Hours, Setup, member_key, read
from desk.clock import utcnow
from desk.config import Settings
from desk.db import transaction
from desk.domain.errors import DeskError, InvalidInput
from desk.domain.languages import ENGLISH
from desk.domain.permissions import SYSTEM, Role


@click.command("setup")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_appcontext
def group(file: Path) -> None:
    """Make an empty desk ready from FILE: registry, consortium, calendar, members, contacts, first manager.

    Nothing is kept when anything in the file or its tables is wrong. Prints the manager's one-time link.
    """
    settings: Settings = current_app.config["DESK"]
    now = utcnow()
    demand_database()
    try:
        setup = read(file)
        with transaction() as session:
            consortium = install(session, setup, now, own_domain=settings.MAIL_DOMAIN)
            manager = _manager(session, setup, consortium, now)
            link = invitation(session, manager, settings, now)
    except BadSetup as error:
        raise click.ClickException(f"Nothing was kept. Please mend this first:\n{error}") from error
    except DeskError as error:
        raise click.ClickException(f"Nothing was kept. {error.sentence}") from error
    click.echo(f"{consortium.name} is ready: {len(setup.members)} members, {len(setup.contacts)} contacts.")
    click.echo(f"{manager.name} signs in with this link, once, within {settings.INVITATION_HOURS} hours:")
    click.echo(link)


def install(session: Session, setup: Setup, now: datetime, *, own_domain: str) -> Consortium:
    """Store places, calendars and people. Raises ``DeskError`` with a sentence that names what cannot be."""
    if current_version(session) is None:
        load_catalogue(session, read_document(), now)
    registry = accounts.registry_by_slug(session, str(setup.registry["slug"])) or _registry(
        session, setup, now, own_domain
    )
    slug = str(setup.consortium["slug"])
    if accounts.consortium_by_slug(session, slug) is not None:
        raise InvalidInput(f"A consortium “{slug}” is set up already; its people are added with “people add”.")
    address = str(setup.team["support_address"])
    if accounts.team_by_address(session, address) is not None:
        raise InvalidInput(f"{address} is the support address of another team already; each team needs its own.")
    consortium = service.add_consortium(
        session,
        registry_id=registry.id,
        slug=slug,
        name=str(setup.consortium["name"]),
        language=str(setup.consortium.get("language", ENGLISH)),
        reopen_working_days=int(setup.consortium.get("reopen_working_days", 10)),
        now=now,
    )
    calendar_id = _calendar(
        session, f"{setup.team['name']}: opening hours", setup.hours, now, consortium_id=consortium.id
    )
    service.add_team(
        session,
        tier=1,
        name=str(setup.team["name"]),
        consortium_id=consortium.id,
        calendar_id=calendar_id,
        support_address=str(setup.team["support_address"]),
        signature=str(setup.team.get("signature", "")),
    )
    calendars.add_agreement(
        session, SYSTEM, name=f"Promises of {consortium.name}", now=now, consortium_id=consortium.id
    )
    _members(session, setup, consortium, now)
    return consortium


def _registry(session: Session, setup: Setup, now: datetime, own_domain: str) -> Registry:
    given = setup.registry
    if setup.registry_hours is None:
        raise InvalidInput("The registry is new here, so the file needs its opening hours: [registry.calendar].")
    registry = service.add_registry(
        session, slug=str(given["slug"]), name=str(given["name"]), service=str(given["service"]), now=now
    )
    hours = _calendar(session, f"{registry.name}: support hours", setup.registry_hours, now, registry_id=registry.id)
    for tier, key in ((2, "support_team"), (3, "engineering_team")):
        if tier == 2 or given.get(key):
            service.add_team(
                session,
                tier=tier,
                name=str(given.get(key) or f"{registry.name} support"),
                registry_id=registry.id,
                calendar_id=hours,
                support_address=str(given["support_address"]) if tier == 2 and given.get("support_address") else None,
            )
    calendars.add_agreement(
        session, SYSTEM, name=f"{registry.name} and its consortia", now=now, registry_id=registry.id
    )
    if setup.bridge:
        support, draft = accounts.team_of_registry(session, registry.id), draft_from(setup.bridge)
        bridges.save(session, SYSTEM, support, draft, own_domain=own_domain, version=None, now=now)
    return registry


def _calendar(session: Session, name: str, hours: Hours, now: datetime, **owner: int) -> int:
    made = calendars.add_calendar(
        session,
        SYSTEM,
        name=name,
        spec=hours.spec,
        now=now,
        country=hours.country,
        subdivision=hours.subdivision,
        note="From the set-up file.",
        **owner,  # type: ignore[arg-type]
    )
    return made.id


def _members(session: Session, setup: Setup, consortium: Consortium, now: datetime) -> None:
    found: dict[str, int] = {}
    for member in setup.members:
        row = service.add_member_org(
            session,
            consortium_id=consortium.id,
            name=member.name,
            ror_id=member.ror or None,
            country=member.country,
            mail_domains=list(member.mail_domains),
            now=now,
        )
        found |= {key: row.id for key in (member.name.casefold(), member.ror) if key}
    for contact in setup.contacts:
        person = accounts.person_by_email(session, contact.email) or service.add_person(
            session,
            name=contact.name,
            email=contact.email,
            timezone=contact.timezone,
            language=consortium.language,
            now=now,
        )
        member_org_id = found[member_key(contact.member)]
        service.grant_role(
            session,
            person=person,
            role=contact.role,
            member_org_id=member_org_id,
            sees_all=contact.sees_all,
            now=now,
        )
        for label in contact.contact_roles:
            service.add_contact_role(session, person_id=person.id, member_org_id=member_org_id, label=label)


def _manager(session: Session, setup: Setup, consortium: Consortium, now: datetime) -> Person:
    given = setup.manager
    person = accounts.person_by_email(session, str(given["email"])) or service.add_person(
        session,
        name=str(given["name"]),
        email=str(given["email"]),
        timezone=str(given.get("timezone") or setup.hours.spec.get("tz", "UTC")),
        language=consortium.language,
        now=now,
    )
    service.grant_role(session, person=person, role=Role.LEAD_MANAGER, consortium_id=consortium.id, now=now)
    return person


def invitation(session: Session, person: Person, settings: Settings, now: datetime) -> str:
    """The address of a page on which the person chooses a password, once."""
    link = service.issue_link(
        session,
        person,
        purpose=TokenPurpose.SET_PASSWORD,
        lifetime=timedelta(hours=settings.INVITATION_HOURS),
        now=now,
    )
    return f"{settings.BASE_URL}/link/{service.link_token(link, settings.SECRET_KEY)}"
