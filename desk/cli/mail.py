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

from desk import markup
from desk.clock import utcnow
from desk.config import Settings
from desk.db import AWAY, db
from desk.extensions import mail as extension
from desk.mail import gateway, intake, outbound, queries
from desk.mail.message import InboundMessage, read
from desk.mail.models import InboundMail, MailboxTrouble
from desk.mail.reply import new_text
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
    settings, session = _settings(), db.session()
    raw = file.read_bytes()
    message = read(raw, settings.AUTHSERV_ID or None)
    found = {"file": str(file), **_as_read(message)}
    try:
        signer = intake.signer_of(settings)
        address = mailbox or intake.addressee(session, raw, settings)
        owner = queries.mailbox(session, address, signer)
        unkept = InboundMail(
            mailbox=address.lower(),
            message_id=message.message_id,
            envelope_from="",
            consortium_id=owner.consortium_id if owner else None,
            registry_id=owner.registry_id if owner else None,
        )
        decision = gateway.decision_about(session, unkept, message, signer, utcnow())
    except Exception as error:
        # The reading is worth printing on a machine without the desk's database.
        log.info("no decision: %s", type(error).__name__)
        return {**found, "decision": {"verdict": None, "reason": getattr(error, "sentence", type(error).__name__)}}
    decided = {
        "verdict": decision.verdict.value,
        "reason": decision.reason,
        "mailbox": address,
        "ticket": decision.ticket_id,
        "audience": decision.audience.value,
        "machine": decision.machine,
        "answerable": decision.answerable,
        "linked": list(decision.linked),
        "evidence": list(decision.evidence),
    }
    return {**found, "decision": decided}


def _as_read(message: InboundMessage) -> dict[str, Any]:
    def shown(address: Any) -> dict[str, str] | None:
        return {"email": address.email, "name": address.name} if address else None

    recipients = message.report.recipients if message.report else ()
    return {
        "subject": message.subject,
        "from": shown(message.sender or next(iter(message.authors), None)),
        "sender_doubt": message.sender_doubt,
        "to": [shown(one) for one in message.to],
        "cc": [shown(one) for one in message.cc],
        "reply_to": [shown(one) for one in message.reply_to],
        "message_id": message.message_id,
        "in_reply_to": next(iter(message.in_reply_to), ""),
        "references": list(message.references),
        "text": message.text,
        "html": markup.mail_html(message.html) if message.html else None,
        "attachments": [
            {"filename": one.filename, "content_type": one.content_type, "size": len(one.data), "label": one.label}
            for one in message.attachments
        ],
        "is_auto_reply": message.is_auto_reply,
        "suppress_auto_response": message.is_machine,
        "machine": list(message.machine),
        "is_bounce": message.is_bounce,
        "bounce": {
            "recipients": [one.email for one in recipients],
            "statuses": [one.status for one in recipients],
            "original_message_id": message.report.original_message_id if message.report else "",
        },
        "is_feedback_report": message.is_feedback_report,
        "reply_text": new_text(message),
        "auth_verdict": message.auth.value,
        "forwarded_from": message.forwarded_from.email if message.forwarded_from else "",
        "defects": list(message.defects),
    }


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
