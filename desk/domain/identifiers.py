"""The identifiers people write about, found in text, and the secrets they should not have sent, taken out of it.

``find`` reads ORCID iDs, client ids, DOIs, prefixes, ROR ids, DataCite repositories, ORCID error codes, HTTP statuses.
Check characters are computed, and a value that fails its check is returned with ``valid=False``: a mistyped iD is the
answer to many a ticket. ``redact`` takes out tokens, passwords and keys. Both are linear in the length of the text.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an identifier names."""

    ORCID = "orcid"
    CLIENT_ID = "client_id"
    DOI = "doi"
    PREFIX = "prefix"
    ROR = "ror"
    REPOSITORY = "repository"
    ORCID_ERROR = "orcid_error"
    HTTP_STATUS = "http_status"


@dataclass(frozen=True, slots=True)
class Identifier:
    """One identifier in its normal form (``10.5072/abc``, ``0000-0002-1825-0097``) and where it starts in the text."""

    kind: Kind
    value: str
    start: int
    valid: bool = True


@dataclass(frozen=True, slots=True)
class Removed:
    """One secret that was taken out: its kind in words that can be shown. The secret itself is nowhere in it."""

    kind: str


# ------------------------------------------------------------------ check characters


def orcid_is_valid(value: str) -> bool:
    """Whether ``0000-0002-1825-0097`` carries the right last character (ISO 7064 MOD 11-2)."""
    characters = value.replace("-", "").upper()
    if not re.fullmatch(r"[0-9]{15}[0-9X]", characters):
        return False
    total = 0
    for digit in characters[:15]:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    return characters[15] == ("X" if check == 10 else str(check))


_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def ror_is_valid(value: str) -> bool:
    """Whether ``021nxhr62`` ends in its check digits: 98 - (n * 100 mod 97), n the first seven in Crockford base 32."""
    if not re.fullmatch(r"0[a-hj-km-np-tv-z0-9]{6}[0-9]{2}", value):
        return False
    number = 0
    for character in value[:7]:
        number = number * 32 + _CROCKFORD.index(character)
    return int(value[7:]) == 98 - number * 100 % 97


# ------------------------------------------------------------------ find

_ORCID = re.compile(r"(?<![0-9A-Za-z-])([0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9Xx])(?![0-9A-Za-z-])")
_CLIENT = re.compile(r"(?<![0-9A-Za-z])APP-[0-9A-Z]{16}(?![0-9A-Za-z])")
_DOI = re.compile(r"(?<![0-9.])(10\.[0-9]{4,9})(?![0-9])(/[^\s<>\"]{1,500})?")
_ROR = re.compile(r"(?<![0-9A-Za-z.-])ror\.org/(0[0-9A-Za-z]{8})(?![0-9A-Za-z])", re.IGNORECASE)
_REPOSITORY = re.compile(r"(?<![0-9A-Za-z.-])([A-Z]{2,8}\.[A-Z0-9]{1,14}(?:-[A-Z0-9]{1,12})?)(?![0-9A-Za-z.-])")
_ERROR = re.compile(r"(?<![0-9])(90[0-6][0-9])(?![0-9])")
_STATUS = re.compile(
    r"(?:\bHTTP(?:/[0-9.]{1,3})?|\bstatus(?: code)?|\bresponse[ _-]code|<response-code>)[\"']?\s{0,3}[:=]?\s{0,3}"
    r"([1-5][0-9]{2})(?![0-9])",
    re.IGNORECASE,
)

# A DOI may end in almost anything, a sentence around it ends in these; pages and mail add zero-width characters.
_TRAILING = ".,;:!?'\u2019\u201d\u00bb*_>"
_ZERO_WIDTH = str.maketrans("", "", "\u200b\u200c\u200d\u2060\ufeff")
_LAST_ORCID_ERROR = 9062
_CONTEXT = 60


def find(text: str) -> list[Identifier]:
    """The identifiers of ``text`` in the order in which they stand there; one that is repeated is listed once."""
    found: dict[tuple[Kind, str], Identifier] = {}
    for finder in (_orcids, _clients, _dois, _rors, _repositories, _errors, _statuses):
        for identifier in finder(text):
            found.setdefault((identifier.kind, identifier.value), identifier)
    return sorted(found.values(), key=lambda identifier: identifier.start)


def _orcids(text: str) -> Iterator[Identifier]:
    for match in _ORCID.finditer(text):
        value = match[1].upper()
        yield Identifier(Kind.ORCID, value, match.start(1), orcid_is_valid(value))


def _clients(text: str) -> Iterator[Identifier]:
    for match in _CLIENT.finditer(text):
        yield Identifier(Kind.CLIENT_ID, match[0], match.start())


def _dois(text: str) -> Iterator[Identifier]:
    for match in _DOI.finditer(text):
        suffix = _doi_suffix(match[2] or "")
        if len(suffix) > 1:
            yield Identifier(Kind.DOI, (match[1] + suffix).lower(), match.start())
        else:
            yield Identifier(Kind.PREFIX, match[1], match.start())


def _doi_suffix(raw: str) -> str:
    """Without what belongs to the sentence: trailing punctuation, and a bracket that was opened before the DOI."""
    suffix = raw.translate(_ZERO_WIDTH)
    surplus = {closing: suffix.count(closing) - suffix.count(opening) for opening, closing in ("()", "[]", "{}")}
    end = len(suffix)
    while end:
        last = suffix[end - 1]
        if surplus.get(last, 0) > 0:
            surplus[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return suffix[:end]


def _rors(text: str) -> Iterator[Identifier]:
    for match in _ROR.finditer(text):
        value = match[1].lower()
        yield Identifier(Kind.ROR, f"https://ror.org/{value}", match.start(), ror_is_valid(value))


_REPOSITORY_WORDS = re.compile(r"repositor|datacite|fabrica|client|account|symbol", re.IGNORECASE)


def _repositories(text: str) -> Iterator[Identifier]:
    # README.TXT and U.S. have the same shape, so a word nearby has to speak of repositories.
    for match in _REPOSITORY.finditer(text):
        if 5 <= len(match[1]) <= 18 and _near(text, match, _REPOSITORY_WORDS):
            yield Identifier(Kind.REPOSITORY, match[1], match.start())


_ERROR_WORDS = re.compile(r"error|code|orcid|api|fehler|erreur", re.IGNORECASE)


def _errors(text: str) -> Iterator[Identifier]:
    for match in _ERROR.finditer(text):
        if int(match[1]) <= _LAST_ORCID_ERROR and _near(text, match, _ERROR_WORDS):
            yield Identifier(Kind.ORCID_ERROR, match[1], match.start())


def _statuses(text: str) -> Iterator[Identifier]:
    for match in _STATUS.finditer(text):
        yield Identifier(Kind.HTTP_STATUS, match[1], match.start(1))


def _near(text: str, match: re.Match[str], words: re.Pattern[str]) -> bool:
    """Whether one of the words stands shortly before the match."""
    return words.search(text, max(0, match.start() - _CONTEXT), match.start()) is not None


# ------------------------------------------------------------------ redact

_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_NAMES_OF_SECRETS = r"client[_-]?secret|access[_-]?token|refresh[_-]?token|id[_-]?token|api[_-]?key|secret[_-]?key"
_SECRET_WORDS = re.compile(
    r"secret|token|bearer|credential|passwor|geheim|schl(?:ü|ue)ssel|\bkey\b|APP-[0-9A-Z]{16}", re.IGNORECASE
)


def _always(_text: str, _match: re.Match[str]) -> bool:
    return True


def _is_basic_pair(text: str, match: re.Match[str]) -> bool:
    """Whether the word after ``Basic`` is a coded ``name:password``; "Basic understanding" is not."""
    if re.search(
        r"authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?$", text[max(0, match.start() - 30) : match.start()], re.IGNORECASE
    ):
        return True
    try:
        return b":" in base64.b64decode(match["secret"] + "==", validate=False)
    except (binascii.Error, ValueError):
        return False


def _speaks_of_secrets(text: str, match: re.Match[str]) -> bool:
    """A bare UUID is a secret only where the words before it say so: requests and batches have UUIDs too."""
    return _near(text, match, _SECRET_WORDS)


_Pattern = tuple[str, re.Pattern[str], Callable[[str, re.Match[str]], bool]]

# In this order: what names itself first, so that a bare UUID is looked at only where nothing more exact took it.
_SECRETS: tuple[_Pattern, ...] = (
    ("bearer token", re.compile(r"\bBearer[ \t]{1,5}(?P<secret>[A-Za-z0-9._~+/-]{12,4000}=*)", re.IGNORECASE), _always),
    (
        "sign-in header",
        re.compile(r"\bBasic[ \t]{1,5}(?P<secret>[A-Za-z0-9+/]{6,4000}={0,2})", re.IGNORECASE),
        _is_basic_pair,
    ),
    (
        "password",
        re.compile(r"(?<!\S)(?:-u|--user)[ =]?[\"']?[^\s:\"']{1,200}:(?P<secret>[^\s\"'\[]{1,1000})"),
        _always,
    ),
    ("password", re.compile(r"\bhttps?://[^\s:/@]{1,200}:(?P<secret>[^\s/@]{1,1000})@", re.IGNORECASE), _always),
    (
        "client secret or token",
        re.compile(
            rf"(?:{_NAMES_OF_SECRETS})[\"']?\s{{0,3}}(?:=|:|>)\s{{0,3}}[\"']?(?P<secret>[^\s\"'&<>,;\[]{{6,4000}})",
            re.IGNORECASE,
        ),
        _always,
    ),
    (
        "password",
        re.compile(
            r"\b(?:password|passwort|passwd|pwd)[\"']?\s{0,3}=\s{0,3}[\"']?(?P<secret>[^\s\"'&<>,;\[]{4,1000})",
            re.IGNORECASE,
        ),
        _always,
    ),
    ("authorisation code", re.compile(r"[?&]code=(?P<secret>[A-Za-z0-9._~-]{4,1000})"), _always),
    ("API key", re.compile(r"(?<![A-Za-z0-9.])DC\.[A-Za-z0-9]{8}(?P<secret>[A-Za-z0-9]{24})(?![A-Za-z0-9])"), _always),
    (
        "token",
        re.compile(r"\b(?P<secret>eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000})"),
        _always,
    ),
    ("secret", re.compile(rf"(?<![0-9A-Za-z-])(?P<secret>{_UUID})(?![0-9A-Za-z-])"), _speaks_of_secrets),
)


def redact(text: str) -> tuple[str, list[Removed]]:
    """``text`` with every secret replaced by ``[removed: kind]``, and what was removed, in no particular order.

    The first 11 characters of a DataCite API key and the name in ``curl -u name:password`` stay: they tell which key or
    account has to be renewed. A text without secrets comes back unchanged, and redacting twice changes nothing more.
    """
    removed: list[Removed] = []
    for kind, pattern, applies in _SECRETS:
        text = _without(text, kind, pattern, applies, removed)
    return text, removed


def _without(
    text: str,
    kind: str,
    pattern: re.Pattern[str],
    applies: Callable[[str, re.Match[str]], bool],
    removed: list[Removed],
) -> str:
    pieces: list[str] = []
    position = 0
    for match in pattern.finditer(text):
        if applies(text, match):
            pieces += (text[position : match.start("secret")], f"[removed: {kind}]")
            position = match.end("secret")
            removed.append(Removed(kind))
    return "".join(pieces) + text[position:] if pieces else text
