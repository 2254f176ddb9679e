"""The catalogue as a value: entries, their signals and the fields of their forms, built from its JSON.

No I/O: the database keeps versions of it (``desk.catalogue``), the rules read this.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from desk.domain.errors import InvalidInput

RARE = 5  # entries that may share a word before it says nothing
MAX_REPEATS = 1000  # ways a pattern may stretch at one place of the text: keeps matching linear


class EntryKind(StrEnum):
    """Something broken, or something wanted (ITIL: incident, service request)."""

    INCIDENT = "incident"
    REQUEST = "request"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form. ``options`` is empty unless it is a choice; ``show_when`` is a condition on the others."""

    id: str
    label: str
    type: str = "text"
    help: str = ""
    options: tuple[str, ...] = ()
    pattern: str | None = None
    required: bool = False
    max_length: int | None = None
    minimum: int | None = None
    show_when: str | None = None
    must_differ_from: str | None = None
    https_only_in: str | None = None
    default: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, key: str | None = None, required: bool | None = None) -> "Field":
        """Build from the JSON of a field; ``key`` and ``required`` replace what the JSON says."""
        return cls(
            id=key or str(data["id"]),
            label=str(data["label"]),
            type=str(data.get("type", "text")),
            help=str(data.get("help") or data.get("note") or ""),
            options=tuple(str(option) for option in data.get("options", ())),
            pattern=data.get("pattern"),
            required=bool(data.get("required", False)) if required is None else required,
            max_length=data.get("max_length"),
            minimum=data.get("min"),
            show_when=data.get("show_when"),
            must_differ_from=data.get("must_differ_from"),
            https_only_in=data.get("https_only_in"),
            default=data.get("default"),
        )


@dataclass(frozen=True, slots=True)
class Signals:
    """What in a text points to an entry. Phrases are lower case; patterns are compiled and checked to be linear."""

    phrases: tuple[str, ...] = ()
    error_codes: tuple[str, ...] = ()
    http_status: tuple[str, ...] = ()
    patterns: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Signals":
        """Build from the ``signals`` of an entry.

        Raises:
            InvalidInput: a regular expression could take more than linear time.
        """
        return cls(
            phrases=tuple(" ".join(str(phrase).casefold().split()) for phrase in data.get("phrases", ())),
            error_codes=tuple(str(code) for code in data.get("error_codes", ())),
            http_status=tuple(str(status) for status in data.get("http_status", ())),
            patterns=tuple(linear_pattern(str(pattern)) for pattern in data.get("regex", ())),
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One type of incident or request. ``tier`` is 1..3; ``resolver`` is who has to act; ``priority`` is P1..P4."""

    key: str
    kind: EntryKind
    service: str
    title: str
    component: str = ""
    symptom: str = ""
    signals: Signals = field(default_factory=Signals)
    tier: int = 1
    resolver: str = "consortium_lead"
    priority: str = "P3"
    fields: tuple[Field, ...] = ()
    fix: str = ""
    escalate_when: str = ""
    registry_action: str = ""
    steps: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()

    @property
    def required_fields(self) -> tuple[str, ...]:
        """Ids of the fields that must be answered."""
        return tuple(each.id for each in self.fields if each.required)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A version of the catalogue: what can be broken, what can be wanted, and the dictionary of fields."""

    version: str
    entries: Mapping[str, Entry]
    fields: Mapping[str, Field]
    resolvers: Mapping[str, str] = field(default_factory=dict)
    wording: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Catalogue":
        """Build from the JSON document (keys ``fields``, ``incident_types``, ``request_types``).

        Raises:
            InvalidInput: the document is not a catalogue; the sentence names the entry and what is wrong with it.
        """
        try:
            fields = {key: Field.from_dict(value, key=key) for key, value in data["fields"].items()}
            entries = {entry.key: entry for entry in _entries(data)}
            count = len(data["incident_types"]) + len(data.get("request_types", ()))
            version, resolvers = str(data["version"]), dict(data.get("resolvers", {}))
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInput(f"That is not a catalogue: {error} is missing or has the wrong shape.") from error
        if len(entries) != count:
            raise InvalidInput("Two entries of the catalogue have the same id.")
        return cls(version, entries, fields, resolvers, wording=_telling_words(entries.values()))

    def incidents(self) -> Iterator[Entry]:
        """The incident types, in the order of the document."""
        return (entry for entry in self.entries.values() if entry.kind is EntryKind.INCIDENT)

    def requests(self) -> Iterator[Entry]:
        """The request types, in the order of the document."""
        return (entry for entry in self.entries.values() if entry.kind is EntryKind.REQUEST)


def words(text: str) -> frozenset[str]:
    """The longer words of a text, lower case, apart from figures."""
    return frozenset(re.findall(r"[^\W\d_]{4,}", text.casefold()))


def _telling_words(entries: Iterable[Entry]) -> dict[str, frozenset[str]]:
    """Per incident type, the words of its title and symptom that few other entries use."""
    own = {entry.key: words(f"{entry.title} {entry.symptom}") for entry in entries if entry.symptom}
    usage = Counter(word for found in own.values() for word in found)
    return {key: frozenset(word for word in found if usage[word] <= RARE) for key, found in own.items()}


def _entries(data: Mapping[str, Any]) -> Iterator[Entry]:
    for item in data["incident_types"]:
        yield _incident(item, data["fields"])
    for item in data.get("request_types", ()):
        yield _request(item)


def _incident(item: Mapping[str, Any], dictionary: Mapping[str, Any]) -> Entry:
    key = str(item["id"])
    unknown = [name for name in item["required_fields"] if name not in dictionary]
    if unknown:
        raise InvalidInput(f"The entry {key} asks for a field that is not in the dictionary: {unknown[0]}.")
    if item["tier"] not in (1, 2, 3):
        raise InvalidInput(f"The entry {key} has tier {item['tier']!r}; tiers are 1, 2 and 3.")
    return Entry(
        key=key,
        kind=EntryKind.INCIDENT,
        service=str(item["service"]),
        component=str(item["component"]),
        title=str(item["title"]),
        symptom=str(item["symptom"]),
        signals=Signals.from_dict(item["signals"]),
        tier=int(item["tier"]),
        resolver=str(item["resolver"]),
        priority=str(item["default_priority"]),
        fields=_required(item["required_fields"], dictionary),
        fix=str(item["fix"]),
        escalate_when=str(item["escalate_when"] or ""),
        registry_action=str(item["registry_action"] or ""),
    )


def _required(names: Sequence[str], dictionary: Mapping[str, Any]) -> tuple[Field, ...]:
    return tuple(Field.from_dict(dictionary[name], key=name, required=True) for name in names)


def _request(item: Mapping[str, Any]) -> Entry:
    # "consortium_lead or registry" depends on the case: the lead looks first and hands it on where needed.
    resolver = "registry_support" if item["fulfilled_by"] == "registry" else "consortium_lead"
    return Entry(
        key=str(item["id"]),
        kind=EntryKind.REQUEST,
        service=str(item["service"]),
        component="request",
        title=str(item["title"]),
        resolver=resolver,
        priority="P4",
        fields=tuple(Field.from_dict(each) for each in item["fields"]),
        registry_action=str(item.get("outbound") or ""),
        steps=tuple(str(step) for step in item.get("steps", ())),
        checks=tuple(str(check) for check in item.get("checks", ())),
    )


def linear_pattern(source: str) -> re.Pattern[str]:
    """Compile a signal's regular expression, refusing what could run away on hostile text.

    Allowed: literals, classes, alternatives, ``?``, and repetition with an upper bound of single characters.
    Refused: ``*``, ``+``, open bounds, repeated groups, look-around, back-references (all the roads to exponential
    or quadratic matching), and bounds whose product exceeds ``MAX_REPEATS``.

    Raises:
        InvalidInput: the expression is refused or does not compile.
    """
    skeleton = re.sub(r"\[\^?\]?[^\]]*\]", "c", re.sub(r"\\[^1-9]", "e", source))
    # Every optional part and every alternative doubles the roads that a failing match may try.
    reach: int = 2 ** len(re.findall(r"(?<!\()\?|\|", skeleton))
    for low, high in re.findall(r"\{(\d*)(?:,(\d*))?\}", skeleton):
        reach *= int(high or low or MAX_REPEATS) + 1
    runaway = re.search(r"[*+\\]|\(\?(?!:)|\)\{|\{\d*,\}", skeleton)
    if runaway or len(source) > 300 or reach > MAX_REPEATS:
        raise InvalidInput(f"The expression {source!r} could take too long on a long text; bound its repetitions.")
    try:
        return re.compile(source, re.IGNORECASE)
    except re.error as error:
        raise InvalidInput(f"The expression {source!r} cannot be read: {error}.") from error
