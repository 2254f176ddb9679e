"""The one sanitiser, with two doors: Markdown that people type here (bleach), HTML that came by mail (nh3).

bleach and Python-Markdown are quadratic on hostile input, so the Markdown door limits its source, and its result is
rendered once, on save. Text too odd for it is shown as plain text instead of being refused: nothing is lost.
"""

import re
from collections.abc import MutableMapping
from functools import partial

import nh3
from bleach.css_sanitizer import CSSSanitizer
from bleach.linkifier import LinkifyFilter
from bleach.sanitizer import Cleaner
from markdown import Markdown
from markupsafe import escape

MARKDOWN_LENGTH = 16_000
"""Characters of Markdown that are rendered; longer text is shown as it was typed."""

BRACKETS_MAX = 400
"""More opening brackets than this make Python-Markdown slow; such text is shown as it was typed."""

PARENTHESES_MAX = 2000
"""More opening parentheses than this make bleach's search for addresses slow; such text is shown as it was typed."""

BARS_MAX = 2000
"""More bars than this make a table that takes seconds; such text is shown as it was typed."""

QUOTED_MAX = 50
"""Quotations within quotations that are rendered; deeper ones take seconds, and nobody could read them."""

DEPTH_MAX = 1000
"""Tags within tags of mailed HTML that are rendered; each level more costs as much as all before it."""

_TAGS = frozenset(
    "p br hr em strong del code pre blockquote ul ol li h1 h2 h3 h4 h5 h6 a table thead tbody tr th td".split()  # noqa: SIM905
)
_MAIL_TAGS = _TAGS | frozenset(
    "div span b i u s sub sup img font center dl dt dd caption tfoot address small".split()  # noqa: SIM905
)
_MAIL_STYLES = frozenset(
    "color background-color font-weight font-style text-decoration text-align margin-left padding-left".split()  # noqa: SIM905
)
_SCHEMES = frozenset({"http", "https", "mailto"})
_REL = "nofollow noopener noreferrer ugc"
_Attributes = MutableMapping[tuple[str | None, str], str]
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)")
_ALONE = frozenset("area base br col dd dt embed hr img input li link meta option p param source td th tr wbr".split())  # noqa: SIM905
_QUOTED_DEEP = re.compile(rf"(?:>[ ]?){{{QUOTED_MAX + 1}}}")
_BLANK_LINES = re.compile(r"\n\s*\n")


def _mark_link(attrs: _Attributes, new: bool = False, /) -> _Attributes:
    if attrs.get((None, "href"), "").startswith("//"):
        del attrs[None, "href"]
    attrs[None, "rel"] = _REL
    return attrs


def _cleaner() -> Cleaner:
    """A cleaner for one text: its parser keeps the text it is at, and threads that share one mix their texts."""
    return Cleaner(
        tags=_TAGS,
        attributes={"a": ["href", "title", "rel"], "th": ["align"], "td": ["align"]},
        protocols=_SCHEMES,
        strip=True,
        css_sanitizer=CSSSanitizer(allowed_css_properties=[]),
        filters=[partial(LinkifyFilter, callbacks=[_mark_link], skip_tags={"pre", "code"})],
    )


def markdown(text: str) -> str:
    """Safe HTML from Markdown typed by a person. Newlines inside a paragraph are kept, as people mean them."""
    if _is_slow(text):
        return plain(text)
    try:
        # Typed angle brackets (tokens, XML, addresses) are meant as text, so raw HTML never reaches Markdown.
        source = text.replace("&", "&amp;").replace("<", "&lt;")
        html = Markdown(extensions=["fenced_code", "tables", "nl2br", "sane_lists"]).convert(source)
    except RecursionError:
        return plain(text)
    return str(_cleaner().clean(_unescape_code(html)))


def _is_slow(text: str) -> bool:
    most = {"[": BRACKETS_MAX, "(": PARENTHESES_MAX, "|": BARS_MAX}
    if len(text) > MARKDOWN_LENGTH or any(text.count(mark) > limit for mark, limit in most.items()):
        return True
    return _QUOTED_DEEP.search(text) is not None


def _unescape_code(html: str) -> str:
    """Code blocks were escaped before Markdown and by Markdown: once is enough."""
    return re.sub(
        r"(<code[^>]*>)(.*?)(</code>)",
        lambda found: found[1] + found[2].replace("&amp;lt;", "&lt;").replace("&amp;amp;", "&amp;") + found[3],
        html,
        flags=re.DOTALL,
    )


def plain(text: str) -> str:
    """Safe HTML of text as it was typed: paragraphs and line breaks, nothing else."""
    paragraphs = _BLANK_LINES.split(text.strip("\n"))
    return "".join(f"<p>{str(escape(one)).replace(chr(10), '<br>')}</p>" for one in paragraphs if one.strip())


def mail_html(html: str) -> str:
    """Safe HTML of a mail's HTML part. Remote images are not loaded: only inline data of the message may show.

    Nested too deep to be meant for people, it is shown as it was written.
    """
    if _depth(html) > DEPTH_MAX:
        return plain(html)
    return nh3.clean(
        html,
        tags=set(_MAIL_TAGS),
        attributes={
            "a": {"href", "title"},
            "img": {"src", "alt", "width", "height"},
            "td": {"colspan", "rowspan", "align"},
            "th": {"colspan", "rowspan", "align"},
            "font": {"color"},
            "*": {"style", "dir", "lang"},
        },
        attribute_filter=_mail_attribute,
        url_schemes=set(_SCHEMES | {"cid", "data"}),
        filter_style_properties=set(_MAIL_STYLES),
        link_rel=_REL,
    )


def _depth(html: str) -> int:
    """How many tags are open at once at most, as written; a tag that may stand alone is not counted."""
    depth = deepest = 0
    for closing, name in _TAG.findall(html):
        if name.lower() not in _ALONE:
            depth = max(depth - 1, 0) if closing else depth + 1
            deepest = max(deepest, depth)
    return deepest


def _mail_attribute(tag: str, attribute: str, value: str) -> str | None:
    if tag == "img" and attribute == "src":
        return value if value.startswith(("cid:", "data:image/png", "data:image/jpeg", "data:image/gif")) else None
    if tag == "a" and attribute == "href" and value.startswith(("data:", "//")):
        return None
    return value
