"""Choosing one's mails: what is kept, what is refused, and what a token of one click is good for."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.db import transaction
from desk.domain.errors import InvalidInput, NotFound
from desk.domain.notices import Topic, Wishes
from desk.preferences import queries, service
from tests.cast import Cast
from tests.servers.desk import SECRET_KEY

NOTHING: dict[str, Any] = {"daily_at": None, "quiet_from": None, "quiet_until": None, "off": ()}


def save(person: Person, now: datetime, **chosen: Any) -> None:
    with transaction() as unit:
        service.save(unit, unit.get_one(Person, person.id), **(NOTHING | chosen), now=now)


def test_what_somebody_chose_is_kept_and_can_be_taken_back(cast: Cast, session: Session, now: datetime) -> None:
    assert queries.wishes_of(session, cast.alice) == Wishes("Europe/Berlin")
    save(cast.alice, now, daily_at=8, quiet_from=22, quiet_until=7, off=[Topic.ISSUES])
    assert queries.wishes_of(session, cast.alice) == Wishes("Europe/Berlin", 8, 22, 7, frozenset({Topic.ISSUES}))
    save(cast.alice, now)
    assert queries.wishes_of(session, cast.alice) == Wishes("Europe/Berlin")


@pytest.mark.parametrize(
    ("chosen", "field"),
    [
        ({"daily_at": 24}, "daily_at"),
        ({"quiet_from": -1, "quiet_until": 7}, "quiet_from"),
        ({"quiet_from": 22}, "quiet_until"),
        ({"quiet_until": 7}, "quiet_from"),
        ({"quiet_from": 7, "quiet_until": 7}, "quiet_until"),
        ({"daily_at": 3, "quiet_from": 22, "quiet_until": 7}, "daily_at"),
    ],
)
def test_hours_that_make_no_sense_are_refused_at_their_field(
    cast: Cast, session: Session, now: datetime, chosen: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        save(cast.alice, now, **chosen)
    assert refused.value.field == field
    assert queries.wishes_of(session, cast.alice) == Wishes("Europe/Berlin")


def test_one_click_ends_what_the_mail_was_about_and_nothing_else(cast: Cast, session: Session, now: datetime) -> None:
    save(cast.alice, now, off=[Topic.PROGRESS])
    token = service.unsubscribe_token(cast.alice.id, [Topic.ISSUES], SECRET_KEY)
    for _ in range(2):
        with transaction() as unit:
            person, topics = service.read_token(unit, token, SECRET_KEY)
            assert (person.id, topics) == (cast.alice.id, [Topic.ISSUES])
            service.unsubscribe(unit, person, topics, now=now)
    assert queries.wishes_of(session, cast.alice).off == {Topic.ISSUES, Topic.PROGRESS}


@pytest.mark.parametrize("token", ["", "x", "W10.x", "null", "."])
def test_a_token_that_nobody_signed_is_not_found(cast: Cast, session: Session, token: str) -> None:
    with pytest.raises(NotFound):
        service.read_token(session, token, SECRET_KEY)


def test_a_token_of_another_key_is_not_found(cast: Cast, session: Session) -> None:
    token = service.unsubscribe_token(cast.alice.id, [Topic.ISSUES], "another key of another desk, long enough")
    with pytest.raises(NotFound):
        service.read_token(session, token, SECRET_KEY)
