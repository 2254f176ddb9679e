"""Pages of drafts: the lead's list, one draft with whom it reaches, and whether drafts go by themselves."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from desk import markup
from desk.access import current_actor, requires
from desk.accounts import queries as accounts
from desk.accounts.models import Consortium
from desk.bulk_answers import queries as bulk_answers
from desk.bulk_answers.forms import choice_of, ticked_at_first
from desk.bulk_answers.queries import Desk
from desk.clock import utcnow
from desk.db import db, transaction
from desk.domain.bulk_answer import letter, outcome_of
from desk.domain.delegation import HOURS_LEAST, HOURS_MOST, DraftState, offers_resolving
from desk.domain.errors import Conflict, DeskError, IllegalTransition, InvalidInput, NotFound
from desk.domain.identifiers import redact
from desk.domain.permissions import Permission, Place, may
from desk.domain.register import LIVE
from desk.domain.script import TRIED, HoldsScript
from desk.drafts import queries, service
from desk.drafts.forms import DismissForm, DraftForm, PolicyForm, VersionForm, as_drafted
from desk.drafts.models import UpdateDraft
from desk.errors import status_of
from desk.forms import Form
from desk.issues import service as register
from desk.issues.models import Issue

blueprint = Blueprint("drafts", __name__, url_prefix="/drafts")


@blueprint.get("")
@requires(Permission.TICKET_WORK)
def index() -> Any:
    """The drafts of this person's consortia: those that wait first."""
    actor, session = current_actor(), db.session()
    places = [accounts.consortium(session, each) for each in sorted(actor.consortia())]
    policies = [(place, queries.policy(session, place.id), _may_set(place)) for place in places]
    return render_template("drafts/index.html", drafts=queries.drafts_for(session, actor), policies=policies)


@blueprint.route("/<int:draft_id>", methods=["GET", "POST"])
@requires(Permission.TICKET_WORK)
def show(draft_id: int) -> Any:
    """One draft: the registry's words, whom it reaches, and what the lead makes of it."""
    actor = current_actor()
    draft = queries.get(db.session(), actor, draft_id)
    form = DraftForm(**as_drafted(draft, actor.timezone))
    if request.method == "GET":
        form.outcome.data = outcome_of(draft.update.state, draft.workaround).value
        return _page(draft, form)
    if not form.validate():
        return _page(draft, form, 422)
    if request.form.get("preview"):
        return _page(draft, form, preview=True)
    sends = bool(request.form.get("send"))
    status = _attempt(form, lambda unit: _written(unit, form, draft_id, sends), draft_id)
    if status != 303:
        return _page(queries.get(db.session(), actor, draft_id), form, status)
    flash("It is sent, ticket by ticket." if sends else "Your words are kept. It waits for one of you now.", "success")
    return redirect(url_for("drafts.show", draft_id=draft_id), 303)


def _written(unit: Session, form: DraftForm, draft_id: int, sends: bool) -> UpdateDraft:
    actor, now = current_actor(), utcnow()
    draft, text, version = queries.get(unit, actor, draft_id), form.written(actor.timezone), form.version.data
    if not sends:
        return service.save_draft(unit, actor, draft, text, version=version, now=now)
    choice = choice_of(request.form)
    return service.send_draft(unit, actor, draft, text, version=version, choice=choice, outcome=form.ending(), now=now)


@blueprint.post("/<int:draft_id>/dismiss")
@requires(Permission.TICKET_WORK)
def dismiss(draft_id: int) -> Any:
    """Not for our members."""
    form = DismissForm()

    def verb(unit: Session, draft: UpdateDraft) -> None:
        service.dismiss_draft(unit, current_actor(), draft, reason=form.reason.data, now=utcnow())

    return _do(draft_id, form, verb, "The draft is dismissed.")


@blueprint.post("/<int:draft_id>/timer")
@requires(Permission.TICKET_WORK)
def timer(draft_id: int) -> Any:
    """Stop that it goes by itself, or let it again."""
    verb = service.start_timer if request.form.get("on") else service.stop_timer
    done = "It goes by itself again." if request.form.get("on") else "It waits for one of you now."
    return _do(draft_id, None, lambda unit, draft: verb(unit, current_actor(), draft, now=utcnow()), done)


@blueprint.post("/<int:draft_id>/newer")
@requires(Permission.TICKET_WORK)
def newer(draft_id: int) -> Any:
    """Take over the registry's newer words."""
    form = VersionForm()

    def verb(unit: Session, draft: UpdateDraft) -> None:
        service.take_newer(unit, current_actor(), draft, version=form.version.data, now=utcnow())

    return _do(draft_id, form, verb, "The draft has the registry's newer words.")


@blueprint.route("/policy/<slug>", methods=["GET", "POST"])
@requires(Permission.DELEGATION_EDIT)
def policy(slug: str) -> Any:
    """After how many working hours the drafts of a consortium go by themselves."""
    session = db.session()
    place = accounts.consortium_by_slug(session, slug)
    if place is None or not _may_set(place):
        raise NotFound
    kept = queries.policy(session, place.id)
    hours = kept.hours if kept else None
    form = PolicyForm(mode="go" if hours else "wait", hours=hours)
    status = 200
    if form.is_submitted():
        status = _set(form, place)
        if status == 303:
            flash("It is kept, for the drafts that wait too.", "success")
            return redirect(url_for("drafts.index"), 303)
    limits = {"least": HOURS_LEAST, "most": HOURS_MOST}
    return render_template("drafts/policy.html", form=form, place=place, kept=kept, limits=limits), status


def _set(form: PolicyForm, place: Consortium) -> int:
    if not form.validate():
        return 422
    if form.mode.data == "go" and form.hours.data is None:
        form.refuse("hours", "Say after how many working hours they go.")
        return 422
    return _attempt(
        form, lambda unit: service.allow(unit, current_actor(), place.id, hours=form.wanted(), now=utcnow())
    )


def _may_set(place: Consortium) -> bool:
    return may(current_actor(), Permission.DELEGATION_EDIT, Place(consortium_id=place.id))


def _do(draft_id: int, form: Form | None, verb: Callable[[Session, UpdateDraft], None], done: str) -> Any:
    """A button of the page: do it and show the page again, with what was refused."""
    actor = current_actor()
    queries.get(db.session(), actor, draft_id)
    if form is not None and not form.validate():
        status, sentence = 422, " ".join(error for errors in form.errors.values() for error in errors)
    else:
        status, sentence = _tried(lambda unit: verb(unit, queries.get(unit, actor, draft_id)))
    if status == 303:
        flash(done, "success")
        return redirect(url_for("drafts.show", draft_id=draft_id), 303)
    draft = queries.get(db.session(), actor, draft_id)
    shown = DraftForm(formdata=None, **as_drafted(draft, actor.timezone))
    shown.form_errors.append(sentence)
    return _page(draft, shown, status)


def _attempt(form: Form, verb: Callable[[Session], Any], draft_id: int | None = None) -> int:
    """303 when it was done, else the status of the refusal, which is shown in the form."""
    try:
        with transaction() as unit:
            verb(unit)
            return 303
    except (InvalidInput, IllegalTransition, Conflict) as refusal:
        form.refuse(refusal.field if isinstance(refusal, InvalidInput) else None, refusal.sentence)
        if draft_id is not None and isinstance(refusal, HoldsScript):
            with transaction() as unit:
                issue = unit.get_one(Issue, queries.get(unit, current_actor(), draft_id).issue_id)
                register.note_refusal(unit, current_actor(), issue, TRIED, utcnow())
        return status_of(refusal)


def _tried(verb: Callable[[Session], Any]) -> tuple[int, str]:
    try:
        with transaction() as unit:
            verb(unit)
            return 303, ""
    except (InvalidInput, IllegalTransition, Conflict) as refusal:
        return status_of(refusal), refusal.sentence


def _page(draft: UpdateDraft, form: DraftForm, status: int = 200, *, preview: bool = False) -> Any:
    session, actor, now = db.session(), current_actor(), utcnow()
    waits = draft.state is DraftState.WAITING
    if status == 409:
        # Who has now seen the other text may decide to replace it.
        form.version.raw_data, form.version.data = None, draft.version
    resolving = waits and offers_resolving(draft.update.state)
    offer = bulk_answers.offer(session, actor, draft.update.issue, Desk(draft.consortium_id)) if resolving else None
    reach = queries.reach(session, draft, now) if waits else None
    bulk_id = draft.bulk_answer_id
    page = render_template(
        "drafts/show.html",
        draft=draft,
        form=form,
        conflict=status == 409 and request.method == "POST",
        reach=reach,
        published=queries.published(session, draft),
        latest=queries.newer(session, draft),
        allowed=queries.policy(session, draft.consortium_id),
        offer=offer,
        ticked=_ticked(offer, draft),
        rest=bool(request.form.get("rest")),
        dismissing=DismissForm(formdata=None),
        counts=bulk_answers.counts(session, [bulk_id])[bulk_id] if bulk_id else None,
        shown=_preview(form, reach, actor.timezone) if preview else {},
    )
    return page, status


def _ticked(offer: bulk_answers.Offer | None, draft: UpdateDraft) -> frozenset[int]:
    """What was ticked; at first all that can be where the problem is over, and none for a mere way round it."""
    if offer is None or not request.form.getlist("listed"):
        return frozenset() if offer is None or draft.update.state in LIVE else ticked_at_first(offer)
    try:
        return choice_of(request.form).chosen
    except DeskError:
        return frozenset()


def _preview(form: DraftForm, reach: queries.Reach | None, zone: str) -> dict[str, str]:
    """What is written into the tickets, by the zone in which their members read times."""
    written = form.written(zone)
    text, workaround = redact(written.text)[0], redact(written.workaround)[0]
    zones = {bulk_answers.zone_of(ticket) for ticket in reach.tickets} if reach else set()
    return {
        each: markup.markdown(letter(text, workaround, written.next_update_at, each))
        for each in sorted(zones or {zone})
    }
