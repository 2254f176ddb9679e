"""What somebody asked for about mails to them. Without a row they get everything at once."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from desk.db import Base, JsonList


class MailPreference(Base):
    """One row for a person; hours are full hours of the day in the person's own zone."""

    __tablename__ = "mail_preference"
    __table_args__ = (
        sa.CheckConstraint("daily_at BETWEEN 0 AND 23", name="daily_hour"),
        sa.CheckConstraint("quiet_from BETWEEN 0 AND 23 AND quiet_until BETWEEN 0 AND 23", name="quiet_hours"),
        sa.CheckConstraint("(quiet_from IS NULL) = (quiet_until IS NULL)", name="quiet_both"),
    )

    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), primary_key=True, autoincrement=False)
    daily_at: Mapped[int | None]
    quiet_from: Mapped[int | None]
    quiet_until: Mapped[int | None]
    off: Mapped[JsonList] = mapped_column(default=list)  # topics that are switched off
    changed_at: Mapped[datetime]
