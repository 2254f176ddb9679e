"""``flask mail``: take mail in, explain what would be done with it, listen for it, send what is queued."""

import json
import logging
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from desk.clock import utcnow
from desk.config import Settings
from desk.db import AWAY, db
from desk.extensions import mail as extension
from desk.mail import explained, intake, outbound
from desk.mail.models import MailboxTrouble
from desk.mail.sandbox import Unreadable
from desk.mail.sources.fetcher import Counts, Fetcher
from desk.mail.sources.listener import Listener
from desk.mail.sources.pipe import Answer, Exit
from desk.mail.sources.pipe import receive as receive_by_pipe

group = AppGroup("mail", help="Mail in and out.")
log = logging.getLogger(__name__)


def _settings() -> Settings:
    settings: Settings = current_app.config["DESK"]
    return settings


@group.command("receive")
@click.option("--mailbox", metavar="ADDRESS", help="Whose mail this is; without it, the header says.")
def receive(mailbox: str | None) -> None:
    """Take one message from standard input. Exit codes: 0 kept, 75 try later, 69 refused with a sentence."""
    raw = sys.stdin.buffer.read(_settings().max_mail_bytes + 1)
    try:
        answer = receive_by_pipe(raw, mailbox, _settings())
    except MemoryError:
        answer = Answer(Exit.TRY_LATER, "The message could not be kept at the moment; please try again later.")
    if answer.code is not Exit.KEPT:
        click.echo(answer.sentence, err=True)
    sys.exit(answer.code)


@group.command("explain")
@click.option("--mailbox", metavar="ADDRESS", help="Whose mail it is; without it, the header says.")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def explain(files: tuple[Path, ...], mailbox: str | None) -> None:
    """Print, without changing anything, one JSON object per message: what was read, and what would be done and why."""
    for file in files:
        click.echo(json.dumps(_explained(file, mailbox), ensure_ascii=False))


def _explained(file: Path, mailbox: str | None) -> dict[str, Any]:
    settings = _settings()
    raw = file.read_bytes()
    try:
        message = explained.read_to_explain(raw, settings)
    except Unreadable as error:
        return {"file": str(file), "decision": {"verdict": explained.Outcome.QUARANTINE, "reason": error.sentence}}
    found = {"file": str(file), **explained.as_read(message)}
    try:
        session = db.session()
        address = mailbox or intake.addressee(session, raw, settings)
        answer = explained.explain(session, raw, message, mailbox=address, settings=settings, now=utcnow())
    except Exception as error:
        # The reading is worth printing on a machine without the desk's database.
        log.info("no decision: %s", type(error).__name__)
        return {**found, "decision": {"verdict": None, "reason": getattr(error, "sentence", type(error).__name__)}}
    return {**found, "decision": explained.as_decided(answer)}


@group.command("listen")
def listen() -> None:
    """Listen for mail by LMTP (and SMTP, where it is set) until stopped; any number of such processes may run."""
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    settings = _settings()
    try:
        listener = Listener(current_app._get_current_object()).start()  # type: ignore[attr-defined]
    except OSError as error:
        raise click.ClickException(f"The desk cannot listen on {settings.LMTP_LISTEN}: {error.strerror}.") from error
    click.echo(f"LMTP on {settings.LMTP_LISTEN}. Ctrl-C ends it.", err=True)
    ended.wait()
    listener.stop()


@group.command("send")
def send() -> None:
    """Send what is due in the outbox, once."""
    count = 0
    while outbound.send_one(extension, settings=_settings(), now=utcnow()):
        count += 1
    click.echo(f"{count} tried.")


_TROUBLES = {
    MailboxTrouble.UNREACHABLE: "its server cannot be reached",
    MailboxTrouble.REFUSED: "its server does not accept the sign-in",
    MailboxTrouble.UNKNOWN_ADDRESS: "no team of this desk has that address, so nothing is fetched",
    MailboxTrouble.NOT_MOVED: "mail was kept, but cannot be moved out of the way",
    MailboxTrouble.FAILED: "mail could not be kept",
}


@group.command("poll")
def poll() -> None:
    """Fetch every IMAP mailbox once, and read what came. Exit code 1 when one of them is in trouble."""
    settings = _settings()
    failed = []
    for account in settings.IMAP_ACCOUNTS:
        try:
            counts = Fetcher(account, settings).once()
        except AWAY:
            raise click.ClickException("The database cannot be reached; nothing is lost, please try again.") from None
        click.echo(f"{account.address}: {_in_words(counts)}")
        if counts.trouble not in (None, MailboxTrouble.NONE):
            failed.append(f"{account.address}: {_TROUBLES[counts.trouble]}.")
    intake.read_pending(settings, utcnow())
    if not settings.IMAP_ACCOUNTS:
        click.echo("No mailbox is set (IMAP_HOST, IMAP_ACCOUNTS).", err=True)
    if failed:
        raise click.ClickException(" ".join(failed))


def _in_words(counts: Counts) -> str:
    if counts.trouble is None:
        return "another process fetches it"
    return f"{counts.kept} kept, {counts.too_large} too large, {counts.left} left"
