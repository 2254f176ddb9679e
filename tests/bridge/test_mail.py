"""An escalation by mail: what goes out, whose word comes back, what it moves, and what it never does."""

import email
import email.policy

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.bridge import queries
from desk.bridge.models import Became
from desk.calendars import queries as calendars
from desk.conversations.models import Message
from desk.db import transaction
from desk.domain.escalation import EscalationState
from desk.domain.vocabulary import Audience, Channel
from desk.escalations import queries as escalations
from desk.escalations import service as verbs
from desk.events.models import Event
from desk.mail import bridge_letter, bridge_out, undelivered
from desk.mail.compose import compose
from desk.mail.message import read
from desk.mail.models import Cause, InboundOutcome, OutboundMail, OutboundState
from desk.mail.reply import new_text
from desk.progress import service as progress
from desk.sla import queries as sla
from desk.tickets.models import Ticket
from tests.bridge.crossing import THEIRS, Crossing, bridged
from tests.cast import Cast
from tests.escalations.stage import Stage

SENT, ACCEPTED, RETURNED, FIXED = (
    EscalationState.SENT,
    EscalationState.ACCEPTED,
    EscalationState.RETURNED,
    EscalationState.FIXED,
)


def handover(session: Session, ticket: Ticket) -> list[Message]:
    session.expire_all()
    wanted = sa.select(Message).where(Message.ticket_id == ticket.id, Message.audience == Audience.HANDOVER)
    return list(session.scalars(wanted.order_by(Message.id)))


def as_mail(crossing: Crossing, number: int = -1) -> email.message.EmailMessage:
    row = crossing.mails()[number]
    raw = compose(row, carried=bridge_out.carried(crossing.session, row)).as_bytes()
    return email.message_from_bytes(raw, policy=email.policy.default)  # type: ignore[return-value]


# ------------------------------------------------------------------ out


def test_an_escalation_goes_out_as_one_mail_that_says_what_the_preview_showed(crossing: Crossing) -> None:
    stage = crossing.stage
    [message] = stage.messages()
    chosen = [message.attachments[0].id]
    stage.saved(messages=[message.id], attachments=chosen)
    escalation = escalations.newest(crossing.session, stage.ticket.id)
    assert escalation is not None
    previewed = bridge_letter.write("brief", queries.case_previewed(crossing.session, stage.ticket, escalation))
    row = crossing.sent(messages=[message.id], attachments=chosen)
    assert (row.subject, row.text, row.html) == (previewed.subject, previewed.text, previewed.html)
    mail = as_mail(crossing)
    assert str(mail["To"]) == THEIRS
    assert str(mail["From"]) == f"Northern support <{crossing.own()}>" and row.envelope_from == crossing.own()
    assert len(crossing.own().partition("@")[0]) <= 64 and crossing.own() == crossing.own().lower()
    assert mail["Auto-Submitted"] is None and str(mail["X-Desk-Escalation"]) == f"{stage.ticket.id}-1"
    assert [each.get_filename() for each in mail.iter_attachments()] == ["trace.txt"]
    assert [each.get_payload(decode=True) for each in mail.iter_attachments()] == [b"saml trace"]
    # As disclosed: no secret, no iD, no address of a researcher in any part.
    whole = row.text + row.html
    assert "abcdefgh1234" not in whole and "0000-0002-1825-0097" not in whole and "josiah@" not in whole
    assert "no persistent identifier, says ORCID" in row.text and "screenshot.txt" not in whole
    assert "Please find out which identifier arrives." in row.text
    # Another desk of this kind takes the whole of it for new, but for the signature.
    assert "saml" in new_text(read(mail.as_bytes())) and "Tier: 2" in new_text(read(mail.as_bytes()))


def test_later_rounds_carry_only_what_is_new_and_keep_the_thread(crossing: Crossing) -> None:
    stage = crossing.stage
    [message] = stage.messages()
    files = [each.id for each in message.attachments]
    first = crossing.sent(messages=[message.id], attachments=files[:1])
    crossing.answers("Please send the screenshot.\n\nStatus: Pending", subject="[#4711] Re: x")
    assert crossing.state() is RETURNED
    second = crossing.sent(messages=[message.id], attachments=files)
    assert second.subject.startswith("[#4711] Escalation") and first.subject.startswith("Escalation")
    assert first.message_id in second.references and "1.answer@registry.example" in second.references
    assert "Handed over: 2 times" in second.text
    assert [each.get_filename() for each in as_mail(crossing).iter_attachments()] == ["screenshot.txt"]


def test_what_the_lead_writes_to_the_registry_goes_there_too_and_what_came_from_there_does_not(
    crossing: Crossing,
) -> None:
    crossing.sent()
    crossing.answers("Which identity provider?")
    crossing.told()
    assert len(crossing.mails()) == 1
    ticket, cast = crossing.stage.ticket, crossing.stage.cast
    for audience, text in ((Audience.LEAD, "between us"), (Audience.HANDOVER, "The one in Berlin.")):
        with transaction() as unit:
            progress.add_message(
                unit,
                cast.actor(cast.leo),
                unit.get_one(Ticket, ticket.id),
                audience=audience,
                text=text,
                channel=Channel.WEB,
                now=crossing.now,
            )
    crossing.told()
    assert len(crossing.mails()) == 2
    assert "The one in Berlin." in crossing.mails()[-1].text and "between us" not in crossing.mails()[-1].text


def test_a_withdrawal_tells_their_desk_and_a_later_answer_moves_nothing(crossing: Crossing) -> None:
    crossing.sent()
    crossing.stage.does(crossing.stage.cast.leo, verbs.withdraw)
    crossing.told()
    assert "takes escalation" in crossing.mails()[-1].text
    mail = crossing.answers("Status: Resolved")
    assert (mail.outcome, crossing.state()) == (InboundOutcome.APPENDED, EscalationState.WITHDRAWN)
    assert crossing.said()[-1].became is Became.TO_DECIDE


def test_an_address_that_gets_nothing_is_said_to_the_lead_at_once(crossing: Crossing) -> None:
    with transaction() as unit:
        undelivered.suppress(unit, THEIRS, Cause.BOUNCE, "the address does not exist", crossing.now)
    row = crossing.sent()
    assert row.state is OutboundState.DEAD
    told = crossing.session.scalars(sa.select(Event).where(Event.kind == undelivered.RETURNED)).all()
    assert [each.payload["address"] for each in told] == [THEIRS]


def test_a_mail_that_comes_back_is_shown_on_the_escalation_and_told_to_the_lead(crossing: Crossing) -> None:
    row = crossing.sent()
    report = (
        "From: MAILER-DAEMON@mx.example\r\nTo: " + crossing.own() + "\r\nSubject: Undelivered\r\n"
        "Message-ID: <b1@mx.example>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nIt was not delivered.\r\n--b\r\n"
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        f"Final-Recipient: rfc822; {THEIRS}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
    )
    with transaction() as unit:
        unit.get_one(OutboundMail, row.id).sent_at = crossing.now
    mail = crossing.arrives(report.encode(), "<>")
    assert mail.outcome is InboundOutcome.REPORT and "no such mailbox" in mail.reason
    assert crossing.mails()[-1].state is OutboundState.DEAD
    told = crossing.session.scalars(sa.select(Event).where(Event.kind == undelivered.RETURNED)).all()
    assert [(each.payload["address"], each.audience) for each in told] == [(THEIRS, "handover")]


def test_a_support_that_signs_in_passes_it_to_engineers_with_a_desk_of_their_own(
    app: Flask, cast: Cast, session: Session
) -> None:
    bridged(cast, team=cast.orcid_engineering)
    stage = Stage.set(cast, session)
    crossing = Crossing(stage, app.config["DESK"])
    stage.accepted()
    crossing.told()
    assert queries.link_of(session, 1) is None
    stage.does(cast.rita, verbs.move_tier, tier=3)
    crossing.told()
    [mail] = crossing.mails()
    assert "Tier: 2" not in mail.text and "Please find out which identifier arrives." in mail.text
    crossing.answers("Mended.\n\nStatus: Solved")
    assert crossing.state() is FIXED


# ------------------------------------------------------------------ in: numbers


@pytest.mark.parametrize(
    ("how", "subject", "text", "headers"),
    [
        ("subject", "[#4711] Request received", "Thank you.", {}),
        ("body", "Request received", "Your request (#4711) is with us.", {}),
        ("header", "Request received", "Thank you.", {"X-Hosted-Ticket-Id": "4711"}),
    ],
)
def test_an_automatic_answer_binds_the_number_and_moves_nothing(
    crossing: Crossing, how: str, subject: str, text: str, headers: dict[str, str]
) -> None:
    crossing.sent()
    before = crossing.stage.clocks()
    mail = crossing.answers(text, subject=subject, Auto_Submitted="auto-replied", **headers)
    assert (mail.outcome, crossing.state(), crossing.reference()) == (InboundOutcome.APPENDED, SENT, "4711")
    assert crossing.stage.clocks() == before
    [written] = handover(crossing.session, crossing.stage.ticket)
    assert written.machine and written.author_label == "ORCID support"


def test_a_number_of_another_escalation_is_refused_with_a_sentence_and_nothing_moves(crossing: Crossing) -> None:
    crossing.sent()
    crossing.answers("Got it.", subject="[#4711] Re: first")
    other = Crossing(Stage.set(crossing.stage.cast, crossing.session, subject="Another"), crossing.settings, [1] * 50)
    other.sent()
    mail = other.answers("We fixed it. Status: Resolved", subject="[#4711] Re: second")
    assert mail.outcome is InboundOutcome.HELD
    assert mail.reason == "The number 4711 of the registry's desk belongs to another escalation already."
    assert (other.state(), other.reference()) == (SENT, None)
    assert handover(crossing.session, other.stage.ticket) == []
    said = other.said()[-1]
    assert (said.became, said.why) == (Became.REFUSED, mail.reason)
    kinds = [
        each.kind for each in crossing.session.scalars(sa.select(Event).where(Event.ticket_id == other.stage.ticket.id))
    ]
    assert "registry_answer_held" in kinds
    assert len(handover(crossing.session, crossing.stage.ticket)) == 1


def test_each_of_their_mails_may_have_a_new_number_and_all_of_them_find_back(crossing: Crossing) -> None:
    crossing.sent()
    crossing.answers("One.", subject="[#1001] x")
    crossing.answers("Two.", subject="[#1002] x")
    assert crossing.reference() == "1001"
    # Without the signed address, by the number alone: it is their desk that writes.
    mail = crossing.answers("Three.", subject="[#1002] x", to="north@desk.example")
    assert (mail.outcome, mail.ticket_id) == (InboundOutcome.APPENDED, crossing.stage.ticket.id)
    assert [each.text for each in handover(crossing.session, crossing.stage.ticket)] == ["One.", "Two.", "Three."]


def test_somebody_elses_mail_with_the_right_number_never_joins(crossing: Crossing) -> None:
    crossing.sent()
    crossing.answers("One.", subject="[#1001] x")
    evil = "desk.example; dmarc=pass header.from=evil.example"
    mail = crossing.answers(
        "Status: Resolved", subject="[#1001] x", sender="x@evil.example", vouched=evil, to="north@desk.example"
    )
    assert mail.outcome is InboundOutcome.OPENED and mail.ticket_id != crossing.stage.ticket.id
    assert crossing.state() is ACCEPTED


# ------------------------------------------------------------------ in: whose word


@pytest.mark.parametrize(
    ("sender", "vouched", "why"),
    [
        ("x@evil.example", "desk.example; dmarc=pass header.from=evil.example", "not from the registry's desk"),
        (THEIRS, "desk.example; dmarc=fail header.from=registry.example", "authentication failed"),
        (THEIRS, "", "does not vouch"),
    ],
)
def test_a_mail_to_the_signed_address_that_is_not_proved_theirs_is_held_for_the_lead(
    crossing: Crossing, sender: str, vouched: str, why: str
) -> None:
    crossing.sent()
    mail = crossing.answers("Status: Resolved", sender=sender, vouched=vouched, subject="[#1] x")
    assert (mail.outcome, mail.ticket_id) == (InboundOutcome.HELD, crossing.stage.ticket.id)
    assert why in mail.reason and crossing.state() is SENT and crossing.reference() is None
    assert handover(crossing.session, crossing.stage.ticket) == []


def test_many_held_mails_are_all_shown_and_told_once_an_hour(crossing: Crossing) -> None:
    crossing.sent()
    for hours in (0, 0, 2):
        crossing.stage.wait(hours)
        crossing.answers("Status: Resolved", vouched="")
    assert [each.became for each in crossing.said()] == [Became.REFUSED] * 3
    held = sa.select(sa.func.count()).select_from(Event).where(Event.kind == "registry_answer_held")
    assert crossing.session.scalar(held) == 2


# ------------------------------------------------------------------ in: what it does


def test_the_first_answer_of_a_person_accepts_and_stops_the_acceptance_clock_only(crossing: Crossing) -> None:
    crossing.sent()
    crossing.stage.wait(1)
    mail = crossing.answers("We look at it.", files=(("log.txt", b"their log"),))
    assert mail.outcome is InboundOutcome.APPENDED and crossing.state() is ACCEPTED
    clocks = crossing.stage.clocks()
    assert (clocks["registry_acceptance"], clocks["registry"]) == ("stopped", "running")
    [written] = handover(crossing.session, crossing.stage.ticket)
    assert (written.text, written.author_label, written.from_staff) == ("We look at it.", "ORCID support", True)
    assert [each.file_name for each in written.attachments] == ["log.txt"]


def test_words_of_their_desk_move_it_and_an_unknown_one_waits_for_the_lead(crossing: Crossing) -> None:
    crossing.sent()
    crossing.answers("One moment.\n\nStatus: Received")
    assert crossing.state() is SENT
    crossing.answers("Passed on.\n\nStatus: With engineering")
    found = escalations.newest(crossing.session, crossing.stage.ticket.id)
    assert found is not None and (found.state, found.tier) == (ACCEPTED, 3)
    crossing.answers("Hm.\n\nStatus: Parked")
    assert crossing.said()[-1].became is Became.TO_DECIDE and crossing.state() is ACCEPTED
    mail = crossing.answers("Please try again now.\n\nStatus: Solved", files=(("proof.txt", b"it works"),))
    assert crossing.state() is FIXED
    last = handover(crossing.session, crossing.stage.ticket)[-1]
    assert (last.id, last.author_label) == (mail.ticket_message_id, "ORCID support")
    assert "Please try again now." in last.text and [each.file_name for each in last.attachments] == ["proof.txt"]
    assert crossing.stage.ledger()[-1][0] == "lead"


def test_a_mail_that_holds_only_our_own_text_is_not_kept_again(crossing: Crossing) -> None:
    row = crossing.sent()
    mail = crossing.answers(row.text, subject="[#77777] " + row.subject)
    assert (mail.outcome, crossing.state(), crossing.reference()) == (InboundOutcome.DUPLICATE, SENT, "77777")
    assert handover(crossing.session, crossing.stage.ticket) == []
    # An answer above the whole of it, which nothing marks as a quotation.
    crossing.answers("Which member?\n\n" + row.text)
    assert [each.text for each in handover(crossing.session, crossing.stage.ticket)] == ["Which member?"]


def test_our_own_mail_that_comes_back_is_held(crossing: Crossing) -> None:
    crossing.sent()
    mail = crossing.answers("anything", X_Desk_Escalation="1-1")
    assert (mail.outcome, mail.reason) == (InboundOutcome.HELD, "It is our own mail, come back.")


def test_a_decline_of_a_ticket_that_nobody_classified_is_for_the_lead_to_decide(crossing: Crossing) -> None:
    crossing.sent()
    with transaction() as unit:
        unit.get_one(Ticket, crossing.stage.ticket.id).catalogue_key = None
    crossing.answers("You can do this.\n\nStatus: Declined")
    assert crossing.said()[-1].became is Became.TO_DECIDE and crossing.state() is SENT
    assert len(handover(crossing.session, crossing.stage.ticket)) == 1


def test_beyond_the_cap_of_a_pair_all_is_kept_nothing_moves_and_one_alert_goes_out(crossing: Crossing) -> None:
    crossing.sent()
    for number in range(crossing.settings.MAIL_PAIR_PER_HOUR):
        crossing.answers(f"Received {number}.\n\nStatus: Received")
    for _ in range(3):
        crossing.answers("Status: Resolved")
    assert crossing.state() is SENT
    alerts = crossing.session.scalars(sa.select(Event).where(Event.kind == "storm_stopped")).all()
    assert len(alerts) == 1


def test_the_registrys_clocks_run_from_the_sending_in_the_registrys_hours(crossing: Crossing) -> None:
    crossing.stage.wait(2)
    at = crossing.now
    crossing.sent()
    lines = {line.kind.value: line for line in sla.lines(crossing.session, crossing.stage.ticket.id, at)}
    acceptance, registry = lines["registry_acceptance"], lines["registry"]
    team = crossing.stage.cast.orcid_support
    hours = calendars.history(crossing.session, team.calendar_id)
    assert hours is not None and acceptance.target_seconds is not None and registry.is_running
    assert acceptance.due_at == hours.add(at, acceptance.target_seconds)
