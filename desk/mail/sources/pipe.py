"""The pipe: one message on standard input, one exit code as the mail server understands it (sysexits.h).

Postfix and its kin try again later on 75 and bounce on most other codes, so everything unexpected is 75: a mistake in
our set-up must not cost anybody a mail.
"""

import logging
from dataclasses import dataclass
from enum import IntEnum

from desk.clock import utcnow
from desk.config import Settings
from desk.db import db
from desk.domain.errors import DeskError, TooLarge
from desk.mail import intake

log = logging.getLogger(__name__)


class Exit(IntEnum):
    """What the calling server is told."""

    KEPT = 0
    REFUSED = 69  # EX_UNAVAILABLE: this message will never be taken
    TRY_LATER = 75  # EX_TEMPFAIL


@dataclass(frozen=True, slots=True)
class Answer:
    """The exit code and a sentence without any detail of ours."""

    code: Exit
    sentence: str


def receive(raw: bytes, mailbox: str | None, settings: Settings) -> Answer:
    """Keep a message, then read it. Whatever happens after it was kept is no longer the caller's concern."""
    try:
        intake.check_size(raw, settings)
        address = mailbox or intake.addressee(db.session(), raw, settings)
        mail_id = intake.accept(raw, mailbox=address, envelope_from="", settings=settings, now=utcnow())
    except TooLarge as refusal:
        return Answer(Exit.REFUSED, refusal.sentence)
    except DeskError as refusal:
        return Answer(Exit.TRY_LATER, refusal.sentence)
    except Exception:
        log.exception("a message could not be kept")
        return Answer(Exit.TRY_LATER, "The message could not be kept at the moment; please try again later.")
    try:
        intake.read_one(mail_id, settings, utcnow())
    except Exception:
        log.exception("mail %s is kept and will be read later", mail_id)
    return Answer(Exit.KEPT, "The message was kept.")
