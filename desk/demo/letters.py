"""Mail that people of the demo write: real MIME messages, sent by SMTP to the desk's own listener like anybody's.

In life the member's server signs and the desk's own receiving server checks. Both are missing on one machine, so the
demo writes the result of the check itself, under the name whose word the desk takes (``AUTHSERV_ID``).
"""

import smtplib
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr

from desk.clock import utcnow
from desk.config import Settings
from desk.domain.errors import InvalidInput, TryLater

SUBJECT_LENGTH = 200
TEXT_LENGTH = 20_000
_SECONDS = 10


def first_letter(name: str, address: str, to: str, subject: str, text: str) -> EmailMessage:
    """A message that answers nothing; raises ``InvalidInput`` when a part of it is missing."""
    subject = " ".join(subject.split())[:SUBJECT_LENGTH]
    if not subject:
        raise InvalidInput("Please give the mail a subject.", field="subject")
    return _written(name, address, to, subject, text)


def answer(original: EmailMessage, name: str, address: str, text: str) -> EmailMessage:
    """As a mail program answers: to Reply-To, with the thread's headers, the original quoted below."""
    to = parseaddr(str(original.get("Reply-To") or original.get("From") or ""))[1]
    if not to:
        raise InvalidInput("This message cannot be answered: it names no address.")
    subject = str(original.get("Subject", ""))
    message = _written(
        name,
        address,
        to,
        subject if subject.lower().startswith("re:") else f"Re: {subject}",
        f"{_checked(text)}\n\n{_quoted(original)}",
    )
    thread_of = str(original.get("Message-ID", "")).strip()
    if thread_of:
        message["In-Reply-To"] = thread_of
        message["References"] = " ".join(filter(None, (str(original.get("References", "")).strip(), thread_of)))
    return message


def send(message: EmailMessage, settings: Settings) -> None:
    """Hand the message to the desk's listener; raises ``TryLater`` when nobody listens."""
    if settings.SMTP_LISTEN is None:
        raise TryLater("The desk does not listen for mail by SMTP: set SMTP_LISTEN.")
    sender = parseaddr(str(message["From"]))[1]
    domain = sender.rpartition("@")[2]
    # On top, as the receiving server would write it.
    proof = f"Authentication-Results: {settings.AUTHSERV_ID}; dmarc=pass header.from={domain}\r\n".encode()
    recipient = parseaddr(str(message["To"]))[1]
    try:
        with smtplib.SMTP(settings.SMTP_LISTEN.host, settings.SMTP_LISTEN.port, timeout=_SECONDS) as server:
            server.sendmail(sender, [recipient], proof + message.as_bytes(policy=SMTP))
    except (OSError, smtplib.SMTPException) as error:
        raise TryLater("The desk's mail listener does not answer. Does “flask serve” run?") from error


def _written(name: str, address: str, to: str, subject: str, text: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(name, addr_spec=address)
    message["To"] = Address(addr_spec=to)
    message["Subject"] = " ".join(subject.split())[: SUBJECT_LENGTH + 4]
    message["Date"] = format_datetime(utcnow())
    message["Message-ID"] = make_msgid(domain=address.rpartition("@")[2])
    message.set_content(_checked(text))
    return message


def _checked(text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise InvalidInput("Please write something.", field="text")
    if len(text) > TEXT_LENGTH * 2:
        raise InvalidInput(f"At most {TEXT_LENGTH} characters.", field="text")
    return text


def _quoted(original: EmailMessage) -> str:
    part = original.get_body(("plain",))
    lines = str(part.get_content()).splitlines()[:60] if part is not None else []
    when, who = original.get("Date", ""), original.get("From", "")
    return "\n".join([f"On {when}, {who} wrote:", *(f"> {line}" for line in lines)])
