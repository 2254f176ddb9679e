"""``flask sla simulate``: which tickets of a period would have been late with other hours or other promises."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Consortium, Registry
from desk.calendars.queries import calendar_of_party, history
from desk.cli.documents import document_in
from desk.clock import utcnow
from desk.db import db
from desk.domain.errors import DeskError, InvalidInput
from desk.domain.measurements import Outcome, Tally, Verdict
from desk.domain.permissions import SYSTEM, Place
from desk.domain.supposed_terms import supposed_agreement, supposed_hours
from desk.domain.wording import counted, iso
from desk.simulation.queries import Answer, Changed, Question, simulate
from desk.sla.queries import LABELS

Supposed = TypeVar("Supposed")

_REGISTRY_TIER = 2
_WIDE = max(map(len, LABELS.values())) + 2
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

NO_RECEIPTS = (
    "Whether an automatic receipt counts as the first answer cannot be supposed: no clock knows when one was sent."
    " The first answers are as they were recorded."
)


@click.command("simulate")
@click.option("--agreement", "agreement_file", type=_FILE, help='JSON: {"targets": ..., "hold_pauses_overall": ...}.')
@click.option("--calendar", "calendar_file", type=_FILE, help='JSON: {"tz": ..., "weekly_hours": ..., "country": ...}.')
@click.option("--from", "since", required=True, metavar="DATE", help="Tickets opened on this day or later.")
@click.option("--to", "until", required=True, metavar="DATE", help="Tickets opened before this day.")
@click.option("--consortium", metavar="NAME|ID", help="Tickets of this consortium; all consortia without it.")
@click.option("--registry", metavar="NAME|ID", help="Or those that were handed over to this registry.")
@click.option("--json", "as_json", is_flag=True, help="For another program.")
def command(
    agreement_file: Path | None,
    calendar_file: Path | None,
    since: str,
    until: str,
    consortium: str | None,
    registry: str | None,
    as_json: bool,
) -> None:
    """Say what the attainment of a period would have been with other working hours, other promises, or both.

    Stored events are measured again, each ticket until now; nothing is written. Days begin in the party's own zone.
    """
    session, now = db.session(), utcnow()
    try:
        place, name = _party(session, consortium, registry)
        zone = _zone(session, place, now)
        begin, end = _midnight(since, zone), _midnight(until, zone)
        if begin >= end:
            raise InvalidInput("The period ends before it begins: --to is the first day after it.")
        question = Question(place, begin, end)
        if calendar_file is not None:
            hours = _supposed(calendar_file, lambda document: supposed_hours(document, begin, now))
            question = replace(question, hours=hours)
        if agreement_file is not None:
            kinds = frozenset(question.kinds)
            agreement = _supposed(agreement_file, lambda document: supposed_agreement(document, kinds))
            question = replace(question, agreement=agreement)
        answer = simulate(session, SYSTEM, question, now)
    except DeskError as error:
        raise click.ClickException(error.sentence) from error
    if as_json:
        click.echo(json.dumps(_document(answer, begin, end, name), indent=2))
        return
    for line in _told(answer, f"Tickets of {name} opened from {since} until before {until} ({zone.key})"):
        click.echo(line)


def _party(session: Session, consortium: str | None, registry: str | None) -> tuple[Place, str]:
    if consortium is not None and registry is not None:
        raise InvalidInput("Please give --consortium or --registry, not both.")
    if registry is not None:
        found = accounts.registry_by_slug(session, registry) or _by_id(session, Registry, registry)
        return Place(registry_id=found.id), found.name
    if consortium is not None:
        own = accounts.consortium_by_slug(session, consortium) or _by_id(session, Consortium, consortium)
        return Place(consortium_id=own.id), own.name
    return Place(), "all consortia"


def _by_id(session: Session, model: Any, text: str) -> Any:
    found = session.get(model, int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else None
    if found is None:
        raise InvalidInput(f"There is no {model.__tablename__} “{text}”; give its short name or its number.")
    return found


def _zone(session: Session, place: Place, now: datetime) -> ZoneInfo:
    """In which days begin: that of the party's working hours."""
    calendar = None
    if place != Place():
        party = {"consortium_id": place.consortium_id, "registry_id": place.registry_id}
        calendar = history(
            session, calendar_of_party(session, **party, tier=_REGISTRY_TIER if place.registry_id else 1)
        )
    return calendar.version_at(now).calendar.zone if calendar is not None else ZoneInfo("UTC")


def _midnight(text: str, zone: ZoneInfo) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), zone)
    except ValueError as error:
        raise InvalidInput(f"“{text}” is not a date; write it as 2026-09-01.") from error


def _supposed(file: Path, read: Callable[[Any], Supposed]) -> Supposed:
    """What a document says; a refusal names the file."""
    try:
        return read(document_in(file))
    except InvalidInput as error:
        raise InvalidInput(f"{file.name}: {error.sentence}") from error


def _told(answer: Answer, title: str) -> Iterator[str]:
    yield f"{title}: {answer.tickets}. Each is followed until {iso(answer.as_of)}."
    yield ""
    yield f"{'':<{_WIDE}}{'':<10}{'measured':>9}{'met':>8}{'late':>8}{'running':>9}{'neither':>9}{'attainment':>12}"
    for kind, before in answer.before.items():
        if before.measured:
            yield _row(LABELS[kind], "recorded", before)
            yield _row("", "supposed", answer.after[kind])
    yield ""
    yield "Attainment: met among those that are decided, met or late. Neither: not promised, or ended undecided."
    if answer.receipts_unknown:
        yield NO_RECEIPTS
    late, good = answer.newly_late, answer.no_longer_late
    yield f"{counted(late, 'measurement')} would have been late and {counted(good, 'measurement')} no longer late."
    for changed in answer.changed:
        yield _change(changed)


def _row(label: str, world: str, tally: Tally) -> str:
    counts = tally.counts
    neither = counts[Verdict.ENDED] + counts[Verdict.UNPROMISED]
    share = "-" if tally.attainment is None else f"{tally.attainment:.1f} %"
    numbers = (tally.measured, counts[Verdict.MET], counts[Verdict.LATE], counts[Verdict.RUNNING], neither)
    widths = (9, 8, 8, 9, 9)
    figures = "".join(f"{number:>{width}}" for number, width in zip(numbers, widths, strict=True))
    return f"{label:<{_WIDE}}{world:<10}{figures}{share:>12}"


def _change(changed: Changed) -> str:
    pair = changed.comparison
    times = f" {pair.number}" if pair.number > 1 else ""
    sides = f"{_outcome(pair.before)}; supposed: {_outcome(pair.after)}"
    return f"#{changed.ticket_id} {LABELS[pair.kind]}{times}: {sides}"


def _outcome(outcome: Outcome) -> str:
    target = "nothing promised" if outcome.target_seconds is None else _span(outcome.target_seconds)
    since = f", late after {iso(outcome.breached_at)}" if outcome.breached_at is not None else ""
    return f"{outcome.verdict}, used {_span(outcome.consumed)} of {target}{since}"


def _span(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"


def _document(answer: Answer, begin: datetime, end: datetime, name: str) -> dict[str, Any]:
    return {
        "party": name,
        "from": begin.isoformat(),
        "to": end.isoformat(),
        "as_of": answer.as_of.isoformat(),
        "tickets": answer.tickets,
        "kinds": {
            kind.value: {"recorded": _counts(before), "supposed": _counts(answer.after[kind])}
            for kind, before in answer.before.items()
        },
        "changed": [
            {
                "ticket": changed.ticket_id,
                "kind": changed.comparison.kind.value,
                "number": changed.comparison.number,
                "recorded": _facts(changed.comparison.before),
                "supposed": _facts(changed.comparison.after),
            }
            for changed in answer.changed
        ],
        "notes": [NO_RECEIPTS] if answer.receipts_unknown else [],
    }


def _counts(tally: Tally) -> dict[str, Any]:
    counts = {verdict.value: count for verdict, count in tally.counts.items()}
    return {"measured": tally.measured, **counts, "attainment_percent": tally.attainment}


def _facts(outcome: Outcome) -> dict[str, Any]:
    return {
        "verdict": outcome.verdict.value,
        "consumed_seconds": outcome.consumed,
        "target_seconds": outcome.target_seconds,
        "breached_at": outcome.breached_at.isoformat() if outcome.breached_at is not None else None,
    }
