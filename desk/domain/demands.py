"""What a consortium demands of its own briefs beyond what the catalogue entry asks for. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from desk.domain.catalogue import Entry, Field
from desk.domain.escalation import ALWAYS, HELP, LABELS, PLACES

PARTS = ("identifiers", "error_text", "error_code", "utc_times", "steps", "consent")
"""Parts of every brief that no catalogue entry has to ask for; the others are always asked for."""


def demandable(key: str, dictionary: Mapping[str, Field]) -> Field | None:
    """The field as one that must be answered; None when there is none of that id, or when every brief needs it."""
    if key in PARTS:
        return Field(id=key, label=LABELS[key], help=HELP.get(key, ""), required=True)
    known = dictionary.get(key)
    if known is None or PLACES.get(key, key) in ALWAYS or key == "member_org":
        return None
    return replace(known, required=True)


def demanding(entry: Entry, demanded: Iterable[Field]) -> Entry:
    """The entry with these fields demanded, those that it asks for anyway in their own places."""
    more = {each.id: each for each in demanded}
    own = tuple(more.pop(each.id, each) for each in entry.fields)
    return replace(entry, fields=(*own, *more.values()))
