"""Objections in the browser: raised at a line of a ticket's account, decided by who keeps the clock."""

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from desk import ticket_account
from desk.access import current_actor, requires
from desk.clock import utcnow
from desk.corrections import queries, service
from desk.corrections.forms import DecisionForm, ObjectionForm, instant_of
from desk.corrections.models import Objection, ObjectionState
from desk.db import db, transaction
from desk.domain import wording
from desk.domain.errors import DeskError, NotFound, NotPermitted
from desk.domain.permissions import Permission
from desk.errors import status_of
from desk.forms import id_of
from desk.sla import queries as sla
from desk.tickets import queries as tickets

blueprint = Blueprint("corrections", __name__)


@blueprint.app_template_global("objections_waiting")
def objections_waiting() -> int:
    """How many objections wait for this reader's word: a line above the lists of managers."""
    return len(queries.waiting_for(db.session(), current_actor()))


@blueprint.get("/objections")
@requires(Permission.CALENDAR_EDIT)
def index() -> Any:
    """The open objections that this manager decides, the oldest first."""
    session, actor = db.session(), current_actor()
    waiting = queries.waiting_for(session, actor)
    known = tickets.some(session, actor, {each.ticket_id for each in waiting})
    rows = [(each, known[each.ticket_id]) for each in waiting if each.ticket_id in known]
    return render_template("corrections/index.html", rows=rows, labels=sla.LABELS)


@blueprint.route("/tickets/<int:number>/clocks/object", methods=["GET", "POST"])
@requires(Permission.TICKET_READ)
def object_to(number: int) -> Any:
    """Say that a stretch of a clock is wrong; the address names the clock and when the stretch begins."""
    session, actor = db.session(), current_actor()
    ticket = tickets.get(session, actor, number)
    start = instant_of(request.args.get("from", ""))
    page = ticket_account.assemble(session, actor, ticket, utcnow())
    found = page.disputable(request.args.get("kind", ""), start) if start else None
    form = ObjectionForm()
    if start is None or found is None:
        return _not_disputable(ticket, form, page, request.args.get("kind", ""), start)
    clock, line = found
    if request.method == "GET" or not form.validate():
        return _object_page(ticket, form, clock, line), 200 if request.method == "GET" else 422
    kind = clock.clock.kind
    try:
        with transaction() as unit:
            subject = tickets.subject_of(unit, tickets.get(unit, actor, number))
            party = queries.may_object(actor, subject, kind)
            if party is None:
                raise NotFound
            service.object_to(
                unit, actor, ticket_id=number, party=party, kind=kind, from_at=start, text=form.text.data, now=utcnow()
            )
    except (NotFound, NotPermitted):
        raise
    except DeskError as error:
        form.refuse(getattr(error, "field", None), error.sentence)
        return _object_page(ticket, form, clock, line), status_of(error)
    flash(
        "Your objection is kept with that line. A manager of the other side answers it; you see the answer here.",
        "success",
    )
    return redirect(url_for("tickets.clocks", number=number, _anchor=kind.value), 303)


def _not_disputable(
    ticket: Any, form: ObjectionForm, page: ticket_account.AccountPage, kind: str, start: datetime | None
) -> Any:
    """Another has objected meanwhile, or the clock was measured again: what was typed is kept, and it is said why."""
    settled = [
        (clock, line, each.objection)
        for latest in page.clocks
        for clock in (latest, *latest.earlier)
        for line in clock.lines
        for each in line.disputes
        if (clock.clock.kind.value, line.start) == (kind, start) and each.objection.state is not ObjectionState.REFUSED
    ]
    if not settled:
        flash("That line of the account cannot be disputed. This is how it stands.", "warning")
        return redirect(url_for("tickets.clocks", number=ticket.number), 303)
    clock, line, objection = settled[-1]
    said = _settled(objection, current_actor().timezone)
    if request.method == "GET":
        flash(said, "warning")
        return redirect(url_for("tickets.clocks", number=ticket.number, _anchor=kind), 303)
    form.refuse(None, said)
    return _object_page(ticket, form, clock, line), 409


def _settled(objection: Objection, zone: str) -> str:
    if objection.state is ObjectionState.OPEN or objection.decided_at is None:
        since = wording.date_and_time(objection.raised_at, zone)
        return f"This line is disputed already, since {since}. That objection waits for an answer."
    return f"This line was put right already, {wording.date_and_time(objection.decided_at, zone)}."


def _object_page(ticket: Any, form: ObjectionForm, clock: Any, line: Any) -> str:
    return render_template("corrections/object_to.html", ticket=ticket, form=form, clock=clock, line=line)


@blueprint.route("/tickets/<int:number>/clocks/decide", methods=["GET", "POST"])
@requires(Permission.CALENDAR_EDIT)
def decide(number: int) -> Any:
    """Confirm or refuse an objection; of two managers at once the second is told what the first decided."""
    session, actor = db.session(), current_actor()
    ticket, objection = _objection(session, number)
    form = DecisionForm()
    if request.method == "GET" or not form.validate():
        return _decide_page(ticket, form, objection), 200 if request.method == "GET" else 422
    confirm = form.decision.data == "confirm"
    try:
        with transaction() as unit:
            service.decide(
                unit, actor, objection_id=objection.id, confirm=confirm, answer=form.answer.data or "", now=utcnow()
            )
    except (NotFound, NotPermitted):
        raise
    except DeskError as error:
        form.refuse(getattr(error, "field", None), error.sentence)
        return _decide_page(ticket, form, _objection(db.session(), number)[1]), status_of(error)
    done = "confirmed; the clock is measured again." if confirm else "refused, with your answer."
    flash(f"The objection is {done}", "success")
    return redirect(url_for("tickets.clocks", number=number, _anchor=objection.kind.value), 303)


def _objection(session: Session, number: int) -> tuple[Any, Objection]:
    """The objection that the address names, if it is of this ticket and this manager's to decide."""
    actor = current_actor()
    ticket = tickets.get(session, actor, number)
    wanted = id_of(request.args.get("objection", ""))
    found = next((each for each in queries.of_ticket(session, ticket.id) if each.id == wanted), None)
    registry_id = ticket.consortium.registry_id
    if found is None or not queries.may_decide(actor, ticket.consortium_id, registry_id, found.kind):
        raise NotFound
    return ticket, found


def _decide_page(ticket: Any, form: DecisionForm, objection: Objection) -> str:
    return render_template("corrections/decide.html", ticket=ticket, form=form, objection=objection, labels=sla.LABELS)
