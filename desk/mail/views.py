"""The mail screen, for managers: every mail that came in with outcome and reason, and mail of ours that is stuck."""

from enum import StrEnum
from typing import Any, TypeVar

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from flask_login import current_user

from desk.access import current_actor, requires
from desk.clock import utcnow
from desk.config import Settings
from desk.db import db, transaction
from desk.domain.errors import Conflict, DeskError, NotFound, TooLarge, TryLater
from desk.domain.permissions import Permission
from desk.forms import page_of
from desk.mail import explained, intake, letter_examples, outbound, quarantine, queries, stopped, undelivered
from desk.mail.explained import Explained, Outcome, Shown
from desk.mail.forms import LaboratoryForm
from desk.mail.models import InboundOutcome, InboundState, OutboundState
from desk.mail.queries import InboundFilter
from desk.mail.sandbox import Limits, Unreadable, read_guarded
from desk.storage import store
from desk.working_hours.forms import zones

blueprint = Blueprint("mail_screen", __name__, url_prefix="/mail")
Kind = TypeVar("Kind", bound=StrEnum)

# Somebody waits for the answer of the laboratory.
_PATIENCE = Limits(processor_seconds=15, seconds=20.0)
LETTER_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
"""For the HTML part of a letter of ours, in a frame of the page that lists them: it styles itself, and nothing else."""


@blueprint.get("")
@requires(Permission.MAIL_READ)
def index() -> Any:
    """Every mail that came in, newest first, with counts that add up."""
    session, actor, page = db.session(), current_actor(), _page()
    shown = request.args.get("show", "")
    wanted = InboundFilter(_chosen(InboundState, shown), _chosen(InboundOutcome, shown))
    rows = queries.inbound(session, actor, wanted, page=page)
    return render_template(
        "mail_screen/index.html",
        rows=rows[: queries.PAGE_SIZE],
        more=len(rows) > queries.PAGE_SIZE,
        page=page,
        shown=shown,
        counts=queries.inbound_counts(session, actor),
    )


@blueprint.get("/<int:mail_id>")
@requires(Permission.MAIL_READ)
def show(mail_id: int) -> Any:
    """One mail with the evidence for what became of it."""
    session, actor = db.session(), current_actor()
    mail = queries.get_inbound(session, actor, mail_id)
    linked = [number for number in (mail.ticket_id, *mail.evidence.get("linked", [])) if number]
    return render_template("mail_screen/show.html", mail=mail, linked=queries.tickets_to_link(session, actor, linked))


@blueprint.post("/<int:mail_id>/retry")
@requires(Permission.MAIL_READ)
def retry(mail_id: int) -> Any:
    """Read a quarantined mail again."""
    try:
        with transaction() as session:
            quarantine.try_again(session, queries.get_inbound(session, current_actor(), mail_id))
        intake.read_one(mail_id, _settings(), utcnow())
        flash("The mail was read again; see below what became of it.", "success")
    except Conflict as error:
        flash(error.sentence, "warning")
    return redirect(url_for("mail_screen.show", mail_id=mail_id), 303)


@blueprint.post("/<int:mail_id>/open")
@requires(Permission.MAIL_READ)
def open_ticket(mail_id: int) -> Any:
    """Make a ticket of a held mail."""
    actor = current_actor()
    key = queries.get_inbound(db.session(), actor, mail_id).key
    try:
        message = read_guarded(store().get(key), _settings().AUTHSERV_ID or None)
        with transaction() as session:
            mail = queries.get_inbound(session, actor, mail_id)
            quarantine.open_held(session, actor, mail, message, now=utcnow())
            opened = mail.outcome is InboundOutcome.OPENED
        if opened:
            flash("A ticket was opened from this mail. Its sender is not verified.", "success")
        else:
            flash("It belongs to no consortium that the desk could find, so no ticket was opened.", "warning")
    except DeskError as error:
        flash(error.sentence, "warning")
    return redirect(url_for("mail_screen.show", mail_id=mail_id), 303)


@blueprint.get("/out")
@requires(Permission.MAIL_READ)
def outbox() -> Any:
    """Mail of ours by state; what is dead says why and can be sent again."""
    state, page = _chosen(OutboundState, request.args.get("show", "")) or OutboundState.DEAD, _page()
    rows = queries.outbound(db.session(), current_actor(), state, page=page)
    return render_template(
        "mail_screen/outbox.html",
        rows=rows[: queries.PAGE_SIZE],
        more=len(rows) > queries.PAGE_SIZE,
        page=page,
        shown=state.value,
    )


@blueprint.post("/out/<int:mail_id>/send")
@requires(Permission.MAIL_READ)
def send_again(mail_id: int) -> Any:
    """Queue a dead mail again."""
    with transaction() as session:
        outbound.send_again(session, queries.get_outbound(session, current_actor(), mail_id), now=utcnow())
    flash("The mail is queued again.", "success")
    return redirect(url_for("mail_screen.outbox"), 303)


@blueprint.get("/stopped")
@requires(Permission.MAIL_READ)
def stopped_addresses() -> Any:
    """Addresses to which nothing goes, with the reason and the way back; below them those that were lifted."""
    session, page = db.session(), _page()
    rows = stopped.addresses(session, current_actor(), page=page)
    return render_template(
        "mail_screen/stopped_addresses.html",
        rows=rows[: queries.PAGE_SIZE],
        more=len(rows) > queries.PAGE_SIZE,
        page=page,
        days=undelivered.SENT_AGAIN.days,
    )


@blueprint.post("/stopped/<int:suppressed_id>/lift")
@requires(Permission.MAIL_READ)
def lift(suppressed_id: int) -> Any:
    """Let mail go to an address again, and what was held back lately too, by choice."""
    actor, resend = current_actor(), request.form.get("resend") == "1"
    try:
        with transaction() as session:
            found = stopped.address(session, actor, suppressed_id)
            count = undelivered.lift(session, actor, found, resend=resend, now=utcnow())
            address = found.address
        again = "1 mail is" if count == 1 else f"{count} mails are"
        flash(
            f"Mail goes to {address} again. {again} queued." if count else f"Mail goes to {address} again.", "success"
        )
    except Conflict as error:
        flash(error.sentence, "warning")
    return redirect(url_for("mail_screen.stopped_addresses"), 303)


@blueprint.get("/caps")
@requires(Permission.MAIL_READ)
def caps() -> Any:
    """How far each cap on automatic mail is used, and by whom."""
    usage = stopped.usage(db.session(), current_actor(), utcnow())
    return render_template("mail_screen/caps.html", usage=usage)


@blueprint.route("/laboratory", methods=["GET", "POST"])
@requires(Permission.MAIL_READ)
def laboratory() -> Any:
    """What would be read of a message and what would be done with it, and why. Nothing is kept."""
    session, actor, form, shown = db.session(), current_actor(), LaboratoryForm(), None
    form.mailbox.choices = [
        (team.support_address or "", f"{team.support_address}, {team.name}")
        for team in explained.mailboxes(session, actor)
    ]
    if form.validate_on_submit():
        try:
            answer = _experiment(form.raw(), form.mailbox.data)
            shown = explained.shown_to(session, actor, answer)
        except (TooLarge, TryLater) as refused:
            form.refuse(None, refused.sentence)
    return render_template("mail_screen/laboratory.html", form=form, shown=shown, **_kinds_of(shown))


def _experiment(raw: bytes, mailbox: str) -> Explained:
    """Raises ``TryLater`` when the machine cannot start a reader for an odd message."""
    try:
        message = explained.read_to_explain(raw, _settings(), _PATIENCE)
    except Unreadable as error:
        return Explained(mailbox, Outcome.QUARANTINE, error.sentence)
    return explained.explain(db.session(), raw, message, mailbox=mailbox, settings=_settings(), now=utcnow())


def _kinds_of(shown: Shown | None) -> dict[str, Any]:
    """What the program says of itself in a message: the words of the page's badges."""
    message = shown.explained.message if shown else None
    if message is None:
        return {"kinds": []}
    marks = (
        (message.is_bounce, "Delivery report"),
        (message.is_feedback_report, "Complaint report"),
        (message.is_auto_reply, "Automatic answer"),
        (message.is_machine and not (message.is_bounce or message.is_auto_reply), "Written by a machine"),
        (not message.complete, "Not read as a whole"),
    )
    return {"kinds": [words for holds, words in marks if holds]}


@blueprint.get("/letters")
@requires(Permission.MAIL_READ)
def letters() -> Any:
    """Every letter that the desk writes, with a made-up example, in a time zone to choose."""
    zone, asked = _zone(), request.args.get("zone", "").strip()
    refused = f"“{asked[:60]}” is not the name of a time zone." if asked and asked != zone else ""
    return render_template(
        "mail_screen/letters.html",
        examples=letter_examples.examples(zone),
        zone=zone,
        refused=refused,
        asked=asked,
        zones=zones(),
    )


@blueprint.get("/letters/html")
@requires(Permission.MAIL_READ)
def letter_html() -> Any:
    """The HTML part of one example, for its frame."""
    kind, side = request.args.get("kind", ""), request.args.get("to", "")
    if kind not in letter_examples.READERS.get(side, ()):
        raise NotFound
    response = Response(letter_examples.example(kind, side, _zone()).html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = LETTER_POLICY
    return response


def _zone() -> str:
    """The zone that was asked for, else the reader's own."""
    asked = request.args.get("zone", "").strip()
    return asked if asked in zones() else current_user.person.timezone


def _settings() -> Settings:
    settings: Settings = current_app.config["DESK"]
    return settings


def _page() -> int:
    return page_of(request.args.get("page", type=int))


def _chosen(kind: type[Kind], value: str) -> Kind | None:
    return kind(value) if value in {one.value for one in kind} else None
