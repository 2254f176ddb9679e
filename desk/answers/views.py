"""On the ticket: how the registry's own desk is reached, what it said, and what the lead writes down for it."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from desk.access import current_actor, requires
from desk.answers import forms, service
from desk.bridge import queries
from desk.clock import utcnow
from desk.db import db, transaction
from desk.domain.bridge import MEANING_LABELS, choices, read_choice
from desk.domain.errors import DeskError, ForeignNumber, NotFound, NotPermitted
from desk.domain.permissions import Actor, Permission
from desk.errors import status_of
from desk.escalations.models import Escalation
from desk.mail import bridge_out
from desk.mail.letter import Letter
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket

blueprint = Blueprint("answers", __name__, url_prefix="/tickets/<int:number>/registry-answer")


@blueprint.app_context_processor
def about_the_desk() -> dict[str, Any]:
    """What the ticket page and the preview of an escalation ask about a registry that is reached by mail."""
    return {
        "bridge_panel": _panel,
        "bridge_mails": lambda link: bridge_out.deliveries(db.session(), link.id) if link else (),
        "bridge_preview": _preview,
        "meaning_labels": MEANING_LABELS,
        "meaning_choices": choices,
    }


def _panel(ticket: Ticket) -> queries.Panel | None:
    return queries.panel_for(db.session(), current_actor(), ticket)


def _preview(ticket: Ticket, escalation: Escalation) -> tuple[str, Letter, list[Any]] | None:
    """Where the brief would go as a mail, that mail, and its files; None where the registry signs in."""
    session = db.session()
    bridge = queries.bridge_for(session, escalation)
    if bridge is None or not bridge.active:
        return None
    case = queries.case_previewed(session, ticket, escalation)
    link = queries.link_of(session, escalation.id)
    written = bridge_out.letter_of_brief(session, ticket, bridge, link, case)
    return (link.answer_to if link and link.answer_to else bridge.address), written, case.files


@blueprint.route("/new", methods=["GET", "POST"])
@requires(Permission.TICKET_ESCALATE)
def record(number: int) -> Any:
    """Write down what the registry said elsewhere."""
    session, actor = db.session(), current_actor()
    ticket, panel = _for_lead(session, actor, number)
    form = forms.RecordForm()
    if request.method == "POST" and form.validate():
        meaning = read_choice(form.meaning.data)
        try:
            if meaning is None:
                raise NotFound
            with transaction() as unit:
                service.record_answer(
                    unit,
                    actor,
                    tickets.get(unit, actor, number),
                    meaning=meaning[0],
                    reason=meaning[1],
                    text=form.text.data or "",
                    reference=form.reference.data or "",
                    now=utcnow(),
                )
            flash("Written down. It counts as the registry's answer.", "success")
            return redirect(url_for("tickets.show", number=number), 303)
        except (NotFound, NotPermitted):
            raise
        except DeskError as refusal:
            form.refuse(getattr(refusal, "field", None), refusal.sentence)
            if isinstance(refusal, ForeignNumber):
                with transaction() as unit:
                    service.note_refusal(unit, actor, tickets.get(unit, actor, number), refusal.sentence, utcnow())
            ticket, panel = _for_lead(db.session(), current_actor(), number)
            return render_template("answers/record.html", ticket=ticket, panel=panel, form=form), status_of(refusal)
    page = render_template("answers/record.html", ticket=ticket, panel=panel, form=form)
    return page, 422 if form.errors else 200


@blueprint.post("/<int:said_id>")
@requires(Permission.TICKET_ESCALATE)
def decide(number: int, said_id: int) -> Any:
    """What a word means that the table does not know."""
    actor, chosen = current_actor(), read_choice(request.form.get("meaning", ""))
    if chosen is None:
        raise NotFound
    try:
        with transaction() as unit:
            service.decide(
                unit,
                actor,
                tickets.get(unit, actor, number),
                said_id,
                meaning=chosen[0],
                reason=chosen[1],
                remember=bool(request.form.get("remember")),
                now=utcnow(),
            )
    except (NotFound, NotPermitted):
        raise
    except DeskError as refusal:
        flash(refusal.sentence, "danger")
        return redirect(url_for("tickets.show", number=number, _anchor="registry-desk"), 303)
    flash("Decided.", "success")
    return redirect(url_for("tickets.show", number=number, _anchor="registry-desk"), 303)


def _for_lead(session: Session, actor: Actor, number: int) -> tuple[Ticket, queries.Panel]:
    ticket = tickets.get(session, actor, number)
    panel = queries.panel_for(session, actor, ticket)
    if panel is None or not panel.may_act:
        raise NotFound
    return ticket, panel
