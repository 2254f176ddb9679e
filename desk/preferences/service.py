"""Choosing which mails one gets and when, on the page or by one click in a mail program."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.domain.errors import InvalidInput, NotFound
from desk.domain.notices import Topic
from desk.events import service as events
from desk.preferences.models import MailPreference

HOURS = range(24)


def save(
    session: Session,
    person: Person,
    *,
    daily_at: int | None,
    quiet_from: int | None,
    quiet_until: int | None,
    off: Iterable[Topic],
    now: datetime,
) -> None:
    """Keep what somebody chose for themselves.

    Raises ``InvalidInput`` for an hour that there is not, half a span, one without length, and a summary that would
    come in the middle of the quiet hours.
    """
    for field, hour in (("daily_at", daily_at), ("quiet_from", quiet_from), ("quiet_until", quiet_until)):
        if hour is not None and hour not in HOURS:
            raise InvalidInput("Choose a full hour of the day.", field=field)
    if (quiet_from is None) != (quiet_until is None):
        missing = "quiet_until" if quiet_until is None else "quiet_from"
        raise InvalidInput("Quiet hours need a beginning and an end.", field=missing)
    if quiet_from is not None and quiet_from == quiet_until:
        raise InvalidInput("Quiet hours end at another hour than they begin.", field="quiet_until")
    if daily_at is not None and _within(daily_at, quiet_from, quiet_until):
        raise InvalidInput("That hour is within your quiet hours. Choose another, or change those.", field="daily_at")
    row = _row(session, person.id, now)
    row.daily_at, row.quiet_from, row.quiet_until = daily_at, quiet_from, quiet_until
    row.off, row.changed_at = sorted({topic.value for topic in off}), now
    _note(session, person.id, now)


def _within(hour: int, start: int | None, end: int | None) -> bool:
    if start is None or end is None:
        return False
    return start <= hour < end if start < end else hour >= start or hour < end


def _row(session: Session, person_id: int, now: datetime) -> MailPreference:
    row = session.get(MailPreference, person_id, with_for_update=True)
    if row is None:
        row = MailPreference(person_id=person_id, off=[], changed_at=now)
        session.add(row)
    return row


def _note(session: Session, person_id: int, now: datetime) -> None:
    events.record(session, "mail_chosen", at=now, actor_id=person_id, person_id=person_id, quiet=True)


# ------------------------------------------------------------------ one click (RFC 8058)


def _serializer(secret_key: str) -> URLSafeSerializer:
    # The salt is the purpose: a token of another kind is refused as this one.
    return URLSafeSerializer(secret_key, salt="desk unsubscribe", signer_kwargs={"digest_method": hashlib.sha256})


def unsubscribe_token(person_id: int, topics: Iterable[Topic], secret_key: str) -> str:
    """What one click ends for whom; it outlives every session, since an old mail must still be good for that."""
    token = _serializer(secret_key).dumps([person_id, *sorted(topic.value for topic in topics)])
    return token if isinstance(token, str) else token.decode("ascii")


def read_token(session: Session, token: str, secret_key: str) -> tuple[Person, Sequence[Topic]]:
    """For whom a token is and what it ends. Raises ``NotFound`` for a forged one and for somebody who is gone."""
    try:
        person_id, *names = _serializer(secret_key).loads(token)
    except (BadSignature, ValueError, TypeError):
        raise NotFound from None
    person = session.get(Person, person_id) if isinstance(person_id, int) else None
    known = {topic.value: topic for topic in Topic}
    topics = [known[name] for name in names if name in known]
    if person is None or not topics:
        raise NotFound
    return person, topics


def unsubscribe(session: Session, person: Person, topics: Iterable[Topic], *, now: datetime) -> None:
    """Switch topics off; doing so twice is as good as once."""
    row = _row(session, person.id, now)
    wanted = sorted({*row.off, *(topic.value for topic in topics)})
    if wanted != row.off:
        row.off, row.changed_at = wanted, now
        _note(session, person.id, now)
