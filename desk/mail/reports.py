"""Delivery reports and feedback reports: for whom a mail of ours did not arrive, and which. Pure, never raises.

RFC 3464 is read first; for the many servers that write prose, the recipients are taken from the text above the copy of
the original mail. What is read here is a claim: a report does something only when it is tied to a mail of ours.
"""

import re
from dataclasses import dataclass
from email.message import Message

from desk.mail import bounces
from desk.mail.headers import Address, Fields, addresses, fields, ids, value
from desk.mail.parts import Body, walk
from desk.mail.transfer import blocks, embedded


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


@dataclass(frozen=True, slots=True)
class FeedbackReport:
    """What a provider reports of a mail of ours (RFC 5965): ``abuse``, who complained ('' and empty where unsaid)."""

    kind: str
    recipients: tuple[str, ...] = ()
    original_message_id: str = ""


_FAILING = ("failed", "delayed")


def delivery_report(part_fields: Fields, body: Body, subject: str) -> DeliveryReport | None:
    """The report in this mail, or None if it is not one about a failure or delay.

    A status part has the last word: one that speaks of delivery, relay or expansion only makes it no bounce, whatever
    the prose beside it says.
    """
    original = _original_id(body)
    found = _structured(body)
    if not found and bounces.is_bounce(part_fields, subject, body.text):
        found = _structured_inside(body)
    failing = [recipient for recipient in found if recipient.action in _FAILING]
    if found:
        return DeliveryReport(_unique(failing), original) if failing else None
    failed = [Recipient(address.email, "failed") for address in addresses(part_fields.get("x-failed-recipients", []))]
    if failed:
        return DeliveryReport(_unique(failed), original or bounces.message_id_in(body.text))
    if is_feedback(body) or not bounces.is_bounce(part_fields, subject, body.text):
        return None
    claimed = [Recipient(c.email, c.action, c.status, c.diagnostic) for c in bounces.claims(body.text, part_fields)]
    return DeliveryReport(
        _unique(claimed or _recipients_of_the_copy(body)), original or bounces.message_id_in(body.text)
    )


def is_feedback(body: Body) -> bool:
    """Whether somebody's provider reports our mail as unwanted (RFC 5965)."""
    return any(kind == "message/feedback-report" for kind, _ in body.reports)


def feedback_report(body: Body) -> FeedbackReport | None:
    """The complaint in this mail, or None where there is none."""
    if not is_feedback(body):
        return None
    parts = [part for kind, part in body.reports if kind == "message/feedback-report"]
    said = [fields(block) for part in parts[:1] for block in blocks(part)]
    kind = next((stated for block in said if (stated := value(block, "feedback-type"))), "")
    named = [one.email for block in said for one in addresses(block.get("original-rcpt-to", [])) if one.email]
    return FeedbackReport(kind.strip().lower()[:40], tuple(named[:_MOST_NAMED]), _original_id(body))


_MOST_NAMED = 100


def _unique(recipients: list[Recipient]) -> tuple[Recipient, ...]:
    first: dict[str, Recipient] = {}
    for recipient in recipients[:500]:
        first.setdefault(recipient.email.lower(), recipient)
    return tuple(first.values())


# ------------------------------------------------------------------ RFC 3464


def _structured(body: Body) -> list[Recipient]:
    parts = [part for kind, part in body.reports if kind.endswith("delivery-status")]
    return [recipient for part in parts for recipient in _recipients(part)]


def _structured_inside(body: Body) -> list[Recipient]:
    """A filter on the way may have wrapped the whole report: the one message inside holds the status part."""
    inside = [part for kind, part in body.reports if kind in ("message/rfc822", "message/global")]
    inner = embedded(inside[0]) if len(inside) == 1 else None
    return _structured(walk(inner)) if inner is not None else []


def _recipients(part: Message) -> list[Recipient]:
    return [recipient for block in blocks(part) if (recipient := _recipient(fields(block)))]


def _recipient(block: Fields) -> Recipient | None:
    for name in ("original-recipient", "final-recipient", "x-actual-recipient"):
        # "rfc822; anne@example.org", and without the type as some servers write it.
        claimed = value(block, name).rpartition(";")[2].strip().strip("<>")
        found = addresses([claimed]) if "@" in claimed else ()
        if found and found[0].email:
            status = re.match(r"\s*([245]\.\d{1,3}\.\d{1,3})", value(block, "status"))
            return Recipient(
                found[0].email,
                _action(value(block, "action"), value(block, "status") or value(block, "diagnostic-code")),
                status[1] if status else "",
                value(block, "diagnostic-code")[:500],
            )
    return None


# What servers write, by its beginning, for the five words of RFC 3464 2.3.3.
_ACTIONS = {"fail": "failed", "err": "failed", "undeliver": "failed", "bounce": "failed", "reject": "failed"} | {
    "delay": "delayed", "defer": "delayed", "deliver": "delivered", "relay": "relayed", "expand": "expanded"
}  # fmt: skip


def _action(stated: str, status: str) -> str:
    word = stated.strip().lower()
    known = next((action for beginning, action in _ACTIONS.items() if word.startswith(beginning)), "")
    if known:
        return known
    digit = re.search(r"\b([245])(?:\.\d|\d\d)", status)
    return {"2": "delivered", "4": "delayed"}.get(digit[1] if digit else "", "failed")


def _copy(body: Body) -> Fields:
    """The header of the returned mail, as a whole message or as text/rfc822-headers; empty where there is none."""
    for kind, part in body.reports:
        returned = kind.endswith("/rfc822-headers") or kind in ("message/rfc822", "message/global")
        inner = embedded(part) if returned else None
        if inner is not None and inner.keys():
            return fields(inner)
    return {}


def _original_id(body: Body) -> str:
    return next(iter(ids(value(_copy(body), "message-id"))), "")


def _recipients_of_the_copy(body: Body) -> list[Recipient]:
    """To whom the returned mail was sent: every mail of ours has one recipient."""
    return [Recipient(to.email, "failed") for to in addresses(_copy(body).get("to", [])) if to.email]


# ------------------------------------------------------------------ forwarded by hand

_LONGEST_PROSE = 60_000


def forwarded_from(text: str, subject: str) -> Address | None:
    """The author of a message that was forwarded inline: the From line under the forwarding mark.

    A reply quotes under the same words "Original message", or under a header without any words: these count only where
    the subject says that it forwards.
    """
    mark = forwarding_mark(text, subject)
    if mark is None:
        return None
    line = _FROM.search(text[:_LONGEST_PROSE], mark[1], mark[1] + 2000)
    found = addresses([_MAILTO.sub(r" <\1>", line[1])]) if line else ()
    return found[0] if found and found[0].email else None


def forwarding_mark(text: str, subject: str) -> tuple[int, int] | None:
    """Where the mark of a message that was forwarded inline begins, and where its header does; None without one."""
    if _REPLY.match(subject):
        return None
    text = text[:_LONGEST_PROSE]
    forwards = is_forwarding(subject)
    mark = (_FORWARD_OR_QUOTE if forwards else _FORWARD).search(text) or (_HEADER.search(text) if forwards else None)
    if mark is None:
        return None
    return mark.start(), mark.start() if mark.re is _HEADER else mark.end()


def is_forwarding(subject: str) -> bool:
    """Whether a subject begins with the mark of a forwarded mail, in the languages of common programs."""
    return _FORWARDING.match(subject) is not None


_FORWARDING = re.compile(
    r"\s*(?:fwd?|wg|tr|rv|enc|vs|vb|vl|pd|i|doorst|inoltr?a?|ilt|転送|转发|轉寄)\s*[:：]", re.IGNORECASE
)
_REPLY = re.compile(
    r"\s*(?:re|r|aw|sv|antw|antwort|odp|rif|ref|回复|回覆|返信)\s*(?:\[\d{1,3}\])?\s*[:：]", re.IGNORECASE
)
_MARGIN = r"^[> \t]{0,10}\*?"
_COLON = r"\*?[ \t\u00a0]{0,2}[:：]\*?[ \t\u00a0]{0,5}"
_FROM = re.compile(
    rf"{_MARGIN}(?:From|Von|De|Da|Van|Fra|Från|Od|От|Kimden|Lähettäjä|差出人|发件人|寄件者|보낸 사람){_COLON}"
    r"(.{3,300})$",
    re.MULTILINE,
)
# Three fields of a header in a row, in any order and language: what stands above a message that was forwarded inline.
_HEADER = re.compile(rf"(?:{_MARGIN}[^\W\d][\w -]{{1,20}}{_COLON}\S.{{0,500}}\n){{3}}", re.MULTILINE)
_MAILTO = re.compile(r"\s*\[mailto:([^\]\s]{3,250})\]", re.IGNORECASE)
_FORWARD = re.compile(
    r"^[> ]{0,10}(?:-{2,20} ?)?(?:begin forwarded message|forwarded message|weitergeleitete nachricht"
    r"|anfang der weitergeleiteten|message transféré|mensaje reenviado|messaggio inoltrato|inizio messaggio inoltrato"
    r"|doorgestuurd bericht|mensagem encaminhada|videresendt|vidarebefordra|пересылаемое сообщение|przekazana wiadomość"
    r"|转发邮件|転送メッセージ)(?:\b|(?<=\W)).{0,40}$",
    re.IGNORECASE | re.MULTILINE,
)
_FORWARD_OR_QUOTE = re.compile(
    _FORWARD.pattern.replace(
        "begin forwarded message",
        "begin forwarded message|original message|ursprüngliche nachricht|message d'origine|mensaje original",
    ),
    re.IGNORECASE | re.MULTILINE,
)
