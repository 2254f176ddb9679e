"""Answers to a form's fields are kept, changed into their one form, or refused with a sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from desk.domain.catalogue import Catalogue, Entry, EntryKind, Field
from desk.domain.catalogue_fields import applies, problems, validate_fields
from desk.domain.errors import InvalidInput

CATALOGUE = Catalogue.from_dict(
    json.loads((Path(__file__).parents[2] / "desk" / "data" / "catalogue.json").read_text(encoding="utf-8"))
)
CREDENTIALS = CATALOGUE.entries["credentials-request"]
CREDENTIALS_ANSWERS: dict[str, Any] = {
    "update_existing": "new client",
    "environment": "production",
    "organisation": "7",
    "integration_kind": "own development",
    "uses_auth": "authenticates iDs",
    "primary_email": "ada@library.example.org",
    "secondary_email": "ben@library.example.org",
    "client_name": "Repository",
    "homepage": "https://repo.example.org",
    "description": "Connects iDs.",
    "redirect_uris": "https://repo.example.org/a\nhttps://repo.example.org/b\n",
    "demo": "https://repo.example.org/demo",
    "unknown": "dropped",
}


def form(*fields: Field) -> Entry:
    return Entry(key="x", kind=EntryKind.REQUEST, service="both", title="X", fields=fields)


def one(field: Field, value: Any, **options: Any) -> Any:
    return validate_fields(form(field), {field.id: value}, **options).get(field.id)


def refusal(field: Field, value: Any, **others: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        validate_fields(form(field), {field.id: value, **others})
    assert caught.value.field == field.id
    return caught.value


def test_a_filled_in_request_is_kept_without_what_nobody_asked_for() -> None:
    kept = validate_fields(CREDENTIALS, CREDENTIALS_ANSWERS)
    assert kept["redirect_uris"] == ["https://repo.example.org/a", "https://repo.example.org/b"]
    assert "unknown" not in kept


def test_a_required_answer_that_is_missing_is_named_unless_the_form_is_a_draft() -> None:
    answers = {**CREDENTIALS_ANSWERS, "client_name": "  "}
    with pytest.raises(InvalidInput) as caught:
        validate_fields(CREDENTIALS, answers)
    assert caught.value.field == "client_name"
    assert "client_name" not in validate_fields(CREDENTIALS, answers, partial=True)


def test_all_problems_of_a_form_are_named_at_once() -> None:
    answers = {**CREDENTIALS_ANSWERS, "client_name": "", "primary_email": "nonsense", "environment": "moon"}
    assert {field for field, _ in problems(CREDENTIALS, answers)} == {"client_name", "primary_email", "environment"}


def test_two_addresses_that_have_to_differ_may_not_be_the_same() -> None:
    answers = {**CREDENTIALS_ANSWERS, "secondary_email": "ADA@library.example.org"}
    assert [field for field, _ in problems(CREDENTIALS, answers)] == ["secondary_email"]


def test_production_takes_only_https_addresses() -> None:
    answers = {**CREDENTIALS_ANSWERS, "redirect_uris": "http://repo.example.org"}
    assert [field for field, _ in problems(CREDENTIALS, answers)] == ["redirect_uris"]
    assert not problems(CREDENTIALS, {**answers, "environment": "sandbox"})


@pytest.mark.parametrize(
    ("answers", "shown"),
    [
        ({"environment": "production", "integration_kind": "own development"}, True),
        ({"environment": "production", "integration_kind": "certified service provider"}, False),
        ({"environment": "sandbox", "integration_kind": "own development"}, False),
    ],
)
def test_a_field_with_a_condition_is_asked_only_when_it_holds(answers: dict[str, str], shown: bool) -> None:
    demo = next(field for field in CREDENTIALS.fields if field.id == "demo")
    assert applies(demo, answers) is shown


def test_a_condition_with_several_answers_holds_for_each_of_them() -> None:
    email = next(field for field in CATALOGUE.entries["contact-change"].fields if field.id == "current_email")
    assert applies(email, {"action": "replace"})
    assert not applies(email, {"action": "add"})


def test_a_number_has_to_be_whole_and_large_enough() -> None:
    count = Field("n", "Count", "integer", minimum=0)
    assert one(count, "12") == 12
    assert "whole number" in refusal(count, "many").sentence
    assert "at least 0" in refusal(count, "-1").sentence
    refusal(count, "9" * 30)


def test_zero_and_no_are_answers() -> None:
    assert one(Field("n", "Count", "integer", required=True), "0") == 0
    assert one(Field("n", "Agreed", "boolean", required=True), "no") is False
    refusal(Field("n", "Agreed", "boolean"), "perhaps")


def test_a_moment_is_kept_in_utc_whatever_zone_it_was_written_in() -> None:
    moment = Field("at", "When", "datetime")
    assert one(moment, "2026-07-01 14:05 UTC") == "2026-07-01T14:05:00+00:00"
    assert one(moment, "2026-07-01T14:05+02:00") == "2026-07-01T12:05:00+00:00"
    assert one(moment, "2026-07-01T14:05", zone="Europe/London") == "2026-07-01T13:05:00+00:00"
    assert "day and time" in refusal(moment, "last Tuesday").sentence


def test_a_day_has_to_exist() -> None:
    day = Field("d", "Day", "date")
    assert one(day, "2026-02-28") == "2026-02-28"
    refusal(day, "2026-02-30")


def test_an_orcid_id_has_to_carry_the_right_last_character() -> None:
    field = Field.from_dict({"label": "iD", "type": "text", "pattern": r"^(\d{4}-){3}\d{3}[\dX]$"}, key="orcid_id")
    assert one(field, "0000-0002-1825-0097") == "0000-0002-1825-0097"
    assert "last character" in refusal(field, "0000-0002-1825-0098").sentence
    assert "right form" in refusal(field, "12345").sentence


def test_a_list_is_one_answer_per_line_and_not_endless() -> None:
    lines = Field("l", "Lines", "text-list")
    assert one(lines, "a\n\n b \r\n") == ["a", "b"]
    refusal(lines, "a\n" * 500)


def test_several_answers_have_to_be_among_the_options() -> None:
    several = Field("m", "Roles", "multi", options=("voting", "billing"))
    assert one(several, ["billing", "voting"]) == ["billing", "voting"]
    refusal(several, ["dancing"])


def test_a_secret_in_an_answer_is_removed_on_arrival() -> None:
    kept = one(Field("t", "Text", "longtext"), "we send client_secret=0f3c1a2b-1111-4222-8333-444455556666 there")
    assert "0f3c1a2b" not in kept
    assert "removed" in kept


def test_an_answer_longer_than_the_field_is_refused_with_its_limit() -> None:
    assert "41" in refusal(Field("n", "Legal name", max_length=41), "x" * 42).sentence


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("email", "a@b.example", "a b@c"),
        ("url", "https://x.example/y", "x.example"),
        ("country", "gb", "Great Britain"),
        ("timezone", "Europe/London", "London time"),
    ],
)
def test_each_type_takes_its_own_form_only(kind: str, good: str, bad: str) -> None:
    assert one(Field("f", "Field", kind), good)
    refusal(Field("f", "Field", kind), bad)


def test_an_empty_answer_is_no_answer() -> None:
    assert validate_fields(form(Field("a", "A"), Field("b", "B", "text-list")), {"a": "", "b": [""]}) == {}


def test_what_a_database_cannot_keep_is_removed_from_an_answer() -> None:
    assert one(Field("t", "Text", "longtext"), "a\x00b\ud800c") == "abc"
    assert one(Field("l", "Lines", "text-list"), ["a\x00\nb"]) == ["a", "b"]
