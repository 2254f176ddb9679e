"""A mail that becomes a ticket: at which desk, for whom, and what of it is its text.

It is opened at the desk of the sender's own lead, whatever door it came to; its clocks run from when it arrived. Where
somebody of the desk forwards a member's mail, the ticket is that member's, and what was written above is a note.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import MemberOrg, Person
from desk.conversations.service import File
from desk.domain.doors import Door, Route, desk_for
from desk.domain.permissions import SYSTEM, Actor
from desk.domain.text import MESSAGE_LENGTH, cut_line
from desk.domain.vocabulary import Audience, Channel
from desk.mail.facts import person_of
from desk.mail.forwarding import parts_of
from desk.mail.message import InboundMessage
from desk.mail.models import InboundMail, InboundOutcome
from desk.mail.reply import new_text
from desk.mail.threading import Decision
from desk.progress import service as progress
from desk.routing import service as routing
from desk.tickets import queries as tickets
from desk.tickets import service as filing
from desk.tickets.models import Ticket

MOST_FILES = 100
_CUT = "\n\n[The mail was longer; the whole of it is kept as it came.]"


def open_from(
    session: Session,
    mail: InboundMail,
    message: InboundMessage,
    decision: Decision,
    now: datetime,
    chosen: int | None = None,
) -> InboundOutcome:
    """File the mail as a ticket; held where no desk is known to be its own. ``chosen``: a consortium that a manager of
    the registry chose, whose door it came to.
    """
    door = Door(mail.consortium_id, mail.registry_id if mail.consortium_id is None else None)
    route = Route(chosen, rerouted=True) if chosen else route_of(session, mail, message, now)
    if route.consortium_id is None:
        return InboundOutcome.HELD
    actor, draft = _draft(session, mail, message, decision, route.consortium_id, now)
    if route.rerouted:
        ticket = routing.open_at_lead(
            session, actor, draft, door=door, address=mail.mailbox, channel=Channel.EMAIL, now=now
        )
    else:
        ticket = filing.open_ticket(session, actor, draft, channel=Channel.EMAIL, now=now)
    mail.ticket_id, mail.consortium_id = ticket.id, ticket.consortium_id
    mail.ticket_message_id = tickets.first_message(session, ticket).id
    if decision.on_behalf_of and decision.person_id is not None:
        _note_forwarder(session, ticket, message, decision.person_id, now)
    return InboundOutcome.OPENED


def route_of(session: Session, mail: InboundMail, message: InboundMessage, now: datetime) -> Route:
    """The desk that answers a mail which opens a ticket. An answer to a reply address stays where that belongs."""
    if mail.mailbox.startswith("reply+"):
        return Route(mail.consortium_id)
    person = person_of(session, message)
    actor = accounts.actor_of(session, person.id, now) if person else SYSTEM
    homes = {
        consortium_id: accounts.consortium(session, consortium_id).registry_id
        for consortium_id in actor.member_consortia() | actor.consortia()
    }
    if actor.registries():
        homes = {}  # who works at a registry writes to a lead as somebody else's desk does
    return desk_for(Door(mail.consortium_id, mail.registry_id), homes)


def _draft(
    session: Session,
    mail: InboundMail,
    message: InboundMessage,
    decision: Decision,
    consortium_id: int,
    now: datetime,
) -> tuple[Actor, filing.NewTicket]:
    """Who files, and what. Somebody proved files for their organisation; for anybody else the desk proposes."""
    sender = message.sender.email.lower() if message.sender else mail.sender
    new, rest = texts_of(message)
    if decision.on_behalf_of:
        person = accounts.person_by_email(session, decision.on_behalf_of)
        sender, new, rest = decision.on_behalf_of, _within(parts_of(message)[1]), ""
    else:
        person = person_of(session, message)
    org = _org_of(session, consortium_id, person, sender, now)
    actor, proved = _who_files(session, consortium_id, person, org, decision, now)
    contact = person is not None and _is_contact(session, person, consortium_id, now)
    return actor, filing.NewTicket(
        consortium_id=consortium_id,
        member_org_id=org.id if org and proved and contact else None,
        subject=cut_line(message.subject) or "(no subject)",
        text=new if new.strip() else "(no text)",
        quoted_text=rest,
        files=files_of(message),
        requester_id=person.id if person and (proved or contact) else None,
        unverified_sender=None if proved else sender or "unknown sender",
        proposed_org_id=org.id if org and not proved else None,
        machine=decision.machine,
        follow_up_of_id=decision.linked[0] if len(decision.linked) == 1 and proved else None,
        arrived_at=mail.received_at,
    )


def _who_files(
    session: Session,
    consortium_id: int,
    person: Person | None,
    org: MemberOrg | None,
    decision: Decision,
    now: datetime,
) -> tuple[Actor, bool]:
    """Who files, and whether it is proved whose the ticket is."""
    if person is None:
        return SYSTEM, False
    if decision.on_behalf_of:
        # Somebody of the desk says whose it is, as they do on the page; nobody has answered it yet.
        return SYSTEM, _is_contact(session, person, consortium_id, now)
    actor = accounts.actor_of(session, person.id, now)
    by_member = org is not None and org.id in actor.orgs()
    if decision.person_id == person.id and (by_member or consortium_id in actor.consortia()):
        return actor, True
    return SYSTEM, False


def _note_forwarder(session: Session, ticket: Ticket, message: InboundMessage, person_id: int, now: datetime) -> None:
    """Who forwarded it, and what they wrote above it, for the lead's team alone."""
    actor = accounts.actor_of(session, person_id, now)
    filing.record(session, ticket, "forwarded_in", actor, now, quiet=True)
    above, _ = parts_of(message)
    if above:
        progress.add_message(
            session, actor, ticket, audience=Audience.LEAD, text=_within(above), channel=Channel.EMAIL, now=now
        )


def _org_of(
    session: Session, consortium_id: int, person: Person | None, sender: str, now: datetime
) -> MemberOrg | None:
    """The member of this consortium that the sender belongs to, or that has the domain of their address."""
    domain = sender.rpartition("@")[2]
    by_domain = accounts.org_by_mail_domain(session, consortium_id, domain) if domain else None
    own = accounts.orgs_of_person(session, person.id, consortium_id, now) if person else ()
    if by_domain and by_domain.id in {org.id for org in own}:
        return by_domain
    return own[0] if own else by_domain


def _is_contact(session: Session, person: Person, consortium_id: int, now: datetime) -> bool:
    return bool(accounts.orgs_of_person(session, person.id, consortium_id, now))


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
