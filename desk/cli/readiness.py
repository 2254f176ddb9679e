"""Whether the database can be used: asked by commands that begin something, so that they can say what to do first."""

import click
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, ProgrammingError

from desk.accounts.models import Registry
from desk.db import db


def demand_database() -> None:
    """Raise ``click.ClickException`` with a sentence when the database is away or has no tables yet."""
    try:
        db.session.execute(sa.select(Registry.id).limit(1))
    except (OperationalError, ProgrammingError) as error:
        missing = "no such table" in str(error.orig) or "does not exist" in str(error.orig)
        if missing and "database" not in str(error.orig):
            raise click.ClickException("The database has no tables yet; first: flask --app wsgi db upgrade") from error
        raise click.ClickException(f"The database is not there: {error.orig}") from error
    finally:
        db.session.remove()
