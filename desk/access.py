"""Who is at the door: the marks every view carries, and the actor behind the present request.

``@public`` needs no sign-in. ``@requires(Permission.X)`` needs somebody whose roles give X somewhere; whether it holds
for the record at hand is asked by the verb or the scope, which see the record.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import current_app, g, session
from flask_login import UserMixin, current_user, login_user, logout_user

from desk.accounts import queries as accounts
from desk.accounts.models import Person
from desk.clock import utcnow
from desk.db import db
from desk.domain.errors import NotFound
from desk.domain.permissions import Actor, Permission, ever_may
from desk.extensions import login_manager

View = TypeVar("View", bound=Callable[..., Any])
GUARD = "__desk_guard__"
PUBLIC = "public"
STARTED = "started"


class SignedIn(UserMixin):  # type: ignore[misc]
    """A person as Flask-Login wants one. The id carries the person's epoch, so that a raised epoch ends the session."""

    def __init__(self, person: Person) -> None:
        self.person = person

    def get_id(self) -> str:
        """What the cookie keeps."""
        return f"{self.person.id}:{self.person.epoch}"


@login_manager.user_loader  # type: ignore[untyped-decorator]
def load_user(cookie_id: str) -> SignedIn | None:
    """The person of the cookie, unless a sign-out, a new password or a role change ended the session meanwhile."""
    person_id, _, epoch = cookie_id.partition(":")
    if not (person_id.isdigit() and epoch.isdigit()):
        return None
    person = db.session.get(Person, int(person_id))
    if person is None or not person.active or person.epoch != int(epoch):
        return None
    return SignedIn(person) if _session_is_young() else None


def _session_is_young() -> bool:
    """Sessions end ``SESSION_HOURS`` after the sign-in, used or not."""
    started = session.get(STARTED)
    age = utcnow().timestamp() - started if isinstance(started, (int, float)) else None
    return age is not None and age <= current_app.config["DESK"].SESSION_HOURS * 3600


def begin_session(person: Person) -> None:
    """Begin a new session for the person; what the browser had before is dropped (no fixation)."""
    session.clear()
    session.permanent = True
    session[STARTED] = utcnow().timestamp()
    login_user(SignedIn(person))
    g.pop("actor", None)


def end_session() -> None:
    """End the session of this browser."""
    logout_user()
    session.clear()


def current_actor() -> Actor:
    """The signed-in person with the roles that are in force now."""
    if "actor" not in g:
        g.actor = accounts.actor_of(db.session(), current_user.person.id, utcnow())
    actor: Actor = g.actor
    return actor


def public(view: View) -> View:
    """Mark a view that anybody may call."""
    setattr(view, GUARD, PUBLIC)
    return view


def requires(permission: Permission) -> Callable[[View], View]:
    """Mark a view that needs ``permission``; without a sign-in it leads there, without the right it is not found."""

    def mark(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not current_user.is_authenticated:
                return login_manager.unauthorized()
            if not ever_may(current_actor(), permission):
                raise NotFound
            return view(*args, **kwargs)

        setattr(guarded, GUARD, permission)
        return guarded  # type: ignore[return-value]

    return mark
