"""One case of the demo world: its identifiers, its answers to the catalogue's fields, the files they name. Pure."""

import random
import re
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from desk.demo.people import Human
from desk.demo.places import ConsortiumPlace, Member
from desk.domain.catalogue import Entry, Field

# They belong to nobody: ORCID's own examples, and valid ones outside the ranges that are given out.
ORCID_IDS = (
    "0000-0002-1825-0097",
    "0000-0001-2345-6789",
    "0000-0000-5533-0120",
    "0000-0000-2630-8290",
    "0000-0000-6724-0392",
    "0000-0001-1020-868X",
    "0000-0000-0910-1116",
    "0000-0000-1315-2792",
    "0000-0001-3878-6967",
    "0000-0000-9090-6084",
    "0000-0000-1679-2402",
)
PREFIX = "10.5072"


@dataclass(frozen=True, slots=True)
class Attached:
    """A file as somebody attaches it."""

    name: str
    data: bytes


class Case:
    """Keeps identifiers, numbers and times of one ticket the same from the first letter to the last."""

    def __init__(
        self,
        chance: random.Random,
        consortium: ConsortiumPlace,
        member: Member,
        requester: Human,
        colleague: Human,
        entry: Entry,
        began: datetime,
        system: str,
    ) -> None:
        self.chance = chance
        self.consortium = consortium
        self.member = member
        self.requester = requester
        self.entry = entry
        first, second = chance.sample(ORCID_IDS, 2)
        number = chance.randrange(100, 999)
        self.values: dict[str, str] = {
            "domain": member.domain,
            "code": member.code,
            "repo": f"{member.code}.REPO{1 + number % 3}",
            "doi": f"{PREFIX}/{member.code.lower()}-{number}",
            "doi2": f"{PREFIX}/rev.{number + 7}",
            "prefix": PREFIX,
            "orcid": first,
            "orcid2": second,
            "client": f"APP-DEMO{number:012}",
            "ror": member.ror,
            "count": str(chance.choice((6, 14, 25, 40, 75, 120, 180, 260))),
            "time": f"{began - timedelta(minutes=chance.randrange(20, 90)):%H:%M}",
            "system": system,
            "org": member.name,
            "year": str(began.year),
            "colleague": colleague.name,
            "colleague_mail": colleague.email,
        }
        self.began = began

    def fill(self, text: str, **more: str) -> str:
        """The text with this ticket's identifiers in it; braces that are no name of ours stay."""
        known = self.values | more
        return re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], found[0]), text)

    def answers(self, *, complete: bool = True) -> dict[str, Any]:
        """Answers to the entry's fields; not ``complete``: only the first half, as people in a hurry leave them."""
        asked = [each for each in self.entry.fields if each.required or (complete and self.chance.random() < 0.3)]
        if not complete:
            asked = asked[: max(1, len(asked) // 2)]
        return {each.id: self._field(each) for each in asked}

    def files(self, answers: Mapping[str, Any]) -> tuple[Attached, ...]:
        """The files that the answers name."""
        named = [str(answers[each.id]) for each in self.entry.fields if each.type == "file" and each.id in answers]
        return tuple(self.attachment(name) for name in named)

    def attachment(self, name: str) -> Attached:
        """A small file with this name."""
        return Attached(name, _file(name, self))

    def _field(self, field: Field) -> Any:
        known = _VALUES.get(field.id)
        if known is not None:
            return known(self) if callable(known) else self._valued(known)
        if field.options:
            several = field.type == "multi"
            return [self.chance.choice(field.options)] if several else self.chance.choice(field.options)
        return self._by_type(field)

    def _by_type(self, field: Field) -> Any:
        day = (self.began + timedelta(days=21)).date().isoformat()
        choices: dict[str, Any] = {
            "email": self.requester.email,
            "url": f"https://www.{self.member.domain}/",
            "url-list": [f"https://cris.{self.member.domain}/orcid/callback"],
            "date": day,
            "datetime": f"{day} 18:00 UTC",
            "integer": self.values["count"],
            "boolean": "yes",
            "file": "attachment.txt",
            "timezone": self.consortium.opening.timezone,
            "country": self.member.country,
            "language": "en",
            "longtext": "As described in the text above.",
            "organisation": self.member.name,
            "organisation-list": [self.member.name],
            "contact": f"{self.values['colleague']}, {self.values['colleague_mail']}",
            "contact-list": [f"{self.values['colleague']}, {self.values['colleague_mail']}"],
            "text-list": [self.member.domain],
            "address": f"{self.member.name}, 1 Example Street",
        }
        return choices.get(field.type, "see above")

    def _valued(self, template: Any) -> Any:
        return [self.fill(each) for each in template] if isinstance(template, list) else self.fill(template)


def _moment(case: Case) -> str:
    return f"{(case.began - timedelta(minutes=35)).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _status(case: Case) -> str:
    return next(iter(case.entry.signals.http_status), "400")


def _code(case: Case) -> str:
    return next(iter(case.entry.signals.error_codes), "9001")


def _message(case: Case) -> str:
    quoted = re.findall(r"(?:error \d{4}, |answers |says |with )([A-Z][^.\"]{8,80})", case.entry.symptom)
    return quoted[0] if quoted else case.entry.title


def _environment(case: Case) -> str:
    trial = "sandbox" if case.entry.service == "ORCID" else "test"
    return trial if "test" in case.entry.key or case.chance.random() < 0.1 else "production"


def _endpoint(case: Case) -> str:
    orcid = case.entry.service == "ORCID"
    return case.fill("https://api.orcid.org/v3.0/{orcid}/work" if orcid else "https://api.datacite.org/dois/{doi}")


_VALUES: Mapping[str, str | Sequence[str] | Callable[[Case], str]] = {
    "environment": _environment,
    "occurred_at": _moment,
    "first_seen": _moment,
    "http_status": _status,
    "error_code": _code,
    "error_message": _message,
    "endpoint": _endpoint,
    "client_id": "{client}",
    "orcid_id": "{orcid}",
    "orcid_ids": ["{orcid}", "{orcid2}"],
    "scopes": ["/read-limited", "/activities/update"],
    "request_body": "request.xml",
    "screenshot": "screenshot.png",
    "redirect_uri_sent": "https://theses.{domain}/orcid/callback",
    "redirect_uri_registered": "https://theses.{domain}/orcid",
    "authorise_link": "https://orcid.org/oauth/authorize?client_id={client}&response_type=code&scope=/authenticate",
    "put_code": "98421",
    "external_id": "{doi}",
    "org_identifier": "{ror}, source ROR",
    "idp_entity_id": "https://idp.{domain}/idp/shibboleth",
    "federation": "The national federation; exported to eduGAIN",
    "saml_trace": "saml-trace.txt",
    "idp_contact": "identity@{domain}",
    "holder_consent": "yes",
    "holder_email_known": "The present one and the former university's.",
    "portal_user": "{colleague_mail}",
    "csv_file": "affiliations.csv",
    "csv_errors": "row 14: disambiguated-organization-identifier not valid",
    "period": "third quarter of {year}",
    "software": "{system}",
    "account_id": "{code}",
    "organization_id": "{code}",
    "repository_id": "{repo}",
    "old_id": "{repo}",
    "new_id": "{code}.NEW",
    "wished_id": "{code}.DATA",
    "target_account_id": "{code}.NEW",
    "prefix": "{prefix}",
    "doi": "{doi}",
    "citing_doi": "{doi2}",
    "doi_list": "dois.csv",
    "list": "dois.csv",
    "landing_url": "https://repo.{domain}/item/{count}",
    "allowed_domains": "repo.{domain}",
    "metadata_file": "metadata.xml",
    "schema_version": "http://datacite.org/schema/kernel-4",
    "system_email": "library@{domain}",
    "new_system_email": "repository@{domain}",
    "primary_email": "cris@{domain}",
    "secondary_email": "research-systems@{domain}",
    "approval": "approval.txt",
    "contact_email": "{colleague_mail}",
    "ip_address": "192.0.2.17",
    "request_rate": "1400",
    "planned_volume": "{count} thousand calls from the 2nd of next month, one machine",
    "accept_header": "application/x-bibtex",
    "harvest_request": "https://oai.datacite.org/oai?verb=ListRecords&metadataPrefix=oai_dc&set={repo}",
    "usage_report_id": "none yet",
    "fee_year": "{year}",
    "start_year": "{year}",
    "end_year": "{year}",
    "invoice_no": "{code}-{year}",
    "key_prefix": "DC.DEMO0000",
    "given_name": "{colleague}",
    "family_name": "{colleague}",
    "new_email": "{colleague_mail}",
    "organisation": "{org}",
    "member_org": "{org}",
    "issn": "2049-3630",
    "ror": "{ror}",
}


def _file(name: str, case: Case) -> bytes:
    suffix = name.rpartition(".")[2]
    return _picture(case.chance) if suffix == "png" else case.fill(_FILES.get(name, _FILES["other"])).encode()


_FILES = {
    "request.xml": '<?xml version="1.0" encoding="UTF-8"?>\n<work:work xmlns:work="http://www.orcid.org/ns/work">\n'
    "  <work:title>A sample of {org}</work:title>\n  <common:external-id-value>{doi}</common:external-id-value>\n"
    "</work:work>\n",
    "metadata.xml": '<?xml version="1.0" encoding="UTF-8"?>\n<resource xmlns="http://datacite.org/schema/kernel-4">\n'
    '  <identifier identifierType="DOI">{doi}</identifier>\n  <publisher>{org}</publisher>\n</resource>\n',
    "affiliations.csv": "email,first-name,last-name,start-date,disambiguated-organization-identifier\n"
    "staff@{domain},Sam,Sample,01.09.{year},{ror}\n",
    "saml-trace.txt": "POST https://orcid.org/Shibboleth.sso/SAML2/POST\nIssuer: https://idp.{domain}/idp/shibboleth\n"
    "NameID Format: transient\nAttributes: eduPersonPrincipalName (masked)\n",
    "dois.csv": "doi,url\n{doi},https://repo.{domain}/item/1\n{doi2},https://repo.{domain}/item/2\n",
    "approval.txt": "We agree that the accounts named in this ticket are moved as described.\n{org}\n",
    "other": "Attached by {org}.\n",
}


def _picture(chance: random.Random) -> bytes:
    """A small PNG in one colour: what stands for a screenshot."""
    red, green, blue = (chance.randrange(120, 240) for _ in range(3))
    rows = (b"\0" + bytes((red, green, blue)) * 64) * 36

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 64, 36, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
