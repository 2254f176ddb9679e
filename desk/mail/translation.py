"""The desk's own words in the language of a letter: catalogues, instants, and what an event keeps in English.

What people or a desk typed is never translated. A catalogue is read when the first letter needs it. Knows no database.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from desk.domain import wording
from desk.domain.languages import ENGLISH

CATALOGUES = Path(__file__).resolve().parents[1] / "translations"

RECORDED = "%(team)s, recorded by %(person)s"
SHAPES = (
    "The number %(number)s of the registry's desk belongs to another escalation already.",
    "no mail server took it for %(days)s days",
)
"""Sentences that events keep with something in them, as catalogues have them."""

_DAYS: Mapping[str, str] = {"de": "d. MMMM y", "es": "d 'de' MMMM 'de' y", "fr": "d MMMM y"}
_INSTANTS: Mapping[str, str] = {
    "de": "EEEE, d. MMMM y 'um' HH:mm 'Uhr'",
    "es": "EEEE d 'de' MMMM 'de' y 'a las' HH:mm",
    "fr": "EEEE d MMMM y 'à' HH:mm",
}
"""In full: a letter has room, and its sentences read better so. English is as on the pages."""


@cache
def catalogue(language: str) -> NullTranslations:
    """The desk's words in one of ``WRITTEN``."""
    if language == ENGLISH:
        return NullTranslations()
    compiled = BytesIO()
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=language, abort_invalid=True))
    compiled.seek(0)
    return GNUTranslations(compiled)


def ours(text: str, language: str) -> str:
    """A sentence of the desk's own that came as a value; what it is not known to have said stays as it is."""
    if not text or language == ENGLISH:
        return text
    words = catalogue(language)
    for whole in SHAPES:
        if (found := _shape(whole).fullmatch(text)) is not None:
            return words.gettext(whole) % found.groupdict()
    translated = words.gettext(text)
    said, opening, rest = text.partition(" (")
    # In brackets stands what another server said.
    return ours(said, language) + opening + rest if opening and translated == text else translated


def author(name: str, language: str) -> str:
    """Who wrote or did something: a name as it is, but for our words on who wrote down what somebody else said."""
    found = _shape(RECORDED).fullmatch(name) if language != ENGLISH else None
    return catalogue(language).gettext(RECORDED) % found.groupdict() if found else name


@cache
def _shape(whole: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"%\\\((\w+)\\\)s", r"(?P<\1>.+)", re.escape(whole)))


def moment(instant: datetime, zone: str, language: str) -> str:
    """``Freitag, 20. November 2026 um 14:05 Uhr MEZ``: an aware instant in the reader's zone, which is always named."""
    if language == ENGLISH:
        return wording.date_and_time(instant, zone)
    local = instant.astimezone(ZoneInfo(zone))
    pattern = _agreeing(_INSTANTS[language], local, language)
    written = format_datetime(local, pattern, tzinfo=local.tzinfo, locale=language)
    return f"{written} {catalogue(language).gettext(wording.zone_name(instant, zone))}"


def day(written: str | None, language: str) -> str:
    """A day that an event keeps as ``2026-11-20``; '' for none."""
    if not written:
        return ""
    found = date.fromisoformat(written)
    if language == ENGLISH:
        return f"{found.day} {found:%b} {found.year}"
    return format_date(found, _agreeing(_DAYS[language], found, language), locale=language)


def _agreeing(pattern: str, found: date, language: str) -> str:
    """What agrees with its number: in French the first of a month, in Spanish one o'clock."""
    if language == "fr" and found.day == 1:
        return pattern.replace("d MMMM", "d'er' MMMM")
    one = language == "es" and isinstance(found, datetime) and found.hour == 1
    return pattern.replace("a las", "a la") if one else pattern
