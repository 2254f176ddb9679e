"""The database: types, the base of all models, and the one place that commits.

SQLite decides whether a transaction may write at its first statement. A transaction that reads first and writes later
fails at once when somebody else committed in between, and with the driver's defaults read-then-write even loses updates
without an error. So the mode is chosen before the first statement: inside ``transaction()`` a
transaction opens with BEGIN IMMEDIATE, everywhere else with BEGIN, and code outside it never writes.
"""

import enum
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session, registry
from sqlalchemy.orm.exc import StaleDataError

from desk.domain.errors import Conflict

BUSY_TIMEOUT_MS = 15_000
LARGEST_ID = 2**31 - 1
NAME_LENGTH = 200
ENUM_LENGTH = 40

AWAY = (OperationalError, InterfaceError, PoolTimeout)
"""The database cannot be reached or is too busy, as opposed to a fault in a statement of ours."""


class UTCDateTime(sa.types.TypeDecorator[datetime]):
    """An aware instant in UTC on every database. A naive value is a programming error and is refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored")
        value = value.astimezone(UTC)
        # SQLite keeps text: without an offset it sorts and compares as text in the order of time.
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# Alembic writes the type into migrations under this name, independent of the Python class.
Json = sa.JSON().with_variant(JSONB(), "postgresql")
JsonDict = dict[str, Any]
JsonList = list[Any]

_TYPES = registry(
    type_annotation_map={
        datetime: UTCDateTime(),
        timedelta: sa.Interval(),
        JsonDict: Json,
        JsonList: Json,
        enum.Enum: sa.Enum(
            enum.Enum,
            native_enum=False,
            create_constraint=False,
            length=ENUM_LENGTH,
            values_callable=lambda kinds: [kind.value for kind in kinds],
        ),
    },
    metadata=sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    ),
)


class Base(DeclarativeBase):
    """Every model. Ids are never used twice, on SQLite too: an old link must not point at new data."""

    registry: ClassVar[registry] = _TYPES
    metadata = _TYPES.metadata

    def __init_subclass__(cls, **kwargs: Any) -> None:
        own = cls.__dict__.get("__table_args__", ())
        options = own[-1] if own and isinstance(own[-1], dict) else {}
        rest = own[:-1] if options else own
        if "__tablename__" in cls.__dict__:
            cls.__table_args__ = (*rest, {"sqlite_autoincrement": True, **options})
        super().__init_subclass__(**kwargs)


db = SQLAlchemy(model_class=Base, session_options={"autoflush": True, "expire_on_commit": False})

_writing: ContextVar[bool] = ContextVar("desk_writing", default=False)


@event.listens_for(Engine, "connect")
def _prepare_connection(connection: Any, _record: Any) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None  # we send BEGIN ourselves, see below
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if _writing.get() else "BEGIN")


@event.listens_for(db.session, "before_flush")
def _refuse_stray_write(session: Session, _context: Any, _instances: Any) -> None:
    # A write outside transaction() would be dropped without a word at the end of the request.
    if not session.info.get("in_unit"):
        raise RuntimeError("a change was made outside transaction()")


@contextmanager
def transaction() -> Iterator[Session]:
    """One unit of work: yields the session, commits at the end, rolls back whole on any exception.

    A lost race on a versioned row becomes ``Conflict``. A read-only transaction that is still open is ended first,
    since on SQLite it could not become a writing one.
    """
    session = db.session()
    if session.info.get("in_unit"):
        raise RuntimeError("transaction() does not nest: one door, one unit of work")
    session.rollback()
    session.expire_all()  # what an earlier unit left in the session may have changed meanwhile: read it again
    token = _writing.set(True)
    session.info["in_unit"] = True
    try:
        yield session
        session.commit()
    except StaleDataError as error:
        session.rollback()
        raise Conflict from error
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info["in_unit"] = False
        _writing.reset(token)


def insert_ignore(session: Session, model: type[Base], **values: Any) -> bool:
    """Insert a row unless a unique key holds already; True when it was inserted. The same on both databases."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    # Counted by what comes back: the row count of an insert is -1 on PostgreSQL.
    statement = insert(model).values(**values).on_conflict_do_nothing().returning(*sa.inspect(model).primary_key)
    return session.execute(statement).first() is not None


def insert_found(session: Session, model: type[Base], names: Sequence[str], found: sa.Select[Any]) -> None:
    """Insert what a query finds, column by column, leaving out what a unique key holds already. One statement."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    # The query has to have a WHERE: SQLite would read ON as part of a join.
    session.execute(insert(model).from_select(names, found).on_conflict_do_nothing())
