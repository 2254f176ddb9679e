"""The pages of known issues, for those who publish and those who read, on both databases."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from desk.db import transaction
from desk.domain.register import EntryAudience
from desk.known_issues import queries, service
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.issues.scenes import issue, opened, published
from tests.issues.test_views import MARKER, SECRET, browser, secret_issue

# ------------------------------------------------------------------ publishing


def test_the_preview_shows_what_members_will_read_and_publishes_nothing(app: Flask, cast: Cast) -> None:
    number = secret_issue(cast)
    leo = browser(app, cast, cast.leo)
    path = f"/issues/{number}/publish/{cast.north.id}"
    data = {"title": "Lists look empty", "text": f"Some **lists** look empty. `{MARKER}`", "workaround": "Reload."}
    page = leo.post(path, data={**data, "preview": "1"})
    assert page.status_code == 200
    assert "<strong>lists</strong>" in page.text and "<script>alert" not in page.text
    assert "Lists look empty" not in browser(app, cast, cast.alice).get("/known-issues").text
    assert leo.post(path, data={**data, "next_update_at": "2020-01-01T10:00"}).status_code == 422
    assert leo.post(path, data={**data, "next_update_at": "0001-01-01T10:00"}).status_code == 422
    assert leo.post(path, data={**data, "next_update_at": "2099-12-24T16:30"}).status_code == 303
    shown = browser(app, cast, cast.alice).get(f"/known-issues/{number}").text
    for words in (
        "Lists look empty",
        "<strong>lists</strong>",
        "Reload.",
        "We know about it",
        "24 Dec 2099, 16:30 CET",
    ):
        assert words in shown
    assert "16:30" in leo.get(path).text
    late = leo.post(path, data={**data, "text": "Alder University says later words.", "version": 7})
    assert late.status_code == 409
    assert "published meanwhile" in late.text and "Some **lists** look empty." in late.text
    assert "“Alder University” is named below" in late.text
    assert leo.post(path, data={**data, "text": "Later words.", "version": 1}).status_code == 303


@pytest.mark.parametrize("name", ["alice", "olga", "bob"])
def test_members_read_the_published_text_only(app: Flask, cast: Cast, name: str) -> None:
    number, unpublished = secret_issue(cast), secret_issue(cast)
    published(cast, cast.leo, number, cast.north, workaround="Reload the page.")
    with transaction() as unit:
        found = issue(unit, cast, cast.leo, number)
        for audience, place in ((EntryAudience.OWNER, None), (EntryAudience.MEMBERS, cast.north.id)):
            service.add_update(
                unit,
                cast.actor(cast.leo),
                found,
                audience=audience,
                text=f"For {audience}.",
                consortium_id=place,
                now=cast.now,
            )
    client = browser(app, cast, cast.people()[name])
    pages = [client.get("/known-issues"), client.get(f"/known-issues/{number}")]
    assert [page.status_code for page in pages] == [200, 200]
    assert "Reload the page." in pages[1].text and "For members." in pages[1].text
    for page in pages:
        assert "Lists may look empty" in page.text
        for words in (SECRET, "Internal title", "For owner.", "Leo Larch"):
            assert words not in page.text
    assert client.get(f"/known-issues/{unpublished}").status_code == 404


@pytest.mark.parametrize("name", ["carla", "samir", "rita", "dora", "ada"])
def test_others_do_not_find_what_is_published_to_members_elsewhere(app: Flask, cast: Cast, name: str) -> None:
    number = opened(cast)
    published(cast, cast.leo, number, cast.north)
    client = browser(app, cast, cast.people()[name])
    assert client.get(f"/known-issues/{number}").status_code == 404
    assert "Lists may look empty" not in client.get("/known-issues").text
    for action in ("affects", "follow"):
        sent = client.post(f"/known-issues/{number}/{action}", data={"member_org_id": cast.alder.id})
        assert sent.status_code == 404


def test_a_member_says_that_it_affects_them_and_follows_and_stops(app: Flask, cast: Cast, session: Session) -> None:
    number = opened(cast)
    published(cast, cast.leo, number, cast.north)
    alice = browser(app, cast, cast.alice)
    page = f"/known-issues/{number}"
    assert "It affects us too" in alice.get(page).text
    assert alice.post(f"{page}/affects", data={"member_org_id": cast.alder.id}).status_code == 303
    assert "It no longer affects us" in alice.get(page).text and "Stop telling me" in alice.get(page).text
    assert "Affects you" in alice.get("/known-issues").text
    assert "Affects you" not in browser(app, cast, cast.bob).get("/known-issues").text
    assert "Alder University" in browser(app, cast, cast.leo).get(f"/issues/{number}").text
    assert alice.post(f"{page}/follow", data={"member_org_id": cast.alder.id, "yes": 0}).status_code == 303
    assert queries.followers(session, number, cast.north.id, cast.now) == []
    assert alice.post(f"{page}/affects", data={"member_org_id": cast.birch.id}).status_code == 404
    assert alice.post(f"{page}/affects", data={"member_org_id": "x"}).status_code == 422


def test_a_member_is_asked_once_before_a_known_issue_is_filed_and_may_say_so_instead(
    app: Flask, cast: Cast, session: Session
) -> None:
    number = opened(cast)
    published(cast, cast.leo, number, cast.north, text="Uploads of works end with API error 9016.")
    alice = browser(app, cast, cast.alice)
    data = {
        "member_org_id": cast.alder.id,
        "kind": "incident",
        "subject": "Upload",
        "text": "We get API error 9016.",
        "environment": "",
        "impact": "low",
        "urgency": "low",
        "key": "one-form",
    }
    asked = alice.post("/tickets/new", data=data)
    assert asked.status_code == 200 and "it may be known already" in asked.text
    assert f'formaction="/known-issues/{number}/affects"' in asked.text
    assert f'name="seen" value="{number}"' in asked.text
    assert session.query(Ticket).count() == 0
    # The same form, sent by the button of the known issue: it counts, and no ticket is made.
    said = alice.post(f"/known-issues/{number}/affects", data={**data, "seen": number})
    assert said.status_code == 303
    assert queries.followers(session, number, cast.north.id, cast.now) == [cast.alice.id]
    filed_anyway = alice.post("/tickets/new", data={**data, "seen": number})
    assert filed_anyway.status_code == 303
    assert session.query(Ticket).count() == 1
