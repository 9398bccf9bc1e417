"""From a commit on the graph to a deploy: what the page says first, and what it then orders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from shiphorn.model.deploy import DeployState, Kind
from shiphorn.model.people import Grant, Role
from tests.running_service import Site
from tests.web.apps import a_viewer, be, commit, ended, fetch, git, records, signed_in

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
    form = {"environment": "staging", "reason": "the test is over"}
    site.send(ada, f"/apps/{APP}/unlock", form)


@pytest.fixture
def shipped(site: Site, ada: httpx.Client) -> str:
    """A commit that staging runs: its id. Whatever ran there before is kept beside it."""
    sha = commit(site, APP, "Live in staging", "live\n")
    answer = confirm(site, ada, {"ref": "main", "environment": "staging"})
    assert ended(site, number(answer)).state == DeployState.SUCCEEDED
    return sha


def form_of(site: Site, client: httpx.Client, asked: dict[str, str]) -> dict[str, str]:
    """What the page would send when its button is pressed."""
    fetch(site, client, APP)
    text = client.get(f"/apps/{APP}/ship", params=asked).text
    found = {
        name: re.search(f'name="{name}" value="([^"]*)"', text) for name in ("choice", "key", "expected")
    }
    return {name: unescape(one[1]) for name, one in found.items() if one}


def confirm(site: Site, client: httpx.Client, asked: dict[str, str]) -> httpx.Response:
    answer = site.send(client, f"/apps/{APP}/ship", form_of(site, client, asked))
    assert answer.history, answer.text
    return answer.history[0]


def number(answer: httpx.Response) -> int:
    """The deploy that an answer leads to."""
    return int(answer.headers["location"].rsplit("/", 1)[1])


def test_a_commit_goes_from_the_graph_to_staging(page: Page, site: Site, ada: httpx.Client) -> None:
    sha = commit(site, APP, "Ship me", "a line\n")
    fetch(site, ada, APP)
    page.goto(f"/apps/{APP}")
    page.locator(".graph-row", has_text="Ship me").first.click()
    page.locator("#commit select[name=environment]").select_option("staging")
    page.locator("#commit").get_by_role("link", name="Ship it").click()
    expect(page.get_by_role("region", name="In short")).to_contain_text("Ship me")
    expect(page.get_by_role("region", name="In short")).to_contain_text("6 of 6")
    expect(page.get_by_text("Nothing is in the way")).to_be_visible()
    page.get_by_label("Why?").fill("they wait for it")
    with page.expect_navigation(url=re.compile(r"/deploys/\d+$")):
        page.get_by_role("button", name=f"Ship {sha[:8]} to staging").click()
    done = ended(site, int(page.url.rsplit("/", 1)[1]))
    assert (done.state, done.sha, done.order.reason) == (DeployState.SUCCEEDED, sha, "they wait for it")


def test_a_form_that_is_sent_twice_at_once_ships_once(site: Site, ada: httpx.Client) -> None:
    commit(site, APP, "Once is enough")
    with site.client() as other:
        form = form_of(site, ada, {"ref": "main", "environment": "staging"})
        with ThreadPoolExecutor(2) as pool:
            sent = list(pool.map(lambda one: site.send(one, f"/apps/{APP}/ship", form), (ada, other)))
    numbers = {number(one.history[0]) for one in sent}
    assert len(numbers) == 1
    assert ended(site, numbers.pop()).state == DeployState.SUCCEEDED


def test_a_lock_of_somebody_else_refuses_and_says_who_why_and_until_when(
    page: Page, site: Site, ada: httpx.Client
) -> None:
    fetch(site, ada, APP)
    with signed_in(site, "bob", Grant(Role.DEPLOYER)) as bob:
        lock = {"environment": "staging", "reason": "the database moves", "until": "2h"}
        site.send(bob, f"/apps/{APP}/lock", lock)
    with signed_in(site, "dora", Grant(Role.DEPLOYER)) as dora:
        be(page, site, dora)
        page.goto(f"/apps/{APP}/ship?environment=staging")
        gate = page.locator(".gate.refuse")
        expect(gate).to_contain_text("staging of blog is locked by bob since")
        expect(gate).to_contain_text("the database moves")
        expect(gate).to_contain_text("Cleared by bob, or anybody with a reason")
        expect(page.get_by_role("button", name=re.compile("^Ship"))).to_be_disabled()
        form = form_of(site, dora, {"environment": "staging"}) | {"override": "I know better"}
        refused = site.send(dora, f"/apps/{APP}/ship", form)
        assert (refused.status_code, "SH550" in refused.text) == (403, True)


def test_an_admin_overrides_a_gate_with_a_reason(page: Page, site: Site) -> None:
    with signed_in(site, "bob", Grant(Role.DEPLOYER)) as bob:
        site.send(bob, f"/apps/{APP}/lock", {"environment": "staging", "reason": "mine"})
    page.goto(f"/apps/{APP}/ship?environment=staging&hosts=web1.eu")
    page.get_by_label("Override, because").fill("the site is down")
    with page.expect_navigation(url=re.compile(r"/deploys/\d+$")):
        page.get_by_role("button", name=re.compile("^Ship all the same")).click()
    done = ended(site, int(page.url.rsplit("/", 1)[1]))
    assert (done.state, done.order.forced) == (DeployState.SUCCEEDED, "the site is down")


def test_choices_change_what_is_told_and_the_address(page: Page, site: Site) -> None:
    page.goto(f"/apps/{APP}/ship?environment=staging")
    page.get_by_label("Why?").fill("kept while choosing")
    page.locator("label", has_text="eu 2").get_by_role("checkbox").check()
    expect(page.get_by_role("region", name="In short")).to_contain_text("2 of 6")
    expect(page).to_have_url(re.compile("environment=staging&kind=deploy&ref=&regions=eu&hosts="))
    expect(page.get_by_label("Why?")).to_have_value("kept while choosing")
    page.get_by_role("textbox", name="Hosts").fill("db*")
    expect(page.locator("#preview")).to_contain_text("no host of staging matches")
    expect(page.get_by_role("button", name=re.compile("^Ship"))).to_have_count(0)


def test_work_that_would_be_overwritten_is_named_with_its_author(
    page: Page, site: Site, ada: httpx.Client, shipped: str
) -> None:
    git(site, APP, "checkout", "--quiet", "-B", "aside", f"{shipped}~1")
    commit(site, APP, "Aside of it")
    git(site, APP, "checkout", "--quiet", "main")
    fetch(site, ada, APP)
    page.goto(f"/apps/{APP}/ship?environment=staging&ref=aside")
    expect(page.locator(".overwrites")).to_contain_text("You would overwrite 1 commit: 1 by Ada.")
    expect(page.locator(".overwrites")).to_contain_text("Live in staging")
    expect(page.get_by_role("region", name="What does not go in")).to_contain_text("Live in staging")


def test_a_branch_that_has_moved_since_it_was_shown_is_not_shipped(site: Site, ada: httpx.Client) -> None:
    commit(site, APP, "As shown")
    form = form_of(site, ada, {"ref": "main", "environment": "staging"})
    commit(site, APP, "Pushed since")
    answer = site.send(ada, f"/apps/{APP}/ship", form)
    assert (answer.status_code, "SH592" in answer.text) == (409, True)


def test_the_hosts_are_looked_at_and_the_very_scripts_are_shown(page: Page, site: Site) -> None:
    page.goto(f"/apps/{APP}/ship?environment=staging&hosts=web1.eu")
    page.get_by_role("button", name="Look at the hosts").click()
    plan = page.locator("#plan")
    expect(plan).to_contain_text("All 1 host are ready for it.", timeout=20_000)
    plan.locator("summary", has_text="web1.eu").click()
    plan.locator("summary", has_text=re.compile("^flip")).click()
    expect(plan.locator("pre:visible").first).to_contain_text("current")


def test_a_rollback_picks_the_release_before_and_goes_there(
    page: Page, site: Site, ada: httpx.Client, shipped: str
) -> None:
    sha = commit(site, APP, "Not so good")
    ended(site, number(confirm(site, ada, {"ref": "main", "environment": "staging"})))
    page.goto(f"/apps/{APP}/ship?environment=staging&kind=rollback")
    expect(page.locator(".overwrites")).to_contain_text("This takes back 1 commit")
    expect(page.get_by_role("region", name="Releases that the hosts keep")).to_contain_text("live on 6")
    page.get_by_role("button", name="Look at the hosts").click()
    plan = page.locator("#plan")
    expect(plan).to_contain_text("They would go back to release", timeout=20_000)
    plan.locator("summary", has_text="web1.eu").click()
    plan.locator("summary", has_text=re.compile("^rollback")).first.click()
    expect(plan.locator("pre:visible").first).to_contain_text("current")
    with page.expect_navigation(url=re.compile(r"/deploys/\d+$")):
        page.get_by_role("button", name="Roll staging back").click()
    done = ended(site, int(page.url.rsplit("/", 1)[1]))
    assert (done.state, done.order.kind, done.sha) == (DeployState.SUCCEEDED, Kind.ROLLBACK, shipped)
    assert done.from_sha == sha


def test_a_converge_says_when_nothing_is_behind(site: Site, ada: httpx.Client, shipped: str) -> None:
    answer = confirm(site, ada, {"kind": "converge", "environment": "staging"})
    assert answer.headers["location"] == f"/apps/{APP}"


def test_who_may_only_look_sees_everything_but_the_button(page: Page, site: Site) -> None:
    with a_viewer(site) as client:
        be(page, site, client)
        page.goto(f"/apps/{APP}/ship?environment=staging")
        expect(page.get_by_text("takes the role deployer")).to_be_visible()
        expect(page.locator(".told")).to_contain_text("6 hosts")
        expect(page.locator(".confirm button")).to_have_count(0)
        expect(page.get_by_role("button", name="Look at the hosts")).to_have_count(0)
        with records(site) as store:
            before = store.deploys.latest(APP, "staging")
            form = {"choice": "environment=staging&kind=deploy&ref=main", "key": "x"}
            refused = site.send(client, f"/apps/{APP}/ship", form)
            assert (refused.status_code, "SH550" in refused.text) == (403, True)
            assert store.deploys.latest(APP, "staging") == before
        assert client.get(f"/apps/{APP}/ship/plan?environment=staging").status_code == 403


def test_what_cannot_be_chosen_is_told(site: Site, ada: httpx.Client) -> None:
    kind = ada.get(f"/apps/{APP}/ship?kind=explode")
    place = ada.get(f"/apps/{APP}/ship?environment=moon")
    assert (kind.status_code, "SH594" in kind.text) == (409, True)
    assert (place.status_code, "SH595" in place.text) == (404, True)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(page: Page, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 800})
    for kind in ("deploy", "rollback", "converge"):
        page.goto(f"/apps/{APP}/ship?environment=staging&kind={kind}")
        assert [one["id"] for one in Axe().run(page).response["violations"]] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
