"""What a registry has open: by age, by consortium, and the issues that lack something."""

import csv
import io
import re
from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.domain.escalation import EscalationState, ReturnReason
from desk.domain.vocabulary import Party
from desk.escalations import service
from desk.problems import queries
from desk.problems.queries import Filters
from tests.cast import Cast
from tests.clock import MovableClock
from tests.escalations.stage import Stage
from tests.issues.scenes import at_registry, draft, east
from tests.tickets.scenes import counted

HOUR = 3600
ALL = Filters()


@pytest.fixture
def stages(cast: Cast, session: Session) -> list[Stage]:
    """Three hand-overs: accepted, sent one hour later, returned; and one that was never sent."""
    accepted, sent, returned, draft_only = (Stage.set(cast, session) for _ in range(4))
    accepted.accepted()
    sent.wait(1)
    sent.sent()
    returned.sent()
    returned.wait(2)
    returned.does(cast.rita, service.return_, reason=ReturnReason.INFORMATION_MISSING, text="Which?")
    draft_only.saved()
    return [accepted, sent, returned]


def rita(app: Flask, cast: Cast) -> FlaskClient:
    return cast.sign_in(app.test_client(), cast.rita)


def numbers(page: str) -> list[int]:
    return [int(each) for each in re.findall(r'<span class="number">(\d+)</span>', page)]


def test_what_is_open_is_listed_by_age_and_each_count_leads_to_its_rows(
    app: Flask, cast: Cast, stages: list[Stage], clock: MovableClock
) -> None:
    clock.move(timedelta(hours=4))
    accepted, sent, returned = (stage.ticket.number for stage in stages)
    visitor = rita(app, cast)
    page = visitor.get("/reports/escalations").text
    assert numbers(page) == [accepted, returned, sent]
    assert "4 h of your working time" in page and "3 h of your working time" in page
    chips = re.findall(r'href="(/reports/escalations\?[^"]*)"[^>]*>[^<]*<span class="n">(\d+)<', page)
    assert len(chips) >= 7
    for link, count in chips:
        assert len(numbers(visitor.get(link.replace("&amp;", "&")).text)) == int(count), link
    assert numbers(visitor.get("/reports/escalations?holder=lead").text) == [returned]
    assert numbers(visitor.get("/reports/escalations?by=waits").text) == [accepted, sent, returned]
    assert "Nothing fits" in visitor.get("/reports/escalations?tier=3").text


def test_all_orders_and_nonsense_are_answered(app: Flask, cast: Cast, stages: list[Stage]) -> None:
    visitor = rita(app, cast)
    for order in (*queries.ORDERS, "nonsense"):
        assert len(numbers(visitor.get(f"/reports/escalations?by={order}").text)) == len(stages)
    for order in (*queries.ISSUE_ORDERS, "nonsense"):
        assert visitor.get(f"/reports/issues?by={order}&need=nonsense").status_code == 200
    nonsense = "/reports/escalations?tier=x&state=nothing&holder=everybody&page=-4"
    assert len(numbers(visitor.get(nonsense).text)) == len(stages)


def test_the_file_has_all_rows_of_the_choice(app: Flask, cast: Cast, stages: list[Stage]) -> None:
    answer = rita(app, cast).get("/reports/escalations.csv?state=accepted")
    rows = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    assert [row[0] for row in rows[1:]] == [str(stages[0].ticket.number)]
    assert answer.headers["Content-Disposition"] == "attachment; filename=open-escalations.csv"


def test_fairness_compares_the_consortia_in_the_registrys_own_time(
    app: Flask, cast: Cast, session: Session, stages: list[Stage], clock: MovableClock
) -> None:
    place, *_ = east(cast)
    now = cast.now + timedelta(days=5, hours=4)
    lines, everybody = queries.fairness(session, cast.actor(cast.rita), cast.orcid.id, now)
    north, eastern = lines
    assert (north.consortium_id, eastern.consortium_id) == (cast.north.id, place.id)
    # Wednesday 10 to Monday 14, 9 to 17 UTC: 7 + 8 + 8 + 5 hours, and one less.
    assert (north.ages.count, north.ages.median, north.ages.oldest) == (2, int(27.5 * HOUR), 28 * HOUR)
    assert (north.back.count, north.back.oldest) == (1, 26 * HOUR)
    # One working day was promised for an answer: the sent one has none yet.
    assert (north.late, north.promised, north.late_percent) == (1, 2, 50)
    assert eastern.ages.count == eastern.promised == 0 and eastern.late_percent is None
    assert everybody == north.ages
    clock.move(now - cast.now)
    page = rita(app, cast).get("/reports/fairness").text
    assert "Eastern Consortium" in page and "1 of 2, 50" in page
    text = rita(app, cast).get("/reports/fairness.csv").get_data().decode("utf-8-sig")
    assert re.search(r"Northern Consortium,2,990\d\d,1008\d\d,1,2,50,1,936\d\d\r", text)


def test_issues_are_listed_by_whom_they_affect_and_by_what_they_lack(app: Flask, cast: Cast) -> None:
    overdue = at_registry(cast, text=draft(title="Overdue", next_review_on=date(2026, 3, 1), workaround="Try again."))
    bare = at_registry(cast, text=draft(title="Bare", next_review_on=date(2026, 4, 1)))
    visitor = rita(app, cast)
    assert set(numbers(visitor.get("/reports/issues").text)) == {overdue, bare}
    assert numbers(visitor.get("/reports/issues?need=workaround").text) == [bare]
    page = visitor.get("/reports/issues?need=review").text
    assert numbers(page) == [overdue] and "review overdue since 2026-03-01" in page


def test_an_empty_registry_is_told_what_will_be_there(app: Flask, cast: Cast) -> None:
    visitor = rita(app, cast)
    for path, said in (
        ("/reports/escalations", "Nothing is open"),
        ("/reports/fairness", "Nothing is with you now"),
        ("/reports/issues", "No open issue"),
        ("/reports/look-alikes", "Nothing looks alike"),
        ("/reports/learning", "Nothing came back in this time"),
    ):
        answer = visitor.get(path)
        assert answer.status_code == 200 and said in answer.text, path


def test_the_pages_ask_the_database_as_often_for_many_as_for_one(
    app: Flask, cast: Cast, session: Session, stages: list[Stage]
) -> None:
    paths = ("/reports/escalations", "/reports/fairness", "/reports/issues", "/reports/look-alikes")
    seen: dict[str, list[int]] = {path: [] for path in paths}
    for _ in range(2):
        visitor = rita(app, cast)
        for path in paths:
            with counted() as statements:
                assert visitor.get(path).status_code == 200
            seen[path].append(len(statements))
        for _ in range(3):
            Stage.set(cast, session).sent()
            at_registry(cast)
    assert all(first == second <= 10 for first, second in seen.values()), seen


def test_the_counts_are_those_of_the_rows(cast: Cast, session: Session, stages: list[Stage]) -> None:
    actor = cast.actor(cast.rita)
    facets = queries.facets(session, actor, cast.orcid.id)
    rows = queries.open_escalations(session, actor, cast.orcid.id, ALL, "age", 1)
    assert facets.total == len(rows) == 3
    assert facets.state == {EscalationState.ACCEPTED: 1, EscalationState.SENT: 1, EscalationState.RETURNED: 1}
    assert facets.holder == {Party.REGISTRY: 2, Party.LEAD: 1}
    assert queries.open_escalations(session, cast.actor(cast.dora), cast.orcid.id, ALL, "age", 1) == []
