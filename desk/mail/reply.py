"""What of a mail is new: quotations and signature left out. Pure, and linear in the length of the text.

Only what is shown first is chosen here; the whole text stays one click away. A member's words that are hidden do more
harm than a signature that is shown: a doubtful line is kept, and if nothing is left all is shown.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Protocol

from desk.mail import phrases
from desk.mail.headers import Address
from desk.mail.html_quotation import text_with_quotation
from desk.mail.quotation import is_marked, new_parts
from desk.mail.signature import without_signature

MARKERS: Mapping[str, str] = {
    "en": "##- Please write your answer above this line -##",
    "de": "##- Bitte schreiben Sie Ihre Antwort über diese Zeile -##",
    "es": "##- Por favor, escriba su respuesta encima de esta línea -##",
    "fr": "##- Veuillez écrire votre réponse au-dessus de cette ligne -##",
}
"""On every mail of ours, by its language, above the text that need not come back. All are known in every answer: a mail
may be answered by somebody else, or after its reader chose another language."""
REPLY_ABOVE = MARKERS["en"]

_MARKER = re.compile(
    "|".join(re.escape(words[4:-4]).replace(r"\ ", r"\s+") for words in MARKERS.values()), re.IGNORECASE
)
_IN_MARKERS = ("answer", "Antwort", "respuesta", "réponse")
_SUBJECT_PREFIX = re.compile(r"^\W{0,3}(\w{1,12})\s?[:：]")
_LEAST_IN_COMMON = 0.8
_MOST_MARKS = 5
_MARKED_LINE = "> our mail"


class Readable(Protocol):
    """A read message, or anything else with these of its facts."""

    @property
    def subject(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def html(self) -> str: ...
    @property
    def authors(self) -> tuple[Address, ...]: ...
    @property
    def is_bounce(self) -> bool: ...


def new_text(message: Readable) -> str:
    """The part of ``message.text`` that its author wrote for this mail; the whole text if nothing would be left."""
    if message.is_bounce:
        return message.text.strip("\n")  # what it quotes is what it reports
    names = [author.name for author in message.authors]
    forwarded = _is_forward(message.subject)
    new = "" if forwarded else _new_by_structure(message, names)
    return new or _new(message.text, names, forwarded)[0] or message.text.strip("\n")


def starts_with_marker(text: str) -> str | None:
    """What stands below the marker of a desk like this one where the text begins with it; None where it does not."""
    head, _, rest = text.lstrip().partition("\n")
    return rest if _is_marker(head) else None


def _is_marker(line: str) -> bool:
    return any(word in line for word in _IN_MARKERS) and _MARKER.search(line) is not None


def _is_forward(subject: str) -> bool:
    prefix = _SUBJECT_PREFIX.match(subject)
    return prefix is not None and prefix[1].casefold() in phrases.FORWARD_SUBJECTS


def _new_by_structure(message: Readable, names: Sequence[str]) -> str:
    """What is new by the elements of the HTML; '' where they say nothing or the text is not the text of this HTML."""
    marked = text_with_quotation(message.html) if message.html else ""
    whole = _letters(message.text)
    if not marked or not _is_rendering(marked, message.text, whole):
        return ""
    found, forwards, parts = _new(marked, names, forwarded=False)
    return found if not forwards and all(_letters(part) in whole for part in parts) else ""


def _is_rendering(marked: str, text: str, whole: str) -> bool:
    """Whether the text says what the HTML says, and no lines of it are marked that the HTML does not mark."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    letters = _letters(marked)
    if len(letters) < _LEAST_IN_COMMON * len(whole) or _letters(first) not in letters:
        return False
    marks = islice(filter(is_marked, text.split("\n")), _MOST_MARKS)
    return all(_letters(line) in letters for line in marks)


def _letters(text: str) -> str:
    return "".join(text.split())


def _new(text: str, names: Sequence[str], forwarded: bool) -> tuple[str, bool, list[str]]:
    """The new text, whether it holds a forwarded mail, and its parts. A forwarded mail keeps its signature."""
    parts, forwards = new_parts(_above_our_marker(text.split("\n")), forwarded=forwarded)
    signed = _texts(parts)
    unsigned = signed if forwards or forwarded else _texts(_unsigned(parts, names))
    shown = unsigned or signed
    return "\n\n".join(shown), forwards, shown


def _unsigned(parts: list[list[str]], names: Sequence[str]) -> list[list[str]]:
    """Nobody signs each answer between quotations: only above the first one and at the end."""
    ends = {0, len(parts) - 1}
    return [without_signature(part, names) if number in ends else part for number, part in enumerate(parts)]


def _texts(parts: Iterable[Sequence[str]]) -> list[str]:
    texts = ("\n".join(part).strip("\n").rstrip() for part in parts)
    return [text for text in texts if text.strip()]


def _above_our_marker(lines: list[str]) -> list[str]:
    """Without our own mail below its marker, unless the client marks each line: then answers may stand further down."""
    for position, line in enumerate(lines):
        if _is_marker(line):
            # A marked line in its place, so that the line that introduces our mail is found in any language.
            return lines if is_marked(line) else [*lines[:position], _MARKED_LINE]
    return lines
