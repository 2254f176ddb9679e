"""Escalations that look alike, and the issue that is opened with them in one press."""

import re

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from desk.clusters import queries, service
from desk.db import transaction
from desk.domain.errors import Conflict, NotPermitted
from desk.domain.register import IssueState
from desk.issues.models import Issue, IssueTicket
from tests.cast import Cast
from tests.escalations.stage import Stage
from tests.issues.scenes import linked, opened

CODE = "9017"


@pytest.fixture
def stages(cast: Cast, session: Session) -> list[Stage]:
    """Two hand-overs with the same error code, from two members, and one of another kind."""
    one = Stage.set(cast, session)
    other = Stage.set(cast, session, subject="Nobody of Alder can sign in", text="Error again.")
    lone = Stage.set(cast, session, subject="Search", text="Something else.", catalogue_key="orcid-api-not-found")
    for stage in (one, other):
        stage.sent(error_code=CODE)
    lone.sent(error_code="404", error_text="Nothing found", asked="Please search.", tried="Searched.")
    return [one, other]


def groups(cast: Cast, session: Session) -> list[list[int]]:
    return [[row.ticket for row in each.rows] for each in queries.alike(session, cast.actor(cast.rita), cast.orcid.id)]


def test_what_looks_alike_and_has_no_issue_is_found(cast: Cast, session: Session, stages: list[Stage]) -> None:
    assert groups(cast, session) == [[stage.ticket.number for stage in stages]]
    (found,) = queries.alike(session, cast.actor(cast.rita), cast.orcid.id)
    assert CODE in found.common.codes and found.members == 1
    assert queries.alike(session, cast.actor(cast.dora), cast.orcid.id) == []


def test_one_press_opens_an_issue_that_explains_them_and_names_nobody(
    app: Flask, cast: Cast, session: Session, stages: list[Stage]
) -> None:
    visitor = cast.sign_in(app.test_client(), cast.rita)
    page = visitor.get("/reports/look-alikes").text
    tickets = re.search(r'name="tickets" value="([^"]*)"', page)
    assert tickets is not None and "Open an issue with these 2" in page
    answer = visitor.post("/reports/look-alikes", data={"tickets": tickets[1]})
    session.rollback()
    issue = session.query(Issue).one()
    assert (answer.status_code, answer.location) == (303, f"/issues/{issue.number}")
    assert (issue.registry_id, issue.state, issue.service) == (cast.orcid.id, IssueState.IDENTIFIED, "ORCID")
    assert issue.catalogue_key == stages[0].ticket.catalogue_key and CODE in issue.title
    # Every lead of the registry reads it.
    for secret in ("Alder", "Alice", "Institutional", "0000-0002", "josiah"):
        assert secret not in f"{issue.title} {issue.symptom} {issue.identifiers}"
    assert {each.ticket_id for each in session.query(IssueTicket)} == {stage.ticket.number for stage in stages}
    assert groups(cast, session) == []
    # Pressed again, or by two people at once: the second is told.
    again = visitor.post("/reports/look-alikes", data={"tickets": tickets[1]})
    assert again.status_code == 409 and "Meanwhile these have an issue" in again.text
    session.rollback()
    assert session.query(Issue).count() == 1


def test_an_issue_that_only_the_lead_keeps_does_not_hide_them_from_the_registry(
    cast: Cast, session: Session, stages: list[Stage]
) -> None:
    own = opened(cast)
    linked(cast, cast.leo, own, *(stage.ticket.number for stage in stages))
    assert len(groups(cast, session)) == 1


def test_nobody_else_opens_one_and_foreign_tickets_are_not_taken(
    cast: Cast, session: Session, stages: list[Stage]
) -> None:
    numbers = [stage.ticket.number for stage in stages]
    for who, refusal in ((cast.dora, Conflict), (cast.leo, NotPermitted), (cast.alice, Conflict)):
        with pytest.raises(refusal), transaction() as unit:
            service.open_issue_with(unit, cast.actor(who), registry_id=cast.orcid.id, numbers=numbers, now=cast.now)
    with pytest.raises(Conflict), transaction() as unit:
        registry = {"registry_id": cast.datacite.id, "numbers": numbers}
        service.open_issue_with(unit, cast.actor(cast.dora), **registry, now=cast.now)  # type: ignore[arg-type]
    session.rollback()
    assert session.query(Issue).count() == 0
