"""Whose name stands in a text that readers elsewhere will see: members are named to their own desk alone."""

import re
from collections.abc import Iterable, Mapping

from desk.domain.errors import InvalidInput
from desk.domain.masking import mask

SHORTEST = 4
"""Letters of a name that is looked for whatever its case; a shorter one is mostly a word of the language, too."""

NAMED_AT_MOST = 3
"""Names that a refusal repeats."""


def named_in(text: str, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the names (of organisations, mail domains, addresses) that stand in the text as words of their own."""
    flat = " ".join(text.split())
    folded = flat.casefold()
    return tuple(
        name
        for name in dict.fromkeys(names)
        if name.strip() and _stands_in(name, flat if len(name) < SHORTEST else folded)
    )


def demand_unnamed(texts: Mapping[str, str], names: Iterable[str], *, readers: str) -> None:
    """Refuse texts, by field, that name a member to readers who may only know how many there are.

    Raises ``InvalidInput`` at the first such field; ``readers``: who would read it, for the sentence.
    """
    listed = tuple(names)
    for field, text in texts.items():
        found = named_in(text, listed)
        if found:
            named = ", ".join(f"“{name}”" for name in found[:NAMED_AT_MOST])
            raise InvalidInput(
                f"The {field.replace('_', ' ')} names {named}. {readers} would read it, and they may know how many "
                "members are affected, but not which. Please take the name out first.",
                field=field,
            )


def demand_impersonal(texts: Mapping[str, str], *, readers: str) -> None:
    """Refuse texts, by field, that hold a person's ORCID iD or mail address, which its holder did not agree to show.

    Raises ``InvalidInput`` at the first such field; ``readers``: who would read it, for the sentence.
    """
    for field, text in texts.items():
        if mask(text) != text:
            raise InvalidInput(
                f"The {field.replace('_', ' ')} holds an ORCID iD or a mail address. {readers} would read it, "
                "and the record holder's consent is asked for with an escalation only. Please take it out first.",
                field=field,
            )


def _stands_in(name: str, text: str) -> bool:
    wanted = " ".join(name.split())
    wanted = wanted if len(name) < SHORTEST else wanted.casefold()
    return wanted in text and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", text) is not None
