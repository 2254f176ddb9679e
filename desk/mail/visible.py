"""What is shown of a body: plain text with its flowed lines joined, and text made from HTML. Pure, never raises."""

import re
from html import unescape

from inscriptis import get_text
from inscriptis.css_profiles import STRICT_CSS_PROFILE
from inscriptis.model.config import ParserConfig

from desk.mail.charsets import clean

_LONGEST_HTML = 1_500_000
_MOST_TAGS = 10_000
# The other profile indents each <div> and parts the letters of a word that has a <span> in it.
_PARSING = ParserConfig(display_links=True, css=STRICT_CSS_PROFILE)
_LINE_ENDS = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/blockquote|/title)\b[^<>]{0,200}>", re.IGNORECASE)
_UNSEEN = re.compile(r"<(script|style)\b[^<]*(?:<(?!/\1)[^<]*)*", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,2000}>")


def html_text(html: str) -> str:
    """The visible text of HTML with its links shown, or the HTML without its tags where it cannot be parsed."""
    html = html[:_LONGEST_HTML]
    if not html.strip():
        return ""
    if html.count("<") > _MOST_TAGS:
        return without_tags(html)
    try:
        return clean(get_text(html, _PARSING)).strip("\n")
    except Exception:  # lxml and inscriptis raise many kinds on broken or very deep HTML
        return without_tags(html)


def without_tags(html: str) -> str:
    """The plain way: for text/enriched, and for HTML of so many tags that a tree of them takes seconds."""
    return clean(unescape(_TAG.sub(" ", _LINE_ENDS.sub("\n", _UNSEEN.sub(" ", html))))).strip()


_QUOTE = re.compile(r">*")
_LONGEST_PARAGRAPH = 20_000


def unflowed(text: str, *, delete_space: bool = False) -> str:
    """``format=flowed`` text with its paragraphs on one line each, quotation marks kept (RFC 3676 section 4)."""
    found: list[str] = []
    pieces: list[str] = []
    depth = length = 0
    for line in text.split("\n"):
        marks = _QUOTE.match(line)
        level = marks.end() if marks else 0
        words = line[level:].removeprefix(" ")
        if pieces and (level != depth or words == "-- " or length > _LONGEST_PARAGRAPH):
            found.append(_quoted(pieces, depth))
            pieces, length = [], 0
        depth, length = level, length + len(words)
        flows = words.endswith(" ") and words != "-- "
        pieces.append(words[:-1] if flows and delete_space else words)
        if not flows:
            found.append(_quoted(pieces, depth))
            pieces, length = [], 0
    if pieces:
        found.append(_quoted(pieces, depth))
    return "\n".join(found)


def _quoted(pieces: list[str], depth: int) -> str:
    words = "".join(pieces)
    return f"{'>' * depth} {words}" if depth else words
