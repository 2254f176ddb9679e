"""Which lines of a text quote what was said before. Pure, and each line is looked at a bounded number of times.

Three things end or interrupt what is new: lines marked with ">", the block of headers that Outlook and its kin put
above an unmarked quotation, and the line that introduces a quotation. Marked quotations are left out and what stands
between them is new; an unmarked quotation has no end, so it takes all the rest and needs the stronger evidence. What is
forwarded was not said before: it is new.
"""

import re
from collections.abc import Sequence
from itertools import islice

from desk.mail import phrases
from desk.mail.introduction import CALENDAR_DATE, CLOCK_TIME, Introduction, Strength, introduction, may_introduce

# Nobody writes more lines than this above a quotation; further down only marked lines are recognised.
_MOST_EXAMINED = 2000
_MOST_WALKED = 40_000
_LONGEST_LINE = 400
_LONGEST_BLOCK = 14
_LONGEST_VALUE = 200
_MOST_LABELS_INSIDE = 8
_SHORT_ANSWER = 600
_WRAPPED_AT = 70

_MARKS = (">", "＞")
_RULE = re.compile(r"^[\s>*]{0,6}[-_=*–—‐]{3,300}\s*$")
_LONG_RULE = re.compile(r"^\s{0,9}_{30,200}\s*$")
_FRAME = "-_=*–—‐ \t"
_LABEL = re.compile(r"^[\s>*_|]{0,9}([^\W\d_][^:：\n]{0,24}?)[\s*_]{0,3}[:：]")
_TECHNICAL = re.compile(
    r"^\s{0,9}(?:(?:return-path|received|message-id|mime-version|content-[a-z-]{1,30}|dkim-signature|delivered-to"
    r"|x-[a-z0-9-]{1,40}|envelope-to|references|in-reply-to|authentication-results)\s?:|\tby |\tid )",
    re.IGNORECASE,
)
_LABEL_INSIDE = re.compile(r"\s\*?([^\W\d_]{1,20})\*?\s?[:：]\s")
_GROUPWISE = re.compile(r"^>>>\s.{3,300}\s>>>\s*$")
_LONELY_CONTENT = re.compile(r"^\s*>(?:\s*$|From |=|\s?\d+(?![\d.)]))")
_ANSWERS_BELOW = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, phrases.ANSWERS_BELOW))})(?!\w)")
_LINK_DEBRIS = re.compile(r"^\s*[(<\[]?https?://\S{1,2000}\s?[>)\]]{0,2}\s?>?$")


def new_parts(lines: Sequence[str], *, forwarded: bool = False) -> tuple[list[list[str]], bool]:
    """The runs of lines that are new, in order, without the quotations between them; and whether one is a forward.

    ``forwarded``: the subject says that the mail forwards another; then a block of headers begins no quotation.
    """
    reading = _Reading(lines, forwarded)
    while reading.position < min(len(lines), _MOST_WALKED):
        reading.step()
    reading.finish()
    return reading.parts, reading.forwards


def is_marked(line: str) -> bool:
    """Whether this line is marked as quoted. ">>> Buy <<<" is decoration."""
    words = line.strip()
    return words[:1] in _MARKS and words[-1:] != "<"


class _Reading:
    """A walk down the lines. ``parts`` is what is new so far; each step goes on by one line at least."""

    def __init__(self, lines: Sequence[str], forwarded: bool) -> None:
        self.lines = lines
        self.forwarded = forwarded
        self.forwards = False
        self.parts: list[list[str]] = [[]]
        self.position = 0
        self._examined = 0
        self._is_introduced = False
        self._answers_below = False

    def step(self) -> None:
        line = self.lines[self.position]
        if not line.strip():
            self._keep(self._next_filled(self.position))
        elif is_marked(line) and not self._continues_address(line):
            self._pass_marked()
        elif self._examined >= _MOST_EXAMINED or not self._ends_or_interrupts(line):
            self._examined += 1
            self._is_introduced = False
            self._keep(self.position + 1)

    def finish(self) -> None:
        """What is too far down to be looked at closely is new unless it is marked."""
        self.parts[-1] += [line for line in self.lines[self.position :] if not is_marked(line)]
        self.position = len(self.lines)

    def _next_filled(self, position: int) -> int:
        while position < len(self.lines) and not self.lines[position].strip():
            position += 1
        return position

    def _keep(self, end: int) -> None:
        self.parts[-1] += self.lines[self.position : end]
        self.position = end

    def _hide(self, end: int) -> None:
        if self.parts[-1]:
            self.parts.append([])
        self.position = end

    def _continues_address(self, line: str) -> bool:
        """ ">:" and "> wrote:" below "… <anne@member.example" are the end of an address that was broken."""
        part = self.parts[-1]
        above = next((upper for upper in reversed(part[-4:]) if upper.strip()), "")
        opened = above.rfind("<") > above.rfind(">") or above.strip().startswith("mailto:")
        return opened and len(line) < _LONGEST_LINE and may_introduce(line) and len(line.split()) <= 3

    def _pass_marked(self) -> None:
        """Go past a run of marked lines, which are content if no client can have marked them."""
        line, end = self.lines[self.position], _end_of_run(self.lines, self.position)
        if not self._is_introduced:
            if is_forward(line):
                self._keep_forward()
                return
            if _GROUPWISE.match(line) and CLOCK_TIME.search(line) and self._may_hide_the_rest():
                self._hide(len(self.lines))
                return
            if _is_content(self.lines, self.position, end):
                self._keep(end)
                return
        self._hide(end)

    def _keep_forward(self) -> None:
        self.forwards = True
        self._keep(len(self.lines))

    def _ends_or_interrupts(self, line: str) -> bool:
        """Deal with a line that begins a forward or an unmarked quotation, or ends an introduction."""
        if is_forward(line):
            self._keep_forward()
            return True
        if self._passes_unmarked(line):
            return True
        if not may_introduce(line):
            return False
        found = introduction(self.parts[-1], line)
        return found is not None and self._pass_introduction(found)

    def _passes_unmarked(self, line: str) -> bool:
        """Hide all the rest below the header of a mail, or keep a header that is shown on purpose."""
        if self.forwarded:
            return False
        above = next((upper for upper in reversed(self.parts[-1][-9:]) if upper.strip()), "")
        length = 1 if is_original(line) else header_block(self.lines, self.position, above)
        if length and self._is_shown_on_purpose(above, length):
            self._keep(self.position + length)
            return True
        if not length or not self._may_hide_the_rest():
            return False
        self.parts[-1] = _without_rules(self.parts[-1])
        self._hide(len(self.lines))
        return True

    def _is_shown_on_purpose(self, above: str, length: int) -> bool:
        """Somebody announced it, or it has fields that no reply has: these are the headers of a strange mail."""
        directly_above = self.parts[-1][-1:]
        block = [*directly_above, *self.lines[self.position : self.position + length]]
        return above.rstrip().endswith((":", "：")) or any(_TECHNICAL.match(line) for line in block)

    def _pass_introduction(self, found: Introduction) -> bool:
        following = self._next_filled(self.position + 1)
        below = self.lines[following] if following < len(self.lines) else None
        if below is not None and not is_marked(below):
            if found.strength is not Strength.STRICT or found.before or not self._may_hide_the_rest(found.above):
                return False
            end = len(self.lines)
        elif below is None and found.strength is not Strength.STRICT:
            return False
        else:
            end = self.position + 1
        part = self.parts[-1][: found.above] + ([found.before] if found.before else [])
        self.parts[-1] = _without_rules(part) if end == len(self.lines) else part
        self.position = end
        self._is_introduced = True
        return True

    def _may_hide_the_rest(self, above: int | None = None) -> bool:
        """Only if there is something new above it that does not say that the answers are below."""
        if self._answers_below:
            return False
        parts = [*self.parts[-9:-1], self.parts[-1][:above]]
        lines = [line for part in parts for line in part[-40:] if line.strip() and not _RULE.match(line)]
        text = " ".join(line[:_LONGEST_LINE] for line in lines).casefold()
        self._answers_below = len(text) <= _SHORT_ANSWER and _ANSWERS_BELOW.search(text) is not None
        return bool(lines) and not self._answers_below


# ------------------------------------------------------------------ marked lines


def _end_of_run(lines: Sequence[str], position: int) -> int:
    """Behind the last of the marked lines that begin here, with empty lines and debris of broken lines among them."""
    end = position + 1
    while end < len(lines):
        following = end
        while following < len(lines) and not lines[following].strip():
            following += 1
        if following < len(lines) and is_marked(lines[following]):
            end = following + 1
        elif following == end and _is_debris(lines, end):
            end += 1
        else:
            break
    return end


def _is_debris(lines: Sequence[str], position: int) -> bool:
    """The rest of a marked line that a relay broke without marking the rest. An answer begins otherwise."""
    if position + 1 >= len(lines) or not is_marked(lines[position + 1]) or not is_marked(lines[position - 1]):
        return False
    above, line = lines[position - 1].rstrip(), lines[position]
    if _LINK_DEBRIS.match(line):
        return True
    if " " not in line.strip() and "http" in above and above.rfind("(") > above.rfind(")"):
        return True
    fits = len(above) + 1 + len(line.split()[0]) < _WRAPPED_AT
    return not fits and line[:1].islower() and not above.endswith((".", "?", "!", ":"))


def _is_content(lines: Sequence[str], position: int, end: int) -> bool:
    """A lonely "> 100 DOIs", "From" that a mailbox escaped, a session of Python or SMTP: marks that no client made."""
    run = [line for line in lines[position:end] if line.strip()]
    if len(run) == 1 and _LONELY_CONTENT.match(run[0][:_LONGEST_LINE]):
        return True
    return all(line.startswith((">>> ", "...")) or line.strip() == ">>>" for line in run)


# ------------------------------------------------------------------ unmarked quotations


def is_forward(line: str) -> bool:
    """ "---------- Forwarded message ---------", marked as quoted or not: the phrase framed, alone or with a colon."""
    bare = line[:_LONGEST_LINE].lstrip("> \t\xa0")
    words = bare.strip(_FRAME + ":：").casefold()
    if not words.startswith(phrases.FORWARDS):
        return False
    is_framed = bare.startswith(("--", "__", "==", "—"))
    return is_framed or (bare.rstrip().endswith((":", "：")) and len(words) < 60)


def is_original(line: str) -> bool:
    """ "-----Original Message-----", framed on both sides: a bullet may have the same words."""
    line = line[:_LONGEST_LINE].strip()
    framed = not line[:2].strip(_FRAME) and not line[-2:].strip(_FRAME)
    return framed and line.strip(_FRAME).casefold() in phrases.ORIGINALS


def role_of(line: str) -> str:
    """What a line of a header block says (from, date, to, cc, subject, other), or ''."""
    label = _LABEL.match(line[:_LONGEST_LINE])
    return phrases.LABELS.get(" ".join(label[1].split()).casefold(), "") if label else ""


def header_block(lines: Sequence[str], position: int, above: str) -> int:
    """How many lines the header of a quoted mail takes that begins here, or 0; ``above``: the last words over it.

    It names an address, or has the order of Outlook, or stands below a rule; below a long rule in any language.
    """
    is_ruled = _RULE.match(above) is not None or _is_framed(above)
    is_long_ruled = _LONG_RULE.match(above) is not None
    first = role_of(lines[position])
    if first not in ("from", "date", "to", "subject") and not (is_long_ruled and _LABEL.match(lines[position])):
        return 0
    end, roles, labels = _block_at(lines, position)
    text = " ".join(line[:_LONGEST_VALUE] for line in lines[position:end])
    if len(roles) >= 3 and "from" in roles:
        is_outlook = roles[:2] == ["from", "date"] or roles[:2] == ["date", "from"]
        is_header = "@" in text or ((is_ruled or is_outlook) and _is_dated(text))
    elif ("from" in roles and "date" in roles) or (first == "date" and "to" in roles):
        is_header = "@" in text and CLOCK_TIME.search(text) is not None
    else:
        is_header = is_long_ruled and labels >= 3 and "@" in text and _is_dated(text)
    return end - position if is_header else 0


def _is_dated(text: str) -> bool:
    return CLOCK_TIME.search(text) is not None or CALENDAR_DATE.search(text) is not None


def _block_at(lines: Sequence[str], position: int) -> tuple[int, list[str], int]:
    """Where the block ends, the roles it names in order, how many labels it has; values may go on over two lines."""
    end = position
    roles: list[str] = []
    labels = unlabelled = empty = 0
    for number, line in enumerate(lines[position : position + _LONGEST_BLOCK], position):
        line = line[:_LONGEST_LINE]
        if not line.strip():
            empty += 1
            # Some double the spaces between lines; but what has no From yet may be the author's own line.
            if empty > 1 or "from" not in roles:
                break
            continue
        role = role_of(line)
        if role:
            unlabelled = 0
            # Some renderings put the whole block on one line.
            inside = islice(_LABEL_INSIDE.finditer(line), _MOST_LABELS_INSIDE)
            named = [role, *(phrases.LABELS.get(inner[1].casefold(), role) for inner in inside)]
            roles += [one for one in dict.fromkeys(named) if one not in roles]
        else:
            unlabelled += 1
            if empty or (unlabelled > 2 and not _LABEL.match(line)):
                break
        labels += _LABEL.match(line) is not None
        empty = 0
        end = number + 1
    return end, roles, labels


def _without_rules(part: list[str]) -> list[str]:
    """Without the rules and empty lines at the end, which belong to the quotation below."""
    end = len(part)
    while end and (not part[end - 1].strip() or _RULE.match(part[end - 1]) or _is_framed(part[end - 1])):
        end -= 1
    return part[:end]


def _is_framed(line: str) -> bool:
    line = line[:_LONGEST_LINE].strip()
    return (
        len(line) < 120
        and line.startswith(("---", "___", "===", "‐‐‐"))
        and line.endswith(("---", "___", "===", "‐‐‐"))
    )
