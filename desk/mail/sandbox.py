"""Reading in a child process: what is odd or large in a mail costs that mail, not the process that serves people.

Ordinary mail is read where it is; a look at the bytes decides. Anything else is read by another Python with limits on
memory and time, which has neither settings nor secrets nor the database. Started as a new program and not forked, so
that it may be called from any thread.
"""

import io
import json
import os
import pickle
import re
import resource
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from desk.domain.errors import DeskError, TryLater
from desk.mail.framing import LARGEST_HEADER_BLOCK
from desk.mail.message import InboundMessage, read

_ROOT = Path(__file__).resolve().parents[2]


class Unreadable(DeskError):
    """A mail that cannot be read within the limits. Its bytes are kept; the same again will most likely fail again."""

    sentence = "Reading it failed."


class NoReader(TryLater):
    """No child process could be started at the moment: the machine's fault, not the mail's."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one child: address space in bytes, processor time and time by the clock in seconds."""

    memory: int = 1024 * 1024 * 1024
    processor_seconds: int = 30
    seconds: float = 90.0


LIMITS = Limits()


# ------------------------------------------------------------------ which mails

LARGEST_ORDINARY = 1024 * 1024
_LONGEST_HEADER = 64 * 1024
_LONGEST_LINE = 64 * 1024
# How often something may stand in an ordinary mail, header and body together.
_MOST = (
    (re.compile(rb"boundary", re.IGNORECASE), 30),
    (re.compile(rb"^content-type", re.IGNORECASE | re.MULTILINE), 100),
    (re.compile(rb"=\?"), 1000),
    (re.compile(rb"<"), 20_000),
    # Read by a library that was made for files of Outlook, not of strangers.
    (re.compile(rb"/(?:vnd\.)?ms-tnef|winmail\.dat", re.IGNORECASE), 0),
)
_HEADER_END = re.compile(rb"\r?\n\r?\n|\r\r")


def is_ordinary(raw: bytes) -> bool:
    """Whether a mail may be read in this process: small, a short header, few parts and marks, no giant line."""
    if len(raw) > LARGEST_ORDINARY:
        return False
    end = _HEADER_END.search(raw, 0, LARGEST_HEADER_BLOCK)
    if (end.start() if end else len(raw)) > _LONGEST_HEADER:
        return False
    if any(len(pattern.findall(raw)) > most for pattern, most in _MOST):
        return False
    return max(map(len, raw.split(b"\n"))) <= _LONGEST_LINE


def read_guarded(raw: bytes, authserv_id: str | None = None, limits: Limits = LIMITS) -> InboundMessage:
    """``read`` for mail of strangers: here if the mail is ordinary, else in a child. Raises as ``read_apart`` does."""
    return read(raw, authserv_id) if is_ordinary(raw) else read_apart(raw, authserv_id, limits)


# ------------------------------------------------------------------ the parent


def read_apart(raw: bytes, authserv_id: str | None = None, limits: Limits = LIMITS) -> InboundMessage:
    """``read`` in a child process.

    Raises ``Unreadable`` with a sentence when the mail was too much for it, ``NoReader`` when none could be started.
    """
    order = json.dumps({"authserv_id": authserv_id, **asdict(limits)}).encode("ascii") + b"\n"
    try:
        child = _start()
    except OSError as error:
        raise NoReader from error
    with child:
        try:
            answer, _ = child.communicate(order + raw, timeout=limits.seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            raise Unreadable(f"Reading it took more than {limits.seconds:g} seconds.") from None
        except BaseException:
            child.kill()
            raise
    if child.returncode != 0:
        raise Unreadable(_why(child.returncode, limits))
    return _unpickled(answer)


def _start() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-B", "-m", "desk.mail.sandbox"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a traceback may hold text of the mail
        cwd=_ROOT,
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "LANG": "C.UTF-8"},
        start_new_session=True,  # Ctrl-C at a terminal is for the parent
    )


_OUT_OF_MEMORY = 3


def _why(returncode: int, limits: Limits) -> str:
    if returncode == _OUT_OF_MEMORY:
        return f"Reading it took more than {limits.memory // 1024 // 1024} MB of memory."
    if returncode == -signal.SIGXCPU:
        return f"Reading it took more than {limits.processor_seconds} seconds of the processor."
    if returncode < 0:
        return f"Reading it was ended by signal {-returncode}."
    return "Reading it failed."


class _Known(pickle.Unpickler):
    """Nothing but the values of a reading comes out of what a child says, whatever the mail did to it."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _KINDS:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name}")


_KINDS = {
    ("desk.mail.message", "InboundMessage"),
    ("desk.mail.headers", "Address"),
    ("desk.mail.parts", "Attachment"),
    ("desk.mail.reports", "DeliveryReport"),
    ("desk.mail.reports", "FeedbackReport"),
    ("desk.mail.reports", "FeedbackReport"),
    ("desk.mail.reports", "Recipient"),
    ("desk.mail.evidence", "AuthVerdict"),
    ("datetime", "datetime"),
    ("datetime", "timezone"),
    ("datetime", "timedelta"),
}


def _unpickled(answer: bytes) -> InboundMessage:
    try:
        found = _Known(io.BytesIO(answer)).load()
    except Exception as error:  # pickle raises a dozen kinds on what is no pickle
        raise Unreadable from error
    if not isinstance(found, InboundMessage):
        raise Unreadable
    return found


# ------------------------------------------------------------------ the child


def _answer() -> None:
    """Read one order and one mail from standard input, say the reading on standard output."""
    order = json.loads(sys.stdin.buffer.readline())
    _limit(order["memory"], order["processor_seconds"])
    # What a library prints would stand in the midst of the answer.
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        pickle.dump(read(sys.stdin.buffer.read(), order["authserv_id"]), out, protocol=5)


def _limit(memory: int, processor_seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (processor_seconds, processor_seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    try:
        _answer()
    except MemoryError:
        sys.exit(_OUT_OF_MEMORY)
