"""Reading mail: our own messages as they should be read, hostile ones without harm, those of others as a score."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from desk.mail.evidence import AuthVerdict
from desk.mail.message import InboundMessage, read
from desk.mail.reply import REPLY_ABOVE, new_text
from tests.mail.corpus import CORPUS, HOSTILE

SECONDS_EACH = 10

FACTS: dict[str, Any] = {
    "subject": lambda mail: mail.subject,
    "sender": lambda mail: mail.sender.email if mail.sender else None,
    "sender_name": lambda mail: mail.sender.name if mail.sender else None,
    "to": lambda mail: [address.email for address in mail.to],
    "message_id": lambda mail: mail.message_id,
    "in_reply_to": lambda mail: list(mail.in_reply_to),
    "references": lambda mail: list(mail.references),
    "new_text": lambda mail: new_text(mail),
    "attachments": lambda mail: [[a.filename, a.content_type, a.content_id, a.label] for a in mail.attachments],
    "is_machine": lambda mail: mail.is_machine,
    "is_auto_reply": lambda mail: mail.is_auto_reply,
    "is_bounce": lambda mail: mail.is_bounce,
    "bounced": lambda mail: [[r.email, r.action, r.status, r.is_final] for r in mail.report.recipients],
    "original_message_id": lambda mail: mail.report.original_message_id,
}


@pytest.mark.parametrize("name", sorted(path.stem for path in CORPUS.glob("*.eml")))
def test_a_message_is_read_as_expected(name: str) -> None:
    mail = read((CORPUS / f"{name}.eml").read_bytes())
    expected = json.loads((CORPUS / f"{name}.json").read_text())
    for fragment in expected.pop("text_contains", []):
        assert fragment in mail.text
    if fragment := expected.pop("html_contains", ""):
        assert fragment in mail.html
    assert {fact: FACTS[fact](mail) for fact in expected} == expected
    assert_clean(mail)


def assert_clean(mail: InboundMessage) -> None:
    """What PostgreSQL would refuse is nowhere in what would be stored."""
    names = [address.name + address.email for address in (*mail.authors, *mail.to, *mail.cc)]
    files = [attachment.filename for attachment in mail.attachments]
    for text in (mail.subject, mail.text, mail.html, mail.message_id, *names, *files):
        assert "\0" not in text
        text.encode("utf-8")
    assert "\n" not in mail.subject


# ------------------------------------------------------------------ authentication

AUTHENTICATED = """{header}From: {sender}
To: support@desk.example
Subject: x

x
"""


@pytest.mark.parametrize(
    ("header", "verdict"),
    [
        ("Authentication-Results: mx.desk.example; dmarc=pass header.from=member-a.example\n", AuthVerdict.PASS),
        ("Authentication-Results: mx.desk.example; dkim=pass header.d=member-a.example\n", AuthVerdict.PASS),
        ("Authentication-Results: mx.desk.example; dmarc=fail header.from=member-a.example\n", AuthVerdict.FAIL),
        ("Authentication-Results: mx.desk.example; dmarc=pass header.from=evil.example\n", AuthVerdict.GRAY),
        ("Authentication-Results: mx.desk.example; dkim=pass header.d=evil.example\n", AuthVerdict.GRAY),
        ("Authentication-Results: mx.desk.example; spf=pass smtp.mailfrom=anne@member-a.example\n", AuthVerdict.GRAY),
        ("Authentication-Results: mx.evil.example; dmarc=pass header.from=member-a.example\n", AuthVerdict.GRAY),
        ("Authentication-Results: ((((\n", AuthVerdict.GRAY),
        ("", AuthVerdict.GRAY),
    ],
)
def test_only_our_own_server_s_word_counts(header: str, verdict: AuthVerdict) -> None:
    raw = AUTHENTICATED.format(header=header, sender="anne@member-a.example").encode()
    assert read(raw, "mx.desk.example").auth is verdict
    assert read(raw).auth is AuthVerdict.GRAY


def test_the_first_result_of_our_server_counts() -> None:
    ours = "Authentication-Results: mx.desk.example; dmarc=fail header.from=member-a.example\n"
    forged = "Authentication-Results: mx.desk.example; dmarc=pass header.from=member-a.example\n"
    raw = AUTHENTICATED.format(header=ours + forged, sender="anne@member-a.example").encode()
    assert read(raw, "mx.desk.example").auth is AuthVerdict.FAIL


# ------------------------------------------------------------------ limits


@pytest.mark.parametrize("raw", [b"", b"\n", b"\0" * 1000, b":" * 1000, b"From", bytes(range(256)) * 40])
def test_bytes_that_are_no_mail_are_read_without_harm(raw: bytes) -> None:
    assert_clean(read(raw))


def test_a_mail_beyond_a_limit_is_read_as_far_as_its_header() -> None:
    head = b"From: anne@member-a.example\nSubject: large\nContent-Type: multipart/mixed; boundary=B\n\n"
    mail = read(head + b"--B\n\nx\n" * 5000)
    assert (mail.complete, mail.subject, mail.text) == (False, "large", "")
    assert mail.defects


@pytest.mark.parametrize("line", ["On ", "> ", "\n", "a" * 1000 + "\n", "-- \n", "From: x\n", "##- Please", "wrote: "])
def test_what_is_new_is_found_in_linear_time(line: str) -> None:
    raw = b"From: a@b.example\n\n" + (line * (400_000 // len(line))).encode()
    mail = read(raw)
    started = time.perf_counter()
    new_text(mail)
    assert time.perf_counter() - started < SECONDS_EACH / 2


def test_text_above_our_marker_is_what_is_new() -> None:
    raw = f"From: a@b.example\n\nYes.\n\nLe 19 nov. 2026, le Desk a écrit :\n\n{REPLY_ABOVE}\nold\n".encode()
    assert new_text(read(raw)) == "Yes."


def test_a_mail_of_nothing_but_quotation_keeps_its_text() -> None:
    assert new_text(read(b"From: a@b.example\n\n> quoted\n")) == "> quoted"


# ------------------------------------------------------------------ mail of others, where it is present


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not HOSTILE.exists():
        pytest.skip("not run here: the hostile messages are not beside the checkout")
    folder = tmp_path_factory.mktemp("hostile")
    subprocess.run([sys.executable, str(HOSTILE), str(folder)], check=True, capture_output=True)
    return folder


def test_hostile_messages_neither_raise_nor_take_long(hostile: Path) -> None:
    for path in sorted(hostile.glob("*.eml")):
        started = time.perf_counter()
        mail = read(path.read_bytes(), "mx.desk.example")
        new_text(mail)
        assert time.perf_counter() - started < SECONDS_EACH, path.name
        assert_clean(mail)
