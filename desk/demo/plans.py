"""Which tickets there are in the demo world, whose they are, and when each of their turns comes."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from desk.demo.people import Human
from desk.demo.places import CONSORTIA, ConsortiumPlace, Member
from desk.demo.plots import LIVE, OFTEN, PLOTS, Beat, Live, Who, arrival, evening, moments
from desk.demo.stories import Teller, is_request, sort_of
from desk.domain.calendar import BusinessCalendar
from desk.domain.catalogue import Catalogue, Entry
from desk.domain.permissions import LEAD_ROLES, REGISTRY_ROLES

DAYS = 90
# Which sorts of entry (``stories.sort_of``) a plot can be told about; any the lead can mend, unless it is named here.
SORTS: Mapping[str, tuple[str, ...]] = {
    "escalated": ("account", "defect"),
    "engineered": ("defect",),
    "returned": ("account", "defect"),
    "declined": ("fault",),
    "withdrawn": ("defect",),
    "not_sent": ("account", "defect"),
    "held": ("fault",),
    "reopened": ("fault",),
    "duplicate": ("fault",),
    "forgotten": ("fault",),
}
_ANY: tuple[str, ...] = ("fault", "request")
LINKED = frozenset({"workaround", "known_error"})
REPEATED = frozenset({"returned", "declined"})
"""Plots that a desk is told about the same entry again and again: there is something to learn from."""
_BY_MAIL = 0.45


@dataclass(frozen=True, slots=True)
class Plan:
    """One ticket that will be: its people, its teller, and its turns with their instants."""

    plot: str
    consortium: ConsortiumPlace
    member: Member
    requester: Human
    lead: Human
    agent: Human
    engineer: Human
    entry: Entry
    teller: Teller
    at: datetime
    by_mail: bool
    stranger: bool  # a researcher, whom no member vouches for
    turns: tuple[tuple[Beat, datetime], ...]


class Planner:
    """Deals out entries, people and moments; the same for the same seed, people, hours and ``now``."""

    def __init__(
        self,
        seed: int,
        people: Sequence[Human],
        hours: Mapping[str, BusinessCalendar],
        catalogue: Catalogue,
        known: Mapping[str, Mapping[str, int]],
        now: datetime,
    ) -> None:
        """``known``: per consortium the entries that an issue of the register explains, and since how many days."""
        self._chance = random.Random(seed)  # noqa: S311 - a world to look at, no secret
        self._people = people
        self._hours = hours
        self._known = known
        self._catalogue = catalogue
        self._now = now
        self._repeated: dict[tuple[str, str], Entry] = {}
        services = {place.slug: place.registry for place in CONSORTIA}
        self._decks = {
            (slug, sorts): _Deck(self._chance, [e for e in catalogue.entries.values() if _fits(e, service, sorts)])
            for slug, service in services.items()
            for sorts in {_ANY: None, **dict.fromkeys(SORTS.values())}
        }

    def plans(self, share: float = 1.0) -> list[Plan]:
        """All tickets in the order in which they come in; with a smaller ``share`` fewer of each kind, at least one."""
        live = LIVE if share >= 1 else tuple(dict.fromkeys(LIVE))
        made = [*self._past(share), *self._live(live)]
        return sorted(made, key=lambda plan: plan.at)

    def _past(self, share: float) -> Iterator[Plan]:
        for plot, often in OFTEN.items():
            for _ in range(max(1, round(often * share))):
                consortium = self._chance.choices(CONSORTIA, weights=(4, 3, 3))[0]
                days = self._chance.uniform(7, DAYS)
                entry = self._entry(plot, consortium)
                if plot in LINKED:
                    days = self._chance.uniform(4, self._known[consortium.slug][entry.key] - 2)
                hours = self._hours[consortium.slug]
                at = hours.next_opening(self._now - timedelta(days=days))
                at = hours.add(at, self._chance.randrange(1, 7 * 3600))
                yield self._plan(plot, consortium, entry, evening(self._chance, at), PLOTS[plot])

    def _live(self, wanted: Sequence[Live]) -> Iterator[Plan]:
        for number, live in enumerate(wanted):
            consortium = CONSORTIA[number % len(CONSORTIA)]
            at = arrival(self._chance, self._hours[consortium.slug], self._now, live.low, live.high)
            entry = self._entry(live.plot, consortium)
            yield self._plan(live.plot, consortium, entry, at, PLOTS[live.plot][: live.beats])

    def _entry(self, plot: str, consortium: ConsortiumPlace) -> Entry:
        if plot in LINKED:
            known = sorted(key for key, days in self._known[consortium.slug].items() if days > 8)
            return self._catalogue.entries[self._chance.choice(known)]
        deck = self._decks[consortium.slug, SORTS.get(plot, _ANY)]
        if plot not in REPEATED:
            return deck.draw()
        return self._repeated.setdefault((consortium.slug, plot), deck.draw())

    def _plan(
        self, plot: str, consortium: ConsortiumPlace, entry: Entry, at: datetime, beats: tuple[Beat, ...]
    ) -> Plan:
        chance = self._chance
        member = chance.choice(consortium.members)
        contacts = [human for human in self._people if human.place == member.code]
        requester = chance.choice(contacts)
        colleague = next(human for human in contacts if human is not requester)
        leads = [human for human in self._people if human.place == consortium.slug and human.role in LEAD_ROLES]
        desk = [human for human in self._people if human.place == consortium.registry and human.role in REGISTRY_ROLES]
        own, registry = self._hours[consortium.slug], self._hours[consortium.registry]
        clocks = {Who.MEMBER: own, Who.LEAD: own, Who.AGENT: registry, Who.ENGINEER: registry}
        return Plan(
            plot=plot,
            consortium=consortium,
            member=member,
            requester=requester,
            lead=chance.choice(leads),
            agent=chance.choice([human for human in desk if human.tier == 2]),
            engineer=next(human for human in desk if human.tier == 3),
            entry=entry,
            teller=Teller(chance, consortium, member, requester, colleague, entry, at),
            at=at,
            by_mail=plot == "redirected" or (chance.random() < _BY_MAIL and not is_request(entry)),
            stranger=plot == "redirected",
            turns=tuple(moments(chance, beats, at, clocks, self._now)),
        )


class _Deck:
    """Entries in a shuffled row, dealt again when it is through, so that none comes much more often than another."""

    def __init__(self, chance: random.Random, entries: list[Entry]) -> None:
        self._chance = chance
        self._all = entries
        self._left: list[Entry] = []

    def draw(self) -> Entry:
        """The next entry."""
        if not self._left:
            self._left = list(self._all)
            self._chance.shuffle(self._left)
        return self._left.pop()


def _fits(entry: Entry, registry: str, sorts: tuple[str, ...]) -> bool:
    return entry.service.casefold() in (registry, "both") and sort_of(entry) in sorts
