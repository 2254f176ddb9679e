"""Feeds of known issues: valid Atom, published text only, stable ids, conditional, and addresses that end."""

from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.accounts.models import Person, RoleGrant
from desk.db import transaction
from desk.domain.errors import NotFound, NotPermitted
from desk.domain.register import EntryAudience
from desk.feeds import service
from desk.issues.models import IssuePublication
from desk.known_issues import service as telling
from tests.cast import Cast
from tests.issues.scenes import draft, issue, opened, published

ATOM = {"a": "http://www.w3.org/2005/Atom"}
SECRET = "Only the desk reads this."


def browser(app: Flask, cast: Cast, person: Person) -> FlaskClient:
    return cast.sign_in(app.test_client(), person)


def own_address(client: FlaskClient, cast: Cast, data: dict[str, Any] | None = None) -> str:
    """The path of a person's own feed, made or renewed."""
    assert client.post(f"/known-issues/feeds/{cast.north.id}/key", data=data or {}).status_code == 303
    page = client.get("/known-issues/feeds").text
    return page.partition('value="http://localhost')[2].partition('"')[0]


def open_to_everybody(cast: Cast, public: bool = True) -> None:
    with transaction() as unit:
        service.choose_public(unit, cast.actor(cast.leo), consortium_id=cast.north.id, public=public, now=cast.now)


def test_the_pages_of_known_issues_name_their_feed_to_feed_readers(app: Flask, cast: Cast) -> None:
    number = opened(cast)
    published(cast, cast.leo, number, cast.north)
    alice = browser(app, cast, cast.alice)
    pages = ("/known-issues", f"/known-issues/{number}", "/known-issues/feeds")
    for path in pages:
        assert 'rel="alternate"' not in alice.get(path).text  # there is none that she could read yet
    own = own_address(alice, cast)
    link = '<link rel="alternate" type="application/atom+xml" title="Known issues: Northern Consortium" href="{}">'
    for path in pages:
        assert link.format(f"http://localhost{own}") in alice.get(path).text
    assert own not in browser(app, cast, cast.adam).get("/known-issues").text
    open_to_everybody(cast)
    page = browser(app, cast, cast.adam).get("/known-issues").text
    assert link.format("http://localhost/feeds/north.atom") in page
    assert read(app.test_client().get("/feeds/north.atom")) is not None


def read(answer: Any) -> ElementTree.Element:
    assert answer.status_code == 200
    assert answer.content_type == "application/atom+xml; charset=utf-8"
    return ElementTree.fromstring(answer.data)


def texts(root: ElementTree.Element, path: str) -> list[str]:
    return [each.text or "" for each in root.findall(path, ATOM)]


def test_a_feed_has_what_atom_demands_and_only_what_was_published(app: Flask, cast: Cast) -> None:
    number = opened(cast, text=draft(title="Internal title", symptom=SECRET, cause=SECRET))
    opened(cast, text=draft(title="Never published"))
    bad = "`<script>alert(1)</script>` **lists** \x0b may look <empty>"
    published(cast, cast.leo, number, cast.north, title="Lists & more", text=bad, workaround="Reload.")
    with transaction() as unit:
        for audience, place in ((EntryAudience.OWNER, None), (EntryAudience.MEMBERS, cast.north.id)):
            telling.add_update(
                unit, cast.actor(cast.leo), issue(unit, cast, cast.leo, number),
                audience=audience, text=f"For {audience}.", consortium_id=place, now=cast.now,
            )  # fmt: skip
    open_to_everybody(cast)
    root = read(app.test_client().get("/feeds/north.atom"))
    for name in ("id", "title", "updated", "author/a:name", "entry/a:id", "entry/a:updated", "entry/a:title"):
        assert len(texts(root, f"a:{name}")) == 1, name
    assert [(each.get("rel"), each.get("href")) for each in root.findall("a:link", ATOM)] == [
        ("self", "http://localhost/feeds/north.atom"),
        ("alternate", "http://localhost/known-issues"),
    ]
    assert texts(root, "a:updated") == texts(root, "a:entry/a:updated") == ["2026-03-04T10:00:00Z"]
    assert texts(root, "a:entry/a:title") == ["Lists & more"]
    (content,) = root.findall("a:entry/a:content", ATOM)
    html = content.text or ""
    assert content.get("type") == "html"
    for words in ("We know about it", "<strong>lists</strong>", "Reload.", "For members."):
        assert words in html
    for words in (SECRET, "Internal title", "Never published", "For owner.", "<script", "Leo Larch"):
        assert words not in ElementTree.tostring(root, encoding="unicode") and words not in html


def test_ids_stay_and_the_last_word_moves(app: Flask, cast: Cast, session: Session) -> None:
    one, two = opened(cast), opened(cast)
    published(cast, cast.leo, one, cast.north, title="One")
    published(cast, cast.leo, two, cast.north, title="Two")
    open_to_everybody(cast)
    client = app.test_client()
    before = read(client.get("/feeds/north.atom"))
    later = cast.now + timedelta(hours=3)
    with transaction() as unit:
        telling.add_update(
            unit, cast.actor(cast.leo), issue(unit, cast, cast.leo, one),
            audience=EntryAudience.MEMBERS, text="News.", consortium_id=cast.north.id, now=later,
        )  # fmt: skip
    after = read(client.get("/feeds/north.atom"))
    assert texts(after, "a:id") == texts(before, "a:id")
    assert set(texts(after, "a:entry/a:id")) == set(texts(before, "a:entry/a:id"))
    assert texts(after, "a:entry/a:title") == ["One", "Two"]
    assert texts(after, "a:updated") == ["2026-03-04T13:00:00Z"]
    with transaction() as unit:
        found = issue(unit, cast, cast.leo, one)
        telling.withdraw(unit, cast.actor(cast.leo), found, consortium_id=cast.north.id, now=later + timedelta(hours=1))
    gone = read(client.get("/feeds/north.atom"))
    assert texts(gone, "a:entry/a:title") == ["Two"] and texts(gone, "a:updated") == ["2026-03-04T14:00:00Z"]


def test_who_has_it_already_is_told_so(app: Flask, cast: Cast) -> None:
    number = opened(cast)
    published(cast, cast.leo, number, cast.north)
    open_to_everybody(cast)
    client = app.test_client()
    first = client.get("/feeds/north.atom")
    tag, last = first.headers["ETag"], first.headers["Last-Modified"]
    for asked in ({"If-None-Match": tag}, {"If-Modified-Since": last}):
        again = client.get("/feeds/north.atom", headers=asked)
        assert (again.status_code, again.data) == (304, b"")
    published(cast, cast.leo, number, cast.north, text="Other words.")
    assert client.get("/feeds/north.atom", headers={"If-None-Match": tag}).status_code == 200
    assert client.head("/feeds/north.atom").headers["ETag"] != tag


def test_nobody_reads_without_a_key_what_the_lead_did_not_open(app: Flask, cast: Cast) -> None:
    published(cast, cast.leo, opened(cast), cast.north)
    client = app.test_client()
    for path in ("/feeds/north.atom", "/feeds/nowhere.atom", "/feeds/north/0.atom", f"/feeds/north/{'0' * 72}.atom"):
        assert client.get(path).status_code == 404, path
    open_to_everybody(cast)
    assert client.get("/feeds/north.atom").status_code == 200
    open_to_everybody(cast, public=False)
    assert client.get("/feeds/north.atom").status_code == 404


def test_an_address_of_ones_own_is_renewed_ended_and_ends_with_the_role(
    app: Flask, cast: Cast, session: Session
) -> None:
    published(cast, cast.leo, opened(cast), cast.north)
    alice, nobody = browser(app, cast, cast.alice), app.test_client()
    first = own_address(alice, cast)
    assert texts(read(nobody.get(first)), "a:entry/a:title") == ["Lists may look empty"]
    assert "no-cache" in nobody.get(first).headers["Cache-Control"]
    assert nobody.get(first.replace("/north/", "/south/")).status_code == 404
    second = own_address(alice, cast)
    assert second != first and nobody.get(first).status_code == 404 and nobody.get(second).status_code == 200
    # The database alone gives nobody an address.
    stored = " ".join(str(each) for each in session.execute(IssuePublication.__table__.select()).all())
    assert second.rsplit("/", 1)[1].removesuffix(".atom") not in stored
    with transaction() as unit:
        for grant in unit.query(RoleGrant).filter_by(person_id=cast.alice.id):
            grant.valid_until = grant.valid_from
    assert nobody.get(second).status_code == 404
    bob = browser(app, cast, cast.bob)
    path = own_address(bob, cast)
    assert nobody.get(path).status_code == 200
    own_address(bob, cast, {"end": 1})
    assert nobody.get(path).status_code == 404


@pytest.mark.parametrize("name", ["carla", "samir", "rita", "ada"])
def test_nobody_from_elsewhere_gets_an_address(cast: Cast, name: str) -> None:
    with pytest.raises(NotFound), transaction() as unit:
        service.renew_key(unit, cast.actor(cast.people()[name]), consortium_id=cast.north.id, now=cast.now)


@pytest.mark.parametrize("name", ["alice", "olga", "samir", "rita", "ruth", "ada"])
def test_only_the_lead_opens_its_feed_to_everybody(app: Flask, cast: Cast, name: str) -> None:
    person = cast.people()[name]
    with pytest.raises(NotPermitted), transaction() as unit:
        service.choose_public(unit, cast.actor(person), consortium_id=cast.north.id, public=True, now=cast.now)
    client = browser(app, cast, person)
    assert client.post(f"/known-issues/feeds/{cast.north.id}/public", data={"public": 1}).status_code == 404
