"""The pages of working hours: who reads, who edits; nothing is saved before the second step, every fault is said."""

import io
import re
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.accounts.models import Team
from desk.calendars.models import Calendar, CalendarVersion
from desk.db import transaction
from desk.domain.permissions import Place
from desk.sla.models import Clock
from desk.working_hours import queries, service
from tests.cast import Cast
from tests.clock import MovableClock
from tests.tickets.scenes import browser, counted, filed

HOURS = "/service-levels/hours"
WEEK = {
    f"{day}-{end}": time
    for day in ("mon", "tue", "wed", "thu", "fri")
    for end, time in (("from", "09:00"), ("until", "17:00"))
}


@pytest.fixture
def number(cast: Cast, session: Session) -> int:
    """The calendar of the north."""
    found = session.scalars(sa.select(Calendar.id).where(Calendar.consortium_id == cast.north.id)).one()
    session.rollback()
    return found


@pytest.fixture
def lena(app: Flask, cast: Cast) -> FlaskClient:
    """The north's manager."""
    return browser(app, cast, cast.lena)


def form(session: Session, number: int, **changed: Any) -> dict[str, Any]:
    """What the form sends when nothing was touched, and then some of it was."""
    values = {"tz": "Europe/Berlin", "when": "now", "base": queries.newest_id(session, number), "do": "preview", **WEEK}
    session.rollback()
    return {
        name.replace("_", "-") if name.startswith(PREFIXES) else name: value
        for name, value in {**values, **changed}.items()
    }


PREFIXES = ("mon_", "tue_", "wed_", "fri_", "sun_", "closure_", "special_", "break_")


def saved(client: FlaskClient, path: str, data: dict[str, Any]) -> Any:
    """Look ahead, then save what was shown."""
    looked = client.post(HOURS + path, data={**data, "do": "preview"})
    seal = re.search(r'name="previewed" value="(\w+)"', looked.text)
    assert looked.status_code == 200 and seal is not None, text(looked.text)
    return client.post(HOURS + path, data={**data, "do": "save", "previewed": seal[1]})


def stored(session: Session) -> int:
    session.rollback()
    return session.scalar(sa.select(sa.func.count()).select_from(CalendarVersion)) or 0


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


# ------------------------------------------------------------------ who


def test_the_desk_itself_reads_its_hours_and_its_manager_edits_them(app: Flask, cast: Cast, number: int) -> None:
    pages = ("", f"/{number}", f"/{number}/year", f"/{number}/calendar.ics")
    edits = ("/new", f"/{number}/edit", f"/{number}/import")
    for person, reads, may_edit in ((cast.leo, 200, 404), (cast.lena, 200, 200)):
        client = browser(app, cast, person)
        assert [client.get(HOURS + path).status_code for path in pages] == [reads] * 4
        assert [client.get(HOURS + path).status_code for path in edits] == [may_edit] * 3
    for person in (cast.alice, cast.olga, cast.ada):
        client = browser(app, cast, person)
        assert {client.get(HOURS + path).status_code for path in (*pages, *edits)} == {404}


def test_nobody_sees_the_hours_of_another_party(app: Flask, cast: Cast, number: int) -> None:
    for person in (cast.sofia, cast.samir, cast.ruth, cast.dora):
        client = browser(app, cast, person)
        assert "Northern support" not in client.get(HOURS).text
        for path in (
            f"/{number}",
            f"/{number}/year",
            f"/{number}/calendar.ics",
            f"/{number}/edit",
            f"/{number}/import",
        ):
            assert client.get(HOURS + path).status_code == 404, (person.name, path)


def test_an_agent_or_a_stranger_changes_nothing(app: Flask, cast: Cast, session: Session, number: int) -> None:
    before = stored(session)
    for person in (cast.leo, cast.sofia, cast.ruth, cast.alice):
        client = browser(app, cast, person)
        assert client.post(f"{HOURS}/{number}/edit", data=form(session, number, do="save")).status_code == 404
        assert client.post(f"{HOURS}/{number}/rename", data={"name": "x"}).status_code == 404
        chosen = {"team": cast.north_desk.id, "calendar": number}
        assert client.post(f"{HOURS}/teams", data=chosen).status_code == 404
    assert stored(session) == before


# ------------------------------------------------------------------ reading


def test_the_list_says_who_keeps_which_hours_and_whether_it_is_open(lena: FlaskClient, clock: MovableClock) -> None:
    page = text(lena.get(HOURS).text)
    assert "Northern support" in page and "Open now until today 17:00 CET" in page
    assert "Monday to Friday 09:00 to 17:00." in page


def test_the_navigation_leads_the_desks_there(app: Flask, cast: Cast) -> None:
    for person, shown in ((cast.lena, True), (cast.ruth, True), (cast.leo, True), (cast.alice, False)):
        assert ("Service levels</a>" in browser(app, cast, person).get("/profile").text) is shown


def test_only_who_may_change_hours_is_led_to_what_if(app: Flask, cast: Cast) -> None:
    for person, shown in ((cast.lena, True), (cast.leo, False)):
        assert ("/service-levels/what-if" in browser(app, cast, person).get(HOURS).text) is shown


def test_a_page_of_hours_asks_the_database_little(lena: FlaskClient, cast: Cast, session: Session) -> None:
    with transaction() as unit:
        lena_ = cast.actor(cast.lena)
        for n in range(3):
            place = Place(consortium_id=cast.north.id)
            service.found_calendar(unit, lena_, place=place, name=f"C{n}", like=None, tz="UTC", now=cast.now)
    with counted() as sent:
        assert lena.get(HOURS).status_code == 200
    assert len(sent) <= 12


# ------------------------------------------------------------------ editing


def test_the_preview_shows_what_would_move_and_saves_nothing(
    app: Flask, cast: Cast, session: Session, lena: FlaskClient, number: int
) -> None:
    ticket = filed(cast)
    before = stored(session)
    page = lena.post(
        f"{HOURS}/{number}/edit", data=form(session, number, closure_first="2026-03-05", closure_name="Move")
    )
    assert page.status_code == 200
    shown = text(page.text)
    assert "Before you save" in shown and f"#{ticket}" in shown and "later" in shown
    assert "Closed as well: 5 March 2026." in shown
    assert "5 March closed: Move" in shown
    assert stored(session) == before


def test_saving_keeps_the_version_and_says_how_many_dates_moved(
    cast: Cast, session: Session, lena: FlaskClient, number: int
) -> None:
    filed(cast)
    data = form(session, number, do="save", closure_first="2026-03-05", note="We move house", foreseen=0)
    answer = saved(lena, f"/{number}/edit", data)
    assert (answer.status_code, answer.location) == (303, f"{HOURS}/{number}")
    page = text(lena.get(answer.location).text)
    assert "Dates moved: 4. When you looked it would have been 0" in page
    assert "“We move house”" in page and "Lena Linden" in page and "Closed as well: 5 March 2026." in page
    version = session.scalars(sa.select(CalendarVersion).order_by(CalendarVersion.id.desc())).first()
    assert version is not None and version.spec["overrides"] == {"2026-03-05": []}
    assert version.created_by == cast.lena.id


def test_a_holiday_may_be_worked_and_the_others_are_kept_by_name(
    session: Session, lena: FlaskClient, number: int
) -> None:
    data = form(session, number, do="place", country="DE", subdivision="BE")
    page = lena.post(f"{HOURS}/{number}/edit", data=data).text
    boxes = re.findall(r'name="closed" value="([\d-]+)"', page)
    assert "2026-05-01" in boxes and "Ascension Day" in page and "2031-12-25" in boxes
    ticked = [day for day in boxes if day != "2026-05-01"]
    again = {**data, "do": "save", "closed": ticked, "listed_for": "DE-BE 2026"}
    assert saved(lena, f"/{number}/edit", again).status_code == 303
    version = session.scalars(sa.select(CalendarVersion).order_by(CalendarVersion.id.desc())).first()
    assert version is not None
    assert "2026-05-01" not in version.spec["holidays"] and "2026-05-14" in version.spec["holidays"]
    assert version.holiday_names["2026-05-14"] == "Ascension Day"
    session.rollback()
    page = lena.get(f"{HOURS}/{number}/edit").text
    assert re.search(r'value="2026-05-01" id="closed-2026-05-01">', page)
    assert re.search(r'value="2026-05-14" id="closed-2026-05-14" checked>', page)


def test_rows_are_added_and_taken_away_without_saving(session: Session, lena: FlaskClient, number: int) -> None:
    before = stored(session)
    page = lena.post(f"{HOURS}/{number}/edit", data=form(session, number, do="add:sat")).text
    assert re.search(r'id="sat-0-from"[^>]* autofocus', page)
    page = lena.post(f"{HOURS}/{number}/edit", data=form(session, number, do="drop:mon:0")).text
    assert 'id="mon-0-from"' not in page and 'id="tue-0-from"' in page
    data = form(session, number, do="add:closure", closure_first="2026-12-24", closure_name="Kept")
    page = lena.post(f"{HOURS}/{number}/edit", data=data).text
    assert 'value="Kept"' in page and 'id="closure-1-first"' in page
    data = form(session, number, do="copy", mon_from="08:00", mon_until="12:00")
    page = lena.post(f"{HOURS}/{number}/edit", data=data).text
    assert page.count('value="08:00"') == 5
    assert stored(session) == before


def test_a_later_moment_is_of_the_calendars_own_zone(session: Session, lena: FlaskClient, number: int) -> None:
    data = form(session, number, do="save", when="later", effective_from="2026-04-01T00:00", tz="America/New_York")
    assert saved(lena, f"/{number}/edit", data).status_code == 303
    version = session.scalars(sa.select(CalendarVersion).order_by(CalendarVersion.id.desc())).first()
    assert version is not None and version.effective_from == datetime.fromisoformat("2026-04-01T04:00+00:00")
    session.rollback()
    page = text(lena.get(f"{HOURS}/{number}").text)
    assert "Ahead" in page and "Time zone America/New_York instead of Europe/Berlin." in page


def test_what_somebody_else_saved_meanwhile_is_shown_and_nothing_is_lost(
    cast: Cast, session: Session, lena: FlaskClient, number: int
) -> None:
    mine = form(session, number, do="save", closure_first="2026-03-05", closure_name="Mine")
    other = form(session, number, do="save", closure_first="2026-03-09", note="Theirs")
    assert saved(lena, f"/{number}/edit", other).status_code == 303
    before = stored(session)
    for step in ("preview", "save"):
        answer = lena.post(f"{HOURS}/{number}/edit", data={**mine, "do": step})
        assert answer.status_code == 409
        assert "“Theirs”" in answer.text and 'value="Mine"' in answer.text
        assert "Closed as well: 9 March 2026." in answer.text
    assert stored(session) == before
    seen = re.search(r'name="base"[^>]*value="(\d+)"', answer.text)
    assert seen is not None
    assert saved(lena, f"/{number}/edit", {**mine, "base": seen[1]}).status_code == 303


BAD: tuple[tuple[dict[str, Any], str], ...] = (
    ({"mon_from": "x"}, "“x” is not a time of day; write it as 09:00, at most 24:00."),
    ({"mon_from": "25:00"}, "“25:00” is not a time of day"),
    ({"mon_until": ""}, "Give both a start and an end, or leave both empty."),
    ({"mon_until": "09:00"}, "It starts and ends at 09:00; for a whole day write 00:00 to 24:00."),
    ({"mon_from": "24:00"}, "A window cannot start at 24:00; write 00:00 on the next day."),
    (
        {"mon_from": ["09:00", "12:00"], "mon_until": ["17:00", "13:00"]},
        "Monday 09:00 to 17:00 and Monday 12:00 to 13:00 overlap.",
    ),
    ({"fri_from": "17:00", "fri_until": "09:00"}, "Swap the two times, or, if it is meant, write 17:00 to 24:00 and"),
    ({"mon_from": "22:00", "mon_until": "10:00"}, "Monday 22:00 to 10:00 the next day and Tuesday 09:00"),
    ({"sun_from": "22:00", "sun_until": "09:30"}, "Sunday 22:00 to 09:30 the next day and Monday 09:00"),
    ({"mon_from": ["09:00"] * 500, "mon_until": ["10:00"] * 500}, "500 windows in one day; at most 12 fit."),
    ({"tz": "Mars/Base"}, "“Mars/Base” is not a time zone; give one such as Europe/Madrid."),
    ({"tz": "../../etc/passwd"}, "is not a time zone"),
    ({"tz": ""}, "is not a time zone"),
    ({"country": "XX"}, "No holidays are known for “XX”."),
    ({"when": "later", "effective_from": ""}, "Give the date and the time from which these hours count."),
    ({"when": "later", "effective_from": "2026-03-03T10:00"}, "That moment is over"),
    ({"when": "later", "effective_from": "2350-01-01T00:00"}, "Please choose a moment within the next five years."),
    ({"when": "later", "effective_from": "0001-01-01T00:00"}, "Please choose a moment within the next five years."),
    ({"when": "later", "effective_from": "2032-01-01T00:00"}, "Please choose a moment within the next five years."),
    ({"when": "later", "effective_from": "soon"}, "Give the date and the time from which these hours count."),
    ({"closure_first": "soon"}, "“soon” is not a date; write it as 2026-12-25."),
    ({"closure_last": "2026-12-31"}, "Give the date."),
    ({"closure_first": "2026-12-31", "closure_last": "2026-12-24"}, "It ends on 24 December 2026, before it begins."),
    ({"closure_first": "2026-04-01", "closure_last": "2027-12-24"}, "A closure of more than a year"),
    ({"closure_first": "2025-12-24"}, "24 December 2025 is over"),
    ({"closure_first": "9999-12-24"}, "9999 is too far away"),
    ({"closure_first": "2026-12-24", "closure_name": "x" * 81}, "Please use at most 80 characters for the name."),
    ({"closure_first": ["2026-12-24"] * 151}, "151 rows; at most 150 are kept."),
    ({"special_day": ["2026-12-24"] * 2, "special_hours": ["9-12"] * 2}, "24 December 2026 is entered twice"),
    ({"special_day": "2026-12-24", "special_hours": "9-12, 11-13"}, "09:00 to 12:00 and 11:00 to 13:00 overlap."),
    ({"special_day": "2026-12-24", "special_hours": "morning"}, "Give both a start and an end"),
    ({"break_day": "2026-12-24", "break_from": "9"}, "Give both a start and an end"),
    ({"note": "x" * 501}, "Please use at most 500 characters."),
    (dict.fromkeys(WEEK, ""), "These hours never open: enter at least one window."),
)  # fmt: skip


@pytest.mark.parametrize(("wrong", "sentence"), BAD, ids=[sentence[:40] for _, sentence in BAD])
def test_a_fault_is_said_at_its_field_and_nothing_is_saved(
    session: Session, lena: FlaskClient, number: int, wrong: dict[str, Any], sentence: str
) -> None:
    before = stored(session)
    typed = form(session, number, **{"note": "Kept", **wrong})
    for step in ("preview", "save"):
        answer = lena.post(f"{HOURS}/{number}/edit", data={**typed, "do": step})
        assert answer.status_code == 422
        page = text(answer.text)
        assert page.count(sentence) >= 2, "in the summary, and at the field"
        assert "Kept" in answer.text or "note" in wrong
        for name, value in wrong.items():
            first = value[0] if isinstance(value, list) else value
            # A choice that is none of the list's cannot be shown as chosen.
            assert name in ("country", "when") or not first or first in answer.text, first
    assert stored(session) == before


def test_text_that_no_database_keeps_is_tidied(session: Session, lena: FlaskClient, number: int) -> None:
    odd = "A\x00b\u202ec \ud800d"
    data = form(
        session, number, do="save", closure_first="2026-12-24", closure_name=odd.encode("utf-8", "surrogatepass")
    )
    assert saved(lena, f"/{number}/edit", {**data, "note": "a\x00b", "foreseen": "9" * 30}).status_code == 303
    version = session.scalars(sa.select(CalendarVersion).order_by(CalendarVersion.id.desc())).first()
    assert version is not None and version.note == "ab"
    assert version.holiday_names["2026-12-24"].startswith("Abc ")
    session.rollback()
    for junk in ("\x00", "x" * 10_000, "٢٠٢٦-١٢-٢٤", "2026-W52-5", "-1", "1e9"):
        for field in (
            "tz",
            "country",
            "mon-from",
            "closure-first",
            "special-hours",
            "effective_from",
            "base",
            "listed_for",
        ):
            data = {**form(session, number, when="later"), field: junk}
            assert lena.post(f"{HOURS}/{number}/edit", data=data).status_code in (200, 409, 422), (field, junk)


@pytest.mark.parametrize("year", ["²", "9" * 5000, "٢٠٢٦", "2026²", "-1", ""], ids=range(6))
def test_a_year_of_holidays_that_is_no_year_is_no_list(
    session: Session, lena: FlaskClient, number: int, year: str
) -> None:
    data = form(session, number, country="GB", subdivision="ENG", listed_for=f"GB-ENG {year}")
    assert lena.post(f"{HOURS}/{number}/edit", data=data).status_code == 200


def test_hours_that_dates_alone_open_may_be_saved(session: Session, lena: FlaskClient, number: int) -> None:
    data = form(session, number, do="save", **dict.fromkeys(WEEK, ""), special_day="2026-12-24", special_hours="9-12")
    assert saved(lena, f"/{number}/edit", data).status_code == 303


def test_hours_are_saved_only_as_they_were_previewed(session: Session, lena: FlaskClient, number: int) -> None:
    before, path = stored(session), f"{HOURS}/{number}/edit"
    data = form(session, number, do="save", closure_first="2026-03-05")
    page = lena.post(path, data=data)
    assert page.status_code == 200 and "Before you save" in page.text
    seal = re.search(r'name="previewed" value="(\w+)"', page.text)
    assert seal is not None
    for changed in ({"closure-first": "2026-03-06"}, {"note": "Why"}, {"tue-from": "10:00"}, {"previewed": "x"}):
        page = lena.post(path, data={**data, "previewed": seal[1], **changed})
        assert page.status_code == 200 and "Before you save" in page.text, changed
    assert stored(session) == before
    assert lena.post(path, data={**data, "previewed": seal[1]}).status_code == 303
    assert stored(session) == before + 1


@pytest.mark.parametrize("country", ["", "DE"])
def test_hours_that_were_not_changed_are_not_saved_again(
    session: Session, lena: FlaskClient, number: int, country: str
) -> None:
    first = {"closure_first": "2026-03-20", "closure_name": "Move", "country": country}
    assert saved(lena, f"/{number}/edit", form(session, number, **first)).status_code == 303
    before = stored(session)
    page = saved(lena, f"/{number}/edit", form(session, number, **first, note="Again"))
    assert page.status_code == 422
    assert "Nothing was changed, so nothing was saved." in page.text
    assert stored(session) == before
    renamed = {**first, "closure_name": "Another name"}
    assert saved(lena, f"/{number}/edit", form(session, number, **renamed)).status_code == 303


@pytest.mark.parametrize("base", ["", "x", "-1", "9" * 30], ids=["none", "a letter", "below zero", "too large"])
def test_hours_of_no_known_version_are_not_said_to_be_somebody_elses(
    session: Session, lena: FlaskClient, number: int, base: str
) -> None:
    before = stored(session)
    data = form(session, number, do="save", base=base, closure_first="2026-03-05", closure_name="Mine")
    page = lena.post(f"{HOURS}/{number}/edit", data=data)
    assert page.status_code == 422
    assert "It is not known which hours yours were made from" in page.text and "Somebody else" not in page.text
    assert 'value="Mine"' in page.text
    assert stored(session) == before
    newest = re.search(r'name="base"[^>]*value="(\d+)"', page.text)
    assert newest is not None
    assert saved(lena, f"/{number}/edit", {**data, "base": newest[1]}).status_code == 303


# ------------------------------------------------------------------ calendars and teams


def test_a_further_calendar_is_added_renamed_and_kept_by_a_team(
    cast: Cast, session: Session, lena: FlaskClient, number: int
) -> None:
    values = {"party": f"consortium:{cast.north.id}", "name": "Summer", "like": "", "tz": "Europe/Lisbon"}
    answer = lena.post(f"{HOURS}/new", data=values)
    made = re.fullmatch(rf"{HOURS}/(\d+)/edit", answer.location)
    assert answer.status_code == 303 and made is not None
    assert lena.post(f"{HOURS}/new", data=values).status_code == 422
    assert "is not a time zone" in lena.post(f"{HOURS}/new", data={**values, "name": "B", "tz": "x"}).text
    assert lena.post(f"{HOURS}/{made[1]}/rename", data={"name": "Summer hours"}).status_code == 303
    assert "There is a calendar" in lena.post(f"{HOURS}/{number}/rename", data={"name": "Summer hours"}).text
    filed(cast)
    chosen = {"team": cast.north_desk.id, "calendar": made[1]}
    looked = lena.post(f"{HOURS}/teams", data=chosen)
    assert looked.status_code == 200 and "1 of 1 running clock would have another date" in text(looked.text)
    assert "1 h later" in looked.text
    session.rollback()
    assert session.get_one(Team, cast.north_desk.id).calendar_id == number
    session.rollback()
    unseen = lena.post(f"{HOURS}/teams", data={**chosen, "do": "save"})
    assert unseen.status_code == 200 and "Nothing is saved yet" in unseen.text
    session.rollback()
    assert session.get_one(Team, cast.north_desk.id).calendar_id == number
    session.rollback()
    assert saved(lena, "/teams", chosen).status_code == 303
    assert "The clocks of one ticket go on in it from now." in lena.get(HOURS).text
    session.rollback()
    assert session.get_one(Team, cast.north_desk.id).calendar_id == int(made[1])
    assert session.scalars(sa.select(Clock.calendar_id).where(Clock.kind == "lead")).one() == int(made[1])


def test_a_calendar_of_another_party_is_not_chosen(
    cast: Cast, session: Session, lena: FlaskClient, number: int
) -> None:
    theirs = session.scalars(sa.select(Calendar.id).where(Calendar.consortium_id == cast.south.id)).one()
    session.rollback()
    assert lena.post(f"{HOURS}/teams", data={"team": cast.north_desk.id, "calendar": theirs}).status_code == 404
    for step in ("look", "save"):
        foreign = {"team": cast.south_desk.id, "calendar": number, "do": step}
        assert lena.post(f"{HOURS}/teams", data=foreign).status_code == 404
    for team, calendar in (("x", ""), (10**12, number), (cast.north_desk.id, -1), (0, number)):
        assert lena.post(f"{HOURS}/teams", data={"team": team, "calendar": calendar}).status_code == 422


# ------------------------------------------------------------------ a year, and files


def test_a_year_is_read_without_colour(session: Session, lena: FlaskClient, number: int) -> None:
    data = form(
        session, number, do="save", closure_first="2026-12-24", closure_last="2026-12-31", closure_name="Closure"
    )
    saved(lena, f"/{number}/edit", {**data, "special-day": "2026-12-23", "special-hours": "9-12"})
    page = text(lena.get(f"{HOURS}/{number}/year").text)
    assert "4 today, open 09:00 to 17:00" in page
    assert "24 C closed: Closure" in page and "24 to 31 December closed: Closure" in page
    assert "23 S open 09:00 to 12:00" in page and "27 C closed: Closure" in page and "5 closed" in page


@pytest.mark.parametrize(
    ("year", "status"), [("2100", 200), ("2000", 200), ("1999", 422), ("x", 422), ("99999", 422), ("", 200)]
)
def test_any_year_of_the_century_is_shown(lena: FlaskClient, number: int, year: str, status: int) -> None:
    answer = lena.get(f"{HOURS}/{number}/year", query_string={"y": year})
    assert answer.status_code == status
    assert ("Choose a year between 2000 and 2100." in answer.text) is (status == 422)


def uploaded(client: FlaskClient, number: int, data: bytes, **more: str) -> Any:
    return client.post(
        f"{HOURS}/{number}/import", data={"file": (io.BytesIO(data), "days.ics"), "timed": "leave", **more}
    )


def test_a_holiday_file_is_shown_put_into_the_form_and_saved_only_there(
    session: Session, lena: FlaskClient, number: int
) -> None:
    data = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nSUMMARY:Founders’ day\r\nDTSTART;VALUE=DATE:20200612\r\n"
        "RRULE:FREQ=YEARLY\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:Party\r\nDTSTART:20261218T090000\r\n"
        "DTEND:20261218T120000\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    ).encode()
    before = stored(session)
    page = uploaded(lena, number, data, timed="special")
    assert page.status_code == 200
    assert "12 June 2026 Founders’ day" in text(page.text) and "taken as special days" in page.text
    fields = [
        (name, value.replace("&#39;", "'"))
        for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text)
    ]
    sent: dict[str, Any] = {}
    for name, value in fields:
        sent.setdefault(name, []).append(value)
    filled = lena.post(f"{HOURS}/{number}/edit", data={**sent, "do": "look"}).text
    assert 'value="Founders’ day"' in filled and 'value="09:00–12:00"' in filled
    assert stored(session) == before
    assert saved(lena, f"/{number}/edit", sent).status_code == 303
    version = session.scalars(sa.select(CalendarVersion).order_by(CalendarVersion.id.desc())).first()
    assert version is not None
    assert version.spec["overrides"]["2026-06-12"] == [] and version.holiday_names["2026-06-12"] == "Founders’ day"
    assert version.spec["overrides"]["2026-12-18"] == [["09:00", "12:00"]]
    session.rollback()
    assert "Nothing in it is new" in uploaded(lena, number, data, timed="special").text
    exported = lena.get(f"{HOURS}/{number}/calendar.ics")
    assert exported.mimetype == "text/calendar" and "attachment" in exported.headers["Content-Disposition"]
    assert "Nothing in it is new" in uploaded(lena, number, exported.data, timed="special").text


@pytest.mark.parametrize("data", [b"nonsense", b"", b"BEGIN:VCALENDAR"], ids=["nonsense", "empty", "cut off"])
def test_a_file_with_nonsense_is_refused_at_its_field(
    session: Session, lena: FlaskClient, number: int, data: bytes
) -> None:
    before = stored(session)
    answer = uploaded(lena, number, data)
    assert answer.status_code == 422 and 'id="file-error"' in answer.text
    assert stored(session) == before


def test_a_calendar_that_never_opens_is_said_on_its_pages(
    cast: Cast, session: Session, lena: FlaskClient, number: int
) -> None:
    with transaction() as unit:
        spec = {"tz": "UTC", "weekly_hours": {}}
        service.save_calendar_version(unit, cast.actor(cast.lena), calendar_id=number, spec=spec, now=cast.now)
    for path in ("", f"/{number}"):
        assert "These hours never open again" in lena.get(HOURS + path).text


def test_the_manager_of_a_registry_edits_its_hours_too(app: Flask, cast: Cast, session: Session) -> None:
    own = session.scalars(sa.select(Calendar.id).where(Calendar.registry_id == cast.orcid.id)).one()
    session.rollback()
    client = browser(app, cast, cast.ruth)
    assert saved(client, f"/{own}/edit", form(session, own, tz="Europe/Lisbon")).status_code == 303
    assert "ORCID engineering" in client.get(f"{HOURS}/{own}").text
