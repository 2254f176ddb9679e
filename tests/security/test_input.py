"""Odd, huge and hostile input at the doors of the web: a sentence, never a fault, and nobody waits for it."""

import time

import pytest
from flask import Flask, current_app
from flask.testing import FlaskClient

from desk import markup
from desk.accounts import service as people
from desk.accounts.views import safe_target
from desk.domain.errors import InvalidInput
from tests.cast import Cast
from tests.tickets.scenes import browser, filed

ELSEWHERE = ["//evil.example", "///evil.example", "/\\evil.example", "/\t/evil.example", "/ /evil.example"]
ELSEWHERE += ["https:evil.example", "https://evil.example", "javascript:1", "//[", "http://[", "\\\\evil.example", ""]


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_sign_in_leads_to_a_page_of_ours_whatever_was_asked_for(app: Flask, wanted: str) -> None:
    with current_app.test_request_context():
        assert safe_target(wanted) == "/"


def test_a_form_of_very_many_fields_is_refused_before_it_is_read(app: Flask, client: FlaskClient) -> None:
    began = time.process_time()
    answer = client.post("/sign-in", data="&".join(["a="] * 400_000), content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 413
    assert time.process_time() - began < 1


def test_a_field_of_many_megabytes_is_refused(app: Flask, client: FlaskClient) -> None:
    assert client.post("/sign-in", data={"email": "a@b.example", "password": "p" * 10_000_000}).status_code == 413


def test_an_upload_over_the_limit_is_refused(app: Flask, cast: Cast) -> None:
    too_much = b"x" * (app.config["DESK"].max_upload_bytes + 1)
    reply = f"/tickets/{filed(cast)}/reply"
    answer = browser(app, cast, cast.alice).post(reply, data=too_much, content_type="multipart/form-data; boundary=b")
    assert answer.status_code == 413


@pytest.mark.parametrize("piece", ["(", "[", "\\(", "*a", "_", "`a", "<", ">\n", "|a", "&", "![", "[a](", "* \n"])
def test_text_made_to_be_slow_is_rendered_in_time(piece: str) -> None:
    """Rendering happens inside the unit of work: while it lasts, nobody else writes."""
    text = (piece * markup.MARKDOWN_LENGTH)[: markup.MARKDOWN_LENGTH]
    began = time.process_time()
    markup.markdown(text)
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Eve\x1b[2K\x07", "Eve[2K"),
        ("ecilA\u202e", "ecilA"),
        ("Ali\u200bce\ud800", "Alice"),
        ("A\r\nBcc: x@y.example", "A Bcc: x@y.example"),
        ("نام\u200cها", "نام\u200cها"),
    ],
)
def test_a_name_keeps_nothing_that_cannot_be_seen(typed: str, kept: str) -> None:
    assert people.clean_name(typed) == kept


def test_a_name_of_which_nothing_can_be_seen_is_no_name() -> None:
    with pytest.raises(InvalidInput):
        people.clean_name("\u202e\u200b\u200d")
