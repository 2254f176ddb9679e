"""A team that is reached by mail, the numbers of its own desk, and every word of it, with what became of each."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from desk.db import Base, JsonList
from desk.domain.bridge import WORD_LENGTH, Meaning
from desk.domain.bridge_pattern import DEFAULT_PATTERN, NUMBER_LENGTH, PATTERN_LENGTH
from desk.domain.escalation import ReturnReason

ADDRESS_LENGTH = 254


class Became(StrEnum):
    """What became of something that the registry's desk said."""

    MOVED = "moved"
    NOTED = "noted"  # kept on the ticket; nothing moved
    TO_DECIDE = "to_decide"  # kept on the ticket; what it means is for the lead to say
    REFUSED = "refused"  # not kept on the ticket: the mail is held, with the reason


class Bridge(Base):
    """A registry's team that is reached by mail instead of by signing in."""

    __tablename__ = "bridge"

    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("team.id"), unique=True)
    registry_id: Mapped[int] = mapped_column(sa.ForeignKey("registry.id"), index=True)
    active: Mapped[bool] = mapped_column(default=True)
    address: Mapped[str] = mapped_column(sa.String(ADDRESS_LENGTH))  # lower case
    senders: Mapped[JsonList] = mapped_column(default=list)  # addresses and @domains; none: the address's own domain
    number_pattern: Mapped[str] = mapped_column(sa.String(PATTERN_LENGTH), default=DEFAULT_PATTERN)
    phrases: Mapped[JsonList] = mapped_column(default=list)  # by which its automatic answers are known
    first_answer_accepts: Mapped[bool] = mapped_column(default=True)
    number_in_subject: Mapped[bool] = mapped_column(default=True)  # it rewrites subjects: ours carry its number then
    changed_at: Mapped[datetime]
    changed_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    version: Mapped[int] = mapped_column(default=1)

    words: Mapped[list["BridgeWord"]] = relationship(order_by="BridgeWord.word", cascade="all, delete-orphan")

    __mapper_args__ = {"version_id_col": version}


class BridgeWord(Base):
    """What a word of the other desk means here."""

    __tablename__ = "bridge_word"
    __table_args__ = (sa.UniqueConstraint("bridge_id", "word"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    bridge_id: Mapped[int] = mapped_column(sa.ForeignKey("bridge.id"))
    word: Mapped[str] = mapped_column(sa.String(WORD_LENGTH))  # lower case
    meaning: Mapped[Meaning]
    reason: Mapped[ReturnReason | None]


class BridgeLink(Base):
    """An escalation that was sent by mail; its signed address names this row."""

    __tablename__ = "bridge_link"

    id: Mapped[int] = mapped_column(primary_key=True)
    bridge_id: Mapped[int] = mapped_column(sa.ForeignKey("bridge.id"), index=True)
    escalation_id: Mapped[int] = mapped_column(sa.ForeignKey("escalation.id"), unique=True)
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"), index=True)
    answer_to: Mapped[str] = mapped_column(sa.String(ADDRESS_LENGTH), default="")  # where their last mail wants answers
    begun_at: Mapped[datetime]

    bridge: Mapped[Bridge] = relationship(lazy="joined")


class BridgeNumber(Base):
    """A number of the registry's own desk, bound to one escalation; some desks give each mail a new one."""

    __tablename__ = "bridge_number"
    __table_args__ = (sa.UniqueConstraint("registry_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(sa.ForeignKey("bridge_link.id"), index=True)
    registry_id: Mapped[int] = mapped_column(sa.ForeignKey("registry.id"))
    number: Mapped[str] = mapped_column(sa.String(NUMBER_LENGTH))
    written: Mapped[str] = mapped_column(sa.String(2 * NUMBER_LENGTH))  # as it stood there, [#4711]
    bound_at: Mapped[datetime]


class BridgeMail(Base):
    """A mail of ours to the other desk, and what of the ticket it carried."""

    __tablename__ = "bridge_mail"

    outbound_mail_id: Mapped[int] = mapped_column(sa.ForeignKey("outbound_mail.id"), primary_key=True)
    link_id: Mapped[int] = mapped_column(sa.ForeignKey("bridge_link.id"), index=True)
    messages: Mapped[JsonList] = mapped_column(default=list)  # ids of the member's messages that it shows
    files: Mapped[JsonList] = mapped_column(default=list)  # ids of attachments that it carries


class BridgeSaid(Base):
    """One word of the registry's desk: by mail, or as the lead recorded it."""

    __tablename__ = "bridge_said"
    __table_args__ = (sa.Index("ix_bridge_said_link_id_id", "link_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(sa.ForeignKey("bridge_link.id"))
    at: Mapped[datetime]
    inbound_mail_id: Mapped[int | None] = mapped_column(sa.ForeignKey("inbound_mail.id"))
    message_id: Mapped[int | None] = mapped_column(sa.ForeignKey("message.id"))
    sender: Mapped[str] = mapped_column(sa.String(ADDRESS_LENGTH), default="")
    recorded_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    machine: Mapped[bool] = mapped_column(default=False)
    word: Mapped[str] = mapped_column(sa.String(WORD_LENGTH), default="")  # as their desk wrote it
    meaning: Mapped[Meaning | None]
    became: Mapped[Became]
    why: Mapped[str] = mapped_column(sa.String(500), default="")
    decided_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    decided_at: Mapped[datetime | None]
