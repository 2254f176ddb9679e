"""What members read of the register: one scope for what is published, who follows it, and what a text is like."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from desk.accounts import queries as accounts
from desk.accounts.models import Consortium, MemberOrg, Person, RoleGrant
from desk.domain import likeness, register
from desk.domain.errors import NotFound
from desk.domain.permissions import MEMBER_ROLES, Actor
from desk.domain.register import IssueState
from desk.issues.models import Issue, IssueMemberOrg, IssuePublication, IssueTicket, IssueUpdate, affected_counts
from desk.tickets.models import Ticket

LISTED_AT_MOST = 200


@dataclass(frozen=True, slots=True)
class KnownIssue:
    """A publication as a member reads it.

    ``affected``: an organisation of the reader's own; ``follows``: the reader; ``members``: how many it affects in all.
    """

    publication: IssuePublication
    affected: bool
    follows: bool
    members: int

    @property
    def number(self) -> int:
        """What people call the issue by."""
        return self.publication.issue_id

    @property
    def says(self) -> str:
        """Where it stands, in words for members."""
        return register.MEMBER_WORDS[self.publication.state]


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


def explaining(session: Session, actor: Actor, ticket: Ticket) -> list[KnownIssue]:
    """The known issues, published where the ticket was filed, that it is linked to."""
    linked = sa.select(IssueTicket.issue_id).where(
        IssueTicket.ticket_id == ticket.id, IssueTicket.unlinked_at.is_(None)
    )
    told = _known(actor).where(
        IssuePublication.issue_id.in_(linked), IssuePublication.consortium_id == ticket.consortium_id
    )
    return _known_rows(session, told)


def _known(actor: Actor) -> sa.Select[tuple[IssuePublication, bool, bool, int]]:
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
    counts = affected_counts()
    return (
        sa.select(IssuePublication, affected_too, follows, sa.func.coalesce(counts.c.members, 0))
        .outerjoin(counts, counts.c.issue_id == IssuePublication.issue_id)
        .where(
            IssuePublication.consortium_id.in_(actor.member_consortia() | actor.consortia()),
            IssuePublication.withdrawn_at.is_(None),
        )
        .options(joinedload(IssuePublication.issue), joinedload(IssuePublication.consortium))
        .order_by(IssuePublication.state == IssueState.CLOSED, IssuePublication.updated_at.desc())
    )


def _known_rows(session: Session, query: sa.Select[tuple[IssuePublication, bool, bool, int]]) -> list[KnownIssue]:
    return [KnownIssue(*row) for row in session.execute(query)]


def goes_on_in(session: Session, actor: Actor, number: int) -> int | None:
    """The issue into which that one was merged, if this reader may read what is published of it."""
    into = session.scalar(sa.select(Issue.merged_into_id).where(Issue.id == number))
    if into is None or session.execute(_known(actor).where(IssuePublication.issue_id == into)).first() is None:
        return None
    return into


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


def known_like(session: Session, actor: Actor, text: str, *, service: str = "") -> list[KnownIssue]:
    """Published issues that a text, not yet a ticket, may be about; only what members read is compared."""
    known = {each.number: each for each in known_issues(session, actor) if each.publication.state in register.LIVE}
    told = {
        key: likeness.evidence_of(f"{each.publication.title}\n{each.publication.text}", each.publication.issue.service)
        for key, each in known.items()
    }
    return [known[key] for key, _ in likeness.candidates(likeness.evidence_of(text, service), told)]
