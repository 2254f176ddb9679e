"""The ledger of hand-overs: append-only, one open entry per ticket."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from desk.db import Base
from desk.domain.vocabulary import Party


class CustodyEntry(Base):
    """One party's turn. ``seconds`` is working time in the holder's calendar, written when the turn ends."""

    __tablename__ = "custody_entry"
    __table_args__ = (
        sa.Index("ix_custody_entry_ticket_id_id", "ticket_id", "id"),
        # At most one open turn per ticket, whoever writes at the same time.
        sa.Index(
            "uq_custody_entry_open",
            "ticket_id",
            unique=True,
            sqlite_where=sa.text("until_at IS NULL"),
            postgresql_where=sa.text("until_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"))
    party: Mapped[Party]
    team_id: Mapped[int | None] = mapped_column(sa.ForeignKey("team.id"))
    from_at: Mapped[datetime]
    until_at: Mapped[datetime | None]
    seconds: Mapped[int | None]
    reason: Mapped[str] = mapped_column(sa.String(60))  # the event that moved it: opened, escalated, returned, ...
    actor_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    # Percent of the overall promise that was left when the turn began; None where nothing was promised.
    promise_left: Mapped[int | None]
