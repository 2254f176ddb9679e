"""Killing a process at its n-th system call, with strace, as a power cut between two writes would."""

import os
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.servers.engines import program

# Where something becomes durable or leaves the process: files, SQLite's pages, PostgreSQL's statements.
SYSCALLS = "write,pwrite64,fsync,fdatasync,rename,unlink,sendto"

# Only the traced calls stop the process; else each of its many others would, too. strace kills at none of them then.
_ALONE = ("--seccomp-bpf",)


def why_not() -> str | None:
    """A sentence when processes cannot be traced here, else None."""
    strace = program("strace", "/usr/bin")
    if strace is None:
        return "strace is not installed (apt-get install strace)"
    if subprocess.run([strace, "-o", "/dev/null", "true"], capture_output=True, check=False).returncode:
        return "this machine does not let strace trace a process"
    return None


@dataclass(frozen=True)
class Command:
    """A command with its input, to be run again and again."""

    words: Sequence[str]
    stdin: bytes
    env: Mapping[str, str]
    cwd: Path

    def _run(self, *options: str) -> int:
        done = subprocess.run(
            ["strace", "-f", "-qq", *options, *self.words],
            input=self.stdin,
            capture_output=True,
            cwd=self.cwd,
            # Byte code that is written or not would shift the count between two runs.
            env={**self.env, "PYTHONDONTWRITEBYTECODE": "1"},
            timeout=120,
            check=False,
        )
        return done.returncode

    def calls(self) -> list["Call"]:
        """The calls of one undisturbed run, in order."""
        descriptor, name = tempfile.mkstemp(prefix="desk-strace-")
        os.close(descriptor)
        trace = Path(name)
        code = self._run(*_ALONE, "-o", name, "-e", f"trace={SYSCALLS}", "-e", "signal=none")
        lines = trace.read_text(errors="replace").splitlines()
        trace.unlink()
        assert code == 0, f"the undisturbed run ended with {code}"
        seen: Counter[str] = Counter()
        found: list[Call] = []
        for name in re.findall(r"^\d+ +(\w+)\(", "\n".join(lines), flags=re.MULTILINE):
            seen[name] += 1
            found.append(Call(name, seen[name]))
        return found

    def killed_at(self, call: "Call") -> bool:
        """Run and kill at that call; False when the run ended before it got there."""
        inject = f"inject={call.name}:signal=SIGKILL:when={call.number}"
        code = self._run("-o", "/dev/null", "-e", f"trace={call.name}", "-e", "signal=none", "-e", inject)
        return code in {-9, 137}

    def full_from(self, call: "Call") -> int:
        """Run on a disk that is full from that call on, as far as calls of its name go; returns the exit code."""
        inject = f"inject={call.name}:error=ENOSPC:when={call.number}+"
        return self._run(*_ALONE, "-o", "/dev/null", "-e", f"trace={call.name}", "-e", "signal=none", "-e", inject)


class Call(NamedTuple):
    """The ``number``-th call of that name; strace counts each name for itself."""

    name: str
    number: int


def spread(calls: Sequence[Call], points: int) -> list[Call]:
    """At most ``points`` of the calls, evenly spread, first and last included.

    ``KILL_POINTS`` in the environment asks for more: a number, or ``all`` for every single call.
    """
    asked = os.environ.get("KILL_POINTS", "")
    points = len(calls) if asked == "all" else int(asked or points)
    if len(calls) <= points:
        return list(calls)
    return [calls[round(step * (len(calls) - 1) / (points - 1))] for step in range(points)]
