"""Reading who is who: actors with the roles in force at an instant, teams, members and their contacts."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import (
    Consortium,
    ContactRole,
    Credential,
    CredentialKind,
    MemberOrg,
    Organisation,
    Person,
    Registry,
    RoleGrant,
    SignInAttempt,
    Team,
)
from desk.domain.errors import NotFound
from desk.domain.permissions import LEAD_ROLES, MEMBER_ROLES, REGISTRY_ROLES, Actor, Grant, Role


def in_force(now: datetime) -> sa.ColumnElement[bool]:
    """Role grants that give something at ``now``: ``[valid_from, valid_until)``."""
    return sa.and_(RoleGrant.valid_from <= now, sa.or_(RoleGrant.valid_until.is_(None), RoleGrant.valid_until > now))


def actor_of(session: Session, person_id: int, now: datetime) -> Actor:
    """The person with the roles in force at ``now``; a deactivated person has none. Raises ``NotFound``."""
    person = session.get(Person, person_id)
    if person is None:
        raise NotFound
    # A member's grant is completed by its consortium, a lead's by its registry, so that rules need no look-up.
    rows = session.execute(
        sa.select(RoleGrant, sa.func.coalesce(MemberOrg.consortium_id, RoleGrant.consortium_id), Consortium.registry_id)
        .outerjoin(MemberOrg, MemberOrg.id == RoleGrant.member_org_id)
        .outerjoin(Consortium, Consortium.id == sa.func.coalesce(MemberOrg.consortium_id, RoleGrant.consortium_id))
        .where(RoleGrant.person_id == person_id, in_force(now))
        .order_by(RoleGrant.id)
    )
    grants = tuple(
        Grant(
            role=grant.role,
            member_org_id=grant.member_org_id,
            consortium_id=consortium_id,
            registry_id=grant.registry_id or registry_id,
            sees_all=grant.sees_all,
        )
        for grant, consortium_id, registry_id in rows
    )
    return Actor(person.id, grants if person.active else (), person.name, person.timezone)


def person_by_email(session: Session, email: str) -> Person | None:
    """The person with this address, whatever its case."""
    return session.scalars(sa.select(Person).where(Person.email == email.strip().lower())).first()


def person(session: Session, person_id: int) -> Person:
    """Raises ``NotFound``."""
    found = session.get(Person, person_id)
    if found is None:
        raise NotFound
    return found


def consortium(session: Session, consortium_id: int) -> Consortium:
    """Raises ``NotFound``."""
    found = session.get(Consortium, consortium_id)
    if found is None:
        raise NotFound
    return found


def registry(session: Session, registry_id: int) -> Registry:
    """Raises ``NotFound``."""
    found = session.get(Registry, registry_id)
    if found is None:
        raise NotFound
    return found


def registry_by_slug(session: Session, slug: str) -> Registry | None:
    """The registry with this short name."""
    return session.scalars(sa.select(Registry).where(Registry.slug == slug)).first()


def consortium_by_slug(session: Session, slug: str) -> Consortium | None:
    """The consortium with this short name."""
    return session.scalars(sa.select(Consortium).where(Consortium.slug == slug)).first()


def consortia_of(session: Session, registry_id: int | None) -> Sequence[Consortium]:
    """The consortia under a registry, by name."""
    return session.scalars(sa.select(Consortium).filter_by(registry_id=registry_id).order_by(Consortium.name)).all()


def team_of_consortium(session: Session, consortium_id: int) -> Team:
    """The lead's desk of a consortium. Raises ``NotFound`` when it has not been set up."""
    found = session.scalars(sa.select(Team).where(Team.consortium_id == consortium_id, Team.tier == 1)).first()
    if found is None:
        raise NotFound("This consortium has no support team yet.")
    return found


def team_of_registry(session: Session, registry_id: int, tier: int = 2) -> Team:
    """The registry's team of a tier; a registry without a team of its own for tier 3 answers with tier 2."""
    found = session.scalars(
        sa.select(Team).where(Team.registry_id == registry_id, Team.tier <= tier).order_by(Team.tier.desc()).limit(1)
    ).first()
    if found is None:
        raise NotFound("This registry has no support team yet.")
    return found


def team_by_address(session: Session, address: str) -> Team | None:
    """The team whose support address this is."""
    return session.scalars(sa.select(Team).where(Team.support_address == address.strip().lower())).first()


def member_orgs_of(session: Session, actor: Actor) -> Sequence[MemberOrg]:
    """The memberships in whose name the actor may file, by name."""
    return session.scalars(
        sa.select(MemberOrg).join(Organisation).where(MemberOrg.id.in_(actor.orgs())).order_by(Organisation.name)
    ).all()


def member_orgs_of_consortium(session: Session, consortium_id: int) -> Sequence[MemberOrg]:
    """All members of a consortium, by name."""
    return session.scalars(
        sa.select(MemberOrg)
        .join(Organisation)
        .where(MemberOrg.consortium_id == consortium_id, MemberOrg.left_at.is_(None))
        .order_by(Organisation.name)
    ).all()


def names_of_members(
    session: Session, *, consortium_id: int | None = None, registry_id: int | None = None
) -> list[str]:
    """By what the members of a consortium, or of all consortia of a registry, are known.

    Names and mail domains of the organisations, and the full names of their contacts; a name of one word alone is left
    out, since it is mostly a word of the language or somebody else's, too.
    """
    of_place = Consortium.registry_id == registry_id if registry_id is not None else Consortium.id == consortium_id
    members = (
        sa.select(Organisation.name, MemberOrg.mail_domains)
        .join(MemberOrg, MemberOrg.organisation_id == Organisation.id)
        .join(Consortium, Consortium.id == MemberOrg.consortium_id)
        .where(of_place)
        .order_by(MemberOrg.id)
    )
    contacts = (
        sa.select(Person.name)
        .join(RoleGrant, RoleGrant.person_id == Person.id)
        .join(MemberOrg, MemberOrg.id == RoleGrant.member_org_id)
        .join(Consortium, Consortium.id == MemberOrg.consortium_id)
        .where(of_place)
        .order_by(Person.id)
    )
    organisations = [name for org, domains in session.execute(members) for name in (org, *domains)]
    return [*organisations, *(name for name in session.scalars(contacts) if " " in name.strip())]


def memberships_elsewhere(session: Session, org: MemberOrg, now: datetime) -> Sequence[MemberOrg]:
    """The same organisation as a member of other consortia under the same registry, by the consortium's name."""
    return session.scalars(
        sa.select(MemberOrg)
        .join(Consortium, Consortium.id == MemberOrg.consortium_id)
        .where(
            MemberOrg.organisation_id == org.organisation_id,
            MemberOrg.id != org.id,
            Consortium.registry_id == org.consortium.registry_id,
            sa.or_(MemberOrg.left_at.is_(None), MemberOrg.left_at > now),
        )
        .order_by(Consortium.name, MemberOrg.id)
    ).all()


def org_by_mail_domain(session: Session, consortium_id: int, domain: str) -> MemberOrg | None:
    """The member whose mail domain this is, or a parent of it: a proposal for the lead, never a proof."""
    lowered = domain.lower()
    for org in member_orgs_of_consortium(session, consortium_id):
        if any(lowered == known or lowered.endswith("." + known) for known in org.mail_domains):
            return org
    return None


def people_with_roles(
    session: Session,
    roles: frozenset[Role],
    now: datetime,
    *,
    member_org_id: int | None = None,
    consortium_id: int | None = None,
    registry_id: int | None = None,
) -> Sequence[Person]:
    """Active people with one of the roles in force at one place, by name, each once."""
    place = sa.or_(
        sa.and_(RoleGrant.member_org_id.is_not(None), RoleGrant.member_org_id == member_org_id),
        sa.and_(RoleGrant.consortium_id.is_not(None), RoleGrant.consortium_id == consortium_id),
        sa.and_(RoleGrant.registry_id.is_not(None), RoleGrant.registry_id == registry_id),
    )
    return session.scalars(
        sa.select(Person)
        .where(
            Person.active,
            sa.exists().where(RoleGrant.person_id == Person.id, RoleGrant.role.in_(roles), in_force(now), place),
        )
        .order_by(Person.name, Person.id)
    ).all()


def lead_people(session: Session, consortium_id: int, now: datetime) -> Sequence[Person]:
    """The lead's desk: agents and managers of a consortium."""
    return people_with_roles(session, LEAD_ROLES, now, consortium_id=consortium_id)


def registry_people(session: Session, registry_id: int, now: datetime) -> Sequence[Person]:
    """The registry's desk: its agents and managers."""
    return people_with_roles(session, REGISTRY_ROLES, now, registry_id=registry_id)


def contacts_of(session: Session, member_org_id: int, now: datetime) -> Sequence[Person]:
    """Contacts and managers of a member organisation."""
    return people_with_roles(session, MEMBER_ROLES, now, member_org_id=member_org_id)


def orgs_of_person(session: Session, person_id: int, consortium_id: int, now: datetime) -> Sequence[MemberOrg]:
    """Memberships of one consortium in which the person has a role in force."""
    return session.scalars(
        sa.select(MemberOrg)
        .join(RoleGrant, RoleGrant.member_org_id == MemberOrg.id)
        .where(RoleGrant.person_id == person_id, MemberOrg.consortium_id == consortium_id, in_force(now))
        .order_by(MemberOrg.id)
    ).all()


def contact_labels(session: Session, person_id: int, member_org_id: int) -> Sequence[str]:
    """The contact roles of a person at a member: facts, not permissions."""
    return session.scalars(
        sa.select(ContactRole.label)
        .where(ContactRole.person_id == person_id, ContactRole.member_org_id == member_org_id)
        .order_by(ContactRole.label)
    ).all()


def password_hash(session: Session, person_id: int) -> str | None:
    """The stored hash, or None for somebody who signs in by link only."""
    return session.scalars(
        sa.select(Credential.secret).where(
            Credential.person_id == person_id, Credential.kind == CredentialKind.PASSWORD
        )
    ).first()


def failed_attempts(session: Session, key: str, since: datetime) -> int:
    """How often sign-in failed for this key since then."""
    count = sa.select(sa.func.count()).where(SignInAttempt.key == key, SignInAttempt.at >= since)
    return session.scalar(count) or 0


def places_of(session: Session, actor: Actor) -> list[tuple[Role, str]]:
    """The actor's roles in force, each with the name of its place, for the person's own profile."""
    orgs = {row.id: f"{row.name}, {row.consortium.name}" for row in member_orgs_of(session, actor)}
    consortia = _names(session, Consortium, actor.consortia())
    registries = _names(session, Registry, actor.registries())
    return [
        (
            grant.role,
            orgs.get(grant.member_org_id or 0)
            or consortia.get(grant.consortium_id or 0)
            or registries.get(grant.registry_id or 0)
            or "this installation",
        )
        for grant in actor.grants
    ]


def _names(session: Session, model: type[Consortium] | type[Registry], ids: Iterable[int]) -> dict[int, str]:
    rows = session.execute(sa.select(model.id, model.name).where(model.id.in_(ids)))
    return {row.id: row.name for row in rows}


def names_of_people(session: Session, person_ids: Iterable[int]) -> dict[int, str]:
    """Names by id, for a timeline."""
    wanted = set(person_ids)
    rows = session.execute(sa.select(Person.id, Person.name).where(Person.id.in_(wanted))) if wanted else ()
    return {row.id: row.name for row in rows}


def contacts_of_consortium(session: Session, consortium_id: int, now: datetime) -> list[tuple[MemberOrg, Person]]:
    """Every active contact of a consortium's members with the organisation, by organisation and name."""
    rows = session.execute(
        sa.select(MemberOrg, Person)
        .join(RoleGrant, RoleGrant.member_org_id == MemberOrg.id)
        .join(Person, Person.id == RoleGrant.person_id)
        .join(Organisation, Organisation.id == MemberOrg.organisation_id)
        .where(MemberOrg.consortium_id == consortium_id, Person.active, in_force(now))
        .order_by(Organisation.name, Person.name, Person.id)
    )
    return list(dict.fromkeys((org, person) for org, person in rows))
