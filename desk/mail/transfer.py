"""The bytes of a part, with its transfer encoding undone as far as it can be. Pure, never raises, linear."""

import binascii
import email
import re
from email.generator import BytesGenerator
from email.message import Message
from email.policy import Compat32
from io import BytesIO

from desk.mail.framing import Part, frame
from desk.mail.headers import base64_bytes, first, parameters

_UUENCODINGS = ("x-uuencode", "uuencode", "x-uue", "uue")


def content(part: Message) -> bytes:
    """The bytes of a leaf as its Content-Transfer-Encoding says; what cannot be decoded stays as it came."""
    if part.is_multipart():
        return b""
    return _decoded(as_it_came(part), coding(part))


def coding(part: Message) -> str:
    """The declared transfer encoding in lower case, without the quotes and stops that some programs add."""
    return parameters(first(part, "content-transfer-encoding"))[0].strip("\"' .")


def _decoded(raw: bytes, how: str) -> bytes:
    if how == "base64":
        return base64_bytes(raw[: _end_of_base64(raw)])
    if how == "quoted-printable":
        # Not binascii's strict reading: a lone "=" or "=3" at the end of a cut mail is text.
        return binascii.a2b_qp(raw)
    if how in _UUENCODINGS:
        return _uudecoded(raw.splitlines())
    return raw


_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_SURELY_BASE64 = 40


def _end_of_base64(raw: bytes) -> int:
    """Where lines begin that a list added in plain text below what it took for text; the length where there are none.

    A line with foreign characters in the midst is damage, and what follows it is read.
    """
    position, end, last = 0, len(raw), 0
    for line in raw.splitlines(keepends=True):
        text = line.strip()
        pure = _BASE64_LINE.fullmatch(text) is not None
        if pure and (len(text) >= _SURELY_BASE64 or last == 0):
            last, end = position, len(raw)
        elif text and not pure and last < position and end == len(raw):
            end = position
        position += len(line)
    return end


def as_it_came(part: Message) -> bytes:
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


# ------------------------------------------------------------------ uuencode


def _uudecoded(lines: list[bytes]) -> bytes:
    """The file between ``begin`` and ``end``, or the lines themselves where there is none."""
    start = next((number for number, line in enumerate(lines) if line.startswith(b"begin ")), None)
    if start is None:
        return b"\n".join(lines)
    found: list[bytes] = []
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


_BEGIN = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{1,200})\r?$", re.MULTILINE)


def uuencoded_files(text: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Plain text without the uuencoded files in it, and these by name: how mail carried files before MIME."""
    if b"\nend" not in text:
        return text, []
    kept: list[bytes] = []
    files: list[tuple[bytes, bytes]] = []
    position = 0
    for match in _BEGIN.finditer(text):
        end = text.find(b"\nend", match.end())
        if match.start() < position or end < 0:
            continue
        data = _uudecoded(text[match.start() : end].splitlines())
        if data:
            kept.append(text[position : match.start()])
            files.append((match[1], data))
            position = end + len(b"\nend")
    return b"".join([*kept, text[position:]]), files


# ------------------------------------------------------------------ messages inside

_ENCODED = ("base64", "quoted-printable")
_MOST_BLOCKS = 500


def blocks(part: Message) -> list[Message]:
    """The groups of fields of a status part; also of one that came encoded, so that the parser did not see them."""
    payload = part.get_payload()
    if isinstance(payload, list) and coding(part) not in _ENCODED:
        return [block for block in payload if isinstance(block, Message)]
    came = b"".join(as_it_came(block) for block in payload if isinstance(block, Message))
    text = _decoded(came or as_it_came(part), coding(part)).replace(b"\r\n", b"\n")
    return [email.message_from_bytes(block) for block in text.split(b"\n\n")[:_MOST_BLOCKS]]


def embedded(part: Message) -> Message | None:
    """The message inside a message/rfc822 part. RFC 2046 forbids to encode it; many programs do."""
    payload = part.get_payload()
    inner = payload[0] if isinstance(payload, list) and payload else None
    if inner is None and isinstance(payload, str):
        return parsed(content(part))
    if isinstance(inner, Message) and not inner.is_multipart() and coding(part) in _ENCODED:
        return parsed(_decoded(as_it_came(inner), coding(part)))
    return inner if isinstance(inner, Message) else None


def after_the_end(part: Message) -> list[Message]:
    """Parts that stand below the end of a multipart: of one inside of it that has the same boundary, or added later."""
    boundary, below = part.get_boundary(), part.epilogue
    if not boundary or not isinstance(below, str) or f"\n--{boundary}" not in below:
        return []
    head = f'Content-Type: multipart/mixed; boundary="{boundary}"\n\n'
    more = email.message_from_string(head + below.replace(f"--{boundary}--", f"--{boundary}"), _class=Part)
    return [one for one in more.get_payload() if isinstance(one, Message)] if more.is_multipart() else []


def parsed(raw: bytes) -> Message:
    """The message in these bytes, mended as a whole mail is."""
    return email.message_from_bytes(frame(raw).whole, _class=Part)


class _AsItCame(Compat32):
    """Header fields are written as they were read: folding them anew changes them and is quadratic."""

    def fold_binary(self, name: str, value: str) -> bytes:
        return f"{name}: {value}{self.linesep}".encode("utf-8", "surrogateescape")


def embedded_bytes(part: Message) -> bytes:
    """The bytes of the message inside a message/rfc822 part."""
    inner = embedded(part)
    if inner is None:
        return content(part)
    out = BytesIO()
    try:
        BytesGenerator(out, mangle_from_=False, policy=_AsItCame()).flatten(inner)
    except Exception:  # the generator raises a dozen kinds on broken headers; the raw mail is kept anyway
        return out.getvalue()
    return out.getvalue()
