"""The learning loop: what came back from the registry by desk and entry, the next steps, and what became of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from desk.access import current_actor, requires
from desk.catalogue import queries as catalogue
from desk.catalogue import service as catalogue_service
from desk.catalogue.models import CatalogueDemand
from desk.clock import utcnow
from desk.db import db, transaction
from desk.domain.errors import NotFound
from desk.domain.escalation import REASON_LABELS
from desk.domain.learning import PROPOSE_FROM, Case, Decided, Fate, Line, Proposal, lines
from desk.domain.permissions import Actor, Permission, Place, may
from desk.domain.spreadsheet import Cell
from desk.forms import id_of, page_of
from desk.learning import forms, queries, service
from desk.report_page import Asked, as_file, asked
from desk.reports import queries as reports
from desk.reports.forms import LONGEST_DAYS

blueprint = Blueprint("learning", __name__)

_COLUMNS = ("consortium", "entry", "declined", "solved by the article", "returned", "reasons", "what was missing")


@dataclass(frozen=True, slots=True)
class Report:
    """What came back in the period, the steps that follow, what was decided, and what is required by now."""

    consortia: Mapping[int, str]
    lines: Sequence[Line]
    proposals: Sequence[Proposal]
    decisions: Sequence[queries.Decision]
    demands: Sequence[CatalogueDemand]

    def total(self, name: str) -> int:
        """The sum of a column."""
        return sum(getattr(line, name) for line in self.lines)


@blueprint.get("/reports/learning")
@requires(Permission.REPORT_READ)
def index() -> Any:
    """What came back by desk and entry, and the steps that would spare it."""
    return _page(forms.DecisionForm(formdata=None))


def _page(form: forms.DecisionForm, refused: queries.Key | None = None) -> Any:
    session, actor = db.session(), current_actor()
    who = asked(session, actor, members=False)
    place = who.desk.place
    page = render_template(
        "learning/index.html",
        asked=who,
        form=who.form,
        report=_report(session, actor, who) if who.period else None,
        words=queries.words(session),
        decision=form,
        refused=refused,
        named=forms.named,
        decides=place.consortium_id is not None and may(actor, Permission.DESK_IMPROVE, place),
        manages=place.consortium_id is not None and may(actor, Permission.CALENDAR_EDIT, place),
        reasons=REASON_LABELS,
        least=PROPOSE_FROM,
        longest=LONGEST_DAYS,
    )
    return page, 422 if who.form.errors or form.errors or form.form_errors else 200


def _report(session: Session, actor: Actor, who: Asked) -> Report:
    found = queries.cases(session, actor, who.desk.place, who.demanded())
    consortia = reports.consortia_of(session, who.desk.place)
    decided, demands = queries.decisions(session, consortia), catalogue.demands(session, consortia)
    return Report(
        consortia=consortia,
        lines=lines(found),
        proposals=queries.open_proposals(found, decided, demands),
        decisions=list(decided.values())[: queries.SHOWN_AT_MOST],
        demands=demands,
    )


@blueprint.get("/reports/learning.csv")
@requires(Permission.REPORT_READ)
def figures() -> Response:
    """The counts as a file."""
    session, actor = db.session(), current_actor()
    who = asked(session, actor, members=False)
    names, words = reports.consortia_of(session, who.desk.place), queries.words(session)
    found = lines(queries.cases(session, actor, who.desk.place, who.demanded()))
    return as_file("learning.csv", _COLUMNS, _rows(found, names, words))


def _rows(found: Sequence[Line], names: Mapping[int, str], words: queries.Words) -> Iterator[Sequence[Cell]]:
    for line in found:
        reasons = "; ".join(f"{REASON_LABELS[reason]}: {count}" for reason, count in line.reasons.most_common())
        lacked = "; ".join(f"{words.field(name)}: {count}" for name, count in line.lacked.most_common())
        title = words.entry(line.entry_key)
        yield names.get(line.consortium_id, ""), title, line.declined, line.solved, line.returned, reasons, lacked


@blueprint.get("/reports/learning/cases")
@requires(Permission.REPORT_READ)
def cases() -> str:
    """The sendings behind a number."""
    session, actor, args = db.session(), current_actor(), request.args
    who = asked(session, actor, members=False)
    names, words = reports.consortia_of(session, who.desk.place), queries.words(session)
    if args.get("consortium") and id_of(args["consortium"]) not in names:
        raise NotFound
    found = [each for each in queries.cases(session, actor, who.desk.place, who.demanded()) if _is_wanted(each, args)]
    page = page_of(args.get("page", type=int))
    some = found[::-1][(page - 1) * reports.PAGE_SIZE :][: reports.PAGE_SIZE]
    kept = {key: args[key] for key in ("consortium", "entry", "fate", "field", "answer") if key in args}
    return render_template(
        "learning/cases.html",
        asked=who,
        consortia=names,
        words=words,
        rows=some,
        subjects=reports.subjects(session, actor, {each.ticket for each in some}),
        total=len(found),
        page=page,
        more=page * reports.PAGE_SIZE < len(found),
        args={**who.args, **kept},
        reasons=REASON_LABELS,
    )


def _is_wanted(case: Case, args: Mapping[str, str]) -> bool:
    fate = args.get("fate", "")
    return (
        ("consortium" not in args or case.consortium_id == id_of(args["consortium"]))
        and ("entry" not in args or case.entry_key == args["entry"])
        and ("answer" not in args or (case.answer_key or case.entry_key) == args["answer"])
        and (not args.get("field") or args["field"] in case.lacked)
        and (fate not in set(Fate) or case.fate.value == fate)
        and (fate != "solved" or case.solved)
    )


# ------------------------------------------------------------------ what a desk decides


@blueprint.post("/reports/learning/decide")
@requires(Permission.DESK_IMPROVE)
def decide() -> Any:
    """The desk says what became of a step."""
    actor, form = current_actor(), forms.DecisionForm()
    who, key = _step(actor)
    if not form.validate():
        return _page(form, key)
    with transaction() as session:
        service.decide(
            session,
            actor,
            key=key,
            period=who.demanded(),
            decided=Decided(form.decided.data),
            reason=form.reason.data or "",
            now=utcnow(),
        )
    flash("Noted. The step comes again when there is another case.", "success")
    return _back(who)


@blueprint.post("/reports/learning/require")
@requires(Permission.CALENDAR_EDIT)
def require() -> Any:
    """The manager has a field required from now on."""
    actor = current_actor()
    who, key = _step(actor)
    with transaction() as session:
        service.require(session, actor, key=key, period=who.demanded(), now=utcnow())
    flash("The field is required from now on: no brief about this entry is sent without it.", "success")
    return _back(who)


@blueprint.post("/reports/learning/waive")
@requires(Permission.CALENDAR_EDIT)
def waive() -> Any:
    """The manager takes a requirement back."""
    actor = current_actor()
    who = asked(db.session(), actor, members=False)
    entry, field = request.form.get("entry", ""), request.form.get("field", "")
    with transaction() as session:
        place = _consortium(who)
        catalogue_service.waive_field(session, actor, place, entry, field, now=utcnow())
    flash("The field is no longer required.", "success")
    return _back(who)


def _step(actor: Actor) -> tuple[Asked, queries.Key]:
    who = asked(db.session(), actor, members=False)
    key = forms.key_of(request.form, _consortium(who))
    if key is None:
        raise NotFound
    return who, key


def _consortium(who: Asked) -> int:
    """Only a consortium's own desk decides. Raises ``NotFound`` for a registry's report."""
    place: Place = who.desk.place
    if place.consortium_id is None:
        raise NotFound
    return place.consortium_id


def _back(who: Asked) -> Any:
    return redirect(url_for("learning.index", **who.args), 303)
