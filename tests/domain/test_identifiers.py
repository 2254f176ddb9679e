"""What is recognised in people's text, and what is taken out of it."""

import time

import pytest

from desk.domain.identifiers import Kind, find, orcid_is_valid, redact, ror_is_valid

SECRET = "1a2b3c4d-0000-4aaa-8bbb-123456789abc"


def found(text: str) -> list[tuple[str, str]]:
    return [(identifier.kind, identifier.value) for identifier in find(text)]


@pytest.mark.parametrize(
    "value",
    ["0000-0002-1825-0097", "0000-0001-2345-6789", "0000-0001-1020-868X", "0000-0000-5533-0120", "0000-0000-1679-2402"],
)
def test_the_check_character_of_an_orcid_id_is_computed(value: str) -> None:
    assert orcid_is_valid(value)
    assert not orcid_is_valid("9" + value[1:])


@pytest.mark.parametrize("value", ["04aj4c181", "04wxnsj81", "04h699437", "00k4n6c32", "02tyrky19", "016cn1q84"])
def test_the_check_digits_of_a_ror_id_are_computed(value: str) -> None:
    assert ror_is_valid(value)
    assert not ror_is_valid(value[:-1] + str((int(value[-1]) + 1) % 10))


def test_a_mistyped_orcid_id_is_found_and_marked() -> None:
    [identifier] = find("My iD is https://orcid.org/0000-0002-1825-0098.")
    assert (identifier.kind, identifier.value, identifier.valid) == (Kind.ORCID, "0000-0002-1825-0098", False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://orcid.org/0000-0001-1020-868x!", [("orcid", "0000-0001-1020-868X")]),
        ("client APP-ABCDEFGH12345678 fails", [("client_id", "APP-ABCDEFGH12345678")]),
        ("(https://doi.org/10.5072/Zenodo.123).", [("doi", "10.5072/zenodo.123")]),
        ("doi:10.5072/a(b)c, and more", [("doi", "10.5072/a(b)c")]),
        ("<https://dx.doi.org/10.5072/abc\u200b>", [("doi", "10.5072/abc")]),
        ("our prefix 10.5072 is new", [("prefix", "10.5072")]),
        ("https://ror.org/021nxhr62 moved", [("ror", "https://ror.org/021nxhr62")]),
        ("the repository ABCD.EFGH-IJ in Fabrica", [("repository", "ABCD.EFGH-IJ")]),
        ("see README.TXT", []),
        ('"error-code": 9017', [("orcid_error", "9017")]),
        ("room 9017", []),
        ("error 9099", []),
        ("HTTP/1.1 403 Forbidden", [("http_status", "403")]),
        ("we got status code: 404", [("http_status", "404")]),
    ],
)
def test_identifiers_are_read_in_their_normal_form(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


def test_an_identifier_is_listed_once_in_the_order_of_the_text() -> None:
    text = "10.5072/b then 0000-0002-1825-0097 then doi.org/10.5072/B"
    assert found(text) == [("doi", "10.5072/b"), ("orcid", "0000-0002-1825-0097")]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"Authorization: Bearer {SECRET}", SECRET),
        (f"curl -H 'authorization: bearer {SECRET}' https://api.example.org", SECRET),
        (f"client_id=APP-ABCDEFGH12345678&client_secret={SECRET}&grant_type=x", SECRET),
        (f'{{"client_secret": "{SECRET}"}}', SECRET),
        ("curl -u TIB.DEMO:hunter2 https://api.example.org", "hunter2"),
        ("curl --user 'TIB.DEMO:hunter2' https://api.example.org", "hunter2"),
        ("Authorization: Basic dXNlcjpodW50ZXIy", "dXNlcjpodW50ZXIy"),
        ("we send Basic dXNlcjpodW50ZXIy there", "dXNlcjpodW50ZXIy"),
        ("https://portal.example.org/callback?code=Xk3vA9", "Xk3vA9"),
        (f"our new token is {SECRET}", SECRET),
        (f"APP-ABCDEFGH12345678\n{SECRET}", SECRET),
        ("key DC." + "a" * 8 + "b" * 24, "b" * 24),
        ("ftp password=hunter22", "hunter22"),
        ("https://desk:hunter2@api.example.org/", "hunter2"),
    ],
)
def test_a_secret_is_taken_out(text: str, secret: str) -> None:
    clean, removed = redact(text)
    assert secret not in clean
    assert removed
    assert redact(clean) == (clean, [])


@pytest.mark.parametrize(
    "text",
    [
        f"request {SECRET} was slow",
        "the bearer token is missing",
        "a Basic understanding of OAuth",
        "Password: see the other mail",
        "10.5072/dc.abc",
        "the code=5 of the answer",
    ],
)
def test_what_is_not_a_secret_stays(text: str) -> None:
    assert redact(text) == (text, [])


def test_what_identifies_a_key_stays() -> None:
    assert redact("DC.12345678" + "x" * 24)[0] == "DC.12345678[removed: API key]"
    assert "TIB.DEMO:" in redact("curl -u TIB.DEMO:hunter2")[0]


@pytest.mark.parametrize(
    "unit",
    [
        "10.",
        "0000-",
        "Bearer ",
        "-u a:",
        "10.5072/((((",
        "client_secret=",
        "eyJaaaaaaaaaaaa.",
        "AAAA.",
        "Basic aaaaaa ",
        "?code=",
    ],
)
def test_hostile_text_takes_linear_time(unit: str) -> None:
    text = unit * (400_000 // len(unit))
    started = time.process_time()
    find(text)
    redact(text)
    assert time.process_time() - started < 5
