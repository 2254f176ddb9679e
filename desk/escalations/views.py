"""The hand-over in the browser: the lead's brief and preview, the registry's queue, and the answers of both."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from desk.access import current_actor, requires
from desk.accounts import queries as accounts
from desk.accounts.models import Consortium
from desk.catalogue import queries as catalogue
from desk.clock import utcnow
from desk.db import db, transaction
from desk.domain.catalogue import Entry, EntryKind
from desk.domain.errors import DeskError, NotFound, NotPermitted
from desk.domain.escalation import (
    REASON_LABELS,
    SIDES,
    STATE_LABELS,
    STATE_WORDS,
    WITH_REGISTRY,
    EscalationState,
    Move,
    ReturnReason,
    Side,
)
from desk.domain.permissions import Actor, Permission, Place, may
from desk.errors import status_of
from desk.escalations import forms, queries, service
from desk.escalations.models import Escalation
from desk.forms import page_of
from desk.handover import service as handover
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket

blueprint = Blueprint("escalations", __name__)


DONE: dict[Move, str] = {
    Move.ACCEPT: "Accepted. You are its problem manager now.",
    Move.DECLINE: "Declined. The lead has it again, with the entry that answers it.",
    Move.RETURN: "Returned to the lead.",
    Move.REPORT_FIX: "The fix is reported. The lead asks the member whether it works.",
    Move.MOVE_TIER: "The ticket was moved to the other tier.",
    Move.WITHDRAW: "The escalation is withdrawn.",
    Move.VERIFY: "Verified. The ticket is resolved and the escalation closed.",
    Move.CLOSE: "The escalation is closed.",
}

# Title, what it means, and the button of each answer; the first words of the title are the button on the ticket page.
WORDS: dict[Move, tuple[str, str, str]] = {
    Move.ACCEPT: ("Accept it", "You take it on and become its problem manager. The lead is told.", "Accept"),
    Move.DECLINE: (
        "Decline it",
        "The lead can answer it: choose the entry that says how. The lead reads it with your message.",
        "Decline and send back",
    ),
    Move.RETURN: ("Return it", "The lead has to find something out or do something first.", "Return to the lead"),
    Move.REPORT_FIX: ("Report a fix", "The lead asks the member whether it works now.", "Report the fix"),
    Move.MOVE_TIER: ("Move it to the other tier", "It stays with the registry; its clock goes on.", "Move it"),
    Move.WITHDRAW: (
        "Take it back",
        "The ticket is yours again. What the registry has read it has read.",
        "Take it back",
    ),
    Move.VERIFY: ("The member says that it works", "The ticket is resolved as solved.", "Verified: resolve the ticket"),
    Move.CLOSE: (
        "Close the escalation",
        "You answer the member yourselves; the registry is asked no more.",
        "Close it",
    ),
}
# Withdrawing what the registry has not, or no longer.
_DROP = ("Drop the escalation", "The brief is not sent, and you go on with the ticket yourselves.", "Drop it")
_TIERS = {3: "Pass it to engineering", 2: "Pass it back to support"}
_FORWARD = frozenset({Move.REPORT_FIX, Move.VERIFY})  # what usually comes next looks so


@blueprint.app_context_processor
def words() -> dict[str, Any]:
    """What the panel of the ticket page and the pages here call states, reasons and moves."""
    return {
        "escalation_labels": STATE_LABELS,
        "return_reasons": REASON_LABELS,
        "escalation_words": _words,
        "escalation_buttons": _buttons,
        "may_choose_writing": _may_choose_writing,
    }


def _words(move: Move, form: forms.ActForm, panel: queries.Panel) -> tuple[str, str, str]:
    title, text, button = _said(move, panel)
    if isinstance(form, forms.TierForm):
        title = _TIERS[int(form.tier.data)]
    return title, text, button


def _said(move: Move, panel: queries.Panel) -> tuple[str, str, str]:
    drops = move is Move.WITHDRAW and panel.escalation is not None and panel.escalation.state not in WITH_REGISTRY
    return _DROP if drops else WORDS[move]


def _buttons(panel: queries.Panel) -> list[tuple[Move, str, str]]:
    """The moves of the panel with their words and looks; sending has a button of its own."""
    tier = panel.escalation.tier if panel.escalation else 2
    found: list[tuple[Move, str, str]] = []
    for move in panel.moves:
        if move in WORDS and move is not Move.ACCEPT:  # that one is a form of the panel's own
            title = _TIERS[5 - tier] if move is Move.MOVE_TIER else _said(move, panel)[0]
            found.append((move, title, "primary" if move in _FORWARD else "secondary"))
    return found


# ------------------------------------------------------------------ lists


@blueprint.get("/escalations")
@requires(Permission.ESCALATION_WORK)
def index() -> str:
    """The registry's queue, what is due next first."""
    return _list("escalations/index.html")


@blueprint.get("/escalations/sent")
@requires(Permission.TICKET_ESCALATE)
def sent() -> str:
    """What the lead has handed over, or is preparing."""
    places = [accounts.consortium(db.session(), each) for each in sorted(current_actor().consortia())]
    return _list("escalations/sent.html", writing=[(place, _may_choose_writing(place)) for place in places])


def _list(template: str, **more: Any) -> str:
    session, actor = db.session(), current_actor()
    page = page_of(request.args.get("page", type=int))
    wanted, mine = request.args.get("state", ""), request.args.get("mine") == "1"
    state = EscalationState(wanted) if wanted in set(EscalationState) else None
    rows = queries.queue(session, actor, state=state, mine=mine, page=page)
    return render_template(
        template,
        rows=rows[: queries.PAGE_SIZE],
        more=len(rows) > queries.PAGE_SIZE,
        page=page,
        state=state,
        mine=mine,
        counts=queries.counts(session, actor),
        states=EscalationState,
        labels=STATE_WORDS,
        **more,
    )


# ------------------------------------------------------------------ the answers


@blueprint.route("/tickets/<int:number>/escalation/<move>", methods=["GET", "POST"])
@requires(Permission.TICKET_ESCALATE)
def act(number: int, move: str) -> Any:
    """What the lead does with a hand-over: withdraw, verify, close."""
    return _act(number, move, Side.LEAD, "escalations/act.html")


@blueprint.route("/escalations/<int:number>/<move>", methods=["GET", "POST"])
@requires(Permission.ESCALATION_WORK)
def answer(number: int, move: str) -> Any:
    """What the registry does with one: accept, decline, return, move between tiers, report a fix."""
    return _act(number, move, Side.REGISTRY, "escalations/answer.html")


@blueprint.post("/tickets/<int:number>/registry-writes")
@requires(Permission.TICKET_ESCALATE)
def writing(number: int) -> Any:
    """The lead lets the registry write to the member of this ticket, or no longer."""
    allowed = request.form.get("allowed") == "yes"
    with transaction() as unit:
        ticket = tickets.get(unit, current_actor(), number)
        handover.let_registry_write(unit, current_actor(), ticket, allowed=allowed, now=utcnow())
    done = "may write to the member now" if allowed else "writes to the member no longer; what it wrote stays"
    flash(f"The registry {done}.", "success")
    return redirect(url_for("tickets.show", number=number, _anchor="escalation"), 303)


@blueprint.route("/escalations/sent/writing/<slug>", methods=["GET", "POST"])
@requires(Permission.HANDOVER_EDIT)
def writing_at_first(slug: str) -> Any:
    """Whether the registry may write to the members of a consortium, unless a ticket says otherwise."""
    place = accounts.consortium_by_slug(db.session(), slug)
    if place is None or not _may_choose_writing(place):
        raise NotFound
    form = forms.WritingForm(allowed="yes" if place.registry_may_write else "no")
    if form.validate_on_submit():
        allowed = form.allowed.data == "yes"
        with transaction() as unit:
            handover.let_registry_write_at_first(unit, current_actor(), place.id, allowed=allowed, now=utcnow())
        flash("It is kept, for tickets that are opened from now on.", "success")
        return redirect(url_for("escalations.sent"), 303)
    return render_template("escalations/writing.html", form=form, place=place), 422 if form.is_submitted() else 200


def _may_choose_writing(place: Consortium) -> bool:
    return may(current_actor(), Permission.HANDOVER_EDIT, Place(consortium_id=place.id))


def _act(number: int, name: str, side: Side, template: str) -> Any:
    session, actor = db.session(), current_actor()
    move = next((each for each in forms.FORMS if each == name and SIDES[each] is side), None)
    ticket, found = queries.get(session, actor, number)
    if move is None or side not in queries.sides_of(actor, ticket, found):
        raise NotFound
    form = _form(session, move, ticket, found)
    if request.method == "GET":
        form.version.data = found.version
        return _act_page(template, move, form, number)
    if not form.validate():
        return _act_page(template, move, form, number), 422
    try:
        with transaction() as unit:
            VERBS[move](unit, actor, tickets.get(unit, actor, number), form)
    except (NotFound, NotPermitted):
        raise
    except DeskError as error:
        form.refuse(getattr(error, "field", None), error.sentence)
        return _act_page(template, move, form, number), status_of(error)
    flash(DONE[move], "success")
    return redirect(url_for("tickets.show", number=number), 303)


def _form(session: Session, move: Move, ticket: Ticket, found: Escalation) -> forms.ActForm:
    entries: list[tuple[str, str]] = []
    if move is Move.DECLINE:
        rows = catalogue.entries(session, EntryKind.INCIDENT, ticket.service)
        entries = forms.entry_choices([row for row in rows if row.tier == 1])
    return forms.act_form(move, entries, found.tier)


def _act_page(template: str, move: Move, form: forms.ActForm, number: int) -> str:
    session, actor = db.session(), current_actor()
    ticket = tickets.get(session, actor, number)
    panel = queries.panel_for(session, ticket, actor)
    entry: Entry | None = catalogue.entry_for(session, ticket.catalogue_key, ticket.consortium_id)
    return render_template(template, ticket=ticket, panel=panel, move=move, form=form, entry=entry)


Verb = Callable[[Session, Actor, Ticket, Any], object]

VERBS: dict[Move, Verb] = {
    Move.ACCEPT: lambda s, a, t, f: service.accept(
        s, a, t, reference=f.reference.data or "", version=f.version.data, now=utcnow()
    ),
    Move.DECLINE: lambda s, a, t, f: service.decline(
        s, a, t, entry_key=f.entry_key.data, text=f.text.data or "", version=f.version.data, now=utcnow()
    ),
    Move.RETURN: lambda s, a, t, f: service.return_(
        s, a, t, reason=ReturnReason(f.reason.data), text=f.text.data, version=f.version.data, now=utcnow()
    ),
    Move.REPORT_FIX: lambda s, a, t, f: service.report_fix(
        s, a, t, text=f.text.data, version=f.version.data, now=utcnow()
    ),
    Move.MOVE_TIER: lambda s, a, t, f: service.move_tier(
        s, a, t, tier=int(f.tier.data), text=f.text.data or "", version=f.version.data, now=utcnow()
    ),
    Move.WITHDRAW: lambda s, a, t, f: service.withdraw(
        s, a, t, text=f.text.data or "", version=f.version.data, now=utcnow()
    ),
    Move.VERIFY: lambda s, a, t, f: service.verify(
        s, a, t, text=f.text.data or "", version=f.version.data, now=utcnow()
    ),
    Move.CLOSE: lambda s, a, t, f: service.close(s, a, t, version=f.version.data, now=utcnow()),
}
