"""The rules of the structure: what may import what, who commits, who reads the clock, how long things get."""

import ast
import configparser
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from importlinter import configuration
from importlinter.application import use_cases

ROOT = Path(__file__).resolve().parents[1]
DESK = ROOT / "desk"
LONGEST_FUNCTION = 60
LONGEST_FILE = 400
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "managers"}

SOURCES = [*sorted(DESK.rglob("*.py")), ROOT / "wsgi.py"]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def called(node: ast.Call) -> str:
    """The dotted name of what is called, as far as it is one: ``session.commit``, ``datetime.now``."""
    parts: list[str] = []
    function: ast.expr = node.func
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if isinstance(function, ast.Name):
        parts.append(function.id)
    return ".".join(reversed(parts))


def calls(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield called(node), node.lineno


def test_the_contracts_of_imports_are_kept(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT))
    configuration.configure()
    kept = use_cases.lint_imports(config_filename=str(ROOT / ".importlinter"), cache_dir=None, no_logo=True)
    assert kept, capsys.readouterr().out


def test_every_package_is_under_the_contracts() -> None:
    """A new feature is named among the containers and the layers, or nothing would hold it."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    features = set(contracts["importlinter:contract:kinds"]["containers"].split())
    layers = contracts["importlinter:contract:features"]["layers"]
    packages = {f"desk.{path.parent.name}" for path in DESK.glob("*/__init__.py")}
    assert packages - features == {"desk.cli", "desk.demo", "desk.domain", "desk.mail"}
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in SOURCES}
    layered = {f"{name}.{kind}" for name in features for kind in ("service", "queries", "models")} & modules
    assert {name for name in layered if f"({name})" not in layers} == set()


def test_only_db_commits_and_rolls_back() -> None:
    found = [
        f"{name_of(path)}:{line} {call}"
        for path in SOURCES
        for call, line in calls(path)
        if path != DESK / "db.py" and call.rsplit(".", 1)[-1] in {"commit", "rollback"}
    ]
    assert found == []


def test_only_clock_reads_the_clock() -> None:
    clocks = re.compile(
        r"^(?:datetime\.)*(?:datetime|date)\.(?:now|utcnow|today|fromtimestamp)$|^time\.(?:time|time_ns)$"
    )
    found = [
        f"{name_of(path)}:{line} {call}"
        for path in SOURCES
        for call, line in calls(path)
        if path != DESK / "clock.py" and clocks.match(call) and "fromtimestamp" not in call
    ]
    assert found == []


def test_the_database_is_never_asked_for_the_time() -> None:
    found = [
        f"{name_of(path)}:{line} {call}"
        for path in SOURCES
        for call, line in calls(path)
        if re.search(r"\bfunc\.(?:now|current_timestamp|clock_timestamp)$", call)
    ]
    assert found == []


def test_no_function_is_longer_than_sixty_lines() -> None:
    found = [
        f"{name_of(path)}:{node.lineno} {node.name} has {length(node)} lines"
        for path in SOURCES
        for node in functions(path)
        if length(node) > LONGEST_FUNCTION
    ]
    assert found == []


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    lines = {name_of(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def test_a_sentence_opens_every_module() -> None:
    assert [name_of(path) for path in SOURCES if not ast.get_docstring(tree(path))] == []


def test_nothing_is_imported_inside_a_function() -> None:
    found = [
        f"{name_of(path)}:{inner.lineno} in {node.name}"
        for path in SOURCES
        for node in functions(path)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert found == []


def test_no_module_is_named_for_being_useful() -> None:
    assert [name_of(path) for path in SOURCES if path.stem in FORBIDDEN_NAMES] == []


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in SOURCES}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    edges = {name: set(imports(name, path, modules)) for name, path in modules.items()}
    assert circle(edges) == []


def imports(name: str, path: Path, modules: dict[str, Path]) -> Iterator[str]:
    """Modules of the desk that this one imports, at whatever depth of its text."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            candidates = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            candidates = [f"{node.module}.{alias.name}" for alias in node.names]
            # "from desk.x import name" also means x itself, unless every name is a module of its own.
            if any(candidate not in modules for candidate in candidates):
                candidates.append(node.module)
        else:
            continue
        yield from (candidate for candidate in candidates if candidate in modules and candidate != name)


def circle(edges: dict[str, set[str]]) -> list[str]:
    """The modules that are left when those without imports among the rest are taken away again and again."""
    rest = {name: set(targets) for name, targets in edges.items()}
    while True:
        leaves = {name for name, targets in rest.items() if not targets & rest.keys()}
        if not leaves:
            break
        rest = {name: targets - leaves for name, targets in rest.items() if name not in leaves}
    # What only points at a circle is not part of one.
    while True:
        pointed_at = {target for targets in rest.values() for target in targets}
        if rest.keys() <= pointed_at:
            return sorted(rest)
        rest = {name: targets for name, targets in rest.items() if name in pointed_at}


def test_every_requirement_is_used() -> None:
    """A line of requirements.txt that nothing imports or names is a line to delete."""
    texts = [path.read_text() for path in (*SOURCES, *sorted((ROOT / "migrations").rglob("*.py")))]
    imported = {
        root for text in texts for root in re.findall(r"^(?:from|import) ([A-Za-z_0-9]+)", text, flags=re.MULTILINE)
    }
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    unused = [name for name in pinned if _MODULE_OF.get(name, name.lower().replace("-", "_")) not in imported]
    assert sorted(set(unused) - _USED_WITHOUT_IMPORT) == []


_MODULE_OF = {
    "Bootstrap-Flask": "flask_bootstrap",
    "django-js-lib-htmx": "js_lib_htmx",
    "tzdata": "tzdata",
}
_USED_WITHOUT_IMPORT = {
    "django-js-lib-htmx",  # its files are served, its Python never runs
    "gunicorn",  # a command
    "psycopg",  # named in the database's URL
    "tzdata",  # zoneinfo finds it where the system has no zones
    "email-validator",  # WTForms' Email() needs it
    "alembic",  # pinned beside Flask-Migrate, which is its front
}
