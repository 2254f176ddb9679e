"""Merging issues: what moves, what is kept, who is told, and who wins."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.db import transaction
from desk.domain.errors import Conflict, InvalidInput, NotPermitted
from desk.domain.register import EntryAudience, IssueState
from desk.events.models import Event
from desk.issue_merge import service
from desk.issues import queries
from desk.issues import service as issues
from desk.issues.models import Issue, IssuePublication
from desk.known_issues import queries as known
from desk.known_issues import service as telling
from tests.cast import Cast
from tests.issues.scenes import at_registry, draft, east, filed, issue, linked, opened, published


def merged(cast: Cast, person: Person, number: int, into: int, version: int | None = None) -> None:
    with transaction() as unit:
        found = issue(unit, cast, person, number)
        service.merge(unit, cast.actor(person), found, into=into, version=version or found.version, now=cast.now)


def do(cast: Cast, number: int, verb: Callable[..., Any], person: Person | None = None, **values: Any) -> None:
    with transaction() as unit:
        verb(unit, cast.actor(person or cast.leo), unit.get_one(Issue, number), **values, now=cast.now)


def test_links_followers_decisions_and_updates_go_on_and_the_record_is_kept(cast: Cast, session: Session) -> None:
    one, two = opened(cast, text=draft(title="Old words", cause="A stale index.")), opened(cast)
    both, only = (filed(cast, cast.alice, cast.alder) for _ in range(2))
    linked(cast, cast.leo, one, both, only)
    linked(cast, cast.leo, two, both)
    published(cast, cast.leo, one, cast.north)
    do(cast, one, telling.affects_us, cast.bob, member_org_id=cast.birch.id)
    do(cast, one, issues.add_decision, text="We wait.")
    do(cast, one, telling.add_update, audience=EntryAudience.MEMBERS, consortium_id=cast.north.id, text="Soon.")
    merged(cast, cast.leo, one, two)

    actor, target = cast.actor(cast.leo), issue(session, cast, cast.leo, two)
    assert {each.number for each in queries.linked_tickets(session, actor, target)} == {both, only}
    assert queries.affected(session, actor, target).own_members == ("Alder University", "Birch Library")
    assert [each.text for each in queries.decisions_for(session, actor, target)] == ["We wait."]
    kept = [each.text for each in queries.entries_for(session, actor, target)]
    assert any("Old words" in text and "A stale index." in text for text in kept)
    assert known.followers(session, two, cast.north.id, cast.now) == [cast.bob.id]
    (read,) = known.known_issues(session, cast.actor(cast.bob))
    assert (read.number, read.affected, read.follows) == (two, True, True)
    assert [each.text for each in known.published_entries(session, read.publication)] == ["Soon."]
    source = session.get_one(Issue, one)
    assert (source.state, source.merged_into_id) == (IssueState.CLOSED, two)
    assert [each.payload for each in session.query(Event).filter_by(kind="issue_merged")] == [{"into": two}]


def test_members_of_a_published_one_are_told_where_it_goes_on(cast: Cast, session: Session) -> None:
    one, two = opened(cast), opened(cast)
    published(cast, cast.leo, one, cast.north, title="Lists are empty")
    published(cast, cast.leo, two, cast.north, title="Index is stale")
    do(cast, one, telling.follow, cast.alice, member_org_id=cast.alder.id)
    merged(cast, cast.leo, one, two)
    assert [each.publication.title for each in known.known_issues(session, cast.actor(cast.alice))] == [
        "Index is stale"
    ]
    (event,) = session.query(Event).filter_by(kind="issue_updated").all()
    assert event.issue_id == two and "“Lists are empty” has the same cause" in event.payload["text"]
    assert session.query(IssuePublication).filter_by(issue_id=one).one().withdrawn_at is not None


def test_old_addresses_lead_to_where_it_goes_on_however_often_it_was_merged(app: Flask, cast: Cast) -> None:
    one, two, three = opened(cast), opened(cast), opened(cast)
    published(cast, cast.leo, one, cast.north)
    merged(cast, cast.leo, one, two)
    merged(cast, cast.leo, two, three)
    leo, alice, carla = (cast.sign_in(app.test_client(), each) for each in (cast.leo, cast.alice, cast.carla))
    assert leo.get(f"/issues/{one}").location == f"/issues/{three}"
    assert alice.get(f"/known-issues/{one}").location == f"/known-issues/{three}"
    assert carla.get(f"/known-issues/{one}").status_code == 404
    assert f"/issues/{one}" not in leo.get("/issues?state=all").text
    assert leo.get(f"/issues/{one}/merge").location == f"/issues/{three}"


def test_what_points_upward_points_on(cast: Cast, session: Session) -> None:
    below, one, two = opened(cast), at_registry(cast), at_registry(cast)
    do(cast, below, issues.link_upstream, upstream_number=one)
    merged(cast, cast.rita, one, two)
    assert session.get_one(Issue, below).upstream_issue_id == two
    with pytest.raises(Conflict):
        do(cast, below, issues.link_upstream, upstream_number=one)


def test_a_merged_issue_takes_nothing_more(cast: Cast) -> None:
    one, two, ticket = opened(cast), opened(cast), filed(cast, cast.alice, cast.alder)
    merged(cast, cast.leo, one, two)
    for verb, values in (
        (issues.link_ticket, {"ticket_number": ticket}),
        (issues.add_decision, {"text": "Too late."}),
        (telling.publish, {"consortium_id": cast.north.id, "title": "T", "text": "Text"}),
    ):
        with pytest.raises(Conflict):
            do(cast, one, verb, **values)


def test_only_issues_of_one_register_are_merged_by_its_desk(cast: Cast, session: Session) -> None:
    place, _, _, emil = east(cast)
    own, eastern, above = opened(cast), opened(cast, emil, consortium_id=place.id), at_registry(cast)
    for into, refusal in ((own, InvalidInput), (eastern, InvalidInput), (4711, InvalidInput), (above, NotPermitted)):
        with pytest.raises(refusal):
            merged(cast, cast.leo, own, into)
    assert session.query(Issue).filter(Issue.merged_into_id.is_not(None)).count() == 0


def test_of_two_who_merge_at_once_one_wins_and_the_other_is_told(cast: Cast, session: Session) -> None:
    one, two, three = opened(cast), opened(cast), opened(cast)
    version = session.get_one(Issue, one).version
    merged(cast, cast.leo, one, two, version)
    for person, number, into in ((cast.lena, one, three), (cast.lena, two, one)):
        with pytest.raises(Conflict):
            merged(cast, person, number, into, version)
    session.expire_all()
    assert [session.get_one(Issue, each).merged_into_id for each in (one, two, three)] == [two, None, None]


def test_the_page_shows_both_before_it_merges(app: Flask, cast: Cast, session: Session) -> None:
    one, two = opened(cast, text=draft(title="First words")), opened(cast, text=draft(title="Second words"))
    leo = cast.sign_in(app.test_client(), cast.leo)
    path = f"/issues/{one}/merge"
    assert leo.get(path).status_code == 200
    page = leo.post(path, data={"into": two, "version": 1, "preview": 1})
    assert page.status_code == 200 and "First words" in page.text and "Second words" in page.text
    assert session.get_one(Issue, one).merged_into_id is None
    wrong = leo.post(path, data={"into": 4711, "version": 1})
    assert wrong.status_code == 422 and "There is no issue 4711" in wrong.text
    assert leo.post(path, data={"into": two, "version": 1}).location == f"/issues/{two}"
    for stranger in (cast.samir, cast.rita, cast.alice):
        assert cast.sign_in(app.test_client(), stranger).get(f"/issues/{two}/merge").status_code == 404
