"""What counts as script in a text that others read, and what may be spoken of."""

import time

import pytest

from desk.domain.register import TEXT_LENGTH
from desk.domain.script import HoldsScript, demand_none, holds_script


@pytest.mark.parametrize(
    "text",
    [
        "Try again.<script>alert(1)</script>",
        "<SCRIPT SRC=//evil.example/x.js>",
        "< script>alert(1)</script> <script\n>x",
        "<img src=x onerror=alert(1)>",
        "<img src='x' title='>' onerror='alert(1)'",
        "<svg/onload=alert(1)>",
        "<a href='javascript:alert(1)'>open</a>",
        "<a href='java&#115;cript:alert(1)'>open</a>",
        "<a href=' java\tscript:alert(1)'>open</a>",
        "<iframe src='https://evil.example'></iframe>",
        "<form action='data:text/html,x'>",
        "[open](javascript:alert(1))",
        "[open]( <javascript:alert(1)> )",
        "[open]: JavaScript:alert(1)",
        "<javascript:alert(1)>",
        "<!--><script>alert(1)</script>",
        "<style><img src=x onerror=alert(1)>",
        "```\nnot closed <script>alert(1)</script>",
        "a ` alone <script>alert(1)</script>",
    ],
)
def test_script_is_found_however_it_is_written(text: str) -> None:
    assert holds_script(text)
    with pytest.raises(HoldsScript) as refused:
        demand_none(text, "workaround")
    assert refused.value.field == "workaround" and "alert" not in refused.value.sentence


@pytest.mark.parametrize(
    "text",
    [
        "The page loads `<script src=x>` twice, with `` a ` and <script> `` beside it.",
        "```html\n<script>alert(1)</script>\n```\nTake this out.",
        "~~~\n<img src=x onerror=alert(1)>\n~~~",
        'Browsers block javascript: addresses, and onclick="x" is none of ours.',
        "The script <your-script-name.py> fails when a < b and online=yes.",
        "[our page](https://desk.example/?next=javascript:void) <https://desk.example>",
        "<saml:Attribute Name='eduPersonOrcid'> is missing, <b>really</b>.",
        "",
    ],
)
def test_what_is_quoted_as_code_or_only_spoken_of_may_stand(text: str) -> None:
    assert not holds_script(text)


@pytest.mark.parametrize("piece", ["<a", "`", "``` ", "```\n", "<!--", "&#", "](", "<a b='", "<script", "<![", "</"])
def test_hostile_text_costs_no_time(piece: str) -> None:
    text = (piece * TEXT_LENGTH)[:TEXT_LENGTH]
    began = time.process_time()
    holds_script(text)
    assert time.process_time() - began < 2
