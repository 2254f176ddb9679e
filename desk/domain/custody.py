"""The custody ledger read: who had a ticket, why it moved, how often it came back, what each reader may know. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from desk.domain.vocabulary import Party
from desk.domain.wording import words

LITTLE_LEFT = 25
"""Percent of the promise to the member: a hand-over with less than this left gives the registry hardly a chance."""

CAME_BACK = frozenset({"returned", "declined"})
"""Moves by which a registry gives a ticket back undone."""

HANDED_OVER = "escalated"

REASONS: Mapping[str, str] = {
    "opened": "it was filed",
    "escalated": "the lead handed it over",
    "declined": "the registry declined it: the lead can answer it",
    "returned": "the registry returned it",
    "fixed": "the registry reported a fix",
    "withdrawn": "the lead took it back",
    "tier_moved": "the registry moved it between its tiers",
    "asked_member": "the member was asked",
    "member_wrote": "the member answered",
    "held": "it was put on hold",
    "woken": "the hold is over",
    "reopened": "it was opened again",
    "transferred": "it passed to this consortium's lead",
}

MEMBER_PARTIES: Mapping[Party, str] = {
    Party.LEAD: "With your consortium lead",
    Party.REGISTRY: "With the registry",
    Party.MEMBER: "Waiting for you",
    Party.HOLD: "On hold",
}

MEMBER_REASONS: Mapping[str, str] = {
    "opened": "you filed it",
    "escalated": "your lead passed it on",
    "asked_member": "there is a question for you",
    "member_wrote": "you answered",
    "held": "it waits for an agreed date",
    "woken": "the agreed date has come",
    "reopened": "it was opened again",
}
"""What members read; how the two desks passed it between themselves is not their affair, so the rest says nothing."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One party's turn. ``seconds`` is working time in the holder's calendar, up to now while the turn lasts.

    ``promise_left``: percent of the overall promise left when it began, None where none was made. ``seconds`` and
    ``who`` are None where the reader may not know them.
    """

    party: Party
    team: str | None
    from_at: datetime
    until_at: datetime | None
    seconds: int | None
    reason: str
    who: str | None = None
    promise_left: int | None = None
    why: str = ""

    @property
    def is_live(self) -> bool:
        """It is still this party's turn."""
        return self.until_at is None

    @property
    def came_late(self) -> bool:
        """The lead handed it over with little of the promise left."""
        return self.reason == HANDED_OVER and self.promise_left is not None and self.promise_left < LITTLE_LEFT

    @property
    def came_back(self) -> bool:
        """The registry gave it back undone."""
        return self.reason in CAME_BACK


@dataclass(frozen=True, slots=True)
class Total:
    """What one party had of a ticket; ``seconds`` is None where the reader may not know them."""

    party: Party
    turns: int
    seconds: int | None


def share_left(consumed: int, target: int | None) -> int | None:
    """Percent of a promise that is left, at least 0; None where nothing is promised. Rounded down."""
    return None if not target else max(100 * (target - consumed) // target, 0)


def for_desk(turns: Iterable[Turn], *, whose: Party) -> list[Turn]:
    """The ledger as a desk reads it.

    A lead answers for the whole and reads the whole. A registry reads who had it when; how long the lead worked, and
    who moved it where it took no part, stays between the lead and its member.
    """
    told = [replace(turn, why=REASONS.get(turn.reason, words(turn.reason).lower())) for turn in turns]
    if whose is Party.LEAD:
        return told
    return [_for_registry(turn) for turn in told]


def _for_registry(turn: Turn) -> Turn:
    own = turn.party is Party.REGISTRY
    known = own or turn.reason in CAME_BACK or turn.reason in ("fixed", "withdrawn")
    return replace(turn, seconds=turn.seconds if own else None, who=turn.who if known else None)


def for_member(turns: Iterable[Turn]) -> list[Turn]:
    """The ledger in plain words: parties and dates, no names and no working time; one desk's turns in a row are one."""
    found: list[Turn] = []
    for turn in turns:
        if found and found[-1].party is turn.party and found[-1].until_at == turn.from_at:
            found[-1] = replace(found[-1], until_at=turn.until_at)
            continue
        why = MEMBER_REASONS.get(turn.reason, "")
        name = MEMBER_PARTIES.get(turn.party)
        found.append(replace(turn, team=name, seconds=None, who=None, promise_left=None, why=why))
    return found


def totals(turns: Sequence[Turn]) -> list[Total]:
    """Turns and working seconds per party, in the order in which each had it first."""
    parties = dict.fromkeys(turn.party for turn in turns)
    return [_total(party, [turn for turn in turns if turn.party is party]) for party in parties]


def _total(party: Party, turns: Sequence[Turn]) -> Total:
    known = [turn.seconds for turn in turns if turn.seconds is not None]
    return Total(party, len(turns), sum(known) if len(known) == len(turns) else None)


def came_back(turns: Iterable[Turn]) -> int:
    """How often a registry gave it back undone: the ping-pong."""
    return sum(turn.came_back for turn in turns)
