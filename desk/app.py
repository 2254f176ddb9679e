"""create_app(): the only module that knows every part."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, redirect, request, url_for
from flask_bootstrap import Bootstrap5
from flask_login import current_user
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter

from desk import clock, display, errors, extensions, storage
from desk.access import current_actor
from desk.accounts import views as accounts
from desk.agreements import views as agreements
from desk.answers import views as answers
from desk.bridge import views as bridge
from desk.briefs import views as briefs
from desk.bulk_answers import views as bulk_answers
from desk.cli import bridge as bridge_commands
from desk.cli import catalogue as catalogue_commands
from desk.cli import demo as demo_commands
from desk.cli import jobs as jobs_commands
from desk.cli import mail as mail_commands
from desk.cli import people as people_commands
from desk.cli import serve as serve_command
from desk.cli import setup as setup_command
from desk.cli import sla as sla_commands
from desk.cli.readiness import saying_so
from desk.clusters import views as clusters
from desk.config import ROOT, BadSetting, Settings, load_settings
from desk.corrections import views as corrections
from desk.db import LARGEST_ID, db
from desk.delegation import views as delegation
from desk.demo import views as demo
from desk.drafts import views as drafts
from desk.escalations import views as escalations
from desk.feeds import views as feeds
from desk.forms import LimitedRequest
from desk.health import views as health
from desk.home import views as home
from desk.issue_merge import views as issue_merge
from desk.issues import views as issues
from desk.known_issues import views as known_issues
from desk.learning import views as learning
from desk.mail import api as mail_api
from desk.mail import letter_views as letters
from desk.mail import views as mail
from desk.matching import views as matching
from desk.preferences import views as preferences
from desk.problems import views as problems
from desk.progress import views as progress
from desk.registry_actions import views as registry_actions
from desk.reports import views as reports
from desk.routing import views as routing
from desk.simulation import views as simulation
from desk.tickets import views as tickets
from desk.triage import views as triage
from desk.working_hours import views as working_hours

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "object-src 'none'"
)

_COMMANDS = tuple(
    saying_so(module.group)
    for module in (
        bridge_commands,
        catalogue_commands,
        demo_commands,
        jobs_commands,
        mail_commands,
        people_commands,
        serve_command,
        setup_command,
        sla_commands,
    )
)


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """The desk as a WSGI application; ``overrides`` win over file and environment. Raises ``BadSetting``."""
    settings = load_settings(overrides)
    try:
        settings.INSTANCE.mkdir(parents=True, exist_ok=True, mode=0o700)  # mail, files, perhaps the database
    except OSError as error:
        raise BadSetting(f"INSTANCE cannot be the folder {settings.INSTANCE}: {error.strerror}.") from None
    app = Flask(
        "desk",
        root_path=str(ROOT / "desk"),
        template_folder=str(ROOT / "templates"),
        instance_path=str(settings.INSTANCE.resolve()),
    )
    app.request_class = LimitedRequest
    _configure(app, settings)
    clock.configure(settings.CLOCK_OFFSET_FILE)
    storage.configure(storage.FolderStore(Path(settings.ATTACHMENTS)))
    _bind_extensions(app)
    errors.register(app)
    display.register(app)
    _register_parts(app, settings)
    app.after_request(_secure)
    app.context_processor(_page_context)
    return app


def _configure(app: Flask, settings: Settings) -> None:
    app.config.update(
        DESK=settings,
        SECRET_KEY=settings.SECRET_KEY,
        TESTING=settings.TESTING,
        SQLALCHEMY_DATABASE_URI=settings.DATABASE_URL,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(settings),
        MAX_CONTENT_LENGTH=settings.max_upload_bytes,
        MAX_FORM_MEMORY_SIZE=2 * 1024 * 1024,
        MAX_FORM_PARTS=200,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=settings.SESSION_HOURS),
        SESSION_COOKIE_NAME="__Host-desk" if settings.secure else "desk",
        SESSION_COOKIE_SECURE=settings.secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
        WTF_CSRF_SSL_STRICT=False,
        BOOTSTRAP_SERVE_LOCAL=True,
        MAIL_SERVER=settings.SMTP_HOST,
        MAIL_PORT=settings.SMTP_PORT,
        MAIL_USE_TLS=settings.SMTP_SECURITY == "starttls",
        MAIL_USE_SSL=settings.SMTP_SECURITY == "tls",
        MAIL_USERNAME=settings.SMTP_USER or None,
        MAIL_PASSWORD=settings.SMTP_PASSWORD or None,
        MAIL_SUPPRESS_SEND=False,
    )
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    # A number that no id can have is not found, rather than an error of the database.
    app.url_map.converters["int"] = partial(IntegerConverter, max=LARGEST_ID)  # type: ignore[assignment]
    if settings.TRUSTED_PROXIES:
        proxied = ProxyFix(app.wsgi_app, x_for=settings.TRUSTED_PROXIES, x_proto=settings.TRUSTED_PROXIES)
        app.wsgi_app = proxied  # type: ignore[method-assign]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def _engine_options(settings: Settings) -> dict[str, Any]:
    if settings.DATABASE_URL.startswith("sqlite"):
        return {"connect_args": {"timeout": 15}, "hide_parameters": True}
    return {
        "hide_parameters": True,  # an error of the database in the log shows the statement, never what people wrote
        "pool_pre_ping": True,
        "pool_size": 5,
        "max_overflow": 15,
        "pool_timeout": 10,
        "connect_args": {
            "connect_timeout": 5,
            "options": "-c timezone=UTC -c statement_timeout=60000 -c idle_in_transaction_session_timeout=60000",
        },
    }


def _bind_extensions(app: Flask) -> None:
    db.init_app(app)
    extensions.migrate.init_app(app, db, directory=str(ROOT / "migrations"), render_as_batch=True, compare_type=True)
    extensions.csrf.init_app(app)
    extensions.mail.init_app(app)
    extensions.login_manager.init_app(app)
    # The epoch in the cookie ends sessions; Flask-Login's own protection trusts X-Forwarded-For.
    extensions.login_manager.session_protection = None
    extensions.login_manager.unauthorized_handler(_lead_to_sign_in)
    Bootstrap5(app)


def _register_parts(app: Flask, settings: Settings) -> None:
    for views in (
        home,
        accounts,
        preferences,
        tickets,
        progress,
        triage,
        routing,
        corrections,
        escalations,
        bridge,
        answers,
        briefs,
        registry_actions,
        issues,
        bulk_answers,
        drafts,
        delegation,
        known_issues,
        feeds,
        matching,
        issue_merge,
        working_hours,
        simulation,
        agreements,
        reports,
        learning,
        problems,
        clusters,
        mail,
        letters,
        mail_api,
        health,
    ):
        app.register_blueprint(views.blueprint)
    if settings.DEMO:
        app.register_blueprint(demo.blueprint)
    for command in _COMMANDS:
        app.cli.add_command(command)


def _lead_to_sign_in() -> Any:
    wanted = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(url_for("accounts.sign_in", next=wanted))


def _secure(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if not request.endpoint or not request.endpoint.endswith("static"):
        headers.setdefault("Cache-Control", "private, no-store")
    return response


def _page_context() -> dict[str, Any]:
    signed_in = bool(current_user and current_user.is_authenticated)
    return {"actor": current_actor() if signed_in else None, "settings": current_app.config["DESK"]}
