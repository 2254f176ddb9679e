"""Triage in the browser: take a ticket, give it to a colleague, classify it, confirm who wrote."""

from datetime import datetime
from typing import Any

from flask import Blueprint, request
from sqlalchemy.orm import Session

from desk import ticket_page
from desk.access import current_actor, requires
from desk.catalogue import queries as catalogue
from desk.db import db
from desk.domain.catalogue_fields import validate_fields
from desk.domain.errors import NotFound
from desk.domain.permissions import Actor, Permission
from desk.domain.priority import Impact, Urgency
from desk.domain.vocabulary import TicketKind
from desk.forms import id_of
from desk.tickets import forms, queries
from desk.tickets.models import Ticket
from desk.triage import service

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
