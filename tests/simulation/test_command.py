"""``flask sla simulate`` on a real desk."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from desk.domain.sla import Change
from tests.cast import Cast
from tests.sla.rig import Rig, at

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "simulation"
PERIOD = ("--from", "2026-03-01", "--to", "2026-04-01")


@pytest.fixture
def rig(cast: Cast) -> Rig:
    rig = Rig.build(cast, at("2026-03-02T09:00"))
    rig.change("2026-03-03T11:00", Change.staff_replied())
    return rig


def run(app: Flask, *args: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["sla", "simulate", *args])
    return result.exit_code, result.output


def test_it_prints_both_worlds_and_the_tickets_that_change(app: Flask, rig: Rig) -> None:
    files = ("--agreement", str(EXAMPLES / "agreement.json"), "--calendar", str(EXAMPLES / "hours.json"))
    code, output = run(app, *PERIOD, *files, "--consortium", "north")
    assert code == 0, output
    assert "Tickets of Northern Consortium opened from 2026-03-01 until before 2026-04-01 (Europe/Berlin): 1." in output
    lines = [" ".join(line.split()) for line in output.splitlines()]
    assert "First answer recorded 1 1 0 0 0 100.0 %" in lines
    assert "supposed 1 0 1 0 0 0.0 %" in lines
    assert (
        f"#{rig.ticket_id} First answer: met, used 10:00:00 of 15:00:00; supposed: late, used 12:00:00 of 4:00:00,"
        " late after 2026-03-02T13:00:00Z"
    ) in lines


def test_with_nothing_supposed_nothing_changes(app: Flask, rig: Rig) -> None:
    code, output = run(app, *PERIOD)
    assert code == 0, output
    assert "Tickets of all consortia" in output
    assert "0 measurements would have been late and 0 measurements no longer late." in output


def test_for_other_programs_it_writes_one_document(app: Flask, rig: Rig, cast: Cast) -> None:
    code, output = run(
        app, *PERIOD, "--calendar", str(EXAMPLES / "hours.json"), "--consortium", str(cast.north.id), "--json"
    )
    assert code == 0, output
    found = json.loads(output)
    assert found["tickets"] == 1
    assert found["from"] == "2026-03-01T00:00:00+01:00"
    assert found["kinds"]["first_response"]["recorded"]["attainment_percent"] == 100.0
    assert found["kinds"]["first_response"]["supposed"]["met"] == 1
    assert (found["changed"], found["notes"]) == ([], [])


def test_it_says_that_receipts_cannot_be_supposed(app: Flask, rig: Rig, tmp_path: Path) -> None:
    code, output = run(app, *PERIOD, "--agreement", written(tmp_path, {"receipt_counts": True}))
    assert code == 0, output
    assert "Whether an automatic receipt counts as the first answer cannot be supposed" in output


@pytest.mark.parametrize(
    ("option", "content", "said"),
    [
        ("--agreement", "{", "supposed.json: It is not JSON: Expecting property name"),
        ("--agreement", "[" * 100_000, "supposed.json: It is not JSON."),
        ("--agreement", {"targets": {"P9": {}}}, "supposed.json: “P9” has targets"),
        ("--agreement", {"hold": True}, "supposed.json: “hold” is not known here"),
        ("--calendar", {"tz": "UTC", "weekly_hours": {}}, "supposed.json: These hours never open"),
        ("--calendar", " " * 1_000_001, "supposed.json: It is larger than 1,000,000 bytes."),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_in_a_sentence(
    app: Flask, rig: Rig, tmp_path: Path, option: str, content: Any, said: str
) -> None:
    code, output = run(app, *PERIOD, option, written(tmp_path, content))
    assert code == 1
    assert output.startswith(f"Error: {said}")
    assert len(output.splitlines()) == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--from", "yesterday", "--to", "2026-04-01"), "“yesterday” is not a date"),
        (("--from", "2026-04-01", "--to", "2026-04-01"), "The period ends before it begins"),
        ((*PERIOD, "--consortium", "nowhere"), "There is no consortium “nowhere”"),
        ((*PERIOD, "--registry", "4711"), "There is no registry “4711”"),
        ((*PERIOD, "--registry", "orcid", "--consortium", "north"), "not both"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(app: Flask, cast: Cast, args: tuple[str, ...], said: str) -> None:
    code, output = run(app, *args)
    assert code == 1
    assert said in output
    assert len(output.splitlines()) == 1


def written(folder: Path, content: Any) -> str:
    file = folder / "supposed.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(file)
