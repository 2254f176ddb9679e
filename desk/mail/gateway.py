"""What a received mail means: collects the facts, has ``threading`` decide, calls the same verbs as the pages.

Outcomes, each with its reason and evidence on the row: *opened* a ticket, *appended* to one, *held* for somebody to
look at, *duplicate* of the same mail to another address of ours, *report* about a mail of ours. A mail whose verb
refuses is held with the refusal's sentence. Nothing is answered from here: receipts come from the ticket's events.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import MemberOrg, Person
from desk.conversations.service import File
from desk.domain.errors import Conflict, DeskError
from desk.domain.lifecycle import State
from desk.domain.permissions import SYSTEM, Actor, MessageSubject, Permission, may, writes_as_staff
from desk.domain.text import MESSAGE_LENGTH, cut_line
from desk.domain.vocabulary import Audience, Channel
from desk.events import service as events
from desk.mail import queries, storms, undelivered
from desk.mail.address import Issued, Signer
from desk.mail.message import InboundMessage
from desk.mail.models import InboundMail, InboundOutcome, InboundState
from desk.mail.reply import new_text
from desk.mail.storms import PairCaps, counterpart
from desk.mail.threading import Decision, Evidence, Facts, Match, Rights, Verdict, decide, subject_tags
from desk.progress import service as progress
from desk.tickets import queries as tickets
from desk.tickets import service as filing
from desk.tickets.models import Ticket
from desk.triage import service as triage

MOST_FILES = 100
_CAPS = PairCaps()
_CUT = "\n\n[The mail was longer; the whole of it is kept as it came.]"


def receive(
    session: Session,
    mail_id: int,
    message: InboundMessage,
    *,
    signer: Signer,
    now: datetime,
    caps: PairCaps = _CAPS,
) -> None:
    """Do what a kept mail asks for and mark its row, in this one transaction. Does nothing if the row is not new.

    Raises ``Conflict`` when somebody changed the ticket at the same moment: the mail stays new and is read again.
    """
    if not _claim(session, mail_id):
        return
    mail = session.get_one(InboundMail, mail_id, populate_existing=True)
    decision = decision_about(session, mail, message, signer, now, caps)
    mail.counterpart = counterpart(message, mail, decision)
    outcome = InboundOutcome.HELD
    try:
        with session.begin_nested():
            if decision.verdict is Verdict.REPORT:
                outcome, decision = InboundOutcome.REPORT, _report(session, mail, message, decision, signer, now)
            else:
                outcome = _act(session, mail, message, decision, now)
    except Conflict:
        raise
    except DeskError as refusal:
        decision = replace(decision, reason=f"{decision.reason} The desk refused it: {refusal.sentence}")
    mail.state, mail.outcome, mail.reason, mail.read_at = InboundState.DONE, outcome, decision.reason, now
    mail.evidence = evidence_of(message, decision)
    if decision.storm:
        storms.note(session, mail, reason=decision.reason, now=now)
    elif not decision.machine:
        undelivered.lift_by_mail(session, message, now)
    session.flush()


def decision_about(
    session: Session,
    mail: InboundMail,
    message: InboundMessage,
    signer: Signer,
    now: datetime,
    caps: PairCaps = _CAPS,
) -> Decision:
    """What is to be done with a mail that was read; changes nothing."""
    if not message.complete:
        return Decision(Verdict.HOLD, f"It could not be read as a whole: {'; '.join(message.defects)}.", machine=True)
    if not message.size or not (message.text.strip() or message.subject or message.attachments):
        return Decision(Verdict.HOLD, "It is empty.", machine=True)
    person = _person(session, message)
    matches = list(_matches(session, mail, message, person, signer))
    ticket_ids = {match.ticket_id for match in matches}
    rights = {ticket_id: _rights(session, ticket_id, person, message, now) for ticket_id in ticket_ids}
    decision = decide(_facts(session, mail, message, person), matches, rights)
    staff = decision.ticket_id in rights and rights[decision.ticket_id].staff
    return storms.silenced(session, mail, message, decision, staff=staff, caps=caps)


def evidence_of(message: InboundMessage, decision: Decision) -> dict[str, Any]:
    """What the decision was made from, as the mail screen shows it. Nothing of the text."""
    return {
        "decision": decision.verdict.value,
        "said": list(decision.evidence),
        "linked": list(decision.linked),
        "defects": list(message.defects),
        "answerable": decision.answerable,
        "authentication": message.auth.value,
        "sent_at": message.sent_at.isoformat() if message.sent_at else None,
    }


def open_held(session: Session, actor: Actor, mail: InboundMail, message: InboundMessage, *, now: datetime) -> None:
    """Somebody looked at a held mail and wants it as a ticket; it is filed like any unverified sender's."""
    if not _claim(session, mail.id, InboundState.DONE, InboundOutcome.HELD):
        raise Conflict("Somebody has dealt with this mail meanwhile.")
    session.refresh(mail)
    linked = (mail.ticket_id,) if mail.ticket_id else ()
    decision = Decision(Verdict.OPEN, f"Opened from the mail screen by {actor.name}.", linked=linked)
    mail.outcome = _open(session, mail, message, decision, now)
    mail.state, mail.reason, mail.read_at = InboundState.DONE, decision.reason, now
    session.flush()


def try_again(session: Session, mail: InboundMail) -> None:
    """Let a quarantined mail be read once more."""
    if not _claim(session, mail.id, InboundState.QUARANTINED):
        raise Conflict("Somebody has dealt with this mail meanwhile.")
    session.refresh(mail)
    mail.state, mail.attempts, mail.reason = InboundState.NEW, 0, ""


def _claim(
    session: Session, mail_id: int, state: InboundState = InboundState.NEW, outcome: InboundOutcome | None = None
) -> bool:
    """Take the row's lock, if it is still in this state: of two that act on one mail, the second finds it changed."""
    claimed = session.execute(
        sa.update(InboundMail)
        .where(InboundMail.id == mail_id, InboundMail.state == state, InboundMail.outcome.is_not_distinct_from(outcome))
        .values(outcome=outcome)
        .execution_options(synchronize_session=False)
    )
    return bool(getattr(claimed, "rowcount", 0))


# ------------------------------------------------------------------ facts


def _person(session: Session, message: InboundMessage) -> Person | None:
    """Whose address From is: an active person, who is thereby claimed and not proved."""
    found = accounts.person_by_email(session, message.sender.email) if message.sender else None
    return found if found and found.active else None


def _facts(session: Session, mail: InboundMail, message: InboundMessage, person: Person | None) -> Facts:
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
        from_ourselves=sender is not None and sender in queries.own_addresses(session),
    )


def _null_sender(mail: InboundMail) -> tuple[str, ...]:
    """The pipe knows no envelope; LMTP and SMTP say ``<>`` for the null sender."""
    return ("empty return path",) if mail.envelope_from == "<>" else ()


def _matches(
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


def _rights(session: Session, ticket_id: int, person: Person | None, message: InboundMessage, now: datetime) -> Rights:
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


# ------------------------------------------------------------------ acts


def _act(
    session: Session, mail: InboundMail, message: InboundMessage, decision: Decision, now: datetime
) -> InboundOutcome:
    twin = queries.twin(session, mail)
    if twin is not None and decision.verdict in (Verdict.OPEN, Verdict.APPEND):
        mail.ticket_id = twin.ticket_id
        return InboundOutcome.DUPLICATE
    match decision.verdict:
        case Verdict.APPEND:
            return _append(session, mail, message, decision, now)
        case Verdict.OPEN:
            return _open(session, mail, message, decision, now)
        case _:
            mail.ticket_id = decision.ticket_id
            _belongs_to(session, mail, decision.ticket_id)
            return InboundOutcome.HELD


def _append(
    session: Session, mail: InboundMail, message: InboundMessage, decision: Decision, now: datetime
) -> InboundOutcome:
    ticket = session.get_one(Ticket, decision.ticket_id)
    if decision.person_id is None and ticket.state is State.CLOSED:
        # A follow-up belongs to somebody; of a sender who is not known only the address is, and a new ticket keeps it.
        return _open(session, mail, message, replace(decision, linked=(ticket.id,)), now)
    actor = SYSTEM if decision.person_id is None else accounts.actor_of(session, decision.person_id, now)
    if decision.person_id is not None and not decision.machine:
        _confirm_proposed(session, ticket, decision.person_id, now)
    new, rest = _texts(message)
    written = progress.add_message(
        session,
        actor,
        ticket,
        audience=decision.audience,
        text=new,
        quoted_text=rest,
        files=_files(message),
        channel=Channel.EMAIL,
        machine=decision.machine,
        author_label=message.sender.email.lower() if message.sender and actor.system else "",
        now=now,
    )
    mail.ticket_id, mail.ticket_message_id = written.ticket_id, written.id
    _belongs_to(session, mail, written.ticket_id)
    if written.secrets_removed and decision.person_id is not None and not decision.machine:
        # The page would say so at once; who writes by mail is told by mail.
        events.record(
            session,
            "secret_removed",
            at=now,
            audience=written.audience.value,
            ticket_id=written.ticket_id,
            message_id=written.id,
            person_id=decision.person_id,
            consortium_id=mail.consortium_id,
        )
    return InboundOutcome.APPENDED


def _confirm_proposed(session: Session, ticket: Ticket, person_id: int, now: datetime) -> None:
    """A ticket proposed for a contact becomes theirs once they answered through the signed address."""
    if ticket.requester_id == person_id and ticket.unverified_sender and ticket.proposed_org_id:
        triage.confirm_requester(
            session, SYSTEM, ticket, member_org_id=ticket.proposed_org_id, person_id=person_id, now=now
        )


def _open(
    session: Session, mail: InboundMail, message: InboundMessage, decision: Decision, now: datetime
) -> InboundOutcome:
    person = _person(session, message)
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
    new, rest = _texts(message)
    sender = message.sender.email.lower() if message.sender else mail.sender
    return actor, filing.NewTicket(
        consortium_id=consortium_id,
        member_org_id=org.id if org and by_member else None,
        subject=cut_line(message.subject) or "(no subject)",
        text=new,
        quoted_text=rest,
        files=_files(message),
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


def _texts(message: InboundMessage) -> tuple[str, str]:
    """What is new, and the whole text where that is more; both within what a message holds."""
    new = new_text(message)
    rest = message.text.strip() if message.text.strip() != new.strip() else ""
    if not new.strip():
        new = "(no text)"
    return _within(new), _within(rest)


def _within(text: str) -> str:
    return text if len(text) <= MESSAGE_LENGTH else text[: MESSAGE_LENGTH - len(_CUT)].rstrip() + _CUT


def _files(message: InboundMessage) -> list[File]:
    return [File(file.filename or file.label, file.data) for file in message.attachments[:MOST_FILES]]


def _belongs_to(session: Session, mail: InboundMail, ticket_id: int | None) -> None:
    """Show the mail to the managers of the ticket's consortium, unless it came to a registry: it stays theirs."""
    ticket = session.get(Ticket, ticket_id) if ticket_id else None
    if ticket is not None and mail.registry_id is None:
        mail.consortium_id = ticket.consortium_id


def _report(
    session: Session, mail: InboundMail, message: InboundMessage, decision: Decision, signer: Signer, now: datetime
) -> Decision:
    """Note what a report proves, and say so; it is shown where the mail of ours is that it is about."""
    noted = undelivered.note_report(session, mail, message, signer=signer, now=now)
    if noted.about is not None:
        mail.ticket_id = noted.about.ticket_id
        _belongs_to(session, mail, noted.about.ticket_id)
    return replace(decision, reason=noted.reason, evidence=(*decision.evidence, *noted.said))
