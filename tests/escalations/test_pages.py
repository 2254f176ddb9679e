"""The hand-over in the browser, as each party sees it and as strangers do not."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.briefs import service as briefs
from desk.domain.escalation import EscalationState, ReturnReason
from desk.domain.lifecycle import State
from desk.domain.vocabulary import Channel
from desk.escalations import queries, service
from desk.escalations.models import Escalation
from desk.progress import service as progress
from tests.cast import Cast
from tests.clock import MovableClock
from tests.escalations.stage import Stage


class Browsers:
    """A browser for each person, made when it is first needed."""

    def __init__(self, app: Flask, cast: Cast) -> None:
        self._app, self._cast = app, cast
        self._open: dict[str, FlaskClient] = {}

    def __call__(self, name: str) -> FlaskClient:
        """That person's browser, signed in."""
        if name not in self._open:
            self._open[name] = self._cast.sign_in(self._app.test_client(), self._cast.people()[name])
        return self._open[name]


@pytest.fixture
def browser(app: Flask, cast: Cast) -> Browsers:
    """Everybody's browser by name."""
    return Browsers(app, cast)


def newest(stage: Stage) -> Escalation:
    stage.session.rollback()
    stage.session.expire_all()
    found = queries.newest(stage.session, stage.ticket.id)
    assert found is not None
    return found


def filled(stage: Stage, **more: object) -> dict[str, object]:
    """The form of the brief, complete."""
    brief = stage.brief()
    answers: dict[str, object] = {name: getattr(brief, name) for name in ("asked", "service", "environment", "impact")}
    answers |= {"tried": brief.tried, "error_text": brief.error_text, "utc_times": brief.utc_times}
    answers |= {"identifiers": "0000-0002-1825-0097", "consent": "not_involved", "known_issues_checked": "y"}
    entry = queries.catalogue.entry(stage.session, stage.ticket.catalogue_key)
    for field in queries.extra_fields(entry):
        answers[f"f_{field.id}"] = field.options[0] if field.options else "https://idp.alder.example/saml"
    answers |= {"f_idp_contact": "idp@alder.example"}
    return answers | more


def version_on(page: str) -> str:
    found = re.search(r'name="version"[^>]*value="(\d+)"|value="(\d+)"[^>]*name="version"', page)
    assert found is not None, "the page carries no version"
    return found[1] or found[2]


def test_the_first_page_of_an_escalation_is_filled_in_and_names_what_is_asked(stage: Stage, browser: Browsers) -> None:
    page = browser("leo").get(f"/tickets/{stage.ticket.number}/escalate").text
    assert "0000-0002-1825-0097" in page
    assert "Still asked for before it can be sent" in page
    assert 'href="#tried"' in page
    assert 'href="#f_idp_entity_id"' in page
    assert queries.newest(stage.session, stage.ticket.id) is None


def test_a_whole_round_through_the_pages(stage: Stage, browser: Browsers, session: Session) -> None:
    number = stage.ticket.number
    (message,) = stage.messages()
    trace = message.attachments[0]
    sent = filled(stage, messages=[str(message.id)], attachments=[str(trace.id)])
    answer = browser("leo").post(f"/tickets/{number}/escalate", data=sent)
    assert (answer.status_code, answer.location) == (303, f"/tickets/{number}/escalate/preview")

    preview = browser("leo").get(answer.location).text
    assert "•••@brown.example" in preview
    assert "josiah" not in preview
    assert "trace.txt" in preview
    assert "screenshot.txt" not in preview
    version = version_on(preview)
    answer = browser("leo").post(f"/tickets/{number}/escalate/send", data={"version": version})
    assert (answer.status_code, answer.location) == (303, f"/tickets/{number}")

    assert "Institutional sign-in fails" in browser("rita").get("/escalations").text
    page = browser("rita").get(f"/tickets/{number}/return".replace(f"/tickets/{number}", f"/escalations/{number}")).text
    answer = browser("rita").post(
        f"/escalations/{number}/return",
        data={"version": version_on(page), "reason": "information_missing", "text": "Which proxy?"},
    )
    assert answer.status_code == 303
    assert newest(stage).return_reason is ReturnReason.INFORMATION_MISSING

    page = browser("leo").get(f"/tickets/{number}/escalate").text
    again = filled(stage, tried="Proxy two.", messages=[str(message.id)], version=version_on(page))
    preview = browser("leo").post(f"/tickets/{number}/escalate", data=again, follow_redirects=True).text
    browser("leo").post(f"/tickets/{number}/escalate/send", data={"version": version_on(preview)})
    assert newest(stage).cycle == 2

    for name, move, more in (
        ("rita", "escalations/{}/accept", {"reference": "REQ-7781"}),
        ("ruth", "escalations/{}/move_tier", {}),
        ("ruth", "escalations/{}/report_fix", {"text": "The proxy passes it on now."}),
        ("leo", "tickets/{}/escalation/verify", {"text": "It works again."}),
    ):
        path = "/" + move.format(number)
        version = version_on(browser(name).get(path).text)
        answer = browser(name).post(path, data={"version": version, **more})
        assert answer.status_code == 303, (path, answer.text)
    found = newest(stage)
    assert (found.state, found.registry_reference) == (EscalationState.CLOSED, "REQ-7781")
    session.refresh(stage.ticket)
    assert stage.ticket.state is State.RESOLVED


def test_a_brief_that_is_not_complete_is_saved_and_leads_back_to_the_form(stage: Stage, browser: Browsers) -> None:
    path = f"/tickets/{stage.ticket.number}/escalate"
    answer = browser("leo").post(path, data=filled(stage, tried=""))
    assert (answer.status_code, answer.location) == (303, path)
    assert "What was tried" in browser("leo").get(path).text
    assert newest(stage).state is EscalationState.PREPARED


def test_a_secret_that_was_typed_is_removed_and_the_writer_told(stage: Stage, browser: Browsers) -> None:
    path = f"/tickets/{stage.ticket.number}/escalate"
    sent = filled(stage, steps="curl -u CLIENT:hunter22222 https://api.example")
    page = browser("leo").post(path, data=sent, follow_redirects=True).text
    assert "to keep accounts safe: password" in page
    assert "hunter22222" not in page


def test_what_was_typed_stays_on_the_page_when_it_is_refused(stage: Stage, browser: Browsers) -> None:
    path = f"/tickets/{stage.ticket.number}/escalate"
    answer = browser("leo").post(path, data=filled(stage, f_idp_contact="not an address", asked="Keep these words."))
    assert answer.status_code == 422
    assert "Keep these words." in answer.text
    assert "is not a mail address" in answer.text


def test_a_conflict_shows_both_briefs_and_the_next_save_goes_through(stage: Stage, browser: Browsers) -> None:
    path = f"/tickets/{stage.ticket.number}/escalate"
    browser("lena").post(path, data=filled(stage, asked="What Lena asks."))
    answer = browser("leo").post(path, data=filled(stage, asked="What Leo asks."))
    assert answer.status_code == 409
    assert "What Lena asks." in answer.text
    assert "What Leo asks." in answer.text
    version = version_on(answer.text)
    again = browser("leo").post(path, data=filled(stage, asked="What both ask.", version=version))
    assert again.status_code == 303
    assert newest(stage).brief["asked"] == "What both ask."


def test_a_brief_whose_draft_was_dropped_meanwhile_can_still_be_saved(stage: Stage, browser: Browsers) -> None:
    path = f"/tickets/{stage.ticket.number}/escalate"
    stage.saved()
    version = version_on(browser("leo").get(path).text)
    stage.does(stage.cast.lena, service.withdraw)
    answer = browser("leo").post(path, data=filled(stage, asked="Mine.", version=version))
    assert answer.status_code == 409
    assert "Mine." in answer.text
    assert 'name="version"' not in answer.text
    assert browser("leo").post(path, data=filled(stage, asked="Mine.")).status_code == 303
    assert newest(stage).ordinal == 2


def test_what_changed_since_the_preview_is_not_sent(stage: Stage, browser: Browsers) -> None:
    path = f"/tickets/{stage.ticket.number}/escalate"
    old = version_on(browser("leo").post(path, data=filled(stage), follow_redirects=True).text)
    browser("lena").post(path, data=filled(stage, asked="Another question.", version=old))
    answer = browser("leo").post(f"{path}/send", data={"version": old})
    assert answer.status_code == 409
    assert "It was not sent" in answer.text
    assert newest(stage).state is EscalationState.PREPARED


def test_who_comes_second_at_the_registry_is_told_and_keeps_the_words(stage: Stage, browser: Browsers) -> None:
    stage.sent()
    path = f"/escalations/{stage.ticket.number}"
    version = version_on(browser("ruth").get(f"{path}/return").text)
    assert browser("rita").post(f"{path}/accept", data={"version": version}).status_code == 303
    answer = browser("ruth").post(
        f"{path}/return", data={"version": version, "reason": "duplicate", "text": "We know this one."}
    )
    assert answer.status_code == 409
    assert "We know this one." in answer.text
    assert "accepted by the registry" in answer.text
    assert newest(stage).state is EscalationState.ACCEPTED


def test_a_return_without_words_is_refused_beside_its_field(stage: Stage, browser: Browsers) -> None:
    stage.sent()
    path = f"/escalations/{stage.ticket.number}/return"
    answer = browser("rita").post(path, data={"reason": "consent", "text": " "})
    assert answer.status_code == 422
    assert "What is needed is missing." in answer.text


def test_a_return_without_a_reason_says_that_one_is_needed(stage: Stage, browser: Browsers) -> None:
    stage.sent()
    answer = browser("rita").post(f"/escalations/{stage.ticket.number}/return", data={"text": "Which half is it?"})
    assert answer.status_code == 422
    assert "Say why it goes back." in answer.text
    assert "Not a valid choice" not in answer.text


def test_a_member_reads_which_of_its_messages_the_registry_was_shown(stage: Stage, browser: Browsers) -> None:
    path = f"/tickets/{stage.ticket.number}"
    assert "shown to the registry" not in browser("alice").get(path).text
    stage.sent(messages=[stage.messages()[0].id])
    assert "You and your consortium lead read this; shown to the registry" in browser("alice").get(path).text


def test_a_decline_offers_the_entries_that_a_lead_can_answer(stage: Stage, browser: Browsers) -> None:
    stage.sent()
    path = f"/escalations/{stage.ticket.number}/decline"
    page = browser("rita").get(path).text
    assert "orcid-oauth-invalid-scope" in page
    assert "orcid-api-record-locked" not in page
    answer = browser("rita").post(path, data={"entry_key": "orcid-oauth-invalid-scope", "text": ""})
    assert answer.status_code == 303
    assert newest(stage).state is EscalationState.DECLINED


def test_the_lists_show_each_desk_its_own_and_members_none(stage: Stage, browser: Browsers) -> None:
    stage.sent()
    assert "Institutional sign-in fails" in browser("leo").get("/escalations/sent").text
    assert "Institutional sign-in fails" in browser("rita").get("/escalations?state=sent").text
    assert "Nothing here" in browser("rita").get("/escalations?mine=1").text
    assert "Nothing here" in browser("dora").get("/escalations").text
    assert "Nothing here" in browser("samir").get("/escalations/sent").text
    for name in ("alice", "leo", "ada"):
        assert browser(name).get("/escalations").status_code == 404
    for name in ("alice", "rita", "ada"):
        assert browser(name).get("/escalations/sent").status_code == 404


def test_an_answer_that_was_due_at_closing_time_is_late_from_the_next_opening(
    stage: Stage, cast: Cast, clock: MovableClock, browser: Browsers
) -> None:
    stage.wait(23)  # Thursday at nine in UTC: two working days for an answer, until Friday at five
    stage.sent()
    row = queries.queue(stage.session, cast.actor(cast.rita))[0]
    assert row.clock is not None and row.clock.due_at == cast.now + timedelta(days=2, hours=7)
    clock.set(row.clock.due_at + timedelta(hours=1))
    for name, path in (("rita", "/escalations"), ("leo", "/escalations/sent")):
        page = browser(name).get(path).text
        assert re.search(r"Answer was due; late from <time[^>]*>Mon 10:00 CET</time>", page), path
        assert "Overdue" not in page and "is-breached" not in page, path
    clock.set(cast.now + timedelta(days=5))
    page = browser("ruth").get("/escalations").text
    assert "Overdue since" in page and "late from" not in page


def test_strangers_find_nothing_on_any_page_of_a_hand_over(stage: Stage, cast: Cast, browser: Browsers) -> None:
    stage.sent()
    number = stage.ticket.number
    lead = {"leo", "lena"}
    registry = {"rita", "ruth"}
    own = {
        f"/tickets/{number}/escalate": lead,
        f"/tickets/{number}/escalate/preview": lead,
        **{f"/tickets/{number}/escalation/{move}": lead for move in ("withdraw", "verify", "close")},
        **{
            f"/escalations/{number}/{move}": registry
            for move in ("accept", "decline", "return", "move_tier", "report_fix")
        },
    }
    wrong = []
    for name in cast.people():
        for path, allowed in own.items():
            status = browser(name).get(path).status_code
            if (status == 200) != (name in allowed) or (name not in allowed and status != 404):
                wrong.append((name, path, status))
    assert wrong == []


def test_strangers_change_nothing_by_sending_forms(stage: Stage, cast: Cast, browser: Browsers) -> None:
    stage.saved()
    number = stage.ticket.number
    forms: dict[str, dict[str, object]] = {
        f"/tickets/{number}/escalate": filled(stage),
        f"/tickets/{number}/escalate/send": {"version": "2"},
        f"/tickets/{number}/escalation/withdraw": {},
        f"/escalations/{number}/accept": {},
        f"/escalations/{number}/return": {"reason": "consent", "text": "x"},
    }
    answers = {
        (name, path): browser(name).post(path, data=data).status_code
        for name in cast.people()
        if name not in ("leo", "lena")
        for path, data in forms.items()
    }
    assert set(answers.values()) == {404}
    assert newest(stage).state is EscalationState.PREPARED


@pytest.mark.parametrize("move", ["send", "verify_", "accept", "%00", "../close"])
def test_a_move_that_is_not_the_leads_is_not_found(stage: Stage, browser: Browsers, move: str) -> None:
    stage.sent()
    assert browser("leo").get(f"/tickets/{stage.ticket.number}/escalation/{move}").status_code == 404


def test_the_ticket_page_shows_the_hand_over_to_both_desks_and_not_to_the_member(
    stage: Stage, browser: Browsers
) -> None:
    path = f"/tickets/{stage.ticket.number}"
    assert "Escalate to the registry" in browser("leo").get(path).text
    stage.sent()
    assert "Take it back" in browser("leo").get(path).text
    registry = browser("rita").get(path).text
    assert "Please find out which identifier arrives." in registry
    assert f"/escalations/{stage.ticket.number}/accept" in registry
    member = browser("alice").get(path).text
    assert "Please find out which identifier arrives." not in member
    assert "escalation-title" not in member


def turn_on(page: str) -> str:
    """What the page says of whose turn it is; it says so once."""
    (said,) = re.findall(r'<p class="turn[^>]*>\s*<strong>(.*?)</strong>', page)
    return said.replace("&#39;", "'")


def test_whose_turn_it_is_stands_once_at_the_top_for_both_desks(stage: Stage, cast: Cast, browser: Browsers) -> None:
    path = f"/tickets/{stage.ticket.number}"
    stage.sent()
    assert turn_on(browser("leo").get(path).text) == "The registry's turn"
    assert turn_on(browser("rita").get(path).text) == "Your desk's turn"
    assert 'id="turn"' not in browser("alice").get(path).text
    stage.does(cast.rita, service.return_, reason=ReturnReason.CONSENT, text="In writing, please.")
    assert turn_on(browser("leo").get(path).text) == "Your desk's turn"
    registry = browser("rita").get(path).text
    assert turn_on(registry) == "The consortium lead's turn" and "Has to act" not in registry
    # While the page is open the line is replaced with the clocks.
    fragment = browser("leo").get(f"{path}/clocks/panel", headers={"HX-Request": "true"}).text
    assert 'id="turn" hx-swap-oob="true"' in fragment and turn_on(fragment) == "Your desk's turn"


def test_what_came_back_stands_above_the_conversation_with_why_and_what_to_do(
    stage: Stage, cast: Cast, browser: Browsers
) -> None:
    path = f"/tickets/{stage.ticket.number}"
    stage.sent()
    assert "came-back" not in browser("leo").get(path).text
    stage.does(cast.rita, service.return_, reason=ReturnReason.INFORMATION_MISSING, text="Which **proxy** is it?")
    page = browser("leo").get(path).text
    box = page[page.index("came-back") : page.index("Conversation</h2>")]
    for words in ("ORCID returned the escalation", "Information is missing.", "Which <strong>proxy</strong> is it?"):
        assert words in box
    assert f'href="{path}/escalate">Complete the brief</a>' in box
    assert re.search(r"<input checked[^>]*value=\"ask\"", page), "the question goes to the member, if to anybody"
    for name in ("rita", "alice"):
        assert "came-back" not in browser(name).get(path).text
    stage.saved(error_code="9017", tried="")
    box = browser("leo").get(path).text
    assert f'href="{path}/escalate#tried"' in box[box.index("came-back") : box.index("Conversation</h2>")]
    stage.sent()
    assert "came-back" not in browser("leo").get(path).text


def test_what_was_declined_says_so_with_the_entry_that_answers_it(stage: Stage, cast: Cast, browser: Browsers) -> None:
    stage.sent()
    stage.does(cast.rita, service.decline, entry_key="orcid-oauth-invalid-scope", text="")
    page = browser("leo").get(f"/tickets/{stage.ticket.number}").text
    box = page[page.index("came-back") : page.index("Conversation</h2>")]
    assert "ORCID declined the escalation" in box and "You can answer it: <strong>" in box
    # The registry has it no longer: there is nothing to take back, only to drop.
    assert "Drop the escalation" in page and "Take it back" not in page
    form = browser("leo").get(f"/tickets/{stage.ticket.number}/escalation/withdraw").text
    assert "The brief is not sent" in form and "Take it back" not in form
    assert re.search(r"<input checked[^>]*value=\"member\"", page)


def test_the_registry_reads_that_the_member_verified_the_fix(stage: Stage, cast: Cast, browser: Browsers) -> None:
    stage.accepted()
    stage.does(cast.rita, service.report_fix, text="The proxy passes it on now.")
    number = stage.ticket.number
    answer = browser("alice").post(f"/tickets/{number}/confirm", data={"solved": "yes"})
    assert answer.status_code == 303
    page = browser("rita").get(f"/tickets/{number}").text
    assert "Verified" in page
    assert "to be verified" not in page
    assert "Close the escalation" not in browser("leo").get(f"/tickets/{number}").text


def test_no_move_is_offered_that_the_registry_stands_in_the_way_of(stage: Stage, cast: Cast, browser: Browsers) -> None:
    address = f"/tickets/{stage.ticket.number}"
    offers = ("Resolve and tell the member", "Put on hold")
    assert all(each in browser("leo").get(address).text for each in offers)
    stage.accepted()
    stage.does(cast.leo, progress.ask_member, text="Which proxy is it?", channel=Channel.WEB)
    assert stage.ticket.state is State.PENDING_MEMBER
    assert not any(each in browser("leo").get(address).text for each in offers)


def test_a_brief_with_odd_values_is_refused_or_kept_but_never_a_fault(stage: Stage, browser: Browsers) -> None:
    path = f"/tickets/{stage.ticket.number}/escalate"
    odd = filled(stage, asked="a\x00b", messages=["x", "99999999999999999999", "-1"], attachments=["1.5"])
    assert browser("leo").post(path, data=odd).status_code == 303
    assert browser("leo").post(path, data={"version": "99999999999999999999999"}).status_code in (409, 422)
    assert browser("leo").post(path, data=filled(stage, messages=["2147483647"])).status_code in (409, 422)


def test_withdrawing_a_draft_leaves_the_ticket_as_it_was(stage: Stage, browser: Browsers) -> None:
    stage.saved()
    answer = browser("leo").post(f"/tickets/{stage.ticket.number}/escalation/withdraw", data={})
    assert answer.status_code == 303
    assert newest(stage).state is EscalationState.WITHDRAWN
    assert stage.ticket.state is State.NEW
    stage.passed = timedelta()
    stage.does(stage.cast.leo, briefs.save_brief, brief=stage.brief())
    assert newest(stage).ordinal == 2
