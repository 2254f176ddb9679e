"""Signing in and out with a browser: what a cookie is worth, and when it is worth nothing any more."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from desk.accounts import service
from desk.accounts.models import TokenPurpose
from desk.db import transaction
from tests.cast import Cast

PASSWORD = "quiet harbour morning"


@pytest.fixture
def password(cast: Cast) -> str:
    with transaction() as session:
        service.set_password(session, session.merge(cast.alice), PASSWORD, now=cast.now)
    return PASSWORD


def sign_in(client: FlaskClient, password: str, target: str = "") -> str:
    form = {"email": "alice@alder.example", "password": password, "way": "password"}
    answer = client.post(f"/sign-in?next={target}", data=form)
    return str(answer.headers.get("Location", answer.status))


def words(page: str, email: str) -> str:
    """A page without what differs at each request: the form's token, and the address that was typed."""
    return re.sub(r'(csrf_token"|csrf-token")[^>]*>', "", page.replace(email, ""))


def is_in(client: FlaskClient) -> bool:
    return client.get("/tickets").status_code == 200


def test_a_copied_cookie_is_worth_nothing_after_sign_out(app: Flask, client: FlaskClient, password: str) -> None:
    sign_in(client, password)
    thief = app.test_client()
    cookie = client.get_cookie("desk")
    assert cookie is not None
    thief.set_cookie("desk", cookie.value)
    assert is_in(thief)
    client.post("/sign-out")
    assert not is_in(client)
    assert not is_in(thief)


@pytest.mark.parametrize("change", ["role ends", "new password", "deactivated"])
def test_a_session_ends_with_every_change_of_rights(
    client: FlaskClient, cast: Cast, password: str, change: str
) -> None:
    sign_in(client, password)
    assert is_in(client)
    with transaction() as session:
        alice = session.merge(cast.alice)
        if change == "role ends":
            service.end_role(session, alice.roles[0], now=cast.now)
        elif change == "new password":
            service.set_password(session, alice, PASSWORD + "s", now=cast.now)
        else:
            service.deactivate(session, alice, now=cast.now)
    assert not is_in(client)


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [
        ("/tickets/new", "/tickets/new"),
        ("//evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/%09/evil.example", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_after_sign_in_nobody_is_led_to_another_host(
    client: FlaskClient, password: str, wanted: str, led_to: str
) -> None:
    assert sign_in(client, password, wanted) == led_to


def test_the_same_words_for_an_unknown_address_and_a_wrong_password(client: FlaskClient, password: str) -> None:
    pages = []
    for email in ("alice@alder.example", "nobody@alder.example"):
        answer = client.post("/sign-in", data={"email": email, "password": "wrong wrong wrong", "way": "password"})
        pages.append((answer.status_code, words(answer.text, email)))
    assert pages[0] == pages[1]


def test_the_same_words_whether_a_link_was_mailed_or_not(client: FlaskClient, cast: Cast) -> None:
    pages = []
    for email in ("alice@alder.example", "nobody@alder.example"):
        answer = client.post("/sign-in", data={"email": email, "password": "", "way": "link"})
        pages.append((answer.status_code, words(answer.text, email)))
    assert pages[0] == pages[1]


def test_a_link_is_used_by_the_button_only_and_only_once(app: Flask, client: FlaskClient, cast: Cast) -> None:
    with transaction() as session:
        link = service.issue_link(
            session, cast.alice, purpose=TokenPurpose.SIGN_IN, lifetime=timedelta(minutes=30), now=cast.now
        )
        path = f"/link/{service.link_token(link, app.config['SECRET_KEY'])}"
    for _ in range(2):
        assert client.get(path).status_code == 200
    assert not is_in(client)
    assert client.post(path).status_code == 303
    assert is_in(client)
    assert app.test_client().post(path).status_code == 404


def test_cookies_are_hidden_from_scripts_and_answers_from_caches(client: FlaskClient, password: str) -> None:
    answer = client.post("/sign-in", data={"email": "alice@alder.example", "password": password, "way": "password"})
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    page = client.get("/tickets")
    assert page.headers["Cache-Control"] == "private, no-store"
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
