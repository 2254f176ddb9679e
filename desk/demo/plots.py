"""How tickets of the demo world go: who does what after how many working hours. Data first, then when that is.

Pure. A plot is a row of beats; a beat waits for working hours of the party whose turn it is, so that nobody in this
world answers at night and what is late is late by the same calendars that the clocks use.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from desk.domain.calendar import BusinessCalendar


class Who(StrEnum):
    """Whose turn a beat is."""

    MEMBER = "member"
    LEAD = "lead"
    AGENT = "agent"
    ENGINEER = "engineer"


@dataclass(frozen=True, slots=True)
class Beat:
    """One turn: ``does`` names a performance (``desk.demo.stage``), after ``low`` to ``high`` working hours."""

    who: Who
    does: str
    low: float
    high: float


def _row(text: str) -> tuple[Beat, ...]:
    """Beats from ``who.does low high``, separated by semicolons."""
    beats = []
    for part in filter(None, (each.strip() for each in text.split(";"))):
        turn, low, high = part.split()
        who, _, does = turn.partition(".")
        beats.append(Beat(Who(who), does, float(low), float(high)))
    return tuple(beats)


_UNTIL_ESCALATED = (
    "lead.take 0.2 3; lead.ask 0.2 1.5; member.reply 1 9; lead.note 0.2 2; lead.escalate 0.3 4; lead.tell 0.1 0.3;"
)
_FIXED = "agent.fix 1 6; lead.fix_told 0.3 3; member.verified 1 10; lead.verify 0.2 3; member.confirm 1 20"

PLOTS: Mapping[str, tuple[Beat, ...]] = {
    "solved": _row("lead.take 0.1 3; lead.resolve_fix 0.2 3; member.confirm 1 14"),
    "solved_silently": _row("lead.take 0.1 4; lead.resolve_fix 0.2 4"),
    "asked": _row("lead.take 0.2 3; lead.ask 0.1 1; member.reply 0.5 9; lead.resolve_fix 0.3 4; member.confirm 1 12"),
    "talked": _row(
        "lead.take 0.1 2; lead.note 0.1 1; lead.answer_fix 0.2 2; member.follow_up 1 8; lead.follow_up_answer 0.2 3;"
        "member.thanks 1 8; lead.resolve_glad 0.1 2"
    ),
    "reopened": _row(
        "lead.take 0.2 2; lead.resolve_fix 0.3 3; member.not_yet 4 16; lead.second_answer 0.5 4; member.thanks 2 8;"
        "lead.resolve_glad 0.1 2"
    ),
    "silent": _row("lead.take 0.2 2; lead.ask 0.2 1; lead.ask_again 34 40; lead.resolve_silent 34 45"),
    "held": _row("lead.take 0.2 3; lead.hold_answer 0.3 2; lead.hold 0.1 0.3; lead.resolve_fix 42 60"),
    "late": _row("lead.take 9 20; lead.ask 0.2 2; member.reply 2 8; lead.resolve_fix 14 30; member.confirm 1 9"),
    "forgotten": _row("lead.take 12 18; lead.answer_fix 10 14; member.follow_up 2 6; lead.follow_up_answer 12 20"),
    "workaround": _row("lead.take 0.2 2; lead.link 0.2 1; lead.resolve_workaround 0.3 3"),
    "known_error": _row("lead.take 0.2 2; lead.link 0.1 1; lead.resolve_known_error 0.2 2; member.confirm 2 12"),
    "duplicate": _row("lead.take 0.2 2; lead.resolve_duplicate 0.2 2"),
    "redirected": _row("lead.resolve_redirect 0.3 5"),
    "escalated": _row(
        _UNTIL_ESCALATED + "agent.accept 0.5 4; agent.handover_ask 0.3 3; lead.handover_answer 0.5 4;"
        "agent.registry_note 1 6;" + _FIXED
    ),
    "engineered": _row(
        _UNTIL_ESCALATED + "agent.accept 0.5 4; agent.registry_note 1 4; agent.to_engineering 0.5 3;"
        "engineer.engineer_note 3 10; agent.to_support 1 4;" + _FIXED
    ),
    "returned": _row(
        _UNTIL_ESCALATED + "agent.return 1 6; lead.ask_more 0.5 4; member.reply_more 1 9; lead.resend 0.5 4;"
        "agent.accept 0.5 5;" + _FIXED
    ),
    "declined": _row(
        "lead.take 0.2 2; lead.escalate 0.5 3; agent.decline 1 7; lead.resolve_fix 0.4 3; lead.close_escalation 0.1 1"
    ),
    "withdrawn": _row(_UNTIL_ESCALATED + "member.found_it 1 5; lead.withdraw 0.1 1; lead.resolve_glad 0.1 1"),
    "not_sent": _row("lead.take 0.2 2; lead.ask 0.2 1; member.reply 1 6; lead.prepare 0.3 2"),
}

# Of the tickets whose end has come: how often each plot is told.
OFTEN: Mapping[str, int] = {
    "solved": 22,
    "solved_silently": 10,
    "asked": 26,
    "talked": 13,
    "reopened": 8,
    "silent": 6,
    "held": 4,
    "late": 8,
    "workaround": 4,
    "known_error": 5,
    "duplicate": 3,
    "redirected": 7,
    "escalated": 10,
    "engineered": 6,
    "returned": 5,
    "declined": 3,
    "withdrawn": 2,
}


@dataclass(frozen=True, slots=True)
class Live:
    """A ticket that must stand where it stands when the world is opened: only its first ``beats`` have happened.

    ``low`` to ``high``: working hours of the lead before now at which it came in.
    """

    plot: str
    beats: int
    low: float
    high: float


LIVE: tuple[Live, ...] = (
    *(Live("asked", 0, 0.2, 6) for _ in range(9)),  # nobody has looked yet
    Live("late", 0, 9, 14),
    Live("late", 0, 17, 20),
    *(Live("asked", 1, 1, 7) for _ in range(5)),  # taken
    *(Live("talked", 4, 14, 30) for _ in range(5)),  # the member has asked back
    *(Live("forgotten", 2, 40, 60) for _ in range(2)),
    *(Live("asked", 2, 5, 20) for _ in range(6)),  # waits for the member
    *(Live("asked", 3, 14, 26) for _ in range(3)),
    *(Live("held", 3, 8, 20) for _ in range(3)),
    *(Live("not_sent", 4, 14, 26) for _ in range(2)),
    *(Live("escalated", 6, 20, 32) for _ in range(3)),  # sent, not accepted
    *(Live("escalated", 8, 30, 60) for _ in range(2)),  # the registry asks
    *(Live("escalated", 10, 36, 70) for _ in range(3)),
    *(Live("engineered", 10, 50, 90) for _ in range(2)),  # at tier 3
    *(Live("returned", 7, 30, 45) for _ in range(2)),
    *(Live("returned", 8, 40, 55) for _ in range(1)),  # the member is asked for what was missing
    Live("declined", 3, 20, 30),
    *(Live("escalated", 12, 60, 100) for _ in range(2)),  # fix reported, the member tries it
    *(Live("escalated", 13, 70, 110) for _ in range(1)),
    *(Live("escalated", 14, 70, 110) for _ in range(1)),  # verified
    *(Live("solved", 2, 8, 40) for _ in range(4)),  # resolved, may come back
)

# Letters are written out of hours as well; they are read in the morning.
_OUT_OF_HOURS = 0.15


def arrival(chance: random.Random, calendar: BusinessCalendar, now: datetime, low: float, high: float) -> datetime:
    """When a ticket came in: so many working hours before ``now``."""
    at = calendar.add(now, -int(chance.uniform(low, high) * 3600))
    return at.replace(microsecond=0)


def moments(
    chance: random.Random,
    plot: tuple[Beat, ...],
    start: datetime,
    calendars: Mapping[Who, BusinessCalendar],
    until: datetime,
) -> Iterator[tuple[Beat, datetime]]:
    """Each beat with its instant, as far as they lie before ``until``."""
    at = start
    for beat in plot:
        wait = int(chance.uniform(beat.low, beat.high) * 3600) + chance.randrange(60)
        at = calendars[beat.who].add(calendars[beat.who].next_opening(at), max(wait, 1))
        if at >= until:
            return
        yield beat, at


def evening(chance: random.Random, at: datetime) -> datetime:
    """Now and then somebody writes at night: the same letter, some hours later."""
    if chance.random() >= _OUT_OF_HOURS:
        return at
    return at.replace(hour=(at.hour + chance.randrange(8, 13)) % 24)
