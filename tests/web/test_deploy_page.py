"""The page of a deploy: followed live, looked at afterwards, and steered."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from shiphorn.model.locks import Scope
from tests.running_service import LOGIN, Site
from tests.web.apps import a_viewer

SLOW_MS = 60_000


@pytest.fixture(scope="module")
def good(site: Site) -> int:
    """A deploy of shop to production that went well."""
    number = site.ship("shop", "production", reason="The first of the tests")
    assert site.until(number).state == "succeeded"
    return number


@pytest.fixture(scope="module")
def back(site: Site, good: int) -> Iterator[int]:
    """One that failed its health check in one region, and took itself back."""
    assert good
    site.change(bad=True)
    number = site.ship("shop", "production", ref="main", reason="Customers asked for speed")
    assert site.until(number).state == "rolled_back"
    yield number
    site.change()
    with site.store() as store:
        for lock in store.locks.in_force(time.time(), Scope("shop", "production")):
            store.locks.release(lock.id, LOGIN, "the tests are over", time.time())


def test_a_deploy_is_followed_live_from_the_queue_to_its_end(page: Page, site: Site) -> None:
    with site.store() as store:
        ahead = _hold(site)
        number = site.ship("blog", "staging")
        site.until(number, "queued")
        page.goto(f"/deploys/{number}")
        expect(page.locator("#part-lead")).to_contain_text(f"It waits for its turn behind deploy {ahead}")
        page.evaluate("window.same = document.querySelector('#fleet')")
        store.deploys.update(ahead, wish="continue", wish_by=LOGIN)
        expect(page.locator("h1 .pill")).to_have_text("succeeded", timeout=SLOW_MS)
    assert page.evaluate("window.same.isConnected")
    expect(page.locator("#part-lead")).to_contain_text("6 hosts run")
    expect(page.locator(".fleet-legend li", has_text="done")).to_have_text("done6")
    expect(page.locator("#part-steps .done")).to_have_count(11)
    expect(page.locator("[data-region=eu] .count")).to_have_text("2 of 2 done")
    expect(page).to_have_title(f"✓ blog → staging · {number}")
    expect(page.locator("#lost")).to_be_hidden()


def test_one_that_took_itself_back_says_what_happened_where_and_what_to_do(page: Page, back: int) -> None:
    page.goto(f"/deploys/{back}")
    verdict = page.locator(".verdict")
    expect(verdict).to_be_in_viewport()
    expect(verdict).to_contain_text("SH610 2 of 6 hosts went wrong after the switch, 0 may")
    expect(verdict).to_contain_text("2 hosts in us: web1.us, web2.us")
    expect(verdict).to_contain_text("6 hosts run what they ran before, switched back")
    expect(verdict).to_contain_text("then unlock production: it is locked")
    expect(page.locator(".cause").first).to_contain_text("answered 500, wanted 2xx, 3 times in a row")
    expect(page.locator("#part-steps .failed")).to_contain_text("watch")
    expect(page.locator("#part-health")).to_contain_text("4 healthy 2 unhealthy", use_inner_text=False)
    page.locator(".cause").first.get_by_role("button", name="Show on the map").click()
    expect(page.get_by_label("Filter hosts")).to_have_value("name:web1.us")
    expect(page.locator("[data-map-note]")).to_have_text("1 of 6 hosts")


def test_a_host_opens_its_log_beside_the_page(page: Page, back: int) -> None:
    page.goto(f"/deploys/{back}")
    page.locator(".verdict").get_by_role("link", name="web1.us").click()
    panel = page.get_by_role("complementary", name="Host")
    expect(panel.get_by_role("heading", name="web1.us")).to_be_visible()
    expect(panel).to_contain_text("serving on port")
    expect(panel).to_contain_text("unhealthy")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_a_link_to_a_line_opens_the_output_and_lights_it_up(page: Page, good: int) -> None:
    page.goto(f"/deploys/{good}")
    stage = page.locator(".print", has_text="cat bin/build")
    expect(stage).to_contain_text("web1.ap, web1.eu, web1.us, web2.ap, web2.eu, web2.us")
    stage.locator("summary").click()
    stage.get_by_role("link", name="Line 4").click()
    assert re.search(r"#L-web1\.ap-\d+-4$", page.url)
    page.reload()
    line = page.locator(".lines .here")
    expect(line).to_be_visible()
    expect(line).to_contain_text("public/page.html")


def test_logs_are_searched(page: Page, good: int) -> None:
    page.goto(f"/deploys/{good}")
    page.get_by_label("Search the logs").fill("WC -C")
    expect(page.locator(".print")).to_have_count(1)
    expect(page.locator(".print mark")).to_have_text("wc -c")
    page.get_by_label("Search the logs").fill("no such words")
    expect(page.locator("#part-logs")).to_contain_text("Nothing that was printed contains “no such words”")


def test_a_connection_that_is_lost_shows_and_comes_back(chromium: Browser, page: Page, site: Site) -> None:
    number = _hold(site)
    context = chromium.new_context(base_url=site.url)
    context.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    window = context.new_page()
    window.route("**/live?*", lambda route: route.abort())
    window.goto(f"/deploys/{number}")
    expect(window.locator("#lost")).to_contain_text("The connection is lost.")
    window.unroute("**/live?*")
    expect(window.locator("#lost")).to_be_hidden(timeout=15_000)
    with site.store() as store:
        store.deploys.update(number, wish="continue", wish_by=LOGIN)
    expect(window.locator("h1 .pill")).to_have_text("succeeded", timeout=SLOW_MS)
    context.close()


def test_a_paused_deploy_goes_on_from_the_page(page: Page, site: Site) -> None:
    number = _hold(site)
    page.goto(f"/deploys/{number}")
    expect(page.locator("#part-lead")).to_contain_text("Paused: ada paused it")
    page.keyboard.press("p")
    expect(page.locator(".act[open]")).to_contain_text("What went wrong so far is accepted")
    page.keyboard.press("Enter")
    expect(page.get_by_text("It goes on.")).to_be_visible()
    expect(page.locator("h1 .pill")).to_have_text("succeeded", timeout=SLOW_MS)


def test_a_deploy_is_stopped_from_the_page(page: Page, site: Site) -> None:
    number = _hold(site)
    page.goto(f"/deploys/{number}")
    page.locator("summary", has_text="Stop").click()
    expect(page.locator(".act[open]")).to_contain_text("No host has switched")
    page.get_by_label("Why?").fill("The wrong branch")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("h1 .pill")).to_have_text("stopped", timeout=SLOW_MS)
    expect(page.locator("#part-timeline")).to_contain_text("ada asked to stop, and to take everything back")
    with site.store() as store:
        assert (
            next(act.reason for act in store.audit.page(limit=5) if act.act == "stop") == "The wrong branch"
        )


def test_what_went_well_is_rolled_back_from_the_page(page: Page, site: Site) -> None:
    first = site.ship("blog", "production")
    assert site.until(first).state == "succeeded"
    site.change("blog")
    second = site.ship("blog", "production")
    assert site.until(second).state == "succeeded"
    page.goto(f"/deploys/{second}")
    page.locator("summary", has_text="Roll back to before").click()
    with site.store() as store:
        before, after = store.deploys.get(first), store.deploys.get(second)
    assert before is not None
    assert after is not None
    expect(page.locator(".act[open]")).to_contain_text(f"to release {before.release} ({before.sha[:8]})")
    page.get_by_role("button", name="Roll back to before").click()
    expect(page.locator("h1 .pill")).to_have_text("succeeded", timeout=SLOW_MS)
    expect(page.locator(".eyebrow")).to_have_text(re.compile(r"Rollback \d+"))
    expect(page.locator("#part-lead")).to_contain_text(f"6 hosts run {before.sha[:8]}")


def test_a_form_that_is_sent_twice_orders_once(site: Site) -> None:
    first = site.ship("blog", "staging")
    assert site.until(first).state == "succeeded"
    with site.client() as client:
        text = client.get(f"/deploys/{first}").text
        form = {"reason": "", "key": re.findall(r'name="key" value="(again-[^"]+)"', text)[0]}
        sent = [site.send(client, f"/deploys/{first}/again", form) for _ in range(2)]
    numbers = {str(answer.url).split("?")[0].rsplit("/", 1)[1] for answer in sent}
    assert len(numbers) == 1
    assert site.until(int(numbers.pop())).state == "succeeded"


def test_the_lock_that_it_placed_is_released_from_the_page(page: Page, back: int) -> None:
    page.goto(f"/deploys/{back}")
    page.locator("summary", has_text="Unlock production").click()
    expect(page.locator(".act[open]")).to_contain_text("The commit stays marked bad")
    page.get_by_role("button", name="Unlock production").click()
    expect(page.get_by_text("Unlocked production of shop: others may deploy again.")).to_be_visible()
    expect(page.locator("summary", has_text="Unlock")).to_have_count(0)


def test_a_viewer_sees_everything_and_steers_nothing(chromium: Browser, site: Site, good: int) -> None:
    with a_viewer(site) as client:
        text = client.get(f"/deploys/{good}").text
        assert "6 hosts run" in text
        assert '<details class="menu act"' not in text
        refused = site.send(client, f"/deploys/{good}/again", {"reason": ""})
        assert refused.status_code == 403
        assert "SH550" in refused.text
        assert site.send(client, f"/deploys/{good}/ask", {"wish": "stop"}).status_code == 403


def test_a_deploy_that_is_over_needs_no_script(chromium: Browser, site: Site, page: Page, back: int) -> None:
    context = chromium.new_context(base_url=site.url, java_script_enabled=False)
    context.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    plain = context.new_page()
    plain.goto(f"/deploys/{back}?q=serving")
    expect(plain.locator(".verdict")).to_contain_text("2 of 6 hosts went wrong")
    expect(plain.locator("#part-steps .step")).to_have_count(12)
    expect(plain.locator(".print mark").first).to_have_text("serving")
    plain.get_by_text("As a list").click()
    plain.locator("#part-hosts").get_by_role("link", name="web2.us").click()
    expect(plain.get_by_role("heading", name="web2.us", level=1)).to_be_visible()
    context.close()


def test_the_horn_is_muted_for_good(page: Page, good: int) -> None:
    page.goto(f"/deploys/{good}")
    page.get_by_role("button", name="Mute the horn").click()
    expect(page.get_by_role("button", name="Horn is muted")).to_have_attribute("aria-pressed", "true")
    page.reload()
    page.get_by_role("button", name="Horn is muted").click()
    expect(page.get_by_role("button", name="Mute the horn")).to_be_visible()


def test_what_belongs_to_another_deploy_is_not_there(site: Site, good: int, back: int) -> None:
    with site.store() as store:
        digest = store.records.folds(back)[0].digest
    with site.client() as client:
        assert client.get(f"/deploys/{back}/output/{digest}").status_code == 200
        assert "SH598" in client.get(f"/deploys/{good}/output/{'0' * 64}").text
        assert "SH597" in client.get(f"/deploys/{good}/hosts/nobody").text
        assert client.get("/deploys/999999").status_code == 404


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Page, back: int, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(f"/deploys/{back}")
    expect(page.locator("#map canvas").first).to_be_visible()
    for summary in page.locator(".print summary").all()[:2]:
        summary.click()
    found = Axe().run(page).response["violations"]
    assert [
        (one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")
    ] == []


def _hold(site: Site) -> int:
    """A deploy of blog to staging that has the environment, and is paused."""
    number = site.ship("blog", "staging")
    with site.store() as store:
        while store.deploys.holder("blog", "staging") != number:
            time.sleep(0.01)
        store.deploys.update(number, wish="pause", wish_by=LOGIN)
    site.until(number, "paused")
    return number
