"""The first start, in a browser: no file, nobody, no app, until the first one is on the board."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import httpx
import yaml
from playwright.sync_api import Browser, expect

from shiphorn.demo.project import free_port, make_repository
from tests.programs import end_all_of
from tests.running_service import HORN, environment_of, until_up


def test_a_service_without_any_file_is_set_up_and_given_its_first_app(
    chromium: Browser, tmp_path: Path
) -> None:
    make_repository(tmp_path / "shop.git")
    url = f"http://127.0.0.1:{free_port()}"
    command = [str(HORN), "serve", "--listen", url.removeprefix("http://")]
    served = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment_of(tmp_path), cwd=tmp_path
    )
    window = chromium.new_page()
    try:
        assert served.stdout is not None
        link = next(
            found[0] for line in served.stdout if (found := re.search(r"http://\S+set-up\?code=\S+", line))
        )
        with httpx.Client(base_url=url) as client:
            until_up(client)
        window.goto(link)
        window.get_by_label("Login").fill("ada")
        window.get_by_label("Password").fill("correct horse battery")
        window.get_by_role("button", name="Make the account").click()
        expect(window.get_by_role("heading", name="No apps yet")).to_be_visible()

        window.get_by_role("link", name="Add the first app").click()
        window.locator("[name=app]").fill("shop")
        window.locator("[name=repo]").fill(str(tmp_path / "shop.git"))
        window.get_by_label("Its hosts, one a line").first.fill("web1.example.com\nweb2.example.com")
        window.get_by_label("Its hosts, one a line").last.fill("web3.example.com")
        window.get_by_role("button", name="See the file").click()
        expect(window.get_by_role("alert")).to_contain_text("deploy_to")

        text = window.locator("textarea").input_value()
        window.locator("textarea").fill(f"{text}deploy_to: /srv/shop\n")
        window.get_by_role("button", name="Check again").click()
        expect(window.get_by_role("status").last).to_contain_text("shop goes to staging, production")
        window.get_by_role("button", name="Save the file").click()
        expect(window.locator("[data-note]")).to_contain_text("shop.yml is written")

        path = tmp_path / "config" / "shiphorn" / "apps" / "shop.yml"
        assert yaml.safe_load(path.read_text()) == {
            "app": "shop",
            "repo": str(tmp_path / "shop.git"),
            "environments": {
                "staging": {"hosts": ["web1.example.com", "web2.example.com"]},
                "production": {"hosts": ["web3.example.com"]},
            },
            "deploy_to": "/srv/shop",
        }
        window.get_by_role("link", name="Board").click()
        expect(window.get_by_role("link", name="shop", exact=True)).to_be_visible()
    finally:
        window.close()
        served.terminate()
        served.wait(30)
        end_all_of(tmp_path)
