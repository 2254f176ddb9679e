"""The access table of the design, cell by cell, over plain values."""

import pytest

from desk.domain.permissions import (
    GIVES,
    SYSTEM,
    Actor,
    Grant,
    IssueSubject,
    MessageSubject,
    Permission,
    PersonSubject,
    Place,
    Role,
    TicketSubject,
    ever_may,
    may,
)
from desk.domain.vocabulary import Audience

NORTH, SOUTH, ALDER, BIRCH, ORCID, DATACITE = 1, 2, 11, 12, 21, 22
REQUESTER, PARTICIPANT = 101, 102


def member(person_id: int, role: Role = Role.CONTACT, org: int = ALDER, sees_all: bool = False) -> Actor:
    return Actor(person_id, (Grant(role, org, NORTH if org != 99 else SOUTH, ORCID, sees_all),))


def lead(role: Role = Role.LEAD_AGENT, consortium: int = NORTH, registry: int = ORCID) -> Actor:
    return Actor(200, (Grant(role, consortium_id=consortium, registry_id=registry),))


def registry(role: Role = Role.REGISTRY_AGENT, registry_id: int = ORCID) -> Actor:
    return Actor(300, (Grant(role, registry_id=registry_id),))


ACTORS = {
    "requester": member(REQUESTER),
    "participant": member(PARTICIPANT, org=BIRCH),
    "colleague": member(103),
    "colleague who sees all": member(104, sees_all=True),
    "organisation manager": member(105, Role.ORG_MANAGER),
    "another member": member(106, org=BIRCH),
    "lead agent": lead(),
    "lead manager": lead(Role.LEAD_MANAGER),
    "other lead": lead(consortium=SOUTH, registry=DATACITE),
    "registry agent": registry(),
    "registry manager": registry(Role.REGISTRY_MANAGER),
    "other registry": registry(registry_id=DATACITE),
    "administrator": Actor(400, (Grant(Role.ADMINISTRATOR),)),
    "nobody any more": Actor(REQUESTER),
}
MEMBERS = {"requester", "participant", "colleague who sees all", "organisation manager"}
LEADS = {"lead agent", "lead manager"}
REGISTRY = {"registry agent", "registry manager"}


def ticket(*, escalated: bool, registry_may_write: bool = False) -> TicketSubject:
    return TicketSubject(
        NORTH,
        ALDER,
        REQUESTER,
        frozenset({PARTICIPANT}),
        frozenset({ORCID}) if escalated else frozenset(),
        registry_may_write,
    )


def allowed(permission: Permission, subject: TicketSubject | MessageSubject | IssueSubject | Place) -> set[str]:
    return {name for name, actor in ACTORS.items() if may(actor, permission, subject)}


def test_a_ticket_that_was_never_escalated_is_the_members_and_the_leads() -> None:
    assert allowed(Permission.TICKET_READ, ticket(escalated=False)) == MEMBERS | LEADS


def test_an_escalated_ticket_is_the_registrys_too() -> None:
    assert allowed(Permission.TICKET_READ, ticket(escalated=True)) == MEMBERS | LEADS | REGISTRY


@pytest.mark.parametrize(
    ("audience", "disclosed", "readers"),
    [
        (Audience.MEMBER, False, MEMBERS | LEADS),
        (Audience.MEMBER, True, MEMBERS | LEADS | REGISTRY),
        (Audience.LEAD, True, LEADS),
        (Audience.HANDOVER, False, LEADS | REGISTRY),
        (Audience.REGISTRY, False, REGISTRY),
    ],
)
def test_each_audience_has_its_readers(audience: Audience, disclosed: bool, readers: set[str]) -> None:
    shown = frozenset({ORCID}) if disclosed else frozenset()
    assert allowed(Permission.MESSAGE_READ, MessageSubject(ticket(escalated=True), audience, shown)) == readers


@pytest.mark.parametrize(
    ("audience", "may_write", "writers"),
    [
        (Audience.MEMBER, False, MEMBERS | LEADS),
        (Audience.MEMBER, True, MEMBERS | LEADS | REGISTRY),
        (Audience.LEAD, True, LEADS),
        (Audience.HANDOVER, True, LEADS | REGISTRY),
        (Audience.REGISTRY, True, REGISTRY),
    ],
)
def test_each_audience_has_its_writers(audience: Audience, may_write: bool, writers: set[str]) -> None:
    subject = MessageSubject(ticket(escalated=True, registry_may_write=may_write), audience)
    assert allowed(Permission.MESSAGE_ADD, subject) == writers


def test_hand_over_notes_of_a_ticket_that_was_never_escalated_are_the_leads_only() -> None:
    subject = MessageSubject(ticket(escalated=False), Audience.HANDOVER)
    assert allowed(Permission.MESSAGE_READ, subject) == LEADS


def test_only_the_leads_desk_works_and_escalates() -> None:
    for permission in (Permission.TICKET_WORK, Permission.TICKET_ESCALATE):
        assert allowed(permission, ticket(escalated=True)) == LEADS


def test_only_the_registry_that_has_it_works_an_escalation() -> None:
    assert allowed(Permission.ESCALATION_WORK, ticket(escalated=True)) == REGISTRY
    assert allowed(Permission.ESCALATION_WORK, ticket(escalated=False)) == set()


def test_a_ticket_without_organisation_belongs_to_its_requester_among_the_consortiums_contacts() -> None:
    unsorted = TicketSubject(NORTH, None, REQUESTER)
    assert allowed(Permission.TICKET_READ, unsorted) == {"requester"} | LEADS


def test_an_issue_of_a_consortium_is_read_by_its_lead_and_by_the_registry_it_points_to() -> None:
    own = IssueSubject(consortium_id=NORTH, published_to=frozenset({NORTH}))
    upward = IssueSubject(consortium_id=NORTH, linked_to_registry_id=ORCID)
    assert allowed(Permission.ISSUE_READ, own) == LEADS
    assert allowed(Permission.ISSUE_READ, upward) == LEADS | REGISTRY
    assert allowed(Permission.ISSUE_EDIT, upward) == LEADS


def test_an_issue_of_a_registry_is_edited_there_and_read_by_its_leads() -> None:
    issue = IssueSubject(registry_id=ORCID)
    assert allowed(Permission.ISSUE_EDIT, issue) == REGISTRY
    assert allowed(Permission.ISSUE_READ, issue) == REGISTRY | LEADS


def test_a_published_text_is_read_by_every_member_of_that_consortium() -> None:
    published = IssueSubject(registry_id=ORCID, published_to=frozenset({NORTH}))
    readers = allowed(Permission.ISSUE_READ_PUBLISHED, published)
    everybody_at_a_member = {"requester", "participant", "colleague", "colleague who sees all", "another member"}
    assert readers == everybody_at_a_member | {"organisation manager"} | LEADS | REGISTRY


def test_managers_edit_their_own_place_only() -> None:
    for permission in (Permission.PEOPLE_EDIT, Permission.CALENDAR_EDIT, Permission.MAIL_READ):
        assert allowed(permission, Place(consortium_id=NORTH)) == {"lead manager"}
        assert allowed(permission, Place(registry_id=ORCID)) == {"registry manager"}


def test_the_installations_audit_is_the_administrators() -> None:
    assert allowed(Permission.AUDIT_READ, Place()) == {"administrator"}
    assert allowed(Permission.AUDIT_READ, Place(consortium_id=NORTH)) == {"lead manager"}


def test_a_profile_is_its_owners() -> None:
    assert may(ACTORS["requester"], Permission.PROFILE_EDIT, PersonSubject(REQUESTER))
    assert not may(ACTORS["lead manager"], Permission.PROFILE_EDIT, PersonSubject(REQUESTER))


def test_a_pair_without_a_rule_is_refused() -> None:
    assert not may(ACTORS["lead manager"], Permission.MAIL_READ, ticket(escalated=True))


def test_somebody_whose_roles_ended_may_nothing() -> None:
    gone = ACTORS["nobody any more"]
    assert not any(ever_may(gone, permission) for permission in Permission)


def test_reports_are_read_at_home_only_and_a_desk_decides_about_its_own_steps() -> None:
    own, desk, registry = Place(member_org_id=ALDER), Place(consortium_id=NORTH), Place(registry_id=ORCID)
    assert allowed(Permission.REPORT_READ, own) == (MEMBERS | {"colleague"}) - {"participant"}
    assert allowed(Permission.REPORT_READ, desk) == LEADS
    assert allowed(Permission.REPORT_READ, registry) == REGISTRY
    assert allowed(Permission.DESK_IMPROVE, desk) == LEADS
    assert allowed(Permission.DESK_IMPROVE, registry) == set()


def test_what_may_grants_somewhere_a_role_gives() -> None:
    """The coarse guard of a view never shuts out somebody whom the rule behind it would let in."""
    subjects = [
        ticket(escalated=True, registry_may_write=True),
        *(MessageSubject(ticket(escalated=True, registry_may_write=True), each) for each in Audience),
        IssueSubject(consortium_id=NORTH, published_to=frozenset({NORTH}), linked_to_registry_id=ORCID),
        IssueSubject(registry_id=ORCID, published_to=frozenset({NORTH})),
        Place(ALDER, NORTH),
        Place(consortium_id=NORTH),
        Place(registry_id=ORCID),
        Place(),
    ]
    for actor in ACTORS.values():
        for permission in Permission:
            if any(may(actor, permission, subject) for subject in subjects):
                assert ever_may(actor, permission), permission


def test_every_role_gives_something_and_the_desk_itself_may_all() -> None:
    assert set(GIVES) == set(Role)
    assert may(SYSTEM, Permission.TICKET_OPEN, Place(consortium_id=NORTH))


def test_hours_and_promises_are_read_by_the_desk_itself() -> None:
    assert allowed(Permission.CALENDAR_READ, Place(consortium_id=NORTH)) == LEADS
    assert allowed(Permission.CALENDAR_READ, Place(registry_id=ORCID)) == REGISTRY
    assert allowed(Permission.CALENDAR_READ, Place()) == set()
