"""Delivery reports and feedback reports: for whom a mail of ours did not arrive, and which. Pure, never raises.

RFC 3464 is read first; for the many servers that write prose, the recipients are taken from the text above the copy of
the original mail. What is read here is a claim: a report does something only when it is tied to a mail of ours.
"""

import email
import re
from dataclasses import dataclass
from email.message import Message

from desk.mail.charsets import decode
from desk.mail.headers import Address, Fields, addresses, fields, ids, value
from desk.mail.parts import Body, content


@dataclass(frozen=True, slots=True)
class Recipient:
    """What a report says of one address: action ``failed`` or ``delayed``, status ``5.1.1`` and the server's words."""

    email: str
    action: str
    status: str = ""
    diagnostic: str = ""

    @property
    def is_final(self) -> bool:
        """Whether trying again is pointless."""
        return self.action == "failed" and not self.status.startswith("4")


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """The recipients a report names and the Message-ID of the mail it is about ('' where it does not say)."""

    recipients: tuple[Recipient, ...]
    original_message_id: str = ""


_FAILING = ("failed", "delayed")
_BOUNCE_SUBJECT = re.compile(
    r"undeliver|deliver\w{0,4} (?:status|fail|problem)|returned (?:mail|to sender)|mail delivery|failure notice"
    r"|non[- ]?deliver"
    r"|delivery (?:has )?(?:been )?(?:fail|delay|notif)|unzustellbar|(?:could|can) ?not be delivered|n't be delivered"
    r"|mail (?:system )?error|message (?:delivery|status)|user unknown|bounced|nicht zugestellt|échec de la remise",
    re.IGNORECASE,
)
_DAEMONS = re.compile(
    r"mailer-?daemon|mail-?daemon|mdaemon|postmaster|mmdf|mail[._ -]?(?:delivery|system|service|subsystem)|antivirus"
    r"|imss|\bbounces?\b",
    re.IGNORECASE,
)
_BOUNCE_TEXT = re.compile(
    r"(?:could ?n.t|could not|can ?not|unable to|able to|has not|have not|not been|did not|failed to|n.t)"
    r" (?:yet )?(?:be(?:en)? )?(?:deliver|receive|reach)|delivery (?:fail|to the following|attempts|of your)"
    r"|undeliver|failed recipients"
    r"|(?:recipient|user|mailbox|account|address)\w{0,2} (?:is |was |has been )?"
    r"(?:unknown|unavailable|full|disabled|rejected|not found)"
    r"|unknown (?:user|recipient|address)|no such (?:user|mailbox|recipient|address)|quota exceeded|over quota"
    r"|automatically rejected|failed permanently|permanent (?:error|fail)|not delivered|pas pu [eê]tre d[eé]livr"
    r"|nicht zugestellt|attempting to deliver",
    re.IGNORECASE,
)
_OPENING = 4000


def delivery_report(part_fields: Fields, body: Body, subject: str) -> DeliveryReport | None:
    """The report in this mail, or None if it is not one about a failure or delay."""
    original = _original_id(body)
    structured = [part for kind, part in body.reports if kind.endswith("delivery-status")]
    if structured:
        found = [recipient for part in structured for recipient in _recipients(part)]
        failing = [recipient for recipient in found if recipient.action in _FAILING]
        if failing:
            return DeliveryReport(_unique(failing), original)
        if found:
            return None
    failed = [Recipient(address.email, "failed") for address in addresses(part_fields.get("x-failed-recipients", []))]
    if failed:
        return DeliveryReport(_unique(failed), original)
    if not _looks_like_a_bounce(part_fields, subject, body.text):
        return None
    claimed = [Recipient(address, "failed") for address in _in_prose(body.text, part_fields)]
    return DeliveryReport(_unique(claimed), original or _id_in_prose(body.text))


def is_feedback(body: Body) -> bool:
    """Whether somebody's provider reports our mail as unwanted (RFC 5965)."""
    return any(kind == "message/feedback-report" for kind, _ in body.reports)


def _unique(recipients: list[Recipient]) -> tuple[Recipient, ...]:
    first: dict[str, Recipient] = {}
    for recipient in recipients[:500]:
        first.setdefault(recipient.email.lower(), recipient)
    return tuple(first.values())


# ------------------------------------------------------------------ RFC 3464


def _recipients(part: Message) -> list[Recipient]:
    blocks = part.get_payload()
    if not isinstance(blocks, list):
        blocks = _blocks(content(part))
    found = []
    for block in blocks:
        if isinstance(block, Message) and (recipient := _recipient(fields(block))):
            found.append(recipient)
    return found


def _blocks(data: bytes) -> list[Message]:
    """The blocks of a status part that came encoded, so that the parser did not see them."""
    return [email.message_from_string(block) for block in decode(data).split("\n\n")[:500]]


def _recipient(block: Fields) -> Recipient | None:
    action = value(block, "action").strip().lower()
    for name in ("original-recipient", "final-recipient", "x-actual-recipient"):
        # "rfc822; anne@example.org", and without the type as some servers write it.
        claimed = value(block, name).rpartition(";")[2].strip().strip("<>")
        if "@" in claimed:
            status = re.match(r"\s*([245]\.\d{1,3}\.\d{1,3})", value(block, "status"))
            word = re.match(r"[a-z]+", action)
            found = addresses([claimed])
            if found and found[0].email:
                return Recipient(
                    found[0].email,
                    word[0] if word else "failed",
                    status[1] if status else "",
                    value(block, "diagnostic-code")[:500],
                )
    return None


def _original_id(body: Body) -> str:
    for kind, part in body.reports:
        if kind == "text/rfc822-headers":
            inner = email.message_from_string(decode(content(part))[:100_000])
        elif (
            kind in ("message/rfc822", "message/global") and isinstance(part.get_payload(), list) and part.get_payload()
        ):
            inner = part.get_payload(0)  # type: ignore[assignment]  # a list of messages, as tested
        else:
            continue
        found = ids(value(fields(inner), "message-id"))
        if found:
            return found[0]
    return ""


# ------------------------------------------------------------------ prose


def _looks_like_a_bounce(part_fields: Fields, subject: str, text: str) -> bool:
    """A machine of the mail system wrote it, and it speaks of delivery. A person may speak of that too."""
    paths = part_fields.get("return-path", ())
    null_path = any(path.replace(" ", "") == "<>" or _DAEMONS.search(path) for path in paths)
    authors = addresses(part_fields.get("from", []))
    daemon = any(_DAEMONS.search(f"{author.name} {author.email}") for author in authors)
    answered = value(part_fields, "auto-submitted").lower().startswith("auto-replied")
    report = value(part_fields, "content-type").lower().startswith("multipart/report")
    speaks = _BOUNCE_SUBJECT.search(subject) or ((daemon or report) and _BOUNCE_TEXT.search(text[:_OPENING]))
    return bool(speaks) and (daemon or null_path or answered or report)


_ADDRESS = re.compile(r"(?<![\w.+=@-])([\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8})", re.ASCII)
# The copy of the original mail begins at one of these; addresses in it are not what failed.
_COPY = re.compile(
    r"^\W{0,60}(?:(?:this is a |below this line is a )?copy of (?:the|your) (?:message|mail)|original message"
    r"|(?:unsent|returned) message|original mail|(?:message|mail) (?:text|header|body|follows)"
    r"|(?:the )?(?:message|header) (?:follows|text)|begin(?:ning)? of (?:original|returned)|forwarded message"
    r"|transcript of session follows|return-path:|received:|message-id:|start of returned message).{0,200}$",
    re.IGNORECASE | re.MULTILINE,
)
_LONGEST_PROSE = 60_000


def _in_prose(text: str, part_fields: Fields) -> list[str]:
    prose = text[:_LONGEST_PROSE]
    copy = _COPY.search(prose)
    # Some put the copy first and the reason below it.
    above = prose[: copy.start()] if copy and _ADDRESS.search(prose, 0, copy.start()) else prose
    known = {address.email.lower() for name in ("to", "from", "cc") for address in addresses(part_fields.get(name, []))}
    found = [match[1].strip(".'`").lower() for match in _ADDRESS.finditer(above)]
    return [address for address in found if address not in known and not _DAEMONS.search(address)][:100]


def _id_in_prose(text: str) -> str:
    match = re.search(
        r"^\s{0,20}Message-ID:\s{0,5}<([^<>\s]{3,500})>", text[:_LONGEST_PROSE], re.IGNORECASE | re.MULTILINE
    )
    return match[1] if match else ""


def forwarded_from(text: str) -> Address | None:
    """The author of a message that was forwarded inline: the From line under the forwarding mark."""
    mark = _FORWARD.search(text[:_LONGEST_PROSE])
    if mark is None:
        return None
    line = re.search(
        r"^[> ]{0,10}\*?(?:From|Von|De|Da|Van|Fra|Från|Od)\*?\s{0,2}:\*?\s{0,5}(.{3,300})$",
        text[mark.end() :][:2000],
        re.MULTILINE,
    )
    found = addresses([line[1]]) if line else ()
    return found[0] if found and found[0].email else None


_FORWARD = re.compile(
    r"^[> ]{0,10}(?:-{2,20}\s?)?(?:begin forwarded message|forwarded message|original message|weitergeleitete nachricht"
    r"|message transféré|mensaje reenviado|messaggio inoltrato|doorgestuurd bericht)\b.{0,40}$",
    re.IGNORECASE | re.MULTILINE,
)
