"""Text from outside, made fit to be kept: what a database or a header cannot hold is removed, limits are named here."""

import re
import unicodedata

from desk.domain.errors import InvalidInput

SUBJECT_LENGTH = 200
MESSAGE_LENGTH = 100_000
"""Characters of one message. A longer mail keeps its first part as text; the whole of it stays as the raw message."""

REASON_LENGTH = 500

_SPACE = re.compile(r"\s+")
_MANY_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){3,}")


def clean_line(text: str, *, name: str, field: str, limit: int = SUBJECT_LENGTH) -> str:
    """One line: white space folded, control characters removed. Raises ``InvalidInput`` when empty or too long."""
    line = _SPACE.sub(" ", straight(_without_controls(text))).strip()
    if not line:
        raise InvalidInput(f"{name} is missing.", field=field)
    if len(line) > limit:
        raise InvalidInput(f"{name} has {len(line)} characters; at most {limit} are kept.", field=field)
    return line


def cut_line(text: str, limit: int = SUBJECT_LENGTH) -> str:
    """As ``clean_line`` for text nobody can be asked to shorten: cut with an ellipsis, empty stays empty."""
    line = _SPACE.sub(" ", straight(_without_controls(text))).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def clean_text(
    text: str, *, name: str, field: str, required: bool = True, limit: int = MESSAGE_LENGTH, turns: bool = False
) -> str:
    """Several lines, ends trimmed, line ends ``\\n``. ``InvalidInput`` when empty though required, or too long.

    ``turns``: keep what sets the direction of writing, for text that is always shown as a block of its own.
    """
    if not turns:
        text = straight(text)
    kept = _without_controls(text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    kept = _MANY_BLANK_LINES.sub("\n\n\n", kept)
    if required and not kept:
        raise InvalidInput(f"{name} is missing.", field=field)
    if len(kept) > limit:
        raise InvalidInput(
            f"{name} has {len(kept):,} characters; at most {limit:,} are kept. Please attach it as a file.", field=field
        )
    return kept


_TURNS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def straight(text: str) -> str:
    """Without embeddings, overrides and isolates, which turn round what stands after the text on the same line.

    U+200E and U+200F stay: they do not reach beyond their own place, and letters that run from the right need none.
    """
    return text.translate(_TURNS)


_JOINERS = "\u200c\u200d"
"""Invisible, and part of words in Persian and the languages of India."""


def visible(text: str) -> str:
    """Without what cannot be seen: controls, marks of direction, lone surrogates; white space stays."""
    kept = (one for one in text if one.isspace() or one in _JOINERS or not unicodedata.category(one).startswith("C"))
    return "".join(kept).strip(_JOINERS)


def _without_controls(text: str) -> str:
    # Cs: lone surrogates, which no database takes; Cc: NUL and the like, tab and newline apart.
    return "".join(
        character for character in text if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs")
    )
