"""Adding to a conversation and showing parts of it to a registry. Who may is decided by the ticket's verbs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import filetype
from sqlalchemy.orm import Session

from desk import markup, storage
from desk.conversations import queries
from desk.conversations.models import Attachment, Disclosure, Message
from desk.domain.errors import InvalidInput
from desk.domain.files import SEARCHED, clean_name, secrets_in
from desk.domain.identifiers import redact
from desk.domain.text import clean_text
from desk.domain.vocabulary import Audience, Channel

FILES_MAX = 20
"""Files on one message that a person sends by the web; a mail may carry more."""


@dataclass(frozen=True)
class File:
    """A file as it comes in: the name it claims, and its bytes."""

    name: str
    data: bytes


def append(
    session: Session,
    ticket_id: int,
    *,
    author_id: int | None,
    from_staff: bool,
    audience: Audience,
    channel: Channel,
    text: str,
    now: datetime,
    author_label: str = "",
    quoted_text: str = "",
    files: Sequence[File] = (),
    machine: bool = False,
    missing: str = "The message",
) -> Message:
    """Add a message: secrets removed, rendered once, its files kept durably before the row.

    ``missing`` is what the refusal of an empty text calls it. A message with a file may be without text.
    """
    if channel is Channel.WEB and len(files) > FILES_MAX:
        raise InvalidInput(f"At most {FILES_MAX} files go with one message.", field="files")
    source = clean_text(text, name=missing, field="text", required=not files, turns=True)
    source, removed = redact(source)
    below = clean_text(quoted_text, name="The quotation", field="text", required=False, turns=True)
    quoted, removed_below = redact(below)
    message = Message(
        ticket_id=ticket_id,
        author_id=author_id,
        author_label=author_label,
        from_staff=from_staff,
        machine=machine,
        audience=audience,
        channel=channel,
        text=source,
        # Mail is shown as it was typed: its stars and dashes were never meant as Markdown.
        html=markup.markdown(source) if channel is Channel.WEB else markup.plain(source),
        quoted_text=quoted,
        secrets_removed=sorted({one.kind for one in (*removed, *removed_below)}),
        created_at=now,
    )
    message.attachments = [_kept(file, now) for file in files]
    session.add(message)
    session.flush()
    return message


def as_it_came(
    message: Message,
    *,
    author_label: str,
    channel: Channel,
    quoted_text: str = "",
    files: Sequence[File] = (),
    now: datetime,
) -> None:
    """Let a message that a verb has just written be what came by another way: its writer's name, its quotation, files.

    For the same unit of work only: a message that somebody has read is never changed.
    """
    quoted, removed = redact(clean_text(quoted_text, name="The quotation", field="text", required=False, turns=True))
    message.author_label, message.channel, message.quoted_text = author_label, channel, quoted
    message.html = queries.html_of(message, message.text)
    message.secrets_removed = sorted({*message.secrets_removed, *(one.kind for one in removed)})
    message.attachments.extend(_kept(file, now) for file in files)


def disclose(
    session: Session,
    ticket_id: int,
    *,
    registry_id: int,
    message_ids: Sequence[int],
    attachment_ids: Sequence[int],
    masked: Mapping[int, str],
    by_id: int | None,
    now: datetime,
) -> list[Attachment]:
    """Show chosen member messages and files to a registry; ``masked`` has the text shown instead, by message id.

    What was disclosed stays so. A text file with something secret in it is not shown, whoever chose it; returns the
    files that were. Raises ``InvalidInput`` for what is not between the member and the desk.
    """
    own = queries.member_messages(session, ticket_id)
    files = {each.id: each for message in own for each in message.attachments}
    if not set(message_ids) <= {message.id for message in own} or not set(attachment_ids) <= set(files):
        raise InvalidInput("Only messages between the member and you can be shown to the registry.")
    known = [one for one in queries.disclosures_of(session, ticket_id) if one.registry_id == registry_id]
    for message_id in sorted(set(message_ids) - {one.message_id for one in known}):
        session.add(_disclosure(ticket_id, registry_id, by_id, now, message_id=message_id, text=masked.get(message_id)))
    before = {one.attachment_id for one in known}
    shown = [files[each] for each in sorted(set(attachment_ids)) if each in before or not secrets_of(files[each])]
    for file in shown:
        if file.id not in before:
            session.add(_disclosure(ticket_id, registry_id, by_id, now, attachment_id=file.id))
    session.flush()
    return shown


def secrets_of(file: Attachment) -> list[str]:
    """What sorts of secrets a file holds that is kept; none of one whose bytes are gone."""
    if file.size > SEARCHED:
        return []
    try:
        return secrets_in(file.file_name, file.content_type, storage.store().get(file.key))
    except KeyError:
        return []


def refuse_secrets(files: Sequence[File]) -> None:
    """Files that a registry would read as they come in: raises ``InvalidInput`` for one with something secret in it."""
    for file in files:
        kinds = secrets_in(file.name, _type_of(file.data), file.data)
        if kinds:
            raise InvalidInput(
                f"“{clean_name(file.name)}” holds something secret: {', '.join(kinds)}. To keep accounts safe it is not"
                " sent to the registry. Please take it out of the file first.",
                field="files",
            )


def _disclosure(
    ticket_id: int,
    registry_id: int,
    by_id: int | None,
    now: datetime,
    *,
    message_id: int | None = None,
    attachment_id: int | None = None,
    text: str | None = None,
) -> Disclosure:
    return Disclosure(
        ticket_id=ticket_id,
        registry_id=registry_id,
        message_id=message_id,
        attachment_id=attachment_id,
        text=text,
        by_id=by_id,
        at=now,
    )


def _kept(file: File, now: datetime) -> Attachment:
    return Attachment(
        key=storage.store().put(file.data),
        file_name=clean_name(file.name),
        content_type=_type_of(file.data),
        size=len(file.data),
        created_at=now,
    )


def _type_of(data: bytes) -> str:
    """The type by content. Text of any kind is plain text: HTML and SVG must never run in a reader's session."""
    known = filetype.guess_mime(data[:8192])
    if known:
        return str(known)
    try:
        data[:8192].decode("utf-8")
    except UnicodeDecodeError as error:
        # A character cut at the end of the sample is no proof of binary data.
        if error.start < len(data[:8192]) - 4:
            return "application/octet-stream"
    return "application/octet-stream" if b"\0" in data[:8192] else "text/plain"
