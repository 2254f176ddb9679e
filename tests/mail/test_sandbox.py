"""Reading in a child process: the same reading, and nothing that a mail does reaches the process that serves people."""

import base64
import os
import signal
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from desk.config import Settings
from desk.mail import intake, sandbox
from desk.mail.message import read
from desk.mail.models import InboundMail, InboundState
from desk.mail.sandbox import Limits, NoReader, Unreadable, is_ordinary, read_apart, read_guarded
from desk.storage import store
from tests.mail.corpus import CORPUS

HEAD = b"From: Anne <anne@member-a.example>\r\nTo: support@desk.example\r\nSubject: Large\r\n"
PLAIN = HEAD + b"\r\nOur prefix does not resolve.\r\n"
MEGABYTE = 1024 * 1024


def large(megabytes: int) -> bytes:
    """A mail with one file of so many bytes, as its transfer encoding has them."""
    data = base64.encodebytes(bytes(range(256)) * (megabytes * MEGABYTE * 3 // 4 // 256))
    return HEAD + b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + data


def parts(number: int) -> bytes:
    return (
        HEAD
        + b"Content-Type: multipart/mixed; boundary=BB\r\n\r\n"
        + b"--BB\r\nContent-Type: text/plain\r\n\r\nx\r\n" * number
    )


def test_a_child_reads_what_the_parent_would() -> None:
    for raw in (PLAIN, parts(300), large(2)):
        assert read_apart(raw, "mx.desk.example") == read(raw, "mx.desk.example")


@pytest.mark.parametrize(
    "name", ["report-complaint", "bounce-two-of-three", "calendar-invitation", "forwarded-in-text"]
)
def test_a_child_gives_every_kind_of_value(name: str) -> None:
    raw = (CORPUS / "reading" / f"{name}.eml").read_bytes()
    assert read_apart(raw) == read(raw)


def test_ordinary_mail_is_read_without_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert read_guarded(PLAIN) == read(PLAIN)
    with pytest.raises(NoReader):
        read_guarded(parts(300))


@pytest.mark.parametrize(
    ("what", "raw"),
    [
        ("large", large(2)),
        ("many parts", parts(300)),
        ("a long header", HEAD + b"X-Long: " + b"a " * 50_000 + b"\r\n\r\nx"),
        ("a giant line", PLAIN + b"a" * 100_000),
        ("many encoded words", HEAD.replace(b"Large", b"=?utf-8?q?a?= " * 2000) + b"\r\nx"),
        ("many tags", HEAD + b"Content-Type: text/html\r\n\r\n" + b"<div>\r\n" * 30_000),
        (
            "deep",
            HEAD
            + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(60)),
        ),
        ("a file of Outlook", HEAD + b"Content-Type: application/ms-tnef\r\n\r\nx"),
        ("no header's end", b"X" * 70_000),
    ],
)
def test_what_is_odd_or_large_is_not_ordinary(what: str, raw: bytes) -> None:
    assert not is_ordinary(raw), what


def test_a_usual_mail_with_quotations_and_html_is_ordinary() -> None:
    html = HEAD + b"Content-Type: text/html\r\n\r\n" + b"<p>A line of a long thread.</p>\r\n" * 3000
    assert is_ordinary(PLAIN)
    assert is_ordinary(html)
    assert is_ordinary(PLAIN + b"> quoted\r\n" * 20_000)


# ------------------------------------------------------------------ limits


def test_a_mail_that_needs_too_much_memory_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="more than 48 MB of memory"):
        read_apart(large(20), limits=Limits(memory=48 * MEGABYTE))


def test_memory_that_runs_out_while_parsing_costs_the_body_only() -> None:
    """The header is still read, so that a person can decide; the parent has spent nothing."""
    mail = read_apart(large(24), limits=Limits(memory=180 * MEGABYTE))
    assert (mail.complete, mail.subject) == (False, "Large")
    assert "reading it takes more memory than there is" in mail.defects


def test_a_mail_that_takes_too_long_is_unreadable() -> None:
    with pytest.raises(Unreadable, match=r"more than 0\.05 seconds"):
        read_apart(large(2), limits=Limits(seconds=0.05))


def test_a_mail_that_keeps_the_processor_busy_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="more than 1 seconds of the processor"):
        read_apart(HEAD + b"\n" * 24_000_000, limits=Limits(processor_seconds=1))


def test_a_child_that_is_killed_costs_its_mail_only() -> None:
    caught: list[Unreadable] = []

    def reading() -> None:
        try:
            read_apart(large(24))
        except Unreadable as error:
            caught.append(error)

    thread = threading.Thread(target=reading)
    before = children()
    thread.start()
    while not (mine := children() - before):
        assert thread.is_alive()
    os.kill(mine.pop(), signal.SIGKILL)
    thread.join()
    assert [error.sentence for error in caught] == ["Reading it was ended by signal 9."]
    assert children() == before


def children() -> set[int]:
    """The processes that this one started, as Linux tells per thread."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        try:
            found |= {int(number) for number in (task / "children").read_text().split()}
        except OSError:
            continue  # the thread has ended meanwhile
    return found


def test_several_threads_read_apart_at_once() -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(read_apart(parts(200)).subject)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["Large"] * 4


# ------------------------------------------------------------------ what a child gets and gives


def test_a_child_has_no_settings_and_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_SECRET_KEY", "of-the-desk")
    started: list[dict[str, Any]] = []
    popen = subprocess.Popen

    def noting(*args: Any, **options: Any) -> Any:
        started.append(options)
        return popen(*args, **options)

    monkeypatch.setattr(subprocess, "Popen", noting)
    read_apart(PLAIN)
    assert set(started[0]["env"]) == {"PYTHONPATH", "LANG"}


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense", b"cos\nsystem\n(S'true'\ntR.", b"cdesk.config\nSettings\n.", b"I1\n."]
)
def test_nothing_but_a_reading_comes_out_of_a_child(answer: bytes) -> None:
    with pytest.raises(Unreadable):
        sandbox._unpickled(answer)


# ------------------------------------------------------------------ intake

NORTH = "north@desk.example"


def taken(app: Flask, session: Session, now: datetime, raw: bytes) -> InboundMail:
    settings: Settings = app.config["DESK"]
    mail_id = intake.accept(raw, mailbox=NORTH, envelope_from="anne@member-a.example", settings=settings, now=now)
    intake.read_one(mail_id, settings, now)
    session.expire_all()
    return session.get_one(InboundMail, mail_id)


@pytest.mark.usefixtures("cast")
def test_a_mail_that_ends_its_reader_is_quarantined_with_its_bytes(
    app: Flask, session: Session, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = large(3)
    monkeypatch.setattr(sandbox.read_guarded, "__defaults__", (None, Limits(seconds=0.01)))
    mail = taken(app, session, now, raw)
    assert (mail.state, mail.reason) == (InboundState.QUARANTINED, "Reading it took more than 0.01 seconds.")
    assert store().get(mail.key) == raw
    assert taken(app, session, now, PLAIN).state is InboundState.DONE


@pytest.mark.usefixtures("cast")
def test_a_large_mail_waits_while_no_child_can_be_started(
    app: Flask, session: Session, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/nowhere/python")
        mail = taken(app, session, now, large(2))
        assert mail.state is InboundState.NEW
    intake.read_one(mail.id, app.config["DESK"], now)
    session.expire_all()
    assert session.get_one(InboundMail, mail.id).state is InboundState.DONE
