"""A ticket's life in a real browser: by keyboard alone, with and without script, and drafts that are not lost."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from desk.accounts.models import Person
from desk.domain.vocabulary import Audience
from tests.browser.marks import in_the_browser_alone
from tests.cast import Cast
from tests.tickets.scenes import filed, with_catalogue, written

pytestmark = pytest.mark.browser
Enter = Callable[[Page, Person, str], Page]


def tab_to(page: Page, name: str, presses: int = 60) -> None:
    """Press Tab until the element with this accessible name has the focus, as somebody without a mouse does."""
    for _ in range(presses):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            """() => { const e = document.activeElement;
                       const label = e.labels && e.labels.length ? e.labels[0].innerText : '';
                       return (label || e.innerText || e.value || '').trim(); }"""
        )
        if focused.startswith(name):
            return
    raise AssertionError(f"{name} is not reached by Tab")


def test_a_ticket_is_filed_answered_resolved_and_confirmed_by_keyboard_alone(
    page: Page, enter: Enter, cast: Cast
) -> None:
    enter(page, cast.alice, "/tickets")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    tab_to(page, "New ticket")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/tickets/new$"))
    tab_to(page, "In one line")
    page.keyboard.type("Works are not shown")
    tab_to(page, "What happened?")
    page.keyboard.type("The list stays **empty** since Monday.")
    tab_to(page, "Send to your consortium lead")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Works are not shown")
    expect(page.locator("strong", has_text="empty")).to_be_visible()
    number = page.url.rsplit("/", 1)[1]

    enter(page, cast.leo, "/queue")
    tab_to(page, f"#{number} Works are not shown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/tickets/{number}$"))
    tab_to(page, "Answer the member")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    tab_to(page, "Message")
    page.keyboard.type("We look into it today.")
    tab_to(page, "Send to the member")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Sent to the member.")).to_be_visible()
    tab_to(page, "Resolve")
    page.keyboard.press("Enter")
    tab_to(page, "Closing message to the member")
    page.keyboard.type("It works again.")
    tab_to(page, "Resolve and tell the member")
    page.keyboard.press("Enter")
    expect(page.locator(".badge-word", has_text="Resolved").first).to_be_visible()

    enter(page, cast.alice, f"/tickets/{number}")
    tab_to(page, "It is solved")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Thank you. The ticket is closed; an answer to it opens another.")).to_be_visible()


def test_pages_work_without_script(browser_without_script: Page, enter: Enter, cast: Cast) -> None:
    with_catalogue(cast)
    page = enter(browser_without_script, cast.alice, "/tickets/new")
    page.fill("#subject", "Connecting fails")
    page.fill("#text", "redirect uri doesn't match your registered redirect uris")
    page.click("text=Propose from my words")
    page.check("text=Redirect URI does not match the one registered")
    page.click("text=Propose from my words")
    page.fill("label:has-text('ORCID client ID') >> xpath=.. >> input", "APP-AAAAAAAAAAAAAAAA")
    page.click("text=Send to your consortium lead")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Connecting fails")
    expect(page.get_by_text("APP-AAAAAAAAAAAAAAAA")).to_be_visible()
    enter(page, cast.leo, page.url.replace(page.url.split("/tickets")[0], ""))
    page.check("text=Note for your team")
    expect(page.get_by_role("button", name="Keep as note for your team")).to_be_visible()
    expect(page.get_by_role("button", name="Send to the member")).to_be_hidden()
    page.fill("#text", "Among us.")
    page.click("text=Keep as note for your team")
    expect(page.get_by_text("Note: only the lead's team reads this")).to_be_visible()


@pytest.fixture
def browser_without_script(browser: object) -> object:
    context = browser.new_context(java_script_enabled=False)  # type: ignore[attr-defined]
    yield context.new_page()
    context.close()


@in_the_browser_alone
def test_the_desk_proposes_while_one_types_and_shows_a_preview(page: Page, enter: Enter, cast: Cast) -> None:
    with_catalogue(cast)
    enter(page, cast.alice, "/tickets/new")
    page.fill("#subject", "Connecting fails")
    page.locator("#text").press_sequentially("redirect uri doesn't match your registered redirect uris")
    choice = page.get_by_label("Redirect URI does not match the one registered")
    choice.check()
    expect(page.get_by_label("ORCID client ID")).to_be_visible()
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#text-preview")).to_contain_text("redirect uri doesn't match")
    expect(page).to_have_url(re.compile("/tickets/new$"))


@in_the_browser_alone
def test_enter_in_a_line_sends_nothing(page: Page, enter: Enter, cast: Cast) -> None:
    number = filed(cast)
    enter(page, cast.leo, f"/tickets/{number}")
    page.fill("#text", "Not finished")
    page.get_by_label("Note for your team").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_have_value("Not finished")
    expect(page.locator(".message")).to_have_count(1)


@in_the_browser_alone
def test_what_is_wrong_takes_the_focus_and_leads_to_the_field(page: Page, enter: Enter, cast: Cast) -> None:
    enter(page, cast.alice, "/tickets/new")
    page.fill("#text", "Only the long part.")
    page.click("text=Send to your consortium lead")
    expect(page.locator(".summary")).to_be_focused()
    page.get_by_role("link", name="Say in one line what it is about.").click()
    expect(page.locator("#subject")).to_be_focused()
    expect(page.locator("#text")).to_have_value("Only the long part.")


@in_the_browser_alone
def test_a_draft_outlives_a_reload_and_is_gone_once_sent(page: Page, enter: Enter, cast: Cast) -> None:
    number = filed(cast)
    enter(page, cast.alice, f"/tickets/{number}")
    page.locator("#text").press_sequentially("Half a thought")
    page.reload()
    expect(page.locator("#text")).to_have_value("Half a thought")
    expect(page.get_by_text("Your unsent draft was put back.")).to_be_visible()
    page.click("text=Send to your consortium lead")
    expect(page.locator(".message")).to_have_count(2)
    expect(page.locator("#text")).to_have_value("")


def test_an_answer_is_held_back_and_kept_when_the_member_has_written(page: Page, enter: Enter, cast: Cast) -> None:
    number = filed(cast)
    enter(page, cast.leo, f"/tickets/{number}")
    page.fill("#text", "My long draft")
    written(cast, number, cast.alice, "It works again!", Audience.MEMBER)
    page.click("text=Send to the member")
    expect(page.locator(".summary")).to_contain_text("Somebody has written meanwhile")
    expect(page.locator(".message.is-new")).to_contain_text("It works again!")
    expect(page.locator("#text")).to_have_value("My long draft")
    page.click("text=Send to the member")
    expect(page.locator(".message")).to_have_count(3)
