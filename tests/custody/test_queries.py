"""The ledger of one ticket with what still lasts, and how often many came back, on both databases."""

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.custody import queries
from desk.custody.models import CustodyEntry
from desk.domain.escalation import ReturnReason
from desk.domain.vocabulary import Channel, Party
from desk.escalations import service
from desk.progress import service as progress
from desk.ticket_custody import custody_of
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.escalations.stage import HOUR, Stage


@pytest.fixture
def stage(cast: Cast, session: Session) -> Stage:
    """A ticket of Alice's whose catalogue entry is for the registry."""
    return Stage.set(cast, session)


def test_the_turn_that_lasts_grows_in_the_holders_calendar(stage: Stage, cast: Cast, session: Session) -> None:
    stage.wait(1)
    stage.sent()  # 11:00 in UTC, where the registry works until 17:00
    for hours, worked in ((0, 0), (2, 2), (6, 6), (9, 6)):
        held = custody_of(session, stage.ticket, Party.LEAD, cast.now + (1 + hours) * HOUR)
        assert held.turns[-1].is_live
        assert held.turns[-1].seconds == worked * 3600
        assert [(each.party, each.seconds) for each in held.totals] == [
            (Party.LEAD, 3600),
            (Party.REGISTRY, worked * 3600),
        ]


def test_a_late_hand_over_is_marked_as_it_was_at_that_moment(stage: Stage, cast: Cast, session: Session) -> None:
    stage.sent()
    stage.does(cast.rita, service.return_, reason=ReturnReason.CONSENT, text="Please ask.")
    stage.wait(24 * 40)
    stage.sent()
    turns = custody_of(session, stage.ticket, Party.REGISTRY, cast.now + stage.passed).turns
    assert [turn.came_late for turn in turns if turn.party is Party.REGISTRY] == [False, True]
    left = sa.select(CustodyEntry.promise_left).where(CustodyEntry.ticket_id == stage.ticket.id)
    assert session.scalars(left.where(CustodyEntry.until_at.is_(None))).one() == 0


def test_ping_pong_is_counted_between_the_same_two(stage: Stage, cast: Cast, session: Session) -> None:
    calm = Stage.set(cast, session)
    calm.accepted()
    for _ in range(2):
        stage.sent()
        stage.does(cast.rita, service.return_, reason=ReturnReason.REPRODUCTION, text="How?")
    stage.accepted()
    # While the member is asked, it comes back all the same.
    stage.does(cast.leo, progress.ask_member, text="Does it still fail?", channel=Channel.WEB)
    stage.does(cast.rita, service.decline, entry_key="orcid-oauth-invalid-scope")
    everything = {"since": cast.now, "until": cast.now + HOUR}
    found = queries.back_and_forth(session, sa.select(Ticket.id), **everything)
    assert [(each.ticket_id, each.lead_team_id, each.registry_id, each.times) for each in found] == [
        (stage.ticket.id, cast.north_desk.id, cast.orcid.id, 3)
    ]
    assert custody_of(session, stage.ticket, Party.LEAD, cast.now).came_back == 3
    nothing = sa.select(Ticket.id).where(Ticket.id == calm.ticket.id)
    assert not queries.back_and_forth(session, nothing, **everything)


def test_each_party_reads_its_part_on_the_page(stage: Stage, cast: Cast, app: Flask) -> None:
    stage.sent()
    pages = {
        name: cast.sign_in(app.test_client(), cast.people()[name]).get(f"/tickets/{stage.ticket.number}").text
        for name in ("leo", "rita", "alice")
    }
    assert "Because it was filed (Alice Alder)." in pages["leo"]
    assert "Because it was filed." in pages["rita"]
    assert "Because the lead handed it over (Leo Larch)." in pages["rita"]
    assert "because your lead passed it on" in pages["alice"]
    assert "working time" not in pages["alice"].partition('id="turns"')[2].partition("</details>")[0]
