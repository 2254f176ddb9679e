"""The mail screen, for managers: every mail that came in with outcome and reason, and mail of ours that is stuck."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from io import BytesIO
from typing import Any, TypeVar

from flask import Blueprint, current_app, flash, redirect, render_template, request, send_file, url_for
from sqlalchemy.orm import Session

from desk.access import current_actor, requires
from desk.accounts import queries as accounts
from desk.bridge.models import Became
from desk.clock import utcnow
from desk.config import Settings
from desk.db import db, transaction
from desk.domain.errors import Conflict, DeskError, InvalidInput, NotFound, NotPermitted, TooLarge, TryLater
from desk.domain.permissions import Actor, Permission, Place
from desk.forms import id_of, page_of
from desk.mail import caps as caps_of_desks
from desk.mail import explained, intake, outbound, quarantine, queries, stopped, undelivered, upcoming
from desk.mail.explained import Explained, Outcome
from desk.mail.forms import LaboratoryForm
from desk.mail.message import InboundMessage
from desk.mail.models import InboundMail, InboundOutcome, InboundState, OutboundState
from desk.mail.queries import InboundFilter
from desk.mail.sandbox import Limits, Unreadable, read_guarded
from desk.storage import store

blueprint = Blueprint("mail_screen", __name__, url_prefix="/mail")
Kind = TypeVar("Kind", bound=StrEnum)

# Somebody waits for the answer of the laboratory.
_PATIENCE = Limits(processor_seconds=15, seconds=20.0)
WAITING = "waiting"
"""What the outbox lists that is not written yet, beside the states of mail."""


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
    at_registry = mail.registry_id is not None and mail.consortium_id is None
    return render_template(
        "mail_screen/show.html",
        mail=mail,
        linked=queries.tickets_to_link(session, actor, linked),
        consortia=accounts.consortia_of(session, mail.registry_id) if at_registry else (),
        redirect_text=quarantine.redirect_text(session, mail),
        awaited=quarantine.answers_to(session, mail),
    )


@blueprint.get("/<int:mail_id>/raw")
@requires(Permission.MAIL_READ)
def raw(mail_id: int) -> Any:
    """The bytes as they came, to be saved and never to be run by the browser."""
    mail = queries.get_inbound(db.session(), current_actor(), mail_id)
    try:
        data = store().get(mail.key)
    except KeyError:
        raise NotFound from None
    answer = send_file(BytesIO(data), mimetype="message/rfc822", as_attachment=True, download_name=f"{mail.id}.eml")
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    del answer.headers["Cache-Control"]  # send_file lets copies be kept; a mail is kept nowhere, as a page is not
    return answer


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


def _deal(mail_id: int, done: str, verb: Callable[[Session, Actor, InboundMail], None]) -> Any:
    """Run a verb on one mail, and show the mail again with what became of it."""
    actor = current_actor()
    try:
        with transaction() as session:
            verb(session, actor, queries.get_inbound(session, actor, mail_id))
        flash(done, "success")
    except (NotFound, NotPermitted):
        raise
    except DeskError as error:
        flash(error.sentence, "warning")
    return redirect(url_for("mail_screen.show", mail_id=mail_id), 303)


@blueprint.post("/<int:mail_id>/discard")
@requires(Permission.MAIL_READ)
def discard(mail_id: int) -> Any:
    """Make nothing of a held or quarantined mail, with a reason."""
    reason = request.form.get("reason", "")
    return _deal(
        mail_id, "The mail is discarded.", lambda s, a, m: quarantine.discard(s, a, m, reason=reason, now=utcnow())
    )


def _deal_as_read(mail_id: int, verb: Callable[[Session, Actor, InboundMail, InboundMessage], tuple[str, str]]) -> Any:
    """The same for a verb that needs what the mail says; it returns a sentence for the person and its colour."""
    actor = current_actor()
    key = queries.get_inbound(db.session(), actor, mail_id).key
    try:
        message = read_guarded(store().get(key), _settings().AUTHSERV_ID or None)
        with transaction() as session:
            said = verb(session, actor, queries.get_inbound(session, actor, mail_id), message)
        flash(*said)
    except (NotFound, NotPermitted):
        raise
    except DeskError as error:
        flash(error.sentence, "warning")
    return redirect(url_for("mail_screen.show", mail_id=mail_id), 303)


@blueprint.post("/<int:mail_id>/release")
@requires(Permission.MAIL_READ)
def release(mail_id: int) -> Any:
    """Put a held mail on its ticket as a note."""

    def verb(session: Session, actor: Actor, mail: InboundMail, message: InboundMessage) -> tuple[str, str]:
        quarantine.release(session, actor, mail, message, now=utcnow())
        return "It is on the ticket as a note for the lead's team.", "success"

    return _deal_as_read(mail_id, verb)


@blueprint.post("/<int:mail_id>/answer")
@requires(Permission.MAIL_READ)
def answer(mail_id: int) -> Any:
    """A held mail is a registry's answer to an escalation."""
    chosen = id_of(request.form.get("link_id", ""))
    if chosen is None:
        raise NotFound

    def verb(session: Session, actor: Actor, mail: InboundMail, message: InboundMessage) -> tuple[str, str]:
        said = quarantine.take_as_answer(session, actor, mail, message, link_id=chosen, now=utcnow())
        if said.became is Became.REFUSED:
            return said.why, "warning"
        return f"It counts as the registry's answer. {said.why}".strip(), "success"

    return _deal_as_read(mail_id, verb)


@blueprint.post("/<int:mail_id>/redirect")
@requires(Permission.MAIL_READ)
def redirect_sender(mail_id: int) -> Any:
    """Tell the sender of a held mail who can help them."""
    text = request.form.get("text", "").replace("\x00", "")
    return _deal(mail_id, "The sender is told.", lambda s, a, m: quarantine.redirect(s, a, m, text=text, now=utcnow()))


@blueprint.post("/<int:mail_id>/open")
@requires(Permission.MAIL_READ)
def open_ticket(mail_id: int) -> Any:
    """Make a ticket of a held mail; of one at a registry's door, with the lead of the consortium that was chosen."""
    chosen = id_of(request.form.get("consortium_id", ""))

    def verb(session: Session, actor: Actor, mail: InboundMail, message: InboundMessage) -> tuple[str, str]:
        quarantine.open_held(session, actor, mail, message, now=utcnow(), consortium_id=chosen)
        if mail.outcome is InboundOutcome.OPENED:
            return "A ticket was opened from this mail. Its sender is not verified.", "success"
        return "It belongs to no consortium that the desk could find, so no ticket was opened.", "warning"

    return _deal_as_read(mail_id, verb)


@blueprint.get("/out")
@requires(Permission.MAIL_READ)
def outbox() -> Any:
    """Mail of ours by state, what is dead with why and a way to send it again; and what waits to be written."""
    session, actor, page, asked = db.session(), current_actor(), _page(), request.args.get("show", "")
    state = _chosen(OutboundState, asked) or OutboundState.DEAD
    upcomings = upcoming.listed(session, actor, page=page) if asked == WAITING else []
    rows = queries.outbound(session, actor, state, page=page) if asked != WAITING else []
    return render_template(
        "mail_screen/outbox.html",
        rows=rows[: queries.PAGE_SIZE],
        upcomings=upcomings[: queries.PAGE_SIZE],
        more=len(rows or upcomings) > queries.PAGE_SIZE,
        page=page,
        shown=WAITING if asked == WAITING else state.value,
        waiting=upcoming.count(session, actor),
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
    return _caps_page()


@blueprint.post("/caps")
@requires(Permission.MAIL_READ)
def set_caps() -> Any:
    """Set the caps of one desk; an empty field goes back to the installation's."""
    kind, _, number = request.form.get("place", "").partition("-")
    place_id = id_of(number)
    if kind not in ("consortium", "registry") or place_id is None:
        raise NotFound
    place = Place(consortium_id=place_id) if kind == "consortium" else Place(registry_id=place_id)
    try:
        values = {cap: _cap_of(cap) for cap in caps_of_desks.Cap}
        with transaction() as session:
            caps_of_desks.set_caps(session, current_actor(), place, values, now=utcnow())
    except InvalidInput as error:
        return _caps_page([(f"{kind}-{number}-{error.field}", error.sentence)]), 422
    flash("The caps are saved. They hold from the next mail on.", "success")
    return redirect(url_for("mail_screen.caps"), 303)


def _cap_of(cap: caps_of_desks.Cap) -> int | None:
    typed = request.form.get(cap.value, "").strip()
    if typed and id_of(typed) is None:
        raise InvalidInput("A cap is a whole number, or empty.", field=cap.value)
    return id_of(typed)


def _caps_page(refused: Sequence[tuple[str, str]] = ()) -> str:
    session, actor = db.session(), current_actor()
    places = stopped.caps_of(session, actor)
    # With one desk, the page speaks of what holds there; with several, of what holds where a desk has said nothing.
    only = places[0].place if len(places) == 1 else Place()
    return render_template(
        "mail_screen/caps.html",
        usage=stopped.usage(session, actor, utcnow()),
        limits=caps_of_desks.in_force(session, _settings(), only.consortium_id, only.registry_id),
        places=places,
        refused=refused,
        cap_words=caps_of_desks.CAP_WORDS,
        most=caps_of_desks.MOST,
    )


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
    return render_template("mail_screen/laboratory.html", form=form, shown=shown, kinds=explained.kinds_of(shown))


def _experiment(raw: bytes, mailbox: str) -> Explained:
    """Raises ``TryLater`` when the machine cannot start a reader for an odd message."""
    try:
        message = explained.read_to_explain(raw, _settings(), _PATIENCE)
    except Unreadable as error:
        return Explained(mailbox, Outcome.QUARANTINE, error.sentence)
    return explained.explain(db.session(), raw, message, mailbox=mailbox, settings=_settings(), now=utcnow())


def _settings() -> Settings:
    settings: Settings = current_app.config["DESK"]
    return settings


def _page() -> int:
    return page_of(request.args.get("page", type=int))


def _chosen(kind: type[Kind], value: str) -> Kind | None:
    return kind(value) if value in {one.value for one in kind} else None
