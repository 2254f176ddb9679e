"""Published text that holds script: HTML that would run something, outside of what is quoted as code. Pure.

The sanitiser takes it out of every page anyway; whoever wrote it, or pasted it, is told instead of being changed.
"""

import html
import re
from html.parser import HTMLParser
from typing import Any

from desk.domain.errors import InvalidInput

TRIED = "a published text with script"
"""How the record of the issue names what was refused."""

_FENCED = re.compile(r"^ {0,3}(```|~~~)[^\n]*\n(?:.*\n)*? {0,3}\1[`~]*[ \t]*$", re.MULTILINE)
_QUOTED = re.compile(r"``(?:[^`\n]|`(?!`))+``|`[^`\n]+`")
_SPACES = re.compile(r"[\x00-\x20\x7f]+")
_LINKED = re.compile(r"(?:\]\(|\]:|<)<?(?:java|vb)script:", re.IGNORECASE)
_RUNS = re.compile(r"(?:java|vb)script:|data:text/html", re.IGNORECASE)
_RUNNING = frozenset({"script", "iframe", "object", "embed", "applet", "frame", "base", "meta"})


class HoldsScript(InvalidInput):
    """A text that is read by others holds script."""


def demand_none(text: str, field: str) -> str:
    """``text`` as it is. Raises ``HoldsScript`` with ``field``; the sentence repeats nothing of the text."""
    if holds_script(text):
        raise HoldsScript(
            "It holds script as HTML (a script element, an event handler or a javascript: address), which is not"
            " published. Take it out, or put it between backticks (`) if it is meant to be read.",
            field=field,
        )
    return text


def holds_script(text: str) -> bool:
    """Whether there is a running element, an event handler or a script address that is not quoted as code."""
    rest = _QUOTED.sub(" ", _FENCED.sub(" ", text))
    if _LINKED.search(_SPACES.sub("", html.unescape(rest))):
        return True
    tags = _Tags()
    # A tag that is left open at the end would be closed by whatever follows on the page; comments hide nothing.
    tags.feed(f"{rest.replace('<!', ' ').replace('<?', ' ')}>")
    tags.close()
    return tags.runs


class _Tags(HTMLParser):
    """Whether one of the tags would run something."""

    def __init__(self) -> None:
        super().__init__()
        self.runs = False

    def set_cdata_mode(self, elem: str, **_: Any) -> None:
        """No element hides the tags in it."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Names are lower case, values have their entities replaced."""
        addresses = (_SPACES.sub("", value or "") for _, value in attrs)
        self.runs |= (
            tag in _RUNNING
            or any(name.startswith("on") for name, _ in attrs)
            or any(_RUNS.match(address) for address in addresses)
        )
