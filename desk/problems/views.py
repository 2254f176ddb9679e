"""The problem manager's pages: what is open for how long, whether consortia wait alike, issues that lack something."""

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, render_template, request
from sqlalchemy.orm import Session

from desk.access import current_actor, requires
from desk.clock import utcnow
from desk.db import db
from desk.domain.errors import NotFound
from desk.domain.escalation import STATE_WORDS
from desk.domain.permissions import Actor, Permission
from desk.domain.register import STAFF_WORDS as ISSUE_WORDS
from desk.domain.spreadsheet import Cell
from desk.domain.vocabulary import Party
from desk.domain.wording import iso
from desk.forms import page_of
from desk.problems import forms, queries
from desk.report_page import Asked, as_file, asked
from desk.reports import queries as reports

blueprint = Blueprint("problems", __name__)

HOLDER_WORDS = {
    Party.REGISTRY: "Registry",
    Party.LEAD: "Consortium lead",
    Party.MEMBER: "Member",
    Party.HOLD: "On hold",
}
_OPEN_COLUMNS = (
    "ticket", "subject", "consortium", "service", "tier", "state", "whose turn", "assignee", "first sent",
    "age, working seconds", "age, days", "as it is since",
)  # fmt: skip
_FAIR_COLUMNS = (
    "consortium", "with the registry", "median age, working seconds", "oldest, working seconds",
    "acceptance late", "acceptance promised", "acceptance late, percent",
    "with the lead", "longest with the lead, working seconds",
)  # fmt: skip


def _registry(actor: Actor) -> tuple[Asked, int]:
    """The registry whose figures are asked for. Raises ``NotFound`` for any that the actor does not work at."""
    who = asked(db.session(), actor, registries=True)
    if who.desk.place.registry_id is None:
        raise NotFound
    return who, who.desk.place.registry_id


@blueprint.get("/reports/escalations")
@requires(Permission.ESCALATION_WORK)
def escalations() -> str:
    """Every open escalation by age, to be ordered and narrowed."""
    session, actor, now, args = db.session(), current_actor(), utcnow(), request.args
    who, registry_id = _registry(actor)
    filters, order, page = forms.filters_of(args), forms.order_of(args), page_of(args.get("page", type=int))
    rows = queries.open_escalations(session, actor, registry_id, filters, order, page)
    history = queries.hours(session, registry_id)
    return render_template(
        "problems/escalations.html",
        asked=who,
        names=reports.consortia_of(session, who.desk.place),
        facets=queries.facets(session, actor, registry_id),
        filters=filters,
        rows=rows[: queries.PAGE_SIZE],
        more=len(rows) > queries.PAGE_SIZE,
        page=page,
        order=order,
        orders=forms.ORDER_WORDS,
        args={"of": who.desk.slug, **{key: args[key] for key in forms.KEYS if args.get(key)}},
        worked=lambda since: queries.worked(history, since, now),
        states=STATE_WORDS,
        holders=HOLDER_WORDS,
    )


@blueprint.get("/reports/escalations.csv")
@requires(Permission.ESCALATION_WORK)
def escalations_file() -> Response:
    """All rows of the list as a file."""
    session, actor = db.session(), current_actor()
    _, registry_id = _registry(actor)
    filters, order = forms.filters_of(request.args), forms.order_of(request.args)
    rows = queries.open_escalations(session, actor, registry_id, filters, order, None)
    return as_file("open-escalations.csv", _OPEN_COLUMNS, _open_rows(session, registry_id, rows))


def _open_rows(session: Session, registry_id: int, rows: Sequence[queries.Open]) -> Iterator[Sequence[Cell]]:
    history, now = queries.hours(session, registry_id), utcnow()
    for row in rows:
        yield (
            row.ticket,
            row.subject,
            row.consortium,
            row.service,
            row.tier,
            STATE_WORDS[row.state],
            HOLDER_WORDS.get(row.holder, ""),
            row.assignee,
            iso(row.since),
            queries.worked(history, row.since, now),
            (now - row.since).days,
            iso(row.waits_since),
        )


@blueprint.get("/reports/fairness")
@requires(Permission.ESCALATION_WORK)
def fairness() -> str:
    """Whether the consortia of the registry wait alike."""
    session, actor = db.session(), current_actor()
    who, registry_id = _registry(actor)
    lines, everybody = queries.fairness(session, actor, registry_id, utcnow())
    return render_template(
        "problems/fairness.html",
        asked=who,
        lines=lines,
        everybody=everybody,
        longest=max((line.ages.oldest or 0 for line in lines), default=0),
        waiting=[line for line in lines if line.ages.median is not None],
    )


@blueprint.get("/reports/fairness.csv")
@requires(Permission.ESCALATION_WORK)
def fairness_file() -> Response:
    """The same as a file."""
    session, actor = db.session(), current_actor()
    _, registry_id = _registry(actor)
    lines, _ = queries.fairness(session, actor, registry_id, utcnow())
    return as_file("fairness.csv", _FAIR_COLUMNS, map(_fair_row, lines))


def _fair_row(line: queries.Fairness) -> Sequence[Cell]:
    ages, back = line.ages, line.back
    late = (line.late, line.promised, line.late_percent)
    return (line.name, ages.count, ages.median, ages.oldest, *late, back.count, back.oldest)


@blueprint.get("/reports/issues")
@requires(Permission.ESCALATION_WORK)
def issues() -> str:
    """Live issues of the registry by whom they affect, with those that lack a workaround or a review."""
    session, actor, now = db.session(), current_actor(), utcnow()
    who, registry_id = _registry(actor)
    today = now.astimezone(ZoneInfo(actor.timezone)).date()
    need, order, page = (
        forms.need_of(request.args),
        forms.issue_order_of(request.args),
        page_of(request.args.get("page", type=int)),
    )
    rows = queries.open_issues(session, actor, registry_id, need=need, order=order, today=today, page=page)
    history = queries.hours(session, registry_id)
    return render_template(
        "problems/issues.html",
        asked=who,
        counts=queries.issue_counts(session, actor, registry_id, today),
        rows=rows[: queries.PAGE_SIZE],
        more=len(rows) > queries.PAGE_SIZE,
        page=page,
        need=need,
        needs=forms.NEED_WORDS,
        order=order,
        orders=forms.ISSUE_ORDER_WORDS,
        args={"of": who.desk.slug, "need": need or None, "by": order},
        today=today,
        worked=lambda since: queries.worked(history, since, now),
        states=ISSUE_WORDS,
    )
