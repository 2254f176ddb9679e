"""A private Dovecot: IMAP and LMTP on loopback, one folder of mail, any user with one password."""

import imaplib
import pwd
import shutil
import tempfile
import textwrap
from pathlib import Path

from tests.servers.engines import is_root, program
from tests.servers.processes import Process, free_port

PASSWORD = "letmein"


def why_not() -> str | None:
    """A sentence when it cannot be started here, else None."""
    if program("dovecot", "/usr/sbin") is None or not Path("/usr/lib/dovecot/imap").exists():
        return "no Dovecot with IMAP is installed (apt-get install dovecot-imapd dovecot-lmtpd)"
    if not is_root():
        return "Dovecot's login processes need root to change their user"
    return None


class Dovecot:
    """The server; ``deliver`` puts bytes into a mailbox as another mail server would."""

    def __init__(self, more_settings: str = "") -> None:
        """``more_settings`` come last and win: a certificate, other ways to sign in."""
        self._root = Path(tempfile.mkdtemp(prefix="desk-imap-"))
        self._root.chmod(0o755)
        mail = self._root / "mail"
        mail.mkdir()
        shutil.chown(mail, "mail", "mail")
        self.imap_port, self.lmtp_port = free_port(), free_port()
        self._config = self._root / "dovecot.conf"
        self._config.write_text(self._settings() + more_settings)
        self._process = self._start()

    def _settings(self) -> str:
        owner = pwd.getpwnam("mail")
        return textwrap.dedent(f"""\
            protocols = imap lmtp
            base_dir = {self._root}/run
            state_dir = {self._root}/state
            log_path = {self._root}/dovecot.log
            listen = 127.0.0.1
            ssl = no
            disable_plaintext_auth = no
            auth_mechanisms = plain login
            first_valid_uid = 1
            mail_location = maildir:{self._root}/mail/%u
            mail_fsync = never
            postmaster_address = postmaster@mail.example
            passdb {{
              driver = static
              args = password={PASSWORD}
            }}
            userdb {{
              driver = static
              args = uid={owner.pw_uid} gid={owner.pw_gid} home={self._root}/mail/%u allow_all_users=yes
            }}
            namespace inbox {{
              inbox = yes
              separator = /
            }}
            service imap-login {{
              inet_listener imap {{
                port = {self.imap_port}
              }}
              inet_listener imaps {{
                port = 0
              }}
            }}
            service lmtp {{
              inet_listener lmtp {{
                port = {self.lmtp_port}
              }}
            }}
            service stats {{
              unix_listener stats-writer {{
                mode = 0666
              }}
            }}
            """)

    def _start(self) -> Process:
        command = [str(program("dovecot", "/usr/sbin")), "-F", "-c", str(self._config)]
        process = Process(command, log=self._root / "out", cwd=self._root)
        return process.wait_for_port(self.imap_port).wait_for_port(self.lmtp_port)

    def login(self, user: str) -> imaplib.IMAP4:
        """A logged-in client; close it with ``logout()``."""
        client = imaplib.IMAP4("127.0.0.1", self.imap_port, timeout=10)
        client.login(user, PASSWORD)
        return client

    def deliver(self, user: str, *messages: bytes, folder: str = "INBOX") -> None:
        """Append the messages to the user's folder, unread."""
        client = self.login(user)
        try:
            for raw in messages:
                status, answer = client.append(folder, "", "", raw)
                assert status == "OK", answer
        finally:
            client.logout()

    def count(self, user: str, folder: str = "INBOX") -> int:
        """How many messages a folder holds; 0 when there is no such folder."""
        client = self.login(user)
        try:
            status, answer = client.select(f'"{folder}"', readonly=True)
            return int(answer[0] or 0) if status == "OK" else 0
        finally:
            client.logout()

    def log(self) -> str:
        path = self._root / "dovecot.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def go_away(self) -> None:
        self._process.kill()

    def come_back(self) -> None:
        shutil.rmtree(self._root / "run", ignore_errors=True)
        self._process = self._start()

    def close(self) -> None:
        self._process.stop()
        shutil.rmtree(self._root, ignore_errors=True)
