"""What the decision about a mail needs to know: whose address From is, what the mail points at, who may write there."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Person
from desk.domain.permissions import MessageSubject, Permission, may, writes_as_staff
from desk.domain.vocabulary import Audience
from desk.mail import queries
from desk.mail.address import Issued, Signer
from desk.mail.evidence import REPORT
from desk.mail.message import InboundMessage
from desk.mail.models import InboundMail
from desk.mail.threading import Evidence, Facts, Match, Rights, subject_tags
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket


def person_of(session: Session, message: InboundMessage) -> Person | None:
    """Whose address From is: an active person, who is thereby claimed and not proved."""
    found = accounts.person_by_email(session, message.sender.email) if message.sender else None
    return found if found and found.active else None


def facts_of(
    session: Session, mail: InboundMail, message: InboundMessage, person: Person | None, now: datetime
) -> Facts:
    """The mail as the decision sees it."""
    original = message.forwarded_from.email.lower() if message.forwarded_from else ""
    staff_here = person is not None and mail.consortium_id in accounts.actor_of(session, person.id, now).consortia()
    own = queries.own_addresses(session)
    sender = message.sender.email.lower() if message.sender else None
    return Facts(
        sender=sender,
        sender_doubt=message.sender_doubt,
        person_id=person.id if person else None,
        auth=message.auth,
        auth_reason=message.auth_reason,
        machine=(*message.machine, *(() if mail.envelope_from else _null_sender(mail))),
        is_auto_reply=message.is_auto_reply,
        is_report=message.is_bounce or message.is_feedback_report,
        is_notice=REPORT in message.machine,
        from_ourselves=sender is not None and sender in own,
        staff_here=staff_here,
        forwarded_from=original if original not in (sender, *own) else "",
    )


def _null_sender(mail: InboundMail) -> tuple[str, ...]:
    """The pipe knows no envelope; LMTP and SMTP say ``<>`` for the null sender."""
    return ("empty return path",) if mail.envelope_from == "<>" else ()


def matches_of(
    session: Session, mail: InboundMail, message: InboundMessage, person: Person | None, signer: Signer
) -> Iterator[Match]:
    """Every ticket that the mail points at, with the evidence; merged tickets are followed to their target."""
    for address in {mail.mailbox, *(recipient.email.lower() for recipient in message.recipients)}:
        issued = signer.read_reply_address(address)
        if issued and (ticket := queries.followed(session, issued.ticket_id)):
            to_sender = _is_issued_to(issued, person, message)
            yield Match(Evidence.SIGNED_ADDRESS, ticket.id, issued.audience, to_sender)
    ids = [*message.in_reply_to, *message.references]
    for sent in queries.sent_by_ids(session, ids):
        if sent.ticket_id and (ticket := queries.followed(session, sent.ticket_id)):
            to_sender = person is not None and sent.person_id == person.id
            yield Match(Evidence.OWN_MESSAGE_ID, ticket.id, sent.audience or Audience.MEMBER, to_sender)
    for came in queries.received_by_ids(session, ids):
        if came.ticket_id and (ticket := queries.followed(session, came.ticket_id)):
            yield Match(Evidence.KNOWN_MESSAGE_ID, ticket.id, Audience.MEMBER)
    for number in subject_tags(message.subject):
        ticket = queries.followed(session, number)
        # A number means a ticket of the desk that was written to; elsewhere the same number is another's.
        if ticket and ticket.consortium_id == mail.consortium_id:
            yield Match(Evidence.SUBJECT_TAG, ticket.id, Audience.MEMBER)


def _is_issued_to(issued: Issued, person: Person | None, message: InboundMessage) -> bool:
    """Whether the reply address was issued to the person whose address From is, or to that very address of nobody."""
    if issued.person_id is not None:
        return person is not None and person.id == issued.person_id
    return message.sender is not None and issued.is_for(message.sender.email)


def rights_of(
    session: Session, ticket_id: int, person: Person | None, message: InboundMessage, now: datetime
) -> Rights:
    """What whoever has From's address may do on one matched ticket, now."""
    ticket = session.get_one(Ticket, ticket_id)
    if person is None:
        own = message.sender is not None and ticket.unverified_sender == message.sender.email.lower()
        return Rights(own_unverified=own and ticket.requester_id is None)
    actor = accounts.actor_of(session, person.id, now)
    subject = tickets.subject_of(session, ticket)
    audiences = frozenset(
        audience for audience in Audience if may(actor, Permission.MESSAGE_ADD, MessageSubject(subject, audience))
    )
    return Rights(audiences, staff=writes_as_staff(actor, subject))
