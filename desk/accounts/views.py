"""Signing in and out, one-time links, and one's own profile."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_login import current_user

from desk.access import begin_session, current_actor, end_session, public, requires
from desk.accounts import queries, service
from desk.accounts.forms import ChangePasswordForm, NewPasswordForm, ProfileForm, SignInForm
from desk.accounts.models import OneTimeLink, Person, TokenPurpose
from desk.clock import utcnow
from desk.config import Settings
from desk.db import db, transaction
from desk.domain.errors import InvalidInput, NotFound
from desk.domain.permissions import Permission

blueprint = Blueprint("accounts", __name__)


@blueprint.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> Any:
    """Password or link. Whether the address is known changes nothing that can be seen."""
    if current_user.is_authenticated and request.method == "GET":
        return redirect(url_for("home.index"))
    form = SignInForm()
    if not form.validate_on_submit():
        return _page("accounts/sign_in.html", form)
    if request.form.get("way") == "link":
        return _send_link(form)
    with transaction() as unit:
        person = service.check_password(
            unit,
            email=form.email.data,
            password=form.password.data or "",
            network=request.remote_addr or "",
            secret_key=_settings().SECRET_KEY,
            now=utcnow(),
        )
    if person is None:
        form.refuse(None, "That address and password do not belong together. Try again, or ask for a one-time link.")
        return _page("accounts/sign_in.html", form)
    begin_session(person)
    return redirect(safe_target(request.args.get("next", "")), 303)


def _send_link(form: SignInForm) -> Any:
    minutes = _settings().SIGN_IN_LINK_MINUTES
    with transaction() as unit:
        service.request_link(
            unit,
            email=form.email.data,
            lifetime=timedelta(minutes=minutes),
            network=request.remote_addr or "",
            secret_key=_settings().SECRET_KEY,
            now=utcnow(),
        )
    return render_template("accounts/link_sent.html", minutes=minutes)


@blueprint.route("/link/<token>", methods=["GET", "POST"])
@public
def link(token: str) -> Any:
    """A page with a button: programs that follow links in mail must not use them up."""
    form = NewPasswordForm()
    try:
        found = service.find_link(db.session(), token, secret_key=_settings().SECRET_KEY, now=utcnow())
        person = queries.person(db.session(), found.person_id)
        asks_password = found.purpose is TokenPurpose.SET_PASSWORD
        if request.method == "POST" and (not asks_password or form.validate()):
            begin_session(_redeem(token, form.password.data if asks_password else None))
            return redirect(url_for("home.index"), 303)
    except NotFound:
        return render_template("accounts/link_ended.html"), 404
    except InvalidInput as error:
        form.refuse(error.field, error.sentence)
    return _page("accounts/link.html", form, person=person, asks_password=asks_password)


def _redeem(token: str, password: str | None) -> Person:
    """Use the link up; a password that is refused leaves it unused."""
    with transaction() as unit:
        used: OneTimeLink = service.redeem_link(unit, token, secret_key=_settings().SECRET_KEY, now=utcnow())
        person = queries.person(unit, used.person_id)
        if password is not None:
            service.set_password(unit, person, password, now=utcnow())
    return person


@blueprint.post("/sign-out")
@public
def sign_out() -> Any:
    """End every session and link of this person: the cookie of another browser, or a copy of this one, ends with it."""
    if current_user.is_authenticated:
        with transaction() as unit:
            service.end_sessions(unit, queries.person(unit, current_user.person.id), now=utcnow())
    end_session()
    flash("You are signed out, in every browser. Sign-in links that were mailed to you have ended too.", "success")
    return redirect(url_for("accounts.sign_in"), 303)


@blueprint.route("/profile", methods=["GET", "POST"])
@requires(Permission.PROFILE_EDIT)
def profile() -> Any:
    """What people may change about themselves, and what they are here."""
    form = ProfileForm(obj=current_user.person)
    if form.validate_on_submit():
        try:
            with transaction() as unit:
                service.edit_profile(
                    unit,
                    queries.person(unit, current_user.person.id),
                    name=form.name.data,
                    timezone=form.timezone.data,
                    language=form.language.data,
                    now=utcnow(),
                )
        except InvalidInput as error:
            form.refuse(error.field, error.sentence)
        else:
            flash("Your profile is saved.", "success")
            return redirect(url_for("accounts.profile"), 303)
    return _profile_page(form, ChangePasswordForm(formdata=None))


@blueprint.post("/profile/password")
@requires(Permission.PROFILE_EDIT)
def password() -> Any:
    """A new password; the present one is asked for where there is one."""
    form = ChangePasswordForm()
    person: Person = current_user.person
    if form.validate() and _knows_present(person, form):
        try:
            with transaction() as unit:
                service.set_password(unit, queries.person(unit, person.id), form.password.data, now=utcnow())
        except InvalidInput as error:
            form.refuse(error.field, error.sentence)
        else:
            begin_session(queries.person(db.session(), person.id))
            flash("Your password is changed. Every other browser is signed out.", "success")
            return redirect(url_for("accounts.profile"), 303)
    return _profile_page(ProfileForm(formdata=None, obj=person), form)


def _knows_present(person: Person, form: ChangePasswordForm) -> bool:
    if queries.password_hash(db.session(), person.id) is None:
        return True
    with transaction() as unit:
        known = service.check_password(
            unit,
            email=person.email,
            password=form.present.data or "",
            network=request.remote_addr or "",
            secret_key=_settings().SECRET_KEY,
            now=utcnow(),
        )
    if known is None:
        form.refuse("present", "That is not your present password.")
    return known is not None


def safe_target(wanted: str) -> str:
    """Where to go after sign-in: a path of ours, never another host."""
    try:
        parts = urlsplit(wanted)
    except ValueError:  # such as "//["
        return url_for("home.index")
    plain = wanted.startswith("/") and wanted[1:2] not in ("/", "\\") and wanted.isprintable() and "\\" not in wanted
    if plain and not parts.scheme and not parts.netloc and not wanted[1:].lstrip().startswith("/"):
        return wanted
    return url_for("home.index")


def _profile_page(form: ProfileForm, password_form: ChangePasswordForm) -> Any:
    person: Person = current_user.person
    return _page(
        "accounts/profile.html",
        form,
        password_form=password_form,
        person=person,
        has_password=queries.password_hash(db.session(), person.id) is not None,
        places=queries.places_of(db.session(), current_actor()),
        refused=bool(password_form.errors),
    )


def _page(template: str, form: Any, **more: Any) -> Any:
    refused = bool(form.errors) or more.pop("refused", False)
    return render_template(template, form=form, **more), 422 if refused else 200


def _settings() -> Settings:
    settings: Settings = current_app.config["DESK"]
    return settings
