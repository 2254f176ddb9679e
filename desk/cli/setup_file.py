"""Reading a set-up file: TOML with two tables beside it (CSV). What is wrong is named by file and line, all at once."""

import csv
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from desk.accounts.service import clean_address, clean_name, clean_timezone
from desk.cli.bridge import KEYS
from desk.domain.errors import InvalidInput
from desk.domain.identifiers import ror_is_valid
from desk.domain.languages import ENGLISH, LANGUAGES
from desk.domain.opening_hours import WEEKDAYS
from desk.domain.permissions import MEMBER_ROLES, Role

ROR = "https://ror.org/"
MEMBER_COLUMNS = ("name", "ror", "country", "mail_domains")
CONTACT_COLUMNS = ("member", "name", "email", "role", "sees_all", "contact_roles", "timezone")
SERVICES = ("ORCID", "DataCite")
_YES = {"yes": True, "no": False, "": False}
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
_KNOWN = {
    "": {"members", "contacts", "registry", "consortium", "manager"},
    "registry": {"slug", "name", "service", "support_team", "engineering_team", "support_address"}
    | {"calendar", "bridge"},
    "consortium": {"slug", "name", "language", "reopen_working_days", "team", "calendar"},
    "consortium.team": {"name", "support_address", "signature"},
    "registry.bridge": KEYS,
    "manager": {"name", "email", "timezone"},
    "calendar": {"timezone", "hours", "holidays", "closures", "half_days"},
}


class BadSetup(Exception):
    """The file cannot be used; one line per fault."""


@dataclass(frozen=True, slots=True)
class Member:
    """A row of the members' table. ``ror`` is the whole address, or empty."""

    name: str
    ror: str
    country: str
    mail_domains: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contact:
    """A row of the contacts' table: ``where`` is its line, ``member`` the member's name or ROR id as given."""

    where: str
    member: str
    name: str
    email: str
    role: Role
    sees_all: bool
    contact_roles: tuple[str, ...]
    timezone: str


@dataclass(frozen=True, slots=True)
class Hours:
    """A calendar's spec without its public holidays, and where these are."""

    spec: Mapping[str, Any]
    country: str | None
    subdivision: str | None


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that a set-up file says."""

    registry: Mapping[str, Any]
    registry_hours: Hours | None
    bridge: Mapping[str, Any]
    consortium: Mapping[str, Any]
    team: Mapping[str, Any]
    hours: Hours
    manager: Mapping[str, Any]
    members: tuple[Member, ...]
    contacts: tuple[Contact, ...]


@dataclass
class _Faults:
    """What is wrong so far."""

    found: list[str] = field(default_factory=list)

    def add(self, where: str, error: object) -> None:
        self.found.append(f"{where}: {getattr(error, 'sentence', error)}")


def read(path: Path) -> Setup:
    """The set-up that the file describes. Raises ``BadSetup`` that names every fault by file and line."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSetup(f"{path.name}: {error}") from error
    faults = _Faults()
    tables = _Tables(path.name, data, faults)
    registry = tables.get("registry", needed=("slug", "name", "service"))
    consortium = tables.get("consortium", needed=("slug", "name"))
    team = tables.get("consortium.team", needed=("name", "support_address"))
    manager = tables.get("manager", needed=("name", "email"))
    tables.check_keys("", data)
    _check_values(path.name, registry, consortium, faults)
    hours = _hours(tables.get("consortium.calendar", needed=("timezone", "hours")), tables)
    own = registry.get("calendar")
    members = tuple(_members(path.parent, data.get("members"), faults))
    members_are_known = not any(fault.startswith(f"{data.get('members')}") for fault in faults.found)
    setup = Setup(
        registry=registry,
        registry_hours=_hours(tables.get("registry.calendar", needed=("timezone", "hours")), tables) if own else None,
        bridge=tables.get("registry.bridge", needed=("address",)) if registry.get("bridge") else {},
        consortium=consortium,
        team=team,
        hours=hours,
        manager=manager,
        members=members,
        contacts=tuple(_contacts(path.parent, data.get("contacts"), str(manager.get("timezone", "UTC")), faults)),
    )
    if members_are_known:  # else each contact of a member whose own line is wrong would be named as well
        _check_contacts(setup, faults)
    if faults.found:
        raise BadSetup("\n".join(faults.found))
    return setup


class _Tables:
    """The tables of the TOML file, by dotted name."""

    def __init__(self, file: str, data: Mapping[str, Any], faults: _Faults) -> None:
        self.file, self._data, self.faults = file, data, faults

    def get(self, name: str, *, needed: Iterable[str]) -> Mapping[str, Any]:
        """The table, checked for what it needs; empty when it is missing."""
        found: Any = self._data
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping):
            self.faults.add(self.file, f"the part [{name}] is missing.")
            return {}
        for key in needed:
            if not found.get(key):
                self.faults.add(self.file, f"[{name}] needs “{key}”.")
        self.check_keys(name, found)
        return found

    def check_keys(self, name: str, found: Mapping[str, Any]) -> None:
        """Name what nothing would read: a misspelt key would leave its default in force, and nobody would know."""
        known = _KNOWN.get(name) or _KNOWN[name.rpartition(".")[2]]
        for key in sorted(set(found) - known):
            where = f"[{name}]" if name else "the file"
            self.faults.add(self.file, f"{where} has “{key}”, which is not read; it may be one of {_listed(known)}.")


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))


def _check_values(file: str, registry: Mapping[str, Any], consortium: Mapping[str, Any], faults: _Faults) -> None:
    for part, table in (("registry", registry), ("consortium", consortium)):
        if table.get("slug") and not _SLUG.fullmatch(str(table["slug"])):
            faults.add(file, f"[{part}] slug is a short name of small letters, digits and -, not “{table['slug']}”.")
    if registry.get("service") and registry["service"] not in SERVICES:
        faults.add(file, f"[registry] service is {' or '.join(SERVICES)}, not “{registry['service']}”.")
    language = consortium.get("language", ENGLISH)
    if language not in LANGUAGES:
        faults.add(file, f"[consortium] language is one of {', '.join(LANGUAGES)}, not “{language}”.")
    days = consortium.get("reopen_working_days", 10)
    if type(days) is not int or not 1 <= days <= 366:
        faults.add(file, f"[consortium] reopen_working_days is a whole number from 1 to 366, not “{days}”.")


def _hours(table: Mapping[str, Any], tables: _Tables) -> Hours:
    """``hours`` is a window or a list of windows for Monday to Friday, or a table by weekday (mon, tue, ...)."""
    hours = table.get("hours") or {}
    week = hours if isinstance(hours, Mapping) else dict.fromkeys(WEEKDAYS[:5], hours)
    holidays = table.get("holidays") or {}
    try:
        spec = {
            "tz": clean_timezone(str(table.get("timezone", "UTC"))),
            "weekly_hours": {str(day): _windows(windows) for day, windows in week.items()},
            "overrides": {day.isoformat(): [] for day in _closed(table.get("closures", ()))}
            | {str(day): _windows(windows) for day, windows in dict(table.get("half_days", {})).items()},
        }
    except (InvalidInput, ValueError, AttributeError) as error:
        tables.faults.add(tables.file, f"calendar: {getattr(error, 'sentence', error)}")
        spec = {}
    return Hours(spec, holidays.get("country"), holidays.get("subdivision"))


def _windows(given: Any) -> list[list[str]]:
    windows = [given] if isinstance(given, str) else list(given)
    return [[part.strip() for part in str(window).split("-")] for window in windows]


def _closed(closures: Iterable[str]) -> list[date]:
    """The days of ``2026-12-24/2027-01-01``, both ends included, or of single dates."""
    days: list[date] = []
    for closure in closures:
        first, _, last = str(closure).partition("/")
        begin, end = date.fromisoformat(first), date.fromisoformat(last or first)
        if end < begin or (end - begin).days > 366:
            raise ValueError(f"the closure “{closure}” does not end after it begins, or is longer than a year.")
        days.extend(begin + timedelta(days=n) for n in range((end - begin).days + 1))
    return days


def _rows(folder: Path, name: Any, columns: tuple[str, ...], faults: _Faults) -> Iterable[tuple[str, dict[str, str]]]:
    """Each row with its place in words; columns that are missing from the table read as empty."""
    if not name:
        return
    try:
        with (folder / str(name)).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="", restval="")
            unknown = set(reader.fieldnames or ()) - set(columns)
            if unknown:
                faults.add(f"{name}, line 1", f"there is no column “{min(unknown)}”; columns are {', '.join(columns)}.")
                return
            for row in reader:
                if row.get(""):
                    faults.add(f"{name}, line {reader.line_num}", "the row has more cells than the table has columns.")
                elif any(str(cell).strip() for cell in row.values()):
                    yield f"{name}, line {reader.line_num}", {key: str(row.get(key) or "").strip() for key in columns}
    except UnicodeDecodeError:
        faults.add(str(name), "the table is not in UTF-8; save it as “CSV UTF-8”.")
    except (OSError, csv.Error) as error:
        faults.add(str(name), f"the table cannot be read ({getattr(error, 'strerror', None) or error}).")


def _members(folder: Path, name: Any, faults: _Faults) -> Iterable[Member]:
    seen: dict[str, str] = {}
    for where, row in _rows(folder, name, MEMBER_COLUMNS, faults):
        try:
            member = Member(
                clean_name(row["name"]),
                _ror(row["ror"]),
                _country(row["country"]),
                _several(row["mail_domains"].lower()),
            )
            for key in filter(None, (member.name.casefold(), member.ror)):
                if key in seen:
                    raise InvalidInput(f"the same member stands on {seen[key]}.")
                seen[key] = where
        except InvalidInput as error:
            faults.add(where, error)
        else:
            yield member


def _contacts(folder: Path, name: Any, timezone: str, faults: _Faults) -> Iterable[Contact]:
    seen: dict[str, str] = {}
    for where, row in _rows(folder, name, CONTACT_COLUMNS, faults):
        try:
            contact = _contact(where, row, timezone)
            if contact.email in seen:
                raise InvalidInput(f"the same address stands on {seen[contact.email]}.")
            seen[contact.email] = where
        except InvalidInput as error:
            faults.add(where, error)
        else:
            yield contact


def _contact(where: str, row: Mapping[str, str], timezone: str) -> Contact:
    role = row["role"] or Role.CONTACT.value
    if role not in MEMBER_ROLES:
        raise InvalidInput(f"“{role}” is not a role; write contact or org_manager.")
    if row["sees_all"].lower() not in _YES:
        raise InvalidInput(f"sees_all is yes or no, not “{row['sees_all']}”.")
    return Contact(
        where=where,
        member=row["member"],
        name=clean_name(row["name"]),
        email=clean_address(row["email"]),
        role=Role(role),
        sees_all=_YES[row["sees_all"].lower()],
        contact_roles=_several(row["contact_roles"]),
        timezone=clean_timezone(row["timezone"] or timezone),
    )


def _check_contacts(setup: Setup, faults: _Faults) -> None:
    """Each contact belongs to a member of the other table, and nobody reads their mail at the desk's own address."""
    known = {key for member in setup.members for key in (member.name.casefold(), member.ror) if key}
    for contact in setup.contacts:
        if member_key(contact.member) not in known:
            told = f"{contact.email} belongs to “{contact.member}”, which is not in the table of members."
            faults.add(contact.where, told)
        if contact.email == str(setup.team.get("support_address", "")).strip().lower():
            faults.add(contact.where, f"{contact.email} is the support address; a contact needs one of their own.")


def member_key(named: str) -> str:
    """How a member is looked up: by ROR id, in either form, or by name whatever its case."""
    return _ror(named) if ror_is_valid(named.removeprefix(ROR)) else named.casefold()


def _ror(given: str) -> str:
    short = given.removeprefix(ROR).strip("/")
    if short and not ror_is_valid(short):
        raise InvalidInput(f"“{given}” is not a ROR id: its check digits do not fit.")
    return ROR + short if short else ""


def _country(given: str) -> str:
    if given and not (len(given) == 2 and given.isalpha()):
        raise InvalidInput(f"“{given}” is not a country; write its two letters, such as GB.")
    return given.upper()


def _several(given: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in given.split(";") if part.strip())
