"""Registry actions through their verbs and pages, on both databases."""

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from desk.domain.errors import Conflict, IllegalTransition, NotFound
from desk.domain.escalation import Consent
from desk.domain.registry_action import ActionDraft, ActionState
from desk.registry_actions import queries, service
from desk.registry_actions.models import RegistryAction
from desk.tickets.queries import subject_of
from tests.cast import Cast
from tests.escalations.stage import Stage

TODAY = date(2026, 3, 4)
DRAFT = ActionDraft(
    "ORCID credentials form: new production client",
    TODAY - timedelta(days=9),
    reference="CR-12",
    expected_by=TODAY - timedelta(days=2),
    note="For josiah@brown.example, client_secret=abcdefgh1234.",
)


@pytest.fixture
def stage(cast: Cast, session: Session) -> Stage:
    """A ticket of Alice's whose catalogue entry is for the registry."""
    return Stage.set(cast, session)


def filed(stage: Stage, **more: bool) -> RegistryAction:
    return stage.does(stage.cast.leo, service.file_action, draft=DRAFT, **more)  # type: ignore[no-any-return]


def seen(stage: Stage, name: str) -> list[tuple[str, str]]:
    actor = stage.cast.actor(stage.cast.people()[name])
    panel = queries.panel_for(stage.session, actor, stage.ticket, TODAY, subject_of(stage.session, stage.ticket))
    return [(each.reference, each.note) for each in panel.actions]


def test_filing_moves_neither_the_ticket_nor_a_clock(stage: Stage) -> None:
    before = (stage.ticket.state, stage.ticket.holder_team_id, stage.clocks(), stage.ledger())
    action = filed(stage)
    assert (stage.ticket.state, stage.ticket.holder_team_id, stage.clocks(), stage.ledger()) == before
    assert (action.state, action.registry_id) == (ActionState.FILED, stage.cast.orcid.id)
    assert "abcdefgh1234" not in action.note
    assert stage.kinds() == ["opened", "registry_action_filed"]


def test_it_ends_once_and_the_second_is_told(stage: Stage, cast: Cast) -> None:
    action = filed(stage)
    version = action.version
    what = {"action_id": action.id, "on": TODAY, "version": version}
    stage.does(
        cast.lena, service.end_action, state=ActionState.CONFIRMED, note="Came today.", reference="APP-1", **what
    )
    assert (action.state, action.ended_on, action.reference) == (ActionState.CONFIRMED, TODAY, "APP-1")
    assert action.note.endswith("Came today.")
    with pytest.raises(IllegalTransition, match="Somebody was faster"):
        stage.does(cast.leo, service.end_action, state=ActionState.REFUSED, **what)
    other = filed(stage)
    with pytest.raises(Conflict):
        stage.does(cast.leo, service.end_action, action_id=other.id, on=TODAY, version=99, state=ActionState.REFUSED)


def test_the_registry_reads_what_was_shown_on_a_ticket_it_was_handed_with_people_masked(
    stage: Stage, cast: Cast
) -> None:
    hidden, shown = filed(stage), filed(stage, show=True)
    assert seen(stage, "rita") == []
    with pytest.raises(IllegalTransition, match="was not handed"):
        stage.does(cast.leo, service.show_action, action_id=hidden.id)
    stage.sent(consent=Consent.NOT_GIVEN)
    masked = ("CR-12", "For •••@brown.example, client_secret=[removed: client secret or token]")
    assert seen(stage, "rita") == [masked]
    stage.does(cast.leo, service.show_action, action_id=hidden.id)
    assert seen(stage, "rita") == [masked, masked]
    assert "josiah" in str(seen(stage, "leo"))
    assert shown.shown_at is not None
    for name in ("alice", "olga", "bob", "samir", "dora", "ada"):
        assert seen(stage, name) == [], name


def test_nobody_but_the_tickets_lead_files_ends_or_shows(stage: Stage, cast: Cast, session: Session) -> None:
    stage.sent()
    action = filed(stage, show=True)
    other = Stage.set(cast, session)
    ended = {"state": ActionState.CONFIRMED, "on": TODAY, "version": 1}
    for name, person in cast.people().items():
        if name not in ("leo", "lena"):
            for verb, what in (
                (service.file_action, {"draft": DRAFT}),
                (service.end_action, {"action_id": action.id, **ended}),
                (service.show_action, {"action_id": action.id}),
            ):
                with pytest.raises(NotFound):
                    stage.does(person, verb, **what)
    with pytest.raises(NotFound):
        other.does(cast.leo, service.end_action, action_id=action.id, **ended)


def test_the_list_is_the_leads_own_with_what_is_overdue(stage: Stage, cast: Cast, session: Session, app: Flask) -> None:
    action = filed(stage)
    leo = cast.actor(cast.leo)
    assert [row.overdue for row in queries.listed(session, leo, TODAY, overdue=True)] == [True]
    assert queries.counts(session, leo, TODAY) == {"filed": 1, "overdue": 1}
    assert queries.listed(session, cast.actor(cast.samir), TODAY) == []
    assert queries.counts(session, cast.actor(cast.rita), TODAY) == {"overdue": 0}
    browser = cast.sign_in(app.test_client(), cast.leo)
    assert DRAFT.kind in browser.get("/registry-actions?overdue=1").text
    assert DRAFT.kind in browser.get(f"/tickets/{stage.ticket.number}").text
    stranger = cast.sign_in(app.test_client(), cast.samir)
    assert DRAFT.kind not in stranger.get("/registry-actions").text
    path = f"/tickets/{stage.ticket.number}/registry-actions"
    for method, door in (("get", "new"), ("get", f"end?action={action.id}"), ("post", "show"), ("post", "new")):
        assert getattr(stranger, method)(f"{path}/{door}").status_code == 404
    assert cast.sign_in(app.test_client(), cast.alice).get("/registry-actions").status_code == 404


def test_the_forms_say_what_is_wrong_and_keep_what_is_right(stage: Stage, cast: Cast, app: Flask) -> None:
    leo, path = cast.sign_in(app.test_client(), cast.leo), f"/tickets/{stage.ticket.number}/registry-actions"
    assert "ORCID support ticket" in leo.get(f"{path}/new").text  # what the ticket's own entry names
    good = {"kind": "Credentials form", "filed_on": "2026-03-02", "reference": "CR-77", "note": "", "show": "y"}
    answer = leo.post(f"{path}/new", data=good | {"filed_on": "2099-01-01"})
    assert (answer.status_code, "not in the future" in answer.text) == (422, True)
    assert leo.post(f"{path}/new", data=good).status_code == 303
    (shown,) = queries.panel_for(
        stage.session, cast.actor(cast.leo), stage.ticket, TODAY, subject_of(stage.session, stage.ticket)
    ).actions
    version = {"action": shown.action.id, "version": shown.action.version}
    assert leo.get(f"{path}/end?action={shown.action.id}").status_code == 200
    for wrong in ({"state": "filed"}, {"state": "confirmed", "on": "1999-01-01"}, {"state": "confirmed", "on": ""}):
        assert leo.post(f"{path}/end", data={"on": "2026-03-04"} | version | wrong).status_code == 422
    sent = {"state": "refused", "on": "2026-03-03", "note": "No."} | version
    assert leo.post(f"{path}/end", data=sent).status_code == 303
    stage.session.expire_all()
    assert shown.action.state is ActionState.REFUSED
    assert leo.post(f"{path}/show", data={"action": shown.action.id}).status_code == 303
    assert leo.post(f"{path}/show", data={"action": 999}).status_code == 404
