"""Every letter of the desk with made-up values, to be looked at: nobody and nothing in them is real."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from desk.domain.languages import ENGLISH
from desk.domain.notices import PERSONAL
from desk.domain.vocabulary import Party
from desk.mail import letter
from desk.mail.letter import Letter

MEMBER, LEAD, REGISTRY = "member", "lead", "registry"
BASE_URL = "https://desk.example"
_AT = datetime(2026, 3, 26, 14, 5, tzinfo=UTC)  # summer time begins in Europe between it and what it promises
_DUE = datetime(2026, 3, 30, 9, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Example:
    """A letter of one kind of event to one side: member, lead or registry."""

    kind: str
    side: str
    letter: Letter

    @property
    def title(self) -> str:
        """What it is about, in words."""
        return TITLES[self.kind]


TITLES: Mapping[str, str] = {
    "opened": "A request came in",
    "received_unverified": "A mail came whose sender nothing proves",
    "requester_confirmed": "A request was put under its sender’s name",
    "participant_added": "Added to a ticket",
    "assigned": "A ticket was given to somebody",
    "answered": "An answer",
    "asked_member": "A question to the member",
    "member_wrote": "The member wrote",
    "noted": "A note",
    "escalated": "Handed over to the registry",
    "accepted": "The hand-over was accepted",
    "returned": "The hand-over came back with a question",
    "declined": "The hand-over came back to be answered",
    "withdrawn": "The hand-over was taken back",
    "tier_moved": "Moved within the registry",
    "fixed": "A fix was reported",
    "verified": "The member verified a fix",
    "resolved": "Solved",
    "redirected": "A researcher was told who can help",
    "waved_through": "The registry took it on itself",
    "confirmed": "The member says that it is solved",
    "reopened": "Opened again",
    "merged": "Merged into another ticket",
    "transferred": "Passed to another consortium",
    "warned": "A promised time comes near",
    "breached": "A promised time has passed",
    "promise_moved": "A promised time has moved",
    "objection_raised": "An objection to a clock",
    "objection_confirmed": "An objection was confirmed",
    "objection_refused": "An objection was refused",
    "secret_removed": "Something secret was removed",
    "mail_returned": "A mail was not delivered",
    "registry_answer_held": "An answer of the registry’s desk is held",
    "storm_stopped": "Too many mails of one address",
    "mailbox_fell_silent": "A mailbox is silent",
    "calendar_never_opens": "Working hours that never open again",
    "sign_in_link_issued": "A sign-in link",
    "issue_published": "A known issue was published",
    "issue_updated": "News of a known issue",
    "issue_review_due": "The review of an issue is due",
    "registry_action_overdue": "What was filed at the registry is not answered",
    letter.GATHERED: "Several things happened on a ticket",
    letter.DIGEST: "The daily mail",
    "update_drafted": "A draft of a registry’s update waits",
    "draft_outdated": "A registry corrected its update",
    "issue_came_back": "Tickets of an issue came back",
}


READERS: Mapping[str, tuple[str, ...]] = {
    MEMBER: (
        "opened", "received_unverified", "requester_confirmed", "participant_added", "answered", "asked_member",
        "escalated", "waved_through", "promise_moved", "resolved", "redirected", "reopened", "merged",
        "transferred", "secret_removed",
        "sign_in_link_issued", "issue_published", "issue_updated", letter.DIGEST,
    ),
    LEAD: (
        "opened", "received_unverified", "assigned", "member_wrote", "noted", "warned", "breached", "accepted",
        "returned", "declined", "fixed", "waved_through", "confirmed", "reopened", "transferred", "objection_raised",
        "objection_confirmed", "objection_refused", "mail_returned", "registry_answer_held", "storm_stopped",
        "answered", "asked_member",
        "mailbox_fell_silent", "calendar_never_opens", "issue_review_due", "update_drafted", "draft_outdated",
        "issue_came_back", "registry_action_overdue", letter.GATHERED, letter.DIGEST,
    ),
    REGISTRY: (
        "escalated", "noted", "warned", "breached", "tier_moved", "member_wrote", "verified", "withdrawn",
        "objection_raised",
        "objection_confirmed", "objection_refused", "storm_stopped", "mailbox_fell_silent", "calendar_never_opens",
        "issue_came_back", "issue_review_due", letter.GATHERED,
    ),
}  # fmt: skip
"""Which letters each side gets, in the order in which a ticket brings them about."""

_WITHOUT_A_TICKET = frozenset(
    {
        "sign_in_link_issued",
        "issue_published",
        "issue_updated",
        "issue_review_due",
        "storm_stopped",
        "calendar_never_opens",
        "mailbox_fell_silent",
        "update_drafted",
        "draft_outdated",
        "issue_came_back",
    }
)
_WITHOUT_A_MESSAGE = frozenset(
    {"requester_confirmed", "waved_through", "accepted", "verified", "withdrawn", "tier_moved", "registry_answer_held"}
    | {"registry_action_overdue"}
)

_TOGETHER: Mapping[str, tuple[str, ...]] = {
    MEMBER: ("escalated", "promise_moved"),
    LEAD: ("noted", "fixed"),
    REGISTRY: ("escalated", "noted"),
}

_OBJECTION = {
    "clock": "Promise to the member",
    "from_at": (_AT - timedelta(hours=6)).isoformat(),
    "until_at": (_AT - timedelta(hours=2)).isoformat(),
    "counted": True,
    "text": "The log that was asked for was attached to the first message.",
    "answer": "The log was there, so the time was ours.",
}
_ISSUE = {
    "title": "Sign-in by institution fails for some members",
    "text": "After signing in, an **empty page** is shown.\nIt is being looked into.",
    "workaround": "Sign in with an address and a password.",
    "number": 12,
    "members": 7,
}
_PAYLOADS: Mapping[str, dict[str, Any]] = {
    "objection_raised": _OBJECTION,
    "objection_confirmed": _OBJECTION,
    "objection_refused": _OBJECTION,
    "issue_published": _ISSUE,
    "issue_updated": _ISSUE,
    "update_drafted": {**_ISSUE, "draft_id": 7},
    "draft_outdated": {**_ISSUE, "draft_id": 7, "state": "waiting", "edited": True},
    "issue_came_back": {**_ISSUE, "fresh": 1, "count": 3},
    "issue_review_due": {"number": 12, "title": "Sign-in by institution fails", "on": "2026-03-26"},
    "registry_action_overdue": {
        "action_id": 5,
        "kind": "Credentials form: new production client",
        "reference": "CR-4100",
        "filed_on": "2026-03-16",
        "on": "2026-03-25",
    },
    "mail_returned": {
        "address": "gone@member.example",
        "why": "there is no such mailbox",
        "suppressed": True,
    },
    "registry_answer_held": {
        "team": "Example Registry support",
        "why": "The number 10234 of the registry's desk belongs to another escalation already.",
    },
    "storm_stopped": {"address": "help@other-desk.example"},
    "mailbox_fell_silent": {"address": "support@desk.example", "usual_hours": 3, "silent_hours": 14},
    "calendar_never_opens": {"name": "Office hours", "calendar_id": 3},
    "merged": {"ticket_id": 1041},
    "transferred": {"from": "First Example Consortium", "to": "Second Example Consortium"},
    "tier_moved": {"tier": 3},
    "waved_through": {"registry": "Example registry support"},
    "promise_moved": {"by": "hours"},
}


def examples(zone: str, language: str = ENGLISH) -> list[Example]:
    """All of them in one of ``WRITTEN``, with instants shown in ``zone``."""
    return [
        Example(kind, side, example(kind, side, zone, language)) for side, kinds in READERS.items() for kind in kinds
    ]


def example(kind: str, side: str, zone: str, language: str = ENGLISH) -> Letter:
    """One letter, by the same code that writes the real ones."""
    reader = {"zone": zone, "language": language}
    if kind in letter.COLLECTIONS:
        return _collection(kind, side, reader)
    return letter.write(kind, _values(kind, side), **reader, with_marker=kind not in _WITHOUT_A_TICKET)


def _collection(kind: str, side: str, reader: Mapping[str, str]) -> Letter:
    """The two letters that tell of several events, with those that this side gets together."""
    values = _values("noted", side)
    moments = (_AT, _AT + timedelta(seconds=80))
    parts = [(each, at, _values(each, side)) for each, at in zip(_TOGETHER[side], moments, strict=True)]
    if kind == letter.GATHERED:
        return letter.collect(kind, [letter.Section("", "", parts)], values, **reader, with_marker=True)
    subject = "#1040 Redirect address is refused (Example University)"
    sections = [letter.Section(subject, f"{BASE_URL}/tickets/1040", parts)]
    if side == MEMBER:
        news = [("issue_updated", _AT, _values("issue_updated", side))]
        sections.append(letter.Section("", "", news))
    values |= {
        "ticket": None,
        "unsubscribe_url": f"{BASE_URL}/unsubscribe/example",
    }
    return letter.collect(kind, sections, values, **reader, with_marker=False)


def _values(kind: str, side: str) -> dict[str, Any]:
    unproved = kind == "received_unverified" and side == MEMBER
    return {
        "side": side,
        "name": "" if unproved else "Alex Example",
        "desk": "Example Consortium support",
        "signature": "Example Consortium support\nMonday to Friday, 9:00 to 17:00",
        "actor": "" if side == REGISTRY and kind in ("warned", "breached") else "Robin Example",
        "at": _AT,
        "at_now": _AT,
        "payload": _PAYLOADS.get(kind, {}),
        "clock": _clock(kind, side) if kind in ("warned", "breached") else None,
        "before": _DUE - timedelta(days=1) if kind == "promise_moved" else None,
        "due_at": _DUE if kind in ("promise_moved", "update_drafted") else None,
        "answer_by": _DUE if kind == "opened" else None,
        "message": None if unproved or kind in _WITHOUT_A_MESSAGE else _message(kind, side),
        "secrets": ["bearer token"] if kind == "secret_removed" else [],
        "ticket": None if kind in _WITHOUT_A_TICKET else _ticket(side, unproved),
        "base_url": BASE_URL,
        "choice_url": "" if kind in PERSONAL or kind == "sign_in_link_issued" else f"{BASE_URL}/profile/mail",
        "unsubscribe_url": f"{BASE_URL}/unsubscribe/example" if kind in ("issue_published", "issue_updated") else "",
        "link_place": f"{BASE_URL}/link/example",
    }


def _message(kind: str, side: str) -> dict[str, Any]:
    audience = {MEMBER: "member", LEAD: "lead", REGISTRY: "handover"}[side]
    return {
        "author": "Robin Example",
        "text": "Here is what was found so far:\n\n- the redirect address differs in one letter\n- the log is attached",
        "html": "<p>Here is what was found so far:</p><ul><li>the redirect address differs in one letter</li>"
        "<li>the log is attached</li></ul>",
        "files": ["log.txt"],
        "audience": audience if kind == "noted" else "member",
    }


def _ticket(side: str, unproved: bool) -> dict[str, Any]:
    return {
        "number": 1040,
        "subject": "" if unproved else "Redirect address is refused",
        "state": "Your consortium lead is working on it" if side == MEMBER else "Open",
        "organisation": "" if unproved else "Example University",
        "priority": "" if side == MEMBER else "P2",
        "url": "" if unproved else f"{BASE_URL}/tickets/1040",
        "unverified_sender": "somebody@member.example" if side == LEAD else None,
    }


def _clock(kind: str, side: str) -> dict[str, Any]:
    late = kind == "breached"
    due = _AT - timedelta(minutes=5) if late else _DUE
    return {
        "label": "Promise to the member",
        "due_at": due,
        "percent": 75,
        "happened_at": due if late else _AT,
        "waited": False,
        "consumed": 8 * 3600 if late else 6 * 3600,
        "target": 8 * 3600,
        "stands_still": False,
        "turn": Party.LEAD if side == LEAD else Party.REGISTRY,
        "zone": "Europe/Berlin",
        "url": f"{BASE_URL}/tickets/1040/clocks#overall",
    }
