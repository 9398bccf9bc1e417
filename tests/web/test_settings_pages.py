"""The settings, a tab each, and one's own account."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from shiphorn.model.deploy import DeployState, Kind, Order
from shiphorn.model.locks import Scope
from shiphorn.model.target import Selection
from shiphorn.service.apps import Apps
from shiphorn.service.locks import place
from shiphorn.service.shipping import put_on_record
from tests.graphite import Graphite
from tests.little_web import Web
from tests.running_service import PASSWORD, Site
from tests.web.shipped import PATIENCE_SECONDS, ship, store_of, until

TABS = (
    "locks",
    "queue",
    "freezes",
    "inventories",
    "apps",
    "people",
    "tokens",
    "forges",
    "notifiers",
    "chat",
    "webhooks",
    "metrics",
    "audit",
    "service",
)
SHOP = "app: zoo\nrepo: /srv/git/zoo.git\ndeploy_to: /srv/zoo\nenvironments: {dev: {hosts: [web1]}}\n"


@pytest.fixture
def ada(site: Site) -> Iterator[httpx.Client]:
    with site.client() as client:
        yield client


def test_a_lock_is_placed_and_released(page: Page) -> None:
    page.goto("/settings/locks")
    form = page.locator("form[action='/settings/locks']")
    form.get_by_label("App").select_option("blog")
    form.get_by_label("Environment").select_option("production")
    form.get_by_label("Why?").fill("we count the stock")
    form.get_by_label("Until").fill("2h")
    form.get_by_role("button", name="Lock").click()
    expect(page.locator("[data-note]")).to_have_text("You have locked production of blog.")
    lock = page.get_by_label("Lock on production of blog")
    expect(lock).to_contain_text("we count the stock")
    expect(lock).to_contain_text("it ends in 1 h")
    lock.get_by_role("button", name="Release").click()
    expect(lock).to_have_count(0)
    expect(page.locator("tbody tr", has_text="we count the stock")).to_contain_text("ada")


def test_a_lock_of_somebody_else_is_taken_over_with_a_reason(ada: httpx.Client, site: Site) -> None:
    with store_of(site) as store:
        place(store, Scope("blog", "staging"), "mine", "bob", 1_000_000_000.0)
    form = {"app": "blog", "environment": "staging", "reason": "an outage"}
    refused = site.send(ada, "/settings/locks", form)
    assert (refused.status_code, "SH542" in refused.text) == (409, True)
    taken = site.send(ada, "/settings/locks", form | {"steal": "yes"})
    assert "It was taken over from bob." in taken.text.replace("%20", " ")
    assert "stolen by ada: an outage" in ada.get("/settings/locks").text
    site.send(ada, "/settings/locks/release", {"app": "blog", "environment": "staging"})


def test_a_queued_deploy_moves_up_and_is_dropped(page: Page, site: Site) -> None:
    executor = ship(site, "shop", "production").executor
    config = Apps(site.folder / "shiphorn.yml").config("shop")
    with store_of(site) as store:
        # They are of an executor that is at work, so that no other takes them.
        holder, second, third = (
            put_on_record(
                store, config, Order("shop", "production", Kind.DEPLOY, ref, Selection(), "bob"), executor
            )
            for ref in ("one", "two", "three")
        )
        for one in (second, third):
            store.deploys.update(one.id, state=DeployState.QUEUED)
        page.goto("/settings/queue")
        ours = page.locator("section", has_text="production of shop")
        expect(ours.locator("li")).to_have_count(3)
        page.get_by_label(f"Let deploy {third.id} go ahead of {second.id}").click()
        expect(ours.locator("li").nth(1)).to_contain_text(f"deploy {third.id}")
        for one in (holder, second, third):
            store.deploys.end(one.id, state=DeployState.STOPPED)


def test_freezes_are_taught_and_then_shown_with_where_they_stand(page: Page, site: Site) -> None:
    page.goto("/settings/freezes")
    expect(page.locator(".empty")).to_contain_text("{from: fri 16:00, to: mon 08:00, zone: Europe/London")
    today = datetime.now(UTC).date()
    days = [today + timedelta(days=count) for count in (-1, 2, 9, 12)]
    path = site.folder / "apps" / "iced.yml"
    path.write_text(
        f"app: iced\nrepo: {site.folder}/shop.git\nenvironments:\n  staging:\n    freezes:\n"
        f"      - {{from: {days[0]}, to: {days[1]}, reason: the ice age}}\n"
        f"      - {{from: {days[2]}, to: {days[3]}, zone: Europe/London}}\n"
    )
    try:
        with site.client() as ada:
            until(ada, "/settings/freezes", "the ice age")
        page.reload()
        head, first, second = page.get_by_label("staging of iced").locator("tr").all()
        expect(head).to_contain_text("frozen, opens in 1 d")
        for words in ("the ice age", "ends in 1 d", "never again", "iced.yml:6"):
            expect(first).to_contain_text(words)
        expect(second).to_contain_text("not in force")
        expect(second).to_contain_text(f"{days[2]} 00:00 to {days[3]} 00:00, Europe/London")
        assert Axe().run(page).response["violations"] == []
        page.goto("/")
        cell = page.get_by_label("iced in staging")
        expect(cell.locator(".pill", has_text="frozen, opens in 1 d")).to_have_count(1)
        expect(page.locator(".pill", has_text="frozen")).to_have_count(1)
        page.goto("/apps/iced")
        expect(page.locator(".environment .pill", has_text="frozen, opens in 1 d")).to_have_count(1)
        page.goto("/apps/iced/ship?environment=staging")
        expect(page.locator(".gate.refuse")).to_contain_text('staging of iced is frozen: "the ice age"')
        expect(page.locator(".gate.refuse")).to_contain_text("whoever may override gates, with a reason")
    finally:
        path.unlink()


def test_an_inventory_is_resolved_and_its_problem_told(ada: httpx.Client, site: Site) -> None:
    answer = ada.get("/settings/inventories/now?app=shop&environment=staging")
    assert "<strong>6 hosts</strong>" in answer.text
    broken = site.folder / "apps" / "dynamic.yml"
    broken.write_text(
        f"app: dynamic\nrepo: {site.folder}/shop.git\ndeploy_to: /srv/x\n"
        'environments: {lab: {inventory: {exec: "echo no such cloud >&2; exit 3"}}}\n'
    )
    try:
        answer = until(ada, "/settings/inventories/now?app=dynamic&environment=lab", "no such cloud")
        assert answer.status_code == 200
        assert "SH140" in answer.text
    finally:
        broken.unlink()


def test_what_is_wrong_with_a_file_is_shown_beside_it(ada: httpx.Client, site: Site) -> None:
    path = site.folder / "apps" / "sick.yml"
    path.write_text("app: sick\nrepo: x\nenvironment: {}\n")
    try:
        answer = until(ada, "/settings/apps", "sick.yml:3")
        assert "did you mean environments?" in answer.text
        assert "not in force" in answer.text
    finally:
        path.unlink()


def test_an_app_is_checked_added_once_and_never_over_another(ada: httpx.Client, site: Site) -> None:
    wrong = site.send(ada, "/settings/apps/check", {"text": "app: zoo\nrepo: x\nbranche: y\n"})
    assert (wrong.status_code, "did you mean branch?" in wrong.text) == (422, True)
    path = site.folder / "apps" / "zoo.yml"
    try:
        assert "apps/zoo.yml" in site.send(ada, "/settings/apps/check", {"text": SHOP}).text
        site.send(ada, "/settings/apps", {"text": SHOP})
        assert path.read_text() == SHOP
        again = site.send(ada, "/settings/apps", {"text": SHOP.replace("/srv/zoo", "/tmp/other")})
        assert (again.status_code, "SH505" in again.text) == (422, True)
        assert path.read_text() == SHOP
    finally:
        path.unlink(missing_ok=True)


def test_somebody_is_invited_by_a_link_that_is_shown_once(page: Page, site: Site) -> None:
    page.goto("/settings/people")
    page.get_by_label("Login").fill("grace")
    page.get_by_label("Role").select_option("deployer")
    page.get_by_label("App").select_option("shop")
    page.get_by_role("button", name="Invite").click()
    link = page.get_by_label("Link").input_value()
    assert link.startswith(f"{site.url}/link/")
    page.get_by_role("link", name="Done").click()
    expect(page.locator("main")).to_contain_text("deployer all of shop")
    assert link.rsplit("/", 1)[1] not in page.content()
    with httpx.Client(base_url=site.url, follow_redirects=True) as grace:
        site.send(grace, link.removeprefix(site.url), {"password": PASSWORD})
        assert "deployer" in grace.get("/account").text
        page.get_by_role("button", name="Take away: deployer of all of shop").click()
        expect(page.locator("main")).to_contain_text("there is nothing to see for grace")
        page.once("dialog", lambda question: question.accept())
        page.get_by_role("button", name="Disable").click()
        expect(page.locator(".pill.warn")).to_contain_text("disabled")
        assert str(grace.get("/account").url).startswith(f"{site.url}/sign-in")


def test_a_token_is_shown_once_and_revoked(page: Page) -> None:
    page.goto("/settings/tokens")
    page.get_by_label("What is it for?").fill("CI of the shop")
    page.get_by_role("button", name="Make it").click()
    secret = page.get_by_label("Token", exact=True).input_value()
    assert re.fullmatch(r"horn_[A-Za-z0-9_-]{43}", secret)
    page.get_by_role("link", name="Done").click()
    row = page.locator("tbody tr", has_text="CI of the shop")
    expect(row).to_contain_text("ends in 2 mo")
    assert secret not in page.content()
    page.once("dialog", lambda question: question.accept())
    row.get_by_role("button").click()
    expect(row).to_contain_text("revoked")


def test_a_webhook_is_made_tested_looked_at_and_disabled(page: Page, web: Web, site: Site) -> None:
    web.status, web.body = 503, "come back later"
    page.goto("/settings/webhooks")
    page.get_by_label("Address").fill(f"http://127.0.0.1:{web.port}/hook")
    page.get_by_label("App").select_option("shop")
    page.get_by_text("Only some events").click()
    page.get_by_label("deploy finished").check()
    page.get_by_role("button", name="Make it").click()
    secret = page.get_by_label("Secret").input_value()
    assert re.fullmatch(r"whsec_[A-Za-z0-9_-]{43}", secret)
    page.get_by_role("link", name="Done").click()
    assert secret not in page.content()
    expect(page.locator("dl.facts")).to_contain_text("deploy finished")
    expect(page.locator("dl.facts")).to_contain_text("all of shop")
    expect(page.get_by_role("heading", name="Nothing was sent yet")).to_be_visible()

    page.get_by_role("button", name="Send a test").click()
    row = page.locator("#log tbody tr")
    expect(row).to_contain_text("tried again", timeout=PATIENCE_SECONDS * 1000)
    expect(row).to_contain_text("503")
    expect(row).to_contain_text("come back later")
    assert Axe().run(page).response["violations"] == []
    web.status = 200
    row.get_by_role("button", name="again").click()
    expect(row.locator(".pill.good")).to_have_text("taken", timeout=PATIENCE_SECONDS * 1000)
    expect(row).to_contain_text("2 attempts")

    page.once("dialog", lambda question: question.accept())
    page.get_by_role("button", name="Disable").click()
    expect(page.locator(".pill.warn")).to_contain_text("disabled")
    expect(row.get_by_role("button")).to_have_count(0)
    page.get_by_role("button", name="Enable").click()
    expect(page.get_by_role("button", name="Send a test")).to_be_visible()
    page.get_by_role("link", name="All webhooks").click()
    expect(page.locator("tbody tr", has_text=f":{web.port}/hook")).to_contain_text("taken")
    assert Axe().run(page).response["violations"] == []
    with store_of(site) as store:
        mine = [one for one in reversed(store.audit.page(limit=50)) if one.act.startswith("webhook")]
        acts = [one.act for one in mine if f":{web.port}/" in str(one.facts)]
    assert acts == [
        "webhook made",
        "webhook tested",
        "webhook told again",
        "webhook disabled",
        "webhook enabled",
    ]


def test_the_audit_log_is_filtered_verified_and_exported(page: Page, ada: httpx.Client) -> None:
    page.goto("/settings/audit?q=set+up")
    expect(page.locator("#found tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Verify the log").click()
    expect(page.locator("p.note.good")).to_have_text("Every act is as it was written, and none is missing.")
    lines = ada.get("/settings/audit/export/csv?act=set+up").text.splitlines()
    assert [line.split(",")[4] for line in lines] == ["act", "set up"]
    assert '"act": "set up"' in ada.get("/settings/audit/export/jsonl?act=set+up").text


def test_the_service_tells_of_itself(ada: httpx.Client, site: Site) -> None:
    text = ada.get("/settings/service").text
    assert str(site.folder / "shiphorn.yml") in text
    assert f"{site.url}/sign-in/oidc/return" in text


def test_a_password_is_changed_by_who_knows_the_old_one(site: Site, ada: httpx.Client) -> None:
    link = site.send(ada, "/settings/people", {"login": "hedy"}).text.split("/link/")[1].split('"')[0]
    with httpx.Client(base_url=site.url, follow_redirects=True) as hedy:
        site.send(hedy, f"/link/{link}", {"password": PASSWORD})
        form = {"password": "another good phrase", "current": "wrong"}
        assert "SH565" in site.send(hedy, "/account/password", form).text
        site.send(hedy, "/account/password", form | {"current": PASSWORD})
        assert hedy.get("/account").status_code == 200
        site.send(hedy, "/account/mute", {"muted": "yes"})
        assert "It stays silent for you." in hedy.get("/account").text
    with site.client("hedy", "another good phrase"):
        pass


@pytest.mark.parametrize("tab", [*TABS, "apps/new", "people/ada"])
def test_settings_are_fit_for_everybody(page: Page, tab: str) -> None:
    page.goto(f"/settings/{tab}")
    assert Axe().run(page).response["violations"] == []


def test_the_account_is_fit_for_everybody(page: Page) -> None:
    page.goto("/account")
    assert Axe().run(page).response["violations"] == []


def test_a_notifier_is_tested_and_hears_of_deploys(page: Page, site: Site, web: Web) -> None:
    path = site.folder / "shiphorn.yml"
    before = path.read_text()
    entry = f"{{url: 'json://127.0.0.1:{web.port}/hush-hush', apps: [blog], environments: [staging]}}"
    path.write_text(f"{before}\nnotifiers: {{team: {entry}}}\n")
    try:
        page.goto("/settings/notifiers")
        row = page.get_by_role("row").filter(has_text="team")
        reloaded(page, "Test team")
        expect(row).to_contain_text(f"json://127.0.0.1:{web.port}")
        assert "hush-hush" not in page.content()
        assert Axe().run(page).response["violations"] == []
        page.get_by_label("Test team").click()
        expect(page.locator("[data-note]")).to_have_text("team has taken the test.")
        assert "Ada Lovelace tries the notifier team" in json.loads(web.bodies[0])["message"]
        wait(lambda: "team" in begun(site), "the notifier does not begin")
        site.until(site.ship("blog", "staging", ref="main"))
        told = sent(web, 3)
        assert re.fullmatch(
            r"blog/main \([0-9a-f]{8}\) is being deployed to staging by Ada Lovelace", told[1]
        )
        assert told[2] == "blog/main successfully deployed to staging"
        web.status = 500
        page.get_by_label("Test team").click()
        expect(page.get_by_role("alert")).to_contain_text("team did not take the test.")
        expect(row).to_contain_text("500")
    finally:
        path.write_text(before)


def test_metrics_go_to_graphite_and_are_tested(page: Page, site: Site, graphite: Graphite) -> None:
    path = site.folder / "shiphorn.yml"
    before = path.read_text()
    page.goto("/settings/metrics")
    expect(page.get_by_role("heading", name="Nothing is sent yet")).to_be_visible()
    entry = {"address": f"127.0.0.1:{graphite.line_port}", "events": f"{graphite.url}/events/"}
    metrics = {"graphite": entry, "statsd": {"address": "127.0.0.1:1"}}
    path.write_text(f"{before}\nmetrics: {json.dumps(metrics)}\n")
    try:
        reloaded(page, "Test graphite-events")
        assert Axe().run(page).response["violations"] == []
        note = page.locator("[data-note]")
        page.get_by_label("Test graphite", exact=True).click()
        expect(note).to_have_text("A test went to graphite: shiphorn.shiphorn.test.tests.")
        page.get_by_label("Test graphite-events").click()
        expect(note).to_have_text("A test went to graphite-events: tagged shiphorn and test.")
        assert [one["what"] for one in graphite.events("test")] == [
            "ada tries the metrics of shiphorn. You will see deploys here."
        ]
        page.get_by_label("Test statsd").click()
        expect(page.get_by_role("alert")).to_contain_text("nobody listens at 127.0.0.1:1")
        wait(lambda: "metrics:graphite" in begun(site), "nothing is sent")
        since = time.time() - 60
        site.until(site.ship("blog", "staging", ref="main"))
        for what in ("deploys.succeeded", "phases.flip.duration_ms", "flip.skew_ms", "hosts.ok"):
            target = f"shiphorn.blog.staging.{what}"
            graphite.until(lambda target=target: graphite.points(target, since, since + 300), target)
        assert list(graphite.points("shiphorn.blog.staging.hosts.ok", since, since + 300).values()) == [6]
        graphite.until(lambda: len(graphite.events("blog")) == 2, "its begin and end")
    finally:
        path.write_text(before)


def begun(site: Site) -> set[str]:
    """The notifiers that are told of what happens."""
    with site.store() as store:
        return set(store.notified.listed())


def reloaded(page: Page, text: str) -> None:
    """Load a page again until a text is on it."""

    def there() -> bool:
        page.reload()
        return text in page.content()

    wait(there, f"there is no {text}")


def sent(web: Web, count: int) -> list[str]:
    """What a notifier was told, once it is so much."""
    wait(lambda: len(web.bodies) >= count, f"it is not told {count} times")
    return [json.loads(body)["message"] for body in web.bodies]


def wait(holds: Callable[[], bool], complaint: str) -> None:
    """Wait until something holds."""
    given_up_at = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < given_up_at, complaint
        time.sleep(0.05)
