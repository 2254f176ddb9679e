"""Every template is reached and every template that is asked for exists; every event that notifies has its mail."""

import re
from pathlib import Path

import pytest

from desk.mail import letter, told

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "templates"
DESK = ROOT / "desk"

_IN_PYTHON = re.compile(r"""["']([a-z_]+(?:/[a-z_]+)*\.(?:html|txt))["']""")
_TAGS = re.compile(r"\{%-?\s*(?:extends|include|import|from)\s[^%]*%\}")
_NAMES = re.compile(r"""["']([^"']+\.(?:html|txt))["']""")


def all_templates() -> set[str]:
    return {str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.*") if path.is_file()}


def pages() -> set[str]:
    """Templates but those of letters, which are found by the event's name."""
    return {name for name in all_templates() if not name.startswith("mail/") or name.count("/") == 1}


def letters() -> set[str]:
    """The events that have a folder of their own in ``templates/mail``."""
    return {path.name for path in (TEMPLATES / "mail").iterdir() if path.is_dir()}


def asked_for() -> dict[str, str]:
    """Template name to the file that asks for it."""
    found: dict[str, str] = {}
    for path in sorted(DESK.rglob("*.py")):
        found |= dict.fromkeys(_IN_PYTHON.findall(path.read_text()), str(path.relative_to(ROOT)))
    for name in all_templates():
        tags = " ".join(_TAGS.findall((TEMPLATES / name).read_text()))
        for other in _NAMES.findall(tags):
            # Letters have an environment of their own, rooted in their folder.
            in_letters = name.startswith("mail/") and (TEMPLATES / "mail" / other).is_file()
            found["mail/" + other if in_letters else other] = name
    return found


def test_every_template_is_reached() -> None:
    # One that only other packages extend or include is none of ours.
    assert sorted(pages() - asked_for().keys()) == []


def test_every_template_that_is_asked_for_exists() -> None:
    # Only names with a folder: a bare one may be any file, such as an attachment of the demo.
    foreign = ("bootstrap5/",)
    missing = {name: by for name, by in asked_for().items() if "/" in name and name not in all_templates()}
    assert {name: by for name, by in missing.items() if not name.startswith(foreign)} == {}


def test_every_event_that_notifies_has_its_letter_and_no_letter_is_left_over() -> None:
    assert letters() ^ told.kinds() == letter.COLLECTIONS


def test_every_letter_has_a_subject_and_a_body() -> None:
    lacking = [
        f"{kind}/{part}"
        for kind in sorted(letters())
        for part in ("subject.txt", "body.txt", "body.html")
        if not (TEMPLATES / "mail" / kind / part).is_file()
    ]
    assert lacking == []


@pytest.mark.parametrize("word", ["style=", "onclick=", "onchange=", "onsubmit=", "<style", "javascript:"])
def test_no_template_needs_more_than_the_content_security_policy_allows(word: str) -> None:
    shown = [name for name in sorted(pages()) if not name.startswith("mail/_")]
    assert [name for name in shown if word in (TEMPLATES / name).read_text()] == []


def test_no_template_switches_escaping_off() -> None:
    found = [name for name in sorted(all_templates()) if "autoescape false" in (TEMPLATES / name).read_text()]
    assert found == []
