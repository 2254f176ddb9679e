"""The page of letters, for managers: each mail that the desk writes, by a made-up example, in a zone and a language."""

from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_login import current_user

from desk.access import requires
from desk.domain.errors import NotFound
from desk.domain.languages import LANGUAGES, WRITTEN, written
from desk.domain.permissions import Permission
from desk.mail import letter_examples
from desk.working_hours.forms import zones

blueprint = Blueprint("letters", __name__, url_prefix="/mail/letters")

POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
"""For the HTML part of a letter, in a frame of the page that lists them: it styles itself, and nothing else."""


@blueprint.get("")
@requires(Permission.MAIL_READ)
def index() -> Any:
    """Every letter that the desk writes, with a made-up example, in a time zone and a language to choose."""
    zone, asked = _zone(), request.args.get("zone", "").strip()
    refused = f"“{asked[:60]}” is not the name of a time zone." if asked and asked != zone else ""
    language = _language()
    return render_template(
        "mail_screen/letters.html",
        examples=letter_examples.examples(zone, language),
        zone=zone,
        refused=refused,
        asked=asked,
        zones=zones(),
        language=language,
        languages={code: LANGUAGES[code] for code in WRITTEN},
    )


@blueprint.get("/html")
@requires(Permission.MAIL_READ)
def html() -> Any:
    """The HTML part of one example, for its frame."""
    kind, side = request.args.get("kind", ""), request.args.get("to", "")
    if kind not in letter_examples.READERS.get(side, ()):
        raise NotFound
    response = Response(letter_examples.example(kind, side, _zone(), _language()).html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _zone() -> str:
    """The zone that was asked for, else the reader's own."""
    asked = request.args.get("zone", "").strip()
    return asked if asked in zones() else current_user.person.timezone


def _language() -> str:
    """The language that was asked for, else the one in which the reader gets letters."""
    asked = request.args.get("language", "").strip()
    return asked if asked in WRITTEN else written(current_user.person.language)
