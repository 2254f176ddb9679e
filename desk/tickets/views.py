"""Tickets in the browser: filing, the lists, and the one page of a ticket for all parties."""

from io import BytesIO
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from sqlalchemy.orm import Session

from desk import markup, storage, ticket_account, ticket_clocks, ticket_page
from desk.access import current_actor, requires
from desk.accounts import queries as accounts
from desk.accounts.models import MemberOrg
from desk.catalogue import queries as catalogue
from desk.clock import utcnow
from desk.db import db, transaction
from desk.domain.catalogue import Entry
from desk.domain.catalogue_fields import problems, validate_fields
from desk.domain.classify import candidates
from desk.domain.errors import Conflict, InvalidInput, NotFound
from desk.domain.lifecycle import State
from desk.domain.permissions import Permission, Role
from desk.domain.priority import Impact, Urgency
from desk.domain.vocabulary import Channel, TicketKind
from desk.errors import status_of
from desk.forms import id_of, page_of
from desk.known_issues import queries as known_issues
from desk.known_issues.queries import KnownIssue
from desk.mail import queries as mail
from desk.mail import stopped
from desk.sla import queries as sla
from desk.tickets import forms, queries, service
from desk.tickets.models import Ticket

blueprint = Blueprint("tickets", __name__)

PROPOSALS_SHOWN = 4


@blueprint.app_template_global("subject_of")
def subject_of(ticket: Ticket) -> str:
    """A ticket's subject as the reader of the page may read it; pages that a registry sees show this."""
    return queries.subject_for(db.session(), current_actor(), ticket)


# ------------------------------------------------------------------ lists


@blueprint.get("/tickets")
@requires(Permission.TICKET_READ)
def index() -> Any:
    """The reader's own tickets, those that wait for the reader first."""
    done, page = request.args.get("done") == "1", _page_number()
    rows = queries.my_tickets(db.session(), current_actor(), done=done, page=page)
    return render_template(
        "tickets/index.html", rows=rows[: queries.PAGE_SIZE], more=len(rows) > queries.PAGE_SIZE, page=page, done=done
    )


@blueprint.get("/queue")
@requires(Permission.TICKET_WORK)
def queue() -> Any:
    """The lead's queue, what is due next first."""
    actor, session, page = current_actor(), db.session(), _page_number()
    form = forms.QueueForm(request.args)
    members = [org for place in sorted(actor.consortia()) for org in accounts.member_orgs_of_consortium(session, place)]
    form.org.choices = [("", "Any member"), *((org.id, org.name) for org in members)]
    wanted = _queue_filter(form) if form.validate() else queries.QueueFilter()
    rows = queries.queue(session, actor, wanted, page=page)
    return render_template(
        "tickets/queue.html",
        form=form,
        wanted=wanted,
        rows=rows[: queries.PAGE_SIZE],
        more=len(rows) > queries.PAGE_SIZE,
        page=page,
        counts=queries.counts(session, actor),
        labels=sla.LABELS,
        soon=ticket_clocks.due_soon(session, [row.clock for row in rows], utcnow()),
        filter_args={name: value for name in ("q", "view", "state", "org") if (value := request.args.get(name))},
    )


def _queue_filter(form: forms.QueueForm) -> queries.QueueFilter:
    return queries.QueueFilter(
        mine=form.view.data == "mine",
        unassigned=form.view.data == "unassigned",
        done=form.view.data == "done",
        state=State(form.state.data) if form.state.data else None,
        member_org_id=form.org.data,
        words=form.q.data or "",
    )


def _page_number() -> int:
    return page_of(request.args.get("page", type=int))


# ------------------------------------------------------------------ filing


@blueprint.route("/tickets/new", methods=["GET", "POST"])
@requires(Permission.TICKET_OPEN)
def new() -> Any:
    """File a ticket. Without script, the proposal is asked for with a button of its own."""
    form = _new_form()
    if request.method == "GET" or request.form.get("way") == "propose":
        return _new_page(form)
    entry = catalogue.entry(db.session(), form.catalogue_key.data)
    wrong = problems(entry, _answers(form, entry), forms.asked(entry), zone=_zone(), partial=True) if entry else []
    if not form.validate() or wrong:
        return _new_page(form, wrong), 422
    if _unseen(form):
        return _new_page(form, ask=True)
    try:
        with transaction() as unit:
            ticket = service.open_ticket(unit, current_actor(), _draft(unit, form), channel=Channel.WEB, now=utcnow())
    except (InvalidInput, Conflict) as error:
        form.refuse(getattr(error, "field", None), error.sentence)
        return _new_page(form), status_of(error)
    flash(f"Your ticket has the number {ticket.number}. A receipt is on its way to you by mail.", "success")
    return redirect(url_for("tickets.show", number=ticket.number), 303)


def _new_form() -> forms.NewTicketForm:
    """The form with the places this person files for: a member's own, or any contact of a lead's consortium."""
    actor, session, form = current_actor(), db.session(), forms.NewTicketForm()
    orgs = accounts.member_orgs_of(session, actor)
    if orgs:
        del form.behalf
        form.member_org_id.choices = [(org.id, f"{org.name} ({org.consortium.name})") for org in orgs]
        form.member_org_id.data = form.member_org_id.data or orgs[0].id
        return form
    del form.member_org_id
    groups: dict[str, list[tuple[str, str]]] = {}
    for place in sorted(actor.consortia()):
        for org, person in accounts.contacts_of_consortium(session, place, utcnow()):
            groups.setdefault(org.name, []).append((f"{org.id}:{person.id}", f"{person.name}, {org.name}"))
    form.behalf.choices = {"": [("", "Choose a contact")], **groups}
    return form


def _new_page(form: forms.NewTicketForm, wrong: list[tuple[str, str]] | None = None, *, ask: bool = False) -> str:
    return render_template("tickets/new.html", form=form, wrong=wrong or [], ask=ask, **_proposal(form))


def _unseen(form: forms.NewTicketForm) -> bool:
    """Whether a member is about to file what may be a known issue that no page has shown them yet: asked once."""
    if "member_org_id" not in form:
        return False
    seen = {id_of(each) for each in request.form.getlist("seen")}
    return any(each.number not in seen for each in _known(db.session(), form))


def _known(session: Session, form: forms.NewTicketForm) -> list[KnownIssue]:
    """Known issues like what was written, as far as they are published where it would be filed."""
    found = known_issues.known_like(session, current_actor(), f"{form.subject.data or ''}\n{form.text.data or ''}")
    if "member_org_id" not in form:
        return found
    org = session.get(MemberOrg, form.member_org_id.data)
    return [each for each in found if org is not None and each.publication.consortium_id == org.consortium_id]


def _draft(session: Session, form: forms.NewTicketForm) -> service.NewTicket:
    org_id, person_id = _place(form)
    org = session.get(MemberOrg, org_id)
    if org is None:
        raise NotFound
    entry = catalogue.entry(session, form.catalogue_key.data)
    answers = _answers(form, entry)
    return service.NewTicket(
        consortium_id=org.consortium_id,
        member_org_id=org.id,
        subject=form.subject.data,
        text=form.text.data,
        kind=TicketKind(form.kind.data),
        environment=forms.environment_of(form.environment.data),
        catalogue_key=entry.key if entry else None,
        fields=validate_fields(entry, answers, forms.asked(entry), zone=_zone(), partial=True) if entry else {},
        impact=Impact(form.impact.data),
        urgency=Urgency(form.urgency.data),
        files=forms.files_of(form.files),
        requester_id=person_id,
        form_key=form.key.data[:64] if form.key.data else None,
    )


def _place(form: forms.NewTicketForm) -> tuple[int, int | None]:
    """The organisation, and whom a lead files for."""
    if "member_org_id" in form:
        return form.member_org_id.data, None
    chosen = forms.pair_of_ids(form.behalf.data or "")
    if chosen is None:
        raise InvalidInput("Choose for whom you file this.", field="behalf")
    return chosen


@blueprint.post("/tickets/preview")
@requires(Permission.MESSAGE_ADD)
def preview() -> Any:
    """How typed Markdown will look: a fragment for the page's script, a page of its own without."""
    html = markup.markdown(request.form.get(request.form.get("of", "text"), "").replace("\x00", ""))
    return render_template("tickets/preview.html", html=html, whole="HX-Request" not in request.headers)


@blueprint.post("/tickets/propose")
@requires(Permission.TICKET_OPEN)
def propose() -> Any:
    """What the text may be about, and what the desk will want to know then."""
    form = _new_form()
    return render_template("tickets/_proposal.html", form=form, wrong=[], **_proposal(form))


def _proposal(form: forms.NewTicketForm) -> dict[str, Any]:
    session = db.session()
    text = f"{form.subject.data or ''}\n{form.text.data or ''}"
    if not text.strip():
        return {"matches": [], "entry": None, "known": [], "answers": {}}
    matches = candidates(text, catalogue.catalogue(session), service=_service(session, form))[:PROPOSALS_SHOWN]
    entry = catalogue.entry(session, form.catalogue_key.data)
    return {
        "matches": [match.entry for match in matches if match.entry != entry],
        "entry": entry,
        "known": _known(session, form),
        "answers": _answers(form, entry),
    }


def _service(session: Session, form: forms.NewTicketForm) -> str | None:
    org_id = form.member_org_id.data if "member_org_id" in form else None
    org = session.get(MemberOrg, org_id) if org_id in current_actor().orgs() else None
    return accounts.consortium(session, org.consortium_id).parent_registry.service if org else None


def _answers(form: forms.NewTicketForm, entry: Entry | None) -> dict[str, Any]:
    return forms.answers(entry, request.form, {"environment": form.environment.data or ""})


def _zone() -> str:
    return current_actor().timezone


# ------------------------------------------------------------------ the page of a ticket


@blueprint.get("/tickets/<int:number>")
@requires(Permission.TICKET_READ)
def show(number: int) -> Any:
    """The one page of a ticket; the scope decides what each party sees of it."""
    actor = current_actor()
    manages = bool(actor.consortia(frozenset({Role.LEAD_MANAGER})))
    session = db.session()
    addressed = mail.addressed_with(session, number) if actor.consortia() else ()
    return ticket_page.show(
        number, stopped=stopped.on_ticket(session, actor, number), manages_mail=manages, addressed=addressed
    )


# ------------------------------------------------------------------ files and clocks


@blueprint.get("/attachments/<int:attachment_id>")
@requires(Permission.MESSAGE_READ)
def attachment(attachment_id: int) -> Any:
    """A file, always to be saved and never to be run by the browser."""
    found = queries.attachment_for(db.session(), current_actor(), attachment_id)
    try:
        data = storage.store().get(found.key)
    except KeyError:
        raise NotFound from None
    answer = send_file(BytesIO(data), mimetype=found.content_type, as_attachment=True, download_name=found.file_name)
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    del answer.headers["Cache-Control"]  # send_file lets copies be kept; a file is kept nowhere, as a page is not
    return answer


@blueprint.get("/tickets/<int:number>/clocks")
@requires(Permission.TICKET_READ)
def clocks(number: int) -> Any:
    """Why each date is what it is, line by line."""
    session, actor = db.session(), current_actor()
    ticket = queries.get(session, actor, number)
    page = ticket_account.assemble(session, actor, ticket, utcnow())
    return render_template("tickets/clocks.html", ticket=ticket, page=page, side=page.side.value)


@blueprint.get("/tickets/<int:number>/clocks/panel")
@requires(Permission.TICKET_READ)
def clocks_panel(number: int) -> Any:
    """The part of the ticket page that goes on by itself: a fragment for its script, a page of its own without."""
    session, actor = db.session(), current_actor()
    ticket = queries.get(session, actor, number)
    side = ticket_clocks.side_of(actor, queries.subject_of(session, ticket))
    time = ticket_clocks.panel_of(session, ticket, side, utcnow())
    return render_template(
        "tickets/clocks_panel.html", ticket=ticket, time=time, whole="HX-Request" not in request.headers
    )
