"""Triage in the browser: take a ticket, classify it, confirm who wrote, let it go on elsewhere."""

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from desk import ticket_page
from desk.access import current_actor, requires
from desk.catalogue import queries as catalogue
from desk.clock import utcnow
from desk.db import db, transaction
from desk.domain.catalogue_fields import validate_fields
from desk.domain.errors import DeskError, NotFound, NotPermitted
from desk.domain.permissions import Actor, Permission, may
from desk.domain.priority import Impact, Urgency
from desk.domain.vocabulary import TicketKind
from desk.errors import status_of
from desk.forms import id_of
from desk.tickets import forms, queries
from desk.tickets.models import Ticket
from desk.triage import service
from desk.triage.forms import MergeForm, TransferForm

blueprint = Blueprint("triage", __name__, url_prefix="/tickets/<int:number>")


@blueprint.post("/take")
@requires(Permission.TICKET_WORK)
def take(number: int) -> Any:
    """Make it one's own."""
    return ticket_page.act(number, "The ticket is yours.", lambda s, a, t, now: service.take(s, a, t, now=now))


@blueprint.post("/assign")
@requires(Permission.TICKET_WORK)
def assign(number: int) -> Any:
    """Give it to a colleague, or to nobody."""
    chosen = request.form.get("assignee_id", "")
    assignee_id = id_of(chosen)
    if chosen and assignee_id is None:
        raise NotFound
    return ticket_page.act(
        number,
        "The ticket is assigned." if chosen else "The ticket is nobody's now.",
        lambda s, a, t, now: service.assign(s, a, t, assignee_id=assignee_id, now=now),
    )


@blueprint.post("/triage")
@requires(Permission.TICKET_WORK)
def triage(number: int) -> Any:
    """Classify; when a colleague has done so meanwhile, the page shows what is stored beside what was typed."""
    form = forms.triage_form(queries.get(db.session(), current_actor(), number), catalogue.catalogue(db.session()))

    def classify(session: Session, actor: Actor, ticket: Ticket, now: datetime) -> None:
        entry = catalogue.entry(session, form.catalogue_key.data)
        answers = forms.answers(entry, request.form, {"environment": form.environment.data})
        asked = forms.asked(entry)
        kept = validate_fields(entry, answers, asked, zone=actor.timezone, partial=True) if entry else {}
        service.triage(
            session,
            actor,
            ticket,
            kind=TicketKind(form.kind.data),
            impact=Impact(form.impact.data),
            urgency=Urgency(form.urgency.data),
            catalogue_key=form.catalogue_key.data or None,
            service=form.service.data,
            environment=forms.environment_of(form.environment.data),
            fields=kept,
            tags=form.tag_list,
            version=form.version.data,
            now=now,
        )

    return ticket_page.act(number, "The classification is saved.", classify, form, "triage")


@blueprint.post("/requester")
@requires(Permission.TICKET_WORK)
def requester(number: int) -> Any:
    """Confirm who an unverified sender is."""
    chosen = forms.pair_of_ids(request.form.get("person", ""))
    if chosen is None:
        return ticket_page.show(number, refused="Choose who the sender is."), 422
    org_id, person_id = chosen

    def confirm(session: Session, actor: Actor, ticket: Ticket, now: datetime) -> None:
        service.confirm_requester(session, actor, ticket, member_org_id=org_id, person_id=person_id, now=now)

    return ticket_page.act(number, "The sender is confirmed.", confirm)


@blueprint.post("/follow")
@requires(Permission.TICKET_WORK)
def follow(number: int) -> Any:
    """Let another contact follow the ticket."""
    person_id = id_of(request.form.get("person_id", ""))
    if person_id is None:
        return ticket_page.show(number, refused="Choose who shall follow the ticket."), 422
    return ticket_page.act(
        number,
        "They follow the ticket from now on.",
        lambda s, a, t, now: service.add_participant(s, a, t, person_id=person_id, now=now),
    )


@blueprint.get("/merge")
@requires(Permission.TICKET_WORK)
def merge(number: int) -> Any:
    """Both tickets side by side before the one goes on in the other."""
    form = MergeForm(request.args, meta={"csrf": False})
    if "into" not in request.args:
        return _merge_page(number, form)
    if not form.validate():
        return _merge_page(number, form), 422
    try:
        return _merge_page(number, form, service.merge_target(*_asked(number), into=form.number))
    except (NotFound, NotPermitted):
        raise
    except DeskError as error:
        form.refuse(getattr(error, "field", None), error.sentence)
        return _merge_page(number, form), status_of(error)


@blueprint.post("/merge")
@requires(Permission.TICKET_WORK)
def merge_now(number: int) -> Any:
    """The ticket goes on in the other."""
    form = MergeForm()
    if not form.validate():
        return _merge_page(number, form), 422
    actor = current_actor()
    try:
        with transaction() as unit:
            ticket = queries.get(unit, actor, number)
            target = service.merge(unit, actor, ticket, into=form.number, now=utcnow()).number
    except (NotFound, NotPermitted):
        raise
    except DeskError as error:
        form.refuse(getattr(error, "field", None), error.sentence)
        return _merge_page(number, form), status_of(error)
    flash(f"#{number} goes on in this ticket. Its member is told, and answers to it arrive here.", "success")
    return redirect(url_for("tickets.show", number=target), 303)


def _merge_page(number: int, form: MergeForm, target: Ticket | None = None) -> str:
    session, actor, ticket = _asked(number)
    if not may(actor, Permission.TICKET_WORK, queries.subject_of(session, ticket)):
        raise NotFound
    brought = service.followers_brought(session, ticket, target, utcnow()) if target else []
    return render_template("triage/merge.html", form=form, ticket=ticket, target=target, brought=brought)


@blueprint.route("/transfer", methods=["GET", "POST"])
@requires(Permission.TICKET_WORK)
def transfer(number: int) -> Any:
    """Pass the ticket to the lead of another consortium of which the organisation is a member."""
    session, actor, ticket = _asked(number)
    if not may(actor, Permission.TICKET_WORK, queries.subject_of(session, ticket)):
        raise NotFound
    form = TransferForm()
    try:
        places = service.transfer_places(session, ticket, utcnow())
        form.member_org_id.choices = [(org.id, f"{org.consortium.name} ({org.name})") for org in places]
        if request.method == "GET" or not form.validate():
            return _transfer_page(ticket, form), 200 if request.method == "GET" else 422
        with transaction() as unit:
            service.transfer(
                unit,
                actor,
                queries.get(unit, actor, number),
                member_org_id=form.member_org_id.data,
                reason=form.reason.data,
                now=utcnow(),
            )
    except (NotFound, NotPermitted):
        raise
    except DeskError as error:
        form.refuse(getattr(error, "field", None), error.sentence)
        return _transfer_page(ticket, form), status_of(error) if request.method == "POST" else 200
    # From now on it is the other lead's, and not to be seen here.
    flash(f"#{number} is with the other consortium's lead. The member is told; what was promised stays.", "success")
    return redirect(url_for("tickets.queue"), 303)


def _transfer_page(ticket: Ticket, form: TransferForm) -> str:
    return render_template("triage/transfer.html", form=form, ticket=ticket)


def _asked(number: int) -> tuple[Session, Actor, Ticket]:
    session, actor = db.session(), current_actor()
    return session, actor, queries.get(session, actor, number)
