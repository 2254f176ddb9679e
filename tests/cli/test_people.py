"""People are added, their roles seen and ended, and lost ones given a new link, from the command line."""

import re

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Consortium
from desk.accounts.service import set_password
from desk.clock import utcnow
from desk.db import transaction
from desk.domain.permissions import Role
from tests.cast import Cast
from tests.cli.test_setup import run


def test_somebody_new_gets_a_role_and_a_link(app: Flask, session: Session, cast: Cast) -> None:
    words = (
        "people",
        "add",
        "New@orcid.example",
        "--name",
        "Nell New",
        "--role",
        "registry_agent",
        "--registry",
        "orcid",
    )
    code, output = run(app, *words)
    assert code == 0, output
    person = accounts.person_by_email(session, "new@orcid.example")
    assert person is not None
    assert accounts.actor_of(session, person.id, utcnow()).registries() == {cast.orcid.id}
    assert re.search(r"http://localhost/link/\w+", output)


def test_a_contact_is_added_by_the_members_name_or_ror_id(app: Flask, session: Session, cast: Cast) -> None:
    for number, member in enumerate(("alder university", "016cn1q84", "https://ror.org/016cn1q84")):
        email = f"n{number}@alder.example"
        words = ("--name", "N", "--role", "contact", "--consortium", "north", "--member", member)
        code, output = run(app, "people", "add", email, *words)
        assert code == 0, output
        person = accounts.person_by_email(session, email)
        assert person is not None
        assert accounts.actor_of(session, person.id, utcnow()).orgs() == {cast.alder.id}


def test_somebody_new_gets_letters_in_the_language_of_the_consortium_unless_another_is_named(
    app: Flask, session: Session, cast: Cast
) -> None:
    with transaction() as work:
        work.execute(sa.update(Consortium).where(Consortium.id == cast.north.id).values(language="fr"))
    for email, extra, language in (("a@x.example", (), "fr"), ("b@x.example", ("--language", "de"), "de")):
        words = ("--name", "N", "--role", "lead_agent", "--consortium", "north", *extra)
        code, output = run(app, "people", "add", email, *words)
        assert code == 0, output
        person = accounts.person_by_email(session, email)
        assert person is not None and person.language == language


def test_somebody_with_a_password_gets_another_role_and_no_link(app: Flask, session: Session, cast: Cast) -> None:
    with transaction() as work:
        set_password(
            work, accounts.person_by_email(work, cast.leo.email) or cast.leo, "three plain words 26", now=utcnow()
        )
    code, output = run(app, "people", "add", cast.leo.email, "--role", "lead_manager", "--consortium", "south")
    assert code == 0, output
    assert "/link/" not in output
    assert accounts.actor_of(session, cast.leo.id, utcnow()).consortia() == {cast.north.id, cast.south.id}


def test_a_second_role_before_the_first_sign_in_prints_the_link_that_works_now(
    app: Flask, session: Session, client: FlaskClient, cast: Cast
) -> None:
    links = []
    for consortium in ("north", "south"):
        words = ("--name", "Nell New", "--role", "lead_agent", "--consortium", consortium)
        _, output = run(app, "people", "add", "nell@lead.example", *words)
        links += re.findall(r"http://localhost(/link/\w+)", output)
    assert [client.get(link).status_code for link in links] == [404, 200]


def test_what_is_missing_is_said(app: Flask, cast: Cast) -> None:
    for words, sentence in (
        (("--role", "contact", "--name", "N"), "needs --consortium"),
        (("--role", "contact", "--consortium", "north", "--name", "N"), "give --member"),
        (("--role", "registry_agent", "--name", "N"), "needs --registry"),
        (("--role", "administrator"), "give --name"),
    ):
        code, output = run(app, "people", "add", "x@y.example", *words)
        assert code == 1
        assert sentence in output


def test_a_role_is_listed_and_ended_by_its_number(app: Flask, session: Session, cast: Cast) -> None:
    _, output = run(app, "people", "roles", cast.leo.email)
    number, role, place = output.split("\t")[:3]
    assert (role, place) == (Role.LEAD_AGENT.value, "Northern Consortium")
    code, output = run(app, "people", "roles", cast.leo.email, "--end", number)
    assert code == 0
    assert " until " in output
    session.expire_all()
    assert accounts.actor_of(session, cast.leo.id, utcnow()).grants == ()


def test_nobody_elses_role_is_ended(app: Flask, cast: Cast) -> None:
    _, output = run(app, "people", "roles", cast.leo.email)
    code, output = run(app, "people", "roles", cast.alice.email, "--end", output.split("\t")[0])
    assert code == 1
    assert "no role with the number" in output


def test_a_new_link_is_given_to_somebody_known_only(app: Flask, cast: Cast) -> None:
    code, output = run(app, "people", "link", cast.alice.email)
    assert code == 0
    assert "/link/" in output
    code, output = run(app, "people", "link", "nobody@alder.example")
    assert code == 1
    assert "Nobody here" in output
