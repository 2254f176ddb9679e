"""The words pages and mail use for the desk's values: instants, spans, sizes, and the closed lists of the vocabulary.

Pure: an instant, a zone and ``now`` go in, a phrase comes out. British English, no abbreviation that has to be learnt.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from desk.domain.identifiers import Kind
from desk.domain.permissions import Role
from desk.domain.priority import Impact, Priority, Urgency
from desk.domain.vocabulary import Audience, Environment, Outcome, Party, Resolver, TicketKind

MINUTE, HOUR, DAY = 60, 3600, 86_400

KIND_WORDS: Mapping[TicketKind, str] = {
    TicketKind.INCIDENT: "Something is broken",
    TicketKind.SERVICE_REQUEST: "I need something",
    TicketKind.QUESTION: "I have a question",
    TicketKind.FEEDBACK: "I have a suggestion",
}

KIND_NAMES: Mapping[TicketKind, str] = {
    TicketKind.INCIDENT: "Incident",
    TicketKind.SERVICE_REQUEST: "Service request",
    TicketKind.QUESTION: "Question",
    TicketKind.FEEDBACK: "Feedback",
}

IMPACT_WORDS: Mapping[Impact, str] = {
    Impact.LOW: "One person or one record",
    Impact.MEDIUM: "A member organisation or one of its systems",
    Impact.HIGH: "Several members",
}

URGENCY_WORDS: Mapping[Urgency, str] = {
    Urgency.LOW: "There is another way meanwhile",
    Urgency.MEDIUM: "Work is slowed down",
    Urgency.HIGH: "Work stands still, or a date is near",
}

IMPACT_QUESTIONS: Mapping[Impact, str] = {
    Impact.LOW: "One person or one record",
    Impact.MEDIUM: "Our organisation or one of our systems",
    Impact.HIGH: "Several organisations",
}
"""The same as a member is asked it; likewise below."""

URGENCY_QUESTIONS: Mapping[Urgency, str] = {
    Urgency.LOW: "We can work in another way meanwhile",
    Urgency.MEDIUM: "Our work is slowed down",
    Urgency.HIGH: "Our work stands still, or a date is near",
}

IDENTIFIER_WORDS: Mapping[Kind, str] = {
    Kind.ORCID: "ORCID iD",
    Kind.CLIENT_ID: "ORCID client",
    Kind.DOI: "DOI",
    Kind.PREFIX: "DOI prefix",
    Kind.ROR: "ROR ID",
    Kind.REPOSITORY: "Repository",
    Kind.ORCID_ERROR: "ORCID error",
    Kind.HTTP_STATUS: "HTTP status",
}

PRIORITY_WORDS: Mapping[Priority, str] = {
    Priority.P1: "P1, critical",
    Priority.P2: "P2, high",
    Priority.P3: "P3, normal",
    Priority.P4: "P4, low",
}

ENVIRONMENT_WORDS: Mapping[Environment, str] = {
    Environment.PRODUCTION: "Production",
    Environment.SANDBOX: "Sandbox (ORCID)",
    Environment.TEST: "Test (DataCite)",
}

OUTCOME_WORDS: Mapping[Outcome, str] = {
    Outcome.SOLVED: "Solved",
    Outcome.WORKAROUND: "A way round it was found",
    Outcome.KNOWN_ERROR: "Known error, to be fixed by others",
    Outcome.REDIRECTED: "Redirected to who can help",
    Outcome.DUPLICATE: "Duplicate of another ticket",
    Outcome.WITHDRAWN: "Withdrawn by the member",
    Outcome.NOT_REPRODUCIBLE: "Could not be reproduced",
    Outcome.DECLINED: "Declined, with reasons",
    Outcome.MERGED: "Merged into another ticket",
}

RESOLVER_WORDS: Mapping[Resolver, str] = {
    Resolver.CONSORTIUM_LEAD: "Consortium lead",
    Resolver.MEMBER: "Member organisation",
    Resolver.RECORD_HOLDER: "Record holder",
    Resolver.MEMBER_IDENTITY_TEAM: "Member's identity team",
    Resolver.SERVICE_PROVIDER: "Service provider",
    Resolver.REGISTRY_SUPPORT: "Registry support",
    Resolver.REGISTRY_ENGINEERING: "Registry engineering",
}

AUDIENCE_WORDS: Mapping[Audience, str] = {
    Audience.MEMBER: "To the member",
    Audience.LEAD: "Note for the lead's team only",
    Audience.HANDOVER: "Between lead and registry",
    Audience.REGISTRY: "Note for the registry's team only",
}

PARTY_WORDS: Mapping[Party, str] = {
    Party.LEAD: "Consortium lead",
    Party.REGISTRY: "Registry",
    Party.MEMBER: "Member",
    Party.HOLD: "On hold",
    Party.NOBODY: "Nobody",
}

ROLE_WORDS: Mapping[Role, str] = {
    Role.CONTACT: "Contact",
    Role.ORG_MANAGER: "Organisation manager",
    Role.LEAD_AGENT: "Lead agent",
    Role.LEAD_MANAGER: "Lead manager",
    Role.REGISTRY_AGENT: "Registry agent",
    Role.REGISTRY_MANAGER: "Registry manager",
    Role.ADMINISTRATOR: "Administrator",
}

EVENT_WORDS: Mapping[str, str] = {
    "opened": "opened the ticket",
    "received_unverified": "A mail arrived from an address that is not proved yet",
    "answered": "answered the member",
    "member_wrote": "wrote for the member",
    "machine_wrote": "An automatic mail arrived",
    "noted": "wrote a note",
    "asked_member": "asked the member",
    "taken": "took the ticket",
    "assigned": "assigned the ticket",
    "triaged": "classified the ticket",
    "held": "put it on hold",
    "woken": "It goes on after the hold",
    "escalated": "handed it to the registry",
    "escalation_refused": "tried a hand-over to a registry to which the consortium does not belong",
    "accepted": "accepted it for the registry",
    "declined": "declined it for the registry",
    "returned": "returned it to the lead",
    "withdrawn": "withdrew it from the registry",
    "tier_moved": "moved it between the registry's tiers",
    "fixed": "reported a fix",
    "verified": "The fix was verified",
    "resolved": "resolved the ticket",
    "confirmed": "confirmed that it is solved",
    "reopened": "reopened the ticket",
    "closed": "The ticket was closed",
    "brief_cleaned": "wrote a brief, from which something secret was removed",
    "registry_let_write": "let the registry write to the member",
    "registry_kept_from_writing": "let the registry write to the member no longer",
    "registry_action_filed": "filed something at the registry",
    "registry_action_confirmed": "noted that the registry has done what was filed",
    "registry_action_refused": "noted that the registry refused what was filed",
    "registry_action_withdrawn": "noted that what was filed is needed no longer",
    "registry_action_overdue": "The day passed on which what was filed at the registry should have been answered",
    "registry_action_shown": "showed the registry what was filed",
    "disclosed": "showed messages to the registry",
    "requester_confirmed": "confirmed who the sender is",
    "participant_added": "added somebody who follows the ticket",
    "followed_up": "wrote again after the end, which opened another ticket",
    "issue_linked": "linked it to an issue",
    "linked_instead": "found that it is a known issue, and handed nothing over",
    "issue_unlinked": "took the link to an issue away",
    "came_back": "was not solved by the answer to its issue: the link is undone",
    "warned": "A promised time comes near",
    "breached": "A promised time has passed",
    "promise_moved": "The promised date moved",
    "objection_raised": "objected to a line of a clock",
    "objection_confirmed": "confirmed an objection to a clock",
    "objection_refused": "refused an objection to a clock",
    "merged": "merged the ticket into another",
    "absorbed": "merged another ticket into this one",
    "transferred": "passed the ticket to another consortium's lead",
    "mail_returned": "A mail could not be delivered",
    "registry_answer_held": "An answer of the registry's desk is held",
    "rerouted": "It came to another desk and was passed on",
    "filed_by_registry": "filed it for the member",
    "waved_through": "took it on for the registry",
    "redirected": "told the sender who can help them",
    "forwarded_in": "forwarded the member's mail",
}

_LISTS: tuple[Mapping[Any, str], ...] = (
    KIND_NAMES,
    IMPACT_WORDS,
    URGENCY_WORDS,
    PRIORITY_WORDS,
    ENVIRONMENT_WORDS,
    OUTCOME_WORDS,
    RESOLVER_WORDS,
    AUDIENCE_WORDS,
    PARTY_WORDS,
    ROLE_WORDS,
)
_WORDS: dict[tuple[type, str], str] = {(type(key), key.value): text for each in _LISTS for key, text in each.items()}


def words(value: StrEnum | str | None) -> str:
    """The words for a value of a closed list; a value without an entry is written out with spaces."""
    if value is None:
        return ""
    return _WORDS.get((type(value), str(value)), str(value).replace("_", " ").capitalize())


def zone_name(instant: datetime, zone: str) -> str:
    """``CET``, or ``UTC−03:00`` where the zone has no letters of its own."""
    name = instant.astimezone(ZoneInfo(zone)).strftime("%Z")
    if name[:1] not in "+-":
        return name
    digits = name[1:].ljust(4, "0")
    return f"UTC{'−' if name[0] == '-' else '+'}{digits[:2]}:{digits[2:4]}"


def date_and_time(instant: datetime, zone: str, *, weekday: bool = True, year: bool = True) -> str:
    """``Fri 20 Nov 2026, 14:05 CET``: an aware instant as the reader's zone has it, always with the zone."""
    local = instant.astimezone(ZoneInfo(zone))
    day = f"{local.day} {local:%b}" + (f" {local.year}" if year else "")
    return (
        f"{local:%a} {day}, {local:%H:%M} {zone_name(instant, zone)}"
        if weekday
        else (f"{day}, {local:%H:%M} {zone_name(instant, zone)}")
    )


def period(start: datetime, end: datetime, zone: str) -> tuple[str, str]:
    """From when to when: ``Fri 20 Nov 2026, 09:00`` and ``17:00 CET`` within a day, else both in full."""
    here = ZoneInfo(zone)
    first, last = date_and_time(start, zone), date_and_time(end, zone)
    if start.astimezone(here).date() != end.astimezone(here).date() or zone_name(start, zone) != zone_name(end, zone):
        return first, last
    return first.rpartition(" ")[0], f"{end.astimezone(here):%H:%M} {zone_name(end, zone)}"


def short(instant: datetime, zone: str, now: datetime) -> str:
    """As short as it stays clear: ``Today 14:05 CET``, ``Thu 14:05 CET`` within six days, else with the date."""
    here = ZoneInfo(zone)
    local, today = instant.astimezone(here), now.astimezone(here)
    days = (local.date() - today.date()).days
    if days == 0:
        return f"Today {local:%H:%M} {zone_name(instant, zone)}"
    if abs(days) <= 6:
        return f"{local:%a} {local:%H:%M} {zone_name(instant, zone)}"
    return date_and_time(instant, zone, weekday=False, year=local.year != today.year)


def relative(instant: datetime, now: datetime) -> str:
    """``in 2 hours``, ``3 days ago``, ``just now``."""
    seconds = (instant - now).total_seconds()
    if abs(seconds) < MINUTE:
        return "now" if seconds >= 0 else "just now"
    phrase = _largest(int(abs(seconds)))
    return f"in {phrase}" if seconds > 0 else f"{phrase} ago"


def _largest(seconds: int) -> str:
    for size, name in ((365 * DAY, "year"), (30 * DAY, "month"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        # From two upwards the larger unit says enough; one day is better said in hours.
        if seconds >= 2 * size or (size == MINUTE and seconds >= size):
            return counted(seconds // size, name)
    return counted(seconds // MINUTE, "minute")


def counted(count: int, name: str) -> str:
    """``1 hour``, ``2 hours``: a number with its noun."""
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def span(seconds: int | timedelta) -> str:
    """Working time in hours and minutes, ``3 h 20 min``; never in days, since a working day has no fixed length."""
    whole = int(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)
    sign, whole = ("−", -whole) if whole < 0 else ("", whole)
    hours, minutes = whole // HOUR, whole % HOUR // MINUTE
    if not hours:
        return f"{sign}{minutes} min" if minutes or not whole else f"{sign}{whole} s"
    return f"{sign}{hours} h {minutes} min" if minutes else f"{sign}{hours} h"


def exact_span(seconds: int) -> str:
    """Working time to the second, ``51 h 3 min 41 s``: for sums, whose parts must add up as they are read."""
    sign, whole = ("−", -seconds) if seconds < 0 else ("", seconds)
    hours, rest = divmod(whole, HOUR)
    parts = ((hours, "h"), (rest // MINUTE, "min"), (rest % MINUTE, "s"))
    return sign + (" ".join(f"{count} {unit}" for count, unit in parts if count) or "0 min")


def size(count: int) -> str:
    """``340 bytes``, ``12 kB``, ``3.4 MB``: decimal units, as file managers show them."""
    if count < 1000:
        return counted(count, "byte")
    if count < 999_500:
        return f"{round(count / 1000)} kB"
    return f"{count / 1_000_000:.1f} MB"


def iso(instant: datetime) -> str:
    """For the ``datetime`` attribute: whole seconds, UTC, ``Z``."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
