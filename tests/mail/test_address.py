"""Signed reply addresses and Message-IDs: short, safe from folding, worth nothing when forged."""

import pytest

from desk.domain.vocabulary import Audience
from desk.mail.address import Signer

SIGNER = Signer("a key for tests only, long enough to be accepted", "Desk.Example")
ANNE = "anne@member-a.example"


def address(ticket: int = 7, person: int | None = 3, audience: Audience = Audience.MEMBER, to: str = ANNE) -> str:
    return SIGNER.reply_address(ticket, person, audience, to)


@pytest.mark.parametrize("audience", list(Audience))
def test_a_reply_address_tells_what_it_was_issued_for(audience: Audience) -> None:
    issued = SIGNER.read_reply_address(address(2**40 - 1, 2**32 - 1, audience))
    assert issued is not None
    assert (issued.ticket_id, issued.person_id, issued.audience) == (2**40 - 1, 2**32 - 1, audience)
    assert issued.is_for("Anne@Member-A.example")
    assert not issued.is_for("mallory@evil.example")


def test_the_local_part_fits_in_64_characters_and_survives_folding() -> None:
    local = address().partition("@")[0]
    assert len(local) <= 64
    assert local == local.lower()
    assert SIGNER.read_reply_address(address().upper()) == SIGNER.read_reply_address(address())


def test_an_address_for_nobody_known_names_nobody() -> None:
    issued = SIGNER.read_reply_address(address(person=None))
    assert issued is not None
    assert issued.person_id is None


def test_every_changed_character_is_refused() -> None:
    good = address()
    for position in range(len("reply+"), good.index("@")):
        other = "a" if good[position] != "a" else "b"
        forged = good[:position] + other + good[position + 1 :]
        # The last character carries four bits that decode to nothing; a change there may spell the same bytes.
        if position < good.index("@") - 1:
            assert SIGNER.read_reply_address(forged) is None, position


@pytest.mark.parametrize(
    "text",
    ["", "support@desk.example", "reply+7@desk.example", "reply+" + "a" * 52 + "@desk.example", "reply+\u212a@x"],
)
def test_other_addresses_are_not_ours(text: str) -> None:
    assert SIGNER.read_reply_address(text) is None
    assert SIGNER.read_message_id(text) is None


def test_another_desk_s_address_is_refused() -> None:
    other_key = Signer("another key for tests, long enough to be accepted", "desk.example")
    other_domain = Signer("a key for tests only, long enough to be accepted", "other.example")
    assert other_key.read_reply_address(address()) is None
    assert SIGNER.read_reply_address(other_domain.reply_address(7, 3, Audience.MEMBER, ANNE)) is None
    assert SIGNER.claims_to_be_ours(other_key.reply_address(7, 3, Audience.MEMBER, ANNE))


def test_a_message_id_tells_the_same_and_differs_by_event() -> None:
    first = SIGNER.message_id(1, 7, 3, Audience.LEAD, ANNE)
    assert first != SIGNER.message_id(2, 7, 3, Audience.LEAD, ANNE)
    assert first == SIGNER.message_id(1, 7, 3, Audience.LEAD, ANNE)
    issued = SIGNER.read_message_id(f"<{first}>")
    assert issued is not None
    assert (issued.ticket_id, issued.person_id, issued.audience) == (7, 3, Audience.LEAD)


def test_a_token_of_one_purpose_is_refused_for_another() -> None:
    token = address().removeprefix("reply+").partition("@")[0]
    assert SIGNER.read_message_id(f"d{token}aaaaaaaa@desk.example") is None
