"""Hostile text costs little: the sanitisers and Markdown are quadratic on some input, and none of it may reach them."""

import time
from collections.abc import Callable

import pytest

from desk import markup

SECONDS = 5.0
"""Of the processor, so that a busy machine does not fail the test; without the limits each takes from 10 to 40."""

MARKDOWN = {
    "images that never close": "![" * 8_000,
    "links that never close": "[a](" * 4_000,
    "links within links": "[" * 8_000 + "](x)" * 2_000,
    "emphasis that never closes": "*a _b " * 2_600,
    "quotations within quotations": ">" * 16_000,
    "lists within lists": "".join(" " * depth + "- a\n" for depth in range(170)),
    "bare addresses": "https://a.example/x " * 790,
    "angle brackets": "<p><a>" * 2_600,
    "entities": "&lt;&amp;" * 1_700,
    "backticks": "`" * 16_000,
    "rows of a table": "|a" * 3_900 + "\n" + "|-" * 3_900,
}
MAILED = {
    "paragraphs and links that never close": "<p><a>" * 22_000,
    "ordinary links": '<a href="https://a.example/">x</a>' * 10_000,
    "nested boxes": "<div>" * 20_000,
    "attributes": "<p " + "style='color:red' " * 10_000 + ">",
}


@pytest.mark.parametrize(
    ("door", "source"), [(markup.markdown, text) for text in MARKDOWN.values()], ids=MARKDOWN.keys()
)
def test_markdown_of_any_kind_is_rendered_soon(door: Callable[[str], str], source: str) -> None:
    assert seconds(door, source) < SECONDS


@pytest.mark.parametrize(("door", "source"), [(markup.mail_html, text) for text in MAILED.values()], ids=MAILED.keys())
def test_mailed_html_of_any_kind_is_cleaned_soon(door: Callable[[str], str], source: str) -> None:
    assert seconds(door, source) < SECONDS


def seconds(door: Callable[[str], str], source: str) -> float:
    started = time.process_time()
    assert isinstance(door(source), str)
    return time.process_time() - started
