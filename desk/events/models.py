"""The event: append-only, past participle; timeline on the page, outbox of notifications, source of reports."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from desk.db import Base, JsonDict


class Event(Base):
    """Something that happened. ``expanded_at`` is empty until the notifications it causes have been written.

    ``tell_from``: nobody is told before, since those whom it concerns do not work then.
    """

    __tablename__ = "event"
    __table_args__ = (
        # The sweep of the outbox: oldest event that nobody has turned into mail yet.
        sa.Index(
            "ix_event_unexpanded",
            "id",
            sqlite_where=sa.text("expanded_at IS NULL"),
            postgresql_where=sa.text("expanded_at IS NULL"),
        ),
        sa.Index("ix_event_ticket_id_id", "ticket_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(sa.String(60))
    actor_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    audience: Mapped[str | None] = mapped_column(sa.String(20))
    ticket_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ticket.id"))
    message_id: Mapped[int | None] = mapped_column(sa.ForeignKey("message.id"))
    escalation_id: Mapped[int | None] = mapped_column(sa.ForeignKey("escalation.id"), index=True)
    issue_id: Mapped[int | None] = mapped_column(sa.ForeignKey("issue.id"), index=True)
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"), index=True)
    consortium_id: Mapped[int | None] = mapped_column(sa.ForeignKey("consortium.id"))
    registry_id: Mapped[int | None] = mapped_column(sa.ForeignKey("registry.id"))
    payload: Mapped[JsonDict] = mapped_column(default=dict)
    expanded_at: Mapped[datetime | None]
    tell_from: Mapped[datetime | None]
