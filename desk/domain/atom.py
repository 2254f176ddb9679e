"""Atom (RFC 4287): values in, a document out. Well-formed whatever people wrote."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree

MEDIA_TYPE = "application/atom+xml"
_ATOM = "http://www.w3.org/2005/Atom"
# What XML 1.0 has no way to write (section 2.2); a single one of them would make the whole feed unreadable.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. ``id``: an IRI that never changes (4.2.6); ``html``: sanitised already."""

    id: str
    title: str
    url: str
    published: datetime
    updated: datetime
    html: str
    category: tuple[str, str] | None = None  # term, and its label for people


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed with its entries, newest word first. ``url``: of the feed itself; ``page``: of the same for people."""

    id: str
    title: str
    author: str
    url: str
    page: str
    updated: datetime
    entries: Sequence[Entry]


def document(feed: Feed) -> bytes:
    """The feed as bytes in UTF-8; the same ones as long as nothing in it changed, so that they can be compared."""
    root = ElementTree.Element("feed", {"xmlns": _ATOM, "xml:lang": "en"})
    _text(root, "id", feed.id)
    _text(root, "title", feed.title)
    _text(root, "updated", moment(feed.updated))
    _link(root, "self", feed.url, MEDIA_TYPE)
    _link(root, "alternate", feed.page, "text/html")
    # Of the feed, so that each entry has one (4.1.1).
    _text(ElementTree.SubElement(root, "author"), "name", feed.author)
    for entry in feed.entries:
        _entry(root, entry)
    written: str = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{written}\n'.encode()


def moment(instant: datetime) -> str:
    """An instant as RFC 3339 has it, in whole seconds of UTC."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _entry(root: ElementTree.Element, entry: Entry) -> None:
    node = ElementTree.SubElement(root, "entry")
    _text(node, "id", entry.id)
    _text(node, "title", entry.title)
    _link(node, "alternate", entry.url, "text/html")
    _text(node, "published", moment(entry.published))
    _text(node, "updated", moment(entry.updated))
    if entry.category is not None:
        term, label = entry.category
        ElementTree.SubElement(node, "category", {"term": term, "label": label})
    _text(node, "content", entry.html, type="html")


def _text(parent: ElementTree.Element, name: str, value: str, **attributes: str) -> None:
    ElementTree.SubElement(parent, name, attributes).text = _NOT_XML.sub("", value)


def _link(parent: ElementTree.Element, rel: str, href: str, kind: str) -> None:
    ElementTree.SubElement(parent, "link", {"rel": rel, "href": href, "type": kind})
