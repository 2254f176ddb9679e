"""What if: for managers, which tickets of a period would have been late with other hours or other promises."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, render_template, request

from desk.access import current_actor, requires
from desk.clock import utcnow
from desk.db import db
from desk.domain.clock_words import MEASURES
from desk.domain.errors import InvalidInput, NotFound
from desk.domain.measurements import Outcome, Tally, Verdict
from desk.domain.permissions import Permission
from desk.domain.priority import Priority
from desk.domain.wording import iso
from desk.simulation import forms, queries
from desk.sla.queries import LABELS
from desk.working_hours.forms import zones
from desk.working_hours.queries import PartyHours, parties

blueprint = Blueprint("simulation", __name__)

SHOWN = 100
"""So many of the measurements that change are listed on the page; the file has all."""

VERDICT_WORDS = {
    Verdict.MET: "in time",
    Verdict.LATE: "late",
    Verdict.RUNNING: "not decided yet",
    Verdict.ENDED: "ended undecided",
    Verdict.UNPROMISED: "not promised",
}
_COLUMNS = ("ticket", "subject", "opened", "clock", "number")
_SIDES = ("outcome", "used, seconds", "target, seconds", "late after")


@blueprint.get("/service-levels/what-if")
@requires(Permission.CALENDAR_EDIT)
def index() -> Any:
    """The question and, once it was asked, the answer."""
    form, party, own = _asked_form()
    answer = _answered(form) if "ask" in request.args else None
    page = render_template(
        "simulation/index.html",
        form=form,
        party=party,
        parties=own,
        slug=_slug,
        answer=answer,
        shown=answer.changed[:SHOWN] if answer is not None else (),
        difference=_difference,
        verdict_words=VERDICT_WORDS,
        labels=LABELS,
        measures=MEASURES,
        priorities=list(Priority),
        zones=zones(),
        most=queries.MOST_TICKETS,
    )
    return page, 422 if form.errors else 200


@blueprint.get("/service-levels/what-if.csv")
@requires(Permission.CALENDAR_EDIT)
def changes() -> Any:
    """Every measurement that changes, as a file."""
    form, _, _ = _asked_form()
    answer = _answered(form)
    if answer is None:
        raise InvalidInput("The question has to be answered before there is a file. Please look at the form again.")
    return Response(
        _written(answer),
        mimetype="text/csv",
        headers={"Content-Disposition": "attachment; filename=what-if.csv"},
    )


def _asked_form() -> tuple[forms.WhatIfForm, PartyHours, list[PartyHours]]:
    session, now = db.session(), utcnow()
    own = [party for party in parties(session, current_actor()) if party.edits]
    if not own:
        raise NotFound
    wanted = request.args.get("party", _slug(own[0]))
    party = next((party for party in own if _slug(party) == wanted), None)
    if party is None:
        raise NotFound
    sent = request.args if "since" in request.args else None
    return forms.form_of(sent, queries.ground(session, party.place, now), party.place, now), party, own


def _answered(form: forms.WhatIfForm) -> queries.Answer | None:
    now = utcnow()
    question = form.read(now)
    if question is None:
        return None
    try:
        return queries.simulate(db.session(), current_actor(), question, now, queries.MOST_TICKETS)
    except InvalidInput as refusal:
        form.refuse(refusal.field, refusal.sentence)
        return None


def _slug(party: PartyHours) -> str:
    place = party.place
    return f"registry-{place.registry_id}" if place.registry_id is not None else f"consortium-{place.consortium_id}"


def _difference(before: Tally, after: Tally) -> str:
    """How the attainment differs, in words."""
    if before.attainment is None or after.attainment is None:
        return "cannot be compared"
    points = round(after.attainment - before.attainment, 1)
    if points == 0:
        return "the same"
    return f"{abs(points):.1f} points {'better' if points > 0 else 'worse'}"


def _written(answer: queries.Answer) -> str:
    text = io.StringIO()
    out = csv.writer(text)
    out.writerow([*_COLUMNS, *(f"{world}: {side}" for world in ("recorded", "supposed") for side in _SIDES)])
    for each in answer.changed:
        pair = each.comparison
        row = [each.ticket_id, _plain(each.subject), iso(each.opened_at), LABELS[pair.kind], pair.number]
        out.writerow([*row, *_side(pair.before), *_side(pair.after)])
    return text.getvalue()


def _side(outcome: Outcome) -> Iterator[Any]:
    yield VERDICT_WORDS[outcome.verdict]
    yield outcome.consumed
    yield outcome.target_seconds
    yield iso(outcome.breached_at) if outcome.breached_at is not None else ""


def _plain(subject: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{subject}" if subject[:1] in ("=", "+", "-", "@", "\t", "\r") else subject
