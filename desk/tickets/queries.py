"""Reading tickets: one scope for lists, pages, search and attachments, so that what is listed can be opened."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from desk.accounts.models import MemberOrg, Organisation, Person
from desk.conversations import queries as conversations
from desk.conversations.models import Attachment, Message
from desk.conversations.queries import ShownMessage
from desk.domain.errors import NotFound
from desk.domain.lifecycle import DONE, LIVE, State
from desk.domain.masking import mask
from desk.domain.permissions import Actor, TicketSubject
from desk.domain.targets import MEMBER_KINDS, Kind
from desk.domain.vocabulary import Audience
from desk.sla.models import Clock
from desk.tickets.models import Participant, SubmittedForm, Ticket, TicketRegistry

PAGE_SIZE = 50


@dataclass(frozen=True)
class QueueFilter:
    """What a lead wants to see of the queue. Empty means all that is not done."""

    mine: bool = False
    unassigned: bool = False
    state: State | None = None
    done: bool = False
    member_org_id: int | None = None
    words: str = ""


@dataclass(frozen=True)
class Row:
    """One line of a list: the ticket, its member and people, and the clock that matters next, if any runs."""

    ticket: Ticket
    org_name: str | None
    requester_name: str | None
    assignee_name: str | None
    clock: Clock | None


def visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    """The condition on ``Ticket`` that says the same as ``may(actor, TICKET_READ, ...)``."""
    if actor.system:
        return sa.true()
    return sa.or_(
        _own(actor),
        Ticket.id.in_(sa.select(TicketRegistry.ticket_id).where(TicketRegistry.registry_id.in_(actor.registries()))),
    )


def _own(actor: Actor) -> sa.ColumnElement[bool]:
    """Whoever sees it as its lead or its member."""
    member_consortia = actor.member_consortia()
    return sa.or_(
        Ticket.consortium_id.in_(actor.consortia()),
        Ticket.member_org_id.in_(actor.orgs(all_tickets=True)),
        sa.and_(
            Ticket.requester_id == actor.person_id,
            sa.or_(
                Ticket.member_org_id.in_(actor.orgs()),
                sa.and_(Ticket.member_org_id.is_(None), Ticket.consortium_id.in_(member_consortia)),
            ),
        ),
        sa.and_(
            Ticket.consortium_id.in_(member_consortia),
            Ticket.id.in_(sa.select(Participant.ticket_id).where(Participant.person_id == actor.person_id)),
        ),
    )


def subject_for(session: Session, actor: Actor, ticket: Ticket) -> str:
    """The subject as this reader may read it: every door shows this, never the column."""
    return subjects_for(session, actor, {ticket.id: ticket.subject})[ticket.id]


def subjects_for(session: Session, actor: Actor, subjects: Mapping[int, str]) -> dict[int, str]:
    """Subjects by ticket id as this reader may read them.

    For a registry iDs and addresses are masked, as in all it reads, until consent came with a sending. One query, and
    none where nothing is to be masked.
    """
    hidden = {number: mask(text) for number, text in subjects.items() if mask(text) != text}
    if not hidden or actor.system or not actor.registries():
        return dict(subjects)
    named = sa.select(TicketRegistry.ticket_id).where(
        TicketRegistry.registry_id.in_(actor.registries()), TicketRegistry.people_named
    )
    whole = sa.select(Ticket.id).where(Ticket.id.in_(hidden), sa.or_(_own(actor), Ticket.id.in_(named)))
    return {**subjects, **hidden, **{number: subjects[number] for number in session.scalars(whole)}}


def subject_at(session: Session, ticket: Ticket, registry_id: int) -> str:
    """The subject as a registry reads it, whoever there: for what is sent to a desk rather than to a person."""
    return ticket.subject if names_people_to(session, ticket.id, registry_id) else mask(ticket.subject)


def names_people_to(session: Session, ticket_id: int, registry_id: int) -> bool:
    """Whether this registry reads iDs and addresses of the ticket's people."""
    handed = sa.exists().where(
        TicketRegistry.ticket_id == ticket_id, TicketRegistry.registry_id == registry_id, TicketRegistry.people_named
    )
    return session.scalar(sa.select(handed)) is True


def get(session: Session, actor: Actor, number: int) -> Ticket:
    """The ticket of that number if the actor may see it; raises ``NotFound`` otherwise."""
    found = session.scalars(sa.select(Ticket).where(Ticket.id == number, visible_to(actor))).first()
    if found is None:
        raise NotFound
    return found


def some(session: Session, actor: Actor, numbers: Collection[int]) -> dict[int, Ticket]:
    """Those of the tickets that the actor may see, by number; one query."""
    found = session.scalars(sa.select(Ticket).where(Ticket.id.in_(numbers), visible_to(actor)))
    return {ticket.id: ticket for ticket in found}


def subject_of(session: Session, ticket: Ticket) -> TicketSubject:
    """The ticket as the rules see it."""
    # Asked several times for a page, so one statement instead of two.
    rows = session.execute(
        sa.union_all(
            sa.select(sa.literal("person"), Participant.person_id).where(Participant.ticket_id == ticket.id),
            sa.select(sa.literal("registry"), TicketRegistry.registry_id).where(TicketRegistry.ticket_id == ticket.id),
        )
    ).all()
    return TicketSubject(
        consortium_id=ticket.consortium_id,
        member_org_id=ticket.member_org_id,
        requester_id=ticket.requester_id,
        participant_ids=frozenset(each for kind, each in rows if kind == "person"),
        registry_ids=frozenset(each for kind, each in rows if kind == "registry"),
        registry_may_write=ticket.registry_may_write,
    )


def messages_for(
    session: Session, actor: Actor, ticket: Ticket, subject: TicketSubject | None = None
) -> list[ShownMessage]:
    """The conversation as this reader may see it, oldest first. ``subject``: of the ticket, if it is at hand."""
    return conversations.shown_to(session, actor, ticket.id, subject or subject_of(session, ticket))


def submitted_form(session: Session, person_id: int, key: str) -> SubmittedForm | None:
    """The record that this person sent the form of this key."""
    return session.scalars(
        sa.select(SubmittedForm).where(SubmittedForm.person_id == person_id, SubmittedForm.key == key)
    ).first()


def first_message(session: Session, ticket: Ticket) -> Message:
    """The message with which the ticket was filed."""
    return session.scalars(sa.select(Message).where(Message.ticket_id == ticket.id).order_by(Message.id).limit(1)).one()


def latest_message_id(session: Session, actor: Actor, ticket: Ticket) -> int:
    """The newest message the reader may see, 0 when there is none: a draft is held back when it is not the newest."""
    shown = messages_for(session, actor, ticket)
    return shown[-1].message.id if shown else 0


def attachment_for(session: Session, actor: Actor, attachment_id: int) -> Attachment:
    """An attachment whose message the actor may read, and which was disclosed if that is their only right."""
    message = conversations.message_of_attachment(session, attachment_id)
    ticket = session.get(Ticket, message.ticket_id) if message else None
    if ticket is None:
        raise NotFound
    visible = (file for one in messages_for(session, actor, ticket) for file in one.attachments)
    found = next((file for file in visible if file.id == attachment_id), None)
    if found is None:
        raise NotFound
    return found


def queue(session: Session, actor: Actor, wanted: QueueFilter, *, page: int = 1) -> list[Row]:
    """A page of the lead's queue, what is due next first; one row more than a page when more follow."""
    conditions = [Ticket.consortium_id.in_(actor.consortia()), *_filtered(actor, wanted)]
    newest_first = [Ticket.updated_at.desc()] if wanted.done else []
    return _rows(session, conditions, [*newest_first, *_due_first()], page)


def my_tickets(session: Session, actor: Actor, *, done: bool = False, page: int = 1) -> list[Row]:
    """A page of a member's tickets, those that wait for the member first."""
    waiting = sa.case((Ticket.state == State.PENDING_MEMBER, 0), (Ticket.state == State.RESOLVED, 1), else_=2)
    closed = Ticket.state == State.CLOSED
    conditions = [visible_to(actor), closed if done else ~closed]
    return _rows(session, conditions, [waiting, Ticket.updated_at.desc()], page, kinds=MEMBER_KINDS)


def counts(session: Session, actor: Actor) -> dict[str, int]:
    """How many open tickets of the lead's queue are in each state, are mine, and are nobody's: one query."""
    rows = session.execute(
        sa.select(
            Ticket.state,
            sa.func.count(),
            sa.func.sum(sa.case((Ticket.assignee_id == actor.person_id, 1), else_=0)),
            sa.func.sum(sa.case((Ticket.assignee_id.is_(None), 1), else_=0)),
        )
        .where(Ticket.consortium_id.in_(actor.consortia()), Ticket.state.in_(LIVE))
        .group_by(Ticket.state)
    ).all()
    found = {state.value: count for state, count, _, _ in rows}
    found["all"] = sum(count for _, count, _, _ in rows)
    found["mine"] = sum(int(mine) for _, _, mine, _ in rows)
    found["unassigned"] = sum(int(nobody) for _, _, _, nobody in rows)
    return found


def _filtered(actor: Actor, wanted: QueueFilter) -> list[sa.ColumnElement[bool]]:
    # Named rather than excluded: an index finds the few open ones among all that were ever closed.
    conditions: list[sa.ColumnElement[bool]] = [Ticket.state.in_(DONE if wanted.done else LIVE)]
    if wanted.mine:
        conditions.append(Ticket.assignee_id == actor.person_id)
    if wanted.unassigned:
        conditions.append(Ticket.assignee_id.is_(None))
    if wanted.state:
        conditions = [Ticket.state == wanted.state, *conditions[1:]]
    if wanted.member_org_id:
        conditions.append(Ticket.member_org_id == wanted.member_org_id)
    if wanted.words.strip():
        conditions = [_matches(wanted.words), *conditions[1:]]
    return conditions


def _matches(words: str) -> sa.ColumnElement[bool]:
    """A number, or every word somewhere in subject, member, requester or conversation."""
    number = words.strip().lstrip("#")
    if number.isascii() and number.isdigit() and len(number) < 10:
        return Ticket.id == int(number)
    return sa.and_(*(_has_word(word) for word in words.split()[:6]))


def _has_word(word: str) -> sa.ColumnElement[bool]:
    # The queue is the lead's: a hit on a note between registry people would tell what stands in it.
    readable = Message.audience != Audience.REGISTRY
    said = sa.exists().where(Message.ticket_id == Ticket.id, readable, Message.text.icontains(word, autoescape=True))
    return sa.or_(
        Ticket.subject.icontains(word, autoescape=True),
        Organisation.name.icontains(word, autoescape=True),
        _REQUESTER.name.icontains(word, autoescape=True),
        said,
    )


_REQUESTER = aliased(Person, name="requester")
_ASSIGNEE = aliased(Person, name="assignee")


def _due_first() -> list[sa.ColumnElement[Any]]:
    return [Clock.due_at.asc().nulls_last(), Ticket.id.asc()]


def _is_next_clock(kinds: Sequence[Kind]) -> sa.ColumnElement[bool]:
    """The running clock of the ticket, of those kinds, that is due first.

    Said as "none of its clocks is due earlier", so that a database looks up the few clocks of each listed ticket by
    index; asked for the first of them by a subquery, PostgreSQL reads all clocks there are.
    """
    earlier = aliased(Clock)
    # Where all are looked at, the kind is not asked for: the index knows nothing of it.
    narrow = len(kinds) < len(Kind)
    return sa.and_(
        Clock.ticket_id == Ticket.id,
        Clock.running_since.is_not(None),
        Clock.due_at.is_not(None),
        *([Clock.kind.in_(kinds)] if narrow else []),
        ~sa.exists().where(
            earlier.ticket_id == Clock.ticket_id,
            *([earlier.kind.in_(kinds)] if narrow else []),
            earlier.running_since.is_not(None),
            sa.tuple_(earlier.due_at, earlier.id) < sa.tuple_(Clock.due_at, Clock.id),
        ),
    )


def _rows(
    session: Session,
    conditions: Sequence[sa.ColumnElement[bool]],
    order: Sequence[sa.ColumnElement[Any]],
    page: int,
    kinds: Sequence[Kind] = tuple(Kind),
) -> list[Row]:
    found = session.execute(
        sa.select(Ticket, Organisation.name, _REQUESTER.name, _ASSIGNEE.name, Clock)
        .outerjoin(MemberOrg, MemberOrg.id == Ticket.member_org_id)
        .outerjoin(Organisation, Organisation.id == MemberOrg.organisation_id)
        .outerjoin(_REQUESTER, _REQUESTER.id == Ticket.requester_id)
        .outerjoin(_ASSIGNEE, _ASSIGNEE.id == Ticket.assignee_id)
        .outerjoin(Clock, _is_next_clock(kinds))
        .where(*conditions)
        .order_by(*order)
        .limit(PAGE_SIZE + 1)
        .offset((max(page, 1) - 1) * PAGE_SIZE)
    )
    return [Row(*row) for row in found]


def handover_allowed(subject: TicketSubject, audience: Audience) -> bool:
    """Whether there is anybody at the other end: hand-over and registry notes need a registry that has the ticket."""
    return audience not in (Audience.HANDOVER, Audience.REGISTRY) or bool(subject.registry_ids)
