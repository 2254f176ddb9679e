"""``flask serve``: the whole desk in one command."""

import dataclasses
from urllib.parse import urlsplit

import click
from flask import current_app
from flask.cli import with_appcontext

from desk.cli.readiness import demand_database
from desk.config import Listen, Settings
from desk.demo import sign_ins
from desk.serve import CannotServe, serve


@click.command("serve")
@click.option("--host", help="Address to listen on; HTTP_LISTEN unless given.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on; HTTP_LISTEN unless given.")
@with_appcontext
def group(host: str | None, port: int | None) -> None:
    """Serve the pages, run the jobs and listen for mail, in one process, until Ctrl-C."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    settings: Settings = app.config["DESK"]
    demand_database()
    listen = Listen(host or settings.HTTP_LISTEN.host, port or settings.HTTP_LISTEN.port)
    if settings.DEMO and urlsplit(settings.BASE_URL).hostname in ("127.0.0.1", "localhost"):
        # Links in the demo's mail lead to where this demo really is.
        settings = app.config["DESK"] = dataclasses.replace(settings, BASE_URL=f"http://127.0.0.1:{listen.port}")
    lines = sign_ins.announcement(settings) if settings.DEMO else [f"The desk is at {settings.BASE_URL}"]

    def announce() -> None:
        click.echo("\n".join([*lines, "", "Ctrl-C ends it."]))

    try:
        serve(app, listen, announce)
    except CannotServe as error:
        raise click.ClickException(str(error)) from error
