"""Another desk's numbers and words: which patterns are taken, what a mail says, and whose word it is."""

import pytest

from desk.domain.bridge import (
    DEFAULT_WORDS,
    LOOKED_AT,
    Meaning,
    Proof,
    clean_word,
    doubt_about,
    is_of_desk,
    is_phrase,
    meaning_of,
    moves_for,
    number_fields,
    status_in,
    without_own,
)
from desk.domain.bridge_pattern import DEFAULT_PATTERN, compiled, find_number
from desk.domain.errors import InvalidInput
from desk.domain.escalation import EscalationState, Move, ReturnReason


@pytest.mark.parametrize(
    ("pattern", "text", "number", "written"),
    [
        (DEFAULT_PATTERN, "[#4711] Re: sign-in fails", "4711", "[#4711]"),
        (r"\[?#(\d{4,})\]?", "Request #10234 has been received", "10234", "#10234"),
        (r"(ORC-\d+)", "Re: [ORC-88] no identifier", "ORC-88", "ORC-88"),
        (r"Case ([A-Z]{2}[0-9]{6})\b", "", "", ""),
        (r"ticket:([A-Za-z0-9-]{3,12})", "ticket:ab-12", "ab-12", "ticket:ab-12"),
    ],
)
def test_a_pattern_finds_the_number_and_how_it_was_written(pattern: str, text: str, number: str, written: str) -> None:
    if not number:
        with pytest.raises(InvalidInput):
            compiled(pattern)
        return
    found = find_number(compiled(pattern), text)
    assert found is not None and (found.number, found.written) == (number, written)


@pytest.mark.parametrize(
    "pattern",
    ["", "#", r"#\d+", r"(\d+)(\d+)", r"((\d+))", r"(a+)+", r"(a|b)", r"(?:x)(\d)", r"(.*)", r"(\d{1,99})", r"(\d*)",
     r"(\s)", r"\d*\d*\d*\d*(\d+)", "x" * 130, r"(\1)", r"(\d", r"^(\d+)$"],
)  # fmt: skip
def test_a_pattern_that_could_take_long_or_says_nothing_is_refused_at_its_field(pattern: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        compiled(pattern)
    assert refusal.value.field == "number_pattern"


def test_the_worst_pattern_that_is_taken_is_linear_in_the_text() -> None:
    pattern = compiled(r"\d{0,12}\d{0,12}(\d{1,9})x")
    assert find_number(pattern, "1" * LOOKED_AT) is None


def test_our_own_number_is_not_theirs() -> None:
    found = find_number(compiled(DEFAULT_PATTERN), "[#501] Re: [#9001] it", but="501")
    assert found is not None and found.number == "9001"


@pytest.mark.parametrize(
    ("subject", "text", "fields", "status"),
    [
        ("Re: it", "Hello\nStatus: Resolved\n", (), "Resolved"),
        ("Re: it", "**State:** Waiting for your answer", (), "Waiting for your answer"),
        ("Re: it", "Ticket status has changed to Open", (), "Open"),
        ("Re: it", "no word", (("X-Desk-Ticket-Status", "solved"),), "solved"),
        ("[#4711][Resolved] it", "no word", (), "Resolved"),
        ("[urgent] it", "The status of my account: bad", (("X-Spam-Status", "No"),), ""),
    ],
)
def test_a_status_is_read_from_header_line_or_brackets(
    subject: str, text: str, fields: tuple[tuple[str, str], ...], status: str
) -> None:
    assert status_in(subject, text, fields, [each.word for each in DEFAULT_WORDS]) == status


def test_the_longest_word_of_the_table_that_a_status_begins_with_counts() -> None:
    for status, meaning in (
        ("RESOLVED", Meaning.FIXED),
        ("Resolved on 4 March", Meaning.FIXED),
        ("Waiting for customer (3 days)", Meaning.RETURNED),
        ("Opening hours", None),
    ):
        found = meaning_of(status, DEFAULT_WORDS)
        assert (found.meaning if found else None) is meaning, status
    found = meaning_of("cannot reproduce", DEFAULT_WORDS)
    assert found is not None and found.reason is ReturnReason.REPRODUCTION


def test_headers_that_hold_a_number_are_known_by_name() -> None:
    fields = (("X-Hosted-Ticket-Id", "4711"), ("X-Spam-Status", "no"), ("X-Case", "A1"), ("X-Ticketing-System", "y"))
    assert number_fields(fields) == ["4711", "A1"]


def test_a_sentence_of_their_autoresponder_is_found_however_it_is_broken() -> None:
    assert is_phrase(["We have received your request"], "Re: it", "Hello,\nwe have  received\nyour request (#12).")
    assert not is_phrase([""], "Re: it", "anything")


@pytest.mark.parametrize(
    ("sender", "senders", "is_theirs"),
    [
        ("support@registry.example", (), True),
        ("rita@REGISTRY.example", (), True),
        ("rita@registry.example.evil.example", (), False),
        ("rita@registry.example", ("@hosted.example",), False),
        ("support@registry.example", ("@hosted.example",), True),
        ("x@hosted.example", ("@hosted.example",), True),
        ("x@sub.hosted.example", ("@hosted.example",), False),
        ("bot@other.example", ("bot@other.example",), True),
        (None, (), False),
    ],
)
def test_only_addresses_of_the_desk_speak_for_it(sender: str | None, senders: tuple[str, ...], is_theirs: bool) -> None:
    assert is_of_desk(sender, "support@registry.example", senders) is is_theirs


def test_a_word_is_the_registrys_only_from_its_desk_and_proved_where_proof_is_to_be_had() -> None:
    assert doubt_about(of_desk=True, proof=Proof.PASS) == ""
    assert doubt_about(of_desk=True, proof=Proof.UNASKED) == ""
    assert "vouch" in doubt_about(of_desk=True, proof=Proof.UNKNOWN)
    assert "failed" in doubt_about(of_desk=True, proof=Proof.FAIL)
    assert "not from" in doubt_about(of_desk=False, proof=Proof.PASS)


def test_a_fix_without_an_acceptance_before_it_accepts_first() -> None:
    sent, accepted, returned = EscalationState.SENT, EscalationState.ACCEPTED, EscalationState.RETURNED
    assert moves_for(Meaning.FIXED, sent, 2) == (Move.ACCEPT, Move.REPORT_FIX)
    assert moves_for(Meaning.FIXED, accepted, 2) == (Move.REPORT_FIX,)
    assert moves_for(Meaning.ENGINEERING, sent, 2) == (Move.ACCEPT, Move.MOVE_TIER)
    assert moves_for(Meaning.ENGINEERING, accepted, 3) == ()
    assert moves_for(Meaning.RETURNED, sent, 2) == (Move.RETURN,)
    assert moves_for(Meaning.RETURNED, returned, 2) == ()
    assert moves_for(Meaning.ACCEPTED, accepted, 2) == ()
    assert moves_for(Meaning.NONE, sent, 2) == ()


def test_what_we_wrote_ourselves_is_cut_from_an_answer_whether_it_is_marked_or_not() -> None:
    ours = ["Escalation: 5-1\nConsortium: North\n\nWhat was tried: all\n\n-- \nNorthern support"]
    address = "esc+" + "a" * 34 + "@desk.example"
    for history in (ours[0], "\n".join(f"> {line}" for line in ours[0].split("\n"))):
        text = f"Which one?\n\nNorth <{address}> schrieb:\n{history}\n\nRate us"
        assert without_own(text, ours) == ("Which one?\n\nRate us", False)
        assert without_own(history, ours) == ("", True)
    # A line or two that happen to be the same are theirs.
    assert without_own("Northern support\nis right", ours) == ("Northern support\nis right", False)
    assert without_own("", ours) == ("", False)


def test_a_word_is_compared_without_case_and_signs() -> None:
    assert clean_word(" “Waiting  for Customer”. ") == "waiting for customer"
    with pytest.raises(InvalidInput):
        clean_word(" … .. ".replace("…", ""))
