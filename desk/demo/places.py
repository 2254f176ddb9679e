"""Where the demo world happens: two registries, three consortia in three time zones, their members. All invented."""

from dataclasses import dataclass

from desk.domain.languages import ENGLISH

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
ROR = "https://ror.org/"


def ror_id(seed: int) -> str:
    """An identifier in ROR's form with right check digits: 98 - (n * 100 mod 97), n its first seven characters.

    ``seed`` is below 32**6. Nobody looked whether the register has given it to somebody since: it is a form, no name.
    """
    characters = ""
    number = seed
    for _ in range(6):
        number, digit = divmod(number, 32)
        characters = _CROCKFORD[digit] + characters
    return f"{ROR}0{characters}{98 - seed * 100 % 97:02}"


@dataclass(frozen=True, slots=True)
class Opening:
    """Opening hours: zone, windows per weekday, and the holidays of a country with a subdivision."""

    timezone: str
    days: tuple[tuple[str, ...], ...]  # seven, from Monday; each window as "09:00-17:00"
    country: str
    subdivision: str | None = None
    # The days between Christmas and New Year, with both ends, as (month, day).
    closure: tuple[tuple[int, int], tuple[int, int]] | None = None


@dataclass(frozen=True, slots=True)
class RegistryPlace:
    """A registry with its support (tier 2) and its engineers (tier 3)."""

    slug: str
    name: str
    service: str
    domain: str
    support_address: str
    opening: Opening


@dataclass(frozen=True, slots=True)
class Member:
    """A member organisation. ``code``: the account it has at DataCite; ``domain`` is of its mail."""

    name: str
    code: str
    ror: str
    country: str

    @property
    def domain(self) -> str:
        """An example domain of its own (RFC 2606)."""
        return f"{self.code.lower()}.example"


@dataclass(frozen=True, slots=True)
class ConsortiumPlace:
    """A consortium with its lead's team and its members. ``manner``: how people there greet each other."""

    slug: str
    name: str
    registry: str
    manner: str
    domain: str
    support_address: str
    team: str
    country: str
    opening: Opening
    members: tuple[Member, ...]
    language: str = ENGLISH


def _office(*windows: str) -> tuple[tuple[str, ...], ...]:
    return (*(windows,) * 5, (), ())


REGISTRIES = (
    RegistryPlace(
        slug="orcid",
        name="ORCID",
        service="ORCID",
        domain="orcid.example",
        support_address="member-support@orcid.example",
        opening=Opening("America/New_York", _office("09:00-17:00"), "US"),
    ),
    RegistryPlace(
        slug="datacite",
        name="DataCite",
        service="DataCite",
        domain="datacite.example",
        support_address="member-support@datacite.example",
        opening=Opening("Europe/Berlin", _office("09:00-17:00"), "DE", "NI"),
    ),
)

# Those of the field guide first; the others have the form and belong to nobody we know.
_GIVEN_RORS = (f"{ROR}016cn1q84", f"{ROR}02r0a6q32", f"{ROR}027h0q440")
_FIRST_ROR, _ROR_STEP = 40_151_777, 7_368_787

_ALBION = (
    ("University of Ashcombe", "ASHC"),
    ("Northmere University", "NRMU"),
    ("Calderwick Metropolitan University", "CALW"),
    ("Wexcombe College", "WEXC"),
    ("Pennydale University", "PNDL"),
    ("Royal Institute of Estuary Science", "RIES"),
    ("University of Strathlow", "STLO"),
    ("Marshbourne University", "MRSB"),
    ("Kelderby School of Medicine", "KSMD"),
    ("Tamarside University", "TMRS"),
    ("Eastholme Library and Archive", "EHLA"),
    ("Glen Aven Research Institute", "GARI"),
    ("University of Ravensholt", "RVNH"),
    ("Brackwell Observatory", "BRKO"),
)
_CORAL = (
    ("University of Mirrabrook", "MRBK"),
    ("Jarrandale University", "JRND"),
    ("Cape Wattle Institute of Marine Science", "CWMS"),
    ("Tallowood Health Research", "TLHR"),
    ("Gulf Savannah University", "GSVU"),
    ("Kurrajong Bay University", "KJBU"),
    ("Paperbark Institute of Technology", "PBIT"),
    ("Moonah State Museum", "MNSM"),
)
_MESETA = (
    ("Universidad de Valdeoro", "UVDO"),
    ("Universidad Politécnica de Riberalta", "UPRB"),
    ("Instituto de Estudios Marinos de Cala Blanca", "IEMC"),
    ("Universidad del Alto Jara", "UAJA"),
    ("Biblioteca Central de Montelar", "BCML"),
    ("Universidad de Puerto Almez", "UPAZ"),
    ("Centro de Supercomputación de Torreluz", "CSTL"),
    ("Museo de Ciencias de Villanar", "MCVN"),
    ("Universidad de Sierra Clara", "USCL"),
)


def _members(names: tuple[tuple[str, str], ...], country: str, first: int) -> tuple[Member, ...]:
    numbers = range(first, first + len(names))
    rors = (_GIVEN_RORS[n] if n < len(_GIVEN_RORS) else ror_id(_FIRST_ROR + n * _ROR_STEP) for n in numbers)
    return tuple(Member(name, code, ror, country) for (name, code), ror in zip(names, rors, strict=True))


CONSORTIA = (
    ConsortiumPlace(
        slug="albion",
        name="Albion ORCID Consortium",
        registry="orcid",
        manner="en",
        domain="albion.example.org",
        support_address="help@albion.example.org",
        team="Albion support",
        country="GB",
        opening=Opening("Europe/London", _office("09:00-17:00"), "GB", "ENG", closure=((12, 24), (1, 1))),
        members=_members(_ALBION, "GB", 0),
    ),
    ConsortiumPlace(
        slug="coral",
        name="Coral State ORCID Consortium",
        registry="orcid",
        manner="au",
        domain="coral.example.org",
        support_address="help@coral.example.org",
        team="Coral State service desk",
        country="AU",
        # Queensland keeps no summer time: a zone, never an offset.
        opening=Opening("Australia/Brisbane", _office("08:00-16:00"), "AU", "QLD"),
        members=_members(_CORAL, "AU", len(_ALBION)),
    ),
    ConsortiumPlace(
        slug="meseta",
        name="Consorcio DataCite Meseta",
        registry="datacite",
        manner="es",
        domain="meseta.example.org",
        support_address="ayuda@meseta.example.org",
        team="Soporte Meseta",
        country="ES",
        opening=Opening(
            "Europe/Madrid", (*(("09:00-14:00", "15:30-18:00"),) * 4, ("09:00-15:00",), (), ()), "ES", "MD"
        ),
        members=_members(_MESETA, "ES", len(_ALBION) + len(_CORAL)),
        language="es",
    ),
)
