"""In the demo world a lead agent and a member's contact have chosen which of their mails wait for whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.demo.people import Human
from desk.demo.places import CONSORTIA
from desk.domain.notices import Topic
from desk.preferences import service as preferences

_PLACE = CONSORTIA[1].name


@dataclass(frozen=True, slots=True)
class _Wish:
    """``who``: how the sheet of sign-ins begins to describe them; hours of the day in their own zone."""

    who: str
    daily_at: int
    quiet_from: int
    quiet_until: int
    off: tuple[Topic, ...] = ()


_WISHES = (
    _Wish("lead agent", daily_at=8, quiet_from=18, quiet_until=7, off=(Topic.NOTES,)),
    _Wish("contact at", daily_at=9, quiet_from=20, quiet_until=8),
)


def choose(session: Session, people: Sequence[Human], now: datetime) -> None:
    """Each says so on their own page, before there is anything to tell them."""
    for wish in _WISHES:
        human = next(one for one in people if one.signs_in.startswith(wish.who) and one.signs_in.endswith(_PLACE))
        person = accounts.person_by_email(session, human.email)
        if person is not None:
            preferences.save(
                session,
                person,
                daily_at=wish.daily_at,
                quiet_from=wish.quiet_from,
                quiet_until=wish.quiet_until,
                off=wish.off,
                now=now,
            )
