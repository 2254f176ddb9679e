"""The clocks of tickets: their events and segments, and the projection of these.

``clock_event`` and ``clock_segment`` are append-only and are the truth; ``clock`` can be built again from them.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from desk.db import Base, JsonDict
from desk.domain.clock_moments import with_moments
from desk.domain.clocks import Calendars, ClockState, EventType, Percents
from desk.domain.clocks import Clock as ClockValue
from desk.domain.clocks import ClockEvent as EventValue
from desk.domain.lifecycle import State
from desk.domain.priority import Priority
from desk.domain.sla import Entry
from desk.domain.targets import Kind, Target

CAUSE_LENGTH = 40
_ONE_SECOND = timedelta(seconds=1)

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
        # Lists look up what is due next of each ticket, among the few clocks that run.
        sa.Index(
            "ix_clock_running",
            "ticket_id",
            "due_at",
            sqlite_where=sa.text("running_since IS NOT NULL"),
            postgresql_where=sa.text("running_since IS NOT NULL"),
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
    cause: Mapped[str] = mapped_column(sa.String(CAUSE_LENGTH))  # why it is in its state
    calendar_id: Mapped[int] = mapped_column(sa.ForeignKey("calendar.id"))
    # The newest version that whoever wrote last knew: a live clock that missed the next one is found by it.
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

    def is_late(self, now: datetime) -> bool:
        """Whether the target is exceeded, written down by a sweep already or not."""
        return self.breached_at is not None or (self.breach_at is not None and self.breach_at < now)

    def keep(self, values: Mapping[str, Any]) -> None:
        """Take over a ``projection``."""
        for name, value in values.items():
            setattr(self, name, value)


def projection(clock: ClockValue, calendars: Calendars, percents: Percents) -> dict[str, Any]:
    """The columns of ``Clock`` that follow from the events alone: the same whenever it is asked."""
    clock = with_moments(clock, calendars, percents)
    # A clock is late only after the breach's instant, so the sweep looks in the second after it.
    late = clock.breach_at + _ONE_SECOND if clock.breach_at is not None and not clock.breach_recorded else None
    return {
        "state": clock.state,
        "cause": clock.cause,
        "calendar_id": clock.calendar,
        "calendar_version_id": max(v.key for v in calendars[clock.calendar].versions if isinstance(v.key, int)),
        "target": clock.target.to_json(),
        "target_seconds": clock.target_seconds,
        "started_at": clock.started_at,
        "consumed": clock.settled,
        "running_since": clock.running_since,
        "stopped_at": clock.stopped_at,
        "due_at": clock.due_at,
        "warn_at": clock.warn_at,
        "warn_percent": clock.warn_percent,
        "breach_at": clock.breach_at,
        "breached_at": clock.breached_at if clock.breach_recorded else None,
        "next_at": min((moment for moment in (clock.warn_at, late) if moment is not None), default=None),
    }


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
    seconds: Mapped[int | None]  # of the stretch that this event closed; measured again: the difference
    until: Mapped[datetime | None]  # measured again: the stretch is from ``since`` until here
    priority: Mapped[Priority | None]  # of the ticket when the clock was given its target
    percent: Mapped[int | None]
    cause: Mapped[str] = mapped_column(sa.String(CAUSE_LENGTH))
    reason: Mapped[str | None] = mapped_column(sa.Text)
    actor_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    recorded_at: Mapped[datetime]

    @classmethod
    def of(cls, ticket_id: int, entry: Entry, recorded_at: datetime) -> "ClockEvent":
        """The row that keeps an entry of a ticket's book."""
        event = entry.event
        return cls(
            ticket_id=ticket_id,
            kind=event.kind,
            cycle=entry.clock.cycle,
            type=event.type,
            at=event.at,
            since=event.since,
            calendar_id=event.calendar,
            target=None if event.target is None else event.target.to_json(),
            target_seconds=event.target_seconds,
            seconds=event.seconds,
            percent=event.percent,
            cause=event.cause,
            reason=event.reason,
            actor_id=event.actor_id,
            priority=event.priority,
            until=event.until,
            recorded_at=recorded_at,
        )

    def value(self) -> EventValue:
        """The event as the domain reads it."""
        return EventValue(
            kind=self.kind,
            type=self.type,
            at=self.at,
            cause=self.cause,
            since=self.since,
            calendar=self.calendar_id,
            target=None if self.target is None else Target.from_json(self.target),
            target_seconds=self.target_seconds,
            seconds=self.seconds,
            percent=self.percent,
            reason=self.reason,
            actor_id=self.actor_id,
            priority=self.priority,
            until=self.until,
            cycle=self.cycle,
        )


class ClockSegment(Base):
    """A stretch in which a clock ran under one version of its calendar, with the working seconds measured then.

    Closed by an event that measured again, the seconds are a difference to what is there already.
    """

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

    @classmethod
    def of(cls, ticket_id: int, entry: Entry, event_id: int) -> list["ClockSegment"]:
        """The rows of the time that came with an event, cut where versions of the calendar change."""
        return [
            cls(
                ticket_id=ticket_id,
                kind=entry.event.kind,
                cycle=entry.clock.cycle,
                from_at=piece.start,
                until_at=piece.end,
                calendar_version_id=piece.version.key,
                seconds=piece.seconds,
                closed_by=event_id,
            )
            for piece in entry.pieces
        ]
