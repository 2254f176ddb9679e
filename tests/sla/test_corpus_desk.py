"""Worked examples of the desk's clocks through the verbs that people use, on both databases.

Our own are always played; those of ``DESK_CORPUS``, or of ``../shared/corpus`` beside the checkout, where they are.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from desk.domain.lifecycle import State
from tests.cast import Cast
from tests.sla.worked_cases import OWN, STATES, Life, at

ROOT = Path(os.environ.get("DESK_CORPUS", Path(__file__).parents[3] / "shared" / "corpus")) / "sla"


def cases() -> list[Any]:
    path = ROOT / "cases_desk.jsonl"
    theirs = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    return [pytest.param(case, id=case["id"]) for case in [*OWN, *theirs] if not case.get("disputed")]


@pytest.mark.parametrize("case", cases())
def test_a_worked_example_through_the_verbs(cast: Cast, case: dict[str, Any]) -> None:
    life, events = Life(cast, case), list(case["events"])
    for expected in case["expect"]:
        while events and at(events[0]["at"]) <= at(expected["as_of"]):
            life.play(events.pop(0))
        life.compare(expected)
        if "state" in expected:
            # Whoever answers a new ticket opens it.
            wanted = STATES.get(expected["state"]) or State(expected["state"])
            assert life.state() in ({State.NEW, State.OPEN} if wanted is State.NEW else {wanted})
    for event in events:
        life.play(event)
    for expected in case["expect"]:
        # Whatever was written later, the past is seen as it was seen then.
        life.compare(expected)
    assert life.check() == []
