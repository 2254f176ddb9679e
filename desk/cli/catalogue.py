"""``flask catalogue``: load the catalogue of incident and request types."""

from pathlib import Path

import click
from flask.cli import AppGroup

from desk.catalogue.service import SHIPPED, load_catalogue, read_document
from desk.clock import utcnow
from desk.db import transaction
from desk.domain.errors import DeskError

group = AppGroup("catalogue", help="The catalogue of incident and request types.")


@group.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=SHIPPED)
def load(file: Path) -> None:
    """Make FILE the current version of the catalogue (the one the desk ships when no file is named).

    Loading the same document again changes nothing.
    """
    try:
        document = read_document(file)
        with transaction() as session:
            version, is_new = load_catalogue(session, document, utcnow())
            number, entries = version.number, len(version.entries)
    except DeskError as error:
        raise click.ClickException(error.sentence) from error
    word = "loaded" if is_new else "was loaded already"
    click.echo(f"Version {number} of the catalogue {word}: {entries} entries.")
