"""The demo's post office: what the desk has mailed, to whom, and writing back as one of its people. Demo only.

It needs no sign-in: whoever can reach a demo may be everybody in it. It exists only where ``DEMO`` is set.
"""

import re
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for

from desk.access import public
from desk.accounts import queries as accounts
from desk.accounts.models import Person, RoleGrant, Team
from desk.config import Settings
from desk.db import db
from desk.demo import letters, sink
from desk.demo.forms import AnswerForm, LetterForm
from desk.domain.errors import InvalidInput, NotFound, TryLater
from desk.domain.permissions import MEMBER_ROLES
from desk.markup import mail_html, plain

FOLDER = "demo-mail"
LISTED = 200
STRANGER = ("Sam Sample", "sam.sample@elsewhere.example")
SANDBOX = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'"

blueprint = Blueprint("demo", __name__)


@blueprint.get("/demo/mail")
@public
def mail() -> Any:
    """Everything the desk has mailed since the demo began, by recipient, newest first."""
    everything = sink.kept(_folder())
    chosen = request.args.get("to", "")
    counts: dict[str, int] = {}
    for each in everything:
        counts[each.recipient] = counts.get(each.recipient, 0) + 1
    shown = [each for each in everything if not chosen or each.recipient == chosen][:LISTED]
    return render_template("demo/mail.html", shown=shown, counts=sorted(counts.items()), chosen=chosen)


@blueprint.route("/demo/mail/<key>", methods=["GET", "POST"])
@public
def letter(key: str) -> Any:
    """One mail as its recipient reads it, and the answer that they write."""
    message = _message(key)
    recipient = str(message.get(sink.RECIPIENT, ""))
    form = AnswerForm()
    if form.validate_on_submit():
        person = accounts.person_by_email(db.session(), recipient)
        name = person.name if person else ""
        try:
            letters.send(letters.answer(message, name, recipient, form.text.data or ""), _settings())
        except (InvalidInput, TryLater) as refused:
            form.refuse(getattr(refused, "field", None), refused.sentence)
        else:
            flash("Sent. The desk reads it within a second or two.", "success")
            return redirect(url_for("demo.mail", to=recipient), 303)
    return render_template(
        "demo/letter.html",
        key=key,
        form=form,
        recipient=recipient,
        message=message,
        text=_as_html(message),
        has_html=message.get_body(("html",)) is not None,
        headers=[(name, str(message[name])) for name in _TOLD if message[name]],
    )


@blueprint.get("/demo/mail/<key>/html")
@public
def html(key: str) -> Any:
    """The HTML part, sanitised, in a sandbox of its own."""
    part = _message(key).get_body(("html",))
    if part is None:
        raise NotFound
    response = Response(f"<!doctype html><title>Mail</title>{mail_html(str(part.get_content()))}", mimetype="text/html")
    response.headers["Content-Security-Policy"] = SANDBOX
    return response


@blueprint.route("/demo/mail/write", methods=["GET", "POST"])
@public
def write() -> Any:
    """A first mail to one of the desks, by a contact or by somebody the desk does not know."""
    form = LetterForm()
    form.sender.choices = [*_contacts(), (STRANGER[1], f"{STRANGER[0]}, unknown to the desk")]
    form.to.choices = _desks()
    if form.validate_on_submit():
        person = accounts.person_by_email(db.session(), form.sender.data)
        name = person.name if person else STRANGER[0]
        try:
            written = letters.first_letter(name, form.sender.data, form.to.data, form.subject.data, form.text.data)
            letters.send(written, _settings())
        except (InvalidInput, TryLater) as refused:
            form.refuse(getattr(refused, "field", None), refused.sentence)
        else:
            flash("Sent. The receipt comes to the sender's mail here within a few seconds.", "success")
            return redirect(url_for("demo.mail", to=form.sender.data), 303)
    return render_template("demo/write.html", form=form)


_TOLD = ("From", "Reply-To", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted")
_ADDRESS = re.compile(r"https?://[^\s<]+[^\s<.,;:)&]")


def _as_html(message: EmailMessage) -> str:
    """The text part as safe HTML with its links to click."""
    part = message.get_body(("plain",))
    text = plain(str(part.get_content()).replace("\r\n", "\n")) if part is not None else ""
    return _ADDRESS.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', text)


def _message(key: str) -> EmailMessage:
    message = sink.read(_folder(), key)
    if message is None:
        raise NotFound
    return message


def _contacts() -> list[tuple[str, str]]:
    rows = db.session.execute(
        sa.select(Person.email, Person.name)
        .where(Person.active, Person.id.in_(sa.select(RoleGrant.person_id).where(RoleGrant.role.in_(MEMBER_ROLES))))
        .order_by(Person.email)
    )
    return [(address, f"{name}, {address}") for address, name in rows]


def _desks() -> list[tuple[str, str]]:
    rows = db.session.execute(
        sa.select(Team.support_address, Team.name).where(Team.support_address.is_not(None)).order_by(Team.id)
    )
    return [(address, f"{name}, {address}") for address, name in rows if address]


def _settings() -> Settings:
    settings: Settings = current_app.config["DESK"]
    return settings


def _folder() -> Path:
    return _settings().INSTANCE / FOLDER
