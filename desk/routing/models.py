"""What came to one door and was passed to another."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from desk.db import Base
from desk.tickets.models import Ticket

DOOR_LENGTH = 254


class Rerouting(Base):
    """A ticket that came to another desk's door. What was written there was written to that desk, and it may read that.

    ``taken_on_at``: when the registry whose door it was took the ticket on itself, with its lead told.
    """

    __tablename__ = "rerouting"
    __table_args__ = (sa.UniqueConstraint("ticket_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(sa.ForeignKey("ticket.id"))
    from_consortium_id: Mapped[int | None] = mapped_column(sa.ForeignKey("consortium.id"))
    from_registry_id: Mapped[int | None] = mapped_column(sa.ForeignKey("registry.id"), index=True)
    door: Mapped[str] = mapped_column(sa.String(DOOR_LENGTH))  # the address or desk it came to
    arrived_at: Mapped[datetime]  # from when its clocks run
    rerouted_at: Mapped[datetime]
    taken_on_at: Mapped[datetime | None]
    taken_on_by: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))

    ticket: Mapped[Ticket] = relationship(lazy="joined")
