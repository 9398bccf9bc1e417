"""A whole service as people use it: `horn serve`, a fleet of SSH hosts, apps with a repository, a browser."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from playwright.sync_api import Browser, Page, sync_playwright

from shiphorn.demo.project import free_port, make_repository
from shiphorn.model.deploy import Deploy, Order
from shiphorn.service.apps import Apps
from shiphorn.service.shipping import put_on_record
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store
from tests.programs import end_all_of, program

HORN = Path(sys.executable).with_name("horn")
START_SECONDS = 60.0
LOGIN, PASSWORD = "ada", "correct horse battery"
AUTHOR = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
_GOOD_ANSWER = "send_response(200)"
_BAD_ANSWER = 'send_response(500 if FACTS["region"] == "us" else 200)'


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

    @contextmanager
    def store(self) -> Iterator[Store]:
        """What the service has on record."""
        store = Store(open_sqlite(self.folder / "state" / "shiphorn" / "state.db"))
        try:
            yield store
        finally:
            store.close()

    def ship(self, app: str, environment: str, **order: Any) -> int:
        """Have the service's worker carry out an order of ada's: the number of the deploy."""
        config = Apps(self.folder / "shiphorn.yml").config(app)
        with self.store() as store:
            return put_on_record(store, config, Order(app, environment, actor=LOGIN, **order)).id

    def until(self, deploy_id: int, *states: str, seconds: float = 60.0) -> Deploy:
        """A deploy once it is in one of the states; in any that is final, without them."""

        def there(found: Deploy) -> bool:
            return found.state in states or not (states or found.state.active)

        return self.when(deploy_id, there, seconds=seconds)

    def when(self, deploy_id: int, holds: Callable[[Deploy], bool], *, seconds: float = 60.0) -> Deploy:
        """A deploy once it is there and something holds for it."""
        given_up_at = time.monotonic() + seconds
        with self.store() as store:
            while True:
                found = store.deploys.get(deploy_id)
                if found is not None and holds(found):
                    return found
                assert time.monotonic() < given_up_at, f"deploy {deploy_id} is {found and found.state}"
                time.sleep(0.05)

    def change(self, app: str = "shop", *, bad: bool = False) -> None:
        """Commit another version of an app, one that answers with errors in us if it is to be bad."""
        path = self.folder / f"{app}.git"
        program = path / "app.py"
        text = program.read_text().replace(_BAD_ANSWER, _GOOD_ANSWER)
        program.write_text(text.replace(_GOOD_ANSWER, _BAD_ANSWER) if bad else text)
        version = path / "VERSION"
        number = int(version.read_text()) + 1 if version.exists() else 2
        version.write_text(f"{number}\n")
        subject = f"Even faster, version {number}" if bad else f"Full steam ahead, version {number}"
        for arguments in (("add", "--all"), ("commit", "--quiet", "--message", subject)):
            subprocess.run(["git", "-C", path, *AUTHOR, *arguments], check=True)


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
        text: dict[str, Any] = {"app": app, "repo": f"../{app}.git", "commands": {"build": ["bin/build"]}}
        if app == "shop":
            text |= {"shared": {"dirs": ["log", "run"]}, "environments": _serving(regions)}
        (folder / "apps" / f"{app}.yml").write_text(yaml.safe_dump(text))


def _serving(regions: dict[str, Any]) -> dict[str, Any]:
    """The environments of an app whose hosts serve in production, each at its own port, and are watched."""
    served = {
        name: region | {"hosts": [_serving_host(host) for host in region["hosts"]]}
        for name, region in regions.items()
    }
    commands = {"build": ["bin/build"], "stage": ["cat bin/build"], "restart": ["bin/restart"]}
    return {"staging": {}, "production": {"regions": served, "commands": commands}}


def _serving_host(host: dict[str, Any]) -> dict[str, Any]:
    port = free_port()
    check = {"http": f"http://{{address}}:{port}/", "body": "<h1>", "interval": "300ms"}
    return host | {"env": {"PORT": str(port)}, "watch": [check]}


@contextmanager
def fleet_of(folder: Path, hosts: int) -> Iterator[dict[str, Any]]:
    """A fleet in a process of its own: its regions."""
    with _started(
        [sys.executable, "-m", "shiphorn.demo.fleet", str(folder / "fleet"), "--hosts", str(hosts)], folder
    ) as fleet:
        assert fleet.stdout is not None
        yield json.loads(fleet.stdout.readline())["regions"]
    end_all_of(folder)


@contextmanager
def served(folder: Path, port: int, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The service of a folder."""
    listen = ["--listen", f"127.0.0.1:{port}", "--config", str(folder / "shiphorn.yml")]
    with _started([str(HORN), "serve", *listen, *arguments], folder) as process:
        yield process


def set_up(site: Site, client: httpx.Client, process: subprocess.Popen[str]) -> None:
    """Make ada the first admin of a service that has just started."""
    code = _set_up_code(process)
    until_up(client)
    form = {"code": code, "login": LOGIN, "name": "Ada Lovelace", "password": PASSWORD}
    assert site.send(client, "/set-up", form).status_code in (200, 303)


@contextmanager
def running(folder: Path, *, hosts: int = 6) -> Iterator[Site]:
    """A service with its fleet, and ada as its admin."""
    with fleet_of(folder, hosts) as regions:
        port = free_port()
        write_service(folder, regions, port)
        with served(folder, port) as process:
            site = Site(f"http://127.0.0.1:{port}", folder, regions)
            with httpx.Client(base_url=site.url, follow_redirects=True, timeout=60) as client:
                set_up(site, client, process)
            yield site


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
    log = (folder / f"{Path(command[0]).name}-{len(command)}.log").open("a")
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


def until_up(client: httpx.Client) -> None:
    """Wait until a service answers."""
    given_up_at = time.monotonic() + START_SECONDS
    while True:
        try:
            client.get("/static/horn.svg")
        except httpx.TransportError:
            assert time.monotonic() < given_up_at, "the service does not answer"
            time.sleep(0.05)
        else:
            return
