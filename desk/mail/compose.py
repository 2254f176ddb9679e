"""A row of mail as the bytes that go over the wire. Headers only through the library, which refuses line breaks."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime
from typing import Any

from desk.mail.charsets import one_line
from desk.mail.evidence import OWN_MARK
from desk.mail.models import OutboundMail

ESCALATION_MARK = "X-Desk-Escalation"
"""On every mail to a registry's own desk, with our number: what comes back with it is our own."""

LINK_PLACE = "{{ one-time link }}"
"""Stands in a row for a sign-in link until the moment of sending: the database alone gives nobody a link."""


class _Ids:
    """A header of Message-IDs, one to a line.

    The library folds ids that are longer than a line as encoded words, which no client reads as ids (RFC 2047 5): every
    thread would be broken.
    """

    max_count = 1
    name: str

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        """Keep the ids as they are."""
        kwds["parse_tree"] = None
        kwds["decoded"] = " ".join(value.split())

    def fold(self, *, policy: Policy) -> str:
        """``References: <first>``, and each further id on a line of its own."""
        return f"{self.name}: " + f"{policy.linesep} ".join(str(self).split()) + policy.linesep


_headers = HeaderRegistry()
for _name in ("message-id", "in-reply-to", "references", "list-unsubscribe"):
    _headers.map_to_type(_name, _Ids)  # type: ignore[arg-type]  # a mix-in, as the library's own are
_POLICY = SMTP.clone(header_factory=_headers)


@dataclass(frozen=True, slots=True)
class Carried:
    """What a mail to a registry's own desk has besides its text: which escalation, and files (name, type, bytes)."""

    reference: str
    files: Sequence[tuple[str, str, bytes]] = ()


def compose(row: OutboundMail, *, link: str = "", carried: Carried | None = None) -> EmailMessage:
    """The mail of a row; the same one for each try. Seven bits on the wire."""
    message = EmailMessage(policy=_POLICY)
    message["From"] = row.from_header
    message["To"] = row.to_address
    message["Subject"] = one_line(row.subject)
    # When it was written and not when it was tried: a repeat is the same mail.
    message["Date"] = format_datetime(row.created_at)
    message["Message-ID"] = f"<{row.message_id}>"
    if row.reply_to:
        message["Reply-To"] = row.reply_to
    if row.in_reply_to:
        message["In-Reply-To"] = f"<{row.in_reply_to}>"
    if row.references:
        message["References"] = " ".join(f"<{one}>" for one in row.references)
    if row.automatic:
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"
        message[OWN_MARK] = "yes"
    if row.unsubscribe:
        # RFC 8058: one click, without a page in between. The relay that signs with DKIM covers both by its own list.
        message["List-Unsubscribe"] = f"<{row.unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    if carried:
        message[ESCALATION_MARK] = carried.reference
    message.set_content(row.text.replace(LINK_PLACE, link), cte="quoted-printable")
    if row.html:
        body = row.html.replace(LINK_PLACE, html.escape(link))
        message.add_alternative(body, subtype="html", cte="quoted-printable")
    for name, kind, data in carried.files if carried else ():
        main, _, sub = kind.partition("/")
        message.add_attachment(data, maintype=main, subtype=sub or "octet-stream", filename=name, cte="base64")
    message["Content-Language"] = row.language  # last: the library moves such headers into the first part
    return message
