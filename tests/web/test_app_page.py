"""The page of an app: its environments, its graph, and a commit beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.running_service import Site
from tests.web.apps import a_viewer, be, commit, fetch, git

APP = "blog"


@pytest.fixture(scope="module")
def ada(site: Site) -> Iterator[httpx.Client]:
    """The admin, without a window."""
    with site.client() as client:
        yield client


@pytest.fixture(autouse=True)
def unlocked(site: Site, ada: httpx.Client) -> Iterator[None]:
    """Leave no lock behind."""
    yield
    for scope, environment in (("environment", "staging"), ("app", "")):
        form = {"environment": environment, "scope": scope, "reason": "the test is over"}
        site.send(ada, f"/apps/{APP}/unlock", form)


def row(page: Page, subject: str) -> Locator:
    return page.locator(".graph-row", has_text=subject).first


def card(page: Page, environment: str) -> Locator:
    return page.get_by_role("article", name=environment)


def test_a_commit_is_picked_on_the_graph_and_shows_all_there_is_to_it(
    page: Page, site: Site, ada: httpx.Client
) -> None:
    subject = "Say what was meant\n\nNobody understood the first line."
    sha = commit(site, APP, subject, "one\ntwo\n", author="Grace Hopper")
    fetch(site, ada, APP)
    page.goto(f"/apps/{APP}")
    row(page, "Say what was meant").click()
    panel = page.get_by_label("The chosen commit")
    expect(panel.get_by_role("heading", name="Say what was meant")).to_be_visible()
    expect(panel).to_contain_text("Nobody understood the first line.")
    expect(panel).to_contain_text(f"{sha[:12]} by Grace Hopper")
    expect(panel.locator(".came", has_text=re.compile(r"^one$"))).to_be_visible()
    expect(panel).to_contain_text("not locked")
    expect(panel.get_by_role("link", name="Ship it")).to_have_attribute(
        "href", f"/apps/{APP}/ship?ref={sha}&environment=production"
    )
    expect(page).to_have_url(f"{site.url}/apps/{APP}?commit={sha}&environment=production")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_the_page_with_a_commit_in_its_address_needs_no_script(
    page: Page, site: Site, ada: httpx.Client
) -> None:
    sha = commit(site, APP, "Plain as day")
    fetch(site, ada, APP)
    text = ada.get(f"/apps/{APP}?commit={sha}").text
    assert '<ol class="graph-plain"' in text
    assert re.search(r"<h2>Plain as day</h2>", text)


def test_a_commit_is_marked_bad_with_a_reason_and_cleared_again(
    page: Page, site: Site, ada: httpx.Client
) -> None:
    sha = commit(site, APP, "Break the feed")
    fetch(site, ada, APP)
    page.goto(f"/apps/{APP}?commit={sha}")
    page.get_by_text("Mark as bad").first.click()
    page.get_by_label("Why?").and_(page.locator("#commit input")).fill("the feed is empty")
    page.get_by_role("button", name="Mark as bad").click()
    panel = page.get_by_label("The chosen commit")
    expect(panel).to_contain_text("Marked bad by ada")
    expect(panel.locator(".gate.refuse")).to_contain_text("the feed is empty")
    expect(row(page, "Break the feed")).to_have_class(re.compile("graph-bad"))
    page.get_by_text("Clear the mark").click()
    page.locator("#commit input[name=reason]").fill("it is not")
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(panel.locator(".gate.refuse")).to_have_count(0)


def test_an_environment_is_locked_and_unlocked_on_its_card(page: Page) -> None:
    page.goto(f"/apps/{APP}")
    staging = card(page, "staging")
    staging.locator("footer summary").click()
    staging.get_by_label("Why?").fill("the database moves")
    staging.get_by_label("Until").fill("2h")
    staging.get_by_role("button", name="Lock", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("staging of blog is locked.")
    expect(staging).to_contain_text("Locked by ada, just now, until in 1 h: the database moves")
    staging.locator(".lockline summary").click()
    staging.get_by_role("button", name="Unlock").click()
    expect(staging).not_to_contain_text("the database moves")


def test_a_lock_until_no_time_is_refused_in_words(site: Site, ada: httpx.Client) -> None:
    form = {"environment": "staging", "reason": "so", "until": "soonish"}
    answer = site.send(ada, f"/apps/{APP}/lock", form)
    assert answer.status_code == 409
    assert "SH593" in answer.text


def test_what_somebody_else_locks_shows_without_a_reload(page: Page, site: Site, ada: httpx.Client) -> None:
    page.goto(f"/apps/{APP}")
    expect(page.locator(".graph-row").first).to_be_visible()
    site.send(ada, f"/apps/{APP}/lock", {"reason": "all hands"})
    expect(page.locator("#cards")).to_contain_text("All of blog is locked by ada")


def test_commits_are_found_by_what_they_say(page: Page, site: Site, ada: httpx.Client) -> None:
    commit(site, APP, "Zanzibar opens")
    fetch(site, ada, APP)
    page.goto(f"/apps/{APP}")
    page.get_by_label("Find a commit by id, subject, author or branch").fill("zanzi")
    expect(page.locator(".graph-count")).to_have_text("1 of 1")


def test_windows_are_of_the_graph_that_was_asked_for(site: Site, ada: httpx.Client) -> None:
    first = ada.get(f"/apps/{APP}/graph", params={"start": 0, "count": 1}).json()
    commit(site, APP, "Pushed meanwhile")
    fetch(site, ada, APP)
    again = ada.get(f"/apps/{APP}/graph", params={"digest": first["graph"], "count": 1}).json()
    found = ada.get(f"/apps/{APP}/graph/find", params={"digest": first["graph"], "q": "meanwhile"})
    assert again["total"] == first["total"]
    assert found.json() == []


def test_who_may_only_look_sees_no_button(page: Page, site: Site) -> None:
    sha = git(site, APP, "rev-parse", "HEAD")
    with a_viewer(site) as client:
        be(page, site, client)
        refused = site.send(client, f"/apps/{APP}/lock", {"environment": "staging", "reason": "me"})
        assert (refused.status_code, "SH550" in refused.text) == (403, True)
        page.goto(f"/apps/{APP}?commit={sha}")
    expect(page.get_by_role("heading", name="staging")).to_be_visible()
    for word in ("Ship it", "Lock", "Mark as bad"):
        expect(page.get_by_text(word, exact=True)).to_have_count(0)


def test_an_app_that_there_is_not_is_told(site: Site, ada: httpx.Client) -> None:
    answer = ada.get("/apps/nothing")
    assert (answer.status_code, "SH580" in answer.text) == (404, True)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(page: Page, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"/apps/{APP}")
    page.locator(".graph-row").first.click()
    expect(page.locator("#commit h2")).to_be_visible()
    assert [one["id"] for one in Axe().run(page).response["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
