"""A service in this process with an app, its repository, hosts and a worker: what robots need to work."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from shiphorn.demo.fleet import DemoFleet, demo_hosts
from shiphorn.deploy.world import World
from shiphorn.model.deploy import Deploy, Order
from shiphorn.model.people import Caller, Grant, Role
from shiphorn.model.statuses import BuildState, CommitStatus, repository_key
from shiphorn.service import orders
from shiphorn.service.apps import Apps
from shiphorn.service.auto.robot import Robot
from shiphorn.service.commits.histories import Histories
from shiphorn.service.deploys.live import Live
from shiphorn.service.heartbeat import Heartbeat
from shiphorn.service.service import Service
from shiphorn.service.worker import Worker
from shiphorn.store.store import Store
from shiphorn.wiring import open_shipping, open_world
from tests.deploy.conftest import AUTHOR

ADA = Caller("ada", "web", grants=(Grant(Role.ADMIN),))


@dataclass
class Town:
    """The app `shop` in staging and production, on two hosts."""

    folder: Path
    service: Service
    robot: Robot
    environments: dict[str, Any]
    _stamp: list[int] = field(default_factory=lambda: [0])

    @property
    def store(self) -> Store:
        return self.service.store

    def write(self, **keys: Any) -> None:
        """Set keys of production, and have the file read again."""
        self.environments["production"] |= keys
        write_app(self.folder, self.environments)
        self._stamp[0] += 1
        apps = self.folder / "apps" / "shop.yml"
        apps.write_text(f"{apps.read_text()}# {'x' * self._stamp[0]}\n")
        self.service.apps.refresh()

    def git(self, *arguments: str) -> str:
        return git(self.folder / "shop.git", *arguments)

    def commit(self, text: str, *, green: bool = True) -> str:
        """Push a commit: its id."""
        (self.folder / "shop.git" / "index.txt").write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", text)
        sha = self.git("rev-parse", "HEAD")
        if green:
            self.build(sha)
        return sha

    def build(self, sha: str, state: BuildState = BuildState.SUCCESS) -> None:
        """Have a build say something of a commit."""
        key = repository_key(self.service.apps.config("shop").repo)
        self.store.statuses.put([CommitStatus(sha, key, "ci", "ci/build", state, at=time.time())])

    async def look(self) -> None:
        """Have the robot look once, at what was pushed until now."""
        await self.robot.refresh()
        await self.robot.look()

    async def ship(self, ref: str, environment: str = "production", caller: Caller = ADA) -> Deploy:
        """Deploy something as a person, to its end."""
        made = await orders.ship(self.service, caller, Order("shop", environment, ref=ref))
        return await self.end(made.id)

    async def end(self, deploy_id: int) -> Deploy:
        """A deploy once it is over."""
        found: Deploy | None = None

        async def over() -> bool:
            nonlocal found
            found = self.store.deploys.get(deploy_id)
            return found is not None and not found.state.active

        await until(over)
        assert found is not None
        return found

    async def until(self, reason: str, environment: str = "production") -> None:
        """Have the robot look until it says so."""

        async def says_so() -> bool:
            await self.look()
            return self.reason(environment) == reason

        await until(says_so, lambda: self.reason(environment))

    def reason(self, environment: str = "production") -> str:
        """What an environment says of itself."""
        return self.store.auto.get("shop", environment).reason

    def deploys(self, environment: str = "production") -> list[tuple[str, str, str]]:
        """Who deployed what, and how that is going; the first one first."""
        found = self.store.deploys.history("shop", environment)
        return [(one.order.actor, one.sha or one.order.ref, str(one.state)) for one in reversed(found)]

    def locks(self) -> list[tuple[str, str]]:
        """Owner and branch of each lock in force."""
        return [(one.owner, one.branch) for one in self.store.locks.in_force(time.time())]


@pytest.fixture
async def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    for name in ("STATE", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    async with town(tmp_path) as made:
        yield made


async def until(condition: Callable[[], Awaitable[bool]], told: Callable[[], str] = str) -> None:
    """Wait for something to be so."""
    try:
        async with asyncio.timeout(40):
            while not await condition():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"it has not come to this; {told()}") from None


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], env=AUTHOR, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def write_app(folder: Path, environments: dict[str, Any]) -> None:
    text = {"app": "shop", "repo": "../shop.git", "environments": environments}
    (folder / "apps" / "shop.yml").write_text(yaml.safe_dump(text, sort_keys=False))


def make_service(
    world: World, folder: Path, live: Live, heartbeat: Heartbeat, histories: Histories
) -> Service:
    return Service(
        world, Apps(folder / "shiphorn.yml"), lambda _: True, lambda: None, live, heartbeat, histories
    )


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    """It, with a worker that works; XDG folders are the caller's to set."""
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(DemoFleet(folder / "fleet", demo_hosts(2)))
        environments: dict[str, Any] = {
            name: {"deploy_to": f"~/{name}", "regions": fleet.config_regions(), "phase_timeout": 20}
            for name in ("staging", "production")
        }
        (folder / "apps").mkdir()
        (folder / "shop.git").mkdir()
        git(folder / "shop.git", "init", "--quiet", "--initial-branch=main")
        ssh = {"user": "demo", "identity_file": "fleet/id_ed25519", "known_hosts": "fleet/known_hosts"}
        (folder / "shiphorn.yml").write_text(yaml.safe_dump({"defaults": {"ssh": ssh}}))
        write_app(folder, environments)
        world = await stack.enter_async_context(open_world(lambda _: None))
        shipping = await stack.enter_async_context(open_shipping(world, apart=True))
        live = await stack.enter_async_context(Live(world.store))
        heartbeat = await stack.enter_async_context(Heartbeat(world.store))
        histories = await stack.enter_async_context(Histories())
        service = make_service(world, folder, live, heartbeat, histories)
        working = asyncio.ensure_future(Worker(world, shipping, service.apps).work())
        made = Town(folder, service, Robot(service, refresh_seconds=0.0), environments)
        try:
            yield made
        finally:
            working.cancel()
            await asyncio.wait([working])
