"""What keeps the desk from doing its work, asked of the database: each answer is a sentence for who runs it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.calendars.models import Calendar, CalendarVersion
from desk.events.models import Event
from desk.mail.models import ImapMailbox, InboundMail, InboundState, MailboxTrouble, OutboundMail, OutboundState
from desk.mail.silence import silent_now
from desk.sla.models import Clock
from desk.zones import queries as zones

BEHIND = timedelta(minutes=15)
"""How late due work may be before the jobs count as standing still."""


def complaints(session: Session, now: datetime) -> Iterator[str]:
    """Sentences that name what is wrong and what to do; none when all is well. No name, address or text of anybody."""
    late = now - BEHIND
    # What waits for the opening of a team is not behind before that.
    since = sa.func.coalesce(Event.tell_from, Event.at)
    if _any(session, sa.select(Event.id).where(Event.expanded_at.is_(None), since < late)):
        yield "Notifications have waited for more than 15 minutes: is “flask jobs run” running?"
    if _any(session, sa.select(Clock.id).where(Clock.next_at < late)):
        yield "Clocks have not been looked at for more than 15 minutes: is “flask jobs run” running?"
    if _any(
        session, sa.select(InboundMail.id).where(InboundMail.state == InboundState.NEW, InboundMail.received_at < late)
    ):
        yield "Mail that was taken has not been read for more than 15 minutes: is “flask jobs run” running?"
    waiting = (OutboundState.QUEUED, OutboundState.SENDING)
    overdue = OutboundMail.next_try_at < now - 4 * BEHIND
    if _any(session, sa.select(OutboundMail.id).where(OutboundMail.state.in_(waiting), overdue)):
        yield "Mail to be sent has waited for more than an hour: is the mail server of SMTP_HOST up?"


def remarks(session: Session) -> Iterator[str]:
    """Sentences about what somebody should look at while the desk works on: a stranger's mail must not stop it."""
    # What was held back on purpose is no fault, and a stranger could cause it at any time.
    given_up = (OutboundMail.state == OutboundState.DEAD, ~OutboundMail.last_error.startswith("Held back:"))
    if _any(session, sa.select(OutboundMail.id).where(*given_up)):
        yield "Mail could not be delivered and was given up: look at it on the mail page."
    newest = sa.select(sa.func.max(CalendarVersion.id)).where(CalendarVersion.calendar_id == Calendar.id)
    if _any(session, sa.select(Calendar.id).where(Calendar.closed_version_id == newest.scalar_subquery())):
        yield "Working hours never open again, or too little, and leave clocks without dates: managers were told."
    if _any(session, sa.select(InboundMail.id).where(InboundMail.state == InboundState.QUARANTINED)):
        yield "Mail is in quarantine: look at it on the mail page, and try it again once the cause is mended."
    for tz in zones.behind(session):
        yield f"The time zone data of this machine is older than what the desk has seen of {tz}: update tzdata."


def of_mailboxes(session: Session, now: datetime) -> Iterator[str]:
    """Sentences about mailboxes that are not fetched as they should be. One that is set no more is soon forgotten."""
    tried = ImapMailbox.tried_at > now - timedelta(days=1)
    for trouble in session.scalars(sa.select(ImapMailbox.trouble).where(tried).distinct()):
        if trouble in _TROUBLES:
            yield f"{_TROUBLES[trouble]}: see the log of “flask jobs run”."
    if any(silent_now(session, now)):
        yield "No mail has come to a support address for an unusual time: its managers were told."
    if _any(session, sa.select(ImapMailbox.id).where(tried, ImapMailbox.tried_at < now - 6 * BEHIND)):
        yield "A mailbox has not been looked at for more than 90 minutes: is “flask jobs run” running?"


_TROUBLES = {
    MailboxTrouble.UNREACHABLE: "The server of a mailbox cannot be reached",
    MailboxTrouble.REFUSED: "The server of a mailbox does not accept the sign-in",
    MailboxTrouble.UNKNOWN_ADDRESS: "A mailbox is set for an address that no team has, so it is not fetched",
    MailboxTrouble.NOT_MOVED: "Mail of a mailbox was kept but cannot be moved out of the way",
    MailboxTrouble.FAILED: "Mail of a mailbox could not be kept, and is tried again",
}


def _any(session: Session, wanted: sa.Select[tuple[int]]) -> bool:
    return session.scalars(wanted.limit(1)).first() is not None
