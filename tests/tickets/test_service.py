"""Filing, answering, sorting, handing over and ending a ticket, through the verbs, on both databases."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.conversations.service import File
from desk.custody import queries as custody
from desk.db import transaction
from desk.domain.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from desk.domain.lifecycle import State
from desk.domain.permissions import SYSTEM
from desk.domain.priority import Impact, Priority, Urgency
from desk.domain.vocabulary import Audience, Channel, Outcome, Party, TicketKind
from desk.events import queries as events
from desk.handover import service as handover
from desk.progress import service as progress
from desk.sla import queries as sla
from desk.tickets import queries
from desk.tickets import service as tickets
from desk.tickets.models import Ticket
from desk.triage import service as triage
from tests.cast import Cast

HOUR = timedelta(hours=1)


def draft(cast: Cast, **more: Any) -> tickets.NewTicket:
    values: dict[str, Any] = {
        "consortium_id": cast.north.id,
        "member_org_id": cast.alder.id,
        "subject": "Redirect URI refused",
        "text": "Since this morning researchers see **redirect_uri mismatch** for APP-ABCDEFGH12345678.",
    }
    return tickets.NewTicket(**(values | more))


def filed(cast: Cast, **more: Any) -> Ticket:
    with transaction() as session:
        return tickets.open_ticket(
            session, cast.actor(cast.alice), draft(cast, **more), channel=Channel.WEB, now=cast.now
        )


def running(session: Session, ticket: Ticket) -> set[str]:
    return {clock.kind.value for clock in sla.clocks_of(session, [ticket.id])[ticket.id] if clock.running_since}


def kinds(session: Session, ticket: Ticket) -> list[str]:
    return [event.kind for event in events.timeline(session, ticket.id)]


def holders(session: Session, ticket: Ticket) -> list[Party]:
    return [entry.party for entry, _, _ in custody.ledger(session, ticket.id)]


def escalated(cast: Cast, ticket: Ticket, at: datetime) -> None:
    with transaction() as session:
        team = accounts.team_of_registry(session, cast.orcid.id)
        handover.hand_over(session, cast.actor(cast.leo), ticket, registry_id=cast.orcid.id, team=team, tier=2, now=at)


def test_a_contact_files_a_ticket_and_its_clocks_run(cast: Cast, session: Session) -> None:
    ticket = filed(cast)
    assert (ticket.state, ticket.tier, ticket.requester_id) == (State.NEW, 1, cast.alice.id)
    assert ticket.service == "ORCID"
    assert {"first_response", "lead", "overall"} <= running(session, ticket)
    assert kinds(session, ticket) == ["opened"]
    assert holders(session, ticket) == [Party.LEAD]
    assert ("client_id", "APP-ABCDEFGH12345678") in {(one["kind"], one["value"]) for one in ticket.identifiers}


def test_a_secret_that_was_sent_is_kept_nowhere(cast: Cast, session: Session) -> None:
    ticket = filed(
        cast, text="curl -H 'Authorization: Bearer 4a7c1f0e-1111-2222-3333-444455556666' https://api.example"
    )
    (shown,) = queries.messages_for(session, cast.actor(cast.leo), ticket)
    assert "4a7c1f0e" not in shown.message.text + shown.html
    assert shown.message.secrets_removed


def test_nobody_files_for_an_organisation_that_is_not_theirs(cast: Cast) -> None:
    for person in (cast.bob, cast.carla, cast.rita, cast.ada):
        with pytest.raises(NotFound), transaction() as session:
            tickets.open_ticket(session, cast.actor(person), draft(cast), channel=Channel.WEB, now=cast.now)


def test_an_organisation_of_another_consortium_is_refused(cast: Cast) -> None:
    with pytest.raises(InvalidInput), transaction() as session:
        tickets.open_ticket(
            session, cast.actor(cast.leo), draft(cast, member_org_id=cast.cedar.id), channel=Channel.WEB, now=cast.now
        )


def test_a_lead_files_for_a_contact_who_telephoned_and_nobody_waits_for_a_first_answer(
    cast: Cast, session: Session
) -> None:
    with transaction() as unit:
        ticket = tickets.open_ticket(
            unit, cast.actor(cast.leo), draft(cast, requester_id=cast.alice.id), channel=Channel.WEB, now=cast.now
        )
    assert ticket.requester_id == cast.alice.id
    assert "first_response" not in running(session, ticket)


def test_the_same_form_sent_twice_is_one_ticket(cast: Cast, session: Session) -> None:
    first, second = filed(cast, form_key="k1"), filed(cast, form_key="k1")
    assert first.id == second.id
    assert len(queries.my_tickets(session, cast.actor(cast.alice))) == 1


@pytest.mark.parametrize(
    ("field", "value"), [("subject", "  "), ("subject", "x" * 201), ("text", ""), ("text", "x" * 100_001)]
)
def test_a_subject_or_text_that_cannot_be_kept_names_its_field(cast: Cast, field: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        filed(cast, **{field: value})
    assert refused.value.field == field


def test_files_are_kept_by_content_and_their_names_made_harmless(cast: Cast, session: Session) -> None:
    ticket = filed(cast, files=[File("../../etc/‮gpj.html", b"<script>alert(1)</script>"), File("a.png", PNG)])
    (shown,) = queries.messages_for(session, cast.actor(cast.alice), ticket)
    page, picture = shown.attachments
    assert (page.file_name, page.content_type) == ("gpj.html", "text/plain")
    assert picture.content_type == "image/png"


PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")


def test_the_leads_answer_opens_it_and_stops_the_first_response(cast: Cast, session: Session) -> None:
    ticket = filed(cast)
    say(cast, ticket, cast.leo, "Please send us both URIs.", at=cast.now + HOUR)
    assert ticket.state is State.OPEN
    assert "first_response" not in running(session, ticket)


def say(cast: Cast, ticket: Ticket, person: Any, text: str, *, at: datetime, **more: Any) -> Any:
    with transaction() as session:
        return progress.add_message(
            session,
            cast.actor(person),
            ticket,
            audience=more.pop("audience", Audience.MEMBER),
            text=text,
            channel=Channel.WEB,
            now=at,
            **more,
        )


def test_asking_the_member_stops_the_leads_clock_until_they_answer(cast: Cast, session: Session) -> None:
    ticket = filed(cast)
    with transaction() as unit:
        progress.ask_member(
            unit, cast.actor(cast.leo), ticket, text="Which URI?", channel=Channel.WEB, now=cast.now + HOUR
        )
    assert ticket.state is State.PENDING_MEMBER
    assert not {"lead", "overall"} & running(session, ticket)
    say(cast, ticket, cast.alice, "https://repo.example.org/cb", at=cast.now + 2 * HOUR)
    assert ticket.state is State.OPEN
    assert {"lead", "overall", "next_response"} <= running(session, ticket)
    assert holders(session, ticket) == [Party.LEAD, Party.MEMBER, Party.LEAD]


def test_machine_mail_is_kept_and_moves_nothing(cast: Cast, session: Session) -> None:
    ticket = filed(cast)
    with transaction() as unit:
        progress.ask_member(unit, cast.actor(cast.leo), ticket, text="Which?", channel=Channel.WEB, now=cast.now + HOUR)
    say(cast, ticket, cast.alice, "I am away until Monday.", at=cast.now + 2 * HOUR, machine=True)
    assert ticket.state is State.PENDING_MEMBER
    assert "lead" not in running(session, ticket)


@pytest.mark.parametrize("audience", [Audience.HANDOVER, Audience.REGISTRY])
def test_nobody_writes_to_a_registry_that_has_nothing_of_it(cast: Cast, audience: Audience) -> None:
    with pytest.raises(InvalidInput):
        say(cast, filed(cast), cast.leo, "Hello?", at=cast.now, audience=audience)


def test_a_member_cannot_write_for_the_lead_only(cast: Cast) -> None:
    with pytest.raises(NotFound):
        say(cast, filed(cast), cast.alice, "psst", at=cast.now, audience=Audience.LEAD)


def test_an_answer_waits_when_somebody_has_written_meanwhile(cast: Cast, session: Session) -> None:
    ticket = filed(cast)
    seen = queries.latest_message_id(session, cast.actor(cast.leo), ticket)
    say(cast, ticket, cast.alice, "It works again!", at=cast.now + HOUR)
    with pytest.raises(Conflict):
        say(cast, ticket, cast.leo, "Please try again.", at=cast.now + HOUR, seen_message_id=seen)


def test_of_two_who_take_a_ticket_the_second_is_told(cast: Cast) -> None:
    ticket = filed(cast)
    with transaction() as session:
        triage.take(session, cast.actor(cast.leo), ticket, now=cast.now)
    with pytest.raises(Conflict), transaction() as session:
        triage.take(session, cast.actor(cast.lena), ticket, now=cast.now)
    assert ticket.assignee_id == cast.leo.id


def test_a_ticket_is_given_only_to_the_own_desk(cast: Cast) -> None:
    ticket = filed(cast)
    with pytest.raises(InvalidInput), transaction() as session:
        triage.assign(session, cast.actor(cast.leo), ticket, assignee_id=cast.samir.id, now=cast.now)


def sorted_as(cast: Cast, ticket: Ticket, version: int, **more: Any) -> None:
    values: dict[str, Any] = {
        "kind": TicketKind.INCIDENT,
        "impact": Impact.HIGH,
        "urgency": Urgency.HIGH,
        "catalogue_key": None,
        "service": "ORCID",
        "environment": None,
        "fields": {},
        "tags": ["OAuth ", "oauth", ""],
    }
    with transaction() as session:
        triage.triage(session, cast.actor(cast.leo), ticket, version=version, now=cast.now + HOUR, **(values | more))


def test_priority_follows_from_impact_and_urgency_and_moves_the_targets(cast: Cast, session: Session) -> None:
    ticket = filed(cast)
    before = {clock.kind: clock.target_seconds for clock in sla.clocks_of(session, [ticket.id])[ticket.id]}
    sorted_as(cast, ticket, ticket.version)
    after = {clock.kind: clock.target_seconds for clock in sla.clocks_of(session, [ticket.id])[ticket.id]}
    assert (ticket.priority, ticket.tags) == (Priority.P1, ["oauth"])
    assert before != after


def test_a_stale_edit_is_a_conflict_and_changes_nothing(cast: Cast) -> None:
    ticket = filed(cast)
    version = ticket.version
    sorted_as(cast, ticket, version)
    with pytest.raises(Conflict):
        sorted_as(cast, ticket, version, impact=Impact.LOW)
    assert ticket.impact is Impact.HIGH


def test_a_hold_needs_a_reason_and_a_day_to_come(cast: Cast) -> None:
    ticket = filed(cast)
    for reason, until in (("", cast.now + HOUR), ("Waiting for the release", cast.now)):
        with pytest.raises(InvalidInput), transaction() as session:
            progress.hold(session, cast.actor(cast.leo), ticket, reason=reason, until=until, now=cast.now)


def test_a_hold_wakes_when_its_day_has_come_and_only_once(cast: Cast, session: Session) -> None:
    ticket = filed(cast)
    with transaction() as unit:
        progress.hold(unit, cast.actor(cast.leo), ticket, reason="Release", until=cast.now + 24 * HOUR, now=cast.now)
    assert "lead" not in running(session, ticket)
    assert "overall" in running(session, ticket)
    for at, woken in ((cast.now + HOUR, 0), (cast.now + 25 * HOUR, 1), (cast.now + 26 * HOUR, 0)):
        with transaction() as unit:
            assert progress.act_on_due_tickets(unit, now=at, limit=10) == woken
    assert ticket.state is State.OPEN


def resolved(cast: Cast, ticket: Ticket, at: datetime) -> None:
    with transaction() as session:
        progress.resolve(
            session, cast.actor(cast.leo), ticket, outcome=Outcome.SOLVED, text="The URI is registered now.", now=at
        )


def test_a_resolved_ticket_is_confirmed_by_the_member_and_closed(cast: Cast, session: Session) -> None:
    ticket = filed(cast)
    resolved(cast, ticket, cast.now + HOUR)
    assert not running(session, ticket)
    with transaction() as unit:
        progress.confirm(unit, cast.actor(cast.alice), ticket, solved=True, text="", now=cast.now + 2 * HOUR)
    assert (ticket.state, ticket.outcome) == (State.CLOSED, Outcome.SOLVED)
    assert ticket.closed_at == cast.now + 2 * HOUR


def test_what_is_not_solved_reopens_with_the_members_words(cast: Cast, session: Session) -> None:
    ticket = filed(cast)
    resolved(cast, ticket, cast.now + HOUR)
    with pytest.raises(InvalidInput), transaction() as unit:
        progress.confirm(unit, cast.actor(cast.alice), ticket, solved=False, text=" ", now=cast.now + 2 * HOUR)
    with transaction() as unit:
        progress.confirm(
            unit, cast.actor(cast.alice), ticket, solved=False, text="Same error.", now=cast.now + 2 * HOUR
        )
    assert (ticket.state, ticket.outcome) == (State.OPEN, None)
    assert {"lead", "overall", "next_response"} <= running(session, ticket)


def test_an_answer_after_the_window_opens_a_linked_follow_up(cast: Cast, session: Session) -> None:
    ticket = filed(cast)
    resolved(cast, ticket, cast.now + HOUR)
    with transaction() as unit:
        assert progress.act_on_due_tickets(unit, now=cast.now + timedelta(days=30), limit=10) == 1
    assert ticket.state is State.CLOSED
    message = say(cast, ticket, cast.alice, "It is back.", at=cast.now + timedelta(days=31))
    follow_up = session.get(Ticket, message.ticket_id)
    assert follow_up is not None
    assert (follow_up.follow_up_of_id, follow_up.state) == (ticket.id, State.NEW)
    assert len(queries.messages_for(session, cast.actor(cast.leo), ticket)) == 2


def test_a_member_who_says_it_is_solved_before_the_lead_does_is_not_asked_again(cast: Cast) -> None:
    ticket = filed(cast)
    with transaction() as session:
        progress.confirm(session, cast.actor(cast.alice), ticket, solved=True, text="", now=cast.now + HOUR)
    assert (ticket.state, ticket.outcome) == (State.CLOSED, Outcome.SOLVED)


def test_a_hand_over_moves_state_holder_ledger_and_clocks_together(cast: Cast, session: Session) -> None:
    ticket = filed(cast)
    escalated(cast, ticket, cast.now + HOUR)
    assert (ticket.state, ticket.tier, ticket.holder_team_id) == (State.ESCALATED, 2, cast.orcid_support.id)
    assert {"registry", "registry_acceptance", "overall"} <= running(session, ticket)
    assert "lead" not in running(session, ticket)
    with transaction() as unit:
        handover.hand_back(unit, cast.actor(cast.rita), ticket, kind="returned", now=cast.now + 2 * HOUR)
    assert (ticket.state, ticket.tier, ticket.holder_team_id) == (State.PENDING_LEAD, 1, cast.north_desk.id)
    assert "registry" not in running(session, ticket)
    assert "lead" in running(session, ticket)
    assert holders(session, ticket) == [Party.LEAD, Party.REGISTRY, Party.LEAD]


def test_what_the_registry_has_cannot_be_resolved_by_the_lead(cast: Cast) -> None:
    ticket = filed(cast)
    escalated(cast, ticket, cast.now + HOUR)
    with pytest.raises(IllegalTransition):
        resolved(cast, ticket, cast.now + 2 * HOUR)


def test_the_registry_sees_only_what_was_disclosed_and_as_it_was(cast: Cast, session: Session) -> None:
    ticket = filed(cast, files=[File("log.txt", b"log"), File("private.txt", b"private")])
    second = say(cast, ticket, cast.alice, "And this is between us.", at=cast.now)
    say(cast, ticket, cast.leo, "For the team only.", at=cast.now, audience=Audience.LEAD)
    escalated(cast, ticket, cast.now + HOUR)
    (first, *_) = queries.messages_for(session, cast.actor(cast.leo), ticket)
    log, private = first.attachments
    assert queries.messages_for(session, cast.actor(cast.rita), ticket) == []
    with transaction() as unit:
        handover.disclose(
            unit,
            cast.actor(cast.leo),
            ticket,
            registry_id=cast.orcid.id,
            message_ids=[first.message.id],
            attachment_ids=[log.id],
            masked={first.message.id: "Masked text"},
            now=cast.now + HOUR,
        )
    (shown,) = queries.messages_for(session, cast.actor(cast.rita), ticket)
    assert "Masked text" in shown.html
    assert "APP-" not in shown.html
    assert [each.id for each in shown.attachments] == [log.id]
    assert queries.attachment_for(session, cast.actor(cast.rita), log.id)
    with pytest.raises(NotFound):
        queries.attachment_for(session, cast.actor(cast.rita), private.id)
    assert second.id != shown.message.id


def test_a_message_for_the_lead_only_cannot_be_disclosed(cast: Cast) -> None:
    ticket = filed(cast)
    note = say(cast, ticket, cast.leo, "Internal.", at=cast.now, audience=Audience.LEAD)
    escalated(cast, ticket, cast.now + HOUR)
    with pytest.raises(InvalidInput), transaction() as session:
        handover.disclose(
            session,
            cast.actor(cast.leo),
            ticket,
            registry_id=cast.orcid.id,
            message_ids=[note.id],
            attachment_ids=[],
            masked={},
            now=cast.now + HOUR,
        )


def test_an_unverified_senders_ticket_waits_for_the_lead_to_say_who_it_is(cast: Cast, session: Session) -> None:
    unknown = draft(cast, member_org_id=None, proposed_org_id=cast.alder.id, unverified_sender="alice@alder.example")
    with transaction() as unit:
        ticket = tickets.open_ticket(unit, SYSTEM, unknown, channel=Channel.EMAIL, now=cast.now)
    assert kinds(session, ticket) == ["received_unverified"]
    with pytest.raises(NotFound):
        queries.get(session, cast.actor(cast.alice), ticket.number)
    with pytest.raises(InvalidInput), transaction() as unit:
        triage.confirm_requester(
            unit,
            cast.actor(cast.leo),
            ticket,
            member_org_id=cast.cedar.id,
            person_id=cast.carla.id,
            now=cast.now,
        )
    with transaction() as unit:
        triage.confirm_requester(
            unit, cast.actor(cast.leo), ticket, member_org_id=cast.alder.id, person_id=cast.alice.id, now=cast.now
        )
    assert queries.get(session, cast.actor(cast.alice), ticket.number)


def test_a_colleague_follows_only_after_the_desk_added_them_and_only_from_this_consortium(
    cast: Cast, session: Session
) -> None:
    ticket = filed(cast)
    with pytest.raises(NotFound):
        queries.get(session, cast.actor(cast.bob), ticket.number)
    with transaction() as unit:
        triage.add_participant(unit, cast.actor(cast.leo), ticket, person_id=cast.bob.id, now=cast.now)
    assert queries.get(session, cast.actor(cast.bob), ticket.number)
    with pytest.raises(InvalidInput), transaction() as unit:
        triage.add_participant(unit, cast.actor(cast.leo), ticket, person_id=cast.carla.id, now=cast.now)


def test_what_is_due_next_comes_first_in_the_queue(cast: Cast, session: Session) -> None:
    calm = filed(cast, impact=Impact.LOW, urgency=Urgency.LOW)
    pressing = filed(cast, impact=Impact.HIGH, urgency=Urgency.HIGH, subject="Everything stands still")
    rows = queries.queue(session, cast.actor(cast.leo), queries.QueueFilter())
    assert [row.ticket.id for row in rows] == [pressing.id, calm.id]
    assert rows[0].clock is not None
    assert queries.queue(session, cast.actor(cast.samir), queries.QueueFilter()) == []


@pytest.mark.parametrize(
    ("words", "found"),
    [("redirect", True), ("REDIRECT alder", True), ("mismatch", True), ("redirect absent", False), ("%", False)],
)
def test_the_queue_is_searched_by_every_word_anywhere(cast: Cast, session: Session, words: str, found: bool) -> None:
    filed(cast)
    rows = queries.queue(session, cast.actor(cast.leo), queries.QueueFilter(words=words))
    assert bool(rows) is found


def test_the_queue_is_searched_by_number(cast: Cast, session: Session) -> None:
    ticket = filed(cast)
    for words in (f"#{ticket.number}", str(ticket.number)):
        (row,) = queries.queue(session, cast.actor(cast.leo), queries.QueueFilter(words=words))
        assert row.ticket.id == ticket.id
    assert queries.queue(session, cast.actor(cast.samir), queries.QueueFilter(words=str(ticket.number))) == []
