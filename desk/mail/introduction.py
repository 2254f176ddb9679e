"""The line that introduces a quotation: "On 3 March 2026 at 10:11 Anne Berg <anne@…> wrote:", in any language. Pure.

It ends with a colon or a verb that the languages' table knows, and says when or from which address. Programs break it
over up to five lines, so it is read upwards from its end, and the fewest lines that are complete are taken.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from desk.mail import phrases

_LONGEST = 600
_LONGEST_LINE = 400
_MOST_ABOVE = 4
_MOST_COMPLETING = 3
_DATE_IS_NEAR = 30
_MOST_WORDS = 14

CLOCK_TIME = re.compile(r"(?<![\d.])\d{1,2}\s?[:.hH]\s?\d{2}(?!\d)")
_TIME_LAST = re.compile(r"\d{1,2}[:.hH]\d{2}(?::\d{2})?(?: ?[^\W\d_]{2,3}|[\s)]){0,2}$")
CALENDAR_DATE = re.compile(
    r"(?<!\d)(?:19|20)\d{2}(?!\d)|\d{1,4}[/.-] ?\d{1,2}[/.-] ?\d{1,4}|\d[年년]"
    r"|(?<![\d:])\d{1,2}[. ] ?[^\W\d_]{3,12}[. ]|(?<!\w)[^\W\d_]{3,9}\.? \d{1,2},"
)
_ADDRESS = re.compile(r"[^\s<>()\[\]:,;\"]@[^\s<>()\[\]:,;\"]{2}")
_ADDRESS_LAST = re.compile(r"@[^\s<>()\[\]]{2,200}(?:\]\([^\s()]{1,200}\))?>?\s?[>)\]]{1,2}$")
_INVISIBLE = {ord(mark): None for mark in "\u200b\u200e\u200f\u202a\u202c\u2066\u2068\u2069\ufeff"}
_DECORATION = " \t\xa0>*_-–—‐="
_COLONS = (":", "：")
_ENDS = (*_COLONS, *phrases.FINAL_VERBS)
_SENTENCE_ENDS = (".", "!", "?", ":", ";", "。", "！", "？")
_OPENING = re.compile(
    rf"(?:^|(?<=[\s-]))(?:{'|'.join(map(re.escape, phrases.OPENINGS))}) "
    rf"(?=\d|(?i:{'|'.join(phrases.DAYS_AND_MONTHS)}))"
)
_FIRST_UNSPACED_SCRIPT = 0x0590  # Hebrew and all that follow: a verb there may touch the word before it


class Strength(IntEnum):
    """How surely words introduce a quotation: LOOSE ones only if a marked quotation is right below."""

    NONE = 0
    LOOSE = 1
    STRICT = 2


@dataclass(frozen=True, slots=True)
class Introduction:
    """``above``: how many of the lines above stay; ``before``: what stands on its first line in front of it."""

    strength: Strength
    above: int
    before: str = ""


def may_introduce(line: str) -> bool:
    """A cheap look at the end of a line, before all the others."""
    if len(line) > _LONGEST:
        return False
    tail = line[-80:].translate(_INVISIBLE).rstrip(_DECORATION)
    return tail.casefold().endswith(_ENDS) or ("@" in tail and line.rstrip().endswith(">"))


def strength_of(words: str) -> Strength:
    """How surely these words, on one line, introduce a quotation."""
    return _weighed(words)[0]


def introduction(above: Sequence[str], line: str) -> Introduction | None:
    """The introduction that ends with ``line``; ``above`` are the lines over it that are new so far."""
    words, best = line[:_LONGEST_LINE], None
    first = len(above)
    for index in _indices_above(above, line):
        if index < len(above):
            words = f"{above[index][:_LONGEST_LINE]} {words}"
        strength, is_dated = _weighed(words)
        if strength is Strength.STRICT and is_dated and (index == first or _opens(above[index])):
            best = Introduction(strength, index)
            break
        if strength and best is None:
            best = Introduction(strength, index)
    return _without_words_in_front(above, line, _completed(above, line, best)) if best else None


def _indices_above(above: Sequence[str], line: str) -> list[int]:
    """Where the introduction may begin, nearest first; a line that ends a sentence does not belong to it."""
    indices = [len(above)]
    may_skip_blanks = _is_bare(line)
    index = len(above) - 1
    while index >= 0 and len(indices) <= _MOST_ABOVE and index >= len(above) - 2 * _MOST_ABOVE:
        upper = above[index].strip()
        if upper and (_ends_sentence(upper) or len(upper) > _LONGEST_LINE):
            break
        if upper:
            indices.append(index)
        elif not may_skip_blanks:
            break
        index -= 1
    return indices


def _completed(above: Sequence[str], line: str, found: Introduction) -> Introduction:
    """With what begins it further up: its preposition and date, or the name and address of who wrote."""
    window = [*above[found.above :], line]
    first = window[0][:_LONGEST_LINE].replace("\xa0", " ")
    if _OPENING.search(first):
        return found
    names = any(_ADDRESS.search(one[:_LONGEST_LINE]) for one in window)
    index = found.above
    for further in range(index - 1, max(index - 1 - _MOST_COMPLETING, -1), -1):
        upper = above[further].strip()[:_LONGEST_LINE].replace("\xa0", " ")
        if not upper or _ends_sentence(upper):
            break
        if _OPENING.match(upper) or (not names and _ADDRESS.search(upper)):
            broken = upper.startswith("<") and further > 0 and above[further - 1].strip()
            index = further - 1 if broken and not _ends_sentence(above[further - 1]) else further
            break
    if index == found.above:
        return found
    strength = _weighed(" ".join([*above[index:], line]))[0]
    return Introduction(max(strength, found.strength), index)


def _without_words_in_front(above: Sequence[str], line: str, found: Introduction) -> Introduction:
    """Some programs put it on the last line of the answer: "yes On 3 March … wrote:"."""
    first = above[found.above] if found.above < len(above) else line
    opening = _OPENING.search(first[:_LONGEST_LINE].replace("\xa0", " "))
    if opening is None or not first[: opening.start()].strip(_DECORATION):
        return found
    rest = [first[opening.start() :], *above[found.above + 1 :], *([line] if found.above < len(above) else [])]
    if _weighed(" ".join(rest))[0] is not Strength.STRICT:
        return found
    return Introduction(found.strength, found.above, first[: opening.start()].rstrip(_DECORATION))


def _ends_sentence(line: str) -> bool:
    """Whether nothing of this sentence is on the next line. "Am Di., 3." goes on with its month."""
    words = line[-_LONGEST_LINE:].split()
    is_ordinal = bool(words) and words[-1][:-1].isdigit() and words[-1].endswith(".") and len(words[-1]) <= 3
    return line.rstrip().endswith(_SENTENCE_ENDS) and not is_ordinal


def _opens(line: str) -> bool:
    """Whether an introduction begins on this line: with its preposition, or with its date."""
    line = line[:_LONGEST_LINE].replace("\xa0", " ")
    date = CALENDAR_DATE.search(line) or CLOCK_TIME.search(line)
    return _OPENING.search(line) is not None or (date is not None and date.start() < _DATE_IS_NEAR)


def _is_bare(line: str) -> bool:
    """Only a verb or an address: the rest stands further up, perhaps beyond an empty line."""
    words = line.strip(_DECORATION + "<:：").casefold()
    return words in phrases.FINAL_VERBS or ("@" in words and " " not in words) or not words


def _weighed(words: str) -> tuple[Strength, bool]:
    """The strength, and whether the words say when."""
    text = " ".join(words.translate(_INVISIBLE).split())
    if not text or len(text) > _LONGEST:
        return Strength.NONE, False
    is_framed = text.startswith("--") and text.endswith("--")
    text = text.strip(" *_-–—‐=").removeprefix("> ")
    has_colon = text.endswith(_COLONS)
    text = text.rstrip(":： ")
    folded = text.casefold()
    if any(own in folded for own in phrases.OWN_WORDS):
        return Strength.NONE, False
    has_time, has_day = CLOCK_TIME.search(text) is not None, CALENDAR_DATE.search(text) is not None
    is_dated, names = has_time or has_day, _ADDRESS.search(text) is not None
    verb_last = _ends_with_verb(folded)
    verb_inside = any(f" {verb} " in f" {folded}" for verb in phrases.MIDDLE_VERBS)
    address_last = _ADDRESS_LAST.search(text[-300:]) is not None
    # "A researcher (gil@…) wrote:" may be told by hand: without a moment it needs a marked quotation below.
    is_exact = has_time or (has_day and ("," in text[:_DATE_IS_NEAR] or ">" in text))
    if verb_last and (is_framed or (is_exact and has_day and (has_colon or names))):
        return Strength.STRICT, is_dated
    if has_colon and is_dated and (address_last or (verb_inside and (names or _OPENING.match(text)))):
        return Strength.STRICT, is_dated
    if has_colon and _says_when_last(text, folded, names):
        return Strength.STRICT, True
    if not has_colon and is_dated and address_last and _opens(text):
        return Strength.LOOSE, True
    if verb_last and is_dated and names:
        return Strength.LOOSE, True
    if has_colon and (verb_last or verb_inside or address_last or (names and is_dated) or (has_time and has_day)):
        return Strength.LOOSE, is_dated
    return Strength.NONE, is_dated


def _says_when_last(text: str, folded: str, names: bool) -> bool:
    """ "Anne <anne@…> wrote on 3 March at 10:11:": the verb, and at the very end the time of the day."""
    if not _TIME_LAST.search(text[-_DATE_IS_NEAR:]) or len(folded.split()) > _MOST_WORDS:
        return False
    return any(f" {verb} " in f" {folded}" for verb in phrases.FINAL_VERBS) and (
        names or CALENDAR_DATE.search(text) is not None
    )


def _ends_with_verb(folded: str) -> bool:
    for verb in phrases.FINAL_VERBS:
        if folded.endswith(verb):
            before = folded[-len(verb) - 1 : -len(verb)]
            if ord(verb[0]) >= _FIRST_UNSPACED_SCRIPT or not before.isalnum():
                return True
    return False
