"""Pages of the agreements: what is promised, to change it with a preview, and what members read."""

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from desk.access import current_actor, requires
from desk.agreements import queries, service
from desk.agreements.forms import AgreementForm, as_typed, form_for
from desk.agreements.service import Draft
from desk.calendars.models import Agreement, AgreementVersion
from desk.clock import utcnow
from desk.db import db, transaction
from desk.domain.clock_words import MEASURES
from desk.domain.errors import Conflict, InvalidInput, NotFound
from desk.domain.permissions import Permission
from desk.domain.priority import Impact, Priority, Urgency, priority_of
from desk.domain.promise_change import Preview
from desk.domain.targets import (
    CONSORTIUM_KINDS,
    DEFAULT_CONSORTIUM_TARGETS,
    DEFAULT_REGISTRY_TARGETS,
    REGISTRY_KINDS,
    Kind,
    table_to_json,
)
from desk.domain.wording import IMPACT_QUESTIONS, URGENCY_QUESTIONS
from desk.errors import status_of
from desk.forms import id_of
from desk.sla.queries import LABELS

blueprint = Blueprint("agreements", __name__)

TO_MEMBERS: dict[str, Any] = {
    "labels": LABELS | {Kind.OVERALL: "Solution"},
    "measures": {
        **MEASURES,
        Kind.FIRST_RESPONSE: "From filing until a person of the desk answers you.",
        Kind.NEXT_RESPONSE: "From your oldest unanswered message until it is answered.",
        Kind.REGULAR_UPDATE: "From one message of the desk to the next, so that you are never left without news.",
        Kind.OVERALL: "From filing until it is solved. It waits while we wait for you.",
    },
}
"""The same promises as they are said to those who were promised."""

ANSWERS: dict[Priority, list[tuple[str, str]]] = {
    priority: [
        (IMPACT_QUESTIONS[impact], URGENCY_QUESTIONS[urgency])
        for impact in reversed(Impact)
        for urgency in reversed(Urgency)
        if priority_of(impact, urgency) is priority
    ]
    for priority in Priority
}
"""Which two answers at filing lead to which priority."""


@blueprint.get("/service-levels/agreements")
@requires(Permission.CALENDAR_READ)
def index() -> Any:
    """What the desks of this person promise, and to whom."""
    found = queries.givers(db.session(), current_actor(), utcnow())
    if not found:
        raise NotFound
    defaults = {False: DEFAULT_CONSORTIUM_TARGETS, True: DEFAULT_REGISTRY_TARGETS}
    kinds = {False: CONSORTIUM_KINDS, True: REGISTRY_KINDS}
    return render_template("agreements/index.html", givers=found, defaults=defaults, kinds=kinds, **_words())


@blueprint.get("/promises")
@requires(Permission.TICKET_READ)
def promises() -> Any:
    """What was promised to this person's organisations, or to the consortia they lead."""
    found = queries.promises(db.session(), current_actor(), utcnow())
    shown = {"promises": found, "answers": ANSWERS, "soon": queries.SOON}
    return render_template("agreements/promises.html", **shown, **_words() | TO_MEMBERS)


@blueprint.get("/service-levels/agreements/<int:agreement_id>")
@requires(Permission.CALENDAR_READ)
def show(agreement_id: int) -> Any:
    """One agreement: what is in force, what is to come, and its history."""
    giver, held = queries.held(db.session(), current_actor(), agreement_id, utcnow())
    hours = queries.hours_of(db.session(), giver.place, utcnow())
    return render_template("agreements/show.html", giver=giver, held=held, hours=hours, **_words())


@blueprint.route("/service-levels/agreements/<int:agreement_id>/edit", methods=["GET", "POST"])
@requires(Permission.CALENDAR_EDIT)
def edit(agreement_id: int) -> Any:
    """Another version, with a preview of what it does before it is saved."""
    now = utcnow()
    giver, held = queries.held(db.session(), current_actor(), agreement_id, now)
    if not giver.edits:
        raise NotFound
    wanted = id_of(request.args.get("version", ""))
    shown = next((each for each in held.ahead if each.id == wanted), held.current)
    form = _form(giver, shown or next(iter(held.ahead), None), now)
    if request.method == "GET":
        form.newest.data = _newest(held)
    return _answer(form, giver, held, now)


@blueprint.route("/service-levels/agreements/new/<slug>", methods=["GET", "POST"])
@requires(Permission.CALENDAR_EDIT)
def new(slug: str) -> Any:
    """An agreement with everybody, or with ``?to=`` one member or consortium."""
    now = utcnow()
    giver = queries.giver(db.session(), current_actor(), slug, now)
    to = id_of(request.args.get("to", ""))
    known = dict(giver.others)
    if not giver.edits or (to is None and giver.has_general) or (to is not None and to not in known):
        raise NotFound
    general = next((each.current for each in giver.held if giver.has_general), None)
    form = _form(giver, general, now)
    if request.method == "GET":
        form.newest.data = 0
    return _answer(form, giver, None, now, to, known.get(to or 0, ""))


def _form(giver: queries.Giver, version: queries.Version | None, now: datetime) -> AgreementForm:
    of_registry = giver.place.registry_id is not None
    kinds = REGISTRY_KINDS if of_registry else CONSORTIUM_KINDS
    form = form_for(kinds)(data=as_typed(version, of_registry, _zone(giver, now), now))
    form.offer(of_registry)
    return form


def _zone(giver: queries.Giver, now: datetime) -> str:
    """The party's, since a promise begins with a day of theirs; the reader's where it has no calendar."""
    hours = queries.hours_of(db.session(), giver.place, now)
    return hours.tz if hours else current_actor().timezone


def _answer(
    form: AgreementForm,
    giver: queries.Giver,
    held: queries.Held | None,
    now: datetime,
    to: int | None = None,
    to_name: str = "",
) -> Any:
    """The form: shown, with another step, with a preview, or saved when exactly this was previewed."""
    zone, status, preview, draft = _zone(giver, now), 200, None, None
    asked = request.form.get("do", "") if request.method == "POST" else ""
    if request.method == "POST" and not form.change_steps(asked):
        draft = form.read(zone, now)
        status = 200 if draft is not None else 422
    if draft is not None and asked == "save" and form.previewed.data == form.seal(draft):
        saved, status = _attempt(form, giver, held, draft, to)
        if saved is not None:
            flash(_said(held, draft), "success")
            return redirect(url_for("agreements.show", agreement_id=saved), 303)
        if status == 409:
            giver, held = _again(giver, held, now)
            form.newest.raw_data, form.newest.data = None, _newest(held)
    if draft is not None and status in (200, 409):
        preview = _preview(giver, held, draft, now)
        form.previewed.raw_data, form.previewed.data = None, form.seal(draft)
    page = render_template(
        "agreements/edit.html",
        form=form,
        giver=giver,
        held=held,
        to=to,
        to_name=to_name,
        zone=zone,
        draft=draft,
        preview=preview,
        conflict=status == 409,
        **_words(),
    )
    return page, status


def _attempt(
    form: AgreementForm, giver: queries.Giver, held: queries.Held | None, draft: Draft, to: int | None
) -> tuple[int | None, int]:
    """The agreement that was saved, or None with the status of the refusal, which is shown in the form."""
    try:
        with transaction() as unit:
            return _saved(unit, form, giver, held, draft, to), 303
    except (InvalidInput, Conflict) as refusal:
        form.refuse(getattr(refusal, "field", None), refusal.sentence)
        return None, status_of(refusal)


def _saved(
    unit: Session,
    form: AgreementForm,
    giver: queries.Giver,
    held: queries.Held | None,
    draft: Draft,
    to: int | None,
) -> int:
    actor, now = current_actor(), utcnow()
    if held is None:
        place = giver.place
        partner = {"member_org_id": to} if place.registry_id is None else {"to_consortium_id": to}
        owner = {"consortium_id": place.consortium_id, "registry_id": place.registry_id}
        return service.add_agreement(unit, actor, draft, now=now, **owner, **partner).id
    version = service.save_agreement_version(
        unit,
        actor,
        agreement_id=held.agreement.id,
        targets=draft.targets,
        ladder=draft.ladder,
        receipt_counts=draft.receipt_counts,
        hold_pauses_overall=draft.hold_pauses_overall,
        effective_from=draft.effective_from,
        note=draft.note,
        newest=form.newest.data or 0,
        now=now,
    )
    return version.agreement_id


def _again(giver: queries.Giver, held: queries.Held | None, now: datetime) -> tuple[queries.Giver, queries.Held | None]:
    """The same party and agreement as they are after somebody else's change."""
    if held is None:
        return queries.giver(db.session(), current_actor(), giver.slug, now), None
    return queries.held(db.session(), current_actor(), held.agreement.id, now)


def _preview(giver: queries.Giver, held: queries.Held | None, draft: Draft, now: datetime) -> Preview | None:
    """What saving would do; None for a new agreement, under which no ticket is yet."""
    if held is None:
        return None
    supposed = AgreementVersion(
        targets=table_to_json(draft.targets),
        ladder=draft.ladder.to_json(),
        receipt_counts=draft.receipt_counts,
        hold_pauses_overall=draft.hold_pauses_overall,
    )
    agreement: Agreement = held.agreement
    return queries.preview(db.session(), current_actor(), agreement, supposed, draft.effective_from or now, now)


def _newest(held: queries.Held | None) -> int:
    return held.latest.id if held is not None and held.latest is not None else 0


def _said(held: queries.Held | None, draft: Draft) -> str:
    if held is None:
        return "The agreement is saved. It holds for tickets that are opened from then on."
    if draft.effective_from is not None:
        return "The new version is saved. It comes into force by itself at its moment."
    return "The new version is saved and in force. Every open ticket under this agreement has its targets."


def _words() -> dict[str, Any]:
    return {"labels": LABELS, "measures": MEASURES, "priorities": list(Priority)}
