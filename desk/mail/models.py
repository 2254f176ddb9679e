"""Mail as the desk keeps it: what came in with what became of it, and what is to go out with how far it got."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from desk.db import Base, JsonDict, JsonList
from desk.domain.languages import ENGLISH
from desk.domain.notices import Wait
from desk.domain.vocabulary import Audience
from desk.mail.failures import Failure

ADDRESS_LENGTH = 254
MESSAGE_ID_LENGTH = 400
SUBJECT_LENGTH = 300
UNSUBSCRIBE_LENGTH = 600


class InboundState(StrEnum):
    """How far a kept mail is: every mail ends as done, or as quarantined until somebody tries it again."""

    NEW = "new"
    DONE = "done"
    QUARANTINED = "quarantined"


class InboundOutcome(StrEnum):
    """What became of a mail that was read. Received = the sum of these, of new and of quarantined."""

    OPENED = "opened"
    APPENDED = "appended"
    HELD = "held"
    DUPLICATE = "duplicate"  # the same mail came to another address of the same desk
    REPORT = "report"
    REDIRECTED = "redirected"  # the sender was told who can help them
    DISCARDED = "discarded"  # by hand, with a reason


class OutboundState(StrEnum):
    """How far a mail of ours is. ``sending`` is claimed by one process and comes back if that process dies."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"


class Hold(StrEnum):
    """What held a mail of ours back; empty for one that was refused or given up."""

    ADDRESS = "address"  # nothing, or nothing automatic, goes to this address for now
    CAP = "cap"  # as many as may go out have gone out


class Cause(StrEnum):
    """Why nothing goes to an address: mail comes back, or (for automatic mail alone) somebody complained of it."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"


class MailboxTrouble(StrEnum):
    """Why a mailbox is not fetched as it should be."""

    NONE = "none"
    UNREACHABLE = "unreachable"  # the server is away, or the connection broke
    REFUSED = "refused"  # it does not accept our sign-in
    UNKNOWN_ADDRESS = "unknown_address"  # no team has the address whose mail it is said to be
    NOT_MOVED = "not_moved"  # mail was kept, but cannot be moved out of the way
    FAILED = "failed"  # some mail could not be fetched or kept, and is tried again


class InboundMail(Base):
    """One mail that was taken, kept before anything read it. Its bytes are in the store under ``key``.

    The same mail by two routes has one content hash; a different mail under a known Message-ID is another mail.
    """

    __tablename__ = "inbound_mail"
    __table_args__ = (
        sa.UniqueConstraint("mailbox", "message_id", "content_sha256"),
        # The sweep for mail that was kept but not read, because the process ended in between.
        sa.Index(
            "ix_inbound_mail_unread",
            "id",
            sqlite_where=sa.text("state = 'new'"),
            postgresql_where=sa.text("state = 'new'"),
        ),
        sa.Index("ix_inbound_mail_state_id", "state", "id"),
        # The cap on what one foreign address and one desk of ours write to each other.
        sa.Index("ix_inbound_mail_counterpart_received_at", "counterpart", "received_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    mailbox: Mapped[str] = mapped_column(sa.String(ADDRESS_LENGTH))  # the address it came for, lower case
    message_id: Mapped[str] = mapped_column(sa.String(MESSAGE_ID_LENGTH))  # without brackets; '' when it has none
    content_sha256: Mapped[str] = mapped_column(sa.String(64))  # of the content without trace headers
    key: Mapped[str] = mapped_column(sa.String(64))
    size: Mapped[int]
    envelope_from: Mapped[str] = mapped_column(sa.String(ADDRESS_LENGTH), default="")
    received_at: Mapped[datetime]
    state: Mapped[InboundState] = mapped_column(default=InboundState.NEW)
    outcome: Mapped[InboundOutcome | None]
    reason: Mapped[str] = mapped_column(sa.Text, default="")
    sender: Mapped[str] = mapped_column(sa.String(ADDRESS_LENGTH), default="")  # what From claims, to be shown
    subject: Mapped[str] = mapped_column(sa.String(SUBJECT_LENGTH), default="")
    evidence: Mapped[JsonDict] = mapped_column(default=dict)
    consortium_id: Mapped[int | None] = mapped_column(sa.ForeignKey("consortium.id"), index=True)
    registry_id: Mapped[int | None] = mapped_column(sa.ForeignKey("registry.id"), index=True)
    ticket_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ticket.id"), index=True)
    ticket_message_id: Mapped[int | None] = mapped_column(sa.ForeignKey("message.id"), index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    repeats: Mapped[int] = mapped_column(default=0)  # how often the same mail came again
    counterpart: Mapped[str | None] = mapped_column(sa.String(ADDRESS_LENGTH))  # the sender as the caps count them
    read_at: Mapped[datetime | None]


class OutboundMail(Base):
    """One mail for one recipient, complete before the first try, so that a repeat carries the same Message-ID."""

    __tablename__ = "outbound_mail"
    __table_args__ = (
        sa.UniqueConstraint("event_id", "to_address"),
        # The sweep of the sender: what is due, oldest first.
        sa.Index(
            "ix_outbound_mail_due",
            "next_try_at",
            "id",
            sqlite_where=sa.text("state IN ('queued', 'sending')"),
            postgresql_where=sa.text("state IN ('queued', 'sending')"),
        ),
        # Order within a ticket, and the caps on automatic mail per ticket and per address.
        sa.Index("ix_outbound_mail_ticket_id_id", "ticket_id", "id"),
        sa.Index("ix_outbound_mail_to_address_created_at", "to_address", "created_at"),
        sa.Index("ix_outbound_mail_state_id", "state", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int | None] = mapped_column(sa.ForeignKey("event.id"))
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"), index=True)
    to_address: Mapped[str] = mapped_column(sa.String(ADDRESS_LENGTH))
    ticket_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ticket.id"))
    ticket_message_id: Mapped[int | None] = mapped_column(sa.ForeignKey("message.id"))
    audience: Mapped[Audience | None]
    message_id: Mapped[str] = mapped_column(sa.String(MESSAGE_ID_LENGTH), unique=True)  # without brackets
    envelope_from: Mapped[str] = mapped_column(sa.String(ADDRESS_LENGTH), default="")  # '' is the null sender
    from_header: Mapped[str] = mapped_column(sa.String(500))
    reply_to: Mapped[str] = mapped_column(sa.String(ADDRESS_LENGTH), default="")
    in_reply_to: Mapped[str] = mapped_column(sa.String(MESSAGE_ID_LENGTH), default="")
    references: Mapped[JsonList] = mapped_column(default=list)
    subject: Mapped[str] = mapped_column(sa.String(SUBJECT_LENGTH))
    text: Mapped[str] = mapped_column(sa.Text)
    html: Mapped[str] = mapped_column(sa.Text, default="")
    language: Mapped[str] = mapped_column(sa.String(16), default=ENGLISH)  # of our words in it
    unsubscribe: Mapped[str] = mapped_column(sa.String(UNSUBSCRIBE_LENGTH), default="")  # where one click ends it
    automatic: Mapped[bool] = mapped_column(default=True)  # marked so that no machine answers it, and capped
    state: Mapped[OutboundState] = mapped_column(default=OutboundState.QUEUED)
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    next_try_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(sa.Text, default="")
    held_by: Mapped[Hold | None]
    failure: Mapped[Failure | None]  # what a report of this mail's failure meant for the address
    failed_at: Mapped[datetime | None]


class WaitingNotice(Base):
    """Somebody who will be told of an event later: after a short wait, their quiet hours, or in their daily mail.

    Until then there is no letter: when the moment has come it is asked again what they may read and want to hear of.
    """

    __tablename__ = "waiting_notice"
    __table_args__ = (
        sa.UniqueConstraint("event_id", "person_id"),
        # The sweep: whoever is due first. A person's own notices are found by the other one.
        sa.Index(
            "ix_waiting_notice_due",
            "due_at",
            "id",
            sqlite_where=sa.text("written_at IS NULL"),
            postgresql_where=sa.text("written_at IS NULL"),
        ),
        sa.Index(
            "ix_waiting_notice_person_id",
            "person_id",
            sqlite_where=sa.text("written_at IS NULL"),
            postgresql_where=sa.text("written_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(sa.ForeignKey("event.id"))
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    ticket_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ticket.id"))
    side: Mapped[str] = mapped_column(sa.String(20))
    audience: Mapped[Audience]
    wait: Mapped[Wait]
    due_at: Mapped[datetime]
    written_at: Mapped[datetime | None]
    mail_id: Mapped[int | None] = mapped_column(sa.ForeignKey("outbound_mail.id"), index=True)  # empty: not told


class SuppressedAddress(Base):
    """An address to which nothing goes, since when and why; the row stays when it is lifted, as history."""

    __tablename__ = "suppressed_address"
    __table_args__ = (
        # One at a time for an address, and the look before each mail.
        sa.Index(
            "uq_suppressed_address_now",
            "address",
            unique=True,
            sqlite_where=sa.text("lifted_at IS NULL"),
            postgresql_where=sa.text("lifted_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(sa.String(ADDRESS_LENGTH))
    cause: Mapped[Cause]
    since: Mapped[datetime]
    why: Mapped[str] = mapped_column(sa.Text)
    inbound_mail_id: Mapped[int | None] = mapped_column(sa.ForeignKey("inbound_mail.id"))  # the report; empty: refused
    count: Mapped[int] = mapped_column(default=1)  # reports since then, this one too
    last_at: Mapped[datetime]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))  # empty: by a mail from the address
    lifted_why: Mapped[str] = mapped_column(sa.Text, default="")


class MailStorm(Base):
    """A foreign address and a desk of ours that wrote to each other beyond the cap: one row for each pair, for ever."""

    __tablename__ = "mail_storm"
    __table_args__ = (sa.UniqueConstraint("place", "address"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[str] = mapped_column(sa.String(40))  # the desk of ours as text, since a key cannot hold empty parts
    address: Mapped[str] = mapped_column(sa.String(ADDRESS_LENGTH))
    consortium_id: Mapped[int | None] = mapped_column(sa.ForeignKey("consortium.id"), index=True)
    registry_id: Mapped[int | None] = mapped_column(sa.ForeignKey("registry.id"), index=True)
    since: Mapped[datetime]
    last_at: Mapped[datetime]
    mails: Mapped[int] = mapped_column(default=1)  # kept without an answer since then


class MailCap(Base):
    """A cap on automatic mail that one desk of ours has set for itself."""

    __tablename__ = "mail_cap"

    id: Mapped[int] = mapped_column(primary_key=True)
    consortium_id: Mapped[int | None] = mapped_column(sa.ForeignKey("consortium.id"), index=True)
    registry_id: Mapped[int | None] = mapped_column(sa.ForeignKey("registry.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    most: Mapped[int]
    set_at: Mapped[datetime]
    set_by: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))


class ImapMailbox(Base):
    """One mailbox that is fetched by IMAP: who fetches it now, how far that got, and what is in the way.

    A process holds it for a short while and renews that. Should two of them fetch all the same, because one was
    stopped for long, each mail is still kept once.
    """

    __tablename__ = "imap_mailbox"
    __table_args__ = (sa.UniqueConstraint("name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(500))  # user, host, port and folder
    address: Mapped[str] = mapped_column(sa.String(ADDRESS_LENGTH))  # of the desk, whose mail it is
    uid_validity: Mapped[int | None] = mapped_column(sa.BigInteger)  # unsigned 32 bits (RFC 3501, 2.3.1.1)
    last_uid: Mapped[int] = mapped_column(sa.BigInteger, default=0)  # the highest that was kept under that validity
    holder: Mapped[str] = mapped_column(sa.String(64), default="")
    held_until: Mapped[datetime | None]
    tried_at: Mapped[datetime | None]
    fetched_at: Mapped[datetime | None]  # the end of the last pass that left nothing undone
    trouble: Mapped[MailboxTrouble] = mapped_column(default=MailboxTrouble.NONE)
    trouble_since: Mapped[datetime | None]
