"""Pages of likely tickets: of one issue, to be linked in one press, and groups that have no issue yet."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from desk.access import current_actor, requires
from desk.accounts import queries as accounts
from desk.clock import utcnow
from desk.db import db, transaction
from desk.domain.errors import InvalidInput, NotFound
from desk.domain.permissions import IssueSubject, Permission, may
from desk.forms import id_of
from desk.issues import queries as issues
from desk.issues import service as register
from desk.matching import queries, service

blueprint = Blueprint("matching", __name__, url_prefix="/issues")


@blueprint.route("/<int:number>/likely-tickets", methods=["GET", "POST"])
@requires(Permission.ISSUE_EDIT)
def tickets(number: int) -> Any:
    """Tickets that the issue may explain, each with what says so; those that are ticked are linked."""
    actor, session = current_actor(), db.session()
    issue = issues.get(session, actor, number)
    if not may(actor, Permission.ISSUE_EDIT, issues.subject_of(session, issue)):
        raise NotFound
    wrong, status = "", 200
    if request.method == "POST":
        try:
            linked = _link(number)
        except InvalidInput as refusal:
            wrong, status = refusal.sentence, 422
        else:
            flash(f"{linked} tickets are linked." if linked != 1 else "One ticket is linked.", "success")
            return redirect(url_for("issues.show", number=number, _anchor="tickets"), 303)
    found = queries.tickets_for(db.session(), actor, issues.get(db.session(), actor, number), utcnow())
    return render_template("matching/tickets.html", issue=issue, found=found, wrong=wrong), status


def _link(number: int) -> int:
    chosen = [id_of(each) for each in request.form.getlist("ticket")]
    if None in chosen:
        raise InvalidInput("Please tick tickets of the list.", field="ticket")
    numbers = [each for each in chosen if each is not None]
    try:
        with transaction() as unit:
            issue = issues.get(unit, current_actor(), number)
            return service.link_several(unit, current_actor(), issue, ticket_numbers=numbers, now=utcnow())
    except NotFound:
        with transaction() as unit:
            issue = issues.get(unit, current_actor(), number)
            register.note_refusal(unit, current_actor(), issue, "a ticket of elsewhere", utcnow())
        raise


@blueprint.get("/alike")
@requires(Permission.ISSUE_EDIT)
def alike() -> Any:
    """Tickets without an issue that look alike, at each desk of this person."""
    session, actor = db.session(), current_actor()
    places = [*(IssueSubject(consortium_id=each) for each in sorted(actor.consortia()))]
    places += [IssueSubject(registry_id=each) for each in sorted(actor.registries())]
    desks = [
        (_name(place), _key(place), groups)
        for place in places
        if (groups := queries.alike(session, actor, place, utcnow()))
    ]
    return render_template("matching/alike.html", desks=desks)


def _key(place: IssueSubject) -> str:
    return f"consortium:{place.consortium_id}" if place.consortium_id else f"registry:{place.registry_id}"


def _name(place: IssueSubject) -> str:
    if place.consortium_id is not None:
        return accounts.consortium(db.session(), place.consortium_id).name
    return accounts.registry(db.session(), place.registry_id or 0).name
