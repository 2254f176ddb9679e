"""Quotations that HTML marks by its structure, rendered as text with ">" in front of them. Pure, linear.

Mail programs wrap what they quote in elements that have names. Marks are written into the HTML at these elements, it is
rendered as any other, and the marks then say which lines to quote; so there is one renderer and no tree of our own.
"""

import re
from collections.abc import Iterator
from enum import StrEnum

from desk.mail.introduction import strength_of
from desk.mail.visible import html_text

_LONGEST_HTML = 1_500_000
_MOST_TAGS = 40_000
# What "-----Original Message-----" says in text: all the rest is quoted.
_REST_IS_QUOTED = "-----Original Message-----"

_ELEMENT = re.compile(r"<(/?)(blockquote|div|table|hr)\b([^<>]{0,3000})>", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    r"\b(id|class|type|style|name|data-signatureblock)\s{0,9}=\s{0,9}"
    r"(?:\"([^\"]{0,1000})\"|'([^']{0,1000})'|([^\s\"'>]{1,200}))",
    re.IGNORECASE,
)
# The rules of Outlook and of Foxmail above the header of a quoted mail.
_NO_RULE = re.compile(r"(?!)")
_RULED = {
    "div": re.compile(r"border-top:\s?solid #(?:e1e1e1|b5c4df) 1\.0pt"),
    "hr": re.compile(r"width:\s?210px"),
    "blockquote": _NO_RULE,
    "table": _NO_RULE,
}
_SEVERAL_EMPTY = re.compile(r"\n(?:[ \t]*\n)+")
_PREFIX = re.compile(r"^(?:x_|m_-?\d{1,30}|ecx)+")

# Names of elements that hold a quotation, its introduction, or a signature that the program put there.
_QUOTED = frozenset(
    (
        "moz-cite-prefix", "gmail_attr", "yahoo_quoted", "protonmail_quote", "zmail_extra", "zmail_extra_hr",
        "tutanota_quote", "clean_bq", "airmail_bq", "superhuman-quote", "sh-quoted-content", "front-blockquote",
        "olk_src_body_section", "isreplycontent", "mail-editor-reference-message-container", "messagereplysection",
        "mailspring-quote", "nylas-quote", "gmail_signature", "moz-signature", "protonmail_signature_block",
        "ms-outlook-mobile-signature", "ms-outlook-ios-signature", "applemailsignature", "messagesignaturesection",
        "_rc_sig",
    )
)  # fmt: skip
_QUOTED_BEGINNINGS = ("yahoo_quoted_", "aolmsgpart", "reply139content", "ms-outlook-mobile-signature")
# From here to the end all is quoted: no element holds it.
_REST = frozenset(("divrplyfwdmsg", "appendonsend", "stopspelling", "zwchr", "outlookmessageheader"))


class _Mark(StrEnum):
    """Characters for private use: a mail that has them loses them."""

    QUOTE = "\ue0f0"
    BLOCK = "\ue0f1"
    END = "\ue0f2"
    REST = "\ue0f3"


_MARKS = re.compile("([\ue0f0-\ue0f3])")


def text_with_quotation(html: str) -> str:
    """The visible text with quoted lines marked, or '' where no element says so (or there are too many)."""
    html = _MARKS.sub("", _without_comments(html[:_LONGEST_HTML]))
    if html.count("<") > _MOST_TAGS:
        return ""
    pieces = list(_marked(html))
    if not any(mark in piece for piece in pieces[1::2] for mark in _Mark):
        return ""
    return _SEVERAL_EMPTY.sub("\n\n", "\n".join(_resolved(_lines(html_text("".join(pieces))))))


def _without_comments(html: str) -> str:
    pieces: list[str] = []
    position = 0
    while (start := html.find("<!--", position)) >= 0:
        pieces.append(html[position:start])
        end = html.find("-->", start)
        position = len(html) if end < 0 else end + 3
    return "".join([*pieces, html[position:]])


def _marked(html: str) -> Iterator[str]:
    """The HTML in pieces, every second one a tag with its mark inside of the element."""
    open_elements: dict[str, list[bool]] = {"blockquote": [], "div": [], "table": []}
    gmail_depth: list[int] = []
    position = 0
    for found in _ELEMENT.finditer(html):
        yield html[position : found.start()]
        position = found.end()
        name, tag = found[2].lower(), found[0]
        stack = open_elements.get(name)
        if found[1]:
            if gmail_depth and name == "div" and len(open_elements["div"]) == gmail_depth[-1]:
                gmail_depth.pop()
            yield _Mark.END + tag if stack and stack.pop() else tag
            continue
        names, style = _names_of(found[3])
        mark = _mark_of(name, names, style, bool(gmail_depth))
        if stack is not None:
            stack.append(mark in (_Mark.QUOTE, _Mark.BLOCK))
            if name == "div" and names & {"gmail_quote", "gmail_quote_container"}:
                gmail_depth.append(len(stack))
        yield mark + tag if mark == _Mark.REST else tag + mark
    yield html[position:]


def _names_of(attributes: str) -> tuple[set[str], str]:
    """The id, the classes and the type of an element, folded and without what other programs put before them."""
    names: set[str] = set()
    style = ""
    for found in _ATTRIBUTE.finditer(attributes):
        kind, value = found[1].lower(), (found[2] or found[3] or found[4] or "").lower()
        if kind == "style":
            style = value
        elif kind == "data-signatureblock":
            names.add("moz-signature")
        else:
            names |= {_PREFIX.sub("", word) for word in value.split()}
    return names, style


def _mark_of(element: str, names: set[str], style: str, in_gmail: bool) -> str:
    if names & _REST or _RULED[element].search(style):
        return _Mark.REST
    if element != "hr" and (names & _QUOTED or any(name.startswith(_QUOTED_BEGINNINGS) for name in names)):
        return _Mark.QUOTE
    if element != "blockquote":
        return ""
    if "cite" in names or (in_gmail and "gmail_quote" in names):
        return _Mark.QUOTE
    # In Gmail people indent text of their own with this class; elsewhere what is around a block tells.
    return "" if "gmail_quote" in names else _Mark.BLOCK


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Each line of the rendered text with the mark it is under: QUOTE, BLOCK or none."""
    under: list[str] = []
    quotes = 0
    for number, piece in enumerate(_MARKS.split(text)):
        if number % 2 == 0:
            mark = _Mark.QUOTE if quotes else "".join(under[:1])
            for line in piece.split("\n"):
                yield line, mark
        elif piece == _Mark.END:
            quotes -= bool(under) and under.pop() == _Mark.QUOTE
        elif piece == _Mark.REST:
            yield (_REST_IS_QUOTED, _Mark.QUOTE if under else "")
        else:
            under.append(piece)
            quotes += piece == _Mark.QUOTE


def _resolved(lines: Iterator[tuple[str, str]]) -> Iterator[str]:
    """The lines as text: quoted ones marked, and blocks too if an introduction or their place says so."""
    found = list(lines)
    last = max((number for number, (line, _) in enumerate(found) if line.strip()), default=0)
    above = ""
    number = 0
    while number < len(found):
        line, mark = found[number]
        if mark != _Mark.BLOCK:
            yield f"> {line.strip()}" if mark == _Mark.QUOTE else line
            above = line if line.strip() and not mark else above
            number += 1
            continue
        end = number
        while end < len(found) and found[end][1] == _Mark.BLOCK:
            end += 1
        is_last = end > last and above.strip() != "" and not above.rstrip().endswith(":")
        is_quoted = is_last or bool(strength_of(above))
        for line, _ in found[number:end]:
            yield f"> {line.strip()}" if is_quoted else line
        number = end
