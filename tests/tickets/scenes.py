"""Short ways to tickets and browsers for tests of pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.catalogue.service import load_catalogue, read_document
from desk.db import db, transaction
from desk.domain.vocabulary import Audience, Channel
from desk.progress import service as progress
from desk.tickets import service
from desk.tickets.models import Ticket
from tests.cast import Cast


def browser(app: Flask, cast: Cast, person: Person) -> FlaskClient:
    """A browser in which somebody is signed in."""
    return cast.sign_in(app.test_client(), person)


def filed(cast: Cast, person: Person | None = None, **more: Any) -> int:
    """The number of a ticket, of Alice unless somebody else is named."""
    values: dict[str, Any] = {
        "consortium_id": cast.north.id,
        "member_org_id": cast.birch.id if person is cast.bob else cast.alder.id,
        "subject": "Redirect URI refused",
        "text": "Researchers see **redirect_uri mismatch** since this morning.",
    }
    draft = service.NewTicket(**(values | more))
    with transaction() as session:
        actor = cast.actor(person or cast.alice)
        return service.open_ticket(session, actor, draft, channel=Channel.WEB, now=cast.now).id


def written(cast: Cast, number: int, person: Person, text: str, audience: Audience = Audience.MEMBER) -> int:
    """The id of a message that somebody wrote."""
    with transaction() as session:
        ticket = session.get(Ticket, number)
        assert ticket is not None
        return progress.add_message(
            session, cast.actor(person), ticket, audience=audience, text=text, channel=Channel.WEB, now=cast.now
        ).id


def with_catalogue(cast: Cast) -> None:
    """The desk's own catalogue, loaded."""
    with transaction() as session:
        load_catalogue(session, read_document(), cast.now)


def stored(session: Session, number: int) -> Ticket:
    """The ticket as the database has it now."""
    session.expire_all()
    ticket = session.get(Ticket, number)
    assert ticket is not None
    return ticket


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that the database is sent meanwhile."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
            statements.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)
