"""The demo world, made once for each database and copied for each test: a small one with all of its kinds."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from desk.config import Listen
from desk.db import transaction
from desk.demo import world
from tests.clock import MovableClock
from tests.conftest import dispose, forget_who_asked, make_app
from tests.servers.postgres import Postgres
from tests.servers.processes import free_port

SEED = 7
NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
SHARE = 0.05
_TEMPLATE = "desk_demo_template"


@pytest.fixture(scope="session")
def sqlite_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In place of the empty database, one with the world in it."""
    folder = tmp_path_factory.mktemp("sqlite-demo")
    copy = folder / "desk.db"
    shutil.copyfile(sqlite_template, copy)
    make_world(f"sqlite:///{copy}", folder)
    return copy


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres, postgres_template: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """In place of the empty database, one with the world in it."""
    make_world(postgres.create(_TEMPLATE, postgres_template), tmp_path_factory.mktemp("postgres-demo"))
    return _TEMPLATE


def make_world(url: str, folder: Path) -> None:
    """Fill an empty database."""
    app = make_app(url, folder)
    with app.app_context():
        with transaction() as session:
            world.make(session, seed=SEED, now=NOW, told=lambda _days, _of: None, share=SHARE)
            # As a desk in use has it, where news of a ticket waits for company.
            world.settle_mail(session, replace(app.config["DESK"], MAIL_GATHER_SECONDS=120), NOW)
        dispose()


@pytest.fixture
def demo(database_url: str, tmp_path: Path, clock: MovableClock) -> Iterator[Flask]:
    """The desk as a demo, with ports of its own."""
    made = make_app(
        database_url,
        tmp_path,
        CLOCK_OFFSET_FILE=clock.file,
        DEMO=True,
        LMTP_LISTEN=Listen("127.0.0.1", free_port()),
        SMTP_LISTEN=Listen("127.0.0.1", free_port()),
        DEMO_SINK_LISTEN=Listen("127.0.0.1", free_port()),
    )
    made.before_request(forget_who_asked)
    with made.app_context():
        yield made
        dispose()
