"""What a researcher is told who wrote to a desk of member organisations."""

import pytest

from desk.domain.errors import InvalidInput
from desk.domain.redirects import REDIRECT_LENGTH, Destination, checked, text_for


@pytest.mark.parametrize("destination", Destination)
def test_each_destination_has_a_text_of_its_own_that_names_the_desk(destination: Destination) -> None:
    text = text_for(destination, desk="Northern support", service="ORCID", registry="ORCID")
    assert "Northern support" in text
    assert "{" not in text


def test_the_texts_differ() -> None:
    assert len({text_for(one, desk="a", service="b", registry="c") for one in Destination}) == len(Destination)


@pytest.mark.parametrize("text", ["", "  \n", "x" * (REDIRECT_LENGTH + 1)])
def test_an_answer_is_neither_empty_nor_endless(text: str) -> None:
    with pytest.raises(InvalidInput):
        checked(text)
