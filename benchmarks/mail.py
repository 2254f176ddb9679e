"""The intake of mail, measured: kept durably, acknowledged, read and made a ticket, beside bare parsing and one insert.

    python -m benchmarks.mail --rounds 60

for a plain mail, one of 200 KB with HTML and an attachment, and a reply to a signed address, on SQLite and on a private
PostgreSQL (durable, as in production). The bare counterpart parses the same bytes with ``email`` under its default
policy, decodes every part, and commits one row with the text; both databases flush to the disk at that commit. In turn,
in one process. "until kept" is what the sending server waits for.
"""

import argparse
import base64
import email
import email.policy
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from flask_migrate import upgrade

from benchmarks.measure import Timing, in_turn
from desk.app import create_app
from desk.clock import utcnow
from desk.config import Settings
from desk.db import db
from desk.domain.vocabulary import Audience
from desk.mail import intake
from desk.mail.models import InboundMail, InboundOutcome
from tests.cast import Cast
from tests.issues.scenes import filed
from tests.servers import postgres as postgres_server
from tests.servers.desk import SECRET_KEY
from tests.servers.postgres import Postgres

_META = sa.MetaData()
_BARE = sa.Table("bare_mail", _META, sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text))
_WORDS = "Since this morning nobody can connect an ORCID iD. "
_numbers = itertools.count(1)
_ATTACHED = base64.encodebytes(os.urandom(140_000)).replace(b"\n", b"\r\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60, help="mails of each kind (default 60)")
    rounds = parser.parse_args().rounds
    for name in ("sqlite", "postgresql"):
        why = postgres_server.why_not() if name == "postgresql" else None
        if why is not None:
            print(f"\nnot run here, {name}: {why}")
            continue
        with _database(name) as (url, folder):
            _measure(name, url, folder, rounds)


@contextmanager
def _database(name: str) -> Iterator[tuple[str, Path]]:
    folder = Path(tempfile.mkdtemp(prefix="desk-bench-"))
    server = Postgres(durable=True) if name == "postgresql" else None
    try:
        yield server.create("desk") if server else f"sqlite:///{folder / 'desk.db'}", folder
    finally:
        if server:
            server.close()
        shutil.rmtree(folder, ignore_errors=True)


def _measure(name: str, url: str, folder: Path, rounds: int) -> None:
    # Without the cap on one sender, at which mail is kept and no more answered: that would be a shorter way.
    caps = {"MAIL_PAIR_PER_HOUR": 10**6, "MAIL_PAIR_PER_DAY": 10**6, "AUTHSERV_ID": "desk.example"}
    own = {"TESTING": True, "SECRET_KEY": SECRET_KEY, "DATABASE_URL": url, "INSTANCE": folder}
    app = create_app({**own, **caps, "BASE_URL": "http://localhost", "MAIL_DOMAIN": "desk.example"})
    with app.app_context():
        upgrade()
        cast = Cast.create(utcnow())
        engine = sa.create_engine(url)
        _META.create_all(engine)
        print(f"\n{name}, {rounds} mails of each kind")
        print(f"{'':<22}{'mails/s':>9}{'ms':>8}{'p95':>8}{'until kept':>12}{'bare ms':>9}{'ratio':>7}")
        for kind, letter, mailbox in _kinds(app, cast):
            _print(kind, *_timed(app, engine, letter, mailbox, rounds))
        engine.dispose()
        db.session.remove()
        for each in db.engines.values():
            each.dispose()


def _timed(
    app: Flask, engine: sa.Engine, letter: Callable[[int], bytes], mailbox: str, rounds: int
) -> tuple[Timing, Timing, Timing]:
    settings: Settings = app.config["DESK"]
    kept: list[float] = []
    taken: list[int] = []

    def desk() -> None:
        raw = letter(next(_numbers))
        start = time.perf_counter()
        taken.append(intake.accept(raw, mailbox=mailbox, envelope_from="", settings=settings, now=utcnow()))
        kept.append((time.perf_counter() - start) * 1000)
        intake.read_one(taken[-1], settings, utcnow())

    def bare() -> None:
        raw = letter(next(_numbers))
        message = email.message_from_bytes(raw, policy=email.policy.default)
        texts = [str(part.get_content()) for part in message.walk() if not part.is_multipart()]
        with engine.begin() as connection:
            connection.execute(sa.insert(_BARE).values(text=f"{message['Subject']} {texts[0]}"))

    whole, beside = in_turn(desk, bare, rounds)
    outcomes = sa.select(InboundMail.outcome).where(InboundMail.id.in_(taken))
    found = set(db.session.scalars(outcomes))
    assert found <= {InboundOutcome.OPENED, InboundOutcome.APPENDED}, f"not all of them became tickets: {found}"
    return whole, Timing(tuple(kept[-rounds:])), beside


def _print(kind: str, whole: Timing, kept: Timing, bare: Timing) -> None:
    speed = 1000 * len(whole.runs) / sum(whole.runs)
    print(
        f"{kind:<22}{speed:>9.0f}{whole.median:>8.1f}{whole.p95:>8.1f}{kept.median:>12.1f}"
        f"{bare.median:>9.1f}{whole.median / bare.median:>7.1f}"
    )


# ------------------------------------------------------------------ the mails


def _kinds(app: Flask, cast: Cast) -> Iterator[tuple[str, Callable[[int], bytes], str]]:
    signer = intake.signer_of(app.config["DESK"])
    number = filed(cast, cast.alice, cast.alder)
    address = signer.reply_address(number, cast.alice.id, Audience.MEMBER, cast.alice.email)
    yield "plain, 0.8 KB", _plain, "north@desk.example"
    yield "multipart, 200 KB", _large, "north@desk.example"
    yield "reply, 3 KB", lambda number: _reply(number, address), address


def _head(number: int, to: str, subject: str) -> bytes:
    return (
        "Authentication-Results: desk.example; dmarc=pass header.from=alder.example\r\n"
        f"From: Alice Alder <alice@alder.example>\r\nTo: {to}\r\nSubject: {subject} {number}\r\n"
        f"Message-ID: <measured-{number}-{time.monotonic_ns()}@alder.example>\r\nMIME-Version: 1.0\r\n"
    ).encode()


def _plain(number: int) -> bytes:
    text = (_WORDS * 10).encode()
    return _head(number, "north@desk.example", "Measured") + b"Content-Type: text/plain\r\n\r\n" + text + b"\r\n"


def _large(number: int) -> bytes:
    text = (_WORDS * 40).encode()
    return (
        _head(number, "north@desk.example", "Measured with a file")
        + b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n"
        + b"Content-Type: multipart/alternative; boundary=a\r\n\r\n"
        + b"--a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text
        + b"\r\n--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>" + text.replace(b". ", b".</p>\r\n<p>")
        + b"</p>\r\n--a--\r\n--m\r\nContent-Type: application/pdf; name=log.pdf\r\n"
        + b"Content-Disposition: attachment; filename=log.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + f"{number:08d}\r\n".encode() + _ATTACHED + b"--m--\r\n"
    )  # fmt: skip


def _reply(number: int, address: str) -> bytes:
    quoted = "".join(f"> {_WORDS}\r\n" for _ in range(30))
    text = f"Yes, that was number {number}.\r\n\r\nOn Wed, 4 Mar 2026 at 10:00, Northern support wrote:\r\n{quoted}"
    return _head(number, address, "Re: Empty list of works") + f"Content-Type: text/plain\r\n\r\n{text}".encode()


if __name__ == "__main__":
    main()
