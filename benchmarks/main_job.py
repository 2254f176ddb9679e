"""The main job, measured: queue, ticket, filing by web and by mail, each beside a bare Flask page with the same rows.

    python -m benchmarks.main_job --tickets 10000 --rounds 40

makes a large world with ``flask demo volume`` on SQLite and on a private PostgreSQL (durable, as in production), then
runs each job and its bare counterpart in turn, in this process, and prints medians, ratios and statements per job;
last, the memory of one gunicorn worker of each after the same pages.
"""

import argparse
import itertools
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from benchmarks.bare import create_bare
from benchmarks.measure import Line, children, counted, in_turn, megabytes
from desk.access import STARTED
from desk.accounts.models import MemberOrg, Person, RoleGrant, Team
from desk.app import create_app
from desk.clock import utcnow
from desk.config import Settings
from desk.conversations.models import Message
from desk.db import db
from desk.domain.lifecycle import DONE
from desk.domain.permissions import Role
from desk.mail import intake
from desk.tickets.models import Ticket
from desk.tickets.queries import PAGE_SIZE
from tests.servers import postgres as postgres_server
from tests.servers.desk import SECRET_KEY, Desk
from tests.servers.postgres import Postgres
from tests.servers.processes import Process, free_port, until
from tests.servers.visitor import Visitor

_numbers = itertools.count(1)
"""Makes every subject, form and mail of a run a new one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tickets", type=int, default=10_000, help="size of the world (default 10000)")
    parser.add_argument("--rounds", type=int, default=40, help="runs of each job (default 40)")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], help="only this one")
    wanted = parser.parse_args()
    for name in [wanted.database] if wanted.database else ["sqlite", "postgresql"]:
        if name == "postgresql" and (why := postgres_server.why_not()):
            print(f"\nPostgreSQL was not measured: {why}")
            continue
        with _database(name) as (url, folder):
            _measure(name, url, folder, wanted.tickets, wanted.rounds)


@contextmanager
def _database(name: str) -> Iterator[tuple[str, Path]]:
    folder = Path(tempfile.mkdtemp(prefix="desk-bench-"))
    server = Postgres(durable=True) if name == "postgresql" else None
    try:
        yield server.create("desk") if server else f"sqlite:///{folder / 'desk.db'}", folder
    finally:
        if server:
            server.close()
        shutil.rmtree(folder, ignore_errors=True)


def _measure(name: str, url: str, folder: Path, tickets: int, rounds: int) -> None:
    desk = Desk(folder, url, DEMO="yes")
    desk.do("db", "upgrade")
    start = time.monotonic()
    desk.do("demo", "volume", "--tickets", str(tickets), seconds=3600)
    made = time.monotonic() - start
    app = create_app(
        {
            "TESTING": True,
            "SECRET_KEY": SECRET_KEY,
            "DATABASE_URL": url,
            "INSTANCE": folder,
            "BASE_URL": "http://localhost",
            "AUTHSERV_ID": "desk.example",
        }
    )
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        world = World()
        print(f"\n{name}: {world.tickets} tickets, {world.messages} messages, made in {made:.0f} s")
    lines = [_line(app, job, rounds) for job in _jobs(app, create_bare(url, folder), world)]
    _print(lines)
    _print_memory(desk, url, app, world)
    desk.close()


class World:
    """What the large world offers to look at: a lead with a long queue, a contact, a ticket with a conversation."""

    def __init__(self) -> None:
        session = db.session()
        open_ = sa.select(Ticket.consortium_id, sa.func.count()).where(Ticket.state.not_in(DONE))
        busiest = session.execute(open_.group_by(Ticket.consortium_id).order_by(sa.func.count().desc())).first()
        assert busiest is not None, "the world has no open ticket"
        self.consortium, self.queue_length = busiest
        self.tickets = session.scalar(sa.select(sa.func.count()).select_from(Ticket))
        self.messages = session.scalar(sa.select(sa.func.count()).select_from(Message))
        self.lead = self._person(Role.LEAD_AGENT, RoleGrant.consortium_id == self.consortium)
        member = session.scalars(sa.select(MemberOrg).where(MemberOrg.consortium_id == self.consortium)).all()
        self.contact = self._person(Role.CONTACT, RoleGrant.member_org_id.in_([org.id for org in member]))
        self.contact_email = session.get_one(Person, self.contact[0]).email
        grant = sa.select(RoleGrant.member_org_id).where(RoleGrant.person_id == self.contact[0])
        self.member_org = session.scalars(grant).first()
        team = session.scalars(sa.select(Team).where(Team.consortium_id == self.consortium)).one()
        self.address = team.support_address or ""
        longest = (
            sa.select(Message.ticket_id)
            .join(Ticket, Ticket.id == Message.ticket_id)
            .where(Ticket.consortium_id == self.consortium)
            .group_by(Message.ticket_id)
            .order_by(sa.func.count().desc(), Message.ticket_id)
        )
        self.ticket = session.get_one(Ticket, session.scalars(longest.limit(1)).one())
        self.ticket_id, self.number = self.ticket.id, self.ticket.number
        session.rollback()

    def _person(self, role: Role, where: sa.ColumnElement[bool]) -> tuple[int, int]:
        found = db.session.execute(
            sa.select(Person.id, Person.epoch)
            .join(RoleGrant, RoleGrant.person_id == Person.id)
            .where(RoleGrant.role == role, where, Person.active)
            .order_by(Person.id)
        ).first()
        assert found is not None, f"nobody is {role}"
        return found[0], found[1]


class Job:
    """A job of the desk and its bare counterpart."""

    def __init__(self, name: str, desk: Callable[[], None], bare: Callable[[], None]) -> None:
        self.name, self.desk, self.bare = name, desk, bare


def _jobs(app: Flask, bare: Flask, world: World) -> Iterator[Job]:
    lead, contact, nobody = _signed_in(app, world.lead), _signed_in(app, world.contact), bare.test_client()

    def get(client: FlaskClient, path: str) -> Callable[[], None]:
        def run() -> None:
            answer = client.get(path)
            assert answer.status_code == 200, (path, answer.status_code)

        return run

    def file_by_web() -> None:
        answer = contact.post("/tickets/new", data=_form(world, next(_numbers)))
        assert answer.status_code == 303, answer.text

    def file_bare() -> None:
        assert nobody.post("/ticket", data=_form(world, next(_numbers))).status_code == 303

    def file_by_mail() -> None:
        settings: Settings = app.config["DESK"]
        with app.app_context():
            mail = intake.accept(
                _letter(world, next(_numbers)),
                mailbox=world.address,
                envelope_from=world.contact_email,
                settings=settings,
                now=utcnow(),
            )
            intake.read_one(mail, settings, utcnow())

    def mail_bare() -> None:
        assert nobody.post("/mail", data=_letter(world, next(_numbers))).status_code == 200

    size = f"{PAGE_SIZE} of {world.queue_length}"
    yield Job(f"queue page ({size})", get(lead, "/queue"), get(nobody, f"/queue/{world.consortium}/{PAGE_SIZE}"))
    yield Job("ticket page", get(lead, f"/tickets/{world.number}"), get(nobody, f"/ticket/{world.ticket_id}"))
    yield Job("filing by web", file_by_web, file_bare)
    yield Job("filing by mail", file_by_mail, mail_bare)


def _signed_in(app: Flask, person: tuple[int, int]) -> FlaskClient:
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie.update({"_user_id": f"{person[0]}:{person[1]}", "_fresh": True, STARTED: utcnow().timestamp()})
    return client


def _form(world: World, number: int) -> dict[str, str]:
    return {
        "member_org_id": str(world.member_org),
        "kind": "incident",
        "subject": f"Measured ticket {number}",
        "text": "Since this morning nobody can connect an ORCID iD. " * 10,
        "environment": "production",
        "catalogue_key": "",
        "impact": "low",
        "urgency": "low",
        "key": f"measured-form-{number}-{time.monotonic_ns()}",
    }


def _letter(world: World, number: int) -> bytes:
    domain = world.contact_email.partition("@")[2]
    return (
        f"Authentication-Results: desk.example; dmarc=pass header.from={domain}\r\n"
        f"From: {world.contact_email}\r\nTo: {world.address}\r\nSubject: Measured mail {number}\r\n"
        f"Message-ID: <measured-{number}-{time.monotonic_ns()}@{domain}>\r\n\r\n"
        f"{'Since this morning nobody can connect an ORCID iD. ' * 10}\r\n"
    ).encode()


def _line(app: Flask, job: Job, rounds: int) -> Line:
    with app.app_context():
        engine = db.engine
    desk, bare = in_turn(job.desk, job.bare, rounds)
    with counted(engine) as statements:
        job.desk()
    return Line(job.name, desk, bare, len([one for one in statements if not one.startswith(("BEGIN", "PRAGMA"))]))


def _print(lines: list[Line]) -> None:
    print(f"{'':<26}{'desk ms':>9}{'p95':>9}{'bare ms':>9}{'ratio':>8}{'statements':>12}")
    for line in lines:
        numbers = f"{line.desk.median:>9.1f}{line.desk.p95:>9.1f}{line.bare.median:>9.1f}{line.ratio:>8.1f}"
        print(f"{line.job:<26}{numbers}{line.statements:>12}")


def _print_memory(desk: Desk, url: str, app: Flask, world: World) -> None:
    """One worker of each, after fifty pages."""
    cookie = _signed_in(app, world.lead).get_cookie("desk")
    assert cookie is not None
    ours, base = desk.gunicorn(workers=1)
    lead = Visitor(base, cookie.value)
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "benchmarks.bare:app", "--no-control-socket", "-w", "1"]
    log = desk.folder / "bare.log"
    bare = Process([*command, "-b", f"127.0.0.1:{port}"], log=log, env={**desk.env, "BARE_DATABASE_URL": url})
    bare.wait_for_port(port)
    nobody = Visitor(f"http://127.0.0.1:{port}")
    until(lambda: nobody.get(f"/ticket/{world.ticket_id}").status == 200)
    for _ in range(25):
        for client, path in ((lead, "/queue"), (lead, f"/tickets/{world.number}")):
            assert client.get(path).status == 200
        nobody.get(f"/queue/{world.consortium}/{PAGE_SIZE}")
        nobody.get(f"/ticket/{world.ticket_id}")
    (our_worker,), (bare_worker,) = children(ours.pid), children(bare.pid)
    weights = megabytes(our_worker), megabytes(bare_worker)
    print(f"{'memory of a worker, MB':<26}{weights[0]:>9.0f}{'':>9}{weights[1]:>9.0f}{weights[0] / weights[1]:>8.1f}")
    bare.stop()


if __name__ == "__main__":
    main()
