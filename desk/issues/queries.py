"""Reading the register: one scope for the record and one for what is published, who is affected, and likely issues."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from desk.accounts import queries as accounts
from desk.accounts.models import Consortium, MemberOrg, Organisation, Person, Registry, RoleGrant
from desk.domain import register
from desk.domain.errors import NotFound
from desk.domain.identifiers import find
from desk.domain.permissions import LEAD_ROLES, MEMBER_ROLES, REGISTRY_ROLES, Actor, IssueSubject, Permission, may
from desk.domain.register import Affected, EntryAudience, Evidence, Filters, IssueState, Likeness
from desk.domain.vocabulary import Audience
from desk.issues.models import (
    Issue,
    IssueDecision,
    IssueMemberOrg,
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


@dataclass(frozen=True, slots=True)
class Candidate:
    """An issue that a ticket may be about, and what says so."""

    issue: Issue
    likeness: Likeness


@dataclass(frozen=True, slots=True)
class KnownIssue:
    """A publication as a member reads it. ``affected`` organisations of the reader's own; ``follows``: the reader."""

    publication: IssuePublication
    affected: bool
    follows: bool

    @property
    def number(self) -> int:
        """What people call the issue by."""
        return self.publication.issue_id

    @property
    def says(self) -> str:
        """Where it stands, in words for members."""
        return register.MEMBER_WORDS[self.publication.state]


@dataclass(frozen=True, slots=True)
class Panel:
    """For the ticket page: what the desk sees (linked, likely) or what the member sees (published, linked)."""

    linked: tuple[Issue, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    published: tuple[KnownIssue, ...] = ()
    may_link: bool = False


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


def register_lines(session: Session, actor: Actor, filters: Filters, page: int = 1) -> list[RegisterLine]:
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
        .where(visible_to(actor), *_narrowed(filters))
        .order_by(Issue.state.not_in(register.LIVE), sa.nulls_last(Issue.next_review_on.asc()), Issue.id.desc())
        .limit(PAGE_SIZE)
        .offset(max(0, page - 1) * PAGE_SIZE)
    )
    return [RegisterLine(*row) for row in session.execute(query)]


def _narrowed(filters: Filters) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if filters.state == "live":
        found.append(Issue.state.in_(register.LIVE))
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
    counts, links = affected_counts(), affects()
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


def publications_for(session: Session, actor: Actor, issue: Issue) -> list[tuple[Consortium, IssuePublication | None]]:
    """The actor's consortia to whose members the issue can be published, each with what was published."""
    at_home = Consortium.id == issue.consortium_id
    below_registry = Consortium.registry_id == issue.registry_id
    told = sa.and_(IssuePublication.consortium_id == Consortium.id, IssuePublication.issue_id == issue.id)
    query = (
        sa.select(Consortium, IssuePublication)
        .outerjoin(IssuePublication, told)
        .where(Consortium.id.in_(actor.consortia()), below_registry if issue.registry_id is not None else at_home)
        .order_by(Consortium.name)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


# ------------------------------------------------------------------ what members read


def known_issues(session: Session, actor: Actor) -> list[KnownIssue]:
    """What is published where the actor is a contact or a lead, in one query: newest word first, closed ones last."""
    return _known_rows(session, _known(actor).limit(LISTED_AT_MOST))


def known_issue(session: Session, actor: Actor, number: int) -> list[KnownIssue]:
    """The issue as published: once per consortium in which the actor reads it. Raises ``NotFound``."""
    found = _known_rows(session, _known(actor).where(IssuePublication.issue_id == number))
    if not found:
        raise NotFound
    return found


def _known(actor: Actor) -> sa.Select[tuple[IssuePublication, bool, bool]]:
    said = (
        sa.exists()
        .where(
            IssueMemberOrg.issue_id == IssuePublication.issue_id,
            IssueMemberOrg.member_org_id == MemberOrg.id,
            MemberOrg.consortium_id == IssuePublication.consortium_id,
        )
        .correlate(IssuePublication)
    )
    mine, since = IssueMemberOrg.member_org_id.in_(actor.orgs()), IssueMemberOrg.affected_since
    affected_too = said.where(mine, since.is_not(None)).label("affected_too")
    follows = said.where(IssueMemberOrg.person_id == actor.person_id, IssueMemberOrg.follows).label("follows")
    return (
        sa.select(IssuePublication, affected_too, follows)
        .where(
            IssuePublication.consortium_id.in_(actor.member_consortia() | actor.consortia()),
            IssuePublication.withdrawn_at.is_(None),
        )
        .options(joinedload(IssuePublication.issue), joinedload(IssuePublication.consortium))
        .order_by(IssuePublication.state == IssueState.CLOSED, IssuePublication.updated_at.desc())
    )


def _known_rows(session: Session, query: sa.Select[tuple[IssuePublication, bool, bool]]) -> list[KnownIssue]:
    return [KnownIssue(*row) for row in session.execute(query)]


def published_entries(session: Session, publication: IssuePublication) -> Sequence[IssueUpdate]:
    """The dated entries that members of that consortium read, newest first."""
    query = sa.select(IssueUpdate).where(
        IssueUpdate.issue_id == publication.issue_id, IssueUpdate.consortium_id == publication.consortium_id
    )
    return session.scalars(query.order_by(IssueUpdate.id.desc()).limit(LISTED_AT_MOST)).all()


def followers(session: Session, issue_id: int, consortium_id: int, now: datetime) -> Sequence[int]:
    """Ids of the active contacts of the consortium who follow the issue and still have a role where they said so."""
    return session.scalars(
        sa.select(Person.id)
        .join(IssueMemberOrg, IssueMemberOrg.person_id == Person.id)
        .join(MemberOrg, MemberOrg.id == IssueMemberOrg.member_org_id)
        .join(RoleGrant, sa.and_(RoleGrant.person_id == Person.id, RoleGrant.member_org_id == MemberOrg.id))
        .where(
            IssueMemberOrg.issue_id == issue_id,
            IssueMemberOrg.follows,
            MemberOrg.consortium_id == consortium_id,
            Person.active,
            RoleGrant.role.in_(MEMBER_ROLES),
            accounts.in_force(now),
        )
        .distinct()
        .order_by(Person.id)
    ).all()


# ------------------------------------------------------------------ is it one of these?


def candidates_for(session: Session, actor: Actor, ticket: Ticket) -> list[Candidate]:
    """Live issues that the ticket may be about, best first, among those whose record the actor reads."""
    here = sa.or_(Issue.consortium_id == ticket.consortium_id, Issue.registry_id == ticket.consortium.registry_id)
    issues = session.scalars(
        sa.select(Issue)
        .where(visible_to(actor), here, Issue.state.in_(register.LIVE), Issue.id.not_in(_linked_to(ticket)))
        .order_by(Issue.id.desc())
        .limit(OPEN_ISSUES_READ)
    ).all()
    if not issues:
        return []
    by_id = {issue.id: issue for issue in issues}
    asked = _asked(session, actor, ticket)
    kept = {key: _evidence(issue, f"{issue.title}\n{issue.symptom}", issue.identifiers) for key, issue in by_id.items()}
    return [Candidate(by_id[key], alike) for key, alike in register.candidates(asked, kept)]


def _asked(session: Session, actor: Actor, ticket: Ticket) -> Evidence:
    """What the ticket says to this reader: a registry must not learn from a reason what was masked for it."""
    subject = tickets.subject_of(session, ticket)
    shown = tickets.messages_for(session, actor, ticket, subject)
    whole = [each.message for each in shown if each.html == each.message.html]
    said = [message.text for message in whole if message.audience is Audience.MEMBER]
    text = "\n".join([ticket.subject, *said[:1]])
    is_lead = may(actor, Permission.TICKET_WORK, subject)
    return _evidence(ticket, text, ticket.identifiers if is_lead else register.stored(find(text)))


def _linked_to(ticket: Ticket) -> sa.Select[tuple[int]]:
    """Ids of the issues that the ticket is linked to."""
    return sa.select(IssueTicket.issue_id).where(IssueTicket.ticket_id == ticket.id, IssueTicket.unlinked_at.is_(None))


def known_like(session: Session, actor: Actor, text: str, *, service: str = "") -> list[KnownIssue]:
    """Published issues that a text, not yet a ticket, may be about; only what members read is compared."""
    known = {each.number: each for each in known_issues(session, actor) if each.publication.state in register.LIVE}
    told = {
        key: register.evidence_of(f"{each.publication.title}\n{each.publication.text}", each.publication.issue.service)
        for key, each in known.items()
    }
    return [known[key] for key, _ in register.candidates(register.evidence_of(text, service), told)]


def _evidence(of: Ticket | Issue, text: str, things: Sequence[Mapping[str, Any]]) -> Evidence:
    return register.evidence(
        text, service=of.service, environment=of.environment, entry_key=of.catalogue_key, identifiers=things
    )


def panel_for(session: Session, actor: Actor, ticket: Ticket) -> Panel:
    """What the ticket page shows of the register: linked and likely issues to a desk, published ones to the member."""
    linked, subject = _linked_to(ticket), tickets.subject_of(session, ticket)
    if not any(may(actor, right, subject) for right in (Permission.TICKET_WORK, Permission.ESCALATION_WORK)):
        told = _known(actor).where(
            IssuePublication.issue_id.in_(linked), IssuePublication.consortium_id == ticket.consortium_id
        )
        return Panel(published=tuple(_known_rows(session, told)))
    found = sa.select(Issue).where(Issue.id.in_(linked), visible_to(actor)).order_by(Issue.id.desc())
    return Panel(tuple(session.scalars(found)), tuple(candidates_for(session, actor, ticket)), may_link=True)
