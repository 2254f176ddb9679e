"""Signing in to IMAP: over a line whose certificate is checked, by password or by a token from a refresh token."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from flask import Flask

from desk.config import BadSetting, load_settings
from desk.imap_account import ImapAccount
from desk.mail.models import MailboxTrouble
from desk.mail.sources.fetcher import Fetcher
from desk.mail.sources.imap import Unreachable, connected
from desk.mail.sources.tokens import NoToken, Tokens
from tests.cast import Cast
from tests.servers import dovecot as dovecot_server
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.engines import missing, program
from tests.servers.processes import free_port

KEY = "k" * 40
REFRESH_TOKEN = "a refresh token"


class TokenServer:
    """Gives access tokens for the refresh token, and tells the mail server which are good."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.good: set[str] = set()
        self.lasts: object = 3600
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = {
                    name: values[0]
                    for name, values in parse_qs(
                        self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                    ).items()
                }
                status, answer = server.answer(self.path, form)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing to the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        if path == "/introspect":
            is_good = form.get("token") in self.good
            return 200, {"active": "true" if is_good else "false", "username": "north" if is_good else ""}
        self.asked.append(form)
        if form.get("refresh_token") != REFRESH_TOKEN:
            return 400, {"error": "invalid_grant", "error_description": f"{form.get('refresh_token')} is no good"}
        token = f"access-{len(self.asked)}"
        self.good.add(token)
        return 200, {"access_token": token, "expires_in": self.lasts, "token_type": "Bearer"}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@pytest.fixture
def token_server() -> Iterator[TokenServer]:
    server = TokenServer()
    yield server
    server.close()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate and its key for localhost that nobody has signed."""
    if program("openssl", "/usr/bin") is None:
        missing("dovecot", "openssl is not installed")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    words += " -addext subjectAltName=DNS:localhost -keyout key.pem -out certificate.pem"
    subprocess.run(["openssl", *words.split()], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path / "certificate.pem"


@pytest.fixture
def server(certificate: Path, token_server: TokenServer, tmp_path: Path) -> Iterator[tuple[Dovecot, int]]:
    """An IMAP server with TLS on a port of its own, which takes passwords and tokens."""
    why = dovecot_server.why_not()
    if why is not None:
        missing("dovecot", why)
    port = free_port()
    (tmp_path / "tokens.conf").write_text(
        f"introspection_url = {token_server.url}/introspect\nintrospection_mode = post\n"
        "client_id = imap\nclient_secret = imap\n"
        "username_attribute = username\nactive_attribute = active\nactive_value = true\n"
    )
    made = Dovecot(
        f"ssl = yes\nssl_cert = <{certificate}\nssl_key = <{tmp_path}/key.pem\n"
        "auth_mechanisms = plain login xoauth2\n"
        f"passdb {{\n  driver = oauth2\n  mechanisms = xoauth2\n  args = {tmp_path}/tokens.conf\n}}\n"
        f"service imap-login {{\n  inet_listener imaps {{\n    port = {port}\n    ssl = yes\n  }}\n}}\n"
    )
    yield made, port
    made.close()


def by_password(port: int, security: str = "tls") -> ImapAccount:
    return ImapAccount(
        host="localhost", port=port, security=security, user="north", password=PASSWORD, address="north@desk.example"
    )


def by_token(port: int, token_server: TokenServer, refresh_token: str = REFRESH_TOKEN) -> ImapAccount:
    return replace(
        by_password(port),
        password="",
        token_url=f"{token_server.url}/token",
        client_id="desk",
        client_secret="of the desk",
        refresh_token=refresh_token,
        scope="mail",
    )


def opens(account: ImapAccount) -> bool:
    with connected(account, Tokens(account)) as inbox:
        return inbox.uids() == []


@pytest.mark.mailservers
def test_the_certificate_is_checked_with_either_kind_of_encryption(
    server: tuple[Dovecot, int], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dovecot, port = server
    for account in (by_password(port), by_password(dovecot.imap_port, "starttls")):
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        with pytest.raises(Unreachable, match="certificate is not accepted"):
            opens(account)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert opens(account)
        with pytest.raises(Unreachable, match="certificate is not accepted"):
            opens(replace(account, host="127.0.0.1"))  # trusted, and of another name


@pytest.mark.mailservers
def test_a_token_signs_in_and_is_made_anew_when_it_is_refused(
    server: tuple[Dovecot, int],
    token_server: TokenServer,
    certificate: Path,
    app: Flask,
    cast: Cast,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    dovecot, port = server
    dovecot.deliver("north", b"From: a@b.example\r\nSubject: x\r\n\r\ny\r\n")
    fetcher = Fetcher(by_token(port, token_server), app.config["DESK"])
    assert fetcher.once().kept == 1
    assert fetcher.once().trouble is MailboxTrouble.NONE
    assert [asked["scope"] for asked in token_server.asked] == ["mail"], "the token is kept while it is good"
    token_server.good.clear()
    assert fetcher.once().trouble is MailboxTrouble.NONE
    assert len(token_server.asked) == 2


@pytest.mark.mailservers
@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_mail_is_told_of_at_once_whether_it_came_before_the_wait_or_during_it(
    server: tuple[Dovecot, int], certificate: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    """Before: the news comes together with the answer to IDLE and is in no socket any more."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    dovecot, port = server
    account = by_password(port if security == "tls" else dovecot.imap_port, security)
    with connected(account, Tokens(account)) as inbox:
        for number in range(5):
            assert len(inbox.uids()) == number
            deliver = threading.Timer(0.5 * (number % 2), dovecot.deliver, ("north", b"Subject: x\r\n\r\ny\r\n"))
            deliver.start()
            if number % 2 == 0:
                deliver.join()
            began = time.monotonic()
            assert inbox.wait(40, threading.Event())
            assert time.monotonic() - began < 20
            deliver.join()


def test_a_token_that_ran_out_is_not_offered_again(token_server: TokenServer) -> None:
    token_server.lasts = "61"
    tokens = Tokens(by_token(993, token_server))
    assert tokens.current() == "access-1"
    tokens._until = time.monotonic() - 1
    assert tokens.current() == "access-2"


def test_a_refused_refresh_is_said_without_what_the_server_repeats(token_server: TokenServer) -> None:
    with pytest.raises(NoToken) as refusal:
        Tokens(by_token(993, token_server, "stolen")).current()
    assert "invalid_grant" in str(refusal.value)
    assert "stolen" not in str(refusal.value)


def test_a_token_server_that_is_away_is_said_in_words(token_server: TokenServer) -> None:
    account = replace(by_token(993, token_server), token_url=f"http://127.0.0.1:{free_port()}/token")
    with pytest.raises(NoToken, match="cannot be reached"):
        Tokens(account).current()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"host": ""}, "needs a host"),
        ({"security": "none"}, "only where the host is this machine"),
        ({"security": "ssl"}, "must be tls, starttls or none"),
        ({"password": ""}, "needs a password, or a token_url"),
        ({"token_url": "https://tokens.example/"}, "and not both"),
        ({"password": "", "token_url": "http://tokens.example/", "client_id": "x", "refresh_token": "y"}, "https://"),
        ({"password": "", "token_url": "https://tokens.example/"}, "needs client_id"),
        ({"port": 99999}, "from 1 to 65535"),
        ({"port": "many"}, "port of an IMAP account must be a number"),
        ({"pasword": "x"}, "does not know: pasword"),
        ({"user": "north", "address": ""}, "needs the address of the desk"),
        ({"processed": "INBOX"}, "folders"),
    ],
)
def test_an_account_that_cannot_work_stops_the_start_and_no_secret_is_shown(
    change: dict[str, object], said: str, tmp_path: Path
) -> None:
    account = {"host": "imap.example.org", "user": "n@example.org", "password": "very secret", **change}
    for value in ([account], json.dumps([account])):
        with pytest.raises(BadSetting, match=said) as refusal:
            load_settings({"SECRET_KEY": KEY, "INSTANCE": tmp_path, "IMAP_ACCOUNTS": value})
        assert "very secret" not in str(refusal.value)


def test_a_mailbox_is_named_once(tmp_path: Path) -> None:
    account = {"host": "imap.example.org", "user": "n@example.org", "password": "very secret"}
    with pytest.raises(BadSetting, match="twice"):
        load_settings({"SECRET_KEY": KEY, "INSTANCE": tmp_path, "IMAP_ACCOUNTS": [account, account]})
    settings = load_settings({"SECRET_KEY": KEY, "INSTANCE": tmp_path, "IMAP_ACCOUNTS": [account]})
    assert [one.port for one in settings.IMAP_ACCOUNTS] == [993]
    assert "very secret" not in repr(settings) + repr(settings.IMAP_ACCOUNTS)


def test_the_demo_fetches_nobodys_mail(tmp_path: Path) -> None:
    account = {"host": "imap.example.org", "user": "n@example.org", "password": "very secret"}
    assert load_settings({"DEMO": "yes", "INSTANCE": tmp_path, "IMAP_ACCOUNTS": [account]}).IMAP_ACCOUNTS == ()
