"""Several people at once: what one of them writes never turns up in the text of another."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from desk import markup

WRITERS = 12
TEXTS = [
    f"**private-{one}** [link {one}](https://{one}.example) `code {one}` <script>{one}</script>\n\n" * 10
    for one in range(WRITERS)
]


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads that take turns often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_texts_that_are_rendered_at_once_do_not_mix(hasty: None) -> None:
    """The library's cleaner keeps the text it is at: shared by threads, it showed one member words of another."""
    alone = [markup.markdown(text) for text in TEXTS]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(markup.markdown, TEXTS * 10))
    assert together == alone * 10


def test_mails_that_are_cleaned_at_once_do_not_mix(hasty: None) -> None:
    mails = [f"<p onclick=x>{text}</p><img src=http://{number}.example/a>" for number, text in enumerate(TEXTS)]
    alone = [markup.mail_html(mail) for mail in mails]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(markup.mail_html, mails * 10))
    assert together == alone * 10
