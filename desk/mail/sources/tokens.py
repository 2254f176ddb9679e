"""Access tokens for XOAUTH2: made from a refresh token at the address that is set, kept in memory until they expire."""

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

from desk.imap_account import ImapAccount

SECONDS = 30
EARLY_SECONDS = 60
"""How long before its end a token counts as expired: signing in takes time, and clocks differ."""

LARGEST_ANSWER = 64 * 1024


class NoToken(Exception):
    """The message says why, in words of ours: an answer of the server may repeat what it was sent."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A secret goes to the address that is set and to no other."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Tokens:
    """The access token of one account."""

    def __init__(self, account: ImapAccount) -> None:
        self._account = account
        self._refresh_token = account.refresh_token
        self._token = ""
        self._until = 0.0
        self._opener = urllib.request.build_opener(_NoRedirect)

    def current(self) -> str:
        """A token that is good for a while; raises ``NoToken``."""
        if not self._token or time.monotonic() > self._until:
            self._renew()
        return self._token

    @property
    def is_kept(self) -> bool:
        """Whether there is one from earlier."""
        return bool(self._token)

    def forget(self) -> None:
        """The mail server refused it."""
        self._token = ""

    def _renew(self) -> None:
        answer = self._ask()
        token, seconds = answer.get("access_token"), answer.get("expires_in", 3600)
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise NoToken("The token server gave no access token.")
        # Some servers give the number as text.
        lasts = float(seconds) if re.fullmatch(r"\d{1,9}(\.\d+)?", str(seconds)) else 3600.0
        self._token, self._until = token, time.monotonic() + max(lasts - EARLY_SECONDS, 0.0)
        renewed = answer.get("refresh_token")
        if isinstance(renewed, str) and renewed:
            self._refresh_token = renewed

    def _ask(self) -> dict[str, Any]:
        account = self._account
        form = {
            "grant_type": "refresh_token",
            "client_id": account.client_id,
            "client_secret": account.client_secret,
            "refresh_token": self._refresh_token,
            "scope": account.scope,
        }
        data = urlencode({name: value for name, value in form.items() if value}).encode()
        # Settings with another scheme than https, or http on this machine, stop the start.
        request = urllib.request.Request(account.token_url, data, {"Accept": "application/json"})  # noqa: S310
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                found = json.loads(answer.read(LARGEST_ANSWER))
        except urllib.error.HTTPError as refused:
            with refused:
                raise NoToken(f"The token server refused: {_reason(refused)}.") from None
        except (OSError, http.client.HTTPException) as error:
            raise NoToken(f"The token server cannot be reached ({type(error).__name__}).") from None
        except ValueError:
            raise NoToken("The token server's answer cannot be read.") from None
        if not isinstance(found, dict):
            raise NoToken("The token server's answer cannot be read.")
        return found


def _reason(refused: urllib.error.HTTPError) -> str:
    """The error code of RFC 6749, 5.2, such as invalid_grant, when it looks like one; else the status."""
    try:
        code = json.loads(refused.read(LARGEST_ANSWER)).get("error")
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        code = None
    return code if isinstance(code, str) and re.fullmatch("[a-z_]{1,40}", code) else f"status {refused.code}"
