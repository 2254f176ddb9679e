"""The field's words for a ticket, each a closed list. Values are what the database keeps and mail templates see."""

from enum import StrEnum


class TicketKind(StrEnum):
    """What a ticket is, in ITIL's words."""

    INCIDENT = "incident"
    SERVICE_REQUEST = "service_request"
    QUESTION = "question"
    FEEDBACK = "feedback"


class Channel(StrEnum):
    """The door a message came through."""

    WEB = "web"
    EMAIL = "email"


class Environment(StrEnum):
    """Where it happens: ORCID has production and sandbox, DataCite production and test."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    TEST = "test"


class Audience(StrEnum):
    """Who reads a message. Widening one is a new message, never an edit."""

    MEMBER = "member"
    LEAD = "lead"
    HANDOVER = "handover"
    REGISTRY = "registry"


class Resolver(StrEnum):
    """Who has to act for the ticket to be solved (catalogue, ``resolvers``)."""

    CONSORTIUM_LEAD = "consortium_lead"
    MEMBER = "member"
    RECORD_HOLDER = "record_holder"
    MEMBER_IDENTITY_TEAM = "member_identity_team"
    SERVICE_PROVIDER = "service_provider"
    REGISTRY_SUPPORT = "registry_support"
    REGISTRY_ENGINEERING = "registry_engineering"


class Outcome(StrEnum):
    """How a resolved ticket ended."""

    SOLVED = "solved"
    WORKAROUND = "workaround"
    KNOWN_ERROR = "known_error"
    REDIRECTED = "redirected"
    DUPLICATE = "duplicate"
    WITHDRAWN = "withdrawn"
    NOT_REPRODUCIBLE = "not_reproducible"
    DECLINED = "declined"
    MERGED = "merged"  # by merging only; nobody chooses it


class Party(StrEnum):
    """Whose turn it is: every second of a ticket's life belongs to exactly one of these."""

    LEAD = "lead"
    REGISTRY = "registry"
    MEMBER = "member"
    HOLD = "hold"
    NOBODY = "nobody"
