"""One connection to one IMAP mailbox: what is there, its bytes, out of the way with it, and waiting for more.

Nothing here knows the database. The bytes are fetched without marking anything, so that a mail which was looked at and
not kept is as new as before; moving it is what says that it was kept.
"""

import imaplib
import re
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BufferedReader

from imap_tools import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxLoginError
from imap_tools.utils import encode_folder

from desk.imap_account import ImapAccount
from desk.mail.sources.tokens import NoToken, Tokens

SECONDS = 30
"""Until a server that does not answer is given up."""

GLANCE_SECONDS = 1.0
"""How long a wait may go on without looking whether the process is to end."""

HEADER_BYTES = 64 * 1024
BROKEN = (OSError, imaplib.IMAP4.abort, ImapToolsError)
"""The connection is of no more use; a new one may be."""


class Unreachable(Exception):
    """No connection came about; the message is for the log and holds no secret."""


class SignInRefused(Exception):
    """The server is there and does not let us in; the message holds no secret."""


class NotMoved(Exception):
    """A mail stays where it is."""


@contextmanager
def connected(account: ImapAccount, tokens: Tokens) -> Iterator["Inbox"]:
    """The account's folder, opened. Raises ``Unreachable`` or ``SignInRefused``; later what is in ``BROKEN``."""
    try:
        box = _reached(account)
    except (*BROKEN, imaplib.IMAP4.error) as error:
        raise Unreachable(f"the server cannot be reached ({_kind(error)})") from None
    try:
        _sign_in(box, account, tokens)
        yield Inbox(box, account)
    finally:
        with suppress(*BROKEN, imaplib.IMAP4.error):
            box.logout()
        with suppress(OSError):
            box.client.shutdown()


def _reached(account: ImapAccount) -> BaseMailBox:
    if account.security == "none":
        return MailBoxUnencrypted(account.host, account.port, timeout=SECONDS)
    # The library's own context would check neither the certificate nor the name.
    verified = ssl.create_default_context()
    kind = MailBox if account.security == "tls" else MailBoxStartTls
    return kind(account.host, account.port, timeout=SECONDS, ssl_context=verified)


def _sign_in(box: BaseMailBox, account: ImapAccount, tokens: Tokens) -> None:
    try:
        if account.token_url:
            box.xoauth2(account.user, tokens.current(), initial_folder=None)
        else:
            # LOGIN is for ASCII; the other way is not offered by every server.
            plain = (account.user + account.password).isascii()
            (box.login if plain else box.login_utf8)(account.user, account.password, initial_folder=None)
    except NoToken as error:
        raise SignInRefused(f"no access token: {error}") from None
    except imaplib.IMAP4.abort as error:
        raise Unreachable(f"the connection broke while signing in ({_kind(error)})") from None
    except (imaplib.IMAP4.error, MailboxLoginError) as error:
        tokens.forget()
        raise SignInRefused(f"the server does not accept our sign-in{_code(error)}") from None
    except (OSError, ImapToolsError) as error:
        raise Unreachable(f"the connection broke while signing in ({_kind(error)})") from None


def _code(error: Exception) -> str:
    """The code of RFC 5530, such as AUTHENTICATIONFAILED; never its text, which may repeat what it was sent."""
    found = re.search(r"\[([A-Z]{4,30})\]", str(error))
    return f" ({found[1]})" if found else ""


def _kind(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    return type(error).__name__


class Inbox:
    """An opened folder. A number is a UID: the same mail as long as ``uid_validity`` is the same."""

    def __init__(self, box: BaseMailBox, account: ImapAccount) -> None:
        self._box = box
        self._client = box.client
        try:
            box.folder.set(account.folder)
        except imaplib.IMAP4.readonly:
            raise Unreachable("the folder can only be read: mail could not be moved out of it") from None
        except ImapToolsError:
            raise Unreachable("the folder does not exist, or cannot be opened") from None
        found = self._answered("UIDVALIDITY")
        self.uid_validity = int(found[-1]) if found and found[-1].isdigit() else 0
        # After the sign-in a server may be able to do more than it said before.
        _, words = self._client.capability()
        self._abilities = frozenset((words[-1] or b"").decode("ascii", "replace").upper().split())
        self._prefix = self._personal_prefix() if "NAMESPACE" in self._abilities else ""

    def _answered(self, name: str) -> list[bytes]:
        """What the server said beside its answers since this was asked last."""
        _, values = self._client.response(name)
        return [value for value in values if isinstance(value, bytes)]

    def _personal_prefix(self) -> str:
        """Where folders of one's own have to be: “INBOX.” on some servers, nothing on most (RFC 2342)."""
        status, words = self._client.namespace()
        found = re.match(rb'\(\("([^"]*)"', words[-1] or b"") if status == "OK" else None
        return found[1].decode("ascii", "replace") if found else ""

    def uids(self) -> list[int]:
        """What is in the folder and not deleted, oldest first."""
        while True:
            self._answered("EXISTS")
            found = sorted(int(uid) for uid in self._box.uids("UNDELETED", None))
            # A mail that came during the search is told beside its answer and never again, so not to IDLE either.
            if not self._answered("EXISTS"):
                return found

    def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """How many bytes each has, as far as it is still there."""
        _, parts = self._client.uid("FETCH", ",".join(map(str, uids)), "(UID RFC822.SIZE)")
        found = {}
        for part in parts or ():
            line = part if isinstance(part, bytes) else b""
            uid, size = re.search(rb"\bUID (\d+)", line), re.search(rb"\bRFC822\.SIZE (\d+)", line)
            if uid and size:
                found[int(uid[1])] = int(size[1])
        return found

    def raw(self, uid: int) -> bytes | None:
        """The bytes of a mail; None when the server has none to give."""
        return self._fetched(uid, "BODY.PEEK[]")

    def header(self, uid: int) -> bytes | None:
        """The beginning of a mail's header."""
        return self._fetched(uid, f"BODY.PEEK[HEADER]<0.{HEADER_BYTES}>")

    def _fetched(self, uid: int, what: str) -> bytes | None:
        status, parts = self._client.uid("FETCH", str(uid), f"(UID {what})")
        for part in parts if status == "OK" else ():
            announced = re.search(rb"\{(\d+)\}$", part[0]) if isinstance(part, tuple) else None
            if announced and re.search(rb"\bBODY\[", part[0]):
                raw: bytes = part[1]
                if len(raw) != int(announced[1]):
                    raise imaplib.IMAP4.abort("a mail was cut off")
                return raw
        return None

    def move(self, uid: int, folder: str) -> None:
        """Move a mail to another folder, which is made when it is missing. Raises ``NotMoved``."""
        where = encode_folder(f"{self._prefix}{folder}").decode("ascii")
        if self._moved(uid, where):
            return
        self._client.create(where)
        self._client.subscribe(where)
        if not self._moved(uid, where):
            raise NotMoved

    def _moved(self, uid: int, where: str) -> bool:
        number = str(uid)
        try:
            if "MOVE" in self._abilities:
                return bool(self._client.uid("MOVE", number, where)[0] == "OK")
            if self._client.uid("COPY", number, where)[0] != "OK":
                return False
            # Deleted is out of the way already: what is deleted is not fetched.
            done = self._client.uid("STORE", number, "+FLAGS.SILENT", r"(\Deleted)")[0] == "OK"
            if done and "UIDPLUS" in self._abilities:
                # Without it, an EXPUNGE would end whatever else somebody has marked.
                self._client.uid("EXPUNGE", number)
            return done
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            return False

    def wait(self, seconds: float, stopping: threading.Event) -> bool:
        """Return when the server tells of more mail, the time is over, or the process is to end; True: look now."""
        if "IDLE" not in self._abilities:
            stopping.wait(seconds)
            return True
        end = time.monotonic() + seconds
        told = quick = False
        self._box.idle.start()  # type: ignore[no-untyped-call]
        while not (told or quick or stopping.is_set()) and (left := end - time.monotonic()) > 0:
            glance = min(GLANCE_SECONDS, left)
            before = time.monotonic()
            told = b"EXISTS" in self._unread() or any(b"EXISTS" in line for line in self._box.idle.poll(glance))
            # Back at once with nothing to tell: a broken line looks like that, and the end of IDLE will show it.
            quick = time.monotonic() - before < glance / 2
        self._box.idle.stop()  # type: ignore[no-untyped-call]
        return bool(self._answered("EXISTS")) or told

    def _unread(self) -> bytes:
        """What came together with an earlier answer: it waits in the buffer, where polling the socket does not look."""
        sock = self._client.sock
        before = sock.gettimeout()
        sock.settimeout(0)
        try:
            lines = self._client.file
            return lines.peek() if isinstance(lines, BufferedReader) else b""
        except (BlockingIOError, ssl.SSLWantReadError):
            return b""
        finally:
            sock.settimeout(before)
