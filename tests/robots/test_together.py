"""The whole story: a push, a green build, a canary that goes wrong, and people who are told."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from shiphorn.demo.project import free_port, make_repository
from shiphorn.model.deploy import Deploy, DeployState
from shiphorn.model.locks import Scope
from tests.graphite import Graphite
from tests.ircd import Ngircd, Somebody
from tests.running_service import AUTHOR, HORN, Site, fleet_of, served, set_up

pytestmark = pytest.mark.timeout(240)
HOOK_SECRET = "the secret of builds"
ERRORS = {"": 0.4, "1": 0.4, "2": 7.0}
"""Errors a second, by the version that a host runs, "" for none."""


class Origin:
    """The repository of the app, and a clone that is pushed from."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "shop.git"
        self._clone = folder / "clone"
        make_repository(self._clone)
        self._commit("0", "Before the first version")
        self._git(folder, "clone", "--quiet", "--bare", str(self._clone), str(self.path))

    def push(self, version: str, subject: str) -> str:
        """Push another version to main: its commit."""
        sha = self._commit(version, subject)
        self._git(self._clone, "push", "--quiet", str(self.path), "HEAD:main")
        return sha

    def _commit(self, version: str, subject: str) -> str:
        (self._clone / "VERSION").write_text(version)
        self._git(self._clone, "add", "--all")
        self._git(self._clone, "commit", "--quiet", "--message", subject)
        return self._git(self._clone, "rev-parse", "HEAD")

    @staticmethod
    def _git(folder: Path, *arguments: str) -> str:
        command = ["git", "-C", str(folder), *AUTHOR, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Monitoring(threading.Thread):
    """What watches the hosts: it tells Graphite of their errors, which depend on what each runs."""

    def __init__(self, graphite: Graphite, folder: Path) -> None:
        super().__init__(daemon=True)
        self._graphite = graphite
        self._hosts = folder / "fleet" / "hosts"
        self.over = threading.Event()

    def run(self) -> None:
        life = random.Random(7)
        with closing(socket.create_connection(("127.0.0.1", self._graphite.line_port))) as to:
            while not self.over.wait(0.5):
                at = int(time.time())
                lines = [
                    f"shop.{host.replace('.', '_')}.errors {ERRORS[version] + life.random() / 4:.3f} {at}"
                    for host, version in self.versions().items()
                ]
                to.sendall("".join(f"{line}\n" for line in lines).encode())

    def versions(self) -> dict[str, str]:
        """What each host runs now, "" for nothing."""
        found = {host.name: host / "production/shop/current/VERSION" for host in self._hosts.iterdir()}
        return {name: path.read_text() if path.exists() else "" for name, path in found.items()}

    def until_known(self) -> None:
        """Wait until Graphite knows all hosts."""
        self._graphite.until(lambda: len(self._graphite.names("shop.*.errors")) == len(self.versions()))


@contextmanager
def robots(folder: Path, graphite: Graphite, irc: Ngircd, origin: Origin) -> Iterator[Site]:
    """A service whose app goes out by itself when it is green, one canary first."""
    (folder / "secrets").mkdir()
    (folder / "secrets" / "hook").write_text(HOOK_SECRET)
    with fleet_of(folder, 6) as regions:
        port = free_port()
        service = {
            "url": f"http://127.0.0.1:{port}",
            "secrets": {"HOOK": {"file": "secrets/hook"}},
            "defaults": {
                "ssh": {
                    "user": "demo",
                    "identity_file": "fleet/id_ed25519",
                    "known_hosts": "fleet/known_hosts",
                },
                "env": {"PORT": "0", "APP_ENV": "{environment}", "REGION": "{region}", "CURRENCY": "EUR"},
            },
            "forges": {
                "builds": {
                    "kind": "generic",
                    "webhook": {"secret": "HOOK"},
                    "repositories": [str(origin.path)],
                }
            },
            "chat": {
                "irc": {
                    "office": {
                        "server": "127.0.0.1",
                        "port": irc.port,
                        "tls": False,
                        "channels": [{"name": "#deploys"}],
                    }
                }
            },
        }
        check = {
            "graphite": "shop.{hosts}.errors",
            "title": "errors a second",
            "compare": "control",
            "points": 5,
            "interval": "1s",
        }
        app = {
            "app": "shop",
            "repo": str(origin.path),
            "sources": {"graphite": {"graphite": graphite.url}},
            "environments": {
                "production": {
                    "deploy_to": "~/production/{app}",
                    "regions": regions,
                    "auto": True,
                    "gates": {"tests": ["ci/build"]},
                    "waves": [1, "100%"],
                    "bake": "7s",
                    "watch": [check],
                }
            },
        }
        (folder / "shiphorn.yml").write_text(yaml.safe_dump(service))
        (folder / "apps").mkdir()
        (folder / "apps" / "shop.yml").write_text(yaml.safe_dump(app))
        with served(folder, port) as process:
            site = Site(f"http://127.0.0.1:{port}", folder, regions)
            with httpx.Client(base_url=site.url, follow_redirects=True, timeout=60) as client:
                set_up(site, client, process)
            yield site


async def test_a_bad_commit_goes_out_when_it_is_green_and_comes_back_by_itself(
    tmp_path: Path, graphite: Graphite
) -> None:
    irc = Ngircd(tmp_path / "irc")
    origin = await asyncio.to_thread(Origin, tmp_path)
    monitoring = Monitoring(graphite, tmp_path)
    grace = await Somebody.at(irc, "grace", "#deploys")
    try:
        with robots(tmp_path, graphite, irc, origin) as site:
            await _whole_story(site, origin, monitoring, grace)
    finally:
        monitoring.over.set()
        irc.stop()


async def _whole_story(site: Site, origin: Origin, monitoring: Monitoring, grace: Somebody) -> None:
    await grace.sees("JOIN")
    monitoring.start()
    await asyncio.to_thread(monitoring.until_known)
    first = await asyncio.to_thread(origin.push, "1", "Steady as she goes")
    _report(site, origin, first, "success")
    began = await asyncio.to_thread(_ended, site, 1)
    assert (began.state, began.message) == (DeployState.SUCCEEDED, "")
    assert await grace.said("successfully") == "shop successfully deployed to production"

    second = await asyncio.to_thread(origin.push, "2", "Faster, they said")
    _report(site, origin, second, "pending")
    _report(site, origin, second, "success")
    ended = await asyncio.to_thread(_ended, site, 2)

    assert (ended.sha, ended.order.actor, ended.state) == (second, "shiphorn", DeployState.ROLLED_BACK)
    assert "errors a second" in ended.message
    assert await grace.said("being deployed") == (
        f"shop ({second[:8]}) is being deployed to production by shiphorn"
    )
    told = await grace.said("went wrong")
    assert f"shop ({second[:8]}) went wrong in production and was taken back" in told
    with site.store() as store:
        locks = store.locks.in_force(time.time(), Scope("shop", "production"))
    assert [lock.deploy_id for lock in locks] == [2]
    assert set(monitoring.versions().values()) == {"1"}
    why = await asyncio.to_thread(_why, site, second)
    assert "locked by deploy 2" in why
    assert "was marked bad by deploy 2" in why
    assert "horn unlock production" in why


def _report(site: Site, origin: Origin, sha: str, state: str) -> None:
    """Say by a signed webhook how the build of a commit stands."""
    about = {"repository": str(origin.path), "sha": sha, "context": "ci/build", "state": state}
    body = json.dumps(about).encode()
    at = str(int(time.time()))
    mac = hmac.new(HOOK_SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-Horn-Timestamp": at,
        "X-Horn-Signature": f"sha256={mac}",
    }
    answer = httpx.post(f"{site.url}/hooks/builds", content=body, headers=headers)
    assert answer.status_code in (200, 202), answer.text


def _ended(site: Site, deploy_id: int) -> Deploy:
    return site.until(deploy_id, seconds=90)


def _why(site: Site, sha: str) -> str:
    """What `horn why` says on the machine of the service."""
    done = subprocess.run(
        [HORN, "why", "production", sha, "--config", "apps/shop.yml"],
        cwd=site.folder,
        env=site.env | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5, done.stderr
    return done.stdout
