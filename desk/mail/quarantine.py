"""What a manager does with mail on the mail screen: reads it once more, makes something of it, or discards it.

Whatever is done, the mail stays on the screen with who did it and why, and its bytes stay as they came.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Registry
from desk.bridge import queries as bridges
from desk.bridge.models import Became, BridgeSaid
from desk.bridge.queries import Awaited
from desk.domain.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from desk.domain.permissions import Actor, Permission, may
from desk.domain.redirects import Destination, checked, text_for
from desk.domain.text import REASON_LENGTH, clean_text
from desk.domain.vocabulary import Audience, Channel
from desk.events import service as events
from desk.mail import bridge_in
from desk.mail.gateway import claim
from desk.mail.message import InboundMessage
from desk.mail.models import InboundMail, InboundOutcome, InboundState
from desk.mail.opening import files_of, open_from, texts_of
from desk.mail.threading import Decision, Verdict
from desk.progress import service as progress
from desk.tickets import queries as tickets
from desk.tickets import service as tickets_service

_GONE = "Somebody has dealt with this mail meanwhile."


def try_again(session: Session, mail: InboundMail) -> None:
    """Let a quarantined mail be read once more."""
    if not claim(session, mail.id, InboundState.QUARANTINED):
        raise Conflict(_GONE)
    session.refresh(mail)
    mail.state, mail.attempts, mail.reason = InboundState.NEW, 0, ""


def open_held(
    session: Session,
    actor: Actor,
    mail: InboundMail,
    message: InboundMessage,
    *,
    now: datetime,
    consortium_id: int | None = None,
) -> None:
    """Somebody looked at a held mail and wants it as a ticket; it is filed like any unverified sender's.

    ``consortium_id``: for mail at a registry's door, the consortium whose lead answers it. Raises ``InvalidInput`` for
    a consortium of another registry.
    """
    _begin(session, mail)
    if consortium_id is not None and (mail.registry_id is None or not _is_under(session, mail, consortium_id)):
        raise InvalidInput("Choose a consortium of this registry.", field="consortium_id")
    linked = (mail.ticket_id,) if mail.ticket_id else ()
    decision = Decision(Verdict.OPEN, f"Opened from the mail screen by {actor.name}.", linked=linked)
    mail.outcome = open_from(session, mail, message, decision, now, consortium_id)
    mail.state, mail.reason, mail.read_at = InboundState.DONE, decision.reason, now
    session.flush()


def release(session: Session, actor: Actor, mail: InboundMail, message: InboundMessage, *, now: datetime) -> None:
    """Put a held mail on the ticket that it points at, as a note for the lead's team in the name of who does it.

    It speaks for nobody else: whoever wrote it is named in it as an address, and neither member nor registry reads it.
    Raises ``NotFound`` for a ticket that is not the actor's to work on.
    """
    _begin(session, mail)
    if mail.ticket_id is None:
        raise IllegalTransition("It points at no ticket. Open a ticket from it instead.")
    ticket = tickets.get(session, actor, mail.ticket_id)
    if not may(actor, Permission.TICKET_WORK, tickets.subject_of(session, ticket)):
        raise NotFound
    new, rest = texts_of(message)
    written = progress.add_message(
        session,
        actor,
        ticket,
        audience=Audience.LEAD,
        text=f"A mail that says it comes from {mail.sender or 'nobody'}:\n\n{new}",
        quoted_text=rest,
        files=files_of(message),
        channel=Channel.EMAIL,
        now=now,
    )
    mail.ticket_message_id = written.id
    _end(mail, InboundOutcome.APPENDED, f"Put on the ticket as a note by {actor.name}.", now)


def answers_to(session: Session, mail: InboundMail) -> list[Awaited]:
    """The escalations that a held mail may be the answer to; the one that it points at already comes first.

    Those of the mailbox's own consortium: nobody speaks for a registry on somebody else's ticket.
    """
    if mail.outcome is not InboundOutcome.HELD or mail.consortium_id is None or mail.registry_id is not None:
        return []
    return sorted(bridges.awaited(session, mail.consortium_id), key=lambda one: one.ticket.id != mail.ticket_id)


def take_as_answer(
    session: Session, actor: Actor, mail: InboundMail, message: InboundMessage, *, link_id: int, now: datetime
) -> BridgeSaid:
    """A held mail is the registry's answer to an escalation that went by mail; who says so stays on record.

    It goes the way of every answer of that desk. One that names a number of another escalation is refused: that is
    written down, and the mail stays held. Raises ``NotFound`` for an escalation that is not the mailbox's own or not
    open, ``IllegalTransition``, ``Conflict``.
    """
    _begin(session, mail)
    own = mail.consortium_id is not None and mail.registry_id is None
    found = next(iter(bridges.awaited(session, mail.consortium_id or 0, link_id=link_id)), None) if own else None
    if found is None:
        raise NotFound
    tickets_service.working(session, actor, found.ticket, Permission.TICKET_ESCALATE)
    said = bridge_in.take_said(session, actor, mail, message, found.link, now)
    if said.became is Became.REFUSED:
        mail.reason = said.why
    else:
        reason = f"{actor.name} says that it is the answer to escalation {found.reference}. {said.why}".strip()
        _end(mail, InboundOutcome.APPENDED if said.message_id else InboundOutcome.DUPLICATE, reason, now)
    session.flush()
    return said


def discard(session: Session, actor: Actor, mail: InboundMail, *, reason: str, now: datetime) -> None:
    """Nothing is to be made of a held or quarantined mail; why is kept with it."""
    why = clean_text(reason, name="The reason", field="reason", limit=REASON_LENGTH)
    _begin(session, mail, quarantined=True)
    _end(mail, InboundOutcome.DISCARDED, f"Discarded by {actor.name}: {why}", now)


def redirect(session: Session, actor: Actor, mail: InboundMail, *, text: str, now: datetime) -> None:
    """Answer the sender of a held mail with who can help them; no ticket is made of it.

    The answer is an automatic mail under the caps and holds nothing that they wrote. Raises ``IllegalTransition`` for
    mail that nobody may be answered.
    """
    said = checked(text)
    _begin(session, mail)
    if not mail.evidence.get("answerable") or "@" not in mail.sender:
        raise IllegalTransition("Nothing may go to this sender: a machine wrote it, or it is not their address.")
    events.record(
        session,
        "redirected",
        at=now,
        actor_id=actor.person_id,
        consortium_id=mail.consortium_id,
        registry_id=None if mail.consortium_id else mail.registry_id,
        payload={"address": mail.sender, "text": said, "mail_id": mail.id},
    )
    _end(mail, InboundOutcome.REDIRECTED, f"{actor.name} told the sender who can help them.", now)


def redirect_text(session: Session, mail: InboundMail) -> str:
    """The answer as it is proposed: a desk of members sends researchers to their own institution."""
    if mail.consortium_id is not None:
        consortium = accounts.consortium(session, mail.consortium_id)
        desk, registry = accounts.team_of_consortium(session, consortium.id).name, consortium.parent_registry
    elif mail.registry_id is not None:
        desk, registry = (
            accounts.team_of_registry(session, mail.registry_id).name,
            session.get_one(Registry, mail.registry_id),
        )
    else:
        return ""
    return text_for(Destination.INSTITUTION, desk=desk, service=registry.service, registry=registry.name)


def _begin(session: Session, mail: InboundMail, *, quarantined: bool = False) -> None:
    """Take the row's lock, if it is still to be dealt with."""
    held = claim(session, mail.id, InboundState.DONE, InboundOutcome.HELD)
    if not held and not (quarantined and claim(session, mail.id, InboundState.QUARANTINED)):
        raise Conflict(_GONE)
    session.refresh(mail)


def _end(mail: InboundMail, outcome: InboundOutcome, reason: str, now: datetime) -> None:
    mail.state, mail.outcome, mail.reason, mail.read_at = InboundState.DONE, outcome, reason, now


def _is_under(session: Session, mail: InboundMail, consortium_id: int) -> bool:
    return consortium_id in {one.id for one in accounts.consortia_of(session, mail.registry_id)}
