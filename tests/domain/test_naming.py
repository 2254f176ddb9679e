"""Names of members in texts that others read."""

import pytest

from desk.domain.errors import InvalidInput
from desk.domain.naming import demand_impersonal, demand_unnamed, named_in

NAMES = ("Alder University", "alder.example", "MIT", "École des Chartes")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The works of ALDER  University\nare missing", ("Alder University",)),
        ("Write to help@alder.example", ("alder.example",)),
        ("École des chartes cannot sign in", ("École des Chartes",)),
        ("MIT cannot sign in", ("MIT",)),
        ("Works come mit delay", ()),
        ("An alder tree, a university", ()),
        ("Balder University and notalder.example", ()),
        ("", ()),
    ],
)
def test_a_name_is_found_as_a_word_of_its_own(text: str, found: tuple[str, ...]) -> None:
    assert named_in(text, NAMES) == found


def test_the_refusal_says_where_which_name_stands_and_who_would_read_it() -> None:
    with pytest.raises(InvalidInput) as refusal:
        demand_unnamed({"title": "Empty lists", "symptom": "Alder University sees it"}, NAMES, readers="The registry")
    assert refusal.value.field == "symptom"
    assert "“Alder University”" in refusal.value.sentence and "The registry would read it" in refusal.value.sentence
    demand_unnamed({"title": "Empty lists"}, NAMES, readers="The registry")


@pytest.mark.parametrize("text", ["It is 0000-0002-1825-0097", "Write to jane@people.example"])
def test_an_id_or_an_address_of_a_person_is_refused_beside_its_field(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        demand_impersonal({"title": "Empty lists", "symptom": text}, readers="The registry")
    assert refusal.value.field == "symptom"
    assert "jane" not in refusal.value.sentence and "0097" not in refusal.value.sentence
    demand_impersonal({"symptom": "Error 9016 from api.orcid.org"}, readers="The registry")
