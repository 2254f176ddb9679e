"""Verbs of the feeds: a lead opens its feed to everybody or not; a person makes, renews or ends their own address."""

import secrets
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.db import insert_ignore
from desk.domain.errors import NotFound, NotPermitted
from desk.domain.permissions import Actor, IssueSubject, Permission, may
from desk.events import service as events
from desk.feeds.models import FeedKey, PublicFeed


def choose_public(session: Session, actor: Actor, *, consortium_id: int, public: bool, now: datetime) -> bool:
    """Let everybody read the feed of the consortium, or only its members again; whether that changed anything.

    What has been read or copied elsewhere is not taken back by closing it. Raises ``NotPermitted`` for another desk.
    """
    if not may(actor, Permission.ISSUE_EDIT, IssueSubject(consortium_id=consortium_id)):
        raise NotPermitted
    if public:
        row = {"consortium_id": consortium_id, "since": now, "opened_by": actor.person_id}
        changed = insert_ignore(session, PublicFeed, **row)
    else:
        gone = session.execute(sa.delete(PublicFeed).where(PublicFeed.consortium_id == consortium_id))
        changed = bool(getattr(gone, "rowcount", 0))
    if changed:
        kind = "feed_opened" if public else "feed_closed"
        events.record(session, kind, at=now, actor_id=actor.person_id, consortium_id=consortium_id, quiet=True)
    return changed


def renew_key(session: Session, actor: Actor, *, consortium_id: int, now: datetime) -> FeedKey:
    """An address of the person's own; one that they had before ends. Raises ``NotFound`` where they read nothing."""
    if consortium_id not in actor.member_consortia() | actor.consortia():
        raise NotFound
    keys = {"person_id": actor.person_id, "consortium_id": consortium_id}
    insert_ignore(session, FeedKey, **keys, nonce=secrets.token_hex(16), created_at=now)
    key = session.scalars(sa.select(FeedKey).filter_by(**keys).with_for_update(of=FeedKey)).one()
    if key.created_at != now:
        key.nonce, key.created_at = secrets.token_hex(16), now
    session.flush()
    return key


def end_key(session: Session, actor: Actor, *, consortium_id: int) -> bool:
    """End the person's own address; False when there was none."""
    own = sa.delete(FeedKey).where(FeedKey.person_id == actor.person_id, FeedKey.consortium_id == consortium_id)
    return bool(getattr(session.execute(own), "rowcount", 0))
