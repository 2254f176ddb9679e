"""Every endpoint is guarded, leads strangers to the sign-in, and takes no form without its token."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from flask import Flask
from werkzeug.routing import Rule

from desk.access import GUARD, PUBLIC
from desk.domain.permissions import Permission
from tests.cast import Cast

_SAMPLES = {"IntegerConverter": 4711, "UnicodeConverter": "nothing", "PathConverter": "nothing", "UUIDConverter": None}


def is_static(endpoint: str) -> bool:
    return endpoint == "static" or endpoint.endswith(".static")


def rules(app: Flask) -> Iterator[Rule]:
    yield from (rule for rule in app.url_map.iter_rules() if not is_static(rule.endpoint))


def address(app: Flask, rule: Rule) -> str:
    """The rule's address with made-up values."""
    values = {name: _SAMPLES[type(rule._converters[name]).__name__] for name in rule.arguments}
    with app.test_request_context():
        return app.url_for(rule.endpoint, **values)  # type: ignore[arg-type]


def test_every_endpoint_carries_a_guard(app: Flask) -> None:
    guards = {rule.endpoint: getattr(app.view_functions[rule.endpoint], GUARD, None) for rule in rules(app)}
    assert guards, "no endpoint at all"
    wrong = [name for name, guard in guards.items() if guard != PUBLIC and not isinstance(guard, Permission)]
    assert wrong == []


def test_somebody_who_is_not_signed_in_is_led_to_the_sign_in_from_every_guarded_page(app: Flask) -> None:
    client = app.test_client()
    wrong = {}
    for rule in rules(app):
        if getattr(app.view_functions[rule.endpoint], GUARD, None) == PUBLIC:
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            answer = client.open(address(app, rule), method=method)
            if answer.status_code != 302 or "/sign-in" not in urlsplit(answer.location or "").path:
                wrong[f"{method} {rule}"] = f"{answer.status_code} {answer.location}"
    assert wrong == {}


def test_no_form_is_taken_without_its_token(app: Flask, cast: Cast) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    client = cast.sign_in(app.test_client(), cast.lena)
    exempt = app.extensions["csrf"]._exempt_views
    wrong = {}
    for rule in rules(app):
        view = app.view_functions[rule.endpoint]
        if "POST" not in (rule.methods or ()) or f"{view.__module__}.{view.__name__}" in exempt:
            continue
        answer = client.post(address(app, rule))
        if answer.status_code != 400:
            wrong[str(rule)] = answer.status_code
    assert wrong == {}


def test_no_address_answers_with_an_error_of_ours_whoever_asks(app: Flask, cast: Cast) -> None:
    """Made-up ids for everybody: found or not, never a fault, and never by changing something with a GET."""
    wrong = {}
    for name, person in cast.people().items():
        client = cast.sign_in(app.test_client(), person)
        for rule in rules(app):
            if "GET" not in (rule.methods or ()):
                continue
            answer = client.get(address(app, rule))
            if answer.status_code >= 500:
                wrong[f"{name} {rule}"] = answer.status_code
    assert wrong == {}


@pytest.mark.parametrize(
    "path", ["/../etc/passwd", "/%2e%2e/", "/tickets/0", "/tickets/-1", "/tickets/99999999999999999999", "/%00"]
)
def test_an_odd_address_is_not_found(app: Flask, cast: Cast, path: str) -> None:
    client = cast.sign_in(app.test_client(), cast.leo)
    assert client.get(path).status_code in {400, 404}
