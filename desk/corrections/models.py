"""An objection to a stretch of a clock: raised by one party, confirmed or refused by the other."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from desk.db import Base
from desk.domain.targets import Kind


class ObjectionState(StrEnum):
    """An objection waits, and is then decided once."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class Party(StrEnum):
    """Who objects."""

    MEMBER = "member"
    LEAD = "lead"
    REGISTRY = "registry"


class Objection(Base):
    """“This stretch is wrong”: it counted and should not have, or stood still and should have counted."""

    __tablename__ = "objection"
    __table_args__ = (
        sa.Index("ix_objection_ticket_id_id", "ticket_id", "id"),
        # A stretch is disputed by one open objection at a time.
        sa.Index(
            "uq_objection_open",
            "ticket_id",
            "kind",
            "from_at",
            unique=True,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("clock_set.ticket_id"))
    kind: Mapped[Kind]
    cycle: Mapped[int]  # of the clock in which the stretch lies; it may be over when this is decided
    from_at: Mapped[datetime]
    until_at: Mapped[datetime]  # a stretch that lasts is disputed up to the moment of the objection
    counted: Mapped[bool]  # as it stands: it counted, or the clock stood still
    text: Mapped[str] = mapped_column(sa.Text)
    party: Mapped[Party]
    raised_by: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    raised_at: Mapped[datetime]
    state: Mapped[ObjectionState] = mapped_column(default=ObjectionState.OPEN)
    answer: Mapped[str] = mapped_column(sa.Text, default="")
    decided_by: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    decided_at: Mapped[datetime | None]
