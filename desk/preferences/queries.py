"""Reading what people asked for, and which topics concern somebody at all."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.domain.notices import LEAD, MEMBER, REGISTRY, TOPICS, Topic, Wishes
from desk.domain.permissions import Actor
from desk.preferences.models import MailPreference


def wishes_of(session: Session, person: Person) -> Wishes:
    """What a person asked for, with their zone; an unknown topic of a later release counts for nothing."""
    row = session.get(MailPreference, person.id)
    if row is None:
        return Wishes(zone=person.timezone)
    known = {topic.value: topic for topic in Topic}
    off = frozenset(known[name] for name in row.off if name in known)
    return Wishes(person.timezone, row.daily_at, row.quiet_from, row.quiet_until, off)


def sides_of(actor: Actor) -> Sequence[str]:
    """On which sides of a ticket somebody can be; a member's where they are on none, since they may come to be."""
    found = [
        side
        for side, holds in (
            (MEMBER, bool(actor.orgs())),
            (LEAD, bool(actor.consortia())),
            (REGISTRY, bool(actor.registries())),
        )
        if holds
    ]
    return found or [MEMBER]


def topics_for(actor: Actor) -> Sequence[Topic]:
    """The topics of mail that somebody with these roles can get."""
    sides = frozenset(sides_of(actor))
    return [topic for topic, words in TOPICS.items() if words.sides & sides]
