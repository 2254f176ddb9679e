"""What a desk decided about a step that its figures propose."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from desk.db import Base
from desk.domain.learning import Decided, Step


class Improvement(Base):
    """A proposed step that was done or declined, and why. Append-only: of one step the newest decision counts.

    The proposal comes again when there is a case after ``decided_at``.
    """

    __tablename__ = "improvement"
    __table_args__ = (
        # The decisions about what the page proposes.
        sa.Index("ix_improvement_step", "consortium_id", "step", "entry_key", "field_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    consortium_id: Mapped[int] = mapped_column(sa.ForeignKey("consortium.id"))
    step: Mapped[Step]
    entry_key: Mapped[str] = mapped_column(sa.String(60))  # empty: tickets without an entry
    field_id: Mapped[str] = mapped_column(sa.String(60), default="")  # of a field that shall be required
    decided: Mapped[Decided]
    reason: Mapped[str] = mapped_column(sa.Text)
    cases: Mapped[int]  # how many there were then
    decided_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
