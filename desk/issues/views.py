"""Pages of the issues register, for the desks."""

from collections.abc import Callable
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from desk.access import current_actor, requires
from desk.catalogue import queries as catalogue
from desk.clock import utcnow
from desk.db import db, transaction
from desk.delegation import queries as delegation
from desk.domain import register, spreadsheet
from desk.domain.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from desk.domain.permissions import IssueSubject, Permission, may
from desk.domain.register import Filters, IssueState
from desk.domain.script import TRIED, HoldsScript
from desk.drafts import queries as drafts
from desk.errors import status_of
from desk.forms import Form, id_of, page_of
from desk.issues import queries, service
from desk.issues.forms import (
    DecisionForm,
    EntryForm,
    IssueForm,
    LinkForm,
    MoveForm,
    RegisterForm,
    UpstreamForm,
    said_by_ticket,
)
from desk.issues.models import Issue, IssueDecision
from desk.known_issues import queries as known
from desk.known_issues import service as telling
from desk.known_issues.forms import instant
from desk.matching.service import LINKED_AT_ONCE

blueprint = Blueprint("issues", __name__)

EXPORTED_AT_MOST = 10_000
EXPORT_COLUMNS = (
    "number",
    "title",
    "state",
    "service",
    "register",
    "responsible",
    "members affected",
    "consortia affected",
    "own members",
    "first seen",
    "next review",
    "review overdue",
    "registry reference",
    "issue of the registry",
)


# ------------------------------------------------------------------ the register


@blueprint.get("/issues")
@requires(Permission.ISSUE_READ)
def index() -> Any:
    """The register of the desks of this person."""
    form = RegisterForm(request.args)
    filters = Filters(form.state.data, form.service.data, form.q.data or "") if form.validate() else Filters()
    page = page_of(form.page.data)
    lines = queries.register_lines(db.session(), current_actor(), filters, today(), page)
    more = bool(lines) and lines[0].total > page * queries.PAGE_SIZE
    leads, waiting = bool(current_actor().consortia()), drafts.waiting_count(db.session(), current_actor())
    shown = {"lines": lines, "page": page, "more": more, "today": today(), "leads": leads, "waiting": waiting}
    return render_template("issues/index.html", form=form, **shown)


@blueprint.get("/issues.csv")
@requires(Permission.ISSUE_READ)
def export() -> Any:
    """The register as the page lists it, for a spreadsheet: own members by name, all others as a number."""
    form, session, actor = RegisterForm(request.args), db.session(), current_actor()
    filters = Filters(form.state.data, form.service.data, form.q.data or "") if form.validate() else Filters()
    lines = queries.register_lines(session, actor, filters, today(), size=EXPORTED_AT_MOST)
    own = queries.own_members(session, actor, [line.issue.id for line in lines])
    text = spreadsheet.written(EXPORT_COLUMNS, (_exported(line, own.get(line.issue.id, [])) for line in lines))
    answer = Response(text, content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = "attachment; filename=issues.csv"
    return answer


def _exported(line: queries.RegisterLine, own: list[str]) -> tuple[spreadsheet.Cell, ...]:
    issue = line.issue
    return (
        issue.number,
        issue.title,
        register.STAFF_WORDS[issue.state],
        issue.service,
        line.owned_by,
        line.responsible,
        line.members,
        line.consortia,
        "; ".join(own),
        issue.first_seen.isoformat(),
        issue.next_review_on.isoformat() if issue.next_review_on else None,
        "yes" if line.is_overdue(today()) else "no",
        issue.registry_reference,
        issue.upstream_issue_id,
    )


@blueprint.route("/issues/new", methods=["GET", "POST"])
@requires(Permission.ISSUE_EDIT)
def new() -> Any:
    """A new issue; with ``?ticket=N``, once or several times, prefilled from the first and linked to all."""
    tickets = _tickets()
    form = IssueForm(**_prefilled(tickets))
    place = form.offer_registers(db.session(), current_actor(), request.args.get("register"))
    form.offer(db.session(), IssueSubject(place.get("consortium_id"), place.get("registry_id")), utcnow())
    status = 200
    if form.validate_on_submit():
        number, status = _attempt(form, lambda unit: _opened(unit, form, place, tickets))
        if number is not None:
            flash(f"Issue {number} is in the register.", "success")
            return redirect(url_for("issues.show", number=number), 303)
    return render_template("issues/new.html", form=form, tickets=tickets), _status(form, status)


def _opened(unit: Session, form: IssueForm, place: dict[str, int], tickets: list[int]) -> int:
    actor, now = current_actor(), utcnow()
    return service.open_issue(unit, actor, form.draft(), **place, ticket_numbers=tickets, now=now).id


def _tickets() -> list[int]:
    """The tickets that the issue shall be linked to, as the address or the form names them."""
    found = [id_of(each) for each in request.values.getlist("ticket")[:LINKED_AT_ONCE]]
    if None in found:
        raise NotFound
    return list(dict.fromkeys(each for each in found if each is not None))


def _prefilled(tickets: list[int]) -> dict[str, Any]:
    if request.method == "POST" or not tickets:
        return {"first_seen": today()}
    return said_by_ticket(db.session(), current_actor(), tickets[0])


@blueprint.get("/issues/<int:number>")
@requires(Permission.ISSUE_READ)
def show(number: int) -> Any:
    """The record with all that belongs to it; of a merged one, that in which it goes on."""
    issue = _of(db.session(), number)
    if issue.merged_into_id is not None:
        # For good: whoever kept the old address may forget it.
        return redirect(url_for("issues.show", number=issue.merged_into_id), 301)
    return _record_page(number)


@blueprint.route("/issues/<int:number>/edit", methods=["GET", "POST"])
@requires(Permission.ISSUE_EDIT)
def edit(number: int) -> Any:
    """Edit the record; after somebody else did, both texts are shown and nothing is lost."""
    issue, session = _editable(number), db.session()
    form = IssueForm(obj=issue)
    form.offer(session, queries.subject_of(session, issue), utcnow(), issue)
    status = 200
    if form.validate_on_submit():
        saved, status = _attempt(form, lambda unit: _edited(unit, form, number))
        if saved is not None:
            flash("The record is saved.", "success")
            return redirect(url_for("issues.show", number=number), 303)
    issue = _of(session, number)
    if status == 409:
        # Who has now seen the other text may decide to replace it.
        form.version.raw_data, form.version.data = None, issue.version
    return render_template("issues/edit.html", form=form, issue=issue, conflict=status == 409), _status(form, status)


def _edited(unit: Session, form: IssueForm, number: int) -> Issue:
    version = form.version.data or 0
    return service.edit_issue(unit, current_actor(), _of(unit, number), form.draft(), version=version, now=utcnow())


@blueprint.post("/issues/<int:number>/move")
@requires(Permission.ISSUE_EDIT)
def move(number: int) -> Any:
    """Move the issue to another state."""
    form = MoveForm()

    def verb(unit: Session, issue: Issue) -> Issue:
        to, note, version = IssueState(form.to.data), form.note.data or "", form.version.data
        return service.move_issue(unit, current_actor(), issue, to=to, note=note, version=version, now=utcnow())

    over = form.to.data in (IssueState.FIXED.value, IssueState.CLOSED.value)
    done = "The issue was moved on." + (" Its open tickets can be resolved with it." if over else "")
    return _do(number, form, "moving", verb, done)


@blueprint.post("/issues/<int:number>/upstream")
@requires(Permission.ISSUE_EDIT)
def upstream(number: int) -> Any:
    """Point to the registry's issue, or no longer."""
    form, issue = UpstreamForm(), _editable(number)
    form.offer(queries.upstream_choices(db.session(), current_actor(), issue), issue.upstream)

    def verb(unit: Session, issue: Issue) -> Issue:
        return service.link_upstream(unit, current_actor(), issue, upstream_number=form.upstream.data, now=utcnow())

    answer = _do(number, form, "upstream_form", verb, "The link to the registry's issue is saved.")
    if form.form_errors or form.errors:
        _note_refusal(number, "an upward link")
    return answer


@blueprint.post("/issues/<int:number>/decide")
@requires(Permission.ISSUE_EDIT)
def decide(number: int) -> Any:
    """Write down a decision."""
    form = DecisionForm()

    def verb(unit: Session, issue: Issue) -> IssueDecision:
        return service.add_decision(unit, current_actor(), issue, text=form.text.data, now=utcnow())

    return _do(number, form, "deciding", verb, "The decision is written down.")


@blueprint.post("/issues/<int:number>/updates")
@requires(Permission.ISSUE_EDIT)
def update(number: int) -> Any:
    """Add a dated entry."""
    form = EntryForm()
    form.offer(db.session(), current_actor(), _of(db.session(), number))

    def verb(unit: Session, issue: Issue) -> Any:
        audience, place = form.readers()
        until = instant(form.next_update_at.data, current_actor().timezone)
        return telling.add_update(
            unit,
            current_actor(),
            issue,
            audience=audience,
            text=form.text.data,
            consortium_id=place,
            next_update_at=until,
            now=utcnow(),
        )

    return _do(number, form, "entering", verb, "The update is added.")


@blueprint.post("/issues/link")
@requires(Permission.ISSUE_EDIT)
def link() -> Any:
    """Link a ticket to an issue, from either page."""
    return _linking(service.link_ticket, "Ticket {ticket} is linked to issue {issue}.", "They were linked already.")


@blueprint.post("/issues/unlink")
@requires(Permission.ISSUE_EDIT)
def unlink() -> Any:
    """Take a link back, from either page."""
    return _linking(
        service.unlink_ticket, "Ticket {ticket} no longer belongs to issue {issue}.", "They were not linked."
    )


def _linking(verb: Callable[..., bool], done: str, nothing: str) -> Any:
    form = LinkForm()
    if not form.validate():
        raise InvalidInput("Please enter the number of the issue and of the ticket.")
    issue, ticket = form.issue.data, form.ticket.data
    try:
        with transaction() as unit:
            changed = verb(unit, current_actor(), _of(unit, issue), ticket_number=ticket, now=utcnow())
    except NotFound:
        _note_refusal(issue, "a ticket of elsewhere")
        raise
    flash(done.format(ticket=ticket, issue=issue) if changed else nothing, "success" if changed else "info")
    if form.back.data == "ticket":
        return redirect(url_for("tickets.show", number=ticket, _anchor="issues"), 303)
    return redirect(url_for("issues.show", number=issue, _anchor="tickets"), 303)


# ------------------------------------------------------------------ what they share


def today() -> date:
    """The reader's date."""
    return utcnow().astimezone(ZoneInfo(current_actor().timezone)).date()


def _note_refusal(number: int, what: str) -> None:
    """Keep that it was tried; of an issue that this person does not see there is nothing to keep it at."""
    with transaction() as unit:
        service.note_refusal(unit, current_actor(), _of(unit, number), what, utcnow())


def _of(session: Session, number: int) -> Issue:
    return queries.get(session, current_actor(), number)


def _editable(number: int) -> Issue:
    """The issue, for somebody who may edit it; who may only read it finds no such page."""
    issue = _of(db.session(), number)
    if not may(current_actor(), Permission.ISSUE_EDIT, queries.subject_of(db.session(), issue)):
        raise NotFound
    return issue


def _attempt(form: Form, verb: Callable[[Session], Any], number: int | None = None) -> tuple[Any, int]:
    """What the verb returns, or None with the status of its refusal, which is shown in the form."""
    try:
        with transaction() as unit:
            return verb(unit), 303
    except (InvalidInput, IllegalTransition, Conflict) as refusal:
        form.refuse(getattr(refusal, "field", None), refusal.sentence)
        if number is not None and isinstance(refusal, HoldsScript):
            _note_refusal(number, TRIED)
        return None, status_of(refusal)


def _status(form: Form, status: int) -> int:
    return 422 if status == 200 and form.errors else status


def _do(number: int, form: Form, name: str, verb: Callable[[Session, Issue], Any], done: str) -> Any:
    """A form of the record's page: do it and show the page again, or show the form with what was refused."""
    status = 422
    if form.validate():
        result, status = _attempt(form, lambda unit: verb(unit, _of(unit, number)), number)
        if result is not None:
            flash(done, "success")
            return redirect(url_for("issues.show", number=number), 303)
    return _record_page(number, status, **{name: form})


def _record_page(number: int, status: int = 200, **refused: Form) -> Any:
    session, actor = db.session(), current_actor()
    issue = _of(session, number)
    forms: dict[str, Any] = {
        "moving": MoveForm(formdata=None, version=issue.version),
        "deciding": DecisionForm(formdata=None),
        "entering": EntryForm(formdata=None),
        "upstream_form": UpstreamForm(formdata=None, upstream=issue.upstream_issue_id),
        **refused,
    }
    forms["moving"].offer(issue.state)
    forms["entering"].offer(session, actor, issue)
    forms["upstream_form"].offer(queries.upstream_choices(session, actor, issue), issue.upstream)
    return (
        render_template(
            "issues/show.html",
            issue=issue,
            edits=may(actor, Permission.ISSUE_EDIT, queries.subject_of(session, issue)),
            affected=queries.affected(session, actor, issue),
            upstream_affected=queries.affected(session, actor, issue.upstream) if issue.upstream else None,
            tickets=queries.linked_tickets(session, actor, issue),
            entries=queries.entries_for(session, actor, issue),
            decisions=queries.decisions_for(session, actor, issue),
            below=queries.below(session, actor, issue),
            publications=known.publications_for(session, actor, issue),
            told=delegation.panel(session, actor, issue),
            entry=catalogue.entry(session, issue.catalogue_key),
            refused=next(iter(refused.values()), None),
            overdue=register.is_overdue(issue.next_review_on, issue.state, today()),
            **forms,
        ),
        status,
    )
