"""Writing on a ticket in the browser, holding it, resolving it, and the member's word on whether it is solved."""

from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.db import transaction
from desk.domain.lifecycle import State
from desk.domain.vocabulary import Audience, Outcome
from desk.handover import service as handover
from desk.tickets import queries
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.tickets.scenes import browser, filed, stored, written


def message(audience: str, text: str = "Words", seen: int = 99, **more: Any) -> dict[str, Any]:
    return {"audience": audience, "send": audience, "text": text, "seen": seen} | more


def escalated(cast: Cast, number: int) -> None:
    with transaction() as session:
        ticket = session.get(Ticket, number)
        team = accounts.team_of_registry(session, cast.orcid.id)
        assert ticket is not None
        handover.hand_over(
            session, cast.actor(cast.leo), ticket, registry_id=cast.orcid.id, team=team, tier=2, now=cast.now
        )


def audiences(cast: Cast, session: Session, number: int) -> list[str]:
    ticket = stored(session, number)
    return [each.message.audience.value for each in queries.messages_for(session, cast.actor(cast.leo), ticket)]


def test_a_lead_answers_and_the_member_answers_back(app: Flask, cast: Cast, session: Session) -> None:
    number = filed(cast)
    leo, alice = browser(app, cast, cast.leo), browser(app, cast, cast.alice)
    sent = leo.post(f"/tickets/{number}/reply", data=message("member", "We look into it."))
    assert sent.status_code == 303
    assert "Sent to the member." in leo.get(sent.location).text
    assert stored(session, number).state is State.OPEN
    assert "We look into it." in alice.get(f"/tickets/{number}").text
    assert alice.post(f"/tickets/{number}/reply", data=message("member", "Thank you.")).status_code == 303
    assert "Thank you." in leo.get(f"/tickets/{number}").text


def test_the_buttons_name_their_readers(app: Flask, cast: Cast) -> None:
    number = filed(cast)
    leo = browser(app, cast, cast.leo)
    page = leo.get(f"/tickets/{number}").text
    assert "Send to the member" in page and "Keep as note for your team" in page
    assert "Send to the registry" not in page
    escalated(cast, number)
    assert "Send to the registry" in leo.get(f"/tickets/{number}").text
    registry = browser(app, cast, cast.rita).get(f"/tickets/{number}").text
    assert "Send to the consortium lead" in registry and "Send to the member" not in registry


def test_a_question_makes_it_the_members_turn(app: Flask, cast: Cast, session: Session) -> None:
    number = filed(cast)
    browser(app, cast, cast.leo).post(f"/tickets/{number}/reply", data=message("ask", "Which client?"))
    assert stored(session, number).state is State.PENDING_MEMBER
    page = browser(app, cast, cast.alice).get(f"/tickets/{number}").text
    assert "Waiting for your answer" in page and "The promised dates wait until you answer" in page


def test_a_note_stays_with_the_team(app: Flask, cast: Cast, session: Session) -> None:
    number = filed(cast)
    browser(app, cast, cast.leo).post(f"/tickets/{number}/reply", data=message("lead", "Between us."))
    assert audiences(cast, session, number) == ["member", "lead"]
    assert stored(session, number).state is State.NEW
    assert "Between us." not in browser(app, cast, cast.alice).get(f"/tickets/{number}").text


@pytest.mark.parametrize(
    ("audience", "button"), [("lead", "member"), ("member", "lead"), ("lead", "none"), ("ask", "member"), ("no", "no")]
)
def test_nothing_is_sent_when_button_and_choice_of_readers_differ(
    app: Flask, cast: Cast, session: Session, audience: str, button: str
) -> None:
    number = filed(cast)
    values = message(audience, "A slip of the mouse") | {"send": button}
    page = browser(app, cast, cast.leo).post(f"/tickets/{number}/reply", data=values)
    assert page.status_code == 422 and "A slip of the mouse" in page.text
    assert audiences(cast, session, number) == ["member"]


def test_a_member_cannot_write_to_other_readers(app: Flask, cast: Cast, session: Session) -> None:
    number = filed(cast)
    escalated(cast, number)
    alice = browser(app, cast, cast.alice)
    for audience in ("lead", "handover", "registry", "ask"):
        assert alice.post(f"/tickets/{number}/reply", data=message(audience)).status_code == 422
    assert audiences(cast, session, number) == ["member"]


def test_an_answer_is_held_back_when_somebody_has_written_meanwhile(app: Flask, cast: Cast, session: Session) -> None:
    number = filed(cast)
    leo = browser(app, cast, cast.leo)
    written(cast, number, cast.alice, "It works again!")
    page = leo.post(f"/tickets/{number}/reply", data=message("member", "My long draft", seen=1))
    assert page.status_code == 409
    assert "Somebody has written meanwhile" in page.text
    assert "My long draft" in page.text
    assert "New since you began to write" in page.text and page.text.count("is-new") == 1
    assert 'name="seen" value="2"' in page.text
    assert audiences(cast, session, number) == ["member", "member"]
    assert leo.post(f"/tickets/{number}/reply", data=message("member", "My long draft", seen=2)).status_code == 303


def test_an_empty_message_is_not_sent_but_a_file_alone_is_one(app: Flask, cast: Cast) -> None:
    number = filed(cast)
    alice = browser(app, cast, cast.alice)
    page = alice.post(f"/tickets/{number}/reply", data=message("member", "  "))
    assert page.status_code == 422 and "The message is missing." in page.text
    values = message("member", "", files=(BytesIO(b"one"), "one.txt"))
    assert alice.post(f"/tickets/{number}/reply", data=values).status_code == 303


def test_files_go_with_an_answer(app: Flask, cast: Cast) -> None:
    number = filed(cast)
    alice = browser(app, cast, cast.alice)
    values = message("member", "See the log.", files=[(BytesIO(b"one"), "one.txt"), (BytesIO(b""), "")])
    alice.post(f"/tickets/{number}/reply", data=values)
    page = browser(app, cast, cast.leo).get(f"/tickets/{number}").text
    assert page.count('href="/attachments/') == 1 and "one.txt" in page


def test_a_ticket_is_held_until_a_day_and_goes_on(app: Flask, cast: Cast, session: Session) -> None:
    number = filed(cast)
    leo = browser(app, cast, cast.leo)
    day = (cast.now + timedelta(days=5)).date().isoformat()
    assert leo.post(f"/tickets/{number}/hold", data={"reason": "", "until": day}).status_code == 422
    for wrong in ("2020-01-01", "0001-01-01", "9999-12-31", "soon", ""):
        kept = leo.post(f"/tickets/{number}/hold", data={"reason": "The fix comes then", "until": wrong})
        assert kept.status_code == 422 and "The fix comes then" in kept.text, wrong
    assert leo.post(f"/tickets/{number}/hold", data={"reason": "The fix comes then", "until": day}).status_code == 303
    held = stored(session, number)
    assert held.state is State.ON_HOLD and held.next_act_at is not None and held.next_act_at.hour == 7  # 8:00 in Berlin
    assert "The fix comes then" in browser(app, cast, cast.alice).get(f"/tickets/{number}").text
    leo.post(f"/tickets/{number}/wake")
    assert stored(session, number).state is State.OPEN


def test_resolved_the_member_is_asked_and_confirms(app: Flask, cast: Cast, session: Session) -> None:
    number = filed(cast)
    leo, alice = browser(app, cast, cast.leo), browser(app, cast, cast.alice)
    leo.post(f"/tickets/{number}/resolve", data={"outcome": "workaround", "text": "Use the other address."})
    assert (stored(session, number).state, stored(session, number).outcome) == (State.RESOLVED, Outcome.WORKAROUND)
    page = alice.get(f"/tickets/{number}").text
    assert "Is it solved?" in page and "Use the other address." in page
    alice.post(f"/tickets/{number}/confirm", data={"solved": "yes"})
    assert stored(session, number).state is State.CLOSED


def test_a_member_who_says_no_is_asked_what_is_wrong_and_reopens(app: Flask, cast: Cast, session: Session) -> None:
    number = filed(cast)
    leo, alice = browser(app, cast, cast.leo), browser(app, cast, cast.alice)
    leo.post(f"/tickets/{number}/resolve", data={"outcome": "solved"})
    refused = alice.post(f"/tickets/{number}/confirm", data={"solved": "no", "text": ""})
    assert refused.status_code == 422 and "What is still wrong is missing." in refused.text
    alice.post(f"/tickets/{number}/confirm", data={"solved": "no", "text": "Still empty."})
    assert stored(session, number).state is State.OPEN
    assert "Still empty." in leo.get(f"/tickets/{number}").text


def test_an_answer_to_a_closed_ticket_opens_a_follow_up(app: Flask, cast: Cast, session: Session) -> None:
    number = filed(cast)
    alice = browser(app, cast, cast.alice)
    closed = alice.post(f"/tickets/{number}/confirm", data={"solved": "yes"}, follow_redirects=True)
    assert "Thank you. The ticket is closed; an answer to it opens another." in closed.text
    assert "Is it solved?" not in closed.text
    assert stored(session, number).state is State.CLOSED
    assert "Open a follow-up" in alice.get(f"/tickets/{number}").text
    sent = alice.post(f"/tickets/{number}/reply", data=message("member", "It is back."))
    assert sent.location != f"/tickets/{number}"
    page = alice.get(sent.location).text
    assert "It is back." in page and f'Follow-up of <a href="/tickets/{number}"' in page
    assert f"opened another ticket: number {sent.location.rpartition('/')[2]}" in alice.get(f"/tickets/{number}").text


def test_a_yes_while_the_registry_has_it_goes_to_the_lead_and_closes_nothing(
    app: Flask, cast: Cast, session: Session
) -> None:
    number = filed(cast)
    escalated(cast, number)
    browser(app, cast, cast.leo).post(f"/tickets/{number}/reply", data=message("ask", "Does it still happen?"))
    assert stored(session, number).state is State.PENDING_MEMBER
    answered = browser(app, cast, cast.alice).post(
        f"/tickets/{number}/confirm", data={"solved": "yes"}, follow_redirects=True
    )
    assert "Your consortium lead is told that it is solved." in answered.text
    assert stored(session, number).state is State.ESCALATED


def test_a_move_that_is_no_longer_possible_says_so(app: Flask, cast: Cast) -> None:
    number = filed(cast)
    page = browser(app, cast, cast.leo).post(f"/tickets/{number}/wake")
    assert page.status_code == 409
    assert "Somebody may have moved it since you opened the page." in page.text


def test_the_registry_reads_only_what_was_shown_to_it(app: Flask, cast: Cast, session: Session) -> None:
    number = filed(cast, text="Told in confidence")
    rita = browser(app, cast, cast.rita)
    assert rita.get(f"/tickets/{number}").status_code == 404
    escalated(cast, number)
    written(cast, number, cast.leo, "Our doubt", Audience.LEAD)
    written(cast, number, cast.leo, "Please look", Audience.HANDOVER)
    page = rita.get(f"/tickets/{number}").text
    assert "Please look" in page
    assert "Told in confidence" not in page and "Our doubt" not in page
    rita.post(f"/tickets/{number}/reply", data=message("registry", "Among us"))
    rita.post(f"/tickets/{number}/reply", data=message("handover", "We look"))
    leo, alice = browser(app, cast, cast.leo), browser(app, cast, cast.alice)
    assert "We look" in leo.get(f"/tickets/{number}").text and "Among us" not in leo.get(f"/tickets/{number}").text
    assert "With the registry" in alice.get(f"/tickets/{number}").text
    for text in ("We look", "Among us", "Please look"):
        assert text not in alice.get(f"/tickets/{number}").text
    assert browser(app, cast, cast.dora).get(f"/tickets/{number}").status_code == 404
