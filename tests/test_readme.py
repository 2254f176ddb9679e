"""The README is the truth: its commands, settings and the table of the ticket's life are those of the code."""

import re

from flask import Flask

from desk.config import ROOT, Settings
from desk.domain.lifecycle import TRANSITIONS, Action, State

README = (ROOT / "README.md").read_text()


def test_the_table_of_the_tickets_life_is_the_one_the_code_uses() -> None:
    drawn = README.split("<!-- lifecycle", 1)[1].split("<!-- /lifecycle", 1)[0].splitlines()[1:]
    heads = [cell.strip().replace(" ", "_") for cell in drawn[0].strip("|").split("|")][1:]
    assert heads == [action.value for action in Action]
    rows = {}
    for line in drawn[2:]:
        name, *cells = (cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|"))
        rows[name.strip("*").replace(" ", "_")] = cells
    assert set(rows) == {state.value for state in State}
    for state in State:
        for action, cell in zip(Action, rows[state.value], strict=True):
            assert cell == _words(state, action), (state, action)


def _words(state: State, action: Action) -> str:
    if (state, action) not in TRANSITIONS:
        return ""
    after = TRANSITIONS[state, action]
    return "*back*" if after is None else after.value.replace("_", " ")


def test_every_command_it_names_exists(app: Flask) -> None:
    named = set(re.findall(r"flask --app wsgi ((?:[a-z]+ ?){1,2})", README))
    assert named
    for command in named:
        first, *rest = command.split()
        group = app.cli.commands.get(first)
        assert group is not None, command
        subcommands = getattr(group, "commands", {})
        if subcommands and rest:
            assert rest[0] in subcommands, command


def test_every_make_target_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+(?: [a-z]+)*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    known = {name for line in targets for name in line.split()}
    assert set(re.findall(r"make (demo|run|test|lint|bench)", README)) <= known


def test_every_setting_it_shows_exists() -> None:
    example = README.split("```python", 1)[1].split("```", 1)[0]
    named = set(re.findall(r"^([A-Z_]+) =", example, re.MULTILINE))
    assert named
    assert named <= set(Settings.__dataclass_fields__)


def test_every_file_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#][^)]*)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target
