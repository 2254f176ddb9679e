"""``flask people``: add somebody with a role, see and end roles, give a new one-time link."""

from datetime import datetime

import click
import sqlalchemy as sa
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts import service
from desk.accounts.models import Consortium, MemberOrg, Organisation, Person, Registry, RoleGrant
from desk.cli.setup import invitation
from desk.cli.setup_file import member_key
from desk.clock import utcnow
from desk.config import Settings
from desk.db import db, transaction
from desk.domain.errors import DeskError, InvalidInput
from desk.domain.languages import ENGLISH, LANGUAGES
from desk.domain.permissions import LEAD_ROLES, MEMBER_ROLES, REGISTRY_ROLES, Role

group = AppGroup("people", help="People and their roles.")


@group.command("add")
@click.argument("email")
@click.option("--name", help="Needed for somebody who is not known yet.")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True, help="What they do.")
@click.option("--consortium", help="Short name of the consortium, for a lead's role or a member's.")
@click.option("--registry", help="Short name of the registry, for a registry's role.")
@click.option("--member", help="Name or ROR id of the member organisation, for a contact or its manager.")
@click.option("--sees-all", is_flag=True, help="The contact sees all tickets of the organisation.")
@click.option("--timezone", default="UTC", show_default=True, help="Theirs, such as Europe/Madrid.")
@click.option("--language", type=click.Choice(list(LANGUAGES)), help="Theirs; left out: that of the consortium.")
def add(
    email: str,
    name: str | None,
    role: str,
    consortium: str | None,
    registry: str | None,
    member: str | None,
    sees_all: bool,
    timezone: str,
    language: str | None,
) -> None:
    """Give EMAIL a role, and print a link for choosing a password while the person has none."""
    settings: Settings = current_app.config["DESK"]
    now = utcnow()
    try:
        with transaction() as session:
            place = _place(session, Role(role), consortium, registry, member)
            person = accounts.person_by_email(session, email)
            if person is None:
                if not name:
                    raise InvalidInput("This address is new to the desk; please give --name, too.")
                spoken = language or _spoken(session, consortium)
                person = service.add_person(
                    session, name=name, email=email, timezone=timezone, language=spoken, now=now
                )
            service.grant_role(session, person=person, role=Role(role), now=now, sees_all=sees_all, **place)  # type: ignore[arg-type]
            # A change of roles ends the links given out before, so whoever has not used theirs needs another one.
            waits = accounts.password_hash(session, person.id) is None
            link = invitation(session, person, settings, now) if waits else None
            shown = person.name
    except DeskError as error:
        raise click.ClickException(error.sentence) from error
    click.echo(f"{shown} is {role} now.")
    if link:
        click.echo(link)


@group.command("roles")
@click.argument("email")
@click.option("--end", "ended", type=int, multiple=True, metavar="NUMBER", help="End this role at once.")
def roles(email: str, ended: tuple[int, ...]) -> None:
    """Print the roles of EMAIL, each with its number; a role that ended gives nothing from that instant on."""
    try:
        person = _person(db.session(), email)
        for number in ended:
            _end(person.id, number, utcnow())
        for line in _roles(db.session(), person.id):
            click.echo(line)
    except DeskError as error:
        raise click.ClickException(error.sentence) from error


@group.command("link")
@click.argument("email")
def link(email: str) -> None:
    """Print a new one-time link with which EMAIL chooses a password."""
    try:
        with transaction() as session:
            address = invitation(session, _person(session, email), current_app.config["DESK"], utcnow())
    except DeskError as error:
        raise click.ClickException(error.sentence) from error
    click.echo(address)


def _spoken(session: Session, consortium: str | None) -> str:
    place = accounts.consortium_by_slug(session, consortium or "")
    return place.language if place is not None else ENGLISH


def _end(person_id: int, number: int, now: datetime) -> None:
    with transaction() as session:
        grant = session.get(RoleGrant, number)
        if grant is None or grant.person_id != person_id:
            raise InvalidInput(f"This person has no role with the number {number}.")
        service.end_role(session, grant, now=now)


def _person(session: Session, email: str) -> Person:
    person = accounts.person_by_email(session, email)
    if person is None:
        raise InvalidInput(f"Nobody here has the address {email}.")
    return person


def _place(
    session: Session, role: Role, consortium: str | None, registry: str | None, member: str | None
) -> dict[str, int]:
    """Where the role holds, as the verb takes it. Raises ``InvalidInput`` that names the option which is missing."""
    if role in REGISTRY_ROLES:
        found = accounts.registry_by_slug(session, registry or "")
        if found is None:
            raise InvalidInput("A registry's role needs --registry with the short name of one.")
        return {"registry_id": found.id}
    if role is Role.ADMINISTRATOR:
        return {}
    place = accounts.consortium_by_slug(session, consortium or "")
    if place is None:
        raise InvalidInput("This role needs --consortium with the short name of one.")
    if role in LEAD_ROLES:
        return {"consortium_id": place.id}
    wanted = member_key(member or "")
    for org in accounts.member_orgs_of_consortium(session, place.id):
        if wanted in (org.name.casefold(), org.organisation.ror_id):
            return {"member_org_id": org.id}
    raise InvalidInput(f"{place.name} has no member “{member or ''}”: give --member with its name or ROR id.")


def _roles(session: Session, person_id: int) -> list[str]:
    place = sa.func.coalesce(Organisation.name, Consortium.name, Registry.name, "the installation")
    rows = session.execute(
        sa.select(RoleGrant, place)
        .outerjoin(MemberOrg, MemberOrg.id == RoleGrant.member_org_id)
        .outerjoin(Organisation, Organisation.id == MemberOrg.organisation_id)
        .outerjoin(Consortium, Consortium.id == RoleGrant.consortium_id)
        .outerjoin(Registry, Registry.id == RoleGrant.registry_id)
        .where(RoleGrant.person_id == person_id)
        .order_by(RoleGrant.id)
    )
    lines = []
    for grant, where in rows:
        until = f" until {grant.valid_until:%Y-%m-%d %H:%M} UTC" if grant.valid_until else ""
        sees = ", sees all tickets" if grant.sees_all and grant.role in MEMBER_ROLES else ""
        lines.append(f"{grant.id}\t{grant.role.value}\t{where}{sees}\tfrom {grant.valid_from:%Y-%m-%d}{until}")
    return lines
