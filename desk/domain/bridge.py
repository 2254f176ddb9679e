"""A registry that keeps its own desk and is reached by mail: whose word counts, and what the words of its desk mean.

Pure. What a mail says is read from three places, the first that speaks: a header of their desk (``X-Ticket-Status``), a
line of its own (``Status: Resolved``), the brackets of the subject (``[Resolved]``). A table of the team says what each
word means here; a word that is not in it is for a person to decide.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from desk.domain.errors import InvalidInput
from desk.domain.escalation import REASON_LABELS, EscalationState, Move, ReturnReason
from desk.domain.text import cut_line

WORD_LENGTH = 80
MOST_WORDS = 60
MOST_SENDERS = 20
MOST_PHRASES = 30
LOOKED_AT = 4_000
"""Characters of a mail in which its number and its status are looked for: both stand near the top."""


class Meaning(StrEnum):
    """What a word of another desk does here."""

    NONE = "none"  # known, and nothing moves
    ACCEPTED = "accepted"
    RETURNED = "returned"
    DECLINED = "declined"
    FIXED = "fixed"
    SUPPORT = "support"  # moved to the registry's tier 2
    ENGINEERING = "engineering"  # moved to its tier 3


MEANING_LABELS: Mapping[Meaning, str] = {
    Meaning.NONE: "Nothing moves",
    Meaning.ACCEPTED: "Accepted",
    Meaning.RETURNED: "Returned to the lead",
    Meaning.DECLINED: "Declined: the lead can answer it",
    Meaning.FIXED: "A fix is reported",
    Meaning.SUPPORT: "Moved to tier 2, support",
    Meaning.ENGINEERING: "Moved to tier 3, engineering",
}


@dataclass(frozen=True, slots=True)
class Word:
    """A word of their desk and what it means here; ``reason`` belongs to a return."""

    word: str
    meaning: Meaning
    reason: ReturnReason | None = None


DEFAULT_WORDS: tuple[Word, ...] = (
    Word("new", Meaning.NONE),
    Word("received", Meaning.NONE),
    Word("open", Meaning.ACCEPTED),
    Word("accepted", Meaning.ACCEPTED),
    Word("in progress", Meaning.ACCEPTED),
    Word("waiting for customer", Meaning.RETURNED, ReturnReason.INFORMATION_MISSING),
    Word("waiting for your answer", Meaning.RETURNED, ReturnReason.INFORMATION_MISSING),
    Word("pending", Meaning.RETURNED, ReturnReason.INFORMATION_MISSING),
    Word("cannot reproduce", Meaning.RETURNED, ReturnReason.REPRODUCTION),
    Word("duplicate", Meaning.RETURNED, ReturnReason.DUPLICATE),
    Word("declined", Meaning.DECLINED),
    Word("with engineering", Meaning.ENGINEERING),
    Word("resolved", Meaning.FIXED),
    Word("solved", Meaning.FIXED),
)
"""What most desks call it; each team's table begins with these."""


def reason_of(meaning: Meaning, reason: ReturnReason | None) -> ReturnReason | None:
    """Only a return has a reason, and it always has one."""
    return (reason or ReturnReason.INFORMATION_MISSING) if meaning is Meaning.RETURNED else None


def clean_word(text: str) -> str:
    """A word as it is compared: one line, without case, without the signs around it. ``InvalidInput``: nothing left."""
    word = _plain(text)
    if not word:
        raise InvalidInput("The word is missing.", field="word")
    if len(word) > WORD_LENGTH:
        raise InvalidInput(f"A word has at most {WORD_LENGTH} characters.", field="word")
    return word


def _plain(text: str) -> str:
    return cut_line(text, 2 * WORD_LENGTH).strip(" \t.,;:!*_\"'“”„‘’()[]<>").casefold()


def choices() -> list[tuple[str, str]]:
    """What a word can mean, with the reason of each return, as values of one list."""
    found: list[tuple[str, str]] = []
    for meaning in Meaning:
        if meaning is Meaning.RETURNED:
            found += [
                (f"{meaning.value}:{reason.value}", f"Returned: {REASON_LABELS[reason]}") for reason in ReturnReason
            ]
        else:
            found.append((meaning.value, MEANING_LABELS[meaning]))
    return found


def choice_of(word: Word) -> str:
    """The value in that list for a word of the table."""
    return f"{word.meaning.value}:{word.reason.value}" if word.reason else word.meaning.value


def read_choice(value: str) -> tuple[Meaning, ReturnReason | None] | None:
    """The reverse; None for a value that the list does not hold."""
    if value not in {each for each, _ in choices()}:
        return None
    meaning, _, reason = value.partition(":")
    return Meaning(meaning), ReturnReason(reason) if reason else None


# ------------------------------------------------------------------ what a mail says

# Servers write an X-Spam-Status and the like into every mail: what has a status has to be named.
_STATUS_FIELD = re.compile(r"x-(?:[a-z0-9]{1,20}-){0,3}(?:ticket|case|request|issue)-(?:status|state)", re.IGNORECASE)
_NUMBER_FIELD = re.compile(
    r"x-(?:[a-z0-9]{1,20}-){0,4}(?:ticket|case|request|issue)(?:-?(?:id|number|no|nr|key))?", re.IGNORECASE
)
_STATUS_LINE = re.compile(
    r"^[>*_ \t]{0,4}(?:(?:(?:new|your|ticket|request|case|issue) ){0,2}(?:status|state)|zustand"
    r"|statut|estado|stato)[*_]{0,2}[ \t]{0,3}(?::|=|→|->|[ \t]is[ \t]|has changed to )[*_ \t]{0,4}([^\n]{1,160})$",
    re.IGNORECASE | re.MULTILINE,
)
_BRACKETS = re.compile(r"\[([^\[\]\n]{2,80})\]")


def status_in(subject: str, text: str, fields: Iterable[tuple[str, str]], known: Iterable[str] = ()) -> str:
    """The status that a mail names, as its desk wrote it; '' when it names none.

    ``known``: the words of the table; in the brackets of a subject anything may stand, so only these count there.
    """
    for name, value in fields:
        if _STATUS_FIELD.fullmatch(name) and _plain(value):
            return cut_line(value, WORD_LENGTH)
    if (line := _STATUS_LINE.search(text[:LOOKED_AT])) and _plain(line[1]):
        return cut_line(line[1].strip(" \t*_"), WORD_LENGTH)
    words = set(known)
    return next((found for found in _BRACKETS.findall(subject) if _plain(found) in words), "")


def number_fields(fields: Iterable[tuple[str, str]]) -> list[str]:
    """The values of headers in which a desk writes the number of its ticket."""
    return [value for name, value in fields if _NUMBER_FIELD.fullmatch(name)]


def meaning_of(status: str, words: Iterable[Word]) -> Word | None:
    """What the table says of a status: of the same word, else of the longest one that it begins with.

    None: nothing. A desk writes “Resolved on 4 March” and “Waiting for customer (3 days)”.
    """
    said = _plain(status)
    table = {each.word: each for each in words}
    if said in table:
        return table[said]
    begins = [word for word in table if said.startswith(word) and not said[len(word) : len(word) + 1].isalnum()]
    return table[max(begins, key=len)] if begins else None


def is_phrase(phrases: Iterable[str], subject: str, text: str) -> bool:
    """Whether one of the sentences stands in it by which this desk's automatic answers are known."""
    read = " ".join(f"{subject}\n{text[:LOOKED_AT]}".casefold().split())
    return any(phrase and " ".join(phrase.casefold().split()) in read for phrase in phrases)


_OWN_ADDRESS = re.compile(r"\besc\+[a-z2-7]{34}@", re.IGNORECASE)
_RUN = 3
"""So many lines of ours one after another are a quotation, whether anything marks them as one or not."""


def without_own(text: str, ours: Iterable[str]) -> tuple[str, bool]:
    """A text without what we wrote ourselves and got back, and whether nothing else is in it.

    Many desks send the whole history with each mail, unmarked. ``ours``: the texts that went there.
    """
    known = {line for sent in ours for line in map(_bare, sent.split("\n")) if line}
    # A line with the address of an escalation introduces a quotation of our mail, in whatever language.
    lines = [line for line in text.split("\n") if not _OWN_ADDRESS.search(line)]
    own = [_bare(line) in known for line in lines]
    if not any(_bare(line) and not mine for line, mine in zip(lines, own, strict=True)):
        return "", any(own)
    kept: list[str] = []
    for run in _runs(lines, own):
        if sum(1 for line in run if _bare(line) in known) < _RUN:
            kept += run
    return "\n".join(kept).strip("\n").rstrip(), False


def _runs(lines: Sequence[str], own: Sequence[bool]) -> Iterable[list[str]]:
    """Lines in groups: our own with the blank ones between them, and the others one by one."""
    run: list[str] = []
    for line, mine in zip(lines, own, strict=True):
        if mine or (run and not _bare(line)):
            run.append(line)
            continue
        if run:
            yield run
            run = []
        yield [line]
    if run:
        yield run


def _bare(line: str) -> str:
    return " ".join(line.lstrip("> \t|").split())


# ------------------------------------------------------------------ whose word


def is_of_desk(sender: str | None, address: str, senders: Sequence[str]) -> bool:
    """Whether an address is the other desk's: the one it is reached at, or among ``senders`` (addresses, ``@domains``).

    Without any named, every address of its own domain is.
    """
    if not sender or "@" not in sender:
        return False
    sender, domain = sender.lower(), sender.lower().rpartition("@")[2]
    allowed = {one.lower() for one in senders} or {"@" + address.lower().rpartition("@")[2]}
    return sender == address.lower() or sender in allowed or f"@{domain}" in allowed


class Proof(StrEnum):
    """What our receiving server says of the sender; ``unasked``: no server is named whose word would count."""

    PASS = "pass"  # noqa: S105  a result of authentication, not a password
    FAIL = "fail"
    UNKNOWN = "unknown"
    UNASKED = "unasked"


def doubt_about(*, of_desk: bool, proof: Proof) -> str:
    """Why a mail that points at an escalation is not taken as the registry's word, in a sentence; '' when it is."""
    if not of_desk:
        return "It came to the address of an escalation, but not from the registry's desk."
    if proof is Proof.FAIL:
        return "It says it comes from the registry's desk, and authentication failed."
    if proof is Proof.UNKNOWN:
        return "It says it comes from the registry's desk, but our receiving server does not vouch for that."
    return ""


# ------------------------------------------------------------------ what is done

_DONE_BY: Mapping[Meaning, Move] = {
    Meaning.ACCEPTED: Move.ACCEPT,
    Meaning.RETURNED: Move.RETURN,
    Meaning.DECLINED: Move.DECLINE,
    Meaning.FIXED: Move.REPORT_FIX,
    Meaning.SUPPORT: Move.MOVE_TIER,
    Meaning.ENGINEERING: Move.MOVE_TIER,
}
_STANDS: Mapping[Meaning, EscalationState] = {
    Meaning.RETURNED: EscalationState.RETURNED,
    Meaning.DECLINED: EscalationState.DECLINED,
    Meaning.FIXED: EscalationState.FIXED,
}
TIER_OF: Mapping[Meaning, int] = {Meaning.SUPPORT: 2, Meaning.ENGINEERING: 3}


def moves_for(meaning: Meaning, state: EscalationState, tier: int) -> tuple[Move, ...]:
    """The moves that a word asks for as the hand-over stands; none where it stands like that already.

    Who reports a fix or passes it to engineering without ever having accepted has accepted with that.
    """
    if meaning is Meaning.NONE or _STANDS.get(meaning) is state:
        return ()
    if meaning is Meaning.ACCEPTED and state is EscalationState.ACCEPTED:
        return ()
    first = (Move.ACCEPT,) if state is EscalationState.SENT else ()
    if TIER_OF.get(meaning) == tier:
        return first
    move = _DONE_BY[meaning]
    return (*first, move) if move in (Move.REPORT_FIX, Move.MOVE_TIER) else (move,)
