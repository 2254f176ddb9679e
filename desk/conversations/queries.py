"""Reading a conversation as one reader may see it: the one place that cuts messages and files to what they may know."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk import markup
from desk.accounts.models import Person
from desk.conversations.models import Attachment, Disclosure, Message
from desk.domain.masking import mask
from desk.domain.permissions import Actor, MessageSubject, Permission, TicketSubject, may
from desk.domain.vocabulary import Audience, Channel


@dataclass(frozen=True)
class ShownMessage:
    """A message as one reader may see it; ``html`` and ``attachments`` are already cut to what was disclosed."""

    message: Message
    author: str
    html: str
    text: str
    attachments: Sequence[Attachment]
    disclosed_at: datetime | None


def shown_to(session: Session, actor: Actor, ticket_id: int, subject: TicketSubject) -> list[ShownMessage]:
    """The messages of a ticket that the actor may read, oldest first."""
    messages = session.scalars(sa.select(Message).where(Message.ticket_id == ticket_id).order_by(Message.id)).all()
    disclosures = disclosures_of(session, ticket_id)
    shown = (_shown(actor, subject, message, disclosures) for message in messages)
    return [one for one in shown if one is not None]


def disclosures_of(session: Session, ticket_id: int) -> Sequence[Disclosure]:
    """All that was ever shown of a ticket, to whichever registry."""
    return session.scalars(sa.select(Disclosure).where(Disclosure.ticket_id == ticket_id).order_by(Disclosure.id)).all()


@dataclass(frozen=True)
class Record:
    """A disclosure in words; ``by`` is None where it needed no choice."""

    disclosure: Disclosure
    what: str
    by: str | None
    written_at: datetime


def disclosed(session: Session, ticket_id: int) -> list[Record]:
    """All that was ever shown of a ticket, in words that both sides may read."""
    rows = session.execute(
        sa.select(Disclosure, Message, Attachment.file_name, Person.name)
        .outerjoin(Attachment, Attachment.id == Disclosure.attachment_id)
        .join(Message, sa.or_(Message.id == Disclosure.message_id, Message.id == Attachment.message_id))
        .outerjoin(Person, Person.id == Disclosure.by_id)
        .where(Disclosure.ticket_id == ticket_id)
        .order_by(Disclosure.id)
    )
    return [
        Record(each, _described(message, file_name), who, message.created_at) for each, message, file_name, who in rows
    ]


def _described(message: Message, file_name: str | None) -> str:
    if file_name is not None:
        return f"File {file_name}"
    writer = message.author.name if message.author else mask(message.author_label)
    return f"Message of {writer or 'the desk'}"


def member_messages(session: Session, ticket_id: int) -> Sequence[Message]:
    """What was said between member and desk, oldest first: what a lead may choose from when disclosing."""
    return session.scalars(
        sa.select(Message)
        .where(Message.ticket_id == ticket_id, Message.audience == Audience.MEMBER)
        .order_by(Message.id)
    ).all()


def shown_message(session: Session, actor: Actor, message: Message, subject: TicketSubject) -> ShownMessage | None:
    """One message as the actor may read it; None when they may not."""
    return _shown(actor, subject, message, disclosures_of(session, message.ticket_id))


def disclosed_to(session: Session, message_id: int) -> frozenset[int]:
    """The registries that a message was shown to."""
    wanted = sa.select(Disclosure.registry_id).where(Disclosure.message_id == message_id)
    return frozenset(session.scalars(wanted))


def has_notes(session: Session, ticket_id: int) -> bool:
    """Whether anything on the ticket was written for others than the member and the lead together."""
    return (
        session.scalar(
            sa.select(sa.exists().where(Message.ticket_id == ticket_id, Message.audience != Audience.MEMBER))
        )
        is True
    )


def message_of_attachment(session: Session, attachment_id: int) -> Message | None:
    """The message on which an attachment hangs."""
    return session.scalars(
        sa.select(Message).join(Attachment, Attachment.message_id == Message.id).where(Attachment.id == attachment_id)
    ).first()


def html_of(message: Message, text: str) -> str:
    """Other words for a message, such as its masked text, shown in the way the message itself is."""
    return markup.markdown(text) if message.channel is Channel.WEB else markup.plain(text)


def _label(address: str, whole: bool) -> str:
    """Whoever reads only what was disclosed reads no address of a sender either; it may be a researcher's."""
    return address if whole else mask(address)


def _shown(
    actor: Actor, subject: TicketSubject, message: Message, disclosures: Sequence[Disclosure]
) -> ShownMessage | None:
    attachment_ids = {attachment.id for attachment in message.attachments}
    about = [one for one in disclosures if one.message_id == message.id or one.attachment_id in attachment_ids]
    disclosed_to = frozenset(one.registry_id for one in about if one.message_id == message.id)
    as_subject = MessageSubject(subject, message.audience, disclosed_to)
    if not may(actor, Permission.MESSAGE_READ, as_subject):
        return None
    whole = may(actor, Permission.MESSAGE_READ, MessageSubject(subject, message.audience))
    own = [one for one in about if one.registry_id in actor.registries()]
    masked = next((one.text for one in own if one.message_id and one.text is not None), None)
    allowed = {one.attachment_id for one in own}
    return ShownMessage(
        message=message,
        author=message.author.name if message.author else _label(message.author_label, whole),
        html=message.html if whole or masked is None else html_of(message, masked),
        text=message.text if whole or masked is None else masked,
        attachments=[each for each in message.attachments if whole or each.id in allowed],
        disclosed_at=min((one.at for one in about if one.message_id), default=None),
    )
