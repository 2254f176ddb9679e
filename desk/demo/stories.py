"""What people say in the demo world: letters made from the catalogue's symptoms and fixes.

Pure: a seeded ``random.Random`` and the data files in, texts out; they differ from person to person and case to case.
"""

import json
import random
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from desk.demo.answers import Case
from desk.demo.people import Human
from desk.demo.places import ConsortiumPlace, Member
from desk.domain.catalogue import Entry, EntryKind

DATA = Path(__file__).parent.parent / "data" / "demo"


@cache
def phrases() -> dict[str, Any]:
    """Greetings, thanks, questions: what is said in any ticket."""
    loaded: dict[str, Any] = json.loads((DATA / "phrases.json").read_text(encoding="utf-8"))
    return loaded


@cache
def tales() -> dict[str, dict[str, Any]]:
    """Per catalogue entry: subjects, another wording of the symptom, the lead's question and the member's answer."""
    found: dict[str, dict[str, Any]] = {}
    for name in ("orcid.json", "datacite.json", "requests.json"):
        found |= json.loads((DATA / name).read_text(encoding="utf-8"))
    return found


class Teller(Case):
    """Tells one ticket: what each party writes at each turn, in the wording this ticket happens to have."""

    def __init__(
        self,
        chance: random.Random,
        consortium: ConsortiumPlace,
        member: Member,
        requester: Human,
        colleague: Human,
        entry: Entry,
        began: datetime,
    ) -> None:
        system = chance.choice(phrases()["systems"])
        super().__init__(chance, consortium, member, requester, colleague, entry, began, system)
        self._other_wording = chance.random() < 0.55
        self.sort = sort_of(entry)
        self.chosen: dict[str, int] = {}

    def pick(self, kind: str, **more: str) -> str:
        """One of the general phrases of a kind, of those for this sort of ticket where there are such."""
        own = phrases().get(f"{kind}_{self.sort}") or phrases()[kind]
        # An answer is the one to the question that was asked: the lists of a pair have the same order.
        number = self.chosen.get(_ANSWERS.get(kind, ""), self.chance.randrange(len(own))) % len(own)
        self.chosen[kind] = number
        return self.fill(own[number], **more)

    def subject(self) -> str:
        """As the requester would write it above a mail."""
        return self.fill(str(self.chance.choice(self._tale()["subjects"])))

    def opening(self) -> str:
        """The first letter."""
        tale = self._tale()
        symptom = tale["again"] if self._other_wording else tale.get("symptom", self.entry.symptom)
        body = self._own(self.fill(str(symptom)))
        return self.letter(
            self.requester, " ".join(filter(None, (body, self.pick("wishes" if is_request(self.entry) else "details"))))
        )

    def question(self) -> str:
        """What the lead has to know first."""
        return " ".join(filter(None, (self.fill(str(self._tale()["ask"])), self.pick("ask_closings"))))

    def reply(self) -> str:
        """The member's answer to it."""
        return self.fill(str(self._tale()["reply"]))

    def fix(self) -> str:
        """What solves it, in the catalogue's words."""
        return self.fill(str(self._tale().get("fix", self.entry.fix)))

    def answer(self) -> str:
        """The lead's answer with the fix in it."""
        return "\n\n".join(filter(None, (self.pick("lead_openings"), self.fix(), self.pick("lead_closings"))))

    def letter(self, author: Human, body: str, to: Human | None = None) -> str:
        """The body with a greeting and a name below, as people of this consortium do it."""
        own = phrases()
        first = to.first if to else self.consortium.team
        greeting = self.chance.choice(own["greetings"][self.consortium.manner])
        closing = self.chance.choice(own["closings"][self.consortium.manner])
        parts = (self.fill(greeting, first=first), body, self.fill(closing, me=author.name))
        return "\n\n".join(filter(None, parts))

    def _tale(self) -> Mapping[str, Any]:
        return tales()[self.entry.key]

    def _own(self, text: str) -> str:
        """The catalogue's sample identifiers replaced by this member's."""
        for pattern, own in _SAMPLES:
            text = re.sub(pattern, self.values[own] if own != "time" else f"{self.values['time']} UTC", text)
        ids = iter((self.values["orcid"], self.values["orcid2"]))
        text = re.sub(r"(?:\d{4}-){3}\d{3}[\dX]", lambda found: next(ids, found[0]), text)
        return text.replace("repo.example.edu", f"repo.{self.member.domain}").replace("example.org", self.member.domain)


# The catalogue's own samples, most special first.
_SAMPLES = (
    (r"NRVU\.[A-Z]+\d*", "repo"),
    (r"\bNRVU\b", "code"),
    (r"10\.5072/nrvu-\d+", "doi"),
    (r"10\.5555/abc", "doi"),
    (r"09:40 UTC|10:40 CET|13:05", "time"),
)


# Which phrase each of these answers.
_ANSWERS = {
    "handover_answer": "handover_ask",
    "follow_up_answer": "follow_up",
    "second_answer": "not_yet",
    "ask_more": "return_words",
    "reply_more": "return_words",
}
OUTAGES = frozenset({"orcid-outage", "dc-outage"})
# A defect in the registry's software; the other things that only a registry can mend are somebody's account.
DEFECTS = frozenset(
    {
        "orcid-api-unexpected-error",
        "orcid-portal-member-list-stale",
        "dc-doi-handle-missing",
        "dc-meta-silent-failure",
        "dc-search-index-delay",
        "dc-oai-harvest",
        "dc-orcid-claim-fails",
        "dc-citation-missing",
    }
)


def sort_of(entry: Entry) -> str:
    """What people talk about: ``request``, ``outage``, ``account``, ``defect`` or ``fault`` (the lead can mend it)."""
    if entry.key in OUTAGES:
        return "outage"
    if is_request(entry):
        return "request"
    if entry.tier == 1:
        return "fault"
    return "defect" if entry.key in DEFECTS else "account"


def is_request(entry: Entry) -> bool:
    """Whether the entry is something wanted, not something broken."""
    return entry.kind is EntryKind.REQUEST
