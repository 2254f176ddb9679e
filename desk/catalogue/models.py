"""Versions of the catalogue, their entries, and what a consortium decides differently."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, deferred, mapped_column, relationship

from desk.db import NAME_LENGTH, Base, Json, JsonDict, JsonList
from desk.domain.catalogue import EntryKind


class CatalogueVersion(Base):
    """One loaded document. Never changed: a ticket keeps the wording it was opened under. The newest counts."""

    __tablename__ = "catalogue_version"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)  # 1, 2, 3 ...: two loads at once cannot both be the next
    label: Mapped[str] = mapped_column(sa.String(40))  # the document's own "version"
    title: Mapped[str] = mapped_column(sa.String(NAME_LENGTH))
    digest: Mapped[str] = mapped_column(sa.String(64), index=True)  # SHA-256 of the document in canonical form
    # Large, and read only when this version is compiled for the first time in a process.
    document: Mapped[JsonDict] = deferred(mapped_column(Json))
    loaded_at: Mapped[datetime]

    entries: Mapped[list["CatalogueEntry"]] = relationship(back_populates="catalogue_version", lazy="select")


class CatalogueEntry(Base):
    """An incident type or a request type of one version."""

    __tablename__ = "catalogue_entry"
    __table_args__ = (
        sa.UniqueConstraint("version_id", "key"),
        sa.CheckConstraint("tier BETWEEN 1 AND 3", name="tier"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(sa.ForeignKey("catalogue_version.id"))
    key: Mapped[str] = mapped_column(sa.String(60))
    kind: Mapped[EntryKind]
    service: Mapped[str] = mapped_column(sa.String(40))
    component: Mapped[str] = mapped_column(sa.String(60))
    title: Mapped[str] = mapped_column(sa.String(NAME_LENGTH))
    symptom: Mapped[str] = mapped_column(sa.Text)
    signals: Mapped[JsonDict] = mapped_column(Json)
    tier: Mapped[int]
    resolver: Mapped[str] = mapped_column(sa.String(40))
    default_priority: Mapped[str] = mapped_column(sa.String(2))
    required_fields: Mapped[JsonList] = mapped_column(Json)
    fix: Mapped[str] = mapped_column(sa.Text)
    escalate_when: Mapped[str] = mapped_column(sa.Text)
    registry_action: Mapped[str] = mapped_column(sa.Text)
    body: Mapped[JsonDict] = mapped_column(Json)  # the entry as the document has it

    catalogue_version: Mapped[CatalogueVersion] = relationship(back_populates="entries")


class CatalogueOverride(Base):
    """What one consortium decides differently about one entry. Empty columns follow the catalogue."""

    __tablename__ = "catalogue_override"
    __table_args__ = (
        sa.UniqueConstraint("consortium_id", "entry_key"),
        sa.CheckConstraint("tier IS NULL OR tier BETWEEN 1 AND 3", name="tier"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    consortium_id: Mapped[int] = mapped_column(sa.ForeignKey("consortium.id"))
    # By key, not by row: a decision about a type of incident outlives the version in which it was taken.
    entry_key: Mapped[str] = mapped_column(sa.String(60))
    tier: Mapped[int | None]
    targets: Mapped[JsonDict] = mapped_column(Json, default=dict)
    updated_at: Mapped[datetime]


class CatalogueDemand(Base):
    """A field that one consortium demands in its briefs about one entry, beyond what the catalogue asks for."""

    __tablename__ = "catalogue_demand"
    __table_args__ = (sa.UniqueConstraint("consortium_id", "entry_key", "field_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    consortium_id: Mapped[int] = mapped_column(sa.ForeignKey("consortium.id"))
    entry_key: Mapped[str] = mapped_column(sa.String(60))  # by key, as above
    field_id: Mapped[str] = mapped_column(sa.String(60))
    since: Mapped[datetime]
    demanded_by: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
