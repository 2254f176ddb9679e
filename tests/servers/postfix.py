"""A private Postfix: takes mail on loopback, hands the desk's domain to its LMTP port and all else to a sink."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.servers.engines import is_root, program
from tests.servers.processes import Process, free_port

_MASTER = """\
{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def why_not() -> str | None:
    """A sentence when it cannot be started here, else None."""
    if program("postfix", "/usr/sbin") is None:
        return "Postfix is not installed (apt-get install postfix)"
    if not is_root():
        return "Postfix's master needs root to change its users"
    return None


class Postfix:
    """The server. ``port`` takes SMTP; ``domain`` goes to ``lmtp_port``, everything else to ``smarthost_port``."""

    def __init__(self, domain: str, lmtp_port: int, smarthost_port: int) -> None:
        self.port = free_port()
        self._root = Path(tempfile.mkdtemp(prefix="desk-mta-"))
        self._root.chmod(0o755)
        self._config = self._root / "etc"
        for name in ("etc", "queue", "data"):
            (self._root / name).mkdir()
        shutil.chown(self._root / "data", "postfix", "postfix")
        (self._config / "transport").write_text(f"{domain} lmtp:inet:127.0.0.1:{lmtp_port}\n")
        (self._config / "master.cf").write_text(_MASTER.format(port=f"127.0.0.1:{self.port}"))
        (self._config / "main.cf").write_text(self._settings(domain, smarthost_port))
        self._process = self._start()

    def _settings(self, domain: str, smarthost_port: int) -> str:
        settings = {
            "compatibility_level": "3.6",
            "queue_directory": f"{self._root}/queue",
            "data_directory": f"{self._root}/data",
            "maillog_file": f"{self._root}/log",
            "maillog_file_prefixes": str(self._root),
            "myhostname": "mx.mail.example",
            "mydestination": "",
            "alias_maps": "",
            "local_recipient_maps": "",
            "local_transport": "error:no local mail",
            "relay_domains": domain,
            "transport_maps": f"texthash:{self._config}/transport",
            "relayhost": f"[127.0.0.1]:{smarthost_port}",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            "smtp_dns_support_level": "disabled",
            "lmtp_dns_support_level": "disabled",
            "smtpd_peername_lookup": "no",
            "smtputf8_enable": "yes",
            "minimal_backoff_time": "1s",
            "maximal_backoff_time": "2s",
            "queue_run_delay": "1s",
            "message_size_limit": "52428800",
            "mailbox_size_limit": "0",
            "smtp_tls_security_level": "none",
            "lmtp_tls_security_level": "none",
        }
        return "".join(f"{name} = {value}\n" for name, value in settings.items())

    def _start(self) -> Process:
        # "check" makes the folders of the queue. The master is started without "postfix start", whose shell would
        # stand between us and it, and with -d it stays in our session, so that it ends when we do.
        subprocess.run(["/usr/sbin/postfix", "-c", self._config, "check"], check=True, capture_output=True)
        command = ["/usr/lib/postfix/sbin/master", "-c", str(self._config), "-d"]
        return Process(command, log=self._root / "out", cwd=self._root).wait_for_port(self.port)

    def flush(self) -> None:
        """Try everything in the queue again now."""
        subprocess.run(["/usr/sbin/postqueue", "-c", str(self._config), "-f"], check=True, capture_output=True)

    def queued(self) -> int:
        """How many messages wait in its queue."""
        done = subprocess.run(
            ["/usr/sbin/postqueue", "-c", str(self._config), "-j"], check=True, capture_output=True, text=True
        )
        return len(done.stdout.splitlines())

    def log(self) -> str:
        path = self._root / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self) -> None:
        self._process.stop()
        shutil.rmtree(self._root, ignore_errors=True)
