"""What templates can use: the reader, the way round, instants in the reader's zone, and the words of the vocabulary."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files

from flask import Blueprint, Flask, request, url_for
from flask_login import current_user
from markupsafe import Markup, escape

from desk import markup
from desk.access import current_actor
from desk.clock import utcnow
from desk.domain import clock_words, wording
from desk.domain.lifecycle import MEMBER_WORDS, STAFF_WORDS, may_move
from desk.domain.permissions import LEAD_ROLES, MEMBER_ROLES, REGISTRY_ROLES, Actor, Role

NAME = "Consortium Desk"
# A package for another framework, of which only the files are used.
_HTMX = files("js_lib_htmx") / "static" / "htmx"


@dataclass(frozen=True, slots=True)
class Way:
    """An entry of the navigation."""

    label: str
    url: str
    here: bool


def register(app: Flask) -> None:
    """Give the application's templates their filters and globals, and serve the one script that others wrote."""
    app.register_blueprint(Blueprint("vendor", __name__, static_folder=str(_HTMX), static_url_path="/vendor/htmx"))
    app.jinja_env.add_extension("jinja2.ext.do")
    app.jinja_env.globals.update(
        product=NAME,
        viewer=viewer,
        ways=ways,
        now=utcnow,
        may_move=may_move,
        staff_words=STAFF_WORDS,
        member_words=MEMBER_WORDS,
        identifier_words={kind.value: text for kind, text in wording.IDENTIFIER_WORDS.items()},
    )
    filters: Mapping[str, Callable[..., object]] = {
        "moment": moment,
        "moment_in": moment_in,
        "period_in": period_in,
        "short_moment": short_moment,
        "ago": ago,
        "iso": wording.iso,
        "span": wording.span,
        "exact_span": wording.exact_span,
        "size": wording.size,
        "words": wording.words,
        "why": clock_words.why,
        "counted": wording.counted,
        "rendered": rendered,
    }
    for name, function in filters.items():
        app.add_template_filter(function, name)


def viewer() -> Actor | None:
    """Who reads the page, with the roles in force; None before sign-in."""
    return current_actor() if current_user.is_authenticated else None


def zone() -> str:
    """The reader's zone."""
    reader = viewer()
    return reader.timezone if reader else "UTC"


def moment(instant: datetime) -> Markup:
    """Date, time and zone, and how far away that is: the long form, for facts and headers."""
    text, far = wording.date_and_time(instant, zone()), wording.relative(instant, utcnow())
    return _time(instant, f"{text} ({far})", far="within")


def moment_in(instant: datetime, in_zone: str) -> Markup:
    """Date and time in a zone that is not the reader's: where a calendar's own hours explain something."""
    return _time(instant, wording.date_and_time(instant, in_zone))


def period_in(start: datetime, end: datetime, in_zone: str) -> Markup:
    """From when to when in a zone that need not be the reader's."""
    first, last = wording.period(start, end, in_zone)
    return Markup("{} to {}").format(_time(start, first), _time(end, last))


def short_moment(instant: datetime) -> Markup:
    """The short form for lists: as much of date and time as is needed, with the zone; the long form on hovering."""
    return _time(instant, wording.short(instant, zone(), utcnow()), wording.date_and_time(instant, zone()))


def ago(instant: datetime) -> Markup:
    """How far away, with the date on hovering: beside a conversation, where order matters more than the hour."""
    return _time(instant, wording.relative(instant, utcnow()), wording.date_and_time(instant, zone()), far="whole")


def _time(instant: datetime, text: str, title: str = "", far: str = "") -> Markup:
    """``far``: what of the text says how far away it is, which the page's script keeps true while the page is open."""
    hint = Markup(' title="{}"').format(title) if title else Markup("")
    kept = Markup(' data-far="{}"').format(far) if far else Markup("")
    return Markup('<time datetime="{}"{}{}>{}</time>').format(wording.iso(instant), hint, kept, escape(text))


def rendered(text: str) -> Markup:
    """Markdown that a person typed, as its readers see it."""
    return Markup(markup.markdown(text))  # noqa: S704 - the sanitiser's result


def ways() -> list[Way]:
    """The navigation of this reader: what their roles use, in the order in which they use it."""
    reader = viewer()
    if reader is None:
        return []
    return [Way(label, url_for(endpoint), _is_here(endpoint)) for label, endpoint in _entries(reader)]


def _entries(reader: Actor) -> Iterator[tuple[str, str]]:
    if reader.has_role(*LEAD_ROLES):
        yield "Queue", "tickets.queue"
    if reader.has_role(*REGISTRY_ROLES):
        yield "Escalations", "escalations.index"
    if reader.has_role(*MEMBER_ROLES):
        yield "My tickets", "tickets.index"
    if reader.is_staff:
        yield "Issues register", "issues.index"
    if reader.has_role(*MEMBER_ROLES):
        yield "Known issues", "known_issues.index"
        yield "What we promise", "agreements.promises"
    if reader.is_staff:
        yield "Service levels", "working_hours.index"
    if reader.is_staff or reader.has_role(*MEMBER_ROLES):
        yield "Reports", "reports.index"
    if reader.has_role(Role.LEAD_MANAGER, Role.REGISTRY_MANAGER):
        yield "Mail", "mail_screen.index"
    if reader.has_role(Role.ADMINISTRATOR):
        yield "Registry desks", "bridge.index"


def _is_here(endpoint: str) -> bool:
    if request.endpoint is None:
        return False
    if endpoint in ("tickets.queue", "tickets.index", "known_issues.index", "issues.index"):
        return request.endpoint in (endpoint, *_BELOW.get(endpoint, ()))
    if endpoint == "agreements.promises":
        return request.endpoint == endpoint
    if endpoint == "working_hours.index":
        return request.path.startswith("/service-levels/")
    if endpoint == "reports.index":
        return request.path.startswith("/reports")
    below = request.endpoint in _BELOW.get(endpoint, ())
    return below or request.endpoint.partition(".")[0] == endpoint.partition(".")[0]


# Pages that belong to an entry of the navigation although their names do not say so.
_BELOW: Mapping[str, tuple[str, ...]] = {
    "escalations.index": ("routing.index", "routing.show", "routing.new"),
    "known_issues.index": ("known_issues.show", "feeds.index"),
    "issues.index": (
        "issues.show",
        "issues.new",
        "issues.edit",
        "known_issues.publish",
        "matching.tickets",
        "matching.alike",
        "issue_merge.merge",
    ),
}
