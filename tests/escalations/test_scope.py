"""Who sees a hand-over and who may act on it: lists, counts, the panel of the ticket page, and the verbs."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.db import db
from desk.domain.errors import NotFound
from desk.domain.escalation import EscalationState, ReturnReason
from desk.domain.vocabulary import Outcome
from desk.escalations import queries, service
from desk.progress import service as progress
from tests.cast import Cast
from tests.escalations.stage import Stage

LEADS: tuple[tuple[Any, dict[str, Any]], ...] = (
    (service.send, {}),
    (service.withdraw, {}),
    (service.verify, {}),
    (service.close, {}),
)
REGISTRIES: tuple[tuple[Any, dict[str, Any]], ...] = (
    (service.accept, {}),
    (service.decline, {"entry_key": "orcid-oauth-invalid-scope"}),
    (service.return_, {"reason": ReturnReason.CONSENT, "text": "Please."}),
    (service.report_fix, {"text": "Mended."}),
    (service.move_tier, {"tier": 3}),
)


def test_only_the_tickets_own_lead_makes_the_leads_moves(stage: Stage, cast: Cast) -> None:
    stage.sent()
    for person in (each for name, each in cast.people().items() if name not in ("leo", "lena")):
        for verb, what in LEADS:
            with pytest.raises(NotFound):
                stage.does(person, verb, **what)


def test_only_the_registry_it_was_sent_to_makes_the_registrys_moves(stage: Stage, cast: Cast) -> None:
    stage.sent()
    for person in (each for name, each in cast.people().items() if name not in ("rita", "ruth")):
        for verb, what in REGISTRIES:
            with pytest.raises(NotFound):
                stage.does(person, verb, **what)


def test_a_registry_does_nothing_with_a_draft(stage: Stage, cast: Cast) -> None:
    stage.saved()
    for verb, what in REGISTRIES:
        with pytest.raises(NotFound):
            stage.does(cast.rita, verb, **what)


def test_the_queue_shows_each_party_what_is_its_own(stage: Stage, cast: Cast, session: Session) -> None:
    draft = Stage.set(cast, session, subject="A second one")
    draft.saved()
    stage.wait(2)
    stage.sent()
    subjects = {
        name: [row.ticket.subject for row in queries.queue(session, cast.actor(cast.people()[name]))]
        for name in ("leo", "rita", "dora", "samir", "alice")
    }
    assert subjects["rita"] == ["Institutional sign-in fails"]
    assert sorted(subjects["leo"]) == ["A second one", "Institutional sign-in fails"]
    assert subjects["dora"] == subjects["samir"] == subjects["alice"] == []
    (row,) = queries.queue(session, cast.actor(cast.rita))
    assert row.clock is not None
    assert row.clock.due_at is not None
    assert queries.counts(session, cast.actor(cast.leo)) == {"prepared": 1, "sent": 1, "open": 2}


def test_what_is_due_first_stands_first_in_the_queue(stage: Stage, cast: Cast, session: Session) -> None:
    later = Stage.set(cast, session, subject="Later")
    stage.sent()
    later.wait(3)
    later.sent()
    rows = queries.queue(session, cast.actor(cast.rita))
    assert [row.ticket.id for row in rows] == [stage.ticket.id, later.ticket.id]
    stage.does(cast.rita, service.accept)
    assert [row.ticket.id for row in queries.queue(session, cast.actor(cast.rita), mine=True)] == [stage.ticket.id]
    sent = queries.queue(session, cast.actor(cast.rita), state=EscalationState.SENT)
    assert [row.ticket.id for row in sent] == [later.ticket.id]


def test_a_longer_queue_asks_the_database_no_more_often(stage: Stage, cast: Cast, session: Session, app: Flask) -> None:
    for number in range(3):
        Stage.set(cast, session, subject=f"Another one, {number}").sent()
    browser = cast.sign_in(app.test_client(), cast.rita)
    asked: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        asked.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", listen)
    page = browser.get("/escalations").text
    sa.event.remove(db.engine, "before_cursor_execute", listen)
    assert page.count("Another one") == 3
    # The list and the counts; beside them only who is reading.
    assert len([statement for statement in asked if "escalation" in statement]) == 2
    assert len(asked) <= 6


def test_members_see_no_panel_and_each_desk_its_own_moves(stage: Stage, cast: Cast) -> None:
    stage.sent()
    assert queries.panel_for(stage.session, stage.ticket, cast.actor(cast.alice)) is None
    assert queries.panel_for(stage.session, stage.ticket, cast.actor(cast.dora)) is None
    lead = queries.panel_for(stage.session, stage.ticket, cast.actor(cast.leo))
    registry = queries.panel_for(stage.session, stage.ticket, cast.actor(cast.rita))
    assert lead is not None
    assert registry is not None
    assert [move.value for move in lead.moves] == ["withdraw"]
    assert [move.value for move in registry.moves] == ["accept", "decline", "return"]


def test_a_hand_over_of_a_ticket_that_is_over_asks_nobody_for_anything(stage: Stage, cast: Cast) -> None:
    stage.sent()
    stage.does(cast.rita, service.return_, reason=ReturnReason.DUPLICATE, text="Known.")
    stage.does(cast.leo, progress.resolve, outcome=Outcome.DUPLICATE, text="It is a duplicate.")
    leo = cast.actor(cast.leo)
    assert queries.queue(stage.session, leo) == []
    assert queries.counts(stage.session, leo) == {"returned": 1, "open": 0}
    panel = queries.panel_for(stage.session, stage.ticket, leo)
    assert panel is not None
    assert (panel.state, panel.may_edit, panel.missing) == ("Returned", False, ())
