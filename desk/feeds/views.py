"""The feeds themselves, and the page on which a person gets an address and a lead opens its feed to everybody."""

import uuid
from typing import Any

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for

from desk.access import current_actor, public, requires
from desk.accounts.models import Consortium
from desk.clock import utcnow
from desk.config import Settings
from desk.db import db, transaction
from desk.domain import atom
from desk.domain.errors import NotFound
from desk.domain.permissions import Permission
from desk.domain.register import MEMBER_WORDS
from desk.feeds import queries, service
from desk.feeds.queries import Story

blueprint = Blueprint("feeds", __name__)

_SECONDS = 300  # that a reader, or somebody between, may keep what is public


@blueprint.app_context_processor
def words() -> dict[str, Any]:
    """What the pages of known issues name to feed readers."""
    return {"feeds_to_find": _to_find}


def _to_find() -> list[tuple[str, str]]:
    """Name and address of each feed that the reader has: open to everybody, or by an address of their own."""
    found = queries.addresses(db.session(), current_actor())
    return [
        (f"Known issues: {each.consortium.name}", _public_url(each.consortium) if each.is_public else _own_url(each))
        for each in found
        if each.is_public or each.key
    ]


@blueprint.get("/known-issues/feeds")
@requires(Permission.ISSUE_READ_PUBLISHED)
def index() -> Any:
    """The addresses of this person, and for a lead whether its feed is open to everybody."""
    found = [
        (each, _public_url(each.consortium) if each.is_public else None, _own_url(each) if each.key else None)
        for each in queries.addresses(db.session(), current_actor())
    ]
    return render_template("feeds/index.html", found=found)


@blueprint.post("/known-issues/feeds/<int:consortium_id>/key")
@requires(Permission.ISSUE_READ_PUBLISHED)
def key(consortium_id: int) -> Any:
    """Make an address of one's own, renew it, or end it."""
    with transaction() as unit:
        if request.form.get("end"):
            service.end_key(unit, current_actor(), consortium_id=consortium_id)
            done = "Your address has ended. Whoever had it reads nothing more."
        else:
            service.renew_key(unit, current_actor(), consortium_id=consortium_id, now=utcnow())
            done = "Your address is ready. One that you had before has ended."
    flash(done, "success")
    return redirect(url_for("feeds.index"), 303)


@blueprint.post("/known-issues/feeds/<int:consortium_id>/public")
@requires(Permission.ISSUE_EDIT)
def choose(consortium_id: int) -> Any:
    """Let everybody read the feed, or only members."""
    is_public = request.form.get("public") == "1"
    with transaction() as unit:
        service.choose_public(unit, current_actor(), consortium_id=consortium_id, public=is_public, now=utcnow())
    flash("Everybody can read the feed now." if is_public else "Only members read the feed now.", "success")
    return redirect(url_for("feeds.index"), 303)


@blueprint.get("/feeds/<slug>.atom")
@public
def everybody(slug: str) -> Any:
    """The feed of a consortium whose lead opened it to everybody."""
    consortium = queries.public_consortium(db.session(), slug)
    return _answer(consortium, _public_url(consortium), f"public, max-age={_SECONDS}")


@blueprint.get("/feeds/<slug>/<token>.atom")
@public
def own(slug: str, token: str) -> Any:
    """The same by a person's own address, for as long as they have a role there."""
    secret = _settings().SECRET_KEY
    consortium = queries.consortium_of_key(db.session(), slug, token, secret_key=secret, now=utcnow())
    url = f"{_settings().BASE_URL}{url_for('feeds.own', slug=slug, token=token)}"
    return _answer(consortium, url, "private, no-cache")


def _answer(consortium: Consortium, url: str, cached: str) -> Response:
    session = db.session()
    updated = queries.last_change(session, consortium)
    feed = atom.Feed(
        id=_urn(f"feed:{consortium.id}:{consortium.created_at.isoformat()}"),
        title=f"Known issues: {consortium.name}",
        author=consortium.name,
        url=url,
        page=f"{_settings().BASE_URL}{url_for('known_issues.index')}",
        updated=updated,
        entries=[_entry(story) for story in queries.stories(session, consortium)],
    )
    answer = Response(atom.document(feed), content_type=f"{atom.MEDIA_TYPE}; charset=utf-8")
    answer.headers["Cache-Control"] = cached
    answer.last_modified = updated
    # Strong, over the very bytes: a count that changes between two words changes it, too (RFC 9110, 8.8.3).
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def _entry(story: Story) -> atom.Entry:
    told = story.told
    return atom.Entry(
        # By when it was first published, which never changes; not by its number, which a merge may change.
        id=_urn(f"known-issue:{told.id}:{told.published_at.isoformat()}"),
        title=told.title,
        url=f"{_settings().BASE_URL}{url_for('known_issues.show', number=told.issue_id)}",
        published=told.published_at,
        updated=told.updated_at,
        html=render_template("feeds/_entry.html", told=told, story=story, says=MEMBER_WORDS[told.state]),
        category=(told.state.value, MEMBER_WORDS[told.state]),
    )


def _urn(name: str) -> str:
    """An id that stays when the desk's address changes (RFC 4287, 4.2.6)."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"consortium-desk:{name}").urn


def _public_url(consortium: Consortium) -> str:
    return f"{_settings().BASE_URL}{url_for('feeds.everybody', slug=consortium.slug)}"


def _own_url(address: queries.Address) -> str:
    if address.key is None:
        raise NotFound
    token = queries.token_of(address.key, _settings().SECRET_KEY)
    return f"{_settings().BASE_URL}{url_for('feeds.own', slug=address.consortium.slug, token=token)}"


def _settings() -> Settings:
    settings: Settings = current_app.config["DESK"]
    return settings
