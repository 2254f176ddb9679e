"""Who is told of what happens to an issue: its keepers, its followers, and the leads whose draft it is."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Person
from desk.bulk_answers import queries as bulk_answers
from desk.domain.bulk_answer import EVENT_KEY
from desk.domain.delegation import SENT, DraftState
from desk.domain.vocabulary import Audience
from desk.drafts import queries as drafts
from desk.drafts.models import UpdateDraft
from desk.events.models import Event
from desk.issues.models import Issue
from desk.known_issues import queries as known_issues
from desk.mail.recipient import Recipient


def keepers(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """Who answers for the issue, while they are at its desk; else everybody there."""
    issue = session.get(Issue, event.issue_id) if event.issue_id else None
    if issue is None:
        return []
    if issue.consortium_id is not None:
        side, audience, people = "lead", Audience.LEAD, accounts.lead_people(session, issue.consortium_id, now)
        in_charge = issue.owner_id
    else:
        people = accounts.registry_people(session, issue.registry_id or 0, now)
        side, audience, in_charge = "registry", Audience.REGISTRY, issue.problem_manager_id
    chosen = [person for person in people if person.id == in_charge] or people
    return [Recipient(person.email, side, audience, person) for person in chosen]


def followers(session: Session, event: Event, now: datetime) -> list[Recipient]:
    ids = sorted(following(session, event, now))
    people = session.scalars(sa.select(Person).where(Person.id.in_(ids)).order_by(Person.id)).all()
    return [Recipient(person.email, "member", Audience.MEMBER, person) for person in people]


def following(session: Session, event: Event, now: datetime) -> set[int]:
    """Who follows the issue in that consortium; of a registry's update, who follows either side's issue there."""
    if event.issue_id is None or event.consortium_id is None:
        return set()
    about = bulk_answers.issue_of(session, event.payload.get(EVENT_KEY)) or event.issue_id
    return {
        *known_issues.followers(session, event.issue_id, event.consortium_id, now),
        *drafts.followers(session, about, event.consortium_id, now),
    }


def readers_of_a_draft(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """The lead's desk, unless the draft is dealt with already."""
    draft = session.get(UpdateDraft, event.payload["draft_id"])
    if draft is None or event.consortium_id is None:
        return []
    if not (draft.state is DraftState.WAITING or (event.kind == "draft_outdated" and draft.state in SENT)):
        return []
    people = accounts.lead_people(session, event.consortium_id, now)
    return [Recipient(person.email, "lead", Audience.LEAD, person) for person in people]


def owner_of_issue(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """Who answers for the issue, else the desk that owns it."""
    issue = session.get_one(Issue, event.issue_id)
    if issue.consortium_id is not None:
        side, everybody = "lead", accounts.lead_people(session, issue.consortium_id, now)
    else:
        side, everybody = "registry", accounts.registry_people(session, issue.registry_id or 0, now)
    responsible = issue.owner_id if issue.consortium_id is not None else issue.problem_manager_id
    audience = Audience.LEAD if side == "lead" else Audience.REGISTRY
    found = [Recipient(person.email, side, audience, person) for person in everybody]
    return [one for one in found if one.person and one.person.id == responsible] or found
