"""Mail of ours that does not arrive: what a report proves, which address is gone, and the way back.

A report is believed only as far as it is tied to one mail of ours: by the signed address that it came back to or by
the Message-ID that it returns, and for the recipient of that very mail. Everything else is kept, with its reason, and
does nothing. One mail of ours counts once, however often a server reports it.

Nothing more goes to an address where nobody can be reached; after a complaint nothing automatic does. A manager lifts
that, or the holder of the address by writing to us: who is vouched for can also read. Sign-in links always go out, at
the asking of whoever wants one and capped where they are made: else a wrong report would lock somebody out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.db import insert_ignore
from desk.domain.errors import Conflict
from desk.domain.permissions import Actor
from desk.domain.vocabulary import Audience
from desk.events import service as events
from desk.events.models import Event
from desk.mail import queries
from desk.mail.address import Signer
from desk.mail.evidence import AuthVerdict
from desk.mail.failures import WORDS, Failure, failure_of
from desk.mail.message import InboundMessage
from desk.mail.models import Cause, Hold, InboundMail, OutboundMail, OutboundState, SuppressedAddress
from desk.mail.reports import DeliveryReport, Recipient

SOFT_FAILURES = 5
"""So many mails to one address that fail for now, within ``SOFT_WITHIN``, and it counts as out of reach."""

SOFT_WITHIN = timedelta(days=7)
SENT_AGAIN = timedelta(days=7)
"""What was held back is queued again for so long; what is older is no news to anybody."""

RETURNED = "mail_returned"
UNWANTED = "they marked an automatic mail as unwanted"
_ALWAYS_SENT = frozenset({"sign_in_link_issued"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a report did, in a sentence, the mail of ours that it is about, and what it says, for the mail screen."""

    reason: str
    about: OutboundMail | None = None
    said: tuple[str, ...] = ()


# ------------------------------------------------------------------ reports


def note_report(
    session: Session, mail: InboundMail, message: InboundMessage, *, signer: Signer, now: datetime
) -> Outcome:
    """Do what a delivery report or a complaint proves."""
    if message.report is None:
        noted = _note_complaint(session, mail, message, signer, now)
    else:
        noted = _note_delivery(session, mail, message.report, signer, now)
    return replace(noted, said=(*_tie(mail, noted, message), *_lines(message)))


def _tie(mail: InboundMail, noted: Outcome, message: InboundMessage) -> tuple[str, ...]:
    if noted.about is None:
        return ()
    source = message.report or message.feedback
    by_id = source is not None and source.original_message_id == noted.about.message_id
    what = "the Message-ID that it returns" if by_id else "the signed address that it came to"
    return (f"tied to a mail of ours to {noted.about.to_address} by {what}",)


def _lines(message: InboundMessage) -> tuple[str, ...]:
    """What it says of each address, the first few."""
    if message.report is not None:
        return tuple(f"{one.email}: {one.action}, {_said(one)}".rstrip(", ") for one in message.report.recipients[:10])
    complaint = message.feedback
    return (f"complaint: {complaint.kind or 'of no kind'}",) if complaint is not None else ()


def _note_delivery(
    session: Session, mail: InboundMail, report: DeliveryReport, signer: Signer, now: datetime
) -> Outcome:
    about = _about(session, mail, report.original_message_id, signer)
    if about is None:
        return Outcome("A report that carries no signed address and no Message-ID of ours. It did nothing.")
    named = [one for one in report.recipients if one.email.lower() == about.to_address]
    if report.recipients and not named:
        others = ", ".join(one.email for one in report.recipients[:3])
        return Outcome(f"A report for {others}, to whom the mail that it names did not go. It did nothing.", about)
    one = next((one for one in named if one.action == "failed"), named[0] if named else None)
    if one is not None and one.action != "failed":
        return Outcome(f"A mail to {about.to_address} is late; their server tries again. Nothing was done.", about)
    return Outcome(_note_failure(session, mail, about, one, now), about)


def _about(session: Session, mail: InboundMail, original_id: str, signer: Signer) -> OutboundMail | None:
    """The mail of ours that a report is tied to: by Message-ID, else the latest that had this signed sender."""
    if original_id:
        found = session.scalars(sa.select(OutboundMail).where(OutboundMail.message_id == original_id)).first()
        if found is not None:
            return found
    issued = signer.read_reply_address(mail.mailbox)
    if issued is None and signer.read_escalation_address(mail.mailbox) is None:
        return None
    return session.scalars(
        sa.select(OutboundMail)
        .where(
            OutboundMail.ticket_id == issued.ticket_id if issued else OutboundMail.ticket_id.is_not(None),
            OutboundMail.reply_to == mail.mailbox,
            OutboundMail.sent_at.is_not(None),
        )
        .order_by(OutboundMail.id.desc())
        .limit(1)
    ).first()


def _note_failure(
    session: Session, mail: InboundMail, about: OutboundMail, one: Recipient | None, now: datetime
) -> str:
    said = _said(one) if one else ""
    failure = failure_of(one.status, one.diagnostic) if one else Failure.SOFT
    words = f"{WORDS[failure]}{f' ({said[:200]})' if said else ''}"
    if not mark_failed(session, about, failure, f"It came back: {words}.", now):
        return f"Bounce for {about.to_address}, of a mail whose failure was known already. Nothing was added."
    suppressed = _suppress_if_gone(session, about.to_address, failure, words, now, mail.id)
    tell(session, about, words, now, suppressed=suppressed)
    ending = " Nothing more is sent there until it is lifted." if suppressed else ""
    return f"Bounce for {about.to_address}: {words}.{ending}"


def _said(one: Recipient) -> str:
    """The server's own words with the number of the failure, which most of them repeat."""
    words = re.sub(r"^\s*(?:smtp|x-[\w-]{1,40}|dns)\s*;\s*", "", one.diagnostic, flags=re.IGNORECASE)
    return words if one.status in words else f"{one.status} {words}".strip()


def note_refusal(session: Session, row: OutboundMail, said: str, now: datetime) -> None:
    """The other server refused the recipient of a mail for good, as we handed it over."""
    failure = failure_of("", said)
    if not mark_failed(session, row, failure, said, now):
        return
    suppressed = _suppress_if_gone(session, row.to_address, failure, f"{WORDS[failure]} ({said[:200]})", now)
    tell(session, row, WORDS[failure], now, suppressed=suppressed)


def mark_failed(session: Session, row: OutboundMail, failure: Failure, reason: str, now: datetime) -> bool:
    """Mark a mail of ours as not delivered; False if it was marked before, so that each counts once."""
    marked = session.execute(
        sa.update(OutboundMail)
        .where(OutboundMail.id == row.id, OutboundMail.failure.is_(None))
        .values(failure=failure, failed_at=now, state=OutboundState.DEAD, last_error=reason[:500])
    )
    session.refresh(row)
    return bool(getattr(marked, "rowcount", 0))


def tell(session: Session, row: OutboundMail, why: str, now: datetime, *, suppressed: bool) -> None:
    """Write on the ticket that somebody was not reached; the desk that wrote is told.

    An automatic mail is worth that only when its address was given up with it: one event for many mails.
    """
    if row.ticket_id is None or (row.automatic and not suppressed):
        return
    own = row.audience in (Audience.HANDOVER, Audience.REGISTRY)
    events.record(
        session,
        RETURNED,
        at=now,
        audience=(row.audience if own and row.audience else Audience.LEAD).value,
        ticket_id=row.ticket_id,
        person_id=row.person_id,
        payload={"address": row.to_address, "why": why, "suppressed": suppressed},
    )


# ------------------------------------------------------------------ complaints


def _note_complaint(
    session: Session, mail: InboundMail, message: InboundMessage, signer: Signer, now: datetime
) -> Outcome:
    """RFC 5965: somebody pressed "unwanted". They get nothing automatic any more; answers of people still go."""
    complaint = message.feedback
    about = _about(session, mail, complaint.original_message_id if complaint else "", signer)
    if complaint is None or about is None:
        return Outcome("A complaint that carries no signed address and no Message-ID of ours. It did nothing.")
    if complaint.kind not in ("", "abuse", "fraud", "opt-out", "opt-out-list", "other"):
        return Outcome(f"A feedback report of the kind {complaint.kind}, which is no complaint. It did nothing.", about)
    named = {one.lower() for one in complaint.recipients}
    # Many providers leave out who complained: the Message-ID that they return is then the whole evidence.
    if named and about.to_address not in named:
        return Outcome("A complaint of somebody to whom the mail that it names did not go. It did nothing.", about)
    if not about.automatic:
        return Outcome(f"A complaint about an answer of a person to {about.to_address}. Nothing was stopped.", about)
    began = suppress(session, about.to_address, Cause.COMPLAINT, "they marked a mail of ours as unwanted", now, mail.id)
    if began:
        tell(session, about, UNWANTED, now, suppressed=True)
    return Outcome(f"Complaint of {about.to_address} about an automatic mail: nothing automatic goes there now.", about)


# ------------------------------------------------------------------ addresses


def _suppress_if_gone(
    session: Session, address: str, failure: Failure, why: str, now: datetime, mail_id: int | None = None
) -> bool:
    """Whether this failure was the one with which the address was given up."""
    if failure is Failure.HARD:
        return suppress(session, address, Cause.BOUNCE, why, now, mail_id)
    if failure is Failure.SOFT and queries.failed_count(session, address, failure, now - SOFT_WITHIN) >= SOFT_FAILURES:
        many = f"{SOFT_FAILURES} mails failed within {SOFT_WITHIN.days} days, the last one because {why}"
        return suppress(session, address, Cause.BOUNCE, many, now, mail_id)
    return False


def suppress(session: Session, address: str, cause: Cause, why: str, now: datetime, mail_id: int | None = None) -> bool:
    """Let nothing go to an address from now on; False if that was so already, and is now counted."""
    began = insert_ignore(
        session,
        SuppressedAddress,
        address=address,
        cause=cause,
        since=now,
        why=why,
        inbound_mail_id=mail_id,
        count=1,
        last_at=now,
        lifted_why="",
    )
    if began:
        return True
    changes = {"count": SuppressedAddress.count + 1, "last_at": now}
    # Who complained and is then gone is gone: the reason that holds back more stays.
    worse = sa.and_(SuppressedAddress.cause == Cause.COMPLAINT, sa.literal(cause is Cause.BOUNCE))
    session.execute(
        sa.update(SuppressedAddress)
        .where(SuppressedAddress.address == address, SuppressedAddress.lifted_at.is_(None))
        .values(
            changes
            | {
                "cause": sa.case(
                    (worse, sa.literal(cause, SuppressedAddress.cause.type)), else_=SuppressedAddress.cause
                ),
                "why": sa.case((worse, sa.literal(why)), else_=SuppressedAddress.why),
            }
        )
        .execution_options(synchronize_session=False)
    )
    return False


def held_back(session: Session, row: OutboundMail) -> str:
    """Why a mail does not go out because of its address, in a sentence; '' when it may."""
    found = queries.suppression_of(session, row.to_address)
    if found is None or (found.cause is Cause.COMPLAINT and not row.automatic):
        return ""
    event = session.get(Event, row.event_id) if row.event_id else None
    if event is not None and event.kind in _ALWAYS_SENT:
        return ""
    what = "automatic mail" if found.cause is Cause.COMPLAINT else "mail"
    return f"Held back: {what} to this address stopped on {found.since:%d %b %Y}, because {found.why}."


# ------------------------------------------------------------------ the way back


def lift(session: Session, actor: Actor, suppressed: SuppressedAddress, *, resend: bool, now: datetime) -> int:
    """Let mail go to an address again; how many mails that were held back lately are queued with ``resend``.

    Raises ``Conflict`` when somebody lifted it meanwhile. Who may is decided by what the caller could find.
    """
    if not _end(session, suppressed, f"Lifted by {actor.name}.", actor.person_id, now):
        raise Conflict("Somebody has lifted this meanwhile.")
    return _queue_again(session, suppressed.address, now) if resend else 0


def lift_by_mail(session: Session, message: InboundMessage, now: datetime) -> bool:
    """Somebody wrote whose address mail came back from, and our receiving server vouches for them: they are there.

    What people wrote to them lately is queued again, notices are not. A complaint stands: who writes to us need not
    want to hear from machines.
    """
    if message.sender is None or message.auth is not AuthVerdict.PASS or message.is_machine:
        return False
    found = queries.suppression_of(session, message.sender.email.lower())
    if found is None or found.cause is not Cause.BOUNCE:
        return False
    if not _end(session, found, "They wrote to us from this address.", None, now):
        return False
    _queue_again(session, found.address, now, OutboundMail.automatic.is_(False))
    return True


def _end(session: Session, suppressed: SuppressedAddress, why: str, by: int | None, now: datetime) -> bool:
    ended = session.execute(
        sa.update(SuppressedAddress)
        .where(SuppressedAddress.id == suppressed.id, SuppressedAddress.lifted_at.is_(None))
        .values(lifted_at=now, lifted_by=by, lifted_why=why)
        .execution_options(synchronize_session=False)
    )
    if not getattr(ended, "rowcount", 0):
        return False
    payload = {"address": suppressed.address, "why": why}
    events.record(session, "suppression_lifted", at=now, actor_id=by, payload=payload, quiet=True)
    return True


def _queue_again(session: Session, address: str, now: datetime, *conditions: sa.ColumnElement[bool]) -> int:
    rows: Sequence[OutboundMail] = session.scalars(
        sa.select(OutboundMail).where(
            OutboundMail.to_address == address,
            OutboundMail.state == OutboundState.DEAD,
            OutboundMail.held_by == Hold.ADDRESS,
            OutboundMail.created_at > now - SENT_AGAIN,
            *conditions,
        )
    ).all()
    for row in rows:
        row.state, row.attempts, row.held_by, row.last_error = OutboundState.QUEUED, 0, None, ""
        row.created_at = row.next_try_at = now
    session.flush()
    return len(rows)
