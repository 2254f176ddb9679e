"""The page of letters: every kind of event renders for everybody who gets it, with nobody real in it."""

import re

import pytest
from flask.testing import FlaskClient

from desk.mail import letter, letter_examples, told
from tests.cast import Cast


def test_every_letter_has_an_example() -> None:
    shown = {kind for kinds in letter_examples.READERS.values() for kind in kinds}
    assert shown ^ told.kinds() == letter.COLLECTIONS
    assert shown == letter.kinds() == letter_examples.TITLES.keys()


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"])
def test_every_example_is_a_whole_letter(zone: str) -> None:
    for each in letter_examples.examples(zone):
        name = (each.kind, each.side)
        assert each.letter.subject.strip(), name
        assert len(each.letter.text.split()) > 15, name
        assert each.letter.html.startswith("<!doctype html>") and each.letter.html.rstrip().endswith("</html>"), name
        whole = f"{each.letter.subject} {each.letter.text} {each.letter.html}"
        assert not re.search(r"\{[{%]|None|Undefined| ,|“”", whole), name
        assert set(re.findall(r"[\w.-]+@[\w.-]+\w", whole)) <= {
            "gone@member.example",
            "help@other-desk.example",
            "somebody@member.example",
            "support@desk.example",
        }, name


def test_a_greeting_and_what_somebody_wrote_stand_apart_from_our_words() -> None:
    texts = {(each.kind, each.side): each.letter.text for each in letter_examples.examples("UTC")}
    for kind in ("participant_added", "requester_confirmed", "merged", "transferred", "sign_in_link_issued"):
        assert "Dear Alex Example,\n\n" in texts[kind, "member"], kind
    wrote = [text for text in texts.values() if "Here is what was found" in text]
    assert len(wrote) > 10
    for text in wrote:
        assert "\n\nHere is what was found" in text, text


@pytest.mark.parametrize("kind", ["issue_published", "issue_updated"])
def test_a_published_text_is_in_the_html_part_as_on_its_page(kind: str) -> None:
    (news,) = (each.letter for each in letter_examples.examples("UTC") if (each.kind, each.side) == (kind, "member"))
    assert "an **empty page** is shown" in news.text
    assert "<p>After signing in, an <strong>empty page</strong> is shown.<br>" in news.html


def test_the_same_instant_is_shown_in_the_zone_that_was_chosen() -> None:
    here, there = (letter_examples.example("opened", "member", zone).text for zone in ("UTC", "Asia/Kathmandu"))
    assert "14:05 UTC" in here
    assert "19:50" in there


def test_the_page_shows_every_letter_as_text_and_in_a_sandbox(cast: Cast, client: FlaskClient) -> None:
    cast.sign_in(client, cast.lena)
    page = client.get("/mail/letters?zone=Asia/Kathmandu").text
    assert "19:50" in page
    frames = re.findall(r"<iframe[^>]*>", page)
    assert len(frames) == sum(len(kinds) for kinds in letter_examples.READERS.values())
    assert all(" sandbox " in frame for frame in frames)
    for address in re.findall(r'<iframe[^>]* src="([^"]+)"', page):
        shown = client.get(address.replace("&amp;", "&"))
        assert shown.status_code == 200, address
        policy = shown.headers["Content-Security-Policy"]
        assert policy.startswith("sandbox; default-src 'none'") and "allow-scripts" not in policy


def test_a_zone_that_is_none_is_refused_and_the_readers_own_is_used(cast: Cast, client: FlaskClient) -> None:
    cast.sign_in(client, cast.lena)
    page = client.get("/mail/letters?zone=Middle/Earth%3Cscript%3E")
    assert page.status_code == 200
    assert "is not the name of a time zone" in page.text
    assert "Earth<script>" not in page.text


@pytest.mark.parametrize("asked", ["", "?kind=opened", "?kind=../x&to=member", "?kind=verified&to=member"])
def test_a_letter_that_there_is_not_is_not_found(cast: Cast, client: FlaskClient, asked: str) -> None:
    cast.sign_in(client, cast.lena)
    assert client.get(f"/mail/letters/html{asked}").status_code == 404
