"""The reader against bytes that nobody wrote: it never raises, gives what a database takes, and comes to an end."""

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desk.mail.charsets import decode
from desk.mail.containers import signed_content
from desk.mail.headers import addresses, ids, parameters, words
from desk.mail.message import InboundMessage, read
from desk.mail.sandbox import is_ordinary
from desk.mail.visible import unflowed
from tests.mail.corpus import CORPUS

# Generous: what is quadratic takes minutes on the sizes below, not seconds; no measurement of speed.
EXAMPLE_SECONDS = 20
fuzz = settings(
    max_examples=150,
    deadline=EXAMPLE_SECONDS * 1000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

MESSAGES = [path.read_bytes() for path in sorted(CORPUS.rglob("*.eml"))]
PIECES = st.sampled_from(
    [
        b"\r\n", b"\n\n", b"\r", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xd4\xc5\xd3\xd4", b"\xc4\xe3", b" \n", b"> ",
        b"<", b">", b"<>", b'"', b"(", b")", b"\\", b";", b":", b",", b"@", b"=", b"=?utf-8?B?", b"=?utf-8?Q?", b"?=",
        b"From: ", b"From ", b"Subject: ", b"To: ", b"Return-Path: <>\n", b"--", b"--cut\n", b"begin 644 x\n",
        b"Content-Type: multipart/mixed; boundary=cut\n", b"Content-Type: message/rfc822\n\n", b"boundary=",
        b"\nend\n", b"charset=", b"format=flowed", b"filename*0*=utf-8''", b"Content-Type: application/ms-tnef\n",
        b"Content-Transfer-Encoding: base64\n", b"Content-Transfer-Encoding: x-uuencode\n",
        b"Content-Type: message/delivery-status\n\n", b"Final-Recipient: rfc822; a@b.example\n", b"Action: failed\n",
        b"Your message could not be delivered\n", b"On Monday Anne wrote:\n",
    ]
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """One of our messages with pieces put in, cut out, doubled and changed."""
    raw = bytearray(draw(st.sampled_from(MESSAGES)))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(raw)))
        length = draw(st.integers(0, 200))
        change = draw(st.sampled_from(("insert", "delete", "repeat", "overwrite")))
        if change == "insert":
            raw[at:at] = draw(PIECES)
        elif change == "delete":
            del raw[at : at + length]
        elif change == "repeat":
            raw[at:at] = raw[at : at + length] * draw(st.integers(1, 50))
        else:
            new = draw(st.binary(max_size=20))
            raw[at : at + len(new)] = new
    return bytes(raw)


def assert_sound(mail: InboundMessage) -> None:
    """No NUL, no lone surrogate, and one line where one line is promised."""
    shown = [*mail.authors, *mail.to, *mail.cc, *mail.reply_to, *mail.delivered_to]
    one_line = [mail.subject, *(a.name for a in shown), *(file.filename for file in mail.attachments)]
    texts = [*one_line, mail.text, mail.html, mail.message_id, *mail.references, *(a.email for a in shown)]
    texts += [word for one in (mail.report.recipients if mail.report else ()) for word in (one.email, one.diagnostic)]
    for text in texts:
        assert "\0" not in text
        text.encode("utf-8")
    for text in one_line:
        assert not re.search(r"[\r\n]", text)


@fuzz
@given(st.binary(max_size=4000))
def test_any_bytes_are_read(raw: bytes) -> None:
    assert_sound(read(raw, "mx.desk.example"))
    is_ordinary(raw)


@fuzz
@given(st.lists(PIECES | st.binary(max_size=30), max_size=80).map(b"".join))
def test_the_pieces_of_mail_in_any_order_are_read(raw: bytes) -> None:
    assert_sound(read(raw, "mx.desk.example"))


@settings(fuzz, max_examples=400)
@given(mutated())
def test_damaged_messages_are_read(raw: bytes) -> None:
    assert_sound(read(raw, "mx.desk.example"))


@settings(fuzz, max_examples=60)
@given(PIECES, st.integers(1, 60_000), st.sampled_from(MESSAGES))
def test_a_piece_many_times_over_is_read(piece: bytes, times: int, raw: bytes) -> None:
    half = len(raw) // 2
    assert_sound(read(raw[:half] + piece * times + raw[half:]))


PLACES = {
    "subject": b"Subject: %s\n\nx",
    "author": b"From: %s\n\nx",
    "file name": b"Content-Disposition: attachment; filename=%s\n\nx",
    "text": b"From: a@b.example\n\n%s",
    "flowed text": b"Content-Type: text/plain; format=flowed\n\n%s",
    "HTML": b"Content-Type: text/html\n\n%s",
    "parts": b"Content-Type: multipart/mixed; boundary=cut\n\n%s",
    "a forward": b"Subject: Fwd: x\n\n%s",
    "a bounce": b"From: MAILER-DAEMON@b.example\nSubject: failure notice\n\n%s",
    "a status": b"Content-Type: message/delivery-status\n\n%s",
    "a message inside": b"Content-Type: message/rfc822\n\n%s",
    "a signed message": b"Content-Type: application/pkcs7-mime\n\n%s",
}
OFTEN = (
    b"\n",
    b" ",
    b"\xa0",
    b"\xff",
    b"a: ",
    b"a@b ",
    b"<",
    b"> ",
    b"(",
    b"=?utf-8?q?,",
    b"=?utf-8?q?a?= ",
    b"--cut\n",
    b"=\n",
    b"0\x80",
)


@pytest.mark.parametrize("place", PLACES)
def test_a_piece_many_times_over_in_one_place_takes_no_more_than_its_length(place: str) -> None:
    """Folding a header anew, and blanks around an @, were quadratic once: half a minute for 100 KB."""
    for piece in OFTEN:
        started = time.process_time()
        read(PLACES[place] % (piece * (60_000 // len(piece))))
        assert time.process_time() - started < EXAMPLE_SECONDS / 4, piece


@pytest.mark.parametrize(
    "function",
    [
        words,
        parameters,
        ids,
        unflowed,
        lambda text: addresses([text]),
        lambda text: decode(text.encode("utf-8", "surrogatepass")),
        lambda text: signed_content(text.encode("utf-8", "surrogatepass")),
    ],
)
@fuzz
@given(text=st.text(st.characters() | st.sampled_from('=?*"<>@();,:\\ \n-'), max_size=2000))
def test_no_small_reader_raises(function: Callable[[str], object], text: str) -> None:
    function(text)


@fuzz
@given(st.binary(max_size=500))
def test_signed_data_of_any_bytes_is_looked_into(data: bytes) -> None:
    signed_content(b"\x30\x80\x06\x09" + bytes.fromhex("2a864886f70d010702") + data)
