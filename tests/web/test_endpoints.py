"""Endpoints of a running service: by its pages, its API and its keeper, with a real nginx on the hosts."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.cli.test_remote import Laptop, sign_in
from tests.nginx import Nginx, nginx_in
from tests.running_service import AUTHOR, Site, running

GONE = (404, "nothing here\n")


class Place:
    """A service, an nginx in front of its hosts, and branches of its blog."""

    def __init__(self, site: Site, nginx: Nginx) -> None:
        self.site, self.nginx = site, nginx
        self.repo = site.folder / "blog.git"

    def push(self, branch: str, text: str) -> None:
        """Have a branch say something: a new one, or another commit of it."""
        known = self._git("branch", "--list", branch)
        self._git("switch", "--quiet", *(() if known else ("--create",)), branch)
        (self.repo / "public" / "index.html").write_text(text)
        self._git("add", "--all")
        self._git(*AUTHOR, "commit", "--quiet", "--message", text)
        self._git("switch", "--quiet", "main")

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", self.repo, *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout

    def until(self, host: str, expected: tuple[int, str]) -> None:
        self.nginx.until_answers(f"{host}.blog.example.com", expected)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("endpoints")
    with nginx_in(folder / "nginx") as nginx, running(folder, hosts=3) as site:
        config = yaml.safe_load((folder / "shiphorn.yml").read_text())
        config["environments"]["staging"]["endpoints"] = {
            "url": "http://{name}.{app}.example.com",
            "hosts": ["web1.eu"],
            "vhost": {
                "directory": str(nginx.vhosts),
                "listen": f"127.0.0.1:{nginx.port}",
                "test": nginx.test,
                "reload": nginx.reload,
            },
        }
        (folder / "shiphorn.yml").write_text(yaml.safe_dump(config, sort_keys=False))
        (folder / "apps" / "blog.yml").write_text(yaml.safe_dump({"app": "blog", "repo": "../blog.git"}))
        yield Place(site, nginx)


def test_a_branch_goes_through_its_whole_life(place: Place, chromium: Browser) -> None:
    place.push("feature/cart", "a cart")
    page = window(place, chromium)
    page.goto("/")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Endpoints").click()
    expect(page.get_by_role("heading", name="No branch has an endpoint")).to_be_visible()
    page.get_by_label("Where").select_option("blog, on staging")
    page.get_by_label("Branch").fill("feature/cart")
    page.get_by_label("For how long").fill("2h")
    page.get_by_role("button", name="Make it").click()
    expect(page.locator("[data-note]")).to_contain_text(
        "feature/cart gets http://feature-cart.blog.example.com"
    )
    card = page.get_by_label("feature-cart.blog.example.com")
    expect(card).to_contain_text("succeeded", timeout=30_000)
    expect(card).to_contain_text(re.compile("ends in (2|1) h"))
    expect(card).to_contain_text("staging~feature-cart, by ada")
    place.until("feature-cart", (200, "a cart"))
    assert [one["id"] for one in Axe().run(page).response["violations"] if one["impact"] != "minor"] == []
    page.get_by_role("link", name="staging~feature-cart").click()
    expect(page.get_by_role("button", name="to staging~feature-cart")).to_be_visible()
    page.goto("/apps/blog")
    expect(page.get_by_role("link", name="1 endpoint")).to_be_visible()
    page.goto("/board")
    expect(page.get_by_text("staging~feature-cart")).to_have_count(0)
    page.goto("/endpoints")
    page.get_by_role("button", name="Remove feature-cart").click()
    expect(page.locator("[data-note]")).to_have_text("staging~feature-cart of blog is being removed.")
    expect(page.get_by_role("heading", name="No branch has an endpoint")).to_be_visible(timeout=30_000)
    place.until("feature-cart", GONE)
    assert list((place.site.folder / "fleet/hosts/web1.eu/staging").glob("blog-endpoints/*")) == []


def test_a_command_line_elsewhere_makes_and_ends_one(place: Place, tmp_path: Path) -> None:
    place.push("from-afar", "from afar")
    laptop = Laptop(tmp_path / "laptop", HORN_APP="blog")
    with place.site.client() as client:
        sign_in(laptop, place.site, client)
    said = laptop.said("endpoint", "create", "from-afar", "--ttl", "2h")
    assert "http://from-afar.blog.example.com\n" in said
    place.until("from-afar", (200, "from afar"))
    (listed,) = laptop.json("endpoint", "list")
    assert (listed["endpoint"]["owner"], listed["last"]["state"]) == ("ada", "succeeded")
    assert "(in 5 d)" in laptop.said("endpoint", "extend", "from-afar", "--ttl", "5d")
    assert laptop.said("endpoint", "remove", "from-afar") == "staging~from-afar is gone.\n"
    place.until("from-afar", GONE)


def window(place: Place, chromium: Browser) -> Any:
    context = chromium.new_context(base_url=place.site.url, viewport={"width": 1280, "height": 800})
    with place.site.client() as client:
        context.add_cookies(
            [
                {"name": one.name, "value": one.value or "", "url": place.site.url}
                for one in client.cookies.jar
            ]
        )
    return context.new_page()
