"""The one map from a refusal to an HTTP answer, and the page that says it."""

import logging

from flask import Flask, g, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, InternalServerError

from desk.db import AWAY
from desk.domain.errors import (
    Conflict,
    DeskError,
    IllegalTransition,
    InvalidInput,
    NotFound,
    NotPermitted,
    TooLarge,
    TooMany,
    TryLater,
)
from desk.extensions import login_manager

log = logging.getLogger(__name__)

STATUS: dict[type[DeskError], int] = {
    NotFound: 404,
    NotPermitted: 404,  # a refusal must not tell that the thing exists
    IllegalTransition: 409,
    Conflict: 409,
    InvalidInput: 422,
    TooLarge: 413,
    TooMany: 429,
    TryLater: 503,
}

SENTENCES: dict[int, str] = {
    400: "The desk could not understand that request.",
    404: NotFound.sentence,
    405: "That page cannot be used in this way.",
    413: "That is larger than the desk accepts. Please send a smaller file, or a link to it.",
    429: TooMany.sentence,
    500: "Something went wrong on our side. Nothing of your last step was kept; please try again.",
    503: TryLater.sentence,
}


def status_of(error: DeskError) -> int:
    """The HTTP status of a refusal."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 400)


def register(app: Flask) -> None:
    """Install the handlers."""
    app.register_error_handler(DeskError, _refused)
    app.register_error_handler(CSRFError, _expired_form)
    app.register_error_handler(HTTPException, _http)
    for kind in AWAY:
        app.register_error_handler(kind, _database_away)
    app.register_error_handler(Exception, _unexpected)


def page(status: int, sentence: str) -> tuple[str, int]:
    """The page of a refusal."""
    # A 404 for something that exists must not differ by a word from one for something that does not.
    shown = SENTENCES[404] if status == 404 else sentence
    return render_template("errors/refused.html", status=status, sentence=shown), status


def _refused(error: DeskError) -> tuple[str, int]:
    return page(status_of(error), error.sentence)


def _expired_form(_error: CSRFError) -> tuple[str, int]:
    return page(
        400, "This form was open for too long, or was not sent from the desk. Please go back, reload and send again."
    )


def _http(error: HTTPException) -> tuple[str, int] | HTTPException:
    code = error.code or 500
    if code < 400:
        return error
    return page(code, SENTENCES.get(code, SENTENCES[400] if code < 500 else SENTENCES[500]))


def _database_away(error: SQLAlchemyError) -> tuple[str, int]:
    log.error("database away: %s at %s", type(error).__name__, request.endpoint)
    # Who asks cannot be looked up either: the page is made for nobody in particular.
    g._login_user = login_manager.anonymous_user()
    return render_template("errors/unavailable.html", status=503, sentence=SENTENCES[503]), 503


def _unexpected(error: Exception) -> tuple[str, int]:
    log.exception("unexpected %s at %s", type(error).__name__, request.endpoint)
    return page(InternalServerError.code, SENTENCES[500])
