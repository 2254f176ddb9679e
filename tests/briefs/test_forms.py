"""The form of a brief for every entry of the catalogue: filled in, read, stored and filled in again."""

from flask import Flask
from werkzeug.datastructures import MultiDict

from desk.briefs.forms import EXTRA, brief_form, chosen, read_brief
from desk.catalogue.service import read_document
from desk.domain.catalogue import Catalogue, Field
from desk.domain.escalation import Brief, Consent, lacks
from desk.escalations.queries import extra_fields

CATALOGUE = Catalogue.from_dict(read_document())
SAMPLES = {
    "orcid_id": "0000-0002-1825-0097",
    "orcid_ids": "0000-0002-1825-0097\n0000-0001-2345-6789",
    "client_id": "APP-ABCDEFGH12345678",
    "put_code": "7781",
    "http_status": "409",
    "account_id": "ALPH.REPO",
    "repository_id": "ALPH.REPO",
    "target_account_id": "BRVO.REPO",
    "organization_id": "ALPH",
    "prefix": "10.5072",
    "doi": "10.5072/abc-1",
    "key_prefix": "DC.abcdefgh",
}
BY_TYPE = {
    "integer": "3",
    "email": "idp@alder.example",
    "url": "https://repo.alder.example/a",
    "date": "2026-03-04",
    "datetime": "2026-03-04 09:12 UTC",
    "boolean": "yes",
}


def sample(field: Field) -> str:
    return field.options[0] if field.options else SAMPLES.get(field.id) or BY_TYPE.get(field.type, "something")


def test_every_entry_has_a_form_that_can_be_filled_in_and_lacks_nothing_then(app: Flask) -> None:
    general = {
        "asked": "Please look.",
        "service": "ORCID",
        "environment": "production",
        "impact": "One.",
        "tried": "Twice.",
        "error_text": "It failed.",
        "error_code": "9017",
        "utc_times": "2026-03-04 09:12 UTC",
        "identifiers": "10.5072/abc-1",
        "consent": "given",
        "known_issues_checked": "y",
    }
    wrong = {}
    for entry in CATALOGUE.incidents():
        answers = general | {EXTRA + field.id: sample(field) for field in extra_fields(entry)}
        with app.test_request_context(method="POST", data=MultiDict(answers)):
            form = brief_form(entry)
            brief = read_brief(form, entry, "Europe/Berlin")
        if brief is None:
            wrong[entry.key] = str(form.errors)
            continue
        again = Brief.from_dict(brief.to_dict())
        with app.test_request_context():
            shown = brief_form(entry, again, 1)
            values = {field.name: field.data for field in shown.extra}
        if lacks(again, entry) or again != brief or set(values) - set(answers):
            wrong[entry.key] = str(lacks(again, entry))
        for field in extra_fields(entry):
            given = values[EXTRA + field.id]
            same = given == [sample(field)] if field.type == "multi" else str(given) == _shown(field)
            if not same:
                wrong[f"{entry.key} {field.id}"] = str(given)
    assert wrong == {}


def _shown(field: Field) -> str:
    """An answer as the form shows it again: moments are kept in UTC."""
    return "2026-03-04T09:12:00+00:00" if field.type == "datetime" else sample(field)


def test_without_an_entry_only_the_general_part_is_asked(app: Flask) -> None:
    with app.test_request_context():
        assert brief_form(None, Brief(consent=Consent.GIVEN), None).extra == []


def test_what_is_not_an_id_is_not_chosen() -> None:
    sent = MultiDict(
        [("m", "3"), ("m", "x"), ("m", "-1"), ("m", "99999999999999"), ("m", "9" * 5000), ("m", "٣"), ("m", "4")]
    )
    assert chosen(sent, "m") == [3, 4]
