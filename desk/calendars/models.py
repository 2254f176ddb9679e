"""Whose working hours count and what is promised in them: calendars and agreements, each with immutable versions."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from desk.db import NAME_LENGTH, Base, JsonDict


class Calendar(Base):
    """A party's working hours over time; what they are is in its versions."""

    __tablename__ = "calendar"
    __table_args__ = (sa.CheckConstraint("(consortium_id IS NULL) <> (registry_id IS NULL)", name="one_owner"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    consortium_id: Mapped[int | None] = mapped_column(sa.ForeignKey("consortium.id"), index=True)
    registry_id: Mapped[int | None] = mapped_column(sa.ForeignKey("registry.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(NAME_LENGTH))
    created_at: Mapped[datetime]
    # The newest version of which the managers were told that it never opens (again). Not a foreign key: a circle.
    closed_version_id: Mapped[int | None]


class CalendarVersion(Base):
    """Working hours from ``effective_from`` on, never changed once written; known since ``created_at``.

    ``spec`` is what ``desk.domain.opening_hours.parse`` reads. The holidays are kept as dates in it, resolved from
    country and subdivision when the version was written, so that a newer list never changes the past.
    """

    __tablename__ = "calendar_version"
    __table_args__ = (sa.Index("ix_calendar_version_calendar_id_id", "calendar_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    calendar_id: Mapped[int] = mapped_column(sa.ForeignKey("calendar.id"))
    effective_from: Mapped[datetime]
    spec: Mapped[JsonDict]
    holiday_names: Mapped[JsonDict] = mapped_column(default=dict)  # date to name, for people
    country: Mapped[str | None] = mapped_column(sa.String(2))
    subdivision: Mapped[str | None] = mapped_column(sa.String(10))
    note: Mapped[str] = mapped_column(sa.Text, default="")
    correction: Mapped[bool] = mapped_column(default=False, server_default=sa.false())  # it was written for the past
    created_by: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    created_at: Mapped[datetime]


class Agreement(Base):
    """A promise: of a consortium to its members (or one of them), or of a registry to its consortia (or one)."""

    __tablename__ = "agreement"
    __table_args__ = (
        sa.CheckConstraint("(consortium_id IS NULL) <> (registry_id IS NULL)", name="one_giver"),
        sa.CheckConstraint("member_org_id IS NULL OR consortium_id IS NOT NULL", name="member_of_giver"),
        sa.CheckConstraint("to_consortium_id IS NULL OR registry_id IS NOT NULL", name="consortium_of_giver"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    consortium_id: Mapped[int | None] = mapped_column(sa.ForeignKey("consortium.id"), index=True)
    registry_id: Mapped[int | None] = mapped_column(sa.ForeignKey("registry.id"), index=True)
    member_org_id: Mapped[int | None] = mapped_column(sa.ForeignKey("member_org.id"), index=True)
    to_consortium_id: Mapped[int | None] = mapped_column(sa.ForeignKey("consortium.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(NAME_LENGTH))
    created_at: Mapped[datetime]


class AgreementVersion(Base):
    """Targets by priority and kind, and the ladder of warnings, from ``effective_from`` on; never changed.

    ``carried_out_at`` is no part of the promise: since then no live ticket is left under an older version.
    """

    __tablename__ = "agreement_version"
    __table_args__ = (sa.Index("ix_agreement_version_agreement_id_id", "agreement_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    agreement_id: Mapped[int] = mapped_column(sa.ForeignKey("agreement.id"))
    effective_from: Mapped[datetime]
    targets: Mapped[JsonDict]  # desk.domain.targets.table_to_json
    ladder: Mapped[JsonDict]
    receipt_counts: Mapped[bool] = mapped_column(default=False)
    hold_pauses_overall: Mapped[bool] = mapped_column(default=False)
    note: Mapped[str] = mapped_column(sa.Text, default="")
    created_by: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    created_at: Mapped[datetime]
    carried_out_at: Mapped[datetime | None]
