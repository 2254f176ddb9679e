"""The HTTP door for mail gateways: a message as the body of a request, signed with a secret that both know.

Who can sign is a source like a mail server: it says whose mailbox a message is for, and is answered with 200 once the
message is kept. On 5xx a gateway tries again; on 4xx it has made a mistake that another try would not mend.
"""

import hashlib
import hmac
import logging
import re
from typing import Any

from flask import Blueprint, current_app, jsonify, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from desk.access import public
from desk.clock import utcnow
from desk.config import Settings
from desk.domain.errors import NotFound, TooLarge
from desk.extensions import csrf
from desk.mail import intake

log = logging.getLogger(__name__)

blueprint = Blueprint("mail_api", __name__, url_prefix="/mail")

SECONDS = 300
"""How far the gateway's clock may be from ours. Within that a message may be sent again, and is recognised."""


def signature(secret: str, timestamp: str, mailbox: str, body: bytes) -> str:
    """HMAC-SHA-256 in hexadecimal over the time and the mailbox, each with a line feed, and the message."""
    signed = f"{timestamp}\n{mailbox}\n".encode() + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


@blueprint.post("/incoming")
@public
def incoming() -> Any:
    """Keep a signed message. It is read by the jobs, a moment later."""
    settings: Settings = current_app.config["DESK"]
    if not settings.MAIL_HOOK_SECRET:
        raise NotFound
    mailbox, timestamp = request.headers.get("X-Desk-Mailbox", ""), request.headers.get("X-Desk-Timestamp", "")
    if not mailbox or not re.fullmatch("[0-9]{1,12}", timestamp):
        return _answer(400, "X-Desk-Mailbox and X-Desk-Timestamp (in seconds since 1970) are needed.")
    if abs(utcnow().timestamp() - int(timestamp)) > SECONDS:
        return _answer(401, "X-Desk-Timestamp is more than five minutes from the desk's clock.")
    request.max_content_length = settings.max_mail_bytes
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        return _answer(413, f"The message is larger than {settings.MAX_MAIL_MB} MB, the most that this desk takes.")
    except HTTPException:
        return _answer(400, "The message did not come to its end.")
    if not body:
        return _answer(400, "The message is empty, or its length was not said (Content-Length).")
    wanted = signature(settings.MAIL_HOOK_SECRET, timestamp, mailbox, body)
    if not hmac.compare_digest(wanted.encode(), request.headers.get("X-Desk-Signature", "").lower().encode()):
        return _answer(401, "X-Desk-Signature does not fit the message, the mailbox and the time.")
    return _kept(body, mailbox, settings)


# Nobody's browser is signed in here: the signature says who sends.
csrf.exempt(incoming)


def _kept(body: bytes, mailbox: str, settings: Settings) -> Any:
    try:
        intake.accept(body, mailbox=mailbox, envelope_from="", settings=settings, now=utcnow())
    except TooLarge as refusal:
        return _answer(413, refusal.sentence)
    except NotFound:
        # Not 4xx: an address that is missing because of a mistake in our set-up must not cost a mail.
        return _answer(503, "X-Desk-Mailbox is not an address of this desk, or not yet; please try again later.")
    except Exception:
        log.exception("a message was not kept")
        return _answer(503, "The message could not be kept at the moment; please try again later.")
    return _answer(200, "The message was kept.")


def _answer(status: int, sentence: str) -> Any:
    return jsonify(kept=status == 200, sentence=sentence), status
