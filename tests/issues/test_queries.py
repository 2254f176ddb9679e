"""Reading the register: the scope agrees with the rule, counts are of members and consortia, names stay at home."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.db import db, transaction
from desk.domain.permissions import Permission, may
from desk.domain.register import Filters, IssueState
from desk.issues import queries, service
from desk.issues.models import Issue
from desk.known_issues import queries as known
from desk.known_issues import service as known_issues
from tests.cast import Cast
from tests.issues.scenes import (
    at_registry,
    draft,
    east,
    filed,
    handed_over,
    issue,
    linked,
    opened,
    published,
)

EVERYTHING = Filters(state="all")
TODAY = date(2026, 3, 4)


@contextmanager
def statements() -> Iterator[list[str]]:
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        found.append(statement)

    engine = db.engines[None]
    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


def upward(cast: Cast, person: Person, number: int, above: int) -> None:
    with transaction() as session:
        found = issue(session, cast, person, number)
        service.link_upstream(session, cast.actor(person), found, upstream_number=above, now=cast.now)


def affects(cast: Cast, person: Person, number: int, member_org_id: int) -> None:
    with transaction() as session:
        found = session.get_one(Issue, number)
        known_issues.affects_us(session, cast.actor(person), found, member_org_id=member_org_id, now=cast.now)


def world(cast: Cast) -> dict[str, int]:
    """An issue of each sort."""
    made = {
        "north": opened(cast),
        "linked": opened(cast),
        "south": opened(cast, cast.samir, consortium_id=cast.south.id),
        "orcid": at_registry(cast),
        "datacite": opened(cast, cast.dora, registry_id=cast.datacite.id),
    }
    upward(cast, cast.leo, made["linked"], made["orcid"])
    published(cast, cast.leo, made["north"], cast.north)
    published(cast, cast.leo, made["orcid"], cast.north)
    return made


def test_the_scope_says_the_same_as_the_rule_for_everybody(cast: Cast, session: Session) -> None:
    numbers = set(world(cast).values())
    for name, person in cast.people().items():
        actor = cast.actor(person)
        listed = set(session.scalars(sa.select(Issue.id).where(queries.visible_to(actor))))
        allowed = {
            number
            for number in numbers
            if may(actor, Permission.ISSUE_READ, queries.subject_of(session, session.get_one(Issue, number)))
        }
        told = {known.number for known in known.known_issues(session, actor)}
        readable = {
            number
            for number in numbers
            if may(actor, Permission.ISSUE_READ_PUBLISHED, queries.subject_of(session, session.get_one(Issue, number)))
        }
        assert listed == allowed, name
        assert told <= readable, name


def test_each_desk_sees_its_own_register(cast: Cast, session: Session) -> None:
    made = world(cast)
    expected = {
        "leo": {"north", "linked", "orcid"},
        "samir": {"south", "datacite"},
        "rita": {"orcid", "linked"},
        "dora": {"datacite"},
        "alice": set(),
        "ada": set(),
    }
    for name, seen in expected.items():
        lines = queries.register_lines(session, cast.actor(cast.people()[name]), EVERYTHING, TODAY)
        assert {line.issue.number for line in lines} == {made[each] for each in seen}, name


def test_counts_are_of_members_and_consortia_not_of_tickets(cast: Cast, session: Session) -> None:
    number = opened(cast)
    assert counts(session, cast, cast.leo, number) == (0, 1)
    linked(cast, cast.leo, number, *(filed(cast, cast.alice, cast.alder) for _ in range(3)))
    assert counts(session, cast, cast.leo, number) == (1, 1)
    linked(cast, cast.leo, number, filed(cast, cast.bob, cast.birch))
    assert counts(session, cast, cast.leo, number) == (2, 1)
    published(cast, cast.leo, number, cast.north)
    affects(cast, cast.bob, number, cast.birch.id)
    assert counts(session, cast, cast.leo, number) == (2, 1)


def counts(session: Session, cast: Cast, person: Person, number: int) -> tuple[int, int]:
    actor = cast.actor(person)
    found = queries.affected(session, actor, issue(session, cast, person, number))
    (line,) = (one for one in queries.register_lines(session, actor, EVERYTHING, TODAY) if one.issue.number == number)
    assert (line.members, line.consortia) == (found.members, found.consortia)
    return found.members, found.consortia


def test_a_registrys_issue_counts_what_is_linked_below_it_and_names_only_ones_own(cast: Cast, session: Session) -> None:
    place, elm, eve, emil = east(cast)
    above, north = at_registry(cast), opened(cast)
    eastern = opened(cast, emil, consortium_id=place.id)
    for person, number in ((cast.leo, north), (emil, eastern)):
        upward(cast, person, number, above)
    assert counts(session, cast, cast.rita, above) == (0, 2)
    linked(cast, cast.leo, north, filed(cast, cast.alice, cast.alder), filed(cast, cast.bob, cast.birch))
    linked(cast, emil, eastern, filed(cast, eve, elm))
    # The same member by another road is still one.
    linked(cast, cast.leo, above, filed(cast, cast.alice, cast.alder))
    assert counts(session, cast, cast.rita, above) == (3, 2)

    seen = {
        person.name.split()[0]: queries.affected(session, cast.actor(person), issue(session, cast, person, above))
        for person in (cast.leo, emil, cast.rita)
    }
    assert seen["Leo"].own_members == ("Alder University", "Birch Library")
    assert (seen["Leo"].other_members, seen["Leo"].consortium_names) == (1, ())
    assert seen["Emil"].own_members == ("Elm College",)
    assert (seen["Emil"].other_members, seen["Emil"].consortium_names) == (2, ())
    assert seen["Rita"].own_members == ()
    assert seen["Rita"].consortium_names == ("Eastern Consortium", "Northern Consortium")


def test_linked_tickets_are_those_one_may_open(cast: Cast, session: Session) -> None:
    number, kept, given = at_registry(cast), *(filed(cast, cast.alice, cast.alder) for _ in range(2))
    handed_over(cast, given)
    linked(cast, cast.leo, number, kept, given)
    for person, expected in ((cast.leo, [given, kept]), (cast.rita, [given])):
        found = queries.linked_tickets(session, cast.actor(person), issue(session, cast, person, number))
        assert [ticket.number for ticket in found] == expected


def test_the_register_is_one_query_however_long(cast: Cast, session: Session) -> None:
    for _ in range(12):
        opened(cast, text=draft(owner_id=cast.leo.id))
    actor = cast.actor(cast.leo)
    with statements() as found:
        lines = queries.register_lines(session, actor, EVERYTHING, TODAY)
        assert len([(line.issue.title, line.responsible, line.owned_by) for line in lines]) == 12
    assert len(found) == 1
    assert {line.total for line in lines} == {12}


def test_the_register_is_narrowed_and_what_is_due_stands_first(cast: Cast, session: Session) -> None:
    today = TODAY
    late = opened(cast, text=draft(title="100% empty", next_review_on=today - timedelta(days=1)))
    soon = opened(cast, text=draft(next_review_on=today, service="DataCite"))
    never = opened(cast)
    closed = opened(cast, text=draft(next_review_on=today - timedelta(days=9)))
    with transaction() as unit:
        found = issue(unit, cast, cast.leo, closed)
        service.move_issue(
            unit, cast.actor(cast.leo), found, to=IssueState.CLOSED, note="No.", version=found.version, now=cast.now
        )

    def numbers(**wanted: str) -> list[int]:
        lines = queries.register_lines(session, cast.actor(cast.leo), Filters(**wanted), today)
        assert [line.issue.number for line in lines if line.is_overdue(today)] in ([], [late])
        return [line.issue.number for line in lines]

    assert numbers() == [late, soon, never]
    assert numbers(state="all") == [late, soon, never, closed]
    assert numbers(state="closed") == [closed]
    assert numbers(state="overdue") == [late]
    assert numbers(state="nonsense") == [late, soon, never, closed]
    assert numbers(service="DataCite") == [soon]
    assert numbers(text="100%") == [late]
    assert numbers(text="%") == [late]
