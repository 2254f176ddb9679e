"""Reply addresses and Message-IDs that only the desk can have written. Pure.

A reply address says for which ticket, which person and which audience it was issued, and is signed, so that a stranger
who knows a ticket's number cannot join it. It fits in 64 characters before the @ and survives a change of case, since
some systems cut and fold. It proves that a mailbox once had it, not who writes now: access is checked again at use.
"""

import base64
import binascii
import hashlib
import hmac
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from desk.domain.vocabulary import Audience

_MAC_BYTES = 16
_AUDIENCES = (Audience.MEMBER, Audience.LEAD, Audience.HANDOVER, Audience.REGISTRY)
# Ticket 5 bytes, person 4 (0: nobody the desk knows), audience 1, the address it was sent to 6; 52 characters in all.
_IDS = struct.Struct(">BIIB6s")
_REPLY = re.compile(r"reply\+([a-z2-7]{52})@(.+)")
_ESCALATION = re.compile(r"esc\+([a-z2-7]{34})@(.+)")
_LINK = struct.Struct(">BI")  # 21 bytes with the signature, 34 characters
_ID = re.compile(r"d([a-z2-7]{60})@(.+)")


@dataclass(frozen=True, slots=True)
class Issued:
    """What a signed address or id was issued for. ``person_id`` is None for an address that belongs to nobody known."""

    ticket_id: int
    person_id: int | None
    audience: Audience
    address_digest: bytes

    def is_for(self, address: str) -> bool:
        """Whether it was sent to this address."""
        return hmac.compare_digest(self.address_digest, _digest(address))


class Signer:
    """Writes and reads signed reply addresses and Message-IDs of one desk."""

    def __init__(self, secret_key: str, domain: str) -> None:
        self.domain = domain.lower()
        self._key = secret_key.encode()

    def reply_address(self, ticket_id: int, person_id: int | None, audience: Audience, to_address: str) -> str:
        """The Reply-To of a mail to ``to_address``; the local part is 58 characters."""
        return f"reply+{self._token('reply', _packed(ticket_id, person_id, audience, to_address))}@{self.domain}"

    def message_id(
        self, event_id: int, ticket_id: int, person_id: int | None, audience: Audience, to_address: str
    ) -> str:
        """The Message-ID, without brackets, of the one mail that this event causes to this address."""
        ids = _packed(ticket_id, person_id, audience, to_address) + event_id.to_bytes(5, "big")
        return f"d{self._token('message-id', ids)}@{self.domain}"

    def collection_id(self, to_address: str, event_ids: Iterable[int]) -> str:
        """The Message-ID, without brackets, of the one mail that tells this address of just these events."""
        ids = hashlib.sha256(",".join(map(str, event_ids)).encode()).digest()[:10] + _digest(to_address)
        return f"c{self._token('collection', ids)}@{self.domain}"

    def escalation_address(self, link_id: int) -> str:
        """From where the mails of one escalation go to a registry's own desk; the local part is 38 characters."""
        high, low = divmod(link_id, 1 << 32)
        return f"esc+{self._token('escalation', _LINK.pack(high, low))}@{self.domain}"

    def read_escalation_address(self, address: str) -> int | None:
        """The link that such an address was made for; None for any other address and a forged one."""
        ids = self._ids("escalation", _ESCALATION.fullmatch(address.strip().strip("<>").lower()))
        if ids is None:
            return None
        high, low = _LINK.unpack(ids)
        return (high << 32) + low if not high and low < 1 << 31 else None

    def read_reply_address(self, address: str) -> Issued | None:
        """What a reply address was issued for; None for any other address, a forged one and one of another desk."""
        return self._read("reply", _REPLY.fullmatch(address.strip().lower()))

    def read_message_id(self, message_id: str) -> Issued | None:
        """What one of our Message-IDs was issued for; None for any other."""
        return self._read("message-id", _ID.fullmatch(message_id.strip().strip("<>").lower()))

    def claims_to_be_ours(self, address: str) -> bool:
        """Whether it has the form of a signed address of this desk, whatever its signature is worth."""
        return address.lower().startswith(("reply+", "esc+")) and address.lower().endswith("@" + self.domain)

    def _token(self, purpose: str, ids: bytes) -> str:
        return base64.b32encode(ids + self._mac(purpose, ids)).decode("ascii").rstrip("=").lower()

    def _mac(self, purpose: str, ids: bytes) -> bytes:
        # The purpose is signed too: a token of one kind is refused as the other.
        signed = f"consortium-desk {purpose} {self.domain} ".encode() + ids
        return hmac.new(self._key, signed, hashlib.sha256).digest()[:_MAC_BYTES]

    def _read(self, purpose: str, match: re.Match[str] | None) -> Issued | None:
        ids = self._ids(purpose, match)
        return _unpacked(ids) if ids is not None else None

    def _ids(self, purpose: str, match: re.Match[str] | None) -> bytes | None:
        if match is None or match[2] != self.domain:
            return None
        try:
            token = base64.b32decode(match[1].upper() + "=" * (-len(match[1]) % 8))
        except binascii.Error:
            return None
        ids, mac = token[:-_MAC_BYTES], token[-_MAC_BYTES:]
        return ids if hmac.compare_digest(mac, self._mac(purpose, ids)) else None


def _packed(ticket_id: int, person_id: int | None, audience: Audience, to_address: str) -> bytes:
    high, low = divmod(ticket_id, 1 << 32)
    return _IDS.pack(high, low, person_id or 0, _AUDIENCES.index(audience), _digest(to_address))


def _unpacked(ids: bytes) -> Issued | None:
    high, low, person, audience, digest = _IDS.unpack_from(ids)
    if audience >= len(_AUDIENCES):
        return None
    return Issued((high << 32) + low, person or None, _AUDIENCES[audience], digest)


def _digest(address: str) -> bytes:
    return hashlib.sha256(address.strip().lower().encode()).digest()[:6]
