"""Who may do what: one function over plain values. The scopes (``*.queries.visible_to``) say the same in SQL.

Roles give permissions in one place each; a role that ended is not among an actor's grants. Staff of a registry see of a
ticket only what was handed over to them; an administrator sees no ticket text by that role.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from desk.domain.vocabulary import Audience


class Role(StrEnum):
    """What somebody does, in one place."""

    CONTACT = "contact"
    ORG_MANAGER = "org_manager"
    LEAD_AGENT = "lead_agent"
    LEAD_MANAGER = "lead_manager"
    REGISTRY_AGENT = "registry_agent"
    REGISTRY_MANAGER = "registry_manager"
    ADMINISTRATOR = "administrator"


MEMBER_ROLES = frozenset({Role.CONTACT, Role.ORG_MANAGER})
LEAD_ROLES = frozenset({Role.LEAD_AGENT, Role.LEAD_MANAGER})
REGISTRY_ROLES = frozenset({Role.REGISTRY_AGENT, Role.REGISTRY_MANAGER})
STAFF_ROLES = LEAD_ROLES | REGISTRY_ROLES


class Permission(StrEnum):
    """scope:resource:action. A view names the one it needs; the verb behind it asks ``may`` with the record."""

    TICKET_OPEN = "org:ticket:open"
    TICKET_READ = "ticket:read"
    TICKET_CONFIRM = "ticket:confirm"  # the member says it is solved, or not
    TICKET_WORK = "ticket:work"  # take, classify, ask, hold, resolve: the lead's desk
    TICKET_ESCALATE = "ticket:escalate"
    MESSAGE_READ = "ticket:message:read"
    MESSAGE_ADD = "ticket:message:add"
    ESCALATION_WORK = "escalation:work"  # accept, return, move between tiers, report the fix: the registry's desk
    ISSUE_READ = "issue:read"  # the internal record
    ISSUE_READ_PUBLISHED = "issue:published:read"
    ISSUE_EDIT = "issue:edit"
    ISSUE_FOLLOW = "issue:follow"
    PEOPLE_EDIT = "people:edit"
    REPORT_READ = "report:read"  # figures of a registry, a consortium or a member organisation
    DESK_IMPROVE = "desk:improve"  # say what became of a step that the figures propose: the lead's desk
    CALENDAR_READ = "calendar:read"  # hours, agreements and what they would change, of one's own desk
    CALENDAR_EDIT = "calendar:edit"
    DELEGATION_EDIT = "delegation:edit"  # whether drafts of a registry's updates go by themselves
    HANDOVER_EDIT = (
        "handover:edit"  # whether the registry writes to a consortium's members, unless a ticket says otherwise
    )
    MAIL_READ = "mail:read"  # the mail screen with its quarantine
    BRIDGE_EDIT = "bridge:edit"  # how a registry that keeps its own desk is reached by mail
    AUDIT_READ = "audit:read"
    PROFILE_EDIT = "profile:edit"  # one's own


@dataclass(frozen=True, slots=True)
class Grant:
    """A role in force. A member's grant names membership and consortium; a lead's the consortium and its registry."""

    role: Role
    member_org_id: int | None = None
    consortium_id: int | None = None
    registry_id: int | None = None
    sees_all: bool = False


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts, as the rules see them. ``person_id`` is None for the desk itself."""

    person_id: int | None
    grants: tuple[Grant, ...] = ()
    name: str = ""
    timezone: str = "UTC"
    system: bool = False

    def orgs(self, *, all_tickets: bool = False) -> frozenset[int]:
        """Memberships the actor belongs to; with ``all_tickets`` only those whose tickets they see beyond their own."""
        return frozenset(
            grant.member_org_id
            for grant in self.grants
            if grant.role in MEMBER_ROLES
            and grant.member_org_id is not None
            and (not all_tickets or grant.sees_all or grant.role is Role.ORG_MANAGER)
        )

    def member_consortia(self) -> frozenset[int]:
        """Consortia in which the actor is a member's contact."""
        return self._places("consortium_id", MEMBER_ROLES)

    def consortia(self, roles: frozenset[Role] = LEAD_ROLES) -> frozenset[int]:
        """Consortia in which the actor has one of ``roles``, the lead's by default."""
        return self._places("consortium_id", roles)

    def registries(self, roles: frozenset[Role] = REGISTRY_ROLES) -> frozenset[int]:
        """Registries in which the actor has one of ``roles``, the registry's own by default."""
        return self._places("registry_id", roles)

    def has_role(self, *roles: Role) -> bool:
        """Whether the actor has one of the roles anywhere."""
        return any(grant.role in roles for grant in self.grants)

    @property
    def is_staff(self) -> bool:
        """Whether the actor works at a desk, of a lead or of a registry."""
        return any(grant.role in STAFF_ROLES for grant in self.grants)

    def _places(self, scope: str, roles: frozenset[Role]) -> frozenset[int]:
        found = (getattr(grant, scope) for grant in self.grants if grant.role in roles)
        return frozenset(place for place in found if place is not None)


SYSTEM = Actor(person_id=None, name="Consortium Desk", system=True)
"""The desk itself: jobs, and the mail gateway acting for a sender whom nothing has proved yet."""


@dataclass(frozen=True, slots=True)
class TicketSubject:
    """A ticket as the rules see it. ``registry_ids``: registries it is, or was, escalated to."""

    consortium_id: int
    member_org_id: int | None
    requester_id: int | None
    participant_ids: frozenset[int] = frozenset()
    registry_ids: frozenset[int] = frozenset()
    registry_may_write: bool = False


@dataclass(frozen=True, slots=True)
class MessageSubject:
    """A message (or what hangs on it) as the rules see it."""

    ticket: TicketSubject
    audience: Audience
    disclosed_to: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class IssueSubject:
    """An issue of the register: its one owner, where it is published, and the registry it points upward to."""

    consortium_id: int | None = None
    registry_id: int | None = None
    published_to: frozenset[int] = frozenset()
    linked_to_registry_id: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A membership, a consortium, a registry, or (all empty) the installation."""

    member_org_id: int | None = None
    consortium_id: int | None = None
    registry_id: int | None = None


@dataclass(frozen=True, slots=True)
class PersonSubject:
    """A person's own record."""

    person_id: int
    places: tuple[Place, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class BridgeSubject:
    """A registry that is reached by mail, and every consortium whose escalations go there."""

    registry_id: int
    consortium_ids: frozenset[int] = frozenset()


Subject = TicketSubject | MessageSubject | IssueSubject | Place | PersonSubject | BridgeSubject


def may(actor: Actor, permission: Permission, subject: Subject) -> bool:
    """Whether ``actor`` may do ``permission`` with ``subject``; False where no rule speaks of the pair."""
    if actor.system:
        return True
    rule = _RULES.get((permission, type(subject)))
    return rule is not None and rule(actor, subject)


def ever_may(actor: Actor, permission: Permission) -> bool:
    """Whether any of the actor's roles gives the permission anywhere: what a view's guard asks first."""
    return actor.system or any(permission in GIVES[grant.role] for grant in actor.grants)


def writes_as_staff(actor: Actor, ticket: TicketSubject) -> bool:
    """Whether the actor writes on this ticket for a desk; a lead's own request is written as a member."""
    return (_is_lead(actor, ticket) or _is_registry(actor, ticket)) and actor.person_id != ticket.requester_id


def _is_lead(actor: Actor, ticket: TicketSubject) -> bool:
    return ticket.consortium_id in actor.consortia()


def _is_registry(actor: Actor, ticket: TicketSubject) -> bool:
    return bool(ticket.registry_ids & actor.registries())


def _is_member(actor: Actor, ticket: TicketSubject) -> bool:
    """Requester, participant, or one who sees all of the organisation's tickets; always with a role in force."""
    if ticket.member_org_id in actor.orgs(all_tickets=True):
        return True
    if actor.person_id == ticket.requester_id:
        return _belongs(actor, ticket)
    return actor.person_id in ticket.participant_ids and ticket.consortium_id in actor.member_consortia()


def _belongs(actor: Actor, ticket: TicketSubject) -> bool:
    if ticket.member_org_id is None:
        return ticket.consortium_id in actor.member_consortia()
    return ticket.member_org_id in actor.orgs()


def _reads_ticket(actor: Actor, ticket: TicketSubject) -> bool:
    return _is_lead(actor, ticket) or _is_registry(actor, ticket) or _is_member(actor, ticket)


def _reads_message(actor: Actor, message: MessageSubject) -> bool:
    ticket = message.ticket
    match message.audience:
        case Audience.MEMBER:
            disclosed = bool(message.disclosed_to & actor.registries() & ticket.registry_ids)
            return _is_lead(actor, ticket) or _is_member(actor, ticket) or disclosed
        case Audience.LEAD:
            return _is_lead(actor, ticket)
        case Audience.HANDOVER:
            return _is_lead(actor, ticket) or _is_registry(actor, ticket)
        case Audience.REGISTRY:
            return _is_registry(actor, ticket)


def _writes_message(actor: Actor, message: MessageSubject) -> bool:
    if message.audience is not Audience.MEMBER:
        return _reads_message(actor, message)
    ticket = message.ticket
    registry = _is_registry(actor, ticket) and ticket.registry_may_write
    return _is_lead(actor, ticket) or _is_member(actor, ticket) or registry


def _reads_issue(actor: Actor, issue: IssueSubject) -> bool:
    if issue.registry_id is not None:
        # A lead reads a registry issue's text; others affected are a number to them (the query sees to that).
        return issue.registry_id in actor.registries() or issue.registry_id in actor.registries(LEAD_ROLES)
    return issue.consortium_id in actor.consortia() or issue.linked_to_registry_id in actor.registries()


def _edits_issue(actor: Actor, issue: IssueSubject) -> bool:
    if issue.registry_id is not None:
        return issue.registry_id in actor.registries()
    return issue.consortium_id in actor.consortia()


def _reads_published(actor: Actor, issue: IssueSubject) -> bool:
    return bool(issue.published_to & (actor.member_consortia() | actor.consortia())) or _reads_issue(actor, issue)


def _follows_issue(actor: Actor, issue: IssueSubject) -> bool:
    return bool(issue.published_to & actor.member_consortia())


def _opens_ticket(actor: Actor, place: Place) -> bool:
    if place.member_org_id is not None and place.member_org_id in actor.orgs():
        return True
    return place.consortium_id in actor.consortia()


def _manages(actor: Actor, place: Place) -> bool:
    """The manager of the place itself: a lead manager of the consortium, a registry manager of the registry."""
    if place.consortium_id is not None:
        return place.consortium_id in actor.consortia(frozenset({Role.LEAD_MANAGER}))
    if place.registry_id is not None:
        return place.registry_id in actor.registries(frozenset({Role.REGISTRY_MANAGER}))
    return False


def _manages_desk(actor: Actor, place: Place) -> bool:
    """The manager of a consortium's desk."""
    return place.consortium_id is not None and _manages(actor, place)


def _works_at(actor: Actor, place: Place) -> bool:
    """Whoever works at the desk of the place itself."""
    if place.consortium_id is not None:
        return place.consortium_id in actor.consortia()
    return place.registry_id is not None and place.registry_id in actor.registries()


def _leads_at(actor: Actor, place: Place) -> bool:
    """Whoever works at the desk of the consortium."""
    return place.consortium_id is not None and _works_at(actor, place)


def _reads_report(actor: Actor, place: Place) -> bool:
    """Whoever works at the desk of the place, and of an organisation its own contacts."""
    if place.member_org_id is not None:
        return place.member_org_id in actor.orgs()
    return _works_at(actor, place)


def _reads_audit(actor: Actor, place: Place) -> bool:
    if place.consortium_id is None and place.registry_id is None:
        return actor.has_role(Role.ADMINISTRATOR)
    return _manages(actor, place)


def _edits_bridge(actor: Actor, bridge: BridgeSubject) -> bool:
    """A lead's manager only where no other consortium's escalations would go where they say."""
    if actor.has_role(Role.ADMINISTRATOR) or bridge.registry_id in actor.registries(frozenset({Role.REGISTRY_MANAGER})):
        return True
    managed = actor.consortia(frozenset({Role.LEAD_MANAGER}))
    return bool(bridge.consortium_ids) and bridge.consortium_ids <= managed


def _is_self(actor: Actor, person: PersonSubject) -> bool:
    return actor.person_id == person.person_id


_RULES: dict[tuple[Permission, type], Callable[..., bool]] = {
    (Permission.TICKET_OPEN, Place): _opens_ticket,
    (Permission.TICKET_READ, TicketSubject): _reads_ticket,
    (Permission.TICKET_CONFIRM, TicketSubject): _is_member,
    (Permission.TICKET_WORK, TicketSubject): _is_lead,
    (Permission.TICKET_ESCALATE, TicketSubject): _is_lead,
    (Permission.MESSAGE_READ, MessageSubject): _reads_message,
    (Permission.MESSAGE_ADD, MessageSubject): _writes_message,
    (Permission.ESCALATION_WORK, TicketSubject): _is_registry,
    (Permission.ISSUE_READ, IssueSubject): _reads_issue,
    (Permission.ISSUE_READ_PUBLISHED, IssueSubject): _reads_published,
    (Permission.ISSUE_EDIT, IssueSubject): _edits_issue,
    (Permission.ISSUE_FOLLOW, IssueSubject): _follows_issue,
    (Permission.PEOPLE_EDIT, Place): _manages,
    (Permission.REPORT_READ, Place): _reads_report,
    (Permission.DESK_IMPROVE, Place): _leads_at,
    (Permission.CALENDAR_READ, Place): _works_at,
    (Permission.CALENDAR_EDIT, Place): _manages,
    (Permission.DELEGATION_EDIT, Place): _manages_desk,
    (Permission.HANDOVER_EDIT, Place): _manages_desk,
    (Permission.MAIL_READ, Place): _manages,
    (Permission.BRIDGE_EDIT, BridgeSubject): _edits_bridge,
    (Permission.AUDIT_READ, Place): _reads_audit,
    (Permission.PROFILE_EDIT, PersonSubject): _is_self,
}

_EVERYBODY = frozenset({Permission.PROFILE_EDIT})
_MEMBER = _EVERYBODY | {
    Permission.TICKET_OPEN,
    Permission.TICKET_READ,
    Permission.TICKET_CONFIRM,
    Permission.MESSAGE_READ,
    Permission.MESSAGE_ADD,
    Permission.ISSUE_READ_PUBLISHED,
    Permission.ISSUE_FOLLOW,
    Permission.REPORT_READ,
}
_STAFF = _EVERYBODY | {
    Permission.TICKET_READ,
    Permission.MESSAGE_READ,
    Permission.MESSAGE_ADD,
    Permission.ISSUE_READ,
    Permission.ISSUE_READ_PUBLISHED,
    Permission.ISSUE_EDIT,
    Permission.REPORT_READ,
    Permission.CALENDAR_READ,
}
_LEAD = _STAFF | {
    Permission.TICKET_OPEN,
    Permission.TICKET_WORK,
    Permission.TICKET_ESCALATE,
    Permission.DESK_IMPROVE,
}
_REGISTRY = _STAFF | {Permission.ESCALATION_WORK}
_MANAGES = frozenset(
    {
        Permission.PEOPLE_EDIT,
        Permission.CALENDAR_EDIT,
        Permission.MAIL_READ,
        Permission.BRIDGE_EDIT,
        Permission.AUDIT_READ,
    }
)

GIVES: dict[Role, frozenset[Permission]] = {
    Role.CONTACT: _MEMBER,
    Role.ORG_MANAGER: _MEMBER,
    Role.LEAD_AGENT: _LEAD,
    Role.LEAD_MANAGER: _LEAD | _MANAGES | {Permission.DELEGATION_EDIT, Permission.HANDOVER_EDIT},
    Role.REGISTRY_AGENT: _REGISTRY,
    Role.REGISTRY_MANAGER: _REGISTRY | _MANAGES,
    Role.ADMINISTRATOR: _EVERYBODY | {Permission.BRIDGE_EDIT, Permission.AUDIT_READ},
}
"""What each role gives somewhere: the coarse question of a view's guard. Where exactly is for ``may``."""
