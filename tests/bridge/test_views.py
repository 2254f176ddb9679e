"""The pages of a registry that is reached by mail: its setting, its part of the ticket page, the lead's own record."""

import re

from flask.testing import FlaskClient

from desk.bridge import queries
from desk.bridge.models import Became
from desk.domain.escalation import EscalationState
from tests.bridge.crossing import Crossing
from tests.cast import Cast

WORDS = {"word": ["Open", "Solved", ""], "meaning": ["accepted", "fixed", "none"]}
GOOD = {
    "active": "y",
    "address": "desk@registry.example",
    "number_pattern": r"\[?#(\d{4,})\]?",
    "senders": "@registry.example\nbot@hosted.example",
    "first_answer_accepts": "y",
    **WORDS,
}


def test_a_manager_sets_up_the_desk_of_their_registry_and_tries_it(client: FlaskClient, cast: Cast) -> None:
    cast.sign_in(client, cast.ruth)
    address = f"/registry-desks/{cast.orcid_support.id}"
    assert "ORCID support" in client.get("/registry-desks/").text
    assert client.get(address).status_code == 200
    assert client.post(address, data=GOOD).status_code == 303
    page = client.get(address).text
    assert "desk@registry.example" in page and 'value="solved"' in page
    mail = {"subject": "[#4711] Re: sign-in", "text": "Works now.\n\nStatus: Solved"}
    tried = client.post(f"{address}/try", data=mail).text
    assert ">4711<" in tried and "A fix is reported" in tried
    stale = client.post(address, data=GOOD)
    assert stale.status_code == 409 and "Somebody has saved this meanwhile" in stale.text


def test_what_cannot_be_is_refused_at_its_field_and_nothing_is_saved(client: FlaskClient, cast: Cast) -> None:
    cast.sign_in(client, cast.ruth)
    address = f"/registry-desks/{cast.orcid_support.id}"
    for field, value, sentence in (
        ("address", "north@desk.example", "That is an address of this desk itself"),
        ("address", "nobody", "not an e-mail address"),
        ("number_pattern", "(a+)+", "is not taken"),
        ("senders", "registry", "neither an address nor a domain"),
        ("phrases", "ok", "six characters or more"),
        ("word", ["Open", "open.", ""], "stands in the table twice"),
    ):
        answer = client.post(address, data={**GOOD, field: value})
        assert answer.status_code == 422 and sentence in answer.text, field
    assert "Signs in" in client.get("/registry-desks/").text


def test_only_who_may_sets_it_up(client: FlaskClient, cast: Cast) -> None:
    address = f"/registry-desks/{cast.orcid_support.id}"
    for person, status in (
        (cast.lena, 200),  # no other consortium's escalations would go where she says
        (cast.ada, 200),
        (cast.leo, 404),
        (cast.rita, 404),
        (cast.alice, 404),
        (cast.sofia, 404),
        (cast.dirk, 404),
    ):
        cast.sign_in(client, person)
        assert client.get(address).status_code == status, person.name


def test_the_ticket_shows_what_went_there_and_the_lead_decides_a_word_once_for_all(
    crossing: Crossing, client: FlaskClient
) -> None:
    cast, number = crossing.stage.cast, crossing.stage.ticket.id
    crossing.stage.saved()
    cast.sign_in(client, cast.lena)
    assert "It goes out as this mail" in client.get(f"/tickets/{number}/escalate/preview").text
    crossing.sent()
    crossing.answers("On it.\n\nStatus: Parked", subject="[#4711] x")
    page = client.get(f"/tickets/{number}").text
    assert "help@registry.example" in page and "4711" in page and "Their desk says “Parked”" in page
    [said] = crossing.said()
    decision = {"meaning": "accepted", "remember": "1"}
    assert client.post(f"/tickets/{number}/registry-answer/{said.id}", data=decision).status_code == 303
    assert crossing.state() is EscalationState.ACCEPTED
    assert "parked" in [each.word for each in queries.words_of(crossing.link.bridge)]
    again = client.post(f"/tickets/{number}/registry-answer/{said.id}", data=decision, follow_redirects=True)
    assert "Somebody has decided this meanwhile" in again.text
    cast.sign_in(client, cast.alice)
    assert "registry-desk" not in client.get(f"/tickets/{number}").text


def test_an_answer_by_telephone_counts_and_says_who_wrote_it_down(crossing: Crossing, client: FlaskClient) -> None:
    cast, number = crossing.stage.cast, crossing.stage.ticket.id
    crossing.sent()
    cast.sign_in(client, cast.leo)
    address = f"/tickets/{number}/registry-answer/new"
    assert client.get(address).status_code == 200
    assert client.post(address, data={"meaning": "fixed", "text": ""}).status_code == 422
    told = {"meaning": "returned:consent", "text": "They need the holder's consent.", "reference": "4712"}
    assert client.post(address, data=told).status_code == 303
    assert (crossing.state(), crossing.reference()) == (EscalationState.RETURNED, "4712")
    page = client.get(f"/tickets/{number}").text
    assert re.search(r"ORCID support, recorded by Leo Larch", page)
    [said] = crossing.said()
    assert (said.became, said.recorded_by_id) == (Became.MOVED, cast.leo.id)
    # It is back with the lead: a fix cannot be reported now, and nothing is kept of the try.
    late = client.post(address, data={"meaning": "fixed", "text": "Mended."})
    assert late.status_code == 409 and len(crossing.said()) == 1
    cast.sign_in(client, cast.samir)
    assert client.get(address).status_code == 404
