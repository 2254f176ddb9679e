"""A registry's update of its issue, the draft of it for each lead, and whether drafts go by themselves."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship, synonym

from desk.accounts.models import Consortium, Person
from desk.bulk_answers.models import BulkAnswer
from desk.db import Base
from desk.domain.delegation import DraftState
from desk.domain.register import TITLE_LENGTH, IssueState
from desk.domain.text import REASON_LENGTH
from desk.issues.models import Issue


class RegistryUpdate(Base):
    """One update of a registry's issue: its words to the desks, and those that it suggests to members.

    ``revision`` goes up with every edit; what stood there before is in the events.
    """

    __tablename__ = "registry_update"

    id: Mapped[int] = mapped_column(primary_key=True)
    issue_id: Mapped[int] = mapped_column(sa.ForeignKey("issue.id"), index=True)
    state: Mapped[IssueState]  # of the issue, as the update says it
    text: Mapped[str] = mapped_column(sa.Text)
    member_text: Mapped[str] = mapped_column(sa.Text)
    workaround: Mapped[str] = mapped_column(sa.Text, default="")
    next_update_at: Mapped[datetime | None]
    revision: Mapped[int] = mapped_column(default=1)
    author_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    created_at: Mapped[datetime]
    revised_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}

    issue: Mapped[Issue] = relationship(lazy="select")
    author: Mapped[Person | None] = relationship(lazy="select")


_TIMED = sa.text("state = 'waiting' AND send_at IS NOT NULL")


class UpdateDraft(Base):
    """What one lead may send of an update to its own members.

    ``issue_id``: on whose known-issue page it goes, the registry's or the lead's own one below it. ``send_at``: when it
    goes by itself, worked out from ``calendar_version_id``; empty when nobody allowed it, or somebody stopped it.
    """

    __tablename__ = "update_draft"
    __table_args__ = (
        sa.UniqueConstraint("registry_update_id", "consortium_id"),
        # The lead's list, and what a newer version of the lead's calendar has to look at again.
        sa.Index("ix_update_draft_consortium_id_state", "consortium_id", "state"),
        # The sweep: drafts that go by themselves.
        sa.Index("ix_update_draft_send_at", "send_at", sqlite_where=_TIMED, postgresql_where=_TIMED),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = synonym("id")
    registry_update_id: Mapped[int] = mapped_column(sa.ForeignKey("registry_update.id"))
    consortium_id: Mapped[int] = mapped_column(sa.ForeignKey("consortium.id"))
    issue_id: Mapped[int] = mapped_column(sa.ForeignKey("issue.id"))
    state: Mapped[DraftState]
    revision: Mapped[int]  # of the update, as far as the draft has its words, or somebody has seen them
    title: Mapped[str] = mapped_column(sa.String(TITLE_LENGTH))
    text: Mapped[str] = mapped_column(sa.Text)
    workaround: Mapped[str] = mapped_column(sa.Text, default="")
    next_update_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    ready_at: Mapped[datetime]  # since when its words are as they are: the hours run from here
    edited_at: Mapped[datetime | None]
    edited_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    stopped_at: Mapped[datetime | None]  # it does not go by itself
    stopped_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    send_at: Mapped[datetime | None]
    calendar_version_id: Mapped[int | None] = mapped_column(sa.ForeignKey("calendar_version.id"))
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(sa.String(REASON_LENGTH), default="")  # it was dismissed
    bulk_answer_id: Mapped[int | None] = mapped_column(sa.ForeignKey("bulk_answer.id"))
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}

    update: Mapped[RegistryUpdate] = relationship(lazy="select")
    consortium: Mapped[Consortium] = relationship(lazy="select")
    issue: Mapped[Issue] = relationship(lazy="select")
    edited_by: Mapped[Person | None] = relationship(foreign_keys=[edited_by_id], lazy="select")
    stopped_by: Mapped[Person | None] = relationship(foreign_keys=[stopped_by_id], lazy="select")
    decided_by: Mapped[Person | None] = relationship(foreign_keys=[decided_by_id], lazy="select")
    bulk_answer: Mapped[BulkAnswer | None] = relationship(lazy="select")


class DraftPolicy(Base):
    """After how many working hours a consortium's drafts go by themselves; no row or no ``hours``: never."""

    __tablename__ = "draft_policy"

    consortium_id: Mapped[int] = mapped_column(sa.ForeignKey("consortium.id"), primary_key=True, autoincrement=False)
    hours: Mapped[int | None]
    since: Mapped[datetime]
    set_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))

    set_by: Mapped[Person | None] = relationship(lazy="select")
