"""The hand-over of a ticket to a registry, and each time it was sent."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from desk.db import Base, Json, JsonDict, JsonList
from desk.domain.escalation import ENDED, EscalationState, ReturnReason

_STILL_OPEN = sa.text("state NOT IN ({})".format(", ".join(f"'{state.value}'" for state in sorted(ENDED))))


class Escalation(Base):
    """One hand-over. ``brief`` is the lead's working copy; the registry reads the brief of the last round."""

    __tablename__ = "escalation"
    __table_args__ = (
        sa.CheckConstraint("tier IN (2, 3)", name="tier"),
        sa.UniqueConstraint("ticket_id", "ordinal"),
        # Two people who escalate at once: the database keeps one open hand-over for each ticket.
        sa.Index(
            "uq_escalation_open",
            "ticket_id",
            unique=True,
            sqlite_where=_STILL_OPEN,
            postgresql_where=_STILL_OPEN,
        ),
        # The registry's queue.
        sa.Index("ix_escalation_registry_id_state", "registry_id", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"))
    ordinal: Mapped[int]  # 1 for the first escalation of the ticket
    registry_id: Mapped[int] = mapped_column(sa.ForeignKey("registry.id"))
    state: Mapped[EscalationState]
    tier: Mapped[int]
    cycle: Mapped[int] = mapped_column(default=0)  # how often it was sent
    brief: Mapped[JsonDict] = mapped_column(Json)
    chosen_messages: Mapped[JsonList] = mapped_column(Json, default=list)  # ids the lead wants to disclose
    chosen_attachments: Mapped[JsonList] = mapped_column(Json, default=list)
    registry_reference: Mapped[str | None] = mapped_column(sa.String(80))  # the number at the registry's own desk
    return_reason: Mapped[ReturnReason | None]
    decline_entry_key: Mapped[str | None] = mapped_column(sa.String(60))  # the catalogue entry that answers it
    prepared_by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    assignee_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))  # problem manager at the registry
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]  # the last time
    accepted_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]  # accepted, declined or returned, in this cycle
    fixed_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    rounds: Mapped[list["EscalationRound"]] = relationship(
        back_populates="escalation", order_by="EscalationRound.cycle", lazy="select"
    )

    __mapper_args__ = {"version_id_col": version}


class EscalationRound(Base):
    """One sending: the brief exactly as the registry got it, and how it was answered."""

    __tablename__ = "escalation_round"
    __table_args__ = (
        sa.UniqueConstraint("escalation_id", "cycle"),
        # Reports: what came back in a period.
        sa.Index("ix_escalation_round_ended_at", "ended_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    escalation_id: Mapped[int] = mapped_column(sa.ForeignKey("escalation.id"))
    cycle: Mapped[int]
    tier: Mapped[int]
    brief: Mapped[JsonDict] = mapped_column(Json)  # secrets removed, people masked without consent
    sent_at: Mapped[datetime]
    sent_by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    accepted_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[EscalationState | None]  # declined, returned, withdrawn or fixed
    return_reason: Mapped[ReturnReason | None]
    decline_entry_key: Mapped[str | None] = mapped_column(sa.String(60))

    escalation: Mapped[Escalation] = relationship(back_populates="rounds")
