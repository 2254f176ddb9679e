"""Public holidays of a country or a part of it, as dates with names: resolved once and then kept with the calendar."""

import re
from collections.abc import Mapping
from functools import cache

import holidays
from holidays.registry import COUNTRIES

from desk.domain.errors import InvalidInput

HOLIDAY_YEARS = 6
"""So many years from the one in which a version begins its public holidays are looked up and kept."""

PART_LENGTH = 10

_LANGUAGES = ("en_GB", "en_US")
"""Of the names, where the list has them: otherwise they would be in the language of whatever machine looks them up."""


def public_holidays(country: str, subdivision: str | None, first_year: int, last_year: int) -> dict[str, str]:
    """ISO date to name, in order, both years included.

    ``country``: ISO 3166-1 alpha-2; ``subdivision``: the part of ISO 3166-2 after the hyphen. Substitute days are
    among them. Raises ``InvalidInput`` for a place the list does not know.
    """
    years = range(first_year, last_year + 1)
    try:
        found = holidays.country_holidays(country, subdiv=subdivision or None, years=years, language=_language(country))
    except NotImplementedError as error:
        place = f"{country}-{subdivision}" if subdivision else country
        raise InvalidInput(f"No holidays are known for “{place}”; give them as dates.", field="country") from error
    return {day.isoformat(): name for day, name in sorted(found.items())}


@cache
def countries() -> Mapping[str, str]:
    """Every country whose holidays are known: ISO 3166-1 alpha-2 to name, in the order of the names."""
    found = {code: _name(class_name) for class_name, code, *_ in COUNTRIES.values()}
    return dict(sorted(found.items(), key=lambda item: item[1]))


@cache
def parts_of(country: str) -> Mapping[str, str]:
    """The parts of a country that have holidays of their own, code to name; none for a country nobody knows.

    A few cities that have no code, but a long name in its place, are left out: it would not fit where it is kept.
    """
    if country not in countries():
        return {}
    known = holidays.country_holidays(country)
    names: dict[str, str] = {}
    for name, part in (getattr(known, "subdivisions_aliases", None) or {}).items():
        names.setdefault(part, name)
    fitting = [part for part in known.subdivisions if len(part) <= PART_LENGTH]
    return dict(sorted(((part, names.get(part, part)) for part in fitting), key=lambda item: item[1]))


def place_name(country: str, part: str | None) -> str:
    """``Spain, Madrid``; a code that nobody knows stays what it is."""
    name = countries().get(country, country)
    return f"{name}, {parts_of(country).get(part, part)}" if part else name


def _name(class_name: str) -> str:
    """The name is the class's, taken apart: ``UnitedStates``."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", class_name)
    name = re.sub(r"\b(And|Of|The)\b", lambda word: word.group().lower(), words)
    return name[:1].upper() + name[1:]


@cache
def _language(country: str) -> str | None:
    try:
        spoken = holidays.country_holidays(country).supported_languages
    except NotImplementedError:
        return None
    return next((language for language in _LANGUAGES if language in spoken), None)
