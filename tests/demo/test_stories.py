"""What people of the demo world write: made of the catalogue, fit for its forms, and nobody's real identifier."""

import random
import re
from datetime import UTC, datetime

import pytest

from desk.catalogue.service import read_document
from desk.demo.answers import ORCID_IDS, PREFIX
from desk.demo.people import Human, everybody
from desk.demo.places import CONSORTIA, ror_id
from desk.demo.stories import Teller, tales
from desk.domain.catalogue import Catalogue, Entry
from desk.domain.catalogue_fields import problems
from desk.domain.identifiers import Kind, find, orcid_is_valid, ror_is_valid

CATALOGUE = Catalogue.from_dict(read_document())
NOW = datetime(2026, 3, 4, 10, tzinfo=UTC)


def teller(entry: Entry, seed: int) -> Teller:
    """A case at the first member of a consortium of the entry's registry."""
    consortium = next(place for place in CONSORTIA if entry.service.casefold() in (place.registry, "both"))
    member = consortium.members[0]
    requester, colleague = contacts(member.code)[:2]
    return Teller(random.Random(f"{entry.key}-{seed}"), consortium, member, requester, colleague, entry, NOW)


def contacts(code: str) -> list[Human]:
    return [human for human in everybody(1) if human.place == code]


def letters(entry: Entry, seed: int) -> str:
    """Everything that may be said in one ticket."""
    told = teller(entry, seed)
    return "\n".join((told.subject(), told.opening(), told.question(), told.reply(), told.answer()))


def test_every_catalogue_entry_has_its_tale() -> None:
    assert set(tales()) == set(CATALOGUE.entries)


@pytest.mark.parametrize("key", sorted(CATALOGUE.entries))
def test_the_answers_fit_the_form_of_the_entry(key: str) -> None:
    entry = CATALOGUE.entries[key]
    for seed in range(3):
        assert problems(entry, teller(entry, seed).answers()) == []


def test_no_place_for_a_name_is_left_open() -> None:
    texts = [letters(entry, seed) for entry in CATALOGUE.entries.values() for seed in range(4)]
    assert [text for text in texts if re.search(r"\{\w+\}", text)] == []


def test_only_identifiers_that_belong_to_nobody_are_used() -> None:
    found = {one for entry in CATALOGUE.entries.values() for seed in range(4) for one in find(letters(entry, seed))}
    assert {one.value for one in found if one.kind is Kind.ORCID} <= set(ORCID_IDS)
    assert {one.value.partition("/")[0] for one in found if one.kind in (Kind.DOI, Kind.PREFIX)} == {PREFIX}
    assert {one.value for one in found if one.kind is Kind.CLIENT_ID and "DEMO" not in one.value} == set()


def test_addresses_and_hosts_are_examples_or_the_registries_own() -> None:
    texts = "\n".join(letters(entry, seed) for entry in CATALOGUE.entries.values() for seed in range(4))
    hosts = set(re.findall(r"(?:https?://|@)([a-z0-9.-]+\.[a-z]{2,})", texts.casefold()))
    known = re.compile(r"(.*\.)?(example|example\.(com|org|edu)|orcid\.org|datacite\.org|doi\.org|ror\.org)")
    assert {host for host in hosts if not known.fullmatch(host)} == set()


def test_the_invented_identifiers_have_right_check_characters() -> None:
    assert all(orcid_is_valid(orcid) for orcid in ORCID_IDS)
    assert all(ror_is_valid(ror_id(seed).rpartition("/")[2]) for seed in (0, 1, 31, 32, 4_711, 32**6 - 1))
    rors = [member.ror for place in CONSORTIA for member in place.members]
    assert len(set(rors)) == len(rors)
    assert all(ror_is_valid(ror.rpartition("/")[2]) for ror in rors)


def test_everybody_has_an_address_of_their_own_and_stays_the_same_for_a_seed() -> None:
    people = everybody(5)
    assert len({human.email for human in people}) == len(people)
    assert people == everybody(5)


def test_two_tellers_of_the_same_entry_do_not_write_the_same() -> None:
    entry = CATALOGUE.entries["orcid-api-invalid-token"]
    assert len({teller(entry, seed).opening() for seed in range(12)}) > 6
