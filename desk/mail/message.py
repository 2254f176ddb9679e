"""RFC 5322 bytes to an ``InboundMessage``. Pure, never raises, and takes linear time.

Bytes come from strangers: what can be made large or deep is limited before the parser sees it. A mail beyond a limit
is read as far as its header, with ``complete=False`` and the reason among the defects, so that it can be looked at.
The standard library parses the structure in its old mode: the newer one raises on some mail and is quadratic on other.
"""

import email
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime

from desk.mail import headers
from desk.mail.charsets import known
from desk.mail.evidence import AuthVerdict, authentication, is_auto_reply, machine_evidence
from desk.mail.framing import Framed, Part, actual_boundary, frame
from desk.mail.headers import Address, Fields, addresses, value
from desk.mail.parts import Attachment, Body, walk
from desk.mail.reports import (
    DeliveryReport,
    FeedbackReport,
    delivery_report,
    feedback_report,
    forwarded_from,
    is_feedback,
    is_forwarding,
)
from desk.mail.transfer import embedded


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """One mail as it was read. Text is clean (no NUL, no lone surrogates, ``\\n``); ids have no angle brackets.

    ``sender`` is set only when From has one plain reading, ``authors`` is what to show; ``text`` is made from the HTML
    where there is no plain text; ``html`` is as it came and must go through ``desk.markup`` before it is shown.
    """

    subject: str
    sender: Address | None
    sender_doubt: str
    authors: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    delivered_to: tuple[Address, ...]
    sent_at: datetime | None
    message_id: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    text: str
    html: str
    attachments: tuple[Attachment, ...]
    machine: tuple[str, ...]
    is_auto_reply: bool
    is_feedback_report: bool
    feedback: FeedbackReport | None
    report: DeliveryReport | None
    auth: AuthVerdict
    auth_reason: str
    forwarded_from: Address | None
    size: int
    complete: bool
    defects: tuple[str, ...]
    desk_fields: tuple[tuple[str, str], ...] = ()  # headers in which other desks write number and status of a ticket

    @property
    def is_machine(self) -> bool:
        """Written by a machine: stored and shown, never answered, never changes a state."""
        return bool(self.machine) or self.is_auto_reply or self.report is not None

    @property
    def is_bounce(self) -> bool:
        """A report that a mail of ours failed or is late, true or forged."""
        return self.report is not None

    @property
    def recipients(self) -> tuple[Address, ...]:
        """Everybody it was addressed to, the envelope's word first."""
        return (*self.delivered_to, *self.to, *self.cc)


def read(raw: bytes, authserv_id: str | None = None) -> InboundMessage:
    """Read one mail. ``authserv_id`` names our own receiving server; without it no sender is authenticated.

    Never raises: what cannot be read is left out and named among ``defects``.
    """
    framed = frame(raw)
    if framed.unread:
        framed.defects.append(framed.unread)
    else:
        try:
            root = _parsed(framed)
            body = walk(root)
            return _message(raw, root, body, authserv_id, framed.defects, complete=True)
        except RecursionError:
            framed.defects.append("the parts are nested too deeply")
        except MemoryError:
            framed.defects.append("reading it takes more memory than there is")
        except Exception as error:
            # Not the message of the error: it may hold text of the mail, and the kind is enough to find the place.
            framed.defects.append(f"the body could not be read ({type(error).__name__})")
    root = BytesHeaderParser().parsebytes(framed.header)
    return _message(raw, root, Body(), authserv_id, framed.defects, complete=False)


def _parsed(framed: Framed) -> Message:
    root = email.message_from_bytes(framed.whole, _class=Part)
    if root.get_content_maintype() == "multipart" and not root.is_multipart():
        boundary = actual_boundary(framed.body)
        if boundary:
            framed.defects.append("the boundary of the parts is not the one that the header names")
            head = f'Content-Type: multipart/mixed; boundary="{boundary}"\n\n'.encode("ascii", "replace")
            root.set_payload(email.message_from_bytes(head + framed.body, _class=Part).get_payload())
    return root


def _message(
    raw: bytes, root: Message, body: Body, authserv_id: str | None, defects: list[str], *, complete: bool
) -> InboundMessage:
    fields = headers.fields(root, _charset(root))
    subject = headers.subject(value(fields, "subject"))
    author = headers.sender(fields.get("from", []))
    verdict, reason = authentication(fields, author.address, authserv_id)
    report = delivery_report(fields, body, subject)
    forwarded = _forwarded(body, subject) if report is None else None
    inner = walk(forwarded) if forwarded and not body.text.strip() else None
    text = inner.text if inner else body.text
    return InboundMessage(
        subject=subject,
        sender=author.address,
        sender_doubt=author.why,
        authors=author.shown,
        to=addresses(fields.get("to", [])),
        cc=addresses(fields.get("cc", [])),
        reply_to=addresses(fields.get("reply-to", [])),
        delivered_to=addresses([*fields.get("delivered-to", []), *fields.get("x-original-to", [])]),
        sent_at=_sent_at(fields),
        message_id=next(iter(headers.ids(value(fields, "message-id"))), ""),
        in_reply_to=headers.ids(value(fields, "in-reply-to")),
        references=headers.ids(" ".join(fields.get("references", []))),
        text=text,
        html=inner.html if inner else body.html,
        attachments=tuple(body.attachments),
        machine=machine_evidence(fields, author.address or next(iter(author.shown), None)),
        is_auto_reply=report is None and is_auto_reply(fields, subject),
        is_feedback_report=is_feedback(body),
        feedback=feedback_report(body),
        report=report,
        auth=verdict,
        auth_reason=reason,
        forwarded_from=None if report else _author_of(forwarded) or forwarded_from(text, subject),
        size=len(raw),
        complete=complete,
        defects=(*defects, *body.defects),
        desk_fields=_desk_fields(fields),
    )


_DESK_FIELD = re.compile(r"x-[a-z0-9-]{0,60}(?:ticket|case|request|issue|escalation)[a-z0-9-]{0,40}")
_MOST_DESK_FIELDS = 20


def _desk_fields(fields: Fields) -> tuple[tuple[str, str], ...]:
    found = [(name, value(fields, name)[:200]) for name in sorted(fields) if _DESK_FIELD.fullmatch(name)]
    return tuple(found[:_MOST_DESK_FIELDS])


_MOST_PARTS_ASKED = 20


def _charset(root: Message) -> str | None:
    """The charset that the parts declare: most likely that of raw 8-bit text in the header too."""
    part = root
    for _ in range(_MOST_PARTS_ASKED):
        declared = known(headers.parameters(headers.first(part, "content-type"))[1].get("charset"))
        if declared or not part.is_multipart():
            return declared
        child = next((one for one in part.get_payload() if isinstance(one, Message)), None)
        if child is None:
            return None
        part = child
    return None


# ------------------------------------------------------------------ forwarded as an attachment


def _forwarded(body: Body, subject: str) -> Message | None:
    """The one message that this mail only carries: its own text is empty, or its subject says so."""
    inside = [part for kind, part in body.reports if kind in ("message/rfc822", "message/global")]
    if len(inside) != 1 or (body.text.strip() and not is_forwarding(subject)):
        return None
    return embedded(inside[0])


def _author_of(message: Message | None) -> Address | None:
    found = addresses(headers.fields(message).get("from", [])) if message else ()
    return found[0] if found and found[0].email else None


def _sent_at(fields: Fields) -> datetime | None:
    """The Date header: the sender's claim, shown and never used to measure."""
    try:
        stated = parsedate_to_datetime(value(fields, "date"))
        return stated.astimezone(UTC) if stated.tzinfo else stated.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
