"""History: deploys of the past, as a list, as a file, and as the four figures."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from shiphorn.demo.project import make_repository
from tests.running_service import Site
from tests.web.shipped import ship, until

APP = "till"
REASON = "the winter sale begins"


@pytest.fixture(scope="module", autouse=True)
def _shipped(site: Site) -> Iterator[None]:
    """An app of their own, and its only deploy: other tests deploy what the site has, some of them often."""
    make_repository(site.folder / f"{APP}.git")
    path = site.folder / "apps" / f"{APP}.yml"
    text = {"app": APP, "repo": f"../{APP}.git", "commands": {"build": ["bin/build"]}}
    path.write_text(yaml.safe_dump(text))
    with site.client() as client:
        until(client, "/settings/apps", path.name)
    ship(site, APP, "staging", reason=REASON)
    yield
    path.unlink()


def test_deploys_are_listed_with_who_and_why(page: Page) -> None:
    page.goto("/history?app=till")
    row = page.locator("#found tbody tr").first
    expect(row.locator("td[data-label=State]")).to_contain_text("succeeded")
    expect(row.locator("td[data-label='Where to']")).to_have_text("till staging")
    expect(row.locator("td[data-label='Who and why']")).to_contain_text(REASON)
    expect(row.locator("td[data-label=Took]")).to_contain_text("s")


def test_the_filter_narrows_the_list(page: Page, site: Site) -> None:
    page.goto("/history")
    page.get_by_label("Search").fill("winter sale")
    page.get_by_label("State").select_option("succeeded")
    expect(page.locator("#found tbody tr")).to_have_count(1)
    expect(page).to_have_url(
        f"{site.url}/history?q=winter%20sale&app=&environment=&state=succeeded&kind=&actor=&since=&until="
    )
    page.get_by_label("State").select_option("failed")
    expect(page.get_by_role("heading", name="No deploy is like that")).to_be_visible()


def test_a_day_of_until_is_within_the_period(site: Site) -> None:
    with site.client() as client:
        today = client.get("/history?app=till").text.split('datetime="')[1][:10]
        assert REASON in client.get(f"/history?since={today}&until={today}").text
        assert REASON not in client.get("/history?until=2020-01-01").text


def test_a_time_that_is_none_is_refused(site: Site) -> None:
    with site.client() as client:
        answer = client.get("/history?since=yesterdayish")
    assert answer.status_code == 409
    assert "SH504" in answer.text


def test_the_file_has_what_the_filter_lets_through(site: Site) -> None:
    with site.client() as client:
        answer = client.get("/history.csv?app=till&q=winter")
    assert answer.headers["content-disposition"] == 'attachment; filename="deploys.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["app"], row["environment"], row["state"], row["reason"]) for row in rows] == [
        ("till", "staging", "succeeded", REASON)
    ]


def test_the_four_figures_are_told_drawn_and_in_a_table(page: Page) -> None:
    page.goto("/history/dora?app=till&environment=staging&days=7")
    expect(page.locator(".figure")).to_have_count(4)
    expect(page.locator(".figure", has_text="Deploy frequency")).to_contain_text("0.1 a day")
    expect(page.locator(".figure", has_text="Lead time")).to_contain_text("first good deploy of it")
    expect(page.locator("[data-plot=often] canvas")).to_have_count(1)
    page.get_by_text("The same as a table").click()
    expect(page.locator("#steps tbody tr")).to_have_count(7)
    expect(page.locator("#steps tbody tr").last.locator("[data-often]")).to_have_text("1")


def test_lead_time_is_from_the_commit_in_the_repository(page: Page) -> None:
    page.goto("/history/dora?app=till&environment=staging&days=7")
    expect(page.locator(".figure", has_text="Lead time")).to_contain_text("was over (1)")


def test_plots_are_drawn_again_in_the_other_theme(page: Page) -> None:
    page.goto("/history/dora?app=till&environment=staging&days=7")
    look = "() => document.querySelector('[data-plot=often] canvas').toDataURL()"
    before = page.evaluate(look)
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(look) != before


@pytest.mark.parametrize("path", ["/history", "/history/dora?app=till"])
def test_history_is_fit_for_everybody(page: Page, path: str) -> None:
    page.goto(path)
    assert Axe().run(page).response["violations"] == []
