"""The rules of time zones by which the clocks were last measured."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from desk.db import Base


class ZoneRules(Base):
    """A time zone's offsets, as a digest, first seen on some machine. The newest one of a zone is in force.

    An older one that is seen again comes from a machine whose time zone data is behind: it changes nothing.
    """

    __tablename__ = "zone_rules"
    __table_args__ = (sa.UniqueConstraint("tz", "digest"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    tz: Mapped[str] = mapped_column(sa.String(64))
    digest: Mapped[str] = mapped_column(sa.String(64))
    seen_at: Mapped[datetime]
    # Running clocks are told in batches, in the order of their tickets: up to which, and when that was over for good.
    last_ticket_id: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None]
