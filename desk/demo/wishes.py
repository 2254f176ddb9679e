"""In the demo world a lead agent and a member's contact have chosen a daily mail and quiet hours.

When the world opens something waits for each of them, so that the outbox shows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Person
from desk.demo.people import Human
from desk.demo.places import CONSORTIA
from desk.domain.lifecycle import LIVE
from desk.domain.notices import Topic
from desk.domain.vocabulary import Audience, Channel
from desk.preferences import service as preferences
from desk.progress import service as progress
from desk.tickets.models import Ticket
from desk.triage import service as triage

_PLACE = CONSORTIA[1].name
_NOTES = (
    "I spoke with their identity team this morning: they change the attribute release on Thursday.",
    "They asked by telephone whether there is news. Please write to them before the weekend.",
)


@dataclass(frozen=True, slots=True)
class _Wish:
    """``who``: how the sheet of sign-ins begins to describe them; hours of the day in their own zone."""

    who: str
    daily_at: int
    quiet_from: int
    quiet_until: int
    off: tuple[Topic, ...] = ()


_WISHES = (
    _Wish("lead agent", daily_at=8, quiet_from=18, quiet_until=7, off=(Topic.HANDOVERS,)),
    _Wish("contact at", daily_at=9, quiet_from=20, quiet_until=8),
)


def choose(session: Session, people: Sequence[Human], now: datetime) -> None:
    """Each says so on their own page, before there is anything to tell them."""
    for wish in _WISHES:
        preferences.save(
            session,
            _person(session, people, wish.who),
            daily_at=wish.daily_at,
            quiet_from=wish.quiet_from,
            quiet_until=wish.quiet_until,
            off=wish.off,
            now=now,
        )


def give_news(session: Session, people: Sequence[Human], now: datetime) -> None:
    """A colleague leaves notes on tickets of the lead agent's, and puts the contact on one of their organisation's."""
    agent, contact = (_person(session, people, wish.who) for wish in _WISHES)
    manager = accounts.actor_of(session, _person(session, people, "lead manager").id, now)
    live = sa.select(Ticket).where(Ticket.state.in_(LIVE)).order_by(Ticket.id.desc())
    for ticket, text in zip(session.scalars(live.where(Ticket.assignee_id == agent.id)).all(), _NOTES, strict=False):
        progress.add_message(session, manager, ticket, audience=Audience.LEAD, text=text, channel=Channel.WEB, now=now)
    orgs = accounts.actor_of(session, contact.id, now).orgs()
    others = live.where(Ticket.member_org_id.in_(orgs), Ticket.requester_id != contact.id)
    for ticket in session.scalars(others.limit(1)).all():
        triage.add_participant(session, manager, ticket, person_id=contact.id, now=now)


def _person(session: Session, people: Sequence[Human], who: str) -> Person:
    human = next(one for one in people if one.signs_in.startswith(who) and one.signs_in.endswith(_PLACE))
    found = accounts.person_by_email(session, human.email)
    if found is None:
        raise LookupError(who)
    return found
