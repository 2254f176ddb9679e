"""What was said on a ticket: messages, the files that hang on them, and what of both was shown to a registry."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from desk.accounts.models import Person
from desk.db import Base, JsonList
from desk.domain.files import NAME_LENGTH
from desk.domain.vocabulary import Audience, Channel


class Message(Base):
    """What somebody wrote; never edited. ``text`` is the source with secrets removed, ``html`` what pages show."""

    __tablename__ = "message"
    __table_args__ = (sa.Index("ix_message_ticket_id_id", "ticket_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"))
    author_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    author_label: Mapped[str] = mapped_column(sa.String(254), default="")  # an unverified sender's address, or the desk
    from_staff: Mapped[bool] = mapped_column(default=False)
    machine: Mapped[bool] = mapped_column(default=False)  # mail that no human wrote: shown, moves nothing
    audience: Mapped[Audience]
    channel: Mapped[Channel]
    text: Mapped[str] = mapped_column(sa.Text)
    html: Mapped[str] = mapped_column(sa.Text)
    quoted_text: Mapped[str] = mapped_column(sa.Text, default="")  # the rest of a mail: one click away
    secrets_removed: Mapped[JsonList] = mapped_column(default=list)  # kinds, never the secrets
    created_at: Mapped[datetime]

    author: Mapped[Person | None] = relationship(lazy="joined")
    attachments: Mapped[list["Attachment"]] = relationship(order_by="Attachment.id", lazy="selectin")


class Attachment(Base):
    """A file that hangs on a message; visible as its message is. The bytes are in the store under ``key``."""

    __tablename__ = "attachment"

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(sa.ForeignKey("message.id"), index=True)
    key: Mapped[str] = mapped_column(sa.String(64))
    file_name: Mapped[str] = mapped_column(sa.String(NAME_LENGTH))
    content_type: Mapped[str] = mapped_column(sa.String(120))  # by content, not by name
    size: Mapped[int]
    created_at: Mapped[datetime]


class Disclosure(Base):
    """A member's message, or one attachment of it, was shown to a registry at this moment, by this person."""

    __tablename__ = "disclosure"
    __table_args__ = (
        sa.UniqueConstraint("registry_id", "message_id", "attachment_id"),
        sa.CheckConstraint("(message_id IS NULL) <> (attachment_id IS NULL)", name="one_thing"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"), index=True)
    registry_id: Mapped[int] = mapped_column(sa.ForeignKey("registry.id"))
    message_id: Mapped[int | None] = mapped_column(sa.ForeignKey("message.id"))
    attachment_id: Mapped[int | None] = mapped_column(sa.ForeignKey("attachment.id"))
    at: Mapped[datetime]
    by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    # What the registry sees when it is not the message as written: iDs and addresses of researchers masked.
    text: Mapped[str | None] = mapped_column(sa.Text)
