"""What stands in the header of a mail: words, parameters, addresses and ids. Pure, never raises, linear.

The standard library's structured header parser raises on some broken headers, takes seconds for others, and reads
``alice@good.example <bob@evil.example>`` as alice, so addresses are read here (RFC 5322 3.4) and the sender is sound
only when there is no second way to read it. Encoded words (RFC 2047) and parameters (RFC 2231) are read in the broken
forms that mail programs send: split inside a character, without the final mark, in quotes.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from urllib.parse import unquote_to_bytes

from desk.mail.charsets import clean, decode, one_line

LONGEST_HEADER = 16_384
MOST_RECIPIENTS = 500

Fields = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox: the address as it is compared (domain in lower-case ASCII where it can be) and the name beside."""

    email: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who the From header names. ``address`` is set only when exactly one reading exists; else ``why`` says why not."""

    address: Address | None
    shown: tuple[Address, ...]
    why: str = ""


# ------------------------------------------------------------------ fields


def fields(part: Message, charset: str | None = None) -> Fields:
    """The unfolded values of each header of a part by name in lower case.

    Raw bytes above 127 are read by ``charset`` where they are no UTF-8 and it is given; else they stay surrogates, as
    they were parsed, and each is read on its own.
    """
    found: Fields = {}
    for name, raw in part.raw_items():
        value = _unfold(str(raw)[:LONGEST_HEADER])
        found.setdefault(name.lower(), []).append(_raw(value, charset) if charset else value)
    return found


def _raw(text: str, charset: str) -> str:
    if text.isascii() or "=?" in text:
        return text  # encoded words may hold raw bytes of their own charset
    for candidate in ("utf-8", charset):
        try:
            return _bytes_of(text).decode(candidate)
        except (UnicodeError, LookupError):
            continue
    return text


def first(part: Message, name: str) -> str:
    """The first non-empty value of one header, without looking at the others."""
    found = (_unfold(str(raw)[:LONGEST_HEADER]) for known, raw in part.raw_items() if known.lower() == name)
    return next((text for text in found if text), "")


def value(part_fields: Fields, name: str) -> str:
    """The first non-empty value of a header, or ''."""
    return next((found for found in part_fields.get(name, ()) if found.strip()), "")


def _unfold(raw: str) -> str:
    return re.sub(r"\r?\n(?=[ \t])", "", raw).replace("\r", " ").replace("\n", " ").strip()


def _bytes_of(raw: str) -> bytes:
    return raw.encode("utf-8", "surrogateescape")


def _plain(raw: str) -> str:
    """Text outside of encoded words; raw 8-bit text is read as UTF-8 or what it most likely is."""
    if raw.isascii():
        return raw
    try:
        return decode(_bytes_of(raw))
    except UnicodeError:
        return clean(raw)


# ------------------------------------------------------------------ words (RFC 2047)

_WORD = re.compile(
    r"=\?([A-Za-z0-9_.:()+-]{1,60})(?:\*[A-Za-z0-9-]{0,20})?\?([BbQq])\?((?:[^?=]|\?(?!=)|=(?!\?[A-Za-z])){0,4000})\?="
)


def words(raw: str) -> str:
    """A header's text with its encoded words read.

    Adjacent words of one charset are joined as bytes first, since broken programs split inside a character; blanks
    between two encoded words are no text (RFC 2047 6.2).
    """
    pieces: list[str] = []
    pending: tuple[str, bytes] | None = None
    position = 0
    for match in _WORD.finditer(raw):
        between = raw[position : match.start()]
        charset, data = match[1], _word_bytes(match[2], match[3])
        if pending and not between.strip() and pending[0].lower() == charset.lower():
            pending = (charset, pending[1] + data)
        else:
            pieces += _flush(pending)
            if between.strip() or pending is None:
                pieces.append(_plain(between))
            pending = (charset, data)
        position = match.end()
    return "".join([*pieces, *_flush(pending), _plain(raw[position:])])


def _flush(pending: tuple[str, bytes] | None) -> list[str]:
    return [decode(pending[1], pending[0])] if pending else []


def _word_bytes(coding: str, text: str) -> bytes:
    data = _bytes_of(text)
    if coding in "bB":
        return base64_bytes(data)
    data = data.replace(b"_", b" ")
    return re.sub(rb"=([0-9A-Fa-f]{2})", lambda match: bytes.fromhex(match[1].decode("ascii")), data)


def base64_bytes(data: bytes) -> bytes:
    """Base64 as far as it goes: foreign characters and missing padding are survived; inner padding starts anew."""
    found = b""
    for run in re.findall(rb"[A-Za-z0-9+/]+", re.sub(rb"[^A-Za-z0-9+/=]", b"", data)):
        usable = run[: len(run) - (len(run) % 4 == 1)]
        try:
            found += base64.b64decode(usable + b"=" * (-len(usable) % 4))
        except (binascii.Error, ValueError):
            continue
    return found


def subject(raw: str) -> str:
    """One clean line: an encoded subject may hold line breaks, which would become headers of our answer."""
    return one_line(words(raw))


# ------------------------------------------------------------------ parameters (RFC 2045, 2231)

_PARAMETER = re.compile(r";\s*([!#$%&'*+.0-9A-Z^_`a-z|~-]{1,60})\s*=\s*(\"(?:[^\"\\]|\\.)*\"?|[^;]*)")
_SECTION = re.compile(r"([^*]+)(?:\*([0-9]{1,3}))?(\*)?")


def parameters(raw: str) -> tuple[str, dict[str, str]]:
    """``text/plain; charset=utf-8`` as the value in lower case and its parameters, with their pieces joined."""
    head = raw.split(";", 1)[0].strip().lower()
    simple: dict[str, str] = {}
    sections: dict[str, list[tuple[int, bool, str]]] = {}
    for match in _PARAMETER.finditer(raw):
        named = _SECTION.fullmatch(match[1].lower())
        text = _unquote(match[2].strip())
        if named is None:
            continue
        if named[2] is None and named[3] is None:
            simple.setdefault(named[1], clean(words(text)).strip())
        else:
            sections.setdefault(named[1], []).append((int(named[2] or 0), bool(named[3]), text))
    for name, pieces in sections.items():
        simple[name] = _joined(sorted(pieces, key=lambda piece: piece[0]))
    return head, simple


def _unquote(text: str) -> str:
    if text.startswith('"'):
        text = text[1:-1] if len(text) > 1 and text.endswith('"') else text[1:]
        return re.sub(r"\\(.)", r"\1", text) if '\\"' in text or "\\\\" in text else text
    return text.strip("'") if len(text) > 1 and text[0] == text[-1] == "'" else text


def _joined(pieces: list[tuple[int, bool, str]]) -> str:
    charset = None
    data = b""
    for position, (_, encoded, text) in enumerate(pieces):
        if encoded and position == 0 and text.count("'") >= 2:
            charset, _language, text = text.split("'", 2)
        data += unquote_to_bytes(_bytes_of(text)) if encoded else _bytes_of(text)
    joined = decode(data, charset)
    return clean(words(joined)).strip()


# ------------------------------------------------------------------ addresses (RFC 5322 3.4)


def addresses(raw_values: Iterable[str], limit: int = MOST_RECIPIENTS) -> tuple[Address, ...]:
    """Every mailbox of these headers, groups opened, in order, at most ``limit``."""
    found: list[Address] = []
    for raw in raw_values:
        for piece in _split(_as_atoms(raw[:LONGEST_HEADER])):
            address = _mailbox(piece)[0]
            if address.email or address.name:
                found.append(address)
            if len(found) >= limit:
                return tuple(found)
    return tuple(found)


def sender(raw_values: list[str]) -> Sender:
    """The author of the From headers. Sound only if there is one header with one address of plain form."""
    shown = addresses(raw_values)
    if len(raw_values) != 1:
        return Sender(
            None, shown, "there is no From header" if not raw_values else "there is more than one From header"
        )
    pieces = _split(_as_atoms(raw_values[0][:LONGEST_HEADER]))
    if len(pieces) != 1:
        return Sender(
            None, shown, "the From header names more than one address" if pieces else "the From header is empty"
        )
    address, sound = _mailbox(pieces[0])
    if not sound or not is_plain(address.email):
        return Sender(None, shown, "the From header has no single plain address")
    return Sender(address, shown)


def is_plain(email: str) -> bool:
    """Whether an address has the plain form that can be compared: ASCII local part, ASCII (IDNA) domain, <= 254."""
    return len(email) <= 254 and _PLAIN.fullmatch(email) is not None


_PLAIN = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)


def _as_atoms(raw: str) -> str:
    """Commas, brackets and the like inside of encoded words are encoded too, as they ought to be (RFC 2047 5.3).

    A raw @ stays: what others may read as an address must not become part of a name.
    """
    return _WORD.sub(lambda word: _SPECIAL.sub(_escaped, word[0]) if word[2] in "qQ" else word[0], raw)


_SPECIAL = re.compile(r"[,;:()<>\"\\\[\]]")


def _escaped(special: re.Match[str]) -> str:
    return f"={ord(special[0]):02X}"


def _split(raw: str) -> list[str]:
    """The pieces between top-level commas and semicolons; quoted strings, comments and <...> are not looked into."""
    pieces: list[str] = []
    start = depth = 0
    quoted = angle = escaped = False
    for position, character in enumerate(raw):
        if escaped:
            escaped = False
        elif character == "\\" and (quoted or depth):
            escaped = True
        elif character == '"' and not depth:
            quoted = not quoted
        elif quoted:
            continue
        elif character in "()":
            depth = max(0, depth + (1 if character == "(" else -1))
        elif depth:
            continue
        elif character in "<>":
            angle = character == "<"
        elif character in ",;" and not angle:
            pieces.append(raw[start:position])
            start = position + 1
    pieces.append(raw[start:])
    return [piece.strip() for piece in pieces if piece.strip()]


def _mailbox(piece: str) -> tuple[Address, bool]:
    """One mailbox, and whether it has only one reading."""
    text, comment = _without_comments(piece)
    group = re.match(r'^[^"<@:]{1,200}:(?!/)', text)
    if group:
        text = text[group.end() :].strip()
    quoted = re.match(r'^\s*"((?:[^"\\]|\\.)*)"\s*', text)
    opening = text.find("<", quoted.end() if quoted else 0)
    if opening < 0:
        email = _email(text)
        return Address(email, name_of(comment) if email else name_of(text)), bool(
            email
        ) and not group and " " not in text
    closing = text.find(">", opening)
    inner = text[opening + 1 : closing if closing >= 0 else len(text)]
    name, rest = text[:opening], text[closing + 1 :] if closing >= 0 else ""
    email = _email(inner.rsplit(":", 1)[-1]) or _email(inner)
    unquoted = name if quoted is None else name[quoted.end() :]
    plain = "@" not in unquoted and "<" not in inner and not re.search(r"\s", inner.strip())
    sound = closing >= 0 and not group and not rest.strip() and plain and bool(email)
    shown = name_of(name) or name_of(comment)
    return Address(email, shown), sound


def _without_comments(raw: str) -> tuple[str, str]:
    """The text outside of round brackets, and the text inside of the outermost ones. Quoted strings are left alone."""
    outside: list[str] = []
    inside: list[str] = []
    depth = 0
    quoted = escaped = False
    for character in raw:
        if not escaped and character == '"' and not depth:
            quoted = not quoted
        if not quoted and not escaped and character == "(":
            depth += 1
        elif not quoted and not escaped and character == ")" and depth:
            depth -= 1
        else:
            (inside if depth else outside).append(character)
        escaped = character == "\\" and not escaped
    return "".join(outside).strip(), "".join(inside).strip()


def name_of(raw: str) -> str:
    """A display name: quotes taken off, encoded words read (in quotes too, as many programs write them)."""
    text = raw.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    shown = one_line(words(text), 200)
    return shown.strip("\"' ") if shown[:1] in "\"'" and shown[-1:] == shown[:1] else shown


def _email(raw: str) -> str:
    """The address with its domain as it is compared, or '' if there is no @ with something on both sides."""
    text = _plain(raw.strip().strip("<>").strip())
    if "=?" in text:
        text = words(text).strip()
    text = re.sub(r"\s{0,9}([@.])\s{0,9}", r"\1", text)  # RFC 5322 4.4: blanks around them, as folding leaves
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain or (re.search(r"\s", text) and '"' not in local):
        return ""
    return clean(f"{local.strip()}@{_domain(domain.strip())}")[:400]


def _domain(domain: str) -> str:
    """Lower case; an international name in its ASCII form. One that changes under NFKC is a look-alike: left as is."""
    if domain.isascii():
        return domain.lower().rstrip(".")
    if unicodedata.normalize("NFKC", domain) != domain:
        return domain
    try:
        return domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return domain


# ------------------------------------------------------------------ ids

_ID = re.compile(r"<([^<>\s]{1,990})>")


def ids(raw: str, limit: int = 100) -> tuple[str, ...]:
    """Message ids without their angle brackets, each once; of a long list the first and the last ones stay."""
    text = _plain(raw)
    found = [clean(match) for match in _ID.findall(text)]
    if not found and text.strip():
        found = [clean(word.strip("<>,;")) for word in text.split() if "@" in word]
    unique = list(dict.fromkeys(found))
    return tuple(unique if len(unique) <= limit else [unique[0], *unique[-(limit - 1) :]])
