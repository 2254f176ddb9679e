"""The words of a mail of ours: subject, plain text and HTML from the templates of its event. Knows no database.

Templates get values to show and nothing to call. Text of people is never a template.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from desk.domain import wording
from desk.mail.charsets import clean, one_line
from desk.mail.reply import REPLY_ABOVE

TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "mail"

_environment = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=False,
)
_environment.filters.update(words=wording.words, counted=wording.counted, span=wording.span)


@dataclass(frozen=True, slots=True)
class Letter:
    """What a recipient reads; the subject is one clean line."""

    subject: str
    text: str
    html: str


def write(kind: str, values: Mapping[str, Any], *, zone: str, with_marker: bool) -> Letter:
    """The letter of an event of this kind; instants are shown in ``zone``.

    ``with_marker``: an answer is read at a signed address, and what stands below our marker need not come back.
    """

    def moment(instant: datetime | str) -> str:
        # What happened keeps its instants as text.
        at = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
        return wording.date_and_time(at, zone)

    context = {
        **values,
        "moment": moment,
        "moment_in": wording.date_and_time,
        "zone": zone,
        "marker": REPLY_ABOVE if with_marker else "",
    }
    subject = one_line(_render(kind, "subject.txt", context), 250)
    return Letter(
        subject, clean(_render(kind, "body.txt", context)).strip() + "\n", _render(kind, "body.html", context)
    )


def kinds() -> frozenset[str]:
    """The events that have a letter."""
    return frozenset(folder.name for folder in TEMPLATES.iterdir() if folder.is_dir())


def _render(kind: str, name: str, context: Mapping[str, Any]) -> str:
    return _environment.get_template(f"{kind}/{name}").render(context)
