"""Replies we wrote, each beside the text that is new in it (``name.eml``, ``name.txt``), and a mail made of a text."""

from dataclasses import dataclass
from pathlib import Path

from desk.mail.headers import Address

REPLIES = Path(__file__).parent


@dataclass(frozen=True)
class Mail:
    """The facts of a mail that a reply is read from."""

    text: str
    html: str = ""
    subject: str = "Re: Prefix"
    authors: tuple[Address, ...] = ()
    is_bounce: bool = False
