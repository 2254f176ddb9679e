"""A mail that becomes a ticket: at which desk, for whom, and what of it is its text."""

from datetime import datetime

from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import MemberOrg, Person
from desk.conversations.service import File
from desk.domain.permissions import SYSTEM, Actor
from desk.domain.text import MESSAGE_LENGTH, cut_line
from desk.domain.vocabulary import Channel
from desk.mail.facts import person_of
from desk.mail.message import InboundMessage
from desk.mail.models import InboundMail, InboundOutcome
from desk.mail.reply import new_text
from desk.mail.threading import Decision
from desk.tickets import queries as tickets
from desk.tickets import service as filing

MOST_FILES = 100
_CUT = "\n\n[The mail was longer; the whole of it is kept as it came.]"


def open_from(
    session: Session, mail: InboundMail, message: InboundMessage, decision: Decision, now: datetime
) -> InboundOutcome:
    """File the mail as a ticket; held where no desk is known to be its own."""
    person = person_of(session, message)
    consortium_id = mail.consortium_id or _only_consortium(session, mail, person, now)
    if consortium_id is None:
        return InboundOutcome.HELD
    actor, draft = _draft(session, mail, message, decision, consortium_id, person, now)
    ticket = filing.open_ticket(session, actor, draft, channel=Channel.EMAIL, now=now)
    mail.ticket_id, mail.consortium_id = ticket.id, ticket.consortium_id
    mail.ticket_message_id = tickets.first_message(session, ticket).id
    return InboundOutcome.OPENED


def _draft(
    session: Session,
    mail: InboundMail,
    message: InboundMessage,
    decision: Decision,
    consortium_id: int,
    person: Person | None,
    now: datetime,
) -> tuple[Actor, filing.NewTicket]:
    """Who files, and what. Somebody proved files for their organisation; for anybody else the desk proposes."""
    org = _org_of(session, consortium_id, person, message, now)
    proved = person is not None and decision.person_id == person.id
    actor = accounts.actor_of(session, person.id, now) if person and proved else SYSTEM
    by_member = proved and org is not None and org.id in actor.orgs()
    if not by_member and consortium_id not in actor.consortia():
        actor, proved = SYSTEM, False
    new, rest = texts_of(message)
    sender = message.sender.email.lower() if message.sender else mail.sender
    return actor, filing.NewTicket(
        consortium_id=consortium_id,
        member_org_id=org.id if org and by_member else None,
        subject=cut_line(message.subject) or "(no subject)",
        text=new,
        quoted_text=rest,
        files=files_of(message),
        requester_id=person.id if person and (proved or _is_contact(session, person, consortium_id, now)) else None,
        unverified_sender=None if proved else sender or "unknown sender",
        proposed_org_id=org.id if org and not proved else None,
        machine=decision.machine,
        follow_up_of_id=decision.linked[0] if len(decision.linked) == 1 and proved else None,
    )


def _org_of(
    session: Session, consortium_id: int, person: Person | None, message: InboundMessage, now: datetime
) -> MemberOrg | None:
    """The member of this consortium that the sender belongs to, or that has the domain of their address."""
    domain = message.sender.email.rpartition("@")[2] if message.sender else ""
    by_domain = accounts.org_by_mail_domain(session, consortium_id, domain) if domain else None
    own = accounts.orgs_of_person(session, person.id, consortium_id, now) if person else ()
    if by_domain and by_domain.id in {org.id for org in own}:
        return by_domain
    return own[0] if own else by_domain


def _is_contact(session: Session, person: Person, consortium_id: int, now: datetime) -> bool:
    return bool(accounts.orgs_of_person(session, person.id, consortium_id, now))


def _only_consortium(session: Session, mail: InboundMail, person: Person | None, now: datetime) -> int | None:
    """For mail to a registry's own address: the one consortium of the sender. Their lead answers first."""
    if person is None or mail.registry_id is None or mail.mailbox.startswith("reply+"):
        return None
    actor = accounts.actor_of(session, person.id, now)
    own = {
        consortium_id
        for consortium_id in actor.member_consortia() | actor.consortia()
        if accounts.consortium(session, consortium_id).registry_id == mail.registry_id
    }
    return own.pop() if len(own) == 1 else None


def texts_of(message: InboundMessage) -> tuple[str, str]:
    """What is new, and the whole text where that is more; both within what a message holds."""
    new = new_text(message)
    rest = message.text.strip() if message.text.strip() != new.strip() else ""
    if not new.strip():
        new = "(no text)"
    return _within(new), _within(rest)


def _within(text: str) -> str:
    return text if len(text) <= MESSAGE_LENGTH else text[: MESSAGE_LENGTH - len(_CUT)].rstrip() + _CUT


def files_of(message: InboundMessage) -> list[File]:
    """What came with it, within what a message holds."""
    return [File(file.filename or file.label, file.data) for file in message.attachments[:MOST_FILES]]
