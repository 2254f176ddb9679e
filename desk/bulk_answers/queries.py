"""Reading which tickets an issue explains, where each stands, how far an answer to them is, and who came back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from desk.bulk_answers.models import BulkAnswer, BulkAnswerTicket, BulkAnswerTold
from desk.conversations.models import Message
from desk.domain.bulk_answer import (
    CHOOSABLE,
    LISTED_AT_MOST,
    REASON_WORDS,
    Progress,
    Reason,
    Standing,
    Task,
    against_reporting,
    against_resolving,
)
from desk.domain.errors import NotFound
from desk.domain.lifecycle import DONE, LIVE, State
from desk.domain.permissions import Actor
from desk.domain.vocabulary import Audience
from desk.escalations.models import Escalation
from desk.issues.models import Issue, IssueTicket
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket, TicketRegistry


@dataclass(frozen=True, slots=True)
class Desk:
    """Whose tickets: of a consortium's members, or those that were handed to a registry."""

    consortium_id: int | None = None
    registry_id: int | None = None

    def is_of(self, actor: Actor) -> bool:
        """Whether the actor works there."""
        if self.consortium_id is not None:
            return self.consortium_id in actor.consortia()
        return self.registry_id in actor.registries()

    def columns(self) -> dict[str, Any]:
        """The values by column."""
        return {"consortium_id": self.consortium_id, "registry_id": self.registry_id}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A ticket that may be resolved with its issue. ``why``: what speaks against it."""

    ticket: Ticket
    why: Reason | None

    @property
    def may_be_chosen(self) -> bool:
        """Whether a person can tick it."""
        return self.why is None or self.why in CHOOSABLE

    @property
    def words(self) -> str:
        """What speaks against it, as a sentence."""
        return REASON_WORDS[self.why] if self.why else ""

    @property
    def value(self) -> str:
        """What the page sends when it is ticked: its number, and the reason that is overruled."""
        return f"{self.ticket.id}:{self.why.value}" if self.why else str(self.ticket.id)


@dataclass(frozen=True, slots=True)
class Offer:
    """The tickets of an issue, before they are answered: the first ones one by one, ``total`` open ones in all."""

    listed: Sequence[Candidate]
    total: int
    over: int

    @property
    def rest(self) -> int:
        """Open ones beyond the list."""
        return self.total - len(self.listed)

    @property
    def ready(self) -> int:
        """Listed ones against which nothing speaks."""
        return sum(each.why is None for each in self.listed)


@dataclass(frozen=True, slots=True)
class Counts:
    """How far an answer is, in tickets."""

    waiting: int = 0
    answered: int = 0
    resolved: int = 0
    reported: int = 0
    left_out: int = 0
    came_back: int = 0

    @property
    def total(self) -> int:
        """All of its tickets."""
        return self.waiting + self.answered + self.resolved + self.reported + self.left_out


def zone_of(ticket: Ticket) -> str:
    """The zone of the ticket's requester."""
    return ticket.requester.timezone if ticket.requester else "UTC"


# ------------------------------------------------------------------ which tickets


def family(issue_id: int, desk: Desk) -> sa.Select[tuple[int]]:
    """Ids of the issue itself and of those below it: of the desk's consortium, of all of them for its registry."""
    below = Issue.upstream_issue_id == issue_id
    if desk.consortium_id is not None:
        below = sa.and_(below, Issue.consortium_id == desk.consortium_id)
    return sa.select(Issue.id).where(sa.or_(Issue.id == issue_id, below))


def links(issue_id: int, desk: Desk) -> sa.Select[tuple[int, int]]:
    """Tickets of the desk that the issue explains, each once, with the issue that they are linked to (own ones first).

    Columns ``ticket_id`` and ``issue_id``.
    """
    own = sa.func.max(sa.case((Issue.consortium_id.is_not(None), Issue.id)))
    return (
        sa.select(IssueTicket.ticket_id, sa.func.coalesce(own, sa.func.max(Issue.id)).label("issue_id"))
        .join(Issue, Issue.id == IssueTicket.issue_id)
        .join(Ticket, Ticket.id == IssueTicket.ticket_id)
        .where(IssueTicket.unlinked_at.is_(None), Issue.id.in_(family(issue_id, desk)), of_desk(desk))
        .group_by(IssueTicket.ticket_id)
    )


def of_desk(desk: Desk) -> sa.ColumnElement[bool]:
    """The condition on ``Ticket``: a consortium's own, or handed to the registry once."""
    if desk.consortium_id is not None:
        return Ticket.consortium_id == desk.consortium_id
    return Ticket.id.in_(sa.select(TicketRegistry.ticket_id).where(TicketRegistry.registry_id == desk.registry_id))


def open_ones(issue_id: int, desk: Desk) -> sa.ColumnElement[bool]:
    """The condition on ``Ticket``: linked and not over; for a registry only those whose turn is its own."""
    linked = links(issue_id, desk).subquery()
    mine = Ticket.id.in_(sa.select(linked.c.ticket_id))
    if desk.registry_id is not None:
        return sa.and_(mine, sa.or_(Ticket.state == State.ESCALATED, Ticket.state_before == State.ESCALATED))
    return sa.and_(mine, Ticket.state.in_(LIVE))


def offer(session: Session, actor: Actor, issue: Issue, desk: Desk) -> Offer:
    """The open tickets of the desk under the issue and what speaks against resolving each. Raises ``NotFound``."""
    if not desk.is_of(actor):
        raise NotFound
    found = session.scalars(
        sa.select(Ticket)
        .where(open_ones(issue.id, desk))
        .options(joinedload(Ticket.member_org), joinedload(Ticket.requester), joinedload(Ticket.holder))
        .order_by(Ticket.id)
        .limit(LISTED_AT_MOST)
    ).all()
    linked = links(issue.id, desk).subquery()
    counted = sa.select(
        sa.func.count().filter(open_ones(issue.id, desk)), sa.func.count().filter(Ticket.state.in_(DONE))
    ).where(Ticket.id.in_(sa.select(linked.c.ticket_id)))
    total, over = session.execute(counted).one()
    standing, judge = standings(session, found), against_reporting if desk.registry_id else against_resolving
    return Offer([Candidate(each, judge(standing[each.id])) for each in found], total, over)


def open_count(session: Session, issue_id: int, desk: Desk) -> int:
    """How many tickets of the desk under the issue are open."""
    return session.scalar(sa.select(sa.func.count()).select_from(Ticket).where(open_ones(issue_id, desk))) or 0


def standings(session: Session, some: Collection[Ticket], but: int | None = None) -> Mapping[int, Standing]:
    """Where each of the tickets stands; in three statements. ``but``: a row that does not count as in hand."""
    ids = [ticket.id for ticket in some]
    wrote, hand_over = _wrote_last(session, ids), _hand_overs(session, ids)
    in_hand = set(
        session.scalars(
            sa.select(BulkAnswerTicket.ticket_id).where(
                BulkAnswerTicket.ticket_id.in_(ids),
                BulkAnswerTicket.state == Progress.WAITING,
                BulkAnswerTicket.task == Task.RESOLVE,
                BulkAnswerTicket.id != (but or 0),
            )
        )
    )
    return {
        ticket.id: Standing(
            state=ticket.state,
            state_before=ticket.state_before,
            verified=ticket.requester_id is not None and not ticket.unverified_sender,
            member_wrote_last=ticket.id in wrote,
            hand_over=hand_over[ticket.id].state if ticket.id in hand_over else None,
            in_hand=ticket.id in in_hand,
        )
        for ticket in some
    }


def _wrote_last(session: Session, ids: Sequence[int]) -> set[int]:
    """Tickets in which the desk has answered and the member wrote after it."""
    said = (
        sa.select(
            Message.ticket_id,
            sa.func.max(Message.id).label("last"),
            sa.func.max(sa.case((Message.from_staff, 1), else_=0)).label("answered"),
        )
        .where(Message.ticket_id.in_(ids), Message.audience == Audience.MEMBER, ~Message.machine)
        .group_by(Message.ticket_id)
        .subquery()
    )
    query = sa.select(said.c.ticket_id).join(Message, Message.id == said.c.last)
    return set(session.scalars(query.where(said.c.answered == 1, ~Message.from_staff)))


def _hand_overs(session: Session, ids: Sequence[int]) -> dict[int, Escalation]:
    """The newest hand-over of each ticket."""
    query = sa.select(Escalation).where(Escalation.ticket_id.in_(ids)).order_by(Escalation.ordinal)
    return {each.ticket_id: each for each in session.scalars(query)}


# ------------------------------------------------------------------ how far it is


def get(session: Session, actor: Actor, bulk_answer_id: int) -> BulkAnswer:
    """An answer of a desk at which the actor works. Raises ``NotFound``."""
    found = session.get(BulkAnswer, bulk_answer_id)
    if found is None or not desk_of(found).is_of(actor):
        raise NotFound
    return found


def desk_of(bulk: BulkAnswer) -> Desk:
    """Whose answer it is."""
    return Desk(bulk.consortium_id, bulk.registry_id)


def of_issue(session: Session, actor: Actor, issue: Issue) -> Sequence[BulkAnswer]:
    """The answers of the actor's own desks about the issue, newest first."""
    own = sa.or_(BulkAnswer.consortium_id.in_(actor.consortia()), BulkAnswer.registry_id.in_(actor.registries()))
    query = sa.select(BulkAnswer).where(BulkAnswer.issue_id == issue.id, own).order_by(BulkAnswer.id.desc())
    return session.scalars(query.limit(LISTED_AT_MOST)).all()


def counts(session: Session, bulk_answer_ids: Collection[int]) -> dict[int, Counts]:
    """How far each of the answers is; one query."""
    row, done = BulkAnswerTicket, BulkAnswerTicket.state == Progress.DONE
    query = (
        sa.select(
            row.bulk_answer_id,
            sa.func.count().filter(row.state == Progress.WAITING),
            sa.func.count().filter(done, row.task == Task.ANSWER),
            sa.func.count().filter(done, row.task == Task.RESOLVE),
            sa.func.count().filter(done, row.task == Task.REPORT_FIX),
            sa.func.count().filter(row.state == Progress.LEFT_OUT),
            sa.func.count().filter(row.came_back_at.is_not(None)),
        )
        .where(row.bulk_answer_id.in_(bulk_answer_ids))
        .group_by(row.bulk_answer_id)
    )
    found = {key: Counts(*numbers) for key, *numbers in session.execute(query)}
    return {key: found.get(key, Counts()) for key in bulk_answer_ids}


def rows(session: Session, actor: Actor, bulk: BulkAnswer) -> list[tuple[BulkAnswerTicket, Ticket]]:
    """Its tickets that the actor may see, those with a reason first, then those that wait; at most a list's length."""
    order = (BulkAnswerTicket.why.is_(None), BulkAnswerTicket.state != Progress.WAITING, BulkAnswerTicket.id)
    query = (
        sa.select(BulkAnswerTicket, Ticket)
        .join(Ticket, Ticket.id == BulkAnswerTicket.ticket_id)
        .where(BulkAnswerTicket.bulk_answer_id == bulk.id, tickets.visible_to(actor))
        .options(joinedload(Ticket.member_org))
        .order_by(*order)
        .limit(LISTED_AT_MOST)
    )
    return [(row, ticket) for row, ticket in session.execute(query)]


# ------------------------------------------------------------------ who is told, who came back


def told_about(session: Session, bulk_answer_id: int, ticket_id: int | None = None) -> set[int]:
    """People whom the answer reaches by a mail about this ticket, or about any."""
    query = sa.select(BulkAnswerTold.person_id).where(BulkAnswerTold.bulk_answer_id == bulk_answer_id)
    return set(session.scalars(query if ticket_id is None else query.where(BulkAnswerTold.ticket_id == ticket_id)))


def to_tell(session: Session, bulk: BulkAnswer, ticket: Ticket) -> list[int]:
    """Who reads the answer on this ticket: requester and participants, but for those whose own ticket is still to come.

    A mail about a colleague's ticket can be switched off; one about one's own cannot.
    """
    others = tickets.subject_of(session, ticket).participant_ids - {ticket.requester_id}
    own = (
        sa.select(Ticket.requester_id)
        .join(BulkAnswerTicket, BulkAnswerTicket.ticket_id == Ticket.id)
        .where(
            BulkAnswerTicket.bulk_answer_id == bulk.id,
            BulkAnswerTicket.state == Progress.WAITING,
            Ticket.id != ticket.id,
            Ticket.requester_id.in_(others),
        )
    )
    told = others - set(session.scalars(own)) if others else others
    return sorted(told | ({ticket.requester_id} if ticket.requester_id is not None else set()))


def issue_of(session: Session, bulk_answer_id: int | None) -> int | None:
    """The issue whose tickets an answer is for."""
    return session.scalar(sa.select(BulkAnswer.issue_id).where(BulkAnswer.id == bulk_answer_id))


def came_back_count(session: Session, issue_id: int) -> int:
    """How many tickets that were resolved through the issue, or one below it, came back: of whichever consortium."""
    return session.scalar(sa.select(sa.func.count()).select_from(BulkAnswerTicket).where(_came_back(issue_id))) or 0


def came_back(session: Session, actor: Actor, issue: Issue) -> list[tuple[BulkAnswerTicket, Ticket]]:
    """Those of them that the actor may see, newest first."""
    query = (
        sa.select(BulkAnswerTicket, Ticket)
        .join(Ticket, Ticket.id == BulkAnswerTicket.ticket_id)
        .where(_came_back(issue.id), tickets.visible_to(actor))
        .order_by(BulkAnswerTicket.came_back_at.desc(), BulkAnswerTicket.id.desc())
        .limit(LISTED_AT_MOST)
    )
    return [(row, ticket) for row, ticket in session.execute(query)]


def _came_back(issue_id: int) -> sa.ColumnElement[bool]:
    below = sa.select(Issue.id).where(Issue.upstream_issue_id == issue_id)
    through = sa.or_(BulkAnswerTicket.issue_id == issue_id, BulkAnswerTicket.issue_id.in_(below))
    return sa.and_(BulkAnswerTicket.came_back_at.is_not(None), through)
