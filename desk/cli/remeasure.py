"""``flask sla remeasure``: correct what was measured in the past, with a reason; nothing that was written is erased."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.calendars import queries as calendars
from desk.cli.documents import document_in
from desk.clock import utcnow
from desk.corrections import service
from desk.corrections.service import Remeasured
from desk.db import LARGEST_ID, transaction
from desk.domain.calendar import BusinessCalendar, instant
from desk.domain.errors import DeskError, InvalidInput, NotFound
from desk.domain.opening_hours import DAY_SECONDS
from desk.domain.permissions import SYSTEM, Actor
from desk.domain.targets import Kind
from desk.sla.queries import LABELS

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DAY = click.DateTime(formats=["%Y-%m-%d"])


class _OnlyTried(Exception):
    """Nothing of a dry run is kept."""


@click.command("remeasure")
@click.option("--calendar", "calendar_id", type=int, help="The calendar whose past was wrong.")
@click.option("--holiday", "holidays", type=_DAY, multiple=True, help="A holiday that was forgotten; may be repeated.")
@click.option("--spec", type=_FILE, help="A JSON file with the hours that were really kept, instead of holidays.")
@click.option("--ticket", "number", type=int, help="Instead of a calendar: one stretch of one ticket.")
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), help="Of which of the ticket's clocks.")
@click.option("--from", "from_at", help="Where the span, or the ticket's stretch, begins: 2026-03-19T00:00+01:00.")
@click.option("--until", "until_at", help="Where the span ends. Both follow from the holidays when left out.")
@click.option("--reason", required=True, help="Why; it is shown in the account of every clock.")
@click.option("--by", "email", help="The address of the manager who corrects it; without one it is the desk itself.")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
def command(email: str | None, dry_run: bool, **given: Any) -> None:
    """Measure again: every clock that ran in a CALENDAR in a span, or one stretch of a TICKET's clock.

    A stretch that counted does not count any more; one in which the clock stood counts. Who was late stays late; who
    becomes late by it is late from now on.
    """
    changed: list[Remeasured] = []
    try:
        with transaction() as session:
            changed = _remeasured(session, _actor(session, email), given, utcnow())
            if dry_run:
                raise _OnlyTried
    except _OnlyTried:
        click.echo("Nothing was kept: this was a dry run.", err=True)
    except DeskError as error:
        raise click.ClickException(error.sentence) from error
    for line in changed:
        click.echo(told(line))
    click.echo(f"{len(changed)} clocks {'would be' if dry_run else 'were'} measured again.")


def told(line: Remeasured) -> str:
    """What changed of one clock, for a terminal."""
    cycle = f", cycle {line.cycle}" if line.cycle > 1 else ""
    late = ", late from now on" if line.is_late else ""
    change = f"{_span(line.before)} -> {_span(line.after)} ({_span(line.after - line.before)})"
    return f"Ticket {line.ticket_id}, {LABELS[line.kind]}{cycle}: used {change}{late}"


def _remeasured(session: Session, actor: Actor, given: dict[str, Any], now: datetime) -> list[Remeasured]:
    if bool(given["calendar_id"]) is bool(given["number"]):
        raise InvalidInput("Give either --calendar or --ticket.")
    if given["number"] and not 0 < given["number"] <= LARGEST_ID:
        raise NotFound(f"There is no ticket {given['number']}.")
    if given["calendar_id"] and not 0 < given["calendar_id"] <= LARGEST_ID:
        raise NotFound("There is no such calendar.")
    if given["number"]:
        if not given["kind"] or not given["from_at"]:
            raise InvalidInput("With --ticket say which clock (--kind) and where its stretch begins (--from).")
        return service.remeasure_stretch(
            session,
            actor,
            ticket_id=given["number"],
            kind=Kind(given["kind"]),
            from_at=_instant(given["from_at"]),
            reason=given["reason"],
            now=now,
        )
    days = sorted({day.date() for day in given["holidays"]})
    begin, end = _span_of(session, given, days, now)
    return service.remeasure(
        session,
        actor,
        calendar_id=given["calendar_id"],
        from_at=begin,
        until_at=end,
        reason=given["reason"],
        now=now,
        spec=_spec(given["spec"]),
        holidays=days,
    )


def _span_of(session: Session, given: dict[str, Any], days: list[date], now: datetime) -> tuple[datetime, datetime]:
    """The span; of holidays from the first one's midnight to the last one's, in the calendar's own zone."""
    hours = calendars.history(session, given["calendar_id"])
    if hours is None:
        raise NotFound("There is no such calendar.")
    zone = hours.version_at(now).calendar
    if not days and not (given["from_at"] and given["until_at"]):
        raise InvalidInput("Say from when until when (--from, --until), or which holidays were forgotten.")
    begin = _instant(given["from_at"]) if given["from_at"] else _midnight(zone, days[0], 0)
    if given["until_at"]:
        return begin, _instant(given["until_at"])
    end = _midnight(zone, days[-1], DAY_SECONDS)
    return begin, min(end, now) if begin < now else end  # a day that has not begun is refused


def _midnight(zone: BusinessCalendar, day: date, second: int) -> datetime:
    try:
        return instant(zone.second_of(day, second))
    except (OverflowError, ValueError) as error:
        raise InvalidInput(f"{day.isoformat()} is at the end of all dates and cannot be measured.") from error


def _actor(session: Session, email: str | None) -> Actor:
    if email is None:
        return SYSTEM
    person = accounts.person_by_email(session, email)
    if person is None:
        raise NotFound(f"Nobody has the address {email}.")
    return accounts.actor_of(session, person.id, utcnow())


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        found = at.astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise InvalidInput(f"“{text}” is no instant; write it as 2026-03-19T00:00+01:00.") from error
    if at.tzinfo is None:
        raise InvalidInput(f"“{text}” needs its offset, as in 2026-03-19T00:00+01:00.")
    return found


def _spec(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        spec = document_in(path)
        if not isinstance(spec, dict):
            raise InvalidInput("It holds no opening hours.")
    except InvalidInput as error:
        raise InvalidInput(f"{path.name}: {error.sentence}") from error
    return spec


def _span(seconds: int) -> str:
    hours, rest = divmod(abs(seconds), 3600)
    return f"{'-' if seconds < 0 else ''}{hours}:{rest // 60:02}:{rest % 60:02}"
