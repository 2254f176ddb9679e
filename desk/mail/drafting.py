"""A mail of ours as a row, complete before the first try: addresses, ids, marks, and the words of its letter.

Automatic mail is marked, and capped by ``desk.mail.storms``; nothing goes where mail comes back from. What is held back
is a dead row with its reason, visible and to be sent by hand.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from email.headerregistry import Address

from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.config import Settings
from desk.db import NAME_LENGTH
from desk.domain.bulk_answer import EVENT_KEY
from desk.domain.languages import ENGLISH
from desk.domain.notices import MEMBER, PERSONAL, SUBSCRIBED, Topic, topic_of
from desk.events.models import Event
from desk.mail import letter, queries, storms, translation, undelivered
from desk.mail.address import Signer
from desk.mail.charsets import one_line
from desk.mail.letter import Letter
from desk.mail.models import Hold, OutboundMail, OutboundState
from desk.mail.recipient import Recipient
from desk.mail.shown import is_unproved, team_of, values
from desk.preferences import service as preferences
from desk.tickets.models import Ticket

_REFERENCES = 10
Wording = Callable[[OutboundMail], Letter]


def topic(session: Session, event: Event, recipient: Recipient) -> Topic | None:
    """The topic that somebody could switch off to be spared this event; None where they cannot."""
    ticket = session.get(Ticket, event.ticket_id) if event.ticket_id else None
    own = ticket is None or (recipient.person is not None and ticket.requester_id == recipient.person.id)
    return topic_of(event.kind, recipient.side, own=own)


def add(session: Session, event: Event, recipient: Recipient, settings: Settings, now: datetime) -> OutboundMail:
    """The mail of one event to one recipient."""

    def wording(row: OutboundMail) -> Letter:
        shown = values(session, event, recipient, settings, now) | {"unsubscribe_url": row.unsubscribe}
        return letter.write(event.kind, shown, **_reader(recipient), with_marker=bool(row.reply_to))

    topics = [one for one in (topic(session, event, recipient),) if one in SUBSCRIBED]
    row = _row(session, event, recipient, settings, now, topics)
    unproved = recipient.side == MEMBER and is_unproved(session, event)
    return _written(session, event, row, wording, settings, now, unproved=unproved)


def add_gathered(
    session: Session, happened: Sequence[Event], recipient: Recipient, settings: Settings, now: datetime
) -> OutboundMail:
    """One mail for several events of one ticket, in their order; its answer is read by the same people as each."""
    last = happened[-1]

    def wording(row: OutboundMail) -> Letter:
        parts = [(each.kind, each.at, values(session, each, recipient, settings, now)) for each in happened]
        shown = parts[-1][2] | {"unsubscribe_url": row.unsubscribe}
        section = letter.Section("", "", parts)
        return letter.collect(letter.GATHERED, [section], shown, **_reader(recipient), with_marker=bool(row.reply_to))

    topics = {topic(session, each, recipient) for each in happened}
    row = _row(session, last, recipient, settings, now, [one for one in topics if one] if topics <= SUBSCRIBED else [])
    signer = Signer(settings.SECRET_KEY, settings.MAIL_DOMAIN)
    row.message_id = signer.collection_id(row.to_address, [each.id for each in happened])
    return _written(session, last, row, wording, settings, now)


def add_digest(
    session: Session, happened: Sequence[tuple[Event, Recipient]], settings: Settings, now: datetime
) -> OutboundMail:
    """The daily mail of one person: everything that waited for it, ticket by ticket."""
    event, recipient = happened[-1]
    person = recipient.person
    if person is None:
        raise ValueError("only people of the desk's have a daily mail")
    sections = _sections(session, happened, settings, now)
    topics = {found for each, its in happened if (found := topic(session, each, its)) is not None}
    one_desk = len({each.consortium_id for each, _ in happened}) == 1
    signer = Signer(settings.SECRET_KEY, settings.MAIL_DOMAIN)
    row = _blank(
        to_address=recipient.address.lower(),
        person_id=person.id,
        message_id=signer.collection_id(recipient.address, [each.id for each, _ in happened]),
        from_header=_from(session, event if one_desk else None, settings),
        unsubscribe=_unsubscribe(person, topics, settings),
        now=now,
    )

    def wording(row: OutboundMail) -> Letter:
        shown = values(session, event, recipient, settings, now)
        shown |= {"ticket": None, "message": None, "unsubscribe_url": row.unsubscribe}
        shown |= {"desk": shown["desk"] if one_desk else "Consortium Desk"}
        shown |= {"signature": shown["signature"] if one_desk else ""}
        return letter.collect(letter.DIGEST, sections, shown, **_reader(recipient), with_marker=False)

    return _written(session, event, row, wording, settings, now)


def _sections(
    session: Session, happened: Sequence[tuple[Event, Recipient]], settings: Settings, now: datetime
) -> list[letter.Section]:
    """Ticket by ticket, in the order in which each was first heard of; what belongs to no ticket last."""
    by_ticket: dict[int | None, list[tuple[Event, Recipient]]] = {}
    for each, recipient in happened:
        by_ticket.setdefault(each.ticket_id, []).append((each, recipient))
    found = []
    for number in sorted(by_ticket, key=lambda one: one is None):
        parts = [
            (each.kind, each.at, letter.shortened(values(session, each, recipient, settings, now)))
            for each, recipient in by_ticket[number]
        ]
        ticket = parts[-1][2]["ticket"]
        if ticket is None:
            found.append(letter.Section("", "", parts))
            continue
        member = f" ({ticket['organisation']})" if ticket["organisation"] else ""
        subject = ticket["subject"] or translation.ours("A request", by_ticket[number][-1][1].language)
        found.append(letter.Section(f"#{number} {subject}{member}", ticket["url"], parts))
    return found


def _reader(recipient: Recipient) -> dict[str, str]:
    return {"zone": recipient.zone, "language": recipient.language}


def add_unwritten(session: Session, event: Event, recipient: Recipient, settings: Settings, now: datetime) -> None:
    """A dead row for a letter that could not be written, so that somebody sees it."""
    row = _row(session, event, recipient, settings, now, [])
    row.state, row.last_error = OutboundState.DEAD, "The letter could not be written; the log says why."
    session.add(row)
    session.flush()


# ------------------------------------------------------------------ the row


def _written(
    session: Session,
    event: Event,
    row: OutboundMail,
    wording: Wording,
    settings: Settings,
    now: datetime,
    *,
    unproved: bool = False,
) -> OutboundMail:
    content = wording(row)
    row.subject, row.text, row.html, row.language = content.subject, content.text, content.html, content.language
    gone = undelivered.held_back(session, row)
    known = row.person_id is not None
    held = gone or storms.held_back(session, event, row, settings, now, known=known, unproved=unproved)
    if held:
        row.state, row.last_error, row.held_by = OutboundState.DEAD, held, Hold.ADDRESS if gone else Hold.CAP
    session.add(row)
    session.flush()
    return row


def _row(
    session: Session, event: Event, recipient: Recipient, settings: Settings, now: datetime, ended: Iterable[Topic]
) -> OutboundMail:
    """Everything but the words: addresses, ids and marks, fixed before the first try. ``ended``: by one click."""
    signer = Signer(settings.SECRET_KEY, settings.MAIL_DOMAIN)
    address = recipient.address.lower()
    ids = (recipient.person.id if recipient.person else None, recipient.audience, address)
    reply_to = signer.reply_address(event.ticket_id, *ids) if event.ticket_id else ""
    thread = queries.thread_of(session, event.ticket_id, address) if event.ticket_id else []
    # One of many alike is marked, too: forty notes that somebody is away shall not come back.
    automatic = event.kind not in PERSONAL or EVENT_KEY in event.payload
    row = _blank(
        to_address=address,
        person_id=ids[0],
        message_id=signer.message_id(event.id, event.ticket_id or 0, *ids),
        from_header=_from(session, event, settings),
        # An answer of a person is no list: there is nothing to unsubscribe from.
        unsubscribe=_unsubscribe(recipient.person, ended, settings) if automatic else "",
        now=now,
    )
    row.event_id, row.ticket_id, row.ticket_message_id = event.id, event.ticket_id, event.message_id
    row.audience = recipient.audience if event.ticket_id else None
    # A bounce of a personal answer comes back to where an answer would; an automatic mail must not bounce.
    row.automatic, row.envelope_from, row.reply_to = automatic, "" if automatic else reply_to, reply_to
    row.in_reply_to = thread[-1] if thread else ""
    row.references = thread if len(thread) <= _REFERENCES else [thread[0], *thread[1 - _REFERENCES :]]
    return row


def _blank(
    *, to_address: str, person_id: int | None, message_id: str, from_header: str, unsubscribe: str, now: datetime
) -> OutboundMail:
    return OutboundMail(
        to_address=to_address,
        person_id=person_id,
        message_id=message_id,
        envelope_from="",
        from_header=from_header,
        reply_to="",
        in_reply_to="",
        references=[],
        subject="",
        text="",
        html="",
        language=ENGLISH,
        unsubscribe=unsubscribe,
        automatic=True,
        state=OutboundState.QUEUED,
        created_at=now,
        next_try_at=now,
    )


def _unsubscribe(person: Person | None, topics: Iterable[Topic], settings: Settings) -> str:
    """Where one click ends these topics; '' for somebody whom the desk does not know, and where there is none."""
    named = list(topics)
    if person is None or not named:
        return ""
    return f"{settings.BASE_URL}/unsubscribe/{preferences.unsubscribe_token(person.id, named, settings.SECRET_KEY)}"


def _from(session: Session, event: Event | None, settings: Settings) -> str:
    """Who writes, in the name of which desk; the address is the desk's own."""
    team = team_of(session, event)
    address = team.support_address if team and team.support_address else f"desk@{settings.MAIL_DOMAIN}"
    name = team.name if team else "Consortium Desk"
    personal = event is not None and event.actor_id and event.kind in PERSONAL
    writer = session.get(Person, event.actor_id) if event is not None and personal else None
    shown = one_line(f"{writer.name} ({name})" if writer else name, NAME_LENGTH)
    return str(Address(display_name=shown, addr_spec=address))
