"""Caps on mail that trust no header: what is not answered any more, whoever writes and whatever they mark it as.

Headers and our own marks are read by ``message`` and ``threading``. Below them stand counts: automatic mails to one
address and day and about one ticket and hour; receipts to senders nobody knows; and, for each desk of ours, the mails
of one foreign address by hour and by day. Two desks that answer each other through something that strips every mark
stop there: all of it is kept, nothing is answered, and the managers are told once.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.config import Settings
from desk.db import insert_ignore
from desk.events import service as events
from desk.events.models import Event
from desk.mail import queries
from desk.mail.caps import Cap, in_force, set_here
from desk.mail.evidence import AuthVerdict
from desk.mail.message import InboundMessage
from desk.mail.models import ADDRESS_LENGTH, InboundMail, MailStorm, OutboundMail
from desk.mail.threading import Decision, Verdict

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STOPPED = "storm_stopped"
_UNPROVED = " (not proved)"


@dataclass(frozen=True, slots=True)
class PairCaps:
    """How many mails of one foreign address to one desk of ours are answered."""

    per_hour: int = 20
    per_day: int = 60


def pair_caps(settings: Settings) -> PairCaps:
    """As they are set."""
    return PairCaps(settings.MAIL_PAIR_PER_HOUR, settings.MAIL_PAIR_PER_DAY)


# ------------------------------------------------------------------ mail in


def counterpart(message: InboundMessage, mail: InboundMail, decision: Decision) -> str:
    """Whom the caps count a mail for: a desk may write as ``help+4711@``, and is still one.

    Mail that only says it comes from an address is counted apart, or anybody could use up the cap of somebody else.
    """
    address = message.sender.email if message.sender else mail.sender or mail.envelope_from
    proved = message.auth is AuthVerdict.PASS or decision.verdict is Verdict.APPEND
    return counted(address, proved=proved)


def counted(address: str, *, proved: bool) -> str:
    """An address in lower case and without the detail behind a plus, with a word where nothing proves it."""
    local, at, domain = address.strip().strip("<>").lower().rpartition("@")
    found = f"{local.partition('+')[0]}{at}{domain}"
    return found if proved or not found else f"{found[: ADDRESS_LENGTH - len(_UNPROVED)]}{_UNPROVED}"


def silenced(
    session: Session, mail: InboundMail, message: InboundMessage, decision: Decision, *, staff: bool, caps: PairCaps
) -> Decision:
    """The decision about a mail beyond the cap: it is kept where it belongs, as if a machine had written it.

    What would be an answer of staff is held instead: a person of ours may have come back to a full mailbox, and what
    they say must neither be lost nor go out as something a machine wrote.
    """
    own = set_here(session, mail.consortium_id, mail.registry_id)
    caps = PairCaps(own.get(Cap.PAIR_PER_HOUR, caps.per_hour), own.get(Cap.PAIR_PER_DAY, caps.per_day))
    why = exceeded(session, mail, counterpart(message, mail, decision), caps)
    if not why or decision.verdict not in (Verdict.OPEN, Verdict.APPEND):
        return decision
    reason = f"{decision.reason} {why}"
    if staff and decision.verdict is Verdict.APPEND:
        return replace(decision, verdict=Verdict.HOLD, reason=reason, machine=True, storm=True)
    return replace(decision, reason=reason, machine=True, answerable=False, storm=True)


def exceeded(session: Session, mail: InboundMail, address: str, caps: PairCaps) -> str:
    """Why this mail is one too many, or ''. Counted up to the moment at which it came in."""
    if not address:
        return ""
    for cap, span, name in ((caps.per_hour, HOUR, "an hour"), (caps.per_day, DAY, "a day")):
        if queries.pair_count(session, mail, address, mail.received_at - span) >= cap:
            return (
                f"It is one of more than {cap} mails of {address} within {name}: it is kept, and nothing is answered."
            )
    return ""


def note(session: Session, mail: InboundMail, *, reason: str, now: datetime) -> None:
    """Count a mail beyond the cap. The first one in a day tells the managers, the others do not."""
    place = f"consortium {mail.consortium_id}" if mail.consortium_id else f"registry {mail.registry_id}"
    key = {"place": place, "address": mail.counterpart or ""}
    owner: dict[str, Any] = {"consortium_id": mail.consortium_id, "registry_id": mail.registry_id}
    began = insert_ignore(session, MailStorm, **key, **owner, since=now, last_at=now, mails=1)
    if not began:
        again = (
            sa.update(MailStorm).filter_by(**key).where(MailStorm.last_at <= now - DAY).values(since=now, mails=0)
        ).execution_options(synchronize_session=False)
        began = bool(getattr(session.execute(again), "rowcount", 0))
        session.execute(
            sa.update(MailStorm)
            .filter_by(**key)
            .values(last_at=now, mails=MailStorm.mails + 1)
            .execution_options(synchronize_session=False)
        )
    if began and (mail.consortium_id or mail.registry_id):
        payload = {"address": mail.counterpart, "why": reason, "mail_id": mail.id}
        events.record(session, STOPPED, at=now, payload=payload, **owner)


# ------------------------------------------------------------------ mail out


def held_back(
    session: Session, event: Event, row: OutboundMail, settings: Settings, now: datetime, *, known: bool, unproved: bool
) -> str:
    """Why an automatic mail is not sent, or ''. ``known``: it is for a person of ours; ``unproved``: or says so."""
    if row.to_address in queries.own_addresses(session):
        return "Held back: it is an address of the desk's own."
    if not row.automatic:
        return ""
    settings = in_force(session, settings, event.consortium_id, event.registry_id)
    limit = settings.MAIL_PER_PERSON_AND_DAY if known and not unproved else settings.MAIL_PER_STRANGER_AND_DAY
    if queries.automatic_count(session, now - DAY, address=row.to_address) >= limit:
        return f"Held back: {limit} automatic mails went to this address within a day."
    most = settings.MAIL_STRANGERS_PER_HOUR
    if unproved and queries.unproved_count(session, event, now - HOUR) > most:
        return f"Held back: {most} mails of senders nobody knows came within an hour."
    storm = _pair_held_back(session, event, row, settings, now, unproved=unproved)
    if storm or row.ticket_id is None:
        return storm
    most = settings.MAIL_PER_TICKET_AND_HOUR
    if queries.automatic_count(session, now - HOUR, ticket_id=row.ticket_id) >= most:
        return f"Held back: {most} automatic mails went out about this ticket within an hour."
    return ""


def _pair_held_back(
    session: Session, event: Event, row: OutboundMail, settings: Settings, now: datetime, *, unproved: bool
) -> str:
    address = counted(row.to_address, proved=not unproved)
    for cap, span, name in (
        (settings.MAIL_PAIR_PER_HOUR, HOUR, "an hour"),
        (settings.MAIL_PAIR_PER_DAY, DAY, "a day"),
    ):
        if queries.came_from(session, address, now - span, event.consortium_id, event.registry_id) > cap:
            return f"Held back: more than {cap} mails came from this address within {name}; they are all kept."
    return ""
