"""For machines that watch the desk: alive, and ready to work, as JSON with a list of what is wrong."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Blueprint, current_app, jsonify
from sqlalchemy.exc import SQLAlchemyError

from desk.access import public
from desk.clock import utcnow
from desk.db import db
from desk.health import queries

blueprint = Blueprint("health", __name__)

FULL = 0.95
"""The share of the disk in use from which on the desk is not ready: attachments and the log need room."""


@blueprint.get("/healthz")
@public
def alive() -> Any:
    """The process answers. Nothing else is asked, so that a database away does not get it killed."""
    return jsonify(status="alive")


@blueprint.get("/readyz")
@public
def ready() -> Any:
    """200 when the desk can do all of its work; 503 when it cannot. Sentences say what is wrong or to be looked at."""
    remarks: list[str] = []
    try:
        wrong = list(queries.complaints(db.session(), utcnow()))
        # The pages work without a mailbox: its trouble must not take them out of a balancer.
        remarks = [*queries.remarks(db.session()), *queries.of_mailboxes(db.session(), utcnow())]
    except SQLAlchemyError as error:
        current_app.logger.error("not ready: %s", type(error).__name__)
        wrong = ["The database cannot be reached, or its tables are not those of this version (flask db upgrade)."]
    wrong += _complaints_of_storage(Path(current_app.config["DESK"].ATTACHMENTS))
    return jsonify(status="not ready" if wrong else "ready", wrong=[*wrong, *remarks]), 503 if wrong else 200


def _complaints_of_storage(folder: Path) -> Iterator[str]:
    # The folder is made with the first file: until then its parent is what counts.
    present = next((each for each in (folder, *folder.parents) if each.exists()), Path("/"))
    usage = shutil.disk_usage(present)
    if usage.used / usage.total > FULL:
        yield "The disk of the attachments is nearly full."
