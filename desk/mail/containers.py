"""What is packed inside a part: winmail.dat of Outlook, and the message inside an opaque S/MIME signature. Pure.

Nothing is decrypted and no signature is checked here: a signed message is unpacked so that it can be read, and the
part itself stays attached with its label.
"""

from dataclasses import dataclass

from tnefparse import TNEF

from desk.mail.charsets import clean, decode
from desk.mail.framing import MOST_PARTS

LARGEST_TNEF = 10_000_000
_DEEPEST = 12
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")  # 1.2.840.113549.1.7.2, RFC 5652 section 5


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The files by name, and the text and HTML where there is any; ``defect`` says why there is nothing."""

    files: tuple[tuple[str, bytes], ...] = ()
    text: str = ""
    html: str = ""
    defect: str = ""


def winmail(data: bytes) -> Unpacked:
    """What a winmail.dat holds. Its reader raises many kinds on damaged files."""
    if len(data) > LARGEST_TNEF:
        return Unpacked(defect="winmail.dat is too large to be unpacked")
    try:
        tnef = TNEF(data, do_checksum=False)
        files = [(str(item.long_filename() or item.name or ""), bytes(item.data or b"")) for item in tnef.attachments]
        html, text = _text(tnef.htmlbody), _text(tnef.body)
    except Exception:
        return Unpacked(defect="winmail.dat could not be unpacked")
    return Unpacked(tuple((clean(name.strip("\0 "))[:400], held) for name, held in files[:MOST_PARTS]), text, html)


def _text(found: object) -> str:
    return decode(found) if isinstance(found, bytes) else clean(str(found or ""))


# ------------------------------------------------------------------ S/MIME (RFC 8551 section 3.5.2)


def signed_content(data: bytes) -> bytes | None:
    """The MIME entity inside CMS signed data, or None: for what is encrypted, damaged or detached."""
    outer = _inside(data, 0, len(data))
    if not outer or outer[0][0] != 0x30:
        return None
    info = _inside(data, *outer[0][1:])
    if len(info) < 2 or data[info[0][1] : info[0][2]] != _SIGNED_DATA:
        return None
    signed = next(iter(_inside(data, *info[1][1:])), None)
    fields = _inside(data, *signed[1:]) if signed else []
    # SignedData: version, digest algorithms, encapContentInfo { type, [0] { OCTET STRING } }, ...
    content_info = _inside(data, *fields[2][1:]) if len(fields) > 2 else []
    if len(content_info) < 2:
        return None
    return b"".join(_octets(data, *content_info[1][1:], depth=0)) or None


def _octets(data: bytes, start: int, end: int, depth: int) -> list[bytes]:
    """The octets of strings, which streaming programs cut into a string of strings."""
    found: list[bytes] = []
    for tag, first, last in _inside(data, start, end):
        if tag & 0x20 and depth < _DEEPEST:
            found += _octets(data, first, last, depth + 1)
        elif tag == 0x04:
            found.append(data[first:last])
    return found


def _inside(data: bytes, start: int, end: int) -> list[tuple[int, int, int]]:
    """The elements between two positions as (tag, first, behind the last); stops where the bytes make no sense."""
    found: list[tuple[int, int, int]] = []
    while start + 2 <= end and data[start : start + 2] != b"\0\0":
        tag, length, first = data[start], data[start + 1], start + 2
        if length == 0x80:
            # Of indefinite length: the elements inside are walked until the mark of the end.
            last = _end_of_indefinite(data, first, end)
            start = last + 2
        else:
            if length > 0x80:
                first, length = first + (length & 0x7F), int.from_bytes(data[first : first + (length & 0x7F)])
            last = first + length
            start = last
        if last > end or len(found) > MOST_PARTS * 100:
            break
        found.append((tag, first, last))
    return found


def _end_of_indefinite(data: bytes, position: int, end: int) -> int:
    """Where the mark of the end of an element is that began before ``position``."""
    open_ones = 1
    while position + 2 <= end:
        if data[position : position + 2] == b"\0\0":
            open_ones -= 1
            if not open_ones:
                return position
            position += 2
            continue
        length, position = data[position + 1], position + 2
        if length == 0x80:
            open_ones += 1
        elif length > 0x80:
            position += (length & 0x7F) + int.from_bytes(data[position : position + (length & 0x7F)])
        else:
            position += length
    return end
