"""The lead writes the brief of a hand-over: a working copy that nobody else sees until it is sent.

Before that the desk asks whether it is a known issue; then the ticket is linked to the issue instead.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.conversations import queries as conversations
from desk.conversations import service as texts
from desk.conversations.models import Attachment
from desk.domain.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from desk.domain.escalation import (
    EDITABLE,
    OPEN,
    STATE_LABELS,
    Brief,
    EscalationState,
    Tier,
    with_checks,
    without_secrets,
)
from desk.domain.lifecycle import DONE
from desk.domain.permissions import Actor, Permission
from desk.domain.vocabulary import Audience, Outcome
from desk.escalations import queries as escalations
from desk.escalations import service as handovers
from desk.escalations.models import Escalation
from desk.issues import queries as issues
from desk.issues import service as register
from desk.issues.models import Issue
from desk.matching import queries as matching
from desk.progress import service as progress
from desk.tickets import service as tickets
from desk.tickets.models import Ticket


def save_brief(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    brief: Brief,
    *,
    messages: Collection[int] = (),
    attachments: Collection[int] = (),
    looked_at: Collection[int] = (),
    version: int | None = None,
    now: datetime,
) -> tuple[Escalation, list[str]]:
    """Keep the lead's working copy; prepares a hand-over when there is no open one. Nothing is shown to anybody yet.

    ``messages`` and ``attachments`` are ids the lead wants to disclose; ``version`` is None only for the first copy.
    ``looked_at``: numbers of issues that the lead looked at and that this is none of; kept with the instant.
    Returns the hand-over and what was taken out of the brief: sorts of secrets, and text files that hold some. Raises
    ``InvalidInput`` for a message or file that is not of the member's conversation.
    """
    tickets.working(session, actor, ticket, Permission.TICKET_ESCALATE)
    found = escalations.newest(session, ticket.id)
    clean, removed = without_secrets(brief)
    chosen_messages, files = _chosen(session, ticket, messages, attachments)
    chosen_attachments, withheld = _without_secrets(session, ticket, files)
    is_open = found is not None and found.state in OPEN
    before = Brief.from_dict(found.brief) if found is not None and is_open else None
    clean = _looked(session, actor, ticket, clean, before, looked_at, now)
    if version != (found.version if found is not None and is_open else None):
        raise Conflict
    if ticket.state in DONE:
        raise IllegalTransition("The ticket is over. Reopen it before you escalate it.")
    if found is None or not is_open:
        found = _prepare(session, actor, ticket, found, now)
    elif found.state not in EDITABLE:
        raise IllegalTransition(f"The escalation is {STATE_LABELS[found.state]}; its brief cannot be changed now.")
    found.brief = clean.to_dict()
    found.chosen_messages, found.chosen_attachments = chosen_messages, chosen_attachments
    session.flush()
    if removed or withheld:
        payload: dict[str, Any] = {"kinds": sorted({*removed, *(kind for _, kinds in withheld for kind in kinds)})}
        if withheld:
            payload["files"] = [file.id for file, _ in withheld]
        what: dict[str, Any] = {"payload": payload, "audience": Audience.LEAD, "quiet": True}
        tickets.record(session, ticket, "brief_cleaned", actor, now, escalation_id=found.id, **what)
    files_out = [f"the file “{file.file_name}” ({', '.join(kinds)})" for file, kinds in withheld]
    return found, [*sorted(set(removed)), *files_out]


def _looked(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    brief: Brief,
    before: Brief | None,
    looked_at: Collection[int],
    now: datetime,
) -> Brief:
    """With the checks against the register; raises ``InvalidInput`` for an issue that the lead cannot read."""
    own = select(Issue.id).where(Issue.id.in_(looked_at), issues.visible_to(actor))
    if looked_at and set(looked_at) - set(session.scalars(own)):
        raise InvalidInput("One of these issues is not in a register that you read.", field="known_issues_checked")
    likely = {each.issue.number for each in matching.candidates_for(session, actor, ticket)}
    return with_checks(brief, before, looked_at=looked_at, likely=likely, now=now)


def _prepare(session: Session, actor: Actor, ticket: Ticket, last: Escalation | None, now: datetime) -> Escalation:
    if actor.person_id is None:
        raise NotFound
    found = Escalation(
        ticket_id=ticket.id,
        ordinal=last.ordinal + 1 if last else 1,
        registry_id=accounts.consortium(session, ticket.consortium_id).registry_id,
        state=EscalationState.PREPARED,
        tier=Tier.SUPPORT,
        brief={},
        prepared_by_id=actor.person_id,
        created_at=now,
    )
    session.add(found)
    session.flush()
    payload = {"cycle": found.cycle, "tier": found.tier}
    what: dict[str, Any] = {"escalation_id": found.id, "payload": payload, "quiet": True}
    tickets.record(session, ticket, "escalation_prepared", actor, now, **what)
    return found


def _chosen(
    session: Session, ticket: Ticket, messages: Collection[int], attachments: Collection[int]
) -> tuple[list[int], list[Attachment]]:
    """Ids and files in order, checked. A file is disclosed with its message only: alone nobody could place it."""
    own = {each.id: each for each in conversations.member_messages(session, ticket.id)}
    if not set(messages) <= set(own):
        raise InvalidInput("Only messages between the member and you can be shown to the registry.", field="messages")
    files = {file.id: file for message_id in messages for file in own[message_id].attachments}
    if not set(attachments) <= set(files):
        raise InvalidInput("A file is shown together with its message: please choose both.", field="attachments")
    return sorted(set(messages)), [files[each] for each in sorted(set(attachments))]


def _without_secrets(
    session: Session, ticket: Ticket, files: Collection[Attachment]
) -> tuple[list[int], list[tuple[Attachment, list[str]]]]:
    """The ids of files that may be shown, and those in which something secret was found, with what.

    What the registry reads already stays chosen: nothing can be taken back from it.
    """
    shown = {each.attachment_id for each in conversations.disclosures_of(session, ticket.id)}
    found = [(file, [] if file.id in shown else texts.secrets_of(file)) for file in files]
    return [file.id for file, kinds in found if not kinds], [(file, kinds) for file, kinds in found if kinds]


def link_instead(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    *,
    issue_number: int,
    workaround: str | None = None,
    wait: tuple[str, datetime] | None = None,
    version: int | None = None,
    now: datetime,
) -> None:
    """It is one of these: link the ticket to a known issue, and hand nothing over.

    By choice the member is answered with a ``workaround``, or the ticket is put on hold: ``wait`` is the reason, which
    the member reads, and until when. A brief that was begun is dropped; one that the registry has is withdrawn first,
    by a verb of its own (``IllegalTransition``). ``version`` is of the brief, if there is one: ``Conflict`` as always.
    """
    tickets.working(session, actor, ticket, Permission.TICKET_ESCALATE)
    issue = issues.get(session, actor, issue_number)
    found = escalations.newest(session, ticket.id)
    if found is not None and found.state in OPEN:
        if found.state not in EDITABLE:
            raise IllegalTransition(f"The escalation is {STATE_LABELS[found.state]}. Take it back first.")
        handovers.withdraw(session, actor, ticket, version=version, now=now)
    register.link_ticket(session, actor, issue, ticket_number=ticket.number, now=now)
    way = "answered" if workaround is not None else "held" if wait is not None else "linked"
    payload = {"number": issue.number, "way": way}
    what: dict[str, Any] = {"payload": payload, "quiet": True, "audience": Audience.LEAD}
    tickets.record(session, ticket, "linked_instead", actor, now, **what)
    if workaround is not None:
        if not workaround.strip():
            raise InvalidInput("Say what helps meanwhile; the member reads this.", field="text")
        progress.resolve(session, actor, ticket, outcome=Outcome.WORKAROUND, text=workaround, now=now)
    elif wait is not None:
        reason, until = wait
        progress.hold(session, actor, ticket, reason=reason, until=until, now=now)
