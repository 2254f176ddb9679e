"""``flask sla``: the account of a ticket's clocks, and the replay of events against what is stored."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import click
import sqlalchemy as sa
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from desk.accounts.queries import names_of_people
from desk.calendars.queries import history
from desk.cli import remeasure, simulate
from desk.clock import utcnow
from desk.corrections import queries as corrections
from desk.corrections.models import Objection, ObjectionState
from desk.db import LARGEST_ID, db, transaction
from desk.domain import clock_words
from desk.domain.account import Account, Mark, Step, Stretch
from desk.domain.clocks import Clock, EventType
from desk.domain.errors import DeskError
from desk.sla import queries, service
from desk.ticket_promises import TARGETED
from desk.tickets.models import Ticket

group = AppGroup("sla", help="The clocks: their account, and their replay.")
group.add_command(simulate.command)
group.add_command(remeasure.command)

Zones = tuple[str, ...]


@group.command("explain")
@click.argument("number", type=int)
def explain(number: int) -> None:
    """Say, for each clock of ticket NUMBER, when it ran, when it stood still and why, and how its date comes about."""
    session = db.session()
    ticket_id = None
    if 0 < number <= LARGEST_ID:
        ticket_id = session.scalars(sa.select(Ticket.id).where(Ticket.number == number)).first()
    if ticket_id is None:
        raise click.ClickException(f"There is no ticket {number}.")
    now = utcnow()
    accounts = queries.account(session, ticket_id, now, earlier=True)
    if not accounts:
        raise click.ClickException(f"Ticket {number} has no clocks: its consortium had no calendar when it was opened.")
    zones = tuple(dict.fromkeys([*(account.tz for account in accounts), "UTC"]))[:2]
    objections = corrections.of_ticket(session, ticket_id)
    names = _names(session, accounts, objections)
    click.echo(f"Ticket {number} at {both(now, zones)}")
    for account in accounts:
        clock = account.clock
        about = [
            each for each in objections if each.kind is clock.kind and clock.first_cycle <= each.cycle <= clock.cycle
        ]
        for line in [*told(account, about, zones, names), *_opening(session, account, now, zones)]:
            click.echo(line)


@group.command("rebuild")
@click.option("--check", is_flag=True, help="Only compare; fail when anything differs.")
def rebuild(check: bool) -> None:
    """Replay every clock's events and put right what is stored otherwise."""
    try:
        with transaction() as session:
            found = service.rebuild(session, check=check)
            others = corrections.that_differ(session)
    except DeskError as error:
        raise click.ClickException(error.sentence) from error
    for line in [*found, *others]:
        click.echo(line)
    if check and (found or others):
        raise click.ClickException(f"{len(found) + len(others)} stored values are not what the events say.")
    if others:
        raise click.ClickException(f"{len(found)} stored values were put right, {len(others)} cannot be.")
    click.echo(f"{len(found)} stored values were put right." if found else "Everything stored is what the events say.")


def told(account: Account, objections: Sequence[Objection], zones: Zones, names: Mapping[int, str]) -> Iterator[str]:
    """The account of one clock in lines for a terminal."""
    clock = account.clock
    cycle = f", cycle {clock.cycle}" if clock.cycle > 1 else ""
    yield ""
    yield f"{queries.LABELS[clock.kind]}{cycle}: {clock.state}, in working hours of {account.tz}"
    life = [*_life(account, zones, names), *_disputes(objections, zones, names)]
    for _, line in sorted(life, key=lambda pair: pair[0]):
        yield f"  {line}"
    yield f"  used {_span(clock.consumed)}{_promised(clock)}"
    if clock.unpromisable:
        yield f"  no date: {clock_words.undated(clock.target)}"
    for step in account.steps:
        yield f"  {_ahead(step, zones)}"
    if clock.due_at is not None:
        yield f"  due {both(clock.due_at, zones)}"
    if clock.breach_at is not None and clock.breach_at != clock.due_at:
        yield f"  late only after {both(clock.breach_at, zones)}"
    if clock.breached_at is not None:
        yield f"  LATE since {both(clock.breached_at, zones)}"


def _promised(clock: Clock) -> str:
    if clock.target_seconds is not None:
        return f" of {_span(clock.target_seconds)}"
    return f", promised {clock.target.words}" if clock.target.promised else ", nothing promised"


def _opening(session: Session, account: Account, now: datetime, zones: Zones) -> Iterator[str]:
    if account.next_opening is None:
        return
    hours = history(session, int(account.clock.calendar))
    if account.next_opening > now or hours is None:
        yield f"  next open {both(account.next_opening, zones)}"
    else:
        yield f"  open now until {both(hours.closes_at(now), zones)}"


def _life(account: Account, zones: Zones, names: Mapping[int, str]) -> Iterator[tuple[datetime, str]]:
    # At one instant what happened comes before the stretch that begins with it.
    for mark in account.marks:
        yield mark.at, _mark(mark, zones, names)
    for stretch in account.stretches:
        ended = stretch is account.stretches[-1] and not stretch.ran and not account.clock.live
        yield stretch.start, _stretch(stretch, zones, names, ended)


def _disputes(
    objections: Sequence[Objection], zones: Zones, names: Mapping[int, str]
) -> Iterator[tuple[datetime, str]]:
    for each in objections:
        what = "should not count" if each.counted else "should count"
        span = f"{both(each.from_at, zones)} to {both(each.until_at, zones)}"
        yield (
            each.raised_at,
            f"note  {both(each.raised_at, zones)}: objection, {span} {what}: {each.text}{_who(each.raised_by, names)}",
        )
        if each.state is not ObjectionState.OPEN and each.decided_at is not None:
            words = f"objection {each.state}{': ' if each.answer else ''}{each.answer}"
            yield each.decided_at, f"note  {both(each.decided_at, zones)}: {words}{_who(each.decided_by, names)}"


def _stretch(stretch: Stretch, zones: Zones, names: Mapping[int, str], ended: bool) -> str:
    end = both(stretch.end, zones) if stretch.end is not None else "now"
    span = f"{both(stretch.start, zones)} to {end}"
    if stretch.ran:
        return f"ran   {span}: {_span(stretch.seconds)} (version {stretch.version} of the calendar, {stretch.tz})"
    why = f"{clock_words.why(stretch.cause)}{_reason(stretch.reason)}{_who(stretch.actor_id, names)}"
    return f"ended {both(stretch.start, zones)}: {why}" if ended else f"stood {span}: {why}"


def _mark(mark: Mark, zones: Zones, names: Mapping[int, str]) -> str:
    what = clock_words.happened(mark.type, mark.cause, mark.percent)
    if mark.type is EventType.REMEASURED and mark.since and mark.until:
        again, _, why = what.partition(": ")
        span = f"{both(mark.since, zones)} to {both(mark.until, zones)}"
        reason = f": {mark.reason}" if mark.reason else ""
        what = f"{again}, {span}: {_span(mark.seconds or 0)} ({why}{reason})"
    elif mark.target_seconds is not None and mark.type in TARGETED:
        what = f"{what}, target {_span(mark.target_seconds)}"
    return f"note  {both(mark.at, zones)}: {what}{_who(mark.actor_id, names)}"


def _ahead(step: Step, zones: Zones) -> str:
    return f"ahead {both(step.start, zones)} to {both(step.end, zones)}: {_span(step.seconds)}, left {_span(step.left)}"


def _reason(reason: str | None) -> str:
    """What somebody wrote; a reason of one word in small letters is the name of an event, which is said already."""
    return f": {reason}" if reason and not re.fullmatch("[a-z_]+", reason) else ""


def _who(actor_id: int | None, names: Mapping[int, str]) -> str:
    return f", by {names.get(actor_id, 'somebody')}" if actor_id is not None else ""


def _span(seconds: int) -> str:
    hours, rest = divmod(abs(seconds), 3600)
    return f"{'-' if seconds < 0 else ''}{hours}:{rest // 60:02}:{rest % 60:02}"


def both(at: datetime, zones: Zones) -> str:
    """A moment in each zone; zones in which it has the same date and time are named by the first of them."""
    times: dict[str, str] = {}
    for zone in zones:
        times.setdefault(f"{at.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M:%S}", zone)
    return " = ".join(f"{time} {zone}" for time, zone in times.items())


def _names(session: Session, accounts: list[Account], objections: Sequence[Objection]) -> dict[int, str]:
    who = [actor_id for each in objections for actor_id in (each.raised_by, each.decided_by)]
    who += [stretch.actor_id for account in accounts for stretch in account.stretches]
    who += [mark.actor_id for account in accounts for mark in account.marks]
    return names_of_people(session, [actor_id for actor_id in who if actor_id is not None])
