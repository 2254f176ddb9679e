"""Writing a brief in the browser, looking at exactly what the registry will see, and sending that."""

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from desk.access import current_actor, requires
from desk.briefs import forms, queries, service
from desk.catalogue import queries as catalogue
from desk.clock import utcnow
from desk.db import db, transaction
from desk.domain.errors import (
    Conflict,
    DeskError,
    ForeignRegistry,
    IllegalTransition,
    InvalidInput,
    NotFound,
    NotPermitted,
)
from desk.domain.escalation import EDITABLE, OPEN, Brief, lacks
from desk.domain.files import SEARCHED
from desk.domain.permissions import Actor, Permission, may
from desk.errors import status_of
from desk.escalations import queries as escalations
from desk.escalations import service as escalation_service
from desk.escalations.models import Escalation
from desk.escalations.queries import lines_of
from desk.forms import id_of
from desk.issues import queries as issues
from desk.issues.models import Issue
from desk.matching import queries as matching
from desk.tickets import queries as tickets
from desk.tickets.forms import HoldForm
from desk.tickets.models import Ticket

blueprint = Blueprint("briefs", __name__)


@blueprint.route("/tickets/<int:number>/escalate", methods=["GET", "POST"])
@requires(Permission.TICKET_ESCALATE)
def edit(number: int) -> Any:
    """Write the brief and choose what is shown. Saving shows nothing to anybody; it names what is still asked."""
    session, actor = db.session(), current_actor()
    ticket, found = _for_lead(session, actor, number)
    entry = catalogue.entry_for(session, ticket.catalogue_key, ticket.consortium_id)
    if request.method == "GET":
        brief = Brief.from_dict(found.brief) if found else queries.first_brief(session, ticket)
        return _edit_page(ticket, found, forms.brief_form(entry, brief, found.version if found else None), brief)
    form = forms.brief_form(entry)
    typed = forms.read_brief(form, entry, actor.timezone)
    if typed is None:
        return _edit_page(ticket, found, form, None), 422
    try:
        with transaction() as unit:
            saved, removed = service.save_brief(
                unit,
                actor,
                tickets.get(unit, actor, number),
                typed,
                messages=forms.chosen(request.form, "messages"),
                attachments=forms.chosen(request.form, "attachments"),
                looked_at=forms.chosen(request.form, "looked_at"),
                version=form.version.data,
                now=utcnow(),
            )
            missing = lacks(Brief.from_dict(saved.brief), entry)
    except (Conflict, InvalidInput, IllegalTransition) as error:
        return _refused_brief(number, form, error)
    if removed:
        flash(f"Removed from what you chose and wrote, to keep accounts safe: {', '.join(removed)}.", "warning")
    flash("The brief is saved. Nothing was sent yet.", "success")
    return redirect(url_for("briefs.edit" if missing else "briefs.preview", number=number), 303)


def _for_lead(session: Session, actor: Actor, number: int) -> tuple[Ticket, Escalation | None]:
    """The ticket with its open hand-over, if the actor may escalate it."""
    ticket = tickets.get(session, actor, number)
    if not may(actor, Permission.TICKET_ESCALATE, tickets.subject_of(session, ticket)):
        raise NotFound
    found = escalations.latest(session, actor, ticket)
    return ticket, found if found is not None and found.state in OPEN else None


def _refused_brief(number: int, form: forms.BriefForm, error: DeskError) -> Any:
    """The page with what was typed. After a conflict it shows the other brief, and a further save replaces that."""
    ticket, found = _for_lead(db.session(), current_actor(), number)
    form.refuse(getattr(error, "field", None), error.sentence)
    theirs = None
    if isinstance(error, Conflict):
        # Who has seen the other text, or that it was dropped, may decide to save this one.
        form.version.raw_data, form.version.data = None, found.version if found else None
        theirs = Brief.from_dict(found.brief) if found and found.state in EDITABLE else None
    return _edit_page(ticket, found, form, None, theirs=theirs), status_of(error)


def _edit_page(
    ticket: Ticket, found: Escalation | None, form: forms.BriefForm, brief: Brief | None, *, theirs: Brief | None = None
) -> str:
    session, actor = db.session(), current_actor()
    entry = catalogue.entry_for(session, ticket.catalogue_key, ticket.consortium_id)
    shown = brief or theirs or (Brief.from_dict(found.brief) if found else queries.first_brief(session, ticket))
    sending = request.method == "POST"
    return render_template(
        "briefs/edit.html",
        ticket=ticket,
        escalation=found,
        form=form,
        entry=entry,
        missing=[(forms.anchor(name), label, text) for name, label, text in lacks(shown, entry)],
        candidates=queries.candidates(session, ticket, found, shown.consent),
        ticked=forms.chosen(request.form, "messages") if sending else None,
        ticked_files=forms.chosen(request.form, "attachments") if sending else None,
        known=matching.candidates_for(session, actor, ticket),
        looked={each.number: datetime.fromisoformat(each.at) for each in shown.issues_checked},
        looked_now=forms.chosen(request.form, "looked_at") if sending else (),
        theirs=lines_of(theirs, entry) if theirs else None,
        searched=SEARCHED,
        locked=found is not None and found.state not in EDITABLE,
    )


@blueprint.get("/tickets/<int:number>/escalate/preview")
@requires(Permission.TICKET_ESCALATE)
def preview(number: int) -> str:
    """Exactly what the registry will see, with the button that sends it."""
    return _preview(number)


def _preview(number: int, refused: str | None = None) -> str:
    session, actor = db.session(), current_actor()
    ticket, found = _for_lead(session, actor, number)
    if found is None:
        raise NotFound
    entry = catalogue.entry_for(session, ticket.catalogue_key, ticket.consortium_id)
    shown = queries.preview(session, ticket, found)
    missing = [(forms.anchor(name), label, text) for name, label, text in lacks(Brief.from_dict(found.brief), entry)]
    return render_template(
        "briefs/preview.html",
        ticket=ticket,
        escalation=found,
        shown=shown,
        missing=missing,
        refused=refused,
        locked=found.state not in EDITABLE,
    )


@blueprint.post("/tickets/<int:number>/escalate/send")
@requires(Permission.TICKET_ESCALATE)
def send(number: int) -> Any:
    """Hand over what was previewed, and nothing else: another version is not sent."""
    actor, version = current_actor(), request.form.get("version", type=int)
    if version is None:
        raise NotFound
    try:
        with transaction() as unit:
            escalation_service.send(unit, actor, tickets.get(unit, actor, number), version=version, now=utcnow())
    except (NotFound, NotPermitted):
        raise
    except (Conflict, InvalidInput, IllegalTransition) as error:
        if isinstance(error, ForeignRegistry):
            with transaction() as unit:
                ticket = tickets.get(unit, actor, number)
                escalation_service.note_refusal(unit, actor, ticket, "a registry of elsewhere", utcnow())
        return _preview(number, error.sentence), status_of(error)
    flash("The registry has it now. You stay accountable to the member; the registry's clock runs.", "success")
    return redirect(url_for("tickets.show", number=number), 303)


@blueprint.route("/tickets/<int:number>/escalate/known", methods=["GET", "POST"])
@requires(Permission.TICKET_ESCALATE)
def known(number: int) -> Any:
    """It is a known issue: link it instead, and by choice answer with the workaround or wait for the fix."""
    session, actor = db.session(), current_actor()
    ticket, found = _for_lead(session, actor, number)
    issue = issues.get(session, actor, id_of(request.values.get("issue", "")) or 0)
    answer, hold = forms.AnswerForm(), HoldForm()
    if request.method == "GET":
        told = issues.publication(session, issue.id, ticket.consortium_id)
        published = told is not None and told.withdrawn_at is None
        answer.text.data = told.workaround if told is not None and published else issue.workaround
        hold.reason.data = f"It waits for the fix of a known problem{f': {told.title}' if told and published else ''}."
        return _known_page(ticket, found, issue, answer, hold)
    way = request.form.get("way", "")
    chosen = {"answer": answer, "hold": hold}.get(way)
    if chosen is not None and not chosen.validate():
        return _known_page(ticket, found, issue, answer, hold), 422
    try:
        with transaction() as unit:
            service.link_instead(
                unit,
                actor,
                tickets.get(unit, actor, number),
                issue_number=issue.number,
                workaround=answer.text.data if way == "answer" else None,
                wait=(hold.reason.data, hold.moment(actor.timezone)) if way == "hold" else None,
                version=id_of(request.form.get("version", "")),
                now=utcnow(),
            )
    except (Conflict, InvalidInput, IllegalTransition) as error:
        (chosen or answer).refuse(getattr(error, "field", None), error.sentence)
        return _known_page(ticket, found, issue, answer, hold), status_of(error)
    flash(f"Linked to issue {issue.number}. Nothing was handed over.", "success")
    return redirect(url_for("tickets.show", number=number), 303)


def _known_page(
    ticket: Ticket, found: Escalation | None, issue: Issue, answer: forms.AnswerForm, hold: HoldForm
) -> str:
    return render_template("briefs/known.html", ticket=ticket, escalation=found, issue=issue, answer=answer, hold=hold)
