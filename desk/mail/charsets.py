"""Bytes of mail to text that a database takes. Pure, never raises, linear in the length of the bytes.

The declared charset is tried first, then UTF-8, then a guess by the letters that each language uses most.
"""

import codecs
import re

from desk.mail.charset_guess import guess

# Names that mail uses and Python does not know, or knows as something narrower than what is really sent.
_ALIASES = {
    "ansi": "cp1252",
    "ansi_x3.110-1983": "latin-1",
    "ascii": "utf-8",
    "us-ascii": "utf-8",
    "binary": "utf-8",
    "unknown-8bit": "utf-8",
    "x-unknown": "utf-8",
    "utf8mb4": "utf-8",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "iso-8859-9": "cp1254",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "big5": "cp950",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "windows-874": "cp874",
    "iso-8859-11": "cp874",
    "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "iso-2022-jp": "iso-2022-jp-ext",
    "cp51932": "euc-jp",
    "x-euc-jp": "euc-jp",
}
# Codecs that are no charset of mail: punycode, rot13, unicode_escape and the like turn text into other text.
_CHARSETS = re.compile(
    r"utf-?(?:7|8|8-sig|16|16le|16be|16-le|16-be|32|32le|32be|32-le|32-be)|iso-?8859-?[0-9]{1,2}|iso-?2022-?[a-z0-9-]{2,8}"
    r"|cp-?[0-9]{3,5}|windows-?[0-9]{3,4}|koi8-[rtu]|gb18030|hz|big5-?hkscs|euc-(?:jp|kr|jisx0213|jis-2004)|johab|tis-?620"
    r"|mac-(?:roman|cyrillic|greek|latin2|turkish)|ptcp154|viscii|latin-?[0-9]{1,2}"
)
_GUESS_SAMPLE = 16_384


def known(name: str | None) -> str | None:
    """Python's name for a declared charset, or None for what is unknown or no charset of mail."""
    wanted = (name or "").strip(" \t\"'").lower().replace("_", "-")
    wanted = _ALIASES.get((name or "").strip(" \t\"'").lower()) or _ALIASES.get(wanted, wanted)
    wanted = re.sub(r"^(?:cp|windows)-?(?=[0-9])", "cp", wanted)
    if not _CHARSETS.fullmatch(wanted):
        return None
    try:
        return codecs.lookup(wanted).name
    except (LookupError, ValueError):
        return None


def decode(data: bytes, declared: str | None = None) -> str:
    """Text of the bytes: as declared, else UTF-8, else guessed. What cannot be read becomes U+FFFD. Cleaned."""
    return clean(_decode(data, known(declared)))


def _decode(data: bytes, codec: str | None) -> str:
    if data.startswith(codecs.BOM_UTF8):
        return data.decode("utf-8-sig", "replace")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and b"\0" in data[:64]:
        return data.decode("utf-16", "replace")
    for candidate in (codec, "utf-8"):
        if candidate:
            try:
                return data.decode(candidate, "strict")
            except (UnicodeError, ValueError):
                continue
    if codec and codec != "utf-8":
        damaged = data.decode(codec, "replace")
        if damaged.count("\ufffd") * 4 <= len(damaged):
            return damaged
    if _mostly_utf8(data):
        return data.decode("utf-8", "replace")
    return data.decode(_guess(data), "replace")


def _mostly_utf8(data: bytes) -> bool:
    """Whether the bytes are UTF-8 with a little damage (a cut message, one foreign line), not another charset."""
    high = sum(byte > 0x7F for byte in data[:_GUESS_SAMPLE])
    return high > 8 and data[:_GUESS_SAMPLE].decode("utf-8", "replace").count("\ufffd") * 8 < high


def _guess(data: bytes) -> str:
    return known(guess(data)) or "cp1252"


# NUL and lone surrogates are refused by PostgreSQL (not by SQLite); other control characters help nobody who reads.
_CONTROLS = {code: None for code in [*range(0x20), 0x7F] if code not in (0x09, 0x0A)}
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Line ends become ``\\n``; NUL and other control characters go; lone surrogates become U+FFFD."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS)
    return _SURROGATE.sub("\ufffd", text)


def one_line(text: str, limit: int = 1000) -> str:
    """``clean`` for what must be one line, a subject or a name: any line break inside becomes a blank."""
    return re.sub(r"[\s\u2028\u2029\x85]+", " ", clean(text[: limit * 2])).strip()[:limit]
