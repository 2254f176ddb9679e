"""Texts find their catalogue entry, or none."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from desk.domain.catalogue import Catalogue, EntryKind, linear_pattern
from desk.domain.classify import ABSTAIN_BELOW, SignalKind, candidates, classify
from desk.domain.errors import InvalidInput

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "desk" / "data" / "catalogue.json").read_text(encoding="utf-8")
)
CATALOGUE = Catalogue.from_dict(DOCUMENT)
INCIDENTS = list(CATALOGUE.incidents())


def test_the_shipped_catalogue_has_all_its_entries() -> None:
    assert len(INCIDENTS) == 99
    assert len(list(CATALOGUE.requests())) == 12
    assert {entry.tier for entry in INCIDENTS} == {1, 2, 3}


@pytest.mark.parametrize("entry", INCIDENTS, ids=lambda entry: entry.key)
def test_an_entrys_own_symptom_is_classified_as_that_entry(entry: Any) -> None:
    matches = classify(entry.symptom, CATALOGUE)
    assert matches[0].key == entry.key
    assert matches[0].score >= ABSTAIN_BELOW


@pytest.mark.parametrize("case", DOCUMENT["test_texts"], ids=lambda case: case["from"])
def test_a_text_from_a_public_thread_is_classified_rightly_or_left_to_a_person(case: Any) -> None:
    matches = classify(case["text"], CATALOGUE)
    assert not matches or matches[0].key in case["accept"]


def test_at_least_as_many_public_texts_find_their_entry_as_when_the_signals_were_written() -> None:
    right = [case for case in DOCUMENT["test_texts"] if classify(case["text"], CATALOGUE)]
    assert len(right) >= 10


def test_the_json_document_itself_will_do_as_catalogue() -> None:
    text = "invalid_scope when we ask for /activities/update at ORCID"
    assert classify(text, DOCUMENT)[0].key == "orcid-oauth-invalid-scope"


def test_a_greeting_classifies_as_nothing() -> None:
    assert classify("Dear all, thank you for the lovely workshop last week!", CATALOGUE) == ()
    assert classify("", CATALOGUE) == ()


def test_an_error_code_outweighs_phrases_of_other_entries() -> None:
    text = (
        "Redirect URI and callback URL are fine, redirect_uri too, but ORCID answers error-code 9018 for this record."
    )
    best = classify(text, CATALOGUE)[0]
    assert best.key == "orcid-api-record-locked"
    assert SignalKind.ERROR_CODE in {signal.kind for signal in best.signals}


@pytest.mark.parametrize(
    "text",
    [
        "Her iD is 0000-0000-9018-4441 and the DOI is 10.5072/9018.",
        "We hold 9018 records.",
        "See https://doi.example.org/9018/x for it.",
    ],
)
def test_the_digits_of_an_error_code_alone_do_not_classify(text: str) -> None:
    assert classify(text, CATALOGUE) == ()


def test_phrases_match_whole_words_only() -> None:
    assert not [match for match in candidates("overdrafted aircraft", CATALOGUE) if match.key.startswith("dc-doi")]


def test_typographic_quotes_and_line_breaks_do_not_hide_a_phrase() -> None:
    best = classify("It says: Redirect\n URI doesn’t match your registered redirect URIs", CATALOGUE)[0]
    assert best.key == "orcid-oauth-redirect-mismatch"


def test_each_signal_says_what_in_the_text_it_was() -> None:
    best = classify("DOI Fabrica is currently unavailable, DataCite answers 503", CATALOGUE)[0]
    assert best.key == "dc-outage"
    assert "fabrica is currently unavailable" in {signal.text for signal in best.signals}


def test_entries_of_the_other_service_are_left_out_when_the_service_is_known() -> None:
    text = "The API returned error 9017 and then Bad credentials."
    assert {match.entry.service for match in candidates(text, CATALOGUE, service="DataCite")} <= {"DataCite"}


@pytest.mark.parametrize(
    "hostile", ["client " * 200_000, "fabrica test" * 100_000, "redirect_uri " * 90_000, "9" * 10**6]
)
def test_a_huge_text_takes_no_longer_than_a_long_one(hostile: str) -> None:
    started = time.process_time()
    classify(hostile, CATALOGUE)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "source",
    ["(a+)+b", "a*", "x{2,}", "(ab){3}", "(?=x)", "(a)\\1", ".{0,90}.{0,90}x", "a?" * 30 + "a" * 30, "(a|a)" * 20, "("],
)
def test_an_expression_that_could_run_away_is_refused(source: str) -> None:
    with pytest.raises(InvalidInput):
        linear_pattern(source)


def test_a_bounded_expression_is_accepted() -> None:
    assert linear_pattern(r"client.{0,40}(locked|deactivated)").search("the CLIENT was locked")


def test_a_document_that_is_no_catalogue_is_refused_with_a_sentence() -> None:
    with pytest.raises(InvalidInput, match="not a catalogue"):
        Catalogue.from_dict({"title": "x"})


def test_an_entry_that_asks_for_an_unknown_field_is_refused_by_name() -> None:
    entry = {**DOCUMENT["incident_types"][0], "required_fields": ["shoe_size"]}
    with pytest.raises(InvalidInput, match="shoe_size"):
        Catalogue.from_dict({**DOCUMENT, "incident_types": [entry]})


def test_two_entries_with_one_id_are_refused() -> None:
    twice = [DOCUMENT["incident_types"][0]] * 2
    with pytest.raises(InvalidInput, match="same id"):
        Catalogue.from_dict({**DOCUMENT, "incident_types": twice})


def test_a_tier_outside_one_to_three_is_refused() -> None:
    entry = {**DOCUMENT["incident_types"][0], "tier": 4}
    with pytest.raises(InvalidInput, match="tier"):
        Catalogue.from_dict({**DOCUMENT, "incident_types": [entry]})


def test_request_types_come_with_their_own_fields() -> None:
    transfer = CATALOGUE.entries["transfer-request"]
    assert transfer.kind is EntryKind.REQUEST
    assert transfer.required_fields == ("kind", "old_id", "new_id", "number_of_dois")
