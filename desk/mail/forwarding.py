"""A mail that somebody passed on: their own words above, and the message below it or inside it. Pure.

The mark or the header that a program puts between the two is where it is cut; without one all of it is the message.
"""

from desk.mail.message import InboundMessage, read
from desk.mail.reports import forwarding_mark

_LONGEST_HEADER_LINES = 20


def parts_of(message: InboundMessage) -> tuple[str, str]:
    """What the forwarder wrote, and the text of the message they forwarded, without its header."""
    mark = forwarding_mark(message.text, message.subject)
    if mark is not None:
        start, header = mark
        return message.text[:start].strip(), _without_header(message.text[header:])
    whole = message.text.strip()
    inside = next((file for file in message.attachments if file.content_type == "message/rfc822"), None)
    original = read(inside.data).text.strip() if inside else whole
    return ("", whole) if original == whole else (whole, original)


def _without_header(below: str) -> str:
    """Below the few lines that say From, Date, Subject and To; a program that marks every line marks these too."""
    lines = below.lstrip("\n").split("\n")
    if all(line.startswith(">") for line in lines[:3]):
        lines = [line.removeprefix(">").removeprefix(" ") for line in lines]
    while lines and not lines[0].strip():
        del lines[0]
    end = next((index for index, line in enumerate(lines[:_LONGEST_HEADER_LINES]) if not line.strip()), 0)
    return "\n".join(lines[end:]).strip()
