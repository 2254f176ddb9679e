"""The words of a mail to a registry's own desk: stable labelled lines as text, and the same as HTML. No database.

The preview of an escalation and the mail are made here, from the same values. In English, whatever the consortium
speaks: the other desk answers with status words, and its rules and ours match the labels.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from desk.bridge.queries import Case
from desk.domain import wording
from desk.mail.charsets import clean, one_line
from desk.mail.letter import TEMPLATES, Letter

_environment = Environment(
    loader=FileSystemLoader(TEMPLATES.parent),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(counted=wording.counted)

BRIEF, MESSAGE, WITHDRAWN, VERIFIED, DISCLOSED = "brief", "message", "withdrawn", "verified", "disclosed"


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody of the lead's side wrote; ``html`` is clean."""

    author: str
    text: str
    html: str
    files: tuple[str, ...] = ()


def write(
    what: str,
    case: Case,
    *,
    said: Said | None = None,
    number: str = "",
    signature: str = "",
    at: datetime | None = None,
) -> Letter:
    """The mail; ``number`` is the other desk's own as it writes it, for its subject. Instants are shown in UTC."""

    def moment(instant: datetime) -> str:
        return wording.date_and_time(instant, "UTC")

    values: dict[str, Any] = {
        "what": what,
        "case": case,
        "said": said,
        "signature": signature or case.team,
        "moment": moment,
    }
    # Not [#12]: that is how a desk like this one would name a ticket of its own.
    subject = one_line(f"{number} Escalation {case.reference}: {case.subject}".strip(), 250)
    text = clean(_environment.get_template("mail/_bridge.txt").render(values)).strip() + "\n"
    return Letter(subject, text, _environment.get_template("mail/_bridge.html").render(values))
