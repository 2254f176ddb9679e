"""Who takes part in the demo world: contacts, leads' desks, registries' desks. All invented."""

import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from desk.demo.places import CONSORTIA, REGISTRIES, ConsortiumPlace, Member, RegistryPlace
from desk.domain.languages import ENGLISH
from desk.domain.permissions import Role

_FIRST = {
    "en": "Alice Benedict Charlotte Daniel Eleanor Farah George Harriet Imran Josephine Kiran Louisa"
    " Malcolm Niamh Oliver Priya Rowan Samuel Tabitha Umar Victoria William Yasmin Zachary Bethan"
    " Callum Dilys Ewan Fiona Gareth",
    "au": "Amelia Bruno Caitlin Darcy Evie Finn Georgia Hamish Isla Jarrah Kirra Lachlan Mei Noah Olivia"
    " Phuong Quentin Ruby Stephen Tahlia Uma Vinh Wendy Xavier",
    "es": "Alba Bruno Carmen Diego Elena Fermín Gloria Héctor Inés Javier Laura Mateo Nuria Óscar Pilar"
    " Rafael Sofía Tomás Valentina Ximena Yolanda Adrián Beatriz Celia",
}
_LAST = {
    "en": "Ashdown Barlow Cartwright Dunmore Ellery Fairweather Greenhalgh Hollins Islam Jephson Kapoor"
    " Langley Mortimer Nuttall Okafor Pemberton Quayle Redfern Shah Thistlewood Underhill Verity"
    " Whitlock Yates Macrae Llewellyn",
    "au": "Abbott Brennan Cassar Delaney Ferrari Galloway Hoang Ivers Jamieson Kelso Lonsdale Maguire"
    " Nguyen O'Rourke Papas Quirk Rigby Sutherland Tran Unwin Vella Wong",
    "es": "Aguirre Beltrán Carrasco Domínguez Escudero Fuentes Garrido Herrero Ibáñez Jurado Lozano"
    " Montero Navarro Olmedo Pacheco Quintana Rivas Salgado Torralba Urrutia Vidal Zamora",
}
_CONTACT_ROLES = (
    ("Main relationship contact", "Agreement signatory"),
    ("Technical contact",),
    ("Invoice contact", "Comms contact"),
)
_DATACITE_ROLES = (("service", "voting"), ("technical",), ("billing", "secondary_technical"))


@dataclass(frozen=True, slots=True)
class Human:
    """Somebody with one role. ``place``: a member's code, the slug of a consortium or registry, or nothing."""

    name: str
    email: str
    timezone: str
    role: Role
    place: str
    sees_all: bool = False
    contact_roles: tuple[str, ...] = ()
    tier: int = 1
    language: str = ENGLISH
    signs_in: str = ""  # what the sheet of demo sign-ins says about this person

    @property
    def first(self) -> str:
        """The name people call each other by."""
        return self.name.split()[0]


def everybody(seed: int) -> list[Human]:
    """All people of the world, always the same for a seed: registries, leads, then members' contacts."""
    chance = random.Random(seed)  # noqa: S311 - a world to look at, no secret
    names = {manner: _names(chance, manner) for manner in _FIRST}
    found = [Human("Sol Adler", "admin@desk.example", "UTC", Role.ADMINISTRATOR, "", signs_in="administrator")]
    for registry in REGISTRIES:
        found.extend(_registry_desk(registry, names["en"]))
    for consortium in CONSORTIA:
        found.extend(_lead_desk(consortium, names[consortium.manner]))
    for consortium in CONSORTIA:
        for number, member in enumerate(consortium.members):
            found.extend(_contacts(consortium, member, names[consortium.manner], number))
    return found


def _names(chance: random.Random, manner: str) -> Iterator[str]:
    """Names without repetition: every first name meets another family name in each round."""
    first, last = _FIRST[manner].split(), _LAST[manner].split()
    chance.shuffle(first)
    chance.shuffle(last)
    for turn in range(len(last)):
        for number, name in enumerate(first):
            yield f"{name} {last[(number + turn * 7) % len(last)]}"


def _registry_desk(registry: RegistryPlace, names: Iterator[str]) -> Iterator[Human]:
    roles = ((Role.REGISTRY_MANAGER, 2), (Role.REGISTRY_AGENT, 2), (Role.REGISTRY_AGENT, 2), (Role.REGISTRY_AGENT, 3))
    for number, (role, tier) in enumerate(roles):
        name = next(names)
        sheet = {0: f"registry manager at {registry.name}", 1: f"registry agent at {registry.name}"}.get(number, "")
        yield Human(
            name,
            _address(name, registry.domain),
            registry.opening.timezone,
            role,
            registry.slug,
            tier=tier,
            signs_in=sheet,
        )


def _lead_desk(consortium: ConsortiumPlace, names: Iterator[str]) -> Iterator[Human]:
    zone = consortium.opening.timezone
    for number in range(4):
        name = next(names)
        role = Role.LEAD_MANAGER if number == 0 else Role.LEAD_AGENT
        sheet = {0: f"lead manager, {consortium.name}", 1: f"lead agent, {consortium.name}"}.get(number, "")
        yield Human(name, _address(name, consortium.domain), zone, role, consortium.slug, signs_in=sheet)


def _contacts(consortium: ConsortiumPlace, member: Member, names: Iterator[str], number: int) -> Iterator[Human]:
    """Two or three for each member; the first sees all of its organisation's tickets."""
    labels = _CONTACT_ROLES if consortium.registry == "orcid" else _DATACITE_ROLES
    for position in range(3 if number % 3 == 0 else 2):
        name = next(names)
        sheet = ""
        if number == 0 and position < 2:
            sheet = f"{'manager of' if position == 0 else 'contact at'} {member.name}, {consortium.name}"
        yield Human(
            name,
            _address(name, member.domain),
            consortium.opening.timezone,
            Role.ORG_MANAGER if position == 0 else Role.CONTACT,
            member.code,
            sees_all=position == 2,
            contact_roles=labels[position],
            # Who manages the organisation reads English, as its desk does; the others get letters in their language.
            language=ENGLISH if position == 0 else consortium.language,
            signs_in=sheet,
        )


def _address(name: str, domain: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return ".".join(plain.replace("'", "").split()) + "@" + domain
