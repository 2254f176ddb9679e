"""A mail that becomes a ticket: whose it is when somebody of the desk forwards it, and who else takes part."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.accounts import service as people
from desk.accounts.models import Person
from desk.config import Settings
from desk.conversations.models import Message
from desk.db import transaction
from desk.domain.permissions import Role
from desk.domain.vocabulary import Audience
from desk.events.models import Event
from desk.mail import explained
from desk.mail.message import read
from desk.mail.models import InboundOutcome
from desk.tickets.models import Participant, Ticket
from tests.cast import Cast
from tests.mail.taking import NORTH, Take, expand, raw_mail, taker, tickets, told, vouched

FORWARDED = (
    "Leo here, please look.\r\n\r\n---------- Forwarded message ---------\r\nFrom: {name} <{email}>\r\n"
    "Date: Tue, 3 Mar 2026 at 10:11\r\nSubject: No token\r\nTo: Leo <leo@north.example>\r\n\r\nWe get error 9017.\r\n"
)


@pytest.fixture
def take(session: Session, settings: Settings, now: datetime) -> Take:
    return taker(session, settings, now)


def forwarded(sender: str, name: str, email: str, *, proved: bool = True) -> bytes:
    return raw_mail(
        sender,
        subject="Fwd: No token",
        text=FORWARDED.format(name=name, email=email),
        head=vouched(sender) if proved else "",
    )


def test_a_member_s_mail_that_an_agent_forwards_is_the_member_s_ticket(
    cast: Cast, session: Session, take: Take, settings: Settings, now: datetime
) -> None:
    take(forwarded(cast.leo.email, "Bob Birch", cast.bob.email))
    [ticket] = tickets(session)
    assert (ticket.requester_id, ticket.member_org_id, ticket.unverified_sender) == (
        cast.bob.id,
        cast.birch.id,
        None,
    )
    first, note = session.scalars(sa.select(Message).order_by(Message.id))
    assert (first.text, first.author_id, first.audience, first.quoted_text) == (
        "We get error 9017.",
        cast.bob.id,
        Audience.MEMBER,
        "",
    )
    assert (note.text, note.author_id, note.audience) == ("Leo here, please look.", cast.leo.id, Audience.LEAD)
    assert session.scalars(sa.select(Event.actor_id).filter_by(kind="forwarded_in")).one() == cast.leo.id
    expand(settings, now)
    [receipt] = told(session, cast.bob.email)
    assert "Leo here" not in receipt.text + receipt.html


def test_a_stranger_s_mail_that_an_agent_forwards_waits_for_the_lead_to_say_whose_it_is(
    cast: Cast, session: Session, take: Take
) -> None:
    take(forwarded(cast.leo.email, "Gil Hart", "gil@birch.example"))
    [ticket] = tickets(session)
    assert (ticket.requester_id, ticket.member_org_id) == (None, None)
    assert (ticket.unverified_sender, ticket.proposed_org_id) == ("gil@birch.example", cast.birch.id)


@pytest.mark.parametrize("who", ["claimed", "contact", "other_lead"])
def test_nobody_else_makes_a_ticket_somebody_s_by_forwarding(
    cast: Cast, session: Session, take: Take, who: str
) -> None:
    sender = {"claimed": cast.leo, "contact": cast.alice, "other_lead": cast.samir}[who]
    take(forwarded(sender.email, "Bob Birch", cast.bob.email, proved=who != "claimed"))
    assert [ticket.requester_id for ticket in tickets(session)] != [cast.bob.id]
    assert cast.bob.id not in session.scalars(sa.select(Message.author_id)).all()


def test_the_laboratory_says_whose_a_forwarded_mail_would_be(
    cast: Cast, session: Session, settings: Settings, take: Take, now: datetime
) -> None:
    raw = forwarded(cast.leo.email, "Bob Birch", cast.bob.email)
    message = read(raw, settings.AUTHSERV_ID)
    answer = explained.explain(session, raw, message, mailbox=NORTH, settings=settings, now=now)
    assert f"forwarded a mail of {cast.bob.email}" in answer.reason
    assert tickets(session) == []


def test_whom_a_mail_was_also_addressed_to_takes_part_only_when_the_desk_says_so(
    cast: Cast, session: Session, client: FlaskClient, take: Take, settings: Settings, now: datetime
) -> None:
    outsider = "mallory@evil.example"
    raw = raw_mail(
        cast.alice.email,
        head=vouched(cast.alice.email) + f"Cc: {cast.adam.email}, {cast.bob.email}, {outsider}\r\n",
    )
    take(raw)
    [ticket] = tickets(session)
    expand(settings, now)
    for address in (cast.adam.email, cast.bob.email, outsider):
        assert told(session, address) == []
    assert session.scalars(sa.select(Participant)).all() == []
    page = cast.sign_in(client, cast.leo).get(f"/tickets/{ticket.number}").text
    assert "Let Adam Ash follow" in page
    assert "Let Bob Birch follow" not in page
    assert f"{outsider}: gets nothing from here" in page
    client.post(f"/tickets/{ticket.number}/follow", data={"person_id": cast.adam.id})
    expand(settings, now)
    assert [mail.ticket_id for mail in told(session, cast.adam.email)] == [ticket.id]
    assert outsider not in cast.sign_in(client, cast.alice).get(f"/tickets/{ticket.number}").text


@pytest.mark.parametrize("how", ["deactivated", "moved"])
def test_a_reply_address_is_worth_nothing_to_who_is_no_contact_any_more(
    cast: Cast, session: Session, take: Take, settings: Settings, now: datetime, how: str
) -> None:
    take(raw_mail(cast.alice.email, head=vouched(cast.alice.email)))
    [ticket] = tickets(session)
    expand(settings, now)
    to = told(session, cast.alice.email)[0].reply_to
    with transaction() as unit:
        alice = unit.get_one(Person, cast.alice.id)
        if how == "deactivated":
            people.deactivate(unit, alice, now=now)
        else:
            people.end_role(unit, alice.roles[0], now=now)
            people.grant_role(unit, person=alice, role=Role.CONTACT, now=now, member_org_id=cast.birch.id)
    mail = take(raw_mail(cast.alice.email, to=to, text="still me", head=vouched(cast.alice.email)), mailbox=to)
    said = session.scalars(sa.select(Message.text).filter_by(ticket_id=ticket.id)).all()
    assert said == ["We get error 9017."]
    assert mail.evidence["linked"] == [ticket.id]


def test_the_answer_to_a_merged_ticket_goes_on_in_the_other(
    cast: Cast, session: Session, take: Take, settings: Settings, now: datetime
) -> None:
    for number in (1, 2):
        take(raw_mail(cast.alice.email, text=f"mail {number}", head=vouched(cast.alice.email)))
    first, second = tickets(session)
    expand(settings, now)
    receipts = {mail.ticket_id: mail for mail in told(session, cast.alice.email)}
    with transaction() as unit:
        unit.get_one(Ticket, first.id).merged_into_id = second.id
    to = receipts[first.id].reply_to
    assert take(raw_mail(cast.alice.email, to=to, text="still"), mailbox=to).ticket_id == second.id


def test_an_answer_after_the_reopen_window_which_counts_working_days_opens_a_follow_up(
    cast: Cast, session: Session, take: Take, settings: Settings, client: FlaskClient, now: datetime
) -> None:
    take(raw_mail(cast.alice.email, head=vouched(cast.alice.email)))
    [ticket] = tickets(session)
    cast.sign_in(client, cast.leo).post(
        f"/tickets/{ticket.number}/resolve", data={"outcome": "solved", "text": "Use production."}
    )
    expand(settings, now)
    to = told(session, cast.alice.email)[-1].reply_to
    session.expire_all()
    assert ticket.next_act_at is not None
    # Ten working days after Wednesday, 4 March: two weekends lie between, and the days of the wall are fourteen.
    assert ticket.next_act_at - now > timedelta(days=13)
    late = taker(session, settings, ticket.next_act_at + timedelta(hours=1))
    mail = late(raw_mail(cast.alice.email, to=to, text="It is back."), mailbox=to)
    assert (mail.outcome, len(tickets(session))) == (InboundOutcome.APPENDED, 2)
    assert tickets(session)[1].follow_up_of_id == ticket.id
