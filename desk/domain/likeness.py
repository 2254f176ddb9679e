"""Which issue a ticket may be about, which tickets may have one cause: likeness of what they say, with its reasons."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from desk.domain.catalogue import words
from desk.domain.identifiers import Identifier, Kind, find

SAME_ENTRY = 4.0
SAME_ERROR = 4.0  # the registry's own code for what happened
SAME_THING = 3.0  # the same client, DOI, prefix, repository, iD
SAME_STATUS = 1.0
WORDING = 4.0  # for all of the shorter text's telling words; a share of them gives its share
SHARED_WORDS_AT_LEAST = 3
OTHER_ENVIRONMENT = -2.0
CANDIDATE_FROM = 3.0
CANDIDATES_AT_MOST = 5
READ_AT_MOST = 20_000  # characters

_WEIGHTS: Mapping[str, float] = {Kind.ORCID_ERROR.value: SAME_ERROR, Kind.HTTP_STATUS.value: SAME_STATUS}
_THING_WORDS: Mapping[str, str] = {
    Kind.ORCID_ERROR.value: "error code",
    Kind.HTTP_STATUS.value: "HTTP status",
    Kind.ORCID.value: "iD",
    Kind.CLIENT_ID.value: "client",
    Kind.DOI.value: "DOI",
    Kind.PREFIX.value: "prefix",
    Kind.ROR.value: "organisation",
    Kind.REPOSITORY.value: "repository",
}

# Words that every second ticket of this desk has say nothing about which problem it is.
_EVERYWHERE = words(
    "about after also because been before being could dear does error from have hello help into issue just kind like"
    " member message more need only orcid datacite please problem record regards should since some still than thank"
    " thanks that their them then there these they this ticket time trying very want were what when where which will"
    " with work works would your"
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a ticket, or an issue, is about. ``things``: kind and value of each identifier; ``said``: telling words."""

    service: str
    environment: str | None
    entry_key: str | None
    things: frozenset[tuple[str, str]]
    said: frozenset[str]


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike a ticket and an issue are, and what says so, in words for the page."""

    score: float
    reasons: tuple[str, ...]


def evidence(
    text: str,
    *,
    service: str,
    environment: str | None,
    entry_key: str | None,
    identifiers: Iterable[Mapping[str, Any]],
) -> Evidence:
    """Build from a text and the columns of a ticket or an issue; ``identifiers`` as they are stored."""
    return Evidence(
        service=service,
        environment=environment,
        entry_key=entry_key,
        things=frozenset((str(each["kind"]), str(each["value"])) for each in identifiers),
        said=words(text[:READ_AT_MOST]) - _EVERYWHERE,
    )


def evidence_of(text: str, service: str) -> Evidence:
    """What a text alone says: nothing of it is stored, its identifiers are found in it."""
    return evidence(text, service=service, environment=None, entry_key=None, identifiers=stored(find(text)))


def stored(identifiers: Iterable[Identifier]) -> list[dict[str, str]]:
    """Identifiers as rows keep them."""
    return [{"kind": each.kind.value, "value": each.value} for each in identifiers]


def likeness(ticket: Evidence, issue: Evidence) -> Likeness:
    """Score a ticket against an issue; 0 when they are about different services."""
    if not _same_service(ticket.service, issue.service):
        return Likeness(0.0, ())
    found = list(_shared(ticket, issue))
    score = sum(weight for weight, _ in found)
    if ticket.environment and issue.environment and ticket.environment != issue.environment:
        score += OTHER_ENVIRONMENT
    return Likeness(round(max(score, 0.0), 2), tuple(reason for _, reason in found))


def candidates(ticket: Evidence, issues: Mapping[int, Evidence]) -> tuple[tuple[int, Likeness], ...]:
    """The ids of the issues that the ticket may be about, best first, at most ``CANDIDATES_AT_MOST``."""
    scored = ((key, likeness(ticket, issue)) for key, issue in issues.items())
    likely = [pair for pair in scored if pair[1].score >= CANDIDATE_FROM]
    return tuple(sorted(likely, key=lambda pair: (-pair[1].score, pair[0]))[:CANDIDATES_AT_MOST])


def _same_service(one: str, other: str) -> bool:
    both = {one.casefold(), other.casefold()} - {"", "both", "other"}
    return len(both) < 2


def _shared(ticket: Evidence, issue: Evidence) -> Iterator[tuple[float, str]]:
    if ticket.entry_key and ticket.entry_key == issue.entry_key:
        yield SAME_ENTRY, "same kind of incident"
    for kind, value in sorted(ticket.things & issue.things):
        yield _WEIGHTS.get(kind, SAME_THING), f"{_THING_WORDS.get(kind, kind)} {value}"
    common = ticket.said & issue.said
    if len(common) >= SHARED_WORDS_AT_LEAST:
        share = len(common) / min(len(ticket.said), len(issue.said))
        yield WORDING * share, "words: " + ", ".join(sorted(common, key=lambda word: (-len(word), word))[:5])


# ------------------------------------------------------------------ looking for tickets

TELLING_WORDS = 8
"""Words of an issue that tickets are looked up by: any two of them together, which few tickets have."""

_LOOKED_UP = frozenset(
    {Kind.ORCID_ERROR.value, Kind.CLIENT_ID.value, Kind.DOI.value, Kind.PREFIX.value, Kind.REPOSITORY.value}
)


def telling(of: Evidence) -> tuple[str, ...]:
    """The longest words of a text, which are the rarest (Zipf), longest first; at most ``TELLING_WORDS``."""
    return tuple(sorted(of.said, key=lambda word: (-len(word), word))[:TELLING_WORDS])


def named_things(of: Evidence) -> tuple[str, ...]:
    """The identifiers that point at one problem: error codes, clients, DOIs, prefixes, repositories."""
    return tuple(sorted(value for kind, value in of.things if kind in _LOOKED_UP))


def tickets_like(issue: Evidence, tickets: Mapping[int, Evidence], at_most: int) -> tuple[tuple[int, Likeness], ...]:
    """The ids of the tickets that the issue may explain, likeliest first, at most ``at_most``."""
    scored = ((key, likeness(ticket, issue)) for key, ticket in tickets.items())
    likely = [pair for pair in scored if pair[1].score >= CANDIDATE_FROM]
    return tuple(sorted(likely, key=lambda pair: (-pair[1].score, -pair[0]))[:at_most])


# ------------------------------------------------------------------ one cause behind several

ALIKE_FROM = 5.0
"""Of two tickets: more than the same kind of incident alone, which two unrelated ones have, too."""

TOGETHER_AT_LEAST = 3
"""Tickets that are worth an issue of their own."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Tickets that look alike, newest first, and what all or most of them share."""

    keys: tuple[int, ...]
    reasons: tuple[str, ...]


def clusters(tickets: Mapping[int, Evidence], at_most: int) -> tuple[Cluster, ...]:
    """Groups of tickets that look alike, largest first; each ticket is in one group at most.

    Each not yet grouped ticket, newest first, gathers those like it: two tickets that are only like a third are not
    thrown together, so that a group is about one thing.
    """
    left = sorted(tickets, reverse=True)
    # Who shares nothing is never compared: a text of hundreds of tickets has thousands of pairs, few of them alike.
    shelves = _shelves(tickets)
    found: list[Cluster] = []
    taken: set[int] = set()
    for key in left:
        if key in taken:
            continue
        near = set().union(*(shelves[mark] for mark in _marks(tickets[key]))) - taken - {key}
        alike = {other: likeness(tickets[key], tickets[other]) for other in near}
        group = [other for other in sorted(alike, reverse=True) if alike[other].score >= ALIKE_FROM]
        if len(group) + 1 < TOGETHER_AT_LEAST:
            continue
        taken |= {key, *group}
        found.append(Cluster((key, *group), _most_said([alike[other].reasons for other in group])))
    return tuple(sorted(found, key=lambda each: (-len(each.keys), -each.keys[0]))[:at_most])


def _marks(of: Evidence) -> Iterator[object]:
    if of.entry_key:
        yield of.entry_key
    yield from of.things
    yield from telling(of)


def _shelves(tickets: Mapping[int, Evidence]) -> dict[object, set[int]]:
    shelves: dict[object, set[int]] = {}
    for key, of in tickets.items():
        for mark in _marks(of):
            shelves.setdefault(mark, set()).add(key)
    return shelves


def _most_said(reasons: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The reasons that at least half of the pairs have; shared words differ from pair to pair and are left out."""
    every = [reason for pair in reasons for reason in pair if not reason.startswith("words: ")]
    common = sorted({each for each in every if every.count(each) * 2 >= len(reasons)})
    return tuple(common) or ("the same words",)
