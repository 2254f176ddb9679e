"""The one-process desk as somebody starts it: it says where it is, serves, takes mail, and ends when asked to."""

import os
import re
import stat
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.db import db
from desk.demo import sign_ins
from desk.tickets.models import Ticket
from tests.servers.desk import Desk, status
from tests.servers.processes import Process, free_port, until


@pytest.fixture
def demo_desk(desk: Desk, tmp_path: Path) -> Desk:
    """Processes of the same database, told that they are a demo."""
    desk.env |= {
        "DESK_DEMO": "yes",
        "DESK_INSTANCE": str(tmp_path),
        "DESK_LMTP_LISTEN": f"127.0.0.1:{free_port()}",
        "DESK_SMTP_LISTEN": f"127.0.0.1:{free_port()}",
        "DESK_DEMO_SINK_LISTEN": f"127.0.0.1:{free_port()}",
    }
    return desk


@pytest.fixture
def served(demo_desk: Desk) -> Iterator[tuple[Process, str]]:
    """The running desk and its base URL."""
    demo_desk.do("demo", "load")
    port = free_port()
    process = demo_desk.start("serve", "--port", str(port)).wait_for_port(port, 60)
    yield process, f"http://127.0.0.1:{port}"
    process.stop()


def test_it_prints_pages_sign_ins_links_and_a_command(served: tuple[Process, str], tmp_path: Path) -> None:
    process, base = served
    until(lambda: "Ctrl-C" in process.output(), what="the announcement")
    text = process.output()
    assert base in text
    assert f"{base}/demo/mail" in text
    assert "demo write" in text
    sheet = tmp_path / sign_ins.FILE
    assert stat.S_IMODE(os.stat(sheet).st_mode) == 0o600
    assert all(line in text for line in sheet.read_text().splitlines())
    links = re.findall(rf"{base}/link/\w+", text)
    assert len(links) == 3
    assert [status(link) for link in links] == [200, 200, 200]


def test_a_first_mail_becomes_a_ticket_and_its_receipt_is_on_the_mail_page(
    served: tuple[Process, str], demo_desk: Desk, app: Flask, session: Session
) -> None:
    _, base = served
    until(lambda: status(f"{base}/sign-in") == 200, what="the pages")
    demo_desk.do("demo", "write", "--subject", "From another terminal")

    def opened() -> Ticket | None:
        db.session.rollback()
        return session.scalars(sa.select(Ticket).where(Ticket.subject == "From another terminal")).first()

    ticket = until(opened, seconds=120, what="the ticket")
    assert ticket is not None

    def received() -> bool:
        with urllib.request.urlopen(f"{base}/demo/mail", timeout=10) as page:
            return f"#{ticket.number}" in page.read().decode()

    assert until(received, seconds=120, what="the receipt")


def test_it_ends_cleanly_when_asked_to(served: tuple[Process, str]) -> None:
    process, base = served
    until(lambda: status(f"{base}/sign-in") == 200, what="the pages")
    assert process.stop() == 0
    assert "Traceback" not in process.output()


def test_a_taken_port_is_told_in_a_sentence(served: tuple[Process, str], demo_desk: Desk) -> None:
    _, base = served
    done = demo_desk.run("serve", "--port", base.rpartition(":")[2])
    assert done.returncode == 1
    assert b"is taken by another program" in done.stderr
    assert b"--port" in done.stderr
    assert b"Traceback" not in done.stderr


def test_loading_again_changes_nothing(served: tuple[Process, str], demo_desk: Desk, tmp_path: Path) -> None:
    before = (tmp_path / sign_ins.FILE).read_text()
    assert "there already" in demo_desk.do("demo", "load")
    assert (tmp_path / sign_ins.FILE).read_text() == before
