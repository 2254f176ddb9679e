"""What of a mail is new: quotations and signature left out. Pure, and linear in the length of the text.

Only what is shown first is chosen here; the whole text stays one click away, so a doubtful line is kept. Quotations in
many languages are recognised by quotequail on the first lines only: on long hostile text it takes seconds.
"""

import re
from typing import Protocol

import quotequail

# On every mail of ours, above the text that need not come back. One language: it is matched, not only read.
REPLY_ABOVE = "##- Please write your answer above this line -##"

_MOST_LINES = 600
_LONGEST_LINE = 400
_MARKER = re.compile(re.escape(REPLY_ABOVE[4:-4]).replace(r"\ ", r"\s+"), re.IGNORECASE)
_INTRODUCTION = re.compile(
    r"^\W{0,10}(?:on|am|le|el|il|op|den|em|dne|w dniu)\b.{0,300}"
    r"(?:wrote|schrieb|a écrit|escribió|ha scritto|schreef|skrev|escreveu|napsal|napisał|kirjoitti)\b.{0,80}:\s*$"
    r"|<[^<>\s]+@[^<>\s]+>\s*:?\s*$",
    re.IGNORECASE,
)
# The block of headers that Outlook and its kin put above a quotation without marking the quotation itself.
_HEADER_FROM = re.compile(r"^[*> ]{0,6}(?:from|von|de|da|van|fra|från|od|lähettäjä|från|от)\s?\*?\s?:", re.IGNORECASE)
_HEADER_LINE = re.compile(
    r"^[*> ]{0,6}(?:sent|date|to|cc|subject|gesendet|datum|an|betreff|envoyé|date|à|objet|enviado|fecha|para|asunto"
    r"|inviato|data|a|oggetto|verzonden|aan|onderwerp|sendt|dato|til|emne|skickat|till|ämne|wysłano|do|temat|odesláno"
    r"|komu|předmět|lähetetty|vastaanottaja|aihe|enviada em|assunto|reply-to|importance|message du|copie à|sujet"
    r"|отправлено|кому|тема|дата)\s?\*?\s?:",
    re.IGNORECASE,
)
_DATE_OR_ADDRESS = re.compile(r"[0-9]{1,2}[:.][0-9]{2}|[0-9]{4}|@|[0-9]{1,2}[/.-][0-9]{1,2}")
# "-----Original Message-----": what stands below is not new. A forwarded message is, and has other words.
_ORIGINAL = re.compile(
    r"^[*> ]{0,6}[-_]{2,20}\s?(?:original message|ursprüngliche nachricht|message d.origine|mensaje original"
    r"|messaggio originale|oorspronkelijk bericht|oprindelig meddelelse|ursprungligt meddelande|wiadomość oryginalna"
    r"|původní zpráva)\s?[-_]{2,20}\s*$",
    re.IGNORECASE,
)
# "On 4 March Anne <anne@...> wrote:" in any language has a date or time, an address, and a colon at its end.
_TIME = re.compile(r"[0-9]{1,2}[:.][0-9]{2}|\b(?:19|20)[0-9]{2}\b")
_ADDRESS = re.compile(r"[<(\[][^<>()\s]{1,100}@[^<>()\s]{1,100}[>)\]]")
_WROTE = re.compile(
    r"\b(?:wrote|sent|schrieb|a écrit|escribió|ha scritto|schreef|skrev|escreveu|napsal|napisał|kirjoitti|написал)"
    r"\s?-*:?-*$"
)
_SEPARATOR = re.compile(r"^[*> ]{0,6}(?:[_-]{4,}.{0,60}|[_-]{2,20}\s?\S.{0,60}\s?[_-]{2,20})$")
_SIGNATURE = re.compile(r"^(?:--|—|__{1,40})\s*$")
_MOBILE = re.compile(
    r"^(?:sent (?:from|with|via|using) (?:my|the|outlook|mail|yahoo|proton|samsung|gmail)\b|von meinem \w+ gesendet"
    r"|gesendet von (?:meinem|mail|outlook)|envoyé de(?:puis)? mon|enviado desde mi|inviato da(?:l mio)?"
    r"|verzonden vanaf|verstuurd vanaf|skickat från|get outlook for|obter o outlook|télécharger outlook"
    r"|outlook für \w+ beziehen).{0,119}[^.,]$",
    re.IGNORECASE,
)


class HasText(Protocol):
    """A read message, or anything else with its text."""

    @property
    def text(self) -> str: ...


def new_text(message: HasText) -> str:
    """The part of ``message.text`` that its author wrote for this mail; the whole text if nothing would be left."""
    lines = _above_our_marker(message.text).split("\n")
    above = _above_introduction(_above_header_block(lines))
    kept = _without_first_introduction(_without_last_quotation(_without_quotation(above)))
    found = "\n".join(_without_signature(kept)).strip("\n").rstrip()
    return found if found.strip() else message.text.strip("\n")


def _above_our_marker(text: str) -> str:
    """Without our own mail below, whatever the client did to it; the line that introduces the quotation goes too."""
    marker = _MARKER.search(text)
    if marker is None:
        return text
    above = text[: marker.start()].split("\n")
    above.pop()
    while above and (not above[-1].strip(" >\t") or _INTRODUCTION.search(above[-1][:_LONGEST_LINE])):
        above.pop()
    return "\n".join(above)


def _without_last_quotation(lines: list[str]) -> list[str]:
    """Cut a quotation at the end, and the line above it that introduces it in whatever language, over two lines too."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith(">")):
        end -= 1
    if not any(line.lstrip().startswith(">") for line in lines[end:]):
        return lines
    for taken in (1, 2):
        above = end - taken
        introduction = " ".join(lines[max(above, 0) : end]).strip()[:_LONGEST_LINE]
        # Two lines are one introduction only if the first has a date or an address; one line needs either too.
        if above >= 0 and introduction.endswith(":") and _DATE_OR_ADDRESS.search(lines[above][:_LONGEST_LINE]):
            return lines[:above]
    return lines[:end]


def _above_header_block(lines: list[str]) -> list[str]:
    """Cut above "From: … Sent: … Subject: …", and above the rule that some programs draw over it."""
    for position in range(min(len(lines), _MOST_LINES)):
        line = lines[position].strip()[:_LONGEST_LINE]
        if not _ORIGINAL.match(line) and not _begins_header_block(lines, position):
            continue
        above = lines[:position]
        while above and (not above[-1].strip() or _SEPARATOR.match(above[-1].strip()[:_LONGEST_LINE])):
            above.pop()
        return above or lines
    return lines


def _begins_header_block(lines: list[str], position: int) -> bool:
    """Whether this line is one of at least three labels in a row, among them who wrote."""
    block = [line.strip()[:_LONGEST_LINE] for line in lines[position : position + 8] if line.strip()]
    if not _HEADER_FROM.match(block[0] if block else "") and not _HEADER_LINE.match(block[0] if block else ""):
        return False
    authors = sum(bool(_HEADER_FROM.match(line)) for line in block[:4])
    return authors > 0 and sum(bool(_HEADER_LINE.match(line)) for line in block) >= 2


def _above_introduction(lines: list[str]) -> list[str]:
    """Cut at the line, or up to three, that introduces a quotation, unless the answer is below or inside of it."""
    for position in range(min(len(lines), _MOST_LINES)):
        length = _introduction_at(lines, position)
        if not length:
            continue
        below = [line for line in lines[position + length :] if line.strip()]
        quoted = [line.lstrip().startswith(">") for line in below]
        if any(quoted) and not all(quoted):
            return lines
        if any(line.strip() for line in lines[:position]):
            return lines[:position]
    return lines


def _without_first_introduction(lines: list[str]) -> list[str]:
    """Who answers below a quotation leaves its introduction on top, where it introduces nothing any more."""
    first = next((position for position, line in enumerate(lines) if line.strip()), 0)
    below = lines[first + _introduction_at(lines, first) :]
    return below if any(line.strip() for line in below) else lines


def _introduction_at(lines: list[str], position: int) -> int:
    """How many lines from here introduce a quotation; 0 if they do not."""
    joined = ""
    for taken, line in enumerate(lines[position : position + 3], 1):
        if not line.strip() or line.lstrip().startswith(">"):
            return 0
        joined = f"{joined} {line.strip()[:_LONGEST_LINE]}".strip()
        ends = joined.endswith(":") or joined.rstrip("- ").endswith("wrote")
        if ends and _TIME.search(joined) and (_ADDRESS.search(joined) or _WROTE.search(joined)):
            return taken
    return 0


def _without_quotation(lines: list[str]) -> list[str]:
    examined = [line[:_LONGEST_LINE] for line in lines[:_MOST_LINES]]
    try:
        segments = quotequail.quote("\n".join(examined), limit=_MOST_LINES, quote_intro_line=True)
    except Exception:  # a pattern library meets text it did not foresee: then everything is new
        return lines
    kept: list[str] = []
    position = 0
    shown = True
    for shown, segment in segments or []:
        length = segment.count("\n") + 1
        if shown:
            kept += lines[position : position + length]
        position += length
    return kept + lines[_MOST_LINES:] if shown else kept


def _without_signature(lines: list[str]) -> list[str]:
    """Cut at the signature mark, or at the last line if a telephone wrote it."""
    for position, line in enumerate(lines):
        if position and _SIGNATURE.match(line[:_LONGEST_LINE]) and any(above.strip() for above in lines[:position]):
            return lines[:position]
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    if end > 1 and _MOBILE.match(lines[end - 1].strip()[:_LONGEST_LINE]):
        return lines[: end - 1]
    return lines
