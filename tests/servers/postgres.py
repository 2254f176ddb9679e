"""A private PostgreSQL from Debian's binaries: own folder, own port, no durability, gone after the run."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from tests.servers.engines import is_root, program
from tests.servers.processes import Process, free_port, until

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "120",
    "log_min_messages": "warning",
    "timezone": "Asia/Kathmandu",  # not ours: code that leans on the server's zone is found out
}
_CARELESS = {"autovacuum": "off", "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_INITDB = ("-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL server, or None."""
    found = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if (folder / "initdb").exists()]
    if found:
        return max(found, key=lambda folder: int(re.sub(r"\D.*", "", folder.parent.name) or 0))
    initdb = program("initdb")
    return initdb.parent if initdb else None


def why_not() -> str | None:
    """A sentence when it cannot be started here, else None."""
    if binaries() is None:
        return "no PostgreSQL server is installed (apt-get install postgresql)"
    if is_root():
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return "PostgreSQL refuses to run as root and there is no user postgres"
    return None


class Postgres:
    """The server. ``url(name)`` is what SQLAlchemy takes; databases are copied from a template in some 50 ms."""

    def __init__(self, *, durable: bool = False) -> None:
        """Start it; ``durable`` as in production, for measurements."""
        self._settings = _SETTINGS if durable else _SETTINGS | _CARELESS
        folder = binaries()
        assert folder is not None, why_not()
        self._bin = folder
        self._user = "postgres" if is_root() else None
        # Not below pytest's own folders: those are closed to the user postgres.
        self._root = Path(tempfile.mkdtemp(prefix="desk-pg-"))
        if self._user:
            shutil.chown(self._root, self._user, self._user)
        self._data = self._root / "data"
        self._initdb()
        self.port = free_port()
        self._process = self._start()

    def _initdb(self) -> None:
        subprocess.run(
            [self._bin / "initdb", "-D", self._data, "-U", "postgres", *_INITDB],
            check=True,
            capture_output=True,
            cwd=self._root,
            user=self._user,
            group=self._user,
            extra_groups=[] if self._user else None,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
        )

    def _start(self) -> Process:
        options = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        log = self._root / "log"
        command = [str(self._bin / "postgres"), "-D", str(self._data), "-p", str(self.port), *options]
        process = Process(command, log=log, cwd=self._root, user=self._user, stop_signal=signal.SIGINT)
        process.wait_for_port(self.port)
        until(self._answers, what="the first connection")
        return process

    def _answers(self) -> bool:
        """It listens before it is ready, and refuses meanwhile."""
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{name}"

    def connect(self, name: str = "postgres") -> psycopg.Connection:
        """A connection that commits each statement."""
        return psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", dbname=name, autocommit=True)

    def create(self, name: str, template: str = "template1") -> str:
        """A new database, a copy of ``template``; returns its URL."""
        with self.connect() as connection:
            # Since 15 a copy goes through the log unless told otherwise, which takes three times as long.
            copied = "STRATEGY FILE_COPY" if connection.info.server_version >= 150000 else ""
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} " + copied)
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop(self, name: str) -> None:
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def go_away(self) -> None:
        """As a crash: every process of it killed at once."""
        self._process.kill()

    def come_back(self) -> None:
        """Start again on the same port and data, after ``go_away``."""
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        self._process = self._start()

    def close(self) -> None:
        self._process.stop()
        shutil.rmtree(self._root, ignore_errors=True)
