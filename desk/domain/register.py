"""The issues register's rules: an issue's life as a table, who reads an entry, what a draft must hold."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from enum import StrEnum
from typing import Any

from desk.domain.errors import IllegalTransition, InvalidInput
from desk.domain.identifiers import redact
from desk.domain.script import demand_none
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


def is_reviewed(state: IssueState) -> bool:
    """Whether a review date means anything: of an issue that is not fixed yet."""
    return state in LIVE


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


def told_title(title: str) -> str:
    """A title that members or other desks read: without script, too. Raises ``HoldsScript``, ``InvalidInput``."""
    return demand_none(title_line(title), "title")


def told_prose(text: str, field: str, *, required: bool = True) -> str:
    """Several lines that members or other desks read: without script, too. Raises ``HoldsScript``, ``InvalidInput``."""
    return demand_none(prose(text, field, required=required), field)


# ------------------------------------------------------------------ what pages show


@dataclass(frozen=True, slots=True)
class Filters:
    """What the register is narrowed to. ``state``: ``live``, ``overdue``, ``all`` or a state's value."""

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


# ------------------------------------------------------------------ merging

_MERGED_LABELS = {
    "title": "Title",
    "symptom": "Symptom",
    "workaround": "Workaround",
    "cause": "Cause",
    "impact": "Impact",
    "registry_reference": "Reference at the registry",
}


def merged_words(number: int, written: Mapping[str, str]) -> str:
    """The entry in which what a merged record said is kept, cut to what an entry may hold."""
    said = [f"**{label}:** {written[name]}" for name, label in _MERGED_LABELS.items() if written[name]]
    return "\n\n".join([f"Issue {number} was merged into this one. It said:", *said])[:TEXT_LENGTH]
