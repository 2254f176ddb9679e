"""What was filed at a registry for a ticket."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from desk.accounts.models import Person
from desk.db import Base
from desk.domain.registry_action import KIND_LENGTH, REFERENCE_LENGTH, ActionState
from desk.tickets.models import Ticket


class RegistryAction(Base):
    """A form, credentials, a prefix: filed by the lead, answered by the registry outside of the desk."""

    __tablename__ = "registry_action"
    __table_args__ = (
        # The lead's list, what is expected next first.
        sa.Index("ix_registry_action_state_expected_by", "state", "expected_by"),
        # The sweep: of whose answer a desk is to be reminded first.
        sa.Index(
            "ix_registry_action_remind_at",
            "remind_at",
            sqlite_where=sa.text("remind_at IS NOT NULL"),
            postgresql_where=sa.text("remind_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"), index=True)
    registry_id: Mapped[int] = mapped_column(sa.ForeignKey("registry.id"))
    kind: Mapped[str] = mapped_column(sa.String(KIND_LENGTH))  # in the catalogue's words, or the lead's
    reference: Mapped[str] = mapped_column(sa.String(REFERENCE_LENGTH), default="")  # the registry's own
    filed_on: Mapped[date]
    expected_by: Mapped[date | None]
    remind_at: Mapped[datetime | None]  # when its desk is told that nobody answered, in its hours; empty once it was
    state: Mapped[ActionState]
    ended_on: Mapped[date | None]
    note: Mapped[str] = mapped_column(sa.Text, default="")
    shown_at: Mapped[datetime | None]  # since when the registry reads it on the ticket that it was handed
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}

    ticket: Mapped[Ticket] = relationship(lazy="select")
    filed_by: Mapped[Person | None] = relationship(lazy="select")
