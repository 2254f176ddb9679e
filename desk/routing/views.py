"""The wrong door in the browser: what a registry passed to leads, and a researcher who is sent elsewhere."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from desk import ticket_page
from desk.access import current_actor, requires
from desk.accounts import queries as accounts
from desk.clock import utcnow
from desk.db import db, transaction
from desk.domain.errors import DeskError, NotFound, NotPermitted
from desk.domain.lifecycle import Action, may_move
from desk.domain.permissions import Permission, may
from desk.domain.redirects import Destination, text_for
from desk.errors import status_of
from desk.forms import page_of
from desk.routing import queries, service
from desk.routing.forms import FileForm, RedirectForm
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket

blueprint = Blueprint("routing", __name__)


@blueprint.get("/passed-on")
@requires(Permission.ESCALATION_WORK)
def index() -> Any:
    """What came to the registry's own door and was passed to the member's lead."""
    page = page_of(request.args.get("page", type=int))
    rows = queries.passed_on(db.session(), current_actor(), page=page)
    return render_template(
        "routing/index.html", rows=rows[: queries.PAGE_SIZE], more=len(rows) > queries.PAGE_SIZE, page=page
    )


@blueprint.get("/passed-on/<int:number>")
@requires(Permission.ESCALATION_WORK)
def show(number: int) -> Any:
    """One of them as it came, and whether the registry can still take it on itself."""
    session = db.session()
    found = queries.get(session, current_actor(), number)
    came = queries.as_it_came(session, found)
    return render_template("routing/show.html", found=found, came=came, why_not=queries.why_not(found))


@blueprint.post("/passed-on/<int:number>/take-on")
@requires(Permission.ESCALATION_WORK)
def take_on(number: int) -> Any:
    """The registry works on it itself."""
    actor = current_actor()
    try:
        with transaction() as session:
            service.take_on(session, actor, queries.get(session, actor, number), now=utcnow())
    except (NotFound, NotPermitted):
        raise
    except DeskError as error:
        flash(error.sentence, "warning")
        return redirect(url_for("routing.show", number=number), 303)
    flash("It is with your team. The lead and the member are told.", "success")
    return redirect(url_for("tickets.show", number=number), 303)


@blueprint.route("/passed-on/new", methods=["GET", "POST"])
@requires(Permission.ESCALATION_WORK)
def new() -> Any:
    """File at a lead what a member told the registry."""
    session, actor, form = db.session(), current_actor(), FileForm()
    form.consortium_id.choices = [
        (each.id, each.name)
        for registry_id in sorted(actor.registries())
        for each in accounts.consortia_of(session, registry_id)
    ]
    if request.method == "GET":
        return render_template("routing/new.html", form=form)
    if not form.validate():
        return render_template("routing/new.html", form=form), 422
    try:
        with transaction() as unit:
            made = service.file_for(
                unit,
                actor,
                consortium_id=form.consortium_id.data,
                email=form.email.data,
                subject=form.subject.data,
                text=form.text.data,
                now=utcnow(),
            ).ticket_id
    except (NotFound, NotPermitted):
        raise
    except DeskError as error:
        form.refuse(getattr(error, "field", None), error.sentence)
        return render_template("routing/new.html", form=form), status_of(error)
    flash(f"Passed to the lead as number {made}. The member gets a receipt.", "success")
    return redirect(url_for("routing.show", number=made), 303)


@blueprint.route("/tickets/<int:number>/redirect", methods=["GET", "POST"])
@requires(Permission.TICKET_WORK)
def send_elsewhere(number: int) -> Any:
    """Tell a researcher who can help them: one page with what goes out, one button."""
    session, actor = db.session(), current_actor()
    ticket = tickets.get(session, actor, number)
    if not may(actor, Permission.TICKET_WORK, tickets.subject_of(session, ticket)):
        raise NotFound
    if request.method == "GET":
        return _redirect_page(session, ticket, _filled(session, ticket))
    form = RedirectForm()
    if not form.validate():
        return _redirect_page(session, ticket, form), 422
    destination = Destination(form.destination.data)
    return ticket_page.act(
        number,
        "The sender is told who can help them, and the ticket is resolved.",
        lambda s, a, t, now: service.redirect(s, a, t, destination=destination, text=form.text.data, now=now),
    )


def _filled(session: Session, ticket: Ticket) -> RedirectForm:
    asked = request.args.get("to", "")
    destination = Destination(asked) if asked in set(Destination) else Destination.INSTITUTION
    desk = accounts.team_of_consortium(session, ticket.consortium_id).name
    registry = ticket.consortium.parent_registry
    form = RedirectForm(formdata=None)
    form.destination.data = destination.value
    form.text.data = text_for(destination, desk=desk, service=registry.service, registry=registry.name)
    return form


def _redirect_page(session: Session, ticket: Ticket, form: RedirectForm) -> str:
    return render_template(
        "routing/send_elsewhere.html",
        form=form,
        ticket=ticket,
        possible=may_move(ticket.state, Action.RESOLVE, ticket.state_before),
    )
