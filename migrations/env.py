"""How migrations run: one transaction, foreign keys off on SQLite while tables are rebuilt, and checked afterwards."""

import importlib
import logging
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext
from flask import current_app
from sqlalchemy.engine import Connection

from desk.db import UTCDateTime, db

log = logging.getLogger("alembic.env")

# Every model must be known, whatever the application happens to import.
for _models in sorted(Path(current_app.root_path).glob("*/models.py")):
    importlib.import_module(f"desk.{_models.parent.name}.models")


def render_item(kind: str, item: Any, _autogen: AutogenContext) -> str | bool:
    """Write our own types as plain ones: a migration must not change when the code does."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, sa.JSON):
        return "JSON"
    if kind == "type" and isinstance(item, sa.Enum):
        return f"sa.String({item.length})"
    return False


def is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Whether models should know of it. The full text is each database's own way and has no model."""
    return not (kind in ("table", "index") and name is not None and name.startswith("fulltext_"))


def number_revision(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """Number revisions 0001, 0002, ..."""
    head = context.script.get_current_head()
    directives[0].rev_id = f"{int(head or 0) + 1:04d}"


def run(connection: Connection) -> None:
    """Run the migrations on one connection."""
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        # Batch mode drops and renames tables: with keys on, ON DELETE CASCADE would empty their children.
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.commit()
    options = dict(current_app.extensions["migrate"].configure_args)
    options.setdefault("process_revision_directives", number_revision)
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_item=render_item,
        include_name=is_ours,
        transactional_ddl=True,
        **options,
    )
    with context.begin_transaction():
        context.run_migrations()
        if sqlite:
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if broken:
                raise RuntimeError(f"the migration left {len(broken)} rows that point at nothing")
    if sqlite:
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")


with db.engine.connect() as _connection:
    run(_connection)
