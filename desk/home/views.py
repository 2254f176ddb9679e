"""The start page: leads everybody to the page they work on."""

from typing import Any

from flask import Blueprint, redirect, render_template, url_for
from flask_login import current_user

from desk.access import current_actor, public
from desk.domain.permissions import LEAD_ROLES, MEMBER_ROLES, REGISTRY_ROLES

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@public
def index() -> Any:
    """The queue for a lead, the escalations for a registry, the own tickets for a member."""
    if not current_user.is_authenticated:
        return redirect(url_for("accounts.sign_in"))
    actor = current_actor()
    for roles, endpoint in (
        (LEAD_ROLES, "tickets.queue"),
        (REGISTRY_ROLES, "escalations.index"),
        (MEMBER_ROLES, "tickets.index"),
    ):
        if actor.has_role(*roles):
            return redirect(url_for(endpoint))
    return render_template("home/no_role.html")
