"""What a failed delivery says of an address: gone, not reachable for now, or nothing at all. Pure.

RFC 3463 numbers what failed; servers use the numbers loosely, so that the words decide where a number is general, and
where they speak of a full mailbox or of a rate. What is not clear is never taken for a dead address.
"""

import re
from enum import StrEnum


class Failure(StrEnum):
    """``hard``: nobody can be reached there. ``soft``: not now. ``refused``: this mail, whoever it is for."""

    HARD = "hard"
    SOFT = "soft"
    REFUSED = "refused"


WORDS = {
    Failure.HARD: "there is no such mailbox",
    Failure.SOFT: "it could not be delivered for now",
    Failure.REFUSED: "the other server refused this mail, which says nothing about the address",
}

_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_CODE = re.compile(r"(?<!\d)([245]\d\d)(?=[ \-])")
# RFC 3463 3.2: bad mailbox, bad system, bad syntax, moved, null MX (RFC 7505); 3.3: mailbox disabled.
_GONE = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.2.1"})
# Numbers that servers give for anything: the words beside them decide.
_GENERAL = frozenset({"", "5.0.0", "5.1.0", "5.3.0", "5.4.1", "5.4.4", "5.5.0", "5.5.1"})
_FOR_NOW = re.compile(
    r"over.?quota|quota (?:exceeded|limit)|(?:mailbox|inbox|storage|user) (?:is |has )?(?:full|out of storage)"
    r"|mailbox size|insufficient storage|exceed\w* (?:his|her|their|its|the)? ?(?:quota|storage)|at a rate|too many"
    r"|try again|temporar|greylist|rate limit|timed? ?out",
    re.IGNORECASE,
)
_ABOUT_THE_MAIL = re.compile(
    r"spam|virus|malware|policy|block(?:ed|list)|blacklist|reputation|dmarc|dkim|\bspf\b"
    r"|relay(?:ing)? (?:access )?denied|not permitted to relay|authenticat|content|too large|message size"
    r"|sender (?:address )?(?:rejected|denied|invalid)",
    re.IGNORECASE,
)
_NOBODY = re.compile(
    r"(?:no such|unknown|invalid|non-?existent|bad destination) (?:e-?mail )?"
    r"(?:user|mailbox|recipient|address|account|local part)"
    r"|(?:user|recipient|mailbox|account|address|addressee)(?: \S{1,254})? ?(?:address )?(?:is |was |has been )?"
    r"(?:unknown|not found|disabled|inactive|suspended|unrouteable|does(?:n.t| not) exist|not exist|no longer)"
    r"|(?:doesn.t|does not) have an? \S{1,80} account|no mailbox here|recipient address rejected: access denied"
    r"|no longer valid|unavailable or not local|n.existe pas|(?:unbekannt|existiert nicht)"
    r"|(?:domain|host) (?:name )?(?:not found|unknown)|unknown (?:host|domain)|null mx|name or service not known",
    re.IGNORECASE,
)


def failure_of(status: str, words: str) -> Failure:
    """What a final failure means. ``status`` as ``5.1.1`` or '' where only the server's words are known."""
    status = status or next(iter(_STATUS.findall(words)), "")
    code = next(iter(_CODE.findall(words)), "")
    if status.startswith("4") or (not status and code.startswith("4")):
        return Failure.SOFT
    if status in ("5.2.2", "5.4.7") or _FOR_NOW.search(words):
        return Failure.SOFT
    if status in _GONE:
        return Failure.HARD
    if status not in _GENERAL:
        # 5.7 security and policy, 5.6 content, 5.2.3 length, 5.1.7 and 5.1.8 the sender: about the mail.
        return (
            Failure.REFUSED if status.startswith(("5.7", "5.6", "5.2.3", "5.1.7", "5.1.8", "5.3.4")) else Failure.SOFT
        )
    if _ABOUT_THE_MAIL.search(words) and not _NOBODY.search(words):
        return Failure.REFUSED
    return Failure.HARD if _NOBODY.search(words) else Failure.SOFT
