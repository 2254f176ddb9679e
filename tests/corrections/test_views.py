"""Objections in the browser: raised at a line of the account, seen by whom they concern, decided once."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.corrections.models import Objection, ObjectionState
from desk.db import transaction
from desk.domain.vocabulary import Channel
from desk.handover import service as handover
from desk.progress import service as progress
from desk.sla import queries as sla
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.clock import MovableClock
from tests.tickets.scenes import browser, filed
from tests.tickets.test_clocks_page import words_of

FILED = "2026-03-04T10:00:00Z"


@pytest.fixture
def number(cast: Cast, clock: MovableClock) -> int:
    """A ticket of Alice that was asked about after an hour and answered after two; now it is four hours old."""
    found = filed(cast)
    with transaction() as session:
        ticket, leo = session.get_one(Ticket, found), cast.actor(cast.leo)
        hour = timedelta(hours=1)
        progress.ask_member(session, leo, ticket, text="Which client?", channel=Channel.WEB, now=cast.now + hour)
    clock.set(cast.now + timedelta(hours=4))
    return found


def objected(app: Flask, cast: Cast, number: int, kind: str = "overall", start: str = FILED) -> int:
    """The id of an objection of Alice, raised through the page."""
    alice = browser(app, cast, cast.alice)
    sent = alice.post(f"/tickets/{number}/clocks/object?kind={kind}&from={start}", data={"text": "You were closed."})
    assert sent.status_code == 303, sent.text
    return int(sorted(re.findall(r"objection=(\d+)", browser(app, cast, cast.lena).get("/objections").text))[-1])


def test_a_member_objects_at_a_line_and_the_leads_manager_confirms_it(
    app: Flask, cast: Cast, session: Session, number: int
) -> None:
    alice, lena = browser(app, cast, cast.alice), browser(app, cast, cast.lena)
    account = alice.get(f"/tickets/{number}/clocks").text
    path = f"/tickets/{number}/clocks/object?kind=overall&amp;from={FILED}"
    assert path in account
    form = words_of(alice.get(path.replace("&amp;", "&")).text)
    assert "Clock Promise to the member" in form and "1 h of working time counted" in form
    wanted = objected(app, cast, number)
    assert "1 objection to a clock waits for your word" in words_of(lena.get("/queue").text)
    page = lena.get(f"/tickets/{number}/clocks").text
    assert "You were closed." in page and f"/tickets/{number}/clocks/decide?objection={wanted}" in page
    before = sla.clocks_of(session, [number])[number][-1].consumed
    sent = lena.post(
        f"/tickets/{number}/clocks/decide?objection={wanted}", data={"decision": "confirm", "answer": "True, sorry."}
    )
    assert sent.status_code == 303
    session.expire_all()
    assert (before, sla.clocks_of(session, [number])[number][-1].consumed) == (3600, 0)
    for person in (cast.alice, cast.leo):
        told = words_of(browser(app, cast, person).get(f"/tickets/{number}/clocks").text)
        assert "Objection of the member" in told and "Confirmed" in told and "True, sorry." in told
        assert "Measured again: this time does not count" in told and "− 1 h = 0 min" in told
    assert "for your word" not in words_of(lena.get("/queue").text)
    # What was put right is not disputed again.
    assert path not in alice.get(f"/tickets/{number}/clocks").text


def test_a_refusal_needs_a_reason_and_leaves_the_clock_as_it_was(
    app: Flask, cast: Cast, session: Session, number: int
) -> None:
    wanted = objected(app, cast, number)
    lena = browser(app, cast, cast.lena)
    path = f"/tickets/{number}/clocks/decide?objection={wanted}"
    silent = lena.post(path, data={"decision": "refuse", "answer": " "})
    assert silent.status_code == 422 and "Say why you refuse it" in silent.text
    neither = lena.post(path, data={"answer": "Well"})
    assert neither.status_code == 422 and "Choose whether to confirm or to refuse it" in neither.text
    assert lena.post(path, data={"decision": "refuse", "answer": "We were open."}).status_code == 303
    session.expire_all()
    assert sla.clocks_of(session, [number])[number][-1].consumed == 3600
    told = words_of(browser(app, cast, cast.alice).get(f"/tickets/{number}/clocks").text)
    assert "Refused" in told and "We were open." in told and "Measured again" not in told


def test_of_two_decisions_the_second_is_told_what_was_decided(app: Flask, cast: Cast, number: int) -> None:
    wanted = objected(app, cast, number)
    path = f"/tickets/{number}/clocks/decide?objection={wanted}"
    lena = browser(app, cast, cast.lena)
    lena.post(path, data={"decision": "refuse", "answer": "We were open."})
    second = lena.post(path, data={"decision": "confirm", "answer": ""})
    assert second.status_code == 409
    assert "This objection has been decided already." in second.text and "We were open." in second.text


@pytest.mark.parametrize(
    ("text", "sentence"), [("", "Say what is wrong"), ("   ", "Say what is wrong"), ("x" * 2001, "at most 2,000")]
)
def test_an_objection_without_words_or_with_too_many_is_refused_at_the_field(
    app: Flask, cast: Cast, session: Session, number: int, text: str, sentence: str
) -> None:
    path = f"/tickets/{number}/clocks/object?kind=overall&from={FILED}"
    page = browser(app, cast, cast.alice).post(path, data={"text": text})
    assert page.status_code == 422 and sentence in page.text
    assert session.scalar(sa.select(sa.func.count()).select_from(Objection)) == 0


@pytest.mark.parametrize(
    "query",
    [
        "",
        "kind=overall",
        f"kind=nothing&from={FILED}",
        "kind=overall&from=yesterday",
        f"kind=lead&from={FILED}",
        "kind=overall&from=2026-03-04T10:00:01Z",
        "kind=overall&from=99999-03-04T10:00:01Z",
        "kind=overall&from=%00",
    ],
)
def test_a_line_that_is_not_there_leads_back_to_the_account(app: Flask, cast: Cast, number: int, query: str) -> None:
    alice = browser(app, cast, cast.alice)
    for answer in (
        alice.get(f"/tickets/{number}/clocks/object?{query}"),
        alice.post(f"/tickets/{number}/clocks/object?{query}", data={"text": "Wrong"}),
    ):
        assert answer.status_code == 303 and answer.location.endswith(f"/tickets/{number}/clocks")
    assert "cannot be disputed" in alice.get(f"/tickets/{number}/clocks").text


def test_a_line_is_disputed_once_at_a_time_and_the_second_objection_keeps_its_words(
    app: Flask, cast: Cast, session: Session, number: int
) -> None:
    objected(app, cast, number)
    olga, path = browser(app, cast, cast.olga), f"/tickets/{number}/clocks/object?kind=overall&from={FILED}"
    again = olga.post(path, data={"text": "Me too, we were there"})
    assert again.status_code == 409
    assert "This line is disputed already, since Wed 4 Mar 2026" in words_of(again.text)
    assert "Me too, we were there" in again.text and 'name="text"' in again.text
    assert session.scalar(sa.select(sa.func.count()).select_from(Objection)) == 1
    assert olga.get(path).status_code == 303
    assert "disputed already, since Wed 4 Mar 2026" in words_of(olga.get(f"/tickets/{number}/clocks").text)


def test_a_line_that_was_put_right_is_said_to_be(app: Flask, cast: Cast, number: int) -> None:
    wanted = objected(app, cast, number)
    lena = browser(app, cast, cast.lena)
    lena.post(f"/tickets/{number}/clocks/decide?objection={wanted}", data={"decision": "confirm", "answer": ""})
    again = browser(app, cast, cast.olga).post(
        f"/tickets/{number}/clocks/object?kind=overall&from={FILED}", data={"text": "Me too"}
    )
    assert again.status_code == 409
    assert "This line was put right already, Wed 4 Mar 2026" in words_of(again.text) and "Me too" in again.text


def test_what_turns_a_line_round_is_not_kept_in_an_objection(
    app: Flask, cast: Cast, session: Session, number: int
) -> None:
    sent = browser(app, cast, cast.alice).post(
        f"/tickets/{number}/clocks/object?kind=overall&from={FILED}", data={"text": "You \u202ewere closed"}
    )
    assert sent.status_code == 303
    assert session.scalars(sa.select(Objection.text)).all() == ["You were closed"]


def test_a_lead_does_not_object_to_their_own_clocks_and_an_agent_decides_nothing(
    app: Flask, cast: Cast, number: int
) -> None:
    wanted = objected(app, cast, number)
    leo = browser(app, cast, cast.leo)
    assert "This is wrong" not in leo.get(f"/tickets/{number}/clocks").text
    assert "Confirm or refuse it" not in leo.get(f"/tickets/{number}/clocks").text
    path = f"/tickets/{number}/clocks/decide?objection={wanted}"
    for person in (cast.leo, cast.alice, cast.bob, cast.samir, cast.sofia, cast.rita, cast.ruth, cast.ada):
        visitor = browser(app, cast, person)
        assert visitor.get(path).status_code == 404, person.name
        assert visitor.post(path, data={"decision": "confirm"}).status_code == 404, person.name
    for odd in ("", "x", "0", "9" * 30, str(wanted + 1)):
        odd_path = f"/tickets/{number}/clocks/decide?objection={odd}"
        assert browser(app, cast, cast.lena).get(odd_path).status_code == 404, odd


def test_what_member_and_registry_object_to_is_not_told_to_each_other(
    app: Flask, cast: Cast, session: Session, clock: MovableClock
) -> None:
    number = filed(cast)
    with transaction() as unit:
        ticket, leo = unit.get_one(Ticket, number), cast.actor(cast.leo)
        team = accounts.team_of_registry(unit, cast.orcid.id)
        handover.hand_over(unit, leo, ticket, registry_id=cast.orcid.id, team=team, tier=2, now=cast.now)
    clock.set(cast.now + timedelta(hours=4))
    rita, alice = browser(app, cast, cast.rita), browser(app, cast, cast.alice)
    path = f"/tickets/{number}/clocks/object?kind=overall&from={FILED}"
    assert rita.post(path, data={"text": "The lead had closed early."}).status_code == 303
    assert "The lead had closed early." in rita.get(f"/tickets/{number}/clocks").text
    assert "The lead had closed early." not in alice.get(f"/tickets/{number}/clocks").text
    assert "The lead had closed early." in browser(app, cast, cast.leo).get(f"/tickets/{number}/clocks").text
    wanted = session.scalars(sa.select(Objection.id)).one()
    browser(app, cast, cast.lena).post(
        f"/tickets/{number}/clocks/decide?objection={wanted}", data={"decision": "confirm", "answer": "Between desks."}
    )
    told = words_of(alice.get(f"/tickets/{number}/clocks").text)
    # The member's promise was measured again, which they see; in what words the desks spoke of it they do not.
    assert "Measured again: this time does not count" in told
    assert "closed early" not in told and "Between desks." not in told and "Rita" not in told


def test_a_lead_objects_to_the_registrys_clock_and_its_manager_answers(
    app: Flask, cast: Cast, session: Session, clock: MovableClock
) -> None:
    number = filed(cast)
    with transaction() as unit:
        ticket, leo = unit.get_one(Ticket, number), cast.actor(cast.leo)
        team = accounts.team_of_registry(unit, cast.orcid.id)
        handover.hand_over(unit, leo, ticket, registry_id=cast.orcid.id, team=team, tier=2, now=cast.now)
    clock.set(cast.now + timedelta(hours=4))
    path = f"/tickets/{number}/clocks/object?kind=registry&from={FILED}"
    assert browser(app, cast, cast.leo).post(path, data={"text": "We were asked meanwhile."}).status_code == 303
    ruth = browser(app, cast, cast.ruth)
    assert "1 objection to a clock waits for your word" in words_of(ruth.get("/escalations").text)
    assert "We were asked meanwhile." in ruth.get("/objections").text
    assert "We were asked meanwhile." not in browser(app, cast, cast.alice).get(f"/tickets/{number}/clocks").text
    wanted = session.scalars(sa.select(Objection.id)).one()
    sent = ruth.post(f"/tickets/{number}/clocks/decide?objection={wanted}", data={"decision": "confirm", "answer": ""})
    assert sent.status_code == 303
    session.expire_all()
    assert session.get_one(Objection, wanted).state is ObjectionState.CONFIRMED
    assert "Measured again" in browser(app, cast, cast.rita).get(f"/tickets/{number}/clocks").text


def test_the_list_of_objections_is_empty_for_whom_none_waits(app: Flask, cast: Cast, number: int) -> None:
    objected(app, cast, number)
    for person in (cast.sofia, cast.ruth):
        assert "No objection waits for you" in browser(app, cast, person).get("/objections").text
    for person in (cast.alice, cast.leo, cast.rita, cast.ada):
        assert browser(app, cast, person).get("/objections").status_code == 404


def test_what_an_objection_says_runs_nothing(app: Flask, cast: Cast, number: int) -> None:
    marker = "<script>alert('xss')</script>"
    browser(app, cast, cast.alice).post(
        f"/tickets/{number}/clocks/object?kind=overall&from={FILED}", data={"text": marker}
    )
    lena = browser(app, cast, cast.lena)
    for path in ("/objections", f"/tickets/{number}/clocks", f"/tickets/{number}/clocks/decide?objection=1"):
        page = lena.get(path).text
        assert marker not in page and "alert(" in page, path
