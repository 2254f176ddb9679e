"""A registry's own desk is set up from the command line, or with the rest from the set-up file."""

from pathlib import Path

from flask import Flask
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.bridge import queries
from desk.domain.bridge import Meaning, Word, choice_of
from desk.domain.escalation import ReturnReason
from desk.domain.permissions import SYSTEM
from tests.cast import Cast
from tests.cli.test_setup import EXAMPLE, folder, run, spoil

__all__ = ["folder"]


def test_a_registrys_desk_is_set_up_and_changed_word_by_word(app: Flask, cast: Cast, session: Session) -> None:
    assert "orcid, tier 2 (ORCID support): signs in" in run(app, "bridge", "show")[1]
    code, output = run(app, "bridge", "set", "--registry", "orcid", "--address", "help@registry.example")
    assert (code, output) == (0, "ORCID support is reached by mail at help@registry.example.\n")
    words = ("--word", "Parked=none", "--word", "resolved=returned:consent")
    assert run(app, "bridge", "set", "--registry", "orcid", *words, "--off")[0] == 0
    shown = run(app, "bridge", "show")[1]
    assert "help@registry.example (switched off)" in shown
    assert "  parked = none\n" in shown and "  resolved = returned:consent\n" in shown


def test_what_cannot_be_is_said_in_one_sentence(app: Flask, cast: Cast) -> None:
    for words, sentence in (
        (("--registry", "none"), "There is no registry “none”."),
        (("--registry", "orcid"), "That is not an e-mail address"),
        (("--registry", "datacite", "--tier", "3", "--address", "a@b.example"), "DataCite has no team of tier 3."),
        (("--registry", "orcid", "--address", "a@b.example", "--word", "open=maybe"), "“maybe” is not a meaning"),
        (("--registry", "orcid", "--address", "a@b.example", "--number-pattern", "#(.*)"), "is not taken"),
    ):
        code, output = run(app, "bridge", "set", *words)
        assert code == 1 and sentence in output and output.count("\n") == 1, output


def test_the_set_up_file_may_say_that_a_registry_is_reached_by_mail(app: Flask, session: Session, folder: Path) -> None:
    lines = (EXAMPLE / "setup.toml").read_text().splitlines()
    for line in lines:
        if line.startswith(("# [registry.bridge]", "# address =", "# words =", "# number_pattern =")):
            spoil(folder / "setup.toml", line, line.removeprefix("# "))
    code, output = run(app, "setup", str(folder / "setup.toml"))
    assert code == 0, output
    registry = accounts.registry_by_slug(session, "orcid")
    assert registry is not None
    [found] = [each for each in queries.places(session, SYSTEM) if each.bridge is not None]
    assert found.bridge is not None and found.bridge.address == "support@registry.example"
    words = {each.word: each for each in queries.words_of(found.bridge)}
    assert words["done"] == Word("done", Meaning.FIXED)
    assert words["needs info"] == Word("needs info", Meaning.RETURNED, ReturnReason.INFORMATION_MISSING)
    assert choice_of(words["resolved"]) == "fixed"
