"""Pages of a registry's updates: written once for all leads, corrected, and what became of each draft."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from sqlalchemy.orm import Session

from desk.access import current_actor, requires
from desk.clock import utcnow
from desk.db import db, transaction
from desk.delegation import queries, service
from desk.delegation.forms import UpdateForm, as_written
from desk.domain.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from desk.domain.permissions import Permission, may
from desk.domain.register import LIVE, IssueState
from desk.domain.script import TRIED, HoldsScript
from desk.drafts.models import RegistryUpdate
from desk.errors import status_of
from desk.issues import queries as issues
from desk.issues import service as register
from desk.issues.models import Issue

blueprint = Blueprint("delegation", __name__)


@blueprint.route("/issues/<int:number>/delegate", methods=["GET", "POST"])
@requires(Permission.ESCALATION_WORK)
def write(number: int) -> Any:
    """One update of a registry's issue, and which leads get a draft of it."""
    actor, issue = current_actor(), _own(number)
    helps = issue.workaround if issue.state in LIVE else ""
    form = UpdateForm(version=issue.version, to=issue.state.value, workaround=helps)
    form.offer(issue.state)

    def verb(unit: Session) -> RegistryUpdate:
        found, to = issues.get(unit, actor, number), IssueState(form.to.data)
        text, version = form.written(actor.timezone), form.version.data
        return service.write_update(unit, actor, found, text, to=to, version=version, now=utcnow())

    update, status = _attempt(form, number, verb)
    if update is not None:
        flash("The update is written. Each lead has a draft of it.", "success")
        return redirect(url_for("delegation.show", update_id=update.id), 303)
    if status == 409:
        form.version.raw_data, form.version.data = None, _own(number).version
    places = queries.consortia_of(db.session(), issue)
    return render_template("delegation/write.html", form=form, issue=issue, places=places), status


@blueprint.get("/updates/<int:update_id>")
@requires(Permission.ESCALATION_WORK)
def show(update_id: int) -> Any:
    """An update and what became of each draft: by consortium, in numbers."""
    session = db.session()
    update = queries.update_of(session, current_actor(), update_id)
    tally = queries.tally(session, [update.id])[update.id]
    return render_template("delegation/show.html", update=update, lines=queries.lines(session, update), tally=tally)


@blueprint.route("/updates/<int:update_id>/edit", methods=["GET", "POST"])
@requires(Permission.ESCALATION_WORK)
def edit(update_id: int) -> Any:
    """Correct the words of an update."""
    actor = current_actor()
    update = queries.update_of(db.session(), actor, update_id)
    form = UpdateForm(**as_written(update, actor.timezone))
    form.offer(update.state)

    def verb(unit: Session) -> RegistryUpdate:
        found = queries.update_of(unit, actor, update_id)
        return service.revise_update(
            unit, actor, found, form.written(actor.timezone), version=form.version.data, now=utcnow()
        )

    done, status = _attempt(form, update.issue_id, verb)
    if done is not None:
        flash("The words are corrected. Drafts that nobody had touched have them; the other leads are told.", "success")
        return redirect(url_for("delegation.show", update_id=update_id), 303)
    if status == 409:
        form.version.raw_data, form.version.data = None, queries.update_of(db.session(), actor, update_id).version
    return render_template("delegation/edit.html", form=form, update=update), status


def _own(number: int) -> Issue:
    """An issue of the registry at whose desk this person works."""
    issue = issues.get(db.session(), current_actor(), number)
    subject = issues.subject_of(db.session(), issue)
    if issue.registry_id is None or not may(current_actor(), Permission.ISSUE_EDIT, subject):
        raise NotFound
    return issue


def _attempt(
    form: UpdateForm, number: int, verb: Callable[[Session], RegistryUpdate]
) -> tuple[RegistryUpdate | None, int]:
    """What the verb returns, or None with the status of the page: its refusal is shown in the form."""
    if not form.is_submitted():
        return None, 200
    if not form.validate():
        return None, 422
    try:
        with transaction() as unit:
            return verb(unit), 303
    except (InvalidInput, IllegalTransition, Conflict) as refusal:
        form.refuse(refusal.field if isinstance(refusal, InvalidInput) else None, refusal.sentence)
        if isinstance(refusal, HoldsScript):
            with transaction() as unit:
                register.note_refusal(unit, current_actor(), issues.get(unit, current_actor(), number), TRIED, utcnow())
        return None, status_of(refusal)
