"""Sending: claim one row, send it, write down what came of it. At least once, always with the same Message-ID.

A row is claimed by writing, so that of several senders one has it; a claim whose process died runs out. What the other
server refuses for good is dead and visible, everything else is tried again: after 1, 2, 4 ... 60 minutes with jitter,
for five days. Mails to one address about one ticket keep their order; a row that fails holds up nobody else's.
"""

import logging
import secrets
import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from flask_mail import Connection, Mail
from sqlalchemy.orm import Session, aliased

from desk.accounts import service as accounts
from desk.accounts.models import OneTimeLink
from desk.config import Settings
from desk.conversations.models import Message
from desk.db import transaction
from desk.domain.sla import Change
from desk.events.models import Event
from desk.mail import bridge_out, late, undelivered, waiting
from desk.mail.charsets import one_line
from desk.mail.compose import LINK_PLACE, compose
from desk.mail.models import Hold, OutboundMail, OutboundState
from desk.mail.told import may_still_read
from desk.sla import service as sla
from desk.tickets.models import Ticket

log = logging.getLogger(__name__)

CLAIM = timedelta(minutes=15)
GIVE_UP = timedelta(days=5)
LONGEST_PAUSE_MINUTES = 60
NOT_TAKEN = "the mail server refused it"
_random = secrets.SystemRandom()


class SafeConnection(Connection):
    """Flask-Mail's connection with what it lacks: a timeout, and TLS whose certificate is checked."""

    def __init__(self, mail: Mail, settings: Settings) -> None:
        super().__init__(mail)
        self._settings = settings

    def configure_host(self) -> smtplib.SMTP:
        """A connection that is ready to send; raises ``OSError`` or ``SMTPException``."""
        settings = self._settings
        where = (settings.SMTP_HOST, settings.SMTP_PORT)
        name, seconds = settings.MAIL_DOMAIN, settings.SMTP_TIMEOUT
        if settings.SMTP_SECURITY == "tls":
            context = ssl.create_default_context()
            host: smtplib.SMTP = smtplib.SMTP_SSL(*where, local_hostname=name, timeout=seconds, context=context)
        else:
            host = smtplib.SMTP(*where, local_hostname=name, timeout=seconds)
        try:
            if settings.SMTP_SECURITY == "starttls":
                # Raises where it is not offered: mail does not go in clear because somebody stripped the offer.
                host.starttls(context=ssl.create_default_context())
            if settings.SMTP_USER:
                host.login(settings.SMTP_USER, settings.SMTP_PASSWORD)
        except (smtplib.SMTPException, OSError):
            host.close()
            raise
        return host

    def send_raw(self, sender: str, recipient: str, raw: bytes) -> None:
        """Hand over one mail; raises ``SMTPException`` or ``OSError`` unless the other server took it."""
        if self.host is None:
            raise smtplib.SMTPServerDisconnected("there is no connection")
        self.host.sendmail(sender, [recipient], raw)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that this process may send, with everything that sending needs."""

    id: int
    attempt: int
    sender: str
    recipient: str
    raw: bytes
    receipt_of: int | None = None


def send_one(mail: Mail, *, settings: Settings, now: datetime) -> bool:
    """Send the mail that is due first; whether there was one. Never raises for a mail that cannot be sent."""
    with transaction() as session:
        row = _claim(session, now)
        if row is None:
            return False
        if not may_still_read(session, row, now):
            row.state, row.last_error = OutboundState.DEAD, "Not sent: the recipient may no longer read it."
            waiting.again(session, row, now)
            return True
        if held := undelivered.held_back(session, row):
            row.state, row.last_error, row.held_by = OutboundState.DEAD, held, Hold.ADDRESS
            return True
        if _put_off(session, row, now):
            return True
        try:
            claimed = _prepared(session, row, settings)
        except Exception:
            # One row that cannot be put into words must not stop the queue.
            log.exception("mail %s could not be put together", row.id)
            row.state, row.last_error = OutboundState.DEAD, "It could not be put together; the log says why."
            return True
    error = _hand_over(mail, claimed, settings)
    with transaction() as session:
        _note(session, claimed, error, now)
    return True


def send_again(session: Session, row: OutboundMail, *, now: datetime) -> None:
    """Somebody looked at a dead mail and wants it sent; it keeps its Message-ID and has five days from now."""
    session.execute(
        sa.update(OutboundMail)
        .where(OutboundMail.id == row.id, OutboundMail.state == OutboundState.DEAD)
        .values(
            state=OutboundState.QUEUED,
            attempts=0,
            created_at=now,
            next_try_at=now,
            last_error="",
            held_by=None,
            failure=None,  # it may fail once more, and that is another failure
        )
    )


def _claim(session: Session, now: datetime) -> OutboundMail | None:
    """The due row that waits longest, marked as ours until the claim runs out."""
    earlier = aliased(OutboundMail)
    blocked = sa.exists().where(
        earlier.ticket_id == OutboundMail.ticket_id,
        earlier.to_address == OutboundMail.to_address,
        earlier.id < OutboundMail.id,
        earlier.state.in_((OutboundState.QUEUED, OutboundState.SENDING)),
        # One that has not been tried and is not due waits for working hours: what comes meanwhile overtakes it.
        sa.or_(earlier.attempts > 0, earlier.next_try_at <= now),
    )
    row = session.scalars(
        sa.select(OutboundMail)
        .where(
            OutboundMail.state.in_((OutboundState.QUEUED, OutboundState.SENDING)),
            OutboundMail.next_try_at <= now,
            ~blocked,
        )
        .order_by(OutboundMail.next_try_at, OutboundMail.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if row is None:
        return None
    row.state, row.claimed_at, row.next_try_at = OutboundState.SENDING, now, now + CLAIM
    row.attempts += 1
    session.flush()
    return row


def _put_off(session: Session, row: OutboundMail, now: datetime) -> bool:
    """Word that time runs out goes out in working hours and while it is news, also when the mail server was away.

    All other mail that is not urgent keeps the quiet hours of its reader.
    """
    event = session.get(Event, row.event_id) if row.event_id else None
    if event is None or event.kind not in late.KINDS:
        quiet = waiting.quiet_until(session, row, now)
        if quiet is not None:
            row.state, row.attempts, row.next_try_at = OutboundState.QUEUED, 0, quiet
        return quiet is not None
    if not late.is_news(session, event):
        row.state, row.last_error = OutboundState.DEAD, "Held back: it was no longer news when it could be sent."
        return True
    opening = late.opening(session, event, now)
    if opening is None:
        return False
    row.state, row.attempts, row.next_try_at = OutboundState.QUEUED, 0, opening
    return True


def _prepared(session: Session, row: OutboundMail, settings: Settings) -> Claimed:
    message = compose(row, link=_link(session, row, settings), carried=bridge_out.carried(session, row))
    receipt_of = _receipt_of(session, row)
    return Claimed(row.id, row.attempts, row.envelope_from, row.to_address, message.as_bytes(), receipt_of)


def _receipt_of(session: Session, row: OutboundMail) -> int | None:
    """The ticket whose requester this mail tells that their request has arrived; None for all other mail.

    What a machine wrote and what nobody is proved to have written is received, but promises nothing to anybody.
    """
    event = session.get(Event, row.event_id) if row.event_id else None
    if event is None or event.kind != "opened" or row.person_id is None:
        return None
    ticket = session.get(Ticket, row.ticket_id)
    message = session.get(Message, event.message_id) if event.message_id else None
    theirs = ticket is not None and ticket.requester_id == row.person_id
    return row.ticket_id if theirs and not (message is not None and message.machine) else None


def _link(session: Session, row: OutboundMail, settings: Settings) -> str:
    """The sign-in link that belongs into this mail, made at this moment; '' for all other mail."""
    event = session.get(Event, row.event_id) if row.event_id and LINK_PLACE in row.text else None
    link = session.get(OneTimeLink, event.payload["link_id"]) if event else None
    return f"{settings.BASE_URL}/link/{accounts.link_token(link, settings.SECRET_KEY)}" if link else ""


# ------------------------------------------------------------------ what came of it


def _hand_over(mail: Mail, claimed: Claimed, settings: Settings) -> Exception | None:
    """Why the other server did not take the mail, or None when it did."""
    connection = SafeConnection(mail, settings)
    failure: Exception | None = None
    try:
        with connection:
            try:
                connection.send_raw(claimed.sender, claimed.recipient, claimed.raw)
            except (smtplib.SMTPException, OSError, ValueError) as error:
                failure = error
    except (smtplib.SMTPException, OSError) as error:
        # Without a connection nothing was taken; a failing goodbye changes nothing of what came of it before.
        if connection.host is None:
            failure = error
    return failure


def _note(session: Session, claimed: Claimed, error: Exception | None, now: datetime) -> None:
    """Write the result, unless the claim ran out meanwhile and another process has the row."""
    if error is None and claimed.receipt_of is not None:
        _count_receipt(session, claimed.receipt_of, now)
    row = session.scalars(
        sa.select(OutboundMail).where(
            OutboundMail.id == claimed.id,
            OutboundMail.state == OutboundState.SENDING,
            OutboundMail.attempts == claimed.attempt,
        )
    ).first()
    if row is None:
        return
    if error is None:
        row.state, row.sent_at, row.last_error = OutboundState.SENT, now, ""
        return
    row.last_error = _words(error)
    final = is_final(error)
    if final or now - row.created_at > GIVE_UP:
        row.state = OutboundState.DEAD
        session.flush()
        if final and isinstance(error, smtplib.SMTPRecipientsRefused):
            undelivered.note_refusal(session, row, row.last_error, now)
        else:
            # The address may be as good as before; whoever wrote has to know that this answer did not arrive.
            why = NOT_TAKEN if final else f"no mail server took it for {GIVE_UP.days} days"
            undelivered.tell(session, row, f"{why} ({row.last_error[:200]})", now, suppressed=False)
    else:
        row.state = OutboundState.QUEUED
        row.next_try_at = now + pause(row.attempts)
    log.warning("mail %s was not taken (attempt %s): %s", row.id, row.attempts, type(error).__name__)


def _count_receipt(session: Session, ticket_id: int, now: datetime) -> None:
    """Tell the ticket's clocks, before anything else is locked; a receipt that went out is sent, whatever they say."""
    try:
        with session.begin_nested():
            sla.apply_change(session, ticket_id, Change.receipt_sent(), actor_id=None, now=now)
    except Exception:
        log.exception("the receipt of ticket %s could not be counted", ticket_id)


def pause(attempts: int) -> timedelta:
    """How long to wait after so many tries: 1, 2, 4 ... 60 minutes, and up to a quarter more against stampedes."""
    minutes = min(LONGEST_PAUSE_MINUTES, 2 ** min(attempts - 1, 10))
    return timedelta(minutes=minutes * _random.uniform(1.0, 1.25))


def is_final(error: Exception) -> bool:
    """Whether the other server refuses this mail for good. A refused sign-in is our settings' fault, not the mail's."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return False
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return 500 <= error.smtp_code < 600 and not isinstance(error, smtplib.SMTPConnectError | smtplib.SMTPHeloError)
    # A certificate that cannot be checked is a ValueError too, and the fault of the server or of our settings.
    return isinstance(error, ValueError) and not isinstance(error, OSError)


def _words(error: Exception) -> str:
    """What the other server said, for the mail screen. Never what we sent."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"The mail server refused our sign-in ({error.smtp_code}). Please check SMTP_USER and SMTP_PASSWORD."
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()))
        return _said(code, said)
    if isinstance(error, smtplib.SMTPResponseException):
        return _said(error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "The mail server offers no encryption, so nothing was sent. Please check SMTP_SECURITY."
    if isinstance(error, OSError):
        return f"The mail server could not be reached: {error.strerror or type(error).__name__}."
    return f"The mail server broke off: {type(error).__name__}."


def _said(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return one_line(f"{code} {text}", 500)
