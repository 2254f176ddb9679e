"""No letter mixes languages: catalogues are complete, templates say nothing beside them, dates are in the language."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from jinja2 import nodes

from desk.domain import identifiers
from desk.domain.bridge import Proof, doubt_about
from desk.domain.languages import ENGLISH, LANGUAGES, WRITTEN, written
from desk.domain.lifecycle import MEMBER_WORDS, STAFF_WORDS
from desk.domain.wording import PARTY_WORDS
from desk.mail import letter, letter_examples, translation
from desk.mail.bridge_in import OWN_MAIL
from desk.mail.bridge_out import NOT_WRITTEN, THEIR_DESK
from desk.mail.failures import WORDS
from desk.mail.outbound import GIVE_UP, NOT_TAKEN
from desk.mail.reply import MARKERS, new_text
from desk.mail.translation import ours
from desk.mail.undelivered import UNWANTED
from desk.sla.queries import LABELS

TRANSLATED = sorted(set(WRITTEN) - {ENGLISH})
# Those to a registry's own desk, whose status words are matched on the way back, are in English.
TEMPLATES = sorted(path for path in letter.TEMPLATES.rglob("*.*") if not path.name.startswith("_bridge."))
Id = str | tuple[str, ...]
_WORD = re.compile(r"[^\W\d_]{2,}")


@cache
def template_ids() -> frozenset[Id]:
    """What templates say: a sentence, or one and its plural."""
    found: set[Id] = set()
    for path in TEMPLATES:
        for _, function, message in letter._environment.extract_translations(path.read_text()):
            words = [word for word in ([message] if isinstance(message, str) else message) if word is not None]
            found.add(tuple(words[:2]) if function == "ngettext" else words[0])
    return frozenset(found)


def value_ids() -> frozenset[Id]:
    """What comes into letters as a value and is a word of ours."""
    doubts = {doubt_about(of_desk=of_desk, proof=proof) for of_desk in (True, False) for proof in Proof} - {""}
    return frozenset(
        {
            *MEMBER_WORDS.values(),
            *STAFF_WORDS.values(),
            *LABELS.values(),
            *(words.lower() for party, words in PARTY_WORDS.items() if party != "nobody"),
            *(kind for kind, _, _ in identifiers._SECRETS),
            *WORDS.values(),
            *doubts,
            *translation.SHAPES,
            *(translation.RECORDED, NOT_TAKEN, NOT_WRITTEN, THEIR_DESK, UNWANTED, OWN_MAIL),
            *("nobody's", "one of the clocks", "A request", "CET", "CEST"),
        }
    )


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)s|%%", text))


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_has_every_sentence_with_its_placeholders_and_none_that_nobody_says(language: str) -> None:
    with (translation.CATALOGUES / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language, abort_invalid=True)
    entries = {
        (tuple(each.id) if isinstance(each.id, list | tuple) else each.id): each for each in catalogue if each.id
    }
    assert entries.keys() == template_ids() | value_ids()
    assert not catalogue.obsolete
    for key, entry in entries.items():
        assert not entry.fuzzy, key
        ids, strings = ((key,), (entry.string,)) if isinstance(key, str) else (key, entry.string)
        assert len(strings) == len(ids), key
        for one, string in zip(ids, strings, strict=True):
            assert string.strip(), key
            assert placeholders(string) == placeholders(one), key
            # In HTML letters they are taken as they are.
            assert not re.search(r"[<&]", string), key


def test_every_language_that_is_written_may_be_chosen_and_has_its_files() -> None:
    assert set(WRITTEN) <= LANGUAGES.keys()
    assert {path.stem for path in translation.CATALOGUES.iterdir()} == set(TRANSLATED)
    assert MARKERS.keys() == translation._INSTANTS.keys() | {ENGLISH} == set(WRITTEN)
    assert [written(one) for one in ("de", "de-AT", "fr", "ja", "")] == ["de", "de", "fr", "en", "en"]


def bare_words(node: nodes.Node) -> Iterator[str]:
    """Words that a template says without a catalogue: text between tags, and strings that an expression may become."""
    for data in node.find_all(nodes.TemplateData):
        yield from _WORD.findall(re.sub(r"<[^>]*>|[^<>]*>|<[^<>]*|/[\w/?=-]*", " ", data.data))
    for choice in node.find_all((nodes.CondExpr, nodes.Or, nodes.Concat, nodes.Add)):
        for each in choice.iter_child_nodes():
            if isinstance(each, nodes.Const) and isinstance(each.value, str):
                yield from _WORD.findall(re.sub(r"/[\w/?=-]*", " ", each.value))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(letter.TEMPLATES)))
def test_a_template_says_nothing_but_what_a_catalogue_has(path: Path) -> None:
    found = set(bare_words(letter._environment.parse(path.read_text())))
    # These two go through ``ours``.
    assert found <= {"nobody", "one", "of", "the", "clocks"}, path


@pytest.mark.parametrize("language", WRITTEN)
def test_a_letter_says_its_language_and_asks_in_it_for_an_answer(language: str) -> None:
    for each in letter_examples.examples("Europe/Berlin", language):
        assert f'<html lang="{language}">' in each.letter.html, each
        assert each.letter.language == language
        marked = each.letter.text.startswith("##-")
        assert each.letter.text.startswith(MARKERS[language]) is marked, each


def test_an_instant_is_said_as_the_language_says_it() -> None:
    autumn = datetime(2026, 11, 20, 13, 5, tzinfo=UTC)
    first = datetime(2026, 6, 1, 11, 0, tzinfo=UTC)
    said = {each: translation.moment(autumn, "Europe/Berlin", each) for each in WRITTEN}
    assert said == {
        "en": "Fri 20 Nov 2026, 14:05 CET",
        "de": "Freitag, 20. November 2026 um 14:05 Uhr MEZ",
        "es": "viernes 20 de noviembre de 2026 a las 14:05 CET",
        "fr": "vendredi 20 novembre 2026 à 14:05 CET",
    }
    assert translation.moment(first, "America/Sao_Paulo", "fr") == "lundi 1er juin 2026 à 08:00 UTC−03:00"
    assert translation.moment(first, "Asia/Tokyo", "de") == "Montag, 1. Juni 2026 um 20:00 Uhr JST"
    assert translation.moment(first, "Pacific/Honolulu", "es").endswith("1 de junio de 2026 a la 01:00 HST")
    assert translation.day("2026-06-01", "fr") == "1er juin 2026"
    assert translation.day(None, "de") == ""


def test_what_an_event_keeps_in_english_is_said_in_the_readers_language_and_what_others_said_stays() -> None:
    assert ours("there is no such mailbox (550 5.1.1 user unknown)", "de") == (
        "dieses Postfach gibt es nicht (550 5.1.1 user unknown)"
    )
    given_up = f"no mail server took it for {GIVE_UP.days} days (timed out)"
    assert ours(given_up, "de") == "seit 5 Tagen hat kein Mailserver sie angenommen (timed out)"
    assert ours(given_up, "en") == given_up
    assert ours("Ours, or not (yet)", "fr") == "Ours, or not (yet)"
    assert ours("", "fr") == ""
    assert translation.author("ORCID support, recorded by Leo", "de") == "ORCID support, festgehalten von Leo"
    assert translation.author("Closed", "de") == "Closed"  # somebody's name


class Answer:
    """A plain answer, as far as reading it goes."""

    subject, html, authors, is_bounce = "Re: token", "", (), False

    def __init__(self, text: str) -> None:
        self.text = text


@pytest.mark.parametrize("language", WRITTEN)
def test_an_answer_above_the_marker_of_any_language_is_read_without_what_stands_below(language: str) -> None:
    quoted = letter_examples.example("answered", "member", "UTC", language).text
    assert new_text(Answer(f"Ja, oui, sí.\n\n{quoted}")) == "Ja, oui, sí."
