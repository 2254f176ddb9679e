"""How much automatic mail goes out before it stops: settings of the installation, which each desk can set for itself.

The caps trust no header. A desk can neither take one away nor make it so wide that it stops nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.config import Settings
from desk.domain.errors import InvalidInput, NotFound
from desk.domain.permissions import Actor, Permission, Place, may
from desk.events import service as events
from desk.mail.models import MailCap

LEAST, MOST = 1, 1000


class Cap(StrEnum):
    """What is counted. Values are what the database keeps; each belongs to a setting of the installation."""

    PAIR_PER_HOUR = "pair_per_hour"
    PAIR_PER_DAY = "pair_per_day"
    PER_PERSON_AND_DAY = "per_person_and_day"
    PER_STRANGER_AND_DAY = "per_stranger_and_day"
    STRANGERS_PER_HOUR = "strangers_per_hour"
    PER_TICKET_AND_HOUR = "per_ticket_and_hour"

    @property
    def setting(self) -> str:
        """The name of the setting that holds where a desk has said nothing."""
        return f"MAIL_{self.name}"


CAP_WORDS: Mapping[Cap, str] = {
    Cap.PAIR_PER_HOUR: "Mails of one address that are answered within an hour",
    Cap.PAIR_PER_DAY: "Mails of one address that are answered within a day",
    Cap.PER_PERSON_AND_DAY: "Automatic mails to one person we know within a day",
    Cap.PER_STRANGER_AND_DAY: "Automatic mails to one address that nothing proves within a day",
    Cap.STRANGERS_PER_HOUR: "Senders nobody knows who get a receipt within an hour",
    Cap.PER_TICKET_AND_HOUR: "Automatic mails about one ticket within an hour",
}


def set_here(session: Session, consortium_id: int | None, registry_id: int | None) -> dict[Cap, int]:
    """What a desk has set for itself."""
    rows = session.scalars(
        sa.select(MailCap).where(
            MailCap.consortium_id.is_not_distinct_from(consortium_id),
            MailCap.registry_id.is_not_distinct_from(None if consortium_id else registry_id),
        )
    )
    return {Cap(row.name): row.most for row in rows}


def in_force(session: Session, settings: Settings, consortium_id: int | None, registry_id: int | None) -> Settings:
    """The settings with what the desk has set for itself in place of the installation's."""
    if consortium_id is None and registry_id is None:
        return settings
    own: dict[str, Any] = {cap.setting: most for cap, most in set_here(session, consortium_id, registry_id).items()}
    return replace(settings, **own) if own else settings


def set_caps(session: Session, actor: Actor, place: Place, values: Mapping[Cap, int | None], *, now: datetime) -> None:
    """Set a desk's caps; None goes back to the installation's. Raises ``InvalidInput`` with the field, ``NotFound``."""
    if place.member_org_id is not None or not may(actor, Permission.MAIL_READ, place):
        raise NotFound
    for cap, most in values.items():
        if most is not None and not LEAST <= most <= MOST:
            raise InvalidInput(f"A cap is a number from {LEAST} to {MOST}.", field=cap.value)
    owner: dict[str, Any] = {
        "consortium_id": place.consortium_id,
        "registry_id": None if place.consortium_id else place.registry_id,
    }
    before = set_here(session, place.consortium_id, place.registry_id)
    for cap, most in values.items():
        session.execute(sa.delete(MailCap).filter_by(name=cap.value, **owner))
        if most is not None:
            session.add(MailCap(name=cap.value, most=most, set_at=now, set_by=actor.person_id, **owner))
    session.flush()
    after = set_here(session, place.consortium_id, place.registry_id)
    if after != before:
        payload = {"before": {cap.value: most for cap, most in before.items()}} | {
            "after": {cap.value: most for cap, most in after.items()}
        }
        events.record(session, "mail_caps_set", at=now, actor_id=actor.person_id, payload=payload, quiet=True, **owner)
