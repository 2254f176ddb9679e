"""What is refused of hand-overs and registers: with a sentence, with a line on record, and without a leak.

A foreign ticket and a name upward are with the register (``tests/issues``), secrets in a brief with the escalations
(``tests/escalations``), a foreign number in a mail with the bridge (``tests/bridge``).
"""

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.bridge.models import Became
from desk.db import transaction
from desk.domain.lifecycle import State
from desk.escalations.models import Escalation
from desk.events.models import Event
from desk.issues import queries as issues
from desk.issues.models import Issue
from tests.bridge.crossing import Crossing, bridged
from tests.cast import Cast
from tests.delegation.scenes import Two
from tests.escalations.stage import Stage
from tests.issues.scenes import opened
from tests.tickets.scenes import browser

SCRIPT = "It helps. <img src=x onerror=alert(document.cookie)>"


def kept(session: Session, kind: str) -> list[Event]:
    session.rollback()
    session.expire_all()
    return list(session.scalars(sa.select(Event).where(Event.kind == kind)))


def test_a_hand_over_to_a_registry_of_elsewhere_is_refused_and_kept(app: Flask, cast: Cast, session: Session) -> None:
    stage = Stage.set(cast, session)
    prepared = stage.saved().id
    with transaction() as unit:
        found = unit.get_one(Escalation, prepared)
        found.registry_id = cast.datacite.id
    version = found.version
    path = f"/tickets/{stage.ticket.number}"
    page = browser(app, cast, cast.leo).post(f"{path}/escalate/send", data={"version": version})
    assert page.status_code == 422 and "does not belong to the registry" in page.text
    (event,) = kept(session, "escalation_refused")
    assert (event.ticket_id, event.actor_id, event.audience) == (stage.ticket.id, cast.leo.id, "lead")
    assert stage.ticket.state is State.NEW
    for stranger in (cast.dora, cast.rita):
        assert browser(app, cast, stranger).get(path).status_code == 404
    # The lead's team reads it on the ticket; the member does not.
    assert "does not belong" in browser(app, cast, cast.lena).get(path).text
    assert "does not belong" not in browser(app, cast, cast.alice).get(path).text


def test_a_number_of_another_escalation_is_refused_by_hand_too_and_kept(
    app: Flask, cast: Cast, session: Session
) -> None:
    bridged(cast)
    first, second = (Crossing(Stage.set(cast, session), app.config["DESK"]) for _ in range(2))
    first.sent()
    first.answers("Got it.", subject="[#4711] Re: first")
    second.sent()
    told = {"meaning": "fixed", "text": "They say that it is mended.", "reference": "4711"}
    path = f"/tickets/{second.stage.ticket.number}/registry-answer/new"
    page = browser(app, cast, cast.leo).post(path, data=told)
    assert page.status_code == 422 and "belongs to another escalation already" in page.text
    said = second.said()[-1]
    assert (said.became, said.recorded_by_id, said.link_id) == (Became.REFUSED, cast.leo.id, second.link.id)
    assert (second.state().value, second.reference()) == ("sent", None)


@pytest.mark.parametrize("door", ["publish", "update", "delegate", "draft"])
def test_a_published_text_with_script_is_refused_at_every_door_and_kept(
    app: Flask, cast: Cast, session: Session, door: str
) -> None:
    two = Two.set(cast) if door in ("delegate", "draft") else None
    number = two.number if two else opened(cast)
    if two is not None and door == "draft":
        two.said()
    draft = two.draft() if two and door == "draft" else None
    person, path, data = {
        "publish": (cast.leo, f"/issues/{number}/publish/{cast.north.id}", {"title": "Late", "text": SCRIPT}),
        "update": (cast.leo, f"/issues/{number}/updates", {"text": SCRIPT, "audience": "desks"}),
        "delegate": (
            cast.rita,
            f"/issues/{number}/delegate",
            {"text": "Seen.", "member_text": SCRIPT, "to": "investigating", "version": "1"},
        ),
        "draft": (
            cast.leo,
            f"/drafts/{draft.id if draft else 0}",
            {"title": "Late", "text": SCRIPT, "version": draft.version if draft else 0, "send": "1"},
        ),
    }[door]
    page = browser(app, cast, person).post(path, data=data)
    assert page.status_code == 422 and "It holds script as HTML" in page.text
    assert "<img src=x" not in page.text
    (event,) = kept(session, "issue_refused")
    assert event.payload == {"what": "a published text with script"} and event.actor_id == person.id
    issue = session.get_one(Issue, event.issue_id)
    assert issues.publication(session, issue.id, cast.north.id) is None
    for each in session.scalars(sa.select(Event)):
        assert "onerror" not in str(each.payload), each.kind
