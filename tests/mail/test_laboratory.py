"""The mail laboratory: what would be read of a message and done with it, shown to managers, and nothing changed."""

import io
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from desk.config import Settings
from desk.mail import forms, intake
from tests.cast import Cast
from tests.mail.corpus import CORPUS
from tests.security.test_foreign import stored
from tests.tickets.scenes import filed

NORTH = "north@desk.example"
PROVED = "Authentication-Results: desk.example; dmarc=pass header.from="


def source(sender: str, subject: str = "Cannot get a token", text: str = "It says invalid.", *, head: str = "") -> str:
    return f"{head}From: {sender}\nTo: {NORTH}\nSubject: {subject}\nMessage-ID: <1@mail.example>\n\n{text}\n"


def tried(client: FlaskClient, pasted: str = "", *, mailbox: str = NORTH, file: bytes | None = None) -> TestResponse:
    data: dict[str, Any] = {"mailbox": mailbox, "pasted": pasted}
    if file is not None:
        data["file"] = (io.BytesIO(file), "mail.eml")
    return client.post("/mail/laboratory", data=data, content_type="multipart/form-data")


@pytest.fixture
def lena(cast: Cast, client: FlaskClient) -> FlaskClient:
    return cast.sign_in(client, cast.lena)


def test_it_says_what_would_be_read_and_done_and_why(cast: Cast, lena: FlaskClient) -> None:
    page = tried(lena, source(f"Alice <{cast.alice.email}>", head=f"{PROVED}birch.example\n")).text
    assert "It would open a ticket" in page
    assert "It names no ticket." in page
    assert "Cannot get a token" in page and "It says invalid." in page
    assert cast.alice.email in page
    assert "authentication: " in page


def test_a_file_is_read_as_a_pasted_source_is(lena: FlaskClient) -> None:
    page = tried(lena, file=(CORPUS / "absence.eml").read_bytes()).text
    assert "It would be held" in page
    assert "Automatic answer" in page


def test_quotations_and_files_are_shown_apart(lena: FlaskClient) -> None:
    quoted = "Thank you, that helps.\n\nOn Mon, 2 Mar 2026 at 10:00, North wrote:\n> Please try again.\n"
    page = tried(lena, source("bob@birch.example", text=quoted)).text
    new, _, whole = page.partition("The whole text, with what would be folded")
    assert "Thank you, that helps." in new and "Please try again." not in new
    assert "Please try again." in whole
    assert "attachments" not in page
    page = tried(lena, file=(CORPUS / "attachments.eml").read_bytes()).text
    assert "<li>" in page.partition("<dt>Files</dt>")[2].partition("</dl>")[0]


def test_a_sender_in_doubt_is_said_to_be(lena: FlaskClient) -> None:
    assert "In doubt: " in tried(lena, source("a@good.example, b@evil.example")).text


def test_secrets_are_masked_as_on_arrival(lena: FlaskClient) -> None:
    secret = "Bearer 0d9e1c2b-4f5a-4b6c-8d7e-9f0a1b2c3d4e"
    page = tried(lena, source("bob@birch.example", text=f"curl -H 'Authorization: {secret}'")).text
    assert secret not in page.partition("Try another message")[0]  # below it stands what was typed
    assert "Removed on arrival" in page


def test_a_ticket_is_named_to_who_may_read_it(cast: Cast, lena: FlaskClient) -> None:
    number = filed(cast)
    page = tried(lena, source(cast.alice.email, f"[#{number}] more", head=f"{PROVED}alder.example\n")).text
    assert f'href="/tickets/{number}"' in page


def test_a_ticket_of_others_looks_like_one_that_is_not_there(cast: Cast, app: Flask) -> None:
    number = filed(cast)
    south = cast.sign_in(app.test_client(), cast.sofia)
    pages = [
        tried(south, source(cast.alice.email, f"[#{each}] more"), mailbox="south@desk.example").text
        for each in (number, 4711)
    ]
    for page in pages:
        assert "It names no ticket." in page
        assert "/tickets/" not in page


def test_an_answer_about_a_ticket_that_the_reader_cannot_open_is_withheld(
    cast: Cast, app: Flask, settings: Settings, now: datetime
) -> None:
    raw = source(cast.alice.email, text="A first mail.").encode()
    mail_id = intake.accept(raw, mailbox=NORTH, envelope_from="", settings=settings, now=now)
    intake.read_one(mail_id, settings, now)
    answer = source("carla@cedar.example", head="In-Reply-To: <1@mail.example>\n").replace("<1@mail", "<2@mail", 2)
    answer = answer.replace("In-Reply-To: <2@", "In-Reply-To: <1@")
    page = tried(cast.sign_in(app.test_client(), cast.sofia), answer, mailbox="south@desk.example").text
    assert "What would be done is not shown" in page
    assert "known" not in page.lower() or "ticket 1" not in page
    assert "/tickets/" not in page
    assert 'href="/tickets/1"' in tried(cast.sign_in(app.test_client(), cast.lena), answer).text


def test_whether_an_address_has_an_account_is_not_told(cast: Cast, lena: FlaskClient) -> None:
    """Both are proved and neither may write on the ticket; one of them works for another consortium."""
    number = filed(cast)
    pages = []
    for sender in (cast.carla.email, "nobody@cedar.example"):
        head = f"{PROVED}{sender.partition('@')[2]}\n"
        pages.append(tried(lena, source(sender, f"[#{number}] more", head=head)).text.replace(sender, "X"))
    shown = [page.partition('id="would"')[2].partition('id="read"')[0] for page in pages]
    assert shown[0] == shown[1]
    assert "may not write" in shown[0]


def test_what_came_already_would_do_nothing(cast: Cast, lena: FlaskClient, settings: Settings, now: datetime) -> None:
    raw = source(cast.alice.email)
    mail_id = intake.accept(raw.encode(), mailbox=NORTH, envelope_from="", settings=settings, now=now)
    intake.read_one(mail_id, settings, now)
    assert "The same mail came for this address already." in tried(lena, raw).text


def test_nothing_is_changed(cast: Cast, lena: FlaskClient, session: Session, settings: Settings) -> None:
    number = filed(cast)
    before, files = stored(session), files_in(settings)
    for path in sorted(CORPUS.glob("*.eml")):
        assert tried(lena, file=path.read_bytes()).status_code == 200, path.name
    for head in ("", f"{PROVED}alder.example\n"):
        assert tried(lena, source(cast.alice.email, f"[#{number}] more", head=head)).status_code == 200
    assert stored(session) == before
    assert files_in(settings) == files


def files_in(settings: Settings) -> set[Path]:
    """What is kept beside the database."""
    return {path for path in settings.INSTANCE.rglob("*") if path.is_file() and "desk.db" not in path.name}


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00",
        b"\xff\xfe" * 50,
        b"From: " + b"<" * 5000 + b"\n\nx",
        b"Subject: =?utf-8?b?" + b"A" * 3000 + b"\n\nx",
        b"From: a@b.example\nMIME-Version: 1.0\nContent-Type: text/html\n\n<script>alert(1)</script><p>seen</p>",
        b"From: a\x00b@c.example\nSubject: a\x00\n\n\x00x",
        b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n" * 3000,
        b"From: \xed\xa0\x80@x.example\nMessage-ID: <\xed\xa0\x80>\n\nx",
    ],
)
def test_hostile_mail_gets_an_answer_and_nothing_of_it_runs(lena: FlaskClient, raw: bytes) -> None:
    answer = tried(lena, file=raw)
    assert answer.status_code == 200
    assert "What was read" in answer.text or "would be" in answer.text
    assert "<script>alert" not in answer.text


def test_a_message_that_is_too_large_is_refused_with_a_sentence(
    lena: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "LARGEST", 2_000)
    for page in (
        tried(lena, file=b"Subject: x\n\n" + b"x" * 2_000).text,
        tried(lena, "Subject: x\n\n" + "x" * 2_000).text,
    ):
        assert "larger than 2 kB, the most that the laboratory reads" in page
        assert "What was read" not in page


def test_a_message_is_asked_for(lena: FlaskClient) -> None:
    assert "Choose a file or paste the source of a message." in tried(lena).text
    assert "not both" in tried(lena, "Subject: x\n\nx", file=b"Subject: y\n\ny").text


def test_only_the_addresses_of_ones_own_desk_can_be_chosen(cast: Cast, app: Flask, lena: FlaskClient) -> None:
    page = lena.get("/mail/laboratory").text
    assert NORTH in page and "south@desk.example" not in page and "orcid@desk.example" not in page
    assert "What was read" not in tried(lena, source("a@b.example"), mailbox="south@desk.example").text
    ruth = cast.sign_in(app.test_client(), cast.ruth)
    page = ruth.get("/mail/laboratory").text
    assert "orcid@desk.example" in page and NORTH not in page
    page = tried(ruth, source("a@b.example"), mailbox="orcid@desk.example").text
    assert "It would be held" in page and "not known which consortium" in page
    page = tried(ruth, source(cast.alice.email), mailbox="orcid@desk.example").text
    assert "It would open a ticket" in page and "Northern Consortium answers its members first" in page


@pytest.mark.parametrize("name", ["alice", "olga", "bob", "leo", "samir", "rita", "ada"])
@pytest.mark.parametrize("path", ["/mail/laboratory", "/mail/letters", "/mail/letters/html?kind=opened&to=member"])
def test_nobody_but_managers_gets_in(cast: Cast, client: FlaskClient, name: str, path: str) -> None:
    cast.sign_in(client, cast.people()[name])
    assert client.get(path).status_code == 404
    if path == "/mail/laboratory":
        assert tried(client, source("a@b.example")).status_code == 404


def test_the_mail_screen_leads_to_both(lena: FlaskClient) -> None:
    page = lena.get("/mail").text
    assert 'href="/mail/laboratory"' in page and 'href="/mail/letters"' in page
