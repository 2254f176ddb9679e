"""Somebody's browser without scripts: cookies, forms and their tokens, over real HTTP."""

import html
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.cookiejar import Cookie, CookieJar

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass(frozen=True)
class Answer:
    """What came back, redirects followed."""

    status: int
    url: str
    text: str


def _session_cookie(name: str, value: str, host: str) -> Cookie:
    """As the desk would have set it."""
    return Cookie(
        version=0,
        name=name,
        value=value,
        port=None,
        port_specified=False,
        domain=host,
        domain_specified=False,
        domain_initial_dot=False,
        path="/",
        path_specified=True,
        secure=False,
        expires=None,
        discard=True,
        comment=None,
        comment_url=None,
        rest={},
    )


class Visitor:
    """Keeps cookies between calls. ``cookie`` is the desk's session cookie of somebody already signed in."""

    def __init__(self, base: str, cookie: str = "", name: str = "desk") -> None:
        self.base = base
        self._jar = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))
        if cookie:
            self._jar.set_cookie(_session_cookie(name, cookie, urllib.parse.urlsplit(base).hostname or ""))

    def get(self, path: str) -> Answer:
        return self._open(urllib.request.Request(self.base + path))

    def post(self, path: str, data: dict[str, str], form: str | None = None) -> Answer:
        """Fetch the form (at ``form``, or at ``path`` itself) for its token, then send it filled in."""
        token = _TOKEN.search(self.get(form or path).text)
        values = data | ({"csrf_token": html.unescape(token[1])} if token else {})
        body = urllib.parse.urlencode(values).encode()
        return self._open(urllib.request.Request(self.base + path, data=body))

    def _open(self, request: urllib.request.Request) -> Answer:
        try:
            with self._opener.open(request, timeout=30) as answer:
                return Answer(answer.status, answer.url, answer.read().decode(errors="replace"))
        except urllib.error.HTTPError as refused:
            with refused:
                return Answer(refused.code, refused.url, refused.read().decode(errors="replace"))
