"""The body of a mail: what is text, what is HTML, what is attached. Pure, never raises.

A tree of parts is walked with a stack of its own and a limit on depth and number. A message inside the message, a
calendar entry, a signature and winmail.dat are attachments with a label; winmail.dat is also unpacked.
"""

import binascii
import re
from dataclasses import dataclass, field
from email.generator import BytesGenerator
from email.message import Message
from html import unescape
from io import BytesIO

from inscriptis import get_text
from inscriptis.model.config import ParserConfig
from tnefparse import TNEF

from desk.mail.charsets import clean, decode
from desk.mail.headers import base64_bytes, first, ids, parameters, words

DEEPEST = 50
MOST_PARTS = 1000
LONGEST_TEXT = 2_000_000
LARGEST_TNEF = 10_000_000
_LONGEST_HTML = 1_500_000


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


@dataclass(slots=True)
class Body:
    """What was found while walking the parts; ``reports`` are the parts of a delivery or feedback report."""

    texts: list[str] = field(default_factory=list)
    htmls: list[str] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    reports: list[tuple[str, Message]] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The plain text of the mail, or text made from its HTML where it has none."""
        plain = "\n".join(text.strip("\n") for text in self.texts if text.strip())
        return plain or html_text(self.html)

    @property
    def html(self) -> str:
        """The HTML as it came: not to be shown before it went through ``desk.markup``."""
        return "\n".join(self.htmls)


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


def walk(root: Message) -> Body:
    """The body of a parsed message. Parts beyond the limits are left out and named among the defects."""
    body = Body()
    stack: list[tuple[Message, int]] = [(root, 0)]
    seen = 0
    while stack:
        part, depth = stack.pop()
        seen += 1
        if seen > MOST_PARTS or depth > DEEPEST:
            body.defects.append("parts beyond the limits on number and nesting were left out")
            break
        children = _children(part)
        if children is not None:
            stack += [(child, depth + 1) for child in reversed(children)]
        else:
            _take(part, body, is_root=part is root)
    return body


def _children(part: Message) -> list[Message] | None:
    """The parts of a multipart that are read; None for a leaf. A message inside the message is a leaf."""
    if not part.is_multipart() or _content_type(part)[0].startswith("message/"):
        return None
    children = [child for child in part.get_payload() if isinstance(child, Message)]
    if _content_type(part)[0] == "multipart/alternative":
        return _best_of_each_kind(children)
    return children


def _best_of_each_kind(children: list[Message]) -> list[Message]:
    """Of alternatives the last of each kind is the richest (RFC 2046 5.1.4); calendar entries and files all stay."""
    best: dict[str, Message] = {}
    for position, child in enumerate(children):
        kind = _content_type(child)[0]
        disposition = parameters(first(child, "content-disposition"))[0]
        unique = kind in ("text/plain", "text/html", "") and not disposition.startswith("attach")
        if unique and kind in best and not _as_it_came(child).strip():
            continue
        best[kind if unique else f"{position}"] = child
    return list(best.values())


def _content_type(part: Message) -> tuple[str, dict[str, str]]:
    kind, named = parameters(first(part, "content-type"))
    kind = re.sub(r"\s+", "", kind)
    if not re.fullmatch(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+", kind):
        kind = "text/plain" if kind in ("", "text") else "application/octet-stream"
        kind = part.get_content_type() if part.is_multipart() else kind
    return kind, named


def _take(part: Message, body: Body, is_root: bool) -> None:
    kind, named = _content_type(part)
    disposition, disposed = parameters(first(part, "content-disposition"))
    if kind in _REPORTS:
        body.reports.append((kind, part))
        return
    filename = _filename(named, disposed)
    content_ids = ids(first(part, "content-id"))
    shown = kind in ("text/plain", "text/html") and disposition not in ("attachment", "attached") and not filename
    if kind == "text/rfc822-headers" or kind.startswith("message/"):
        body.reports.append((kind, part))
    elif shown or (is_root and kind.startswith("text/") and kind != "text/calendar" and not filename):
        _take_text(kind, content(part), named.get("charset"), body)
        return
    data = _embedded(part) if part.is_multipart() else content(part)
    label = _LABELS.get(kind, "tnef" if filename.lower() == "winmail.dat" else "")
    body.attachments.append(
        Attachment(filename, kind, data, content_ids[0] if content_ids else "", disposition == "inline", label)
    )
    if label == "tnef":
        _unpack(data, body)


def _take_text(kind: str, data: bytes, charset: str | None, body: Body) -> None:
    if len(data) > LONGEST_TEXT:
        body.defects.append("the text was cut")
        data = data[:LONGEST_TEXT]
    if kind == "text/html":
        declared = re.search(
            rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([A-Za-z0-9_-]{2,40})", data[:4096], re.IGNORECASE
        )
        body.htmls.append(decode(data, charset or (declared[1].decode("ascii") if declared else None)))
    else:
        body.texts.append(decode(data, charset))


def _filename(named: dict[str, str], disposed: dict[str, str]) -> str:
    name = disposed.get("filename") or named.get("name") or disposed.get("name") or ""
    return re.sub(r"\s+", " ", words(name)).strip()[:400]


# ------------------------------------------------------------------ bytes of a part


def content(part: Message) -> bytes:
    """The bytes of a leaf with its transfer encoding undone as far as it can be."""
    if part.is_multipart():
        return b""
    coding = parameters(first(part, "content-transfer-encoding"))[0].strip("\"' .")
    raw = _as_it_came(part)
    if coding == "base64":
        return base64_bytes(raw)
    if coding == "quoted-printable":
        # Not binascii's strict reading: a lone "=" or "=3" at the end of a cut mail is text.
        return binascii.a2b_qp(raw)
    if coding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        return _uudecoded(raw)
    return raw


def _as_it_came(part: Message) -> bytes:
    """The bytes of a leaf before any decoding: the library would decode by headers that it trusts and may choke on."""
    before = list(part.raw_items())
    del part["content-transfer-encoding"]
    del part["content-type"]
    try:
        raw = part.get_payload(decode=True)
    finally:
        for name in dict.fromkeys(name for name, _ in part.raw_items()):
            del part[name]
        for name, unparsed in before:
            part.set_raw(name, unparsed)
    return raw if isinstance(raw, bytes) else b""


def _uudecoded(raw: bytes) -> bytes:
    found: list[bytes] = []
    lines = raw.splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith(b"begin ")), None)
    if start is None:
        return raw
    for line in lines[start + 1 :]:
        if line.strip() in (b"end", b"`", b""):
            break
        try:
            found.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some encoders count the padding; the length byte says how much of the line is meant.
            meant = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                found.append(binascii.a2b_uu(line[:meant]))
            except binascii.Error:
                continue
    return b"".join(found)


def _embedded(part: Message) -> bytes:
    """The bytes of the message inside a message/rfc822 part."""
    out = BytesIO()
    try:
        BytesGenerator(out, mangle_from_=False, maxheaderlen=0).flatten(part.get_payload(0))
    except Exception:  # the generator raises a dozen kinds on broken headers; the raw mail is kept anyway
        return out.getvalue()
    return out.getvalue()


def _unpack(data: bytes, body: Body) -> None:
    """Add what winmail.dat holds. The reader raises many kinds on damaged files, and the container stays attached."""
    if len(data) > LARGEST_TNEF:
        body.defects.append("winmail.dat is too large to be unpacked")
        return
    try:
        unpacked = TNEF(data, do_checksum=False)
        files = [
            (str(item.long_filename() or item.name or ""), bytes(item.data or b"")) for item in unpacked.attachments
        ]
        html, text = unpacked.htmlbody, unpacked.body
    except Exception:
        body.defects.append("winmail.dat could not be unpacked")
        return
    for filename, content_of_file in files[:MOST_PARTS]:
        name = clean(filename.strip("\0 "))[:400]
        body.attachments.append(Attachment(name, "application/octet-stream", content_of_file))
    if html and not body.htmls:
        body.htmls.append(decode(html) if isinstance(html, bytes) else clean(str(html)))
    if text and not body.texts:
        body.texts.append(decode(text) if isinstance(text, bytes) else clean(str(text)))


# ------------------------------------------------------------------ text of HTML

_PARSING = ParserConfig(display_links=True)
_MOST_TAGS = 10_000
_LINE_ENDS = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/blockquote|/title)\b[^<>]{0,200}>", re.IGNORECASE)
_UNSEEN = re.compile(r"<(script|style)\b[^<]*(?:<(?!/\1)[^<]*)*", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,2000}>")


def html_text(html: str) -> str:
    """The visible text of HTML with its links shown, or the HTML without its tags where it cannot be parsed."""
    html = html[:_LONGEST_HTML]
    if not html.strip():
        return ""
    if html.count("<") > _MOST_TAGS:
        return _without_tags(html)
    try:
        return clean(get_text(html, _PARSING)).strip("\n")
    except Exception:  # lxml and inscriptis raise many kinds on broken or very deep HTML
        return _without_tags(html)


def _without_tags(html: str) -> str:
    """The plain way, for HTML of so many tags that a tree of them takes seconds."""
    return clean(unescape(_TAG.sub(" ", _LINE_ENDS.sub("\n", _UNSEEN.sub(" ", html))))).strip()
