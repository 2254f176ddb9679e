"""A script in every text that people or mails can bring, and no page or mail in which it could run."""

import re

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from desk import markup
from desk.accounts.models import Consortium, Organisation, Person, Team
from desk.config import Settings
from desk.conversations.service import File
from desk.db import transaction
from desk.domain.vocabulary import Audience
from desk.events.models import Event
from desk.issues.models import Issue, IssuePublication
from desk.mail import intake, notify
from desk.mail.models import InboundMail, OutboundMail
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.issues.scenes import handed_over, issue, linked, opened, published
from tests.security.doors import addresses, guarded, kind_of
from tests.tickets.scenes import browser, filed, with_catalogue, written

EVIL = "<script>pwn()</script>\"'><svg onload=pwn()><img src=x onerror=pwn()>{{7*191}}{% raw %}"
SHORT = "\"'><svg onload=pwn()>"
RUNS = re.compile(r"<script>pwn|<svg[^>]*onload|<[a-z]+[^>&]*\sonerror\s*=|\b1337\b|href=.?javascript:", re.IGNORECASE)
MARKDOWN = (
    f"{EVIL}\n\n[x](javascript:pwn()) [y](JaVa&#x53;cript:pwn()) ![z](http://evil.example/a)\n\n```\n{EVIL}\n```\n"
)


@pytest.fixture
def number(app: Flask, cast: Cast, session: Session) -> int:
    """A ticket of Alice's on which everything is hostile, handed over, with an issue that is published."""
    with_catalogue(cast)
    made = filed(cast, subject=EVIL[:190], text=MARKDOWN, files=(File(f"{EVIL}.html", EVIL.encode()),))
    handed_over(cast, made)
    for writer, audience in (
        (cast.leo, Audience.MEMBER),
        (cast.leo, Audience.LEAD),
        (cast.rita, Audience.HANDOVER),
        (cast.rita, Audience.REGISTRY),
    ):
        written(cast, made, writer, MARKDOWN, audience)
    known = opened(cast)
    linked(cast, cast.leo, known, made)
    published(cast, cast.leo, known, cast.north)
    with transaction() as unit:
        # Such a text is refused now; what was published before it was is shown all the same.
        told = unit.scalars(sa.select(IssuePublication)).one()
        told.title, told.text, told.workaround = EVIL[:190], MARKDOWN, MARKDOWN
        told.html = told.workaround_html = markup.markdown(MARKDOWN)
        for event in unit.scalars(sa.select(Event).where(Event.kind == "issue_published")):
            event.payload = {**event.payload, "title": EVIL[:190], "text": MARKDOWN, "workaround": MARKDOWN}
        for model in (Person, Organisation, Consortium, Team):
            for row in unit.scalars(sa.select(model)):
                row.name = f"{row.name} {SHORT}"  # type: ignore[attr-defined]
        found = issue(unit, cast, cast.leo, known)
        found.title, found.symptom, found.cause, found.workaround = EVIL[:190], EVIL, EVIL, EVIL
        ticket = unit.get_one(Ticket, made)
        ticket.tags, ticket.hold_reason, ticket.service = [SHORT], EVIL, SHORT
        ticket.identifiers = [{"kind": SHORT, "value": SHORT, "valid": True}]
    _mailed(app, cast)
    return made


def _mailed(app: Flask, cast: Cast) -> None:
    settings: Settings = app.config["DESK"]
    name = "%3Csvg%20onload=pwn()%3E"
    raw = (
        f'From: "{SHORT[2:]}" <eve@else.example>\r\nTo: north@desk.example\r\nSubject: {EVIL}\r\n'
        f"Message-ID: <a{SHORT}@b>\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        f"--b\r\nContent-Type: text/html\r\n\r\n<div>{EVIL}<a href='java\tscript:pwn()'>x</a>"
        "<style>@import 'http://evil.example'</style><base href='http://evil.example'></div>\r\n"
        f"--b\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename*=utf-8''{name}\r\n"
        f"\r\n{EVIL}\r\n--b--\r\n"
    )
    mail_id = intake.accept(
        raw.encode(), mailbox="north@desk.example", envelope_from=SHORT, settings=settings, now=cast.now
    )
    intake.read_one(mail_id, settings, cast.now)


def _is_only_saved(answer: TestResponse) -> bool:
    """A mail as it came has to keep what it holds; a browser saves it, guesses no other type, and would run nothing."""
    headers = answer.headers
    saved = headers.get("Content-Disposition", "").startswith("attachment")
    sandboxed = headers.get("Content-Security-Policy", "").startswith("sandbox")
    return saved and sandboxed and headers.get("X-Content-Type-Options") == "nosniff"


def test_no_page_runs_what_people_wrote_whoever_looks(app: Flask, cast: Cast, session: Session, number: int) -> None:
    numbers = {
        "ticket": list(session.scalars(sa.select(Ticket.id))),
        "issue": list(session.scalars(sa.select(Issue.id))),
        "published": list(session.scalars(sa.select(IssuePublication.issue_id))),
        "mail": list(session.scalars(sa.select(InboundMail.id))),
    }
    lists = ["/tickets", "/tickets/new", "/queue", "/queue?q=" + SHORT, "/issues", "/issues?q=" + SHORT]
    lists += [
        "/known-issues",
        "/mail",
        "/mail/out",
        "/mail/stopped",
        "/mail/caps",
        "/escalations",
        "/escalations/sent",
        "/profile",
        "/" + SHORT,
    ]
    lists += [f"/issues/new?ticket={number}", "/sign-in?next=" + SHORT]
    paths = lists + [
        path
        for rule, method in guarded(app)
        if method == "GET"
        for each in numbers.get(kind_of(rule), [])
        for path in addresses(app, rule, each, cast)
    ]
    shown, running = 0, {}
    for person in (cast.alice, cast.olga, cast.lena, cast.ruth, cast.ada):
        client = browser(app, cast, person)
        for path in paths:
            answer = client.get(path)
            assert answer.status_code < 500, path
            shown += "pwn" in answer.text
            if _is_only_saved(answer):
                continue
            found = RUNS.search(answer.text)
            if found:
                running[f"{person.email} {path}"] = answer.text[max(0, found.start() - 60) : found.end() + 40]
    assert running == {}
    assert shown > 30


def test_no_mail_of_ours_runs_it_or_takes_it_for_a_header(
    app: Flask, cast: Cast, session: Session, number: int
) -> None:
    while True:
        with transaction() as unit:
            if not notify.expand_one(unit, settings=app.config["DESK"], now=cast.now):
                break
    mails = session.scalars(sa.select(OutboundMail)).all()
    assert any("pwn" in mail.html for mail in mails)
    for mail in mails:
        assert not RUNS.search(mail.html), mail.subject
        assert not re.search(r"[\r\n]", mail.subject + mail.from_header + mail.reply_to + mail.to_address)
        assert not re.search(r"<img", mail.html, re.IGNORECASE), "a mail of ours loads an image"
        assert mail.last_error == "" or "Held back" in mail.last_error


def test_markdown_is_previewed_as_harmless_as_it_is_kept(app: Flask, cast: Cast) -> None:
    answer = browser(app, cast, cast.alice).post("/tickets/preview", data={"text": MARKDOWN})
    assert "pwn" in answer.text and not RUNS.search(answer.text) and "<img" not in answer.text


def test_text_of_a_form_that_is_shown_again_is_shown_as_text(app: Flask, cast: Cast) -> None:
    client = browser(app, cast, cast.alice)
    sent = {"subject": EVIL * 4, "text": EVIL, "kind": EVIL, "impact": EVIL, "member_org_id": EVIL, "key": EVIL}
    for path in ("/tickets/new", "/tickets/propose", "/profile"):
        answer = client.post(path, data=sent | {"name": EVIL * 4, "timezone": EVIL})
        assert not RUNS.search(answer.text), path
