"""The verb of the review job: remind each desk once of an issue whose review date has come."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.domain.permissions import IssueSubject
from desk.domain.register import is_reviewed
from desk.events import service as events
from desk.issues.models import Issue
from desk.reviews import queries


def remind(session: Session, now: datetime, limit: int) -> int:
    """Work off reviews whose moment has come; returns how many were looked at, so that a caller can go on.

    Any number of processes may do this at once: each row is claimed by its own moment. What fell into a night, or into
    a closure that was entered later, waits for the next opening.
    """
    due = session.scalars(
        sa.select(Issue)
        .where(Issue.review_at <= now)
        .order_by(Issue.review_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    return sum(_remind_of(session, issue, now) for issue in due)


def _remind_of(session: Session, issue: Issue, now: datetime) -> bool:
    opening = queries.opens_at(session, IssueSubject(issue.consortium_id, issue.registry_id), now)
    is_due = is_reviewed(issue.state) and issue.merged_into_id is None
    later = opening if is_due and opening > now else None
    # Not through the record: a reminder is no edit, and must not let an editor's version be stale.
    claim = sa.update(Issue).where(Issue.id == issue.id, Issue.review_at == issue.review_at).values(review_at=later)
    claimed = session.execute(claim, execution_options={"synchronize_session": False})
    if not getattr(claimed, "rowcount", 0):
        return False
    if is_due and later is None:
        _tell(session, issue, now)
    return True


def _tell(session: Session, issue: Issue, now: datetime) -> None:
    events.record(
        session,
        "issue_review_due",
        at=now,
        issue_id=issue.id,
        consortium_id=issue.consortium_id,
        registry_id=issue.registry_id,
        payload={
            "number": issue.id,
            "title": issue.title,
            "on": issue.next_review_on.isoformat() if issue.next_review_on else None,
        },
    )
