"""What came to the wrong door in the demo world: passed to leads, and one that a registry took on itself."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from desk.demo.ground import Ground
from desk.demo.people import Human
from desk.demo.places import CONSORTIA, REGISTRIES, ConsortiumPlace
from desk.domain.doors import Door
from desk.domain.permissions import Role
from desk.domain.vocabulary import Channel
from desk.routing import queries, service
from desk.tickets.service import NewTicket

Act = Callable[[datetime], None]


@dataclass(frozen=True, slots=True)
class _Came:
    """Something that came to a registry. ``told``: on the telephone, so that somebody there filed it."""

    days_ago: float
    subject: str
    text: str
    told: bool = False
    taken_on: bool = False


_CAME = (
    _Came(
        6,
        "Sign-in page shows our old logo",
        "Hello,\n\nthe page on which our researchers sign in still shows the logo from before our merger. Can you "
        "change it for us?\n\nThank you",
    ),
    _Came(
        5,
        "Member asks for a second integration",
        "They telephoned: the library wants to connect its repository as well, and asks what they have to do first.",
        told=True,
    ),
    _Came(
        4,
        "Our account is locked after the certificate changed",
        "Hello,\n\nsince our certificate was changed this morning your side refuses every request of ours. Nobody but "
        "you can unlock the account.\n\nThank you",
        taken_on=True,
    ),
)


class Doors:
    """Turns what came into acts, each with the moment at which it happens."""

    def __init__(self, ground: Ground, people: list[Human], now: datetime) -> None:
        self._ground = ground
        self._people = people
        self._now = now
        self._made: dict[int, int] = {}

    def acts(self) -> Iterator[tuple[datetime, Act]]:
        """Everything that happened before now."""
        for number, (place, came) in enumerate(zip(CONSORTIA, _CAME, strict=True)):
            at = self._moment(place, came.days_ago)
            if at + timedelta(hours=1) >= self._now:
                continue
            yield at, lambda at, number=number, place=place, came=came: self._file(number, place, came, at)  # type: ignore[misc]
            if came.taken_on:
                yield (
                    at + timedelta(minutes=40),
                    lambda at, number=number, place=place: self._take_on(number, place, at),  # type: ignore[misc]
                )

    def _moment(self, place: ConsortiumPlace, days_ago: float) -> datetime:
        hours = self._ground.hours[place.registry]
        return hours.add(hours.next_opening(self._now - timedelta(days=days_ago)), 600)

    def _someone(self, place: str, role: Role) -> Human:
        return next(each for each in self._people if each.place == place and each.role is role)

    def _file(self, number: int, place: ConsortiumPlace, came: _Came, at: datetime) -> None:
        ground, member = self._ground, place.members[number]
        contact = self._someone(member.code, Role.CONTACT)
        if came.told:
            agent = ground.actor(self._someone(place.registry, Role.REGISTRY_AGENT))
            filed = service.file_for(
                ground.session,
                agent,
                consortium_id=ground.consortia[place.slug],
                email=contact.email,
                subject=came.subject,
                text=came.text,
                now=at,
            )
            self._made[number] = filed.ticket_id
            return
        draft = NewTicket(
            consortium_id=ground.consortia[place.slug],
            member_org_id=ground.members[member.code],
            subject=came.subject,
            text=f"{came.text}\n{contact.first}",
            requester_id=ground.people[contact.email],
            arrived_at=at,
        )
        ticket = service.open_at_lead(
            ground.session,
            ground.actor(contact),
            draft,
            door=Door(registry_id=ground.registries[place.registry]),
            address=next(each.support_address for each in REGISTRIES if each.slug == place.registry),
            channel=Channel.EMAIL,
            now=at,
        )
        self._made[number] = ticket.id

    def _take_on(self, number: int, place: ConsortiumPlace, at: datetime) -> None:
        agent = self._ground.actor(self._someone(place.registry, Role.REGISTRY_AGENT))
        found = queries.get(self._ground.session, agent, self._made[number])
        service.take_on(self._ground.session, agent, found, now=at)
