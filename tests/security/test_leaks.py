"""What must not get out by the way: logs, caches, sizes and times, and the answer for machines that watch."""

import statistics
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.accounts import service as people
from desk.accounts.models import SignInAttempt
from desk.app import create_app
from desk.conversations.models import Attachment
from desk.conversations.service import File
from desk.db import transaction
from desk.mail.models import OutboundMail, OutboundState
from tests.cast import Cast
from tests.tickets.scenes import browser, filed


def test_an_error_of_the_database_does_not_put_what_people_wrote_into_the_log(app: Flask, session: Session) -> None:
    with pytest.raises(sa.exc.DBAPIError) as refused, transaction() as unit:
        unit.execute(sa.text("INSERT INTO no_such_table VALUES (:text)"), {"text": "alice@alder.example"})
    assert "alice@alder.example" not in str(refused.value)


def test_a_file_is_kept_by_no_cache_and_never_runs(app: Flask, cast: Cast, session: Session) -> None:
    page = File("page.html", b"<script>fetch('/pwn')</script>")
    filed(cast, files=(page, File("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='a()'/>")))
    for attachment in session.scalars(sa.select(Attachment)):
        answer = browser(app, cast, cast.alice).get(f"/attachments/{attachment.id}")
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("sandbox")
        assert answer.mimetype == "text/plain"


@pytest.mark.parametrize("path", ["/", "/sign-in", "/tickets", "/nothing", "/healthz", "/link/nothing"])
def test_every_answer_carries_the_headers_that_protect_it(app: Flask, cast: Cast, path: str) -> None:
    answer = browser(app, cast, cast.alice).get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe-inline" not in policy
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_asking_for_a_link_writes_a_row_for_anybody(app: Flask, cast: Cast, client: FlaskClient) -> None:
    """A commit with nothing to write is quicker: the time of the answer told who has an account."""
    for address in (cast.alice.email, "nobody@alder.example"):
        before = _attempts()
        answer = client.post("/sign-in", data={"email": address, "way": "link"})
        assert answer.status_code == 200
        assert _attempts() == before + 1


def _attempts() -> int:
    with transaction() as unit:
        return unit.scalar(sa.select(sa.func.count()).select_from(SignInAttempt)) or 0


def test_links_for_many_people_are_not_asked_for_from_one_network(cast: Cast, client: FlaskClient) -> None:
    answers = [
        client.post("/sign-in", data={"email": f"{number}@alder.example", "way": "link"}).status_code
        for number in range(people.ATTEMPTS_PER_NETWORK + 1)
    ]
    assert answers == [200] * people.ATTEMPTS_PER_NETWORK + [429]


def test_known_and_unknown_addresses_take_the_same_time_to_refuse(cast: Cast, client: FlaskClient) -> None:
    with transaction() as unit:
        people.set_password(unit, unit.merge(cast.alice), "a few good words", now=cast.now)
    times: dict[str, list[float]] = {cast.alice.email: [], "nobody@alder.example": []}
    for _ in range(5):
        for address, taken in times.items():
            began = time.process_time()
            client.post("/sign-in", data={"email": address, "password": "wrong, and wrong again"})
            taken.append(time.process_time() - began)
    known, unknown = (statistics.median(taken) for taken in times.values())
    assert 0.5 < known / unknown < 2


def test_a_mail_that_comes_back_does_not_take_the_desk_out_of_service(cast: Cast, client: FlaskClient) -> None:
    """Anybody can send a mail whose receipt cannot be delivered; a balancer must not believe the desk down for it."""
    with transaction() as session:
        session.add(
            OutboundMail(
                to_address="gone@else.example",
                message_id="1@desk.example",
                envelope_from="",
                from_header="desk@desk.example",
                reply_to="",
                in_reply_to="",
                references=[],
                subject="Receipt",
                text="We have it.",
                html="",
                automatic=True,
                state=OutboundState.DEAD,
                attempts=1,
                created_at=cast.now,
                next_try_at=cast.now,
                last_error="550 no such user",
            )
        )
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert "could not be delivered" in answer.text and "gone@" not in answer.text


@pytest.mark.parametrize("path", ["/demo/mail", "/demo/mail/write", "/demo/mail/x", "/demo/mail/x/html", "/console"])
def test_pages_of_the_demo_do_not_exist_in_a_desk_in_use(app: Flask, cast: Cast, path: str) -> None:
    assert not app.config["DESK"].DEMO and not app.debug
    for client in (app.test_client(), browser(app, cast, cast.lena)):
        assert client.get(path).status_code == 404
        assert client.post(path).status_code == 404


HOSTS = [{"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}, {"X-Remote-User": "lena@north.example"}]
HOSTS += [
    {"Forwarded": "host=evil.example"},
    {"X-Forwarded-For": "<script>"},
    {"Referer": "http://evil.example/<script>"},
]


@pytest.mark.parametrize("headers", HOSTS, ids=str)
def test_headers_of_the_request_name_neither_host_nor_person(
    cast: Cast, client: FlaskClient, headers: dict[str, str]
) -> None:
    led = client.get("/queue", headers=headers)
    assert led.status_code == 302 and led.location.startswith("/sign-in")
    page = client.get("/sign-in", headers=headers)
    assert "evil.example" not in page.text and "<script>" not in page.text


def test_what_the_desk_keeps_is_for_its_own_user_only(tmp_path: Path) -> None:
    settings = {"SECRET_KEY": "k" * 32, "INSTANCE": tmp_path / "instance", "TESTING": True}
    create_app(settings | {"DATABASE_URL": f"sqlite:///{tmp_path / 'instance' / 'desk.db'}"})
    assert (tmp_path / "instance").stat().st_mode & 0o077 == 0
