"""A mail that somebody passed on: their own words and the message are told apart."""

import pytest

from desk.mail.forwarding import parts_of
from desk.mail.message import read
from tests.mail.corpus import CORPUS


@pytest.mark.parametrize(
    ("name", "above", "original"),
    [
        ("forward-gmail", "Please help this researcher.", "My DOI does not resolve.\n\n-- \nGil"),
        ("forward-outlook-by-its-subject", "Bitte um Hilfe.", "Meine DOI geht nicht."),
        ("forward-apple-marked", "Please help.", "My DOI does not resolve."),
    ],
)
def test_what_stands_above_a_forwarded_message_is_the_forwarder_s(name: str, above: str, original: str) -> None:
    message = read((CORPUS / "replies" / f"{name}.eml").read_bytes())
    assert parts_of(message) == (above, original)


def test_a_message_that_was_attached_is_the_message() -> None:
    raw = (
        b"From: leo@north.example\r\nSubject: Fwd: DOI\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\nContent-Type: text/plain\r\n\r\nours to do\r\n"
        b"--B\r\nContent-Type: message/rfc822\r\n\r\nFrom: bob@birch.example\r\nSubject: DOI\r\n\r\nIt is broken.\r\n"
        b"--B--\r\n"
    )
    assert parts_of(read(raw)) == ("ours to do", "It is broken.")


def test_without_a_mark_all_of_it_is_the_message() -> None:
    message = read(b"From: leo@north.example\r\nSubject: Fwd: DOI\r\n\r\nIt is broken.\r\n")
    assert parts_of(message) == ("", "It is broken.")
