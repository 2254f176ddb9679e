"""Pages of known issues: what a lead publishes to its members, and what they read and say."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from desk import markup
from desk.access import current_actor, requires
from desk.accounts import queries as accounts
from desk.clock import utcnow
from desk.db import db, transaction
from desk.domain import naming
from desk.domain.errors import Conflict, InvalidInput, NotFound
from desk.domain.identifiers import redact
from desk.domain.permissions import Permission
from desk.domain.register import MEMBER_WORDS
from desk.domain.script import TRIED, HoldsScript
from desk.errors import status_of
from desk.issues import queries as issues
from desk.issues import service as register
from desk.issues.models import Issue, IssuePublication
from desk.known_issues import queries, service
from desk.known_issues.forms import MemberForm, PublishForm, as_published, instant

blueprint = Blueprint("known_issues", __name__)


# ------------------------------------------------------------------ publishing


@blueprint.route("/issues/<int:number>/publish/<int:consortium_id>", methods=["GET", "POST"])
@requires(Permission.ISSUE_EDIT)
def publish(number: int, consortium_id: int) -> Any:
    """The text that members of one consortium read, with a preview of exactly that."""
    issue = _of(db.session(), number)
    places = {place.id: (place, told) for place, told in queries.publications_for(db.session(), current_actor(), issue)}
    if consortium_id not in places:
        raise NotFound
    place, told = places[consortium_id]
    zone, shown, status = current_actor().timezone, None, 200
    form = PublishForm(**as_published(told, zone))
    if form.validate_on_submit() and request.form.get("preview"):
        shown = {name: markup.markdown(redact(form[name].data or "")[0]) for name in ("text", "workaround")}
    elif form.validate_on_submit():
        published, status = _publish(form, number, consortium_id)
        if published is not None:
            flash(f"The members of {place.name} can read it now.", "success")
            return redirect(url_for("issues.show", number=number, _anchor="published"), 303)
    conflict = status == 409 and told is not None
    if conflict and told is not None:
        # Who has now seen the other text may decide to replace it.
        form.version.raw_data, form.version.data = None, told.version
    page = render_template(
        "known_issues/publish.html",
        form=form,
        issue=issue,
        place=place,
        told=told,
        shown=shown,
        conflict=conflict,
        named=naming.named_in(
            "\n".join(form[name].data or "" for name in ("title", "text", "workaround")),
            accounts.names_of_members(db.session(), consortium_id=consortium_id),
        ),
        says=MEMBER_WORDS[issue.state],
    )
    return page, 422 if status == 200 and form.errors else status


def _publish(form: PublishForm, number: int, consortium_id: int) -> tuple[IssuePublication | None, int]:
    """What was published, or None with the status of the refusal, which is shown in the form."""
    try:
        with transaction() as unit:
            told = service.publish(
                unit,
                current_actor(),
                _of(unit, number),
                consortium_id=consortium_id,
                next_update_at=instant(form.next_update_at.data, current_actor().timezone),
                version=form.version.data,
                now=utcnow(),
                **{name: form[name].data or "" for name in ("title", "text", "workaround")},
            )
    except (InvalidInput, Conflict) as refusal:
        form.refuse(getattr(refusal, "field", None), refusal.sentence)
        if isinstance(refusal, HoldsScript):
            with transaction() as unit:
                register.note_refusal(unit, current_actor(), _of(unit, number), TRIED, utcnow())
        return None, status_of(refusal)
    return told, 303


@blueprint.post("/issues/<int:number>/withdraw/<int:consortium_id>")
@requires(Permission.ISSUE_EDIT)
def withdraw(number: int, consortium_id: int) -> Any:
    """Take back what was published."""
    with transaction() as unit:
        service.withdraw(unit, current_actor(), _of(unit, number), consortium_id=consortium_id, now=utcnow())
    flash("Members no longer see it. Who follows it is kept.", "success")
    return redirect(url_for("issues.show", number=number, _anchor="published"), 303)


# ------------------------------------------------------------------ known issues


@blueprint.get("/known-issues")
@requires(Permission.ISSUE_READ_PUBLISHED)
def index() -> Any:
    """What is published to this person's organisations."""
    return render_template("known_issues/index.html", found=queries.known_issues(db.session(), current_actor()))


@blueprint.get("/known-issues/<int:number>")
@requires(Permission.ISSUE_READ_PUBLISHED)
def show(number: int) -> Any:
    """One known issue as members read it; of a merged one, that in which it goes on."""
    into = queries.goes_on_in(db.session(), current_actor(), number)
    if into is not None:
        return redirect(url_for("known_issues.show", number=into), 301)
    found = queries.known_issue(db.session(), current_actor(), number)
    return render_template(
        "known_issues/show.html",
        found=[(each, queries.published_entries(db.session(), each.publication)) for each in found],
        number=number,
        orgs=accounts.member_orgs_of(db.session(), current_actor()),
    )


@blueprint.post("/known-issues/<int:number>/affects")
@requires(Permission.ISSUE_FOLLOW)
def affects(number: int) -> Any:
    """ "Affects us too", or no longer."""
    return _say(number, service.affects_us, "Noted. You are told of every update.", "Noted: it no longer affects you.")


@blueprint.post("/known-issues/<int:number>/follow")
@requires(Permission.ISSUE_FOLLOW)
def follow(number: int) -> Any:
    """Be told of updates, or no longer."""
    return _say(number, service.follow, "You are told of every update.", "You are no longer told of updates.")


def _say(number: int, verb: Callable[..., None], done: str, undone: str) -> Any:
    form = MemberForm()
    if not form.validate():
        raise InvalidInput("Please choose your organisation again.")
    yes = bool(form.yes.data)
    with transaction() as unit:
        issue = queries.known_issue(unit, current_actor(), number)[0].publication.issue
        verb(unit, current_actor(), issue, yes, member_org_id=form.member_org_id.data, now=utcnow())
    flash(done if yes else undone, "success")
    return redirect(url_for("known_issues.show", number=number), 303)


# ------------------------------------------------------------------ what they share


def _of(session: Session, number: int) -> Issue:
    return issues.get(session, current_actor(), number)
