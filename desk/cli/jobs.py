"""``flask jobs``: the timed jobs, as a process of their own or as one pass."""

import signal
import threading
from types import FrameType

import click
from flask import current_app
from flask.cli import AppGroup

from desk.jobs import Jobs, tick_all

group = AppGroup("jobs", help="The timed jobs: clocks, due tickets, mail in and out.")


@group.command("run")
def run() -> None:
    """Run the jobs until stopped (Ctrl-C or SIGTERM); any number of such processes may run at once."""
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    jobs = Jobs(current_app._get_current_object()).start()  # type: ignore[attr-defined]
    click.echo("The jobs run. Ctrl-C ends them.", err=True)
    ended.wait()
    click.echo("Finishing what is in hand.", err=True)
    jobs.stop()


@group.command("tick")
@click.option("--until-idle", is_flag=True, help="Pass after pass, until nothing is left to do.")
def tick(until_idle: bool) -> None:
    """Make one pass of every job and say what was done: for cron and for tests."""
    done = tick_all(current_app._get_current_object(), until_idle=until_idle)  # type: ignore[attr-defined]
    for name, count in done.items():
        click.echo(f"{name}: {count}")
