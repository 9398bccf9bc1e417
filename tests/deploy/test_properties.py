"""Any sequence of orders, faults and people: the hosts, the record and a small model always agree.

The model is `Model`: what each host runs and keeps, and what it should run. The machine carries every
step out for real, on a fleet of demo hosts, and compares.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from shiphorn.config.load import Config, load_text
from shiphorn.demo.fleet import DemoFleet, Fault, demo_hosts
from shiphorn.deploy.world import World
from shiphorn.model.deploy import Deploy, DeployState, Kind, Order
from shiphorn.model.locks import Scope
from shiphorn.model.target import Selection
from shiphorn.service import locks as lock_service
from shiphorn.service.hosts import fleet as fleet_service
from shiphorn.service.hosts.intent import Standing
from shiphorn.service.shipping import Shipping
from shiphorn.wiring import open_shipping, open_world
from tests.deploy.conftest import Site

ALL = os.environ.get("HORN_CHAOS") == "all"
KEEP, REQUIRED = 2, 2
NAMES = ("web1.eu", "web1.us", "web1.ap")
COMMANDS = {
    "stage": [
        "! grep -q unstageable index.txt",
        '! grep -q waits index.txt || { touch "$HOME/waiting"; sleep 600; }',
    ],
    "restart": ['! grep -q "unstartable on $(basename "$HOME")" index.txt'],
}
"""What a commit says decides how its deploy goes."""

T = TypeVar("T")


@dataclass
class HostModel:
    """One host. `proven` are the releases whose deploys ended well there, `unproven` those that did not."""

    up: bool = True
    live: str = ""
    kept: set[str] = field(default_factory=set)
    proven: set[str] = field(default_factory=set)

    @property
    def unproven(self) -> set[str]:
        return self.kept - self.proven

    def ends_well_with(self, release: str) -> None:
        """A switch, if there is one to make, and what a deploy does at its end."""
        previous = self.live if self.live != release else ""
        self.live = release
        self.kept.add(release)
        self.proven.add(release)
        stays = {release, previous}
        for name in sorted(self.unproven - stays):
            if len(self.kept) > KEEP:
                self.kept.discard(name)
        good = sorted(self.kept & self.proven)
        self.kept -= set(good[: max(0, len(good) - KEEP)]) - stays


@dataclass
class Model:
    """The fleet as it must be. `sha_of` is by release."""

    hosts: dict[str, HostModel] = field(default_factory=lambda: {name: HostModel() for name in NAMES})
    intended: str = ""
    good: set[str] = field(default_factory=set)
    wrong: set[str] = field(default_factory=set)
    sha_of: dict[str, str] = field(default_factory=dict)
    locked: bool = False

    @property
    def up(self) -> list[HostModel]:
        return [host for host in self.hosts.values() if host.up]

    @property
    def deployable(self) -> bool:
        return len(self.up) >= REQUIRED and not self.locked

    def lacking(self) -> list[HostModel]:
        """Hosts that a converge would work on."""
        return [host for host in self.up if self.intended and host.live != self.intended]

    def before(self) -> str:
        """The release that a rollback goes to; "" for none."""
        live = Counter(host.live for host in self.up if host.live).most_common(1)
        common = set.intersection(*(host.kept for host in self.up)) - (self.wrong - self.good)
        return max((name for name in common if live and name < live[0][0]), default="")

    def standing(self, host: HostModel) -> Standing:
        if not host.up or not self.intended:
            return Standing.UNKNOWN
        if host.live == self.intended:
            return Standing.AS_INTENDED
        return Standing.BEHIND if not host.live or host.live in self.good else Standing.DRIFTED


@dataclass
class Shipyard:
    """A fleet and a shiphorn on one event loop, used by all examples: each is an app of its own."""

    loop: asyncio.AbstractEventLoop
    site: Site
    world: World
    shipping: Shipping
    examples: int = 0
    commits: int = 0

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        async def in_time() -> T:
            async with asyncio.timeout(90):
                return await work

        return self.loop.run_until_complete(in_time())

    def commit(self, what: str) -> str:
        self.commits += 1
        return self.site.commit(f"{self.commits} {what}")

    def new_app(self) -> Config:
        self.examples += 1
        self.site.config |= {
            "app": f"sample{self.examples}",
            "deploy_to": f"~/sample{self.examples}",
            "keep_releases": KEEP,
            "commands": COMMANDS,
        }
        self.site.config["environments"]["production"] |= {"require": str(REQUIRED), "max_failures": "0"}
        self.site.config["ssh"]["connect_timeout"] = 30
        self.site.write_config()
        path = self.site.folder / "deploy.yml"
        return load_text(path.read_text(), path)


class Orders(RuleBasedStateMachine):
    """Gives orders, has hosts come and go, and compares after each step."""

    def __init__(self, yard: Shipyard) -> None:
        super().__init__()
        self.yard = yard
        self.model = Model()
        self.config = yard.new_app()
        yard.site.fleet.faults.clear()

    @initialize(well=st.booleans())
    def begin(self, well: bool) -> None:
        if well:
            self.deploy_a_good_commit()

    @rule()
    def deploy_a_good_commit(self) -> None:
        ended = self._deploy("good")
        if not self._refused(ended):
            assert ended.state == DeployState.SUCCEEDED, ended
            self._went_out(ended, self.model.up)

    @rule()
    def deploy_what_cannot_be_staged(self) -> None:
        ended = self._deploy("unstageable")
        if not self._refused(ended):
            assert (ended.state, ended.code) == (DeployState.FAILED, "SH601"), ended

    @rule(victim=st.integers(0, 2))
    def deploy_what_does_not_start_on_one_host(self, victim: int) -> None:
        name = [name for name, host in self.model.hosts.items() if host.up or not self.model.deployable]
        ended = self._deploy(f"unstartable on {name[victim % len(name)]}")
        if self._refused(ended):
            return
        assert (ended.state, ended.code) == (DeployState.ROLLED_BACK, "SH602"), ended
        self.model.locked = True
        for host in self.model.up:
            host.kept.add(ended.release)

    @precondition(lambda self: self.model.deployable)
    @rule()
    def stop_a_deploy_that_stages(self) -> None:
        ended = self.yard.wait(self._stopped(self._order(Kind.DEPLOY, self.yard.commit("waits"))))
        assert ended.state == DeployState.STOPPED, ended

    @rule()
    def roll_back(self) -> None:
        ended = self._run(Kind.ROLLBACK, "")
        if len(self.model.up) < REQUIRED:
            assert (ended.state, ended.code) == (DeployState.FAILED, "SH601"), ended
        elif to := self.model.before():
            assert (ended.state, ended.release) == (DeployState.SUCCEEDED, to), ended
            self._went_out(ended, self.model.up)
        else:
            assert (ended.state, ended.code) == (DeployState.FAILED, "SH513"), ended

    @rule()
    def converge(self) -> None:
        lacking = self.model.lacking()
        orders = self.yard.wait(
            fleet_service.behind(self.yard.world, self.config, "production", Selection(), "ada")
        )
        assert len(orders) == (1 if lacking else 0)
        for order in orders:
            ended = self.yard.wait(self._carried_out(order))
            assert (ended.state, ended.release) == (DeployState.SUCCEEDED, self.model.intended), ended
            self._went_out(ended, lacking)

    @rule(name=st.sampled_from(NAMES))
    def a_host_goes_or_comes_back(self, name: str) -> None:
        host, fleet = self.model.hosts[name], self.yard.site.fleet
        host.up = not host.up
        fleet.faults[name] = Fault(refuse=not host.up)
        if not host.up:
            fleet.drop(name)

    @rule(name=st.sampled_from(NAMES), which=st.integers(0, 3))
    def somebody_switches_a_host_by_hand(self, name: str, which: int) -> None:
        host = self.model.hosts[name]
        if not host.live:
            return
        host.live = sorted(host.kept)[which % len(host.kept)]
        current = self._base(name) / "current"
        current.unlink()
        current.symlink_to(self._base(name) / "releases" / host.live)

    @precondition(lambda self: self.model.locked)
    @rule()
    def unlock(self) -> None:
        scope = Scope(self.config.app, "production")
        assert len(lock_service.release(self.yard.world.store, scope, "ada", time.time())) == 1
        self.model.locked = False

    @invariant()
    def every_host_runs_and_keeps_what_the_model_says(self) -> None:
        for name, host in self.model.hosts.items():
            base = self._base(name)
            releases = base / "releases"
            assert {path.name for path in releases.glob("*")} == host.kept, name
            newest = sorted(host.proven)[-KEEP:]
            assert set(newest) <= host.kept, name
            current = base / "current"
            assert current.is_symlink() == bool(host.live), name
            if host.live:
                assert current.resolve(strict=True) == (releases / host.live).resolve(), name
                assert (current / "REVISION").read_text().strip() == self.model.sha_of[host.live], name

    @invariant()
    def what_is_on_record_is_true_and_nothing_is_held(self) -> None:
        now = self.yard.wait(fleet_service.status(self.yard.world, self.config, "production", Selection()))
        for one in now.hosts:
            host = self.model.hosts[one.host.name]
            assert (one.seen.release if one.seen else None) == (host.live if host.up else None), one
            assert one.seen is None or set(one.seen.releases) == host.kept
            assert one.intended == self.model.intended
            assert one.standing == self.model.standing(host)
        assert now.holder is None
        assert len(now.locks) == self.model.locked
        assert self.yard.world.store.deploys.active(self.config.app) == []

    def _deploy(self, what: str) -> Deploy:
        return self._run(Kind.DEPLOY, self.yard.commit(what))

    def _refused(self, ended: Deploy) -> bool:
        """Whether a deploy had to end before it changed anything; it is remembered when it had not to."""
        if self.model.deployable:
            self.model.sha_of[ended.release] = ended.sha
            if ended.state != DeployState.SUCCEEDED:
                self.model.wrong.add(ended.release)
            return False
        assert (ended.state, ended.code) == (
            DeployState.FAILED,
            "SH540" if self.model.locked else "SH601",
        ), ended
        return True

    def _went_out(self, ended: Deploy, hosts: list[HostModel]) -> None:
        self.model.intended = ended.release
        self.model.good.add(ended.release)
        for host in hosts:
            host.ends_well_with(ended.release)

    def _order(self, kind: Kind, ref: str) -> Order:
        return Order(self.config.app, "production", kind, ref, actor="ada")

    def _run(self, kind: Kind, ref: str) -> Deploy:
        return self.yard.wait(self._carried_out(self._order(kind, ref)))

    async def _carried_out(self, order: Order) -> Deploy:
        return await self.yard.shipping.run(self.yard.shipping.record(self.config, order))

    async def _stopped(self, order: Order) -> Deploy:
        """Stop a deploy while its stage commands wait on all hosts that are up."""
        record = self.yard.shipping.record(self.config, order)
        waiting = [self.yard.site.fleet.home(name) / "waiting" for name in NAMES]
        up = [path for path, host in zip(waiting, self.model.hosts.values(), strict=True) if host.up]
        running = asyncio.create_task(self.yard.shipping.run(record))
        await self.yard.site.until(lambda: running.done() or all(path.exists() for path in up))
        self.yard.shipping.stop(record.id, "ada")
        ended = await running
        for path in up:
            path.unlink()
        return ended

    def _base(self, name: str) -> Path:
        return self.yard.site.fleet.home(name) / self.config.app


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Shipyard]:
    loop = asyncio.new_event_loop()
    stack = AsyncExitStack()

    async def begin() -> Shipyard:
        fleet = await stack.enter_async_context(DemoFleet(tmp_path / "fleet", demo_hosts(3)))
        world = await stack.enter_async_context(open_world(lambda _: None))
        shipping = await stack.enter_async_context(open_shipping(world))
        return Shipyard(loop, Site(tmp_path, fleet), world, shipping)

    async def end() -> None:
        await stack.aclose()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    homes = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    with patch.dict(os.environ, homes):
        try:
            yield loop.run_until_complete(begin())
        finally:
            loop.run_until_complete(end())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()


@pytest.mark.timeout(7200 if ALL else 600)
def test_hosts_record_and_model_agree_after_any_sequence(yard: Shipyard) -> None:
    chosen = settings(
        max_examples=40 if ALL else 5,
        stateful_step_count=15 if ALL else 8,
        derandomize=not ALL,
        deadline=None,
        database=None,
        # To make a failing sequence shorter would take hours of deploys.
        phases=(Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: Orders(yard), settings=chosen)  # type: ignore[arg-type]
