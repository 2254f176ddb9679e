"""One's own choice of mails on a page, and the address behind "unsubscribe" in a mail program."""

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_login import current_user

from desk.access import current_actor, public, requires
from desk.accounts import queries as accounts
from desk.clock import utcnow
from desk.db import db, transaction
from desk.domain.errors import InvalidInput
from desk.domain.notices import NEVER_OFF, TOPICS, Wishes
from desk.domain.permissions import Permission
from desk.extensions import csrf
from desk.preferences import queries, service
from desk.preferences.forms import AT_ONCE, DAILY, MailForm

blueprint = Blueprint("preferences", __name__)


@blueprint.route("/profile/mail", methods=["GET", "POST"])
@requires(Permission.PROFILE_EDIT)
def mail() -> Any:
    """Which mails come, and when."""
    person, actor = current_user.person, current_actor()
    topics = queries.topics_for(actor)
    wishes = queries.wishes_of(db.session(), person)
    form = MailForm(data=_chosen(wishes))
    if form.validate_on_submit():
        try:
            with transaction() as unit:
                service.save(
                    unit,
                    accounts.person(unit, person.id),
                    daily_at=form.hour("daily_at") if form.how.data == DAILY else None,
                    quiet_from=form.hour("quiet_from"),
                    quiet_until=form.hour("quiet_until"),
                    # What the page does not show to somebody of these roles stays as it is.
                    off=(wishes.off - frozenset(topics)) | (frozenset(topics) - form.wanted()),
                    now=utcnow(),
                )
        except InvalidInput as error:
            form.refuse(error.field, error.sentence)
        else:
            flash("Your choice of mails is saved.", "success")
            return redirect(url_for("preferences.mail"), 303)
    page = render_template(
        "preferences/mail.html",
        form=form,
        person=person,
        topics=[(topic, TOPICS[topic]) for topic in topics],
        never_off=[NEVER_OFF[side] for side in queries.sides_of(actor)],
    )
    return page, 422 if form.errors else 200


def _chosen(wishes: Wishes) -> dict[str, Any]:
    return {
        "how": AT_ONCE if wishes.daily_at is None else DAILY,
        "daily_at": str(wishes.daily_at if wishes.daily_at is not None else 8),
        "quiet_from": "" if wishes.quiet_from is None else str(wishes.quiet_from),
        "quiet_until": "" if wishes.quiet_until is None else str(wishes.quiet_until),
        "on": [topic.value for topic in TOPICS if topic not in wishes.off],
    }


@blueprint.route("/unsubscribe/<token>", methods=["GET", "POST"])
@public
def unsubscribe(token: str) -> Any:
    """End what a mail was about. A GET only asks, since programs follow links in mail; a POST does it (RFC 8058)."""
    key = current_app.config["DESK"].SECRET_KEY
    _, topics = service.read_token(db.session(), token, key)
    if request.method == "POST":
        with transaction() as unit:
            person, topics = service.read_token(unit, token, key)
            service.unsubscribe(unit, person, topics, now=utcnow())
    return render_template(
        "preferences/unsubscribe.html", topics=[TOPICS[topic] for topic in topics], done=request.method == "POST"
    )


# A mail program has neither cookie nor token of a form: the signature in the address is what proves it.
csrf.exempt(unsubscribe)
