"""The caps of one desk: set by its manager, within bounds, and in force from the next mail on."""

from datetime import datetime

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.config import Settings
from desk.db import transaction
from desk.domain.errors import InvalidInput, NotFound
from desk.domain.permissions import Place
from desk.events.models import Event
from desk.mail import caps
from desk.mail.caps import Cap
from desk.mail.models import OutboundState
from tests.cast import Cast
from tests.mail.taking import SOUTH, expand, raw_mail, taker, told, vouched


def test_a_desk_s_own_caps_hold_for_its_mail_and_for_no_other_s(
    cast: Cast, session: Session, settings: Settings, now: datetime
) -> None:
    take = taker(session, settings, now)
    with transaction() as unit:
        here = Place(consortium_id=cast.north.id)
        caps.set_caps(unit, cast.actor(cast.lena), here, {Cap.PER_STRANGER_AND_DAY: 1, Cap.PAIR_PER_HOUR: 2}, now=now)
    for number in range(2):
        take(raw_mail("gil@else.example", text=str(number)))
        take(raw_mail("hal@else.example", to=SOUTH, text=str(number)), mailbox=SOUTH)
    expand(settings, now)
    queued = [row.state for row in told(session, "gil@else.example")].count(OutboundState.QUEUED)
    elsewhere = [row.state for row in told(session, "hal@else.example")].count(OutboundState.QUEUED)
    assert (queued, elsewhere) == (1, 2)
    mails = [take(raw_mail(cast.alice.email, text=str(number), head=vouched(cast.alice.email))) for number in range(3)]
    assert "more than 2 mails" in mails[-1].reason
    assert all("more than" not in mail.reason for mail in mails[:2])
    assert session.scalars(sa.select(Event.kind).filter_by(kind="storm_stopped")).all() == ["storm_stopped"]


@pytest.mark.parametrize("most", [0, -1, caps.MOST + 1])
def test_a_cap_is_neither_taken_away_nor_made_useless(cast: Cast, now: datetime, most: int) -> None:
    with pytest.raises(InvalidInput), transaction() as unit:
        place = Place(consortium_id=cast.north.id)
        caps.set_caps(unit, cast.actor(cast.lena), place, {Cap.PAIR_PER_DAY: most}, now=now)


def test_only_the_manager_of_a_desk_sets_its_caps(cast: Cast, now: datetime) -> None:
    for stranger in (cast.leo, cast.sofia, cast.ruth, cast.alice):
        with pytest.raises(NotFound), transaction() as unit:
            place = Place(consortium_id=cast.north.id)
            caps.set_caps(unit, cast.actor(stranger), place, {Cap.PAIR_PER_DAY: 5}, now=now)


def test_the_page_shows_what_holds_sets_it_and_goes_back(cast: Cast, client: FlaskClient, session: Session) -> None:
    browser = cast.sign_in(client, cast.lena)
    place = f"consortium-{cast.north.id}"
    assert "answered up to 20 an hour" in browser.get("/mail/caps").text
    assert browser.post("/mail/caps", data={"place": place, "pair_per_hour": "7"}).status_code == 303
    assert "answered up to 7 an hour" in browser.get("/mail/caps").text
    wrong = browser.post("/mail/caps", data={"place": place, "pair_per_hour": "0"})
    assert (wrong.status_code, "A cap is a number from 1" in wrong.text) == (422, True)
    browser.post("/mail/caps", data={"place": place, "pair_per_hour": ""})
    assert "answered up to 20 an hour" in browser.get("/mail/caps").text
    foreign = browser.post("/mail/caps", data={"place": f"consortium-{cast.south.id}", "pair_per_hour": "7"})
    assert foreign.status_code == 404
