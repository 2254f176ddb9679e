"""People in what a registry reads without their consent: iDs and mail addresses, masked. Pure."""

import re

from desk.domain.identifiers import orcid_is_valid

_DASHES = "\\-\u2010\u2011\u2012\u2013\u2212"
_ID = re.compile(rf"(?<!\d)\d{{4}}[{_DASHES}]\d{{4}}[{_DASHES}]\d{{4}}[{_DASHES}](\d{{3}}[\dXx])(?!\d)")
# Sixteen digits without dashes may be anything: an iD begins as iDs do and has the right check digit.
_BARE_ID = re.compile(r"(?<!\d)(0{3}[09])( ?)(\d{4})\2(\d{4})\2(\d{3}[\dXx])(?!\d)")
# The bounds keep this linear on text that is one long run of allowed characters.
_ADDRESS = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}(@|%40)((?:[\w-]{1,63}\.){1,8}\w{2,24})", re.IGNORECASE)


def mask(text: str) -> str:
    """iDs keep their last group and addresses their domain, so that two mentions of one person can still be told."""
    # No asterisks: the text is shown as Markdown, which would make emphasis of them.
    text = _ID.sub(r"0000-••••-••••-\1", text)
    text = _BARE_ID.sub(_bare, text)
    return _ADDRESS.sub(r"•••\1\2", text)


def _bare(match: re.Match[str]) -> str:
    whole = match[1] + match[3] + match[4] + match[5]
    return f"0000••••••••{match[5]}" if orcid_is_valid(whole) else match[0]
