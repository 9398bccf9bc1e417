"""What a service does about endpoints: made, followed, expired, removed; with real hosts' shells."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from shiphorn.demo.fleet import DemoFleet, DemoHost, Fault
from shiphorn.demo.project import AUTHORED
from shiphorn.errors import ConfigError, Forbidden, NotFound, Refused, SourceError
from shiphorn.model.deploy import DeployState, Order
from shiphorn.model.endpoints import EndpointState
from shiphorn.model.forge import PullRequest, PullState
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Grant, Role
from shiphorn.service import orders as ordering
from shiphorn.service.apps import Apps
from shiphorn.service.commits.histories import Histories
from shiphorn.service.deploys.live import Live
from shiphorn.service.endpoints import labels, orders
from shiphorn.service.endpoints.keeper import Keeper
from shiphorn.service.endpoints.making import Made
from shiphorn.service.heartbeat import Heartbeat
from shiphorn.service.service import Service
from shiphorn.service.worker import Worker
from shiphorn.wiring import open_shipping, open_world
from tests.programs import end_all_of

HOSTS = [DemoHost("web1", "eu"), DemoHost("web2", "eu")]
ADA = Caller("ada", "web", grants=(Grant(Role.DEPLOYER, Scope("shop", "staging")),))
BOB = Caller("bob", "web", grants=(Grant(Role.VIEWER),))
HOSTILE = [
    "$(touch${IFS}owned)",
    "`touch${IFS}owned`",
    "a;touch${IFS}owned",
    "quote'\"quote",
    "a|b&c>d<e#f%s",
    "{host}{nothing}",
    "{{host}}",
    "ünïcödé-日本",
    "-".join(["very"] * 40),
]
"""Names that git takes for branches."""


@dataclass
class Place:
    """A service in this process, its worker and its hosts."""

    service: Service
    keeper: Keeper
    fleet: DemoFleet
    folder: Path

    @property
    def repo(self) -> Path:
        return self.folder / "shop.git"

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", self.repo, *arguments], env=AUTHORED, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def push(self, branch: str, text: str) -> str:
        """Have a branch say something: its commit."""
        known = branch in self.git("branch", "--format=%(refname:short)").splitlines()
        self.git("switch", "--quiet", *(() if known else ("--create",)), branch)
        (self.repo / "page").write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "said")
        sha = self.git("rev-parse", "HEAD")
        self.git("switch", "--quiet", "main")
        return sha

    def pages(self, name: str) -> list[str]:
        """What each host has live of an endpoint."""
        found = [self.base(host, name) / "current" / "page" for host in self.fleet.hosts]
        return [path.read_text() for path in found if path.exists()]

    def base(self, host: str, name: str) -> Path:
        return self.fleet.home(host) / "shop-endpoints" / name

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                await asyncio.sleep(0.02)

    async def ended(self, deploy_id: int) -> DeployState:
        """How a deploy ended."""
        deploys = self.service.store.deploys
        await self.until(lambda: not (one := deploys.get(deploy_id)) or not one.state.active)
        found = deploys.get(deploy_id)
        assert found is not None
        return found.state

    async def live(self, branch: str, **more: Any) -> Made:
        """A branch with an endpoint that was deployed."""
        made = await orders.create(self.service, ADA, "shop", branch, **more)
        assert await self.ended(made.deploy.id) == DeployState.SUCCEEDED
        return made

    def states(self) -> dict[str, EndpointState]:
        return {one.name: one.state for one in self.service.store.endpoints.there()}

    def offer(self, **more: Any) -> None:
        """What the config says of endpoints."""
        path = self.folder / "shiphorn.yml"
        config = yaml.safe_load(path.read_text())
        config["environments"]["staging"]["endpoints"] = {
            "url": "https://{name}.staging.example.com",
            "env": {"BRANCH": "{branch}", "WHERE": "{url}", "STAGE": "{environment}"},
            "commands": {"remove": [{"run": 'echo "$HORN_ENDPOINT gone" >>~/said', "once": True}]},
        } | more
        path.write_text(yaml.safe_dump(config))
        self.service.apps.refresh()


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    for name in ("STATE", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    async with DemoFleet(tmp_path / "fleet", HOSTS) as fleet:
        ssh = {"user": "demo", "identity_file": "fleet/id_ed25519", "known_hosts": "fleet/known_hosts"}
        staging = {"deploy_to": "~/shop", "regions": fleet.config_regions(), "phase_timeout": 20}
        (tmp_path / "shiphorn.yml").write_text(
            yaml.safe_dump(
                {"defaults": {"ssh": ssh | {"connect_timeout": 3}}, "environments": {"staging": staging}}
            )
        )
        (tmp_path / "apps").mkdir()
        env = {"env": {"BRANCH": "none"}, "env_file": ".env"}
        (tmp_path / "apps" / "shop.yml").write_text(
            yaml.safe_dump({"app": "shop", "repo": str(tmp_path / "shop.git"), **env})
        )
        (tmp_path / "shop.git").mkdir()
        async with (
            open_world(lambda _: None) as world,
            open_shipping(world, apart=True) as shipping,
            Live(world.store) as live,
            Heartbeat(world.store) as heartbeat,
            Histories() as histories,
        ):
            apps = Apps(tmp_path / "shiphorn.yml")
            worker = Worker(world, shipping, apps)
            service = Service(world, apps, shipping.lives, worker.wake.set, live, heartbeat, histories)
            made = Place(service, Keeper(service), fleet, tmp_path)
            made.git("init", "--quiet", "--initial-branch=main")
            made.git("commit", "--quiet", "--allow-empty", "--message", "nothing")
            made.offer()
            working = asyncio.create_task(worker.work())
            yield made
            working.cancel()
            await asyncio.wait({working})
    end_all_of(tmp_path)


async def test_a_push_is_followed_and_its_end_takes_everything_off_every_host(place: Place) -> None:
    place.push("feature/cart", "one")
    made = await place.live("feature/cart", ttl_seconds=3600.0)
    assert (made.endpoint.name, made.endpoint.url) == (
        "feature-cart",
        "https://feature-cart.staging.example.com",
    )
    assert place.pages("feature-cart") == ["one", "one"]
    env = (place.base("web1", "feature-cart") / "current" / ".env").read_text().splitlines()
    assert "BRANCH=feature/cart" in env
    assert "WHERE=https://feature-cart.staging.example.com" in env
    assert "STAGE=staging" in env

    head = place.push("feature/cart", "two")
    source = place.service.world.source(place.service.apps.config("shop"))
    await source.refresh()
    await place.keeper.round(time.time())
    (again,) = place.service.store.deploys.active("shop", "staging~feature-cart")
    assert await place.ended(again.id) == DeployState.SUCCEEDED
    assert (again.order.actor, place.pages("feature-cart")) == ("shiphorn", ["two", "two"])
    latest = place.service.store.deploys.latest("shop", "staging~feature-cart")
    assert latest is not None
    assert latest.sha == head
    await place.keeper.round(time.time())
    assert place.service.store.deploys.active("shop") == []

    await place.keeper.round(made.endpoint.expires_at - 1)
    assert place.states() == {"feature-cart": EndpointState.LIVE}
    await place.keeper.round(made.endpoint.expires_at)
    assert place.states() == {}
    for host in place.fleet.hosts:
        assert list((place.fleet.home(host) / "shop-endpoints").iterdir()) == []
    assert (place.fleet.home("web1") / "said").read_text() == "feature-cart gone\n"
    assert not (place.fleet.home("web2") / "said").exists()
    acts = [(one.act, one.actor) for one in place.service.store.audit.page(None, 50, None)]
    assert acts == [
        ("endpoint removed", "shiphorn"),
        ("deploy", "shiphorn"),
        ("endpoint made", "ada"),
        ("deploy", "ada"),
    ]


async def test_a_host_that_is_away_is_told_of_and_tried_again(place: Place) -> None:
    place.push("one", "one")
    made = await place.live("one")
    place.fleet.faults["web2"] = Fault(refuse=True)
    orders.remove(place.service, ADA, made.endpoint.id, "done with it")
    now = time.time()
    await place.keeper.round(now)
    (stuck,) = place.service.store.endpoints.there()
    assert (stuck.state, stuck.tries) == (EndpointState.REMOVING, 1)
    assert stuck.problem.startswith("web2: SH30")
    assert not place.base("web1", "one").exists()
    with pytest.raises(Refused) as refused:
        await orders.create(place.service, ADA, "shop", "one")
    assert refused.value.code == "SH932"
    place.fleet.faults.clear()
    await place.keeper.round(now + 5)
    assert place.states() == {"one": EndpointState.REMOVING}
    await place.keeper.round(time.time() + 60)
    assert place.states() == {}
    assert not place.base("web2", "one").exists()


async def test_no_name_of_a_branch_gets_anywhere_it_should_not(place: Place) -> None:
    place.offer(
        max=50,
        hosts=["web1"],
        env={"BRANCH": "{branch}"},
        commands={"create": ['printf %s "$HORN_BRANCH" >said']},
    )
    place.push(HOSTILE[0], "x")
    for branch in HOSTILE:
        if branch != HOSTILE[0]:
            place.git("branch", branch, HOSTILE[0])
    made = [await orders.create(place.service, ADA, "shop", branch) for branch in HOSTILE]
    for one in made:
        assert await place.ended(one.deploy.id) == DeployState.SUCCEEDED, one.endpoint
        base = place.base("web1", one.endpoint.name)
        assert (base / "current" / "said").read_text() == one.endpoint.branch
    assert len({one.endpoint.url for one in made}) == len(HOSTILE)
    assert all(len(one.endpoint.name) <= 40 for one in made)
    assert not list(place.folder.rglob("owned"))
    for one in made:
        orders.remove(place.service, ADA, one.endpoint.id)
    await place.keeper.round(time.time())
    assert place.states() == {}
    assert not list(place.folder.rglob("owned"))


async def test_branches_that_look_alike_have_endpoints_of_their_own(place: Place) -> None:
    for branch in ("a/b", "a-b"):
        place.push(branch, branch)
    first, second = [await place.live(branch) for branch in ("a/b", "a-b")]
    assert (first.endpoint.name, second.endpoint.name) == ("a-b", "a-b-ba3223")
    assert (place.pages("a-b"), place.pages(second.endpoint.name)) == (["a/b"] * 2, ["a-b"] * 2)
    assert orders.find(place.service, ADA, "shop", "a-b") == place.service.store.endpoints.get(1)
    assert orders.find(place.service, ADA, "shop", "a/b").id == 1


async def test_a_deploy_that_fails_leaves_what_was_live_and_the_next_push_may_go_out(place: Place) -> None:
    place.offer(watch=[{"command": "! grep -q bad page", "interval": "50ms", "successes": 1, "failures": 0}])
    place.push("one", "good")
    await place.live("one")
    place.push("one", "bad")
    made = await orders.create(place.service, ADA, "shop", "one")
    assert not made.is_new
    assert await place.ended(made.deploy.id) == DeployState.ROLLED_BACK
    assert place.pages("one") == ["good", "good"]
    assert place.service.store.locks.in_force(time.time()) == []
    assert place.service.store.marks.listed("shop") == []
    place.push("one", "better")
    await place.live("one")
    assert place.pages("one") == ["better", "better"]


async def test_endpoints_are_made_by_deployers_and_ended_by_them_or_their_owner(place: Place) -> None:
    place.push("one", "one")
    with pytest.raises(Forbidden):
        await orders.create(place.service, BOB, "shop", "one")
    nobody = Caller("eve", "web", grants=(Grant(Role.ADMIN, Scope("blog")),))
    with pytest.raises(NotFound):
        await orders.create(place.service, nobody, "shop", "one")
    made = await place.live("one")
    for act in (orders.extend, orders.remove):
        with pytest.raises(Forbidden):
            act(place.service, BOB, made.endpoint.id)
        with pytest.raises(NotFound):
            act(place.service, nobody, made.endpoint.id)
    assert [one.endpoint.name for one in orders.listed(place.service, BOB)] == ["one"]
    assert orders.listed(place.service, nobody) == []
    left = Caller("ada", "web", grants=(Grant(Role.VIEWER),))
    extended = orders.extend(place.service, left, made.endpoint.id, 86_400.0)
    assert extended.expires_at == pytest.approx(time.time() + 86_400, abs=30)
    with pytest.raises(Refused) as refused:
        orders.extend(place.service, ADA, made.endpoint.id, 365 * 86_400.0)
    assert refused.value.code == "SH934"
    # Its environment is one like any other: whoever may deploy to staging may roll it back.
    order = Order("shop", "staging~one", ref="one")
    again = await ordering.ship(place.service, ADA, order)
    assert await place.ended(again.id) == DeployState.SUCCEEDED
    assert orders.find(place.service, ADA, "shop", "staging~one").id == made.endpoint.id
    assert orders.remove(place.service, left, made.endpoint.id).state == EndpointState.REMOVING


async def test_what_cannot_be_is_refused_with_what_to_do(place: Place) -> None:
    place.offer(max=1)
    place.push("one", "one")
    place.push("two", "two")
    place.git("tag", "v1")

    async def refusal(branch: str, **more: Any) -> str:
        with pytest.raises((Refused, SourceError, ConfigError)) as refused:
            await orders.create(place.service, ADA, "shop", branch, **more)
        return refused.value.code

    assert await refusal("oen") == "SH203"
    assert await refusal("v1") == "SH931"
    assert await refusal("--upload-pack=touch owned") == "SH205"
    assert await refusal("one", ttl_seconds=10.0) == "SH934"
    await place.live("one")
    assert await refusal("two") == "SH933"
    config = yaml.safe_load((place.folder / "shiphorn.yml").read_text())
    del config["environments"]["staging"]["endpoints"]
    (place.folder / "shiphorn.yml").write_text(yaml.safe_dump(config))
    place.service.apps.refresh()
    assert await refusal("two") == "SH930"
    # The one that is there is taken off by what it was deployed with.
    (one,) = place.service.store.endpoints.there()
    orders.remove(place.service, ADA, one.id)
    await place.keeper.round(time.time())
    assert place.states() == {}
    assert not place.base("web1", "one").exists()


async def test_a_label_gives_a_pull_request_an_endpoint_until_it_is_closed(place: Place) -> None:
    place.push("one", "one")
    key = str(place.repo)

    def pull(state: PullState = PullState.OPEN, *names: str, **more: Any) -> PullRequest:
        return PullRequest("github", key, 12, "one", "main", state, labels=names, **more)

    await labels.heard(place.service, pull(PullState.OPEN, "other"))
    await labels.heard(place.service, pull(PullState.OPEN, "deploy-preview", from_fork=True))
    assert place.states() == {}
    for _ in range(2):
        await labels.heard(place.service, pull(PullState.OPEN, "deploy-preview"))
    (made,) = place.service.store.endpoints.there()
    assert (made.branch, made.owner, made.origin) == ("one", "shiphorn", "github#12")
    (deploy,) = place.service.store.deploys.history("shop", "staging~one", limit=10)
    assert await place.ended(deploy.id) == DeployState.SUCCEEDED
    await labels.heard(place.service, pull(PullState.MERGED, "deploy-preview"))
    await place.keeper.round(time.time())
    assert place.states() == {}
    # What a person has made of the branch is not the pull request's to end.
    await place.live("one")
    await labels.heard(place.service, pull(PullState.OPEN, "deploy-preview"))
    await labels.heard(place.service, pull(PullState.CLOSED))
    assert place.states() == {"one": EndpointState.LIVE}


async def test_a_deploy_that_is_under_way_is_stopped_before_its_endpoint_goes(place: Place) -> None:
    place.push("one", "one")
    place.offer(commands={"create": ["while ! [ -e ~/go ]; do sleep 0.05; done"]})
    made = await orders.create(place.service, ADA, "shop", "one")
    await place.until(lambda: list(place.base("web1", "one").glob("releases/*")))
    orders.remove(place.service, ADA, made.endpoint.id)
    await place.keeper.round(time.time())
    assert place.states() == {"one": EndpointState.REMOVING}
    assert await place.ended(made.deploy.id) == DeployState.STOPPED
    await place.keeper.round(time.time())
    assert place.states() == {}
    assert not place.base("web1", "one").exists()
