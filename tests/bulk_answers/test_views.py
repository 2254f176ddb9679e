"""The page that resolves an issue's tickets, the one that reports a fix, and the registry's page of an update."""

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.domain.lifecycle import State
from desk.domain.register import IssueState
from tests.bulk_answers.test_service import accepted, escalated, forty, wrote
from tests.cast import Cast
from tests.delegation.scenes import Two, ticket, worked_off


def test_a_lead_resolves_what_it_ticked_and_reads_why_not_the_others(
    client: FlaskClient, cast: Cast, session: Session
) -> None:
    number, (first, second, third, fourth) = forty(cast)
    wrote(cast, cast.leo, second, "Which browser?", ask=True)
    escalated(cast, third)
    cast.sign_in(client, cast.leo)
    path = f"/issues/{number}/resolve/{cast.north.id}"
    page = client.get(path).text
    assert f'value="{first}" id="ticket-{first}" checked' in page
    assert f'value="{second}:asked_member" id="ticket-{second}" aria' in page
    assert f'id="ticket-{third}"' not in page and "The registry has it" in page
    listed = {"listed": [first, second, third, fourth]}
    assert client.post(path, data={"text": "", "outcome": "solved", **listed}).status_code == 422
    assert client.post(path, data={"text": "Done.", "outcome": "merged", **listed}).status_code == 422
    answer = client.post(path, data={"text": "Done.", "outcome": "solved", "ticket": "2000000000", **listed})
    assert answer.status_code == 422 and "not one of yours" in answer.text
    ticked = {"ticket": [str(first), f"{second}:asked_member", f"{third}:with_registry"], **listed}
    shown = client.post(path, data={"text": "Done **now**.", "outcome": "solved", "preview": "1", **ticked}).text
    assert "<strong>now</strong>" in shown
    answer = client.post(path, data={"text": "Done.", "outcome": "solved", **ticked})
    assert answer.status_code == 303
    assert "3 waiting" in client.get(answer.location).text
    worked_off(cast.now)
    page = client.get(answer.location).text
    assert "2 resolved, 1 left out" in page and "The registry has it" in page
    states = [ticket(session, each).state for each in (first, second, third, fourth)]
    assert states == [State.RESOLVED, State.RESOLVED, State.ESCALATED, State.NEW]


def test_a_registry_reports_a_fix_from_its_issue(client: FlaskClient, cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    escalated(cast, two.here)
    cast.sign_in(client, cast.rita)
    path = f"/issues/{two.number}/report-fix"
    assert "has not accepted it yet" in client.get(path).text
    accepted(cast, two.here)
    assert "1 ticket of it is with you" in client.get(path).text
    sent = {"text": "Built anew.", "listed": two.here, "ticket": two.here}
    assert client.post(path, data=sent).status_code == 303
    worked_off(cast.now)
    assert ticket(session, two.here).state is State.PENDING_LEAD
    assert "Nothing is with you" in client.get(path).text


def test_the_registry_writes_corrects_and_follows_its_update(client: FlaskClient, cast: Cast) -> None:
    two = Two.set(cast)
    cast.sign_in(client, cast.rita)
    path = f"/issues/{two.number}/delegate"
    page = client.get(path).text
    assert "Northern Consortium" in page and "Eastern Consortium" in page
    text = {"text": "To desks.", "member_text": "To members.", "to": "investigating", "version": "1"}
    assert client.post(path, data=text | {"member_text": ""}).status_code == 422
    assert client.post(path, data=text | {"version": "9"}).status_code == 409
    answer = client.post(path, data=text)
    assert answer.status_code == 303
    assert "2 waiting" in client.get(answer.location).text
    edit = f"{answer.location}/edit"
    assert client.post(edit, data=text | {"member_text": "Better."}).status_code == 303
    assert (two.draft().text, two.draft().update.state) == ("Better.", IssueState.INVESTIGATING)
