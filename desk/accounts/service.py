"""Verbs about people and places: who exists, who may do what and until when, and how somebody proves who they are."""

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo, available_timezones

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries
from desk.accounts.models import (
    Consortium,
    ContactRole,
    Credential,
    CredentialKind,
    MemberOrg,
    OneTimeLink,
    Organisation,
    Person,
    Registry,
    RoleGrant,
    SignInAttempt,
    Team,
    TokenPurpose,
)
from desk.db import NAME_LENGTH, Base, insert_ignore
from desk.domain.errors import InvalidInput, NotFound, TooMany
from desk.domain.permissions import Role
from desk.domain.text import visible
from desk.events import service as events
from desk.passwords import PASSWORD_MAX, PASSWORD_MIN, hash_password, password_matches

ADDRESS_LENGTH = 254
_ADDRESS = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
)

ATTEMPT_WINDOW = timedelta(minutes=15)
ATTEMPTS_PER_ADDRESS = 10
ATTEMPTS_PER_NETWORK = 60
LINKS_PER_PERSON = 5  # one-time links that one person can be mailed within ATTEMPT_WINDOW

Row = TypeVar("Row", bound=Base)

_ZONES = available_timezones()  # once: each call reads the whole database of zones
_NONCE_HEX = 32
_MAC_HEX = 64


def clean_address(address: str) -> str:
    """One plain address in lower case, its domain in IDNA; raises ``InvalidInput(field="email")``."""
    local, _, domain = address.strip().lower().rpartition("@")
    try:
        address = f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        address = ""
    if len(address) > ADDRESS_LENGTH or not _ADDRESS.fullmatch(address):
        raise InvalidInput("That is not an e-mail address the desk can use, such as name@example.org.", field="email")
    return address


def clean_name(name: str) -> str:
    """A name on one line, without what is invisible; ``InvalidInput(field="name")`` for nothing left or too long."""
    name = " ".join(visible(name).split())
    if not name or len(name) > NAME_LENGTH:
        raise InvalidInput(f"A name needs between 1 and {NAME_LENGTH} characters.", field="name")
    return name


def clean_timezone(timezone: str) -> str:
    """An IANA zone; raises ``InvalidInput(field="timezone")``."""
    if timezone not in _ZONES:
        raise InvalidInput(f"“{timezone}” is not a time zone, such as Europe/Madrid.", field="timezone")
    return ZoneInfo(timezone).key


def add_registry(session: Session, *, slug: str, name: str, service: str, now: datetime) -> Registry:
    """A registry whose support team the desk serves; ``service`` is the catalogue's word for it."""
    return _added(session, Registry(slug=slug, name=clean_name(name), service=service, created_at=now))


def add_consortium(
    session: Session,
    *,
    registry_id: int,
    slug: str,
    name: str,
    now: datetime,
    language: str = "en",
    reopen_working_days: int = 10,
) -> Consortium:
    """A consortium of a registry. ``reopen_working_days``: how long an answer reopens a resolved ticket."""
    return _added(
        session,
        Consortium(
            registry_id=registry_id,
            slug=slug,
            name=clean_name(name),
            language=language,
            reopen_working_days=reopen_working_days,
            created_at=now,
        ),
    )


def add_team(
    session: Session,
    *,
    tier: int,
    name: str,
    consortium_id: int | None = None,
    registry_id: int | None = None,
    calendar_id: int | None = None,
    support_address: str | None = None,
    signature: str = "",
) -> Team:
    """The desk of a consortium (tier 1) or of a registry (tier 2 or 3), with the address it is written to."""
    return _added(
        session,
        Team(
            tier=tier,
            name=clean_name(name),
            consortium_id=consortium_id,
            registry_id=registry_id,
            calendar_id=calendar_id,
            support_address=clean_address(support_address) if support_address else None,
            signature=signature,
        ),
    )


def add_member_org(
    session: Session,
    *,
    consortium_id: int,
    name: str,
    ror_id: str | None,
    country: str = "",
    mail_domains: list[str] | None = None,
    now: datetime,
) -> MemberOrg:
    """An organisation's membership; the organisation itself is found again by its ROR id, or made."""
    organisation = None
    if ror_id:
        organisation = session.scalars(sa.select(Organisation).where(Organisation.ror_id == ror_id)).first()
    if organisation is None:
        organisation = _added(
            session, Organisation(name=clean_name(name), ror_id=ror_id or None, country=country.upper(), created_at=now)
        )
    domains = sorted({domain.strip().lower() for domain in mail_domains or [] if domain.strip()})
    return _added(
        session,
        MemberOrg(consortium_id=consortium_id, organisation_id=organisation.id, mail_domains=domains, joined_at=now),
    )


def add_person(
    session: Session, *, name: str, email: str, now: datetime, timezone: str = "UTC", language: str = "en"
) -> Person:
    """A person; an address that is taken already is refused with ``InvalidInput(field="email")``."""
    address = clean_address(email)
    if queries.person_by_email(session, address):
        raise InvalidInput("Somebody with this address is known already.", field="email")
    person = _added(
        session,
        Person(
            name=clean_name(name), email=address, timezone=clean_timezone(timezone), language=language, created_at=now
        ),
    )
    events.record(session, "person_added", at=now, person_id=person.id, quiet=True)
    return person


def edit_profile(session: Session, person: Person, *, name: str, timezone: str, language: str, now: datetime) -> None:
    """What people may change about themselves."""
    person.name = clean_name(name)
    person.timezone = clean_timezone(timezone)
    person.language = language
    events.record(session, "profile_edited", at=now, actor_id=person.id, person_id=person.id, quiet=True)


def grant_role(
    session: Session,
    *,
    person: Person,
    role: Role,
    now: datetime,
    member_org_id: int | None = None,
    consortium_id: int | None = None,
    registry_id: int | None = None,
    sees_all: bool = False,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    actor_id: int | None = None,
) -> RoleGrant:
    """Give a role at one place from an instant on; the person's older sessions end, since their rights changed."""
    if valid_until is not None and valid_until <= (valid_from or now):
        raise InvalidInput("A role must end after it begins.", field="valid_until")
    grant = _added(
        session,
        RoleGrant(
            person_id=person.id,
            role=role,
            member_org_id=member_org_id,
            consortium_id=consortium_id,
            registry_id=registry_id,
            sees_all=sees_all,
            valid_from=valid_from or now,
            valid_until=valid_until,
        ),
    )
    _end_sessions(person)
    events.record(
        session,
        "role_granted",
        at=now,
        actor_id=actor_id,
        person_id=person.id,
        consortium_id=consortium_id,
        registry_id=registry_id,
        payload={"role": role.value, "member_org_id": member_org_id},
        quiet=True,
    )
    return grant


def end_role(session: Session, grant: RoleGrant, *, now: datetime, actor_id: int | None = None) -> None:
    """End a role at once: sessions, links and signed addresses that rest on it stop at the next use."""
    grant.valid_until = now
    _end_sessions(grant.person)
    events.record(
        session,
        "role_ended",
        at=now,
        actor_id=actor_id,
        person_id=grant.person_id,
        consortium_id=grant.consortium_id,
        registry_id=grant.registry_id,
        payload={"role": grant.role.value, "member_org_id": grant.member_org_id},
        quiet=True,
    )


def add_contact_role(session: Session, *, person_id: int, member_org_id: int, label: str) -> None:
    """Note what the register says a contact is for; saying it twice changes nothing."""
    insert_ignore(session, ContactRole, person_id=person_id, member_org_id=member_org_id, label=label.strip())


def deactivate(session: Session, person: Person, *, now: datetime, actor_id: int | None = None) -> None:
    """Nobody signs in or acts as this person any more; what they wrote stays."""
    person.active = False
    _end_sessions(person)
    events.record(session, "person_deactivated", at=now, actor_id=actor_id, person_id=person.id, quiet=True)


def set_password(session: Session, person: Person, password: str, *, now: datetime) -> None:
    """A new password; every older session and link ends. Refuses one that is short, huge or the person's own name."""
    lowered = password.lower()
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise InvalidInput(
            f"A password needs between {PASSWORD_MIN} and {PASSWORD_MAX} characters; a few words are best.",
            field="password",
        )
    if lowered in (person.email, person.name.lower()) or len(set(password)) < 5:
        raise InvalidInput("That password is too easy to guess; a few words are best.", field="password")
    credential = session.scalars(
        sa.select(Credential).where(Credential.person_id == person.id, Credential.kind == CredentialKind.PASSWORD)
    ).first()
    if credential is None:
        session.add(
            Credential(
                person_id=person.id, kind=CredentialKind.PASSWORD, secret=hash_password(password), created_at=now
            )
        )
    else:
        credential.secret = hash_password(password)
    _end_sessions(person)
    events.record(session, "password_set", at=now, actor_id=person.id, person_id=person.id, quiet=True)


def check_password(
    session: Session, *, email: str, password: str, network: str, secret_key: str, now: datetime
) -> Person | None:
    """The person, or None for a wrong pair: unknown, wrong and deactivated take the same time and look alike.

    ``network`` is the asker's address. Raises ``TooMany`` when either it or the account has failed too often.
    The failed try is a row of this transaction, so the door must let it commit: a refusal is None, not an exception.
    """
    address_key = _keyed(secret_key, "address", email.strip().lower())
    network_key = _keyed(secret_key, "network", network)
    since = now - ATTEMPT_WINDOW
    if (
        queries.failed_attempts(session, address_key, since) >= ATTEMPTS_PER_ADDRESS
        or queries.failed_attempts(session, network_key, since) >= ATTEMPTS_PER_NETWORK
    ):
        raise TooMany
    person = queries.person_by_email(session, email)
    stored = queries.password_hash(session, person.id) if person else None
    if password_matches(stored, password) and person and person.active:
        return person
    session.add_all([SignInAttempt(key=key, at=now) for key in (address_key, network_key)])
    session.execute(sa.delete(SignInAttempt).where(SignInAttempt.at < since - ATTEMPT_WINDOW))
    return None


def request_link(
    session: Session, *, email: str, lifetime: timedelta, network: str, secret_key: str, now: datetime
) -> None:
    """Mail a one-time link to the address if somebody has it; says nothing either way. ``TooMany`` of one network."""
    asker = _keyed(secret_key, "link", network)
    if queries.failed_attempts(session, asker, now - ATTEMPT_WINDOW) >= ATTEMPTS_PER_NETWORK:
        raise TooMany
    session.add(SignInAttempt(key=asker, at=now))  # for anybody: a commit without a write would be quicker
    person = queries.person_by_email(session, email)
    if person is None or not person.active:
        return
    recent = session.scalar(
        sa.select(sa.func.count()).where(
            OneTimeLink.person_id == person.id, OneTimeLink.created_at > now - ATTEMPT_WINDOW
        )
    )
    if (recent or 0) >= LINKS_PER_PERSON:
        return
    link = issue_link(session, person, purpose=TokenPurpose.SIGN_IN, lifetime=lifetime, now=now)
    events.record(session, "sign_in_link_issued", at=now, person_id=person.id, payload={"link_id": link.id})


def issue_link(
    session: Session, person: Person, *, purpose: TokenPurpose, lifetime: timedelta, now: datetime
) -> OneTimeLink:
    """A link good once, for one purpose, until ``now + lifetime``; ``link_token`` gives what the address carries."""
    return _added(
        session,
        OneTimeLink(
            person_id=person.id,
            purpose=purpose,
            nonce=secrets.token_hex(_NONCE_HEX // 2),
            epoch=person.epoch,
            created_at=now,
            expires_at=now + lifetime,
        ),
    )


def link_token(link: OneTimeLink, secret_key: str) -> str:
    """The token of a link. The database alone does not give it: it is made with the desk's key each time."""
    return link.nonce + _link_mac(link, secret_key)


def find_link(session: Session, token: str, *, secret_key: str, now: datetime) -> OneTimeLink:
    """The unused, unexpired link of a token, its person's password and roles unchanged since. Raises ``NotFound``."""
    if not re.fullmatch(rf"[0-9a-f]{{{_NONCE_HEX + _MAC_HEX}}}", token):
        raise NotFound
    link = session.scalars(sa.select(OneTimeLink).where(OneTimeLink.nonce == token[:_NONCE_HEX])).first()
    if link is None or not hmac.compare_digest(_link_mac(link, secret_key), token[_NONCE_HEX:]):
        raise NotFound
    person = queries.person(session, link.person_id)
    if link.used_at or link.expires_at <= now or link.epoch != person.epoch or not person.active:
        raise NotFound
    return link


def redeem_link(session: Session, token: str, *, secret_key: str, now: datetime) -> OneTimeLink:
    """Use a link up; of two who try at once, one gets it. Raises ``NotFound``."""
    link = find_link(session, token, secret_key=secret_key, now=now)
    used = session.execute(
        sa.update(OneTimeLink).where(OneTimeLink.id == link.id, OneTimeLink.used_at.is_(None)).values(used_at=now)
    )
    if getattr(used, "rowcount", 0) != 1:
        raise NotFound
    events.record(session, "link_used", at=now, actor_id=link.person_id, person_id=link.person_id, quiet=True)
    return link


def end_sessions(session: Session, person: Person, *, now: datetime) -> None:
    """Sign out everywhere: every cookie and link issued until now ends at its next use."""
    _end_sessions(person)
    events.record(session, "signed_out", at=now, actor_id=person.id, person_id=person.id, quiet=True)


def _end_sessions(person: Person) -> None:
    person.epoch = (person.epoch or 1) + 1


def _link_mac(link: OneTimeLink, secret_key: str) -> str:
    return _keyed(secret_key, f"link:{link.purpose.value}:{link.person_id}:{link.epoch}", link.nonce)


def _keyed(secret_key: str, purpose: str, value: str) -> str:
    return hmac.new(secret_key.encode(), f"{purpose}:{value}".encode(), hashlib.sha256).hexdigest()


def _added(session: Session, row: Row) -> Row:
    session.add(row)
    session.flush()
    return row
