"""The verb that links what was found alike: several tickets to one issue, in one press."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from desk.domain.errors import InvalidInput
from desk.domain.permissions import Actor
from desk.issues import service as issues
from desk.issues.models import Issue

LINKED_AT_ONCE = 100


def link_several(session: Session, actor: Actor, issue: Issue, *, ticket_numbers: Sequence[int], now: datetime) -> int:
    """Link the tickets; how many were not linked before. All of them or none.

    Raises ``InvalidInput`` for none or too many at once, ``NotFound`` where one is foreign or not the actor's to see.
    """
    chosen = list(dict.fromkeys(ticket_numbers))
    if not chosen:
        raise InvalidInput("Choose at least one ticket.", field="ticket")
    if len(chosen) > LINKED_AT_ONCE:
        raise InvalidInput(f"Please link at most {LINKED_AT_ONCE} tickets at once.", field="ticket")
    # In the order of their numbers, so that two people who link the same ones do not wait for each other.
    return sum(issues.link_ticket(session, actor, issue, ticket_number=number, now=now) for number in sorted(chosen))
