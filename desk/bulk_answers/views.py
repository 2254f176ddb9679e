"""Pages to answer the tickets of an issue at once: the preview with its boxes, and how far it is."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from desk import markup
from desk.access import current_actor, requires
from desk.accounts import queries as accounts
from desk.bulk_answers import queries, service
from desk.bulk_answers.forms import AnswerForm, FixForm, choice_of, ticked_at_first
from desk.bulk_answers.models import BulkAnswer
from desk.bulk_answers.queries import Desk, Offer
from desk.clock import utcnow
from desk.db import db, transaction
from desk.domain.bulk_answer import REASON_WORDS, BulkKind, letter, outcome_of
from desk.domain.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from desk.domain.identifiers import redact
from desk.domain.permissions import Permission
from desk.errors import status_of
from desk.forms import Form
from desk.issues import queries as issues
from desk.issues.models import Issue

blueprint = Blueprint("bulk_answers", __name__)


@blueprint.route("/issues/<int:number>/resolve/<int:consortium_id>", methods=["GET", "POST"])
@requires(Permission.ISSUE_EDIT)
def resolve(number: int, consortium_id: int) -> Any:
    """Resolve a consortium's tickets with their issue: which, what each is told, which not and why."""
    session, actor, desk = db.session(), current_actor(), Desk(consortium_id=consortium_id)
    issue = issues.get(session, actor, number)
    offer = queries.offer(session, actor, issue, desk)
    told = issues.publication(session, issue.id, consortium_id)
    workaround = told.workaround if told is not None else ""
    form = AnswerForm(outcome=outcome_of(issue.state, workaround).value)
    if request.method == "GET" and told is not None and told.withdrawn_at is None:
        form.text.data = workaround if form.outcome.data == "workaround" else ""

    def press(unit: Session) -> BulkAnswer:
        return service.start(
            unit,
            actor,
            issues.get(unit, actor, number),
            kind=BulkKind.RESOLVE,
            desk=desk,
            text=form.text.data,
            outcome=form.ending(),
            choice=choice_of(request.form),
            now=utcnow(),
        )

    place = accounts.consortium(session, consortium_id)
    return _page("bulk_answers/resolve.html", form, offer, press, issue=issue, place=place)


@blueprint.route("/issues/<int:number>/report-fix", methods=["GET", "POST"])
@requires(Permission.ESCALATION_WORK)
def report_fix(number: int) -> Any:
    """The registry reports the fix of what was escalated to it, ticket by ticket; its lead verifies with the member."""
    session, actor = db.session(), current_actor()
    issue = issues.get(session, actor, number)
    if issue.registry_id is None:
        raise NotFound
    desk, form = Desk(registry_id=issue.registry_id), FixForm()
    offer = queries.offer(session, actor, issue, desk)

    def press(unit: Session) -> BulkAnswer:
        return service.start(
            unit,
            actor,
            issues.get(unit, actor, number),
            kind=BulkKind.FIX,
            desk=desk,
            text=form.text.data,
            choice=choice_of(request.form),
            now=utcnow(),
        )

    return _page("bulk_answers/report_fix.html", form, offer, press, issue=issue)


@blueprint.get("/answers/<int:answer_id>")
@requires(Permission.ISSUE_EDIT)
def show(answer_id: int) -> Any:
    """How far an answer is, and which tickets were left out and why."""
    session, actor = db.session(), current_actor()
    bulk = queries.get(session, actor, answer_id)
    return render_template(
        "bulk_answers/show.html",
        bulk=bulk,
        counts=queries.counts(session, [bulk.id])[bulk.id],
        rows=queries.rows(session, actor, bulk),
        reasons=REASON_WORDS,
        said=markup.markdown(letter(bulk.text, bulk.workaround, bulk.next_update_at, actor.timezone)),
    )


def _page(
    template: str, form: Form, offer: Offer, press: Callable[[Session], BulkAnswer], *, issue: Issue, **more: Any
) -> Any:
    """The list with its boxes; ``preview`` shows what is read in each, the other button does it."""
    ticked, status, shown = ticked_at_first(offer), 200, ""
    if request.method == "POST":
        ticked, status, done = _posted(form, ticked, press)
        if done is not None:
            flash("It is being done, ticket by ticket. You can leave this page.", "success")
            return redirect(url_for("bulk_answers.show", answer_id=done), 303)
        shown = markup.markdown(redact(form["text"].data or "")[0]) if request.form.get("preview") else ""
    more |= {"ticked": ticked, "rest": bool(request.form.get("rest")), "shown": shown}
    return render_template(template, form=form, offer=offer, issue=issue, **more), status


def _posted(
    form: Form, ticked: frozenset[int], press: Callable[[Session], BulkAnswer]
) -> tuple[frozenset[int], int, int | None]:
    """What is ticked, the status, and the answer that was begun."""
    try:
        ticked = choice_of(request.form).chosen
        if not form.validate():
            return ticked, 422, None
        if request.form.get("preview"):
            return ticked, 200, None
        with transaction() as unit:
            return ticked, 303, press(unit).id
    except (InvalidInput, IllegalTransition, Conflict) as refusal:
        form.refuse(refusal.field if isinstance(refusal, InvalidInput) else None, refusal.sentence)
        return ticked, status_of(refusal), None
