"""Two people at once, in threads of their own, on both databases: one wins, the other is told, nothing is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from flask import Flask

from desk.accounts.models import Person
from desk.briefs import service as briefs
from desk.conversations import queries as conversations
from desk.db import db, transaction
from desk.domain.errors import Conflict, DeskError, IllegalTransition
from desk.domain.escalation import EscalationState, ReturnReason
from desk.domain.lifecycle import State
from desk.domain.vocabulary import Audience, Channel
from desk.escalations import queries, service
from desk.progress import service as progress
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.escalations.stage import Stage

Act = tuple[Person, Callable[..., Any], dict[str, Any]]


def at_once(app: Flask, stage: Stage, *acts: Act) -> list[DeskError | None]:
    """Start all acts at the same moment; what each was told, None for success."""
    barrier = Barrier(len(acts))
    stage.session.rollback()

    def act(person_id: int, verb: Callable[..., Any], what: dict[str, Any]) -> DeskError | None:
        with app.app_context():
            try:
                actor = stage.cast.actor(db.session().get_one(Person, person_id))
                db.session().rollback()
                barrier.wait(10)
                with transaction() as unit:
                    verb(unit, actor, unit.get_one(Ticket, number), now=stage.cast.now, **what)
                return None
            except DeskError as error:
                return error
            finally:
                db.session.remove()

    number, people = stage.ticket.id, [(person.id, verb, what) for person, verb, what in acts]
    stage.session.rollback()
    with ThreadPoolExecutor(len(acts)) as pool:
        return [each.result(60) for each in [pool.submit(act, *one) for one in people]]


def test_of_two_who_accept_at_once_one_is_problem_manager(app: Flask, stage: Stage, cast: Cast) -> None:
    version = stage.sent().version
    told = at_once(
        app,
        stage,
        (cast.rita, service.accept, {"version": version}),
        (cast.ruth, service.accept, {"version": version}),
    )
    assert sorted(error is None for error in told) == [False, True]
    assert isinstance(next(error for error in told if error), (Conflict, IllegalTransition))
    found = queries.newest(stage.session, stage.ticket.id)
    assert found is not None
    assert found.state is EscalationState.ACCEPTED
    assert found.assignee_id == (cast.rita.id if told[0] is None else cast.ruth.id)
    assert stage.kinds().count("accepted") == 1


def test_taking_back_and_returning_at_once_leave_one_holder(app: Flask, stage: Stage, cast: Cast) -> None:
    version = stage.sent().version
    told = at_once(
        app,
        stage,
        (cast.leo, service.withdraw, {"version": version, "text": "Found it."}),
        (cast.rita, service.return_, {"version": version, "reason": ReturnReason.DUPLICATE, "text": "Known."}),
    )
    assert sorted(error is None for error in told) == [False, True]
    found = queries.newest(stage.session, stage.ticket.id)
    assert found is not None
    assert found.state is (EscalationState.WITHDRAWN if told[0] is None else EscalationState.RETURNED)
    assert [party for party, _, seconds in stage.ledger() if seconds is None] == ["lead"]


def test_accepting_and_taking_back_at_once_leave_one_holder_and_both_words(
    app: Flask, stage: Stage, cast: Cast
) -> None:
    version = stage.sent().version
    told = at_once(
        app,
        stage,
        (cast.leo, service.withdraw, {"version": version, "text": "Found it."}),
        (cast.rita, service.accept, {"version": version, "reference": "REQ-1"}),
    )
    assert sorted(error is None for error in told) == [False, True]
    refused = next(error for error in told if error)
    assert isinstance(refused, (Conflict, IllegalTransition))
    assert "the escalation is" in refused.sentence.lower()
    found = queries.newest(stage.session, stage.ticket.id)
    assert found is not None
    withdrawn = told[0] is None
    assert found.state is (EscalationState.WITHDRAWN if withdrawn else EscalationState.ACCEPTED)
    assert [party for party, _, seconds in stage.ledger() if seconds is None] == ["lead" if withdrawn else "registry"]


def test_an_answer_to_the_lead_while_it_is_returned_is_not_lost(app: Flask, stage: Stage, cast: Cast) -> None:
    version = stage.sent().version
    answer = {"audience": Audience.MEMBER, "text": "It works again.", "channel": Channel.WEB}
    told = at_once(
        app,
        stage,
        (cast.rita, service.return_, {"version": version, "reason": ReturnReason.REPRODUCTION, "text": "How?"}),
        (cast.alice, progress.add_message, answer),
        (cast.leo, progress.add_message, answer | {"audience": Audience.HANDOVER, "text": "The log."}),
    )
    assert told == [None, None, None]
    shown = conversations.shown_to(
        stage.session, cast.actor(cast.leo), stage.ticket.id, tickets.subject_of(stage.session, stage.ticket)
    )
    assert {"How?", "It works again.", "The log."} <= {each.text for each in shown}
    found = queries.newest(stage.session, stage.ticket.id)
    assert found is not None
    assert (found.state, stage.ticket.state) == (EscalationState.RETURNED, State.PENDING_LEAD)


def test_of_two_leads_who_save_a_first_brief_at_once_one_is_kept(app: Flask, stage: Stage, cast: Cast) -> None:
    told = at_once(
        app,
        stage,
        (cast.leo, briefs.save_brief, {"brief": stage.brief(asked="Leo's.")}),
        (cast.lena, briefs.save_brief, {"brief": stage.brief(asked="Lena's.")}),
    )
    assert sorted(isinstance(error, Conflict) for error in told) == [False, True]
    found = queries.newest(stage.session, stage.ticket.id)
    assert found is not None
    assert (found.ordinal, found.brief["asked"]) == (1, "Leo's." if told[0] is None else "Lena's.")
