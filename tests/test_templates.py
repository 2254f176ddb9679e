"""Every template is reached and every template that is asked for exists; every event that notifies has its mail."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "templates"
DESK = ROOT / "desk"

_IN_PYTHON = re.compile(r"""["']([a-z_]+(?:/[a-z_]+)*\.(?:html|txt))["']""")
_IN_TEMPLATES = re.compile(r"""\{%-?\s*(?:extends|include|import|from)\s+["']([^"']+)["']""")


def all_templates() -> set[str]:
    return {str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.*") if path.is_file()}


def pages() -> set[str]:
    """Templates but those of mail, which are found by the event's name."""
    return {name for name in all_templates() if not name.startswith("mail/") or name.count("/") == 1}


def asked_for() -> dict[str, str]:
    """Template name to the file that asks for it."""
    found: dict[str, str] = {}
    for path in sorted(DESK.rglob("*.py")):
        found |= dict.fromkeys(_IN_PYTHON.findall(path.read_text()), str(path.relative_to(ROOT)))
    for name in all_templates():
        found |= dict.fromkeys(_IN_TEMPLATES.findall((TEMPLATES / name).read_text()), name)
    return found


def test_every_template_is_reached() -> None:
    # One that only other packages extend or include is none of ours.
    assert sorted(pages() - asked_for().keys()) == []


def test_every_template_that_is_asked_for_exists() -> None:
    foreign = ("bootstrap5/",)
    missing = {name: by for name, by in asked_for().items() if name not in all_templates()}
    assert {name: by for name, by in missing.items() if not name.startswith(foreign)} == {}


@pytest.mark.parametrize("word", ["style=", "onclick=", "onchange=", "onsubmit=", "<style", "javascript:"])
def test_no_template_needs_more_than_the_content_security_policy_allows(word: str) -> None:
    found = [name for name in sorted(pages()) if word in (TEMPLATES / name).read_text()]
    assert found == []


def test_no_template_switches_escaping_off() -> None:
    found = [name for name in sorted(all_templates()) if "autoescape false" in (TEMPLATES / name).read_text()]
    assert found == []
