"""The languages that people may choose, and those that the desk's letters are written in. Pure."""

from collections.abc import Mapping

ENGLISH = "en"

LANGUAGES: Mapping[str, str] = {
    ENGLISH: "English",
    "de": "Deutsch",
    "es": "Español",
    "fr": "Français",
    "it": "Italiano",
    "nl": "Nederlands",
    "pl": "Polski",
    "pt": "Português",
    "sv": "Svenska",
    "uk": "Українська",
    "ja": "日本語",
    "zh": "中文",
}
"""By their codes (RFC 5646), each in its own words."""

WRITTEN = (ENGLISH, "de", "es", "fr")
"""Those with a catalogue in ``desk/translations``; for all others letters are in English, and say so."""


def written(language: str) -> str:
    """The language of a letter for somebody who likes this one: ``de-AT`` is written as ``de``, ``ja`` as ``en``."""
    main = language.partition("-")[0].lower()
    return main if main in WRITTEN else ENGLISH
