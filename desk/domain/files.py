"""Names of uploaded and mailed files, made harmless. A name is only ever shown and offered; it never opens a path."""

import unicodedata

NAME_LENGTH = 200
_FORBIDDEN = frozenset('/\\:*?"<>|')
_NAMELESS = "file"


def clean_name(name: str) -> str:
    """A name to show and to offer for download: last path part, no control or invisible characters, no leading dots."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    kept = (
        "_" if character in _FORBIDDEN else character
        for character in name
        # Cc control, Cf invisible and right-to-left marks, Cs lone surrogates, Co private, Cn unassigned
        if not unicodedata.category(character).startswith("C")
    )
    shown = "".join(kept).strip().lstrip(".").strip()
    if len(shown) <= NAME_LENGTH:
        return shown or _NAMELESS
    stem, dot, ending = shown.rpartition(".")
    if not dot or len(ending) > 10:
        return shown[:NAME_LENGTH]
    return f"{stem[: NAME_LENGTH - len(ending) - 1]}.{ending}"
