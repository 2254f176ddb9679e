"""Answers to the fields of a catalogue entry: which fields apply, what is wrong with an answer, what is kept of it.

Pure. Kept values are what JSON can store: text, whole numbers, booleans, lists of text; days and moments in ISO 8601,
moments in UTC. Whether an organisation or a contact exists is for the caller: these arrive as text.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from desk.domain.catalogue import Entry, Field
from desk.domain.errors import InvalidInput
from desk.domain.identifiers import orcid_is_valid, redact
from desk.domain.text import clean_text

LINE_LENGTH = 500
TEXT_LENGTH = 20_000
LIST_LENGTH = 200
LARGEST_NUMBER = 10**12

Value = str | int | bool | list[str]
_LONG = frozenset({"longtext", "address"})
_ORCID_FIELDS = frozenset({"orcid_id", "orcid_ids"})
_YES = frozenset({"yes", "true", "on", "1"})
_NO = frozenset({"no", "false", "off", "0"})


def validate_fields(
    entry: Entry,
    values: Mapping[str, Any],
    fields: Sequence[Field] | None = None,
    *,
    zone: str = "UTC",
    partial: bool = False,
) -> dict[str, Value]:
    """The answers as they are kept; unanswered and unknown fields are left out, secrets in texts removed.

    Args:
        entry: whose form it is.
        values: per field id a text, or a list of texts where several may be chosen, as a form sends them.
        fields: the fields to read, when they are not the entry's own.
        zone: IANA zone of a moment that names none.
        partial: accept a form in which required answers are still missing (a draft, a first report).

    Raises:
        InvalidInput: the first answer that cannot be accepted; ``field`` is its id.
    """
    wrong = problems(entry, values, fields, zone=zone, partial=partial)
    if wrong:
        raise InvalidInput(wrong[0][1], field=wrong[0][0])
    cleaned = {each.id: _clean(each, values.get(each.id), zone) for each in _asked(entry, values, fields)}
    return {key: value for key, value in cleaned.items() if value is not None}


def problems(
    entry: Entry,
    values: Mapping[str, Any],
    fields: Sequence[Field] | None = None,
    *,
    zone: str = "UTC",
    partial: bool = False,
) -> list[tuple[str, str]]:
    """All that ``validate_fields`` would refuse, as (field id, sentence), so that a page can show every one at once."""
    found = []
    for each in _asked(entry, values, fields):
        try:
            value = _clean(each, values.get(each.id), zone)
            if value is None and each.required and not partial:
                raise InvalidInput(f"{each.label}: please fill this in.")
            _compare(each, value, values)
        except InvalidInput as error:
            found.append((each.id, error.sentence))
    return found


def applies(field: Field, values: Mapping[str, Any]) -> bool:
    """Whether the field is asked: ``show_when`` reads ``a = x``, ``a != x``, ``a in x, y``, joined by ``and``."""
    if not field.show_when:
        return True
    return all(_holds(clause, values) for clause in field.show_when.split(" and "))


def _holds(clause: str, values: Mapping[str, Any]) -> bool:
    parts = re.fullmatch(r"\s*(\w+)\s+(in|=|!=)\s+(.+?)\s*", clause)
    if parts is None:
        return True  # a condition nobody can read must not hide a field
    answer = str(values.get(parts[1]) or "").strip()
    if parts[2] == "in":
        return answer in [option.strip() for option in parts[3].split(",")]
    return (answer == parts[3]) is (parts[2] == "=")


def _asked(entry: Entry, values: Mapping[str, Any], fields: Sequence[Field] | None) -> list[Field]:
    return [each for each in (entry.fields if fields is None else fields) if applies(each, values)]


def _clean(field: Field, raw: Any, zone: str) -> Value | None:
    """The answer as it is kept; None when there is none."""
    if field.type in _LISTS:
        items = [item.strip() for item in _lines(field, raw) if item.strip()]
        if len(items) > LIST_LENGTH:
            raise InvalidInput(f"{field.label}: at most {LIST_LENGTH} lines.")
        return [_one(field, item, zone) for item in items] or None
    text = _plain(field, raw[0] if isinstance(raw, (list, tuple)) and raw else raw)
    if not text:
        return None
    if field.type in _SCALARS:
        return _SCALARS[field.type](field, text)
    return _one(field, text, zone)


def _lines(field: Field, raw: Any) -> list[str]:
    given = raw if isinstance(raw, (list, tuple)) else [raw]
    texts = [_plain(field, each) for each in given]
    return texts if field.type == "multi" else [line for text in texts for line in text.splitlines()]


def _plain(field: Field, raw: Any) -> str:
    """Text that a database can keep; a list of nothing is no text."""
    text = "" if raw is None or isinstance(raw, (list, tuple)) else str(raw)
    return clean_text(text, name=field.label, field=field.id, required=False)


def _one(field: Field, text: str, zone: str) -> str:
    limit = field.max_length or (TEXT_LENGTH if field.type in _LONG else LINE_LENGTH)
    if len(text) > limit:
        raise InvalidInput(f"{field.label}: at most {limit} characters, these are {len(text)}.")
    if field.options and text not in field.options:
        raise InvalidInput(f"{field.label}: please choose one of the answers.")
    if field.pattern and not re.search(field.pattern, text):
        raise InvalidInput(f"{field.label}: “{text[:60]}” does not have the right form. {field.help}".strip())
    if field.id in _ORCID_FIELDS and not orcid_is_valid(text):
        raise InvalidInput(f"{field.label}: {text} is not an ORCID iD; its last character does not fit the others.")
    kind = field.type.removesuffix("-list")
    if kind in _CHECKS:
        return _CHECKS[kind](field, text)
    if kind == "datetime":
        return _moment(field, text, zone)
    return redact(text)[0]


def _compare(field: Field, value: Value | None, values: Mapping[str, Any]) -> None:
    """The rules that look at another answer of the same form."""
    if value is None:
        return
    other = field.must_differ_from
    if other and str(value).casefold() == str(values.get(other) or "").strip().casefold():
        raise InvalidInput(f"{field.label}: this has to be another one than before.")
    if field.https_only_in and values.get("environment") == field.https_only_in:
        addresses = value if isinstance(value, list) else [str(value)]
        if any(not address.startswith("https://") for address in addresses):
            raise InvalidInput(f"{field.label}: in {field.https_only_in} every address has to begin with https://.")


def _email(field: Field, text: str) -> str:
    if not re.fullmatch(r"[^@\s<>,;]{1,64}@[^@\s<>,;.]{1,63}(\.[^@\s<>,;.]{1,63}){1,8}", text):
        raise InvalidInput(f"{field.label}: “{text[:60]}” is not a mail address.")
    return text


def _url(field: Field, text: str) -> str:
    if not re.fullmatch(r"(https?|ftp)://[^\s/]+\S*", text):
        raise InvalidInput(f"{field.label}: please give the whole address, beginning with https://.")
    return redact(text)[0]


def _day(field: Field, text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise InvalidInput(f"{field.label}: please give a day as year-month-day, for example 2026-11-20.") from None


def _moment(field: Field, text: str, zone: str) -> str:
    plain = re.sub(r"\s*(UTC|GMT|Z)$", "+00:00", text.strip(), flags=re.IGNORECASE)
    try:
        moment = datetime.fromisoformat(plain)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
        return aware.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"{field.label}: please give day and time, for example 2026-11-20 14:05 or 2026-11-20 14:05 UTC."
        ) from None


def _timezone(field: Field, text: str) -> str:
    if text not in available_timezones():
        raise InvalidInput(f"{field.label}: please name a zone such as Europe/London.")
    return text


def _country(field: Field, text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2}", text):
        raise InvalidInput(f"{field.label}: please give the two letters of the country.")
    return text.upper()


def _integer(field: Field, text: str) -> int:
    if not re.fullmatch(r"-?\d{1,13}", text) or abs(int(text)) > LARGEST_NUMBER:
        raise InvalidInput(f"{field.label}: please give a whole number.")
    if field.pattern and not re.search(field.pattern, text):
        raise InvalidInput(f"{field.label}: {text} is not one that can be right. {field.help}".strip())
    if field.minimum is not None and int(text) < field.minimum:
        raise InvalidInput(f"{field.label}: at least {field.minimum}.")
    return int(text)


def _boolean(field: Field, text: str) -> bool:
    if text.casefold() not in _YES | _NO:
        raise InvalidInput(f"{field.label}: please answer yes or no.")
    return text.casefold() in _YES


_CHECKS: Mapping[str, Callable[[Field, str], str]] = {
    "email": _email,
    "url": _url,
    "date": _day,
    "timezone": _timezone,
    "country": _country,
}
_SCALARS: Mapping[str, Callable[[Field, str], int | bool]] = {"integer": _integer, "boolean": _boolean}
_LISTS = frozenset({"multi", "text-list", "url-list", "contact-list", "organisation-list"})
