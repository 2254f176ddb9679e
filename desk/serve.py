"""The one-process desk: pages, jobs and mail listeners together, under one command and one Ctrl-C.

gunicorn serves the pages: one worker with threads, watched by its parent, which starts another should it die. Jobs and
listeners live in that worker. In the demo the worker also takes the outbound mail, so that nothing leaves the machine.
"""

import errno
import logging
import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from desk.config import Listen, Settings
from desk.db import db
from desk.demo.sink import Sink
from desk.jobs import Jobs
from desk.mail.sources.listener import Listener

THREADS = 16
WORKER_TIMEOUT_SECONDS = 120
STOP_SECONDS = 20

log = logging.getLogger(__name__)


class CannotServe(Exception):
    """Something is in the way of starting; the message says what, and how to go round it."""


def serve(app: Flask, listen: Listen, announce: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT. ``announce`` is called once when the address is taken and pages can be asked for.

    Raises ``CannotServe`` when a port is taken. Does not return otherwise: the process ends with the desk.
    """
    settings: Settings = app.config["DESK"]
    for where, setting in _addresses(settings, listen):
        demand_free(where, setting)
    with app.app_context():
        db.engine.dispose()  # a connection must not be shared with the worker
    _OneDesk(app, listen, announce).run()


def demand_free(listen: Listen, setting: str) -> None:
    """Raise ``CannotServe`` with a sentence when nobody could listen there."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listen.host, listen.port))
            probe.listen(1)
        except OSError as error:
            why = "is taken by another program" if error.errno == errno.EADDRINUSE else f"cannot be used ({error})"
            raise CannotServe(f"The address {listen} {why}. Stop that program, or choose another: {setting}.") from None


def _addresses(settings: Settings, pages: Listen) -> list[tuple[Listen, str]]:
    found = [(pages, "--port, or PORT= with make"), (settings.LMTP_LISTEN, "DESK_LMTP_LISTEN=127.0.0.1:8124")]
    if settings.SMTP_LISTEN:
        found.append((settings.SMTP_LISTEN, "DESK_SMTP_LISTEN=127.0.0.1:8125"))
    if settings.DEMO:
        found.append((settings.DEMO_SINK_LISTEN, "DESK_DEMO_SINK_LISTEN=127.0.0.1:8126"))
    return found


class _OneDesk(BaseApplication):  # type: ignore[misc]
    """gunicorn told what to do from here, without files or arguments of its own."""

    def __init__(self, app: Flask, listen: Listen, announce: Callable[[], None]) -> None:
        self._app = app
        self._listen = listen
        self._announce = announce
        self._parts = ExitStack()
        super().__init__()

    def load_config(self) -> None:
        host = f"[{self._listen.host}]" if ":" in self._listen.host else self._listen.host
        options: dict[str, Any] = {
            "bind": f"{host}:{self._listen.port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": THREADS,
            "timeout": WORKER_TIMEOUT_SECONDS,
            "graceful_timeout": STOP_SECONDS,
            "loglevel": "warning",
            "control_socket_disable": True,
            "when_ready": lambda _arbiter: self._announce(),
            "post_worker_init": lambda _worker: self._begin(),
            "worker_exit": lambda _arbiter, _worker: self._parts.close(),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._app

    def _begin(self) -> None:
        """In the worker, after the fork: the parts that live beside the pages. They end in the reverse order."""
        settings: Settings = self._app.config["DESK"]
        if settings.DEMO:
            self._parts.callback(Sink(settings.INSTANCE / "demo-mail", settings.DEMO_SINK_LISTEN).start().stop)
        self._parts.callback(Jobs(self._app).start().stop)
        self._parts.callback(Listener(self._app).start().stop)
