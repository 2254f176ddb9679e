"""What a manager does with mail on the mail screen: read it once more, or make a ticket of it."""

from datetime import datetime

from sqlalchemy.orm import Session

from desk.domain.errors import Conflict
from desk.domain.permissions import Actor
from desk.mail.gateway import claim
from desk.mail.message import InboundMessage
from desk.mail.models import InboundMail, InboundOutcome, InboundState
from desk.mail.opening import open_from
from desk.mail.threading import Decision, Verdict


def open_held(session: Session, actor: Actor, mail: InboundMail, message: InboundMessage, *, now: datetime) -> None:
    """Somebody looked at a held mail and wants it as a ticket; it is filed like any unverified sender's."""
    if not claim(session, mail.id, InboundState.DONE, InboundOutcome.HELD):
        raise Conflict("Somebody has dealt with this mail meanwhile.")
    session.refresh(mail)
    linked = (mail.ticket_id,) if mail.ticket_id else ()
    decision = Decision(Verdict.OPEN, f"Opened from the mail screen by {actor.name}.", linked=linked)
    mail.outcome = open_from(session, mail, message, decision, now)
    mail.state, mail.reason, mail.read_at = InboundState.DONE, decision.reason, now
    session.flush()


def try_again(session: Session, mail: InboundMail) -> None:
    """Let a quarantined mail be read once more."""
    if not claim(session, mail.id, InboundState.QUARANTINED):
        raise Conflict("Somebody has dealt with this mail meanwhile.")
    session.refresh(mail)
    mail.state, mail.attempts, mail.reason = InboundState.NEW, 0, ""
