"""A mailbox to fetch by IMAP, as it is set: one address of the desk each, every secret from the settings only."""

import dataclasses
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_PORTS = {"tls": 993, "starttls": 143, "none": 143}


@dataclass(frozen=True)
class ImapAccount:
    """One mailbox. Either ``password``, or the parts of an OAuth 2 refresh, from which XOAUTH2 signs in."""

    host: str
    user: str
    address: str = ""  # the desk's, whose mail this is; the user's name unless given
    port: int = 0
    security: str = "tls"
    password: str = field(default="", repr=False)
    token_url: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    scope: str = ""
    folder: str = "INBOX"
    processed: str = "Processed"
    too_large: str = "Too large"

    @property
    def name(self) -> str:
        """What it is known by in the database: the same in every process, and without a secret."""
        return f"{self.user}@{self.host}:{self.port}/{self.folder}"


def read_accounts(value: Any) -> tuple[ImapAccount, ...]:
    """A list of mappings, or that list as JSON. Raises ``ValueError`` with a sentence that repeats no value."""
    if isinstance(value, str):
        try:
            value = json.loads(value or "[]")
        except ValueError:
            raise ValueError("IMAP_ACCOUNTS must be a list, in the environment as JSON") from None
    if not isinstance(value, list | tuple):
        raise ValueError("IMAP_ACCOUNTS must be a list of mappings")
    return tuple(each if isinstance(each, ImapAccount) else account(each) for each in value)


def account(given: Any) -> ImapAccount:
    """One mailbox, checked and completed. Raises ``ValueError`` with a sentence that repeats no value."""
    known = {item.name: item for item in dataclasses.fields(ImapAccount)}
    if not isinstance(given, Mapping) or not set(given) <= set(known):
        unknown = ", ".join(sorted(set(given) - set(known))) if isinstance(given, Mapping) else "no mapping"
        raise ValueError(f"an account of IMAP_ACCOUNTS has what the desk does not know: {unknown}")
    wrong = [name for name, value in given.items() if not isinstance(value, int if name == "port" else str)]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} of an IMAP account must be {'a number' if wrong == ['port'] else 'text'}")
    made = ImapAccount(**{"host": "", "user": "", **given})
    made = dataclasses.replace(made, port=made.port or _PORTS.get(made.security, 0), address=made.address or made.user)
    for is_wrong, sentence in _complaints(made):
        if is_wrong:
            raise ValueError(sentence)
    return made


def _complaints(made: ImapAccount) -> list[tuple[bool, str]]:
    which = f"the IMAP account of {made.host or 'no host'}"
    token_parts = (made.token_url, made.client_id, made.refresh_token)
    token_url = urlsplit(made.token_url)
    safe = token_url.scheme == "https" or (token_url.scheme == "http" and is_local(token_url.hostname or ""))
    names = (made.folder, made.processed, made.too_large)
    return [
        (not made.host or not made.user, f"{which} needs a host and a user"),
        (made.security not in _PORTS, f"the security of {which} must be tls, starttls or none"),
        (
            made.security == "none" and not is_local(made.host),
            f"the security of {which} may be none only where the host is this machine",
        ),
        (not 1 <= made.port <= 65535, f"the port of {which} must be from 1 to 65535"),
        ("@" not in made.address, f"{which} needs the address of the desk whose mail it is"),
        (
            bool(made.password) == bool(made.token_url),
            f"{which} needs a password, or a token_url with client_id and refresh_token; and not both",
        ),
        (
            bool(made.token_url) and not all(token_parts),
            f"{which} needs client_id and refresh_token beside the token_url",
        ),
        (bool(made.token_url) and not safe, f"the token_url of {which} must begin with https://"),
        (len({*names}) < len(names) or not all(names), f"the three folders of {which} must differ"),
    ]


def is_local(host: str) -> bool:
    """Whether the host is this machine, by its name or as an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
