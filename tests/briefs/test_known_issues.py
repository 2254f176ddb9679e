"""Is it one of these? What was looked at stays on the brief, and a known issue takes the place of an escalation."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.briefs import service
from desk.domain.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from desk.domain.escalation import Brief, EscalationState, Side
from desk.domain.lifecycle import State
from desk.domain.vocabulary import Outcome
from desk.escalations import queries as escalations
from desk.escalations import service as handovers
from desk.issues.models import IssueTicket
from tests.cast import Cast
from tests.escalations.stage import ENTRY, Stage
from tests.issues.scenes import draft, opened


@pytest.fixture
def stage(cast: Cast, session: Session) -> Stage:
    """A ticket of Alice's whose catalogue entry is for the registry."""
    return Stage.set(cast, session)


@pytest.fixture
def issue(cast: Cast, stage: Stage) -> int:
    """The number of an issue of Leo's own register that the ticket may be about."""
    known = draft(title="Sign-in fails", catalogue_key=ENTRY, workaround="Sign in with a password.")
    return opened(cast, text=known)


def test_it_is_none_of_them_only_once_each_was_looked_at(stage: Stage, cast: Cast, issue: int) -> None:
    stage.saved()
    with pytest.raises(InvalidInput, match="Known issues were checked"):
        stage.does(cast.leo, handovers.send)
    escalation = stage.saved(looked_at=[issue])
    stage.wait(1)
    escalation = stage.saved()  # said again: the first look counts
    brief = Brief.from_dict(escalation.brief)
    assert [(each.number, each.at) for each in brief.issues_checked] == [(issue, "2026-03-04T10:00:00+00:00")]
    stage.does(cast.leo, handovers.send)
    shown = escalations.shown_brief(stage.session, escalation, Side.REGISTRY)
    (line,) = [each for each in escalations.lines_of(shown, None) if each.label == "Known issues were checked"]
    at = "Wed 4 Mar 2026, 10:00 UTC"
    assert line.value == f"Yes, {at}: it is another than issue {issue} ({at})"
    assert "Sign-in fails" not in str(shown.to_dict())


def test_an_issue_that_the_lead_does_not_read_was_not_looked_at(stage: Stage, cast: Cast) -> None:
    foreign = opened(cast, cast.samir, text=draft(service="DataCite"), consortium_id=cast.south.id)
    for number in (foreign, 999_999):
        with pytest.raises(InvalidInput) as caught:
            stage.saved(looked_at=[number])
        assert caught.value.field == "known_issues_checked"


def linked(session: Session, stage: Stage) -> list[int]:
    rows = sa.select(IssueTicket.issue_id).where(IssueTicket.ticket_id == stage.ticket.id)
    return list(session.scalars(rows.where(IssueTicket.unlinked_at.is_(None))))


def test_a_link_instead_answers_with_the_workaround(stage: Stage, cast: Cast, issue: int, session: Session) -> None:
    version = stage.saved().version
    what = {"issue_number": issue, "workaround": "Use a password meanwhile.", "version": version}
    stage.does(cast.leo, service.link_instead, **what)
    assert linked(session, stage) == [issue]
    assert (stage.ticket.state, stage.ticket.outcome) == (State.RESOLVED, Outcome.WORKAROUND)
    assert stage.messages()[-1].text == "Use a password meanwhile."
    found = escalations.newest(session, stage.ticket.id)
    assert found is not None
    assert found.state is EscalationState.WITHDRAWN
    assert [kind for kind in stage.kinds() if kind in ("linked_instead", "escalated")] == ["linked_instead"]
    with pytest.raises(NotFound):
        handovers.accept(session, cast.actor(cast.rita), stage.ticket, now=cast.now)


def test_a_link_instead_waits_for_the_fix(stage: Stage, cast: Cast, issue: int, session: Session) -> None:
    until = cast.now + timedelta(days=14)
    stage.does(cast.leo, service.link_instead, issue_number=issue, wait=("It waits for the fix.", until))
    assert (stage.ticket.state, stage.ticket.next_act_at) == (State.ON_HOLD, until)
    assert linked(session, stage) == [issue]


def test_nothing_is_linked_when_the_rest_is_refused(stage: Stage, cast: Cast, issue: int, session: Session) -> None:
    version = stage.saved().version
    stage.saved(asked="Written by Lena meanwhile.")
    refusals = (
        ({"version": version}, Conflict),
        ({"workaround": "  "}, InvalidInput),
        ({"wait": ("It waits.", cast.now)}, InvalidInput),
    )
    for what, error in refusals:
        with pytest.raises(error):
            stage.does(cast.leo, service.link_instead, issue_number=issue, **what)
    foreign = opened(cast, cast.samir, text=draft(service="DataCite"), consortium_id=cast.south.id)
    for person, number in ((cast.leo, foreign), (cast.samir, issue), (cast.rita, issue)):
        with pytest.raises(NotFound):
            stage.does(person, service.link_instead, issue_number=number)
    assert linked(session, stage) == []
    found = escalations.newest(session, stage.ticket.id)
    assert found is not None
    assert found.state is EscalationState.PREPARED


def test_what_the_registry_has_is_taken_back_first(stage: Stage, cast: Cast, issue: int) -> None:
    stage.sent(looked_at=[issue])
    with pytest.raises(IllegalTransition, match="Take it back first"):
        stage.does(cast.leo, service.link_instead, issue_number=issue)


def test_the_page_asks_is_it_one_of_these(stage: Stage, cast: Cast, issue: int, app: Flask) -> None:
    leo = cast.sign_in(app.test_client(), cast.leo)
    path = f"/tickets/{stage.ticket.number}/escalate"
    page = leo.get(path).text
    assert f"I have looked at issue {issue}; this is another" in page
    assert "Workaround: Sign in with a password." in page
    page = leo.get(f"{path}/known?issue={issue}").text
    assert "Sign in with a password." in page
    sent = {"issue": issue, "way": "hold", "until": "2099-01-05", "reason": "It waits for the fix."}
    answer = leo.post(f"{path}/known", data=sent)
    assert answer.status_code == 303
    assert leo.get(f"{path}/known?issue=999999").status_code == 404
    rita = cast.sign_in(app.test_client(), cast.rita)
    assert rita.get(f"{path}/known?issue={issue}").status_code == 404
