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
from desk.mail.evidence import AuthVerdict, authentication, is_auto_reply, machine_evidence
from desk.mail.headers import Address, Fields, addresses, value
from desk.mail.parts import MOST_PARTS, Attachment, Body, walk
from desk.mail.reports import DeliveryReport, delivery_report, forwarded_from, is_feedback

LARGEST = 25 * 1024 * 1024
LARGEST_HEADER_BLOCK = 256 * 1024
_MOST_BOUNDARIES = 300


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
    report: DeliveryReport | None
    auth: AuthVerdict
    auth_reason: str
    forwarded_from: Address | None
    size: int
    complete: bool
    defects: tuple[str, ...]

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
    defects: list[str] = []
    head, too_much = _limited(raw, defects)
    root = None
    if not too_much:
        try:
            root = email.message_from_bytes(raw if head is None else head)
            body = walk(root)
        except (RecursionError, MemoryError):
            defects.append("the parts are nested too deeply")
        except Exception as error:
            # Not the message of the error: it may hold text of the mail, and the kind is enough to find the place.
            defects.append(f"the body could not be read ({type(error).__name__})")
        else:
            return _message(raw, root, body, authserv_id, defects, complete=True)
    root = BytesHeaderParser().parsebytes(_header_block(raw)[0])
    return _message(raw, root, Body(), authserv_id, defects, complete=False)


_END_OF_HEADER = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_BOUNDARY = re.compile(rb"boundary(?:\*[0-9*]{0,3})?\s*=\s*(?:\"([^\"\r\n]{1,200})\"|([^\s;\"]{1,200}))", re.IGNORECASE)
_DELIMITER = re.compile(rb"^--([^\r\n]{1,200})", re.MULTILINE)


def _header_block(raw: bytes) -> tuple[bytes, bool]:
    """The header without what is over the limit, and whether something was cut."""
    end = _END_OF_HEADER.search(raw, 0, LARGEST_HEADER_BLOCK)
    if end:
        return raw[: end.end()], False
    if len(raw) <= LARGEST_HEADER_BLOCK:
        return raw, False
    cut = raw[:LARGEST_HEADER_BLOCK]
    return cut[: cut.rfind(b"\n") + 1] or cut, True


def _limited(raw: bytes, defects: list[str]) -> tuple[bytes | None, bool]:
    """Other bytes to parse instead, if the header has to be cut, and whether the body is to be left alone."""
    if len(raw) > LARGEST:
        defects.append(f"larger than {LARGEST // 1024 // 1024} MB")
        return None, True
    head, cut = _header_block(raw)
    instead = None
    if cut:
        defects.append(f"the header is longer than {LARGEST_HEADER_BLOCK // 1024} KB and was cut")
        end = _END_OF_HEADER.search(raw, LARGEST_HEADER_BLOCK)
        instead = head + b"\n" + raw[end.end() if end else len(raw) :]
    boundaries = {(match[1] or match[2]).strip() for match in _BOUNDARY.finditer(raw)}
    if len(boundaries) > _MOST_BOUNDARIES:
        defects.append("the parts are nested too deeply")
        return None, True
    delimiters = (match[1].strip() for match in _DELIMITER.finditer(raw)) if boundaries else ()
    if sum(line in boundaries or line.removesuffix(b"--") in boundaries for line in delimiters) > MOST_PARTS:
        defects.append(f"more than {MOST_PARTS} parts")
        return None, True
    return instead, False


def _message(
    raw: bytes, root: Message, body: Body, authserv_id: str | None, defects: list[str], *, complete: bool
) -> InboundMessage:
    fields = headers.fields(root)
    subject = headers.subject(value(fields, "subject"))
    author = headers.sender(fields.get("from", []))
    verdict, reason = authentication(fields, author.address, authserv_id)
    text = body.text
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
        html=body.html,
        attachments=tuple(body.attachments),
        machine=machine_evidence(fields, author.address or next(iter(author.shown), None)),
        is_auto_reply=is_auto_reply(fields, subject),
        is_feedback_report=is_feedback(body),
        report=delivery_report(fields, body, subject),
        auth=verdict,
        auth_reason=reason,
        forwarded_from=forwarded_from(text),
        size=len(raw),
        complete=complete,
        defects=(*defects, *body.defects),
    )


def _sent_at(fields: Fields) -> datetime | None:
    """The Date header: the sender's claim, shown and never used to measure."""
    try:
        stated = parsedate_to_datetime(value(fields, "date"))
        return stated.astimezone(UTC) if stated.tzinfo else stated.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
