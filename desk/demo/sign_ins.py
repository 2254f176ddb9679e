"""The demo's sign-ins: generated passwords in a file that only its owner reads, fresh one-time links at each start."""

import os
import secrets
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from desk.accounts import queries, service
from desk.accounts.models import TokenPurpose
from desk.clock import utcnow
from desk.config import Settings
from desk.db import transaction
from desk.demo.people import Human

FILE = "demo-sign-ins.txt"
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def sheet(settings: Settings) -> Path:
    """Where the sign-ins are kept."""
    return settings.INSTANCE / FILE


def set_passwords(session: Session, people: Sequence[Human], now: datetime) -> list[str]:
    """Give everybody on the sheet a new password; returns the sheet's lines."""
    lines = []
    for human in people:
        person = queries.person_by_email(session, human.email)
        if human.signs_in and person is not None:
            password = "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
            service.set_password(session, person, password, now=now)
            lines.append(f"{human.email:<36} {password}   {human.name}, {human.signs_in}")
    return lines


def keep(settings: Settings, lines: Sequence[str]) -> None:
    """Write the sheet, readable by its owner only from its first byte on."""
    path = sheet(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def announcement(settings: Settings) -> list[str]:
    """What ``serve`` prints: pages to open, sign-ins, one-time links, and a command that sends a first mail."""
    path = sheet(settings)
    if not path.exists():
        return [f"The desk is at {settings.BASE_URL}", "There is no demo world yet: flask --app wsgi demo load"]
    lines = [
        "",
        f"The desk        {settings.BASE_URL}",
        f"Its mail        {settings.BASE_URL}/demo/mail   (nothing leaves this machine)",
        "",
        f"Sign in with one of these (they stay in {path.name} in the instance folder):",
        *(f"  {line}" for line in path.read_text(encoding="utf-8").splitlines()),
        "",
        f"Or with a link that works once, within {settings.INVITATION_HOURS} hours:",
        *_links(settings),
        "",
        "Send a first mail, as a member's contact, from another terminal in this folder:",
        f"  DESK_DEMO=yes {_given()}{_program()} --app wsgi demo write",
    ]
    return lines


def _links(settings: Settings) -> list[str]:
    """A link for each of three people: a member's contact, a lead agent, a registry agent."""
    lines = []
    now = utcnow()
    with transaction() as session:
        for address, what in (listed(settings, who) for who in ("contact at", "lead agent", "registry agent")):
            person = queries.person_by_email(session, address)
            if person is None:
                continue
            lifetime = timedelta(hours=settings.INVITATION_HOURS)
            link = service.issue_link(session, person, purpose=TokenPurpose.SIGN_IN, lifetime=lifetime, now=now)
            token = service.link_token(link, settings.SECRET_KEY)
            lines.append(f"  {what}:\n    {settings.BASE_URL}/link/{token}")
    return lines


def listed(settings: Settings, who: str) -> tuple[str, str]:
    """Address and description of the first person of the sheet who is described with these words; empty: nobody is."""
    path = sheet(settings)
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        if f", {who}" in line:
            return line.split()[0], line.split("   ")[-1].strip()
    return "", ""


SEED = 20260420
"""The world that ``demo load`` makes unless told otherwise."""


def _given() -> str:
    """Settings of this process that the command in the other terminal needs as well."""
    names = ("DESK_INSTANCE", "DESK_SMTP_LISTEN", "DESK_DATABASE_URL")
    return "".join(f"{name}={shlex.quote(os.environ[name])} " for name in names if name in os.environ)


def _program() -> str:
    flask = Path(sys.executable).with_name("flask")
    here = Path.cwd()
    return str(flask.relative_to(here)) if flask.is_relative_to(here) else str(flask)
