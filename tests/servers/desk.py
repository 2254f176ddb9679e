"""The desk as real processes: commands, gunicorn, jobs and listeners, each with an environment of its own."""

import itertools
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tests.servers.processes import Process, free_port, until

ROOT = Path(__file__).resolve().parents[2]
SECRET_KEY = "a key for tests only, long enough to be accepted"


class Desk:
    """One installation: a database URL, a folder for its files, and every process that was started on them."""

    def __init__(self, folder: Path, database_url: str, **settings: str) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)
        self._processes: list[Process] = []
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DESK_")}
        # Where the tests keep no compiled modules, every command would compile the desk again.
        inherited.pop("PYTHONDONTWRITEBYTECODE", None)
        self.env: dict[str, str] = inherited | {
            "DESK_DATABASE_URL": database_url,
            "DESK_INSTANCE": str(folder),
            "DESK_CONFIG": os.devnull,
            "DESK_TESTING": "yes",
            "DESK_SMTP_SECURITY": "none",
            "DESK_MAIL_GATHER_SECONDS": "0",
            "DESK_SECRET_KEY": SECRET_KEY,
            "DESK_MAIL_DOMAIN": "desk.example",
            "DESK_BASE_URL": "http://127.0.0.1",
            "PYTHONUNBUFFERED": "1",
        }
        self.env |= {f"DESK_{name}": value for name, value in settings.items()}

    def command(self, *words: str) -> list[str]:
        """What runs ``flask --app wsgi WORDS`` with the interpreter of the tests."""
        return [sys.executable, "-m", "flask", "--app", "wsgi", *words]

    def run(
        self, *words: str, stdin: bytes = b"", seconds: float = 120.0, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end; the caller looks at the exit code."""
        return subprocess.run(
            self.command(*words),
            input=stdin,
            capture_output=True,
            timeout=seconds,
            cwd=ROOT,
            env=self.env | dict(env or {}),
            check=False,
        )

    def do(self, *words: str, stdin: bytes = b"", seconds: float = 120.0) -> str:
        """Run a command that has to succeed; returns its standard output."""
        done = self.run(*words, stdin=stdin, seconds=seconds)
        assert done.returncode == 0, f"{' '.join(words)}: exit {done.returncode}\n{done.stderr.decode()}"
        return done.stdout.decode()

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> Process:
        """Start a command that stays."""
        return self._start(self.command(*words), words[0], env)

    def gunicorn(self, workers: int = 2, *options: str) -> tuple[Process, str]:
        """The pages as in production; returns the process and its base URL."""
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        # Its control socket has one place per user, which several of them would fight for.
        command = [sys.executable, "-m", "gunicorn", "wsgi:app", "--no-control-socket", *options]
        command += ["-w", str(workers), "-b", f"127.0.0.1:{port}"]
        process = self._start(command, "gunicorn", {"DESK_BASE_URL": base})
        # The port is open before the workers have loaded the desk.
        process.wait_for_port(port, 60)
        until(lambda: status(f"{base}/healthz") == 200, 60, "the first page")
        return process, base

    def _start(self, command: list[str], name: str, env: Mapping[str, str] | None) -> Process:
        log = self.folder / f"{name}-{next(self._numbers)}.log"
        process = Process(command, log=log, env=self.env | dict(env or {}), cwd=ROOT)
        self._processes.append(process)
        return process

    def close(self) -> None:
        """End every process that is still there."""
        for process in self._processes:
            process.stop()


def status(url: str, seconds: float = 30.0) -> int:
    """The HTTP status of a GET; 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code
    except OSError:
        return 0
