"""Which files are looked through for secrets, and that what is found is named by its sort alone."""

import pytest

from desk.domain.files import SEARCHED, secrets_in

FOUND = ["client secret or token"]


@pytest.mark.parametrize(
    ("name", "kind", "data"),
    [
        ("noname", "text/plain", b"client_secret=abcdefgh1234"),
        ("answer.json", "application/json", b'{"client_secret": "abcdefgh1234"}'),
        ("SERVER.LOG", "application/octet-stream", "client_secret=abcdefgh1234".encode("utf-16")),
        ("sheet.csv", "text/plain", b"\xef\xbb\xbfid;client_secret=abcdefgh1234"),
        ("latin.xml", "application/octet-stream", "<k\xfc client_secret='abcdefgh1234'/>".encode("latin-1")),
    ],
)
def test_a_secret_is_found_in_text_of_any_kind(name: str, kind: str, data: bytes) -> None:
    assert secrets_in(name, kind, data) == FOUND


@pytest.mark.parametrize(
    ("name", "kind", "data"),
    [
        ("trace.txt", "text/plain", b"The client secret was not accepted."),
        ("picture.png", "image/png", b"client_secret=abcdefgh1234"),
        ("large.log", "text/plain", b"client_secret=abcdefgh1234".ljust(SEARCHED + 1)),
    ],
)
def test_nothing_is_found_in_text_without_and_in_what_is_not_looked_through(name: str, kind: str, data: bytes) -> None:
    assert secrets_in(name, kind, data) == []


def test_the_largest_file_that_is_looked_through() -> None:
    assert secrets_in("a.log", "text/plain", b"client_secret=abcdefgh1234".ljust(SEARCHED)) == FOUND
