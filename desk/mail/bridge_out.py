"""Hand-overs to a registry's own desk as mail: one row for each event, complete before the first try, like all mail.

Every mail of an escalation has one sender, an address signed for it, and carries the thread of what was written both
ways. None is marked as automatic, since each is the act of somebody and their desk has to take it up; but for the last
one, that it works, which must not open their ticket again.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from email.headerregistry import Address

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.bridge import queries
from desk.bridge import service as bridges
from desk.bridge.models import Bridge, BridgeLink, BridgeMail, BridgeSaid
from desk.config import Settings
from desk.conversations.models import Attachment, Message
from desk.domain.vocabulary import Audience
from desk.escalations import queries as escalations
from desk.escalations.models import Escalation
from desk.events import service as events
from desk.events.models import Event
from desk.mail import bridge_letter as letter
from desk.mail import storms, undelivered
from desk.mail.address import Signer
from desk.mail.compose import Carried
from desk.mail.letter import Letter
from desk.mail.models import Hold, InboundMail, OutboundMail, OutboundState
from desk.storage import store
from desk.tickets.models import Ticket

THEIR_DESK = "the registry's desk"
NOT_WRITTEN = "the mail could not be written"
_REFERENCES = 10
_BEGINS = frozenset({"escalated", "tier_moved"})
_KINDS = {
    "escalated": letter.BRIEF,
    "tier_moved": letter.BRIEF,  # to engineers with a desk of their own, by a support that signs in
    "noted": letter.MESSAGE,
    "withdrawn": letter.WITHDRAWN,
    "verified": letter.VERIFIED,
    "disclosed": letter.DISCLOSED,
}


def tell(session: Session, event: Event, settings: Settings, now: datetime) -> str:
    """Write the mail of an event of a hand-over that goes by mail; the address it goes to, or '' for no mail."""
    what = _KINDS.get(event.kind)
    if what is None or event.ticket_id is None:
        return ""
    message = session.get(Message, event.message_id) if event.message_id else None
    if what == letter.MESSAGE and not _is_of_the_lead(message):
        return ""
    ticket = session.get_one(Ticket, event.ticket_id)
    found = session.get(Escalation, event.escalation_id) if event.escalation_id else None
    found = found or escalations.newest(session, ticket.id)
    link = _link(session, ticket, found, event, now) if found else None
    if found is None or link is None:
        return ""
    case = _case(session, ticket, found, what, event)
    if case is None:
        return ""
    row = _row(session, event, ticket, link, settings, now)
    row.automatic = what == letter.VERIFIED
    if what == letter.BRIEF:
        written = letter_of_brief(session, ticket, link.bridge, link, case)
    else:
        said = _said(message) if what in (letter.MESSAGE, letter.WITHDRAWN) else None
        written = letter.write(
            what, case, said=said, number=_number(session, link.bridge, link), signature=_signature(session, ticket)
        )
    row.subject, row.text, row.html = written.subject, written.text, written.html
    gone = undelivered.held_back(session, row)
    held = gone or storms.held_back(session, event, row, settings, now, known=True, unproved=False)
    if held:
        row.state, row.last_error, row.held_by = OutboundState.DEAD, held, Hold.ADDRESS if gone else Hold.CAP
    session.add(row)
    session.flush()
    files = [file.id for file in (message.attachments if what == letter.MESSAGE and message else case.files)]
    shown = [each.id for each in case.messages]
    session.add(BridgeMail(outbound_mail_id=row.id, link_id=link.id, messages=shown, files=files))
    session.flush()
    if held:
        undelivered.tell(session, row, held, now, suppressed=True)
    return row.to_address


def letter_of_brief(
    session: Session, ticket: Ticket, bridge: Bridge, link: BridgeLink | None, case: queries.Case
) -> Letter:
    """The mail that hands a case over: for the preview as for the sending."""
    number = _number(session, bridge, link) if link is not None else ""
    return letter.write(letter.BRIEF, case, number=number, signature=_signature(session, ticket))


def _number(session: Session, bridge: Bridge, link: BridgeLink) -> str:
    numbers = queries.numbers_of(session, link.id) if bridge.number_in_subject else ()
    return numbers[0].written if numbers else ""


def _signature(session: Session, ticket: Ticket) -> str:
    return accounts.team_of_consortium(session, ticket.consortium_id).signature


def tell_unwritten(session: Session, event: Event, now: datetime) -> None:
    """The lead is told that the registry was not: a mail that cannot be written must not be missed by nobody."""
    events.record(
        session,
        undelivered.RETURNED,
        at=now,
        audience=Audience.LEAD.value,
        ticket_id=event.ticket_id,
        payload={"address": THEIR_DESK, "why": NOT_WRITTEN, "suppressed": False},
    )


def _is_of_the_lead(message: Message | None) -> bool:
    """Hand-over messages of people; what came from the other desk has no author of ours and does not go back there."""
    return message is not None and message.audience is Audience.HANDOVER and message.author_id is not None


def _link(session: Session, ticket: Ticket, found: Escalation, event: Event, now: datetime) -> BridgeLink | None:
    link = queries.link_of(session, found.id)
    if link is not None and event.kind == "tier_moved":
        return None  # who is reached by mail already has moved it themselves
    if link is None and event.kind in _BEGINS and (bridge := queries.bridge_for(session, found)) is not None:
        link = bridges.begin(session, ticket, found, bridge, now)
    return link if link is not None and link.bridge.active else None


def _case(session: Session, ticket: Ticket, found: Escalation, what: str, event: Event) -> queries.Case | None:
    if what == letter.BRIEF:
        sent_at = event.at if event.kind == "escalated" else found.sent_at
        case = queries.case_sent(session, ticket, found, sent_at) if sent_at is not None else None
        return replace(case, tier=found.tier) if case is not None else None
    case = queries.case_disclosed(session, ticket, found)
    if what != letter.DISCLOSED:
        return replace(case, messages=())
    return case if case.messages else None


def _said(message: Message | None) -> letter.Said | None:
    if message is None:
        return None
    author = message.author.name if message.author else message.author_label
    return letter.Said(author, message.text, message.html, tuple(each.file_name for each in message.attachments))


def _row(
    session: Session, event: Event, ticket: Ticket, link: BridgeLink, settings: Settings, now: datetime
) -> OutboundMail:
    """Everything but the words: addresses, ids and marks, fixed before the first try."""
    signer = Signer(settings.SECRET_KEY, settings.MAIL_DOMAIN)
    own = signer.escalation_address(link.id)
    to_address = link.answer_to or link.bridge.address
    thread = thread_of(session, link.id)
    name = accounts.team_of_consortium(session, ticket.consortium_id).name
    return OutboundMail(
        event_id=event.id,
        to_address=to_address,
        ticket_id=ticket.id,
        ticket_message_id=event.message_id,
        audience=Audience.HANDOVER,
        message_id=signer.message_id(event.id, ticket.id, None, Audience.HANDOVER, to_address),
        envelope_from=own,
        from_header=str(Address(display_name=name, addr_spec=own)),
        reply_to=own,
        in_reply_to=thread[-1] if thread else "",
        references=thread if len(thread) <= _REFERENCES else [thread[0], *thread[1 - _REFERENCES :]],
        subject="",
        text="",
        html="",
        automatic=False,
        state=OutboundState.QUEUED,
        created_at=now,
        next_try_at=now,
    )


def thread_of(session: Session, link_id: int) -> list[str]:
    """The Message-IDs of what went to the other desk and came from it, the oldest first."""
    sent = session.execute(
        sa.select(OutboundMail.created_at, OutboundMail.message_id)
        .join(BridgeMail, BridgeMail.outbound_mail_id == OutboundMail.id)
        .where(BridgeMail.link_id == link_id)
    ).all()
    came = session.execute(
        sa.select(InboundMail.received_at, InboundMail.message_id)
        .join(BridgeSaid, BridgeSaid.inbound_mail_id == InboundMail.id)
        .where(BridgeSaid.link_id == link_id, InboundMail.message_id != "", BridgeSaid.became != "refused")
    ).all()
    return list(dict.fromkeys(message_id for _, message_id in sorted([*map(tuple, sent), *map(tuple, came)])))


# ------------------------------------------------------------------ reading


def mail_of(session: Session, row: OutboundMail) -> BridgeMail | None:
    """What a mail to a registry's own desk carried; None for every other mail."""
    return session.get(BridgeMail, row.id)


def carried(session: Session, row: OutboundMail) -> Carried | None:
    """What goes into the mail besides its text."""
    found = mail_of(session, row)
    if found is None:
        return None
    link = session.get_one(BridgeLink, found.link_id)
    files = [session.get_one(Attachment, file_id) for file_id in found.files]
    return Carried(
        queries.reference_of(session.get_one(Escalation, link.escalation_id)),
        [(file.file_name, file.content_type, store().get(file.key)) for file in files],
    )


def deliveries(session: Session, link_id: int) -> Sequence[OutboundMail]:
    """The mails to the other desk, the newest first."""
    return session.scalars(
        sa.select(OutboundMail)
        .join(BridgeMail, BridgeMail.outbound_mail_id == OutboundMail.id)
        .where(BridgeMail.link_id == link_id)
        .order_by(OutboundMail.id.desc())
    ).all()
