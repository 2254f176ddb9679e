"""Reports of places that are not one's own: asked by everybody at every page and file, and nothing of them is told."""

from collections.abc import Iterator

from flask import Flask
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.escalations import service as escalations
from tests.cast import Cast
from tests.escalations.stage import ENTRY, Stage
from tests.issues.scenes import at_registry
from tests.security.test_foreign import asked, stored

REGISTRY = (
    "/reports/escalations",
    "/reports/escalations.csv",
    "/reports/fairness",
    "/reports/fairness.csv",
    "/reports/look-alikes",
    "/reports/issues",
)
STAFF = ("/reports/learning", "/reports/learning.csv", "/reports/learning/cases")
ALL = ("/reports/custody", "/reports/custody.csv", "/reports/custody/turns")
POSTS = ("/reports/look-alikes", "/reports/learning/decide", "/reports/learning/require", "/reports/learning/waive")


def test_every_report_endpoint_is_asked_here(app: Flask) -> None:
    rules = {rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/reports")}
    assert rules == {"/reports", *REGISTRY, *STAFF, *ALL, *POSTS}


def scene(cast: Cast, session: Session) -> int:
    """The north's tickets at the registry: two open that look alike, one declined; and an issue of the registry's."""
    for _ in range(2):
        Stage.set(cast, session).sent(error_code="9017")
    declined = Stage.set(cast, session)
    declined.sent()
    declined.wait(1)
    declined.does(cast.rita, escalations.decline, entry_key=ENTRY)
    at_registry(cast)
    return declined.ticket.number


def foreign(cast: Cast) -> Iterator[tuple[Person, str, tuple[str, ...]]]:
    """Who asks for whose figures, and at which pages."""
    places = {
        f"registry-{cast.orcid.id}": {"rita", "ruth"},
        f"consortium-{cast.north.id}": {"leo", "lena"},
        f"member-{cast.alder.id}": {"alice", "adam", "olga"},
    }
    for slug, own in places.items():
        pages = (*(REGISTRY if slug.startswith("registry") else ()), *STAFF, *ALL)
        for name, person in cast.people().items():
            if name not in own:
                yield person, slug, pages


def test_figures_of_others_are_not_found_like_figures_of_nobody(app: Flask, cast: Cast, session: Session) -> None:
    scene(cast, session)
    wrong = {}
    for person, slug, pages in foreign(cast):
        client = cast.sign_in(app.test_client(), person)
        nobody = slug.rpartition("-")[0] + "-2000000000"
        for page in pages:
            theirs = asked(client, "GET", f"{page}?of={slug}")
            if theirs[0] != 404 or theirs != asked(client, "GET", f"{page}?of={nobody}"):
                wrong[f"{person.name} {page} {slug}"] = theirs[0]
    assert wrong == {}


def test_what_strangers_read_of_their_own_names_nothing_of_the_north(app: Flask, cast: Cast, session: Session) -> None:
    number = scene(cast, session)
    told = {}
    for person in (cast.samir, cast.sofia, cast.carla, cast.bob, cast.dora, cast.dirk, cast.ada):
        client = cast.sign_in(app.test_client(), person)
        for page in (*REGISTRY, *STAFF, *ALL):
            text = client.get(f"{page}?consortium={cast.north.id}").text + client.get(page).text
            for word in ("Northern Consortium", "Alder", "Institutional sign-in fails", f"/tickets/{number}"):
                if word in text and not (person is cast.bob and word == "Northern Consortium"):
                    told[f"{person.name} {page}"] = word
    assert told == {}


def test_members_leads_and_administrators_have_no_registrys_pages_and_nobody_changes_a_foreign_thing(
    app: Flask, cast: Cast, session: Session
) -> None:
    number = scene(cast, session)
    before, wrong = stored(session), {}
    sent = {"tickets": str(number), "step": "macro", "entry": ENTRY, "field": "steps", "decided": "done", "reason": "x"}
    for name, person in cast.people().items():
        client = cast.sign_in(app.test_client(), person)
        if name not in ("rita", "ruth", "dora", "dirk"):
            wrong |= {f"{name} {page}": 1 for page in REGISTRY if client.get(page).status_code != 404}
        for page in POSTS:
            for slug in (f"consortium-{cast.north.id}", f"registry-{cast.orcid.id}", f"member-{cast.alder.id}", ""):
                answer = client.post(f"{page}?of={slug}", data=sent)
                if answer.status_code not in (404, 409, 422) and not (
                    name == "lena" or (page.endswith("waive") and name == "sofia")
                ):
                    wrong[f"{name} {page} {slug}"] = answer.status_code
    assert wrong == {}
    assert stored(session) == before
