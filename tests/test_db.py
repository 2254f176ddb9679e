"""The database layer keeps what it promises: no update lost, no id used twice, instants in UTC, one committer."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import Session

from desk.accounts.models import Organisation, Person
from desk.db import db, insert_ignore, transaction
from desk.domain.errors import Conflict
from tests.servers.desk import ROOT, Desk

INCREMENT = """
import sys
from desk.app import create_app
from desk.db import transaction
from desk.accounts.models import Person

with create_app().app_context():
    for _ in range(int(sys.argv[1])):
        with transaction() as session:
            person = session.get_one(Person, 999, with_for_update=True)
            person.epoch = person.epoch + 1
"""


def add_organisation(name: str, at: datetime) -> int:
    with transaction() as session:
        organisation = Organisation(name=name, created_at=at)
        session.add(organisation)
        session.flush()
        return organisation.id


def test_no_update_is_lost_between_processes(app: Flask, desk: Desk, now: datetime) -> None:
    with transaction() as session:
        session.add(Person(id=999, name="Nina", email="nina@alder.example", epoch=1, created_at=now))
    command = [sys.executable, "-c", INCREMENT, "40"]
    running = [
        subprocess.Popen(command, cwd=ROOT, env=desk.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(3)
    ]
    outputs = [process.communicate(timeout=60)[0].decode() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], outputs
    assert db.session.get_one(Person, 999).epoch == 121


def test_an_instant_comes_back_aware_and_in_utc(session: Session, now: datetime) -> None:
    nepal = timezone(timedelta(hours=5, minutes=45))
    ident = add_organisation("Kathmandu Library", now.astimezone(nepal))
    session.expire_all()
    found = session.get_one(Organisation, ident).created_at
    assert found == now
    assert found.tzinfo is UTC


def test_a_naive_instant_is_refused(app: Flask) -> None:
    with pytest.raises(StatementError, match="naive"):
        add_organisation("Nowhere", datetime(2026, 1, 1))


def test_instants_compare_in_the_order_of_time_whatever_their_zone(session: Session, now: datetime) -> None:
    early = add_organisation("Early", now.astimezone(timezone(timedelta(hours=14))))
    late = add_organisation("Late", (now + timedelta(minutes=1)).astimezone(timezone(timedelta(hours=-12))))
    query = sa.select(Organisation.id).where(Organisation.id.in_([early, late])).order_by(Organisation.created_at)
    assert session.scalars(query).all() == [early, late]
    assert session.scalars(query.where(Organisation.created_at > now)).all() == [late]


def test_an_exception_takes_the_whole_unit_back(app: Flask, session: Session, now: datetime) -> None:
    with pytest.raises(RuntimeError, match="thought better"), transaction() as unit:
        unit.add(Organisation(name="Never", created_at=now))
        unit.flush()
        raise RuntimeError("thought better of it")
    assert session.scalars(sa.select(Organisation.id).where(Organisation.name == "Never")).all() == []


def test_units_do_not_nest(app: Flask) -> None:
    with transaction(), pytest.raises(RuntimeError, match="nest"), transaction():
        pass


def test_a_unit_reads_again_what_an_earlier_one_left_in_the_session(
    app: Flask, session: Session, now: datetime
) -> None:
    ident = add_organisation("Before", now)
    organisation = session.get_one(Organisation, ident)
    assert organisation.name == "Before"
    with db.engine.connect() as elsewhere:
        session.rollback()
        elsewhere.execute(sa.update(Organisation).where(Organisation.id == ident).values(name="After"))
        elsewhere.commit()
    with transaction() as unit:
        assert unit.get_one(Organisation, ident).name == "After"


def test_an_id_is_never_used_again(app: Flask, session: Session, now: datetime) -> None:
    first = add_organisation("First", now)
    with transaction() as unit:
        unit.delete(unit.get_one(Organisation, first))
    assert add_organisation("Second", now) > first


def test_a_foreign_key_holds(app: Flask) -> None:
    with pytest.raises(IntegrityError), transaction() as unit:
        unit.execute(sa.text("UPDATE consortium SET registry_id = 987654"))
        unit.execute(
            sa.text("INSERT INTO contact_role (person_id, member_org_id, label) VALUES (987654, 987654, 'technical')")
        )


def test_inserting_what_is_there_already_says_so(app: Flask, now: datetime) -> None:
    values = {"name": "Once", "ror_id": "https://ror.org/02r0a6q32", "country": "", "created_at": now}
    with transaction() as unit:
        assert insert_ignore(unit, Organisation, **values) is True
        assert insert_ignore(unit, Organisation, **values) is False


def test_a_refusal_inside_a_unit_reaches_the_door_unchanged(app: Flask) -> None:
    with pytest.raises(Conflict), transaction():
        raise Conflict
