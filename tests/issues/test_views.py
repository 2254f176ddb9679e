"""The pages of the register and of known issues, for each role, on both databases."""

import csv
import io
import re
from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.domain.register import IssueState
from desk.issues.models import Issue
from tests.cast import Cast
from tests.issues.scenes import at_registry, catalogued, draft, east, filed, issue, linked, opened, published

MARKER = "<script>alert('xss')</script>"
SECRET = "Only the desk reads this."


def browser(app: Flask, cast: Cast, person: Person) -> FlaskClient:
    return cast.sign_in(app.test_client(), person)


def fields(**more: Any) -> dict[str, Any]:
    values = {
        "title": "Works are not shown",
        "symptom": "The list stays empty.",
        "service": "ORCID",
        "environment": "production",
        "catalogue_key": "",
        "owner_id": "",
        "problem_manager_id": "",
        "first_seen": "2026-03-02",
        "next_review_on": "2026-03-09",
    }
    return values | more


def secret_issue(cast: Cast) -> int:
    return opened(cast, text=draft(title=f"Internal title {MARKER}", symptom=SECRET, cause=SECRET, impact=MARKER))


# ------------------------------------------------------------------ the register


def test_a_lead_enters_an_issue_from_a_ticket(app: Flask, cast: Cast, session: Session) -> None:
    ticket = filed(cast, cast.alice, cast.alder)
    leo = browser(app, cast, cast.leo)
    page = leo.get(f"/issues/new?ticket={ticket}")
    assert page.status_code == 200
    assert "Empty list of works" in page.text
    assert "Since Monday the list of works stays empty." in page.text
    place = f"consortium:{cast.north.id}"
    sent = leo.post("/issues/new", data=fields(owned_by=place, ticket=ticket, owner_id=cast.lena.id))
    assert sent.status_code == 303
    shown = leo.get(sent.location)
    assert "Works are not shown" in shown.text and "Alder University" in shown.text and "Lena Linden" in shown.text
    assert "1 member affected" in shown.text


def test_what_is_wrong_is_said_at_the_field_and_what_was_written_is_kept(app: Flask, cast: Cast) -> None:
    leo = browser(app, cast, cast.leo)
    place = f"consortium:{cast.north.id}"
    page = leo.post("/issues/new", data=fields(owned_by=place, title="", symptom="Kept text."))
    assert page.status_code == 422
    assert "Give it a title." in page.text and "Kept text." in page.text


@pytest.mark.parametrize("place", ["south", "orcid"])
def test_no_other_register_can_be_chosen(app: Flask, cast: Cast, session: Session, place: str) -> None:
    kind = "registry" if place == "orcid" else "consortium"
    wanted = f"{kind}:{getattr(cast, place).id}"
    page = browser(app, cast, cast.leo).post("/issues/new", data=fields(owned_by=wanted))
    assert page.status_code == 404
    assert session.query(Issue).count() == 0


@pytest.mark.parametrize("wrong", ["nonsense", "consortium:", "registry:999", ""])
def test_an_odd_register_is_refused(app: Flask, cast: Cast, session: Session, wrong: str) -> None:
    page = browser(app, cast, cast.leo).post("/issues/new", data=fields(owned_by=wrong))
    assert page.status_code in (303, 404, 422)
    assert session.query(Issue).filter(Issue.consortium_id != cast.north.id).count() == 0


def test_a_foreign_ticket_is_neither_prefilled_nor_linked(app: Flask, cast: Cast, session: Session) -> None:
    foreign = filed(cast, cast.carla, cast.cedar, service="DataCite")
    leo = browser(app, cast, cast.leo)
    assert leo.get(f"/issues/new?ticket={foreign}").status_code == 404
    place = f"consortium:{cast.north.id}"
    assert leo.post("/issues/new", data=fields(owned_by=place, ticket=foreign)).status_code == 404
    assert session.query(Issue).count() == 0
    number = opened(cast)
    assert leo.post("/issues/link", data={"issue": number, "ticket": foreign}).status_code == 404


def test_the_register_lists_states_numbers_and_what_is_overdue(app: Flask, cast: Cast) -> None:
    number = opened(cast, text=draft(title="Late one", next_review_on=date(2020, 1, 1), owner_id=cast.lena.id))
    linked(cast, cast.leo, number, filed(cast, cast.alice, cast.alder))
    text = browser(app, cast, cast.leo).get("/issues").text
    for words in ("Late one", "Identified", "Review overdue", "1 member affected", "1 consortium", "Lena Linden"):
        assert words in text
    assert "Nothing in the register" in browser(app, cast, cast.leo).get("/issues?state=fixed").text
    assert browser(app, cast, cast.leo).get("/issues?state=odd&page=x").status_code == 200
    assert browser(app, cast, cast.leo).get("/issues?page=99999999999999").status_code == 200


@pytest.mark.parametrize("name", ["alice", "olga", "bob", "carla", "samir", "sofia", "rita", "dora", "dirk", "ada"])
def test_a_stranger_finds_no_page_of_the_record(app: Flask, cast: Cast, session: Session, name: str) -> None:
    number = secret_issue(cast)
    published(cast, cast.leo, number, cast.north)
    client = browser(app, cast, cast.people()[name])
    place = cast.north.id
    gets = (f"/issues/{number}", f"/issues/{number}/edit", f"/issues/{number}/publish/{place}")
    posts = ("edit", "move", "upstream", "decide", "updates", f"publish/{place}", f"withdraw/{place}")
    for path in gets:
        assert client.get(path).status_code == 404, path
    for action in posts:
        data = fields(to="investigating", version=1, text="X", audience="owner")
        assert client.post(f"/issues/{number}/{action}", data=data).status_code == 404, action
    listed = client.get("/issues")
    assert SECRET not in listed.text and "Internal title" not in listed.text
    session.expire_all()
    found = session.get_one(Issue, number)
    assert (found.version, found.state) == (1, IssueState.IDENTIFIED)


def test_nothing_that_people_wrote_becomes_markup(app: Flask, cast: Cast) -> None:
    number = opened(cast, text=draft(title=MARKER, symptom=MARKER, cause=MARKER, workaround=MARKER, impact=MARKER))
    leo = browser(app, cast, cast.leo)
    leo.post(f"/issues/{number}/decide", data={"text": MARKER})
    leo.post(f"/issues/{number}/updates", data={"text": MARKER, "audience": "owner"})
    leo.post(
        f"/issues/{number}/publish/{cast.north.id}", data=dict.fromkeys(("title", "text", "workaround"), f"`{MARKER}`")
    )
    ticket = filed(cast, cast.alice, cast.alder, subject=MARKER)
    linked(cast, cast.leo, number, ticket)
    for path in ("/issues", f"/issues/{number}", f"/issues/{number}/edit", f"/issues/{number}/publish/{cast.north.id}"):
        page = leo.get(path)
        assert page.status_code == 200 and "alert(" in page.text and "<script>alert" not in page.text, path
    alice = browser(app, cast, cast.alice)
    for path in ("/known-issues", f"/known-issues/{number}"):
        page = alice.get(path)
        assert page.status_code == 200 and "<script>alert" not in page.text, path


def test_the_whole_life_of_an_issue_on_its_page(app: Flask, cast: Cast, session: Session) -> None:
    number, above = opened(cast), at_registry(cast, text=draft(title="Index is stale"))
    leo = browser(app, cast, cast.leo)

    def post(action: str, **data: Any) -> Any:
        version = issue(session, cast, cast.leo, number).version
        session.rollback()
        return leo.post(f"/issues/{number}/{action}", data={"version": version, **data})

    assert post("move", to="known_error").status_code == 422
    assert "needs its workaround" in post("move", to="known_error").text
    assert post("edit", **fields(workaround="Reload.", next_review_on="")).status_code == 303
    assert post("move", to="known_error").status_code == 303
    assert post("move", to="identified").status_code == 409
    assert post("move", to="fixed", version=1).status_code == 409
    assert post("move", to="nonsense").status_code == 422
    assert post("upstream", upstream=above).status_code == 303
    assert post("decide", text="We wait for the registry.").status_code == 303
    assert post("updates", text="Asked again.", audience="owner").status_code == 303
    assert post("updates", text="For both desks.", audience="desks").status_code == 303
    assert post("updates", text="", audience="owner").status_code == 422
    assert post("updates", text="To members.", audience=f"members:{cast.north.id}").status_code == 422
    text = leo.get(f"/issues/{number}").text
    for words in ("Known error", "Index is stale", "We wait for the registry.", "Asked again.", "For both desks."):
        assert words in text
    seen = browser(app, cast, cast.rita).get(f"/issues/{number}").text
    assert "For both desks." in seen
    for words in ("Asked again.", "We wait for the registry.", "Edit the record", "Move it on"):
        assert words not in seen


def test_the_second_of_two_editors_sees_both_texts_and_may_then_save(app: Flask, cast: Cast, session: Session) -> None:
    number = opened(cast)
    leo, lena = browser(app, cast, cast.leo), browser(app, cast, cast.lena)
    assert leo.post(f"/issues/{number}/edit", data=fields(title="Leo's words", version=1)).status_code == 303
    page = lena.post(f"/issues/{number}/edit", data=fields(title="Lena's words", version=1))
    assert page.status_code == 409
    assert "Leo&#39;s words" in page.text and "Lena&#39;s words" in page.text
    assert 'name="version" type="hidden" value="2"' in page.text
    assert lena.post(f"/issues/{number}/edit", data=fields(title="Both words", version=2)).status_code == 303
    session.expire_all()
    assert session.get_one(Issue, number).title == "Both words"


def test_tickets_are_linked_and_unlinked_by_number(app: Flask, cast: Cast, session: Session) -> None:
    number, ticket = opened(cast), filed(cast, cast.alice, cast.alder)
    leo = browser(app, cast, cast.leo)
    sent = leo.post("/issues/link", data={"issue": number, "ticket": ticket, "back": "ticket"})
    assert sent.location == f"/tickets/{ticket}#issues"
    assert "Empty list of works" in leo.get(f"/issues/{number}").text
    sent = leo.post("/issues/unlink", data={"issue": number, "ticket": ticket, "back": "//evil.example"})
    assert sent.location == f"/issues/{number}#tickets"
    for wrong in ({"issue": number}, {"issue": "x", "ticket": ticket}, {"issue": 10**20, "ticket": ticket}):
        assert leo.post("/issues/link", data=wrong).status_code == 422


@pytest.mark.parametrize("number", [0, 4711, 2**31 - 1, 2**31, 10**25])
def test_a_number_that_is_none_is_not_found(app: Flask, cast: Cast, number: int) -> None:
    leo, alice = browser(app, cast, cast.leo), browser(app, cast, cast.alice)
    assert leo.get(f"/issues/{number}").status_code == 404
    assert alice.get(f"/known-issues/{number}").status_code == 404
    assert alice.post(f"/known-issues/{number}/follow", data={"member_org_id": cast.alder.id}).status_code == 404


def test_another_consortium_never_sees_names(app: Flask, cast: Cast) -> None:
    _place, elm, eve, emil = east(cast)
    above = at_registry(cast, text=draft(title="Index is stale"))
    linked(cast, cast.leo, above, filed(cast, cast.alice, cast.alder, subject="A subject of the north"))
    linked(cast, emil, above, filed(cast, eve, elm, subject="A subject of the east"))
    text = browser(app, cast, cast.leo).get(f"/issues/{above}").text
    assert "Alder University" in text and "A subject of the north" in text
    for name in ("Elm College", "Eastern Consortium", "Eve Elm", "Emil East", "A subject of the east"):
        assert name not in text
    assert "2 members affected" in text
    registry = browser(app, cast, cast.rita).get(f"/issues/{above}").text
    assert "Eastern Consortium, Northern Consortium" in registry
    for name in ("Elm College", "Alder University", "A subject of the north"):
        assert name not in registry


def test_a_registry_and_a_service_of_the_same_name_are_said_once(app: Flask, cast: Cast) -> None:
    above, own = at_registry(cast), opened(cast)
    leo = browser(app, cast, cast.leo)
    head = re.search(r'<div class="ticket-meta">.*?</div>', leo.get(f"/issues/{above}").text, re.DOTALL)
    assert head is not None and head[0].count("ORCID") == 1
    head = re.search(r'<div class="ticket-meta">.*?</div>', leo.get(f"/issues/{own}").text, re.DOTALL)
    assert head is not None and "Northern Consortium" in head[0] and head[0].count("ORCID") == 1


def sheet(client: FlaskClient, asked: str = "") -> list[dict[str, str]]:
    """The register as a file, line by line."""
    answer = client.get(f"/issues.csv{asked}")
    assert answer.status_code == 200 and answer.content_type == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))


def test_the_register_as_a_file_has_what_the_page_has_and_no_name_of_another_consortium(app: Flask, cast: Cast) -> None:
    _place, elm, eve, emil = east(cast)
    above = at_registry(cast, text=draft(title="Index is stale"))
    own = opened(cast, text=draft(title="Only of the north", next_review_on=date(2020, 1, 1), owner_id=cast.lena.id))
    foreign = opened(cast, cast.samir, consortium_id=cast.south.id, text=draft(title="Of the south"))
    linked(cast, cast.leo, above, filed(cast, cast.alice, cast.alder))
    linked(cast, emil, above, filed(cast, eve, elm))
    leo = browser(app, cast, cast.leo)
    found = {int(line["number"]): line for line in sheet(leo)}
    assert set(found) == {above, own} and foreign not in found
    seen = found[above]
    assert (seen["members affected"], seen["consortia affected"], seen["own members"]) == ("2", "2", "Alder University")
    assert (found[own]["review overdue"], found[own]["responsible"]) == ("yes", "Lena Linden")
    text = leo.get("/issues.csv").text
    for name in ("Elm College", "Eastern Consortium", "Eve Elm", "Of the south", "Empty list of works"):
        assert name not in text, name
    # What is narrowed on the page is narrowed in the file, and whoever has no register has no file of one.
    assert [line["title"] for line in sheet(leo, "?state=overdue")] == ["Only of the north"]
    assert [line["own members"] for line in sheet(browser(app, cast, cast.rita))] == [""]
    for name in ("alice", "olga", "ada"):
        assert browser(app, cast, cast.people()[name]).get("/issues.csv").status_code in (403, 404), name
    assert app.test_client().get("/issues.csv").status_code == 302


def test_no_cell_of_the_register_becomes_a_formula(app: Flask, cast: Cast) -> None:
    opened(cast, text=draft(title='=HYPERLINK("https://evil.example")', registry_reference="+4711"))
    (line,) = sheet(browser(app, cast, cast.leo))
    assert (line["title"], line["registry reference"]) == ('\'=HYPERLINK("https://evil.example")', "'+4711")


def test_the_ticket_page_offers_likely_issues_to_the_desk_only(app: Flask, cast: Cast) -> None:
    number = secret_issue(cast)
    key = catalogued(cast)
    likely = opened(cast, text=draft(title="Likely one", catalogue_key=key))
    ticket = filed(cast, cast.alice, cast.alder, catalogue_key=key)
    linked(cast, cast.leo, number, ticket)
    text = browser(app, cast, cast.leo).get(f"/tickets/{ticket}").text
    for words in ("Internal title", "Is it one of these?", "Likely one", "same kind of incident", f"issue {likely}"):
        assert words in text
    member = browser(app, cast, cast.alice).get(f"/tickets/{ticket}").text
    for words in ("Internal title", "Likely one", "Is it one of these?"):
        assert words not in member
    published(cast, cast.leo, number, cast.north)
    assert "Lists may look empty" in browser(app, cast, cast.alice).get(f"/tickets/{ticket}").text
