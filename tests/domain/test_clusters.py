"""Which escalations look alike."""

from desk.domain.clusters import clusters
from desk.domain.likeness import Evidence


def signs(entry: str | None = "sso", code: str = "", said: str = "", client: str = "") -> Evidence:
    things = {("orcid_error", code)} if code else set()
    things |= {("client_id", client)} if client else set()
    return Evidence("ORCID", "production", entry, frozenset(things), frozenset(said.split()))


def keys(*evidence: Evidence) -> list[list[int]]:
    return [each.keys for each in clusters(dict(enumerate(evidence)))]


def test_the_same_kind_of_incident_alone_makes_no_group() -> None:
    assert keys(signs(), signs()) == []


def test_with_the_same_error_code_or_the_same_words_it_does() -> None:
    words = "proxy persistent identifier attribute"
    assert keys(signs(code="9017"), signs(code="9017"), signs(code="9006")) == [[0, 1]]
    assert keys(signs(said=words), signs(said=words), signs("else", said=words)) == [[0, 1]]


def test_the_larger_group_comes_first_and_each_is_in_one() -> None:
    first, second = signs(code="9017"), signs(code="9006")
    assert keys(first, second, second, first, second) == [[1, 2, 4], [0, 3]]


def test_a_chain_of_small_likenesses_makes_no_group() -> None:
    """Each is compared with the first of a group, not with the last that joined."""
    a = signs(None, code="1", client="X")
    b = signs("sso", code="1", client="X")
    c = signs("sso", code="2", client="Y", said="proxy persistent identifier")
    assert keys(a, b, c) == [[0, 1]]


def test_what_all_have_in_common_is_told_and_no_record_among_the_codes() -> None:
    (found,) = clusters(
        {
            1: signs(code="9017", client="APP-1", said="proxy refuses token"),
            2: signs(code="9017", client="APP-1", said="proxy loses token"),
        }
    )
    assert (found.entry_key, found.codes, found.words) == ("sso", ["9017"], ["proxy", "token"])
