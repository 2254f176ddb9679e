"""The demo world stands as if it had been lived in: every state, true clocks, nobody still to be told."""

from datetime import timedelta

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import MemberOrg, RoleGrant, Team
from desk.calendars.models import CalendarVersion
from desk.conversations.models import Message
from desk.corrections.models import Objection, ObjectionState
from desk.custody.models import CustodyEntry
from desk.db import transaction
from desk.demo import world
from desk.demo.places import CONSORTIA, REGISTRIES
from desk.demo.volume import enlarge
from desk.domain.escalation import EscalationState
from desk.domain.identifiers import redact
from desk.domain.lifecycle import DONE, State
from desk.domain.notices import Wait
from desk.domain.permissions import Role
from desk.domain.register import IssueState
from desk.domain.vocabulary import Audience, Channel
from desk.escalations.models import Escalation
from desk.events.models import Event
from desk.issues.models import Issue, IssuePublication
from desk.mail.models import OutboundMail, OutboundState, WaitingNotice
from desk.preferences.models import MailPreference
from desk.progress import service as progress
from desk.sla import service as sla
from desk.sla.models import Clock
from desk.tickets import service as tickets
from desk.tickets.models import Ticket
from tests.demo.conftest import NOW, SEED


def test_there_are_three_consortia_with_their_members_and_two_registries(session: Session) -> None:
    for place in CONSORTIA:
        found = accounts.consortium_by_slug(session, place.slug)
        assert found is not None
        assert len(accounts.member_orgs_of_consortium(session, found.id)) == len(place.members)
        assert accounts.team_of_consortium(session, found.id).calendar_id is not None
        assert {person.email for person in accounts.lead_people(session, found.id, NOW)}
    assert all(accounts.registry_by_slug(session, place.slug) for place in REGISTRIES)
    assert session.scalar(sa.select(sa.func.count()).select_from(MemberOrg)) == 31
    assert session.scalar(sa.select(sa.func.count()).select_from(Team)) == 7


def test_tickets_stand_in_every_state(session: Session) -> None:
    assert set(session.scalars(sa.select(Ticket.state).distinct())) == set(State)


def test_escalations_stand_in_every_state(session: Session) -> None:
    # What the member verified is closed at once: no hand-over stays in that state.
    states = set(EscalationState) - {EscalationState.VERIFIED}
    assert set(session.scalars(sa.select(Escalation.state).distinct())) == states
    assert set(session.scalars(sa.select(Escalation.tier).distinct())) == {2, 3}


def test_the_register_has_a_dozen_issues_and_members_read_some(session: Session) -> None:
    issues = session.scalars(sa.select(Issue)).all()
    assert len(issues) == 12
    assert {issue.state for issue in issues} >= {
        IssueState.KNOWN_ERROR,
        IssueState.FIX_PLANNED,
        IssueState.FIXED,
        IssueState.CLOSED,
    }
    assert len(session.scalars(sa.select(IssuePublication)).all()) > 6
    assert any(issue.upstream_issue_id for issue in issues)


def test_conversations_are_for_every_audience_and_came_through_both_doors(session: Session) -> None:
    assert set(session.scalars(sa.select(Message.audience).distinct())) == set(Audience)
    assert set(session.scalars(sa.select(Message.channel).distinct())) == set(Channel)


def test_no_text_holds_a_secret_or_an_empty_place(session: Session) -> None:
    texts = session.scalars(sa.select(Message.text)).all()
    assert [text for text in texts if redact(text)[1]] == []
    assert [text for text in texts if "{" in text] == []


def test_clocks_are_what_their_events_say(session: Session) -> None:
    assert sla.rebuild(session, check=True) == []
    assert session.scalar(sa.select(sa.func.count()).where(Clock.breached_at.is_not(None))) != 0


def test_hours_were_edited_ahead_and_pauses_disputed(session: Session) -> None:
    versions = session.scalars(sa.select(CalendarVersion.calendar_id).where(CalendarVersion.created_by.is_not(None)))
    assert len(set(versions)) == len(CONSORTIA)
    assert set(session.scalars(sa.select(Objection.state))) == set(ObjectionState)


def test_a_sweep_finds_nothing_left_to_do(app: Flask) -> None:
    with transaction() as session:
        assert sla.act_on_due_clocks(session, NOW, 500) == 0
        assert progress.act_on_due_tickets(session, now=NOW, limit=500) == 0


def test_nothing_lies_in_the_future_and_every_timeline_goes_forward(session: Session) -> None:
    assert session.scalar(sa.select(sa.func.max(Event.at))) <= NOW
    last: dict[int, Event] = {}
    for event in session.scalars(sa.select(Event).where(Event.ticket_id.is_not(None)).order_by(Event.id)):
        assert event.ticket_id is not None
        # A sweep records a warning at its own instant, which may be before an act that the sweep came after.
        if event.kind not in ("warned", "breached"):
            assert event.ticket_id not in last or last[event.ticket_id].at <= event.at
            last[event.ticket_id] = event


def test_every_ticket_is_somebodys_turn_until_it_is_done(session: Session) -> None:
    turns = dict(
        session.execute(
            sa.select(CustodyEntry.ticket_id, sa.func.count())
            .where(CustodyEntry.until_at.is_(None))
            .group_by(CustodyEntry.ticket_id)
        ).all()
    )
    for ticket in session.scalars(sa.select(Ticket)):
        assert turns.get(ticket.id, 0) == (0 if ticket.state in DONE else 1)


def test_nobody_is_still_to_be_told_of_the_past(session: Session) -> None:
    assert session.scalars(sa.select(Event.id).where(Event.expanded_at.is_(None))).all() == []
    assert set(session.scalars(sa.select(OutboundMail.state).distinct())) == {OutboundState.SENT}
    waiting = (OutboundState.QUEUED, OutboundState.SENDING)
    assert session.scalars(sa.select(OutboundMail.id).where(OutboundMail.state.in_(waiting))).all() == []
    # Only what comes in somebody's next daily mail, or after their quiet hours, is still to be written.
    chosen = set(session.scalars(sa.select(MailPreference.person_id)))
    for notice in session.scalars(sa.select(WaitingNotice).where(WaitingNotice.written_at.is_(None))):
        assert notice.person_id in chosen and notice.wait is not Wait.GATHER and notice.due_at > NOW


def test_a_lead_and_a_contact_have_chosen_a_daily_mail_and_quiet_hours(session: Session) -> None:
    chosen = session.scalars(sa.select(MailPreference)).all()
    people = sa.select(RoleGrant.role).where(RoleGrant.person_id.in_([one.person_id for one in chosen]))
    assert set(session.scalars(people)) == {Role.LEAD_AGENT, Role.CONTACT}
    assert all(one.daily_at is not None and one.quiet_from is not None for one in chosen)
    assert session.scalars(sa.select(WaitingNotice.id).where(WaitingNotice.wait == Wait.DIGEST)).first()


def test_it_knows_that_it_is_there(session: Session) -> None:
    assert world.seed_of(session) == SEED
    assert not world.is_empty(session)


def test_a_large_world_is_as_true_as_the_small_one_and_goes_on(app: Flask, session: Session) -> None:
    before = session.scalar(sa.select(sa.func.count()).select_from(Ticket)) or 0
    with transaction() as unit:
        assert enlarge(unit, before * 3 + 5) == before * 3 + 5
    assert sla.rebuild(session, check=True) == []
    copies = session.scalars(sa.select(Ticket.id).where(Ticket.subject.like("% (2)"))).all()
    assert session.scalar(sa.select(sa.func.count()).where(Message.ticket_id.in_(copies))) > len(copies)
    with transaction() as unit:
        org = accounts.member_orgs_of_consortium(unit, 1)[0]
        person = accounts.contacts_of(unit, org.id, NOW)[0]
        actor = accounts.actor_of(unit, person.id, NOW)
        draft = tickets.NewTicket(consortium_id=1, member_org_id=org.id, subject="One more", text="It goes on.")
        ticket = tickets.open_ticket(unit, actor, draft, channel=Channel.WEB, now=NOW + timedelta(minutes=1))
        assert ticket.number > before * 3 + 5
