"""The subject names somebody: masked for the registry on every door until consent came with a sending."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.briefs import queries as briefs
from desk.db import transaction
from desk.domain.escalation import Consent, ReturnReason
from desk.escalations import service
from desk.issues.forms import said_by_ticket
from desk.mail import notify
from desk.mail.models import OutboundMail
from desk.tickets import queries as tickets
from tests.cast import Cast
from tests.escalations.stage import Stage

SUBJECT = "0000-0002-1825-0097 (josiah@brown.example) cannot sign in"
MASKED = "0000-••••-••••-0097 (•••@brown.example) cannot sign in"


@pytest.fixture
def named(cast: Cast, session: Session) -> Stage:
    """A ticket whose subject names a researcher."""
    return Stage.set(cast, session, subject=SUBJECT)


@pytest.fixture
def see(app: Flask, cast: Cast) -> Callable[[str, str], str]:
    """A page as somebody sees it."""

    def page(name: str, path: str) -> str:
        browser: FlaskClient = cast.sign_in(app.test_client(), cast.people()[name])
        answer = browser.get(path)
        assert answer.status_code == 200, path
        return answer.text

    return page


def mails(app: Flask, session: Session, stage: Stage) -> dict[str, str]:
    """What was mailed to whom so far."""
    settings = app.config["DESK"]
    while True:
        with transaction() as unit:
            if not notify.expand_one(unit, settings=settings, now=stage.cast.now + stage.passed):
                break
    rows = session.scalars(sa.select(OutboundMail)).all()
    told: dict[str, str] = {}
    for row in rows:
        told[row.to_address] = told.get(row.to_address, "") + row.subject + row.text + row.html
    return told


def test_every_page_and_mail_of_the_registry_shows_the_subject_masked(
    app: Flask, named: Stage, cast: Cast, session: Session, see: Callable[[str, str], str]
) -> None:
    named.accepted(consent=Consent.NOT_GIVEN)
    number = named.ticket.number
    doors = ("/escalations", f"/tickets/{number}", f"/tickets/{number}/clocks", f"/tickets/{number}/clocks/panel")
    for path in (*doors, f"/escalations/{number}/return", f"/issues/new?ticket={number}"):
        page = see("rita", path)
        assert "josiah" not in page, path
        assert "1825" not in page, path
        assert "•••@brown.example" in page, path
    assert SUBJECT in see("leo", f"/tickets/{number}")
    assert SUBJECT in see("leo", "/escalations/sent")
    assert SUBJECT in see("alice", f"/tickets/{number}")
    told = mails(app, session, named)
    assert MASKED in told["rita@orcid.example"]
    assert "josiah" not in told["rita@orcid.example"] + told["ruth@orcid.example"]
    assert SUBJECT in told["leo@north.example"]
    assert SUBJECT in told["alice@alder.example"]
    assert said_by_ticket(session, cast.actor(cast.rita), number)["title"] == MASKED


def test_the_registry_reads_what_the_preview_showed(named: Stage, cast: Cast, session: Session) -> None:
    for consent, shown in ((Consent.NOT_GIVEN, MASKED), (Consent.GIVEN, SUBJECT), (Consent.NOT_INVOLVED, MASKED)):
        escalation = named.saved(consent=consent)
        assert briefs.preview(session, named.ticket, escalation).subject == shown
        named.does(cast.leo, service.send)
        assert tickets.subject_for(session, cast.actor(cast.rita), named.ticket) == shown
        assert tickets.subject_at(session, named.ticket, cast.orcid.id) == shown
        named.does(cast.rita, service.return_, reason=ReturnReason.CONSENT, text="Please ask.")


def test_an_export_of_the_registry_masks_too(named: Stage, cast: Cast, session: Session) -> None:
    named.sent(consent=Consent.NOT_GIVEN)
    several = {named.ticket.id: SUBJECT, 7: "Nothing to hide"}
    shown = tickets.subjects_for(session, cast.actor(cast.rita), several)
    assert shown == {named.ticket.id: MASKED, 7: "Nothing to hide"}
    assert tickets.subjects_for(session, cast.actor(cast.leo), several) == several
