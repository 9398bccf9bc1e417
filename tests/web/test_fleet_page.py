"""The fleet: hosts with what they run and should run, looked at and brought up to date."""

from __future__ import annotations

import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.running_service import Site
from tests.web.shipped import ship


@pytest.fixture(scope="module", autouse=True)
def _shipped(site: Site) -> None:
    ship(site, "shop", "staging")


def test_hosts_are_listed_with_how_they_stand(page: Page) -> None:
    page.goto("/fleet?app=shop&environment=staging")
    expect(page.locator("#found .summary strong")).to_have_text("6 hosts")
    first = page.locator("#found tbody tr").first
    expect(first.locator(".pill.good")).to_have_text("as intended")
    expect(first.locator("td[data-label=Of]")).to_contain_text("shop staging")


def test_the_filter_narrows_the_list_as_one_types(page: Page, site: Site) -> None:
    page.goto("/fleet?app=shop&environment=staging")
    name = page.locator("#found tbody a.mono").first.inner_text()
    page.get_by_label("Search").fill(name)
    expect(page.locator("#found .summary strong")).to_have_text("1 host")
    expect(page).to_have_url(
        f"{site.url}/fleet?q={name}&app=shop&environment=staging&region=&zone=&role=&standing="
    )
    page.get_by_label("Search").fill("no such host")
    expect(page.get_by_role("heading", name="No host is like that")).to_be_visible()


def test_a_host_has_its_history(page: Page) -> None:
    page.goto("/fleet?app=shop&environment=staging")
    page.locator("#found tbody a.mono").first.click()
    expect(page.get_by_role("heading", name="What deploys did to it")).to_be_visible()
    expect(page.locator("tbody tr").first).to_contain_text("succeeded")


def test_looking_now_shows_a_host_that_drifted_and_converge_brings_it_back(page: Page, site: Site) -> None:
    current = next(site.folder.glob("fleet/**/staging/shop/current"))
    good = current.readlink()
    strange = current.parent / "releases" / "20130601120000"
    shutil.copytree(current.resolve(), strange)
    current.unlink()
    current.symlink_to(strange)
    page.goto("/fleet?app=shop&environment=staging")
    page.get_by_role("link", name="Look now").click()
    expect(page.locator("tbody .pill.bad")).to_have_text(["drifted"])
    page.get_by_role("button", name="Converge").click()
    expect(page.locator("[data-note]")).to_contain_text("is on its way")
    page.wait_for_function(
        """async () => {
            const answer = await fetch("/fleet/look?app=shop&environment=staging");
            return (await answer.text()).includes("Every host that answers runs what it should");
        }"""
    )
    assert current.readlink().name == good.name


def test_the_fleet_is_fit_for_everybody(page: Page) -> None:
    page.goto("/fleet")
    assert Axe().run(page).response["violations"] == []
