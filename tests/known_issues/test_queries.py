"""Reading what is published: one query however much it is, and what a text that is not yet a ticket is like."""

from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.known_issues import queries
from tests.cast import Cast
from tests.issues.scenes import draft, opened, published
from tests.issues.test_queries import statements


def test_known_issues_are_one_query_however_many(cast: Cast, session: Session) -> None:
    for _ in range(7):
        published(cast, cast.leo, opened(cast), cast.north)
    session.expire_all()
    actor = cast.actor(cast.alice)
    with statements() as found:
        assert len([(one.publication.consortium.name, one.says) for one in queries.known_issues(session, actor)]) == 7
    assert len(found) == 1


def test_a_member_who_begins_to_write_is_shown_what_is_published_and_like_it(cast: Cast, session: Session) -> None:
    number = opened(cast, text=draft(title="Internal: database outage of the member API", symptom="API error 9099"))
    published(cast, cast.leo, number, cast.north, title="Uploads fail", text="Uploads end with API error 9016.")

    def found(person: Person, text: str) -> list[int]:
        return [each.number for each in queries.known_like(session, cast.actor(person), text, service="ORCID")]

    assert found(cast.alice, "Our upload gives API error 9016") == [number]
    assert found(cast.alice, "Internal database outage of the member, 9099") == []
    assert found(cast.carla, "Our upload gives API error 9016") == []
