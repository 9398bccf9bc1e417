"""Durable phases: one step for work on the deployer, a child workflow a region for work on hosts.

Children run side by side, steps within one do not: parallel steps of a single workflow are mixed up
when it is replayed. Steps record counts and notes; what became of hosts is in the store.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from shiphorn.deploy.batch import HostWork, work_on
from shiphorn.deploy.deployment import Deployment, open_deployment
from shiphorn.deploy.judge import require_enough
from shiphorn.deploy.world import World
from shiphorn.engine.durable import Engine
from shiphorn.engine.fanout import batches
from shiphorn.errors import Refused, ShiphornError
from shiphorn.model.deploy import Phase
from shiphorn.model.events import PhaseFinished, PhaseStarted

LocalWork = Callable[[Deployment], Awaitable[str]]
"""Work of a phase on the deployer; gives a note for people."""


class Conductor:
    """Runs phases of deploys, each known by its run id. `host_work` is by the name on record."""

    def __init__(self, world: World, engine: Engine, host_work: Mapping[str, HostWork]) -> None:
        self._world = world
        self._engine = engine
        self._host_work = host_work
        self._open: dict[str, Deployment] = {}
        engine.workflow("region", self._region)

    def deployment(self, run: str) -> Deployment:
        """The deploy as this process knows it, opened from the store when it is not known yet."""
        if run not in self._open:
            record = self._world.store.deploys.by_run(run)
            if record is None:
                raise Refused("SH512", f"no deploy has the run id {run}.")
            self._open[run] = open_deployment(self._world, record)
        return self._open[run]

    async def step(self, run: str, phase: Phase, work: LocalWork) -> None:
        """Run a phase's work on the deployer as one step."""

        async def recorded() -> str:
            deployment = self.deployment(run)
            began = _begin(deployment, phase, {})
            note = await work(deployment)
            _end(deployment, phase, began, note)
            return note

        await self._engine.step(phase, recorded)

    async def on_hosts(
        self, run: str, phase: Phase, *, first: LocalWork | None = None, then: LocalWork | None = None
    ) -> None:
        """Run a phase on all hosts that are still going, then judge whether to go on.

        `first` and `then` are the phase's work on the deployer before and after; `then` gives the note.
        """

        async def begin() -> float:
            deployment = self.deployment(run)
            began = _begin(deployment, phase, dict(deployment.regions()))
            if first is not None:
                await first(deployment)
            return began

        async def judge() -> None:
            deployment = self.deployment(run)
            note = await then(deployment) if then else ""
            _end(deployment, phase, began, note)
            if not deployment.flipping:
                deployment.check_stop()
                require_enough(deployment, phase)

        began = await self._engine.step(f"{phase} begins", begin)
        await self.across(run, phase)
        await self._engine.step(f"{phase} ends", judge)

    async def across(self, run: str, work: str) -> None:
        """Do some work in all regions at once."""
        regions = sorted({target.host.region for target in self.deployment(run).targets.values()})
        children = [
            await self._engine.start("region", f"{run}-{work}-{region}", run, work, region)
            for region in regions
        ]
        await asyncio.gather(*(child.get_result() for child in children))

    async def end(
        self,
        run: str,
        work: Callable[[Deployment, ShiphornError | None], str],
        error: ShiphornError | None = None,
    ) -> str:
        """Run the last step, and forget the deploy. Gives what `work` does."""

        async def recorded() -> str:
            return work(self.deployment(run), error)

        state = await self._engine.step("close", recorded)
        self._open.pop(run, None)
        return state

    async def _region(self, run: str, work: str, region: str) -> None:
        deployment = self.deployment(run)
        hosts = [target for target in deployment.targets.values() if target.host.region == region]
        for start, end in batches(hosts):

            async def batch(start: int = start, end: int = end) -> None:
                await work_on(deployment, self._host_work[work], hosts[start:end])

            await self._engine.step(f"{work} {start}", batch)


def _begin(deployment: Deployment, phase: Phase, hosts: dict[str, int]) -> float:
    if not deployment.flipping:
        deployment.check_stop()
    deployment.change(phase=phase)
    began = time.time()
    deployment.tell(PhaseStarted(deployment.id, began, phase, hosts))
    return began


def _end(deployment: Deployment, phase: Phase, began: float, note: str) -> None:
    now = time.time()
    deployment.tell(PhaseFinished(deployment.id, now, phase, now - began, note))
