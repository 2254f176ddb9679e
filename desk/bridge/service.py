"""How a registry that keeps its own desk is reached by mail: its address, its numbers, its words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Team
from desk.accounts.service import clean_address
from desk.bridge import queries
from desk.bridge.models import Bridge, BridgeLink, BridgeWord
from desk.db import insert_ignore
from desk.domain.bridge import DEFAULT_WORDS, MOST_PHRASES, MOST_SENDERS, MOST_WORDS, Word, clean_word, reason_of
from desk.domain.bridge_pattern import DEFAULT_PATTERN, compiled
from desk.domain.errors import Conflict, InvalidInput, NotFound
from desk.domain.permissions import Actor, Permission, may
from desk.domain.text import cut_line
from desk.escalations.models import Escalation
from desk.events import service as events
from desk.tickets.models import Ticket

_SENDER = re.compile(r"@(?:[a-z0-9-]{1,63}\.){1,8}[a-z0-9-]{2,63}")

# ------------------------------------------------------------------ how it is reached


@dataclass(frozen=True, slots=True)
class Draft:
    """What a bridge is to be; ``senders`` are addresses and ``@domains``, ``words`` the whole table."""

    address: str
    active: bool = True
    number_pattern: str = DEFAULT_PATTERN
    senders: Sequence[str] = ()
    phrases: Sequence[str] = ()
    first_answer_accepts: bool = True
    number_in_subject: bool = True
    words: Sequence[Word] = field(default=DEFAULT_WORDS)


def save(
    session: Session, actor: Actor, team: Team, draft: Draft, *, own_domain: str, version: int | None, now: datetime
) -> Bridge:
    """Set up, or change, how a registry's team is reached by mail. ``own_domain``: of this desk's own addresses.

    ``version`` is None for the first time. Raises ``InvalidInput`` with its field, ``Conflict`` when somebody saved
    meanwhile, ``NotFound`` for who may not.
    """
    if team.registry_id is None or not _may_edit(session, actor, team.registry_id):
        raise NotFound
    found = session.scalars(sa.select(Bridge).where(Bridge.team_id == team.id)).first()
    if (found.version if found else None) != version:
        raise Conflict("Somebody has saved this meanwhile. Please look at it again.")
    address = _address(session, draft.address, own_domain)
    compiled(draft.number_pattern)
    words = [replace(each, word=clean_word(each.word)) for each in draft.words]
    if len({each.word for each in words}) < len(words):
        twice = next(each.word for each in words if [one.word for one in words].count(each.word) > 1)
        raise InvalidInput(f"“{twice}” stands in the table twice.", field="words")
    if len(words) > MOST_WORDS:
        raise InvalidInput(f"At most {MOST_WORDS} words are kept.", field="words")
    if found is None:
        found = Bridge(team_id=team.id, registry_id=team.registry_id)
        session.add(found)
    found.active, found.address, found.number_pattern = draft.active, address, draft.number_pattern
    found.senders, found.phrases = _senders(draft.senders), _phrases(draft.phrases)
    found.first_answer_accepts, found.number_in_subject = draft.first_answer_accepts, draft.number_in_subject
    found.changed_at, found.changed_by_id = now, actor.person_id
    _set_words(found, words)
    session.flush()
    payload = {"team_id": team.id, "address": address, "active": draft.active, "words": len(words)}
    events.record(
        session,
        "bridge_saved",
        at=now,
        actor_id=actor.person_id,
        registry_id=team.registry_id,
        payload=payload,
        quiet=True,
    )
    return found


def _may_edit(session: Session, actor: Actor, registry_id: int) -> bool:
    return may(actor, Permission.BRIDGE_EDIT, queries.subject_of(session, registry_id))


def _address(session: Session, given: str, own_domain: str) -> str:
    try:
        address = clean_address(given)
    except InvalidInput as refusal:
        raise InvalidInput(refusal.sentence, field="address") from None
    if accounts.team_by_address(session, address) or address.rpartition("@")[2] == own_domain.lower():
        raise InvalidInput("That is an address of this desk itself: it would write to itself.", field="address")
    return address


def _senders(given: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(one.strip().lower() for one in given if one.strip()))
    if len(found) > MOST_SENDERS:
        raise InvalidInput(f"At most {MOST_SENDERS} senders are kept.", field="senders")
    for one in found:
        try:
            known = _SENDER.fullmatch(one) or clean_address(one)
        except InvalidInput:
            known = None
        if not known:
            raise InvalidInput(
                f"“{one[:80]}” is neither an address nor a domain such as @example.org.", field="senders"
            )
    return found


def _phrases(given: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(cut_line(one, 200) for one in given if one.strip()))
    if len(found) > MOST_PHRASES or any(len(one) < 6 for one in found):
        raise InvalidInput(f"At most {MOST_PHRASES} sentences of six characters or more are kept.", field="phrases")
    return found


def _set_words(bridge: Bridge, words: Sequence[Word]) -> None:
    wanted = {each.word: each for each in words}
    for row in list(bridge.words):
        if row.word not in wanted:
            bridge.words.remove(row)
    known = {row.word: row for row in bridge.words}
    for word, each in wanted.items():
        row = known.get(word) or BridgeWord(word=word, meaning=each.meaning)
        if word not in known:
            bridge.words.append(row)
        row.meaning = each.meaning
        row.reason = reason_of(each.meaning, each.reason)


def remember(session: Session, actor: Actor, bridge: Bridge, word: Word, now: datetime) -> None:
    """Put a word into the table, or change it there; nothing for who may not set up the bridge."""
    if not _may_edit(session, actor, bridge.registry_id):
        return
    if len(bridge.words) >= MOST_WORDS:
        raise InvalidInput(f"The table has {MOST_WORDS} words already; please take one out first.", field="remember")
    word = replace(word, word=clean_word(word.word))
    _set_words(bridge, [*(each for each in queries.words_of(bridge) if each.word != word.word), word])
    bridge.changed_at, bridge.changed_by_id = now, actor.person_id


def begin(session: Session, ticket: Ticket, escalation: Escalation, bridge: Bridge, now: datetime) -> BridgeLink:
    """The link of an escalation that goes out by mail; the same one for all its mails."""
    insert_ignore(
        session,
        BridgeLink,
        bridge_id=bridge.id,
        escalation_id=escalation.id,
        ticket_id=ticket.id,
        answer_to="",
        begun_at=now,
    )
    found = queries.link_of(session, escalation.id)
    if found is None:
        raise NotFound
    return found
