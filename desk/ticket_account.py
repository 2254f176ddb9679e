"""The account of a ticket's clocks as one reader may have it: line by line from the first second to the due date."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.calendars import queries as calendars
from desk.calendars.models import Agreement, AgreementVersion, Calendar, CalendarVersion
from desk.domain import clock_words
from desk.domain.account import Account, Mark, Stretch
from desk.domain.calendar import whole_second
from desk.domain.clocks import Clock, ClockState, EventType
from desk.domain.hours_words import closures_in_words, hours_in_words
from desk.domain.permissions import Actor
from desk.domain.targets import REGISTRY_KINDS, Kind
from desk.domain.wording import span
from desk.events import queries as events
from desk.sla import queries as sla
from desk.sla.models import ClockSet
from desk.ticket_clocks import SHOWN_CLOCKS, ClockPanel, Side, panel_of, side_of
from desk.tickets import queries
from desk.tickets.models import Ticket

_STATES = {
    ClockState.RUNNING: "Runs",
    ClockState.PAUSED: "Stands still",
    ClockState.STOPPED: "Ended",
    ClockState.CANCELLED: "Cancelled",
}
_DESK = {Side.MEMBER: "the desk", Side.REGISTRY: "the lead's side"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an account. ``ran``: with the working seconds it counted and the sum up to its end; else words only."""

    what: str  # ran, stood, ended, mark
    start: datetime
    end: datetime | None
    tz: str
    words: str
    detail: str = ""
    who: str = ""
    seconds: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Hours:
    """The working hours that a clock is or was measured in. ``since`` is empty for the first ones."""

    name: str
    tz: str
    words: str
    closed: str  # days within the clock's life on which it is closed or open otherwise
    since: datetime | None


@dataclass(frozen=True, slots=True)
class ClockAccount:
    """One cycle of one clock, to be read from top to bottom."""

    account: Account
    label: str
    measures: str
    state: str
    promised: str
    source: str  # which agreement promises it, in which version
    hours: tuple[Hours, ...]
    lines: tuple[Line, ...]
    earlier: tuple["ClockAccount", ...] = ()

    @property
    def clock(self) -> Clock:
        """The clock itself."""
        return self.account.clock

    @property
    def left(self) -> int | None:
        """Working seconds until the target is used up; None when nothing is promised, negative when it is exceeded."""
        target = self.clock.target_seconds
        return None if target is None else target - self.clock.consumed

    @property
    def key(self) -> str:
        """Names it within the page."""
        return f"{self.clock.kind.value}-{self.clock.cycle}"


@dataclass(frozen=True, slots=True)
class AccountPage:
    """Everything that ``tickets/clocks.html`` shows to one reader."""

    side: Side
    time: ClockPanel
    clocks: Sequence[ClockAccount]


@dataclass(frozen=True, slots=True)
class _Reader:
    """What is needed to put things into this reader's words."""

    side: Side
    names: Mapping[int, str]
    holds: Mapping[int, str]  # reasons of holds, by the second in which they began

    def who(self, actor_id: int | None) -> str:
        """Who did it: by name where the ticket page names them to this reader, else by their part."""
        return "" if actor_id is None else self.names.get(actor_id) or _DESK.get(self.side, "somebody")


def assemble(session: Session, actor: Actor, ticket: Ticket, now: datetime) -> AccountPage:
    """The account of every clock that ``actor`` may know of, each with its earlier cycles."""
    subject = queries.subject_of(session, ticket)
    side = side_of(actor, subject)
    found = [each for each in sla.account(session, ticket.id, now) if each.clock.kind in SHOWN_CLOCKS[side]]
    reader = _Reader(side, _names(session, actor, ticket, side, found), _holds(session, ticket, side))
    versions = calendars.versions_of(session, {key for each in found for _, key in each.clock.parts})
    row = session.get(ClockSet, ticket.id)
    cycles: dict[Kind, list[ClockAccount]] = {}
    for each in found:
        cycles.setdefault(each.clock.kind, []).append(_told(session, each, reader, versions, row, now))
    return AccountPage(
        side=side,
        time=panel_of(session, ticket, side, now),
        clocks=[_with_earlier(each) for each in cycles.values()],
    )


def _with_earlier(cycles: Sequence[ClockAccount]) -> ClockAccount:
    *earlier, last = sorted(cycles, key=lambda each: each.clock.cycle)
    fields = {name: getattr(last, name) for name in ClockAccount.__slots__ if name != "earlier"}
    return ClockAccount(**fields, earlier=tuple(reversed(earlier)))


def _told(
    session: Session,
    account: Account,
    reader: _Reader,
    versions: Sequence[tuple[Calendar, CalendarVersion]],
    row: ClockSet | None,
    now: datetime,
) -> ClockAccount:
    clock = account.clock
    late = clock.breached_at is not None
    kept = clock.state is ClockState.STOPPED and clock.target_seconds is not None
    return ClockAccount(
        account=account,
        label=sla.LABELS[clock.kind],
        measures=clock_words.MEASURES[clock.kind],
        state="Late" if late and clock.live else "Missed" if late else "Kept" if kept else _STATES[clock.state],
        promised=clock_words.promised(clock.target, clock.target_seconds),
        source=_source(session, account, row) if clock.target.promised else "",
        hours=tuple(_hours(account, versions, now)),
        lines=tuple(_lines(account, reader)),
    )


def _lines(account: Account, reader: _Reader) -> Iterator[Line]:
    """Stretches and what happened between them, in the order of time, with the sum so far."""
    total = 0
    marks = sorted((mark for mark in account.marks if _concerns(mark, account.clock, reader.side)), key=_moment)
    last = account.stretches[-1] if account.stretches else None
    for stretch in account.stretches:
        while marks and marks[0].at <= stretch.start:
            yield _mark(marks.pop(0), account, reader)
        total += stretch.seconds
        yield _stretch(stretch, reader, total, ended=stretch is last and not stretch.ran and not account.clock.live)
    for mark in marks:
        yield _mark(mark, account, reader)


def _moment(mark: Mark) -> datetime:
    return mark.at


def _concerns(mark: Mark, clock: Clock, side: Side) -> bool:
    """Warnings are for whose clock it is; what was promised, and that it was missed, for everybody who sees it."""
    if mark.type is not EventType.WARNED or side is Side.LEAD:
        return True
    return side is Side.REGISTRY and clock.kind in REGISTRY_KINDS


def _stretch(stretch: Stretch, reader: _Reader, total: int, *, ended: bool) -> Line:
    if stretch.ran:
        return Line("ran", stretch.start, stretch.end, stretch.tz, "Ran", seconds=stretch.seconds, total=total)
    because = clock_words.why(stretch.cause, to_member=reader.side is Side.MEMBER)
    return Line(
        what="ended" if ended else "stood",
        start=stretch.start,
        end=stretch.end,
        tz=stretch.tz,
        words=f"{'Ended' if ended else 'Stood still'}: {because}",
        detail=reader.holds.get(whole_second(stretch.start), "") or _reason(stretch.reason, reader),
        who=reader.who(stretch.actor_id),
    )


def _reason(reason: str | None, reader: _Reader) -> str:
    """A reason that somebody wrote; those of one word are names of events. They were written for the lead's desk."""
    return reason if reason and " " in reason and reader.side is Side.LEAD else ""


def _mark(mark: Mark, account: Account, reader: _Reader) -> Line:
    words = clock_words.happened(mark.type, mark.cause, mark.percent)
    target = mark.target_seconds if mark.type in _TARGETED else None
    detail = f"to be done in {span(target)} of working time" if target is not None else ""
    return Line("mark", mark.at, None, account.tz, words, detail, reader.who(mark.actor_id))


_TARGETED = frozenset({EventType.STARTED, EventType.RESUMED, EventType.RETARGETED, EventType.CALENDAR_CHANGED})


def _names(session: Session, actor: Actor, ticket: Ticket, side: Side, found: Sequence[Account]) -> Mapping[int, str]:
    """Who is named: for the lead everybody, for the others whom the ticket's page names to them as well."""
    ids = {stretch.actor_id for account in found for stretch in account.stretches}
    ids |= {mark.actor_id for account in found for mark in account.marks}
    if side is not Side.LEAD:
        shown = {each.message.author_id for each in queries.messages_for(session, actor, ticket)}
        ids &= shown | {actor.person_id, ticket.requester_id}
    return accounts.names_of_people(session, {each for each in ids if each is not None})


def _holds(session: Session, ticket: Ticket, side: Side) -> Mapping[int, str]:
    """Why the ticket was on hold: written for the member, and shown to a registry no more than on the ticket's page."""
    if side is Side.REGISTRY:
        return {}
    held = (event for event in events.timeline(session, ticket.id) if event.kind == "held")
    return {whole_second(event.at): str(event.payload.get("reason", "")) for event in held}


def _hours(account: Account, versions: Sequence[tuple[Calendar, CalendarVersion]], now: datetime) -> Iterator[Hours]:
    """The versions that counted for this clock, and the one in force in its calendar now."""
    counted = {stretch.version for stretch in account.stretches if stretch.ran}
    present = [version for calendar, version in versions if calendar.id == account.clock.calendar]
    in_force = [version for version in present if version.effective_from <= now] or present[:1]
    if account.clock.live and in_force:
        counted.add(max(in_force, key=lambda version: (version.effective_from, version.id)).id)
    chosen = [(calendar, version) for calendar, version in versions if version.id in counted]
    clock = account.clock
    last = max(clock.due_at or now, now) if clock.live else clock.stopped_at or now
    for place, (calendar, version) in enumerate(sorted(chosen, key=lambda pair: pair[1].effective_from)):
        zone = ZoneInfo(version.spec["tz"])
        span_of_days = clock.started_at.astimezone(zone).date(), last.astimezone(zone).date()
        yield Hours(
            name=calendar.name,
            tz=version.spec["tz"],
            words=hours_in_words(version.spec["weekly_hours"]),
            closed=closures_in_words(version.spec, version.holiday_names, *span_of_days),
            since=version.effective_from if place else None,
        )


def _source(session: Session, account: Account, row: ClockSet | None) -> str:
    """The agreement in words: its name, and of when the version is that held when the target was given."""
    clock = account.clock
    version_id = row and (
        row.registry_agreement_version_id if clock.kind in REGISTRY_KINDS else row.agreement_version_id
    )
    present = session.get(AgreementVersion, version_id) if version_id else None
    if present is None:
        return "the desk's usual times; no agreement was made"
    agreement = session.get_one(Agreement, present.agreement_id)
    given = max((mark.at for mark in account.marks if mark.type in _TARGETED), default=clock.started_at)
    held = calendars.agreement_version_at(session, agreement.id, given) or present
    return f"{agreement.name}, version of {held.effective_from:%-d %B %Y}"
