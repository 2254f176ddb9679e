"""Reading drafts: those of a lead's desk, whom one would reach, and the hours after which it goes by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from desk.accounts import queries as accounts
from desk.accounts.models import MemberOrg, Organisation, Person
from desk.bulk_answers import queries as bulk_answers
from desk.bulk_answers.queries import Desk
from desk.calendars import queries as calendars
from desk.domain.bulk_answer import LISTED_AT_MOST
from desk.domain.calendar_history import CalendarHistory
from desk.domain.delegation import DraftState
from desk.domain.errors import NotFound
from desk.domain.permissions import Actor
from desk.drafts.models import DraftPolicy, RegistryUpdate, UpdateDraft
from desk.issues import queries as issues
from desk.issues.models import Issue, IssueMemberOrg, IssuePublication
from desk.known_issues import queries as known_issues
from desk.tickets.models import Participant, Ticket


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a draft reaches, all of them the lead's own: members by name, people by member, open tickets."""

    members: Sequence[str]
    followers: Sequence[tuple[str, str]]  # person, organisation
    tickets: Sequence[Ticket]
    ticket_total: int
    people: int


def get(session: Session, actor: Actor, number: int) -> UpdateDraft:
    """A draft of a consortium whose lead the actor is. Raises ``NotFound``."""
    found = session.get(UpdateDraft, number)
    if found is None or found.consortium_id not in actor.consortia():
        raise NotFound
    return found


def newer(session: Session, draft: UpdateDraft) -> UpdateDraft | None:
    """The consortium's newest draft about the same issue of the registry, if a later update brought one."""
    return session.scalars(
        sa.select(UpdateDraft)
        .join(RegistryUpdate, RegistryUpdate.id == UpdateDraft.registry_update_id)
        .where(
            UpdateDraft.consortium_id == draft.consortium_id,
            RegistryUpdate.issue_id == draft.update.issue_id,
            RegistryUpdate.id > draft.registry_update_id,
        )
        .order_by(RegistryUpdate.id.desc())
        .limit(1)
    ).first()


def drafts_for(session: Session, actor: Actor) -> Sequence[UpdateDraft]:
    """Drafts of the actor's consortia: those that wait first, what goes soonest at the top; then the newest."""
    waits = UpdateDraft.state == DraftState.WAITING
    return session.scalars(
        sa.select(UpdateDraft)
        .where(UpdateDraft.consortium_id.in_(actor.consortia()))
        .options(joinedload(UpdateDraft.update).joinedload(RegistryUpdate.issue), joinedload(UpdateDraft.consortium))
        .order_by(~waits, sa.nulls_last(sa.case((waits, UpdateDraft.send_at)).asc()), UpdateDraft.id.desc())
        .limit(LISTED_AT_MOST)
    ).all()


def waiting_count(session: Session, actor: Actor) -> int:
    """How many drafts wait for the actor's desks."""
    mine = UpdateDraft.consortium_id.in_(actor.consortia())
    query = sa.select(sa.func.count()).select_from(UpdateDraft).where(mine, UpdateDraft.state == DraftState.WAITING)
    return session.scalar(query) or 0


def drafts_of_issue(session: Session, actor: Actor, issue: Issue) -> Sequence[UpdateDraft]:
    """The actor's drafts about an issue, or about the one above it, newest first."""
    about = sa.or_(RegistryUpdate.issue_id == issue.id, UpdateDraft.issue_id == issue.id)
    return session.scalars(
        sa.select(UpdateDraft)
        .join(RegistryUpdate, RegistryUpdate.id == UpdateDraft.registry_update_id)
        .where(about, UpdateDraft.consortium_id.in_(actor.consortia()))
        .order_by(UpdateDraft.id.desc())
        .limit(LISTED_AT_MOST)
    ).all()


def published(session: Session, draft: UpdateDraft) -> IssuePublication | None:
    """What the consortium's members read there now; None: nothing yet."""
    told = issues.publication(session, draft.issue_id, draft.consortium_id)
    return told if told is not None and told.withdrawn_at is None else None


def policy(session: Session, consortium_id: int) -> DraftPolicy | None:
    """Whether, and after how many working hours, the consortium's drafts go by themselves."""
    return session.get(DraftPolicy, consortium_id)


def hours_of(session: Session, consortium_id: int) -> CalendarHistory | None:
    """The working hours of the lead's desk."""
    return calendars.history(session, accounts.team_of_consortium(session, consortium_id).calendar_id)


# ------------------------------------------------------------------ whom it reaches


def page_of(session: Session, issue: Issue, consortium_id: int) -> Issue:
    """On whose known-issue page the consortium's members read of it: where something is published, else its own issue.

    The registry's own page goes before the lead's, and of several of the lead's the newest counts.
    """
    told = (
        sa.exists()
        .where(
            IssuePublication.issue_id == Issue.id,
            IssuePublication.consortium_id == consortium_id,
            IssuePublication.withdrawn_at.is_(None),
        )
        .correlate(Issue)
    )
    found = session.scalars(
        sa.select(Issue)
        .where(Issue.id.in_(bulk_answers.family(issue.id, Desk(consortium_id))))
        .order_by(
            sa.case((told, 0), else_=1),
            sa.case((told, sa.case((Issue.id == issue.id, 0), else_=1)), else_=0),
            sa.case((Issue.id == issue.id, 1), else_=0),
            Issue.id.desc(),
        )
    ).first()
    return found or issue


def followers(session: Session, issue_id: int, consortium_id: int, now: datetime) -> set[int]:
    """People of the consortium who follow the issue or one of its lead's below it."""
    family = session.scalars(bulk_answers.family(issue_id, Desk(consortium_id))).all()
    return {each for one in family for each in known_issues.followers(session, one, consortium_id, now)}


def reach(session: Session, draft: UpdateDraft, now: datetime) -> Reach:
    """Whom the draft would reach now; a list's length of each, and numbers of all."""
    issue_id, place = draft.update.issue_id, draft.consortium_id
    open_ones = bulk_answers.open_ones(issue_id, Desk(place))
    following = followers(session, issue_id, place, now)
    of_tickets = sa.union(
        sa.select(Ticket.requester_id).where(open_ones, Ticket.requester_id.is_not(None)),
        sa.select(Participant.person_id).join(Ticket, Ticket.id == Participant.ticket_id).where(open_ones),
    ).subquery()
    other = sa.select(sa.func.count()).select_from(of_tickets).where(of_tickets.c[0].not_in(sorted(following)))
    members = (
        sa.select(Organisation.name)
        .join(MemberOrg, MemberOrg.organisation_id == Organisation.id)
        .where(
            MemberOrg.consortium_id == place,
            sa.or_(
                MemberOrg.id.in_(sa.select(Ticket.member_org_id).where(open_ones)),
                MemberOrg.id.in_(
                    sa.select(IssueMemberOrg.member_org_id).where(
                        IssueMemberOrg.issue_id.in_(bulk_answers.family(issue_id, Desk(place))),
                        sa.or_(IssueMemberOrg.follows, IssueMemberOrg.affected_since.is_not(None)),
                    )
                ),
            ),
        )
        .order_by(Organisation.name)
    )
    found = session.scalars(
        sa.select(Ticket)
        .where(open_ones)
        .options(joinedload(Ticket.member_org), joinedload(Ticket.requester), joinedload(Ticket.holder))
        .order_by(Ticket.id)
        .limit(LISTED_AT_MOST)
    ).all()
    return Reach(
        members=session.scalars(members).all(),
        followers=_named(session, following, place),
        tickets=found,
        ticket_total=bulk_answers.open_count(session, issue_id, Desk(place)),
        people=len(following) + (session.scalar(other) or 0),
    )


def _named(session: Session, people: set[int], consortium_id: int) -> list[tuple[str, str]]:
    rows = session.execute(
        sa.select(Person.name, sa.func.min(Organisation.name))
        .join(IssueMemberOrg, IssueMemberOrg.person_id == Person.id)
        .join(MemberOrg, MemberOrg.id == IssueMemberOrg.member_org_id)
        .join(Organisation, Organisation.id == MemberOrg.organisation_id)
        .where(Person.id.in_(sorted(people)), MemberOrg.consortium_id == consortium_id)
        .group_by(Person.id, Person.name)
        .order_by(Person.name)
        .limit(LISTED_AT_MOST)
    )
    return [(name, org) for name, org in rows]
