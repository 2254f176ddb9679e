"""What becomes of mail: the verbs it calls, for whom, and what nobody can do by writing a header."""

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.config import Settings
from desk.conversations.models import Message
from desk.db import transaction
from desk.domain.errors import Conflict, NotFound, TooLarge
from desk.domain.lifecycle import State
from desk.domain.permissions import Role
from desk.domain.vocabulary import Audience, Channel
from desk.mail import intake, notify, quarantine, queries
from desk.mail.address import Signer
from desk.mail.message import read
from desk.mail.models import InboundMail, InboundOutcome, InboundState, OutboundMail, OutboundState
from desk.progress import service as progress
from desk.storage import store
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.mail.corpus import HOSTILE

NORTH, SOUTH, ORCID = "north@desk.example", "south@desk.example", "orcid@desk.example"
AUTHSERV = "mx.desk.example"


def raw_mail(
    sender: str,
    *,
    to: str = NORTH,
    subject: str = "Cannot get a token",
    text: str = "We get error 9017.",
    head: str = "",
    message_id: str | None = None,
) -> bytes:
    identity = message_id or f"{abs(hash((sender, to, subject, text, head)))}@elsewhere.example"
    return (
        f"{head}From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{identity}>\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    ).encode()


def vouched(sender: str) -> str:
    domain = sender.rpartition("@")[2]
    return f"Authentication-Results: {AUTHSERV}; dmarc=pass header.from={domain}\r\n"


@pytest.fixture
def settings(app: Flask) -> Settings:
    found: Settings = app.config["DESK"]
    object.__setattr__(found, "AUTHSERV_ID", AUTHSERV)
    return found


@pytest.fixture
def signer(settings: Settings) -> Signer:
    return intake.signer_of(settings)


Take = Callable[..., InboundMail]


@pytest.fixture
def take(session: Session, settings: Settings, now: datetime) -> Take:
    """Take a mail in and read it; the row."""

    def taken(raw: bytes, mailbox: str = NORTH, envelope_from: str = "", at: datetime | None = None) -> InboundMail:
        mail_id = intake.accept(raw, mailbox=mailbox, envelope_from=envelope_from, settings=settings, now=at or now)
        intake.read_one(mail_id, settings, at or now)
        session.expire_all()
        return session.get_one(InboundMail, mail_id)

    return taken


def expand(settings: Settings, now: datetime) -> None:
    while True:
        with transaction() as session:
            if not notify.expand_one(session, settings=settings, now=now):
                return


def tickets(session: Session) -> list[Ticket]:
    return list(session.scalars(sa.select(Ticket).order_by(Ticket.id)).all())


def messages(session: Session, ticket_id: int | None) -> list[Message]:
    return list(session.scalars(sa.select(Message).where(Message.ticket_id == ticket_id).order_by(Message.id)).all())


def told(session: Session, address: str) -> list[OutboundMail]:
    rows = sa.select(OutboundMail).where(OutboundMail.to_address == address).order_by(OutboundMail.id)
    return list(session.scalars(rows).all())


# ------------------------------------------------------------------ keeping


def test_the_same_mail_twice_is_one_ticket(cast: Cast, session: Session, take: Take) -> None:
    raw = raw_mail(cast.alice.email)
    first = take(raw)
    second = take(b"Received: from another route\r\n" + raw)
    assert first.id == second.id
    assert second.repeats == 1
    assert len(tickets(session)) == 1


def test_two_mails_with_one_id_are_two_mails(cast: Cast, session: Session, take: Take) -> None:
    take(raw_mail(cast.alice.email, text="first", message_id="collide@test.example"))
    take(raw_mail(cast.alice.email, text="must not vanish", message_id="collide@test.example"))
    assert len(tickets(session)) == 2


def test_what_was_kept_and_not_read_is_read_later(
    cast: Cast, session: Session, settings: Settings, now: datetime
) -> None:
    raw = raw_mail(cast.alice.email)
    mail_id = intake.accept(raw, mailbox=NORTH, envelope_from="", settings=settings, now=now)
    assert store().get(session.get_one(InboundMail, mail_id).key) == raw
    assert tickets(session) == []
    assert intake.read_pending(settings, now) == 1
    assert len(tickets(session)) == 1
    assert intake.read_pending(settings, now) == 0


def test_an_address_that_is_not_ours_is_not_taken(cast: Cast, settings: Settings, now: datetime) -> None:
    with pytest.raises(NotFound):
        intake.accept(raw_mail("a@b.example"), mailbox="x@desk.example", envelope_from="", settings=settings, now=now)


def test_a_mail_that_is_too_large_is_refused(cast: Cast, settings: Settings, now: datetime) -> None:
    raw = b"x" * (settings.max_mail_bytes + 1)
    with pytest.raises(TooLarge):
        intake.accept(raw, mailbox=NORTH, envelope_from="", settings=settings, now=now)


def test_a_mail_that_cannot_be_dealt_with_is_quarantined_and_tried_again(
    cast: Cast, session: Session, settings: Settings, now: datetime, tmp_path: object
) -> None:
    mail_id = intake.accept(raw_mail(cast.alice.email), mailbox=NORTH, envelope_from="", settings=settings, now=now)
    with transaction() as unit:
        whole = unit.get_one(InboundMail, mail_id).key
        unit.get_one(InboundMail, mail_id).key = "0" * 64
    intake.read_one(mail_id, settings, now)
    session.expire_all()
    mail = session.get_one(InboundMail, mail_id)
    assert (mail.state, mail.reason) == (InboundState.QUARANTINED, "Reading it failed: KeyError.")
    with transaction() as unit:
        again = unit.get_one(InboundMail, mail_id)
        again.key = whole
        quarantine.try_again(unit, again)
    intake.read_pending(settings, now)
    session.expire_all()
    assert session.get_one(InboundMail, mail_id).outcome is InboundOutcome.OPENED


def test_a_mail_that_ends_the_process_is_quarantined_at_last(
    cast: Cast, session: Session, settings: Settings, now: datetime
) -> None:
    mail_id = intake.accept(raw_mail(cast.alice.email), mailbox=NORTH, envelope_from="", settings=settings, now=now)
    with transaction() as unit:
        unit.get_one(InboundMail, mail_id).attempts = intake.MOST_ATTEMPTS
    intake.read_one(mail_id, settings, now)
    session.expire_all()
    assert session.get_one(InboundMail, mail_id).state is InboundState.QUARANTINED
    assert tickets(session) == []


def test_the_counts_add_up(cast: Cast, session: Session, take: Take, now: datetime) -> None:
    take(raw_mail(cast.alice.email))
    take(raw_mail("MAILER-DAEMON@mx.example", subject="Undelivered Mail", head="Return-Path: <>\r\n"))
    take(raw_mail(NORTH))
    counts = queries.inbound_counts(session, cast.actor(cast.lena))
    assert counts == {"received": 3, "opened": 1, "report": 1, "held": 1}


# ------------------------------------------------------------------ opening


def test_a_contact_s_first_mail_is_a_ticket_proposed_for_them(cast: Cast, session: Session, take: Take) -> None:
    mail = take(raw_mail(cast.alice.email))
    [ticket] = tickets(session)
    assert mail.outcome is InboundOutcome.OPENED
    assert mail.ticket_id == ticket.id
    assert (ticket.requester_id, ticket.member_org_id) == (cast.alice.id, None)
    assert (ticket.proposed_org_id, ticket.unverified_sender) == (cast.alder.id, cast.alice.email)
    assert ticket.channel is Channel.EMAIL
    assert [message.text for message in messages(session, ticket.id)] == ["We get error 9017."]


def test_a_vouched_contact_s_mail_is_their_ticket(cast: Cast, session: Session, take: Take) -> None:
    take(raw_mail(cast.alice.email, head=vouched(cast.alice.email)))
    [ticket] = tickets(session)
    assert (ticket.requester_id, ticket.member_org_id, ticket.unverified_sender) == (
        cast.alice.id,
        cast.alder.id,
        None,
    )


def test_an_unknown_sender_s_ticket_has_no_organisation_until_the_lead_says(
    cast: Cast, session: Session, take: Take
) -> None:
    take(raw_mail("newcomer@alder.example"))
    [ticket] = tickets(session)
    assert (ticket.requester_id, ticket.member_org_id, ticket.proposed_org_id) == (None, None, cast.alder.id)
    assert ticket.unverified_sender == "newcomer@alder.example"


def test_a_spoofed_lead_opens_a_proposed_ticket_only(cast: Cast, session: Session, take: Take) -> None:
    take(raw_mail(cast.leo.email, subject="Re: [#1] done", text="please close"))
    [ticket] = tickets(session)
    assert ticket.state is State.NEW
    assert (ticket.requester_id, ticket.unverified_sender) == (None, cast.leo.email)


def test_mail_to_a_registry_reaches_the_lead_of_the_sender(cast: Cast, session: Session, take: Take) -> None:
    take(raw_mail(cast.alice.email, to="orcid@desk.example"), mailbox="orcid@desk.example")
    [ticket] = tickets(session)
    assert ticket.consortium_id == cast.north.id


def test_a_stranger_s_mail_to_a_registry_is_held(cast: Cast, session: Session, take: Take) -> None:
    mail = take(raw_mail("someone@else.example", to="orcid@desk.example"), mailbox="orcid@desk.example")
    assert mail.outcome is InboundOutcome.HELD
    assert tickets(session) == []


def test_a_held_mail_is_opened_from_the_mail_screen_once(
    cast: Cast, session: Session, take: Take, now: datetime
) -> None:
    raw = raw_mail(cast.bob.email, head="Auto-Submitted: auto-replied\r\n")
    mail = take(raw)
    assert mail.outcome is InboundOutcome.HELD
    with transaction() as unit:
        quarantine.open_held(unit, cast.actor(cast.lena), unit.get_one(InboundMail, mail.id), read(raw), now=now)
    assert len(tickets(session)) == 1
    with pytest.raises(Conflict), transaction() as unit:
        quarantine.open_held(unit, cast.actor(cast.lena), unit.get_one(InboundMail, mail.id), read(raw), now=now)


# ------------------------------------------------------------------ joining


@pytest.fixture
def ticket(cast: Cast, session: Session, take: Take) -> Ticket:
    """Alice's, opened by a mail that was vouched for."""
    take(raw_mail(cast.alice.email, head=vouched(cast.alice.email), message_id="first@alder.example"))
    return tickets(session)[0]


def reply_address(signer: Signer, ticket: Ticket, person: Person, audience: Audience = Audience.MEMBER) -> str:
    return signer.reply_address(ticket.id, person.id, audience, person.email)


def test_an_answer_to_the_signed_address_lands_in_the_ticket(
    cast: Cast, session: Session, take: Take, ticket: Ticket, signer: Signer
) -> None:
    to = reply_address(signer, ticket, cast.alice)
    mail = take(raw_mail(cast.alice.email, to=to, text="It was the sandbox.\r\n\r\n> quoted"), mailbox=to)
    assert mail.outcome is InboundOutcome.APPENDED
    last = messages(session, ticket.id)[-1]
    assert (last.author_id, last.text, last.from_staff) == (cast.alice.id, "It was the sandbox.", False)
    assert "> quoted" in last.quoted_text


@pytest.mark.parametrize("hint", ["tag", "in_reply_to", "references", "stolen_address", "forged_address"])
def test_a_stranger_who_knows_the_ticket_cannot_join_it(
    cast: Cast, session: Session, take: Take, ticket: Ticket, signer: Signer, hint: str
) -> None:
    heads = {
        "in_reply_to": "In-Reply-To: <first@alder.example>\r\n",
        "references": "References: <first@alder.example>\r\n",
    }
    to = {
        "stolen_address": reply_address(signer, ticket, cast.alice),
        "forged_address": f"reply+{'a' * 52}@desk.example",
    }.get(hint, NORTH)
    raw = raw_mail("mallory@evil.example", to=to, subject=f"Re: [#{ticket.number}] hi", head=heads.get(hint, ""))
    take(raw, mailbox=to)
    assert len(messages(session, ticket.id)) == 1


def test_a_claimed_contact_without_evidence_cannot_join(
    cast: Cast, session: Session, take: Take, ticket: Ticket
) -> None:
    raw = raw_mail(cast.alice.email, subject=f"Re: [#{ticket.number}]", head="In-Reply-To: <first@alder.example>\r\n")
    mail = take(raw)
    assert len(messages(session, ticket.id)) == 1
    assert mail.evidence["linked"] == [ticket.id]


def test_a_vouched_contact_joins_by_what_their_client_sends(
    cast: Cast, session: Session, take: Take, ticket: Ticket
) -> None:
    head = vouched(cast.alice.email) + "In-Reply-To: <first@alder.example>\r\n"
    take(raw_mail(cast.alice.email, text="more", head=head))
    assert [message.text for message in messages(session, ticket.id)] == ["We get error 9017.", "more"]


def test_a_contact_of_another_member_cannot_join(cast: Cast, session: Session, take: Take, ticket: Ticket) -> None:
    take(raw_mail(cast.bob.email, subject=f"Re: [#{ticket.number}]", head=vouched(cast.bob.email)))
    assert len(messages(session, ticket.id)) == 1


def test_a_reply_address_ends_with_the_role(
    cast: Cast, session: Session, take: Take, ticket: Ticket, signer: Signer, now: datetime
) -> None:
    to = reply_address(signer, ticket, cast.alice)
    with transaction() as unit:
        for grant in unit.get_one(Person, cast.alice.id).roles:
            grant.valid_until = now + timedelta(hours=1)
    take(raw_mail(cast.alice.email, to=to), mailbox=to, at=now + timedelta(hours=2))
    assert len(messages(session, ticket.id)) == 1


def test_the_lead_answers_by_mail_only_with_both_proofs(
    cast: Cast, session: Session, take: Take, ticket: Ticket, signer: Signer
) -> None:
    to = reply_address(signer, ticket, cast.leo)
    held = take(raw_mail(cast.leo.email, to=to, text="spoofed"), mailbox=to)
    assert held.outcome is InboundOutcome.HELD
    tagged = raw_mail(cast.leo.email, subject=f"[#{ticket.number}]", text="tag", head=vouched(cast.leo.email))
    assert take(tagged).outcome is InboundOutcome.HELD
    answer = raw_mail(cast.leo.email, to=to, text="Use production.", head=vouched(cast.leo.email))
    assert take(answer, mailbox=to).outcome is InboundOutcome.APPENDED
    last = messages(session, ticket.id)[-1]
    assert (last.text, last.from_staff, last.audience) == ("Use production.", True, Audience.MEMBER)
    session.refresh(ticket)
    assert ticket.state is State.OPEN


def test_an_answer_to_a_note_stays_in_its_audience(
    cast: Cast, session: Session, take: Take, ticket: Ticket, signer: Signer
) -> None:
    to = reply_address(signer, ticket, cast.leo, Audience.LEAD)
    take(raw_mail(cast.leo.email, to=to, text="between us", head=vouched(cast.leo.email)), mailbox=to)
    assert messages(session, ticket.id)[-1].audience is Audience.LEAD


def test_an_absence_note_moves_nothing(
    cast: Cast, session: Session, take: Take, ticket: Ticket, signer: Signer, now: datetime
) -> None:
    with transaction() as unit:
        asked = unit.get_one(Ticket, ticket.id)
        progress.ask_member(unit, cast.actor(cast.leo), asked, text="Which?", channel=Channel.WEB, now=now)
    to = reply_address(signer, ticket, cast.alice)
    take(raw_mail(cast.alice.email, to=to, head="Auto-Submitted: auto-replied\r\n", text="away"), mailbox=to)
    session.expire_all()
    assert tickets(session)[0].state is State.PENDING_MEMBER
    assert messages(session, ticket.id)[-1].machine


def test_one_mail_to_two_of_our_addresses_is_said_once(
    cast: Cast, session: Session, take: Take, ticket: Ticket, signer: Signer
) -> None:
    reply = reply_address(signer, ticket, cast.alice)
    raw = raw_mail(cast.alice.email, to=f"{reply}, {NORTH}", text="said once")
    assert take(raw, mailbox=reply).outcome is InboundOutcome.APPENDED
    assert take(raw, mailbox=NORTH).outcome is InboundOutcome.DUPLICATE
    assert [message.text for message in messages(session, ticket.id)].count("said once") == 1


@pytest.mark.parametrize("doors", [(NORTH, SOUTH), (SOUTH, NORTH), (NORTH, ORCID), (ORCID, SOUTH)])
def test_a_member_who_writes_to_two_desks_at_once_asks_their_own_lead_once(
    cast: Cast, session: Session, take: Take, doors: tuple[str, str]
) -> None:
    raw = raw_mail(cast.alice.email, to=", ".join(doors), head=vouched(cast.alice.email))
    assert [take(raw, mailbox=door).outcome for door in doors] == [InboundOutcome.OPENED, InboundOutcome.DUPLICATE]
    assert [ticket.consortium_id for ticket in tickets(session)] == [cast.north.id]
    assert set(session.scalars(sa.select(InboundMail.ticket_id))) == {tickets(session)[0].id}


def test_somebody_whom_no_desk_knows_asks_each_desk_they_wrote_to(cast: Cast, session: Session, take: Take) -> None:
    raw = raw_mail("nadia@elsewhere.example", to=f"{NORTH}, {SOUTH}")
    assert {take(raw, mailbox=door).outcome for door in (NORTH, SOUTH)} == {InboundOutcome.OPENED}
    assert [ticket.consortium_id for ticket in tickets(session)] == [cast.north.id, cast.south.id]


def test_an_answer_to_two_desks_at_once_is_said_once(
    cast: Cast, session: Session, take: Take, ticket: Ticket, signer: Signer
) -> None:
    reply = reply_address(signer, ticket, cast.alice)
    raw = raw_mail(cast.alice.email, to=f"{reply}, {SOUTH}", text="said once", head=vouched(cast.alice.email))
    assert take(raw, mailbox=reply).outcome is InboundOutcome.APPENDED
    assert take(raw, mailbox=SOUTH).outcome is InboundOutcome.DUPLICATE
    assert [message.text for message in messages(session, ticket.id)].count("said once") == 1


# ------------------------------------------------------------------ receipts and storms


def test_a_receipt_to_an_unverified_address_holds_none_of_the_sender_s_text(
    cast: Cast, session: Session, take: Take, settings: Settings, now: datetime
) -> None:
    take(raw_mail("victim@else.example", subject="MARKER-S buy now", text="MARKER-T buy now"))
    take(raw_mail(cast.alice.email, subject="MARKER-S again", text="MARKER-T again"))
    expand(settings, now)
    for address in ("victim@else.example", cast.alice.email):
        [receipt] = told(session, address)
        assert "MARKER" not in receipt.subject + receipt.text + receipt.html
        assert receipt.automatic
        assert receipt.envelope_from == ""


def test_a_secret_is_masked_and_its_sender_told_to_revoke_it(
    cast: Cast, session: Session, take: Take, settings: Settings, now: datetime
) -> None:
    take(raw_mail(cast.alice.email, text="curl -u APP-ABCDEFGH12345678:hunter2 https://api.example.org"))
    expand(settings, now)
    assert "hunter2" not in messages(session, tickets(session)[0].id)[0].text
    [receipt] = told(session, cast.alice.email)
    assert "Please revoke it" in receipt.text
    assert "hunter2" not in receipt.text


def test_who_answers_with_a_secret_is_told_to_revoke_it(
    cast: Cast, session: Session, take: Take, ticket: Ticket, signer: Signer, settings: Settings, now: datetime
) -> None:
    to = reply_address(signer, ticket, cast.alice)
    take(raw_mail(cast.alice.email, to=to, text="it is Authorization: Bearer abcdefghijklmnop1234"), mailbox=to)
    expand(settings, now)
    assert "Please revoke it" in told(session, cast.alice.email)[-1].text
    assert "abcdefghijklmnop1234" not in "".join(row.text for row in session.scalars(sa.select(OutboundMail)).all())


def test_an_answer_to_the_receipt_makes_the_ticket_the_contact_s(
    cast: Cast, session: Session, take: Take, settings: Settings, now: datetime
) -> None:
    take(raw_mail(cast.alice.email))
    expand(settings, now)
    [receipt] = told(session, cast.alice.email)
    take(raw_mail(cast.alice.email, to=receipt.reply_to, text="It was me."), mailbox=receipt.reply_to)
    [ticket] = tickets(session)
    assert (ticket.requester_id, ticket.member_org_id, ticket.unverified_sender) == (
        cast.alice.id,
        cast.alder.id,
        None,
    )
    assert len(messages(session, ticket.id)) == 2


def test_an_unknown_sender_goes_on_through_the_receipt(
    cast: Cast, session: Session, take: Take, settings: Settings, now: datetime
) -> None:
    take(raw_mail("newcomer@else.example"))
    expand(settings, now)
    [receipt] = told(session, "newcomer@else.example")
    take(raw_mail("newcomer@else.example", to=receipt.reply_to, text="more"), mailbox=receipt.reply_to)
    take(raw_mail("mallory@evil.example", to=receipt.reply_to, text="intruding"), mailbox=receipt.reply_to)
    texts = [message.text for message in messages(session, tickets(session)[0].id)]
    assert texts == ["We get error 9017.", "more"]


def test_one_address_gets_three_receipts_a_day(
    cast: Cast, session: Session, take: Take, settings: Settings, now: datetime
) -> None:
    for number in range(6):
        take(raw_mail("victim@else.example", text=f"mail {number}"))
    expand(settings, now)
    rows = told(session, "victim@else.example")
    assert [row.state for row in rows].count(OutboundState.QUEUED) == 3
    assert all("within a day" in row.last_error for row in rows if row.state is OutboundState.DEAD)


@pytest.mark.parametrize(
    "head",
    [
        "Auto-Submitted: auto-generated\r\n",
        "Precedence: bulk\r\n",
        "List-Id: <l.example>\r\n",
        "X-Auto-Response-Suppress: All\r\n",
        "Return-Path: <>\r\n",
        "X-Desk-Automatic: yes\r\n",
    ],
)
def test_machine_mail_is_kept_and_never_answered(
    cast: Cast, session: Session, take: Take, settings: Settings, now: datetime, head: str
) -> None:
    mail = take(raw_mail(cast.alice.email, head=head))
    assert mail.state is InboundState.DONE
    expand(settings, now)
    assert told(session, cast.alice.email) == []


def test_a_person_s_no_is_no_machine(
    cast: Cast, session: Session, take: Take, settings: Settings, now: datetime
) -> None:
    take(raw_mail(cast.alice.email, head="Auto-Submitted: No\r\n"))
    expand(settings, now)
    assert len(told(session, cast.alice.email)) == 1


def test_a_bounce_is_noted_on_its_mail_and_a_forged_one_is_not(
    cast: Cast, session: Session, take: Take, ticket: Ticket, settings: Settings, now: datetime
) -> None:
    expand(settings, now)
    [receipt] = told(session, cast.alice.email)
    with transaction() as unit:
        unit.get_one(OutboundMail, receipt.id).state = OutboundState.SENT

    def bounce(about: str) -> bytes:
        return (
            "From: MAILER-DAEMON@mx.example\r\nTo: north@desk.example\r\nSubject: Undelivered Mail\r\n"
            f"Message-ID: <bounce-{about}>\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=delivery-status; boundary=B\r\n\r\n--B\r\n"
            "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
            f"Final-Recipient: rfc822; {cast.alice.email}\r\nAction: failed\r\nStatus: 5.1.1\r\n--B\r\n"
            f"Content-Type: message/rfc822\r\n\r\nMessage-ID: <{about}>\r\n\r\nx\r\n--B--\r\n"
        ).encode()

    assert take(bounce("forged@desk.example")).outcome is InboundOutcome.REPORT
    session.expire_all()
    assert receipt.state is OutboundState.SENT
    assert take(bounce(receipt.message_id)).ticket_id == ticket.id
    session.expire_all()
    assert receipt.state is OutboundState.DEAD
    assert "5.1.1" in receipt.last_error
    assert len(tickets(session)) == 1


def test_roles_of_the_cast_are_what_these_tests_assume(cast: Cast) -> None:
    assert cast.actor(cast.leo).has_role(Role.LEAD_AGENT)


HOSTILE_COUNT = 128


def test_hostile_mail_is_stored_or_quarantined_and_the_next_one_is_fine(
    cast: Cast, session: Session, settings: Settings, now: datetime, tmp_path: Path
) -> None:
    if not HOSTILE.exists():
        pytest.skip("not run here: the hostile messages are not beside the checkout")
    command = [sys.executable, str(HOSTILE), str(tmp_path), NORTH, cast.alice.email, cast.leo.email, "[#1]"]
    subprocess.run(command, check=True, capture_output=True)
    files = sorted(tmp_path.glob("*.eml"))
    assert len(files) == HOSTILE_COUNT
    for file in files:
        raw = file.read_bytes()
        if len(raw) > settings.max_mail_bytes:
            with pytest.raises(TooLarge):
                intake.accept(raw, mailbox=NORTH, envelope_from="", settings=settings, now=now)
            continue
        mail_id = intake.accept(raw, mailbox=NORTH, envelope_from="", settings=settings, now=now)
        intake.read_one(mail_id, settings, now)
        session.expire_all()
        mail = session.get_one(InboundMail, mail_id)
        assert mail.state is InboundState.DONE, f"{file.name}: {mail.reason}"
        assert store().get(mail.key) == raw, f"{file.name}: its bytes are not as they came"
        if file.name.startswith(("M10", "M11", "M13", "M14")):
            # What a database cannot hold is gone, and the rest can be read.
            shown = mail.subject + session.get_one(Message, mail.ticket_message_id).text
            assert "\x00" not in shown
            assert "caf" in shown or not file.name.startswith("M14")
    expand(settings, now)
    # Staff were named in From and in subjects; nothing was done in their name, and no ticket had two writers.
    assert not session.scalars(sa.select(Message).where(Message.from_staff)).all()
    per_ticket = (
        session.execute(sa.select(sa.func.count()).select_from(Message).group_by(Message.ticket_id)).scalars().all()
    )
    assert set(per_ticket) == {1}
