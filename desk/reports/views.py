"""Reports on custody: whose turn it was for how long, as a page, as a file, and the rows behind each number."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from desk.access import current_actor, requires
from desk.db import db
from desk.domain.custody import LITTLE_LEFT, MEMBER_PARTIES, REASONS
from desk.domain.errors import NotFound
from desk.domain.permissions import REGISTRY_ROLES, Actor, Permission, Place
from desk.domain.reports import MANY_TIMES, Period, spread
from desk.domain.spreadsheet import Cell
from desk.domain.vocabulary import Party
from desk.domain.wording import PARTY_WORDS
from desk.forms import id_of, page_of
from desk.report_page import Asked, as_file, asked
from desk.reports import forms, queries
from desk.reports.queries import Back, HandOver, Total, Wanted

blueprint = Blueprint("reports", __name__)

_COLUMNS = ("consortium", "party", "working time, seconds", "share, percent", "turns", "tickets")


@dataclass(frozen=True, slots=True)
class Report:
    """What was found for one desk and one period. ``late``: hand-overs with little of the promise left."""

    consortia: Mapping[int, str]
    totals: Sequence[Total]
    back: Sequence[Back]
    late: Sequence[HandOver]
    tier_one: Mapping[int, tuple[int, int]] | None

    def of(self, consortium_id: int) -> list[Total]:
        """The lines of one consortium."""
        return [each for each in self.totals if each.consortium_id == consortium_id]

    def back_of(self, consortium_id: int) -> Mapping[int, int]:
        """How many of a consortium's tickets came back once, twice, ..."""
        return spread([each.times for each in self.back if each.consortium_id == consortium_id])

    def late_of(self, consortium_id: int) -> int:
        """How many of a consortium's hand-overs were late."""
        return sum(each.consortium_id == consortium_id for each in self.late)


@blueprint.get("/reports")
@requires(Permission.REPORT_READ)
def index() -> Any:
    """To the report that the reader's role needs most."""
    first = "problems.escalations" if current_actor().has_role(*REGISTRY_ROLES) else "reports.custody"
    return redirect(url_for(first))


@blueprint.get("/reports/custody")
@requires(Permission.REPORT_READ)
def custody() -> Any:
    """Whose turn it was for how long, by consortium and party, over a period."""
    session, actor = db.session(), current_actor()
    wanted = asked(session, actor)
    member = wanted.desk.place.member_org_id is not None
    page = render_template(
        "reports/custody.html",
        asked=wanted,
        form=wanted.form,
        report=_report(session, actor, wanted) if wanted.period else None,
        member=member,
        words=MEMBER_PARTIES if member else PARTY_WORDS,
        party_words=party_words,
        most=MANY_TIMES,
        little=LITTLE_LEFT,
        longest=forms.LONGEST_DAYS,
    )
    return page, 422 if wanted.form.errors else 200


@blueprint.get("/reports/custody.csv")
@requires(Permission.REPORT_READ)
def custody_file() -> Response:
    """The same totals as a file."""
    session, actor = db.session(), current_actor()
    return as_file("custody.csv", _COLUMNS, _lines(_report(session, actor, asked(session, actor))))


def _lines(report: Report) -> Iterator[Sequence[Cell]]:
    for each in report.totals:
        name = report.consortia.get(each.consortium_id, "")
        yield name, party_words(each), each.seconds, each.share, each.turns, each.tickets


@blueprint.get("/reports/custody/turns")
@requires(Permission.REPORT_READ)
def turns() -> Any:
    """The rows behind a number: turns, tickets by how often they were handed over, or hand-overs that were late."""
    session, actor, args = db.session(), current_actor(), request.args
    who = asked(session, actor)
    period, place = who.demanded(), who.desk.place
    consortia = queries.consortia_of(session, place)
    wanted = _wanted(args, consortia)
    page = page_of(args.get("page", type=int))
    kept = {key: args[key] for key in ("consortium", "party", "tier", "times", "late") if args.get(key)}
    found = _rows(session, actor, place, period, wanted, page)
    return render_template(
        "reports/turns.html",
        asked=who,
        consortium=consortia.get(wanted.consortium_id or 0),
        wanted=wanted,
        args={**who.args, **kept},
        page=page,
        rows=found[: queries.PAGE_SIZE],
        more=len(found) > queries.PAGE_SIZE,
        kind="late" if args.get("late") else "times" if args.get("times") else "turns",
        times=args.get("times", type=int) or 0,
        most=MANY_TIMES,
        little=LITTLE_LEFT,
        party_words=party_words,
        member=place.member_org_id is not None,
        words=MEMBER_PARTIES,
        reasons=REASONS,
    )


def _rows(session: Session, actor: Actor, place: Place, period: Period, wanted: Wanted, page: int) -> Sequence[Any]:
    times = request.args.get("times", type=int)
    if not times and not request.args.get("late"):
        return queries.turns(session, actor, place, period, wanted, page)
    if place.member_org_id is not None:
        raise NotFound
    found: Sequence[Back | HandOver] = queries.late_hand_overs(session, place, period)
    if times:
        back = queries.came_back(session, place, period)
        found = [each for each in back if each.times == times or each.times > times >= MANY_TIMES]
    of = [each for each in found if wanted.consortium_id in (None, each.consortium_id)]
    some = of[(page - 1) * queries.PAGE_SIZE :][: queries.PAGE_SIZE + 1]
    names = queries.subjects(session, actor, {each.ticket for each in some})
    return [(each, names[each.ticket]) for each in some if each.ticket in names]


def _wanted(args: Mapping[str, str], consortia: Mapping[int, str]) -> Wanted:
    """What was asked for; a consortium that the report does not speak of is not found."""
    consortium = id_of(args.get("consortium", "")) if args.get("consortium") else None
    if args.get("consortium") and consortium not in consortia:
        raise NotFound
    party = args.get("party")
    if party and party not in set(Party):
        raise NotFound
    return Wanted(consortium, Party(party) if party else None, id_of(args.get("tier", "")))


def _report(session: Session, actor: Actor, asked: Asked) -> Report:
    place, period = asked.desk.place, asked.demanded()
    if place.member_org_id is not None:
        # Members read whose turn it was; how desks hand over to each other is between the desks.
        return Report(queries.consortia_of(session, place), queries.totals(session, place, period), (), (), None)
    return Report(
        consortia=queries.consortia_of(session, place),
        totals=queries.totals(session, place, period),
        back=queries.came_back(session, place, period),
        late=queries.late_hand_overs(session, place, period),
        tier_one=queries.tier_one_counts(session, actor, place, period),
    )


def party_words(each: Any) -> str:
    """Who had it, in words, with the tier of a registry's team."""
    tier = getattr(each, "tier", 0)
    return f"{PARTY_WORDS[each.party]}, tier {tier}" if tier else PARTY_WORDS[each.party]
