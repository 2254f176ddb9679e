"""Mail proves nothing by itself: who forges or has left gets nothing, and no desk reads another's notes by mail."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts import service as people
from desk.accounts.models import Person
from desk.config import Settings, load_settings
from desk.conversations.models import Message
from desk.db import transaction
from desk.domain.permissions import SYSTEM
from desk.domain.vocabulary import Audience, Channel
from desk.extensions import mail as flask_mail
from desk.handover import service as handover
from desk.known_issues import service as known_issues
from desk.mail import intake, notify, outbound, queries
from desk.mail.models import InboundMail, InboundOutcome, OutboundMail, OutboundState
from desk.tickets import service as filing
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.issues.scenes import issue, opened, published
from tests.tickets.scenes import browser, filed, written

NORTH = "north@desk.example"
PASSES = "desk.example; dmarc=pass header.from={domain}"


Take = Callable[..., InboundMail]


@pytest.fixture
def take(session: Session, settings: Settings, now: datetime) -> Take:
    """Take a mail in and read it; the row."""

    def taken(
        sender: str, to: str = NORTH, subject: str = "Hello", text: str = "Words.", head: str = ""
    ) -> InboundMail:
        identity = abs(hash((sender, to, text, head)))
        top = f"{head}From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{identity}@elsewhere.example>"
        raw = f"{top}\r\n\r\n{text}\r\n"
        mail_id = intake.accept(raw.encode(), mailbox=to, envelope_from=sender, settings=settings, now=now)
        intake.read_one(mail_id, settings, now)
        session.expire_all()
        return session.get_one(InboundMail, mail_id)

    return taken


def handed_over(cast: Cast, number: int) -> None:
    with transaction() as unit:
        team = accounts.team_of_registry(unit, cast.orcid.id)
        lead, ticket = cast.actor(cast.leo), unit.get_one(Ticket, number)
        handover.hand_over(unit, lead, ticket, registry_id=cast.orcid.id, team=team, tier=2, now=cast.now)


def said_on(session: Session, number: int) -> list[str]:
    rows = sa.select(Message.text).where(Message.ticket_id == number).order_by(Message.id)
    return list(session.scalars(rows))


def expand(settings: Settings, now: datetime) -> None:
    while True:
        with transaction() as unit:
            if not notify.expand_one(unit, settings=settings, now=now):
                return


def reply_address(settings: Settings, number: int, person: Person, audience: Audience) -> str:
    return intake.signer_of(settings).reply_address(number, person.id, audience, person.email)


# ------------------------------------------------------------------ who forges


def test_nobody_is_believed_where_no_receiving_server_is_named() -> None:
    """The mail domain was the default: a name that every sender knows, so that anybody could vouch for themselves."""
    assert load_settings({"SECRET_KEY": "k" * 32, "MAIL_DOMAIN": "desk.example"}).AUTHSERV_ID == ""


FORGED = [
    "",
    "Authentication-Results: mx.evil.example; dmarc=pass header.from=alder.example\r\n",
    "Authentication-Results: desk.example.evil.example; dmarc=pass header.from=alder.example\r\n",
    "Authentication-Results: desk.example; dmarc=pass header.from=evil.example\r\n",
    "Authentication-Results: desk.example; dkim=pass header.d=example\r\n",
    "Authentication-Results: desk.example; spf=pass smtp.mailfrom=alice@alder.example\r\n",
    "Authentication-Results: desk.example; none\r\nAuthentication-Results: "
    + PASSES.format(domain="alder.example")
    + "\r\n",
]


@pytest.mark.parametrize("head", FORGED)
def test_a_stranger_in_a_contacts_name_never_joins_their_ticket(
    cast: Cast, session: Session, take: Take, settings: Settings, head: str
) -> None:
    number = filed(cast)
    expand(settings, cast.now)
    ours = session.scalars(sa.select(OutboundMail.message_id).where(OutboundMail.to_address == cast.alice.email)).one()
    before = said_on(session, number)
    for subject, more in ((f"Re: [#{number}] x", ""), ("Re: x", f"In-Reply-To: <{ours}>\r\nReferences: <{ours}>\r\n")):
        mail = take(cast.alice.email, subject=subject, text=f"Close it. {more}", head=head + more)
        assert mail.ticket_id != number
    to_bob = reply_address(settings, number, cast.bob, Audience.MEMBER)
    to_leo = reply_address(settings, number, cast.leo, Audience.LEAD)
    for sender, to in ((cast.alice, to_bob), (cast.bob, to_bob), (cast.leo, to_leo), (cast.alice, to_leo)):
        take(sender.email, to=to, text=f"From {sender.name} to {to}.", head=head)
    assert said_on(session, number) == before


def test_what_a_stranger_writes_in_a_contacts_name_is_shown_as_not_verified(
    app: Flask, cast: Cast, session: Session, take: Take
) -> None:
    """It stood on the page and in the queue under the contact's own name, without a word of doubt."""
    mail = take(cast.alice.email, subject="Please add my colleague", text="And hurry.")
    assert mail.outcome is InboundOutcome.OPENED
    leo = browser(app, cast, cast.leo)
    page = leo.get(f"/tickets/{mail.ticket_id}").text
    assert "Sender not verified" in page and f"Message by {cast.alice.email}" in page
    assert f"Message by {cast.alice.name}" not in page
    assert "not verified" in leo.get("/queue").text


def test_a_changed_reply_address_is_worth_nothing(cast: Cast, session: Session, take: Take, settings: Settings) -> None:
    number = filed(cast)
    good = reply_address(settings, number, cast.alice, Audience.MEMBER)
    before = said_on(session, number)
    for at in (8, 20, 40, 57):
        changed = good[:at] + ("a" if good[at] != "a" else "b") + good[at + 1 :]
        take(cast.alice.email, to=changed, text=f"changed at {at}")
    assert said_on(session, number) == before
    take(cast.alice.email, to=good, text="As it was issued.")
    assert said_on(session, number) == [*before, "As it was issued."]


def test_a_receipt_for_an_unproved_mail_holds_none_of_it(
    cast: Cast, session: Session, take: Take, settings: Settings
) -> None:
    take(cast.alice.email, subject="SUBJECTMARK", text="TEXTMARK")
    take("victim@else.example", subject="SUBJECTMARK", text="TEXTMARK 2")
    expand(settings, cast.now)
    for address in (cast.alice.email, "victim@else.example"):
        (receipt,) = session.scalars(sa.select(OutboundMail).where(OutboundMail.to_address == address)).all()
        whole = receipt.subject + receipt.text + receipt.html + receipt.from_header
        assert "MARK" not in whole


def test_mail_in_many_names_does_not_make_the_desk_write_to_all_of_them(
    cast: Cast, session: Session, take: Take, settings: Settings
) -> None:
    settings = replace(settings, MAIL_STRANGERS_PER_HOUR=3)
    for number in range(6):
        take(f"victim{number}@else{number}.example", text=f"Mail {number}.")
    expand(settings, cast.now)
    receipts = session.scalars(sa.select(OutboundMail).where(OutboundMail.to_address.like("victim%"))).all()
    assert [row.state for row in receipts].count(OutboundState.QUEUED) == 3
    assert [row.state for row in receipts].count(OutboundState.DEAD) == 3
    take("victim@else.example", to="south@desk.example", text="To another desk.")
    expand(settings, cast.now)
    (other,) = session.scalars(sa.select(OutboundMail).where(OutboundMail.to_address == "victim@else.example")).all()
    assert other.state is OutboundState.QUEUED


# ------------------------------------------------------------------ notes of the registry


def test_an_answer_to_a_note_of_the_registry_is_never_the_leads_held_or_not(
    app: Flask, cast: Cast, session: Session, take: Take, settings: Settings
) -> None:
    """It was held for the lead's manager, who could open it as a ticket and read what the registry keeps to itself."""
    number = filed(cast)
    handed_over(cast, number)
    written(cast, number, cast.rita, "Between us at the registry.", Audience.REGISTRY)
    to = reply_address(settings, number, cast.ruth, Audience.REGISTRY)
    tickets = session.scalar(sa.select(sa.func.count()).select_from(Ticket))
    for sender in (cast.ruth.email, "ruth@private.example", cast.alice.email):
        mail = take(sender, to=to, text="> Between us at the registry.\r\nYes.")
        assert mail.outcome is InboundOutcome.HELD, sender
        assert browser(app, cast, cast.ruth).get(f"/mail/{mail.id}").status_code == 200
        lena = browser(app, cast, cast.lena)
        assert lena.get(f"/mail/{mail.id}").status_code == 404
        assert lena.post(f"/mail/{mail.id}/open").status_code == 404
        assert browser(app, cast, cast.dirk).get(f"/mail/{mail.id}").status_code == 404
    assert session.scalar(sa.select(sa.func.count()).select_from(Ticket)) == tickets


def test_an_appended_answer_to_a_note_of_the_registry_stays_off_the_leads_mail_screen(
    app: Flask, cast: Cast, session: Session, take: Take, settings: Settings
) -> None:
    number = filed(cast)
    handed_over(cast, number)
    to = reply_address(settings, number, cast.rita, Audience.REGISTRY)
    head = f"Authentication-Results: {PASSES.format(domain='orcid.example')}\r\n"
    mail = take(cast.rita.email, to=to, text="Internal.", head=head)
    assert mail.outcome is InboundOutcome.APPENDED
    assert browser(app, cast, cast.lena).get(f"/mail/{mail.id}").status_code == 404
    assert browser(app, cast, cast.ruth).get(f"/mail/{mail.id}").status_code == 200


def test_a_registry_reads_no_address_of_a_sender_whom_nothing_proved(app: Flask, cast: Cast, session: Session) -> None:
    sender = "researcher.private@else.example"
    draft = filing.NewTicket(cast.north.id, None, "Who am I?", "Hello", unverified_sender=sender)
    with transaction() as unit:
        number = filing.open_ticket(unit, SYSTEM, draft, channel=Channel.EMAIL, now=cast.now).id
    handed_over(cast, number)
    shown = list(session.scalars(sa.select(Message.id).where(Message.ticket_id == number)))
    with transaction() as unit:
        handover.disclose(
            unit,
            cast.actor(cast.leo),
            unit.get_one(Ticket, number),
            registry_id=cast.orcid.id,
            message_ids=shown,
            attachment_ids=[],
            masked={},
            now=cast.now,
        )
    page = browser(app, cast, cast.rita).get(f"/tickets/{number}")
    assert page.status_code == 200
    assert "Hello" in page.text and "researcher.private" not in page.text
    assert sender in browser(app, cast, cast.leo).get(f"/tickets/{number}").text


# ------------------------------------------------------------------ who has left


def test_a_mail_that_waited_is_not_sent_to_somebody_whose_role_ended_meanwhile(
    cast: Cast, session: Session, settings: Settings
) -> None:
    number = filed(cast)
    written(cast, number, cast.leo, "For Alice alone.")
    expand(settings, cast.now)
    with transaction() as unit:
        people.end_role(unit, unit.merge(cast.alice).roles[0], now=cast.now)
    with transaction() as unit:
        unit.execute(sa.delete(OutboundMail).where(OutboundMail.to_address != cast.alice.email))
    while outbound.send_one(flask_mail, settings=settings, now=cast.now):
        session.expire_all()
    to_alice = session.scalars(sa.select(OutboundMail).where(OutboundMail.to_address == cast.alice.email)).all()
    assert to_alice
    assert {(row.state, row.last_error) for row in to_alice} == {
        (OutboundState.DEAD, "Not sent: the recipient may no longer read it.")
    }


def test_mail_about_an_issue_is_seen_by_the_managers_of_its_consortium_alone(
    cast: Cast, session: Session, settings: Settings
) -> None:
    number = opened(cast)
    published(cast, cast.leo, number, cast.north)
    with transaction() as unit:
        found = issue(unit, cast, cast.leo, number)
        known_issues.affects_us(unit, cast.actor(cast.alice), found, member_org_id=cast.alder.id, now=cast.now)
    published(cast, cast.leo, number, cast.north, text="There is news.")
    expand(settings, cast.now)
    mail = session.scalars(sa.select(OutboundMail).where(OutboundMail.to_address == cast.alice.email)).first()
    assert mail is not None
    seen = {
        name
        for name, person in cast.people().items()
        if mail in queries.outbound(session, cast.actor(person), OutboundState.QUEUED)
    }
    assert seen == {"lena"}
