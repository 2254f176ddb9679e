"""The demo world's issues register: a dozen problems, opened, moved, published and followed at past instants."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from desk.delegation import service as delegation
from desk.demo.ground import Ground
from desk.demo.people import Human
from desk.demo.places import CONSORTIA, REGISTRIES
from desk.demo.stage import Register
from desk.demo.stories import DATA
from desk.domain.delegation import DraftText, UpdateText
from desk.domain.permissions import MEMBER_ROLES, Actor, Role
from desk.domain.register import EntryAudience, IssueDraft, IssueState
from desk.drafts import queries as draft_queries
from desk.drafts import service as drafts
from desk.feeds import service as feeds
from desk.issues import service
from desk.issues.models import Issue
from desk.known_issues import service as telling

GOES_AFTER = 40
"""Working hours: the draft that came some days ago still waits."""

Act = Callable[[datetime], None]


@cache
def problems() -> list[dict[str, Any]]:
    """The register's entries as the data file has them."""
    loaded: list[dict[str, Any]] = json.loads((DATA / "issues.json").read_text(encoding="utf-8"))
    return loaded


def explained() -> dict[str, dict[str, int]]:
    """Per consortium, the catalogue entries that an issue explains, and how many days ago it was opened."""
    found: dict[str, dict[str, int]] = {}
    for place in CONSORTIA:
        about = [each for each in problems() if each["owner"] in (place.slug, place.registry)]
        found[place.slug] = {
            each["entry"]: min(o["days_ago"] for o in about if o["entry"] == each["entry"]) for each in about
        }
    return found


class Keeper:
    """Turns the data into acts, each with the moment at which it happens."""

    def __init__(self, ground: Ground, register: Register, people: list[Human], now: datetime) -> None:
        self._ground = ground
        self._register = register
        self._people = people
        self._now = now
        self._made: dict[int, Issue] = {}
        self._services = {place.slug: place.service for place in REGISTRIES}

    def acts(self) -> Iterator[tuple[datetime, Act]]:
        """Everything that happens in the register before now."""
        yield self._now - timedelta(days=20), self._open_feed
        for number, problem in enumerate(problems()):
            for days, act in self._of(number, problem):
                at = self._moment(problem["owner"], problem["days_ago"] - days, number)
                if at < self._now:
                    yield at, act

    def _open_feed(self, at: datetime) -> None:
        """One lead lets everybody read what it publishes; the others' members have addresses of their own."""
        slug = CONSORTIA[0].slug
        place = self._ground.consortia[slug]
        feeds.choose_public(self._ground.session, self._actor(slug), consortium_id=place, public=True, now=at)

    def _moment(self, owner: str, days_ago: float, number: int) -> datetime:
        hours = self._ground.hours[owner]
        at = hours.next_opening(self._now - timedelta(days=days_ago))
        return hours.add(at, 1800 + 700 * number)

    def _of(self, number: int, problem: dict[str, Any]) -> Iterator[tuple[float, Act]]:
        yield 0, lambda at: self._open(number, problem, at)
        for days, text in problem["decisions"]:
            yield days + 0.1, lambda at, text=text: self._decide(number, problem, text, at)  # type: ignore[misc]
        for days, to, note in problem["moves"]:
            yield days + 0.2, lambda at, to=to, note=note: self._move(number, problem, to, note, at)  # type: ignore[misc]
        for slug, told in problem["published"].items():
            yield told["after"] + 0.3, lambda at, slug=slug, told=told: self._publish(number, slug, told, at)  # type: ignore[misc]
            yield told["after"] + 1.4, lambda at, slug=slug: self._affects(number, slug, at)  # type: ignore[misc]
        for slug, days, text in problem["updates"]:
            yield days + 0.6, lambda at, slug=slug, text=text: self._update(number, slug, text, at)  # type: ignore[misc]

        for told in problem.get("delegated", ()):
            yield told["after"], lambda at, told=told: self._delegate(number, problem, told, at)  # type: ignore[misc]
            for slug, days in told["drafts"].items():
                yield told["after"] + days, lambda at, slug=slug: self._send(number, slug, at)  # type: ignore[misc]

    def _open(self, number: int, problem: dict[str, Any], at: datetime) -> None:
        owner = problem["owner"]
        registry = owner in self._ground.registries
        place = next((each for each in CONSORTIA if each.slug == owner), None)
        person = self._ground.people[self._owner(owner).email]
        draft = IssueDraft(
            title=problem["title"],
            symptom=problem["symptom"],
            service=self._services[place.registry if place else owner],
            first_seen=(at - timedelta(days=1)).date(),
            cause=problem["cause"],
            workaround=problem["workaround"],
            impact=problem["impact"],
            catalogue_key=problem["entry"],
            owner_id=None if registry else person,
            problem_manager_id=person if registry else None,
            registry_reference=problem["reference"] or None,
            next_review_on=(self._now + timedelta(days=problem["review_in"])).date() if problem["review_in"] else None,
        )
        issue = service.open_issue(
            self._ground.session,
            self._actor(owner),
            draft,
            consortium_id=self._ground.consortia.get(owner),
            registry_id=self._ground.registries.get(owner),
            now=at,
        )
        self._made[number] = issue
        self._register.issues[owner, problem["entry"]] = issue
        upstream = problem.get("upstream")
        if upstream is not None and upstream in self._made:
            above = self._made[upstream].number
            service.link_upstream(self._ground.session, self._actor(owner), issue, upstream_number=above, now=at)

    def _decide(self, number: int, problem: dict[str, Any], text: str, at: datetime) -> None:
        service.add_decision(self._ground.session, self._actor(problem["owner"]), self._made[number], text=text, now=at)

    def _move(self, number: int, problem: dict[str, Any], to: str, note: str, at: datetime) -> None:
        issue = self._made[number]
        service.move_issue(
            self._ground.session,
            self._actor(problem["owner"]),
            issue,
            to=IssueState(to),
            note=note,
            version=issue.version,
            now=at,
        )

    def _publish(self, number: int, slug: str, told: dict[str, Any], at: datetime) -> None:
        telling.publish(
            self._ground.session,
            self._actor(slug),
            self._made[number],
            consortium_id=self._ground.consortia[slug],
            title=told["title"],
            text=told["text"],
            workaround=told["workaround"],
            now=at,
        )

    def _update(self, number: int, slug: str, text: str, at: datetime) -> None:
        telling.add_update(
            self._ground.session,
            self._actor(slug),
            self._made[number],
            audience=EntryAudience.MEMBERS,
            text=text,
            consortium_id=self._ground.consortia[slug],
            now=at,
        )

    def _delegate(self, number: int, problem: dict[str, Any], told: dict[str, Any], at: datetime) -> None:
        """The registry says it once; at the first lead a draft may go by itself, at the others it waits."""
        session, issue, first = self._ground.session, self._made[number], CONSORTIA[0].slug
        drafts.allow(session, self._actor(first), self._ground.consortia[first], hours=GOES_AFTER, now=at)
        text = UpdateText(
            told["text"], told["member_text"], told["workaround"], self._now + timedelta(days=told["next_update_in"])
        )
        actor, version = self._actor(problem["owner"]), issue.version
        delegation.write_update(session, actor, issue, text, to=issue.state, version=version, now=at)

    def _send(self, number: int, slug: str, at: datetime) -> None:
        session, actor, place = self._ground.session, self._actor(slug), self._ground.consortia[slug]
        for draft in draft_queries.drafts_of_issue(session, actor, self._made[number]):
            if draft.consortium_id == place:
                text = DraftText(draft.title, draft.text, draft.workaround, draft.next_update_at)
                drafts.send_draft(session, actor, draft, text, version=draft.version, now=at)

    def _affects(self, number: int, slug: str, at: datetime) -> None:
        """Some members say that they have it, too; one more only follows."""
        members = next(place for place in CONSORTIA if place.slug == slug).members
        for position in range(2 + number % 4):
            member = members[(number * 3 + position * 2) % len(members)]
            human = next(each for each in self._people if each.place == member.code and each.role in MEMBER_ROLES)
            actor, org = self._ground.actor(human), self._ground.members[member.code]
            says = telling.affects_us if position else telling.follow
            says(self._ground.session, actor, self._made[number], member_org_id=org, now=at)

    def _actor(self, owner: str) -> Actor:
        return self._ground.actor(self._owner(owner))

    def _owner(self, owner: str) -> Human:
        """An agent of the registry, or the manager of the lead's desk."""
        roles = (Role.REGISTRY_AGENT,) if owner in self._ground.registries else (Role.LEAD_MANAGER,)
        return next(human for human in self._people if human.place == owner and human.role in roles)
