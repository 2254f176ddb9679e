"""Open escalations that look alike and have no issue, each group with the one button that opens one."""

import re
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from desk.access import current_actor, requires
from desk.catalogue import queries as catalogue
from desk.clock import utcnow
from desk.clusters import queries, service
from desk.db import db, transaction
from desk.domain.errors import NotFound
from desk.domain.permissions import Permission
from desk.report_page import asked

blueprint = Blueprint("clusters", __name__)

SHOWN_AT_MOST = 50
"""Groups on one page, the largest first."""
ROWS_SHOWN = 10
"""Escalations of a group that stand in the open; the others are folded."""


@blueprint.get("/reports/look-alikes")
@requires(Permission.ESCALATION_WORK)
def index() -> str:
    """What looks alike."""
    session, actor = db.session(), current_actor()
    who = asked(session, actor, registries=True)
    found = queries.alike(session, actor, who.desk.place.registry_id or 0)
    return render_template(
        "clusters/index.html",
        asked=who,
        groups=found[:SHOWN_AT_MOST],
        total=len(found),
        entries=catalogue.catalogue(session).entries,
        rows_shown=ROWS_SHOWN,
        most=queries.COMPARED_AT_MOST,
    )


@blueprint.post("/reports/look-alikes")
@requires(Permission.ESCALATION_WORK)
def open_issue() -> Any:
    """Enter an issue and link these escalations; then its page, where it is written up."""
    actor = current_actor()
    who = asked(db.session(), actor, registries=True)
    numbers = [int(each) for each in re.findall(r"[0-9]{1,9}", request.form.get("tickets", ""))]
    if not numbers or who.desk.place.registry_id is None:
        raise NotFound
    with transaction() as session:
        issue = service.open_issue_with(
            session,
            actor,
            registry_id=who.desk.place.registry_id,
            numbers=numbers[: queries.COMPARED_AT_MOST],
            now=utcnow(),
        )
        number = issue.number
    flash("The issue is entered and explains these escalations. Please write down what you know of it.", "success")
    return redirect(url_for("issues.show", number=number), 303)
