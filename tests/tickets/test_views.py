"""Filing, the lists and the page of a ticket in the browser: what each role sees, and what strangers do not."""

from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.conversations.models import Message
from desk.conversations.service import File
from desk.db import transaction
from desk.domain.priority import Impact, Urgency
from desk.domain.vocabulary import Audience, Channel
from desk.handover import service as handover
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.clock import MovableClock
from tests.tickets.scenes import browser, counted, filed, stored, with_catalogue, written

MARKER = "<script>alert('xss')</script>"


def form(cast: Cast, **more: Any) -> dict[str, Any]:
    values = {
        "member_org_id": cast.alder.id,
        "kind": "incident",
        "subject": "Works are not shown",
        "text": "The list stays **empty** since Monday.",
        "environment": "production",
        "impact": "medium",
        "urgency": "high",
        "key": "key-of-this-page",
    }
    return values | more


def how_many(session: Session) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(Ticket)) or 0


# ------------------------------------------------------------------ filing


def test_a_member_files_a_ticket_and_sees_by_when_they_hear_of_it(app: Flask, cast: Cast) -> None:
    alice = browser(app, cast, cast.alice)
    assert "Send to your consortium lead" in alice.get("/tickets/new").text
    sent = alice.post("/tickets/new", data=form(cast))
    assert sent.status_code == 303
    page = alice.get(sent.location)
    assert "Works are not shown" in page.text
    assert "Received; your consortium lead will answer first" in page.text
    assert "You get an answer by <time" in page.text
    assert "<strong>empty</strong>" in page.text


def test_the_same_page_sent_twice_is_one_ticket(app: Flask, cast: Cast, session: Session) -> None:
    alice = browser(app, cast, cast.alice)
    first, second = (alice.post("/tickets/new", data=form(cast)) for _ in range(2))
    assert first.location == second.location
    assert how_many(session) == 1


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("subject", "", "Say in one line what it is about."),
        ("text", "", "Describe what happened."),
        ("subject", "x" * 201, "at most 200 characters"),
        ("kind", "no such kind", "Not a valid choice"),
        ("impact", "enormous", "Not a valid choice"),
    ],
)
def test_what_was_typed_is_kept_when_something_is_missing(
    app: Flask, cast: Cast, session: Session, field: str, value: str, sentence: str
) -> None:
    alice = browser(app, cast, cast.alice)
    kept = form(cast, **{field: value})
    page = alice.post("/tickets/new", data=kept)
    assert page.status_code == 422
    assert sentence in page.text and "autofocus" in page.text
    for name in {"subject", "text"} - {field}:
        assert str(kept[name]) in page.text
    assert how_many(session) == 0


def test_nobody_files_for_an_organisation_that_is_not_theirs(app: Flask, cast: Cast, session: Session) -> None:
    alice = browser(app, cast, cast.alice)
    assert alice.post("/tickets/new", data=form(cast, member_org_id=cast.birch.id)).status_code == 422
    assert how_many(session) == 0


def test_a_lead_files_for_a_contact_who_called(app: Flask, cast: Cast, session: Session) -> None:
    leo = browser(app, cast, cast.leo)
    assert "Bob Birch, Birch Library" in leo.get("/tickets/new").text
    values = form(cast, behalf=f"{cast.birch.id}:{cast.bob.id}")
    del values["member_org_id"]
    sent = leo.post("/tickets/new", data=values)
    assert sent.status_code == 303
    assert stored(session, int(sent.location.rsplit("/", 1)[1])).requester_id == cast.bob.id
    for wrong in ("", "1:²", f"{cast.cedar.id}:{cast.carla.id}", "9" * 30 + ":1"):
        assert leo.post("/tickets/new", data=values | {"behalf": wrong, "key": wrong}).status_code == 422


def test_the_form_proposes_what_it_may_be_and_asks_for_what_belongs_to_it(app: Flask, cast: Cast) -> None:
    with_catalogue(cast)
    alice = browser(app, cast, cast.alice)
    words = form(cast, text="redirect uri doesn't match your registered redirect uris")
    fragment = alice.post("/tickets/propose", data=words, headers={"HX-Request": "true"})
    assert "Redirect URI does not match the one registered" in fragment.text and "<html" not in fragment.text
    chosen = words | {"catalogue_key": "orcid-oauth-redirect-mismatch"}
    assert "ORCID client ID" in alice.post("/tickets/propose", data=chosen).text
    page = alice.post("/tickets/new", data=chosen | {"way": "propose"})
    assert page.status_code == 200 and "ORCID client ID" in page.text


def test_answers_to_the_catalogues_questions_are_checked_and_kept(app: Flask, cast: Cast, session: Session) -> None:
    with_catalogue(cast)
    alice = browser(app, cast, cast.alice)
    values = form(cast, catalogue_key="orcid-oauth-redirect-mismatch", **{"a-client_id": "not a client"})
    refused = alice.post("/tickets/new", data=values)
    assert refused.status_code == 422
    assert "does not have the right form" in refused.text and "not a client" in refused.text
    sent = alice.post("/tickets/new", data=values | {"a-client_id": "APP-AAAAAAAAAAAAAAAA"})
    assert sent.status_code == 303
    assert stored(session, 1).fields["client_id"] == "APP-AAAAAAAAAAAAAAAA"


def test_a_preview_is_rendered_as_the_message_will_be_and_runs_nothing(app: Flask, cast: Cast) -> None:
    alice = browser(app, cast, cast.alice)
    fragment = alice.post("/tickets/preview", data={"text": f"**bold** {MARKER}"}, headers={"HX-Request": "true"})
    assert "<strong>bold</strong>" in fragment.text and MARKER not in fragment.text and "<html" not in fragment.text
    assert "<html" in alice.post("/tickets/preview", data={"of": "text", "text": "x"}).text


def test_a_file_goes_with_the_ticket_and_comes_back_only_as_a_download(app: Flask, cast: Cast) -> None:
    alice = browser(app, cast, cast.alice)
    page = b"<script>alert(1)</script>"
    sent = alice.post("/tickets/new", data=form(cast, files=(BytesIO(page), "../evil.html")))
    assert "evil.html" in alice.get(sent.location).text
    got = alice.get("/attachments/1")
    assert got.data == page
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert got.mimetype == "text/plain"
    assert "sandbox" in got.headers["Content-Security-Policy"]
    for stranger in (cast.bob, cast.carla, cast.samir, cast.rita, cast.ada):
        assert browser(app, cast, stranger).get("/attachments/1").status_code == 404


# ------------------------------------------------------------------ lists


def test_a_members_list_shows_their_own_tickets_and_what_waits_for_them_first(app: Flask, cast: Cast) -> None:
    filed(cast, subject="First of Alice")
    filed(cast, cast.bob, subject="One of Bob")
    page = browser(app, cast, cast.alice).get("/tickets").text
    assert "First of Alice" in page and "One of Bob" not in page
    assert "Received; your consortium lead will answer first" in page
    assert "First of Alice" in browser(app, cast, cast.olga).get("/tickets").text


def test_a_ticket_whose_organisation_is_not_known_yet_says_so_in_the_list(
    app: Flask, cast: Cast, session: Session
) -> None:
    number = filed(cast, subject="Sent by mail")
    with transaction() as unit:
        unit.execute(sa.update(Ticket).where(Ticket.number == number).values(member_org_id=None))
    page = browser(app, cast, cast.alice).get("/tickets").text
    assert "Organisation not confirmed yet; last change" in page


def test_an_empty_list_says_what_to_do_next(app: Flask, cast: Cast) -> None:
    assert "File your first ticket" in browser(app, cast, cast.alice).get("/tickets").text
    assert "Every ticket of your consortium is solved" in browser(app, cast, cast.leo).get("/queue").text


def test_the_queue_finds_by_number_word_state_and_member(app: Flask, cast: Cast) -> None:
    number = filed(cast, subject="Needle in the haystack")
    filed(cast, cast.bob, subject="Straw")
    leo = browser(app, cast, cast.leo)
    for query in (f"q=%23{number}", "q=needle", "q=alder", f"org={cast.alder.id}", "state=new", "view=unassigned", ""):
        assert "Needle in the haystack" in leo.get(f"/queue?{query}").text, query
    for query in ("q=straw", f"org={cast.birch.id}", "state=on_hold", "view=mine", "view=done", "q=%25", "q=n_edle"):
        assert "Needle in the haystack" not in leo.get(f"/queue?{query}").text, query


@pytest.mark.parametrize(
    "query", ["page=1000000000000", "page=-4", "page=x", "q=%00", "q=" + "x" * 300, "state=%27", "org=abc", "org=9e9"]
)
def test_an_odd_filter_is_no_fault(app: Flask, cast: Cast, query: str) -> None:
    filed(cast)
    assert browser(app, cast, cast.leo).get(f"/queue?{query}").status_code == 200
    assert browser(app, cast, cast.alice).get(f"/tickets?{query}").status_code == 200


def test_the_queue_marks_what_is_late_and_puts_it_first(app: Flask, cast: Cast, clock: MovableClock) -> None:
    filed(cast, subject="Not pressing", impact=Impact.LOW, urgency=Urgency.LOW)
    filed(cast, subject="Pressing", impact=Impact.HIGH, urgency=Urgency.HIGH)
    clock.move(timedelta(hours=5))
    page = browser(app, cast, cast.leo).get("/queue").text
    assert page.count("Overdue since") == 1 and "is-breached" in page
    assert page.index("Pressing") < page.index("Not pressing")


def test_the_lists_ask_the_database_as_often_for_fifty_tickets_as_for_one(app: Flask, cast: Cast) -> None:
    filed(cast)
    seen: dict[str, list[int]] = {}
    for _ in range(2):
        for person, path in ((cast.leo, "/queue"), (cast.alice, "/tickets")):
            visitor = browser(app, cast, person)
            with counted() as statements:
                assert visitor.get(path).status_code == 200
            seen.setdefault(path, []).append(len(statements))
        for _ in range(5):
            filed(cast)
            filed(cast, cast.bob)
    assert seen["/queue"][0] == seen["/queue"][1] <= 6
    assert seen["/tickets"][0] == seen["/tickets"][1] <= 4


# ------------------------------------------------------------------ the page of a ticket


def test_a_ticket_page_asks_the_database_as_often_for_many_messages_as_for_one(app: Flask, cast: Cast) -> None:
    number = filed(cast)
    leo = browser(app, cast, cast.leo)
    asked = []
    for _ in range(2):
        for turn in range(6):
            written(cast, number, cast.leo, f"Note {turn}", Audience.LEAD)
        with counted() as statements:
            leo.get(f"/tickets/{number}")
        asked.append(len(statements))
    assert asked[0] == asked[1] <= 30


def test_strangers_see_not_found_and_nothing_more(app: Flask, cast: Cast) -> None:
    number = filed(cast)
    missing = browser(app, cast, cast.carla).get("/tickets/4711")
    for stranger in (cast.adam, cast.bob, cast.carla, cast.samir, cast.rita, cast.dora, cast.ada):
        visitor = browser(app, cast, stranger)
        assert visitor.get(f"/tickets/{number}").status_code == 404
        assert visitor.post(f"/tickets/{number}/reply", data={"audience": "member", "text": "x"}).status_code == 404
        assert visitor.post(f"/tickets/{number}/confirm", data={"solved": "yes"}).status_code == 404
        assert visitor.get(f"/tickets/{number}/clocks").status_code == 404
    assert missing.text.count("There is nothing here") == 1


def test_a_member_sees_neither_notes_nor_what_is_written_to_the_registry(app: Flask, cast: Cast) -> None:
    number = filed(cast)
    written(cast, number, cast.leo, "Internal doubt", Audience.LEAD)
    written(cast, number, cast.leo, "Public answer")
    alice = browser(app, cast, cast.alice).get(f"/tickets/{number}").text
    leo = browser(app, cast, cast.leo).get(f"/tickets/{number}").text
    assert "Internal doubt" in leo and "Note: only the lead&#39;s team reads this" in leo.replace("'", "&#39;")
    assert "Internal doubt" not in alice and "Public answer" in alice
    for word in ("P4", "Assign to", "wrote a note", "Why are these the dates"):
        assert word not in alice


def test_a_member_gets_no_tool_of_the_desk(app: Flask, cast: Cast, session: Session) -> None:
    number = filed(cast)
    alice = browser(app, cast, cast.alice)
    for action in ("take", "assign", "triage", "hold", "wake", "resolve", "reopen", "requester", "follow"):
        assert alice.post(f"/tickets/{number}/{action}", data={}).status_code == 404, action
    assert alice.get("/queue").status_code == 404
    assert stored(session, number).state.value == "new"


def test_the_lead_reads_why_the_dates_are_what_they_are(app: Flask, cast: Cast) -> None:
    number = filed(cast)
    page = browser(app, cast, cast.leo).get(f"/tickets/{number}/clocks")
    assert page.status_code == 200 and "Why are these the dates?" in page.text


def test_a_registry_sees_its_own_clocks_and_the_promise_only(app: Flask, cast: Cast) -> None:
    number = filed(cast)
    with transaction() as unit:
        ticket = unit.get_one(Ticket, number)
        team = accounts.team_of_registry(unit, cast.orcid.id)
        actor = cast.actor(cast.leo)
        handover.hand_over(unit, actor, ticket, registry_id=cast.orcid.id, team=team, tier=2, now=cast.now)
    rita = browser(app, cast, cast.rita)
    for path in (f"/tickets/{number}", f"/tickets/{number}/clocks"):
        page = rita.get(path).text
        assert "Acceptance by the registry" in page and "Promise to the member" in page
        assert "First answer" not in page and "Regular update" not in page


def test_a_very_long_conversation_shows_its_first_and_its_latest_messages(app: Flask, cast: Cast) -> None:
    number = filed(cast, text="The very first")
    with transaction() as unit:
        unit.add_all(
            Message(
                ticket_id=number,
                author_id=cast.alice.id,
                audience=Audience.MEMBER,
                channel=Channel.WEB,
                text="",
                html=f"<p>Message number {count}.</p>",
                created_at=cast.now,
            )
            for count in range(250)
        )
    alice = browser(app, cast, cast.alice)
    page = alice.get(f"/tickets/{number}").text
    assert "The very first" in page and "number 249." in page and "number 3." not in page
    assert "50 messages between the first and the latest are left out" in page
    assert "number 3." in alice.get(f"/tickets/{number}?all=1").text


def test_nothing_that_somebody_typed_runs_on_any_page(app: Flask, cast: Cast) -> None:
    number = filed(cast, subject=MARKER, text=MARKER, files=[File(f"{MARKER}.txt", b"x")])
    written(cast, number, cast.leo, MARKER, Audience.LEAD)
    with transaction() as unit:
        ticket = unit.get(Ticket, number)
        assert ticket is not None
        ticket.tags, ticket.unverified_sender = [MARKER], MARKER
    for person, paths in (
        (cast.leo, ("/queue", f"/queue?q={MARKER}", f"/tickets/{number}", f"/tickets/{number}/clocks", "/tickets/new")),
        (cast.alice, ("/tickets", f"/tickets/{number}")),
    ):
        visitor = browser(app, cast, person)
        for path in paths:
            page = visitor.get(path)
            assert page.status_code == 200 and MARKER not in page.text, path


def test_every_page_forbids_foreign_content_and_storing(app: Flask, cast: Cast) -> None:
    page = browser(app, cast, cast.alice).get("/tickets")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "no-store" in page.headers["Cache-Control"]
