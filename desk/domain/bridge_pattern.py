"""The pattern of another desk's ticket numbers: a small part of regular expressions that cannot take long. Pure.

What people type here is matched against what strangers send. So only a row of characters, classes and one group is
taken, each at most a bounded number of times, and the ways in which one place can match are counted before it is kept.
"""

import re
from dataclasses import dataclass

from desk.domain.errors import InvalidInput

PATTERN_LENGTH = 120
NUMBER_LENGTH = 40
MOST_REPEATS = 20
"""What may be repeated without end, ``+`` or ``{4,}``, is repeated so often at most: numbers are shorter."""

MOST_WAYS = 2_000
"""In how many ways the pattern may match at one place; the search is linear in the text, with this as its factor."""

DEFAULT_PATTERN = r"\[?#(\d{3,})\]?"

_CLASS = r"\[\^?(?:\\[\]\[\\^wds.#:/-]|[A-Za-z0-9_.#:/ -])+\]"
_PIECE = re.compile(
    rf"(?P<open>\()|(?P<close>\))|(?P<atom>{_CLASS}|\\[dwsDWS]|\\[^A-Za-z0-9\s]|[A-Za-z0-9 #:_/\-,;=&@!~%<>'\"])"
    r"(?P<times>\?|\+|\*|\{\d{1,2}(?:,\d{0,2})?\})?"
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was found: itself, and how it was written (``[#1234]``)."""

    number: str
    written: str


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern with every repetition bounded.

    Raises:
        InvalidInput: it is not of the kind that is taken; ``field`` is ``number_pattern``.
    """
    if not pattern.strip():
        raise _refused("The pattern of their ticket numbers is missing.")
    if len(pattern) > PATTERN_LENGTH:
        raise _refused(f"The pattern has {len(pattern)} characters; at most {PATTERN_LENGTH} are taken.")
    pieces, place, depth, groups, ways = [""], 0, 0, 0, 1
    while place < len(pattern):
        piece = _PIECE.match(pattern, place)
        if piece is None:
            raise _refused(
                f"“{pattern[place:][:12]}” is not taken: only characters, classes, one group and repetition."
            )
        place = piece.end()
        if piece["atom"] is None:
            depth += 1 if piece["open"] else -1
            groups += bool(piece["open"])
            pieces.append(piece[0])
            if depth not in (0, 1) or groups > 1:
                raise _refused("The pattern needs exactly one group in parentheses: the number.")
            continue
        times, choices = _bounded(piece["times"] or "")
        ways *= choices
        pieces.append(piece["atom"] + times)
    if groups != 1 or depth:
        raise _refused("The pattern needs exactly one group in parentheses: the number.")
    if ways > MOST_WAYS:
        raise _refused("The pattern can match in too many ways. Please bound its repetitions, as in {4,10}.")
    return _made("".join(pieces))


def _made(pattern: str) -> re.Pattern[str]:
    try:
        made = re.compile(pattern, re.ASCII | re.IGNORECASE)
    except re.error:
        raise _refused("The pattern is not a regular expression.") from None
    if made.search("") or made.search(" "):
        raise _refused("The pattern also matches where there is no number.")
    return made


def _bounded(times: str) -> tuple[str, int]:
    """A repetition with an end, and in how many ways it can be used."""
    if not times:
        return "", 1
    least, most = {"?": (0, 1), "+": (1, MOST_REPEATS), "*": (0, MOST_REPEATS)}.get(times) or _numbers(times)
    if not least <= most <= MOST_REPEATS:
        raise _refused(f"“{times}” is not taken: something may be repeated {MOST_REPEATS} times at most.")
    return f"{{{least},{most}}}", most - least + 1


def _numbers(times: str) -> tuple[int, int]:
    least, comma, most = times[1:-1].partition(",")
    return int(least), int(most) if most else MOST_REPEATS if comma else int(least)


def _refused(sentence: str) -> InvalidInput:
    return InvalidInput(sentence, field="number_pattern")


def find_number(pattern: re.Pattern[str], text: str, *, but: str = "") -> Number | None:
    """The first number in the text that is not ``but``, our own; None when there is none."""
    for found in pattern.finditer(text):
        number = found[1].strip()[:NUMBER_LENGTH]
        if number and number.casefold() != but.casefold():
            return Number(number, found[0].strip()[: 2 * NUMBER_LENGTH])
    return None
