"""One head, no drift between models and migrations, and a way down and up again, on both databases."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from flask import Flask

from desk.db import db, transaction
from desk.sla import queries
from desk.sla import service as sla
from tests.cast import Cast
from tests.conftest import dispose, make_app
from tests.servers.desk import ROOT
from tests.sla.rig import Rig, at

VERSIONS = ROOT / "migrations" / "versions"


@pytest.fixture
def config(app: Flask) -> Config:
    found: Config = app.extensions["migrate"].migrate.get_config()
    return found


@pytest.fixture
def offline(tmp_path: Path) -> Iterator[ScriptDirectory]:
    """The scripts, without a database of their own."""
    app = make_app(f"sqlite:///{tmp_path / 'never.db'}", tmp_path)
    with app.app_context():
        yield ScriptDirectory.from_config(app.extensions["migrate"].migrate.get_config())
        dispose()


def tables() -> set[str]:
    found = set(sa.inspect(db.engine).get_table_names()) - {"alembic_version"}
    return {name for name in found if not name.startswith("sqlite_")}


def test_there_is_one_head(offline: ScriptDirectory) -> None:
    assert len(offline.get_heads()) == 1


def test_migrations_are_numbered_in_their_order(offline: ScriptDirectory) -> None:
    revisions = [script.revision for script in offline.walk_revisions()][::-1]
    assert revisions == [f"{number:04d}" for number in range(1, len(revisions) + 1)]
    names = sorted(path.name for path in VERSIONS.glob("*.py"))
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+\.py", name) for name in names)
    assert [name[:4] for name in names] == revisions


def test_every_migration_says_in_a_sentence_what_it_does(offline: ScriptDirectory) -> None:
    assert [script.revision for script in offline.walk_revisions() if not (script.doc or "").strip()] == []


def test_models_and_migrations_agree(config: Config) -> None:
    command.check(config)


def test_an_upgrade_can_be_taken_back_and_made_again(config: Config) -> None:
    before = tables()
    assert before
    db.session.remove()
    command.downgrade(config, "base")
    assert tables() == set()
    command.upgrade(config, "head")
    assert tables() == before
    command.check(config)


def test_upgrading_twice_changes_nothing(config: Config, cast: Cast) -> None:
    people = set(cast.people())
    db.session.remove()
    command.upgrade(config, "head")
    stored = db.session.scalars(sa.text("SELECT lower(substr(name, 1, 4)) FROM person")).all()
    assert len(stored) == len(people)


def test_rows_survive_the_newest_migration_taken_back_and_made_again(config: Config, cast: Cast) -> None:
    """Batch mode rebuilds a table on SQLite: with foreign keys on, that would delete what points at it."""
    scripts = ScriptDirectory.from_config(config)
    if len(list(scripts.walk_revisions())) == 1:
        command.upgrade(config, "head")
    else:
        db.session.remove()
        command.downgrade(config, "-1")
        command.upgrade(config, "head")
    db.session.remove()
    for table in ("person", "role_grant", "member_org", "consortium", "team"):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(sa.table(table))), table


def test_clocks_go_on_after_the_way_down_to_the_first_schema_and_up_again(config: Config, cast: Cast) -> None:
    """With rows that point at each other: what SQLite copies cannot be pointed at meanwhile."""
    rig = Rig.build(cast, at("2026-03-02T09:00"))
    with transaction() as session:
        sla.act_on_due_clocks(session, at("2026-03-10T12:00"), limit=10)
    db.session.remove()
    command.downgrade(config, "0001")
    command.upgrade(config, "head")
    db.session.remove()
    with transaction() as session:
        assert sla.rebuild(session, check=True) == []
        assert queries.lines(session, rig.ticket_id, at("2026-03-10T12:00"))


def test_foreign_keys_hold_after_the_migration_in_the_same_process(app: Flask) -> None:
    if db.engine.dialect.name == "sqlite":
        assert db.session.scalar(sa.text("PRAGMA foreign_keys")) == 1
        assert db.session.scalar(sa.text("PRAGMA journal_mode")) == "wal"
        assert db.session.execute(sa.text("PRAGMA foreign_key_check")).all() == []
    else:
        unchecked = sa.text("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated")
        assert db.session.scalar(unchecked) == 0
