"""The least that Flask can do with the same rows: a statement, a template, no rules. The measure for the desk.

It reads the desk's own tables and writes into two of its own. ``BARE_DATABASE_URL`` names the database.
"""

import email
import email.policy
import os
import tempfile
from pathlib import Path

import sqlalchemy as sa
from flask import Flask, Response, redirect, render_template_string, request

_PAGE = """<!doctype html><html lang="en"><head><title>{{ title }}</title></head><body><h1>{{ title }}</h1>
<table>{% for row in rows %}<tr>{% for value in row %}<td>{{ value }}</td>{% endfor %}</tr>{% endfor %}</table>
</body></html>"""

_QUEUE = sa.text("""
SELECT ticket.id, ticket.subject, ticket.state, ticket.priority, ticket.updated_at, organisation.name, person.name
FROM ticket
LEFT JOIN member_org ON member_org.id = ticket.member_org_id
LEFT JOIN organisation ON organisation.id = member_org.organisation_id
LEFT JOIN person ON person.id = ticket.requester_id
WHERE ticket.consortium_id = :consortium AND ticket.state NOT IN ('resolved', 'closed')
ORDER BY ticket.id LIMIT :size
""")
_TICKET = sa.text("""
SELECT ticket.subject, ticket.state, message.created_at, person.name, message.text
FROM ticket JOIN message ON message.ticket_id = ticket.id LEFT JOIN person ON person.id = message.author_id
WHERE ticket.id = :ticket ORDER BY message.id
""")

_META = sa.MetaData()
_OWN_TICKET = sa.Table(
    "bare_ticket", _META, sa.Column("id", sa.Integer, primary_key=True), sa.Column("subject", sa.String(200))
)
_OWN_MESSAGE = sa.Table(
    "bare_message",
    _META,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("ticket_id", sa.ForeignKey("bare_ticket.id")),
    sa.Column("text", sa.Text),
)


def create_bare(url: str, folder: Path) -> Flask:
    """The bare application on a database that the desk has filled."""
    app = Flask("bare")
    engine = sa.create_engine(url)
    _META.create_all(engine)
    app.extensions["engine"] = engine

    @app.get("/queue/<int:consortium>/<int:size>")
    def queue(consortium: int, size: int) -> str:
        with engine.connect() as connection:
            rows = connection.execute(_QUEUE, {"consortium": consortium, "size": size}).all()
        return render_template_string(_PAGE, title="Queue", rows=rows)

    @app.get("/ticket/<int:ticket>")
    def show(ticket: int) -> str:
        with engine.connect() as connection:
            rows = connection.execute(_TICKET, {"ticket": ticket}).all()
        return render_template_string(_PAGE, title="Ticket", rows=rows)

    @app.post("/ticket")
    def create() -> Response:
        return redirect(f"/ticket/{store(engine, request.form['subject'], request.form['text'])}", 303)  # type: ignore[return-value]

    @app.post("/mail")
    def mail() -> str:
        raw = request.get_data()
        keep(folder, raw)
        message = email.message_from_bytes(raw, policy=email.policy.default)
        body = message.get_body(("plain",))
        return str(store(engine, str(message["Subject"]), body.get_content() if body else ""))

    return app


def store(engine: sa.Engine, subject: str, text: str) -> int:
    """Two rows in one transaction; the id of the first."""
    with engine.begin() as connection:
        ident = connection.execute(sa.insert(_OWN_TICKET).values(subject=subject[:200])).inserted_primary_key
        assert ident is not None
        connection.execute(sa.insert(_OWN_MESSAGE).values(ticket_id=ident[0], text=text))
    return int(ident[0])


def keep(folder: Path, raw: bytes) -> None:
    """The bytes in a file that outlives a power cut."""
    descriptor, _ = tempfile.mkstemp(dir=folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


if "BARE_DATABASE_URL" in os.environ:
    app = create_bare(os.environ["BARE_DATABASE_URL"], Path(tempfile.mkdtemp(prefix="bare-")))
