"""Which escalations look alike, by the same likeness with which a ticket is compared with issues. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from desk.domain.identifiers import Kind
from desk.domain.likeness import Evidence, likeness

ALIKE_FROM = 5.0
"""More than one sign: the same kind of incident alone is too little, with the same error code or words it is enough."""
SMALLEST = 2
WORDS_SHOWN = 5
# Things that a problem has and a single record has not: two of one record say less about a cause.
_CAUSES = (Kind.ORCID_ERROR.value, Kind.HTTP_STATUS.value)


@dataclass(slots=True)
class Cluster:
    """Keys of what looks alike, in the order given, and what all of them have in common."""

    keys: list[int]
    seed: Evidence
    entry_key: str | None
    things: frozenset[tuple[str, str]]
    said: frozenset[str] = field(repr=False)

    def add(self, key: int, one: Evidence) -> None:
        """One more; what it does not share is no longer common."""
        self.keys.append(key)
        self.entry_key = self.entry_key if one.entry_key == self.entry_key else None
        self.things &= one.things
        self.said &= one.said

    @property
    def codes(self) -> list[str]:
        """Error codes and statuses that all of them have; never an identifier of somebody's record."""
        return [value for kind, value in sorted(self.things) if kind in _CAUSES]

    @property
    def words(self) -> list[str]:
        """The most telling words that all of them have."""
        return sorted(self.said, key=lambda word: (-len(word), word))[:WORDS_SHOWN]


def clusters(evidence: Mapping[int, Evidence]) -> list[Cluster]:
    """Groups of at least ``SMALLEST``, the largest first.

    Each joins the group to whose first one it is most alike, so that a chain of small likenesses makes no group.
    Only what shares an entry or an identifier is compared: words alone never reach ``ALIKE_FROM``.
    """
    found: list[Cluster] = []
    known: dict[tuple[str, str], list[int]] = {}
    for key, one in evidence.items():
        near = {number for sign in _signs(one) for number in known.get(sign, ())}
        scored = ((likeness(one, found[number].seed).score, -number) for number in near)
        score, number = max(scored, default=(0.0, 0))
        if score >= ALIKE_FROM:
            found[-number].add(key, one)
            continue
        for sign in _signs(one):
            known.setdefault(sign, []).append(len(found))
        found.append(Cluster([key], one, one.entry_key, one.things, one.said))
    return sorted((each for each in found if len(each.keys) >= SMALLEST), key=lambda each: (-len(each.keys), each.keys))


def _signs(one: Evidence) -> Iterator[tuple[str, str]]:
    if one.entry_key:
        yield "entry", one.entry_key
    yield from one.things
