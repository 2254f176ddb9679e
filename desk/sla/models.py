"""Calendars and agreements with their versions; the clocks of tickets: their events and segments, and the projection.

``clock_event`` and ``clock_segment`` are append-only and are the truth; ``clock`` can be built again from them.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from desk.db import NAME_LENGTH, Base, JsonDict
from desk.domain.clocks import ClockState, EventType
from desk.domain.lifecycle import State
from desk.domain.priority import Priority
from desk.domain.targets import Kind

CAUSE_LENGTH = 40

# An absent value is NULL, not the JSON word.
_OPTIONAL_JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class Calendar(Base):
    """A party's working hours over time; what they are is in its versions."""

    __tablename__ = "calendar"
    __table_args__ = (sa.CheckConstraint("(consortium_id IS NULL) <> (registry_id IS NULL)", name="one_owner"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    consortium_id: Mapped[int | None] = mapped_column(sa.ForeignKey("consortium.id"), index=True)
    registry_id: Mapped[int | None] = mapped_column(sa.ForeignKey("registry.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(NAME_LENGTH))
    created_at: Mapped[datetime]


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
    """Targets by priority and kind, and the ladder of warnings, from ``effective_from`` on; never changed."""

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


class ClockSet(Base):
    """One row per ticket: the lock that every verb and sweep takes first, and what applies to the ticket's clocks.

    The promise calendar is the lead's at creation and stays; the lead's follows a transfer.
    """

    __tablename__ = "clock_set"

    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"), primary_key=True, autoincrement=False)
    consortium_id: Mapped[int] = mapped_column(sa.ForeignKey("consortium.id"))
    registry_id: Mapped[int | None] = mapped_column(sa.ForeignKey("registry.id"))
    member_org_id: Mapped[int | None] = mapped_column(sa.ForeignKey("member_org.id"))
    priority: Mapped[Priority]
    state: Mapped[State]  # of the ticket, as the clocks were last told
    promise_calendar_id: Mapped[int | None] = mapped_column(sa.ForeignKey("calendar.id"))
    lead_calendar_id: Mapped[int | None] = mapped_column(sa.ForeignKey("calendar.id"))
    registry_calendar_id: Mapped[int | None] = mapped_column(sa.ForeignKey("calendar.id"))
    agreement_version_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agreement_version.id"), index=True)
    registry_agreement_version_id: Mapped[int | None] = mapped_column(sa.ForeignKey("agreement_version.id"), index=True)
    last_at: Mapped[datetime]  # of the last change: a machine whose clock is behind cannot write before it


class Clock(Base):
    """The projection of one cycle of one clock. ``consumed`` is working seconds up to ``running_since``."""

    __tablename__ = "clock"
    __table_args__ = (
        sa.UniqueConstraint("ticket_id", "kind", "cycle"),
        # The sweep: clocks whose next moment (a warning, the second after the breach) has passed.
        sa.Index(
            "ix_clock_next_at",
            "next_at",
            sqlite_where=sa.text("next_at IS NOT NULL"),
            postgresql_where=sa.text("next_at IS NOT NULL"),
        ),
        # A new version of a calendar looks for the live clocks that run in it.
        sa.Index(
            "ix_clock_live_calendar",
            "calendar_id",
            sqlite_where=sa.text("state IN ('running', 'paused')"),
            postgresql_where=sa.text("state IN ('running', 'paused')"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("clock_set.ticket_id"))
    kind: Mapped[Kind]
    cycle: Mapped[int]
    current: Mapped[bool]  # the latest cycle of its kind
    state: Mapped[ClockState]
    cause: Mapped[str] = mapped_column(sa.String(CAUSE_LENGTH))  # of the last event: why it is paused or stopped
    calendar_id: Mapped[int] = mapped_column(sa.ForeignKey("calendar.id"))
    calendar_version_id: Mapped[int] = mapped_column(sa.ForeignKey("calendar_version.id"))
    target: Mapped[JsonDict]  # as promised; {}: measured only
    target_seconds: Mapped[int | None]
    started_at: Mapped[datetime]
    consumed: Mapped[int]
    running_since: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    warn_at: Mapped[datetime | None]
    warn_percent: Mapped[int | None]
    breach_at: Mapped[datetime | None]
    breached_at: Mapped[datetime | None]
    next_at: Mapped[datetime | None]


class ClockEvent(Base):
    """Something that happened to a clock, with what was measured then. A late sweep: ``at`` before ``recorded_at``."""

    __tablename__ = "clock_event"
    __table_args__ = (
        sa.Index("ix_clock_event_ticket_id_id", "ticket_id", "id"),
        # A breach is written once, whoever finds it.
        sa.Index(
            "uq_clock_event_breached",
            "ticket_id",
            "kind",
            "cycle",
            unique=True,
            sqlite_where=sa.text("type = 'breached'"),
            postgresql_where=sa.text("type = 'breached'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("clock_set.ticket_id"))
    kind: Mapped[Kind]
    cycle: Mapped[int]
    type: Mapped[EventType]
    at: Mapped[datetime]
    since: Mapped[datetime | None]
    calendar_id: Mapped[int | None] = mapped_column(sa.ForeignKey("calendar.id"))
    target: Mapped[JsonDict | None] = mapped_column(_OPTIONAL_JSON)  # None: it stays; {}: measured only
    target_seconds: Mapped[int | None]
    seconds: Mapped[int | None]  # of the stretch that this event closed
    percent: Mapped[int | None]
    cause: Mapped[str] = mapped_column(sa.String(CAUSE_LENGTH))
    reason: Mapped[str | None] = mapped_column(sa.Text)
    actor_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    recorded_at: Mapped[datetime]


class ClockSegment(Base):
    """A stretch in which a clock ran under one version of its calendar, with the working seconds measured then."""

    __tablename__ = "clock_segment"
    __table_args__ = (sa.Index("ix_clock_segment_ticket_id_id", "ticket_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("clock_set.ticket_id"))
    kind: Mapped[Kind]
    cycle: Mapped[int]
    from_at: Mapped[datetime]
    until_at: Mapped[datetime]
    calendar_version_id: Mapped[int] = mapped_column(sa.ForeignKey("calendar_version.id"))
    seconds: Mapped[int]
    closed_by: Mapped[int] = mapped_column(sa.ForeignKey("clock_event.id"))
