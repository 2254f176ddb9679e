"""A large world for measuring: the demo's tickets copied many times inside the database, with all that hangs on them.

Copies keep every instant, so that clocks, ledgers and events of each are as true as those of the ticket they were made
from; ids are moved by a fixed step per copy. Which columns hold such ids is read from the foreign keys.
"""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.db import Base
from desk.domain.lifecycle import DONE
from desk.escalations.models import Escalation
from desk.tickets.models import Ticket

LIVE_SHARE = 0.1
"""Of the copies, so many are of tickets that somebody still works on; the rest is history."""

_ROOT = Ticket.__tablename__
# What belongs to one person's browser or to the wire is not part of the ticket.
_LEFT_OUT = frozenset({"submitted_form", "inbound_mail", "outbound_mail"})


def enlarge(session: Session, wanted: int) -> int:
    """Copy tickets until there are ``wanted``; returns how many there are then. Needs some tickets to copy."""
    session.flush()
    have = session.scalar(sa.select(sa.func.count()).select_from(Ticket)) or 0
    live, over = _originals(session)
    steps = {table.name: _highest(session, table) for table in _tables()}
    budget = max(int(wanted * LIVE_SHARE) - len(live), 0)
    for number, chosen in enumerate(_batches(live, over, max(wanted - have, 0), budget), start=1):
        for table in _tables():
            _copy(session, table, chosen, {name: step * number for name, step in steps.items()}, number)
        _point_to_own_messages(session, chosen, {name: step * number for name, step in steps.items()})
        have += len(chosen)
    _tidy(session)
    return have


def _originals(session: Session) -> tuple[list[int], list[int]]:
    """Ids of tickets somebody works on, and of those that are over."""
    rows = session.execute(sa.select(Ticket.id, Ticket.state).order_by(Ticket.id)).all()
    live = [ticket_id for ticket_id, state in rows if state not in DONE]
    return live, [ticket_id for ticket_id, state in rows if state in DONE]


def _batches(live: list[int], over: list[int], wanted: int, budget: int) -> Iterator[list[int]]:
    """Which tickets each copy takes, until ``wanted`` are made; ``budget``: how many of them may be live."""
    while wanted > 0:
        some = live[: min(budget, len(live))]
        chosen = [*some, *over][:wanted]
        if not chosen:
            return
        budget -= len(some)
        wanted -= len(chosen)
        yield chosen


def _tables() -> list[sa.Table]:
    """The ticket's table and all that hang on it, directly or not, in an order that foreign keys allow."""
    found: list[sa.Table] = []
    names: set[str] = set()
    for table in Base.metadata.sorted_tables:
        parents = {key.column.table.name for key in table.foreign_keys}
        if table.name == _ROOT or (table.name not in _LEFT_OUT and parents & names):
            found.append(table)
            names.add(table.name)
    return found


def _highest(session: Session, table: sa.Table) -> int:
    key = next(iter(table.primary_key.columns))
    return session.scalar(sa.select(sa.func.max(key))) or 0


def _copy(session: Session, table: sa.Table, tickets: Sequence[int], moved: dict[str, int], number: int) -> None:
    """Insert the rows of these tickets again, ids and references moved; done by the database in one statement."""
    values = [_moved(column, moved, number) for column in table.columns]
    rows = sa.select(*values).where(_belongs(table, tickets))
    session.execute(sa.insert(table).from_select([column.name for column in table.columns], rows))


def _moved(column: sa.Column[object], moved: dict[str, int], number: int) -> sa.ColumnElement[object]:
    target = next((key.column.table.name for key in column.foreign_keys), None)
    if column.primary_key and target is None:
        return column + moved[column.table.name]
    # A reference within one table (follow-up of, merged into) may lead to a ticket that this copy leaves out.
    if target in moved and target != column.table.name:
        return column + moved[target]
    if column.table.name == _ROOT and column.name == "subject":
        return sa.func.substr(column + f" ({number + 1})", 1, getattr(column.type, "length", 200))
    return column


def _belongs(table: sa.Table, tickets: Sequence[int]) -> sa.ColumnElement[bool]:
    """Rows of these tickets: by their own reference to one, else by that of what they hang on."""
    if table.name == _ROOT:
        return table.c.id.in_(tickets)
    names = {each.name: each for each in _tables()}
    for key in table.foreign_keys:
        if key.column.name in ("id", "ticket_id") and key.column.table.name in (_ROOT, "clock_set"):
            return key.parent.in_(tickets)
    parent = next(key for key in table.foreign_keys if key.column.table.name in names)
    above = names[parent.column.table.name]
    return parent.parent.in_(sa.select(parent.column).where(_belongs(above, tickets)))


def _point_to_own_messages(session: Session, tickets: Sequence[int], moved: dict[str, int]) -> None:
    """The one place where ids stand in a document: what the lead chose to disclose."""
    copies = [ticket_id + moved[_ROOT] for ticket_id in tickets]
    for found in session.scalars(sa.select(Escalation).where(Escalation.ticket_id.in_(copies))):
        found.chosen_messages = [each + moved["message"] for each in found.chosen_messages]
        found.chosen_attachments = [each + moved["attachment"] for each in found.chosen_attachments]
    session.flush()


def _tidy(session: Session) -> None:
    """Let the next ids follow the copies, and the planner know how many rows there are."""
    if session.get_bind().dialect.name == "postgresql":
        for table in _tables():
            if "id" in table.c:
                last = sa.select(sa.func.max(table.c.id)).scalar_subquery()
                session.execute(sa.select(sa.func.setval(sa.func.pg_get_serial_sequence(table.name, "id"), last)))
    session.execute(sa.text("ANALYZE"))
