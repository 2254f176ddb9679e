"""What a manager does with held and quarantined mail: every way out is recorded, and none speaks for somebody else."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.config import Settings
from desk.conversations.models import Message
from desk.db import transaction
from desk.domain.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from desk.domain.vocabulary import Audience
from desk.mail import quarantine, queries
from desk.mail.message import read
from desk.mail.models import InboundMail, InboundOutcome, InboundState
from tests.cast import Cast
from tests.mail.taking import ORCID, Take, expand, raw_mail, taker, tickets, told, vouched


@pytest.fixture
def take(session: Session, settings: Settings, now: datetime) -> Take:
    return taker(session, settings, now)


@pytest.fixture
def held(cast: Cast, session: Session, take: Take) -> InboundMail:
    """An answer in Leo's name on Alice's ticket, without what would prove it."""
    take(raw_mail(cast.alice.email, head=vouched(cast.alice.email)))
    [ticket] = tickets(session)
    return take(raw_mail(cast.leo.email, subject=f"[#{ticket.number}]", text="try this", head=vouched(cast.leo.email)))


def test_a_held_mail_is_released_as_a_note_that_speaks_for_nobody(
    cast: Cast, session: Session, held: InboundMail, now: datetime
) -> None:
    message = read(raw_mail(cast.leo.email, text="try this"))
    with transaction() as unit:
        quarantine.release(unit, cast.actor(cast.lena), unit.get_one(InboundMail, held.id), message, now=now)
    session.expire_all()
    note = session.scalars(sa.select(Message).order_by(Message.id.desc())).first()
    assert note is not None
    assert (note.audience, note.author_id) == (Audience.LEAD, cast.lena.id)
    assert note.text == f"A mail that says it comes from {cast.leo.email}:\n\ntry this"
    assert (held.outcome, held.ticket_message_id) == (InboundOutcome.APPENDED, note.id)
    with pytest.raises(Conflict), transaction() as unit:
        quarantine.discard(unit, cast.actor(cast.lena), unit.get_one(InboundMail, held.id), reason="late", now=now)


def test_nothing_is_released_onto_a_ticket_of_somebody_else(cast: Cast, held: InboundMail, now: datetime) -> None:
    with pytest.raises(NotFound), transaction() as unit:
        mail = unit.get_one(InboundMail, held.id)
        quarantine.release(unit, cast.actor(cast.sofia), mail, read(raw_mail("a@b.example")), now=now)


def test_a_mail_is_discarded_with_a_reason_and_the_counts_still_add_up(
    cast: Cast, session: Session, held: InboundMail, now: datetime
) -> None:
    with pytest.raises(InvalidInput), transaction() as unit:
        quarantine.discard(unit, cast.actor(cast.lena), unit.get_one(InboundMail, held.id), reason=" ", now=now)
    with transaction() as unit:
        broken = unit.get_one(InboundMail, held.id)
        broken.state, broken.outcome = InboundState.QUARANTINED, None
    with transaction() as unit:
        mail = unit.get_one(InboundMail, held.id)
        quarantine.discard(unit, cast.actor(cast.lena), mail, reason="advertising", now=now)
    session.expire_all()
    assert (held.outcome, held.reason) == (InboundOutcome.DISCARDED, "Discarded by Lena Linden: advertising")
    assert queries.inbound_counts(session, cast.actor(cast.lena)) == {"received": 2, "opened": 1, "discarded": 1}


def test_the_registry_sends_a_held_mail_to_a_lead_of_its_own_with_the_time_it_came(
    cast: Cast, session: Session, take: Take, now: datetime
) -> None:
    early = now - timedelta(hours=3)
    raw = raw_mail("new@cedar.example", to=ORCID)
    mail = take(raw, mailbox=ORCID, at=early)
    with pytest.raises(InvalidInput), transaction() as unit:
        kept = unit.get_one(InboundMail, mail.id)
        quarantine.open_held(unit, cast.actor(cast.ruth), kept, read(raw), now=now, consortium_id=cast.south.id)
    with transaction() as unit:
        kept = unit.get_one(InboundMail, mail.id)
        quarantine.open_held(unit, cast.actor(cast.ruth), kept, read(raw), now=now, consortium_id=cast.north.id)
    [ticket] = tickets(session)
    assert (ticket.consortium_id, ticket.created_at) == (cast.north.id, early)


def test_a_researcher_at_the_registry_s_door_is_told_who_can_help(
    cast: Cast, session: Session, take: Take, settings: Settings, now: datetime
) -> None:
    mail = take(raw_mail("gil@else.example", to=ORCID, text="MARKER"), mailbox=ORCID)
    with transaction() as unit:
        kept = unit.get_one(InboundMail, mail.id)
        quarantine.redirect(unit, cast.actor(cast.ruth), kept, text=quarantine.redirect_text(unit, kept), now=now)
    expand(settings, now)
    session.expire_all()
    assert mail.outcome is InboundOutcome.REDIRECTED
    [answer] = told(session, "gil@else.example")
    assert "ORCID support" in answer.from_header
    assert "library or research office" in answer.text
    assert "MARKER" not in answer.text + answer.subject
    assert answer.automatic


def test_nobody_is_told_anything_whose_mail_a_machine_wrote(cast: Cast, take: Take, now: datetime) -> None:
    mail = take(raw_mail("list@else.example", to=ORCID, head="Precedence: bulk\r\n"), mailbox=ORCID)
    with pytest.raises(IllegalTransition), transaction() as unit:
        quarantine.redirect(unit, cast.actor(cast.ruth), unit.get_one(InboundMail, mail.id), text="x", now=now)


def test_a_manager_downloads_a_mail_as_it_came_and_nobody_else_does(
    cast: Cast, client: FlaskClient, held: InboundMail
) -> None:
    answer = cast.sign_in(client, cast.lena).get(f"/mail/{held.id}/raw")
    assert answer.data == raw_mail(cast.leo.email, subject="[#1]", text="try this", head=vouched(cast.leo.email))
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    for stranger in (cast.leo, cast.sofia, cast.ruth, cast.alice):
        assert cast.sign_in(client, stranger).get(f"/mail/{held.id}/raw").status_code in (403, 404)


def test_the_page_offers_what_can_be_done_and_does_it(cast: Cast, client: FlaskClient, held: InboundMail) -> None:
    browser = cast.sign_in(client, cast.lena)
    page = browser.get(f"/mail/{held.id}").text
    assert "as a note for the team" in page
    assert "Discard" in page
    empty = browser.post(f"/mail/{held.id}/discard", data={"reason": ""}, follow_redirects=True)
    assert "The reason is missing." in empty.text
    done = browser.post(f"/mail/{held.id}/discard", data={"reason": "spoofed"}, follow_redirects=True)
    assert "Discarded by Lena Linden: spoofed" in done.text
