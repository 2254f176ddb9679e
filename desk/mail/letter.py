"""The words of a mail of ours: subject, plain text and HTML from the templates of its event. Knows no database.

Templates get values to show and nothing to call. Text of people is never a template. There is one set of templates, in
English: what they say goes through ``_`` and ``ngettext``, values that are words of ours through ``ours``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context
from markupsafe import Markup

from desk import markup
from desk.domain import wording
from desk.domain.languages import ENGLISH
from desk.mail import translation
from desk.mail.charsets import clean, one_line
from desk.mail.reply import MARKERS

GATHERED, DIGEST = "gathered", "digest"
COLLECTIONS = frozenset({GATHERED, DIGEST})
"""Letters that tell of several events at once."""

SHORT = 600
"""Characters of a message in a daily mail."""

TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "mail"

_environment = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=False,
    extensions=["jinja2.ext.i18n"],
)


@pass_context
def _gettext(context: Context, message: str) -> str:
    return translation.catalogue(context["language"]).gettext(message)


@pass_context
def _ngettext(context: Context, one: str, many: str, count: int) -> str:
    return translation.catalogue(context["language"]).ngettext(one, many, count)


@pass_context
def _ours(context: Context, text: str) -> str:
    return translation.ours(text, context["language"])


def _strong(text: str) -> Markup:
    return Markup("<strong>{}</strong>").format(text)


def _link(address: str) -> Markup:
    return Markup('<a href="{0}">{0}</a>').format(address)


def _markdown(text: str) -> Markup:
    return Markup(markup.markdown(text))  # noqa: S704 - the sanitiser's result


# The extension adds the method.
_environment.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # type: ignore[attr-defined]
_environment.filters.update(
    words=wording.words, span=wording.span, ours=_ours, strong=_strong, link=_link, markdown=_markdown
)


@dataclass(frozen=True, slots=True)
class Letter:
    """What a recipient reads; the subject is one clean line."""

    subject: str
    text: str
    html: str
    language: str = ENGLISH


def write(kind: str, values: Mapping[str, Any], *, zone: str, language: str, with_marker: bool) -> Letter:
    """The letter of an event of this kind, in one of ``WRITTEN``; instants are shown in ``zone``.

    ``with_marker``: an answer is read at a signed address, and what stands below our marker need not come back.
    """

    context = _context(values, zone, language, with_marker=with_marker)
    subject = one_line(_render(kind, "subject.txt", context), 250)
    text = clean(_render(kind, "body.txt", context)).strip() + "\n"
    return Letter(subject, text, _render(kind, "body.html", context), language)


def _context(values: Mapping[str, Any], zone: str, language: str, *, with_marker: bool) -> dict[str, Any]:
    def moment_in(at: datetime, there: str) -> str:
        return translation.moment(at, there, language)

    def moment(instant: datetime | str) -> str:
        # What happened keeps its instants as text.
        return moment_in(datetime.fromisoformat(instant) if isinstance(instant, str) else instant, zone)

    def day(written: str | None) -> str:
        return translation.day(written, language)

    message = values["message"]
    return {
        **values,
        "actor": translation.author(values["actor"], language),
        "message": message and {**message, "author": translation.author(message["author"], language)},
        "moment": moment,
        "moment_in": moment_in,
        "day": day,
        "zone": zone,
        "language": language,
        "marker": MARKERS[language] if with_marker else "",
    }


@dataclass(frozen=True, slots=True)
class Section:
    """Some of what a letter tells together: a heading with its address, both perhaps '', and events in their order.

    Each is its kind, its instant, and what its own letter would show.
    """

    heading: str
    url: str
    parts: Sequence[tuple[str, datetime, Mapping[str, Any]]]


def collect(
    kind: str, sections: Sequence[Section], values: Mapping[str, Any], *, zone: str, language: str, with_marker: bool
) -> Letter:
    """One letter for several events: the words of each are those of its own letter, without what surrounds them."""
    parts = [_said_once(section.parts, zone, language) for section in sections]
    shown = [{"heading": one.heading, "url": one.url, "parts": its} for one, its in zip(sections, parts, strict=True)]
    values = {**values, "sections": shown, "count": sum(map(len, parts))}
    return write(kind, values, zone=zone, language=language, with_marker=with_marker)


def _said_once(
    parts: Sequence[tuple[str, datetime, Mapping[str, Any]]], zone: str, language: str
) -> list[dict[str, Any]]:
    """The words of each event, in order; what we would say in the same words again is said where it was so last.

    A request that was returned, unknown to the member, and handed over again is with the registry: that is one piece
    of news. What people wrote stays as often as they wrote it.
    """
    found: dict[object, dict[str, Any]] = {}
    for number, (kind, at, its) in enumerate(parts):
        context = _context(its, zone, language, with_marker=False)
        text = _content(kind, "body.txt", context).strip()
        # Rendered with escaping by its own template.
        html = Markup(_content(kind, "body.html", context))  # noqa: S704
        key = text if its["message"] is None else number
        found.pop(key, None)
        found[key] = {"at": at, "text": text, "html": html}
    return list(found.values())


def shortened(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values with a long message cut: the daily mail says what happened, the page has the rest."""
    message = values["message"]
    if message is None or len(message["text"]) <= SHORT:
        return dict(values)
    text = message["text"][:SHORT].rsplit(maxsplit=1)[0] + " …"
    html = Markup('<p style="white-space: pre-line">{}</p>').format(text)
    return {**values, "message": {**message, "text": text, "html": html}}


def _content(kind: str, name: str, context: Mapping[str, Any]) -> str:
    """What stands between the opening and the end of a letter."""
    template = _environment.get_template(f"{kind}/{name}")
    return "".join(template.blocks["content"](template.new_context(dict(context))))


def kinds() -> frozenset[str]:
    """The events that have a letter, and what gathers several."""
    return frozenset(folder.name for folder in TEMPLATES.iterdir() if folder.is_dir())


def _render(kind: str, name: str, context: Mapping[str, Any]) -> str:
    return _environment.get_template(f"{kind}/{name}").render(context)
