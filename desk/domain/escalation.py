"""The hand-over to a registry: its states and moves as data, the brief, and what a brief still lacks. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from desk.domain.catalogue import Entry
from desk.domain.errors import IllegalTransition, InvalidInput
from desk.domain.identifiers import redact
from desk.domain.masking import mask
from desk.domain.text import clean_text, cut_line

BRIEF_TEXT_LENGTH = 20_000
BRIEF_LINE_LENGTH = 500
IDENTIFIER_LENGTH = 600
IDENTIFIERS_AT_MOST = 200


class Tier(IntEnum):
    """Who works on it: the consortium lead, the registry's support, the registry's engineers."""

    LEAD = 1
    SUPPORT = 2
    ENGINEERING = 3


class EscalationState(StrEnum):
    """Where a hand-over stands."""

    PREPARED = "prepared"
    SENT = "sent"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    FIXED = "fixed"
    VERIFIED = "verified"
    CLOSED = "closed"


class Move(StrEnum):
    """What can be done with a hand-over."""

    SEND = "send"
    ACCEPT = "accept"
    DECLINE = "decline"
    RETURN = "return"
    WITHDRAW = "withdraw"
    MOVE_TIER = "move_tier"
    REPORT_FIX = "report_fix"
    VERIFY = "verify"
    CLOSE = "close"


class Side(StrEnum):
    """Which party makes a move."""

    LEAD = "lead"
    REGISTRY = "registry"


class ReturnReason(StrEnum):
    """Why the registry gives a hand-over back."""

    INFORMATION_MISSING = "information_missing"
    REPRODUCTION = "reproduction"
    CONSENT = "consent"
    WRONG_REGISTRY = "wrong_registry"
    DUPLICATE = "duplicate"


class Consent(StrEnum):
    """What the record holder whose iD or address appears has said. ``NOT_INVOLVED``: there is no such person."""

    UNANSWERED = ""
    NOT_INVOLVED = "not_involved"
    GIVEN = "given"
    NOT_GIVEN = "not_given"


REASON_LABELS: Mapping[ReturnReason, str] = {
    ReturnReason.INFORMATION_MISSING: "Information is missing",
    ReturnReason.REPRODUCTION: "We cannot reproduce it",
    ReturnReason.CONSENT: "The record holder's consent is needed",
    ReturnReason.WRONG_REGISTRY: "Another registry or body has to act",
    ReturnReason.DUPLICATE: "It is being worked on already",
}

ASKS_MEMBER = frozenset({ReturnReason.INFORMATION_MISSING, ReturnReason.REPRODUCTION, ReturnReason.CONSENT})
"""Returned for something that mostly the member knows or has to do."""

STATE_LABELS: Mapping[EscalationState, str] = {
    EscalationState.PREPARED: "being prepared",
    EscalationState.SENT: "sent, waits for the registry",
    EscalationState.ACCEPTED: "accepted by the registry",
    EscalationState.DECLINED: "declined: the lead can answer it",
    EscalationState.RETURNED: "returned to the lead",
    EscalationState.WITHDRAWN: "withdrawn",
    EscalationState.FIXED: "fix reported, to be verified by the member",
    EscalationState.VERIFIED: "verified by the member",
    EscalationState.CLOSED: "closed",
}

STATE_WORDS: Mapping[EscalationState, str] = {
    EscalationState.PREPARED: "Draft",
    EscalationState.SENT: "Sent",
    EscalationState.ACCEPTED: "Accepted",
    EscalationState.DECLINED: "Declined",
    EscalationState.RETURNED: "Returned",
    EscalationState.WITHDRAWN: "Withdrawn",
    EscalationState.FIXED: "Fix reported",
    EscalationState.VERIFIED: "Verified",
    EscalationState.CLOSED: "Closed",
}

_S, _M = EscalationState, Move

MOVES: Mapping[tuple[EscalationState, Move], EscalationState] = {
    (_S.PREPARED, _M.SEND): _S.SENT,
    (_S.PREPARED, _M.WITHDRAW): _S.WITHDRAWN,
    (_S.SENT, _M.ACCEPT): _S.ACCEPTED,
    (_S.SENT, _M.DECLINE): _S.DECLINED,
    (_S.SENT, _M.RETURN): _S.RETURNED,
    (_S.SENT, _M.WITHDRAW): _S.WITHDRAWN,
    (_S.ACCEPTED, _M.MOVE_TIER): _S.ACCEPTED,
    (_S.ACCEPTED, _M.RETURN): _S.RETURNED,
    (_S.ACCEPTED, _M.DECLINE): _S.DECLINED,
    (_S.ACCEPTED, _M.WITHDRAW): _S.WITHDRAWN,
    (_S.ACCEPTED, _M.REPORT_FIX): _S.FIXED,
    (_S.RETURNED, _M.SEND): _S.SENT,
    (_S.RETURNED, _M.WITHDRAW): _S.WITHDRAWN,
    (_S.DECLINED, _M.SEND): _S.SENT,
    (_S.DECLINED, _M.WITHDRAW): _S.WITHDRAWN,
    (_S.DECLINED, _M.CLOSE): _S.CLOSED,
    (_S.FIXED, _M.SEND): _S.SENT,  # the member says that it is not fixed: a new acceptance cycle
    (_S.FIXED, _M.VERIFY): _S.VERIFIED,
    (_S.VERIFIED, _M.CLOSE): _S.CLOSED,
}

SIDES: Mapping[Move, Side] = {
    _M.SEND: Side.LEAD,
    _M.ACCEPT: Side.REGISTRY,
    _M.DECLINE: Side.REGISTRY,
    _M.RETURN: Side.REGISTRY,
    _M.WITHDRAW: Side.LEAD,
    _M.MOVE_TIER: Side.REGISTRY,
    _M.REPORT_FIX: Side.REGISTRY,
    _M.VERIFY: Side.LEAD,
    _M.CLOSE: Side.LEAD,
}

ENDED = frozenset({_S.WITHDRAWN, _S.VERIFIED, _S.CLOSED})
OPEN = frozenset(_S) - ENDED
WITH_REGISTRY = frozenset({_S.SENT, _S.ACCEPTED})
EDITABLE = frozenset({_S.PREPARED, _S.RETURNED, _S.DECLINED, _S.FIXED})


def next_state(state: EscalationState, move: Move) -> EscalationState:
    """The state after the move.

    Raises:
        IllegalTransition: the move does not exist from this state; the sentence says how the hand-over stands.
    """
    try:
        return MOVES[state, move]
    except KeyError:
        words = move.value.replace("_", " ")
        raise IllegalTransition(f"The escalation is {STATE_LABELS[state]}; “{words}” is not possible now.") from None


def possible(state: EscalationState, side: Side) -> tuple[Move, ...]:
    """The moves that this party may make from this state, in the order of the table."""
    return tuple(move for (source, move) in MOVES if source is state and SIDES[move] is side)


@dataclass(frozen=True, slots=True)
class CheckedIssue:
    """An issue of the register that was looked at before sending and is another one; ``at`` in ISO, UTC."""

    number: int
    at: str


@dataclass(frozen=True, slots=True)
class Brief:
    """What the registry is told. Texts are plain; ``fields`` holds what the catalogue entry asks for beyond them."""

    asked: str = ""
    service: str = ""
    environment: str = ""
    identifiers: tuple[str, ...] = ()
    error_text: str = ""
    error_code: str = ""
    utc_times: str = ""
    steps: str = ""
    tried: str = ""
    impact: str = ""
    known_issues_checked: bool = False
    checked_at: str = ""  # when that was said last; ISO, UTC
    issues_checked: tuple[CheckedIssue, ...] = ()
    consent: Consent = Consent.UNANSWERED
    fields: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Brief":
        """Build from stored JSON or a form's values; unknown keys are left out.

        Raises:
            InvalidInput: a text is longer than the desk takes, or the consent is not one of the answers.
        """
        texts = {name: _text(data.get(name), name) for name in TEXTS}
        try:
            consent = Consent(data.get("consent") or "")
        except ValueError:
            raise InvalidInput("Please choose one of the answers about consent.", field="consent") from None
        return cls(
            **texts,
            identifiers=_identifiers(data.get("identifiers") or ()),
            known_issues_checked=bool(data.get("known_issues_checked")),
            checked_at=str(data.get("checked_at") or ""),
            issues_checked=tuple(
                CheckedIssue(int(each["number"]), str(each["at"])) for each in data.get("issues_checked") or ()
            ),
            consent=consent,
            fields={str(key): value for key, value in dict(data.get("fields") or {}).items()},
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON can store it; the reverse of ``from_dict``."""
        data = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            **data,
            "identifiers": list(self.identifiers),
            "issues_checked": [{"number": each.number, "at": each.at} for each in self.issues_checked],
            "consent": self.consent.value,
            "fields": dict(self.fields),
        }


def with_checks(
    brief: Brief, before: Brief | None, *, looked_at: Collection[int], likely: Collection[int], now: datetime
) -> Brief:
    """The brief with what was looked at until now, by issue number; earlier looks of ``before`` keep their instants.

    That it is none of the known issues can be said only when every ``likely`` one was looked at.
    """
    at = now.replace(microsecond=0).isoformat()
    known = {each.number: each for each in (before.issues_checked if before else ())}
    seen = known | {number: CheckedIssue(number, at) for number in looked_at if number not in known}
    said = brief.known_issues_checked and set(likely) <= set(seen)
    again = before is not None and before.known_issues_checked and set(seen) == set(known)
    return replace(
        brief,
        known_issues_checked=said,
        checked_at="" if not said else before.checked_at if again and before else at,
        issues_checked=tuple(seen[number] for number in sorted(seen)),
    )


TEXTS = ("asked", "service", "environment", "error_text", "error_code", "utc_times", "steps", "tried", "impact")
_LINES = ("service", "environment", "error_code")

LABELS: Mapping[str, str] = {
    "asked": "What is asked of the registry",
    "service": "Service",
    "environment": "Environment",
    "identifiers": "Identifiers",
    "error_text": "Exact error text",
    "error_code": "Error code",
    "utc_times": "When it happened (UTC)",
    "steps": "Steps to repeat it",
    "tried": "What was tried",
    "impact": "Impact",
    "known_issues_checked": "Known issues were checked",
    "consent": "Record holder's consent",
}

HELP: Mapping[str, str] = {
    "asked": "One sentence: what should the registry do or find out?",
    "service": "ORCID or DataCite.",
    "environment": "Production, sandbox or test: the halves share nothing.",
    "error_text": "Copied exactly; secrets are removed.",
    "error_code": "The registry's own number, for example 9017.",
    "utc_times": "At least one moment, in UTC: the registries search their logs by it.",
    "steps": "What somebody has to do to see it.",
    "tried": "So that the registry does not ask for it again.",
    "impact": "Who cannot work, how many people, records or DOIs, since when.",
    "known_issues_checked": "Look through the issues that might be the same before you send.",
    "consent": "Where an iD or address of a researcher appears, the registry has to know what that person agreed to.",
}

# Fields of the catalogue that the brief has a place of its own for.
PLACES: Mapping[str, str] = {
    "environment": "environment",
    "error_code": "error_code",
    "error_message": "error_text",
    "occurred_at": "utc_times",
    "first_seen": "utc_times",
    "holder_consent": "consent",
    # A consortium may demand a part of the brief by its own name.
    **{name: name for name in ("identifiers", "error_text", "utc_times", "steps", "consent")},
}

# What no registry can work without, whatever the entry.
ALWAYS = ("asked", "service", "environment", "tried", "impact", "known_issues_checked")
_HOLDER_FIELDS = frozenset({"orcid_id", "orcid_ids", "holder_consent", "holder_email_known"})


def lacks(brief: Brief, entry: Entry | None) -> list[tuple[str, str, str]]:
    """What has to be filled in before this brief can be sent, as (field id, label, help), in the order of the form.

    Ids of fields that only the catalogue knows start with ``fields.``. Without an entry only the general part is asked.
    """
    missing = [name for name in LABELS if name in _demanded(entry) and not getattr(brief, name)]
    if "consent" not in missing and _needs_agreement(entry) and brief.consent is not Consent.GIVEN:
        missing.append("consent")
    result = [(name, LABELS[name], HELP.get(name, "")) for name in missing]
    for each in entry.fields if entry else ():
        if each.required and each.id not in PLACES and not _answered(brief.fields.get(each.id)):
            result.append((f"fields.{each.id}", each.label, each.help))
    return result


def _demanded(entry: Entry | None) -> frozenset[str]:
    required = set(entry.required_fields) if entry else set()
    places = {PLACES[name] for name in required if name in PLACES}
    holder = {"consent"} if required & _HOLDER_FIELDS or (entry and entry.resolver == "record_holder") else set()
    return frozenset({*ALWAYS, *places, *holder})


def _needs_agreement(entry: Entry | None) -> bool:
    return entry is not None and "holder_consent" in entry.required_fields


def _answered(value: object) -> bool:
    return bool(value) or isinstance(value, int)  # 0 and "no" are answers


def _identifiers(values: Iterable[object]) -> tuple[str, ...]:
    lines = (cut_line(str(value), IDENTIFIER_LENGTH) for value in values)
    return tuple(dict.fromkeys(line for line in lines if line))[:IDENTIFIERS_AT_MOST]


def _text(value: object, name: str) -> str:
    limit = BRIEF_LINE_LENGTH if name in _LINES else BRIEF_TEXT_LENGTH
    return clean_text(str(value or ""), name=LABELS[name], field=name, required=False, limit=limit)


def without_secrets(brief: Brief) -> tuple[Brief, list[str]]:
    """The brief with tokens, passwords and keys taken out, and what sort of thing was removed."""
    removed: list[str] = []

    def clean(text: str) -> str:
        kept, taken = redact(text)
        removed.extend(each.kind for each in taken)
        return kept

    return _rewritten(brief, clean), removed


def as_disclosed(brief: Brief) -> Brief:
    """The brief as the registry reads it: secrets removed, researchers' iDs and addresses masked without consent."""
    clean, _ = without_secrets(brief)
    if clean.consent is Consent.GIVEN:
        return clean
    masked = _rewritten(clean, mask)
    # The entry's own address fields name staff (an identity team, an account's system mail), not researchers.
    kept = {key: value for key, value in clean.fields.items() if key in STAFF_ADDRESSES}
    return replace(masked, fields={**masked.fields, **kept})


STAFF_ADDRESSES = frozenset({"idp_contact", "portal_user", "system_email", "new_system_email", "contact_email"})


def disclosed_text(text: str, consent: Consent) -> str:
    """A message as the registry reads it: the same two rules as for the brief."""
    clean, _ = redact(text)
    return clean if consent is Consent.GIVEN else mask(clean)


def _rewritten(brief: Brief, change: Callable[[str], str]) -> Brief:
    texts: dict[str, Any] = {name: change(getattr(brief, name)) for name in TEXTS}
    return replace(
        brief,
        **texts,
        identifiers=tuple(change(each) for each in brief.identifiers),
        fields={key: _changed(value, change) for key, value in brief.fields.items()},
    )


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, (list, tuple)):
        return [_changed(each, change) for each in value]
    return value
