"""Whether the database can be used, said in one sentence by every command, so that nobody has to read a traceback."""

import functools
from collections.abc import Callable
from typing import Any

import click
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, ProgrammingError

from desk.accounts.models import Registry
from desk.db import AWAY, db


def demand_database() -> None:
    """Raise ``click.ClickException`` with a sentence when the database is away or has no tables yet."""
    try:
        db.session.execute(sa.select(Registry.id).limit(1))
    except (*AWAY, ProgrammingError) as error:
        raise click.ClickException(_sentence(error)) from error
    finally:
        db.session.remove()


def saying_so(command: click.Command) -> click.Command:
    """The command, and all below it, made to say that the database is away or has no tables. Call it once for each."""
    if isinstance(command, click.Group):
        for below in command.commands.values():
            saying_so(below)
    elif command.callback is not None:
        command.callback = _told(command.callback)
    return command


def _told(callback: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(callback)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return callback(*args, **kwargs)
        except AWAY as error:
            raise click.ClickException(_sentence(error)) from error
        except ProgrammingError as error:
            if not _lacks_tables(error):
                raise
            raise click.ClickException(_sentence(error)) from error

    return wrapped


def _sentence(error: BaseException) -> str:
    if _lacks_tables(error):
        return "The database has no tables yet; first: flask --app wsgi db upgrade"
    return f"The database is not there: {error.orig if isinstance(error, DBAPIError) else error}"


def _lacks_tables(error: BaseException) -> bool:
    words = str(error.orig) if isinstance(error, DBAPIError) else ""
    # A missing role or database of PostgreSQL "does not exist" as well, but that is an OperationalError.
    return "no such table" in words or (isinstance(error, ProgrammingError) and "does not exist" in words)
