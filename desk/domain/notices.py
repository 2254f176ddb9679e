"""Which mails somebody may switch off, which may wait and until when: one table each, and one decision over them.

Nothing here widens who is told: it only says of somebody who is told anyway whether and when a mail goes to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

MEMBER, LEAD, REGISTRY = "member", "lead", "registry"
STAFF = frozenset({LEAD, REGISTRY})


class Topic(StrEnum):
    """A kind of mail that can be switched off."""

    PROGRESS = "progress"
    OTHERS_TICKETS = "others_tickets"
    ISSUES = "issues"
    NEW_TICKETS = "new_tickets"
    ASSIGNED = "assigned"
    MEMBER_NEWS = "member_news"
    NOTES = "notes"
    HANDOVERS = "handovers"


@dataclass(frozen=True, slots=True)
class TopicWords:
    """How a topic is named on the page, what it holds, and to which sides it goes."""

    title: str
    holds: str
    sides: frozenset[str]


TOPICS: Mapping[Topic, TopicWords] = {
    Topic.PROGRESS: TopicWords(
        "Progress of your tickets",
        "One of your tickets was handed to the registry, or a promised date has moved.",
        frozenset({MEMBER}),
    ),
    Topic.OTHERS_TICKETS: TopicWords(
        "Tickets of colleagues that you follow",
        "Answers, questions and progress on tickets to which you were added but which you did not ask for.",
        frozenset({MEMBER}),
    ),
    Topic.ISSUES: TopicWords(
        "Known issues that you follow",
        "An issue was published, or there is news of it.",
        frozenset({MEMBER}),
    ),
    Topic.NEW_TICKETS: TopicWords(
        "New tickets at your desk",
        "A request came in, a mail came from somebody unknown, or another consortium passed a ticket on.",
        frozenset({LEAD}),
    ),
    Topic.ASSIGNED: TopicWords("Tickets given to you", "A colleague put your name to a ticket.", frozenset({LEAD})),
    Topic.MEMBER_NEWS: TopicWords(
        "What members write",
        "A member wrote on a ticket, said that it is solved, or opened it again.",
        frozenset({LEAD}),
    ),
    Topic.NOTES: TopicWords(
        "Notes of colleagues", "A note inside your team, or between the lead’s and the registry’s teams.", STAFF
    ),
    Topic.HANDOVERS: TopicWords(
        "Hand-overs",
        "A ticket was handed over, accepted, returned, declined, taken back, moved, fixed or verified.",
        STAFF,
    ),
}

NEVER_OFF: Mapping[str, str] = {
    MEMBER: "Receipts, answers and questions on your own tickets, sign-in links, and word that something secret "
    "was removed from what you sent.",
    LEAD: "Promised times that come near or have passed, objections to a clock, drafts of a registry’s updates, "
    "reviews that are due, what the registry should have answered by now, "
    "tickets of an issue that come back, mail that was not delivered, and alarms about mailboxes and working hours.",
    REGISTRY: "Promised times that come near or have passed, objections to a clock, tickets of an issue that come "
    "back, and alarms about mailboxes and working hours.",
}
"""What cannot be switched off, in a sentence for each side."""

_TO_REGISTRIES = ("escalated", "withdrawn", "verified", "tier_moved", "member_wrote")

_TOPIC_OF: Mapping[tuple[str, str], Topic] = {
    ("escalated", MEMBER): Topic.PROGRESS,
    ("promise_moved", MEMBER): Topic.PROGRESS,
    ("waved_through", MEMBER): Topic.PROGRESS,
    ("issue_published", MEMBER): Topic.ISSUES,
    ("issue_updated", MEMBER): Topic.ISSUES,
    ("opened", LEAD): Topic.NEW_TICKETS,
    ("received_unverified", LEAD): Topic.NEW_TICKETS,
    ("transferred", LEAD): Topic.NEW_TICKETS,
    ("assigned", LEAD): Topic.ASSIGNED,
    **{(kind, LEAD): Topic.MEMBER_NEWS for kind in ("member_wrote", "confirmed", "reopened")},
    **{("noted", side): Topic.NOTES for side in STAFF},
    **{(kind, LEAD): Topic.HANDOVERS for kind in ("accepted", "declined", "returned", "fixed", "waved_through")},
    **{(kind, LEAD): Topic.HANDOVERS for kind in ("answered", "asked_member")},
    **{(kind, REGISTRY): Topic.HANDOVERS for kind in _TO_REGISTRIES},
}
_OF_A_FOLLOWED_TICKET = frozenset(
    {"answered", "asked_member", "resolved", "reopened", "escalated", "promise_moved", "merged", "transferred"}
)
SUBSCRIBED = frozenset({Topic.ISSUES, Topic.OTHERS_TICKETS})
"""What somebody follows, as opposed to their work and their own requests: one click in the mail program ends it."""

PERSONAL = frozenset({"answered", "asked_member", "resolved"})
"""Written by a person and meant for this reader; everything else says that something happened."""

FIRST_WORD = frozenset({"opened", "received_unverified", "escalated", "transferred"})
"""A ticket reaches a desk with these. Where everybody there has switched them off, everybody is told all the same."""

URGENT: Mapping[str, frozenset[str]] = {
    "opened": frozenset({MEMBER}),  # the receipt for what they have just sent: they are awake
    "redirected": frozenset({MEMBER}),
    "secret_removed": frozenset({MEMBER}),
    "sign_in_link_issued": frozenset({MEMBER}),
    "warned": STAFF,  # told within the team's working hours anyway
    "breached": STAFF,
    "storm_stopped": STAFF,
    "mailbox_fell_silent": STAFF,
    "calendar_never_opens": STAFF,
    "update_drafted": STAFF,  # told within the team's hours; it may go by itself before the next daily mail
    "draft_outdated": STAFF,
}
"""What neither quiet hours nor a daily summary hold up, and to whom. What is about a P1 ticket is urgent to staff."""

GATHERED = frozenset(
    {
        "accepted", "assigned", "confirmed", "declined", "escalated", "fixed", "member_wrote", "noted", "promise_moved",
        "reopened", "returned", "tier_moved", "verified", "withdrawn",
    }
)  # fmt: skip
"""What comes in quick succession while somebody works on a ticket: a short wait makes one mail of it."""


class Wait(StrEnum):
    """Why a mail is written later."""

    GATHER = "gather"
    QUIET = "quiet"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What somebody asked for; hours of the day, 0 to 23, in their own zone. Without a word: everything, at once."""

    zone: str = "UTC"
    daily_at: int | None = None
    quiet_from: int | None = None
    quiet_until: int | None = None
    off: frozenset[Topic] = frozenset()


@dataclass(frozen=True, slots=True)
class Delivery:
    """When a mail is to be written; ``wait`` is None for at once."""

    at: datetime
    wait: Wait | None = None


def topic_of(kind: str, side: str, *, own: bool) -> Topic | None:
    """The topic of an event for somebody of that side; None: it cannot be switched off. ``own``: they asked for it."""
    if side == MEMBER and not own and kind in _OF_A_FOLLOWED_TICKET:
        return Topic.OTHERS_TICKETS
    return _TOPIC_OF.get((kind, side))


def is_urgent(kind: str, side: str, *, pressing: bool) -> bool:
    """Whether it passes everything that would hold it up. ``pressing``: it is about a P1 ticket."""
    return side in URGENT.get(kind, ()) or (pressing and side in STAFF)


def delivery(kind: str, wishes: Wishes, now: datetime, *, urgent: bool, gather: timedelta) -> Delivery:
    """When somebody is told of an event that they have not switched off."""
    if urgent:
        return Delivery(now)
    if wishes.daily_at is not None and kind not in PERSONAL:
        return Delivery(next_hour(now, wishes.zone, wishes.daily_at), Wait.DIGEST)
    end = quiet_end(now, wishes)
    if end is not None:
        return Delivery(end, Wait.QUIET)
    if kind in GATHERED and gather:
        return Delivery(now + gather, Wait.GATHER)
    return Delivery(now)


def quiet_end(now: datetime, wishes: Wishes) -> datetime | None:
    """The end of the quiet hours in which ``now`` lies; None when it lies in none. They may pass midnight."""
    start, end = wishes.quiet_from, wishes.quiet_until
    if start is None or end is None or start == end:
        return None
    hour = now.astimezone(ZoneInfo(wishes.zone)).hour
    inside = start <= hour < end if start < end else hour >= start or hour < end
    return next_hour(now, wishes.zone, end) if inside else None


def next_hour(now: datetime, zone: str, hour: int) -> datetime:
    """The next instant after ``now`` at which the clocks of the zone show that full hour.

    Where an hour does not exist on a day (clocks go forward), it is the same wall time read with the offset before,
    which is the moment an hour on; where it comes twice, the first (PEP 495, ``fold=0``).
    """
    here = ZoneInfo(zone)
    day = now.astimezone(here).date()
    for _ in range(3):
        found = datetime.combine(day, time(hour), tzinfo=here).astimezone(now.tzinfo)
        if found > now:
            return found
        day += timedelta(days=1)
    raise AssertionError("a day is at most 25 hours long")
