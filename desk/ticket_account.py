"""The account of a ticket's clocks as one reader may have it: line by line from the first second to the due date."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.calendars import queries as calendars
from desk.calendars.models import Calendar, CalendarVersion
from desk.corrections import queries as corrections
from desk.corrections.models import Objection, ObjectionState
from desk.domain import clock_words
from desk.domain.account import Account, Mark, Stretch, changed_since, made_late_by
from desk.domain.calendar import whole_second
from desk.domain.clocks import Clock, ClockState, EventType, Measure
from desk.domain.permissions import Actor, TicketSubject
from desk.domain.targets import REGISTRY_KINDS, Kind
from desk.domain.wording import exact_span
from desk.events import queries as events
from desk.sla import queries as sla
from desk.sla.models import ClockSet
from desk.ticket_clocks import SHOWN_CLOCKS, ClockPanel, Side, panel_of, side_of
from desk.ticket_promises import TARGETED, Hours, hours_of, source_of
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

    what: str  # ran, stood, ended, mark, corrected
    start: datetime
    end: datetime | None
    tz: str
    words: str
    detail: str = ""
    who: str = ""
    seconds: int | None = None
    total: int | None = None
    disputes: tuple["Dispute", ...] = ()
    may_object: bool = False
    within: tuple["Line", ...] = ()  # what happened while it lasted
    is_idle: bool = False  # an edit of the hours that changed nothing, or nothing counted between such


@dataclass(frozen=True, slots=True)
class Dispute:
    """An objection to a line, and what became of it."""

    objection: Objection
    who: str
    decided_by: str
    may_decide: bool


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
    def undated(self) -> str:
        """Why it has no date although one is promised; else empty."""
        lost = self.clock.unpromisable or (self.clock.live and self.clock.target_seconds is None)
        return clock_words.undated(self.clock.target) if lost else ""

    @property
    def late_by(self) -> str:
        """The change that made it late, in words; empty when its time ran out."""
        mark = made_late_by(self.account)
        return clock_words.the_change(mark.cause) if mark else ""

    @property
    def redated(self) -> tuple[str, datetime] | None:
        """The change, with its moment, that gave a missed clock a date that nobody had when it was missed."""
        mark = changed_since(self.account) or made_late_by(self.account)
        return (clock_words.the_change(mark.cause), mark.at) if mark else None

    def line(self, start: datetime) -> Line | None:
        """The stretch that begins then, if it can be disputed by the reader."""
        return next((each for each in self.lines if each.may_object and each.start == start), None)

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

    def disputable(self, kind: str, start: datetime) -> tuple[ClockAccount, Line] | None:
        """The stretch of such a clock that begins then, if the reader may object to it."""
        for latest in self.clocks:
            for clock in (latest, *latest.earlier):
                line = clock.line(start) if clock.clock.kind.value == kind else None
                if line is not None:
                    return clock, line
        return None


@dataclass(frozen=True, slots=True)
class _Reader:
    """What is needed to put things into this reader's words."""

    actor: Actor
    subject: TicketSubject
    side: Side
    names: Mapping[int, str]
    holds: Mapping[int, str]  # reasons of holds, by the second in which they began
    objections: Sequence[Objection]
    row: ClockSet | None

    def disputes(self, kind: Kind, start: datetime) -> tuple[Dispute, ...]:
        """What was said against the stretch of such a clock that begins then."""
        return tuple(
            Dispute(each, self.who(each.raised_by), self.who(each.decided_by), self._decides(each))
            for each in self.objections
            if (each.kind, each.from_at) == (kind, start)
        )

    def _decides(self, objection: Objection) -> bool:
        return (
            objection.state is ObjectionState.OPEN
            and self.row is not None
            and objection.raised_by != self.actor.person_id
            and corrections.may_decide(self.actor, self.row.consortium_id, self.row.registry_id, objection.kind)
        )

    def who(self, actor_id: int | None) -> str:
        """Who did it: by name where the ticket page names them to this reader, else by their part."""
        return "" if actor_id is None else self.names.get(actor_id) or _DESK.get(self.side, "somebody")


def assemble(session: Session, actor: Actor, ticket: Ticket, now: datetime) -> AccountPage:
    """The account of every clock that ``actor`` may know of, each with its earlier cycles."""
    subject = queries.subject_of(session, ticket)
    side = side_of(actor, subject)
    every = sla.account(session, ticket.id, now, earlier=True)
    found = [each for each in every if each.clock.kind in SHOWN_CLOCKS[side]]
    objections = [each for each in corrections.of_ticket(session, ticket.id) if _knows_of(each, side)]
    reader = _Reader(
        actor=actor,
        subject=subject,
        side=side,
        names=_names(session, actor, ticket, side, found, objections),
        holds=_holds(session, ticket, side),
        objections=objections,
        row=session.get(ClockSet, ticket.id),
    )
    versions = calendars.versions_of(session, {key for each in found for _, key in each.clock.parts})
    cycles: dict[Kind, list[ClockAccount]] = {}
    for each in found:
        cycles.setdefault(each.clock.kind, []).append(_told(session, each, reader, versions, now))
    return AccountPage(
        side=side,
        time=panel_of(session, ticket, side, now),
        clocks=[_with_earlier(each) for each in cycles.values()],
    )


def _knows_of(objection: Objection, side: Side) -> bool:
    """The lead knows of every objection; the others of their own, and the registry of those to its own clocks."""
    theirs = objection.kind in REGISTRY_KINDS and side is Side.REGISTRY
    return side is Side.LEAD or theirs or objection.party.value == side.value


def _with_earlier(cycles: Sequence[ClockAccount]) -> ClockAccount:
    *earlier, last = sorted(cycles, key=lambda each: each.clock.cycle)
    fields = {name: getattr(last, name) for name in ClockAccount.__slots__ if name != "earlier"}
    return ClockAccount(**fields, earlier=tuple(reversed(earlier)))


def _told(
    session: Session,
    account: Account,
    reader: _Reader,
    versions: Sequence[tuple[Calendar, CalendarVersion]],
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
        source=source_of(session, account, reader.row) if clock.target.promised else "",
        hours=tuple(hours_of(account, versions, now)),
        lines=tuple(_folded(_lines(account, reader))),
    )


def _lines(account: Account, reader: _Reader) -> Iterator[Line]:
    """Stretches and what happened between them, in the order of time, with the sum so far."""
    total = 0
    marks = sorted((mark for mark in account.marks if _concerns(mark, account.clock, reader.side)), key=_moment)
    last = account.stretches[-1] if account.stretches else None
    for stretch in account.stretches:
        while marks and marks[0].at <= stretch.start:
            total += marks[0].seconds or 0
            yield _mark(marks.pop(0), account, reader, total)
        total += stretch.seconds
        inner = [mark for mark in marks if _within(mark, stretch)]
        marks = [mark for mark in marks if mark not in inner]
        ended = stretch is last and not stretch.ran and not account.clock.live
        line = _stretch(stretch, account.clock.kind, reader, total, ended=ended)
        idle = line.what == "ran" and stretch.seconds == 0 and not inner and not line.disputes
        yield replace(line, within=tuple(_mark(each, account, reader, total) for each in inner), is_idle=idle)
    for mark in marks:
        total += mark.seconds or 0
        yield _mark(mark, account, reader, total)


def _within(mark: Mark, stretch: Stretch) -> bool:
    """Whether it happened while the stretch lasted. A correction adds to the sum: it comes after the stretch."""
    inside = stretch.start < mark.at and (stretch.end is None or mark.at < stretch.end)
    return inside and mark.type is not EventType.REMEASURED


def _folded(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines with successive edits of the hours that changed nothing here told in one."""
    for idle, group in groupby(lines, key=lambda line: line.is_idle):
        found = list(group)
        edits = [line for line in found if line.what == "mark"]
        if not idle or not edits:
            yield from found
        elif len(edits) == 1:
            yield replace(edits[0], words="An edit of the hours that changed nothing here", detail="")
        else:
            words = f"{len(edits)} edits of the hours that changed nothing here"
            yield Line("edits", edits[0].start, edits[-1].start, edits[0].tz, words)


def _moment(mark: Mark) -> datetime:
    return mark.at


def _concerns(mark: Mark, clock: Clock, side: Side) -> bool:
    """Warnings are for whose clock it is; what was promised, and that it was missed, for everybody who sees it."""
    if mark.type is not EventType.WARNED or side is Side.LEAD:
        return True
    return side is Side.REGISTRY and clock.kind in REGISTRY_KINDS


def _stretch(stretch: Stretch, kind: Kind, reader: _Reader, total: int, *, ended: bool) -> Line:
    disputes = reader.disputes(kind, stretch.start)
    # While one waits, and once the stretch was put right, nothing is left to dispute; nor where nothing counted.
    settled = any(each.objection.state is not ObjectionState.REFUSED for each in disputes)
    empty = stretch.ran and stretch.seconds == 0
    allowed = corrections.may_object(reader.actor, reader.subject, kind) is not None
    line = Line(
        what="ran" if stretch.ran else "ended" if ended else "stood",
        start=stretch.start,
        end=stretch.end,
        tz=stretch.tz,
        words="Ran",
        seconds=stretch.seconds if stretch.ran else None,
        total=total if stretch.ran else None,
        disputes=disputes,
        may_object=allowed and not (ended or settled or empty),
    )
    if stretch.ran:
        return line
    because = clock_words.why(stretch.cause, to_member=reader.side is Side.MEMBER)
    return replace(
        line,
        words=f"{'Ended' if ended else 'Stood still'}: {because}",
        detail=reader.holds.get(whole_second(stretch.start), "") or _reason(stretch.reason, reader),
        who=reader.who(stretch.actor_id),
    )


def _reason(reason: str | None, reader: _Reader) -> str:
    """A reason that somebody wrote; those of one word are names of events. They were written for the lead's desk."""
    return reason if reason and " " in reason and reader.side is Side.LEAD else ""


def _mark(mark: Mark, account: Account, reader: _Reader, total: int) -> Line:
    words = clock_words.happened(mark.type, mark.cause, mark.percent)
    if mark.type is EventType.REMEASURED:
        return Line(
            what="corrected",
            start=mark.since or mark.at,
            end=mark.until,
            tz=account.tz,
            words=words,
            detail=_reason_of(mark, account.clock.kind, reader),
            who=reader.who(mark.actor_id),
            seconds=mark.seconds,
            total=total,
        )
    target = mark.target_seconds if mark.type in TARGETED else None
    detail = f"to be done in {exact_span(target)} of working time" if target is not None else ""
    return Line("mark", mark.at, None, account.tz, words, detail, reader.who(mark.actor_id), is_idle=not mark.moved)


def _reason_of(mark: Mark, kind: Kind, reader: _Reader) -> str:
    """Why it was measured again, for everybody who sees the clock; words of an objection for those who know of it."""
    if mark.cause == Measure.CALENDAR or reader.side is Side.LEAD:
        return mark.reason or ""
    known = any(each.kind is kind and each.from_at == mark.since for each in reader.objections)
    return (mark.reason or "") if known else ""


def _names(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    side: Side,
    found: Sequence[Account],
    objections: Sequence[Objection],
) -> Mapping[int, str]:
    """Who is named: for the lead everybody, for the others whom the ticket's page names to them as well."""
    ids = {stretch.actor_id for account in found for stretch in account.stretches}
    ids |= {mark.actor_id for account in found for mark in account.marks}
    ids |= {person_id for each in objections for person_id in (each.raised_by, each.decided_by)}
    if side is not Side.LEAD:
        shown = {each.message.author_id for each in queries.messages_for(session, actor, ticket)}
        shown |= {each.raised_by for each in objections if each.party.value == side.value}
        ids &= shown | {actor.person_id, ticket.requester_id}
    return accounts.names_of_people(session, {each for each in ids if each is not None})


def _holds(session: Session, ticket: Ticket, side: Side) -> Mapping[int, str]:
    """Why the ticket was on hold: written for the member, and shown to a registry no more than on the ticket's page."""
    if side is Side.REGISTRY:
        return {}
    held = (event for event in events.timeline(session, ticket.id) if event.kind == "held")
    return {whole_second(event.at): str(event.payload.get("reason", "")) for event in held}
