"""The body of a mail: what is text, what is HTML, what is attached. Pure, never raises.

A tree of parts is walked with a stack of its own and a limit on depth and number. A message inside the message, a
calendar entry, a signature and winmail.dat are attachments with a label; winmail.dat and what is signed as a whole are
also unpacked.
"""

import re
from dataclasses import dataclass, field
from email.message import Message
from functools import cached_property

from desk.mail.charsets import decode
from desk.mail.containers import signed_content, winmail
from desk.mail.framing import MOST_PARTS
from desk.mail.headers import first, ids, parameters, words
from desk.mail.transfer import after_the_end, as_it_came, blocks, content, embedded_bytes, parsed, uuencoded_files
from desk.mail.visible import html_text, unflowed, without_tags

DEEPEST = 50
LONGEST_TEXT = 2_000_000


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with the mail. ``filename`` is what the sender wrote, one clean line, never a path to use.

    ``content_id`` is set for what HTML can point at (``cid:``); ``label`` says what a part is besides a file:
    ``calendar``, ``message``, ``signature``, ``encrypted``, ``tnef`` or ''.
    """

    filename: str
    content_type: str
    data: bytes
    content_id: str = ""
    inline: bool = False
    label: str = ""


@dataclass
class Section:
    """What stands in one place of a mail: its plain text and its HTML, which say the same."""

    texts: list[str] = field(default_factory=list)
    htmls: list[str] = field(default_factory=list)

    def size(self) -> int:
        """Characters as they came, a measure of the work that its text takes."""
        return sum(map(len, self.texts)) + sum(map(len, self.htmls))

    def text(self) -> str:
        """The plain text, or text made from the HTML where there is none."""
        plain = "\n".join(text.strip("\n") for text in self.texts if text.strip())
        return plain or html_text("\n".join(self.htmls))


@dataclass
class Body:
    """What was found while walking the parts; ``reports`` are the parts of a delivery or feedback report."""

    sections: list[Section] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    reports: list[tuple[str, Message]] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)

    @cached_property
    def text(self) -> str:
        """The text of the mail, a section below the other; to be asked after the walk.

        HTML with a plain line below it, as lists and scanners add, is both: the line alone is not the mail.
        """
        found: list[str] = []
        left = LONGEST_TEXT
        for section in self.sections:
            text = section.text() if left > 0 else ""
            # Some programs send alternatives as parts that follow each other.
            if text and not (found and not section.texts and _says_the_same(found[-1], text)):
                found.append(text)
            left -= section.size()
        return "\n".join(found)

    @property
    def html(self) -> str:
        """The HTML as it came: not to be shown before it went through ``desk.markup``."""
        return "\n".join(html for section in self.sections for html in section.htmls)

    def section(self) -> Section:
        """A new section at the end."""
        self.sections.append(Section())
        return self.sections[-1]


def _says_the_same(plain: str, other: str) -> bool:
    words = set(re.findall(r"\w+", plain))
    return len(words & set(re.findall(r"\w+", other))) * 5 >= len(words) * 4


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a part stands: how deep, in what kind of multipart, and in which section if that is begun."""

    depth: int = 0
    above: str = ""
    section: Section | None = None


_LABELS = {
    "text/calendar": "calendar",
    "message/rfc822": "message",
    "message/global": "message",
    "application/pgp-signature": "signature",
    "application/pkcs7-signature": "signature",
    "application/x-pkcs7-signature": "signature",
    "application/pgp-encrypted": "encrypted",
    "application/pkcs7-mime": "encrypted",
    "application/x-pkcs7-mime": "encrypted",
    "application/ms-tnef": "tnef",
    "application/vnd.ms-tnef": "tnef",
}
_REPORTS = ("message/delivery-status", "message/global-delivery-status", "message/feedback-report")
_SHOWN = ("text/plain", "text/html")
# Other ways to write what the plain text or the HTML beside them says.
_MARKED_UP = ("text/enriched", "text/richtext", "text/x-amp-html", "text/watch-html")


def walk(root: Message) -> Body:
    """The body of a parsed message. Parts beyond the limits are left out and named among the defects."""
    body = Body()
    named: list[tuple[Attachment, str]] = []
    stack: list[tuple[Message, _Place]] = [(root, _Place())]
    seen = 0
    while stack:
        part, place = stack.pop()
        seen += 1
        if seen > MOST_PARTS or place.depth > DEEPEST:
            body.defects.append("parts beyond the limits on number and nesting were left out")
            break
        children = _children(part)
        if children is not None:
            below = _below(part, place, body)
            stack += [(child, below) for child in reversed(children)]
        elif inner := _take(part, body, named, place, is_root=part is root):
            stack.append((inner, _Place(place.depth + 1)))
    if named and not any(section.texts or section.htmls for section in body.sections):
        # A text that is shown in place though it has a file name is the only text of some mail.
        file, charset = named[0]
        _add_text(file.content_type, file.data, {"charset": charset}, body, body.section())
    return body


def _below(part: Message, place: _Place, body: Body) -> _Place:
    """Where the children of a multipart stand: all that is inside of alternatives is one section."""
    kind = _content_type(part)[0]
    section = place.section or (body.section() if kind == "multipart/alternative" else None)
    return _Place(place.depth + 1, kind, section)


def _children(part: Message) -> list[Message] | None:
    """The parts of a multipart that are read; None for a leaf. A message inside the message is a leaf."""
    if not part.is_multipart() or _content_type(part)[0].startswith("message/"):
        return None
    children = [child for child in part.get_payload() if isinstance(child, Message)] + after_the_end(part)
    if _content_type(part)[0] == "multipart/alternative":
        return _best_of_each_kind(children)
    return children


def _best_of_each_kind(children: list[Message]) -> list[Message]:
    """Of alternatives the last of each kind is the richest (RFC 2046 5.1.4); calendar entries and files all stay."""
    best: dict[str, Message] = {}
    kinds = [_content_type(child)[0] for child in children]
    for position, (child, kind) in enumerate(zip(children, kinds, strict=True)):
        if kind in _MARKED_UP and any(other in _SHOWN for other in kinds):
            continue
        disposition = parameters(first(child, "content-disposition"))[0]
        unique = kind in ("text/plain", "text/html", "") and not disposition.startswith("attach")
        if unique and kind in best and not as_it_came(child).strip():
            continue
        best[kind if unique else f"{position}"] = child
    return list(best.values())


def _content_type(part: Message) -> tuple[str, dict[str, str]]:
    kind, named = parameters(first(part, "content-type"))
    kind = re.sub(r"\s+", "", kind)
    if not re.fullmatch(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+", kind):
        kind = "text/plain" if kind in ("", "text") else "application/octet-stream"
        kind = part.get_content_type() if part.is_multipart() else kind
    if kind.startswith("multipart/") and not part.is_multipart():
        # No delimiter was found in it: what there is to read is its text.
        kind = "text/plain"
    return kind, named


def _take(
    part: Message, body: Body, named_texts: list[tuple[Attachment, str]], place: _Place, *, is_root: bool
) -> Message | None:
    """Put a leaf where it belongs. Returns the message that was unpacked from it, if it is to be read as well."""
    kind, named = _content_type(part)
    disposition, disposed = parameters(first(part, "content-disposition"))
    if kind in _REPORTS:
        # One without any field is the prose of the report under a wrong name.
        groups = blocks(part)
        if any(group.keys() for group in groups):
            body.reports.append((kind, part))
        else:
            body.section().texts += [decode(as_it_came(group)) for group in groups]
        return None
    filename = _filename(named, disposed)
    in_place = disposition not in ("attachment", "attached")
    shown = kind in _SHOWN and in_place and not filename
    if kind == "text/rfc822-headers" or kind.startswith("message/"):
        body.reports.append((kind, part))
    elif shown or (is_root and kind.startswith("text/") and kind != "text/calendar" and not filename):
        _add_text(kind, content(part), named, body, place.section or body.section())
        return None
    data = embedded_bytes(part) if kind.startswith("message/") else content(part)
    file = _attachment(part, kind, filename, data, disposition == "inline", place.above)
    body.attachments.append(file)
    if kind in _SHOWN and in_place:
        named_texts.append((file, named.get("charset", "")))
    if file.label == "tnef":
        _unpack(data, body)
    if file.label == "encrypted" and "pkcs7" in kind and (signed := signed_content(data)) is not None:
        body.attachments[-1] = _relabelled(file, "signed")
        return parsed(signed)
    return None


def _attachment(part: Message, kind: str, filename: str, data: bytes, inline: bool, above: str) -> Attachment:
    content_ids = ids(first(part, "content-id"))
    label = _LABELS.get(kind, "tnef" if filename.lower() == "winmail.dat" else "")
    if not label and filename.lower().endswith(".p7m"):
        kind, label = "application/pkcs7-mime", "encrypted"
    if above == "multipart/encrypted":
        label = "encrypted"
    return Attachment(filename, kind, data, content_ids[0] if content_ids else "", inline, label)


def _relabelled(file: Attachment, label: str) -> Attachment:
    return Attachment(file.filename, file.content_type, file.data, file.content_id, file.inline, label)


def _add_text(kind: str, data: bytes, named: dict[str, str], body: Body, section: Section) -> None:
    if len(data) > LONGEST_TEXT:
        body.defects.append("the text was cut")
        data = data[:LONGEST_TEXT]
    charset = named.get("charset")
    if kind == "text/html":
        declared = re.search(
            rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([A-Za-z0-9_-]{2,40})", data[:4096], re.IGNORECASE
        )
        section.htmls.append(decode(data, charset or (declared[1].decode("ascii") if declared else None)))
        return
    data, files = uuencoded_files(data)
    text = decode(data, charset)
    if kind in _MARKED_UP:
        text = without_tags(text)
    elif named.get("format", "").lower() == "flowed":
        text = unflowed(text, delete_space=named.get("delsp", "").lower() == "yes")
    section.texts.append(text)
    for name, held in files[:MOST_PARTS]:
        body.attachments.append(Attachment(_one_name(decode(name)), "application/octet-stream", held))


def _filename(named: dict[str, str], disposed: dict[str, str]) -> str:
    return _one_name(words(disposed.get("filename") or named.get("name") or disposed.get("name") or ""))


def _one_name(name: str) -> str:
    """One line and no path: what stands between two names of folders becomes an underscore."""
    return re.sub(r"[/\\]+", "_", re.sub(r"\s+", " ", name).strip())[:400]


def _unpack(data: bytes, body: Body) -> None:
    unpacked = winmail(data)
    if unpacked.defect:
        body.defects.append(unpacked.defect)
    for name, held in unpacked.files:
        body.attachments.append(Attachment(_one_name(name), "application/octet-stream", held))
    section = body.sections[0] if body.sections else body.section()
    if unpacked.html and not body.html:
        section.htmls.append(unpacked.html)
    if unpacked.text and not any(one.texts for one in body.sections):
        section.texts.append(unpacked.text)
