"""Approvals from end to end: by the API, and on the pages of a deploy and of an order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
import yaml
from playwright.sync_api import Browser, Page

from shiphorn.model.people import Grant, Person, Role
from shiphorn.model.statuses import BuildState, CommitStatus
from tests.api_service import token_of
from tests.running_service import Site, running

GATES = {"approval": {"people": 2}, "tests": ["ci/*"], "never_override": ["tests"]}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service whose blog wants two approvals and a green build in staging."""
    with running(tmp_path_factory.mktemp("guarded"), hosts=1) as site:
        path = site.folder / "apps" / "blog.yml"
        text = yaml.safe_load(path.read_text())
        text["environments"] = {"staging": {"gates": GATES}, "production": {}}
        path.write_text(yaml.safe_dump(text))
        with site.store() as store:
            for login in ("bob", "carol"):
                assert store.people.add(login, time.time(), held=[Grant(Role.DEPLOYER)])
        with api(site, "ada") as ada:
            until(lambda: "approval" in gates(ada))
        yield site


@contextmanager
def api(site: Site, login: str) -> Iterator[httpx.Client]:
    """The API, with a token of somebody."""
    with site.store() as store:
        token = token_of(store, person(site, login))
    head = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{site.url}/api/v1", headers=head, timeout=60) as made:
        yield made


def person(site: Site, login: str) -> Person:
    with site.store() as store:
        found = store.people.by_login(login)
    assert found is not None
    return found


def gates(client: httpx.Client) -> dict[str, str]:
    """What each gate says of the blog in staging."""
    why = client.post("/why", json={"app": "blog", "environment": "staging"}).json()
    return {one["gate"]: one["reason"] for one in why["answers"] if one["verdict"] != "pass"}


def until(condition: Callable[[], object]) -> None:
    given_up_at = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < given_up_at
        time.sleep(0.05)


def build(site: Site, state: BuildState, url: str = "https://ci.example.com/7") -> str:
    """Have a build say something of the blog's newest commit: the commit."""
    head = (site.folder / "blog.git" / ".git" / "refs" / "heads" / "main").read_text().strip()
    key = str((site.folder / "blog.git").resolve())
    with site.store() as store:
        store.statuses.put([CommitStatus(head, key, "ci", "ci/build", state, "all of it", url, time.time())])
    return head


def test_a_deploy_goes_out_once_two_others_have_approved_and_its_build_is_green(guarded: Site) -> None:
    with api(guarded, "ada") as ada, api(guarded, "bob") as bob, api(guarded, "carol") as carol:
        sha = build(guarded, BuildState.PENDING)
        number = ada.post("/deploys", json={"app": "blog", "environment": "staging"}).json()["id"]
        guarded.when(number, lambda one: one.phase == "gates")
        own = ada.post(f"/deploys/{number}/approve", json={})
        assert (own.status_code, own.json()["code"]) == (409, "SH901")
        given = bob.post(f"/deploys/{number}/approve", json={"reason": "I looked"}).json()
        assert (given["actor"], given["sha"], given["reason"]) == ("bob", sha, "I looked")
        assert bob.post(f"/deploys/{number}/approve/withdraw", json={}).json() == {"withdrawn": True}
        place = "/apps/blog/environments/staging/approvals"
        assert bob.post(place, json={"ref": "main"}).status_code == 201
        assert gates(ada)["approval"] == "approved by bob; it wants 1 approval of others than ada"
        assert carol.post(f"/deploys/{number}/approve", json={}).status_code == 200
        assert [one["actor"] for one in bob.get(place, params={"ref": sha}).json()] == ["bob", "carol"]
        assert ada.get(f"/deploys/{number}").json()["state"] == "running"
        build(guarded, BuildState.SUCCESS)
        assert guarded.until(number).state == "succeeded"
        late = carol.post(f"/deploys/{number}/approve", json={})
        assert (late.status_code, late.json()["code"]) == (409, "SH903")
        acts = [one["act"] for one in ada.get("/audit").json()["items"]]
        assert acts[:5] == ["approve", "approve", "withdraw approval", "approve", "deploy"]


def window(chromium: Browser, site: Site, login: str) -> Page:
    """A window of somebody."""
    context = chromium.new_context(base_url=site.url, viewport={"width": 1280, "height": 900})
    now = time.time()
    with site.store() as store:
        secret = store.sessions.open(person(site, login).id, "", "", now, now + 600)
    context.add_cookies([{"name": "horn_session", "value": secret, "url": site.url}])
    return context.new_page()


def test_whoever_looks_at_a_deploy_that_waits_sees_for_what_and_approves(
    guarded: Site, chromium: Browser
) -> None:
    guarded.change("blog")
    sha = build(guarded, BuildState.SUCCESS)
    with api(guarded, "ada") as ada:
        number = ada.post("/deploys", json={"app": "blog", "environment": "staging"}).json()["id"]
    guarded.when(number, lambda one: one.phase == "gates")
    bob = window(chromium, guarded, "bob")
    bob.goto(f"/deploys/{number}")
    bob.locator("#part-lead").get_by_text("it wants 2 approvals of others than ada").wait_for()
    bob.locator("summary", has_text="Approve").click()
    bob.get_by_placeholder("Others will read it").first.fill("I looked")
    bob.get_by_role("button", name="Approve").click()
    bob.get_by_text("You approved it. It goes on by itself.").wait_for()
    bob.locator("summary", has_text="Take back my approval").wait_for()
    bob.get_by_text("bob approved it").wait_for()
    carol = window(chromium, guarded, "carol")
    carol.goto(f"/apps/blog/ship?environment=staging&ref={sha}")
    carol.get_by_text("Approve it, for somebody else to ship").click()
    carol.get_by_role("button", name=f"Approve {sha[:8]} for staging").click()
    carol.get_by_text(f"You approved {sha[:8]} for staging").wait_for()
    assert guarded.until(number).state == "succeeded"
    bob.locator("#part-gates").get_by_text("approved by bob, carol").wait_for()
    for one in (bob, carol):
        one.context.close()


def test_a_red_build_is_seen_on_the_graph_beside_it_and_by_whoever_would_insist(
    guarded: Site, chromium: Browser
) -> None:
    guarded.change("blog")
    sha = build(guarded, BuildState.FAILURE)
    with guarded.client() as client:
        guarded.send(client, "/apps/blog/fetch", {})
    page = window(chromium, guarded, "ada")
    page.goto(f"/apps/blog?commit={sha}&environment=staging")
    assert page.locator(".statuses a").get_attribute("href") == "https://ci.example.com/7"
    assert page.locator(".statuses").inner_text().startswith("red")
    page.locator(".graph-check-failed").first.wait_for()
    page.goto(f"/apps/blog/ship?environment=staging&ref={sha}")
    refused = page.locator(".gate.refuse")
    assert "tests passed: ci/build is red" in refused.inner_text()
    assert "Nobody may override it." in refused.inner_text()
    assert page.locator("button.go").is_disabled()
    page.context.close()


def test_an_address_that_is_none_of_a_page_is_no_link(guarded: Site) -> None:
    sha = build(guarded, BuildState.FAILURE, "javascript:alert(1)")
    with guarded.client() as ada:
        panel = ada.get(f"/apps/blog/commits/{sha}", params={"environment": "staging"}).text
    assert "ci/build" in panel
    assert 'href="javascript' not in panel
