"""Reading feeds: whose address it is, whether it still opens, and what stands in it: published texts alone."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Consortium
from desk.domain.errors import NotFound
from desk.domain.permissions import Actor
from desk.feeds.models import FeedKey, PublicFeed
from desk.issues.models import IssuePublication, IssueUpdate, affected_counts

ENTRIES_AT_MOST = 100
UPDATES_AT_MOST = 20  # of one entry, the newest
_NONCE_HEX = 32
_MAC_HEX = 40


@dataclass(frozen=True, slots=True)
class Address:
    """A consortium's feed as one person may have it. ``key``: their own address, if they made one."""

    consortium: Consortium
    is_public: bool
    key: FeedKey | None
    may_choose: bool


@dataclass(frozen=True, slots=True)
class Story:
    """One known issue in a feed, with its updates, newest first."""

    told: IssuePublication
    members: int
    updates: Sequence[IssueUpdate]


def addresses(session: Session, actor: Actor) -> list[Address]:
    """The feeds of the consortia in which the actor reads what is published, by name; one query."""
    own = sa.and_(FeedKey.consortium_id == Consortium.id, FeedKey.person_id == actor.person_id)
    rows = session.execute(
        sa.select(Consortium, PublicFeed.id, FeedKey)
        .outerjoin(PublicFeed, PublicFeed.consortium_id == Consortium.id)
        .outerjoin(FeedKey, own)
        .where(Consortium.id.in_(actor.member_consortia() | actor.consortia()))
        .order_by(Consortium.name)
    )
    leads = actor.consortia()
    return [Address(place, public is not None, key, place.id in leads) for place, public, key in rows]


def public_consortium(session: Session, slug: str) -> Consortium:
    """The consortium whose feed everybody may read. Raises ``NotFound``."""
    found = session.scalars(
        sa.select(Consortium).join(PublicFeed, PublicFeed.consortium_id == Consortium.id).where(Consortium.slug == slug)
    ).first()
    if found is None:
        raise NotFound
    return found


def consortium_of_key(session: Session, slug: str, token: str, *, secret_key: str, now: datetime) -> Consortium:
    """The consortium whose feed this key opens, as long as its person reads there. Raises ``NotFound``."""
    if not re.fullmatch(rf"[0-9a-f]{{{_NONCE_HEX + _MAC_HEX}}}", token):
        raise NotFound
    key = session.scalars(sa.select(FeedKey).where(FeedKey.nonce == token[:_NONCE_HEX])).first()
    if key is None or key.consortium.slug != slug or not hmac.compare_digest(token_of(key, secret_key), token):
        raise NotFound
    reader = accounts.actor_of(session, key.person_id, now)
    if key.consortium_id not in reader.member_consortia() | reader.consortia():
        raise NotFound
    return key.consortium


def token_of(key: FeedKey, secret_key: str) -> str:
    """What the address carries. The database alone does not give it: it is made with the desk's key each time."""
    text = f"feed:{key.person_id}:{key.consortium_id}:{key.nonce}"
    return key.nonce + hmac.new(secret_key.encode(), text.encode(), hashlib.sha256).hexdigest()[:_MAC_HEX]


def stories(session: Session, consortium: Consortium) -> list[Story]:
    """What is published to the members of the consortium, the last word first; two queries."""
    counts = affected_counts()
    rows = session.execute(
        sa.select(IssuePublication, sa.func.coalesce(counts.c.members, 0))
        .outerjoin(counts, counts.c.issue_id == IssuePublication.issue_id)
        .where(IssuePublication.consortium_id == consortium.id, IssuePublication.withdrawn_at.is_(None))
        .order_by(IssuePublication.updated_at.desc(), IssuePublication.id.desc())
        .limit(ENTRIES_AT_MOST)
    ).all()
    updates = session.scalars(
        sa.select(IssueUpdate)
        .where(
            IssueUpdate.consortium_id == consortium.id,
            IssueUpdate.issue_id.in_([told.issue_id for told, _ in rows]),
        )
        .order_by(IssueUpdate.id.desc())
    ).all()
    return [
        Story(told, members, [each for each in updates if each.issue_id == told.issue_id][:UPDATES_AT_MOST])
        for told, members in rows
    ]


def last_change(session: Session, consortium: Consortium) -> datetime:
    """When the feed changed last; what was taken back is a change, too."""
    latest: Sequence[datetime | None] = session.execute(
        sa.select(sa.func.max(IssuePublication.updated_at), sa.func.max(IssuePublication.withdrawn_at)).where(
            IssuePublication.consortium_id == consortium.id
        )
    ).one()
    return max(consortium.created_at, *(each for each in latest if each is not None), consortium.created_at)
