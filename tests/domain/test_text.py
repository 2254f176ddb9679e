"""Text from outside: what turns the rest of a line round is not kept; letters that run from the right are."""

import pytest

from desk.domain.text import clean_line, clean_text, cut_line

TURNS = [*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))]


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: f"U+{ord(turn):04X}")
def test_a_mark_that_turns_the_rest_of_the_line_is_not_kept(turn: str) -> None:
    typed = f"We were {turn}closed"
    assert clean_line(typed, name="It", field="it") == "We were closed"
    assert cut_line(typed) == "We were closed"
    assert clean_text(typed, name="It", field="it") == "We were closed"
    assert clean_text(f" {turn} ", name="It", field="it", required=False) == ""


def test_words_that_run_from_the_right_are_kept_with_their_marks() -> None:
    hebrew = "\u200fשלום (ORCID)\u200e 1"
    assert clean_text(hebrew, name="It", field="it") == hebrew
    assert clean_line(hebrew, name="It", field="it") == hebrew


def test_a_message_is_kept_as_it_was_written() -> None:
    written = "\u2067שלום\u2069 (ORCID)\n\u202bשלום\u202c"
    assert clean_text(written, name="It", field="it", turns=True) == written
