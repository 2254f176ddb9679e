"""The pages of the agreements, for each role, on both databases."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.agreements.forms import as_typed
from desk.calendars.models import Agreement, AgreementVersion, CalendarVersion
from desk.db import transaction
from desk.domain.permissions import SYSTEM
from desk.working_hours import service as working_hours
from tests.cast import Cast
from tests.clock import MovableClock
from tests.sla.rig import Rig

WEDNESDAY = datetime.fromisoformat("2026-03-04T10:00:00+00:00")


def browser(app: Flask, cast: Cast, person: Person) -> FlaskClient:
    return cast.sign_in(app.test_client(), person)


def agreement_of(session: Session, **owner: int) -> Agreement:
    found = session.scalars(sa.select(Agreement).filter_by(**owner)).first()
    assert found is not None
    return found


def fields(of_registry: Any = False, **more: Any) -> dict[str, Any]:
    """What the form sends when somebody changes ``more`` of what applies by default."""
    values = as_typed(None, of_registry, "UTC", WEDNESDAY)
    sent: dict[str, Any] = {name: value for name, value in values.items() if isinstance(value, str)}
    for i, rung in enumerate(values["rungs"]):
        sent |= {f"rungs-{i}-percent": rung["percent"], f"rungs-{i}-tell": rung["tell"]}
    return sent | {"breach": values["breach"], "starts": "now", "do": "preview"} | more


def hidden(text: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', text)
    assert found, name
    return found[1]


def save(client: FlaskClient, path: str, **more: Any) -> Any:
    """Preview, then save exactly that."""
    newest = hidden(client.get(path).text, "newest")
    shown = client.post(path, data=fields(**more, newest=newest))
    assert shown.status_code == 200, shown.text
    sealed = hidden(shown.text, "previewed")
    return client.post(path, data=fields(**more, newest=newest, previewed=sealed, do="save"))


def versions(session: Session, agreement_id: int) -> list[AgreementVersion]:
    session.expire_all()
    wanted = sa.select(AgreementVersion).where(AgreementVersion.agreement_id == agreement_id)
    return list(session.scalars(wanted.order_by(AgreementVersion.id)))


# ------------------------------------------------------------------ who reads


def test_an_agent_reads_the_agreements_of_the_own_desk_only(app: Flask, cast: Cast, session: Session) -> None:
    page = browser(app, cast, cast.leo).get("/service-levels/agreements")
    assert page.status_code == 200
    assert "Northern Consortium" in page.text and "Southern Consortium" not in page.text
    assert "2 working hours" in page.text
    assert "/edit" not in page.text
    foreign = agreement_of(session, consortium_id=cast.south.id).id
    assert browser(app, cast, cast.leo).get(f"/service-levels/agreements/{foreign}").status_code == 404


def test_only_the_manager_changes_them(app: Flask, cast: Cast, session: Session) -> None:
    mine = agreement_of(session, consortium_id=cast.north.id).id
    path = f"/service-levels/agreements/{mine}/edit"
    for person in (cast.alice, cast.olga, cast.leo, cast.sofia, cast.rita, cast.ruth, cast.ada):
        for method in ("GET", "POST"):
            answer = browser(app, cast, person).open(path, method=method, data=fields())
            assert answer.status_code == 404, person.name
    assert browser(app, cast, cast.lena).get(path).status_code == 200
    assert "/edit" in browser(app, cast, cast.lena).get("/service-levels/agreements").text


def test_a_member_reads_what_was_promised_in_plain_words_with_hours_and_zone(app: Flask, cast: Cast) -> None:
    page = browser(app, cast, cast.alice).get("/promises").text
    assert "Northern Consortium to Alder University" in page
    assert "Monday to Friday 09:00 to 17:00" in page and "Europe/Berlin" in page
    assert "2 working hours" in page and "20 working days" in page
    assert "Consortium lead" not in page, "the lead's own target is no promise to the member"
    assert browser(app, cast, cast.alice).get("/service-levels/agreements").status_code == 404


def test_a_lead_reads_what_the_registry_promised(app: Flask, cast: Cast) -> None:
    page = browser(app, cast, cast.leo).get("/promises").text
    assert "ORCID to Northern Consortium" in page
    assert "1 working day" in page and "measured only" in page
    assert "DataCite" not in page


def test_outside_the_hours_the_next_opening_is_said(app: Flask, cast: Cast, clock: MovableClock) -> None:
    clock.set(datetime.fromisoformat("2026-03-07T10:00:00+00:00"))
    page = browser(app, cast, cast.alice).get("/promises").text
    assert "Opens" in page and "Mon 9 Mar 2026, 09:00 CET" in page


def test_days_on_which_the_desk_is_not_there_as_usual_are_named(app: Flask, cast: Cast, session: Session) -> None:
    assert "Not as usual" not in browser(app, cast, cast.alice).get("/promises").text
    version = session.scalars(
        sa.select(CalendarVersion).where(CalendarVersion.calendar_id == cast.north_desk.calendar_id)
    )
    spec = {**version.one().spec, "overrides": {"2026-03-20": [["09:00", "12:00"]], "2026-03-23": []}}
    session.rollback()
    with transaction() as unit:
        working_hours.save_calendar_version(
            unit,
            SYSTEM,
            calendar_id=cast.north_desk.calendar_id or 0,
            spec=spec,
            names={"2026-03-20": "Team day"},
            now=cast.now,
        )
    page = re.sub(r"<[^>]+>|\s+", " ", browser(app, cast, cast.alice).get("/promises").text)
    assert "20 March Team day: open 09:00 to 12:00" in re.sub(" +", " ", page)
    assert "23 March closed" in re.sub(" +", " ", page)


# ------------------------------------------------------------------ changing


def test_a_change_is_previewed_and_then_saved_as_a_version_of_its_own(app: Flask, cast: Cast, session: Session) -> None:
    mine = agreement_of(session, consortium_id=cast.north.id).id
    saved = save(
        browser(app, cast, cast.lena),
        f"/service-levels/agreements/{mine}/edit",
        P1_first_response="90",
        P1_first_response_unit="minutes",
        P4_overall="",
        receipt_counts="y",
        note="Decided by the members.",
    )
    assert saved.status_code == 303
    first, second = versions(session, mine)
    assert first.targets["P1"]["first_response"] == {"minutes": 120}
    assert second.targets["P1"]["first_response"] == {"minutes": 90}
    assert second.targets["P4"]["overall"] == {}
    assert (second.receipt_counts, second.note, second.created_by) == (True, "Decided by the members.", cast.lena.id)
    page = browser(app, cast, cast.leo).get(saved.location).text
    assert "90 working minutes" in page and "Lena Linden" in page and "Decided by the members." in page


def test_nothing_is_saved_without_the_preview_of_exactly_that(app: Flask, cast: Cast, session: Session) -> None:
    mine = agreement_of(session, consortium_id=cast.north.id).id
    path = f"/service-levels/agreements/{mine}/edit"
    lena = browser(app, cast, cast.lena)
    newest = hidden(lena.get(path).text, "newest")
    sealed = hidden(lena.post(path, data=fields(newest=newest)).text, "previewed")
    other = lena.post(path, data=fields(newest=newest, previewed=sealed, do="save", P1_lead="7"))
    assert other.status_code == 200 and "What saving this does" in other.text
    assert len(versions(session, mine)) == 1


def test_every_wrong_number_gets_a_sentence_and_what_was_typed_is_kept(
    app: Flask, cast: Cast, session: Session
) -> None:
    mine = agreement_of(session, consortium_id=cast.north.id).id
    wrong = {
        "P1_first_response": "0",
        "P2_first_response": "three",
        "P3_first_response": "36500",
        "P3_first_response_unit": "working_days",
        "P4_first_response": "99999999999999999999",
        "P1_lead": "-4",
        "P2_lead": "1.5",
    }
    page = browser(app, cast, cast.lena).post(f"/service-levels/agreements/{mine}/edit", data=fields(**wrong))
    assert page.status_code == 422
    assert "Nobody can keep a promise of zero." in page.text
    assert page.text.count("Please enter a whole number") == 6, "each at the top and at its field"
    assert "Please promise at most 500 working days." in page.text
    assert all(f'value="{value}"' in page.text for name, value in wrong.items() if "unit" not in name)
    assert len(versions(session, mine)) == 1


def test_a_ladder_that_makes_no_sense_is_refused_at_its_step(app: Flask, cast: Cast, session: Session) -> None:
    mine = agreement_of(session, consortium_id=cast.north.id).id
    path, lena = f"/service-levels/agreements/{mine}/edit", browser(app, cast, cast.lena)
    for more, sentence in (
        ({"rungs-0-percent": "0"}, "Please enter a percentage from 1 to 1000."),
        ({"rungs-0-percent": "half"}, "Please enter a percentage from 1 to 1000."),
        ({"rungs-1-percent": "50"}, "Two steps have the same percentage."),
        ({"rungs-0-tell": []}, "Please choose who is told, or remove this step."),
        ({"breach": []}, "Please choose who is told: a broken promise"),
    ):
        page = lena.post(path, data=fields(**more))
        assert page.status_code == 422 and sentence in page.text, more
    assert len(versions(session, mine)) == 1


def test_steps_are_added_and_removed_without_script_and_the_rest_is_kept(
    app: Flask, cast: Cast, session: Session
) -> None:
    mine = agreement_of(session, consortium_id=cast.north.id).id
    path, lena = f"/service-levels/agreements/{mine}/edit", browser(app, cast, cast.lena)
    more = lena.post(path, data=fields(do="add", P1_lead="wrong"))
    assert more.status_code == 200
    assert 'name="rungs-3-percent"' in more.text and 'value="wrong"' in more.text
    fewer = lena.post(path, data=fields(do="remove-0"))
    percents = re.findall(r'name="rungs-\d-percent"[^>]*value="(\d+)"', fewer.text)
    assert percents == ["80", "100"]
    none = lena.post(path, data=fields(do="remove-99"))
    assert none.status_code == 200


def test_a_moment_must_be_one_and_still_to_come(app: Flask, cast: Cast, session: Session) -> None:
    mine = agreement_of(session, consortium_id=cast.north.id).id
    path, lena = f"/service-levels/agreements/{mine}/edit", browser(app, cast, cast.lena)
    for typed, sentence in (
        ("", "Please enter a date and a time"),
        ("tomorrow", "Please enter a date and a time"),
        ("2026-03-04T10:30", "Please choose a moment that is still to come (Europe/Berlin)."),
    ):
        page = lena.post(path, data=fields(starts="later", effective_from=typed))
        assert page.status_code == 422 and sentence in page.text, typed
    newest = hidden(lena.get(path).text, "newest")
    far = fields(starts="later", effective_from="2126-03-04T10:30", newest=newest)
    page = lena.post(path, data=far | {"do": "save"})
    assert page.status_code == 422 and "within the next five years" in page.text
    assert len(versions(session, mine)) == 1


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("9999-12-31T23:59", "Please choose a moment within the next five years."),
        ("2031-12-31T09:00", "Please choose a moment within the next five years."),
        ("2026-04-01T09:00+05:00", "Please leave the offset out"),
        ("2026-04-01T09:00Z", "Please leave the offset out"),
        ("0001-01-01T00:00", "Please choose a moment that is still to come"),
    ],
)
def test_a_moment_too_far_ahead_or_with_an_offset_is_refused_at_the_field(
    app: Flask, cast: Cast, session: Session, typed: str, sentence: str
) -> None:
    mine = agreement_of(session, consortium_id=cast.north.id).id
    shown = browser(app, cast, cast.lena).post(
        f"/service-levels/agreements/{mine}/edit", data=fields(starts="later", effective_from=typed)
    )
    assert shown.status_code == 422
    assert sentence in shown.text


def test_a_note_does_not_turn_its_line_round(app: Flask, cast: Cast, session: Session) -> None:
    mine = agreement_of(session, consortium_id=cast.north.id).id
    lena = browser(app, cast, cast.lena)
    assert save(lena, f"/service-levels/agreements/{mine}/edit", note="As \u202eagreed").status_code == 303
    assert versions(session, mine)[-1].note == "As agreed"


def test_the_tabs_come_before_the_heading(app: Flask, cast: Cast) -> None:
    page = browser(app, cast, cast.lena).get("/service-levels/agreements").text
    assert page.index('<nav class="tabs"') < page.index("<h1>")


def test_a_button_that_the_form_does_not_have_removes_no_step(app: Flask, cast: Cast, session: Session) -> None:
    mine = agreement_of(session, consortium_id=cast.north.id).id
    for asked in ("remove-²", "remove-٣", "remove-" + "9" * 5000, "remove-"):
        shown = browser(app, cast, cast.lena).post(f"/service-levels/agreements/{mine}/edit", data=fields(do=asked))
        assert shown.status_code == 200, asked[:10]
        assert 'name="rungs-2-percent"' in shown.text


def test_a_version_can_be_dated_ahead_and_replaced_before_it_begins(app: Flask, cast: Cast, session: Session) -> None:
    mine = agreement_of(session, consortium_id=cast.north.id).id
    path, lena = f"/service-levels/agreements/{mine}/edit", browser(app, cast, cast.lena)
    for number in ("3", "5"):
        saved = save(lena, path, starts="later", effective_from="2026-04-01T09:00", P1_lead=number)
        assert saved.status_code == 303
    page = lena.get(saved.location).text
    assert "Dated ahead" in page and "5 working hours" in page
    assert "Replaced before it began" in page
    assert "Dated ahead" in lena.get("/service-levels/agreements").text
    ahead = versions(session, mine)[-1]
    assert ahead.effective_from == datetime.fromisoformat("2026-04-01T07:00:00+00:00"), "in the party's zone"
    again = lena.get(f"{path}?version={ahead.id}").text
    assert 'value="2026-04-01T09:00"' in again and re.search(r'name="P1_lead"[^>]*value="5"', again)
    member = browser(app, cast, cast.alice).get("/promises").text
    assert "another promise holds" in member


def test_of_two_who_save_the_second_sees_what_the_first_saved_and_loses_nothing(
    app: Flask, cast: Cast, session: Session
) -> None:
    mine = agreement_of(session, consortium_id=cast.north.id).id
    path, lena = f"/service-levels/agreements/{mine}/edit", browser(app, cast, cast.lena)
    newest = hidden(lena.get(path).text, "newest")
    sealed = hidden(lena.post(path, data=fields(newest=newest, P1_lead="6")).text, "previewed")
    assert save(lena, path, P2_lead="2").status_code == 303
    late = lena.post(path, data=fields(newest=newest, previewed=sealed, P1_lead="6", do="save"))
    assert late.status_code == 409
    assert "What Lena Linden saved meanwhile" in late.text and re.search(r'name="P1_lead"[^>]*value="6"', late.text)
    assert len(versions(session, mine)) == 2
    now_newest, now_sealed = hidden(late.text, "newest"), hidden(late.text, "previewed")
    done = lena.post(path, data=fields(newest=now_newest, previewed=now_sealed, P1_lead="6", do="save"))
    assert done.status_code == 303 and len(versions(session, mine)) == 3


def test_the_preview_names_the_tickets_whose_dates_move_and_who_would_be_late(
    app: Flask, cast: Cast, session: Session, clock: MovableClock
) -> None:
    rig = Rig.build(cast, WEDNESDAY)
    clock.set(WEDNESDAY + timedelta(hours=2))
    path, lena = f"/service-levels/agreements/{rig.agreement_id}/edit", browser(app, cast, cast.lena)
    page = lena.post(
        path,
        data=fields(P3_first_response="1", P3_first_response_unit="hours", P3_lead="8", newest=0),
    ).text
    assert "<strong>2 running clocks</strong> of 1 ticket get another date" in page
    assert "1 would be late at once" in page and "late from that moment, never before" in page
    assert f'href="/tickets/{rig.ticket_id}"' in page
    assert rig.clocks() and all(clock.breached_at is None for clock in rig.clocks().values()), "nothing is written"
    assert len(versions(session, rig.agreement_id)) == 1


# ------------------------------------------------------------------ new ones


def test_an_agreement_with_one_member_takes_the_place_of_the_general_one(
    app: Flask, cast: Cast, session: Session
) -> None:
    lena = browser(app, cast, cast.lena)
    path = f"/service-levels/agreements/new/consortium-{cast.north.id}?to={cast.alder.id}"
    saved = save(lena, path, P1_first_response="1")
    assert saved.status_code == 303
    page = lena.get(saved.location).text
    assert "Alder University" in page
    assert "1 working hour" in browser(app, cast, cast.alice).get("/promises").text
    assert "2 working hours" in browser(app, cast, cast.bob).get("/promises").text
    assert lena.get(path).status_code == 404, "there is one already"


def test_no_agreement_with_somebody_elses_member(app: Flask, cast: Cast, session: Session) -> None:
    lena = browser(app, cast, cast.lena)
    assert lena.get(f"/service-levels/agreements/new/consortium-{cast.north.id}?to={cast.cedar.id}").status_code == 404
    assert lena.get(f"/service-levels/agreements/new/consortium-{cast.south.id}").status_code == 404
    assert lena.get("/service-levels/agreements/new/nothing").status_code == 404


def test_a_registry_promises_to_one_consortium(app: Flask, cast: Cast, session: Session) -> None:
    ruth = browser(app, cast, cast.ruth)
    path = f"/service-levels/agreements/new/registry-{cast.orcid.id}?to={cast.north.id}"
    saved = save(ruth, path, of_registry=True, P1_registry="3", P1_registry_unit="working_days")
    assert saved.status_code == 303
    assert "3 working days" in browser(app, cast, cast.leo).get("/promises").text
    assert "3 working days" not in browser(app, cast, cast.samir).get("/promises").text
