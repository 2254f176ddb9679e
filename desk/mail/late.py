"""Word that a promised time runs out: to whom, from when on, whether it is still news, and what it says.

People are told inside their own team's working hours. What falls into a night or a weekend waits as an event, not as a
mail: when they open it is asked again who has the ticket, whether the clock still runs and whether a later word about
the same clock has come, and only then a letter is written. Nobody is woken, and nobody reads on Monday what was over
on Saturday. A team whose calendar never opens is told at once: for them it would otherwise be silence for ever.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Person
from desk.calendars.queries import calendar_of_party, history
from desk.custody import queries as custody
from desk.domain.calendar import NoOpening
from desk.domain.calendar_history import CalendarHistory
from desk.domain.clocks import ClockState
from desk.domain.permissions import Role
from desk.domain.targets import Told
from desk.domain.vocabulary import Party
from desk.escalations import queries as escalations
from desk.events.models import Event
from desk.sla import queries as sla
from desk.sla.models import Clock
from desk.tickets.models import Ticket

KINDS = frozenset({"warned", "breached"})
_REGISTRY_TIER = 2
_LIVE = (ClockState.RUNNING, ClockState.PAUSED)
_SOON = timedelta(seconds=30)
_AT_MOST = timedelta(minutes=10)


# ------------------------------------------------------------------ when


def wait_until(session: Session, event: Event, now: datetime) -> datetime | None:
    """Until when nobody is told; None: now. A word that the next one replaces within a moment waits for that one."""
    clock = _clock(session, event)
    if event.kind == "warned" and clock is not None and clock.breach_at is not None and clock.breached_at is None:
        # At the opening both are due: the time was used up at closing, and is exceeded in the first second.
        if clock.breach_at <= now < clock.breach_at + _AT_MOST:
            return now + _SOON
    return opening(session, event, now)


def opening(session: Session, event: Event, now: datetime) -> datetime | None:
    """When those who are told work again; None: they work now, or never."""
    hours = _hours(session, event)
    try:
        found = hours.next_opening(now) if hours is not None else now
    except NoOpening:
        return None
    return found if found > now else None


def zone(session: Session, event: Event, now: datetime) -> str | None:
    """The zone of the team that is told; None without a calendar."""
    hours = _hours(session, event)
    return hours.version_at(now).calendar.tz if hours is not None else None


def _hours(session: Session, event: Event) -> CalendarHistory | None:
    """The working time of the team that is told, which need not be the calendar that the clock is measured in."""
    if event.registry_id is not None:
        return history(session, calendar_of_party(session, registry_id=event.registry_id, tier=_REGISTRY_TIER))
    ticket = session.get_one(Ticket, event.ticket_id)
    return history(session, calendar_of_party(session, consortium_id=ticket.consortium_id))


# ------------------------------------------------------------------ whether


def is_news(session: Session, event: Event) -> bool:
    """Whether the clock may still be late or kept, and nothing later was said about it."""
    clock = _clock(session, event)
    return clock is not None and clock.state in _LIVE and not _others(session, event, Event.id > event.id)


def _clock(session: Session, event: Event) -> Clock | None:
    return session.scalars(
        sa.select(Clock).where(
            Clock.ticket_id == event.ticket_id,
            Clock.kind == event.payload["kind"],
            Clock.cycle == event.payload["cycle"],
        )
    ).first()


def _others(session: Session, event: Event, *conditions: sa.ColumnElement[bool]) -> list[Event]:
    """Other words about the same clock."""
    wanted = sa.select(Event).where(Event.ticket_id == event.ticket_id, Event.kind.in_(KINDS), *conditions)
    return [
        other
        for other in session.scalars(wanted.order_by(Event.id))
        if other.id != event.id and _key(other) == _key(event)
    ]


def _key(event: Event) -> tuple[Any, Any]:
    return event.payload["kind"], event.payload["cycle"]


# ------------------------------------------------------------------ who


def people(session: Session, event: Event, now: datetime) -> list[Person]:
    """Whoever's clock it is, as far up its ladder as the event says, and as those said that it takes the place of."""
    ticket = session.get_one(Ticket, event.ticket_id)
    if event.registry_id is not None:
        place, newest = {"registry_id": event.registry_id}, escalations.newest(session, ticket.id)
        agent, manager = Role.REGISTRY_AGENT, Role.REGISTRY_MANAGER
        in_charge = newest.assignee_id if newest is not None else None
    else:
        place, in_charge = {"consortium_id": ticket.consortium_id}, ticket.assignee_id
        agent, manager = Role.LEAD_AGENT, Role.LEAD_MANAGER
    agents = accounts.people_with_roles(session, frozenset({agent}), now, **place)
    managers = accounts.people_with_roles(session, frozenset({manager}), now, **place)
    everybody = {person.id: person for person in (*agents, *managers)}
    tell = _tell(session, event)
    found: list[Person] = []
    if Told.ASSIGNEE in tell and in_charge in everybody:
        found.append(everybody[in_charge])
    # A rung for nobody in particular is one for the team, and a team without agents is its manager: never silence.
    if Told.TEAM in tell or (Told.ASSIGNEE in tell and not found):
        found += agents or managers
    if {Told.MANAGER, Told.ENGAGEMENT_LEAD} & tell:
        found += managers or agents
    return found


def _tell(session: Session, event: Event) -> set[str]:
    """Whom this rung tells, and those whom an earlier one would have told if it had not waited until now."""
    untold = sa.or_(Event.expanded_at.is_(None), Event.expanded_at >= event.at)
    waited = (Event.id < event.id, Event.tell_from.is_not(None), untold)
    every: Sequence[Event] = [event, *_others(session, event, *waited)]
    return {told for each in every for told in each.payload.get("tell", ())}


# ------------------------------------------------------------------ what


def values(session: Session, event: Event, base_url: str, now: datetime) -> dict[str, Any]:
    """What a letter says of the clock as it is now: due when, how much is used, whose turn it is, where to read why."""
    ticket_id, kind = event.ticket_id or 0, event.payload["kind"]
    line = next((each for each in sla.lines(session, ticket_id, now) if each.kind == kind), None)
    turn = custody.current(session, ticket_id)
    given = event.payload.get("due_at")
    return {
        "label": sla.LABELS[line.kind] if line else kind.replace("_", " "),
        "due_at": (line.due_at if line else None) or (datetime.fromisoformat(given) if given else None),
        "percent": event.payload.get("percent"),
        "happened_at": event.at,
        "waited": event.tell_from is not None and event.tell_from > event.at,
        "consumed": line.consumed if line else 0,
        "target": line.target_seconds if line else None,
        "stands_still": line is not None and line.is_paused,
        "turn": turn.party if turn else Party.NOBODY,
        "zone": zone(session, event, now),
        "url": f"{base_url}/tickets/{ticket_id}/clocks#{kind}",
    }
