"""Events to mail: one row per recipient, at once or as a notice that waits for its moment.

Who is told is decided in ``desk.mail.told``, when in ``desk.mail.waiting``; the row itself is ``desk.mail.drafting``'s.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from desk.config import Settings
from desk.events import queries as events
from desk.events.models import Event
from desk.mail import bridge_out, drafting, late, waiting
from desk.mail.recipient import Recipient
from desk.mail.told import told

log = logging.getLogger(__name__)


def expand_one(session: Session, *, settings: Settings, now: datetime) -> bool:
    """Turn the oldest event that nobody was told of into rows of mail; whether there was one."""
    event = events.claim_unexpanded(session, now)
    if event is None:
        return False
    event.tell_from = _waits(session, event, now) or event.tell_from
    if event.tell_from is not None and event.tell_from > now:
        return True
    event.expanded_at = now
    mailed = _to_a_registrys_desk(session, event, settings, now)
    for recipient in _listening(session, event, _told(session, event, now)):
        if recipient.address.lower() == mailed:
            continue
        try:
            with session.begin_nested():
                waiting.tell(session, event, recipient, settings, now)
        except Exception:
            # One letter that cannot be written must not keep the others from being told.
            log.exception("event %s (%s) could not be written to a recipient", event.id, event.kind)
            drafting.add_unwritten(session, event, recipient, settings, now)
    session.flush()
    return True


def _waits(session: Session, event: Event, now: datetime) -> datetime | None:
    """Until when nobody is told, since those whom it concerns are not at work; None: now, as of everything else."""
    try:
        return late.wait_until(session, event, now) if event.kind in late.KINDS else None
    except Exception:
        log.exception("it could not be found out when to tell of event %s (%s)", event.id, event.kind)
        return None


def _to_a_registrys_desk(session: Session, event: Event, settings: Settings, now: datetime) -> str:
    """Where the event went to a registry that is reached by mail; '' for all others."""
    try:
        with session.begin_nested():
            return bridge_out.tell(session, event, settings, now)
    except Exception:
        log.exception("event %s (%s) could not be mailed to a registry's desk", event.id, event.kind)
        bridge_out.tell_unwritten(session, event, now)
        return ""


def _told(session: Session, event: Event, now: datetime) -> Sequence[Recipient]:
    """Who is told; nobody, with a word in the log, where that cannot be found out: later events must not wait."""
    try:
        if event.kind in late.KINDS and not late.is_news(session, event):
            return []
        return told(session, event, now)
    except Exception:
        log.exception("nobody could be told of event %s (%s)", event.id, event.kind)
        return []


def _listening(session: Session, event: Event, found: Sequence[Recipient]) -> Sequence[Recipient]:
    """Those who have not switched it off; everybody where that cannot be found out: one mail too many is no harm."""
    try:
        with session.begin_nested():
            return waiting.listeners(session, event, found)
    except Exception:
        log.exception("it could not be found out who wants to hear of event %s (%s)", event.id, event.kind)
        return found
