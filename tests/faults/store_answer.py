"""Stores one answer of somebody on a ticket, as a process that may be killed: ``python -m ... TICKET PERSON``."""

import sys

from desk.accounts import queries as accounts
from desk.app import create_app
from desk.clock import utcnow
from desk.db import transaction
from desk.domain.vocabulary import Audience, Channel
from desk.progress import service as progress
from desk.tickets.models import Ticket


def main() -> None:
    """What the page does between the form and its answer."""
    number, person_id = map(int, sys.argv[1:])
    with create_app().app_context(), transaction() as unit:
        now = utcnow()
        actor, ticket = accounts.actor_of(unit, person_id, now), unit.get_one(Ticket, number)
        text = "This was answered by a process."
        progress.add_message(unit, actor, ticket, audience=Audience.MEMBER, text=text, channel=Channel.WEB, now=now)


if __name__ == "__main__":
    main()
