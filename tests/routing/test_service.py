"""Requests at the wrong door: the lead gets them, nobody loses time, the registry may take one on, researchers too."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.config import Settings
from desk.conversations.models import Disclosure, Message
from desk.custody.models import CustodyEntry
from desk.db import transaction
from desk.domain.errors import IllegalTransition, InvalidInput, NotFound
from desk.domain.escalation import EscalationState
from desk.domain.lifecycle import State
from desk.domain.redirects import Destination, text_for
from desk.domain.targets import Kind
from desk.domain.vocabulary import Audience, Outcome, Party
from desk.escalations.models import Escalation
from desk.events.models import Event
from desk.mail.models import InboundOutcome, OutboundState
from desk.routing import queries, service
from desk.sla.models import Clock
from desk.tickets import queries as tickets_of
from desk.tickets.models import Ticket
from desk.triage import service as triage
from tests.cast import Cast
from tests.mail.taking import ORCID, SOUTH, Take, expand, raw_mail, taker, tickets, told, vouched


@pytest.fixture
def take(session: Session, settings: Settings, now: datetime) -> Take:
    return taker(session, settings, now)


@pytest.fixture
def passed(cast: Cast, session: Session, take: Take) -> Ticket:
    """Alice wrote to her registry instead of her lead."""
    take(raw_mail(cast.alice.email, to=ORCID, head=vouched(cast.alice.email)), mailbox=ORCID)
    return tickets(session)[0]


def kinds(session: Session, ticket: Ticket) -> list[str]:
    return [each.kind for each in session.scalars(sa.select(Event).filter_by(ticket_id=ticket.id).order_by(Event.id))]


# ------------------------------------------------------------------ passed to the lead


def test_a_member_s_mail_at_the_registry_s_door_is_their_ticket_at_the_lead(
    cast: Cast, session: Session, passed: Ticket
) -> None:
    assert (passed.consortium_id, passed.requester_id, passed.member_org_id) == (
        cast.north.id,
        cast.alice.id,
        cast.alder.id,
    )
    assert passed.holder_team_id == cast.north_desk.id
    found = queries.of_ticket(session, passed.id)
    assert found is not None
    assert (found.from_registry_id, found.door) == (cast.orcid.id, ORCID)
    assert kinds(session, passed) == ["opened", "rerouted"]


def test_the_member_and_the_lead_are_told_in_one_mail_each_where_it_came_from(
    cast: Cast, session: Session, passed: Ticket, settings: Settings, now: datetime
) -> None:
    expand(settings, now)
    [receipt] = told(session, cast.alice.email)
    assert "You wrote to ORCID support. Northern support answers" in receipt.text
    assert "passed on to you" in told(session, cast.leo.email)[0].text
    assert told(session, cast.rita.email) == []


def test_its_clocks_run_from_when_it_came_and_not_from_when_it_was_read(
    cast: Cast, session: Session, take: Take, now: datetime
) -> None:
    early = now - timedelta(hours=1)
    raw = raw_mail(cast.alice.email, to=ORCID, head=vouched(cast.alice.email))
    take(raw, mailbox=ORCID, at=early)
    [ticket] = tickets(session)
    assert ticket.created_at == early
    [clock] = session.scalars(sa.select(Clock).filter_by(ticket_id=ticket.id, kind=Kind.FIRST_RESPONSE))
    assert clock.running_since == early
    [turn] = session.scalars(sa.select(CustodyEntry).filter_by(ticket_id=ticket.id))
    assert turn.from_at == early


def test_a_lead_s_mail_to_another_consortium_goes_to_their_own_desk(cast: Cast, session: Session, take: Take) -> None:
    for sender in (cast.leo, cast.alice):
        take(raw_mail(sender.email, to=SOUTH, head=vouched(sender.email)), mailbox=SOUTH)
    assert {ticket.consortium_id for ticket in tickets(session)} == {cast.north.id}
    take(raw_mail("somebody@else.example", to=SOUTH), mailbox=SOUTH)
    take(raw_mail(cast.rita.email, to=SOUTH, head=vouched(cast.rita.email)), mailbox=SOUTH)
    assert [ticket.consortium_id for ticket in tickets(session)[2:]] == [cast.south.id] * 2


def test_an_answer_at_a_reply_address_is_never_taken_for_the_wrong_door(
    cast: Cast, session: Session, take: Take, passed: Ticket, settings: Settings, now: datetime
) -> None:
    expand(settings, now)
    [receipt] = told(session, cast.alice.email)
    take(raw_mail(cast.carla.email, to=receipt.reply_to), mailbox=receipt.reply_to)
    assert tickets(session)[-1].consortium_id == cast.north.id


def test_the_registry_files_for_a_member_what_they_said_and_learns_nothing_of_whom_the_lead_knows(
    cast: Cast, session: Session, settings: Settings, now: datetime
) -> None:
    for email in (cast.bob.email, "nobody@else.example"):
        with transaction() as unit:
            service.file_for(
                unit,
                cast.actor(cast.rita),
                consortium_id=cast.north.id,
                email=email,
                subject="Telephone",
                text="The widget is empty.",
                now=now,
            )
    known, unknown = tickets(session)
    assert (known.requester_id, unknown.requester_id) == (cast.bob.id, None)
    assert {known.unverified_sender, unknown.unverified_sender} == {cast.bob.email, "nobody@else.example"}
    assert (known.member_org_id, unknown.member_org_id) == (None, None)
    expand(settings, now)
    [receipt] = told(session, "nobody@else.example")
    assert "widget" not in receipt.text
    assert "You wrote to ORCID support" in receipt.text


def test_the_registry_files_at_its_own_consortia_only(cast: Cast, now: datetime) -> None:
    with pytest.raises(NotFound), transaction() as unit:
        service.file_for(
            unit,
            cast.actor(cast.rita),
            consortium_id=cast.south.id,
            email="a@b.example",
            subject="x",
            text="x",
            now=now,
        )
    with pytest.raises(InvalidInput), transaction() as unit:
        service.file_for(
            unit, cast.actor(cast.rita), consortium_id=cast.north.id, email="a b", subject="x", text="x", now=now
        )


# ------------------------------------------------------------------ taken on by the registry


def test_the_registry_takes_on_what_came_to_its_door_and_reads_that_alone(
    cast: Cast, session: Session, passed: Ticket, settings: Settings, now: datetime
) -> None:
    expand(settings, now)
    with transaction() as unit:
        found = queries.get(unit, cast.actor(cast.rita), passed.id)
        service.take_on(unit, cast.actor(cast.rita), found, now=now)
    session.expire_all()
    escalation = session.scalars(sa.select(Escalation)).one()
    assert (escalation.state, escalation.assignee_id) == (EscalationState.ACCEPTED, cast.rita.id)
    assert (passed.state, passed.holder_team_id, passed.consortium_id) == (
        State.ESCALATED,
        cast.orcid_support.id,
        cast.north.id,
    )
    turns = [one.party for one in session.scalars(sa.select(CustodyEntry).order_by(CustodyEntry.id))]
    assert turns == [Party.LEAD, Party.REGISTRY]
    shown = tickets_of.messages_for(session, cast.actor(cast.rita), passed)
    assert [one.message.text for one in shown] == ["We get error 9017."]
    assert tickets_of.messages_for(session, cast.actor(cast.dora), passed) == []
    expand(settings, now)
    assert "taken this on directly for ORCID support" in told(session, cast.leo.email)[-1].text
    assert "works on your request itself" in told(session, cast.alice.email)[-1].text


def test_what_the_member_writes_to_the_lead_later_is_not_the_registry_s(
    cast: Cast, session: Session, passed: Ticket, take: Take, settings: Settings, now: datetime
) -> None:
    expand(settings, now)
    [receipt] = told(session, cast.alice.email)
    take(raw_mail(cast.alice.email, to=receipt.reply_to, text="for the lead"), mailbox=receipt.reply_to)
    with transaction() as unit:
        service.take_on(unit, cast.actor(cast.rita), queries.get(unit, cast.actor(cast.rita), passed.id), now=now)
    disclosed = session.scalars(sa.select(Disclosure.message_id)).all()
    first = session.scalars(sa.select(Message.id).order_by(Message.id)).first()
    assert disclosed == [first]


def test_nobody_takes_on_what_the_lead_has_begun_or_what_came_to_another_door(
    cast: Cast, session: Session, passed: Ticket, now: datetime
) -> None:
    for stranger in (cast.dora, cast.leo, cast.alice, cast.ada):
        with pytest.raises(NotFound):
            queries.get(session, cast.actor(stranger), passed.id)
        with pytest.raises(NotFound), transaction() as unit:
            found = queries.of_ticket(unit, passed.id)
            assert found is not None
            service.take_on(unit, cast.actor(stranger), found, now=now)
    with transaction() as unit:
        triage.take(unit, cast.actor(cast.leo), unit.get_one(Ticket, passed.id), now=now)
    with pytest.raises(IllegalTransition), transaction() as unit:
        service.take_on(unit, cast.actor(cast.rita), queries.get(unit, cast.actor(cast.rita), passed.id), now=now)


# ------------------------------------------------------------------ a researcher


def test_a_researcher_is_told_who_can_help_in_words_that_hold_none_of_theirs(
    cast: Cast, session: Session, take: Take, settings: Settings, now: datetime
) -> None:
    take(raw_mail("gil@else.example", subject="MARKER-S", text="MARKER-T"))
    [ticket] = tickets(session)
    text = text_for(Destination.INSTITUTION, desk="Northern support", service="ORCID", registry="ORCID")
    with transaction() as unit:
        service.redirect(
            unit,
            cast.actor(cast.leo),
            unit.get_one(Ticket, ticket.id),
            destination=Destination.INSTITUTION,
            text=text,
            now=now,
        )
    session.expire_all()
    assert (ticket.state, ticket.outcome) == (State.RESOLVED, Outcome.REDIRECTED)
    expand(settings, now)
    mail = told(session, "gil@else.example")[-1]
    assert "library or research office" in mail.text
    assert "MARKER" not in mail.subject + mail.text + mail.html
    assert (mail.automatic, mail.envelope_from, mail.state) == (True, "", OutboundState.QUEUED)
    said = session.scalars(sa.select(Message).order_by(Message.id.desc())).first()
    assert said is not None
    assert (said.from_staff, said.audience) == (True, Audience.MEMBER)


def test_redirects_are_under_the_caps_and_none_goes_where_authentication_failed(
    cast: Cast, session: Session, take: Take, settings: Settings, now: datetime
) -> None:
    failed = "Authentication-Results: mx.desk.example; dmarc=fail header.from=else.example\r\n"
    take(raw_mail("victim@else.example", text="0", head=failed))
    for number in range(3):
        take(raw_mail("gil@else.example", text=str(number)))
    for ticket in tickets(session):
        with transaction() as unit:
            service.redirect(
                unit,
                cast.actor(cast.leo),
                unit.get_one(Ticket, ticket.id),
                destination=Destination.REGISTRY,
                text="Please write to ORCID.",
                now=now,
            )
    expand(settings, now)
    assert told(session, "victim@else.example") == []
    states = [mail.state for mail in told(session, "gil@else.example")]
    assert states.count(OutboundState.QUEUED) == settings.MAIL_PER_STRANGER_AND_DAY
    assert OutboundState.DEAD in states


def test_only_the_lead_redirects(cast: Cast, session: Session, take: Take, now: datetime) -> None:
    take(raw_mail("gil@else.example"))
    [ticket] = tickets(session)
    for stranger in (cast.samir, cast.rita, cast.alice):
        with pytest.raises(NotFound), transaction() as unit:
            service.redirect(
                unit,
                cast.actor(stranger),
                unit.get_one(Ticket, ticket.id),
                destination=Destination.REGISTRY,
                text="x",
                now=now,
            )


def test_a_stranger_s_mail_at_the_registry_is_held_with_the_reason(cast: Cast, take: Take) -> None:
    mail = take(raw_mail("gil@else.example", to=ORCID), mailbox=ORCID)
    assert mail.outcome is InboundOutcome.HELD
    assert "not known which consortium" in mail.reason
