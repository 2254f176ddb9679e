"""``flask demo``: the demo world, a large world for measuring, and a member's first mail."""

import sys
import time

import click
from flask import current_app
from flask.cli import AppGroup

from desk.accounts import queries as accounts
from desk.cli.readiness import demand_database
from desk.clock import utcnow
from desk.config import Settings
from desk.db import db, transaction
from desk.demo import by_mail, letters, sign_ins, world
from desk.demo.people import everybody
from desk.demo.places import CONSORTIA
from desk.demo.volume import enlarge
from desk.domain.errors import DeskError

VOLUME_SHARE = 0.4
"""Of the demo world, so much is made by the verbs before it is copied."""

group = AppGroup("demo", help="The demo world: invented places, people and tickets.")


@group.command("load")
@click.option("--seed", type=int, default=sign_ins.SEED, show_default=True, help="The same seed makes the same world.")
def load(seed: int) -> None:
    """Make the demo world, unless it is there: three consortia with the tickets of the last ninety days."""
    settings: Settings = current_app.config["DESK"]
    now = utcnow()
    demand_database()
    with transaction() as session:
        present = world.seed_of(session)
        if present is not None:
            if sign_ins.sheet(settings).exists():
                click.echo("The demo world is there already.")
                return
            lines = sign_ins.set_passwords(session, everybody(present), now)
        elif not world.is_empty(session):
            raise click.ClickException("This database is in use already; the demo world needs an empty one.")
        else:
            began = time.monotonic()
            made = world.make(session, seed=seed, now=now, told=_progress)
            click.echo("Writing down the mails of its past as sent", err=True)
            world.settle_mail(session, settings, now)
            by_mail.introduce(session, settings, now)
            world.settle_mail(session, settings, now)
            lines = sign_ins.set_passwords(session, everybody(seed), now)
            click.echo(
                f"Made {made.tickets} tickets, {made.people} people and {made.events} events"
                f" in {time.monotonic() - began:.0f} seconds.",
                err=True,
            )
    sign_ins.keep(settings, lines)
    click.echo(f"The sign-ins are in {sign_ins.sheet(settings)}.")


@group.command("volume")
@click.option("--tickets", "wanted", type=click.IntRange(1, 5_000_000), required=True, help="How many there shall be.")
@click.option("--seed", type=int, default=sign_ins.SEED, show_default=True, help="Of the world that is copied.")
def volume(wanted: int, seed: int) -> None:
    """Make a large world for measuring: the demo's tickets, copied until there are as many as asked for."""
    began = time.monotonic()
    demand_database()
    with transaction() as session:
        if world.seed_of(session) is None:
            if not world.is_empty(session):
                raise click.ClickException("This database is in use already; a large world needs an empty one.")
            now = utcnow()
            world.make(session, seed=seed, now=now, told=_progress, share=VOLUME_SHARE)
            world.settle_mail(session, current_app.config["DESK"], now)
        have = enlarge(session, wanted)
    click.echo(f"There are {have} tickets now; that took {time.monotonic() - began:.0f} seconds.")


def _progress(days: int, of: int) -> None:
    """One line that grows on a terminal, a line for each ten days in a log."""
    if sys.stderr.isatty():
        click.echo(f"\rMaking the demo world: day {days} of {of}", nl=days == of, err=True)
    elif days % 10 == 0:
        click.echo(f"Making the demo world: day {days} of {of}", err=True)


@group.command("write")
@click.option("--sender", help="Address of somebody of the demo; a contact of the first member unless given.")
@click.option("--to", "recipient", default=CONSORTIA[0].support_address, show_default=True, help="A desk's address.")
@click.option("--subject", default="Error 9017 for one of our researchers", show_default=True, help="In one line.")
@click.option("--text", help="What to write.")
def write(sender: str | None, recipient: str, subject: str, text: str | None) -> None:
    """Send a mail to a desk, as a member's contact, by SMTP to the desk's own listener."""
    settings: Settings = current_app.config["DESK"]
    if not settings.DEMO:
        raise click.ClickException("This is for the demo only: set DESK_DEMO=yes.")
    if not sign_ins.sheet(settings).exists():
        raise click.ClickException("There is no demo world yet: flask --app wsgi demo load")
    address = sender or sign_ins.listed(settings, "contact at")[0]
    person = accounts.person_by_email(db.session(), address)
    name = person.name if person else ""
    body = text or (
        "Hello,\n\nsince this morning we get error 9017, 401 Unauthorized: The client application is not authorized for"
        " this ORCID record, when we add an employment to 0000-0002-1825-0097. Production, client APP-DEMO000000000123."
        f"\n\nKind regards,\n{name}"
    )
    try:
        message = letters.first_letter(name, address, recipient, subject, body)
        letters.send(message, settings)
    except DeskError as error:
        raise click.ClickException(error.sentence) from error
    click.echo(f"Sent from {address} to {recipient}. Its receipt comes to /demo/mail?to={address} of the desk.")
