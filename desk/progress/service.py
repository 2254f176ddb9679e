"""A ticket on its way: answered and asked about, held and woken, resolved, confirmed, closed.

One verb each; all of them move the ticket through ``tickets.service.move``.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Team
from desk.calendars import queries as calendars
from desk.conversations import service as conversations
from desk.conversations.models import Message
from desk.conversations.service import File
from desk.domain.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from desk.domain.lifecycle import Action, State
from desk.domain.masking import mask
from desk.domain.permissions import SYSTEM, Actor, MessageSubject, Permission, TicketSubject, may, writes_as_staff
from desk.domain.text import REASON_LENGTH, clean_text, cut_line
from desk.domain.vocabulary import Audience, Channel, Outcome
from desk.sla import service as sla
from desk.tickets import queries
from desk.tickets import service as tickets
from desk.tickets.models import Ticket


def add_message(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    *,
    audience: Audience,
    text: str,
    files: Sequence[File] = (),
    channel: Channel,
    now: datetime,
    quoted_text: str = "",
    machine: bool = False,
    author_label: str = "",
    seen_message_id: int | None = None,
) -> Message:
    """Write on a ticket.

    A public message of staff is an answer; one of the member goes back to whoever waits for it, reopens a resolved
    ticket, and opens a follow-up of a closed one (the message returned is then the follow-up's). Machine mail is kept
    and moves nothing. ``seen_message_id``: the newest message the writer saw; ``Conflict`` if there is a newer one.
    """
    subject = tickets.locked(session, ticket)
    _may_write(actor, subject, audience)
    if ticket.merged_into_id is not None:
        raise IllegalTransition(f"This ticket was merged into #{ticket.merged_into_id}. Please write there.")
    _is_up_to_date(session, actor, ticket, seen_message_id)
    if audience is Audience.HANDOVER:
        conversations.refuse_secrets(files)
    by_staff = writes_as_staff(actor, subject)
    if audience is Audience.MEMBER and not by_staff and not machine and _is_over(ticket, now):
        return _follow_up(session, actor, ticket, text, files, channel, quoted_text, now)
    message = tickets.write(
        session,
        actor,
        ticket,
        text,
        files,
        channel,
        now,
        author_label=author_label,
        from_staff=by_staff,
        audience=audience,
        quoted_text=quoted_text,
        machine=machine,
    )
    _share(session, actor, ticket, subject, message, now)
    if machine:
        tickets.record(session, ticket, "machine_wrote", actor, now, message=message, quiet=True)
    elif audience is not Audience.MEMBER:
        tickets.record(session, ticket, "noted", actor, now, message=message)
    elif by_staff:
        tickets.move(session, ticket, Action.ANSWER, "answered", actor, now, message=message)
    elif ticket.state is State.RESOLVED:
        tickets.move(session, ticket, Action.REOPEN, "reopened", actor, now, message=message)
    else:
        tickets.move(session, ticket, Action.MEMBER_WRITES, "member_wrote", actor, now, message=message)
    return message


def ask_member(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    *,
    text: str,
    files: Sequence[File] = (),
    channel: Channel,
    now: datetime,
    seen_message_id: int | None = None,
) -> Message:
    """Ask the member: their turn, and the clock of who asks stops until they answer.

    The registry asks only where the lead lets it, and only while it has the ticket.
    """
    subject = tickets.locked(session, ticket)
    if not any(may(actor, right, subject) for right in (Permission.TICKET_WORK, Permission.ESCALATION_WORK)):
        raise NotFound
    _may_write(actor, subject, Audience.MEMBER)
    if not may(actor, Permission.TICKET_WORK, subject) and not _with_registry(ticket):
        raise IllegalTransition("The ticket is back with the lead, who asks the member now. Please write to the lead.")
    _is_up_to_date(session, actor, ticket, seen_message_id)
    message = tickets.write(session, actor, ticket, text, files, channel, now, from_staff=True)
    _share(session, actor, ticket, subject, message, now)
    tickets.move(session, ticket, Action.ASK_MEMBER, "asked_member", actor, now, message=message)
    return message


def hold(session: Session, actor: Actor, ticket: Ticket, *, reason: str, until: datetime, now: datetime) -> None:
    """Wait for an agreed date; both the reason and the date are required."""
    tickets.working(session, actor, ticket)
    if until <= now:
        raise InvalidInput("The day on which it goes on must be in the future.", field="until")
    why = clean_text(reason, name="The reason", field="reason", limit=REASON_LENGTH)
    tickets.move(session, ticket, Action.HOLD, "held", actor, now, payload={"reason": why, "until": until.isoformat()})
    ticket.hold_reason, ticket.next_act_at = why, until


def wake(session: Session, actor: Actor, ticket: Ticket, *, now: datetime) -> None:
    """Go on with a ticket that was on hold."""
    tickets.working(session, actor, ticket)
    tickets.move(session, ticket, Action.WAKE, "woken", actor, now)


def resolve(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    *,
    outcome: Outcome,
    text: str | None,
    author_label: str = "",
    payload: Mapping[str, Any] | None = None,
    now: datetime,
) -> None:
    """Say how it ended; ``text`` goes to the member with it. It closes by itself when the reopen window is over.

    ``author_label``: who wrote it, where no person did; ``payload``: what else the event says.
    """
    tickets.working(session, actor, ticket)
    message = None
    if text and text.strip():
        how = {"from_staff": True, "author_label": author_label}
        message = tickets.write(session, actor, ticket, text, (), Channel.WEB, now, **how)
    _resolve(session, actor, ticket, outcome, "resolved", now, message, payload)


def answer_as_desk(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    *,
    text: str,
    author_label: str = "",
    payload: Mapping[str, Any] | None = None,
    now: datetime,
) -> Message:
    """A public answer that was written for more than this ticket; what was written meanwhile does not hold it back.

    ``author_label`` and ``payload`` as in ``resolve``. Raises ``IllegalTransition`` when the ticket is closed.
    """
    tickets.working(session, actor, ticket)
    how = {"from_staff": True, "author_label": author_label}
    message = tickets.write(session, actor, ticket, text, (), Channel.WEB, now, **how)
    tickets.move(session, ticket, Action.ANSWER, "answered", actor, now, message=message, payload=payload)
    return message


def end(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    *,
    outcome: Outcome,
    kind: str,
    message: Message,
    payload: Mapping[str, Any],
    now: datetime,
) -> None:
    """The same for another feature, which wrote the last message and names the event; the caller holds the lock."""
    _resolve(session, actor, ticket, outcome, kind, now, message, payload)


def confirm(session: Session, actor: Actor, ticket: Ticket, *, solved: bool, text: str, now: datetime) -> None:
    """The member says whether it is solved. Yes closes the ticket, resolved before or not; no reopens it.

    While the registry has it, a yes is kept as a message: the lead withdraws the escalation.
    """
    subject = tickets.locked(session, ticket)
    if not may(actor, Permission.TICKET_CONFIRM, subject):
        raise NotFound
    words = text.strip() or ("It is solved for us. Thank you." if solved else "")
    message = tickets.write(session, actor, ticket, words, (), Channel.WEB, now, missing="What is still wrong")
    if not solved:
        tickets.move(session, ticket, Action.REOPEN, "reopened", actor, now, message=message)
    elif ticket.state is State.RESOLVED:
        tickets.move(session, ticket, Action.CLOSE, "confirmed", actor, now, message=message)
    elif ticket.state is State.ESCALATED or ticket.state_before is State.ESCALATED:
        tickets.move(session, ticket, Action.MEMBER_WRITES, "member_wrote", actor, now, message=message)
    else:
        _resolve(session, actor, ticket, Outcome.SOLVED, "confirmed", now, message)
        # Who has just said so is not asked again.
        tickets.move(session, ticket, Action.CLOSE, "closed", actor, now)


def _resolve(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    outcome: Outcome,
    kind: str,
    now: datetime,
    message: Message | None,
    more: Mapping[str, Any] | None = None,
) -> None:
    payload = {"outcome": outcome.value, **(more or {})}
    tickets.move(session, ticket, Action.RESOLVE, kind, actor, now, message=message, outcome=outcome, payload=payload)
    team = accounts.team_of_consortium(session, ticket.consortium_id)
    days = accounts.consortium(session, ticket.consortium_id).reopen_working_days
    ticket.next_act_at = calendars.after_working_days(session, team.calendar_id, now, days)


def reopen(session: Session, actor: Actor, ticket: Ticket, *, now: datetime) -> None:
    """The lead takes up a resolved ticket again."""
    tickets.working(session, actor, ticket)
    tickets.move(session, ticket, Action.REOPEN, "reopened", actor, now)


def close(session: Session, actor: Actor, ticket: Ticket, *, now: datetime) -> None:
    """Close a resolved ticket for good; a later answer opens a follow-up."""
    tickets.working(session, actor, ticket)
    tickets.move(session, ticket, Action.CLOSE, "closed", actor, now)


def act_on_due_tickets(session: Session, *, now: datetime, limit: int) -> int:
    """Wake holds whose date has come and close resolved tickets whose window is over; returns how many."""
    due = session.execute(
        sa.select(Ticket.id).where(Ticket.next_act_at <= now).order_by(Ticket.next_act_at).limit(limit)
    ).scalars()
    return sum(_act_on_due(session, ticket_id, now) for ticket_id in due.all())


def _act_on_due(session: Session, ticket_id: int, now: datetime) -> bool:
    # Locked in the order of every verb, clocks before ticket; then whether it is still due is asked again.
    sla.lock(session, ticket_id)
    ticket = session.get(Ticket, ticket_id, populate_existing=True)
    if ticket is None or ticket.next_act_at is None or ticket.next_act_at > now:
        return False
    if ticket.state is State.ON_HOLD:
        tickets.move(session, ticket, Action.WAKE, "woken", SYSTEM, now)
    elif ticket.state is State.RESOLVED:
        tickets.move(session, ticket, Action.CLOSE, "closed", SYSTEM, now)
    ticket.next_act_at = None
    return True


def _is_up_to_date(session: Session, actor: Actor, ticket: Ticket, seen_message_id: int | None) -> None:
    if seen_message_id is not None and queries.latest_message_id(session, actor, ticket) > seen_message_id:
        raise Conflict("Somebody has written meanwhile. Your text is kept below; please read the new message first.")


def _with_registry(ticket: Ticket) -> bool:
    """The registry has it, or waits for what the member was asked meanwhile."""
    return State.ESCALATED in (ticket.state, ticket.state_before)


def _asking(session: Session, ticket: Ticket, subject: TicketSubject) -> frozenset[int]:
    """The registry that has it, if it may write to the member: what the member writes now is for it too."""
    if not ticket.registry_may_write or not _with_registry(ticket):
        return frozenset()
    holder = session.get_one(Team, ticket.holder_team_id)
    return subject.registry_ids & {holder.registry_id}


def _share(
    session: Session, actor: Actor, ticket: Ticket, subject: TicketSubject, message: Message, now: datetime
) -> None:
    """What passes between a registry that may write to the member and the member is read by both, without a choice.

    That is what the lead decides with the switch, and what the member's page says. People in it are masked for the
    registry as in all else; its own words are not.
    """
    if message.audience is not Audience.MEMBER or message.machine:
        return
    by_registry = message.from_staff and not may(actor, Permission.TICKET_WORK, subject)
    own = subject.registry_ids & actor.registries() if by_registry else frozenset()
    asked = _asking(session, ticket, subject) if not message.from_staff else frozenset()
    for registry_id in sorted(own | asked):
        named = registry_id in own or queries.names_people_to(session, ticket.id, registry_id)
        conversations.disclose(
            session,
            ticket.id,
            registry_id=registry_id,
            message_ids=[message.id],
            attachment_ids=[file.id for file in message.attachments],
            masked={} if named else {message.id: mask(message.text)},
            by_id=None,
            now=now,
        )


def _may_write(actor: Actor, subject: TicketSubject, audience: Audience) -> None:
    if not queries.handover_allowed(subject, audience):
        raise InvalidInput("This ticket has not been escalated, so no registry would read that.", field="audience")
    if not may(actor, Permission.MESSAGE_ADD, MessageSubject(subject, audience)):
        raise NotFound


def _is_over(ticket: Ticket, now: datetime) -> bool:
    """Closed, or resolved with the window over though no job has closed it yet."""
    window_over = ticket.next_act_at is not None and ticket.next_act_at <= now
    return ticket.state is State.CLOSED or (ticket.state is State.RESOLVED and window_over)


def _follow_up(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    text: str,
    files: Sequence[File],
    channel: Channel,
    quoted_text: str,
    now: datetime,
) -> Message:
    draft = tickets.NewTicket(
        consortium_id=ticket.consortium_id,
        member_org_id=ticket.member_org_id,
        subject=cut_line(f"Follow-up of #{ticket.number}: {ticket.subject}"),
        text=text,
        kind=ticket.kind,
        service=ticket.service,
        environment=ticket.environment,
        catalogue_key=ticket.catalogue_key,
        impact=ticket.impact,
        urgency=ticket.urgency,
        files=files,
        requester_id=actor.person_id,
        quoted_text=quoted_text,
        follow_up_of_id=ticket.id,
    )
    follow_up = tickets.open_ticket(session, actor, draft, channel=channel, now=now)
    tickets.record(session, ticket, "followed_up", actor, now, payload={"ticket_id": follow_up.id}, quiet=True)
    return queries.first_message(session, follow_up)
