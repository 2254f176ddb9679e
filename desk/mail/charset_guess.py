"""Which charset undeclared 8-bit text is most likely in. Pure, never raises, linear in a sample of fixed length.

Statistics on byte pairs go wrong on the few words of a subject line. Here each candidate reads the bytes, and the
letters that its language uses most often decide: read by a wrong charset they become rare ones.
"""

import re
from typing import NamedTuple

import charset_normalizer

_SAMPLE = 16_384
_LONG = 120
_SURE = 1.1
_WESTERN = "cp1252"


class _Candidate(NamedTuple):
    """A codec, the characters of its script, and those among them that are most frequent in its languages."""

    codec: str
    script: re.Pattern[str]
    frequent: frozenset[str]


_HAN = r"[\u4e00-\u9fff\u3001\u3002\uff00-\uff5e]"
_CYRILLIC = _Candidate("", re.compile(r"[Ѐ-ӿ№«»—–]"), frozenset("оеаинтсрвлОЕАИНТСРВЛ"))
_KANA = frozenset(map(chr, (*range(0x3041, 0x3094), *range(0x30A1, 0x30F7), 0x30FC)))
_SIMPLIFIED = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里"
    "用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日"
    "请问件邮题您谢回复账户登录无信息关名称试测据机构系统错误注册"
)
_TRADITIONAL = frozenset(
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡"
    "用道行所然家種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心她本前開但因只從想實日"
    "請問件郵題您謝回覆帳戶登錄無信息關名稱試測據機構系統錯誤註冊"
)
_CANDIDATES = (
    _CYRILLIC._replace(codec="cp1251"),
    _CYRILLIC._replace(codec="koi8-r"),
    _Candidate("gb18030", re.compile(_HAN), _SIMPLIFIED),
    _Candidate("cp950", re.compile(_HAN), _TRADITIONAL),
    _Candidate("cp932", re.compile(f"{_HAN}|[\u3040-\u30ff]"), _KANA),
    _Candidate("euc-jp", re.compile(f"{_HAN}|[\u3040-\u30ff]"), _KANA),
    _Candidate("cp949", re.compile(r"[\uac00-\ud7a3]"), frozenset(
        "이다는을의에가하고도지한를은로기사시어리니해자대나인서아정수그라만전보일부있안녕세요문제메감합습드립주오계"
    )),
    _Candidate("cp1253", re.compile(r"[Ͱ-Ͽ]"), frozenset("αοιετνσηρςΑΟΙΕΤΝΣΗΡ")),
    _Candidate("cp1255", re.compile(r"[א-ת]"), frozenset("יוהלאמרתבנשמ")),
    _Candidate("cp874", re.compile(r"[ก-๛]"), frozenset("านรอกเงมยลวดทสตะปบคห่้ีิั")),
)  # fmt: skip
_HIGH = re.compile(rb"[\x80-\xff]+")
_BESIDE_A_LETTER = re.compile(
    rb"(?<=[A-Za-z])[\x80-\xff]{1,2}(?![\x80-\xff])|(?<![\x80-\xff])[\x80-\xff]{1,2}(?=[A-Za-z])"
)
# Quotation marks, dashes, a hard blank, degrees and the like in Windows-1252; its letters are above.
_PUNCTUATION = frozenset(b"\x80\x85\x91\x92\x93\x94\x96\x97\xa0\xa3\xa7\xa9\xab\xae\xb0\xb4\xb7\xbb")
_POLISH = re.compile(rb"[a-z][\xb3\xb9\xbf\x9f][a-z]")


def guess(data: bytes) -> str:
    """Python's name of the likely charset of bytes that are no UTF-8."""
    sample = data[:_SAMPLE]
    if len(sample) < _LONG and _POLISH.search(sample):
        return "cp1250"
    if _is_latin(sample):
        return _by_statistics(sample)
    # Of equal ones the first: Cyrillic words read as Greek can be all of frequent letters too.
    best = max(_CANDIDATES, key=lambda candidate: _score(sample, candidate))
    return best.codec if _score(sample, best) >= _SURE else _by_statistics(sample)


def _is_latin(sample: bytes) -> bool:
    """In Latin scripts a letter with an accent stands alone, or as one of two, beside plain ones."""
    runs = _HIGH.findall(sample)
    high = sum(map(len, runs))
    if high < 2:
        return True
    odd = sum(byte < 0xC0 and byte not in _PUNCTUATION for run in runs for byte in run)
    return odd * 2 < high <= len(runs) * 2 and len(_BESIDE_A_LETTER.findall(sample)) * 4 >= len(runs) * 3


def _score(sample: bytes, candidate: _Candidate) -> float:
    """0 to 3: how much of what is not ASCII is of the script, and how much of that is frequent (counted twice)."""
    try:
        text = sample.decode(candidate.codec, "strict" if len(sample) < _SAMPLE else "ignore")
    except (UnicodeError, LookupError):
        return 0.0
    foreign = [character for character in text if character > "\x7f" and not character.isspace()]
    if not foreign:
        return 0.0
    of_script = sum(candidate.script.match(character) is not None for character in foreign)
    frequent = sum(character in candidate.frequent for character in foreign)
    return (of_script + 2 * frequent) / len(foreign)


def _by_statistics(sample: bytes) -> str:
    """The guess of charset-normalizer for text that is long enough for it, else Windows-1252."""
    if len(sample) >= _LONG:
        best = charset_normalizer.from_bytes(sample).best()
        if best is not None:
            return best.encoding
    return _WESTERN
