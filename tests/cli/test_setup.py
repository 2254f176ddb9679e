"""An empty desk is made ready from one file, and nothing is kept of a file with a fault."""

import re
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import MemberOrg, Organisation, Person
from desk.calendars import queries as calendars
from desk.clock import utcnow
from desk.domain.permissions import Role
from tests.conftest import dispose, make_app

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "setup"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example, to be spoiled."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "setup"))


def run(app: Flask, *words: str) -> tuple[int, str]:
    """The command's exit code, and what it printed."""
    result = app.test_cli_runner().invoke(args=list(words))
    return result.exit_code, result.output


def spoil(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def counts(session: Session) -> tuple[int, int]:
    return tuple(session.scalar(sa.select(sa.func.count()).select_from(model)) or 0 for model in (Person, Organisation))  # type: ignore[return-value]


def test_the_example_makes_an_empty_desk_ready(app: Flask, session: Session) -> None:
    code, output = run(app, "setup", str(EXAMPLE / "setup.toml"))
    assert code == 0, output
    consortium = accounts.consortium_by_slug(session, "north")
    assert consortium is not None
    assert [org.name for org in accounts.member_orgs_of_consortium(session, consortium.id)] == [
        "Alder University",
        "Birch Library",
        "Cedar Institute",
    ]
    team = accounts.team_of_consortium(session, consortium.id)
    assert team.support_address == "help@north.example.org"
    assert team.calendar_id is not None
    birch = accounts.org_by_mail_domain(session, consortium.id, "library.birch.example")
    assert birch is not None
    (bob,) = accounts.contacts_of(session, birch.id, utcnow())
    assert list(accounts.contact_labels(session, bob.id, birch.id)) == ["Invoice contact", "Technical contact"]


def test_the_managers_link_lets_them_choose_a_password_and_in(
    app: Flask, session: Session, client: FlaskClient
) -> None:
    _, output = run(app, "setup", str(EXAMPLE / "setup.toml"))
    found = re.search(r"http://localhost(/link/\w+)", output)
    assert found is not None
    assert "Nora Sample" in client.get(found[1]).text
    assert client.post(found[1], data={"password": "three plain words 26"}).status_code == 303
    manager = accounts.person_by_email(session, "nora.sample@north.example.org")
    assert manager is not None
    assert accounts.actor_of(session, manager.id, utcnow()).has_role(Role.LEAD_MANAGER)
    assert client.get(found[1]).status_code == 404


def test_its_calendar_keeps_holidays_closure_and_half_day(app: Flask, session: Session) -> None:
    run(app, "setup", str(EXAMPLE / "setup.toml"))
    consortium = accounts.consortium_by_slug(session, "north")
    assert consortium is not None
    team = accounts.team_of_consortium(session, consortium.id)
    history = calendars.history(session, team.calendar_id)
    assert history is not None
    (version,) = history.versions
    hours = version.calendar
    from_to = (
        utcnow().replace(year=2026, month=12, day=23, hour=0),
        utcnow().replace(year=2027, month=1, day=4, hour=0),
    )
    assert hours.elapsed(*from_to) == 4 * 3600  # the half day only: closure, New Year, a weekend


def test_a_second_consortium_shares_the_registry(app: Flask, session: Session, folder: Path) -> None:
    run(app, "setup", str(EXAMPLE / "setup.toml"))
    spoil(folder / "setup.toml", 'slug = "north"', 'slug = "south"')
    spoil(folder / "setup.toml", "help@north.example.org", "help@south.example.org")
    code, output = run(app, "setup", str(folder / "setup.toml"))
    assert code == 0, output
    south = accounts.consortium_by_slug(session, "south")
    north = accounts.consortium_by_slug(session, "north")
    assert south is not None and north is not None
    assert south.registry_id == north.registry_id
    # The same organisation twice a member, known once.
    assert session.scalar(sa.select(sa.func.count()).select_from(MemberOrg)) == 6
    assert session.scalar(sa.select(sa.func.count()).where(Organisation.ror_id.is_not(None))) == 2


def test_a_consortium_is_not_set_up_twice(app: Flask, session: Session) -> None:
    run(app, "setup", str(EXAMPLE / "setup.toml"))
    before = counts(session)
    code, output = run(app, "setup", str(EXAMPLE / "setup.toml"))
    assert code == 1
    assert "set up already" in output
    assert counts(session) == before


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("members.csv", "02r0a6q32", "02r0a6q33", "members.csv, line 3: “02r0a6q33” is not a ROR id"),
        ("members.csv", ",GB,birch", ",Britain,birch", "members.csv, line 3: “Britain” is not a country"),
        ("members.csv", "Birch Library,02r0a6q32", "Alder University,", "members.csv, line 3: the same member"),
        ("members.csv", "name,ror", "title,ror", "members.csv, line 1: there is no column “title”"),
        ("contacts.csv", "bob@birch.example", "bob at birch", "contacts.csv, line 4: That is not an e-mail"),
        ("contacts.csv", ",contact,yes", ",lead,yes", "contacts.csv, line 4: “lead” is not a role"),
        ("contacts.csv", "contact,yes", "contact,maybe", "contacts.csv, line 4: sees_all is yes or no"),
        ("contacts.csv", "adam@alder", "alice@alder", "contacts.csv, line 3: the same address"),
        (
            "contacts.csv",
            "Birch Library,Bob",
            "Beech Library,Bob",
            "contacts.csv, line 4: bob@birch.example belongs",
        ),
        (
            "contacts.csv",
            "bob@birch.example",
            "help@north.example.org",
            "line 4: help@north.example.org is",
        ),
        ("setup.toml", "closures =", "closuers =", "[consortium.calendar] has “closuers”, which is not read"),
        ("setup.toml", "members =", "memebrs =", "the file has “memebrs”, which is not read"),
        ("setup.toml", 'slug = "north"', 'slug = "the north"', "[consortium] slug is a short name"),
        ("setup.toml", 'service = "ORCID"', 'service = "orcid"', "[registry] service is ORCID or DataCite"),
        ("setup.toml", 'language = "en"', 'language = "German"', "[consortium] language is one of en, de,"),
        ("setup.toml", "days = 10", 'days = "ten"', "reopen_working_days is a whole number from 1 to 366"),
        ("setup.toml", "days = 10", "days = -3", "reopen_working_days is a whole number from 1 to 366"),
        (
            "setup.toml",
            '"contacts.csv"',
            '"people.csv"',
            "people.csv: the table cannot be read (No such file",
        ),
        ("contacts.csv", "Europe/Dublin", "Dublin", "contacts.csv, line 5: “Dublin” is not a time zone"),
        ("setup.toml", 'slug = "north"', "", "[consortium] needs “slug”"),
        ("setup.toml", "[manager]", "[boss]", "the part [manager] is missing"),
        ("setup.toml", 'timezone = "Europe/London"   #', 'timezone = "London" #', "“London” is not a time zone"),
        ("setup.toml", "2026-12-24/2027-01-01", "2026-12-24/2026-12-01", "does not end after it begins"),
        ("setup.toml", 'mon = "09:00-17:00"', 'mon = "9-17"', "is not a time of day"),
        ("setup.toml", 'subdivision = "ENG"', 'subdivision = "XYZ"', "No holidays are known"),
        ("setup.toml", "help@north.example.org", "help at north", "not an e-mail address"),
        ("setup.toml", "[consortium]", "[consortium", "setup.toml:"),
    ],
)
def test_a_fault_is_named_by_its_place_and_nothing_is_kept(
    app: Flask, session: Session, folder: Path, file: str, old: str, new: str, words: str
) -> None:
    spoil(folder / file, old, new)
    code, output = run(app, "setup", str(folder / "setup.toml"))
    assert code == 1
    assert words in output
    assert "Nothing was kept" in output
    assert counts(session) == (0, 0)
    assert accounts.registry_by_slug(session, "orcid") is None


def test_all_faults_are_named_at_once(app: Flask, folder: Path) -> None:
    spoil(folder / "members.csv", "02r0a6q32", "02r0a6q33")
    spoil(folder / "contacts.csv", "bob@birch.example", "bob")
    _, output = run(app, "setup", str(folder / "setup.toml"))
    assert "members.csv, line 3" in output
    assert "contacts.csv, line 4" in output


def test_a_member_with_a_fault_is_named_without_its_contacts(app: Flask, folder: Path) -> None:
    spoil(folder / "members.csv", "016cn1q84", "016cn1q85")
    _, output = run(app, "setup", str(folder / "setup.toml"))
    assert "members.csv, line 2" in output
    assert "contacts.csv" not in output


def test_a_table_in_another_encoding_is_said_without_its_bytes(app: Flask, folder: Path) -> None:
    (folder / "contacts.csv").write_bytes("member,name\nAlder University,José\n".encode("latin-1"))
    code, output = run(app, "setup", str(folder / "setup.toml"))
    assert code == 1
    assert "contacts.csv: the table is not in UTF-8" in output


def test_two_teams_never_share_a_support_address(app: Flask, session: Session, folder: Path) -> None:
    run(app, "setup", str(EXAMPLE / "setup.toml"))
    before = counts(session)
    spoil(folder / "setup.toml", 'slug = "north"', 'slug = "south"')
    code, output = run(app, "setup", str(folder / "setup.toml"))
    assert code == 1
    assert "help@north.example.org is the support address of another team" in output
    assert counts(session) == before


def test_a_database_without_tables_is_said_before_anything_is_begun(tmp_path: Path) -> None:
    app = make_app(f"sqlite:///{tmp_path / 'none.db'}", tmp_path)
    for words in (
        ("setup", str(EXAMPLE / "setup.toml")),
        ("serve",),
        ("demo", "load"),
        ("demo", "volume", "--tickets", "5"),
    ):
        code, output = run(app, *words)
        assert code == 1
        assert "db upgrade" in output
    with app.app_context():
        dispose()
