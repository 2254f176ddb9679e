"""The page that merges an issue into another: first a look at both, then the merge."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from desk.access import current_actor, requires
from desk.clock import utcnow
from desk.db import db, transaction
from desk.domain.errors import Conflict, InvalidInput, NotFound
from desk.domain.permissions import Permission, may
from desk.errors import status_of
from desk.issue_merge import service
from desk.issue_merge.forms import MergeForm
from desk.issues import queries
from desk.issues.models import Issue

blueprint = Blueprint("issue_merge", __name__, url_prefix="/issues/<int:number>/merge")


@blueprint.route("", methods=["GET", "POST"])
@requires(Permission.ISSUE_EDIT)
def merge(number: int) -> Any:
    """Choose the other issue, see both side by side, merge."""
    actor, session = current_actor(), db.session()
    issue = queries.get(session, actor, number)
    if issue.merged_into_id is not None:
        return redirect(url_for("issues.show", number=issue.merged_into_id), 303)
    if not may(actor, Permission.ISSUE_EDIT, queries.subject_of(session, issue)):
        raise NotFound
    form, status = MergeForm(version=issue.version), 200
    if form.validate_on_submit() and not request.form.get("preview"):
        try:
            with transaction() as unit:
                found = queries.get(unit, actor, number)
                version, into = form.version.data, form.into.data
                service.merge(unit, actor, found, into=into, version=version, now=utcnow())
        except (InvalidInput, Conflict) as refusal:
            form.refuse(getattr(refusal, "field", None), refusal.sentence)
            status = status_of(refusal)
        else:
            flash(f"Issue {number} goes on in this one. Its addresses lead here.", "success")
            return redirect(url_for("issues.show", number=form.into.data), 303)
    issue = queries.get(db.session(), actor, number)
    target = _other(issue, form)
    return (
        render_template(
            "issue_merge/merge.html",
            form=form,
            issue=issue,
            target=target,
            affected=queries.affected(db.session(), actor, issue),
            target_affected=queries.affected(db.session(), actor, target) if target else None,
        ),
        422 if status == 200 and form.errors else status,
    )


def _other(issue: Issue, form: MergeForm) -> Issue | None:
    """The issue of that number, if it is another one of the same register; else the form says so."""
    if form.errors or form.into.data is None:
        return None
    try:
        found = queries.get(db.session(), current_actor(), form.into.data)
    except NotFound:
        found = None
    owner = (issue.consortium_id, issue.registry_id)
    if found is None or found.id == issue.id or (found.consortium_id, found.registry_id) != owner:
        form.refuse("into", f"There is no other issue {form.into.data} in this register.")
        return None
    if found.merged_into_id is not None:
        form.refuse("into", f"Issue {found.id} was merged into issue {found.merged_into_id}. Choose that one.")
        return None
    return found
