"""The demo world's service levels: hours that leads edit ahead, pauses that members object to, at past instants."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial

import sqlalchemy as sa

from desk.accounts import queries as accounts
from desk.calendars.models import Calendar
from desk.corrections import service as corrections
from desk.corrections.models import Objection, Party
from desk.demo.ground import Ground
from desk.demo.people import Human
from desk.demo.places import CONSORTIA
from desk.domain.account import Stretch
from desk.domain.calendar_sheet import read, sheet_of
from desk.domain.lifecycle import DONE, State
from desk.domain.permissions import Role
from desk.domain.targets import Kind
from desk.sla import queries as clocks
from desk.tickets.models import Ticket
from desk.working_hours import queries as hours_of
from desk.working_hours import service as working_hours

Act = Callable[[datetime], None]

EDITED = 12
RAISED = (9, 8, 4)
"""Days before now: the hours are edited; per consortium, a pause is disputed."""
ANSWERED = (1.5, 1.2, None)
"""Days after that: it is confirmed, it is refused, it still waits."""
OUTING = 13
"""Days after now, or a little later: half a working day."""
OUTING_HOURS = "09:00–12:00"
WORTH = 3600
"""Seconds of working time under which nobody argues."""

_SAID = (
    "What you asked for was in our first message already, so there was nothing to wait for.",
    "We answered within the hour. The rest of this time is not ours.",
    "The question went to a colleague who is on leave; we read it only yesterday.",
)
_ANSWERS = (
    "You are right, it was there. The time counts as ours.",
    "Your answer came without the client ID, which we have to have. It stays as it was measured.",
)


class Levels:
    """Turns them into acts, each with the moment at which it happens."""

    def __init__(self, ground: Ground, people: list[Human], now: datetime) -> None:
        self._ground = ground
        self._managers = {human.place: human for human in people if human.role is Role.LEAD_MANAGER}
        self._now = now
        self._raised: dict[str, Objection] = {}

    def acts(self) -> Iterator[tuple[datetime, Act]]:
        """Everything that happens to them before now: what a weekend or a closure puts off until later is left out."""
        return ((at, act) for at, act in self._planned() if at < self._now)

    def _planned(self) -> Iterator[tuple[datetime, Act]]:
        for number, place in enumerate(CONSORTIA):
            slug, raised, answered = place.slug, RAISED[number], ANSWERED[number]
            yield self._moment(slug, EDITED, number), partial(self._edit, slug)
            yield self._moment(slug, raised, number), partial(self._object, slug, number)
            if answered is not None:
                yield self._moment(slug, raised - answered, number), partial(self._decide, slug, number)

    def _moment(self, slug: str, days_ago: float, number: int) -> datetime:
        hours = self._ground.hours[slug]
        return hours.add(hours.next_opening(self._now - timedelta(days=days_ago)), 2700 + 900 * number)

    def _edit(self, slug: str, at: datetime) -> None:
        """Half a day is dated ahead: what is due after it is due later."""
        session = self._ground.session
        calendar = session.scalars(
            sa.select(Calendar.id).where(Calendar.consortium_id == self._ground.consortia[slug])
        ).one()
        version = hours_of.versions(session, calendar)[-1]
        today = self._ground.hours[slug].day_of(at)
        sheet = sheet_of(version.spec, version.holiday_names, version.country, version.subdivision, today)
        row = (self._outing(slug).isoformat(), OUTING_HOURS, "Team day")
        draft, faults = read(replace(sheet, special=[*sheet.special, row]), at, today)
        if draft is None:
            raise RuntimeError(f"the demo's own hours cannot be edited: {faults}")
        working_hours.edit_hours(
            session,
            self._ground.actor(self._managers[slug]),
            calendar_id=calendar,
            draft=draft,
            base=version.id,
            note="Half a day for the whole team; known to the members.",
            now=at,
        )

    def _outing(self, slug: str) -> date:
        hours = self._ground.hours[slug]
        return hours.day_of(hours.next_opening(self._now + timedelta(days=OUTING)))

    def _object(self, slug: str, number: int, at: datetime) -> None:
        """The requester of the oldest ticket with a pause worth arguing about says that it is wrong."""
        session = self._ground.session
        chosen = sa.select(Ticket).where(
            Ticket.consortium_id == self._ground.consortia[slug],
            Ticket.state.not_in(DONE),
            Ticket.requester_id.is_not(None),
            Ticket.created_at < at,
        )
        for ticket in session.scalars(chosen.order_by(Ticket.id)):
            stretch = self._pause(slug, ticket, at)
            if stretch is not None and ticket.requester_id is not None:
                self._raised[slug] = corrections.object_to(
                    session,
                    accounts.actor_of(session, ticket.requester_id, at),
                    ticket_id=ticket.id,
                    party=Party.MEMBER,
                    kind=Kind.OVERALL,
                    from_at=stretch.start,
                    text=_SAID[number],
                    now=at,
                )
                return

    def _pause(self, slug: str, ticket: Ticket, at: datetime) -> Stretch | None:
        """A pause of the promise that is over and had some working time in it."""
        for account in clocks.account(self._ground.session, ticket.id, at):
            for stretch in account.stretches if account.clock.kind is Kind.OVERALL else ():
                waited = not stretch.ran and stretch.cause == State.PENDING_MEMBER and stretch.end is not None
                if waited and self._ground.hours[slug].elapsed(stretch.start, stretch.end or at) >= WORTH:
                    return stretch
        return None

    def _decide(self, slug: str, number: int, at: datetime) -> None:
        if slug in self._raised:
            corrections.decide(
                self._ground.session,
                self._ground.actor(self._managers[slug]),
                objection_id=self._raised[slug].id,
                confirm=number == 0,
                answer=_ANSWERS[number],
                now=at,
            )
