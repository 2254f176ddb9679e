"""Tickets by the words that stand in them. The indexes are made by migrations and kept by the database itself.

Only what a member and the lead said to each other is indexed, and the subject: whoever is not the lead of a ticket must
not find it by these words.
"""

from collections.abc import Collection, Sequence
from itertools import combinations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.conversations.models import Message
from desk.domain.vocabulary import Audience
from desk.tickets.models import Ticket

_INDEXED = sa.text("message.audience = 'member'")  # said as the partial index says it, or it would not be used


def conditions(session: Session, words: Sequence[str], phrases: Sequence[str]) -> list[sa.ColumnElement[bool]]:
    """Conditions on ``Ticket``: one of the phrases stands in it; two of the words do. None for what is not given.

    One word alone is in every tenth ticket and says nothing.
    """
    pairs = list(combinations(words, 2))
    if session.get_bind().dialect.name == "postgresql":
        asked = [_postgres_phrases(phrases), _postgres_pairs(pairs)]
        return [_in_postgres(each) for each in asked if each is not None]
    matches = [" OR ".join(_quoted(each) for each in phrases)]
    matches.append(" OR ".join(f"({_quoted(one)} AND {_quoted(other)})" for one, other in pairs))
    return [_in_sqlite(each) for each in matches if each]


def first_words(session: Session, ticket_ids: Collection[int]) -> dict[int, str]:
    """The first message between member and lead of each ticket; one query."""
    first = (
        sa.select(sa.func.min(Message.id))
        .where(Message.ticket_id.in_(ticket_ids), Message.audience == Audience.MEMBER)
        .group_by(Message.ticket_id)
    )
    rows = session.execute(sa.select(Message.ticket_id, Message.text).where(Message.id.in_(first)))
    return {row.ticket_id: row.text for row in rows}


# ------------------------------------------------------------------ SQLite


def _in_sqlite(asked: str) -> sa.ColumnElement[bool]:
    def matching(table: str) -> sa.Select[tuple[int]]:
        words = sa.table(table, sa.column("rowid"))
        return sa.select(words.c.rowid).where(sa.literal_column(table).op("MATCH")(asked))

    said = sa.select(Message.ticket_id).where(Message.id.in_(matching("fulltext_message")))
    return sa.or_(Ticket.id.in_(said), Ticket.id.in_(matching("fulltext_ticket")))


def _quoted(phrase: str) -> str:
    """As FTS5 wants a phrase: nothing in it is an operator."""
    return '"' + phrase.replace('"', '""') + '"'


# ------------------------------------------------------------------ PostgreSQL


def _in_postgres(asked: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    simple: sa.ColumnElement[str] = sa.literal_column("'simple'")
    said = sa.select(Message.ticket_id).where(_INDEXED, sa.func.to_tsvector(simple, Message.text).bool_op("@@")(asked))
    return sa.or_(Ticket.id.in_(said), sa.func.to_tsvector(simple, Ticket.subject).bool_op("@@")(asked))


def _postgres_phrases(phrases: Sequence[str]) -> sa.ColumnElement[str] | None:
    found: sa.ColumnElement[str] | None = None
    for phrase in phrases:
        each: sa.ColumnElement[str] = sa.func.phraseto_tsquery(sa.literal_column("'simple'"), phrase)
        found = each if found is None else found.op("||")(each)
    return found


def _postgres_pairs(pairs: Sequence[tuple[str, str]]) -> sa.ColumnElement[str] | None:
    if not pairs:
        return None
    # Words are letters only, so that none of them is an operator.
    return sa.func.to_tsquery(sa.literal_column("'simple'"), " | ".join(f"({one} & {other})" for one, other in pairs))
