"""Pages on which a registry that keeps its own desk is set up, and tried."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for

from desk.access import current_actor, requires
from desk.bridge import forms, queries, service
from desk.bridge.models import Bridge
from desk.clock import utcnow
from desk.db import db, transaction
from desk.domain.bridge import LOOKED_AT, MEANING_LABELS, choices, is_phrase, meaning_of, status_in
from desk.domain.bridge_pattern import compiled, find_number
from desk.domain.errors import Conflict, InvalidInput
from desk.domain.permissions import Permission
from desk.errors import status_of

blueprint = Blueprint("bridge", __name__, url_prefix="/registry-desks")


@dataclass(frozen=True, slots=True)
class Tried:
    """What would be read of a mail of theirs."""

    number: str
    status: str
    meaning: str
    machine: bool


@blueprint.get("/")
@requires(Permission.BRIDGE_EDIT)
def index() -> str:
    """The registries' teams, and how each is reached."""
    return render_template("bridge/index.html", places=queries.places(db.session(), current_actor()))


@blueprint.route("/<int:team_id>", methods=["GET", "POST"])
@requires(Permission.BRIDGE_EDIT)
def edit(team_id: int) -> Any:
    """How one team is reached: address, senders, numbers, words."""
    place = queries.place(db.session(), current_actor(), team_id)
    if request.method == "GET":
        return _page(place, forms.bridge_form(place.bridge), forms.TryForm(formdata=None))
    form = forms.BridgeForm()
    words = forms.read_words(request.form)
    if form.validate():
        try:
            with transaction() as unit:
                service.save(
                    unit,
                    current_actor(),
                    queries.place(unit, current_actor(), team_id).team,
                    forms.draft_of(form, words),
                    own_domain=current_app.config["DESK"].MAIL_DOMAIN,
                    version=form.version.data,
                    now=utcnow(),
                )
            flash("Saved.", "success")
            return redirect(url_for("bridge.edit", team_id=team_id), 303)
        except (InvalidInput, Conflict) as refusal:
            form.refuse(getattr(refusal, "field", None), refusal.sentence)
            place = queries.place(db.session(), current_actor(), team_id)
            return _page(place, form, forms.TryForm(formdata=None), words), status_of(refusal)
    return _page(place, form, forms.TryForm(formdata=None), words), 422


@blueprint.post("/<int:team_id>/try")
@requires(Permission.BRIDGE_EDIT)
def attempt(team_id: int) -> Any:
    """What would be read of a mail, by what is saved. Changes nothing."""
    place = queries.place(db.session(), current_actor(), team_id)
    form = forms.TryForm()
    tried = _tried(place.bridge, form) if form.validate() and place.bridge is not None else None
    return _page(place, forms.bridge_form(place.bridge), form, tried=tried)


def _tried(bridge: Bridge, form: forms.TryForm) -> Tried:
    subject, text = form.subject.data or "", form.text.data or ""
    words = queries.words_of(bridge)
    pattern = compiled(bridge.number_pattern)
    number = find_number(pattern, subject) or find_number(pattern, text[:LOOKED_AT])
    status = status_in(subject, text, (), [each.word for each in words])
    known = meaning_of(status, words) if status else None
    return Tried(
        number.number if number else "",
        status,
        MEANING_LABELS[known.meaning] if known else "",
        is_phrase(bridge.phrases, subject, text),
    )


def _page(
    place: queries.Place,
    form: forms.BridgeForm,
    trial: forms.TryForm,
    words: list[Any] | None = None,
    tried: Tried | None = None,
) -> str:
    if words is None:
        words = queries.words_of(place.bridge) if place.bridge else forms.first_words()
    return render_template(
        "bridge/edit.html",
        place=place,
        form=form,
        rows=forms.rows_of(words),
        choices=choices(),
        trial=trial,
        tried=tried,
    )
