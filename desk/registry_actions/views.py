"""Registry actions in the browser: the lead's list, filing one for a ticket, how it ended, showing it."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from desk.access import current_actor, requires
from desk.catalogue import queries as catalogue
from desk.clock import utcnow
from desk.db import db, transaction
from desk.domain.errors import DeskError, NotFound, NotPermitted
from desk.domain.permissions import Actor, Permission, may
from desk.domain.registry_action import STATE_WORDS, ActionState
from desk.errors import status_of
from desk.forms import id_of, page_of
from desk.registry_actions import forms, queries, service
from desk.registry_actions.models import RegistryAction
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket

blueprint = Blueprint("registry_actions", __name__)


@blueprint.app_context_processor
def words() -> dict[str, Any]:
    """What the panel of the ticket page and the pages here call the states."""
    return {"action_words": STATE_WORDS}


@blueprint.get("/registry-actions")
@requires(Permission.TICKET_ESCALATE)
def index() -> str:
    """What the lead has filed and how it stands, what is expected first at the top."""
    session, actor = db.session(), current_actor()
    today, page = service.today_of(actor, utcnow()), page_of(request.args.get("page", type=int))
    wanted, overdue = request.args.get("state", ""), request.args.get("overdue") == "1"
    state = ActionState(wanted) if wanted in set(ActionState) else None
    rows = queries.listed(session, actor, today, state=state, overdue=overdue, page=page)
    return render_template(
        "registry_actions/index.html",
        rows=rows[: queries.PAGE_SIZE],
        more=len(rows) > queries.PAGE_SIZE,
        page=page,
        state=state,
        overdue=overdue,
        counts=queries.counts(session, actor, today),
        states=[each for each in ActionState if each is not ActionState.FILED],
    )


@blueprint.route("/tickets/<int:number>/registry-actions/new", methods=["GET", "POST"])
@requires(Permission.TICKET_ESCALATE)
def new(number: int) -> Any:
    """Write down that something was filed at the registry."""
    session, actor = db.session(), current_actor()
    ticket = _for_lead(session, actor, number)
    form = forms.FileForm()
    if request.method == "GET":
        entry = catalogue.entry(session, ticket.catalogue_key)
        form.kind.data = entry.registry_action if entry else ""
        form.filed_on.data = service.today_of(actor, utcnow())
    if request.method == "GET" or not form.validate():
        return _new_page(session, ticket, form), 200 if request.method == "GET" else 422
    try:
        with transaction() as unit:
            own = tickets.get(unit, actor, number)
            service.file_action(unit, actor, own, form.draft(), show=form.show.data, now=utcnow())
    except (NotFound, NotPermitted):
        raise
    except DeskError as error:
        form.refuse(getattr(error, "field", None), error.sentence)
        return _new_page(session, ticket, form), status_of(error)
    flash("Kept. The ticket and its clocks stay as they are.", "success")
    return redirect(url_for("tickets.show", number=number, _anchor="registry-actions"), 303)


def _new_page(session: Session, ticket: Ticket, form: forms.FileForm) -> str:
    entry = catalogue.entry(session, ticket.catalogue_key)
    kinds = forms.choices(queries.kinds(session, ticket.service), entry.registry_action if entry else "")
    return render_template("registry_actions/new.html", ticket=ticket, form=form, kinds=kinds)


@blueprint.route("/tickets/<int:number>/registry-actions/end", methods=["GET", "POST"])
@requires(Permission.TICKET_ESCALATE)
def end(number: int) -> Any:
    """Write down how one ended."""
    session, actor = db.session(), current_actor()
    ticket = _for_lead(session, actor, number)
    action = queries.get(session, actor, ticket, _action_id())
    form = forms.EndForm()
    if request.method == "GET":
        form.action.data, form.version.data = str(action.id), action.version
        form.on.data = service.today_of(actor, utcnow())
    if request.method == "GET" or not form.validate() or form.version.data is None:
        return _end_page(ticket, action, form), 200 if request.method == "GET" else 422
    try:
        with transaction() as unit:
            service.end_action(
                unit,
                actor,
                tickets.get(unit, actor, number),
                action.id,
                state=ActionState(form.state.data),
                on=form.on.data,
                reference=form.reference.data or "",
                note=form.note.data or "",
                version=form.version.data,
                now=utcnow(),
            )
    except (NotFound, NotPermitted):
        raise
    except DeskError as error:
        form.refuse(getattr(error, "field", None), error.sentence)
        return _end_page(ticket, action, form), status_of(error)
    flash("Kept. The ticket and its clocks stay as they are.", "success")
    return redirect(url_for("tickets.show", number=number, _anchor="registry-actions"), 303)


def _end_page(ticket: Ticket, action: RegistryAction, form: forms.EndForm) -> str:
    return render_template("registry_actions/end.html", ticket=ticket, action=action, form=form)


@blueprint.post("/tickets/<int:number>/registry-actions/show")
@requires(Permission.TICKET_ESCALATE)
def show(number: int) -> Any:
    """Let the registry that has the ticket read one."""
    actor = current_actor()
    try:
        with transaction() as unit:
            service.show_action(unit, actor, tickets.get(unit, actor, number), _action_id(), now=utcnow())
        flash("The registry reads it now.", "success")
    except (NotFound, NotPermitted):
        raise
    except DeskError as error:
        flash(error.sentence, "warning")
    return redirect(url_for("tickets.show", number=number, _anchor="registry-actions"), 303)


def _action_id() -> int:
    return id_of(request.values.get("action", "")) or 0


def _for_lead(session: Session, actor: Actor, number: int) -> Ticket:
    ticket = tickets.get(session, actor, number)
    if not may(actor, Permission.TICKET_ESCALATE, tickets.subject_of(session, ticket)):
        raise NotFound
    return ticket
