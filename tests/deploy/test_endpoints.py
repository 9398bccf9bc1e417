"""Endpoints from the command line of one machine: real hosts' shells, a real nginx in front of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from shiphorn.demo.fleet import DemoFleet, DemoHost, Fault
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store
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


async def test_branches_are_live_side_by_side_and_one_that_goes_wrong_harms_none(
    site: Site, nginx: Nginx
) -> None:
    keys = offer(site, nginx)
    branch(site, "feature/one", "first page")
    branch(site, "two", "second page")
    for name, page in (("feature/one", "first page"), ("two", "second page")):
        done = await site.horn("endpoint", "create", name, "--ttl", "2h")
        assert done.status == 0, done.out + done.err
        host = f"{name.replace('/', '-')}.staging.example.com"
        assert f"http://{host}" in done.out
        nginx.until_answers(host, (200, page))
    home = site.fleet.home("web1")
    assert not (site.fleet.home("db1") / "sample-endpoints").exists()
    listed = (await site.horn("endpoint", "list", "--json")).json
    assert [(one["endpoint"]["name"], one["last"]["state"]) for one in listed] == [
        ("feature-one", "succeeded"),
        ("two", "succeeded"),
    ]
    keys["vhost"]["template"] = "server { no such thing; }"
    branch(site, "three", "third page")
    done = await site.horn("endpoint", "create", "three")
    assert done.status == 6, done.out
    assert 'unknown directive "no"' in done.out
    assert nginx.files == ["shiphorn-sample-staging-feature-one.conf", "shiphorn-sample-staging-two.conf"]
    assert not (home / "sample-endpoints" / "three" / "current").exists()
    done = await site.horn("endpoint", "remove", "feature/one")
    assert (done.status, done.out) == (0, "staging~feature-one is gone.\n"), done.err
    nginx.until_answers("feature-one.staging.example.com", NOTHING)
    assert nginx.get("two.staging.example.com") == (200, "second page")
    assert sorted(path.name for path in (home / "sample-endpoints").iterdir()) == ["three", "two"]
    assert nginx.files == ["shiphorn-sample-staging-two.conf"]


async def test_what_has_expired_is_pruned_and_tried_again_until_it_is_forgotten(site: Site) -> None:
    offer(site)
    branch(site, "one", "one")
    assert (await site.horn("endpoint", "create", "one", "--ttl", "1h")).status == 0
    assert (await site.horn("endpoint", "prune")).out == "Nothing has expired.\n"
    with_store(site, lambda store: store.endpoints.extend(1, 1.0))
    site.fleet.faults["web1"] = Fault(refuse=True)
    done = await site.horn("endpoint", "prune")
    assert done.status == 4
    assert done.out.startswith("staging~one is not gone yet: web1: SH30")
    listed = await site.horn("endpoint", "list")
    assert "being removed" in listed.out
    assert "staging~one: web1: SH30" in listed.out
    done = await site.horn("endpoint", "remove", "one", "--forget")
    assert (done.status, done.out) == (0, "staging~one is gone.\n"), done.err


async def test_a_deploy_that_died_goes_on_by_the_config_that_it_began_with(site: Site) -> None:
    offer(site, commands={"create": ["touch ~/begun; while ! [ -e ~/go ]; do sleep 0.05; done"]})
    branch(site, "one", "one")
    process = await site.start("endpoint", "create", "one")
    await site.until((site.fleet.home("web1") / "begun").exists)
    await site.kill(process)
    refused = await site.horn("endpoint", "remove", "one")
    assert (refused.status, refused.err.split()[0]) == (5, "SH937")
    del site.config["environments"]["staging"]["endpoints"]
    (site.fleet.home("web1") / "go").touch()
    done = await site.horn("resume", "1")
    assert done.status == 0, done.out + done.err
    base = site.fleet.home("web1") / "sample-endpoints" / "one"
    assert (base / "current" / "index.html").read_text() == "one"
    done = await site.horn("endpoint", "remove", "one")
    assert (done.status, done.out) == (0, "staging~one is gone.\n"), done.err
    assert not base.exists()


def with_store(site: Site, act: Callable[[Store], object]) -> None:
    store = Store(open_sqlite(site.folder / "state" / "shiphorn" / "state.db"))
    try:
        act(store)
    finally:
        store.close()
