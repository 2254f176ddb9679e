"""Alive and ready, for machines that watch: what is wrong is named, and nothing of anybody is told."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from desk.db import transaction
from desk.events import service as events
from desk.health import queries
from desk.mail.models import InboundMail, InboundState, OutboundMail, OutboundState
from tests.cast import Cast
from tests.clock import MovableClock


def test_the_process_is_alive_without_asking_anything(client: FlaskClient) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "alive"})


def test_a_fresh_desk_is_ready(cast: Cast, client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ready", "wrong": []})


def test_jobs_that_stand_still_are_named(cast: Cast, client: FlaskClient, clock: MovableClock) -> None:
    with transaction() as session:
        events.record(session, "answered", at=cast.now)
    assert client.get("/readyz").status_code == 200
    clock.move(timedelta(minutes=20))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None and "flask jobs run" in answer.json["wrong"][0]


def test_mail_in_quarantine_is_named_without_its_sender(cast: Cast, client: FlaskClient) -> None:
    with transaction() as session:
        session.add(
            InboundMail(
                mailbox="north@desk.example",
                message_id="1@a.example",
                content_sha256="0" * 64,
                key="0" * 64,
                size=1,
                received_at=cast.now,
                state=InboundState.QUARANTINED,
                sender="secret@person.example",
            )
        )
    answer = client.get("/readyz")
    assert answer.status_code == 200  # a stranger's mail must not take the desk out of service
    assert "quarantine" in answer.text and "secret@" not in answer.text


@pytest.mark.parametrize(
    ("reason", "named"),
    [
        ("550 5.1.1 No such user", True),
        ("The letter could not be written; the log says why.", True),
        ("Held back: 3 automatic mails went to this address within a day.", False),
    ],
)
def test_mail_that_was_given_up_is_named_but_not_what_was_held_back_on_purpose(
    cast: Cast, client: FlaskClient, reason: str, named: bool
) -> None:
    with transaction() as session:
        session.add(
            OutboundMail(
                to_address="secret@person.example",
                message_id="2@desk.example",
                from_header="North",
                subject="Your request",
                text="We received it.",
                state=OutboundState.DEAD,
                created_at=cast.now,
                next_try_at=cast.now,
                last_error=reason,
            )
        )
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert ("given up" in answer.text) is named


def test_a_database_away_is_a_sentence_and_not_a_trace(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("password=hidden"))

    monkeypatch.setattr(queries, "complaints", away)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "database cannot be reached" in answer.text and "hidden" not in answer.text and "SELECT" not in answer.text
