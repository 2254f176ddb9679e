"""Which catalogue entry a text is about, and what in the text said so. Pure; abstains rather than guesses."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from desk.domain.catalogue import Catalogue, Entry, words

ABSTAIN_BELOW = 4.0
READ_AT_MOST = 20_000  # characters: what a report is about stands at its top, and logs have no end

# An error code is the registry's own word for what happened, so one outweighs all phrases together.
CODE_WEIGHT = 10.0
LONE_NUMBER_WEIGHT = 3.0  # the same digits with nothing near them that speaks of an error: a hint, not a verdict
PATTERN_WEIGHT = 3.0
STATUS_WEIGHT = 1.0
SERVICE_WEIGHT = 1.0
WORDING_WEIGHT = 4.0  # for all telling words of the entry's own description; a share of them gives its share
PHRASES_AT_MOST = 9.0

_CODE_CONTEXT = re.compile(r"error|code|response|exception|message|fehler|erreur", re.IGNORECASE)
_TYPOGRAPHY = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2011": "-", "\u00a0": " "})


class SignalKind(StrEnum):
    """What sort of thing in the text pointed to the entry."""

    ERROR_CODE = "error_code"
    PHRASE = "phrase"
    PATTERN = "pattern"
    HTTP_STATUS = "http_status"
    SERVICE = "service"
    WORDING = "wording"


@dataclass(frozen=True, slots=True)
class Signal:
    """One piece of evidence: its kind, the words as the text has them, and what it counted."""

    kind: SignalKind
    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class Match:
    """An entry with the sum of its evidence."""

    entry: Entry
    score: float
    signals: tuple[Signal, ...]

    @property
    def key(self) -> str:
        """The entry's id in the catalogue."""
        return self.entry.key


def classify(text: str, catalogue: Catalogue | Mapping[str, Any], *, service: str | None = None) -> tuple[Match, ...]:
    """The incident types that the text is about, best first; empty when the evidence is too thin for any.

    Args:
        text: what the person wrote (subject and body); the first ``READ_AT_MOST`` characters are read.
        catalogue: the compiled catalogue, or its JSON document.
        service: ``ORCID`` or ``DataCite`` when the form asked for it; entries of the other are left out.
    """
    return tuple(match for match in candidates(text, catalogue, service=service) if match.score >= ABSTAIN_BELOW)


def candidates(text: str, catalogue: Catalogue | Mapping[str, Any], *, service: str | None = None) -> tuple[Match, ...]:
    """All incident types with any evidence of their own, best first, for a person to choose among."""
    known = catalogue if isinstance(catalogue, Catalogue) else Catalogue.from_dict(catalogue)
    plain = normal(text)
    said = words(plain)
    matches = []
    for entry in known.incidents():
        if service and entry.service not in (service, "both"):
            continue
        signals = tuple(_evidence(plain, entry))
        if signals:
            signals += (*_service_named(plain, entry), *_wording(said, known.wording.get(entry.key, frozenset())))
            matches.append(Match(entry, _score(signals), signals))
    return tuple(sorted(matches, key=lambda match: (-match.score, match.entry.tier, match.key)))


def normal(text: str) -> str:
    """Lower case, straight quotes, single spaces, capped: the form in which phrases are compared."""
    return " ".join(text[:READ_AT_MOST].translate(_TYPOGRAPHY).casefold().split())


def _evidence(text: str, entry: Entry) -> Iterator[Signal]:
    yield from _codes(text, entry.signals.error_codes)
    yield from _phrases(text, entry.signals.phrases)
    for pattern in entry.signals.patterns:
        if found := pattern.search(text):
            yield Signal(SignalKind.PATTERN, found[0], PATTERN_WEIGHT)
    for status in entry.signals.http_status:
        if re.search(rf"(?<![\w./-]){re.escape(status)}(?![\w/-]|\.\d)", text):
            yield Signal(SignalKind.HTTP_STATUS, status, STATUS_WEIGHT)


def _codes(text: str, codes: tuple[str, ...]) -> Iterator[Signal]:
    for code in codes:
        # Not inside an iD, a DOI, a decimal or a longer number.
        places = list(re.finditer(rf"(?<![\w./-]){re.escape(code)}(?![\w/-]|\.\d)", text))
        if places:
            meant = any(_CODE_CONTEXT.search(text, max(0, place.start() - 40), place.start()) for place in places)
            yield Signal(SignalKind.ERROR_CODE, code, CODE_WEIGHT if meant else LONE_NUMBER_WEIGHT)


def _phrases(text: str, phrases: tuple[str, ...]) -> Iterator[Signal]:
    """Each phrase once, the longest first; a phrase within one already counted adds nothing."""
    covered: list[str] = []
    for phrase in sorted(phrases, key=len, reverse=True):
        if any(phrase in longer for longer in covered):
            continue
        if phrase in text and re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text):
            covered.append(phrase)
            # A longer phrase is rarer, so it says more: 2 for one word, 3 for two, 4 for three and more.
            length = len(re.split(r"[\s_]+", phrase))
            yield Signal(SignalKind.PHRASE, phrase, float(min(4, 1 + length)))


def _service_named(text: str, entry: Entry) -> Iterator[Signal]:
    if re.search(rf"(?<!\w){re.escape(entry.service.casefold())}(?!\w)", text):
        yield Signal(SignalKind.SERVICE, entry.service, SERVICE_WEIGHT)


def _wording(said: frozenset[str], telling: frozenset[str]) -> Iterator[Signal]:
    shared = said & telling
    if len(shared) >= 2:
        weight = round(WORDING_WEIGHT * len(shared) / len(telling), 2)
        yield Signal(SignalKind.WORDING, ", ".join(sorted(shared)), weight)


def _score(signals: tuple[Signal, ...]) -> float:
    phrases = sum(signal.weight for signal in signals if signal.kind is SignalKind.PHRASE)
    others = sum(signal.weight for signal in signals if signal.kind is not SignalKind.PHRASE)
    return round(min(phrases, PHRASES_AT_MOST) + others, 2)
