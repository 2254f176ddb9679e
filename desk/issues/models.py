"""The issues register: problems behind tickets, who is affected, and what members of each consortium read of them."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship, synonym

from desk.accounts.models import Consortium, MemberOrg, Person, Registry
from desk.db import Base, JsonList
from desk.domain.register import REFERENCE_LENGTH, SERVICE_LENGTH, TITLE_LENGTH, EntryAudience, IssueState
from desk.domain.vocabulary import Environment
from desk.tickets.models import Ticket


class Issue(Base):
    """A problem, owned by one consortium or by one registry; a consortium's may point up to its registry's."""

    __tablename__ = "issue"
    __table_args__ = (
        sa.CheckConstraint("(consortium_id IS NULL) <> (registry_id IS NULL)", name="one_owner"),
        sa.CheckConstraint("upstream_issue_id IS NULL OR consortium_id IS NOT NULL", name="only_upward"),
        # The register of one desk, and the open issues that a ticket may be about.
        sa.Index("ix_issue_consortium_id_state", "consortium_id", "state"),
        sa.Index("ix_issue_registry_id_state", "registry_id", "state"),
        # The job that reminds of reviews.
        sa.Index(
            "ix_issue_review_at",
            "review_at",
            sqlite_where=sa.text("review_at IS NOT NULL"),
            postgresql_where=sa.text("review_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = synonym("id")  # ids are never used twice, so people can say them
    consortium_id: Mapped[int | None] = mapped_column(sa.ForeignKey("consortium.id"))
    registry_id: Mapped[int | None] = mapped_column(sa.ForeignKey("registry.id"))
    upstream_issue_id: Mapped[int | None] = mapped_column(sa.ForeignKey("issue.id"), index=True)
    state: Mapped[IssueState]
    title: Mapped[str] = mapped_column(sa.String(TITLE_LENGTH))
    symptom: Mapped[str] = mapped_column(sa.Text)
    cause: Mapped[str] = mapped_column(sa.Text, default="")
    workaround: Mapped[str] = mapped_column(sa.Text, default="")
    impact: Mapped[str] = mapped_column(sa.Text, default="")
    service: Mapped[str] = mapped_column(sa.String(SERVICE_LENGTH))
    environment: Mapped[Environment | None]
    catalogue_key: Mapped[str | None] = mapped_column(sa.String(80), index=True)
    identifiers: Mapped[JsonList] = mapped_column(default=list)  # as a ticket's; found in the texts above
    problem_manager_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))  # at the registry
    owner_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))  # at the lead
    registry_reference: Mapped[str | None] = mapped_column(sa.String(REFERENCE_LENGTH))
    first_seen: Mapped[date]
    next_review_on: Mapped[date | None]
    review_at: Mapped[datetime | None]  # when its desk is reminded, in its working hours; empty once it was
    merged_into_id: Mapped[int | None] = mapped_column(sa.ForeignKey("issue.id"), index=True)
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}

    consortium: Mapped[Consortium | None] = relationship(lazy="select")
    # Not "registry": the declarative base has an attribute of that name.
    owning_registry: Mapped[Registry | None] = relationship(lazy="select")
    upstream: Mapped["Issue | None"] = relationship(remote_side=[id], foreign_keys=[upstream_issue_id], lazy="select")
    problem_manager: Mapped[Person | None] = relationship(foreign_keys=[problem_manager_id], lazy="select")
    owner: Mapped[Person | None] = relationship(foreign_keys=[owner_id], lazy="select")


class IssueTicket(Base):
    """A ticket that the issue explains. An undone link stays, with when and by whom."""

    __tablename__ = "issue_ticket"
    __table_args__ = (sa.UniqueConstraint("issue_id", "ticket_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    issue_id: Mapped[int] = mapped_column(sa.ForeignKey("issue.id"))
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"), index=True)
    linked_at: Mapped[datetime]
    linked_by: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    unlinked_at: Mapped[datetime | None]
    unlinked_by: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))


class IssueMemberOrg(Base):
    """What one contact said for their organisation: "affects us too", "tell me when there is news", or both."""

    __tablename__ = "issue_member_org"
    __table_args__ = (sa.UniqueConstraint("issue_id", "member_org_id", "person_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    issue_id: Mapped[int] = mapped_column(sa.ForeignKey("issue.id"))
    member_org_id: Mapped[int] = mapped_column(sa.ForeignKey("member_org.id"), index=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    affected_since: Mapped[datetime | None]  # when they said so; empty: follows only
    follows: Mapped[bool] = mapped_column(default=False)

    member_org: Mapped[MemberOrg] = relationship(lazy="select")


class IssuePublication(Base):
    """What the members of one consortium read of the issue: a text of its own, never the internal one."""

    __tablename__ = "issue_publication"
    __table_args__ = (sa.UniqueConstraint("issue_id", "consortium_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    issue_id: Mapped[int] = mapped_column(sa.ForeignKey("issue.id"))
    consortium_id: Mapped[int] = mapped_column(sa.ForeignKey("consortium.id"), index=True)
    state: Mapped[IssueState]  # as last told to members; a registry's move reaches them when their lead says so
    title: Mapped[str] = mapped_column(sa.String(TITLE_LENGTH))
    text: Mapped[str] = mapped_column(sa.Text)
    html: Mapped[str] = mapped_column(sa.Text)
    workaround: Mapped[str] = mapped_column(sa.Text, default="")
    workaround_html: Mapped[str] = mapped_column(sa.Text, default="")
    published_at: Mapped[datetime]  # first
    updated_at: Mapped[datetime]  # the last text or published update
    updated_by: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    next_update_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}

    issue: Mapped[Issue] = relationship(lazy="select")
    consortium: Mapped[Consortium] = relationship(lazy="select")


class IssueUpdate(Base):
    """A dated entry: for the owner's desk, for all who read the record, or for the members of one consortium."""

    __tablename__ = "issue_update"
    __table_args__ = (
        sa.Index("ix_issue_update_issue_id_id", "issue_id", "id"),
        sa.CheckConstraint("(audience = 'members') = (consortium_id IS NOT NULL)", name="members_of_one"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    issue_id: Mapped[int] = mapped_column(sa.ForeignKey("issue.id"))
    audience: Mapped[EntryAudience]
    consortium_id: Mapped[int | None] = mapped_column(sa.ForeignKey("consortium.id"))
    text: Mapped[str] = mapped_column(sa.Text)
    html: Mapped[str] = mapped_column(sa.Text)
    at: Mapped[datetime]
    author_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))

    author: Mapped[Person | None] = relationship(lazy="joined")


class IssueDecision(Base):
    """What was decided about the issue, when and by whom; read by the owner's desk."""

    __tablename__ = "issue_decision"

    id: Mapped[int] = mapped_column(primary_key=True)
    issue_id: Mapped[int] = mapped_column(sa.ForeignKey("issue.id"), index=True)
    text: Mapped[str] = mapped_column(sa.Text)
    at: Mapped[datetime]
    by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))

    by: Mapped[Person | None] = relationship(lazy="joined")


def affects(about: int | None = None) -> sa.CTE:
    """Issue, member, consortium: by linked ticket, by "affects us too", and both again for the issue above. Derived.

    ``about``: only that issue's rows are wanted, so that nothing else is read.
    """
    wanted = sa.true() if about is None else sa.or_(Issue.id == about, Issue.upstream_issue_id == about)
    ids = sa.select(Issue.id).where(wanted)
    by_ticket = (
        sa.select(IssueTicket.issue_id, Ticket.member_org_id, Ticket.consortium_id)
        .join(Ticket, Ticket.id == IssueTicket.ticket_id)
        .where(IssueTicket.unlinked_at.is_(None), sa.true() if about is None else IssueTicket.issue_id.in_(ids))
    )
    by_word = (
        sa.select(IssueMemberOrg.issue_id, IssueMemberOrg.member_org_id, MemberOrg.consortium_id)
        .join(MemberOrg, MemberOrg.id == IssueMemberOrg.member_org_id)
        .where(
            IssueMemberOrg.affected_since.is_not(None),
            sa.true() if about is None else IssueMemberOrg.issue_id.in_(ids),
        )
    )
    nobody = sa.cast(sa.null(), sa.Integer)
    # A consortium that keeps the issue in its own register is affected, with or without a ticket.
    by_owner = sa.select(Issue.id, nobody, Issue.consortium_id).where(Issue.consortium_id.is_not(None), wanted)
    direct = sa.union_all(by_ticket, by_word, by_owner).cte("issue_link")
    upward = (
        sa.select(Issue.upstream_issue_id, direct.c.member_org_id, direct.c.consortium_id)
        .join(direct, direct.c.issue_id == Issue.id)
        .where(Issue.upstream_issue_id.is_not(None), wanted)
    )
    return sa.union_all(sa.select(direct), upward).cte("issue_affects")


def affected_counts(about: int | None = None) -> sa.Subquery:
    """Per issue: how many ``members`` and ``consortia`` it affects, each once however many tickets they have."""
    found = affects(about)
    return (
        sa.select(
            found.c.issue_id,
            sa.func.count(found.c.member_org_id.distinct()).label("members"),
            sa.func.count(found.c.consortium_id.distinct()).label("consortia"),
        )
        .group_by(found.c.issue_id)
        .subquery()
    )
