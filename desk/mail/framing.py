"""Where the header of a mail ends and what of the bytes is given to the parser. Pure, never raises, linear.

The standard library ends the header at the first line that is no field, so that one stray line (of an mbox, a broken
relay, a pipe) costs every field below it, and takes a boundary as it was folded. Such lines are mended here, on bytes,
and what can be made large or deep is counted here, before anything is parsed.
"""

import re
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

LARGEST = 25 * 1024 * 1024
LARGEST_HEADER_BLOCK = 256 * 1024
MOST_PARTS = 1000
_MOST_BOUNDARIES = 300
_MOST_STRAY_LINES = 20
_MOST_BLOCKS = 10_000
_STATUS_PART = re.compile(rb"message/(?:global-)?delivery-status|message/feedback-report", re.IGNORECASE)

_END_OF_HEADER = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_BOUNDARY = re.compile(rb"boundary(?:\*[0-9*]{0,3})?\s*=\s*(?:\"([^\"\r\n]{1,200})\"|([^\s;\"]{1,200}))", re.IGNORECASE)
_DELIMITER = re.compile(rb"^--([^\r\n]{1,200})", re.MULTILINE)
_FIELD = re.compile(rb"([!-9;-~]{1,100})[ \t]*:")
# Fields that are certainly of a header: prose has lines such as "Note: this" too.
_SURELY_A_FIELD = re.compile(
    rb"(?:received|return-path|delivered-to|from|to|cc|subject|date|message-id|in-reply-to|references|reply-to|sender"
    rb"|mime-version|content-(?:type|transfer-encoding|disposition)|dkim-signature|x-[a-z0-9-]{1,60})[ \t]*:",
    re.IGNORECASE,
)


# A list of addresses that was cut inside of an address.
_UNFINISHED = re.compile(rb"(?:from|to|cc|reply-to)[ \t]*:(?:[^<>]*<[^<>]*>)*[^<>]*<[^<>]*\r?$", re.IGNORECASE)


@dataclass(slots=True)
class Framed:
    """The bytes to parse: ``header`` ends with its empty line. ``unread`` says why the body is to be left alone."""

    header: bytes
    body: bytes
    unread: str = ""
    defects: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bytes:
        return self.header + self.body


def frame(raw: bytes) -> Framed:
    """The mended header and the body of a mail, with what had to be mended or is beyond a limit."""
    raw = _line_ends(_from_first_line(raw))
    head, body, cut = _split(raw)
    mended, defects = _mended(head)
    if cut:
        defects.append(f"the header is longer than {LARGEST_HEADER_BLOCK // 1024} KB and was cut")
    return Framed(mended, body, _beyond_limits(raw), defects)


def header_of(raw: bytes) -> bytes:
    """The mended header alone, with its empty line: for those who need no more of a mail than that."""
    return _mended(_split(_line_ends(_from_first_line(raw[: LARGEST_HEADER_BLOCK * 2])))[0])[0]


def _from_first_line(raw: bytes) -> bytes:
    return raw.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")


def _line_ends(raw: bytes) -> bytes:
    """Lines that end with a lone CR, or with CR CR LF after one conversion too many, end with LF."""
    start = raw[:LARGEST_HEADER_BLOCK]
    if b"\r" in start and b"\n" not in start:
        return raw.replace(b"\r", b"\n")
    if start[:2000].count(b"\r\r\n") > 2:
        return raw.replace(b"\r\r\n", b"\n")
    return raw


def _split(raw: bytes) -> tuple[bytes, bytes, bool]:
    """Header with its empty line, body, and whether the header is longer than the limit and was cut."""
    end = _END_OF_HEADER.search(raw, 0, LARGEST_HEADER_BLOCK)
    if end:
        return raw[: end.end()], raw[end.end() :], False
    if len(raw) <= LARGEST_HEADER_BLOCK:
        return raw, b"", False
    cut = raw[:LARGEST_HEADER_BLOCK]
    cut = cut[: cut.rfind(b"\n") + 1] or cut
    end = _END_OF_HEADER.search(raw, LARGEST_HEADER_BLOCK)
    return cut + b"\n", raw[end.end() :] if end else b"", True


def _mended(head: bytes) -> tuple[bytes, list[str]]:
    """The header without stray lines. One above the fields is left out; one between them continues the field above.

    A line that is no field and has no field below it is the beginning of a body without an empty line before it.
    """
    lines = head.split(b"\n")
    last = max((number for number, line in enumerate(lines) if _SURELY_A_FIELD.match(line)), default=-1)
    kept: list[bytes] = []
    defects: list[str] = []
    for number, line in enumerate(lines):
        is_field = _FIELD.match(line)
        if is_field:
            # "Subject : x" is a field to RFC 5322 (4.5.8) and none to the library.
            kept.append(is_field[1] + b":" + line[is_field.end() :])
        elif kept and line.strip() and _UNFINISHED.match(kept[-1]):
            kept.append(b" " + line)
        elif number > last or (kept and line[:1] in (b" ", b"\t")):
            kept.append(line)
        elif line.startswith((b"From ", b">From ")) or not line.strip():
            continue
        else:
            if len(defects) < _MOST_STRAY_LINES:
                defects.append("a line of the header is no field")
            if kept:
                kept.append(b" " + line)
    return b"\n".join(kept), list(dict.fromkeys(defects))


def _beyond_limits(raw: bytes) -> str:
    """Why the parser is not to see the body, or ''."""
    if len(raw) > LARGEST:
        return f"larger than {LARGEST // 1024 // 1024} MB"
    if _STATUS_PART.search(raw) and raw.count(b"\n\n") + raw.count(b"\n\r\n") > _MOST_BLOCKS:
        return "a report of too many groups of fields"
    boundaries = {(match[1] or match[2]).strip() for match in _BOUNDARY.finditer(raw)}
    if len(boundaries) > _MOST_BOUNDARIES:
        return "the parts are nested too deeply"
    delimiters = (match[1].strip() for match in _DELIMITER.finditer(raw)) if boundaries else ()
    if sum(line in boundaries or line.removesuffix(b"--") in boundaries for line in delimiters) > MOST_PARTS:
        return f"more than {MOST_PARTS} parts"
    return ""


# ------------------------------------------------------------------ boundaries


class Part(Message):
    """A parsed part whose boundary is read without the line breaks of a folded header."""

    def get_boundary(self, failobj: Any = None) -> Any:
        stated = super().get_boundary(failobj)
        return re.sub(r"[\r\n]+", "", stated) if isinstance(stated, str) else stated


_FIRST_DELIMITER = re.compile(
    rb"^--([^\s-][^\r\n]{2,198}|-[^\r\n]{3,198})\r?\n(?:Content-[A-Za-z-]{4,30}:|\r?\n)", re.MULTILINE
)


def actual_boundary(body: bytes) -> str:
    """The boundary that a multipart body uses, for one whose header names none or another; '' if it has none."""
    match = _FIRST_DELIMITER.search(body)
    return match[1].strip().decode("ascii", "replace").replace('"', "") if match else ""
