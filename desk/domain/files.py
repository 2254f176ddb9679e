"""Uploaded and mailed files: names made harmless, and text files that hold something secret.

A name is only ever shown and offered; it never opens a path.
"""

import codecs
import unicodedata

from desk.domain.identifiers import redact

NAME_LENGTH = 200
_FORBIDDEN = frozenset('/\\:*?"<>|')
_NAMELESS = "file"

SEARCHED = 1_000_000
"""Bytes of the largest text file that is looked through for secrets. It happens while somebody waits."""

_TEXTS = (".txt", ".log", ".json", ".csv", ".xml")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


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


def secrets_in(name: str, content_type: str, data: bytes) -> list[str]:
    """What sorts of secrets a text file holds, each once; none for a file that is no text or larger than is searched.

    Text is what its content (``content_type``) or the end of its name says is one.
    """
    if len(data) > SEARCHED or not (content_type.startswith("text/") or name.lower().endswith(_TEXTS)):
        return []
    encoding = next((each for mark, each in _MARKS if data.startswith(mark)), "utf-8")
    _, removed = redact(data.decode(encoding, "replace"))
    return sorted({each.kind for each in removed})
