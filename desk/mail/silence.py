"""The alarm for a mailbox that has become silent: its managers are told once, until mail comes again.

A forwarding rule that was switched off, a full mailbox or a changed password makes no noise; only what is missing does.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Team
from desk.calendars import queries as calendars
from desk.domain.silence import is_unusual, usual_gap
from desk.events import service as events
from desk.events.models import Event
from desk.mail.models import InboundMail

KIND = "mailbox_fell_silent"
SPAN = timedelta(days=60)
MOST_MAILS = 500
_LATEST_EVENTS = 20_000


def tell_of_silent(session: Session, now: datetime) -> int:
    """Record an event for each support address that is silent and of which nothing was said yet; how many."""
    told = 0
    for team in session.scalars(sa.select(Team).where(Team.support_address.is_not(None)).order_by(Team.id)):
        arrivals = _arrivals(session, team, now)
        gaps, silence = _gaps(session, team, [*arrivals, now])
        if not arrivals or not is_unusual(gaps, silence, now - arrivals[-1]):
            continue
        # Two processes that look at the same moment: the second waits here, and finds the first one's event.
        session.execute(sa.select(Team.id).where(Team.id == team.id).with_for_update())
        if any(event.payload.get("address") == team.support_address for event in _said(session, arrivals[-1])):
            continue
        payload = {
            "address": team.support_address,
            "since": arrivals[-1].isoformat(),
            "usual_hours": max(1, round((usual_gap(gaps) or 0) / 3600)),
            "silent_hours": round(silence / 3600),
        }
        events.record(
            session, KIND, at=now, consortium_id=team.consortium_id, registry_id=team.registry_id, payload=payload
        )
        told += 1
    return told


def silent_now(session: Session, now: datetime) -> Iterator[str]:
    """The addresses of which was said in the last sixty days that they are silent, and which still are."""
    for event in _said(session, now - SPAN):
        address = event.payload.get("address", "")
        heard = sa.select(InboundMail.id).where(InboundMail.mailbox == address, InboundMail.received_at > event.at)
        if session.scalars(heard.limit(1)).first() is None:
            yield address


def _said(session: Session, since: datetime) -> list[Event]:
    """By the primary key: events have no index on their kind or time."""
    latest = sa.select(sa.func.coalesce(sa.func.max(Event.id), 0)).scalar_subquery()
    wanted = sa.select(Event).where(Event.id > latest - _LATEST_EVENTS, Event.kind == KIND, Event.at > since)
    return list(session.scalars(wanted))


def _arrivals(session: Session, team: Team, now: datetime) -> list[datetime]:
    newest = (
        sa.select(InboundMail.received_at)
        .where(InboundMail.mailbox == team.support_address, InboundMail.received_at > now - SPAN)
        .order_by(InboundMail.received_at.desc())
        .limit(MOST_MAILS)
    )
    return sorted(session.scalars(newest))


def _gaps(session: Session, team: Team, moments: list[datetime]) -> tuple[list[int], int]:
    """Working seconds from each moment to the next, the last of them apart; by the wall where a team has no hours."""
    hours = calendars.history(session, team.calendar_id)
    gaps = [max(hours.elapsed(a, b), 0) if hours else int((b - a).total_seconds()) for a, b in pairwise(moments)]
    return gaps[:-1], gaps[-1] if gaps else 0
