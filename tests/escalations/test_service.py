"""The hand-over through its verbs, on both databases."""

from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from desk.briefs import queries as brief_queries
from desk.briefs import service as briefs
from desk.catalogue.service import demand_field
from desk.db import transaction
from desk.domain.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from desk.domain.escalation import Consent, EscalationState, ReturnReason, Side
from desk.domain.lifecycle import State
from desk.domain.vocabulary import Audience, Outcome
from desk.escalations import queries, service
from desk.escalations.models import Escalation
from desk.events import queries as events
from desk.progress import service as progress
from desk.tickets import queries as tickets
from tests.cast import Cast
from tests.escalations.stage import ENTRY, Stage


def seen_by(stage: Stage, name: str) -> list[tuple[str, str]]:
    actor = stage.cast.actor(stage.cast.people()[name])
    shown = tickets.messages_for(stage.session, actor, stage.ticket)
    return [(each.message.audience.value, each.html) for each in shown]


def test_a_first_brief_is_filled_in_from_the_ticket(stage: Stage) -> None:
    brief = brief_queries.first_brief(stage.session, stage.ticket)
    assert (brief.service, brief.environment) == ("ORCID", "production")
    assert "0000-0002-1825-0097" in brief.identifiers
    assert "Alder University" in brief.impact
    assert brief.asked == brief.tried == ""


def test_saving_a_brief_prepares_a_hand_over_and_shows_nothing_to_the_registry(stage: Stage, cast: Cast) -> None:
    escalation = stage.saved()
    assert (escalation.state, escalation.cycle, escalation.tier) == (EscalationState.PREPARED, 0, 2)
    assert stage.ticket.state is State.NEW
    with pytest.raises(NotFound):
        tickets.get(stage.session, cast.actor(cast.rita), stage.ticket.number)
    assert queries.latest(stage.session, cast.actor(cast.rita), stage.ticket) is None


def test_secrets_are_taken_out_of_a_brief_when_it_is_saved(stage: Stage, cast: Cast) -> None:
    brief = stage.brief(steps="curl -u CLIENT:hunter22222 https://api.example")
    escalation, removed = stage.does(cast.leo, briefs.save_brief, brief=brief)
    assert removed == ["password"]
    (event,) = [each for each in events.timeline(stage.session, stage.ticket.id) if each.kind == "brief_cleaned"]
    assert (event.payload, event.audience) == ({"kinds": ["password"]}, "lead")
    assert "hunter22222" not in str(escalation.brief)


def test_what_the_consortium_demands_beyond_the_entry_is_demanded_too(stage: Stage, cast: Cast) -> None:
    with transaction() as unit:
        demand_field(unit, cast.actor(cast.lena), cast.north.id, ENTRY, "steps", now=cast.now)
    stage.saved()
    with pytest.raises(InvalidInput, match="Steps to repeat it") as refused:
        stage.does(cast.leo, service.send)
    assert refused.value.field == "steps"
    assert stage.sent(steps="Sign in through the proxy.").cycle == 1


def test_what_the_entry_demands_and_the_brief_lacks_is_named_before_it_can_be_sent(stage: Stage, cast: Cast) -> None:
    stage.saved(tried="", fields={})
    with pytest.raises(InvalidInput, match=r"What was tried.*Identity provider entity ID") as caught:
        stage.does(cast.leo, service.send)
    assert caught.value.field == "tried"
    stage.session.expire_all()
    assert stage.ticket.state is State.NEW


def test_sending_gives_the_ticket_to_the_registrys_team_and_starts_its_clocks(stage: Stage, cast: Cast) -> None:
    escalation = stage.sent()
    assert (escalation.state, escalation.cycle) == (EscalationState.SENT, 1)
    assert (stage.ticket.state, stage.ticket.holder_team_id) == (State.ESCALATED, cast.orcid_support.id)
    assert stage.ticket.tier == 2
    clocks = stage.clocks()
    assert clocks["registry_acceptance"] == clocks["registry"] == clocks["overall"] == "running"
    assert clocks["lead"] == "paused"
    assert tickets.get(stage.session, cast.actor(cast.rita), stage.ticket.number) is stage.ticket


def test_the_registry_sees_only_what_was_chosen_with_people_masked(stage: Stage) -> None:
    (message,) = stage.messages()
    trace, _ = message.attachments
    stage.sent(messages=[message.id], attachments=[trace.id])
    ((audience, html),) = seen_by(stage, "rita")
    assert audience == "member"
    assert "josiah" not in html
    assert "1825" not in html
    assert "abcdefgh1234" not in html
    shown = tickets.messages_for(stage.session, stage.cast.actor(stage.cast.rita), stage.ticket)
    assert [file.file_name for file in shown[0].attachments] == ["trace.txt"]


def test_without_a_choice_the_registry_reads_no_message_at_all(stage: Stage) -> None:
    stage.sent()
    assert seen_by(stage, "rita") == []


def test_with_consent_people_stay_readable(stage: Stage) -> None:
    (message,) = stage.messages()
    stage.sent(messages=[message.id], consent=Consent.GIVEN)
    assert "josiah@brown.example" in seen_by(stage, "rita")[0][1]


def test_the_preview_is_what_the_registry_then_reads(stage: Stage, cast: Cast) -> None:
    (message,) = stage.messages()
    escalation = stage.saved(messages=[message.id])
    shown = brief_queries.preview(stage.session, stage.ticket, escalation)
    stage.does(cast.leo, service.send)
    entry = queries.catalogue.entry(stage.session, stage.ticket.catalogue_key)
    read = queries.shown_brief(stage.session, escalation, Side.REGISTRY)
    assert queries.lines_of(read, entry) == shown.lines
    disclosed = next(iter(queries.conversations.disclosures_of(stage.session, stage.ticket.id)))
    assert disclosed.text is not None
    assert (shown.messages[0].html, "<em>" in shown.messages[0].html) == (seen_by(stage, "rita")[0][1], False)


def test_what_was_shown_once_is_previewed_as_it_was_shown(stage: Stage, cast: Cast) -> None:
    (message,) = stage.messages()
    stage.sent(messages=[message.id], attachments=[message.attachments[0].id])
    stage.does(cast.rita, service.return_, reason=ReturnReason.CONSENT, text="Please ask.")
    escalation = stage.saved(consent=Consent.GIVEN)
    (candidate,) = brief_queries.preview(stage.session, stage.ticket, escalation).messages
    assert candidate.disclosed
    assert candidate.disclosed_attachments == {message.attachments[0].id}
    assert candidate.html == seen_by(stage, "rita")[0][1]
    assert "josiah" not in candidate.html


def test_a_note_of_the_lead_cannot_be_chosen(stage: Stage, cast: Cast) -> None:
    note = stage.does(
        cast.leo, progress.add_message, audience=Audience.LEAD, text="Between us.", channel=stage.ticket.channel
    )
    with pytest.raises(InvalidInput) as caught:
        stage.saved(messages=[note.id])
    assert caught.value.field == "messages"


def test_a_message_of_another_ticket_cannot_be_chosen(stage: Stage, cast: Cast, session: Session) -> None:
    other = Stage.set(cast, session).messages()[0]
    with pytest.raises(InvalidInput):
        stage.saved(messages=[other.id])


def test_a_file_is_shown_with_its_message_only(stage: Stage) -> None:
    (message,) = stage.messages()
    with pytest.raises(InvalidInput) as caught:
        stage.saved(attachments=[message.attachments[0].id])
    assert caught.value.field == "attachments"


def test_who_accepts_becomes_problem_manager_and_the_acceptance_clock_stops(stage: Stage, cast: Cast) -> None:
    stage.sent()
    stage.wait(1)
    escalation = stage.does(cast.rita, service.accept, reference="REQ-7781")
    assert (escalation.state, escalation.assignee_id) == (EscalationState.ACCEPTED, cast.rita.id)
    assert escalation.registry_reference == "REQ-7781"
    assert stage.clocks()["registry_acceptance"] == "stopped"
    assert stage.clocks()["registry"] == "running"


def test_a_return_brings_it_back_to_the_lead_with_reason_and_words(stage: Stage, cast: Cast) -> None:
    stage.sent()
    escalation = stage.does(
        cast.rita, service.return_, reason=ReturnReason.CONSENT, text="Please ask the record holder."
    )
    assert (escalation.state, escalation.return_reason) == (EscalationState.RETURNED, ReturnReason.CONSENT)
    assert stage.ticket.state is State.PENDING_LEAD
    assert stage.ticket.holder_team_id == cast.north_desk.id
    assert [audience for audience, _ in seen_by(stage, "rita")] == ["handover"]
    assert "handover" not in [audience for audience, _ in seen_by(stage, "alice")]
    clocks = stage.clocks()
    assert (clocks["lead"], clocks["registry"], clocks["registry_acceptance"]) == ("running", "paused", "stopped")


def test_a_hand_over_note_is_no_answer_to_the_member(stage: Stage, cast: Cast) -> None:
    stage.sent()
    stage.does(cast.rita, service.return_, reason=ReturnReason.CONSENT, text="Please ask.")
    assert stage.clocks()["first_response"] == "running"


def test_a_return_without_words_is_refused(stage: Stage, cast: Cast) -> None:
    stage.sent()
    with pytest.raises(InvalidInput, match="What is needed"):
        stage.does(cast.rita, service.return_, reason=ReturnReason.DUPLICATE, text="  ")


def test_a_decline_names_the_entry_that_answers_it(stage: Stage, cast: Cast) -> None:
    stage.sent()
    escalation = stage.does(cast.rita, service.decline, entry_key="orcid-oauth-invalid-scope")
    assert (escalation.state, escalation.decline_entry_key) == (EscalationState.DECLINED, "orcid-oauth-invalid-scope")
    assert stage.ticket.state is State.PENDING_LEAD
    assert "Scope refused" in seen_by(stage, "leo")[-1][1]
    with pytest.raises(InvalidInput):
        stage.sent()
        stage.does(cast.rita, service.decline, entry_key="no-such-entry")


def test_the_lead_can_take_it_back_and_what_was_shown_stays_shown(stage: Stage, cast: Cast) -> None:
    (message,) = stage.messages()
    stage.accepted(messages=[message.id])
    escalation = stage.does(cast.leo, service.withdraw, text="We found it ourselves.")
    assert escalation.state is EscalationState.WITHDRAWN
    assert stage.ticket.state is State.OPEN
    assert stage.ticket.tier == 1
    assert [audience for audience, _ in seen_by(stage, "rita")] == ["member", "handover"]


def test_a_draft_can_be_dropped_and_a_new_one_begun(stage: Stage, cast: Cast) -> None:
    first = stage.saved()
    stage.does(cast.leo, service.withdraw)
    second = stage.saved()
    assert (first.state, first.ordinal) == (EscalationState.WITHDRAWN, 1)
    assert (second.state, second.ordinal) == (EscalationState.PREPARED, 2)


def test_a_ticket_that_is_over_is_not_escalated(stage: Stage, cast: Cast) -> None:
    stage.does(cast.leo, progress.resolve, outcome=Outcome.SOLVED, text="Done.")
    with pytest.raises(IllegalTransition, match="Reopen it"):
        stage.saved()


def test_moving_to_engineering_changes_team_and_ledger_but_not_the_clock(stage: Stage, cast: Cast) -> None:
    stage.accepted()
    stage.wait(1)
    escalation = stage.does(cast.rita, service.move_tier, tier=3, text="Looks like our proxy.")
    assert (escalation.tier, stage.ticket.tier) == (3, 3)
    assert stage.ticket.holder_team_id == cast.orcid_engineering.id
    assert stage.clocks()["registry"] == "running"
    assert [team for _, team, _ in stage.ledger()][-2:] == ["ORCID support", "ORCID engineering"]
    assert "registry" not in [audience for audience, _ in seen_by(stage, "leo")]
    with pytest.raises(InvalidInput):
        stage.does(cast.rita, service.move_tier, tier=3)
    with pytest.raises(InvalidInput):
        stage.does(cast.rita, service.move_tier, tier=1)


def test_verifying_resolves_the_ticket_as_solved(stage: Stage, cast: Cast) -> None:
    stage.accepted()
    stage.does(cast.rita, service.report_fix, text="The proxy passes it on now.")
    assert stage.ticket.state is State.PENDING_LEAD
    escalation = stage.does(cast.leo, service.verify, text="It works again; thank you for checking.")
    # Nothing is left to press: what the member verified is closed with that.
    assert (escalation.state, escalation.verified_at) == (EscalationState.CLOSED, escalation.closed_at)
    assert (stage.ticket.state, stage.ticket.outcome) == (State.RESOLVED, Outcome.SOLVED)
    assert seen_by(stage, "alice")[-1][1].startswith("<p>It works again")


def test_the_members_own_word_verifies_a_fix(stage: Stage, cast: Cast) -> None:
    stage.accepted()
    stage.does(cast.rita, service.report_fix, text="The proxy passes it on now.")
    stage.does(cast.alice, service.confirm, solved=True, text="")
    assert stage.ticket.state is State.CLOSED
    found = queries.newest(stage.session, stage.ticket.id)
    assert found is not None
    assert (found.state, found.verified_at) == (EscalationState.CLOSED, cast.now + stage.passed)
    assert stage.kinds()[-4:] == ["confirmed", "closed", "verified", "escalation_closed"]
    assert events.timeline(stage.session, stage.ticket.id)[-1].actor_id is None


def test_a_member_who_confirms_an_answer_verifies_no_fix_that_nobody_reported(stage: Stage, cast: Cast) -> None:
    stage.accepted()
    stage.does(cast.rita, service.return_, reason=ReturnReason.CONSENT, text="Does she agree?")
    stage.does(cast.alice, service.confirm, solved=True, text="")
    found = queries.newest(stage.session, stage.ticket.id)
    assert found is not None
    assert (found.state, found.verified_at) == (EscalationState.RETURNED, None)
    assert "verified" not in stage.kinds()


def test_the_brief_of_a_ticket_that_is_over_cannot_be_changed(stage: Stage, cast: Cast) -> None:
    stage.saved()
    stage.does(cast.alice, service.confirm, solved=True, text="")
    with pytest.raises(IllegalTransition, match="The ticket is over"):
        stage.saved()


def test_a_declined_one_that_the_lead_answers_is_closed_by_hand(stage: Stage, cast: Cast) -> None:
    stage.sent()
    stage.does(cast.rita, service.decline, entry_key="orcid-oauth-invalid-scope", text="")
    found = stage.does(cast.leo, service.close)
    assert (found.state, found.closed_at) == (EscalationState.CLOSED, cast.now + stage.passed)


def test_what_is_not_fixed_after_all_is_sent_again_as_a_new_cycle(stage: Stage, cast: Cast) -> None:
    stage.accepted()
    stage.does(cast.rita, service.report_fix, text="Mended.")
    escalation = stage.sent(tried="The member tried again; the same error at 11:40 UTC.")
    assert (escalation.state, escalation.cycle, escalation.accepted_at) == (EscalationState.SENT, 2, None)
    assert [each.outcome for each in escalation.rounds] == [EscalationState.FIXED, None]


def test_a_full_round_is_told_by_clocks_ledger_and_events(stage: Stage, cast: Cast) -> None:
    stage.wait(1)  # 11:00 UTC
    stage.sent()
    stage.wait(1)
    stage.does(cast.rita, service.return_, reason=ReturnReason.INFORMATION_MISSING, text="Which proxy?")
    stage.wait(1)
    again = stage.sent(tried="Asked the identity team: proxy two.")
    assert again.cycle == 2
    assert stage.clocks()["registry_acceptance"] == "running"
    stage.does(cast.ruth, service.accept)
    stage.does(cast.ruth, service.move_tier, tier=3)
    stage.wait(2)  # 15:00 UTC
    stage.does(cast.ruth, service.report_fix, text="The proxy passes it on now.")
    final = stage.does(cast.leo, service.verify)
    assert final.state is EscalationState.CLOSED
    assert stage.ledger() == [
        ("lead", "Northern support", 1),
        ("registry", "ORCID support", 1),
        ("lead", "Northern support", 1),
        ("registry", "ORCID support", 0),
        ("registry", "ORCID engineering", 2),
        ("lead", "Northern support", 0),
    ]
    assert {kind: state for kind, state in stage.clocks().items() if kind in ("lead", "registry", "overall")} == {
        "lead": "stopped",
        "registry": "stopped",
        "overall": "stopped",
    }
    told = [kind for kind in stage.kinds() if kind != "disclosed"]
    assert told == [
        "opened",
        "escalation_prepared",
        "escalated",
        "returned",
        "escalated",
        "accepted",
        "tier_moved",
        "fixed",
        "resolved",
        "verified",
        "escalation_closed",
    ]


def test_the_registry_keeps_reading_the_sent_brief_while_the_lead_writes_another(stage: Stage, cast: Cast) -> None:
    stage.sent()
    stage.does(cast.rita, service.return_, reason=ReturnReason.REPRODUCTION, text="How?")
    escalation = stage.saved(asked="Draft words that nobody may read yet.")
    assert "Draft words" not in queries.shown_brief(stage.session, escalation, Side.REGISTRY).asked
    assert "Draft words" in queries.shown_brief(stage.session, escalation, Side.LEAD).asked


@pytest.mark.parametrize(
    ("verb", "what"),
    [
        (service.accept, {}),
        (service.return_, {"reason": ReturnReason.DUPLICATE, "text": "Known."}),
        (service.decline, {"entry_key": "orcid-oauth-invalid-scope"}),
    ],
)
def test_of_two_at_the_registry_one_answers_and_the_other_is_told(
    stage: Stage, cast: Cast, verb: Any, what: dict[str, Any]
) -> None:
    version = stage.sent().version
    stage.does(cast.rita, service.accept, version=version)
    with pytest.raises((Conflict, IllegalTransition), match="accepted by the registry"):
        stage.does(cast.ruth, verb, version=version, **what)
    found = queries.newest(stage.session, stage.ticket.id)
    assert found is not None
    assert found.assignee_id == cast.rita.id
    assert found.state is EscalationState.ACCEPTED


def test_a_second_acceptance_without_a_version_is_an_illegal_move(stage: Stage, cast: Cast) -> None:
    stage.accepted()
    with pytest.raises(IllegalTransition, match="not possible now"):
        stage.does(cast.ruth, service.accept)


def test_of_two_leads_who_begin_at_once_one_keeps_the_draft_and_the_other_is_told(stage: Stage, cast: Cast) -> None:
    stage.saved()
    with pytest.raises(Conflict):
        stage.does(cast.lena, briefs.save_brief, brief=stage.brief(), version=None)


def test_an_older_copy_of_the_brief_does_not_overwrite_a_newer_one(stage: Stage, cast: Cast) -> None:
    old = stage.saved().version
    stage.saved(asked="The newer question.")
    with pytest.raises(Conflict):
        stage.does(cast.lena, briefs.save_brief, brief=stage.brief(asked="The older one."), version=old)
    found = queries.newest(stage.session, stage.ticket.id)
    assert found is not None
    assert found.brief["asked"] == "The newer question."


def test_only_the_previewed_version_is_sent(stage: Stage, cast: Cast) -> None:
    old = stage.saved().version
    stage.saved(asked="Changed by a colleague meanwhile.")
    with pytest.raises(Conflict):
        stage.does(cast.leo, service.send, version=old)


def test_the_brief_cannot_be_changed_while_the_registry_has_it(stage: Stage, cast: Cast) -> None:
    version = stage.sent().version
    with pytest.raises(IllegalTransition):
        stage.does(cast.leo, briefs.save_brief, brief=stage.brief(), version=version)


def test_the_database_keeps_one_open_hand_over_for_each_ticket(stage: Stage) -> None:
    escalation = stage.saved()
    twin = {"ticket_id": stage.ticket.id, "ordinal": 2, "registry_id": escalation.registry_id, "brief": {}}
    rest = {"state": EscalationState.PREPARED, "tier": 2, "prepared_by_id": stage.cast.leo.id}
    with pytest.raises(IntegrityError), transaction() as unit:
        unit.add(Escalation(**twin, **rest, created_at=stage.cast.now))
