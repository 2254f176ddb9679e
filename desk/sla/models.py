"""The clocks of tickets: their events and segments, and the projection of these.

``clock_event`` and ``clock_segment`` are append-only and are the truth; ``clock`` can be built again from them.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from desk.db import Base, JsonDict
from desk.domain.clocks import ClockState, EventType
from desk.domain.lifecycle import State
from desk.domain.priority import Priority
from desk.domain.targets import Kind

CAUSE_LENGTH = 40

# An absent value is NULL, not the JSON word.
_OPTIONAL_JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


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
            "calendar_version_id",
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
    # The newest version of the calendar that the moments were worked out with: an older one is found and mended.
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
