"""The page "What if": a manager asks, sees attainment in both worlds, and takes the list along as a file."""

import csv
import io
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.db import transaction
from desk.domain.permissions import SYSTEM
from desk.domain.sla import Change
from desk.simulation import queries
from desk.tickets.models import Ticket
from desk.working_hours import service as working_hours
from tests.cast import Cast
from tests.simulation.test_queries import digests
from tests.sla.rig import Rig, at, office_hours

PAGE = "/service-levels/what-if"
ASKED = {"since": "2026-03-01", "until": "2026-04-01", "hours": "recorded", "promises": "recorded", "ask": "1"}
WEEK = ["mon", "tue", "wed", "thu", "fri"]
OTHER = {"hours": "other", "days": WEEK, "opens": "6", "closes": "22:00", "tz": "Europe/Berlin", "closed": "kept"}
HURRIED = {"promises": "other"} | {
    name: value
    for priority in ("P1", "P2", "P3", "P4")
    for name, value in ((f"{priority}_first_response", "11"), (f"{priority}_first_response_unit", "hours"))
}


@pytest.fixture
def rig(cast: Cast) -> Rig:
    """Opened on Monday and answered on Tuesday at noon: after ten working hours."""
    rig = Rig.build(cast, at("2026-03-02T09:00"))
    rig.change("2026-03-03T11:00", Change.staff_replied())
    return rig


@pytest.fixture
def lena(client: FlaskClient, cast: Cast) -> FlaskClient:
    return cast.sign_in(client, cast.lena)


def asked(client: FlaskClient, page: str = PAGE, **more: Any) -> Any:
    return client.get(f"{page}?{urlencode(ASKED | more, doseq=True)}")


def test_a_manager_sees_attainment_before_and_after_and_what_changes(lena: FlaskClient, rig: Rig) -> None:
    answer = asked(lena, **OTHER, **HURRIED)
    assert answer.status_code == 200
    text = " ".join(answer.text.replace("&nbsp;", " ").split())
    assert "1 ticket, opened from 1 Mar 2026 to before 1 Apr 2026" in text
    assert "Supposed: Monday to Friday 06:00 to 22:00 (Europe/Berlin); the targets below." in text
    assert "100.0 % → <strong>0.0 %</strong>" in text
    assert "100.0 points worse" in text
    assert f'href="/tickets/{rig.ticket_id}"' in text
    assert "in time, 10 h used of 15 h → " in text
    assert "18 h used of 11 h" in text


def test_nothing_supposed_changes_nothing_and_says_so(lena: FlaskClient, rig: Rig) -> None:
    answer = asked(lena)
    assert "nothing else than was in force" in answer.text
    assert "<strong>0 measurements</strong> would have been late" in answer.text
    assert "the same" in answer.text
    assert "What changes" not in answer.text


def test_a_form_that_was_not_sent_has_what_is_in_force(lena: FlaskClient, rig: Rig) -> None:
    text = lena.get(PAGE).text
    assert "What would have been" not in text
    assert 'value="Europe/Berlin"' in text
    assert 'name="P1_first_response" type="text" value="2"' in text


def test_hours_saved_for_a_later_day_can_be_tried_on_what_was(
    lena: FlaskClient, rig: Rig, cast: Cast, session: Session
) -> None:
    with transaction() as unit:
        version = working_hours.save_calendar_version(
            unit,
            SYSTEM,
            calendar_id=cast.north_desk.calendar_id or 0,
            spec=office_hours("Europe/Berlin", holidays=["2027-01-01"])
            | {"weekly_hours": {day: [["06:00", "22:00"]] for day in WEEK}},
            effective_from=at("2027-01-01T00:00"),
            country="DE",
            now=at("2026-03-04T10:00"),
        )
        number = version.id
    answer = asked(lena, hours="saved", saved=str(number), **HURRIED)
    assert "18 h used of 11 h" in answer.text
    assert "from 1 Jan 2027: Monday to Friday 06:00 to 22:00" in answer.text


def test_the_file_has_every_change_and_no_formula(lena: FlaskClient, rig: Rig) -> None:
    with transaction() as unit:
        ticket = unit.get(Ticket, rig.ticket_id)
        assert ticket is not None
        ticket.subject = '=HYPERLINK("https://evil.example")'
    answer = asked(lena, f"{PAGE}.csv", **OTHER, **HURRIED)
    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 1
    assert rows[0]["subject"] == """'=HYPERLINK("https://evil.example")"""
    assert (rows[0]["recorded: outcome"], rows[0]["supposed: outcome"]) == ("in time", "late")
    assert (rows[0]["recorded: used, seconds"], rows[0]["supposed: target, seconds"]) == ("36000", "39600")
    assert rows[0]["supposed: late after"] == "2026-03-02T20:00:00Z"


@pytest.mark.parametrize(
    ("sent", "field", "said"),
    [
        ({"since": "yesterday"}, "since", "Please enter a date"),
        ({"until": ""}, "until", "Please enter a date"),
        ({"until": "9999-01-01"}, "until", "between 2000 and 2100"),
        ({"until": "2026-02-01"}, "until", "ends before it begins"),
        ({"hours": "nonsense"}, "hours", "Not a valid choice"),
        ({"hours": "saved", "saved": "4711"}, "saved", "Please choose one of your saved hours"),
        ({"hours": "saved", "saved": "x"}, "saved", "Please choose one of your saved hours"),
        ({**OTHER, "days": []}, "days", "Please choose the days"),
        ({**OTHER, "opens": "nine"}, "opens", "Please enter a time of day"),
        ({**OTHER, "closes": "25:00"}, "closes", "Please enter a time of day"),
        ({**OTHER, "closes": "06:00"}, "opens", "It starts and ends at 06:00"),
        ({**OTHER, "tz": "Middle/Earth"}, "tz", "is not a time zone"),
        ({**OTHER, "closed": "QQ"}, "closed", "No holidays are known"),
        ({**HURRIED, "P2_first_response": "0"}, "P2_first_response", "Nobody can keep a promise of zero"),
        ({**HURRIED, "P2_first_response": "999999999999"}, "P2_first_response", "at most"),
        ({**HURRIED, "P2_first_response": "soon"}, "P2_first_response", "whole number"),
        ({**HURRIED, "P2_first_response_unit": "fortnights"}, "P2_first_response", "Please choose minutes"),
    ],
)
def test_what_cannot_be_meant_is_said_at_its_field(
    lena: FlaskClient, rig: Rig, sent: dict[str, Any], field: str, said: str
) -> None:
    answer = asked(lena, **sent)
    assert answer.status_code == 422
    assert said in answer.text
    assert f'id="{field}-error"' in answer.text
    assert "What would have been" not in answer.text.replace("Show what would have been", "")


def test_another_partys_saved_hours_cannot_be_tried(lena: FlaskClient, rig: Rig, cast: Cast, session: Session) -> None:
    theirs = queries.ground(session, cast_place(cast), at("2026-03-04T10:00")).saved[0][1].id
    assert asked(lena, hours="saved", saved=str(theirs)).status_code == 422


def cast_place(cast: Cast) -> Any:
    from_south: Any = queries.Place(consortium_id=cast.south.id)
    return from_south


def test_too_many_tickets_are_refused_with_the_way_out(
    lena: FlaskClient, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MOST_TICKETS", 0)
    answer = asked(lena)
    assert answer.status_code == 422
    assert "Please choose a shorter one." in answer.text


def test_only_managers_find_the_page_and_only_for_their_own_party(app: Flask, rig: Rig, cast: Cast) -> None:
    statuses = {}
    for name, person in cast.people().items():
        client = cast.sign_in(app.test_client(), person)
        statuses[name] = client.get(PAGE).status_code
        south = client.get(f"{PAGE}?party=consortium-{cast.south.id}").status_code
        assert south == (200 if person is cast.sofia else 404), name
    assert {name for name, status in statuses.items() if status == 200} == {"lena", "sofia", "ruth", "dirk"}
    assert set(statuses.values()) == {200, 404}


def test_a_registrys_manager_is_asked_for_no_promise_to_a_member(app: Flask, rig: Rig, cast: Cast) -> None:
    client = cast.sign_in(app.test_client(), cast.ruth)
    text = client.get(PAGE).text
    assert "Acceptance by the registry" in text
    assert "A ticket on hold" not in text
    assert asked(client).status_code == 200


def test_a_choice_about_holds_that_there_is_not_is_refused_at_the_field(lena: FlaskClient, rig: Rig) -> None:
    answer = asked(lena, hold="zzz")
    assert answer.status_code == 422
    assert "Please choose one of these." in answer.text and 'href="#hold' in answer.text
    assert asked(lena, hours="zzz").status_code == asked(lena, promises="zzz").status_code == 422


def test_asking_writes_nothing(lena: FlaskClient, rig: Rig, session: Session) -> None:
    before = dict(digests(session))
    session.rollback()
    asked(lena, **OTHER, **HURRIED, hold="pauses")
    asked(lena, f"{PAGE}.csv", **OTHER, **HURRIED)
    session.rollback()
    assert dict(digests(session)) == before


def test_the_file_of_a_question_that_cannot_be_meant_is_refused(lena: FlaskClient, rig: Rig) -> None:
    assert asked(lena, f"{PAGE}.csv", since="").status_code in (400, 422)
    assert lena.get(f"{PAGE}.csv").status_code == 200
