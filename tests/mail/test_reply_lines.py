"""Lines that programs put around a quotation or below a mail, by kind and in many languages: each between words."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.mail.reply import new_text
from tests.mail.corpus.replies import Mail

LINES = json.loads((Path(__file__).parent / "reply_lines.json").read_text())
WORDS = "It is 10.5072.\n\nCan you register the rest?"
MARKED = "> Dear Anne,\n> what is the prefix?"
QUOTED = "On Tue, 3 Mar 2026 at 10:11, Desk <desk@lead.example> wrote:"
HEADER = "From: Desk <desk@lead.example>\nSent: Tuesday, March 3, 2026 10:11 AM\nTo: Anne\nSubject: Prefix"
UNMARKED = "Dear Anne,\nwhat is the prefix?"


@pytest.mark.parametrize("line", LINES["introductions"] + LINES["introductions_of_marked_lines"])
@pytest.mark.parametrize("gap", ["\n", "\n\n"])
def test_an_introduction_goes_with_the_marked_lines_below_it(line: str, gap: str) -> None:
    assert new_text(Mail(f"{WORDS}\n\n{line}{gap}{MARKED}\n")) == WORDS
    assert new_text(Mail(f"{line}{gap}{MARKED}\n\n{WORDS}\n")) == WORDS


@pytest.mark.parametrize("line", LINES["introductions"])
@pytest.mark.parametrize("gap", ["\n", "\n\n"])
def test_a_full_introduction_goes_with_all_that_is_below_it(line: str, gap: str) -> None:
    assert new_text(Mail(f"{WORDS}\n\n{line}{gap}{UNMARKED}\n")) == WORDS


@pytest.mark.parametrize("line", LINES["introductions"] + LINES["introductions_of_marked_lines"])
def test_an_introduction_on_top_of_unmarked_lines_hides_nothing(line: str) -> None:
    assert WORDS in new_text(Mail(f"{line}\n\n{WORDS}\n"))


@pytest.mark.parametrize("block", LINES["header_blocks"], ids=lambda block: str(block[0]))
@pytest.mark.parametrize("rule", ["", "________________________________\n", "-----Original Message-----\n"])
def test_a_header_goes_with_all_that_is_below_it(block: list[str], rule: str) -> None:
    header = "\n".join(block)
    assert new_text(Mail(f"{WORDS}\n\n{rule}{header}\n\n{UNMARKED}\n")) == WORDS


@pytest.mark.parametrize("block", LINES["header_blocks"], ids=lambda block: str(block[0]))
def test_a_header_below_a_forwarding_subject_hides_nothing(block: list[str]) -> None:
    text = "\n".join([WORDS, "", *block, "", UNMARKED])
    assert new_text(Mail(text, subject="Fwd: Prefix")) == text


@pytest.mark.parametrize("line", LINES["original_message"])
def test_an_original_message_goes(line: str) -> None:
    assert new_text(Mail(f"{WORDS}\n\n{line}\n\n{UNMARKED}\n")) == WORDS


@pytest.mark.parametrize("line", LINES["forwarded_message"])
def test_a_forwarded_message_stays(line: str) -> None:
    header = "From: Gil <gil@ashc.example>\nDate: Tue, 3 Mar 2026 10:11\nTo: Anne"
    text = f"{WORDS}\n\n{line}\n{header}\n\nIt fails.\n\n-- \nGil"
    assert new_text(Mail(text)) == text


@pytest.mark.parametrize("line", LINES["telephones"])
def test_the_line_of_a_telephone_goes(line: str) -> None:
    assert new_text(Mail(f"{WORDS}\n\n{line}\n")) == WORDS


@pytest.mark.parametrize("line", LINES["last_lines_that_are_words"])
@pytest.mark.parametrize("gap", ["\n", "\n\n"])
def test_words_that_begin_like_the_line_of_a_telephone_stay(line: str, gap: str) -> None:
    assert new_text(Mail(f"{WORDS}{gap}{line}\n")) == f"{WORDS}{gap}{line}"


@given(
    st.lists(st.sampled_from([*LINES["lines_of_members"], ""]), min_size=1, max_size=9).filter(any),
    st.sampled_from(
        ["{}", f"{{}}\n\n{QUOTED}\n{MARKED}", f"{QUOTED}\n{MARKED}\n\n{{}}", f"{{}}\n\n{HEADER}\n\n{UNMARKED}"]
    ),
)
def test_no_line_that_members_write_is_hidden(lines: list[str], around: str) -> None:
    text = "\n".join(lines).strip("\n")
    # Not by format(): members write braces too.
    shown = new_text(Mail(around.replace("{}", text, 1)))
    assert {line.strip() for line in lines} - {""} <= {line.strip() for line in shown.split("\n")}
