"""Who takes part: registries, consortia, members, teams, people with their roles, and how they prove who they are."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from desk.db import NAME_LENGTH, Base, JsonList
from desk.domain.permissions import Role


class CredentialKind(StrEnum):
    """What a person keeps to prove who they are; one-time links need nothing of theirs."""

    PASSWORD = "password"  # noqa: S105


class TokenPurpose(StrEnum):
    """What a one-time link is good for; a link of one purpose is refused for another."""

    SIGN_IN = "sign_in"
    SET_PASSWORD = "set_password"  # noqa: S105


class Registry(Base):
    """ORCID or DataCite as operator, with its support."""

    __tablename__ = "registry"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(sa.String(40), unique=True)
    name: Mapped[str] = mapped_column(sa.String(NAME_LENGTH))
    service: Mapped[str] = mapped_column(sa.String(40))  # the catalogue's word: ORCID, DataCite
    created_at: Mapped[datetime]


class Consortium(Base):
    """Members under one agreement, led by one organisation."""

    __tablename__ = "consortium"

    id: Mapped[int] = mapped_column(primary_key=True)
    registry_id: Mapped[int] = mapped_column(sa.ForeignKey("registry.id"), index=True)
    slug: Mapped[str] = mapped_column(sa.String(40), unique=True)
    name: Mapped[str] = mapped_column(sa.String(NAME_LENGTH))
    language: Mapped[str] = mapped_column(sa.String(16), default="en")
    reopen_working_days: Mapped[int] = mapped_column(default=10)
    # May the registry's team write to members? Decided by the lead: the default here, per ticket on the ticket.
    registry_may_write: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]

    parent_registry: Mapped[Registry] = relationship(lazy="joined")  # "registry" is a word of the ORM's


class Organisation(Base):
    """A university, library, institute: known once, whatever consortia it belongs to."""

    __tablename__ = "organisation"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(NAME_LENGTH))
    ror_id: Mapped[str | None] = mapped_column(sa.String(40), unique=True)
    country: Mapped[str] = mapped_column(sa.String(2), default="")
    created_at: Mapped[datetime]


class MemberOrg(Base):
    """An organisation's membership of one consortium; tickets, contacts and permissions hang on this."""

    __tablename__ = "member_org"
    __table_args__ = (sa.UniqueConstraint("consortium_id", "organisation_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    consortium_id: Mapped[int] = mapped_column(sa.ForeignKey("consortium.id"))
    organisation_id: Mapped[int] = mapped_column(sa.ForeignKey("organisation.id"), index=True)
    mail_domains: Mapped[JsonList] = mapped_column(default=list)  # proposes the organisation of an unknown sender
    joined_at: Mapped[datetime]
    left_at: Mapped[datetime | None]

    consortium: Mapped[Consortium] = relationship(lazy="joined")
    organisation: Mapped[Organisation] = relationship(lazy="joined")

    @property
    def name(self) -> str:
        """The organisation's name, as pages show it."""
        return self.organisation.name


class Team(Base):
    """Who works at a tier: the lead's desk (tier 1) or a registry's support (tier 2) and engineers (tier 3)."""

    __tablename__ = "team"
    __table_args__ = (
        sa.CheckConstraint("(consortium_id IS NULL) <> (registry_id IS NULL)", name="one_owner"),
        sa.UniqueConstraint("consortium_id", "tier"),
        sa.UniqueConstraint("registry_id", "tier"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    consortium_id: Mapped[int | None] = mapped_column(sa.ForeignKey("consortium.id"))
    registry_id: Mapped[int | None] = mapped_column(sa.ForeignKey("registry.id"))
    tier: Mapped[int]
    name: Mapped[str] = mapped_column(sa.String(NAME_LENGTH))
    calendar_id: Mapped[int | None] = mapped_column(sa.ForeignKey("calendar.id"))
    support_address: Mapped[str | None] = mapped_column(sa.String(254), unique=True)  # lower case
    signature: Mapped[str] = mapped_column(sa.Text, default="")


class Person(Base):
    """A human being. ``epoch`` goes up whenever every older session, link and token must end."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(NAME_LENGTH))
    email: Mapped[str] = mapped_column(sa.String(254), unique=True)  # lower case, ASCII or IDNA domain
    timezone: Mapped[str] = mapped_column(sa.String(64), default="UTC")
    language: Mapped[str] = mapped_column(sa.String(16), default="en")
    active: Mapped[bool] = mapped_column(default=True)
    epoch: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]

    roles: Mapped[list["RoleGrant"]] = relationship(back_populates="person", lazy="select")


class RoleGrant(Base):
    """A role in one place for a span of time; outside ``[valid_from, valid_until)`` it gives nothing, on any door."""

    __tablename__ = "role_grant"
    __table_args__ = (
        sa.CheckConstraint(
            "(CASE WHEN member_org_id IS NULL THEN 0 ELSE 1 END + CASE WHEN consortium_id IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN registry_id IS NULL THEN 0 ELSE 1 END)"
            " = (CASE WHEN role = 'administrator' THEN 0 ELSE 1 END)",
            name="one_scope",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    role: Mapped[Role]
    member_org_id: Mapped[int | None] = mapped_column(sa.ForeignKey("member_org.id"), index=True)
    consortium_id: Mapped[int | None] = mapped_column(sa.ForeignKey("consortium.id"), index=True)
    registry_id: Mapped[int | None] = mapped_column(sa.ForeignKey("registry.id"), index=True)
    sees_all: Mapped[bool] = mapped_column(default=False)  # a contact who sees all of the organisation's tickets
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime | None]

    person: Mapped[Person] = relationship(back_populates="roles")


class ContactRole(Base):
    """What the register says a contact is for (technical, billing, voting, ...): a fact, never a permission."""

    __tablename__ = "contact_role"
    __table_args__ = (sa.UniqueConstraint("person_id", "member_org_id", "label"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    member_org_id: Mapped[int] = mapped_column(sa.ForeignKey("member_org.id"), index=True)
    label: Mapped[str] = mapped_column(sa.String(80))


class Credential(Base):
    """One way for one person to prove who they are."""

    __tablename__ = "credential"
    __table_args__ = (sa.UniqueConstraint("person_id", "kind", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    kind: Mapped[CredentialKind]
    subject: Mapped[str] = mapped_column(sa.String(255), default="")  # key id or subject of the provider
    secret: Mapped[str] = mapped_column(sa.Text)  # hash, or encrypted seed
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class OneTimeLink(Base):
    """A link that signs somebody in once. Its token needs ``nonce`` and the desk's key: the row opens nothing."""

    __tablename__ = "one_time_link"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    purpose: Mapped[TokenPurpose]
    nonce: Mapped[str] = mapped_column(sa.String(32), unique=True)
    epoch: Mapped[int]  # the person's at issue: a later change of roles or password ends the link
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SignInAttempt(Base):
    """A failed try, kept for throttling across processes; the key is a keyed hash of the address or the network."""

    __tablename__ = "sign_in_attempt"
    __table_args__ = (sa.Index("ix_sign_in_attempt_key_at", "key", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(64))
    at: Mapped[datetime]
