"""The hand-over: its moves, what a brief lacks, and what a registry gets to read."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.domain.catalogue import Catalogue, Entry
from desk.domain.errors import IllegalTransition, InvalidInput
from desk.domain.escalation import (
    BRIEF_TEXT_LENGTH,
    EDITABLE,
    ENDED,
    MOVES,
    SIDES,
    STATE_LABELS,
    WITH_REGISTRY,
    Brief,
    Consent,
    EscalationState,
    Move,
    Side,
    as_disclosed,
    disclosed_text,
    lacks,
    next_state,
    possible,
    without_secrets,
)
from desk.domain.masking import mask

CATALOGUE = Catalogue.from_dict(
    json.loads((Path(__file__).parents[2] / "desk" / "data" / "catalogue.json").read_text(encoding="utf-8"))
)
COMPLETE = Brief(
    asked="Please find out why every update fails.",
    service="ORCID",
    environment="production",
    tried="Repeated the call with a new token.",
    impact="One repository, 40 people, since Monday.",
    known_issues_checked=True,
    consent=Consent.GIVEN,
)


@pytest.mark.parametrize(("state", "move"), list(product(EscalationState, Move)))
def test_a_move_is_in_the_table_or_is_refused_with_a_sentence(state: EscalationState, move: Move) -> None:
    if (state, move) in MOVES:
        assert next_state(state, move) is MOVES[state, move]
        return
    with pytest.raises(IllegalTransition, match=STATE_LABELS[state]):
        next_state(state, move)


def test_every_move_belongs_to_exactly_one_party() -> None:
    assert set(SIDES) == set(Move)
    for state in EscalationState:
        assert not set(possible(state, Side.LEAD)) & set(possible(state, Side.REGISTRY))


def test_the_registry_acts_only_on_what_it_holds() -> None:
    for state in set(EscalationState) - WITH_REGISTRY:
        assert possible(state, Side.REGISTRY) == ()


def test_every_state_is_reached_and_the_last_ones_are_left_by_no_way_back() -> None:
    assert set(MOVES.values()) | {EscalationState.PREPARED} == set(EscalationState)
    for (source, _), target in MOVES.items():
        assert source not in ENDED or target in ENDED


def test_what_comes_back_to_the_lead_can_be_edited_and_sent_again() -> None:
    for state in (EscalationState.RETURNED, EscalationState.DECLINED, EscalationState.FIXED):
        assert state in EDITABLE
        assert next_state(state, Move.SEND) is EscalationState.SENT


def test_an_empty_brief_lacks_what_no_registry_can_work_without() -> None:
    assert [field for field, _, _ in lacks(Brief(), None)] == [
        "asked",
        "service",
        "environment",
        "tried",
        "impact",
        "known_issues_checked",
    ]


def test_a_brief_lacks_what_its_catalogue_entry_demands_and_each_lack_is_explained() -> None:
    entry = CATALOGUE.entries["orcid-sso-no-persistent-id"]
    missing = lacks(COMPLETE, entry)
    assert {"fields.idp_entity_id", "fields.federation"} <= {field for field, _, _ in missing}
    assert all(label and help_text for _, label, help_text in missing)


def test_a_brief_lacks_nothing_once_every_demanded_field_is_answered() -> None:
    entry = CATALOGUE.entries["orcid-sso-no-persistent-id"]
    full = replace(
        COMPLETE,
        error_text="x",
        error_code="9017",
        utc_times="2026-11-20 14:05",
        fields=dict.fromkeys(entry.required_fields, "x"),
    )
    assert lacks(full, entry) == []


@pytest.mark.parametrize("entry", [entry for entry in CATALOGUE.incidents() if entry.tier > 1], ids=lambda e: e.key)
def test_every_entry_that_is_escalated_can_be_satisfied(entry: Entry) -> None:
    full = replace(
        COMPLETE, error_text="x", error_code="9017", utc_times="now", fields=dict.fromkeys(entry.required_fields, "x")
    )
    assert lacks(full, entry) == []
    assert lacks(replace(full, fields={}, error_text="", error_code="", utc_times="", environment=""), entry)


def test_consent_has_to_be_answered_where_a_record_holder_is_involved() -> None:
    entry = CATALOGUE.entries["orcid-api-record-locked"]
    unanswered = replace(COMPLETE, consent=Consent.UNANSWERED)
    assert "consent" in [field for field, _, _ in lacks(unanswered, entry)]
    assert "consent" not in [field for field, _, _ in lacks(COMPLETE, entry)]


def test_consent_has_to_be_given_where_the_entry_needs_the_holders_agreement() -> None:
    entry = next(entry for entry in CATALOGUE.incidents() if "holder_consent" in entry.required_fields)
    refused = replace(COMPLETE, consent=Consent.NOT_GIVEN)
    assert "consent" in [field for field, _, _ in lacks(refused, entry)]


def test_zero_and_no_are_answers_to_a_demanded_field() -> None:
    entry = CATALOGUE.entries["dc-transfer-between-members"]
    with_zero = replace(COMPLETE, fields={"doi_count": 0})
    assert "fields.doi_count" not in [field for field, _, _ in lacks(with_zero, entry)]


def test_secrets_in_a_brief_are_removed_and_named() -> None:
    brief = replace(
        COMPLETE,
        steps="curl -H 'Authorization: Bearer 0f3c1a2b-1111-4222-8333-444455556666' https://api.example.org",
        fields={"endpoint": "https://x.example?client_secret=abcdefgh1234", "list": ["client_secret=abcdefgh1234"]},
    )
    clean, removed = without_secrets(brief)
    assert "0f3c1a2b" not in clean.steps
    assert "abcdefgh1234" not in str(clean.fields)
    assert len(removed) == 3


def test_researchers_are_masked_for_the_registry_without_consent() -> None:
    brief = replace(
        COMPLETE,
        consent=Consent.NOT_GIVEN,
        identifiers=("0000-0002-1825-0097",),
        tried="Asked josiah@brown.example about 0000-0002-1825-0097.",
        fields={"orcid_id": "0000-0002-1825-0097", "idp_contact": "idp@uni.example"},
    )
    seen = as_disclosed(brief)
    assert "1825" not in str(seen.to_dict())
    assert "josiah" not in seen.tried
    assert seen.identifiers == ("0000-••••-••••-0097",)
    assert seen.fields["idp_contact"] == "idp@uni.example"


def test_researchers_stay_readable_with_their_consent() -> None:
    brief = replace(COMPLETE, tried="Asked josiah@brown.example about 0000-0002-1825-0097.")
    assert as_disclosed(brief) == brief


def test_a_disclosed_message_follows_the_same_rules() -> None:
    text = "client_secret=abcdefgh1234 of josiah@brown.example"
    assert "abcdefgh1234" not in disclosed_text(text, Consent.GIVEN)
    assert "josiah@brown.example" in disclosed_text(text, Consent.GIVEN)
    assert "josiah" not in disclosed_text(text, Consent.NOT_INVOLVED)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0000\u20110002\u20111825\u20110097", "0000-••••-••••-0097"),
        ("of 0000000218250097", "of 0000••••••••0097"),
        ("of 0000 0002 1825 0097", "of 0000••••••••0097"),
        ("batch 1772616000000000", "batch 1772616000000000"),
        ("0000000218250098", "0000000218250098"),
        ("?user=josiah%40brown.example&x", "?user=•••%40brown.example&x"),
    ],
)
def test_people_are_masked_however_they_are_written(text: str, shown: str) -> None:
    assert mask(text) == mask(shown) == shown


def test_masking_stays_linear_on_hostile_text() -> None:
    assert mask("a" * 500_000) == "a" * 500_000
    assert mask("a@" * 100_000)
    assert mask("0000-" * 100_000)


def test_a_text_that_is_too_long_is_refused_by_its_field() -> None:
    with pytest.raises(InvalidInput) as caught:
        Brief.from_dict({"steps": "x" * (BRIEF_TEXT_LENGTH + 1)})
    assert caught.value.field == "steps"
    with pytest.raises(InvalidInput) as caught:
        Brief.from_dict({"consent": "perhaps"})
    assert caught.value.field == "consent"


def _kept(text: str) -> str:
    return Brief.from_dict({"asked": text}).asked


@given(
    st.builds(
        Brief,
        asked=st.text(max_size=40).map(_kept),
        tried=st.text(max_size=40).map(_kept),
        identifiers=st.lists(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), unique=True).map(tuple),
        known_issues_checked=st.booleans(),
        consent=st.sampled_from(Consent),
        fields=st.dictionaries(st.text(max_size=8), st.text(max_size=20)),
    )
)
def test_a_brief_survives_being_stored(brief: Brief) -> None:
    assert Brief.from_dict(json.loads(json.dumps(brief.to_dict()))) == brief


def test_what_a_database_cannot_keep_is_removed_from_a_brief() -> None:
    brief = Brief.from_dict({"asked": "Why\x00?\ud800", "identifiers": [" a\x00 ", "", "a"]})
    assert (brief.asked, brief.identifiers) == ("Why?", ("a",))
