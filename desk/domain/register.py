"""The issues register's rules: an issue's life as a table, who reads an entry, which issue a ticket may be about."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from enum import StrEnum
from typing import Any

from desk.domain.catalogue import words
from desk.domain.errors import IllegalTransition, InvalidInput
from desk.domain.identifiers import Identifier, Kind, find, redact
from desk.domain.text import clean_line, clean_text, cut_line
from desk.domain.vocabulary import Environment

TITLE_LENGTH = 200
TEXT_LENGTH = 16_000
REFERENCE_LENGTH = 80
SERVICE_LENGTH = 40
KEY_LENGTH = 80


class IssueState(StrEnum):
    """Where a problem stands (ITIL: problem control, then error control)."""

    IDENTIFIED = "identified"
    INVESTIGATING = "investigating"
    KNOWN_ERROR = "known_error"
    FIX_PLANNED = "fix_planned"
    FIXED = "fixed"
    CLOSED = "closed"


class EntryAudience(StrEnum):
    """Who reads a dated entry of an issue."""

    OWNER = "owner"  # the desk that owns the issue
    DESKS = "desks"  # everybody who reads the record: leads and registry
    MEMBERS = "members"  # the members of one consortium, beside what was published to them


_BEFORE_FIX = (IssueState.INVESTIGATING, IssueState.KNOWN_ERROR, IssueState.FIX_PLANNED)

MOVES: Mapping[IssueState, tuple[IssueState, ...]] = {
    IssueState.IDENTIFIED: (*_BEFORE_FIX, IssueState.FIXED, IssueState.CLOSED),
    IssueState.INVESTIGATING: (IssueState.KNOWN_ERROR, IssueState.FIX_PLANNED, IssueState.FIXED, IssueState.CLOSED),
    IssueState.KNOWN_ERROR: (IssueState.FIX_PLANNED, IssueState.FIXED, IssueState.INVESTIGATING, IssueState.CLOSED),
    IssueState.FIX_PLANNED: (IssueState.FIXED, IssueState.KNOWN_ERROR, IssueState.INVESTIGATING),
    IssueState.FIXED: (IssueState.CLOSED, IssueState.INVESTIGATING),
    IssueState.CLOSED: (IssueState.INVESTIGATING,),
}
"""From each state to which others; the first is the usual next step."""

LIVE = frozenset({IssueState.IDENTIFIED, *_BEFORE_FIX})
"""States in which a new ticket may be about the issue, and in which a review date can be overdue."""

# A move after which somebody will ask why: closed without a fix, or a fix that did not hold.
_NEEDS_NOTE = frozenset(
    {(state, IssueState.CLOSED) for state in LIVE}
    | {(state, IssueState.INVESTIGATING) for state in (IssueState.FIXED, IssueState.CLOSED)}
)

STAFF_WORDS: Mapping[IssueState, str] = {
    IssueState.IDENTIFIED: "Identified",
    IssueState.INVESTIGATING: "Investigating",
    IssueState.KNOWN_ERROR: "Known error",
    IssueState.FIX_PLANNED: "Fix planned",
    IssueState.FIXED: "Fixed",
    IssueState.CLOSED: "Closed",
}

MEMBER_WORDS: Mapping[IssueState, str] = {
    IssueState.IDENTIFIED: "We know about it",
    IssueState.INVESTIGATING: "We are looking for the cause",
    IssueState.KNOWN_ERROR: "There is a way round it",
    IssueState.FIX_PLANNED: "A fix is on its way",
    IssueState.FIXED: "Fixed",
    IssueState.CLOSED: "Closed",
}

AUDIENCE_WORDS: Mapping[EntryAudience, str] = {
    EntryAudience.OWNER: "Our desk only",
    EntryAudience.DESKS: "Leads and registry",
    EntryAudience.MEMBERS: "Published to members",
}


def next_state(state: IssueState, to: IssueState, *, workaround: str, note: str) -> IssueState:
    """``to``, when the move from ``state`` exists and what it demands is there.

    Raises:
        IllegalTransition: there is no such move.
        InvalidInput: a known error without a workaround; no reason where one is asked for (field ``note``).
    """
    if to not in MOVES[state]:
        raise IllegalTransition(
            f"An issue that is “{STAFF_WORDS[state].lower()}” cannot become “{STAFF_WORDS[to].lower()}”. "
            "Somebody may have moved it since you opened the page."
        )
    demand_workaround(to, workaround)
    if needs_note(state, to) and not note.strip():
        raise InvalidInput(
            f"Please say why the issue goes from “{STAFF_WORDS[state].lower()}” to “{STAFF_WORDS[to].lower()}”.",
            field="note",
        )
    return to


def demand_workaround(state: IssueState, workaround: str) -> None:
    """Refuse a known error whose workaround is empty: that is what makes it one (ITIL)."""
    if state is IssueState.KNOWN_ERROR and not workaround.strip():
        raise InvalidInput("A known error needs its workaround written down first.", field="workaround")


def needs_note(state: IssueState, to: IssueState) -> bool:
    """Whether the move asks for a reason."""
    return (state, to) in _NEEDS_NOTE


def is_overdue(review: date | None, state: IssueState, today: date) -> bool:
    """Whether the review date of a live issue has passed."""
    return review is not None and review < today and state in LIVE


# ------------------------------------------------------------------ what people write


@dataclass(frozen=True, slots=True)
class IssueDraft:
    """What a person writes of an issue. ``owner_id``: who answers for it at the lead; the manager is the registry's."""

    title: str
    symptom: str
    service: str
    first_seen: date
    cause: str = ""
    workaround: str = ""
    impact: str = ""
    environment: Environment | None = None
    catalogue_key: str | None = None
    owner_id: int | None = None
    problem_manager_id: int | None = None
    registry_reference: str | None = None
    next_review_on: date | None = None

    def cleaned(self) -> "IssueDraft":
        """Without secrets and control characters. Raises ``InvalidInput`` for what is missing or too long."""
        reference = cut_line(redact(self.registry_reference or "")[0], REFERENCE_LENGTH)
        return replace(
            self,
            title=title_line(self.title),
            symptom=prose(self.symptom, "symptom"),
            service=clean_line(self.service, name="The service", field="service", limit=SERVICE_LENGTH),
            cause=prose(self.cause, "cause", required=False),
            workaround=prose(self.workaround, "workaround", required=False),
            impact=prose(self.impact, "impact", required=False),
            registry_reference=reference or None,
            catalogue_key=cut_line(self.catalogue_key or "", KEY_LENGTH) or None,
        )

    def columns(self) -> dict[str, Any]:
        """The values by column."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def title_line(title: str) -> str:
    """A title on one line, without secrets. Raises ``InvalidInput(field="title")``."""
    return clean_line(redact(title)[0], name="The title", field="title", limit=TITLE_LENGTH)


def prose(text: str, field: str, *, required: bool = True) -> str:
    """Several lines, without secrets. Raises ``InvalidInput`` with ``field``."""
    return redact(clean_text(text, name=f"The {field}", field=field, required=required, limit=TEXT_LENGTH))[0]


# ------------------------------------------------------------------ what pages show


@dataclass(frozen=True, slots=True)
class Filters:
    """What the register is narrowed to. ``state``: ``live``, ``all`` or a state's value."""

    state: str = "live"
    service: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Affected:
    """Who is affected: own members by name, all others as a number; consortia by name for the registry's desk only."""

    members: int
    consortia: int
    own_members: tuple[str, ...]
    consortium_names: tuple[str, ...]

    @property
    def other_members(self) -> int:
        """Members that the reader may count but not name."""
        return self.members - len(self.own_members)


# ------------------------------------------------------------------ is it one of these?

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
