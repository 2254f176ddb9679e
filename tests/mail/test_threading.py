"""The decision about a mail: which ticket, whose word, and what a stranger cannot do."""

from dataclasses import replace

import pytest

from desk.domain.vocabulary import Audience
from desk.mail.evidence import AuthVerdict
from desk.mail.threading import Decision, Evidence, Facts, Match, Rights, Verdict, decide

MEMBER = Rights(frozenset({Audience.MEMBER}))
LEAD = Rights(frozenset({Audience.MEMBER, Audience.LEAD, Audience.HANDOVER}), staff=True)
ANNE = Facts("anne@member-a.example", person_id=3)
STRANGER = Facts("mallory@evil.example")
SIGNED = Match(Evidence.SIGNED_ADDRESS, 7, Audience.MEMBER, issued_to_sender=True)
TAG = Match(Evidence.SUBJECT_TAG, 7, Audience.MEMBER)


def decided(facts: Facts, *matches: Match, rights: Rights = MEMBER) -> Decision:
    return decide(facts, matches, {match.ticket_id: rights for match in matches})


def vouched(facts: Facts) -> Facts:
    return replace(facts, auth=AuthVerdict.PASS)


def test_an_answer_through_the_signed_address_joins_the_ticket() -> None:
    decision = decided(ANNE, SIGNED)
    assert (decision.verdict, decision.ticket_id, decision.person_id) == (Verdict.APPEND, 7, 3)
    assert decision.audience is Audience.MEMBER


def test_a_person_who_lost_their_rights_opens_a_new_ticket_linked_to_the_old() -> None:
    decision = decided(ANNE, SIGNED, rights=Rights())
    assert (decision.verdict, decision.linked, decision.person_id) == (Verdict.OPEN, (7,), None)


@pytest.mark.parametrize("evidence", list(Evidence))
def test_a_stranger_who_knows_the_ticket_cannot_join_it(evidence: Evidence) -> None:
    decision = decided(STRANGER, Match(evidence, 7, Audience.MEMBER), rights=Rights())
    assert (decision.verdict, decision.linked) == (Verdict.OPEN, (7,))


@pytest.mark.parametrize("evidence", [Evidence.OWN_MESSAGE_ID, Evidence.KNOWN_MESSAGE_ID, Evidence.SUBJECT_TAG])
def test_a_claimed_sender_joins_only_when_our_server_vouches(evidence: Evidence) -> None:
    match = Match(evidence, 7, Audience.MEMBER, issued_to_sender=True)
    assert decided(ANNE, match).verdict is Verdict.OPEN
    assert decided(vouched(ANNE), match).verdict is Verdict.APPEND


def test_a_signed_address_in_other_hands_is_not_enough() -> None:
    forwarded = replace(SIGNED, issued_to_sender=False)
    assert decided(ANNE, forwarded).verdict is Verdict.OPEN
    assert decided(vouched(ANNE), forwarded).verdict is Verdict.APPEND


def test_an_address_issued_for_a_hidden_audience_gives_it_to_nobody_else() -> None:
    other = Match(Evidence.SIGNED_ADDRESS, 7, Audience.LEAD, issued_to_sender=False)
    assert decided(vouched(ANNE), other).audience is Audience.MEMBER


def test_staff_need_the_signed_address_and_a_vouched_sender() -> None:
    lead = Facts("lea@lead.example", person_id=1)
    note = Match(Evidence.SIGNED_ADDRESS, 7, Audience.LEAD, issued_to_sender=True)
    assert decided(lead, note, rights=LEAD).verdict is Verdict.HOLD
    assert decided(vouched(lead), TAG, rights=LEAD).verdict is Verdict.HOLD
    answered = decided(vouched(lead), note, rights=LEAD)
    assert (answered.verdict, answered.audience) == (Verdict.APPEND, Audience.LEAD)


def test_a_failed_authentication_is_believed_nowhere_and_not_answered() -> None:
    decision = decided(replace(ANNE, auth=AuthVerdict.FAIL), SIGNED)
    assert (decision.verdict, decision.answerable) == (Verdict.OPEN, False)


def test_an_unknown_sender_goes_on_with_their_own_ticket() -> None:
    own = Rights(own_unverified=True)
    assert decided(STRANGER, SIGNED, rights=own).verdict is Verdict.APPEND
    assert decided(STRANGER, TAG, rights=own).verdict is Verdict.OPEN


def test_no_evidence_opens_a_ticket_that_is_answered() -> None:
    decision = decided(ANNE)
    assert (decision.verdict, decision.person_id, decision.answerable) == (Verdict.OPEN, None, True)
    assert decided(vouched(ANNE)).person_id == 3


def test_two_tickets_in_one_subject_are_no_evidence() -> None:
    decision = decided(vouched(ANNE), TAG, replace(TAG, ticket_id=8))
    assert (decision.verdict, decision.linked) == (Verdict.OPEN, (7, 8))


def test_the_strongest_evidence_wins() -> None:
    decision = decided(ANNE, replace(TAG, ticket_id=8), SIGNED)
    assert (decision.verdict, decision.ticket_id) == (Verdict.APPEND, 7)


def test_machines_are_never_answered() -> None:
    machine = replace(ANNE, machine=("Precedence: bulk",))
    assert decided(machine).answerable is False
    assert decided(machine, SIGNED).machine is True
    assert decided(machine, TAG).verdict is Verdict.HOLD
    assert decided(replace(ANNE, is_auto_reply=True)).verdict is Verdict.HOLD


def test_reports_and_our_own_mail_open_nothing() -> None:
    assert decided(replace(STRANGER, is_report=True), SIGNED).verdict is Verdict.REPORT
    assert decided(replace(STRANGER, from_ourselves=True), SIGNED).verdict is Verdict.HOLD


def test_a_sender_with_two_readings_is_nobody() -> None:
    decision = decided(Facts(None, "there is more than one From header"), SIGNED)
    assert (decision.verdict, decision.answerable) == (Verdict.OPEN, False)
    assert "more than one From" in decision.reason
