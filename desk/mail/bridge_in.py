"""Mail from a registry's own desk: which escalation it is about, whether it is the registry's word, what is new in it.

The address that was signed for an escalation says which one is meant, and so do our Message-IDs, the other desk's
number and our own; all but the first only in mail of that desk. Whose word it is depends on the sender alone: an
address of the desk, vouched for where a receiving server is configured. A mail to the signed address that is not the
desk's word is held and shown to the lead; anybody else's mail with a right number goes the way of all other mail.
"""

import re
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.answers import service as answers
from desk.answers.service import Heard
from desk.bridge import queries
from desk.bridge.models import Became, Bridge, BridgeLink, BridgeMail, BridgeSaid
from desk.conversations.service import File
from desk.domain.bridge import (
    LOOKED_AT,
    Proof,
    doubt_about,
    is_of_desk,
    is_phrase,
    number_fields,
    status_in,
    without_own,
)
from desk.domain.bridge_pattern import Number, compiled, find_number
from desk.domain.errors import IllegalTransition
from desk.domain.permissions import Actor
from desk.domain.text import MESSAGE_LENGTH
from desk.domain.vocabulary import Audience
from desk.escalations.models import Escalation
from desk.mail import queries as mails
from desk.mail import storms
from desk.mail.address import Signer
from desk.mail.compose import ESCALATION_MARK
from desk.mail.evidence import NO_SERVER, AuthVerdict
from desk.mail.message import InboundMessage
from desk.mail.models import InboundMail, InboundOutcome, OutboundMail
from desk.mail.reply import new_text, starts_with_marker
from desk.mail.storms import PairCaps
from desk.mail.threading import Decision, Verdict

MOST_FILES = 100
OWN_MAIL = "It is our own mail, come back."
_OURS_LOOKED_AT = 20
_REFERENCE = re.compile(r"\bEscalation ([0-9]{1,9})-([0-9]{1,4})\b")


def decision_for(
    session: Session, mail: InboundMail, message: InboundMessage, signer: Signer, caps: PairCaps
) -> Decision | None:
    """What is to be done with a mail about an escalation that goes by mail; None for every other mail."""
    if message.is_bounce or message.is_feedback_report:
        return None
    link, how, signed = _link(session, mail, message, signer)
    if link is None:
        return None
    sender = message.sender.email.lower() if message.sender else None
    of_desk = is_of_desk(sender, link.bridge.address, link.bridge.senders)
    doubt = doubt_about(of_desk=of_desk, proof=_proof(message))
    if doubt and not signed:
        return None
    own = _is_our_own(session, message)
    decision = Decision(
        Verdict.HOLD if doubt or own else Verdict.APPEND,
        doubt or own or f"{how}; it is the registry's desk that writes.",
        link.ticket_id,
        Audience.HANDOVER,
        machine=_is_machine(mail, message, link.bridge),
        evidence=(how, f"From: {sender or message.sender_doubt}", f"authentication: {message.auth_reason}"),
        link_id=link.id if not own else None,
    )
    return storms.silenced(session, mail, message, decision, staff=False, caps=caps)


def take(
    session: Session, mail: InboundMail, message: InboundMessage, decision: Decision, now: datetime
) -> tuple[InboundOutcome, Decision]:
    """Do what it says, and say what became of it."""
    mail.ticket_id = decision.ticket_id
    if decision.verdict is Verdict.APPEND and (twin := mails.twin(session, mail, mail.consortium_id)) is not None:
        mail.ticket_id = twin.ticket_id
        return InboundOutcome.DUPLICATE, decision
    link = session.get_one(BridgeLink, decision.link_id)
    heard = heard_from(session, link, message, machine=decision.machine)
    doubt = "" if decision.verdict is Verdict.APPEND else decision.reason
    said = answers.hear(session, link, replace(heard, doubt=doubt, inbound_mail_id=mail.id), now=now)
    if said.became is Became.REFUSED:
        return InboundOutcome.HELD, replace(decision, reason=said.why)
    mail.ticket_message_id = said.message_id
    if said.message_id is None:
        return InboundOutcome.DUPLICATE, replace(decision, reason=f"{decision.reason} {said.why}")
    return InboundOutcome.APPENDED, replace(decision, reason=f"{decision.reason} {said.why}".strip())


def take_said(
    session: Session, actor: Actor, mail: InboundMail, message: InboundMessage, link: BridgeLink, now: datetime
) -> BridgeSaid:
    """Somebody of the lead's says of a mail that it is the registry's answer: it counts as if its sender had proved it.

    Their name stays with it. Raises ``IllegalTransition`` for a mail of ours that came back.
    """
    own = _is_our_own(session, message)
    if own:
        raise IllegalTransition(own)
    heard = heard_from(session, link, message, machine=_is_machine(mail, message, link.bridge))
    said = answers.hear(session, link, replace(heard, inbound_mail_id=mail.id), recorded_by=actor, now=now)
    if said.became is not Became.REFUSED:
        mail.ticket_id, mail.ticket_message_id = link.ticket_id, said.message_id
    return said


def heard_from(session: Session, link: BridgeLink, message: InboundMessage, *, machine: bool) -> Heard:
    """What a mail of the other desk says: what is new, its number, its status. Changes nothing."""
    bridge = link.bridge
    text, echo = without_own(_new(message), _ours(session, link.id))
    rest = message.text.strip()
    # The status stands in the part that answers us, or in a summary below it: never in what we wrote ourselves.
    whole, _ = without_own(rest, _ours(session, link.id))
    status = status_in(message.subject, whole, message.desk_fields, [each.word for each in queries.words_of(bridge)])
    return Heard(
        sender=message.sender.email.lower() if message.sender else "",
        text=text[:MESSAGE_LENGTH],
        quoted_text=rest[:MESSAGE_LENGTH] if rest != text.strip() else "",
        files=[File(each.filename or each.label, each.data) for each in message.attachments[:MOST_FILES]],
        machine=machine,
        echo=echo and not message.attachments,
        number=_number(session, link, message, text),
        word=status,
        answer_to=_answer_to(message, bridge),
    )


# ------------------------------------------------------------------ which escalation


def _link(
    session: Session, mail: InboundMail, message: InboundMessage, signer: Signer
) -> tuple[BridgeLink | None, str, bool]:
    """The escalation that a mail points at, by what, and whether that was the address signed for it."""
    for address in (mail.mailbox, *(each.email for each in message.recipients)):
        link_id = signer.read_escalation_address(address)
        link = session.get(BridgeLink, link_id) if link_id is not None else None
        if link is not None:
            return link, "the address signed for the escalation", True
    sender = message.sender.email.lower() if message.sender else None
    theirs = [each for each in queries.bridges(session) if is_of_desk(sender, each.address, each.senders)]
    if not theirs:
        return None, "", False
    link = _by_our_id(session, message)
    if link is not None:
        return link, "an answer to a mail of ours to the registry's desk", False
    for bridge in theirs:
        number = _in_subject(bridge, message)
        if number is not None and (link := queries.link_by_number(session, bridge.registry_id, number.number)):
            return link, f"the number {number.number} of the registry's desk", False
    link = _by_our_reference(session, message)
    return link, "our number of the escalation in the subject", False


def _by_our_id(session: Session, message: InboundMessage) -> BridgeLink | None:
    ids = [*message.in_reply_to, *message.references]
    if not ids:
        return None
    return session.scalars(
        sa.select(BridgeLink)
        .join(BridgeMail, BridgeMail.link_id == BridgeLink.id)
        .join(OutboundMail, OutboundMail.id == BridgeMail.outbound_mail_id)
        .where(OutboundMail.message_id.in_(ids))
        .limit(1)
    ).first()


def _by_our_reference(session: Session, message: InboundMessage) -> BridgeLink | None:
    named = _REFERENCE.search(message.subject)
    if named is None or int(named[1]) >= 1 << 31:
        return None
    return session.scalars(
        sa.select(BridgeLink)
        .join(Escalation, Escalation.id == BridgeLink.escalation_id)
        .where(Escalation.ticket_id == int(named[1]), Escalation.ordinal == int(named[2]))
    ).first()


def _is_our_own(session: Session, message: InboundMessage) -> str:
    """Why a mail is one of ours that came back, whoever it says it is from; '' when it is not."""
    names = {name.lower() for name, _ in message.desk_fields}
    sent = bool(message.message_id) and bool(mails.sent_by_ids(session, [message.message_id]))
    return OWN_MAIL if sent or ESCALATION_MARK.lower() in names else ""


# ------------------------------------------------------------------ whose word


def _proof(message: InboundMessage) -> Proof:
    if message.auth is AuthVerdict.PASS:
        return Proof.PASS
    if message.auth is AuthVerdict.FAIL:
        return Proof.FAIL
    return Proof.UNASKED if message.auth_reason == NO_SERVER else Proof.UNKNOWN


def _is_machine(mail: InboundMail, message: InboundMessage, bridge: Bridge) -> bool:
    null_sender = mail.envelope_from == "<>"
    return message.is_machine or null_sender or is_phrase(bridge.phrases, message.subject, message.text)


# ------------------------------------------------------------------ what it says


def _new(message: InboundMessage) -> str:
    """What their desk wrote. A desk like this one puts its marker on top: what is new stands below it."""
    below = starts_with_marker(message.text)
    return new_text(message if below is None else replace(message, text=below, html=""))


def _ours(session: Session, link_id: int) -> list[str]:
    return list(
        session.scalars(
            sa.select(OutboundMail.text)
            .join(BridgeMail, BridgeMail.outbound_mail_id == OutboundMail.id)
            .where(BridgeMail.link_id == link_id)
            .order_by(OutboundMail.id.desc())
            .limit(_OURS_LOOKED_AT)
        )
    )


def _in_subject(bridge: Bridge, message: InboundMessage) -> Number | None:
    """Their number where their desk writes it on purpose: a header of its own, the subject."""
    pattern = compiled(bridge.number_pattern)
    for value in number_fields(message.desk_fields):
        found = find_number(pattern, value)
        if found is None and re.fullmatch(r"[\w.-]{1,40}", value.strip()):
            found = Number(value.strip(), value.strip())
        if found is not None:
            return found
    return find_number(pattern, message.subject)


def _number(session: Session, link: BridgeLink, message: InboundMessage, text: str) -> Number | None:
    """The number of the ticket that their desk has for this; a text may name others, so it counts only at first."""
    found = _in_subject(link.bridge, message)
    if found is not None or queries.numbers_of(session, link.id):
        return found
    return find_number(compiled(link.bridge.number_pattern), text[:LOOKED_AT])


def _answer_to(message: InboundMessage, bridge: Bridge) -> str:
    """Where their desk wants the next mail, so that it files it with the same ticket; '' where it says nothing."""
    wanted = [each.email.lower() for each in message.reply_to]
    return wanted[0] if len(wanted) == 1 and is_of_desk(wanted[0], bridge.address, bridge.senders) else ""
