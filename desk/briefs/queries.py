"""Reading for who writes a brief: what to begin with, what can be shown, and exactly what the registry will see."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from desk.catalogue import queries as catalogue
from desk.conversations import queries as conversations
from desk.conversations.models import Message
from desk.domain.escalation import Brief, Consent, as_disclosed, disclosed_text
from desk.domain.identifiers import Kind
from desk.domain.wording import IMPACT_WORDS
from desk.escalations.models import Escalation
from desk.escalations.queries import Line, extra_fields, lines_of, masked_texts
from desk.tickets.models import Ticket


@dataclass(frozen=True)
class Candidate:
    """A member's message that can be disclosed: how the registry would read it, and whether it already does."""

    message: Message
    html: str
    chosen: bool
    disclosed: bool
    chosen_attachments: frozenset[int]
    disclosed_attachments: frozenset[int]


@dataclass(frozen=True)
class Preview:
    """What a registry will read once the brief is sent."""

    subject: str
    lines: Sequence[Line]
    messages: Sequence[Candidate]


def first_brief(session: Session, ticket: Ticket) -> Brief:
    """A brief filled in from what the ticket already says; what was asked and tried is for the lead to write."""
    found: dict[str, list[str]] = {}
    for each in ticket.identifiers:
        found.setdefault(str(each.get("kind")), []).append(str(each.get("value")))
    given = {**_from_identifiers(found), **ticket.fields}
    if ticket.member_org is not None:
        given["member_org"] = ticket.member_org.name
    entry = catalogue.entry_for(session, ticket.catalogue_key, ticket.consortium_id)
    wanted = {each.id for each in extra_fields(entry)}
    who = f" at {ticket.member_org.name}" if ticket.member_org else ""
    return Brief.from_dict(
        {
            "service": ticket.service,
            "environment": ticket.environment.value if ticket.environment else "",
            "identifiers": [value for kind, values in found.items() if kind not in _NOT_NAMES for value in values],
            "error_text": given.get("error_message", ""),
            "error_code": given.get("error_code", ""),
            "utc_times": given.get("occurred_at") or given.get("first_seen") or "",
            "impact": f"{IMPACT_WORDS[ticket.impact]}{who}.",
            "fields": {key: value for key, value in given.items() if key in wanted},
        }
    )


_NOT_NAMES = frozenset({Kind.ORCID_ERROR.value, Kind.HTTP_STATUS.value})
_FIELDS_OF_KIND = {
    Kind.ORCID: ("orcid_id",),
    Kind.CLIENT_ID: ("client_id",),
    Kind.DOI: ("doi",),
    Kind.PREFIX: ("prefix",),
    Kind.REPOSITORY: ("repository_id", "account_id"),
    Kind.ORCID_ERROR: ("error_code",),
    Kind.HTTP_STATUS: ("http_status",),
}


def _from_identifiers(found: dict[str, list[str]]) -> dict[str, str | list[str]]:
    given: dict[str, str | list[str]] = {
        name: found[kind.value][0] for kind, names in _FIELDS_OF_KIND.items() if kind.value in found for name in names
    }
    if Kind.ORCID.value in found:
        given["orcid_ids"] = found[Kind.ORCID.value]
    return given


def candidates(session: Session, ticket: Ticket, escalation: Escalation | None, consent: Consent) -> list[Candidate]:
    """The member's messages with what the registry would read of each, oldest first.

    Hand-over messages are the registry's anyway and the lead's own notes never are, so neither is offered.
    """
    masked = masked_texts(session, ticket, consent)
    registry_id = ticket.consortium.registry_id
    known = [each for each in conversations.disclosures_of(session, ticket.id) if each.registry_id == registry_id]
    # What was shown once stays as it was shown, whatever the brief says about consent now.
    read = {each.message_id: each.text for each in known if each.message_id is not None}
    files = frozenset(each.attachment_id for each in known if each.attachment_id is not None)
    chosen = frozenset(escalation.chosen_messages if escalation else ())
    found = []
    for each in conversations.member_messages(session, ticket.id):
        text = read[each.id] if each.id in read else masked.get(each.id)
        found.append(
            Candidate(
                message=each,
                html=each.html if text is None else conversations.html_of(each, text),
                chosen=each.id in chosen or each.id in read,
                disclosed=each.id in read,
                chosen_attachments=files | frozenset(escalation.chosen_attachments if escalation else ()),
                disclosed_attachments=files,
            )
        )
    return found


def preview(session: Session, ticket: Ticket, escalation: Escalation) -> Preview:
    """Exactly what the registry will see: subject, brief, and the chosen messages with their chosen attachments."""
    brief = as_disclosed(Brief.from_dict(escalation.brief))
    entry = catalogue.entry_for(session, ticket.catalogue_key, ticket.consortium_id)
    chosen = [each for each in candidates(session, ticket, escalation, brief.consent) if each.chosen]
    return Preview(disclosed_text(ticket.subject, brief.consent), lines_of(brief, entry), chosen)
