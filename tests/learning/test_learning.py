"""What came back, the steps that follow, and what a desk decides about them."""

import csv
import io
import re
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.catalogue import queries as catalogue
from desk.db import transaction
from desk.domain.errors import InvalidInput, NotFound, NotPermitted
from desk.domain.escalation import ReturnReason
from desk.domain.learning import Decided, Fate, Step
from desk.domain.permissions import Place
from desk.domain.reports import Period
from desk.domain.vocabulary import Outcome
from desk.escalations import service as escalations
from desk.learning import queries, service
from desk.progress import service as progress
from tests.cast import Cast
from tests.clock import MovableClock
from tests.escalations.stage import ENTRY, Stage
from tests.tickets.scenes import counted


@pytest.fixture
def stage(cast: Cast, session: Session) -> Stage:
    """The last of three hand-overs: two came back because the steps were missing, one was declined and then solved."""
    for _ in range(2):
        returned(cast, session)
    declined = Stage.set(cast, session)
    declined.sent()
    declined.does(cast.rita, escalations.decline, entry_key=ENTRY)
    declined.does(cast.leo, progress.resolve, outcome=Outcome.SOLVED, text="Like this.")
    return declined


def returned(cast: Cast, session: Session, hours: int = 0) -> None:
    found = Stage.set(cast, session)
    found.wait(hours)
    found.sent(steps="")
    found.does(cast.rita, escalations.return_, reason=ReturnReason.INFORMATION_MISSING, text="How?")
    found.sent(steps="Press it.")


def period(cast: Cast, hours: int = 1) -> Period:
    return Period.recent(cast.now + timedelta(hours=hours), "Europe/Berlin")


def key(cast: Cast) -> queries.Key:
    return (cast.north.id, Step.FIELD, ENTRY, "steps")


def proposed(cast: Cast, session: Session, hours: int = 1) -> list[tuple[Step, str, int]]:
    places = [cast.north.id]
    found = queries.cases(session, cast.actor(cast.leo), Place(consortium_id=cast.north.id), period(cast, hours))
    decided = queries.decisions(session, places)
    steps = queries.open_proposals(found, decided, catalogue.demands(session, places))
    return [(each.step, each.field_id, len(each.cases)) for each in steps]


def browser(app: Flask, cast: Cast, name: str) -> FlaskClient:
    return cast.sign_in(app.test_client(), cast.people()[name])


def test_what_came_back_says_how_why_and_what_was_missing(stage: Stage, cast: Cast, session: Session) -> None:
    for name, place in (("leo", Place(consortium_id=cast.north.id)), ("rita", Place(registry_id=cast.orcid.id))):
        found = queries.cases(session, cast.actor(cast.people()[name]), place, period(cast))
        assert [(each.fate, each.lacked, each.solved) for each in found] == [
            (Fate.RETURNED, ("steps",), False),
            (Fate.RETURNED, ("steps",), False),
            (Fate.DECLINED, (), True),
        ]
    for name, place in (("samir", Place(consortium_id=cast.north.id)), ("dora", Place(registry_id=cast.orcid.id))):
        assert queries.cases(session, cast.actor(cast.people()[name]), place, period(cast)) == []


def test_a_decided_step_stays_away_until_it_happens_again(stage: Stage, cast: Cast, session: Session) -> None:
    assert proposed(cast, session) == [(Step.FIELD, "steps", 2)]
    what = {"key": key(cast), "decided": Decided.DECLINED, "reason": "It depends.", "period": period(cast)}
    with transaction() as unit:
        service.decide(unit, cast.actor(cast.leo), **what, now=cast.now + timedelta(minutes=5))
    assert proposed(cast, session) == []
    returned(cast, session, hours=2)
    assert proposed(cast, session, hours=3) == [(Step.FIELD, "steps", 3)]


def test_a_required_field_is_demanded_from_then_on_and_no_longer_proposed(
    stage: Stage, cast: Cast, session: Session
) -> None:
    with transaction() as unit:
        service.require(unit, cast.actor(cast.lena), key=key(cast), period=period(cast), now=cast.now)
    entry = catalogue.entry_for(session, ENTRY, cast.north.id)
    assert entry is not None and "steps" in entry.required_fields
    with pytest.raises(InvalidInput, match="Steps to repeat it"):
        Stage.set(cast, session).sent(steps="")
    assert proposed(cast, session) == []


def test_only_the_desk_decides_only_its_manager_requires_and_only_what_is_proposed(
    stage: Stage, cast: Cast, session: Session
) -> None:
    what = {"decided": Decided.DONE, "reason": "Done.", "period": period(cast), "now": cast.now}
    for who in (cast.samir, cast.rita, cast.alice, cast.ada):
        with pytest.raises(NotPermitted), transaction() as unit:
            service.decide(unit, cast.actor(who), key=key(cast), **what)  # type: ignore[arg-type]
    with pytest.raises(NotPermitted), transaction() as unit:
        service.require(unit, cast.actor(cast.leo), key=key(cast), period=period(cast), now=cast.now)
    with pytest.raises(NotFound), transaction() as unit:
        service.decide(unit, cast.actor(cast.leo), key=(*key(cast)[:3], "doi"), **what)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput), transaction() as unit:
        service.decide(unit, cast.actor(cast.leo), key=key(cast), **{**what, "reason": " "})  # type: ignore[arg-type]
    assert queries.decisions(session, [cast.north.id]) == {}


# ------------------------------------------------------------------ pages


def test_each_number_of_the_page_leads_to_its_cases(app: Flask, cast: Cast, stage: Stage) -> None:
    for name in ("lena", "rita"):
        visitor = browser(app, cast, name)
        page = visitor.get("/reports/learning").text
        assert "Require “Steps to repeat it” in every brief" in unescape(page)
        links = re.findall(r'href="(/reports/learning/cases[^"]*)">(\d+)', page)
        assert [int(count) for _, count in links] == [2, 1, 1, 2, 2]
        for link, count in links:
            assert visitor.get(unescape(link)).text.count("row-item") == int(count), link


def test_a_manager_requires_the_field_with_one_press_and_takes_it_back(app: Flask, cast: Cast, stage: Stage) -> None:
    lena, leo, rita = (browser(app, cast, name) for name in ("lena", "leo", "rita"))
    button = "Require it from now on"
    assert button in lena.get("/reports/learning").text
    assert button not in leo.get("/reports/learning").text + rita.get("/reports/learning").text
    sent = {"step": "field", "entry": ENTRY, "field": "steps"}
    assert leo.post("/reports/learning/require", data=sent).status_code == 404
    assert lena.post("/reports/learning/require", data=sent).status_code == 303
    page = lena.get("/reports/learning").text
    assert "Required beyond the catalogue" in page and "Required in every brief from now on." in page
    assert button not in page and "No longer require it" in page
    # The registry reads what was decided.
    page = rita.get("/reports/learning").text
    assert "Required beyond the catalogue" in page and "No longer require it" not in page
    assert lena.post("/reports/learning/waive", data=sent).status_code == 303
    assert "Required beyond the catalogue" not in lena.get("/reports/learning").text


def test_a_decision_without_a_reason_is_told_where_it_is_missing_and_kept_with_one(
    app: Flask, cast: Cast, stage: Stage
) -> None:
    leo = browser(app, cast, "leo")
    sent = {"step": "field", "entry": ENTRY, "field": "steps", "decided": "declined"}
    answer = leo.post("/reports/learning/decide", data=sent)
    assert answer.status_code == 422 and "what was done, or why not" in answer.text
    assert leo.post("/reports/learning/decide", data={**sent, "reason": "It depends."}).status_code == 303
    page = leo.get("/reports/learning").text
    assert "It depends." in page and "Not to be done" in page and "No step follows" in page
    assert leo.post("/reports/learning/decide", data={**sent, "step": "nonsense", "reason": "x"}).status_code == 404


def test_the_file_says_the_same_and_the_page_asks_as_often_for_many_cases(
    app: Flask, cast: Cast, session: Session, stage: Stage, clock: MovableClock
) -> None:
    lena = browser(app, cast, "lena")
    seen = []
    for _ in range(2):
        session.expire_all()
        with counted() as statements:
            lena.get("/reports/learning")
        seen.append(len(statements))
        for _ in range(3):
            returned(cast, session)
    assert seen[0] == seen[1] <= 12
    rows = list(csv.reader(io.StringIO(lena.get("/reports/learning.csv").get_data().decode("utf-8-sig"))))
    assert [row[2:5] + row[6:] for row in rows[1:]] == [["1", "1", "8", "Steps to repeat it: 8"]]
