"""Reading what a registry has open: escalations and issues by age, fairness between consortia, what lacks what.

Everything is what ``escalations`` and ``issues`` show the registry's desk anyway, through their scopes: nothing here is
read that was not handed over.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from desk.accounts.models import Consortium, Person, Team
from desk.calendars import queries as calendars
from desk.domain.calendar_history import CalendarHistory
from desk.domain.escalation import OPEN, WITH_REGISTRY, EscalationState
from desk.domain.lifecycle import LIVE, TURN, State
from desk.domain.permissions import Actor
from desk.domain.register import LIVE as LIVE_ISSUES
from desk.domain.register import is_overdue
from desk.domain.reports import Ages, percent
from desk.domain.targets import Kind
from desk.domain.vocabulary import Party
from desk.escalations import queries as escalations
from desk.escalations.models import Escalation, EscalationRound
from desk.issues import queries as issues
from desk.issues.models import Issue, affected_counts
from desk.sla.models import Clock
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket

PAGE_SIZE = 50
REGISTRY_TIER = 2
"""The team in whose hours a registry's work is measured, as its clocks are."""

FIRST, LAST = aliased(EscalationRound), aliased(EscalationRound)
SINCE = FIRST.sent_at
# Since when it is as it is: sent, or come back. Accepting and moving between tiers does not begin a new wait.
_WAITS_SINCE = sa.func.coalesce(LAST.ended_at, LAST.sent_at)
_TEAM_TURN = sa.case(
    {state.value: party.value for state, party in TURN.items()}, value=sa.cast(Ticket.state, sa.String), else_=""
)


def hours(session: Session, registry_id: int) -> CalendarHistory | None:
    """The working hours in which a registry's ages are measured; None without a calendar."""
    key = calendars.calendar_of_party(session, registry_id=registry_id, tier=REGISTRY_TIER)
    return calendars.history(session, key)


def worked(history: CalendarHistory | None, since: datetime, now: datetime) -> int | None:
    """Working seconds from then to now; None without a calendar."""
    return None if history is None else max(history.elapsed(since, now), 0)


# ------------------------------------------------------------------ open escalations


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is narrowed to; empty: all that is open. ``holder``: whose turn it is."""

    consortium_id: int | None = None
    service: str = ""
    tier: int | None = None
    state: EscalationState | None = None
    holder: Party | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """In SQL, for a select that joins ``Ticket``."""
        wanted: list[tuple[Any, sa.ColumnElement[bool]]] = [
            (self.consortium_id, Ticket.consortium_id == self.consortium_id),
            (self.service, Ticket.service == self.service),
            (self.tier, Escalation.tier == self.tier),
            (self.state, Escalation.state == self.state),
            (self.holder, Ticket.state.in_([state for state, party in TURN.items() if party is self.holder])),
        ]
        return [condition for value, condition in wanted if value]


ORDERS: dict[str, tuple[sa.ColumnElement[Any], ...]] = {
    "age": (SINCE.asc(),),
    "waits": (_WAITS_SINCE.asc(),),
    "consortium": (Consortium.name.asc(), SINCE.asc()),
    "service": (Ticket.service.asc(), SINCE.asc()),
    "tier": (Escalation.tier.desc(), SINCE.asc()),
    "state": (Escalation.state.asc(), SINCE.asc()),
    "holder": (_TEAM_TURN.asc(), Person.name.asc().nulls_first(), SINCE.asc()),
}
"""By what the list can be ordered; the oldest first within."""


@dataclass(frozen=True, slots=True)
class Open:
    """An open escalation. ``since``: first sent; ``waits_since``: sent or come back for the last time."""

    ticket: int
    subject: str
    consortium_id: int
    consortium: str
    service: str
    tier: int
    state: EscalationState
    ticket_state: State
    assignee: str | None
    team: str | None
    since: datetime
    waits_since: datetime

    @property
    def holder(self) -> Party:
        """Whose turn it is."""
        return TURN[self.ticket_state]


_COLUMNS = (
    Ticket.id,
    Ticket.subject,
    Ticket.consortium_id,
    Consortium.name,
    Ticket.service,
    Escalation.tier,
    Escalation.state,
    Ticket.state,
    Person.name,
    Team.name,
    SINCE,
    _WAITS_SINCE,
)


def sent_and_open(actor: Actor, registry_id: int, *columns: Any) -> sa.Select[Any]:
    """Escalations that were sent to the registry and are not over."""
    first = sa.and_(FIRST.escalation_id == Escalation.id, FIRST.cycle == 1)
    last = sa.and_(LAST.escalation_id == Escalation.id, LAST.cycle == Escalation.cycle)
    return (
        sa.select(*columns)
        .select_from(Escalation)
        .join(Ticket, Ticket.id == Escalation.ticket_id)
        .join(FIRST, first)
        .join(LAST, last)
        .where(
            Escalation.registry_id == registry_id,
            Escalation.state.in_(OPEN),
            Ticket.state.in_(LIVE),
            escalations.visible_to(actor),
        )
    )


def open_escalations(
    session: Session, actor: Actor, registry_id: int, filters: Filters, order: str, page: int | None
) -> list[Open]:
    """A page of what is open, one row more if more follow; all of it without a page."""
    wanted = (
        sent_and_open(actor, registry_id, *_COLUMNS)
        .join(Consortium, Consortium.id == Ticket.consortium_id)
        .outerjoin(Person, Person.id == Escalation.assignee_id)
        .outerjoin(Team, Team.id == Ticket.holder_team_id)
        .where(*filters.conditions())
        .order_by(*ORDERS.get(order, ORDERS["age"]), Escalation.id)
    )
    if page is not None:
        wanted = wanted.limit(PAGE_SIZE + 1).offset((page - 1) * PAGE_SIZE)
    rows = session.execute(wanted).all()
    names = tickets.subjects_for(session, actor, {row[0]: row[1] for row in rows})
    return [Open(row[0], names[row[0]], *row[2:]) for row in rows]


@dataclass(slots=True)
class Facets:
    """How many open escalations there are by each thing the list can be narrowed to."""

    total: int = 0
    consortium: dict[int, int] = field(default_factory=dict)
    service: dict[str, int] = field(default_factory=dict)
    tier: dict[int, int] = field(default_factory=dict)
    state: dict[EscalationState, int] = field(default_factory=dict)
    holder: dict[Party, int] = field(default_factory=dict)

    def add(self, count: int, **values: Any) -> None:
        """Count some that have these values."""
        self.total += count
        for name, value in values.items():
            counts = getattr(self, name)
            counts[value] = counts.get(value, 0) + count


def facets(session: Session, actor: Actor, registry_id: int) -> Facets:
    """One query, grouped by everything at once: there are few different rows."""
    keys = (Ticket.consortium_id, Ticket.service, Escalation.tier, Escalation.state, Ticket.state)
    found = Facets()
    rows = session.execute(sent_and_open(actor, registry_id, *keys, sa.func.count()).group_by(*keys).order_by(*keys))
    for consortium_id, service, tier, state, ticket_state, count in rows:
        found.add(count, consortium=consortium_id, service=service, tier=tier, state=state, holder=TURN[ticket_state])
    return found


# ------------------------------------------------------------------ fairness


@dataclass(slots=True)
class Fairness:
    """How one consortium's open escalations stand, in working seconds of the registry.

    ``late`` of ``promised``: past, or answered past, the date promised for acceptance of the last sending.
    """

    consortium_id: int
    name: str
    ages: Ages
    late: int
    promised: int
    back: Ages  # come back to the lead: since when

    @property
    def late_percent(self) -> int | None:
        """The share of those with a promise that missed it."""
        return percent(self.late, self.promised)


def fairness(session: Session, actor: Actor, registry_id: int, now: datetime) -> tuple[list[Fairness], Ages]:
    """Every consortium of the registry, the one that waits longest first, and all of them together."""
    history = hours(session, registry_id)
    clock = sa.and_(Clock.ticket_id == Ticket.id, Clock.kind == Kind.REGISTRY_ACCEPTANCE, Clock.current)
    late = sa.or_(Clock.breached_at.is_not(None), sa.and_(Clock.running_since.is_not(None), Clock.breach_at < now))
    columns = (Ticket.consortium_id, Escalation.state, SINCE, _WAITS_SINCE, Clock.target_seconds, late)
    rows = session.execute(sent_and_open(actor, registry_id, *columns).outerjoin(Clock, clock)).all()
    names = session.execute(
        sa.select(Consortium.id, Consortium.name).where(Consortium.registry_id == registry_id).order_by(Consortium.name)
    )
    found = [_fairness(number, name, [row for row in rows if row[0] == number], history, now) for number, name in names]
    everybody = Ages.of(worked(history, row[2], now) or 0 for row in rows if row[1] in WITH_REGISTRY)
    return sorted(found, key=lambda each: -(each.ages.median or 0)), everybody


def _fairness(number: int, name: str, rows: Sequence[Any], history: CalendarHistory | None, now: datetime) -> Fairness:
    ours = [row for row in rows if row[1] in WITH_REGISTRY]
    promised = [is_late for *_, target, is_late in ours if target is not None]
    return Fairness(
        consortium_id=number,
        name=name,
        ages=Ages.of(worked(history, row[2], now) or 0 for row in ours),
        late=sum(bool(each) for each in promised),
        promised=len(promised),
        back=Ages.of(worked(history, row[3], now) or 0 for row in rows if row[1] not in WITH_REGISTRY),
    )


# ------------------------------------------------------------------ open issues


NEEDS = ("workaround", "review")


@dataclass(frozen=True, slots=True)
class OpenIssue:
    """A live issue of the registry with whom it affects."""

    issue: Issue
    manager: str | None
    members: int
    consortia: int

    def is_overdue(self, today: date) -> bool:
        """Whether its review date has passed."""
        return is_overdue(self.issue.next_review_on, self.issue.state, today)


def _needs(need: str, today: date) -> list[sa.ColumnElement[bool]]:
    if need == "workaround":
        return [Issue.workaround == ""]
    return [Issue.next_review_on < today] if need == "review" else []


_LIVE_ISSUES = Issue.state.in_(LIVE_ISSUES)

ISSUE_ORDERS = ("members", "age", "review", "state", "service")


def open_issues(
    session: Session, actor: Actor, registry_id: int, *, need: str, order: str, today: date, page: int
) -> list[OpenIssue]:
    """A page of the registry's live issues, one more if more follow; those that affect most members first."""
    counts = affected_counts()
    members = sa.func.coalesce(counts.c.members, 0)
    orders: dict[str, tuple[Any, ...]] = {
        "members": (members.desc(),),
        "age": (Issue.created_at.asc(),),
        "review": (Issue.next_review_on.asc().nulls_last(),),
        "state": (Issue.state.asc(),),
        "service": (Issue.service.asc(),),
    }
    wanted = (
        sa.select(Issue, Person.name, members, sa.func.coalesce(counts.c.consortia, 0))
        .outerjoin(counts, counts.c.issue_id == Issue.id)
        .outerjoin(Person, Person.id == Issue.problem_manager_id)
        .where(Issue.registry_id == registry_id, _LIVE_ISSUES, issues.visible_to(actor), *_needs(need, today))
        .order_by(*orders.get(order, orders["members"]), Issue.id)
        .limit(PAGE_SIZE + 1)
        .offset((page - 1) * PAGE_SIZE)
    )
    return [OpenIssue(*row) for row in session.execute(wanted)]


def issue_counts(session: Session, actor: Actor, registry_id: int, today: date) -> dict[str, int]:
    """How many live issues there are, without a workaround, and past their review; one query."""
    tallies = [sa.func.sum(sa.case((sa.and_(*_needs(need, today)), 1), else_=0)) for need in NEEDS]
    row = session.execute(
        sa.select(sa.func.count(), *tallies).where(
            Issue.registry_id == registry_id, _LIVE_ISSUES, issues.visible_to(actor)
        )
    ).one()
    return {"all": row[0], **{need: int(count or 0) for need, count in zip(NEEDS, row[1:], strict=True)}}
