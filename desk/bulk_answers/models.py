"""An answer to many tickets, the row of each ticket, and who has been told by it."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from desk.accounts.models import Person
from desk.db import Base, JsonDict
from desk.domain.bulk_answer import BulkKind, Progress, Reason, Task
from desk.domain.vocabulary import Outcome
from desk.issues.models import Issue


class BulkAnswer(Base):
    """One text by one desk to the tickets of an issue. ``by_id`` empty: it was sent by itself.

    ``news``: kind, issue and payload of the event by which followers are told once every ticket had its turn.
    """

    __tablename__ = "bulk_answer"
    __table_args__ = (
        sa.CheckConstraint("(consortium_id IS NULL) <> (registry_id IS NULL)", name="one_desk"),
        # The sweep that ends one whose last ticket is done.
        sa.Index(
            "ix_bulk_answer_unfinished",
            "id",
            sqlite_where=sa.text("finished_at IS NULL"),
            postgresql_where=sa.text("finished_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[BulkKind]
    issue_id: Mapped[int] = mapped_column(sa.ForeignKey("issue.id"), index=True)
    consortium_id: Mapped[int | None] = mapped_column(sa.ForeignKey("consortium.id"))
    registry_id: Mapped[int | None] = mapped_column(sa.ForeignKey("registry.id"))
    text: Mapped[str] = mapped_column(sa.Text)
    workaround: Mapped[str] = mapped_column(sa.Text, default="")
    next_update_at: Mapped[datetime | None]
    outcome: Mapped[Outcome | None]  # of those that are resolved
    news: Mapped[JsonDict] = mapped_column(default=dict)
    by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    issue: Mapped[Issue] = relationship(lazy="select")
    by: Mapped[Person | None] = relationship(lazy="select")


_WAITING = sa.text("state = 'waiting'")
_RESOLVING = sa.text("state = 'waiting' AND task = 'resolve'")
_WATCHED = sa.text("watched")


class BulkAnswerTicket(Base):
    """What is done with one ticket. ``issue_id``: the issue it is linked to; ``despite``: a reason that was overruled.

    ``watched``: it was resolved, and may still come back.
    """

    __tablename__ = "bulk_answer_ticket"
    __table_args__ = (
        sa.UniqueConstraint("bulk_answer_id", "ticket_id"),
        # The job takes the oldest one that waits.
        sa.Index("ix_bulk_answer_ticket_waiting", "id", sqlite_where=_WAITING, postgresql_where=_WAITING),
        # Pressed twice, or by two people: a ticket waits once to be resolved.
        sa.Index(
            "uq_bulk_answer_ticket_resolving",
            "ticket_id",
            unique=True,
            sqlite_where=_RESOLVING,
            postgresql_where=_RESOLVING,
        ),
        # The sweep that finds those that came back.
        sa.Index("ix_bulk_answer_ticket_watched", "ticket_id", sqlite_where=_WATCHED, postgresql_where=_WATCHED),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    bulk_answer_id: Mapped[int] = mapped_column(sa.ForeignKey("bulk_answer.id"))
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"))
    issue_id: Mapped[int] = mapped_column(sa.ForeignKey("issue.id"), index=True)
    task: Mapped[Task]
    state: Mapped[Progress]
    despite: Mapped[Reason | None]
    why: Mapped[Reason | None]  # it was left out, or told instead of resolved
    done_at: Mapped[datetime | None]
    watched: Mapped[bool] = mapped_column(default=False)
    came_back_at: Mapped[datetime | None]


class BulkAnswerTold(Base):
    """Somebody is told of the answer by the mail about this ticket, and by no other one."""

    __tablename__ = "bulk_answer_told"
    __table_args__ = (sa.UniqueConstraint("bulk_answer_id", "person_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    bulk_answer_id: Mapped[int] = mapped_column(sa.ForeignKey("bulk_answer.id"))
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"))
