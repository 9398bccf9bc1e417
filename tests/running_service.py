"""A whole service as people use it: `horn serve`, a fleet of SSH hosts, apps with a repository, a browser."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from playwright.sync_api import Browser, Page, sync_playwright

from shiphorn.demo.project import break_repository, change_repository, make_repository
from tests.programs import end_all_of, program

HORN = Path(sys.executable).with_name("horn")
START_SECONDS = 60.0
LOGIN, PASSWORD = "ada", "correct horse battery"


@dataclass(frozen=True, slots=True)
class Site:
    """A running service. `regions` are those of its fleet, as deploy.yml has them."""

    url: str
    folder: Path
    regions: dict[str, Any]

    @property
    def env(self) -> dict[str, str]:
        """The environment of commands that work on the same databases."""
        return environment_of(self.folder)

    @contextmanager
    def client(self, login: str = LOGIN, password: str = PASSWORD) -> Iterator[httpx.Client]:
        """A browser without a window, that is signed in."""
        with httpx.Client(base_url=self.url, follow_redirects=True, timeout=60) as client:
            assert self.send(client, "/sign-in", {"login": login, "password": password}).status_code == 200
            yield client

    @staticmethod
    def send(client: httpx.Client, path: str, form: dict[str, Any]) -> httpx.Response:
        """Send a form as a page would, with its token against forgery."""
        if "horn_csrf" not in client.cookies:
            client.get("/sign-in")
        return client.post(path, data=form | {"_csrf_token": client.cookies["horn_csrf"]})

    def change(self, app: str = "shop", *, bad: bool = False) -> None:
        """Commit another version of an app, one that fails in a region if it is to be bad."""
        (break_repository if bad else change_repository)(self.folder / f"{app}.git")


def environment_of(folder: Path) -> dict[str, str]:
    """The environment for commands of a service whose state is in a folder."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("HORN_")}
    return env | {
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }


def write_service(folder: Path, regions: dict[str, Any], port: int) -> None:
    """shiphorn.yml with staging and production on a fleet, and the apps shop and blog."""
    service = {
        "url": f"http://127.0.0.1:{port}",
        "defaults": {
            "ssh": {"user": "demo", "identity_file": "fleet/id_ed25519", "known_hosts": "fleet/known_hosts"},
            "env": {"APP_ENV": "{environment}", "REGION": "{region}", "PORT": "0", "CURRENCY": "EUR"},
        },
        "environments": {
            "staging": {"deploy_to": "~/staging/{app}", "regions": regions},
            "production": {"deploy_to": "~/production/{app}", "regions": regions, "sound": True},
        },
    }
    (folder / "shiphorn.yml").write_text(yaml.safe_dump(service, sort_keys=False))
    (folder / "apps").mkdir()
    for app in ("shop", "blog"):
        make_repository(folder / f"{app}.git")
        text = {"app": app, "repo": f"../{app}.git", "commands": {"build": ["bin/build"]}}
        (folder / "apps" / f"{app}.yml").write_text(yaml.safe_dump(text))


@contextmanager
def running(folder: Path, *, hosts: int = 6) -> Iterator[Site]:
    """A service with its fleet, and ada as its admin."""
    with _started(
        [sys.executable, "-m", "shiphorn.demo.fleet", str(folder / "fleet"), "--hosts", str(hosts)], folder
    ) as fleet:
        assert fleet.stdout is not None
        regions = json.loads(fleet.stdout.readline())["regions"]
        port = _free_port()
        write_service(folder, regions, port)
        command = [
            str(HORN),
            "serve",
            "--listen",
            f"127.0.0.1:{port}",
            "--config",
            str(folder / "shiphorn.yml"),
        ]
        with _started(command, folder) as served:
            site = Site(f"http://127.0.0.1:{port}", folder, regions)
            code = _set_up_code(served)
            with httpx.Client(base_url=site.url, follow_redirects=True, timeout=60) as client:
                _until_up(client)
                form = {"code": code, "login": LOGIN, "name": "Ada Lovelace", "password": PASSWORD}
                assert site.send(client, "/set-up", form).status_code == 200
            yield site
    end_all_of(folder)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service that the tests of a process share: each takes care of what it needs, and breaks nothing."""
    with running(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium. Not for the whole session: its loop would be in the way of asynchronous tests."""
    with sync_playwright() as playwright:
        path = program("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, site: Site) -> Iterator[Page]:
    """A window of somebody who is signed in as ada. Whatever its console complains of fails the test."""
    context = chromium.new_context(base_url=site.url, viewport={"width": 1280, "height": 800})
    with site.client() as client:
        context.add_cookies(
            [{"name": one.name, "value": one.value or "", "url": site.url} for one in client.cookies.jar]
        )
    window = context.new_page()
    complaints: list[str] = []
    window.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    window.on("pageerror", lambda error: complaints.append(str(error)))
    yield window
    context.close()
    assert complaints == []


@contextmanager
def _started(command: list[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    log = (folder / f"{Path(command[0]).name}-{len(command)}.log").open("w")
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment_of(folder), cwd=folder
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        log.close()


def _set_up_code(served: subprocess.Popen[str]) -> str:
    assert served.stdout is not None
    for line in served.stdout:
        found = re.search(r"set-up\?code=(\S+)", line)
        if found:
            return found[1]
    raise AssertionError("the service ended before it was up")


def _until_up(client: httpx.Client) -> None:
    given_up_at = time.monotonic() + START_SECONDS
    while True:
        try:
            client.get("/static/horn.svg")
        except httpx.TransportError:
            assert time.monotonic() < given_up_at, "the service does not answer"
            time.sleep(0.05)
        else:
            return


def _free_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
