"""Every endpoint that names a thing by its number, and its addresses."""

from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from desk.access import GUARD, PUBLIC
from desk.domain.escalation import Move
from tests.cast import Cast
from tests.test_endpoints import rules


def kind_of(rule: Rule) -> str:
    """What the first number in an address counts."""
    if "attachment_id" in rule.arguments:
        return "file"
    if "mail_id" in rule.arguments:
        return "stuck" if "/out/" in rule.rule else "mail"
    if "suppressed_id" in rule.arguments:
        return "stopped"
    for name in ("draft", "update", "answer"):
        if f"{name}_id" in rule.arguments:
            return name
    if rule.endpoint.startswith(
        ("issues.", "known_issues.", "matching.", "issue_merge.", "bulk_answers.", "delegation.")
    ):
        return "published" if "known" in rule.rule else "issue"
    if rule.endpoint.startswith("feeds."):
        return "published"
    if rule.endpoint.startswith("working_hours."):
        return "calendar"
    if rule.endpoint.startswith("bridge."):
        return "team"
    if rule.endpoint.startswith("agreements."):
        return "agreement"
    return "ticket"


def guarded(app: Flask) -> list[tuple[Rule, str]]:
    """Every method of every endpoint that names a thing by its number."""
    found = []
    for rule in rules(app):
        if getattr(app.view_functions[rule.endpoint], GUARD, None) == PUBLIC or not rule.arguments:
            continue
        found += [(rule, method) for method in sorted((rule.methods or set()) & {"GET", "POST"})]
    return found


_NUMBERS = frozenset(
    {"number", "attachment_id", "mail_id", "agreement_id", "suppressed_id", "draft_id", "update_id", "answer_id"}
    | {"team_id", "said_id"}
)


def addresses(app: Flask, rule: Rule, number: int, cast: Cast) -> list[str]:
    """The rule's address for a number; for a rule with moves one for each of them."""
    values: dict[str, Any] = {name: number for name in rule.arguments if name in _NUMBERS} | {
        name: cast.north.id for name in rule.arguments if name == "consortium_id"
    }
    values |= {name: cast.north.slug for name in rule.arguments if name == "slug"}
    choices = [{"move": move.value} for move in Move] if "move" in rule.arguments else [{}]
    with app.test_request_context():
        return [app.url_for(rule.endpoint, **values, **choice) for choice in choices]  # type: ignore[arg-type]
