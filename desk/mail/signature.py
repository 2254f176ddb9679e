"""Which lines at the end of new text say who wrote it and no more. Pure; only the last lines are looked at.

Each rule knows one kind of end: the mark of RFC 3676, a telephone's line, a notice of confidentiality, a mailing list's
footer, a formal closing with a name, the sender's own name with what stands below it. A rule needs the shape of the
lines as well as a phrase. A signature that is shown does little harm, an answer that is hidden does much.
"""

import re
from collections.abc import Callable, Sequence

from desk.mail import phrases

_LAST_LINES = 60
_LONGEST_LINE = 400
_WORN_MARKS = ("--", "—", "–")
_MOST_BELOW_MARK = 30
_MOST_BELOW_CLOSING = 12
_MOST_BELOW_RULE = 15
_SHORT = 90
_SHORTEST_NOTICE = 110
_MOST_WORDS = 12
_MOST_ROUNDS = 6

_RULE = re.compile(r"^\s{0,9}[-_=—–‐]{2,300}\s*$")
_URL_ONLY = re.compile(r"^\s{0,9}[<(\[]{0,2}(?:https?://|www\.|mailto:)\S{1,2000}\s*$", re.IGNORECASE)
_LINK = re.compile(r"\[([^\[\]]{0,200})\]\([^()]{0,300}\)")
_ADDRESS = re.compile(r"[^\s<>()]@[^\s<>()]")
_URL = re.compile(r"(?:https?://|www\.)\S", re.IGNORECASE)
_PHONE = re.compile(r"(?<![\w.-])[+(]{0,2}(?!\d{1,3}\.\d{1,3}\.\d{1,3}\.|\d{4}-\d\d-\d\d)\d[\d\s()./-]{6,20}\d(?!\w)")
_SIGNED = re.compile(r"^\s{0,3}(?:[-–—/~]|— )(?=[^\W\d_])(?:[^\W\d_][\w.'’-]{0,30} ?){1,3}\s*$")
_SYMBOLS = re.compile(r"[^\w\s]+", re.UNICODE)


def without_signature(part: Sequence[str], own_names: Sequence[str] = ()) -> list[str]:
    """The lines without what ends them; ``own_names``: the sender's full names."""
    kept = _without_empty_end(part)
    names = {_plain(name) for name in own_names if len(_plain(name).split()) > 1}
    rules: tuple[Callable[[list[str]], int], ...] = (
        _mark,
        _mobile,
        _notice,
        _footer,
        _closing,
        lambda tail: _own_name(tail, names),
        _signed,
    )
    for _ in range(_MOST_ROUNDS):
        start = max(len(kept) - _LAST_LINES, 0)
        tail = [line[:_LONGEST_LINE] for line in kept[start:]]
        end = next((found for rule in rules if (found := rule(tail)) < len(tail)), None)
        if end is None:
            break
        kept = _without_empty_end(kept[: start + end])
    return kept


def _without_empty_end(lines: Sequence[str]) -> list[str]:
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return list(lines[:end])


# ------------------------------------------------------------------ the rules: where in these last lines the end begins


def _mark(tail: list[str]) -> int:
    """ "-- " (RFC 3676 4.3); what is left of it after a client took its blank needs the shape of a signature below."""
    for position, line in enumerate(tail):
        if line == "-- " and _filled(tail[position + 1 :]) <= _MOST_BELOW_MARK:
            return position
    for position in range(len(tail) - 1, -1, -1):
        if tail[position].strip(" \t\xa0") in _WORN_MARKS:
            below = [line for line in tail[position + 1 :] if line.strip()]
            names = not below or any(map(str.isalpha, below[0]))
            return position if names and len(below) <= _MOST_BELOW_RULE and _is_card(below) else len(tail)
    return len(tail)


def _mobile(tail: list[str]) -> int:
    """ "Sent from my telephone" as the last line, with the link and the excuse that may follow it."""
    for end in range(len(tail), 0, -1):
        line = tail[end - 1]
        if _is_mobile(line, tail[end - 2] if end > 1 else ""):
            return end - 1
        if line.strip() and not _URL_ONLY.match(line) and not _excuses(line):
            break
    return len(tail)


def _notice(tail: list[str]) -> int:
    """Paragraphs about confidentiality at the end; never the first paragraph of what is new."""
    start = len(tail)
    is_found = False
    end = len(tail)
    while end:
        begin = end
        while begin and tail[begin - 1].strip():
            begin -= 1
        kinds = _notice_kinds(tail[begin:end])
        is_long = sum(map(len, tail[begin:])) >= _SHORTEST_NOTICE or "printing" in kinds
        if "secret" in kinds and len(kinds) >= 3 and is_long:
            start, is_found = begin, True
        elif not (len(kinds) >= 2 or _filled(tail[begin:end]) == 0 or _is_rule_only(tail[begin:end])):
            break
        end = begin
        while end and not tail[end - 1].strip():
            end -= 1
    above = tail[:start]
    while above and (not above[-1].strip() or _RULE.match(above[-1])):
        above.pop()
    return len(above) if is_found and above else len(tail)


def _footer(tail: list[str]) -> int:
    """A rule, and below it nothing but short lines with ways to reach somebody, or a mailing list's footer."""
    for position in range(len(tail) - 1, -1, -1):
        if not _RULE.match(tail[position]) or not _filled(tail[position + 1 :]):
            continue
        above = next((line for line in reversed(tail[:position]) if line.strip()), "")
        if (position and tail[position - 1].strip()) or above.rstrip().endswith((":", "：")):
            break  # it underlines a heading, or what is below is announced
        below = [line for line in tail[position + 1 :] if line.strip() and not _RULE.match(line)]
        text = "\n".join(below).casefold()
        kinds = sum(bool(pattern.search(text)) for pattern in (_ADDRESS, _URL, _PHONE))
        is_list = any(phrase in text for phrase in phrases.MAILING_LIST)
        if len(below) <= _MOST_BELOW_RULE and all(map(_is_short, below)) and kinds + is_list >= 2:
            return position
        break
    return len(tail)


def _closing(tail: list[str]) -> int:
    """ "Kind regards", and the name and the short lines below it."""
    for position in range(len(tail) - 1, max(len(tail) - 2 * _MOST_BELOW_CLOSING, -1), -1):
        if _plain(tail[position]) in phrases.CLOSINGS:
            below = [line for line in tail[position + 1 :] if line.strip()]
            if len(below) <= _MOST_BELOW_CLOSING and (not below or _is_name(below[0])) and _is_card(below):
                return position
            break
    return len(tail)


def _own_name(tail: list[str], names: set[str]) -> int:
    """The sender's full name as the first line of a paragraph, and the short lines below it, unless it is asked for."""
    for position in range(len(tail) - 1, max(len(tail) - 2 * _MOST_BELOW_CLOSING, -1), -1):
        own = _plain(tail[position].partition(",")[0])
        if own in names or _plain(tail[position]) in names:
            below = [line for line in tail[position + 1 :] if line.strip()]
            above = next((line for line in reversed(tail[:position]) if line.strip()), "")
            stands_apart = not position or not tail[position - 1].strip() or _plain(above) in phrases.CLOSINGS
            is_announced = above.rstrip().endswith((":", "："))
            is_end = stands_apart and not is_announced and len(below) <= _MOST_BELOW_CLOSING and _is_card(below)
            return position if is_end else len(tail)
    return len(tail)


def _signed(tail: list[str]) -> int:
    """ "-Anne" or "/Anne" as the last line, unless it ends a list of such lines."""
    if not tail or not _SIGNED.match(tail[-1]) or not all(word[:1].isupper() for word in _plain_words(tail[-1])):
        return len(tail)
    above = next((line for line in reversed(tail[:-1]) if line.strip()), "")
    return len(tail) if above.lstrip()[:1] == tail[-1].lstrip()[:1] else len(tail) - 1


# ------------------------------------------------------------------ shapes


def _plain_words(line: str) -> list[str]:
    return _SYMBOLS.sub(" ", line).split()


def _plain(line: str) -> str:
    """Without punctuation and pictures, folded."""
    return " ".join(line.strip(" \t\xa0,.!;:*_–—-~🎉🙂😊").split()).casefold()


def _filled(lines: Sequence[str]) -> int:
    return sum(bool(line.strip()) for line in lines)


def _is_rule_only(lines: Sequence[str]) -> bool:
    return all(_RULE.match(line) for line in lines)


def _is_mobile(line: str, above: str) -> bool:
    """Whether a program wrote this line; small letters below another line may go on with a sentence of the author."""
    words = _LINK.sub(r"\1", line).strip(" \t*_[]()<>")
    folded = words.casefold()
    if not words or len(words) > 160 or len(words.split()) > 14 or folded.endswith((",", "?", "!", ":", ";")):
        return False
    if folded.endswith(".") and not (_excuses(folded) or folded.rstrip(".").endswith(phrases.MOBILE_ENDINGS)):
        return False
    names_device = any(device in folded for device in phrases.DEVICES)
    if words[0].islower() and not (names_device and (not above.strip() or len(words.split()) < 3)):
        return False
    has_phrase = folded.startswith(phrases.MOBILE_BEGINNINGS) or folded.endswith(phrases.MOBILE_ENDINGS)
    return folded.startswith(phrases.MOBILE_LINES) or (has_phrase and len(words) < 80 and names_device)


def _excuses(line: str) -> bool:
    return len(line) < 120 and any(phrase in line.casefold() for phrase in phrases.EXCUSES)


def _notice_kinds(paragraph: Sequence[str]) -> set[str]:
    text = " ".join(paragraph).casefold()
    if len(paragraph) == 1 and any(phrase in text for phrase in phrases.BEFORE_PRINTING):
        return {*phrases.NOTICE, "printing"}
    return {kind for kind, stems in phrases.NOTICE.items() if any(stem in text for stem in stems)}


def _is_sentence(line: str) -> bool:
    line = line.rstrip()
    return len(line.split()) >= 5 and line.endswith((".", "?", "!", "…", ":", "。"))


def _is_name(line: str) -> bool:
    words = line.split()
    return len(words) <= 6 and len(line) <= 60 and not line.rstrip().endswith(("?", "!", ":")) and "http" not in line


def _is_card(lines: Sequence[str]) -> bool:
    """Only short lines, none of them a sentence or a question."""
    return all(_is_short(line) and not line.rstrip().endswith("?") for line in lines)


def _is_short(line: str) -> bool:
    return len(line) <= _SHORT and len(line.split()) <= _MOST_WORDS and not _is_sentence(line)
