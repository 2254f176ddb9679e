"""What of a reply is new: our own messages as they should be read, laws for any text, a score on those of others."""

import json
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.mail.message import read
from desk.mail.reply import REPLY_ABOVE, new_text
from desk.mail.visible import html_text
from tests.mail.corpus.replies import REPLIES, Mail
from tests.mail.others import OF_REPLIES, facts

MISSES = json.loads((Path(__file__).parent / "reply_misses.json").read_text())
LEAST_RIGHT = 0.9
QUOTATION = "On Tue, 3 Mar 2026 at 10:11, Desk <desk@lead.example> wrote:\n\n> Shall we go on?\n> Yes or no?\n"


# ------------------------------------------------------------------ messages we wrote


@pytest.mark.parametrize("name", sorted(path.stem for path in REPLIES.glob("*.eml")))
def test_what_is_new_is_found(name: str) -> None:
    expected = (REPLIES / f"{name}.txt").read_text().removesuffix("\n")
    assert new_text(read((REPLIES / f"{name}.eml").read_bytes())) == expected


# ------------------------------------------------------------------ laws

PLAIN_LETTERS = "abcdefghijklmnop 0123456789.,!?äßéñ日本語мир\n"
plain_texts = st.text(alphabet=PLAIN_LETTERS, max_size=400)
pieces = st.sampled_from(
    [
        "> ", ">", "\n", "\n\n", "On ", "3 Mar 2026", " 10:11 ", "Desk <desk@lead.example>", " wrote:", "a écrit :",
        "From: ", "Von: ", "Sent: ", "To: ", "Subject: ", "-----Original Message-----", "-- \n", "--", "____________",
        "Kind regards\n", "Anne Berg\n", "Sent from my iPhone", "see below", "confidential mail recipient", REPLY_ABOVE,
        "---------- Forwarded message ---------", ":", "：", "<", "@", "写道", "\u200f", "\xa0", "word", "A sentence.",
    ]
)  # fmt: skip
odd_texts = st.lists(pieces, max_size=40).map("".join)
tags = st.sampled_from(
    [
        "<blockquote>", "</blockquote>", '<blockquote type="cite">', '<div class="gmail_quote">', "</div>", "<div>",
        '<blockquote class="gmail_quote">', '<div id="appendonsend">', "<hr id=zwchr>", "<!--", "-->", "<p>", "<br>",
        '<div class="gmail_signature">', "words", "On 3 Mar 2026 10:11, a@b.example wrote:", "\ue0f0", "\ue0f2", "<",
    ]
)  # fmt: skip
odd_html = st.lists(tags, max_size=40).map("".join)


@given(st.text() | odd_texts, odd_html | st.text())
def test_it_never_raises_and_never_leaves_a_mail_without_text(text: str, html: str) -> None:
    assert new_text(Mail(text, html)).strip() or not text.strip()


@given(plain_texts)
def test_text_without_quotation_or_signature_is_new_as_it_is(text: str) -> None:
    assert new_text(Mail(text)).strip() == text.strip()


@given(odd_texts)
def test_what_is_new_has_nothing_that_the_mail_has_not(text: str) -> None:
    lines = {line.strip() for line in text.split("\n")}
    for line in new_text(Mail(text)).split("\n"):
        assert line.strip() in lines or any(whole.startswith(line.strip()) for whole in lines)


@given(odd_texts)
def test_reading_again_what_is_new_takes_no_more_than_one_more_layer_off(text: str) -> None:
    once = new_text(Mail(text))
    twice = new_text(Mail(once))
    assert len(twice) <= len(once)


@given(plain_texts)
def test_plain_text_that_is_new_stays_new_when_read_again(text: str) -> None:
    once = new_text(Mail(f"{text}\n\n{QUOTATION}"))
    assert new_text(Mail(once)) == once


@given(plain_texts.filter(lambda text: bool(text.strip())))
def test_words_above_a_quotation_are_kept(text: str) -> None:
    assert new_text(Mail(f"{text}\n\n{QUOTATION}")).split() == text.split()


@given(plain_texts.filter(lambda text: bool(text.strip())))
def test_words_below_a_marked_quotation_are_kept(text: str) -> None:
    assert new_text(Mail(f"{QUOTATION}\n{text}")).split() == text.split()


@given(st.lists(st.text(alphabet="abcdefgh ", min_size=1).filter(str.strip), min_size=1, max_size=6))
def test_words_between_quotations_are_kept(answers: list[str]) -> None:
    text = "".join(f"> Is this question number {number}?\n\n{answer}\n\n" for number, answer in enumerate(answers))
    assert new_text(Mail(text)).split() == " ".join(answers).split()


# ------------------------------------------------------------------ cost


def steps(mail: Mail) -> int:
    """How many lines of our reading are executed: the same on every machine."""
    counted = 0

    def line(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal counted
        counted += event == "line"
        return line

    def call(frame: FrameType, _event: str, _argument: Any) -> Any:
        return line if "/desk/mail/" in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        new_text(mail)
    finally:
        sys.settrace(before)
    return counted


HOSTILE_LINES = [
    "> x\n", ">\n", "> x\ny\n", "On On 3 On\n", "On 3 Mar 2026 10:11 a <a@b.example> wrote:\n", "wrote:\n", "a:\n",
    "On 3 Mar 2026 10:11 a <a@b.example> wrote:\nx\n", "From: a@b.example\n", "-----Original Message-----\n", "\n",
    "From: a@b.example\nDate: 3 Mar 2026 10:11\nTo: x\n", "-- \n", "Kind regards\n", "________________________\nA: b\n",
    "x <a@b\n>:\n", "x\n\n", "confidential mail recipient in error\n\n", f"{REPLY_ABOVE}\n", "<\n",
]  # fmt: skip


@pytest.mark.parametrize("line", HOSTILE_LINES)
@pytest.mark.parametrize("first", ["", "see below\n"])
def test_the_cost_grows_no_faster_than_the_text(line: str, first: str) -> None:
    once, twice = steps(Mail(first + line * 200)), steps(Mail(first + line * 400))
    assert twice <= 2.2 * once + 500


@pytest.mark.parametrize(
    "html", ["<blockquote>", '<blockquote type="cite">a</blockquote>b', "<div><p>x", '<div class="gmail_quote">']
)
def test_the_cost_grows_no_faster_than_the_html(html: str) -> None:
    def mail(times: int) -> Mail:
        return Mail("x", '<blockquote type="cite">y</blockquote>' + html * times)

    once, twice = steps(mail(200)), steps(mail(400))
    assert twice <= 2.2 * once + 500


LONG = [
    line * (1_000_000 // len(line)) for line in (*HOSTILE_LINES, "On ", " ", ":", "_", "@", "a", "<", "写道", "1:1 ")
]


@pytest.mark.parametrize("text", LONG, ids=range(len(LONG)))
def test_a_megabyte_of_anything_is_read_in_a_moment(text: str) -> None:
    started = time.process_time()
    new_text(Mail(text))
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "html",
    ["<blockquote>" * 35_000, '<blockquote type="cite">a</blockquote>b' * 9_000, "<" * 500_000, "<!--" * 200_000],
)
def test_a_megabyte_of_html_is_read_in_a_moment(html: str) -> None:
    mail = Mail(html_text(html), html + '<blockquote type="cite">x')
    started = time.process_time()
    new_text(mail)
    assert time.process_time() - started < 2


# ------------------------------------------------------------------ mail of others, where it is present


def test_most_replies_of_other_projects_are_read_as_they_say() -> None:
    stated = [fact for fact in facts() if fact.kind in OF_REPLIES]
    texts = [fact.right for fact in stated if fact.kind == "reply_text"]
    assert sum(texts) / len(texts) >= LEAST_RIGHT
    missed = {fact.case for fact in stated if not fact.right}
    assert missed <= MISSES.keys(), "a new miss: mend it, or list it with its reason"
