"""What can be done with a ticket: one verb each, whoever asks and through whichever door.

Every verb takes the ticket's clock lock first and reads the ticket again under it, so that of two people who act at
once the second decides on what the first left. State, holder, ledger, clocks and event change together, in ``move``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Consortium, MemberOrg, Team
from desk.catalogue import queries as catalogue
from desk.conversations import service as conversations
from desk.conversations.models import Message
from desk.conversations.service import File
from desk.custody import service as custody
from desk.db import insert_ignore
from desk.domain.clock_changes import changes_of
from desk.domain.errors import Conflict, InvalidInput, NotFound
from desk.domain.identifiers import find, redact
from desk.domain.lifecycle import DONE, TURN, Action, State, next_state
from desk.domain.permissions import SYSTEM, Actor, Permission, Place, TicketSubject, may
from desk.domain.priority import Impact, Urgency, priority_of
from desk.domain.sla import HandoverAnswer
from desk.domain.text import clean_line
from desk.domain.vocabulary import Audience, Channel, Environment, Outcome, Party, Resolver, TicketKind
from desk.events import service as events
from desk.sla import service as sla
from desk.tickets import queries
from desk.tickets.models import SubmittedForm, Ticket

_ANSWERS = {"declined": HandoverAnswer.DECLINED, "returned": HandoverAnswer.RETURNED}

IDENTIFIERS_MAX = 50


@dataclass(frozen=True)
class NewTicket:
    """What a door knows of a ticket to be filed. ``requester_id`` empty: the actor, or nobody proven (mail)."""

    consortium_id: int
    member_org_id: int | None
    subject: str
    text: str
    kind: TicketKind = TicketKind.INCIDENT
    service: str = ""
    environment: Environment | None = None
    catalogue_key: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    impact: Impact = Impact.LOW
    urgency: Urgency = Urgency.MEDIUM
    files: Sequence[File] = ()
    requester_id: int | None = None
    unverified_sender: str | None = None
    proposed_org_id: int | None = None
    quoted_text: str = ""
    machine: bool = False
    follow_up_of_id: int | None = None
    form_key: str | None = None  # of the page that was sent: sent twice, it is one ticket
    arrived_at: datetime | None = None  # when it came in, if that was before it is filed: its clocks run from then
    rerouted_from: str = ""  # the desk to whose door it came
    answerable: bool = False  # a receipt may go to an unverified sender though no mail of theirs says so


def open_ticket(session: Session, actor: Actor, draft: NewTicket, *, channel: Channel, now: datetime) -> Ticket:
    """File a ticket with its first message; its clocks start.

    A member files for an organisation they belong to, a lead for any of their consortium, the desk itself for a mail
    sender nobody has vouched for. Raises ``NotFound`` for a foreign place, ``InvalidInput`` with the field.
    """
    if not may(actor, Permission.TICKET_OPEN, Place(draft.member_org_id, draft.consortium_id)):
        raise NotFound
    _check_place(session, draft)
    sent_before = _sent_before(session, actor, draft)
    if sent_before is not None:
        return sent_before
    team = accounts.team_of_consortium(session, draft.consortium_id)
    consortium = accounts.consortium(session, draft.consortium_id)
    now = min(draft.arrived_at or now, now)
    by_staff = draft.consortium_id in actor.consortia() and draft.requester_id not in (None, actor.person_id)
    ticket = _row(session, draft, consortium, team, channel, now)
    ticket.requester_id = draft.requester_id if actor.system or by_staff else actor.person_id
    session.add(ticket)
    session.flush()
    message = write(
        session,
        actor,
        ticket,
        draft.text,
        draft.files,
        channel,
        now,
        # In whose name an unproved mail was written is a claim: the address stands there, not the person.
        author_id=None if draft.unverified_sender else ticket.requester_id,
        author_label=draft.unverified_sender or "",
        quoted_text=draft.quoted_text,
        machine=draft.machine,
    )
    sla.start_clocks(
        session,
        ticket_id=ticket.id,
        consortium_id=ticket.consortium_id,
        registry_id=consortium.registry_id,
        member_org_id=ticket.member_org_id,
        lead_calendar_id=team.calendar_id,
        priority=ticket.priority,
        opened_by_staff=by_staff,
        actor_id=actor.person_id,
        now=now,
    )
    pass_on(session, ticket, team, "opened", actor, now, calendar_id=team.calendar_id)
    kind = "opened" if ticket.requester_id and not ticket.unverified_sender else "received_unverified"
    record(session, ticket, kind, actor, now, message=message, payload=_told_of_filing(draft))
    _remember_form(session, actor, draft, ticket, now)
    return ticket


def _told_of_filing(draft: NewTicket) -> dict[str, Any]:
    """What the receipt has to know beyond the ticket."""
    from_door = {"rerouted_from": draft.rerouted_from} if draft.rerouted_from else {}
    return from_door | ({"answerable": True} if draft.answerable else {})


def locked(session: Session, ticket: Ticket) -> TicketSubject:
    """Take the ticket's lock, read the ticket again, and return it as the rules see it."""
    sla.lock(session, ticket.id)
    session.refresh(ticket)
    return queries.subject_of(session, ticket)


def working(
    session: Session, actor: Actor, ticket: Ticket, permission: Permission = Permission.TICKET_WORK
) -> TicketSubject:
    """The same for somebody who has ``permission`` on the ticket; raises ``NotFound`` for anybody else."""
    subject = locked(session, ticket)
    if not may(actor, permission, subject):
        raise NotFound
    return subject


def write(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    text: str,
    files: Sequence[File],
    channel: Channel,
    now: datetime,
    **more: Any,
) -> Message:
    """Add a message and note the identifiers it speaks of."""
    message = conversations.append(
        session,
        ticket.id,
        author_id=more.pop("author_id", actor.person_id),
        audience=more.pop("audience", Audience.MEMBER),
        from_staff=more.pop("from_staff", False),
        channel=channel,
        text=text,
        files=files,
        now=now,
        **more,
    )
    if message.audience is Audience.MEMBER:
        known = {(one["kind"], one["value"]): one for one in ticket.identifiers}
        for one in find(f"{ticket.subject}\n{message.text}"):
            known.setdefault(
                (one.kind.value, one.value), {"kind": one.kind.value, "value": one.value, "valid": one.valid}
            )
        ticket.identifiers = list(known.values())[:IDENTIFIERS_MAX]
    return message


def move(
    session: Session,
    ticket: Ticket,
    action: Action,
    kind: str,
    actor: Actor,
    now: datetime,
    *,
    message: Message | None = None,
    holder: Team | None = None,
    outcome: Outcome | None = None,
    escalation_id: int | None = None,
    payload: Mapping[str, Any] | None = None,
) -> None:
    """Everything that moves with a state, in one place: state, holder, ledger, clocks, event."""
    before, remembered = ticket.state, ticket.state_before
    after = next_state(before, action, remembered)
    calendar_id = turn_calendar(session, ticket)
    if after is State.PENDING_MEMBER:
        ticket.state_before = remembered if before is State.PENDING_MEMBER else before
    else:
        ticket.state_before = None
    ticket.state, ticket.updated_at = after, now
    ticket.outcome = (outcome or ticket.outcome) if after in DONE else None
    ticket.resolved_at = (ticket.resolved_at or now) if after in DONE else None
    ticket.closed_at = now if after is State.CLOSED else None
    if after not in (State.ON_HOLD, State.RESOLVED):
        ticket.hold_reason = ticket.next_act_at = None
    pass_on(session, ticket, holder, kind, actor, now, calendar_id=calendar_id)
    public = message if message is not None and message.audience is Audience.MEMBER else None
    changes = changes_of(
        action,
        before,
        after,
        staff_wrote=public is not None and public.from_staff,
        member_wrote=public is not None and not public.from_staff,
        answer=_ANSWERS.get(kind, HandoverAnswer.ACCEPTED),
    )
    # A hold has a reason in words, which whoever waits may read; other pauses are told by what was done.
    why = str((payload or {}).get("reason") or kind) if action is Action.HOLD else kind
    for change in changes:
        sla.apply_change(session, ticket.id, change, actor_id=actor.person_id, reason=why, now=now)
    record(session, ticket, kind, actor, now, message=message, escalation_id=escalation_id, payload=payload)


def pass_on(
    session: Session,
    ticket: Ticket,
    holder: Team | None,
    reason: str,
    actor: Actor,
    now: datetime,
    *,
    calendar_id: int | None,
) -> None:
    """Write into the ledger whose turn it is now. ``calendar_id``: of the turn that ends, from ``turn_calendar``."""
    if holder is not None:
        ticket.holder_team_id = holder.id
    party = TURN[ticket.state]
    custody.pass_to(
        session,
        ticket_id=ticket.id,
        party=party,
        team_id=ticket.holder_team_id if party in (Party.LEAD, Party.REGISTRY) else None,
        calendar_id=calendar_id,
        reason=reason,
        actor_id=actor.person_id,
        now=now,
    )


def turn_calendar(session: Session, ticket: Ticket) -> int | None:
    """The calendar in which the present turn is measured: the holder's, the lead's while the member is on."""
    if TURN[ticket.state] is Party.REGISTRY:
        holder = session.get(Team, ticket.holder_team_id)
        return holder.calendar_id if holder else None
    return accounts.team_of_consortium(session, ticket.consortium_id).calendar_id


def record(
    session: Session,
    ticket: Ticket,
    kind: str,
    actor: Actor,
    now: datetime,
    *,
    message: Message | None = None,
    escalation_id: int | None = None,
    payload: Mapping[str, Any] | None = None,
    quiet: bool = False,
    audience: Audience | None = None,
) -> None:
    """Note what happened to the ticket; its audience is the message's, else the one given, else nobody's in particular.

    The desk acting for others (a registry's own desk, by mail) notes their name: there is no person to show.
    """
    by = {"by": actor.name} if actor.system and actor.name != SYSTEM.name else {}
    events.record(
        session,
        kind,
        at=now,
        actor_id=actor.person_id,
        audience=message.audience.value if message else audience.value if audience else None,
        ticket_id=ticket.id,
        message_id=message.id if message else None,
        escalation_id=escalation_id,
        consortium_id=ticket.consortium_id,
        payload={**(payload or {}), **by},
        quiet=quiet,
    )


def _row(
    session: Session, draft: NewTicket, consortium: Consortium, team: Team, channel: Channel, now: datetime
) -> Ticket:
    entry = catalogue.entry(session, draft.catalogue_key)
    return Ticket(
        kind=draft.kind,
        subject=redact(clean_line(draft.subject, name="The subject", field="subject"))[0],
        consortium_id=consortium.id,
        member_org_id=draft.member_org_id,
        proposed_org_id=draft.proposed_org_id,
        unverified_sender=draft.unverified_sender,
        channel=channel,
        state=State.NEW,
        tier=1,
        holder_team_id=team.id,
        impact=draft.impact,
        urgency=draft.urgency,
        priority=priority_of(draft.impact, draft.urgency),
        catalogue_key=entry.key if entry else None,
        fields=dict(draft.fields),
        service=draft.service or consortium.parent_registry.service,
        environment=draft.environment,
        identifiers=[],
        resolver=Resolver(entry.resolver) if entry and entry.resolver else None,
        registry_may_write=consortium.registry_may_write,
        follow_up_of_id=draft.follow_up_of_id,
        created_at=now,
        updated_at=now,
    )


def _sent_before(session: Session, actor: Actor, draft: NewTicket) -> Ticket | None:
    """The ticket that the same form made already: the button pressed twice, the page sent again."""
    if draft.form_key is None or actor.person_id is None:
        return None
    form = queries.submitted_form(session, actor.person_id, draft.form_key)
    return session.get(Ticket, form.ticket_id) if form else None


def _remember_form(session: Session, actor: Actor, draft: NewTicket, ticket: Ticket, now: datetime) -> None:
    if draft.form_key is None or actor.person_id is None:
        return
    row = {"person_id": actor.person_id, "key": draft.form_key, "ticket_id": ticket.id, "created_at": now}
    if not insert_ignore(session, SubmittedForm, **row):
        raise Conflict("This form is being sent already. Please look at your list of tickets.")


def _check_place(session: Session, draft: NewTicket) -> None:
    for org_id in (draft.member_org_id, draft.proposed_org_id):
        org = session.get(MemberOrg, org_id) if org_id is not None else None
        if org_id is not None and (org is None or org.consortium_id != draft.consortium_id):
            raise InvalidInput("That organisation is not a member of this consortium.", field="member_org_id")
