"""Whose turn it was for how long, as each party reads it, with the rows behind each number."""

import csv
import io
import re
from datetime import timedelta
from html import unescape

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.custody.models import CustodyEntry
from desk.domain.escalation import ReturnReason
from desk.domain.permissions import Place
from desk.domain.reports import Period
from desk.domain.vocabulary import Audience, Channel, Party
from desk.escalations import service
from desk.progress import service as progress
from desk.reports import queries
from tests.cast import Cast
from tests.clock import MovableClock
from tests.escalations.stage import Stage
from tests.tickets.scenes import counted

HOUR = 3600


@pytest.fixture
def stage(cast: Cast, session: Session) -> Stage:
    """A ticket that Leo had for two hours, the registry for five, of them two its engineers, and Alice for one."""
    return played(Stage.set(cast, session))


def played(stage: Stage) -> Stage:
    cast = stage.cast
    stage.wait(1)
    stage.sent()
    stage.wait(3)
    stage.does(cast.rita, service.accept)
    stage.does(cast.rita, service.move_tier, tier=3)
    stage.wait(2)
    stage.does(cast.ruth, service.report_fix, text="Mended.")
    stage.wait(17)  # on the next morning
    stage.does(cast.leo, service.verify, text="It works.")
    return stage


def period(stage: Stage) -> Period:
    return Period.recent(stage.cast.now + stage.passed, "Europe/Berlin")


def totals(stage: Stage, place: Place) -> dict[tuple[str, int], tuple[int, int, int | None]]:
    return {
        (each.party.value, each.tier): (each.seconds, each.turns, each.share)
        for each in queries.totals(stage.session, place, period(stage))
    }


def browser(app: Flask, cast: Cast, name: str) -> FlaskClient:
    return cast.sign_in(app.test_client(), cast.people()[name])


def test_the_figures_are_those_of_the_ledger_for_whoever_may_read_them(stage: Stage, cast: Cast) -> None:
    ledger = stage.session.execute(
        sa.select(CustodyEntry.party, sa.func.sum(CustodyEntry.seconds)).group_by(CustodyEntry.party)
    )
    by_party = {row[0]: row[1] for row in ledger}
    lead = totals(stage, Place(consortium_id=cast.north.id))
    assert lead["lead", 0][0] == by_party[Party.LEAD]
    assert lead["registry", 2][0] + lead["registry", 3][0] == by_party[Party.REGISTRY] == 5 * HOUR
    assert lead["registry", 3][0] == 2 * HOUR
    assert sum(share or 0 for _, _, share in lead.values()) in (99, 100, 101)
    assert totals(stage, Place(registry_id=cast.orcid.id)) == {
        ("registry", 2): (3 * HOUR, 1, 60),
        ("registry", 3): (2 * HOUR, 1, 40),
    }
    member = totals(stage, Place(member_org_id=cast.alder.id))
    assert {Party(party): seconds for (party, _), (seconds, _, _) in member.items()} == by_party
    for stranger in (
        Place(consortium_id=cast.south.id),
        Place(registry_id=cast.datacite.id),
        Place(member_org_id=cast.birch.id),
    ):
        assert totals(stage, stranger) == {}


def test_a_turn_counts_when_it_ends_and_what_goes_on_is_not_in_it(cast: Cast, session: Session) -> None:
    stage = Stage.set(cast, session)
    assert totals(stage, Place(consortium_id=cast.north.id)) == {}
    stage.wait(2)
    stage.sent()
    assert totals(stage, Place(consortium_id=cast.north.id)) == {("lead", 0): (2 * HOUR, 1, 100)}


def test_how_often_tickets_came_back_undone_is_counted(cast: Cast, session: Session) -> None:
    played(Stage.set(cast, session))
    twice = Stage.set(cast, session)
    twice.sent()
    twice.does(cast.rita, service.return_, reason=ReturnReason.INFORMATION_MISSING, text="Which?")
    twice.sent(tried="That one.")
    twice.wait(30)
    place = Place(registry_id=cast.orcid.id)
    for own in (place, Place(consortium_id=cast.north.id)):
        found = queries.came_back(session, own, period(twice))
        assert [(each.ticket, each.consortium_id, each.times) for each in found] == [
            (twice.ticket.number, cast.north.id, 1)
        ]
    assert queries.came_back(session, Place(registry_id=cast.datacite.id), period(twice)) == []


def test_a_hand_over_with_little_of_the_promise_left_is_found_and_a_pause_is_not_held_against_the_lead(
    cast: Cast, session: Session
) -> None:
    """Twenty working days were promised; what waited for the member does not count."""
    late, paused = Stage.set(cast, session), Stage.set(cast, session)
    paused.does(cast.leo, progress.ask_member, text="Which browser?", channel=Channel.WEB)
    late.wait(27 * 24 + 4)
    late.sent()
    paused.passed = late.passed
    answer = {"audience": Audience.MEMBER, "text": "That one.", "channel": Channel.WEB}
    paused.does(cast.alice, progress.add_message, **answer)
    paused.sent()
    late.wait(1)
    for place in (Place(consortium_id=cast.north.id), Place(registry_id=cast.orcid.id)):
        (found,) = queries.late_hand_overs(session, place, period(late))
        assert found.ticket == late.ticket.number
        assert 0 <= found.left < 25


# ------------------------------------------------------------------ pages


def rows_behind(client: FlaskClient, path: str) -> list[int]:
    """How many rows there are behind each number of a page."""
    page = client.get(path).text
    links = [unescape(each) for each in re.findall(r'href="(/reports/custody/turns[^"]*)"', page)]
    assert links
    return [client.get(link).text.count("row-item") for link in links]


def test_each_number_leads_to_its_rows(app: Flask, cast: Cast, stage: Stage, clock: MovableClock) -> None:
    clock.move(stage.passed)
    assert rows_behind(browser(app, cast, "lena"), "/reports/custody") == [2, 1, 1]
    assert rows_behind(browser(app, cast, "rita"), "/reports/custody") == [1, 1]
    assert rows_behind(browser(app, cast, "olga"), "/reports/custody") == [2, 2]


def test_a_colleague_reads_the_figures_of_the_organisation_but_not_the_tickets(
    app: Flask, cast: Cast, stage: Stage, clock: MovableClock
) -> None:
    clock.move(stage.passed)
    adam = browser(app, cast, "adam")
    assert "With the registry" in adam.get("/reports/custody").text
    page = adam.get(f"/reports/custody/turns?of=member-{cast.alder.id}").text
    assert "Institutional sign-in fails" not in page and "Nothing here that you may open" in page


def test_of_tier_one_a_registry_manager_reads_counts_and_an_agent_nothing(
    app: Flask, cast: Cast, stage: Stage, clock: MovableClock
) -> None:
    Stage.set(cast, stage.session)
    clock.move(stage.passed)
    assert "2 tickets opened, 1 of them handed over to you" in browser(app, cast, "ruth").get("/reports/custody").text
    assert "opened" not in browser(app, cast, "rita").get("/reports/custody").text


def test_the_file_says_the_same_as_the_page(app: Flask, cast: Cast, stage: Stage, clock: MovableClock) -> None:
    clock.move(stage.passed)
    answer = browser(app, cast, "ruth").get("/reports/custody.csv")
    assert answer.headers["Content-Disposition"] == "attachment; filename=custody.csv"
    rows = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    assert rows[1:] == [
        ["Northern Consortium", "Registry, tier 2", str(3 * HOUR), "60", "1", "1"],
        ["Northern Consortium", "Registry, tier 3", str(2 * HOUR), "40", "1", "1"],
    ]


def test_a_period_that_cannot_be_used_is_told_at_its_field_and_one_without_figures_says_why(
    app: Flask, cast: Cast
) -> None:
    lena = browser(app, cast, "lena")
    assert "Nothing ended in this time" in lena.get("/reports/custody").text
    for asked, said in (
        ("since=2026-03-02&until=2026-03-01", "ends before it begins"),
        ("since=2020-01-01&until=2026-03-01", "at most 366 days"),
        ("since=soon&until=", "Please enter a date"),
    ):
        answer = lena.get(f"/reports/custody?{asked}")
        assert answer.status_code == 422 and said in answer.text
        assert lena.get(f"/reports/custody.csv?{asked}").status_code == 422
        assert lena.get(f"/reports/custody/turns?{asked}").status_code == 422


def test_the_pages_ask_the_database_as_often_for_many_tickets_as_for_one(
    app: Flask, cast: Cast, session: Session, stage: Stage, clock: MovableClock
) -> None:
    clock.move(stage.passed + timedelta(hours=1))
    seen: dict[str, list[int]] = {}
    for _ in range(2):
        for name, path in (
            ("lena", "/reports/custody"),
            ("ruth", "/reports/custody"),
            ("olga", "/reports/custody"),
            ("lena", "/reports/custody/turns"),
        ):
            visitor = browser(app, cast, name)
            with counted() as statements:
                assert visitor.get(path).status_code == 200
            seen.setdefault(f"{name} {path}", []).append(len(statements))
        for _ in range(3):
            played(Stage.set(cast, session))
    assert all(first == second <= 12 for first, second in seen.values()), seen
