"""Reading the register: one scope for the record, its lines, and who is affected, with the names one may know."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased, selectinload

from desk.accounts import queries as accounts
from desk.accounts.models import Consortium, MemberOrg, Organisation, Person, Registry
from desk.domain import register
from desk.domain.errors import NotFound
from desk.domain.permissions import LEAD_ROLES, REGISTRY_ROLES, Actor, IssueSubject, Permission, may
from desk.domain.register import Affected, EntryAudience, Filters, IssueState
from desk.issues.models import (
    Issue,
    IssueDecision,
    IssuePublication,
    IssueTicket,
    IssueUpdate,
    affected_counts,
    affects,
)
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket

PAGE_SIZE = 50
OPEN_ISSUES_READ = 500  # of the newest when a ticket is compared with them
LISTED_AT_MOST = 200


@dataclass(frozen=True, slots=True)
class RegisterLine:
    """A line of the register. ``members`` and ``consortia`` are how many are affected; ``total`` lines in all."""

    issue: Issue
    owned_by: str
    responsible: str | None
    members: int
    consortia: int
    total: int

    def is_overdue(self, today: date) -> bool:
        """Whether the review date of a live issue has passed."""
        return register.is_overdue(self.issue.next_review_on, self.issue.state, today)


# ------------------------------------------------------------------ the record


def visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    """The condition on ``Issue`` that says the same as ``may(actor, ISSUE_READ, ...)``."""
    if actor.system:
        return sa.true()
    upstream = aliased(Issue)
    linked_upward = sa.exists().where(
        upstream.id == Issue.upstream_issue_id, upstream.registry_id.in_(actor.registries())
    )
    return sa.or_(
        Issue.consortium_id.in_(actor.consortia()),
        Issue.registry_id.in_(actor.registries(REGISTRY_ROLES | LEAD_ROLES)),
        linked_upward.correlate(Issue),
    )


def get(session: Session, actor: Actor, number: int) -> Issue:
    """The issue's internal record, if the actor reads it. Raises ``NotFound``."""
    issue = session.scalars(sa.select(Issue).where(Issue.id == number, visible_to(actor))).first()
    if issue is None:
        raise NotFound
    return issue


def subject_of(session: Session, issue: Issue) -> IssueSubject:
    """The issue as the rules see it."""
    published = sa.select(IssuePublication.consortium_id).where(
        IssuePublication.issue_id == issue.id, IssuePublication.withdrawn_at.is_(None)
    )
    upstream = sa.select(Issue.registry_id).where(Issue.id == issue.upstream_issue_id)
    return IssueSubject(
        consortium_id=issue.consortium_id,
        registry_id=issue.registry_id,
        published_to=frozenset(session.scalars(published)),
        linked_to_registry_id=session.scalar(upstream) if issue.upstream_issue_id else None,
    )


def register_lines(
    session: Session, actor: Actor, filters: Filters, today: date, page: int = 1, size: int = PAGE_SIZE
) -> list[RegisterLine]:
    """A page of the register in one query: live ones first, those to be reviewed soonest at the top."""
    counts = affected_counts()
    query = (
        sa.select(
            Issue,
            sa.func.coalesce(Consortium.name, Registry.name),
            Person.name,
            sa.func.coalesce(counts.c.members, 0),
            sa.func.coalesce(counts.c.consortia, 0),
            sa.func.count().over(),
        )
        .outerjoin(Consortium, Consortium.id == Issue.consortium_id)
        .outerjoin(Registry, Registry.id == Issue.registry_id)
        .outerjoin(Person, Person.id == sa.func.coalesce(Issue.owner_id, Issue.problem_manager_id))
        .outerjoin(counts, counts.c.issue_id == Issue.id)
        .where(visible_to(actor), Issue.merged_into_id.is_(None), *_narrowed(filters, today))
        .order_by(Issue.state.not_in(register.LIVE), sa.nulls_last(Issue.next_review_on.asc()), Issue.id.desc())
        .limit(size)
        .offset(max(0, page - 1) * size)
    )
    return [RegisterLine(*row) for row in session.execute(query)]


def _narrowed(filters: Filters, today: date) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if filters.state == "live":
        found.append(Issue.state.in_(register.LIVE))
    elif filters.state == "overdue":
        found += [Issue.state.in_(register.LIVE), Issue.next_review_on < today]
    elif filters.state in set(IssueState):
        found.append(Issue.state == IssueState(filters.state))
    if filters.service:
        found.append(Issue.service == filters.service)
    if filters.text:
        found.append(
            sa.or_(*(column.icontains(filters.text, autoescape=True) for column in (Issue.title, Issue.symptom)))
        )
    return found


# ------------------------------------------------------------------ who is affected


def affected(session: Session, actor: Actor, issue: Issue) -> Affected:
    """How many members and consortia the issue affects, with the names that this reader may know."""
    counts, links = affected_counts(issue.id), affects(issue.id)
    row = session.execute(sa.select(counts.c.members, counts.c.consortia).where(counts.c.issue_id == issue.id)).first()
    members, consortia = (row[0], row[1]) if row else (0, 0)
    mine = (
        sa.select(MemberOrg.id, Organisation.name)
        .join(links, links.c.member_org_id == MemberOrg.id)
        .join(Organisation, Organisation.id == MemberOrg.organisation_id)
        .where(links.c.issue_id == issue.id, MemberOrg.consortium_id.in_(actor.consortia()))
        .distinct()
        .order_by(Organisation.name)
    )
    names: Sequence[str] = ()
    if issue.registry_id is not None and issue.registry_id in actor.registries():
        names = session.scalars(
            sa.select(Consortium.name)
            .where(Consortium.id.in_(sa.select(links.c.consortium_id).where(links.c.issue_id == issue.id)))
            .order_by(Consortium.name)
        ).all()
    return Affected(members, consortia, tuple(row.name for row in session.execute(mine)), tuple(names))


def own_members(session: Session, actor: Actor, issue_ids: Sequence[int]) -> dict[int, list[str]]:
    """Per issue the names of the affected members of the actor's own consortia, in order; one query."""
    links = affects()
    rows = session.execute(
        sa.select(links.c.issue_id, Organisation.name)
        .join(MemberOrg, MemberOrg.id == links.c.member_org_id)
        .join(Organisation, Organisation.id == MemberOrg.organisation_id)
        .where(links.c.issue_id.in_(issue_ids), MemberOrg.consortium_id.in_(actor.consortia()))
        .distinct()
        .order_by(Organisation.name)
    )
    found: dict[int, list[str]] = {}
    for issue_id, name in rows:
        found.setdefault(issue_id, []).append(name)
    return found


def members_affected(session: Session, issue_id: int) -> int:
    """How many members the issue affects, wherever they are."""
    counts = affected_counts(issue_id)
    return session.scalar(sa.select(counts.c.members).where(counts.c.issue_id == issue_id)) or 0


def linked_tickets(session: Session, actor: Actor, issue: Issue) -> Sequence[Ticket]:
    """The linked tickets that the actor may see, newest first; the rest is a number in ``affected``."""
    linked = sa.select(IssueTicket.ticket_id).where(IssueTicket.issue_id == issue.id, IssueTicket.unlinked_at.is_(None))
    return session.scalars(
        sa.select(Ticket)
        .where(Ticket.id.in_(linked), tickets.visible_to(actor))
        .options(selectinload(Ticket.member_org))
        .order_by(Ticket.number.desc())
        .limit(LISTED_AT_MOST)
    ).all()


def entries_for(session: Session, actor: Actor, issue: Issue) -> Sequence[IssueUpdate]:
    """Dated entries that the actor reads, newest first: the owner's own only for the owner's desk."""
    allowed = [
        IssueUpdate.audience == EntryAudience.DESKS,
        IssueUpdate.consortium_id.in_(actor.consortia()),
    ]
    if may(actor, Permission.ISSUE_EDIT, subject_of(session, issue)):
        allowed.append(IssueUpdate.audience == EntryAudience.OWNER)
    query = sa.select(IssueUpdate).where(IssueUpdate.issue_id == issue.id, sa.or_(*allowed))
    return session.scalars(query.order_by(IssueUpdate.id.desc()).limit(LISTED_AT_MOST)).all()


def entries_of_desks(session: Session, issue: Issue) -> Sequence[IssueUpdate]:
    """Dated entries for everybody who reads the record."""
    return session.scalars(sa.select(IssueUpdate).filter_by(issue_id=issue.id, audience=EntryAudience.DESKS)).all()


def decisions_for(session: Session, actor: Actor, issue: Issue) -> Sequence[IssueDecision]:
    """What was decided, newest first; nothing for those who do not own the issue."""
    if not may(actor, Permission.ISSUE_EDIT, subject_of(session, issue)):
        return []
    query = sa.select(IssueDecision).where(IssueDecision.issue_id == issue.id)
    return session.scalars(query.order_by(IssueDecision.id.desc()).limit(LISTED_AT_MOST)).all()


def below(session: Session, actor: Actor, issue: Issue) -> Sequence[Issue]:
    """Issues of consortia that point to this one and whose record the actor reads."""
    return session.scalars(
        sa.select(Issue)
        .where(Issue.upstream_issue_id == issue.id, visible_to(actor))
        .options(selectinload(Issue.consortium))
        .order_by(Issue.id.desc())
        .limit(LISTED_AT_MOST)
    ).all()


def upstream_choices(session: Session, actor: Actor, issue: Issue) -> Sequence[Issue]:
    """Live issues of the consortium's own registry that this one may point to, newest first."""
    registry_id = sa.select(Consortium.registry_id).where(Consortium.id == issue.consortium_id).scalar_subquery()
    query = sa.select(Issue).where(Issue.registry_id == registry_id, Issue.state.in_(register.LIVE), visible_to(actor))
    return session.scalars(query.order_by(Issue.id.desc()).limit(LISTED_AT_MOST)).all()


def people_for(session: Session, owned: IssueSubject, now: datetime) -> tuple[Sequence[Person], Sequence[Person]]:
    """Who may be responsible at the lead (nobody for a registry's issue), and who problem manager at the registry."""
    if owned.consortium_id is None:
        return [], accounts.registry_people(session, owned.registry_id or 0, now)
    registry_id = accounts.consortium(session, owned.consortium_id).registry_id
    return accounts.lead_people(session, owned.consortium_id, now), accounts.registry_people(session, registry_id, now)


def publication(session: Session, issue_id: int, consortium_id: int) -> IssuePublication | None:
    """What was ever published of the issue to the members of the consortium."""
    query = sa.select(IssuePublication).filter_by(issue_id=issue_id, consortium_id=consortium_id)
    return session.scalars(query).one_or_none()
