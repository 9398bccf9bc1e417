"""Endpoints from the command line of one machine: real hosts' shells, a real nginx in front of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shiphorn.demo.fleet import DemoFleet, DemoHost
from tests.deploy.conftest import Site
from tests.nginx import Nginx, nginx_in
from tests.programs import end_all_of

NOTHING = (404, "nothing here\n")
HOSTS = [DemoHost("web1", "eu", roles=("web",)), DemoHost("db1", "eu", roles=("db",))]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with DemoFleet(tmp_path / "fleet", HOSTS) as fleet:
        made = Site(tmp_path, fleet)
        regions = fleet.config_regions()
        made.config["environments"] = {"staging": {"phase_timeout": 20, "regions": regions}}
        yield made
    end_all_of(tmp_path)


@pytest.fixture
def nginx(tmp_path: Path) -> Any:
    with nginx_in(tmp_path / "nginx") as running:
        yield running


def offer(site: Site, nginx: Nginx | None = None, **more: Any) -> dict[str, Any]:
    """Let branches have endpoints on the web hosts: what the config says of that."""
    keys: dict[str, Any] = {"url": "http://{name}.staging.example.com", "roles": ["web"], **more}
    if nginx is not None:
        keys["vhost"] = {
            "directory": str(nginx.vhosts),
            "listen": f"127.0.0.1:{nginx.port}",
            "root": "",
            "test": nginx.test,
            "reload": nginx.reload,
        } | more.get("vhost", {})
    site.config["environments"]["staging"]["endpoints"] = keys
    return keys


def branch(site: Site, name: str, text: str) -> str:
    """A branch with a page of its own: its commit."""
    site.git("switch", "--quiet", "--create", name, "main")
    (site.repo / "index.html").write_text(text)
    sha = site.commit(text)
    site.git("switch", "--quiet", "main")
    return sha


async def test_two_branches_are_live_side_by_side_until_one_is_removed(site: Site, nginx: Nginx) -> None:
    offer(site, nginx)
    branch(site, "feature/one", "first page")
    branch(site, "two", "second page")
    for name, page in (("feature/one", "first page"), ("two", "second page")):
        done = await site.horn("endpoint", "create", name, "--ttl", "2h")
        assert done.status == 0, done.out + done.err
        host = f"{name.replace('/', '-')}.staging.example.com"
        assert f"http://{host}" in done.out
        nginx.until_answers(host, (200, page))
    home = site.fleet.home("web1")
    assert sorted(path.name for path in (home / "sample-endpoints").iterdir()) == ["feature-one", "two"]
    assert not (site.fleet.home("db1") / "sample-endpoints").exists()
    listed = (await site.horn("endpoint", "list", "--json")).json
    assert [(one["endpoint"]["name"], one["last"]["state"]) for one in listed] == [
        ("feature-one", "succeeded"),
        ("two", "succeeded"),
    ]
    done = await site.horn("endpoint", "remove", "feature/one")
    assert (done.status, done.out) == (0, "staging~feature-one is gone.\n"), done.err
    nginx.until_answers("feature-one.staging.example.com", NOTHING)
    assert nginx.get("two.staging.example.com") == (200, "second page")
    assert [path.name for path in (home / "sample-endpoints").iterdir()] == ["two"]
    assert nginx.files == ["shiphorn-sample-staging-two.conf"]
