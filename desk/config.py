"""Settings: typed, checked at start, each from ``config.py`` or from ``DESK_<NAME>`` in the environment, which wins.

A bad or missing value stops the start with a sentence that names the setting.
"""

import dataclasses
import logging
import os
import runpy
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from desk.imap_account import ImapAccount, account, is_local, read_accounts

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT_PREFIX = "DESK_"
SECRET_KEY_MIN = 32
_NOT_OURS = frozenset({"REQUIRE", "CORPUS"})
"""Names in the environment that the tests read."""

log = logging.getLogger(__name__)


class BadSetting(Exception):
    """A setting that the desk cannot start with; the message names it and says what it should be."""


@dataclass(frozen=True)
class Listen:
    """An address to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Settings:
    """Every setting of the desk. Units and reasons are in ``config.example.py``."""

    SECRET_KEY: str = field(default="", repr=False)
    DATABASE_URL: str = field(default="", repr=False)
    BASE_URL: str = "http://127.0.0.1:8000"
    INSTANCE: Path = ROOT / "instance"
    ATTACHMENTS: str = ""
    MAIL_DOMAIN: str = "desk.example"
    AUTHSERV_ID: str = ""
    LMTP_LISTEN: Listen = Listen("127.0.0.1", 8024)
    SMTP_LISTEN: Listen | None = None
    MAIL_HOOK_SECRET: str = field(default="", repr=False)
    IMAP_ACCOUNTS: tuple[ImapAccount, ...] = field(default=(), repr=False)
    IMAP_HOST: str = ""
    IMAP_PORT: int = 0
    IMAP_SECURITY: str = "tls"
    IMAP_USER: str = field(default="", repr=False)
    IMAP_PASSWORD: str = field(default="", repr=False)
    IMAP_ADDRESS: str = ""
    IMAP_FOLDER: str = "INBOX"
    IMAP_TOKEN_URL: str = ""
    IMAP_CLIENT_ID: str = ""
    IMAP_CLIENT_SECRET: str = field(default="", repr=False)
    IMAP_REFRESH_TOKEN: str = field(default="", repr=False)
    IMAP_SCOPE: str = ""
    SMTP_HOST: str = "127.0.0.1"
    SMTP_PORT: int = 25
    SMTP_USER: str = ""
    SMTP_PASSWORD: str = field(default="", repr=False)
    SMTP_SECURITY: str = "starttls"
    SMTP_TIMEOUT: int = 30
    TRUSTED_PROXIES: int = 0
    SESSION_HOURS: int = 12
    SIGN_IN_LINK_MINUTES: int = 30
    INVITATION_HOURS: int = 72
    MAX_UPLOAD_MB: int = 25
    MAX_MAIL_MB: int = 25
    MAIL_PER_STRANGER_AND_DAY: int = 3
    MAIL_STRANGERS_PER_HOUR: int = 60
    MAIL_PER_PERSON_AND_DAY: int = 300
    MAIL_PER_TICKET_AND_HOUR: int = 60
    MAIL_PAIR_PER_HOUR: int = 20
    MAIL_PAIR_PER_DAY: int = 60
    MAIL_GATHER_SECONDS: int = 120
    TICK_SECONDS: int = 5
    CLOCK_OFFSET_FILE: Path | None = None
    DEMO: bool = False
    TESTING: bool = False
    DEMO_SINK_LISTEN: Listen = Listen("127.0.0.1", 8026)
    HTTP_LISTEN: Listen = Listen("127.0.0.1", 8000)

    @property
    def secure(self) -> bool:
        """Whether people reach the desk by https; cookies are marked accordingly."""
        return self.BASE_URL.startswith("https://")

    @property
    def max_upload_bytes(self) -> int:
        """The largest request body that is read."""
        return self.MAX_UPLOAD_MB * 1024 * 1024

    @property
    def max_mail_bytes(self) -> int:
        """The largest message that is taken."""
        return self.MAX_MAIL_MB * 1024 * 1024


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read ``config.py`` (or the file ``DESK_CONFIG``), then ``DESK_*``, then ``overrides``; raises ``BadSetting``."""
    given: dict[str, Any] = _from_file()
    given |= {
        name.removeprefix(ENVIRONMENT_PREFIX): value
        for name, value in os.environ.items()
        if name.startswith(ENVIRONMENT_PREFIX) and name != "DESK_CONFIG"
    }
    given |= dict(overrides or {})
    fields = {item.name: item for item in dataclasses.fields(Settings)}
    for name in sorted(set(given) - set(fields) - _NOT_OURS):
        log.warning("%s%s is set, which is no setting of the desk. Is it misspelt?", ENVIRONMENT_PREFIX, name)
    values = {name: _read(name, str(fields[name].type), value) for name, value in given.items() if name in fields}
    return _checked(_completed(Settings(**values)))


def _from_file() -> dict[str, Any]:
    named = os.environ.get("DESK_CONFIG")
    path = Path(named) if named else ROOT / "config.py"
    if not path.exists():
        if named:
            raise BadSetting(f"DESK_CONFIG names {path}, which does not exist.")
        return {}
    given = {name: value for name, value in runpy.run_path(str(path)).items() if name.isupper()}
    known = {item.name for item in dataclasses.fields(Settings)}
    unknown = sorted(set(given) - known)
    if unknown:
        raise BadSetting(f"{path.name} sets {', '.join(unknown)}, which the desk does not know. Is it misspelt?")
    return given


def _read(name: str, kind: str, value: Any) -> Any:
    reader = _READERS.get(kind)
    if reader is None or not isinstance(value, str):
        return value
    try:
        return reader(value.strip())
    except ValueError as error:
        raise BadSetting(f"{name} cannot be “{value}”: {error}.") from None


def _as_bool(value: str) -> bool:
    lowered = value.lower()
    if lowered in ("1", "true", "yes", "on"):
        return True
    if lowered in ("0", "false", "no", "off", ""):
        return False
    raise ValueError("it must be yes or no")


def _as_int(value: str) -> int:
    if not value.lstrip("-").isdigit():
        raise ValueError("it must be a whole number")
    return int(value)


def _as_listen(value: str) -> Listen:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError("it must be HOST:PORT, such as 127.0.0.1:8024")
    return Listen(host.strip("[]"), int(port))


def _as_optional_listen(value: str) -> Listen | None:
    return _as_listen(value) if value else None


def _as_optional_path(value: str) -> Path | None:
    return Path(value) if value else None


_READERS: dict[str, Callable[[str], Any]] = {
    "<class 'bool'>": _as_bool,
    "<class 'int'>": _as_int,
    "<class 'pathlib.Path'>": Path,
    "<class 'desk.config.Listen'>": _as_listen,
    "desk.config.Listen | None": _as_optional_listen,
    "pathlib.Path | None": _as_optional_path,
}


def _completed(settings: Settings) -> Settings:
    """Fill in what has a default that depends on other settings."""
    changes: dict[str, Any] = {}
    # Relative to the checkout, not to where a command happens to be run.
    settings = dataclasses.replace(settings, INSTANCE=ROOT / settings.INSTANCE)
    if not settings.DATABASE_URL:
        changes["DATABASE_URL"] = f"sqlite:///{settings.INSTANCE / 'desk.db'}"
    if not settings.ATTACHMENTS:
        changes["ATTACHMENTS"] = str(settings.INSTANCE / "attachments")
    changes["IMAP_ACCOUNTS"] = _imap_accounts(settings)
    if settings.DEMO:
        # Elsewhere empty means nobody: a name that can be guessed would let anybody vouch for themselves.
        changes["AUTHSERV_ID"] = settings.AUTHSERV_ID or settings.MAIL_DOMAIN
        # Nothing of the demo leaves the machine, whatever is set: its post goes to its own sink.
        changes["SMTP_HOST"] = settings.DEMO_SINK_LISTEN.host
        changes["SMTP_PORT"] = settings.DEMO_SINK_LISTEN.port
        changes["SMTP_SECURITY"] = "none"
        changes["SMTP_LISTEN"] = settings.SMTP_LISTEN or Listen("127.0.0.1", 8025)
    if not settings.SECRET_KEY and (settings.DEMO or settings.TESTING):
        changes["SECRET_KEY"] = _demo_secret(settings.INSTANCE)
    return dataclasses.replace(settings, **changes)


def _imap_accounts(settings: Settings) -> tuple[ImapAccount, ...]:
    """Those of the list, and the one of ``IMAP_HOST`` with its companions. The demo moves nobody's real mail."""
    if settings.DEMO:
        return ()
    try:
        accounts = read_accounts(settings.IMAP_ACCOUNTS)
        if settings.IMAP_HOST:
            parts = (
                "HOST PORT SECURITY USER PASSWORD ADDRESS FOLDER TOKEN_URL CLIENT_ID CLIENT_SECRET REFRESH_TOKEN SCOPE"
            )
            single = account({part.lower(): getattr(settings, f"IMAP_{part}") for part in parts.split()})
            accounts = (*accounts, single)
    except ValueError as error:
        raise BadSetting(f"IMAP cannot be used: {error}.") from None
    if len({one.name for one in accounts}) < len(accounts):
        raise BadSetting("IMAP_ACCOUNTS names a mailbox twice.")
    return accounts


def _demo_secret(folder: Path) -> str:
    """A key of the demo's own, made once, so that sign-ins outlive a restart."""
    path = folder / "secret-key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(SECRET_KEY_MIN))
    return path.read_text().strip()


def _checked(settings: Settings) -> Settings:
    for wrong, sentence in _complaints(settings):
        if wrong:
            raise BadSetting(sentence)
    try:
        url = make_url(settings.DATABASE_URL)
    except ArgumentError:
        raise BadSetting(
            "DATABASE_URL cannot be read. Examples: sqlite:////var/lib/desk/desk.db, "
            "postgresql+psycopg://desk@localhost/desk."
        ) from None
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise BadSetting(
            f"DATABASE_URL names “{url.drivername}”; the desk runs on sqlite:/// and on postgresql+psycopg://."
        )
    return settings


_AT_LEAST_ONE = (
    "SMTP_TIMEOUT",
    "SESSION_HOURS",
    "SIGN_IN_LINK_MINUTES",
    "INVITATION_HOURS",
    "MAX_UPLOAD_MB",
    "MAX_MAIL_MB",
    "MAIL_PER_STRANGER_AND_DAY",
    "MAIL_STRANGERS_PER_HOUR",
    "MAIL_PER_PERSON_AND_DAY",
    "MAIL_PER_TICKET_AND_HOUR",
    "MAIL_PAIR_PER_HOUR",
    "MAIL_PAIR_PER_DAY",
    "TICK_SECONDS",
)


def _complaints(settings: Settings) -> list[tuple[bool, str]]:
    base = urlsplit(settings.BASE_URL)
    return [
        (
            len(settings.SECRET_KEY) < SECRET_KEY_MIN,
            f"SECRET_KEY must be set, with at least {SECRET_KEY_MIN} characters. "
            "Make one with: python3 -c 'import secrets; print(secrets.token_hex(32))'",
        ),
        (
            base.scheme not in ("http", "https") or not base.netloc or settings.BASE_URL.endswith("/"),
            f"BASE_URL must be an address such as https://desk.example.org without a slash at the end, "
            f"not “{settings.BASE_URL}”.",
        ),
        (
            "@" in settings.MAIL_DOMAIN or "." not in settings.MAIL_DOMAIN,
            f"MAIL_DOMAIN must be a domain such as desk.example.org, not “{settings.MAIL_DOMAIN}”.",
        ),
        (
            settings.SMTP_SECURITY not in ("none", "starttls", "tls"),
            f"SMTP_SECURITY must be none, starttls or tls, not “{settings.SMTP_SECURITY}”.",
        ),
        (
            settings.SMTP_SECURITY == "none" and not is_local(settings.SMTP_HOST),
            "SMTP_SECURITY may be none only where SMTP_HOST is this machine.",
        ),
        (
            settings.ATTACHMENTS.startswith("s3://"),
            "ATTACHMENTS must be a folder; the desk keeps files nowhere else.",
        ),
        (
            settings.CLOCK_OFFSET_FILE is not None and not (settings.DEMO or settings.TESTING),
            "CLOCK_OFFSET_FILE is for the demo and for tests; a desk in use reads the machine's clock.",
        ),
        (not 1 <= settings.SMTP_PORT <= 65535, f"SMTP_PORT must be from 1 to 65535, not {settings.SMTP_PORT}."),
        (
            0 < len(settings.MAIL_HOOK_SECRET) < SECRET_KEY_MIN,
            f"MAIL_HOOK_SECRET must have at least {SECRET_KEY_MIN} characters, or be empty: then the address is off.",
        ),
        (settings.TRUSTED_PROXIES < 0, "TRUSTED_PROXIES must be 0 or more."),
        (
            not 0 <= settings.MAIL_GATHER_SECONDS <= 3600,
            "MAIL_GATHER_SECONDS must be from 0 (nothing waits) to 3600.",
        ),
        *((getattr(settings, name) < 1, f"{name} must be at least 1.") for name in _AT_LEAST_ONE),
    ]
