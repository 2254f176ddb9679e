"""Verbs on what was measured: object to a stretch, decide an objection, measure a stretch or a calendar's past again.

Under the ticket's clock lock, as every verb on clocks. Nothing is erased; see ``desk.domain.corrections``.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.calendars import queries as calendar_queries
from desk.calendars import service as calendars
from desk.calendars.models import Calendar
from desk.corrections import queries
from desk.corrections.models import Objection, ObjectionState, Party
from desk.domain.account import Stretch
from desk.domain.calendar import BusinessCalendar, instant, whole_second
from desk.domain.clocks import EventType, Measure
from desk.domain.corrections import Correction, correct_calendar, correct_stretch, would_correct
from desk.domain.errors import Conflict, InvalidInput, NotFound, NotPermitted
from desk.domain.permissions import Actor, Permission, TicketSubject, may
from desk.domain.targets import REGISTRY_KINDS, Kind
from desk.domain.text import clean_text
from desk.domain.vocabulary import Audience
from desk.events import service as events
from desk.sla import queries as clocks
from desk.sla import service as sla
from desk.sla.models import ClockSet
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket

BATCH = 200
OBJECTION_LENGTH = 2_000


@dataclass(frozen=True, slots=True)
class Remeasured:
    """What a correction changed of one cycle of a clock: consumed seconds before and after; late by it or not."""

    ticket_id: int
    kind: Kind
    cycle: int
    before: int
    after: int
    is_late: bool


def object_to(
    session: Session,
    actor: Actor,
    *,
    ticket_id: int,
    party: Party,
    kind: Kind,
    from_at: datetime,
    text: str,
    now: datetime,
) -> Objection:
    """“This stretch is wrong”: the one of the clock's account that begins at ``from_at``, up to its end or to now.

    For a party that sees the clock and does not answer for it. Raises ``InvalidInput``, ``Conflict`` (it is disputed
    already), ``NotPermitted``, ``NotFound``.
    """
    row = sla.lock(session, ticket_id)
    subject = _subject(session, actor, ticket_id)
    _may_object(actor, subject, party, kind)
    said = clean_text(text, name="What is wrong", field="text", limit=OBJECTION_LENGTH)
    stretch = _stretch(session, ticket_id, kind, from_at, now)
    disputed = sa.select(Objection.id).where(
        Objection.ticket_id == ticket_id,
        Objection.kind == kind,
        Objection.from_at == stretch.start,
        Objection.state == ObjectionState.OPEN,
    )
    if session.scalar(disputed) is not None:
        raise Conflict("This stretch is disputed already; the objection waits for an answer.")
    until = stretch.end or instant(whole_second(now))
    _would_change(session, row, kind, stretch, until, now)
    objection = Objection(
        ticket_id=ticket_id,
        kind=kind,
        cycle=stretch.cycle,
        from_at=stretch.start,
        until_at=until,
        counted=stretch.ran,
        text=said,
        party=party,
        raised_by=actor.person_id,
        raised_at=now,
    )
    session.add(objection)
    session.flush()
    _record(session, "objection_raised", objection, row, actor, now)
    return objection


def decide(
    session: Session, actor: Actor, *, objection_id: int, confirm: bool, answer: str, now: datetime
) -> Objection:
    """Confirm an objection, and measure the clock again; or refuse it, with a word.

    By a manager of the party that answers for the clock. Raises ``InvalidInput``, ``Conflict`` (it is decided already),
    ``NotPermitted``, ``NotFound``.
    """
    objection = session.get(Objection, objection_id)
    if objection is None:
        raise NotFound
    row = sla.lock(session, objection.ticket_id)
    _subject(session, actor, row.ticket_id)
    if not queries.may_decide(actor, row.consortium_id, row.registry_id, objection.kind):
        raise NotPermitted("A manager of the side that keeps this clock decides.")
    if objection.raised_by == actor.person_id:
        raise NotPermitted("You raised this objection; somebody else decides.")
    said = clean_text(answer, name="Why", field="answer", required=not confirm, limit=OBJECTION_LENGTH)
    state = ObjectionState.CONFIRMED if confirm else ObjectionState.REFUSED
    decided = session.execute(
        sa.update(Objection)
        .where(Objection.id == objection_id, Objection.state == ObjectionState.OPEN)
        .values(state=state, answer=said, decided_by=actor.person_id, decided_at=now)
    )
    if decided.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict("This objection has been decided already.")
    session.refresh(objection)
    if confirm:
        correction = _Span(objection.from_at, objection.until_at, objection.text, actor.person_id)
        _measure_again(session, row, objection.kind, objection.cycle, objection.counted, correction, now)
    _record(session, f"objection_{state}", objection, row, actor, now)
    return objection


def remeasure_stretch(
    session: Session, actor: Actor, *, ticket_id: int, kind: Kind, from_at: datetime, reason: str, now: datetime
) -> list[Remeasured]:
    """Without an objection: the stretch that begins at ``from_at`` does not count, or, if the clock stood, it does.

    By a manager of the party that answers for the clock. Raises ``InvalidInput``, ``NotPermitted``, ``NotFound``.
    """
    row = sla.lock(session, ticket_id)
    _subject(session, actor, ticket_id)
    if not queries.may_decide(actor, row.consortium_id, row.registry_id, kind):
        raise NotPermitted("A manager of the side that keeps this clock measures it again.")
    why = clean_text(reason, name="The reason", field="reason", limit=OBJECTION_LENGTH)
    stretch = _stretch(session, ticket_id, kind, from_at, now)
    until = stretch.end or instant(whole_second(now))
    _would_change(session, row, kind, stretch, until, now)
    span = _Span(stretch.start, until, why, actor.person_id)
    return _measure_again(session, row, kind, stretch.cycle, stretch.ran, span, now)


def remeasure(
    session: Session,
    actor: Actor,
    *,
    calendar_id: int,
    from_at: datetime,
    until_at: datetime,
    reason: str,
    now: datetime,
    spec: Mapping[str, Any] | None = None,
    holidays: Collection[date] = (),
) -> list[Remeasured]:
    """Correct a calendar's past, and measure every clock again that ran in it then: live, standing still, or over.

    Either other hours (``spec``) for the span, or ``holidays`` that were forgotten; from ``until_at`` on the hours are
    again what they were. What already happened by the hours as they were known stays. Raises ``InvalidInput``, also
    when the span had these hours already, ``NotFound``, ``NotPermitted``.
    """
    calendar = session.get(Calendar, calendar_id, with_for_update=calendars.UNDER_LOCK)
    if calendar is None:
        raise NotFound
    calendars.may_edit(actor, calendar.consortium_id, calendar.registry_id)
    why = clean_text(reason, name="The reason", field="reason", limit=OBJECTION_LENGTH)
    span = _Span(instant(whole_second(from_at)), instant(whole_second(until_at)), why, actor.person_id)
    _is_over(span, now)
    if bool(spec) is bool(holidays):
        raise InvalidInput("Give other hours for the span, or the holidays that were forgotten.", field="spec")
    before = calendar_queries.histories(session, [calendar_id])[calendar_id]
    hours = BusinessCalendar.from_spec(spec) if spec else None
    if not would_correct(before, span.since, span.until, hours, holidays):
        raise InvalidInput("Nothing would change: these hours were in force in this span already.", field="spec")
    ids = queries.tickets_measured_in(session, calendar_id, span.since, span.until)
    # The correction is known from a moment after all that was measured without it, whatever machine wrote that.
    locked = [row for batch in _batches(ids) for row in clocks.locked(session, batch)]
    at = max([instant(whole_second(now)), *(row.last_at for row in locked)])
    calendars.correct_past(
        session,
        actor,
        calendar,
        known=before,
        since=span.since,
        until=span.until,
        spec=spec,
        holidays=[day.isoformat() for day in sorted(holidays)],
        note=why,
        now=at,
    )
    changed: list[Remeasured] = []

    def act(unit: clocks.Unit) -> None:
        unit.row.last_at = unit.at
        book, corrected = unit.book, unit.book.calendars[calendar_id]
        book.calendars = {**book.calendars, calendar_id: before}
        correct_calendar(book, unit.applied.terms, calendar_id, corrected, span.correction(unit.at))
        changed.extend(_told(session, unit, actor))

    for batch in _batches(ids):
        sla.work(session, clocks.locked(session, batch), at, act)
    _record_correction(session, actor, calendar, span, len(ids), now)
    return changed


@dataclass(frozen=True, slots=True)
class _Span:
    since: datetime
    until: datetime
    reason: str
    actor_id: int | None

    def correction(self, at: datetime) -> Correction:
        return Correction(self.since, self.until, at, self.reason, self.actor_id)


def _subject(session: Session, actor: Actor, ticket_id: int) -> TicketSubject:
    """The ticket as the rules see it. Raises ``NotFound`` unless the actor sees it."""
    subject = tickets.subject_of(session, session.get_one(Ticket, ticket_id))
    if not may(actor, Permission.TICKET_READ, subject):
        raise NotFound
    return subject


def _may_object(actor: Actor, subject: TicketSubject, party: Party, kind: Kind) -> None:
    if queries.keeps(actor, subject, kind):
        raise NotPermitted("Your own side keeps this clock; an objection is for those to whom it answers.")
    if kind not in queries.OBJECTS[party] or not queries.is_party(actor, subject, party):
        raise NotPermitted


def _stretch(session: Session, ticket_id: int, kind: Kind, from_at: datetime, now: datetime) -> Stretch:
    """The stretch of the clock's account that begins then. Raises ``InvalidInput``."""
    start = instant(whole_second(from_at))
    for account in clocks.account(session, ticket_id, now, earlier=True):
        for stretch in account.stretches if account.clock.kind is kind else ():
            if stretch.start == start and (stretch.end is not None or account.clock.live):
                return stretch
    raise InvalidInput("No stretch of this clock begins then.", field="from_at")


def _would_change(
    session: Session, row: ClockSet, kind: Kind, stretch: Stretch, until: datetime, now: datetime
) -> None:
    """Raise ``InvalidInput`` when no working time lies in the stretch, or when it was put right already."""
    unit = clocks.read(session, [row], now)[0]  # to be thrown away
    trial = Correction(stretch.start, until, unit.at, "", None)
    if not correct_stretch(unit.book, kind, stretch.cycle, _measure(stretch.ran), trial):
        raise InvalidInput("Nothing would change: no working time of this stretch is at issue.", field="from_at")


def _measure(counted: bool) -> Measure:
    return Measure.DOES_NOT_COUNT if counted else Measure.COUNTS


def _measure_again(
    session: Session, row: ClockSet, kind: Kind, cycle: int, counted: bool, span: _Span, now: datetime
) -> list[Remeasured]:
    changed: list[Remeasured] = []

    def act(unit: clocks.Unit) -> None:
        unit.row.last_at = unit.at
        correct_stretch(unit.book, kind, cycle, _measure(counted), span.correction(unit.at))
        changed.extend(_told(session, unit, Actor(span.actor_id)))

    sla.work(session, [row], now, act)
    return changed


def _told(session: Session, unit: clocks.Unit, actor: Actor) -> list[Remeasured]:
    """What was changed of a ticket's clocks, and an event for each of them, which nobody is mailed about."""
    entries = [entry for entry in unit.book.entries if entry.event.type is EventType.REMEASURED]
    late = {
        (entry.clock.kind, entry.clock.cycle)
        for entry in unit.book.entries
        if entry.event.type is EventType.BREACHED and entry.event.at == unit.at
    }
    changed = []
    for entry in entries:
        clock, seconds = entry.clock, entry.event.seconds or 0
        is_late = (clock.kind, clock.cycle) in late
        changed.append(
            Remeasured(unit.row.ticket_id, clock.kind, clock.cycle, clock.settled - seconds, clock.settled, is_late)
        )
        events.record(
            session,
            "remeasured",
            at=unit.at,
            actor_id=actor.person_id,
            audience=_audience(clock.kind),
            ticket_id=unit.row.ticket_id,
            consortium_id=unit.row.consortium_id,
            registry_id=unit.row.registry_id if clock.kind in REGISTRY_KINDS else None,
            payload={"kind": clock.kind, "cycle": clock.cycle, "seconds": seconds, "reason": entry.event.reason},
            quiet=True,
        )
    return changed


def _audience(kind: Kind) -> Audience:
    if kind in REGISTRY_KINDS:
        return Audience.HANDOVER
    return Audience.LEAD if kind is Kind.LEAD else Audience.MEMBER


def _is_over(span: _Span, now: datetime) -> None:
    if span.since >= span.until:
        raise InvalidInput("The span ends before it begins.", field="until_at")
    if span.until > now:
        raise InvalidInput("Only the past is corrected; for what is ahead, save other hours.", field="until_at")


def _record_correction(
    session: Session, actor: Actor, calendar: Calendar, span: _Span, tickets_looked_at: int, now: datetime
) -> None:
    events.record(
        session,
        "calendar_corrected",
        at=now,
        actor_id=actor.person_id,
        consortium_id=calendar.consortium_id,
        registry_id=calendar.registry_id,
        payload={
            "calendar_id": calendar.id,
            "from_at": span.since.isoformat(),
            "until_at": span.until.isoformat(),
            "reason": span.reason,
            "tickets": tickets_looked_at,
        },
        quiet=True,
    )


def _record(session: Session, kind: str, objection: Objection, row: ClockSet, actor: Actor, now: datetime) -> None:
    theirs = objection.kind in REGISTRY_KINDS or objection.party is Party.REGISTRY
    events.record(
        session,
        kind,
        at=now,
        actor_id=actor.person_id,
        audience=Audience.MEMBER if objection.party is Party.MEMBER else Audience.HANDOVER,
        ticket_id=objection.ticket_id,
        consortium_id=row.consortium_id,
        registry_id=row.registry_id if theirs else None,
        payload={
            "objection_id": objection.id,
            "kind": objection.kind,
            "clock": clocks.LABELS[objection.kind],
            "party": objection.party,
            "counted": objection.counted,
            "from_at": objection.from_at.isoformat(),
            "until_at": objection.until_at.isoformat(),
            "text": objection.text,
            "answer": objection.answer,
        },
    )


def _batches(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
