"""The feeds of known issues: which consortium's is public, and the addresses that are one person's own."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from desk.accounts.models import Consortium
from desk.db import Base


class PublicFeed(Base):
    """The lead lets everybody read what it publishes to its members, as a feed at an address without a key."""

    __tablename__ = "public_feed"
    __table_args__ = (sa.UniqueConstraint("consortium_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    consortium_id: Mapped[int] = mapped_column(sa.ForeignKey("consortium.id"))
    since: Mapped[datetime]
    opened_by: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))


class FeedKey(Base):
    """One person's own address of a consortium's feed. It needs ``nonce`` and the desk's key: the row opens nothing."""

    __tablename__ = "feed_key"
    __table_args__ = (sa.UniqueConstraint("person_id", "consortium_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    consortium_id: Mapped[int] = mapped_column(sa.ForeignKey("consortium.id"), index=True)
    nonce: Mapped[str] = mapped_column(sa.String(32), unique=True)  # a new one: the old address ends
    created_at: Mapped[datetime]

    consortium: Mapped[Consortium] = relationship(lazy="joined")
