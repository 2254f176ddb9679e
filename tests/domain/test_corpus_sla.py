"""Cases that others worked out: business time of public projects, and worked examples of the desk's own clocks.

Read from ``DESK_CORPUS`` or from ``../shared/corpus`` beside the checkout; skipped where there is none.
"""

import json
import os
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from desk.domain.calendar import BusinessCalendar
from desk.domain.calendar_history import CalendarHistory, Version
from desk.domain.lifecycle import State
from desk.domain.sla import Book, Change, Clock, HandoverAnswer, Kind, Target, Terms, fold

ROOT = Path(os.environ.get("DESK_CORPUS", Path(__file__).parents[3] / "shared" / "corpus")) / "sla"

pytestmark = pytest.mark.skipif(not ROOT.is_dir(), reason="no corpus beside the checkout")


def lines(name: str) -> list[Any]:
    """Every row of a file, which must be there when the folder is: what is not found is not tried."""
    if not ROOT.is_dir():
        return []
    return [json.loads(line) for line in (ROOT / f"cases_{name}.jsonl").read_text().splitlines()]


def rows(*names: str, op: str | None = None) -> list[Any]:
    """The undisputed rows, of the edges those with one operation."""
    found = [row for name in names for row in lines(name) if row.get("op", op) == op or op is None]
    return [pytest.param(row, id=row["id"]) for row in found if not row.get("disputed")]


ADDED = [*rows("add"), *rows("edge", op="add")]
MEASURED = [*rows("elapsed"), *rows("edge", op="elapsed")]


def test_every_row_is_tried_but_the_disputed_ones() -> None:
    every = [row for name in ("add", "elapsed", "edge") for row in lines(name)]
    tried = [param.values[0]["id"] for param in (*ADDED, *MEASURED)]
    assert sorted(tried) == sorted(row["id"] for row in every if not row.get("disputed"))
    assert len(set(tried)) == len(tried) > 200
    assert {row.get("convention", "any") for row in every if not row.get("disputed")} <= {*CONVENTIONS, "any"}
    assert all(row["op"] in ("add", "elapsed") for row in lines("edge"))


def calendar_of(row: dict[str, Any]) -> BusinessCalendar:
    """The row's calendar with its holidays shuffled and repeated, which must not matter."""
    holidays = row["holidays"] * 2
    random.Random(row.get("id")).shuffle(holidays)
    return BusinessCalendar.from_spec({**row, "holidays": holidays})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


CONVENTIONS = ("nearest", "farthest", "reversed_zero")
"""Boundary rules of other projects beside ours, which has both boundaries and counts backward below zero."""


@pytest.mark.parametrize("row", ADDED)
def test_an_instant_so_much_working_time_away(row: dict[str, Any]) -> None:
    calendar = calendar_of(row)
    start, seconds = at(row["start"]), row["seconds"]
    for time in (calendar, CalendarHistory.of(calendar)):
        found = {"nearest": time.add(start, seconds), "farthest": time.add(start, seconds, "farthest")}
        if row.get("direction") == "backward" and seconds == 0:
            found["farthest"] = time.last_closing(start)
        for boundary, moment in found.items():
            assert moment == at(row.get(f"oracle_{boundary}") or row[f"expect_{boundary}"])
            if row.get("convention") in ("any", boundary):
                assert moment == at(row["expect"])


@pytest.mark.parametrize("row", MEASURED)
def test_the_working_time_between_two_instants(row: dict[str, Any]) -> None:
    calendar = calendar_of(row)
    for time in (calendar, CalendarHistory.of(calendar)):
        found = time.elapsed(at(row["start"]), at(row["end"]))
        assert found == row.get("oracle_seconds", row["expect_seconds"])
        assert row["expect_seconds"] == (max(found, 0) if row.get("convention") == "reversed_zero" else found)


KINDS = {
    "tier1": Kind.LEAD,
    "tier23": Kind.REGISTRY,
    "overall": Kind.OVERALL,
    "first_response": Kind.FIRST_RESPONSE,
    "next_response": Kind.NEXT_RESPONSE,
}
STATES = {
    "waiting_on_member": State.PENDING_MEMBER,
    "escalated_to_registry": State.ESCALATED,
    "waiting_on_lead": State.PENDING_LEAD,
}
CALENDARS = {
    Kind.LEAD: "lead",
    Kind.OVERALL: "promise",
    Kind.FIRST_RESPONSE: "promise",
    Kind.NEXT_RESPONSE: "promise",
    Kind.REGULAR_UPDATE: "promise",
    Kind.REGISTRY: "registry",
    Kind.REGISTRY_ACCEPTANCE: "registry",
}


class Case:
    """A row's ticket, told in the desk's own words."""

    def __init__(self) -> None:
        self.versions: dict[str, list[Version]] = {}
        self.state = State.NEW
        self.keys: dict[Kind, str] = dict(CALENDARS)
        self.targets: dict[Kind, Target] = {}
        self.book = Book({}, {})

    def play(self, event: dict[str, Any]) -> None:
        now = at(event["at"])
        for change in self.changes(event, now):
            self.book.calendars = {key: CalendarHistory(versions) for key, versions in self.versions.items()}
            self.book.apply(change, Terms(self.keys, self.targets), now)
            if change.state is not None:
                self.state = change.state

    def changes(self, event: dict[str, Any], now: datetime) -> list[Change]:
        if "targets" in event:
            self.targets = {KINDS[name]: Target(seconds=value) for name, value in event["targets"].items()}
        match event["type"]:
            case "created":
                for key, name in (("lead", "lead"), ("promise", "lead"), ("registry", "registry")):
                    self.save(key, event[name], now)
                return [Change.created()]
            case "staff_reply":
                return [Change.staff_replied()]
            case "member_message" if self.state is State.RESOLVED:
                return [Change.reopened(by_member=True)]
            case "member_message":
                back = [Change.moved(State.OPEN)] if self.state is State.PENDING_MEMBER else []
                return [Change.member_wrote(), *back]
            case "state":
                return self.moves(STATES.get(event["to"]) or State(event["to"]))
            case "priority":
                return [Change.priority_changed()]
            case "calendar_change":
                self.save(event["which"], event["calendar"], now)
                return [Change.calendar_edited(event["which"])]
            case "transfer":
                self.save("new lead", event["lead"], now)
                self.keys[Kind.LEAD] = "new lead"
                return [Change.lead_transferred()]
            case "merged_into":
                return [Change.merged()]
        raise AssertionError(event)

    def moves(self, state: State) -> list[Change]:
        if state is State.ESCALATED:
            return [Change.escalated(), Change.handover_answered(HandoverAnswer.ACCEPTED, State.ESCALATED)]
        if state is State.RESOLVED:
            return [Change.resolved(public_message=False)]
        return [Change.moved(state)]

    def save(self, key: str, spec: dict[str, Any], now: datetime) -> None:
        self.versions.setdefault(key, []).append(Version(now, calendar_of(spec), key, known_from=now))

    def clocks(self, as_of: datetime) -> dict[Kind, Clock]:
        events = [entry.event for entry in self.book.entries]
        return fold(events, self.book.calendars, {}, as_of)


def shown(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


@pytest.mark.parametrize("row", rows("desk"))
def test_a_worked_example_of_the_desks_own_clocks(row: dict[str, Any]) -> None:
    case = Case()
    for event in row["events"]:
        case.play(event)
    for expected in row["expect"]:
        # Whatever was written later, the past is seen as it was seen then.
        check(case.clocks(at(expected["as_of"])), expected)


@pytest.mark.parametrize("row", rows("desk"))
def test_the_same_while_it_happens(row: dict[str, Any]) -> None:
    case, events = Case(), list(row["events"])
    for expected in row["expect"]:
        while events and at(events[0]["at"]) <= at(expected["as_of"]):
            case.play(events.pop(0))
        check(case.clocks(at(expected["as_of"])), expected)
        assert expected["state"] in (case.state, "new") or STATES.get(expected["state"]) is case.state


def check(clocks: dict[Kind, Clock], expected: dict[str, Any]) -> None:
    for name, kind in KINDS.items():
        clock = clocks.get(kind)
        found = {
            "consumed": clock.consumed if clock else 0,
            "due": shown(clock.due_at if clock else None),
            "breach_at": shown(clock.breach_at if clock else None),
            "breached_at": shown(clock.breached_at if clock else None),
            "breached": bool(clock and clock.breached_at),
        }
        for key, value in found.items():
            if f"{name}_{key}" in expected:
                assert value == expected[f"{name}_{key}"], (name, key, expected["as_of"])
