"""Taking, giving and classifying a ticket in the browser, and saying who an unverified sender is."""

from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from desk.db import transaction
from desk.domain.permissions import SYSTEM
from desk.domain.priority import Priority
from desk.domain.vocabulary import Channel
from desk.tickets import service
from tests.cast import Cast
from tests.tickets.scenes import browser, filed, stored, with_catalogue


def classification(version: int, **more: Any) -> dict[str, Any]:
    values = {
        "kind": "incident",
        "impact": "high",
        "urgency": "high",
        "catalogue_key": "orcid-oauth-redirect-mismatch",
        "service": "ORCID",
        "environment": "sandbox",
        "tags": "redirect, Move ",
        "version": version,
    }
    return values | more


def test_a_lead_takes_a_ticket_and_gives_it_to_a_colleague(app: Flask, cast: Cast, session: Session) -> None:
    number = filed(cast)
    leo = browser(app, cast, cast.leo)
    assert "Take it" in leo.get(f"/tickets/{number}").text
    assert leo.post(f"/tickets/{number}/take").status_code == 303
    assert stored(session, number).assignee_id == cast.leo.id
    taken = browser(app, cast, cast.lena).post(f"/tickets/{number}/take")
    assert taken.status_code == 409 and "A colleague has taken this ticket meanwhile" in taken.text
    leo.post(f"/tickets/{number}/assign", data={"assignee_id": cast.lena.id})
    assert stored(session, number).assignee_id == cast.lena.id
    leo.post(f"/tickets/{number}/assign", data={"assignee_id": ""})
    assert stored(session, number).assignee_id is None


def test_nobody_outside_the_desk_is_given_a_ticket(app: Flask, cast: Cast, session: Session) -> None:
    number = filed(cast)
    leo = browser(app, cast, cast.leo)
    assert leo.post(f"/tickets/{number}/assign", data={"assignee_id": cast.alice.id}).status_code == 422
    assert leo.post(f"/tickets/{number}/assign", data={"assignee_id": cast.samir.id}).status_code == 422
    for odd in ("x", "²", "9" * 30, "9" * 5000, "-1"):
        assert leo.post(f"/tickets/{number}/assign", data={"assignee_id": odd}).status_code == 404, odd
    assert stored(session, number).assignee_id is None


def test_a_lead_classifies_and_priority_follows(app: Flask, cast: Cast, session: Session) -> None:
    with_catalogue(cast)
    number = filed(cast)
    leo = browser(app, cast, cast.leo)
    version = stored(session, number).version
    sent = leo.post(
        f"/tickets/{number}/triage", data=classification(version, **{"a-client_id": "APP-AAAAAAAAAAAAAAAA"})
    )
    assert sent.status_code == 303
    ticket = stored(session, number)
    assert (ticket.priority, ticket.catalogue_key) == (Priority.P1, "orcid-oauth-redirect-mismatch")
    assert ticket.fields["client_id"] == "APP-AAAAAAAAAAAAAAAA" and ticket.tags == ["move", "redirect"]
    page = leo.get(sent.location).text
    assert "P1, critical" in page and "What the catalogue advises" in page


def test_a_lead_is_told_what_the_words_point_to_and_why(app: Flask, cast: Cast) -> None:
    with_catalogue(cast)
    number = filed(cast, text="redirect uri doesn't match your registered redirect uris")
    page = browser(app, cast, cast.leo).get(f"/tickets/{number}").text
    assert "The words of the ticket point to" in page and "redirect uri doesn" in page
    assert '<option selected value="orcid-oauth-redirect-mismatch">' in page
    assert "point to" not in browser(app, cast, cast.alice).get(f"/tickets/{number}").text


def test_a_stale_classification_shows_what_is_stored_beside_what_was_chosen(
    app: Flask, cast: Cast, session: Session
) -> None:
    with_catalogue(cast)
    number = filed(cast)
    leo, lena = browser(app, cast, cast.leo), browser(app, cast, cast.lena)
    version = stored(session, number).version
    lena.post(f"/tickets/{number}/triage", data=classification(version, impact="low", urgency="low", tags="by lena"))
    page = leo.post(f"/tickets/{number}/triage", data=classification(version, tags="by leo"))
    assert page.status_code == 409
    assert "What a colleague has stored" in page.text and "What you chose" in page.text
    assert "by lena" in page.text and "by leo" in page.text
    ticket = stored(session, number)
    assert ticket.priority is Priority.P4 and ticket.tags == ["by lena"]
    assert f'name="version" value="{ticket.version}"' in page.text
    assert leo.post(f"/tickets/{number}/triage", data=classification(ticket.version)).status_code == 303


def test_a_classification_that_is_not_in_the_lists_is_refused(app: Flask, cast: Cast, session: Session) -> None:
    number = filed(cast)
    leo = browser(app, cast, cast.leo)
    version = stored(session, number).version
    for wrong in ({"impact": "vast"}, {"catalogue_key": "nothing"}, {"service": "Other"}, {"environment": "moon"}):
        values = classification(version, catalogue_key="") | wrong
        assert leo.post(f"/tickets/{number}/triage", data=values).status_code == 422, wrong


def test_a_lead_says_who_an_unverified_sender_is(app: Flask, cast: Cast, session: Session) -> None:
    draft = service.NewTicket(
        consortium_id=cast.north.id,
        member_org_id=None,
        proposed_org_id=cast.birch.id,
        unverified_sender="bob@birch.example",
        subject="Mail from somebody",
        text="Please help.",
    )
    with transaction() as unit:
        number = service.open_ticket(unit, SYSTEM, draft, channel=Channel.EMAIL, now=cast.now).id
    leo, bob = browser(app, cast, cast.leo), browser(app, cast, cast.bob)
    page = leo.get(f"/tickets/{number}").text
    assert "Sender not verified" in page and "Confirm the sender" in page
    assert bob.get(f"/tickets/{number}").status_code == 404
    for wrong in ("", "x", f"{cast.cedar.id}:{cast.carla.id}", "1:²"):
        assert leo.post(f"/tickets/{number}/requester", data={"person": wrong}).status_code == 422, wrong
    leo.post(f"/tickets/{number}/requester", data={"person": f"{cast.birch.id}:{cast.bob.id}"})
    assert bob.get(f"/tickets/{number}").status_code == 200


def test_a_lead_lets_a_colleague_of_the_member_follow(app: Flask, cast: Cast) -> None:
    number = filed(cast)
    leo, adam = browser(app, cast, cast.leo), browser(app, cast, cast.adam)
    assert adam.get(f"/tickets/{number}").status_code == 404
    assert "Adam Ash" in leo.get(f"/tickets/{number}").text
    for wrong in (cast.carla.id, "x", "9" * 30, ""):
        assert leo.post(f"/tickets/{number}/follow", data={"person_id": wrong}).status_code == 422, wrong
    assert leo.post(f"/tickets/{number}/follow", data={"person_id": cast.adam.id}).status_code == 303
    assert "Followed by" in leo.get(f"/tickets/{number}").text
    assert adam.get(f"/tickets/{number}").status_code == 200
