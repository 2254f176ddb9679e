"""Mail of ours that comes back: what a report proves, what a forged one does, and how an address is reached again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.config import Settings
from desk.db import transaction
from desk.domain.vocabulary import Audience, Channel
from desk.events.models import Event
from desk.events.service import record
from desk.extensions import mail
from desk.mail import intake, notify, outbound, queries, undelivered
from desk.mail.failures import Failure, failure_of
from desk.mail.models import (
    Cause,
    Hold,
    InboundMail,
    InboundOutcome,
    OutboundMail,
    OutboundState,
    SuppressedAddress,
)
from desk.progress import service as progress
from desk.tickets.models import Ticket
from desk.tickets.service import NewTicket, open_ticket
from tests.cast import Cast
from tests.servers.sink import Sink

NORTH = "north@desk.example"


@pytest.fixture
def number(cast: Cast, settings: Settings, now: datetime) -> int:
    """Alice's ticket, to which Leo has answered; the mails are written and, as far as the rows say, sent."""
    with transaction() as unit:
        draft = NewTicket(consortium_id=cast.north.id, member_org_id=cast.alder.id, subject="Help", text="Please.")
        found = open_ticket(unit, cast.actor(cast.alice), draft, channel=Channel.WEB, now=now).id
    answer(cast, found, "Try this.", settings, now)
    return found


def answer(cast: Cast, number: int, text: str, settings: Settings, at: datetime, *, sent: bool = True) -> OutboundMail:
    """Leo answers; Alice's copy."""
    with transaction() as unit:
        ticket = unit.get_one(Ticket, number)
        progress.add_message(
            unit, cast.actor(cast.leo), ticket, audience=Audience.MEMBER, text=text, channel=Channel.WEB, now=at
        )
    return expand(cast, settings, at, sent=sent)


def expand(cast: Cast, settings: Settings, at: datetime, *, sent: bool = True) -> OutboundMail:
    """Write what is to be told, and take it as sent; the latest mail to Alice."""
    more = True
    while more:
        with transaction() as unit:
            more = notify.expand_one(unit, settings=settings, now=at)
    with transaction() as unit:
        if sent:
            unit.execute(
                sa.update(OutboundMail)
                .where(OutboundMail.state == OutboundState.QUEUED)
                .values(state=OutboundState.SENT, sent_at=at)
            )
    return mail_to(cast.alice.email)[-1]


def mail_to(address: str) -> list[OutboundMail]:
    with transaction() as unit:
        rows = sa.select(OutboundMail).where(OutboundMail.to_address == address).order_by(OutboundMail.id)
        return list(unit.scalars(rows).all())


def report(
    about: OutboundMail,
    *,
    to: str | None = None,
    status: str = "5.1.1",
    action: str = "failed",
    said: str = "550 5.1.1 no such user",
    original: str | None = None,
) -> bytes:
    """What a mail server sends for a mail of ours, with the header of the mail returned."""
    returned = about.message_id if original is None else original
    return (
        "From: Mail Delivery System <mailer-daemon@alder.example>\r\n"
        f"To: {about.envelope_from or NORTH}\r\nSubject: Delivery Status Notification\r\n"
        f"Message-ID: <{abs(hash((status, action, to, returned, said)))}@alder.example>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nYour message could not be delivered.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.alder.example\r\n\r\n"
        f"Final-Recipient: rfc822; {to or about.to_address}\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; {said}\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{returned}>\r\nSubject: Help\r\n\r\n--b--\r\n"
    ).encode()


def complaint(about: OutboundMail, *, kind: str = "abuse", original: str | None = None) -> bytes:
    """What a provider sends when somebody marks our mail as unwanted."""
    return (
        f"From: feedback@provider.example\r\nTo: {NORTH}\r\nSubject: complaint\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is an email abuse report.\r\n"
        f"--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: {kind}\r\nUser-Agent: Loop/1\r\n"
        f"Version: 1\r\nOriginal-Rcpt-To: <{about.to_address}>\r\n\r\n"
        "--b\r\nContent-Type: message/rfc822\r\n\r\n"
        f"Message-ID: <{original or about.message_id}>\r\nFrom: {NORTH}\r\nSubject: Help\r\n\r\nText.\r\n--b--\r\n"
    ).encode()


Take = Callable[..., InboundMail]


@pytest.fixture
def take(session: Session, settings: Settings, now: datetime) -> Take:
    def taken(raw: bytes, mailbox: str = NORTH, at: datetime | None = None) -> InboundMail:
        mail_id = intake.accept(raw, mailbox=mailbox, envelope_from="<>", settings=settings, now=at or now)
        intake.read_one(mail_id, settings, at or now)
        session.expire_all()
        return session.get_one(InboundMail, mail_id)

    return taken


def suppressions(session: Session) -> list[SuppressedAddress]:
    return list(session.scalars(sa.select(SuppressedAddress).order_by(SuppressedAddress.id)).all())


def returned(session: Session) -> list[Event]:
    return list(session.scalars(sa.select(Event).where(Event.kind == undelivered.RETURNED)).all())


# ------------------------------------------------------------------ what a report proves


@pytest.mark.parametrize("tie", ["message id", "signed address"])
def test_a_mailbox_that_is_gone_gets_no_more_mail_and_the_ticket_says_so(
    cast: Cast, session: Session, settings: Settings, number: int, take: Take, now: datetime, tie: str
) -> None:
    (about,) = [row for row in mail_to(cast.alice.email) if not row.automatic]
    assert about.envelope_from.startswith("reply+")
    raw = report(about) if tie == "message id" else report(about, original="")
    came = take(raw, NORTH if tie == "message id" else about.envelope_from)
    assert came.outcome is InboundOutcome.REPORT
    assert came.reason.startswith(f"Bounce for {cast.alice.email}: there is no such mailbox (550 5.1.1 no such user)")
    assert came.ticket_id == number
    said = came.evidence["said"]
    assert (
        f"tied to a mail of ours to {cast.alice.email} by the {tie.replace('message id', 'Message-ID')} that"
        in " ".join(said)
    )
    assert f"{cast.alice.email}: failed, 550 5.1.1 no such user" in said
    row = session.get_one(OutboundMail, about.id)
    assert (row.state, row.failure) == (OutboundState.DEAD, Failure.HARD)
    (gone,) = suppressions(session)
    assert (gone.address, gone.cause, gone.inbound_mail_id) == (cast.alice.email, Cause.BOUNCE, came.id)
    (event,) = returned(session)
    assert (event.ticket_id, event.audience) == (number, Audience.LEAD.value)
    later = answer(cast, number, "Are you there?", settings, now + timedelta(hours=1))
    assert (later.state, later.held_by) == (OutboundState.DEAD, Hold.ADDRESS)
    assert later.last_error.startswith("Held back: mail to this address stopped on 04 Mar 2026")
    assert any("was not delivered" in row.text for row in mail_to(cast.leo.email))


def test_what_was_queued_before_the_address_was_given_up_is_held_back_when_it_is_due(
    cast: Cast, session: Session, settings: Settings, number: int, take: Take, now: datetime
) -> None:
    (about,) = [row for row in mail_to(cast.alice.email) if not row.automatic]
    waiting = answer(cast, number, "One more thing.", settings, now, sent=False)
    take(report(about))
    with transaction() as unit:
        assert undelivered.held_back(unit, unit.get_one(OutboundMail, waiting.id)) != ""


@pytest.mark.parametrize(
    ("status", "action", "said", "words"),
    [
        ("5.2.2", "failed", "552 5.2.2 mailbox full", "could not be delivered for now"),
        ("4.4.7", "failed", "delivery time expired", "could not be delivered for now"),
        ("5.7.1", "failed", "550 5.7.1 blocked by policy", "says nothing about the address"),
        ("4.4.1", "delayed", "connection timed out", "is late"),
    ],
)
def test_a_mailbox_that_is_full_a_policy_and_a_delay_give_no_address_up(
    cast: Cast, session: Session, number: int, take: Take, status: str, action: str, said: str, words: str
) -> None:
    (about,) = [row for row in mail_to(cast.alice.email) if not row.automatic]
    came = take(report(about, status=status, action=action, said=said))
    assert words in came.reason
    assert suppressions(session) == []
    assert session.get_one(OutboundMail, about.id).state is (
        OutboundState.SENT if action == "delayed" else OutboundState.DEAD
    )


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_a_report_of_success_is_no_bounce(cast: Cast, session: Session, number: int, take: Take, action: str) -> None:
    (about,) = [row for row in mail_to(cast.alice.email) if not row.automatic]
    came = take(report(about, action=action, status="2.0.0", said="250 ok"), about.envelope_from)
    assert came.outcome is not InboundOutcome.REPORT
    assert session.get_one(OutboundMail, about.id).state is OutboundState.SENT
    assert (suppressions(session), returned(session)) == ([], [])


def test_a_report_that_is_forged_does_nothing_and_is_kept_with_its_reason(
    cast: Cast, session: Session, number: int, take: Take
) -> None:
    (about,) = [row for row in mail_to(cast.alice.email) if not row.automatic]
    forged_address = about.envelope_from.replace("reply+", "reply+b")[:64].rpartition("@")[0] + "@desk.example"
    for raw, mailbox, words in (
        (report(about, original="guessed@desk.example"), NORTH, "no signed address and no Message-ID of ours"),
        (report(about, original=""), forged_address, "no signed address and no Message-ID of ours"),
        (report(about, to="bob@birch.example"), NORTH, "to whom the mail that it names did not go"),
        (complaint(about, original="guessed@desk.example"), NORTH, "no signed address and no Message-ID of ours"),
    ):
        came = take(raw, mailbox)
        assert came.outcome is InboundOutcome.REPORT
        assert words in came.reason
    assert session.get_one(OutboundMail, about.id).state is OutboundState.SENT
    assert (suppressions(session), returned(session)) == ([], [])


def test_the_same_failure_reported_twice_counts_once(cast: Cast, session: Session, number: int, take: Take) -> None:
    (about,) = [row for row in mail_to(cast.alice.email) if not row.automatic]
    take(report(about))
    assert "was known already" in take(report(about, said="550 5.1.1 still nobody")).reason
    assert [one.count for one in suppressions(session)] == [1]
    assert len(returned(session)) == 1


def test_an_address_is_given_up_after_so_many_mails_that_fail_for_now(
    cast: Cast, session: Session, settings: Settings, number: int, take: Take, now: datetime
) -> None:
    for turn in range(undelivered.SOFT_FAILURES):
        assert suppressions(session) == []
        about = answer(cast, number, f"Turn {turn}.", settings, now + timedelta(hours=turn))
        take(report(about, status="5.2.2", said=f"552 5.2.2 full {turn}"), at=now + timedelta(hours=turn))
    (given_up,) = suppressions(session)
    assert given_up.why.startswith("5 mails failed within 7 days")


def test_old_failures_for_now_are_forgotten(
    cast: Cast, session: Session, settings: Settings, number: int, take: Take, now: datetime
) -> None:
    for turn in range(undelivered.SOFT_FAILURES + 2):
        at = now + timedelta(days=2 * turn)
        about = answer(cast, number, f"Turn {turn}.", settings, at)
        take(report(about, status="5.2.2", said=f"552 5.2.2 full {turn}"), at=at)
    assert suppressions(session) == []


@pytest.mark.parametrize(
    ("status", "said", "failure"),
    [
        ("", "550 5.1.1 <a@x.example>: Recipient address rejected: User unknown", Failure.HARD),
        ("", "550 No such user here", Failure.HARD),
        ("5.0.0", "554 delivery error: dd This user doesn't have a x.example account", Failure.HARD),
        ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied", Failure.HARD),
        ("5.2.1", "550 5.2.1 The account is disabled", Failure.HARD),
        ("5.3.0", "553 5.3.0 <a@x.example>... Unknown E-Mail Address", Failure.HARD),
        ("", "cette adresse n'existe pas", Failure.HARD),
        ("", "Host not found, try again", Failure.SOFT),
        ("5.1.2", "Host or domain name not found", Failure.HARD),
        ("5.1.1", "550 5.1.1 user is over quota", Failure.SOFT),
        ("5.2.1", "550 5.2.1 The user is receiving mail at a rate that prevents", Failure.SOFT),
        ("", "452 4.2.2 over quota", Failure.SOFT),
        ("", "", Failure.SOFT),
        ("5.3.0", "550 something went wrong", Failure.SOFT),
        ("5.7.26", "550 5.7.26 unauthenticated mail is not accepted", Failure.REFUSED),
        ("", "550 message looks like spam", Failure.REFUSED),
        ("5.1.8", "sender domain does not exist", Failure.REFUSED),
        ("", "554 5.7.1 relay access denied", Failure.REFUSED),
    ],
)
def test_what_a_failure_says_of_an_address(status: str, said: str, failure: Failure) -> None:
    assert failure_of(status, said) is failure


def test_a_recipient_that_is_refused_as_we_hand_the_mail_over_is_given_up_and_the_others_get_theirs(
    cast: Cast, session: Session, settings: Settings, number: int, sink: Sink, now: datetime
) -> None:
    sink.unknown = {cast.alice.email}
    waiting = answer(cast, number, "One more thing.", settings, now, sent=False)
    local = replace(settings, SMTP_HOST="127.0.0.1", SMTP_PORT=sink.port, SMTP_TIMEOUT=5)
    with transaction() as unit:
        record(unit, "noted", at=now, audience="lead", ticket_id=number, actor_id=cast.leo.id)
    expand(cast, settings, now, sent=False)
    while outbound.send_one(mail, settings=local, now=now):
        pass
    session.expire_all()
    row = session.get_one(OutboundMail, waiting.id)
    assert (row.state, row.failure, row.attempts) == (OutboundState.DEAD, Failure.HARD, 1)
    assert [one.address for one in suppressions(session)] == [cast.alice.email]
    assert suppressions(session)[0].inbound_mail_id is None
    assert len(returned(session)) == 1
    assert cast.lena.email in {one for received in sink.messages for one in received.recipients}


def test_a_mail_whose_content_is_refused_gives_no_address_up(
    cast: Cast, session: Session, settings: Settings, number: int, sink: Sink, now: datetime
) -> None:
    sink.mode = "550"
    answer(cast, number, "One more thing.", settings, now, sent=False)
    local = replace(settings, SMTP_HOST="127.0.0.1", SMTP_PORT=sink.port, SMTP_TIMEOUT=5)
    while outbound.send_one(mail, settings=local, now=now):
        pass
    session.expire_all()
    assert suppressions(session) == []


def test_what_bounces_between_the_desks_of_a_registry_is_told_to_the_registry_alone(
    cast: Cast, session: Session, settings: Settings, number: int, take: Take, now: datetime
) -> None:
    about = answer(cast, number, "For the registry.", settings, now)
    with transaction() as unit:
        row = unit.get_one(OutboundMail, about.id)
        row.audience = Audience.REGISTRY
    take(report(about))
    assert [event.audience for event in returned(session)] == [Audience.REGISTRY.value]
    expand(cast, settings, now, sent=False)
    assert not any("was not delivered" in row.text for row in mail_to(cast.leo.email))


# ------------------------------------------------------------------ complaints


def test_after_a_complaint_nothing_automatic_goes_there_but_answers_do(
    cast: Cast, session: Session, settings: Settings, number: int, take: Take, now: datetime
) -> None:
    about = next(row for row in mail_to(cast.alice.email) if row.automatic)
    came = take(complaint(about))
    assert came.outcome is InboundOutcome.REPORT
    assert came.reason.startswith(f"Complaint of {cast.alice.email}")
    assert [one.cause for one in suppressions(session)] == [Cause.COMPLAINT]
    assert answer(cast, number, "An answer.", settings, now, sent=False).state is OutboundState.QUEUED
    with transaction() as unit:
        record(unit, "reopened", at=now, ticket_id=number, consortium_id=cast.north.id, actor_id=cast.leo.id)
    notice = expand(cast, settings, now, sent=False)
    assert (notice.automatic, notice.state, notice.held_by) == (True, OutboundState.DEAD, Hold.ADDRESS)


def test_a_complaint_about_an_answer_and_a_report_that_is_no_complaint_stop_nothing(
    cast: Cast, session: Session, number: int, take: Take
) -> None:
    personal = next(row for row in mail_to(cast.alice.email) if not row.automatic)
    automatic = next(row for row in mail_to(cast.alice.email) if row.automatic)
    assert "answer of a person" in take(complaint(personal)).reason
    assert "which is no complaint" in take(complaint(automatic, kind="not-spam")).reason
    assert suppressions(session) == []


# ------------------------------------------------------------------ the way back


def test_a_manager_lifts_it_and_what_was_held_back_lately_goes_out(
    cast: Cast, session: Session, settings: Settings, number: int, take: Take, now: datetime, client: FlaskClient
) -> None:
    (about,) = [row for row in mail_to(cast.alice.email) if not row.automatic]
    take(report(about))
    held = answer(cast, number, "Are you there?", settings, now)
    cast.sign_in(client, cast.lena)
    page = client.get("/mail/stopped").text
    assert cast.alice.email in page
    assert "there is no such mailbox" in page
    (gone,) = suppressions(session)
    assert client.post(f"/mail/stopped/{gone.id}/lift", data={"resend": "1"}).status_code == 303
    session.expire_all()
    assert session.get_one(OutboundMail, held.id).state is OutboundState.QUEUED
    (lifted,) = suppressions(session)
    assert (lifted.lifted_at is not None, lifted.lifted_by) == (True, cast.lena.id)
    assert client.post(f"/mail/stopped/{gone.id}/lift").status_code == 404
    assert answer(cast, number, "Good.", settings, now, sent=False).state is OutboundState.QUEUED


def test_the_lead_sees_it_on_the_ticket_and_the_member_does_not(
    cast: Cast, number: int, take: Take, client: FlaskClient
) -> None:
    (about,) = [row for row in mail_to(cast.alice.email) if not row.automatic]
    take(report(about))
    for person, seen in ((cast.leo, True), (cast.lena, True), (cast.olga, False)):
        page = cast.sign_in(client, person).get(f"/tickets/{number}").text
        assert ("Mail to this address stopped on" in page) is seen
        assert ("A mail could not be delivered" in page) is seen


@pytest.mark.parametrize("name", ["alice", "leo", "sofia", "rita", "dirk", "ada"])
def test_nobody_else_sees_or_lifts_it(
    cast: Cast, session: Session, number: int, take: Take, client: FlaskClient, name: str
) -> None:
    (about,) = [row for row in mail_to(cast.alice.email) if not row.automatic]
    take(report(about))
    cast.sign_in(client, cast.people()[name])
    assert cast.alice.email not in client.get("/mail/stopped").text
    (gone,) = suppressions(session)
    assert client.post(f"/mail/stopped/{gone.id}/lift").status_code == 404
    session.expire_all()
    assert suppressions(session)[0].lifted_at is None


def test_who_writes_and_is_vouched_for_lifts_it_and_answers_of_people_go_out_again(
    cast: Cast, session: Session, settings: Settings, number: int, take: Take, now: datetime
) -> None:
    (about,) = [row for row in mail_to(cast.alice.email) if not row.automatic]
    take(report(about))
    held = answer(cast, number, "Are you there?", settings, now)
    head = f"From: {cast.alice.email}\r\nTo: {NORTH}\r\nSubject: hello\r\n"
    take(f"{head}\r\nNobody vouches for this.\r\n".encode())
    assert suppressions(session)[0].lifted_at is None
    vouched = "Authentication-Results: desk.example; dmarc=pass header.from=alder.example\r\n"
    take(f"{vouched}Auto-Submitted: auto-replied\r\n{head}\r\nI am away.\r\n".encode())
    assert suppressions(session)[0].lifted_at is None
    take(f"{vouched}{head}\r\nI can read again.\r\n".encode())
    assert suppressions(session)[0].lifted_at is not None
    assert session.get_one(OutboundMail, held.id).state is OutboundState.QUEUED


def test_a_sign_in_link_goes_out_all_the_same(cast: Cast, session: Session, now: datetime) -> None:
    with transaction() as unit:
        undelivered.suppress(unit, cast.alice.email, Cause.BOUNCE, "there is no such mailbox", now)
        event = record(unit, "sign_in_link_issued", at=now, person_id=cast.alice.id)
        row = OutboundMail(to_address=cast.alice.email, event_id=event.id, automatic=True)
        assert undelivered.held_back(unit, row) == ""
        assert queries.suppression_of(unit, cast.alice.email) is not None
