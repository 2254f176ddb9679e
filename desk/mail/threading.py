"""Which ticket a mail belongs to, and whose word it is. Pure: the gateway collects the facts, this decides.

Evidence in order of strength: a reply address that the desk signed; a Message-ID of ours or one that came in before;
the number in the subject. Evidence says which ticket is meant, never that the sender may write there. A sender is
believed when the reply address was issued to the person whose address From is, or when our own receiving server vouches
for From's domain; staff need both. A match without the right to write never reaches the matched ticket.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from desk.domain.vocabulary import Audience
from desk.mail.evidence import AuthVerdict


class Evidence(StrEnum):
    """What ties a mail to a ticket, the strongest first."""

    SIGNED_ADDRESS = "signed reply address"
    OWN_MESSAGE_ID = "answer to a mail of ours"
    KNOWN_MESSAGE_ID = "answer to a mail that came in"
    SUBJECT_TAG = "ticket number in the subject"


_TAG = re.compile(r"\[#([0-9]{1,9})\]")


def subject_tags(subject: str) -> list[int]:
    """The ticket numbers in a subject, ``[#12]``, each once."""
    return list(dict.fromkeys(int(number) for number in _TAG.findall(subject)))


class Verdict(StrEnum):
    """What is to be done with a mail."""

    APPEND = "append"
    OPEN = "open"
    HOLD = "hold"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Match:
    """One piece of evidence. ``issued_to_sender``: a signed address that was issued to whom From names."""

    evidence: Evidence
    ticket_id: int
    audience: Audience
    issued_to_sender: bool = False


@dataclass(frozen=True, slots=True)
class Rights:
    """What whoever has From's address may do on one matched ticket.

    ``audiences``: what the known person may write, checked now and not when the address was issued; ``staff``: they
    would write for a desk; ``own_unverified``: nobody known, but the ticket was opened from this very address.
    """

    audiences: frozenset[Audience] = frozenset()
    staff: bool = False
    own_unverified: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What the decision needs to know of a mail. ``person_id``: whose address From is, which alone proves nothing.

    ``is_notice``: it says that a mail arrived, was passed on or was read. ``staff_here``: they work at the desk that
    the mail came to; ``forwarded_from``: whose message they pass on, if any.
    """

    sender: str | None
    sender_doubt: str = ""
    person_id: int | None = None
    auth: AuthVerdict = AuthVerdict.GRAY
    auth_reason: str = ""
    machine: tuple[str, ...] = ()
    is_auto_reply: bool = False
    is_report: bool = False
    is_notice: bool = False
    from_ourselves: bool = False
    staff_here: bool = False
    forwarded_from: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, for whom, and why, in words for the mail screen.

    ``person_id`` is set only for a proved person. ``linked`` are tickets that the mail points at without the right to
    write there. ``answerable``: an automatic receipt may go out. ``storm``: it came beyond a cap. ``link_id``: it is,
    or claims to be, the word of a registry's own desk about that escalation; see ``desk.mail.bridge_in``.
    ``on_behalf_of``: the address of whom the ticket is, where somebody of the desk forwarded their mail.
    """

    verdict: Verdict
    reason: str
    ticket_id: int | None = None
    audience: Audience = Audience.MEMBER
    person_id: int | None = None
    machine: bool = False
    answerable: bool = False
    linked: tuple[int, ...] = ()
    evidence: tuple[str, ...] = field(default=())
    storm: bool = False
    link_id: int | None = None
    on_behalf_of: str = ""


def decide(facts: Facts, matches: Sequence[Match], rights: Mapping[int, Rights]) -> Decision:
    """The one decision about a mail that was read. ``rights`` has an entry for each matched ticket."""
    if facts.is_report:
        return Decision(Verdict.REPORT, "A report about the delivery of a mail.", machine=True, evidence=_said(facts))
    if facts.from_ourselves:
        reason = "It says it comes from the desk's own address."
        return Decision(Verdict.HOLD, reason, machine=True, evidence=_said(facts))
    found = _strongest(matches)
    if len({match.ticket_id for match in found}) > 1:
        return _without_a_match(facts, found, "It names more than one ticket.")
    if not found:
        return _without_a_match(facts, found, "It names no ticket.")
    return _with_a_match(facts, found[0], rights.get(found[0].ticket_id, Rights()))


def _strongest(matches: Sequence[Match]) -> list[Match]:
    """The matches of the strongest kind that there is; among them those that were issued to the sender."""
    for kind in Evidence:
        found = [match for match in matches if match.evidence is kind]
        issued = [match for match in found if match.issued_to_sender]
        if found:
            return issued or found
    return []


# The same whether the address belongs to somebody or to nobody: nothing tells whether it has an account.
_NO_RIGHT = "The sender may not write on the ticket it points at."


def _with_a_match(facts: Facts, match: Match, rights: Rights) -> Decision:
    said = (f"{match.evidence.value}: ticket {match.ticket_id}", *_said(facts))
    if facts.auth is AuthVerdict.FAIL:
        return _refused(facts, match, said, f"{facts.auth_reason}: the sender is not who From says.")
    # A Message-ID is no proof: it travels with every copy of the mail.
    through_issued_address = match.evidence is Evidence.SIGNED_ADDRESS and match.issued_to_sender
    proved = facts.auth is AuthVerdict.PASS or through_issued_address
    if facts.sender is None or not proved:
        doubt = facts.sender_doubt or "nothing proves that the sender is who From says"
        return _refused(facts, match, said, f"It points at a ticket, but {doubt}.")
    if facts.person_id is None:
        if not (rights.own_unverified and through_issued_address):
            return _refused(facts, match, said, _NO_RIGHT)
        return _append(facts, match, said, Audience.MEMBER)
    audience = match.audience if match.issued_to_sender else Audience.MEMBER
    if audience not in rights.audiences:
        return _refused(facts, match, said, _NO_RIGHT)
    if rights.staff and (facts.auth is not AuthVerdict.PASS or not through_issued_address):
        missing = "our receiving server does not vouch for the sender"
        if facts.auth is AuthVerdict.PASS:
            missing = "it did not come through the reply address that was issued to them"
        return Decision(
            Verdict.HOLD,
            f"It would be an answer of the desk's staff, but {missing}.",
            match.ticket_id,
            machine=bool(facts.machine),
            evidence=said,
        )
    return _append(facts, match, said, audience)


def _append(facts: Facts, match: Match, said: tuple[str, ...], audience: Audience) -> Decision:
    return Decision(
        Verdict.APPEND,
        f"{match.evidence.value.capitalize()}; the sender is proved.",
        match.ticket_id,
        audience,
        facts.person_id,
        machine=bool(facts.machine) or facts.is_auto_reply,
        evidence=said,
    )


def _refused(facts: Facts, match: Match, said: tuple[str, ...], reason: str) -> Decision:
    """The mail does not reach the matched ticket: a person's becomes a new one linked to it, a machine's is held."""
    if facts.machine or facts.is_auto_reply:
        return Decision(Verdict.HOLD, reason, match.ticket_id, machine=True, evidence=said)
    return _opened(facts, (match.ticket_id,), said, reason)


def _without_a_match(facts: Facts, found: Sequence[Match], reason: str) -> Decision:
    linked = tuple(dict.fromkeys(match.ticket_id for match in found))
    if facts.is_auto_reply:
        return Decision(
            Verdict.HOLD, f"An automatic answer. {reason}", machine=True, evidence=_said(facts), linked=linked
        )
    if facts.is_notice:
        words = "It says that a mail of somebody arrived or was read; nothing is to be done."
        return Decision(Verdict.HOLD, words, machine=True, evidence=_said(facts), linked=linked)
    return _opened(facts, linked, _said(facts), reason)


def _opened(facts: Facts, linked: tuple[int, ...], said: tuple[str, ...], reason: str) -> Decision:
    machine = bool(facts.machine) or facts.is_auto_reply
    proved = facts.auth is AuthVerdict.PASS
    on_behalf_of = facts.forwarded_from if proved and facts.staff_here and not machine else ""
    return Decision(
        Verdict.OPEN,
        f"{reason} Somebody of the desk forwarded a mail of {on_behalf_of}." if on_behalf_of else reason,
        person_id=facts.person_id if proved else None,
        machine=machine,
        # Nothing goes to an address that failed authentication: it belongs to somebody who did not write.
        answerable=not machine and facts.sender is not None and facts.auth is not AuthVerdict.FAIL,
        linked=linked,
        evidence=said,
        on_behalf_of=on_behalf_of,
    )


def _said(facts: Facts) -> tuple[str, ...]:
    sender = f"From: {facts.sender}" if facts.sender else facts.sender_doubt
    marks = tuple(f"machine: {mark}" for mark in facts.machine)
    return (sender, f"authentication: {facts.auth.value} ({facts.auth_reason})", *marks)
