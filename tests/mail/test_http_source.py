"""The HTTP door for mail gateways: nothing without the signature, each message once, each refusal with a sentence."""

import subprocess
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from desk.db import db
from desk.mail.api import signature
from desk.mail.models import InboundMail
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.clock import MovableClock
from tests.conftest import dispose, make_app
from tests.servers.desk import Desk
from tests.servers.engines import missing, program

SECRET = "a secret of the gateway, long enough to be accepted"
NORTH = "north@desk.example"
LETTER = (
    f"From: Alice Alder <alice@alder.example>\r\nTo: {NORTH}\r\nSubject: Sign-in fails\r\n"
    "Message-ID: <sign-in@alder.example>\r\n\r\nSince this morning.\r\n"
).encode()


@pytest.fixture
def app(app: Flask) -> Flask:
    """With the door open, and forms that need their token as in production."""
    settings = app.config["DESK"]
    object.__setattr__(settings, "MAIL_HOOK_SECRET", SECRET)
    app.config["WTF_CSRF_ENABLED"] = True
    return app


def post(
    client: FlaskClient,
    now: datetime,
    raw: bytes = LETTER,
    mailbox: str = NORTH,
    *,
    secret: str = SECRET,
    **headers: str | None,
) -> TestResponse:
    """A message as a gateway sends it; ``headers`` replaces or leaves out what it says of it."""
    timestamp = str(int(now.timestamp()))
    said: dict[str, Any] = {
        "Mailbox": mailbox,
        "Timestamp": timestamp,
        "Signature": signature(secret, timestamp, mailbox, raw),
    } | headers
    named = {f"X-Desk-{name}": value for name, value in said.items() if value is not None}
    return client.post("/mail/incoming", data=raw, headers=named, content_type="message/rfc822")


def kept(session: Session) -> int:
    session.rollback()
    return session.scalar(sa.select(sa.func.count()).select_from(InboundMail)) or 0


def test_a_signed_message_is_kept(
    cast: Cast, client: FlaskClient, session: Session, clock: MovableClock, now: datetime
) -> None:
    answer = post(client, now)
    assert (answer.status_code, answer.get_json()["kept"]) == (200, True)
    mail = session.scalars(sa.select(InboundMail)).one()
    assert (mail.mailbox, mail.consortium_id, mail.subject) == (NORTH, cast.north.id, "Sign-in fails")


def test_the_same_message_again_is_recognised(
    cast: Cast, client: FlaskClient, session: Session, clock: MovableClock, now: datetime
) -> None:
    assert [post(client, now).status_code for _ in range(3)] == [200, 200, 200]
    assert kept(session) == 1
    assert session.scalars(sa.select(InboundMail.repeats)).one() == 2


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"secret": "another secret"}, 401),
        ({"Signature": None}, 401),
        ({"Signature": ""}, 401),
        ({"Signature": "é"}, 401),
        ({"Mailbox": "south@desk.example"}, 401),
        ({"Mailbox": None}, 400),
        ({"Timestamp": None}, 400),
        ({"Timestamp": "now"}, 400),
        ({"Timestamp": "-5"}, 400),
        ({"Timestamp": "9" * 12}, 401),
        ({"raw": b""}, 400),
    ],
)
def test_nothing_is_kept_without_the_right_signature(
    cast: Cast,
    client: FlaskClient,
    session: Session,
    clock: MovableClock,
    now: datetime,
    change: dict[str, Any],
    status: int,
) -> None:
    answer = post(client, now, **change)
    assert answer.status_code == status
    assert answer.get_json()["kept"] is False
    assert answer.get_json()["sentence"].endswith(".")
    assert kept(session) == 0


def test_a_message_of_more_than_five_minutes_ago_or_ahead_is_refused(
    cast: Cast, client: FlaskClient, session: Session, clock: MovableClock, now: datetime
) -> None:
    for minutes in (-6, 6):
        assert post(client, now + timedelta(minutes=minutes)).status_code == 401
    assert kept(session) == 0
    for minutes in (-4, 4):
        assert post(client, now + timedelta(minutes=minutes)).status_code == 200


def test_an_unknown_mailbox_is_asked_to_try_later(
    cast: Cast, client: FlaskClient, session: Session, clock: MovableClock, now: datetime
) -> None:
    answer = post(client, now, mailbox="nobody@desk.example")
    assert answer.status_code == 503
    assert "not an address of this desk" in answer.get_json()["sentence"]
    assert kept(session) == 0


def test_a_message_that_is_too_large_is_refused_before_it_is_read(
    app: Flask, cast: Cast, client: FlaskClient, session: Session, clock: MovableClock, now: datetime
) -> None:
    object.__setattr__(app.config["DESK"], "MAX_MAIL_MB", 1)
    answer = post(client, now, LETTER + b"large\r\n" * 2**18)
    assert answer.status_code == 413
    assert "larger than 1 MB" in answer.get_json()["sentence"]


def test_a_message_may_be_larger_than_an_upload(
    app: Flask, cast: Cast, client: FlaskClient, session: Session, clock: MovableClock, now: datetime
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 1024
    assert post(client, now, LETTER + b"large\r\n" * 2**10).status_code == 200


def test_a_disk_that_takes_nothing_is_said_without_a_word_about_it(
    cast: Cast, client: FlaskClient, session: Session, clock: MovableClock, now: datetime, desk: Desk
) -> None:
    (desk.folder / "attachments").touch()  # a file where the folder should be
    answer = post(client, now)
    assert answer.status_code == 503
    assert answer.get_json()["sentence"] == "The message could not be kept at the moment; please try again later."


def test_without_a_secret_there_is_no_such_door(database_url: str, tmp_path: Any, now: datetime) -> None:
    closed = make_app(database_url, tmp_path)
    with closed.app_context():
        assert post(closed.test_client(), now).status_code == 404
        dispose()


def test_a_message_sent_by_curl_becomes_a_ticket(cast: Cast, desk: Desk, session: Session, now: datetime) -> None:
    """As the README has it."""
    if program("curl", "/usr/bin") is None or program("openssl", "/usr/bin") is None:
        missing("curl", "curl or openssl is not installed")
    session.rollback()
    desk.env |= {"DESK_MAIL_HOOK_SECRET": SECRET, "TEST_SECRET": SECRET}
    _, base = desk.gunicorn(workers=1)
    (desk.folder / "mail.eml").write_bytes(LETTER)
    script = f"""
        TIME={int(now.timestamp())}
        SIGNATURE=$( (printf '%s\\n%s\\n' "$TIME" {NORTH}; cat mail.eml) |
            openssl dgst -sha256 -hmac "$TEST_SECRET" -r | cut -d' ' -f1)
        curl --fail --silent --data-binary @mail.eml -H 'Content-Type: message/rfc822' -H "X-Desk-Mailbox: {NORTH}" \\
            -H "X-Desk-Timestamp: $TIME" -H "X-Desk-Signature: $SIGNATURE" {base}/mail/incoming
    """
    done = subprocess.run(["sh", "-c", script], cwd=desk.folder, env=desk.env, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    desk.do("jobs", "tick", "--until-idle")
    session.rollback()
    assert session.scalar(sa.select(sa.func.count()).select_from(Ticket)) == 1
    db.session.rollback()
