"""What the tests of faults share: a PostgreSQL that may be killed, and a mail to lose."""

from collections.abc import Iterator

import pytest

from tests.servers import postgres as postgres_server
from tests.servers.engines import missing
from tests.servers.postgres import Postgres

LETTER = (
    b"Authentication-Results: desk.example; dmarc=pass header.from=alder.example\r\n"
    b"From: Alice Alder <alice@alder.example>\r\nTo: north@desk.example\r\n"
    b"Subject: Researchers cannot sign in\r\nMessage-ID: <sign-in@alder.example>\r\n"
    b"Date: Wed, 04 Mar 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSince this morning nobody can connect an ORCID iD.\r\n"
    b"--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=log.txt\r\n\r\nerror 401\r\n"
    b"--b--\r\n"
)


@pytest.fixture
def letter() -> bytes:
    """A verified mail of Alice to the northern desk, with a file."""
    return LETTER


@pytest.fixture
def fragile_postgres() -> Iterator[Postgres]:
    """A server of the test's own, to be taken away."""
    why = postgres_server.why_not()
    if why is not None:
        missing("postgresql", why)
    server = Postgres()
    yield server
    server.close()
