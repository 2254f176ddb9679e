"""The ticket, who follows it, and which registries it was handed to."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship, synonym

from desk.accounts.models import Consortium, MemberOrg, Person, Team
from desk.db import Base, JsonDict, JsonList
from desk.domain.lifecycle import State
from desk.domain.priority import Impact, Priority, Urgency
from desk.domain.text import SUBJECT_LENGTH
from desk.domain.vocabulary import Channel, Environment, Outcome, Resolver, TicketKind


class Ticket(Base):
    """One record, one accountable owner (the consortium's lead), a changing holder."""

    __tablename__ = "ticket"
    __table_args__ = (
        sa.Index("ix_ticket_consortium_id_state", "consortium_id", "state"),
        sa.Index("ix_ticket_member_org_id", "member_org_id"),
        sa.Index("ix_ticket_requester_id", "requester_id"),
        # The sweeps: tickets on hold to be woken, resolved tickets to be closed.
        sa.Index(
            "ix_ticket_next_act",
            "next_act_at",
            sqlite_where=sa.text("next_act_at IS NOT NULL"),
            postgresql_where=sa.text("next_act_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = synonym("id")  # ids are never used twice, so the number people quote is the id
    kind: Mapped[TicketKind]
    subject: Mapped[str] = mapped_column(sa.String(SUBJECT_LENGTH))
    consortium_id: Mapped[int] = mapped_column(sa.ForeignKey("consortium.id"))
    member_org_id: Mapped[int | None] = mapped_column(sa.ForeignKey("member_org.id"))
    # A mail sender nobody has vouched for proposes an organisation by its domain; the lead confirms it.
    proposed_org_id: Mapped[int | None] = mapped_column(sa.ForeignKey("member_org.id"))
    requester_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    # The address that wrote, while it has not been proved to be the requester's.
    unverified_sender: Mapped[str | None] = mapped_column(sa.String(254))
    channel: Mapped[Channel]
    state: Mapped[State]
    state_before: Mapped[State | None]  # remembered while the member is asked
    tier: Mapped[int] = mapped_column(default=1)
    holder_team_id: Mapped[int] = mapped_column(sa.ForeignKey("team.id"))
    assignee_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"), index=True)
    impact: Mapped[Impact]
    urgency: Mapped[Urgency]
    priority: Mapped[Priority]
    catalogue_key: Mapped[str | None] = mapped_column(sa.String(80), index=True)
    fields: Mapped[JsonDict] = mapped_column(default=dict)  # what the catalogue entry asks for, by field id
    service: Mapped[str] = mapped_column(sa.String(40))
    environment: Mapped[Environment | None]
    identifiers: Mapped[JsonList] = mapped_column(default=list)  # [{"kind": ..., "value": ...}]
    resolver: Mapped[Resolver | None]
    tags: Mapped[JsonList] = mapped_column(default=list)
    outcome: Mapped[Outcome | None]
    hold_reason: Mapped[str | None] = mapped_column(sa.Text)
    next_act_at: Mapped[datetime | None]  # on hold: wake then; resolved: close then
    registry_may_write: Mapped[bool] = mapped_column(default=False)
    merged_into_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ticket.id"))
    follow_up_of_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ticket.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}

    consortium: Mapped[Consortium] = relationship(lazy="select")
    member_org: Mapped[MemberOrg | None] = relationship(foreign_keys=[member_org_id], lazy="select")
    proposed_org: Mapped[MemberOrg | None] = relationship(foreign_keys=[proposed_org_id], lazy="select")
    requester: Mapped[Person | None] = relationship(foreign_keys=[requester_id], lazy="select")
    assignee: Mapped[Person | None] = relationship(foreign_keys=[assignee_id], lazy="select")
    holder: Mapped[Team] = relationship(lazy="select")


class Participant(Base):
    """Somebody of a member who follows a ticket beside its requester; added by someone of the desk only."""

    __tablename__ = "participant"
    __table_args__ = (sa.UniqueConstraint("ticket_id", "person_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"))
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    added_at: Mapped[datetime]
    added_by: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))


class TicketRegistry(Base):
    """The ticket is, or was, escalated to this registry: from then on its team sees what was disclosed."""

    __tablename__ = "ticket_registry"
    __table_args__ = (sa.UniqueConstraint("ticket_id", "registry_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"))
    registry_id: Mapped[int] = mapped_column(sa.ForeignKey("registry.id"), index=True)
    since: Mapped[datetime]
    # Those whose iDs and addresses appear agreed that this registry reads them; until then they are masked for it.
    people_named: Mapped[bool] = mapped_column(default=False)


class SubmittedForm(Base):
    """A form that was sent once already: the same key again leads to the same ticket instead of a second one."""

    __tablename__ = "submitted_form"
    __table_args__ = (sa.UniqueConstraint("person_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    key: Mapped[str] = mapped_column(sa.String(64))
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"))
    created_at: Mapped[datetime]
