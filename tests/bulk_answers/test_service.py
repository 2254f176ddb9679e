"""One answer to many tickets: once each, whoever presses twice, is killed half-way, or has lost the right to."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import RoleGrant
from desk.briefs import service as briefs
from desk.bulk_answers import queries, service
from desk.bulk_answers.models import BulkAnswer, BulkAnswerTicket
from desk.bulk_answers.queries import Counts, Desk
from desk.conversations.models import Message
from desk.db import db, transaction
from desk.domain.bulk_answer import BulkKind, Choice, Progress, Reason, Task
from desk.domain.errors import InvalidInput, NotFound, NotPermitted
from desk.domain.escalation import Brief, EscalationState
from desk.domain.lifecycle import State
from desk.domain.register import IssueState
from desk.domain.vocabulary import Audience, Channel, Environment, Outcome
from desk.escalations import queries as escalation_queries
from desk.escalations import service as escalations
from desk.events.models import Event
from desk.issues.models import IssueTicket
from desk.progress import service as progress
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.delegation.scenes import Two, heard, later, sent, ticket, worked_off
from tests.issues.scenes import filed, issue, linked, opened

NORTH_TEXT = "It is mended."


def pressed(cast: Cast, person: Any, number: int, *chosen: int, **more: Any) -> int:
    """The id of an answer: these tickets of the north are resolved with the issue."""
    choice = Choice(frozenset(chosen), frozenset(chosen), despite=more.pop("despite", {}))
    keys: dict[str, Any] = {
        "kind": BulkKind.RESOLVE,
        "desk": Desk(consortium_id=cast.north.id),
        "text": NORTH_TEXT,
        "outcome": Outcome.SOLVED,
        "choice": choice,
        "now": cast.now,
    }
    with transaction() as session:
        found = issue(session, cast, cast.leo, number)
        return service.start(session, cast.actor(person), found, **(keys | more)).id


def forty(cast: Cast, count: int = 4) -> tuple[int, list[int]]:
    """An issue of the north with some tickets."""
    number = opened(cast)
    numbers = [
        filed(cast, person, org) for person, org in [(cast.alice, cast.alder), (cast.bob, cast.birch)] * (count // 2)
    ]
    linked(cast, cast.leo, number, *numbers)
    return number, numbers


def rows(session: Session) -> dict[int, BulkAnswerTicket]:
    found = session.scalars(sa.select(BulkAnswerTicket).execution_options(populate_existing=True))
    return {row.ticket_id: row for row in found}


def wrote(cast: Cast, person: Any, number: int, text: str, ask: bool = False) -> None:
    with transaction() as session:
        verb = progress.ask_member if ask else progress.add_message
        more: dict[str, Any] = {} if ask else {"audience": Audience.MEMBER}
        verb(session, cast.actor(person), ticket(session, number), text=text, channel=Channel.WEB, now=cast.now, **more)


def escalated(cast: Cast, number: int) -> None:
    with transaction() as session:
        found, actor = ticket(session, number), cast.actor(cast.leo)
        brief = Brief(
            asked="Please look.",
            service="ORCID",
            environment=Environment.PRODUCTION.value,
            tried="Loaded it again.",
            impact="The list stays empty.",
            known_issues_checked=True,
        )
        briefs.save_brief(session, actor, found, brief, now=cast.now)
        escalations.send(session, actor, found, now=cast.now)


def accepted(cast: Cast, number: int) -> None:
    with transaction() as session:
        escalations.accept(session, cast.actor(cast.rita), ticket(session, number), now=cast.now)


# ------------------------------------------------------------------ what is offered


def test_the_preview_says_what_speaks_against_resolving_each_ticket(cast: Cast, session: Session) -> None:
    number, (plain, asked, held, wrote_last) = forty(cast)
    over, gone = filed(cast, cast.alice, cast.alder), filed(cast, cast.bob, cast.birch)
    linked(cast, cast.leo, number, over, gone)
    wrote(cast, cast.leo, asked, "Which browser?", ask=True)
    wrote(cast, cast.leo, wrote_last, "We look into it.")
    wrote(cast, cast.bob, wrote_last, "And may we have a second account?")
    escalated(cast, gone)
    with transaction() as unit:
        actor = cast.actor(cast.leo)
        progress.hold(unit, actor, ticket(unit, held), reason="Holiday", until=later(cast, 48), now=cast.now)
        progress.resolve(unit, actor, ticket(unit, over), outcome=Outcome.SOLVED, text="Done.", now=cast.now)
    offer = queries.offer(session, cast.actor(cast.lena), issue(session, cast, cast.lena, number), Desk(cast.north.id))
    assert {each.ticket.id: each.why for each in offer.listed} == {
        plain: None,
        asked: Reason.ASKED_MEMBER,
        held: Reason.ON_HOLD,
        wrote_last: Reason.MEMBER_WROTE,
        gone: Reason.WITH_REGISTRY,
    }
    assert [each.ticket.id for each in offer.listed if not each.may_be_chosen] == [gone]
    assert (offer.total, offer.over, offer.rest, offer.ready) == (5, 1, 0, 1)


@pytest.mark.parametrize("name", ["alice", "samir", "rita", "ada"])
def test_the_tickets_of_a_lead_are_offered_to_nobody_else(cast: Cast, session: Session, name: str) -> None:
    number, numbers = forty(cast)
    person = cast.people()[name]
    with pytest.raises(NotFound):
        queries.offer(session, cast.actor(person), issue(session, cast, cast.leo, number), Desk(cast.north.id))
    with pytest.raises(NotPermitted):
        pressed(cast, person, number, *numbers)


def test_a_ticket_of_elsewhere_in_the_form_is_refused_and_nothing_is_done(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    unlinked = filed(cast, cast.alice, cast.alder)
    for foreign in (two.there, unlinked, 2_000_000_000):
        with pytest.raises(InvalidInput) as refusal:
            pressed(cast, cast.leo, two.number, two.here, foreign)
        assert refusal.value.field == "tickets"
    assert rows(session) == {}


@pytest.mark.parametrize(
    "wrong", [{"text": " "}, {"outcome": None}, {"outcome": Outcome.DUPLICATE}, {"choice": Choice()}]
)
def test_what_is_missing_is_refused(cast: Cast, session: Session, wrong: dict[str, Any]) -> None:
    number, numbers = forty(cast)
    with pytest.raises(InvalidInput):
        pressed(cast, cast.leo, number, *numbers, **wrong)
    assert rows(session) == {}


# ------------------------------------------------------------------ done once each


def test_every_chosen_ticket_is_resolved_and_its_member_told(cast: Cast, session: Session) -> None:
    number, numbers = forty(cast)
    bulk = pressed(cast, cast.leo, number, *numbers[:3])
    assert queries.counts(session, [bulk])[bulk] == Counts(waiting=3)
    assert worked_off(cast.now) == 4
    states = [(ticket(session, each).state, ticket(session, each).outcome) for each in numbers]
    assert states == [(State.RESOLVED, Outcome.SOLVED)] * 3 + [(State.NEW, None)]
    assert [[message.text for message in heard(session, each)] for each in numbers] == [[NORTH_TEXT]] * 3 + [[]]
    assert queries.counts(session, [bulk])[bulk] == Counts(resolved=3)
    assert session.get_one(BulkAnswer, bulk, populate_existing=True).finished_at == cast.now


def test_pressed_twice_or_by_two_nothing_is_said_twice(cast: Cast, session: Session) -> None:
    number, numbers = forty(cast)
    pressed(cast, cast.leo, number, *numbers)
    with pytest.raises(InvalidInput):
        pressed(cast, cast.leo, number, *numbers)
    with pytest.raises(InvalidInput):
        pressed(cast, cast.lena, number, numbers[0])
    worked_off(cast.now)
    with pytest.raises(InvalidInput):
        pressed(cast, cast.lena, number, *numbers)
    worked_off(cast.now)
    assert [len(heard(session, each)) for each in numbers] == [1, 1, 1, 1]


def test_killed_half_way_the_rest_is_done_later_and_nothing_twice(cast: Cast, session: Session) -> None:
    number, numbers = forty(cast)
    pressed(cast, cast.leo, number, *numbers)
    for _ in range(2):
        with transaction() as unit:
            service.work_one(unit, cast.now)
    # Killed in the middle of the third: what it had written is gone with its transaction.
    with pytest.raises(KeyboardInterrupt), transaction() as unit:
        service.work_one(unit, cast.now)
        raise KeyboardInterrupt
    assert [row.state for row in rows(session).values()].count(Progress.WAITING) == 2
    worked_off(later(cast, 1))
    assert [len(heard(session, each)) for each in numbers] == [1, 1, 1, 1]


def test_one_that_went_elsewhere_meanwhile_is_left_and_keeps_no_other_from_it(cast: Cast, session: Session) -> None:
    number, numbers = forty(cast)
    pressed(cast, cast.leo, number, *numbers)
    with transaction() as unit:
        unit.execute(sa.update(Ticket).where(Ticket.id == numbers[1]).values(consortium_id=cast.south.id))
        unit.execute(sa.update(IssueTicket).where(IssueTicket.ticket_id == numbers[2]).values(unlinked_at=cast.now))
    worked_off(cast.now)
    found = rows(session)
    assert [found[each].state for each in (numbers[0], numbers[3])] == [Progress.DONE, Progress.DONE]
    assert [found[each].why for each in numbers[1:3]] == [Reason.UNLINKED, Reason.UNLINKED]
    assert heard(session, numbers[1]) == heard(session, numbers[2]) == []


def test_the_rest_is_left_when_the_role_of_who_pressed_has_ended_and_another_can_go_on(
    cast: Cast, session: Session
) -> None:
    number, numbers = forty(cast)
    bulk = pressed(cast, cast.leo, number, *numbers)
    with transaction() as unit:
        service.work_one(unit, cast.now)
        unit.execute(sa.update(RoleGrant).where(RoleGrant.person_id == cast.leo.id).values(valid_until=later(cast, 1)))
    worked_off(later(cast, 1))
    assert queries.counts(session, [bulk])[bulk] == Counts(resolved=1, left_out=3)
    assert {row.why for row in rows(session).values()} == {None, Reason.ROLE_ENDED}
    pressed(cast, cast.lena, number, *numbers[1:])
    worked_off(later(cast, 2))
    assert [len(heard(session, each)) for each in numbers] == [1, 1, 1, 1]


def test_what_happened_since_the_preview_is_looked_at_again(cast: Cast, session: Session) -> None:
    number, (first, second, third, fourth) = forty(cast)
    wrote(cast, cast.leo, first, "We look into it.")
    wrote(cast, cast.leo, second, "Which browser?", ask=True)
    pressed(cast, cast.leo, number, first, second, third, fourth, despite={second: Reason.ASKED_MEMBER})
    wrote(cast, cast.alice, first, "And a question of our own?")
    escalated(cast, third)
    worked_off(cast.now)
    found = rows(session)
    assert {each: found[each].why for each in (first, second, third, fourth)} == {
        first: Reason.MEMBER_WROTE,
        second: None,  # somebody had looked and ticked it all the same
        third: Reason.WITH_REGISTRY,
        fourth: None,
    }
    assert ticket(session, second).state is State.RESOLVED
    assert NORTH_TEXT not in [message.text for message in heard(session, first)]


def test_with_an_update_the_unchosen_and_the_unfit_are_told_and_not_resolved(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    busy, other = filed(cast, cast.alice, cast.alder), filed(cast, cast.bob, cast.birch)
    linked(cast, cast.leo, two.number, busy, other)
    two.said(IssueState.FIXED)
    choice = Choice(frozenset({two.here, busy, other}), frozenset({two.here, busy}))
    sent(cast, cast.leo, cast.north, text="Mended.", choice=choice, outcome=Outcome.SOLVED)
    wrote(cast, cast.leo, busy, "Which browser?", ask=True)
    worked_off(cast.now)
    assert [ticket(session, each).state for each in (two.here, busy, other)] == [
        State.RESOLVED,
        State.PENDING_MEMBER,
        State.OPEN,
    ]
    assert [heard(session, each)[-1].text for each in (two.here, busy, other)] == ["Mended."] * 3
    found = rows(session)
    assert (found[busy].task, found[busy].state, found[busy].why) == (Task.ANSWER, Progress.DONE, Reason.ASKED_MEMBER)


def test_the_rest_beyond_the_list_goes_with_them_when_asked(cast: Cast, session: Session) -> None:
    number, numbers = forty(cast)
    left, ticked = numbers[0], numbers[1]
    choice = Choice(frozenset({left, ticked}), frozenset({ticked}), rest=True)
    pressed(cast, cast.leo, number, choice=choice)
    worked_off(cast.now)
    assert [ticket(session, each).state for each in numbers] == [State.NEW] + [State.RESOLVED] * 3


# ------------------------------------------------------------------ the registry, and who comes back


def test_the_registry_reports_the_fix_and_the_lead_verifies_with_the_member(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    escalated(cast, two.here)
    accepted(cast, two.here)
    with transaction() as unit:
        found = issue(unit, cast, cast.rita, two.number)
        desk = Desk(registry_id=cast.orcid.id)
        offer = queries.offer(unit, cast.actor(cast.rita), found, desk)
        assert [each.ticket.id for each in offer.listed] == [two.here]
        choice = Choice(frozenset({two.here}), frozenset({two.here}))
        text = "The export was rebuilt."
        service.start(
            unit, cast.actor(cast.rita), found, kind=BulkKind.FIX, desk=desk, text=text, choice=choice, now=cast.now
        )
    worked_off(cast.now)
    assert ticket(session, two.here).state is State.PENDING_LEAD
    hand_over = escalation_queries.newest(session, two.here)
    assert hand_over is not None and hand_over.state is EscalationState.FIXED
    pressed(cast, cast.leo, two.number, two.here)
    worked_off(cast.now)
    assert ticket(session, two.here).state is State.RESOLVED
    with transaction() as unit:
        escalations.confirm(
            unit, cast.actor(cast.alice), ticket(unit, two.here), solved=True, text="Yes.", now=later(cast, 1)
        )
    hand_over = escalation_queries.newest(session, two.here)
    assert hand_over is not None and hand_over.state is EscalationState.CLOSED


def test_a_ticket_that_comes_back_is_unlinked_counted_and_told(cast: Cast, session: Session) -> None:
    number, numbers = forty(cast)
    bulk = pressed(cast, cast.leo, number, *numbers)
    worked_off(cast.now)
    with transaction() as unit:
        actor, found = cast.actor(cast.alice), ticket(unit, numbers[0])
        escalations.confirm(unit, actor, found, solved=False, text="Still empty.", now=later(cast, 1))
        found = ticket(unit, numbers[1])
        escalations.confirm(unit, cast.actor(cast.bob), found, solved=True, text="", now=later(cast, 1))
    came_back(later(cast, 2))
    found = issue(session, cast, cast.leo, number)
    assert queries.came_back_count(session, number) == 1
    assert [each.id for _, each in queries.came_back(session, cast.actor(cast.leo), found)] == [numbers[0]]
    assert queries.counts(session, [bulk])[bulk].came_back == 1
    link = session.scalars(sa.select(IssueTicket).where(IssueTicket.ticket_id == numbers[0])).one()
    assert (link.unlinked_at, link.unlinked_by) == (later(cast, 2), None)
    event = session.scalars(sa.select(Event).where(Event.kind == "came_back")).one()
    assert (event.ticket_id, event.issue_id) == (numbers[0], number)
    told = session.scalars(sa.select(Event).where(Event.kind == "issue_came_back")).one()
    assert (told.issue_id, told.payload["fresh"], told.payload["count"]) == (number, 1, 1)
    watched = rows(session)
    assert [watched[each].watched for each in numbers] == [False, False, True, True]
    assert came_back(later(cast, 3)) == 0


def test_one_that_was_resolved_again_between_two_looks_came_back_all_the_same(cast: Cast, session: Session) -> None:
    number, numbers = forty(cast, 2)
    pressed(cast, cast.leo, number, *numbers)
    worked_off(cast.now)
    wrote(cast, cast.alice, numbers[0], "Still empty.")
    with transaction() as unit:
        found = ticket(unit, numbers[0])
        progress.resolve(
            unit, cast.actor(cast.leo), found, outcome=Outcome.SOLVED, text="Now.", now=cast.now + timedelta(seconds=1)
        )
    came_back(later(cast, 1))
    assert queries.came_back_count(session, number) == 1


def test_the_registry_counts_what_came_back_and_learns_no_ticket(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    pressed(cast, cast.leo, two.number, two.here)
    worked_off(cast.now)
    wrote(cast, cast.alice, two.here, "Still empty.")
    came_back(later(cast, 1))
    found = issue(session, cast, cast.rita, two.number)
    assert queries.came_back_count(session, two.number) == 1
    assert queries.came_back(session, cast.actor(cast.rita), found) == []
    told = session.scalars(sa.select(Event).where(Event.kind == "issue_came_back")).one()
    assert (told.registry_id, told.ticket_id) == (cast.orcid.id, None)
    assert set(told.payload) == {"number", "title", "fresh", "count"}


def came_back(now: Any) -> int:
    with transaction() as session:
        return service.note_came_back(session, now, 50)


def test_ten_thousand_tickets_are_written_down_in_a_handful_of_statements(cast: Cast, session: Session) -> None:
    number, numbers = forty(cast, 2)
    with transaction() as unit:
        template = ticket(unit, numbers[0])
        values = {
            column.name: getattr(template, column.key)
            for column in Ticket.__table__.columns
            if column.name not in ("id", "fields", "identifiers", "tags")
        } | {"fields": {}, "identifiers": [], "tags": []}
        unit.execute(sa.insert(Ticket), [values] * 2_000)
        new = sa.select(sa.literal(number), Ticket.id, sa.literal(cast.now, IssueTicket.linked_at.type))
        names = ["issue_id", "ticket_id", "linked_at"]
        unit.execute(sa.insert(IssueTicket).from_select(names, new.where(Ticket.id > max(numbers))))
    statements: list[str] = []
    sa.event.listen(db.engine, "before_cursor_execute", lambda *all_: statements.append(all_[2]))
    bulk = pressed(cast, cast.leo, number, choice=Choice(rest=True))
    assert len(statements) < 25
    assert queries.counts(session, [bulk])[bulk].waiting == 2_002
    del statements[:]
    offer = queries.offer(session, cast.actor(cast.leo), issue(session, cast, cast.leo, number), Desk(cast.north.id))
    assert (len(offer.listed), offer.rest) == (200, 1_802)
    assert len(statements) < 12
    assert session.scalar(sa.select(sa.func.count()).select_from(Message)) == 2
