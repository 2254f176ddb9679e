"""Which issue a ticket may be about, which tickets may have one cause."""

import pytest

from desk.domain.likeness import (
    CANDIDATES_AT_MOST,
    Evidence,
    candidates,
    evidence,
    evidence_of,
    likeness,
)


def about(text: str, service: str = "ORCID", environment: str | None = None, key: str | None = None) -> Evidence:
    things = [{"kind": kind, "value": value} for kind, value in evidence_of(text, service).things]
    return evidence(text, service=service, environment=environment, entry_key=key, identifiers=things)


TICKET = about("Since Monday our repository gets ORCID error 9016 when it writes works", key="orcid-api-not-found")


def test_the_same_kind_of_incident_is_enough_and_is_named() -> None:
    alike = likeness(TICKET, about("Something else entirely", key="orcid-api-not-found"))
    assert alike.reasons == ("same kind of incident",)
    assert candidates(TICKET, {7: about("Something else entirely", key="orcid-api-not-found")}) == ((7, alike),)


def test_the_same_error_code_is_enough_and_is_named() -> None:
    alike = likeness(TICKET, about("The API answers with error 9016"))
    assert "error code 9016" in alike.reasons


def test_the_same_client_is_enough() -> None:
    client = "APP-AAAA1111BBBB2222"
    alike = likeness(about(f"Our client {client} is refused"), about(f"{client} cannot sign in"))
    assert alike.reasons[0] == f"client {client}"
    assert alike.score >= 3


def test_words_that_every_ticket_has_say_nothing() -> None:
    polite = "Dear colleagues, please help us with this problem, there was an error, thank you and regards"
    assert likeness(about(polite), about(polite.replace("Dear colleagues", "Hello"))).score == 0


def test_telling_words_count_by_their_share() -> None:
    text = "institutional sign-in loops between federation and identity provider"
    assert (
        likeness(about(text), about(text)).score
        > likeness(about(text), about(text + " apart from nothing else")).score - 4
    )
    assert likeness(about(text), about(text)).score >= 3


def test_the_other_service_is_never_a_candidate() -> None:
    assert likeness(TICKET, about("error 9016", service="DataCite", key="orcid-api-not-found")).score == 0


@pytest.mark.parametrize("service", ["both", "", "orcid"])
def test_both_services_or_an_unknown_one_stay_in(service: str) -> None:
    assert likeness(TICKET, about("API error 9016", service=service)).score > 0


def test_another_environment_counts_against_it() -> None:
    here, there = about("API error 9016", environment="production"), about("API error 9016", environment="sandbox")
    assert likeness(here, there).score == likeness(here, here).score - 2
    assert likeness(here, about("API error 9016")).score == likeness(here, here).score


def test_the_best_come_first_and_only_a_few() -> None:
    issues = {number: about("API error 9016") for number in range(1, 20)}
    issues[15] = about("API error 9016", key="orcid-api-not-found")
    found = candidates(TICKET, issues)
    assert [number for number, _ in found] == [15, 1, 2, 3, 4][:CANDIDATES_AT_MOST]


def test_an_unrelated_issue_is_not_offered() -> None:
    assert candidates(TICKET, {1: about("Invoices name the wrong contact")}) == ()
