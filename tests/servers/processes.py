"""Starting, watching and ending the real processes that tests talk to."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def free_port() -> int:
    """A loopback TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(condition: Callable[[], T], seconds: float = 20.0, what: str = "the condition") -> T:
    """Wait for ``condition`` to give something true and return it: the one place where tests pass time."""
    end = time.monotonic() + seconds
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come true within {seconds:g} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


class Process:
    """A child process with its output in a file; it ends with the test run, however that ends."""

    def __init__(
        self,
        args: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.args = list(args)
        self.log = log
        self.stop_signal = stop_signal

        def die_with_the_tests() -> None:
            # After the change of user, which would clear it. A killed pytest must leave no server behind.
            _LIBC.prctl(_PR_SET_PDEATHSIG, stop_signal)

        with log.open("ab") as out:
            self._popen = subprocess.Popen(
                self.args,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                cwd=cwd,
                user=user,
                group=user,
                extra_groups=[] if user else None,
                start_new_session=True,
                preexec_fn=die_with_the_tests,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        return self._popen.poll()

    def output(self) -> str:
        """What it has written so far, standard output and error together."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for_port(self, port: int, seconds: float = 30.0) -> "Process":
        """Return once it listens; fail with its output when it ended instead."""

        def ready() -> bool:
            if self.returncode is not None:
                raise RuntimeError(f"{self.args[0]} ended with {self.returncode} before it listened:\n{self.output()}")
            return listens(port)

        try:
            until(ready, seconds, f"port {port}")
        except TimeoutError as slow:
            raise TimeoutError(f"{slow}\n{self.output()}") from None
        return self

    def wait(self, seconds: float = 30.0) -> int:
        return self._popen.wait(timeout=seconds)

    def signal_group(self, number: signal.Signals) -> None:
        """Send to the process and its children (each process has a session of its own)."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """As a power cut would: no handler runs."""
        self.signal_group(signal.SIGKILL)
        self._popen.wait()

    def stop(self, seconds: float = 120.0) -> int:
        """Ask it to stop; kill it when it does not. Returns its exit code."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._popen.send_signal(self.stop_signal)
            try:
                self._popen.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        self.signal_group(signal.SIGKILL)
        code = self.returncode
        assert code is not None
        return code
