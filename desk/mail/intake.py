"""Taking mail in: keep, then acknowledge, then read. What every source calls, and the sweep for what was left unread.

The bytes are durable and the row is committed before a source says yes. Reading is a second step that can be repeated:
it counts its tries before it begins, so that a mail that ends the process is quarantined instead of read for ever.
"""

import hashlib
import logging
import re
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.config import Settings
from desk.db import AWAY, insert_ignore, transaction
from desk.domain.errors import Conflict, InvalidInput, NotFound, TooLarge
from desk.domain.identifiers import redact
from desk.mail import gateway, queries, storms
from desk.mail.address import Signer
from desk.mail.charsets import one_line
from desk.mail.framing import header_of
from desk.mail.message import InboundMessage, read
from desk.mail.models import MESSAGE_ID_LENGTH, SUBJECT_LENGTH, InboundMail, InboundState
from desk.mail.sandbox import NoReader, read_guarded
from desk.storage import store

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 10
# Written by servers on the way, different for each route by which one mail arrives.
_TRACE = re.compile(
    rb"^(?:received|return-path|delivered-to|x-original-to|envelope-to|authentication-results|arc-[a-z-]+|dkim-signature"
    rb"|x-[a-z0-9-]+)[ \t]*:",
    re.IGNORECASE,
)


def signer_of(settings: Settings) -> Signer:
    """Who signs reply addresses and Message-IDs of this desk."""
    return Signer(settings.SECRET_KEY, settings.MAIL_DOMAIN)


def check_size(raw: bytes, settings: Settings) -> None:
    """Raises ``TooLarge`` with a sentence for the sending server."""
    if len(raw) > settings.max_mail_bytes:
        raise TooLarge(f"The message is larger than {settings.MAX_MAIL_MB} MB, the most that this desk takes.")


def accept(raw: bytes, *, mailbox: str, envelope_from: str, settings: Settings, now: datetime) -> int:
    """Keep a mail durably and return the id of its row; when this returns, the source may say yes.

    Raises ``TooLarge``, ``NotFound`` for an address that is not ours, and whatever the disk or database raises. The
    same mail for the same address again gives the same id.
    """
    check_size(raw, settings)
    key = store().put(raw)
    with transaction() as session:
        return keep(session, raw, key, mailbox=mailbox, envelope_from=envelope_from, settings=settings, now=now)


def keep(
    session: Session, raw: bytes, key: str, *, mailbox: str, envelope_from: str, settings: Settings, now: datetime
) -> int:
    """The row of a mail whose bytes are in the store; made once per address, Message-ID and content."""
    owner = queries.mailbox(session, mailbox, signer_of(settings))
    if owner is None:
        raise NotFound(f"{mailbox} is not an address of this desk, or not yet.")
    head = read(header_of(raw))
    identity = {
        "mailbox": owner.address[:254],
        "message_id": head.message_id[:MESSAGE_ID_LENGTH],
        "content_sha256": content_sha256(raw),
    }
    is_new = insert_ignore(
        session,
        InboundMail,
        **identity,
        key=key,
        size=len(raw),
        envelope_from=one_line(envelope_from, 254),
        received_at=now,
        state=InboundState.NEW,
        reason="",
        sender=_shown_sender(head),
        subject=redact(head.subject)[0][:SUBJECT_LENGTH],
        evidence={},
        consortium_id=owner.consortium_id,
        registry_id=owner.registry_id,
        attempts=0,
        repeats=0,
    )
    mail = session.scalars(sa.select(InboundMail).filter_by(**identity)).one()
    if not is_new:
        mail.repeats += 1
    return mail.id


def content_sha256(raw: bytes) -> str:
    """The hash of a mail without the headers that servers add on the way: one mail by two routes is one mail."""
    end = re.search(rb"\r?\n\r?\n", raw)
    head, body = (raw[: end.start()], raw[end.end() :]) if end else (raw, b"")
    unfolded = re.sub(rb"\r?\n(?=[ \t])", b"", head)
    kept = [line for line in unfolded.splitlines() if not _TRACE.match(line)]
    return hashlib.sha256(b"\n".join(kept) + b"\n\n" + body.replace(b"\r\n", b"\n")).hexdigest()


def _shown_sender(message: InboundMessage) -> str:
    author = message.sender or next(iter(message.authors), None)
    return one_line(author.email, 254).lower() if author else ""


def addressee(session: Session, raw: bytes, settings: Settings) -> str:
    """For a source that does not say for whom a mail is: the first address in its header that is ours.

    Raises ``InvalidInput`` with a sentence when there is none and the installation has more than one desk.
    """
    signer = signer_of(settings)
    for address in read(header_of(raw)).recipients:
        if address.email and queries.mailbox(session, address.email, signer):
            return address.email
    only = queries.only_mailbox(session)
    if only is None:
        raise InvalidInput("The message names no address of this desk; please say which with --mailbox.")
    return only


# ------------------------------------------------------------------ reading


def read_next(settings: Settings, now: datetime, after_id: int = 0) -> int | None:
    """Read the oldest mail after ``after_id`` that was kept and not read; its id, or None when there is none left."""
    with transaction() as session:
        mail = queries.next_unread(session, after_id)
        if mail is None:
            return None
        mail_id = mail.id
    read_one(mail_id, settings, now)
    return mail_id


def read_pending(settings: Settings, now: datetime) -> int:
    """Read everything that was kept and not read; how many mails that were."""
    count = after = 0
    while (found := read_next(settings, now, after)) is not None:
        count, after = count + 1, found
    return count


def read_one(mail_id: int, settings: Settings, now: datetime) -> None:
    """Read one kept mail and do what it asks for, or quarantine it. Raises only when the database is away.

    Of two processes that read the same mail, one acts: the other finds the row no longer new.
    """
    with transaction() as session:
        key = _begin(session, mail_id)
    if key is None:
        return
    try:
        message = read_guarded(store().get(key), settings.AUTHSERV_ID or None)
        with transaction() as session:
            caps = storms.pair_caps(settings)
            gateway.receive(session, mail_id, message, signer=signer_of(settings), now=now, caps=caps)
    except AWAY:
        raise  # the mail stays where it is and is read again
    except NoReader:
        log.warning("mail %s needs a process of its own, and none could be started; it is read later", mail_id)
    except Conflict:
        # Somebody changed the ticket at the same moment. The mail is still new and will be read again.
        log.info("mail %s met a change of its ticket and is read again", mail_id)
    except Exception as error:
        # Anything: a mail that cannot be dealt with must neither stop the others nor be lost.
        log.exception("mail %s could not be dealt with", mail_id)
        reason = getattr(error, "sentence", "") or f"Reading it failed: {type(error).__name__}."
        with transaction() as session:
            _quarantine(session, mail_id, reason, now)


def _begin(session: Session, mail_id: int) -> str | None:
    """Count the try before it is made; the key of the bytes, or None when there is nothing to do."""
    mail = session.get(InboundMail, mail_id, with_for_update=True)
    if mail is None or mail.state is not InboundState.NEW:
        return None
    if mail.attempts >= MOST_ATTEMPTS:
        mail.state = InboundState.QUARANTINED
        mail.reason = f"Reading it was begun {mail.attempts} times and never came to an end."
        return None
    mail.attempts += 1
    return mail.key


def _quarantine(session: Session, mail_id: int, reason: str, now: datetime) -> None:
    session.execute(
        sa.update(InboundMail)
        .where(InboundMail.id == mail_id, InboundMail.state == InboundState.NEW)
        .values(state=InboundState.QUARANTINED, reason=reason, read_at=now)
    )
