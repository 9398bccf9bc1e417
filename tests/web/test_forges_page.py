"""The page of forges, over a whole service: what it says of each, and of what they sent."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from shiphorn.adapters.hook_signatures import sign
from shiphorn.demo.project import free_port
from tests.running_service import Site

SECRET = "only the two of us know it"
FORGES = """
secrets: {{HOOK: {{file: hook-secret}}}}
forges:
  hub: {{kind: github, url: "http://127.0.0.1:{port}", webhook: {{secret: HOOK}}, poll: 1h}}
  ci: {{kind: generic, webhook: {{secret: HOOK}}, repositories: ["*"]}}
"""


@pytest.fixture
def forges(site: Site) -> Iterator[None]:
    """A forge that is down, and a sender of builds."""
    path = site.folder / "shiphorn.yml"
    before = path.read_text()
    (site.folder / "hook-secret").write_text(SECRET)
    path.write_text(before + FORGES.format(port=free_port()))
    given_up_at = time.monotonic() + 20
    while httpx.post(f"{site.url}/hooks/ci", content=b"{}").status_code != 401:
        assert time.monotonic() < given_up_at, "the forges are not read"
        time.sleep(0.05)
    yield
    path.write_text(before)


def head_of(site: Site) -> str:
    found = subprocess.run(
        ["git", "-C", str(site.folder / "shop.git"), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.strip()


@pytest.mark.usefixtures("forges")
def test_forges_and_what_they_sent_are_shown(page: Page, site: Site) -> None:
    sha = head_of(site)
    build = (
        f'{{"sha": "{sha}", "context": "ci/smoke", "state": "failure", "url": "https://ci.example.com/1"}}'
    )
    taken = httpx.post(
        f"{site.url}/hooks/ci", content=build, headers=sign(SECRET, build.encode(), int(time.time()))
    )
    assert (taken.status_code, taken.json()["outcome"]) == (202, "taken")
    assert httpx.post(f"{site.url}/hooks/hub", content=b"x" * 10_000_000).status_code == 413

    page.goto("/settings/forges")
    hub, ci = (
        page.locator("section.forge").filter(has=page.get_by_role("heading", name=name))
        for name in ("hub", "ci")
    )
    expect(hub).to_contain_text("it is larger than 1 MB.")
    expect(ci).to_contain_text(f"ci/smoke of {sha[:8]}: failure")
    ci.get_by_text("Set up its webhook").click()
    expect(ci.get_by_label("Address for webhooks of ci")).to_have_value(f"{site.url}/hooks/ci")
    assert SECRET not in page.content()
    for scheme, width in (("light", 1280), ("dark", 390)):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 900})
        assert Axe().run(page).response["violations"] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("link", name="hub", exact=True).last.click()
    expect(page.locator("tbody tr")).to_have_count(1)

    page.get_by_label("Ask hub now").click()
    # No app has a repository of it: there is nothing to ask about.
    expect(page.locator("[data-note]")).to_have_text("hub has answered.")
    page.goto(f"/apps/shop?commit={sha}")
    expect(page.get_by_label("Builds").get_by_role("link", name="ci/smoke")).to_be_visible()
