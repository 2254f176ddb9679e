"""Pages of drafts: what is typed is never lost, refusals are sentences at their field, numbers are bounded."""

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.db import db
from desk.domain.delegation import DraftState
from desk.domain.register import IssueState
from desk.drafts import queries
from tests.cast import Cast
from tests.delegation.scenes import Two, allowed, heard, sent, worked_off
from tests.issues.scenes import filed, linked


def form(two: Two, **more: object) -> dict[str, object]:
    """What the page of the north's draft sends."""
    draft = two.draft()
    return {"title": draft.title, "text": draft.text, "workaround": "", "version": draft.version, "send": "1"} | more


def test_a_lead_sends_from_the_page_and_reads_how_far_it_is(
    app: Flask, client: FlaskClient, cast: Cast, session: Session
) -> None:
    two = Two.set(cast)
    two.said(IssueState.FIXED)
    cast.sign_in(client, cast.leo)
    path = f"/drafts/{two.draft().id}"
    assert "Alder University" in client.get(path).text
    preview = client.post(path, data=form(two, text="Ours **now**.", preview="1", send="")).text
    assert "What members in Europe/Berlin read" in preview and "<strong>now</strong>" in preview
    ticked = {"listed": two.here, "ticket": two.here, "outcome": "solved"}
    assert client.post(path, data=form(two, text="Ours.", **ticked)).status_code == 303
    worked_off(cast.now)
    draft = two.draft()
    assert "1 resolved" in client.get(path).text
    answer = client.get(f"/answers/{draft.bulk_answer_id}").text
    assert "Works are not shown" not in answer and "Empty list of works" in answer
    assert heard(session, two.here)[0].text == "Ours."


def test_what_was_sent_is_shown_as_members_read_it_to_the_lead_and_to_the_registry(
    app: Flask, client: FlaskClient, cast: Cast
) -> None:
    two = Two.set(cast)
    update = two.said(text="Seen in **the log**.", workaround="1. Wait\n2. Reload `<script>alert(1)</script>`")
    sent(cast, cast.leo, cast.north, text="It is `late` in **Berlin**.")
    lead = cast.sign_in(client, cast.leo).get(f"/drafts/{two.draft().id}").text
    assert "<code>late</code> in <strong>Berlin</strong>" in lead and "<strong>the log</strong>" in lead
    registry = cast.sign_in(app.test_client(), cast.rita).get(f"/updates/{update}").text
    for page in (lead, registry):
        assert "<li>Wait</li>" in page and "**" not in page and "<script>alert" not in page


def test_an_older_draft_leads_to_the_newest_of_the_same_issue(client: FlaskClient, cast: Cast) -> None:
    two = Two.set(cast)
    two.said()
    older = two.draft().id
    cast.sign_in(client, cast.leo)
    assert "The registry wrote again" not in client.get(f"/drafts/{older}").text
    two.said(IssueState.FIXED)
    newest = two.draft().id
    page = client.get(f"/drafts/{older}").text
    assert "The registry wrote again" in page and f'href="/drafts/{newest}"' in page
    assert "The registry wrote again" not in client.get(f"/drafts/{newest}").text


def test_what_was_typed_stays_when_somebody_was_faster(client: FlaskClient, cast: Cast) -> None:
    two = Two.set(cast)
    two.said()
    cast.sign_in(client, cast.leo)
    path, stale = f"/drafts/{two.draft().id}", form(two, text="Half an hour of work.")
    sent(cast, cast.lena, cast.north, text="Lena's.")
    answer = client.post(path, data=stale)
    assert answer.status_code == 409
    assert "Half an hour of work." in answer.text and "was sent meanwhile" in answer.text


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"text": ""}, "Write what your members shall read."),
        ({"title": ""}, "Give it a title."),
        ({"next_update_at": "2020-01-01T10:00"}, "The next update has to be in the future."),
        ({"version": "99"}, "This draft was changed while you were looking at it."),
        ({"listed": "x"}, "That is not a list of tickets."),
        ({"listed": "2000000000", "ticket": "2000000000", "outcome": "solved"}, "not one of yours"),
    ],
)
def test_what_is_refused_is_said_and_nothing_is_sent(
    client: FlaskClient, cast: Cast, more: dict[str, object], says: str
) -> None:
    two = Two.set(cast)
    two.said()
    cast.sign_in(client, cast.leo)
    answer = client.post(f"/drafts/{two.draft().id}", data=form(two, **more))
    assert answer.status_code in (409, 422)
    assert says in answer.text
    assert two.draft().state is DraftState.WAITING


def test_the_buttons_of_a_draft_do_what_they_say(client: FlaskClient, cast: Cast) -> None:
    two = Two.set(cast)
    allowed(cast, 4)
    two.said()
    cast.sign_in(client, cast.leo)
    path = f"/drafts/{two.draft().id}"
    client.post(f"{path}/timer")
    assert two.draft().send_at is None
    client.post(f"{path}/timer", data={"on": "1"})
    assert two.draft().send_at is not None
    assert client.post(f"{path}/dismiss", data={"reason": ""}).status_code == 422
    client.post(f"{path}/dismiss", data={"reason": "Not ours."})
    assert two.draft().state is DraftState.DISMISSED
    assert client.post(f"{path}/timer").status_code == 409


def test_the_leads_manager_says_when_drafts_go(client: FlaskClient, cast: Cast, session: Session) -> None:
    cast.sign_in(client, cast.lena)
    path = f"/drafts/policy/{cast.north.slug}"
    for wrong in ({"mode": "go"}, {"mode": "go", "hours": "0"}, {"mode": "go", "hours": "81"}, {"mode": "x"}):
        assert client.post(path, data=wrong).status_code == 422
    assert client.post(path, data={"mode": "go", "hours": "4"}).status_code == 303
    kept = queries.policy(session, cast.north.id)
    assert kept is not None and kept.hours == 4
    assert "after 4 working hours" in client.get("/drafts").text
    client.post(path, data={"mode": "wait"})
    session.rollback()
    assert "drafts wait for one of you" in client.get("/drafts").text


def test_the_page_of_a_draft_asks_no_more_for_more_tickets(client: FlaskClient, cast: Cast) -> None:
    two = Two.set(cast)
    two.said(IssueState.FIXED)
    cast.sign_in(client, cast.leo)
    linked(cast, cast.leo, two.number, filed(cast, cast.bob, cast.birch))
    statements: list[str] = []
    sa.event.listen(db.engine, "before_cursor_execute", lambda *all_: statements.append(all_[2]))
    path = f"/drafts/{two.draft().id}"

    def asked() -> int:
        db.session().expire_all()
        del statements[:]
        client.get(path)
        return sum(each.startswith("SELECT") for each in statements)

    few = asked()
    linked(cast, cast.leo, two.number, *(filed(cast, cast.bob, cast.birch) for _ in range(8)))
    assert asked() <= few
