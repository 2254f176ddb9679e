"""The access table, asked of every role at every door: what each page, list, search, file, feed and mail shows."""

from collections.abc import Iterable, Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.access import GUARD, PUBLIC
from desk.db import transaction
from desk.mail import notify
from desk.mail.models import OutboundMail
from tests.cast import Cast
from tests.security.access_world import CONVERSATION, FILES, READERS, World
from tests.security.doors import addresses, kind_of
from tests.test_endpoints import rules


@pytest.fixture
def world(cast: Cast, session: Session) -> World:
    return World.create(cast, session)


def words_in(text: str, words: Iterable[str] = READERS) -> set[str]:
    return {word for word in words if word in text}


def readable(role: str, words: Iterable[str] = READERS) -> set[str]:
    return {word for word in words if role in READERS[word]}


def browsers(app: Flask, cast: Cast, world: World) -> Iterator[tuple[str, FlaskClient]]:
    for role, person in world.people.items():
        yield role, cast.sign_in(app.test_client(), person)


def test_the_pages_of_tickets_and_issues_show_each_role_exactly_its_cells(app: Flask, cast: Cast, world: World) -> None:
    tickets = [f"/tickets/{world.plain}?all=1", f"/tickets/{world.escalated}?all=1"]
    issues = [f"/{register}/{number}" for register in ("issues", "known-issues") for number in world.issues.values()]
    issues += [f"/updates/{world.update}", f"/drafts/{world.draft}"]
    wrong = {}
    for role, client in browsers(app, cast, world):
        shown = words_in("".join(client.get(path).text for path in (*tickets, *issues)))
        if shown != readable(role):
            wrong[role] = {"more": shown - readable(role), "less": readable(role) - shown}
    assert wrong == {}


def test_no_page_list_export_or_feed_shows_anybody_a_word_outside_their_cells(
    app: Flask, cast: Cast, world: World
) -> None:
    """Every address that a GET can ask for, of each of the things there are: a new page is asked by being there."""
    paths, wrong, tried = every_address(app, cast, world), {}, 0
    for role, client in browsers(app, cast, world):
        for path in paths:
            answer = client.get(path)
            tried += answer.status_code == 200
            if words_in(answer.text) - readable(role):
                wrong[f"{role}: {path}"] = words_in(answer.text) - readable(role)
    assert wrong == {}
    assert tried > 200, "hardly anything was shown"


def every_address(app: Flask, cast: Cast, world: World) -> list[str]:
    """All that a GET can ask for, with the number of each thing of the world."""
    numbers = {"ticket": [world.plain, world.escalated], "file": list(world.files.values())}
    numbers |= {kind: list(world.issues.values()) for kind in ("issue", "published")}
    numbers |= {"update": [world.update], "draft": [world.draft], "team": [cast.orcid_support.id]}
    found = set()
    for rule in rules(app):
        if "GET" not in (rule.methods or ()) or getattr(app.view_functions[rule.endpoint], GUARD, None) == PUBLIC:
            continue
        for number in numbers.get(kind_of(rule), [1]) if rule.arguments else [1]:
            found.update(addresses(app, rule, number, cast))
    return sorted(found)


def test_lists_name_the_tickets_that_can_be_opened_and_no_others(app: Flask, cast: Cast, world: World) -> None:
    subjects = ("wordoftheplainsubject", "wordofthesubject")
    wrong = {}
    for role, client in browsers(app, cast, world):
        shown = words_in("".join(client.get(path).text for path in ("/tickets", "/queue", "/escalations")), subjects)
        if shown != readable(role, subjects):
            wrong[role] = shown
    assert wrong == {}


def test_a_search_finds_a_ticket_by_the_words_that_the_asker_may_read_and_by_no_others(
    app: Flask, cast: Cast, world: World
) -> None:
    """A hit would tell that the word stands in what is kept from them, although the page does not show it."""
    wrong = {}
    for role, client in browsers(app, cast, world):
        if client.get("/queue").status_code != 200:
            continue
        for word in sorted(CONVERSATION):
            text = client.get("/queue", query_string={"q": word}).text
            hit = any(f'href="/tickets/{number}"' in text for number in (world.plain, world.escalated))
            if hit != (role in READERS[word]):
                wrong[f"{role}: {word}"] = "found" if hit else "not found"
    assert wrong == {}


def test_a_file_is_handed_to_the_readers_of_its_message_and_to_nobody_else(
    app: Flask, cast: Cast, world: World
) -> None:
    wrong = {}
    assert set(world.files) == FILES
    for role, client in browsers(app, cast, world):
        given = {word for word, key in world.files.items() if client.get(f"/attachments/{key}").status_code == 200}
        if given != readable(role, FILES):
            wrong[role] = given
    assert wrong == {}


def test_mail_tells_nobody_a_word_outside_their_cells(app: Flask, cast: Cast, session: Session, world: World) -> None:
    while True:
        with transaction() as unit:
            if not notify.expand_one(unit, settings=app.config["DESK"], now=cast.now):
                break
    roles = {person.id: role for role, person in world.people.items()}
    rows = session.scalars(sa.select(OutboundMail)).all()
    told = [(roles[row.person_id], f"{row.subject}\n{row.text}\n{row.html}") for row in rows if row.person_id]
    wrong = {role: words_in(text) - readable(role) for role, text in told if words_in(text) - readable(role)}
    assert wrong == {}
    assert {role for role, _ in told} >= {"requester", "participant", "lead agent", "registry agent"}
