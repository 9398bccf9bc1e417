"""Auto deploys through the API and on pages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Page, expect

from tests.api_service import Offline
from tests.running_service import Site

PLACE = "/apps/shop/environments/staging/auto"


@pytest.fixture
def auto_api(api: Offline, tmp_path: Path) -> Offline:
    """The application, whose shop deploys to staging by itself."""
    path = tmp_path / "apps" / "shop.yml"
    text = yaml.safe_load(path.read_text())
    text["environments"] = {"staging": {"auto": {"required": ["ci/build"], "delay": "5m"}}, "production": {}}
    path.write_text(yaml.safe_dump(text))
    api.service.apps.refresh()
    return api


async def test_people_see_what_goes_out_by_itself_and_stop_and_resume_it(auto_api: Offline) -> None:
    async with auto_api.client("deployer") as client:
        (first,) = (await client.get("/auto")).json()
        assert (first["app"], first["environment"], first["rule"], first["state"]) == (
            "shop",
            "staging",
            "main, when it is green: ci/build, 5 min later",
            "",
        )
        unsaid = await client.post(f"{PLACE}/stop", json={"reason": " "})
        assert (unsaid.status_code, unsaid.json()["code"]) == (409, "SH543")
        stopped = (await client.post(f"{PLACE}/stop", json={"reason": "the database moves"})).json()
        assert (stopped["state"], stopped["reason"], stopped["stopped_by"]) == (
            "stopped",
            "the database moves",
            "deployer",
        )
        twice = await client.post(f"{PLACE}/stop", json={"reason": "again"})
        assert (twice.status_code, twice.json()["code"]) == (409, "SH921")
        resumed = (await client.post(f"{PLACE}/resume", json={"reason": "it has moved"})).json()
        assert (resumed["state"], resumed["stopped_by"]) == ("", "")
        twice = await client.post(f"{PLACE}/resume", json={})
        assert (twice.status_code, twice.json()["code"]) == (409, "SH922")
        nowhere = await client.post("/apps/shop/environments/production/auto/resume", json={})
        assert (nowhere.status_code, nowhere.json()["code"]) == (409, "SH920")
    acts = [(one.act, one.actor, one.reason) for one in auto_api.service.store.audit.page(None, 2, None)]
    assert acts == [
        ("resume auto deploy", "deployer", "it has moved"),
        ("stop auto deploy", "deployer", "the database moves"),
    ]


async def test_auto_deploys_of_an_app_that_is_not_there_are_not_found(auto_api: Offline) -> None:
    async with auto_api.client("viewer") as client:
        assert (await client.get("/auto", params={"app": "nothing"})).status_code == 404
        assert (await client.get("/auto", params={"app": "blog"})).json() == []


@pytest.fixture
def steady(site: Site) -> Iterator[dict[str, Any]]:
    """An app of the site that deploys to staging by itself whatever is pushed."""
    path = site.folder / "apps" / "steady.yml"
    text = {
        "app": "steady",
        "repo": "../blog.git",
        "environments": {"staging": {"auto": {"on": "push"}, "deploy_to": "~/steady"}},
    }
    path.write_text(yaml.safe_dump(text))
    yield text
    path.unlink()


@pytest.mark.usefixtures("steady")
def test_a_service_deploys_by_itself_and_a_person_stops_and_resumes_that(site: Site, page: Page) -> None:
    with site.client() as client:
        given_up_at = time.monotonic() + 60
        while "steady" not in client.get("/board").text:
            assert time.monotonic() < given_up_at
            time.sleep(0.1)
    page.goto("/apps/steady")
    card = page.locator(".environment")
    expect(card).to_contain_text("main is live", timeout=60_000)
    expect(card).to_contain_text("by shiphorn")
    expect(card).to_contain_text("Deploys by itself: main, when it is pushed to")

    card.locator("summary", has_text="Stop").click()
    card.get_by_label("Why?").first.fill("the database moves")
    card.get_by_role("button", name="Stop auto deploy").click()
    expect(card).to_contain_text("Auto deploy is stopped by ada")
    expect(card).to_contain_text("the database moves")
    page.goto("/")
    expect(page.get_by_label("steady in staging")).to_contain_text("auto stopped")
    page.goto("/apps/steady")
    card.get_by_role("button", name="Resume").click()
    expect(card).to_contain_text("main is live", timeout=30_000)
