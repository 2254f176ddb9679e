"""``flask sla`` on a real desk."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from desk.cli.sla import both
from desk.corrections import service as corrections
from desk.corrections.models import Party
from desk.db import transaction
from desk.domain.lifecycle import State
from desk.domain.sla import Change, Kind
from desk.sla.models import Clock
from tests.cast import Cast
from tests.clock import MovableClock
from tests.sla.rig import Rig, at, office_hours


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
    assert "stood Mon 2026-03-02 11:00:00 Europe/Berlin = Mon 2026-03-02 05:00:00 America/New_York to " in result.output
    assert ": it is the member's turn: the client id, by Leo Larch" in result.output
    assert "used 1:00:00 of 31:00:00" in result.output
    assert "Registry: running" in result.output


def test_explain_says_that_there_is_no_such_ticket(app: Flask) -> None:
    for number in ("4711", "0", "99999999999999999999", "-99999999999999999999"):
        result = app.test_cli_runner().invoke(args=["sla", "explain", "--", number])
        assert result.exit_code == 1
        assert f"There is no ticket {number}." in result.output


def test_explain_says_things_in_their_order_and_in_words(app: Flask, rig: Rig, clock: MovableClock) -> None:
    rig.sweep("2026-03-09T12:00")
    clock.set(at("2026-03-09T12:00"))
    lines = run(app, "explain", str(rig.ticket_id))[1].splitlines()
    first = lines.index("First answer: running, in working hours of Europe/Berlin")
    assert "note  Mon 2026-03-02 10:00:00" in lines[first + 1] and "Started, target " in lines[first + 1]
    assert "ran   Mon 2026-03-02 10:00:00" in lines[first + 2]
    text = "\n".join(lines)
    assert ": Warned at 50 %" in text and ": Missed" in text
    assert "open now until Mon 2026-03-09 17:00:00 Europe/Berlin" in text
    for raw in ("_", "warned", "(breached", "(started", "asked", "pending", "next open Mon 2026-03-09 13:00"):
        assert raw not in text.replace("Europe/Berlin", "").replace("America/New_York", ""), raw
    rig.change("2026-03-09T12:30", Change.moved(State.RESOLVED), reason="resolved")
    clock.set(at("2026-03-09T20:00"))
    overall = run(app, "explain", str(rig.ticket_id))[1].partition("\nPromise to the member: ")[2]
    assert "ended Mon 2026-03-09 13:30:00 Europe/Berlin" in overall and ": the ticket moved on" in overall
    assert "to now" not in overall and "open" not in overall


def test_explain_says_why_a_promise_has_no_date(app: Flask, rig: Rig, clock: MovableClock) -> None:
    rig.edit_calendar("2026-03-03T12:00", weekly_hours={}, overrides={"2026-03-04": [["09:00", "10:00"]]})
    clock.set(at("2026-03-03T13:00"))
    text = run(app, "explain", str(rig.ticket_id))[1]
    assert "no date: its calendar has not enough opening hours ahead for " in text
    assert ", promised 20 working days" in text or ", promised 3 working days" in text, text


def test_a_moment_is_said_once_where_both_zones_have_the_same_time() -> None:
    zones = ("Europe/London", "UTC")
    assert both(at("2026-03-02T10:00"), zones) == "Mon 2026-03-02 10:00:00 Europe/London"
    summer = "Thu 2026-07-02 11:00:00 Europe/London = Thu 2026-07-02 10:00:00 UTC"
    assert both(at("2026-07-02T10:00"), zones) == summer


def test_rebuild_fails_on_a_difference_and_puts_it_right(app: Flask, rig: Rig) -> None:
    assert run(app, "rebuild", "--check")[0] == 0
    with transaction() as session:
        session.execute(sa.update(Clock).values(target_seconds=1))
    code, output = run(app, "rebuild", "--check")
    assert code == 1
    assert "target_seconds is 1" in output
    assert "put right" in run(app, "rebuild")[1]
    assert run(app, "rebuild", "--check") == (0, "Everything stored is what the events say.\n")


def run(app: Flask, *args: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["sla", *args])
    return result.exit_code, result.output


HOLIDAY = ("--holiday", "2026-03-02", "--reason", "Spring fair")


def test_remeasure_says_what_it_would_change_and_then_changes_it(app: Flask, rig: Rig, cast: Cast) -> None:
    wanted = ("remeasure", "--calendar", str(rig.lead_calendar_id), *HOLIDAY, "--by", cast.lena.email)
    line = f"Ticket {rig.ticket_id}, Consortium lead: used 1:00:00 -> 0:00:00 (-1:00:00)"
    for _ in range(2):
        code, output = run(app, *wanted, "--dry-run")
        assert (code, line in output, "would be measured again" in output) == (0, True, True)
    code, output = run(app, *wanted)
    assert (code, line in output) == (0, True), output
    assert run(app, "rebuild", "--check")[0] == 0
    explained = run(app, "explain", str(rig.ticket_id))[1]
    assert "Measured again, Mon 2026-03-02 00:00:00 Europe/Berlin" in explained
    assert "-1:00:00 (the working hours of that time were corrected: Spring fair), by Lena Linden" in explained
    assert "ran   Mon 2026-03-02 10:00:00 Europe/Berlin" in explained


def test_remeasure_takes_other_hours_from_a_file(app: Flask, rig: Rig, tmp_path: Path) -> None:
    spec = tmp_path / "hours.json"
    spec.write_text(json.dumps(office_hours("Europe/Berlin", weekly_hours={"mon": [["10:30", "17:00"]]})))
    span = ("--from", "2026-03-02T00:00+01:00", "--until", "2026-03-03T00:00+01:00", "--reason", "We came late")
    code, output = run(app, "remeasure", "--calendar", str(rig.lead_calendar_id), "--spec", str(spec), *span)
    assert code == 0, output
    assert "used 1:00:00 -> 0:30:00 (-0:30:00)" in output


def test_remeasure_puts_one_stretch_of_one_clock_right(app: Flask, rig: Rig, clock: MovableClock) -> None:
    clock.set(at("2026-03-04T05:00"))  # before the desk opens: what is used stands still while the test runs
    wanted = ("remeasure", "--ticket", str(rig.ticket_id), "--kind", "overall", "--reason", "Nobody had asked")
    code, output = run(app, *wanted, "--from", "2026-03-02T10:00Z")
    assert code == 0, output
    assert "Promise to the member: used 13:00:00 -> 15:00:00 (2:00:00)" in output


MANY = "99999999999999999999"
STRETCH = ("--ticket", "1", "--kind", "overall", "--reason", "x")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (HOLIDAY, "either --calendar or --ticket"),
        (("--calendar", "4711", *HOLIDAY), "There is no such calendar."),
        (("--calendar", "1", "--reason", "x"), "Say from when until when"),
        (("--calendar", "1", "--holiday", "2126-03-02", "--reason", "x"), "Only the past is corrected"),
        (("--calendar", "1", *HOLIDAY, "--by", "nobody@stranger.example"), "Nobody has the address"),
        (("--calendar", "1", *HOLIDAY, "--from", "2026-03-02T00:00"), "needs its offset"),
        (("--calendar", "1", *HOLIDAY, "--from", "soon"), "is no instant"),
        (("--ticket", "1", "--reason", "x"), "say which clock"),
        ((*STRETCH, "--from", "9999-12-31T23:59:59-14:00"), "is no instant"),
        ((*STRETCH, "--from", "9999-12-31T23:59:59Z"), "begins"),
        ((*STRETCH, "--from", "0001-01-01T00:00Z"), "begins"),
        ((*STRETCH[2:], "--ticket", MANY, "--from", "2026-03-02T10:00Z"), f"There is no ticket {MANY}."),
        (("--calendar", MANY, *HOLIDAY), "There is no such calendar."),
        (("--calendar", "1", *HOLIDAY, "--until", "0001-01-01T00:00+14:00"), "is no instant"),
        (("--calendar", "1", *HOLIDAY, "--until", "0001-01-01T00:00Z"), "ends before it begins"),
        (("--calendar", "1", "--holiday", "0001-01-01", "--reason", "x"), "cannot be measured"),
        (("--calendar", "1", "--holiday", "9999-12-31", "--reason", "x"), "cannot be measured"),
    ],
)
def test_remeasure_refuses_in_one_sentence(app: Flask, rig: Rig, wrong: tuple[str, ...], sentence: str) -> None:
    code, output = run(app, "remeasure", *wrong)
    assert code == 1
    assert sentence in output
    assert output.startswith("Error: ") and len(output.splitlines()) == 1


@pytest.mark.parametrize("content", ["[" * 100_000, "[]", "{", "1" * 5_000, '{"tz": "\udcff"}'])
def test_remeasure_refuses_a_file_that_holds_no_hours(app: Flask, rig: Rig, tmp_path: Path, content: str) -> None:
    spec = tmp_path / "hours.json"
    spec.write_text(content, "utf-8", "surrogateescape")
    span = ("--from", "2026-03-02T00:00+01:00", "--until", "2026-03-03T00:00+01:00", "--reason", "We came late")
    code, output = run(app, "remeasure", "--calendar", str(rig.lead_calendar_id), "--spec", str(spec), *span)
    assert code == 1
    assert output.startswith("Error: hours.json: It ") and len(output.splitlines()) == 1


def test_explain_shows_objections_with_their_answers(app: Flask, rig: Rig, cast: Cast) -> None:
    with transaction() as session:
        made = corrections.object_to(
            session,
            cast.actor(cast.alice),
            ticket_id=rig.ticket_id,
            party=Party.MEMBER,
            kind=Kind.OVERALL,
            from_at=at("2026-03-02T10:00"),
            text="I had answered.",
            now=at("2026-03-02T13:00"),
        )
        corrections.decide(
            session,
            cast.actor(cast.lena),
            objection_id=made.id,
            confirm=False,
            answer="No.",
            now=at("2026-03-02T14:00"),
        )
    explained = run(app, "explain", str(rig.ticket_id))[1]
    assert "should count: I had answered., by Alice" in explained
    assert "objection refused: No., by Lena" in explained
