"""The commands others rely on exist, explain themselves, and fail with a sentence instead of a traceback."""

from collections.abc import Iterator

import click
import pytest
from flask import Flask

from tests.conftest import make_app
from tests.servers.desk import Desk

NAMED = [
    "bridge set",
    "bridge show",
    "catalogue load",
    "demo load",
    "demo volume",
    "jobs run",
    "jobs tick",
    "mail explain",
    "mail listen",
    "mail poll",
    "mail receive",
    "mail send",
    "people add",
    "people roles",
    "serve",
    "setup",
    "sla explain",
    "sla rebuild",
    "sla remeasure",
    "sla simulate",
]


def commands(group: click.Group, context: click.Context, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, context, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


@pytest.fixture
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, click.Command]:
    folder = tmp_path_factory.mktemp("commands")
    app: Flask = make_app(f"sqlite:///{folder / 'desk.db'}", folder)
    # Flask's own and Flask-Migrate's are theirs.
    foreign = ("db ", "run", "shell", "routes")
    found = dict(commands(app.cli, click.Context(app.cli)))
    return {name: command for name, command in found.items() if not name.startswith(foreign)}


def test_every_named_command_exists(ours: dict[str, click.Command]) -> None:
    assert [name for name in NAMED if name not in ours] == []


def test_every_command_explains_itself_and_its_options(ours: dict[str, click.Command]) -> None:
    silent = [name for name, command in ours.items() if not (command.help or "").strip()]
    assert silent == []
    options = [
        f"{name} {parameter.name}"
        for name, command in ours.items()
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help
    ]
    assert options == []


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"DESK_SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"DESK_DATABASE_URL": "mysql://localhost/desk"}, "DATABASE_URL"),
        ({"DESK_BASE_URL": "desk.example"}, "BASE_URL"),
        ({"DESK_SMTP_PORT": "many"}, "SMTP_PORT"),
        ({"DESK_MAX_MAIL_MB": "0"}, "MAX_MAIL_MB"),
        ({"DESK_INSTANCE": "/dev/null/here"}, "INSTANCE"),
    ],
)
def test_a_bad_setting_is_named_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str], sentence: str
) -> None:
    folder = tmp_path_factory.mktemp("settings")
    done = Desk(folder, f"sqlite:///{folder / 'desk.db'}").run("jobs", "tick", env=settings)
    assert done.returncode != 0
    error = done.stderr.decode()
    assert sentence in error and "Traceback" not in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize("words", [("people", "roles", "x@y.example"), ("sla", "explain", "1")])
def test_a_database_that_is_away_or_empty_is_said_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, words: tuple[str, ...]
) -> None:
    folder = tmp_path_factory.mktemp("away")
    for database, sentence in ((folder / "none" / "desk.db", "is not there"), (folder / "empty.db", "db upgrade")):
        done = Desk(folder, f"sqlite:///{database}").run(*words)
        assert done.returncode == 1
        error = done.stderr.decode()
        assert sentence in error and "Traceback" not in error
