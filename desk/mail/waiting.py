"""Whether and when somebody is told: at once, after a short wait, after their quiet hours, or in their daily mail.

Whoever waits is a row with its own moment, so that any number of processes may look. Nothing is written before: at that
moment it is asked again what the person may read and has not switched off, and then the mail is complete and fixed.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.config import Settings
from desk.domain import notices
from desk.domain.notices import FIRST_WORD, PERSONAL, STAFF, Delivery, Wait
from desk.domain.priority import Priority
from desk.events.models import Event
from desk.mail import drafting
from desk.mail.models import OutboundMail, WaitingNotice
from desk.mail.recipient import Recipient
from desk.mail.told import may_be_told
from desk.preferences import queries as preferences
from desk.tickets.models import Ticket

log = logging.getLogger(__name__)


# ------------------------------------------------------------------ whether and when


def listeners(session: Session, event: Event, found: Sequence[Recipient]) -> list[Recipient]:
    """Those who have not switched this off. A ticket that reaches a desk where everybody has is told to all of it."""
    wanted = [one for one in found if _wants(session, event, one)]
    if event.kind in FIRST_WORD:
        deaf = {one.side for one in found} - {one.side for one in wanted}
        wanted += [one for one in found if one.side in deaf & STAFF]
    _lock(session, event, [one.person.id for one in wanted if one.person is not None])
    return wanted


def _lock(session: Session, event: Event, person_ids: Sequence[int]) -> None:
    """Claim those for whom something of this ticket waits, in one order for every process: else two could deadlock."""
    waits = sa.exists().where(
        WaitingNotice.person_id == Person.id,
        WaitingNotice.written_at.is_(None),
        WaitingNotice.ticket_id == event.ticket_id,
    )
    if event.ticket_id is not None and person_ids:
        wanted = sa.select(Person.id).where(Person.id.in_(person_ids), waits).order_by(Person.id)
        session.execute(wanted.with_for_update(key_share=True))


def _wants(session: Session, event: Event, recipient: Recipient) -> bool:
    if recipient.person is None:
        return True
    topic = drafting.topic(session, event, recipient)
    return topic is None or topic not in preferences.wishes_of(session, recipient.person).off


def tell(session: Session, event: Event, recipient: Recipient, settings: Settings, now: datetime) -> None:
    """Write the mail, or the notice that waits for its moment."""
    person, planned = recipient.person, _planned(session, event, recipient, settings, now)
    if person is None or planned.wait is None:
        if person is not None and event.ticket_id is not None:
            # What is told at once comes after what waits for company about the same ticket, in the order of events.
            _hurry(session, person, event.ticket_id, settings, now)
        drafting.add(session, event, recipient, settings, now)
        return
    session.add(
        WaitingNotice(
            event_id=event.id,
            person_id=person.id,
            ticket_id=event.ticket_id,
            side=recipient.side,
            audience=recipient.audience,
            wait=planned.wait,
            due_at=_joined(session, event, recipient, person, planned),
        )
    )
    session.flush()


def _planned(session: Session, event: Event, recipient: Recipient, settings: Settings, now: datetime) -> Delivery:
    if recipient.person is None:
        return Delivery(now)
    wishes = preferences.wishes_of(session, recipient.person)
    urgent = _is_urgent(session, event, recipient.side)
    gather = timedelta(seconds=settings.MAIL_GATHER_SECONDS)
    return notices.delivery(event.kind, wishes, now, urgent=urgent, gather=gather)


def _is_urgent(session: Session, event: Event, side: str) -> bool:
    ticket = session.get(Ticket, event.ticket_id) if event.ticket_id else None
    return notices.is_urgent(event.kind, side, pressing=ticket is not None and ticket.priority is Priority.P1)


def _joined(session: Session, event: Event, recipient: Recipient, person: Person, planned: Delivery) -> datetime:
    """The moment of what already waits for company on the same ticket: a wait does not grow with each thing more."""
    if planned.wait is not Wait.GATHER:
        return planned.at
    begun = session.scalar(
        sa.select(sa.func.min(WaitingNotice.due_at)).where(
            *_unwritten(person.id),
            WaitingNotice.wait == Wait.GATHER,
            WaitingNotice.ticket_id == event.ticket_id,
            WaitingNotice.audience == recipient.audience,
        )
    )
    return min(begun, planned.at) if begun is not None else planned.at


def quiet_until(session: Session, row: OutboundMail, now: datetime) -> datetime | None:
    """For a mail that is about to be sent: until when its reader wants quiet; None: it may go now."""
    event = session.get(Event, row.event_id) if row.event_id else None
    person = session.get(Person, row.person_id) if row.person_id else None
    # The daily mail comes at the hour that was chosen for it, and when it is late it is not made later still.
    if event is None or person is None or event.kind in notices.URGENT or _is_urgent(session, event, notices.LEAD):
        return None
    return notices.quiet_end(now, preferences.wishes_of(session, person))


# ------------------------------------------------------------------ when the moment has come


def write_one(session: Session, *, settings: Settings, now: datetime) -> bool:
    """Write the mails of whoever is due first; whether there was anybody."""
    claimed = session.execute(
        sa.select(WaitingNotice, Person)
        .join(Person, Person.id == WaitingNotice.person_id)
        .where(WaitingNotice.written_at.is_(None), WaitingNotice.due_at <= now)
        .order_by(WaitingNotice.due_at, WaitingNotice.id)
        .limit(1)
        # The person is what is claimed: all that waits for one reader is written by one process.
        .with_for_update(of=Person, key_share=True, skip_locked=True)
    ).first()
    if claimed is None:
        return False
    first, person = claimed
    session.refresh(first)
    if first.written_at is not None:
        return True  # another process had the person between our look and our lock
    if first.wait is Wait.DIGEST:
        _write_digest(session, person, settings, now)
    else:
        _write_together(session, person, first.ticket_id, first.event_id, settings, now)
    return True


def again(session: Session, row: OutboundMail, now: datetime) -> None:
    """A mail of several events was not sent, since one of them may no longer be read: the others wait for another.

    What may not be read stays with the mail, so that sending it by hand is refused for the same reason.
    """
    rows = session.scalars(sa.select(WaitingNotice).where(WaitingNotice.mail_id == row.id)).all()
    person = session.get(Person, row.person_id) if row.person_id else None
    for one in rows:
        event = session.get_one(Event, one.event_id)
        if may_be_told(session, event, Recipient(row.to_address, one.side, one.audience, person), now):
            one.mail_id, one.written_at, one.due_at = None, None, now
            row.event_id = None  # the other mail may end with the same event


def _unwritten(person_id: int) -> list[sa.ColumnElement[bool]]:
    return [WaitingNotice.person_id == person_id, WaitingNotice.written_at.is_(None)]


def _hurry(session: Session, person: Person, ticket_id: int, settings: Settings, now: datetime) -> None:
    waiting = sa.exists().where(
        *_unwritten(person.id), WaitingNotice.ticket_id == ticket_id, WaitingNotice.wait == Wait.GATHER
    )
    if not session.scalar(sa.select(waiting)):
        return
    session.execute(sa.select(Person.id).where(Person.id == person.id).with_for_update(key_share=True))
    _write_together(session, person, ticket_id, None, settings, now, wait=Wait.GATHER)


def _write_digest(session: Session, person: Person, settings: Settings, now: datetime) -> None:
    due = session.scalars(
        sa.select(WaitingNotice)
        .where(*_unwritten(person.id), WaitingNotice.wait == Wait.DIGEST, WaitingNotice.due_at <= now)
        .order_by(WaitingNotice.event_id)
    ).all()
    kept = _still_told(session, person, due, now)
    if not kept:
        return
    happened = [(event, recipient) for _, event, recipient in kept]
    try:
        with session.begin_nested():
            mail_id = drafting.add_digest(session, happened, settings, now).id
    except Exception:
        # One event that cannot be put into words must not cost the others their day.
        log.exception("the daily mail of person %s could not be written; each is told by itself", person.id)
        for notice, event, recipient in kept:
            _write_single(session, notice, event, recipient, settings, now)
        return
    for notice, _, _ in kept:
        notice.mail_id = mail_id


def _write_together(
    session: Session,
    person: Person,
    ticket_id: int | None,
    event_id: int | None,
    settings: Settings,
    now: datetime,
    *,
    wait: Wait | None = None,
) -> None:
    """All that waits about a ticket, by readers of the answer: in runs, since an answer of a person stands alone."""
    # Quiet hours may have begun while it waited for company.
    end = None if wait else notices.quiet_end(now, preferences.wishes_of(session, person))
    same = WaitingNotice.ticket_id == ticket_id if ticket_id is not None else WaitingNotice.event_id == event_id
    rows = session.scalars(
        sa.select(WaitingNotice)
        .where(*_unwritten(person.id), same, WaitingNotice.wait == wait if wait else WaitingNotice.wait != Wait.DIGEST)
        .order_by(WaitingNotice.event_id)
    ).all()
    if end is not None:
        for row in rows:
            row.wait, row.due_at = Wait.QUIET, end
        return
    run: list[tuple[WaitingNotice, Event, Recipient]] = []
    for one in _still_told(session, person, rows, now):
        _, event, recipient = one
        if run and (event.kind in PERSONAL or run[-1][1].kind in PERSONAL or run[-1][2].audience != recipient.audience):
            _write_run(session, run, settings, now)
            run = []
        run.append(one)
    if run:
        _write_run(session, run, settings, now)


def _still_told(
    session: Session, person: Person, rows: Sequence[WaitingNotice], now: datetime
) -> list[tuple[WaitingNotice, Event, Recipient]]:
    """Those that the person may read and wants to hear of by now; all of them count as dealt with."""
    kept = []
    for row in rows:
        row.written_at = now
        event = session.get_one(Event, row.event_id)
        recipient = Recipient(person.email, row.side, row.audience, person)
        if may_be_told(session, event, recipient, now) and _wants(session, event, recipient):
            kept.append((row, event, recipient))
    return kept


def _write_run(
    session: Session, run: Sequence[tuple[WaitingNotice, Event, Recipient]], settings: Settings, now: datetime
) -> None:
    if len(run) > 1:
        recipient = run[-1][2]
        try:
            with session.begin_nested():
                mail_id = drafting.add_gathered(session, [event for _, event, _ in run], recipient, settings, now).id
        except Exception:
            log.exception("%s events could not be told in one mail; each is told by itself", len(run))
        else:
            for notice, _, _ in run:
                notice.mail_id = mail_id
            return
    for notice, event, recipient in run:
        _write_single(session, notice, event, recipient, settings, now)


def _write_single(
    session: Session, notice: WaitingNotice, event: Event, recipient: Recipient, settings: Settings, now: datetime
) -> None:
    try:
        with session.begin_nested():
            notice.mail_id = drafting.add(session, event, recipient, settings, now).id
    except Exception:
        log.exception("event %s (%s) could not be written to a recipient", event.id, event.kind)
        drafting.add_unwritten(session, event, recipient, settings, now)
