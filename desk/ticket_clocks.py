"""The time of a ticket as one reader sees it: from which side, which clocks, whose turn, and when who opens again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from desk.calendars.queries import histories
from desk.domain.clock_line import ClockLine
from desk.domain.lifecycle import DONE, MEMBER_WORDS, TURN, State
from desk.domain.permissions import Actor, Permission, TicketSubject, may
from desk.domain.targets import MEMBER_KINDS, Kind, is_due_soon
from desk.domain.vocabulary import Party
from desk.sla import queries as sla
from desk.sla.models import Clock
from desk.ticket_custody import Custody, custody_of
from desk.tickets.models import Ticket
from desk.working_hours import queries as openings
from desk.working_hours.queries import Opening


class Side(StrEnum):
    """From where the reader looks at the ticket. Somebody of several sides looks from the lead's."""

    LEAD = "lead"
    REGISTRY = "registry"
    MEMBER = "member"


SHOWN_CLOCKS: dict[Side, frozenset[Kind]] = {
    Side.LEAD: frozenset(Kind),
    # How a lead keeps its own times is between it and its members.
    Side.REGISTRY: frozenset({Kind.REGISTRY_ACCEPTANCE, Kind.REGISTRY, Kind.OVERALL}),
    Side.MEMBER: frozenset(MEMBER_KINDS),
}


_READS_AS = {Side.LEAD: Party.LEAD, Side.REGISTRY: Party.REGISTRY, Side.MEMBER: Party.MEMBER}


@dataclass(frozen=True, slots=True)
class Standing:
    """How the ticket stands in the member's words, with the dates that were promised."""

    words: str
    since: datetime
    answer: ClockLine | None
    update: ClockLine | None
    solution: ClockLine | None
    yours: bool
    done: bool

    @property
    def late(self) -> bool:
        """Whether anything that was promised has been missed and is still owed."""
        return any(line is not None and line.is_late for line in (self.answer, self.update, self.solution))


@dataclass(frozen=True, slots=True)
class ClockPanel:
    """The part of the ticket page that goes on by itself and is read again while the page is open."""

    side: Side
    over: bool
    standing: Standing
    clocks: Sequence[ClockLine]
    custody: Custody
    openings: Sequence[Opening]

    @property
    def live(self) -> list[ClockLine]:
        """Clocks that run or stand still."""
        return [line for line in self.clocks if line.is_running or line.is_paused]

    @property
    def ended(self) -> list[ClockLine]:
        """Clocks that are over."""
        return [line for line in self.clocks if not (line.is_running or line.is_paused)]

    @property
    def said(self) -> str:
        """What is worth being read aloud when it has changed: how the ticket stands, what is late or nearly so."""
        parts = [self.standing.words, *(f"{line.label} is late" for line in self.live if line.is_late)]
        parts += [f"{line.label} is due soon" for line in self.live if line.is_due_soon]
        return ". ".join(parts)


def side_of(actor: Actor, subject: TicketSubject) -> Side:
    """From where this reader looks."""
    if may(actor, Permission.TICKET_WORK, subject):
        return Side.LEAD
    return Side.REGISTRY if may(actor, Permission.ESCALATION_WORK, subject) else Side.MEMBER


def panel_of(session: Session, ticket: Ticket, side: Side, now: datetime) -> ClockPanel:
    """The ticket's time as that side sees it now."""
    held = custody_of(session, ticket, _READS_AS[side], now)
    lines = sla.lines(session, ticket.id, now)
    return ClockPanel(
        side=side,
        over=ticket.state in DONE,
        standing=_standing(ticket, held, lines),
        clocks=[line for line in lines if line.kind in SHOWN_CLOCKS[side]],
        custody=held,
        openings=_awaited(session, ticket, side, now),
    )


def _awaited(session: Session, ticket: Ticket, side: Side, now: datetime) -> list[Opening]:
    """The hours of the desks for which somebody on that side waits now. Nobody waits for their own."""
    turn = TURN[ticket.state]
    if turn not in (Party.LEAD, Party.REGISTRY):
        return []
    found = openings.next_openings(session, [ticket.id], now)[ticket.id]
    registry = found.registry if turn is Party.REGISTRY and side is not Side.REGISTRY else None
    # While the registry has it, the lead is still whom the member may ask, and whom the registry may.
    lead = found.lead if side is not Side.LEAD else None
    return [each for each in (registry, lead) if each is not None]


def due_soon(session: Session, clocks: Iterable[Clock | None], now: datetime) -> frozenset[int]:
    """The ids of those clocks of a list that are kept so far and nearly used up; one query for all calendars."""
    found = [clock for clock in clocks if clock is not None and not clock.is_late(now)]
    calendars = histories(session, {clock.calendar_id for clock in found}) if found else {}
    return frozenset(
        clock.id
        for clock in found
        if clock.running_since is not None
        and is_due_soon(
            clock.consumed + calendars[clock.calendar_id].elapsed(clock.running_since, now), clock.target_seconds
        )
    )


def _standing(ticket: Ticket, held: Custody, clocks: Sequence[ClockLine]) -> Standing:
    owed = {line.kind: line for line in clocks if line.is_running and line.due_at is not None}
    ended = ticket.closed_at or ticket.resolved_at if ticket.state in DONE else None
    return Standing(
        words=MEMBER_WORDS[ticket.state],
        since=ended or held.since or ticket.created_at,
        answer=owed.get(Kind.FIRST_RESPONSE) or owed.get(Kind.NEXT_RESPONSE),
        update=owed.get(Kind.REGULAR_UPDATE),
        solution=owed.get(Kind.OVERALL),
        yours=TURN[ticket.state] is Party.MEMBER or ticket.state is State.RESOLVED,
        done=ticket.state in DONE,
    )
