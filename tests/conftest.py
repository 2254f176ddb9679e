"""What tests share: both databases, migrated once and copied per test; the desk on them; the cast; what was not run.

A test that takes ``app``, ``session``, ``client``, ``cast`` or ``desk`` runs twice, on SQLite and on PostgreSQL. A test
that takes none of them needs neither.
"""

import gc
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from flask_migrate import upgrade
from hypothesis import HealthCheck
from hypothesis import settings as examples
from jinja2 import FileSystemBytecodeCache
from sqlalchemy.orm import Session
from xdist.scheduler import LoadScopeScheduling

from desk import clock as desk_clock
from desk import storage
from desk.app import create_app
from desk.config import Settings, load_settings
from desk.db import db
from tests.cast import Cast
from tests.clock import MovableClock
from tests.servers import dovecot as dovecot_server
from tests.servers import postfix as postfix_server
from tests.servers import postgres as postgres_server
from tests.servers.desk import SECRET_KEY, Desk
from tests.servers.dovecot import Dovecot
from tests.servers.engines import NOT_RUN_HERE, missing
from tests.servers.postfix import Postfix
from tests.servers.postgres import Postgres
from tests.servers.sink import Sink

MAIL_DOMAIN = "desk.example"
_TEMPLATE = "desk_template"
_CAST = "desk_cast"
_PRESENT = "desk_present"
NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
_MEMORY = Path("/dev/shm")
_AMPLE = 6 * 2**30
_FOR_TESTS = {"DESK_REQUIRE", "DESK_CORPUS"}
# The same cases on every machine, however slow it is; whoever asks for more of them is looking for new ones.
examples.register_profile(
    "desk",
    derandomize="LAW_EXAMPLES" not in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
examples.load_profile("desk")
_compiled_templates = FileSystemBytecodeCache()
_kept: dict[str, tuple[Flask, dict[str, Any]]] = {}


@pytest.fixture
def now() -> datetime:
    """A working Wednesday in UTC, Berlin and New York: the present of every test that names one."""
    return NOW


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A private PostgreSQL; without one the test is skipped, or fails where DESK_REQUIRE names it."""
    why = postgres_server.why_not()
    if why is not None:
        missing("postgresql", why)
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a migrated, empty database that others are copied from."""
    migrate(postgres.create(_TEMPLATE), tmp_path_factory.mktemp("postgres-template"))
    return _TEMPLATE


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database file that others are copied from."""
    folder = tmp_path_factory.mktemp("sqlite-template")
    migrate(f"sqlite:///{folder / 'desk.db'}", folder)
    return folder / "desk.db"


@pytest.fixture(scope="session")
def sqlite_cast(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the cast in it, for the tests that ask for both: storing it each time would take longer."""
    folder = tmp_path_factory.mktemp("sqlite-cast")
    shutil.copyfile(sqlite_template, folder / "desk.db")
    store_cast(f"sqlite:///{folder / 'desk.db'}", folder)
    return folder / "desk.db"


@pytest.fixture(scope="session")
def postgres_cast(postgres: Postgres, postgres_template: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database with the cast in it."""
    store_cast(postgres.create(_CAST, postgres_template), tmp_path_factory.mktemp("postgres-cast"))
    return _CAST


def store_cast(url: str, folder: Path) -> None:
    """Put the cast into an empty database."""
    with make_app(url, folder).app_context():
        Cast.create(NOW)
        dispose()


def migrate(url: str, folder: Path) -> None:
    """Bring an empty database to the newest revision, as ``flask db upgrade`` does."""
    app = make_app(url, folder)
    with app.app_context():
        upgrade()
        dispose()


def as_tested(url: str, folder: Path, **settings: object) -> dict[str, object]:
    """The settings of the desk as tests see it."""
    return {
        "TESTING": True,
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": url,
        "INSTANCE": folder,
        "MAIL_DOMAIN": MAIL_DOMAIN,
        "AUTHSERV_ID": MAIL_DOMAIN,
        "BASE_URL": "http://localhost",
        "SMTP_SECURITY": "none",
        "MAIL_GATHER_SECONDS": 0,  # only the tests of waiting wait
        **settings,
    }


def make_app(url: str, folder: Path, **settings: object) -> Flask:
    """The desk as tests see it."""
    # Werkzeug parses code for every route. When the garbage collector runs in the middle and what it collects logs a
    # traceback, which Python 3.11 parses code for too, the first parse fails (python/cpython#106905).
    gc.disable()
    try:
        app = create_app(as_tested(url, folder, **settings))
    finally:
        gc.enable()
    # Forms are sent without their token; that none is accepted without one is tested over every endpoint.
    app.config["WTF_CSRF_ENABLED"] = False
    # Several applications in each run; compiling the templates for each would take a third of the time.
    app.jinja_env.bytecode_cache = _compiled_templates
    return app


def kept_app(url: str, folder: Path, **settings: object) -> Flask:
    """The application of all tests on this database, in the state in which it was made, with this test's folder.

    As in production, where one process serves many people: routes and statements are compiled once.
    """
    if url not in _kept:
        made = make_app(url, folder, **settings)
        # Requests share the context of the test, and with it who was signed in: the next may be somebody else's.
        made.before_request(forget_who_asked)
        _kept[url] = made, dict(made.config)
        return made
    app, config = _kept[url]
    app.config.clear()
    app.config.update(config)
    settings_now = load_settings(as_tested(url, folder, **settings))
    app.config["DESK"] = settings_now
    desk_clock.configure(settings_now.CLOCK_OFFSET_FILE)
    storage.configure(storage.FolderStore(Path(settings_now.ATTACHMENTS)))
    return app


def dispose() -> None:
    """Close the connections of the present app, or the next garbage collection would complain about them."""
    db.session.remove()
    for engine in db.engines.values():
        engine.dispose()


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the SQLite file of the present test lies."""
    return tmp_path_factory.mktemp("databases")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, databases: Path) -> Iterator[str]:
    """A migrated database of the test's own, always in the same place: see ``kept_app``."""
    filled = "cast" if "cast" in request.fixturenames else "template"
    if request.param == "sqlite":
        for old in databases.iterdir():
            old.unlink()
        shutil.copyfile(request.getfixturevalue(f"sqlite_{filled}"), databases / "desk.db")
        yield f"sqlite:///{databases / 'desk.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    yield server.create(_PRESENT, request.getfixturevalue(f"postgres_{filled}"))
    server.drop(_PRESENT)


@pytest.fixture
def clock(tmp_path: Path, now: datetime) -> MovableClock:
    """The desk's clock, standing at ``now`` when the test begins."""
    return MovableClock(tmp_path / "clock", now)


@pytest.fixture
def app(database_url: str, tmp_path: Path, clock: MovableClock) -> Iterator[Flask]:
    """The desk on the test's database, inside an application context."""
    made = kept_app(database_url, tmp_path, CLOCK_OFFSET_FILE=clock.file)
    with made.app_context():
        yield made
        dispose()


def forget_who_asked() -> None:
    """What Flask-Login, Flask-WTF and ``desk.access`` keep for the length of a request."""
    for name in ("_login_user", "actor", "csrf_token"):
        g.pop(name, None)


@pytest.fixture
def settings(app: Flask) -> Settings:
    """What the desk of the test is set to; made anew for each, so a test may change it."""
    found: Settings = app.config["DESK"]
    return found


@pytest.fixture
def session(app: Flask) -> Session:
    """The session that ``transaction()`` commits."""
    return db.session()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Somebody's browser, not signed in."""
    return app.test_client()


@pytest.fixture
def cast(app: Flask, now: datetime) -> Cast:
    """The people and places of the tests, stored."""
    return Cast.load(now) or Cast.create(now)


@pytest.fixture
def desk(app: Flask, database_url: str, tmp_path: Path, clock: MovableClock) -> Iterator[Desk]:
    """The same database for real processes: commands, gunicorn, jobs, listeners."""
    names = {"MAIL_DOMAIN": MAIL_DOMAIN, "AUTHSERV_ID": MAIL_DOMAIN}
    installation = Desk(tmp_path, database_url, CLOCK_OFFSET_FILE=str(clock.file), **names)
    yield installation
    installation.close()


@pytest.fixture(scope="session")
def sink_server() -> Iterator[Sink]:
    server = Sink()
    yield server
    server.close()


@pytest.fixture
def sink(sink_server: Sink) -> Sink:
    """A smarthost that records, empty and well at the start of the test."""
    sink_server.clear()
    return sink_server


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """A private IMAP server; without one the test is skipped, or fails where DESK_REQUIRE names it."""
    why = dovecot_server.why_not()
    if why is not None:
        missing("dovecot", why)
    server = Dovecot()
    yield server
    server.close()


@pytest.fixture
def postfix(sink: Sink, lmtp_port: int) -> Iterator[Postfix]:
    """A private mail server that hands the desk's domain to ``lmtp_port`` and all else to the sink."""
    why = postfix_server.why_not()
    if why is not None:
        missing("postfix", why)
    server = Postfix(MAIL_DOMAIN, lmtp_port, sink.port)
    yield server
    server.close()


def pytest_configure() -> None:
    """The settings of whoever runs the tests are not the tests' own, and their files go into memory where it is ample.

    Copying a database for each test takes a tenth of the time there, and nothing here is about a lost machine.
    """
    if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _AMPLE:
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None
    for name in [name for name in os.environ if name.startswith("DESK_") and name not in _FOR_TESTS]:
        del os.environ[name]
    os.environ["DESK_CONFIG"] = os.devnull


class DemoTogether(LoadScopeScheduling):
    """Each test to whichever worker is free, but those of the demo to one: each worker would make the world again."""

    def _split_scope(self, nodeid: str) -> str:
        return "demo" if nodeid.startswith("tests/demo/") else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> DemoTogether:
    """Used with ``-n``, whatever ``--dist`` says."""
    return DemoTogether(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say plainly what this machine could not run, and why: one line for each reason."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        reasons[reason.removeprefix("Skipped: ").removeprefix(NOT_RUN_HERE)] += 1
    for why, count in sorted(reasons.items()):
        terminalreporter.write_line(f"{NOT_RUN_HERE}{count} tests: {why}", yellow=True)
