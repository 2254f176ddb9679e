"""``flask sla`` on a real desk."""

import pytest
import sqlalchemy as sa
from flask import Flask

from desk.db import transaction
from desk.domain.lifecycle import State
from desk.domain.sla import Change
from desk.sla.models import Clock
from tests.cast import Cast
from tests.sla.rig import Rig, at


@pytest.fixture
def rig(cast: Cast) -> Rig:
    rig = Rig.build(cast, at("2026-03-02T09:00"))
    rig.change("2026-03-02T10:00", Change.moved(State.PENDING_MEMBER), reason="the client id", actor_id=cast.leo.id)
    rig.change("2026-03-02T12:00", Change.escalated())
    return rig


def test_explain_prints_stretches_pauses_and_both_zones(app: Flask, rig: Rig) -> None:
    result = app.test_cli_runner().invoke(args=["sla", "explain", str(rig.ticket_id)])
    assert result.exit_code == 0, result.output
    assert "Consortium lead: paused, in working hours of Europe/Berlin" in result.output
    assert "ran   Mon 2026-03-02 10:00:00 Europe/Berlin = Mon 2026-03-02 04:00:00 America/New_York" in result.output
    assert "pending member: the client id, by Leo Larch" in result.output
    assert "used 1:00:00 of 31:00:00" in result.output
    assert "Registry: running" in result.output


def test_explain_says_that_there_is_no_such_ticket(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["sla", "explain", "4711"])
    assert result.exit_code == 1
    assert "There is no ticket 4711." in result.output


def test_rebuild_fails_on_a_difference_and_puts_it_right(app: Flask, rig: Rig) -> None:
    def run(*args: str) -> tuple[int, str]:
        result = app.test_cli_runner().invoke(args=["sla", "rebuild", *args])
        return result.exit_code, result.output

    assert run("--check")[0] == 0
    with transaction() as session:
        session.execute(sa.update(Clock).values(target_seconds=1))
    code, output = run("--check")
    assert code == 1
    assert "target_seconds is 1" in output
    assert "put right" in run()[1]
    assert run("--check") == (0, "Everything stored is what the events say.\n")
