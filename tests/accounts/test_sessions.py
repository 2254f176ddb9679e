"""Signing in and out with a browser: what a cookie is worth, and when it is worth nothing any more."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from desk.accounts import service
from desk.db import transaction
from tests.cast import Cast

PASSWORD = "quiet harbour morning"


@pytest.fixture
def password(cast: Cast) -> str:
    with transaction() as session:
        service.set_password(session, session.merge(cast.alice), PASSWORD, now=cast.now)
    return PASSWORD


def sign_in(client: FlaskClient, password: str) -> None:
    client.post("/sign-in", data={"email": "alice@alder.example", "password": password, "way": "password"})


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
