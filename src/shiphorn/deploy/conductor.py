"""Durable phases: one step for work on the deployer, a child workflow a region for work on hosts.

Children run side by side, steps within one do not: parallel steps of a single workflow are mixed up
when it is replayed. Steps record counts and notes; what became of hosts is in the store.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from shiphorn.deploy import pause
from shiphorn.deploy.batch import FLUSH_SECONDS, HostWork, work_on
from shiphorn.deploy.deployment import Deployment, open_deployment
from shiphorn.deploy.judge import require_enough
from shiphorn.deploy.remedy import Remedy, ask_a_person, asks_a_person, choose, heard
from shiphorn.deploy.world import World
from shiphorn.engine.durable import Engine
from shiphorn.engine.fanout import batches
from shiphorn.errors import DeployFailed, Refused, ShiphornError
from shiphorn.model.deploy import Phase
from shiphorn.model.events import PhaseFinished, PhaseStarted, WaveStarted

LocalWork = Callable[[Deployment], Coroutine[Any, Any, str]]
"""Work of a phase on the deployer; gives a note for people."""


class Conductor:
    """Runs phases of deploys, each known by its run id. `host_work` is by the name on record.

    Where many deploys share a process, each has its connections `apart`, and closes them.
    """

    def __init__(
        self, world: World, engine: Engine, host_work: Mapping[str, HostWork], *, apart: bool = False
    ) -> None:
        self._world = world
        self._apart = apart
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
            world = self._world.apart() if self._apart else self._world
            self._open[run] = open_deployment(world, record)
        return self._open[run]

    async def step(self, run: str, phase: Phase, work: LocalWork, *, stoppable: bool = True) -> None:
        """Run a phase's work on the deployer as one step; a stop by a person cuts it short."""

        async def recorded() -> str:
            deployment = self.deployment(run)
            if stoppable:
                await pause.if_wished(deployment)
            began = _begin(deployment, phase, {})
            doing = work(deployment)
            note = await (_while_wanted(deployment, doing) if stoppable else doing)
            _end(deployment, phase, began, note)
            return note

        await self._judged(run, phase, recorded)

    async def on_hosts(
        self,
        run: str,
        phase: Phase,
        wave: int = 0,
        *,
        first: LocalWork | None = None,
        then: LocalWork | None = None,
    ) -> None:
        """Run a phase on the hosts that need it, then judge whether to go on.

        `first` and `then` are the phase's work on the deployer before and after; `then` gives the note.
        """
        work = self._host_work[phase]

        async def begin() -> float:
            deployment = self.deployment(run)
            if work.stoppable:
                await pause.if_wished(deployment)
            waiting = work.waiting(deployment, deployment.targets.values())
            began = _begin(deployment, phase, dict(Counter(target.host.region for target in waiting)))
            if first is not None:
                await first(deployment)
            return began

        async def judge() -> None:
            deployment = self.deployment(run)
            note = await then(deployment) if then else ""
            _end(deployment, phase, began, note)
            if work.judged:
                deployment.check_stop()
                require_enough(deployment, phase)

        began = await self._engine.step(f"{phase} begins", begin)
        await self.across(run, phase, wave)
        await self._judged(run, f"{phase} ends", judge)

    async def waves(self, run: str) -> int:
        """How many waves a deploy has."""

        async def recorded() -> int:
            return self.deployment(run).record.waves

        return await self._engine.step("waves", recorded)

    async def wave(self, run: str, number: int) -> None:
        """Begin a wave; where people are to be asked, wait for one. Raises Refused SH530."""

        async def begin() -> None:
            deployment = self.deployment(run)
            limits, count = deployment.limits, deployment.record.waves
            if limits.waves.pause and number > 1 and deployment.record.wave < number:
                await pause.wait(deployment, f"wave {number} of {count} waits for a person", wave=number)
            await pause.if_wished(deployment)
            deployment.change(wave=number)
            if count > 1:
                hosts = dict(Counter(target.host.region for target in deployment.going_in_wave()))
                deployment.tell(WaveStarted(deployment.id, time.time(), number, count, hosts))

        await self._engine.step("wave", begin)

    async def remedy(self, run: str) -> Remedy:
        """What is done about a deploy that does not go on."""

        async def recorded() -> str:
            return choose(self.deployment(run))

        return Remedy(await self._engine.step("remedy", recorded))

    async def across(self, run: str, work: str, wave: int = 0) -> None:
        """Do some work in all regions at once. A wave's work is known by its number, too."""
        regions = sorted({target.host.region for target in self.deployment(run).targets.values()})
        children = [
            await self._engine.start("region", f"{run}-{work}-{wave}-{region}", run, work, region)
            for region in regions
        ]
        await asyncio.gather(*(child.get_result() for child in children))

    async def _judged(self, run: str, name: str, judge: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Run a step that may find that the deploy should not go on, unless a person says so."""
        try:
            await self._engine.step(name, judge)
        except DeployFailed as error:
            # `except` unbinds its name when it ends, before the steps below are over.
            failure = error

            async def asked() -> bool:
                return asks_a_person(self.deployment(run), failure)

            async def answered() -> bool:
                return await ask_a_person(self.deployment(run), failure)

            async def on_record() -> None:
                heard(self.deployment(run), goes_on=goes_on)

            if not await self._engine.step("ask", asked):
                raise
            # In a step of its own: an answer that is not on record yet is there to be read again.
            goes_on = await self._engine.step("answer", answered)
            await self._engine.step("answered", on_record)
            if not goes_on:
                raise

    async def end(
        self,
        run: str,
        work: Callable[[Deployment, ShiphornError | None], Coroutine[Any, Any, str]],
        error: ShiphornError | None = None,
    ) -> str:
        """Run the last step, and forget the deploy. Gives what `work` does."""

        async def recorded() -> str:
            return await work(self.deployment(run), error)

        state = await self._engine.step("close", recorded)
        await self.forget(run)
        return state

    async def forget(self, run: str) -> None:
        """Let go of a deploy that this process works on no more."""
        closed = self._open.pop(run, None)
        if closed is not None and self._apart:
            await closed.world.fleet.close()

    async def _region(self, run: str, work: str, region: str) -> None:
        deployment = self.deployment(run)
        hosts = [target for target in deployment.targets.values() if target.host.region == region]
        for start, end in batches(hosts):

            async def batch(start: int = start, end: int = end) -> None:
                await work_on(deployment, self._host_work[work], hosts[start:end])

            await self._engine.step(f"{work} {start}", batch)


async def _while_wanted(deployment: Deployment, work: Coroutine[Any, Any, str]) -> str:
    """Wait for work on the deployer. Raises Refused SH530 when a person ends the deploy before."""
    working = asyncio.ensure_future(work)
    try:
        while not working.done():
            await asyncio.wait({working}, timeout=FLUSH_SECONDS)
            if not working.done():
                deployment.check_stop()
        return working.result()
    finally:
        if working.cancel():
            await asyncio.wait({working})


def _begin(deployment: Deployment, phase: Phase, hosts: dict[str, int]) -> float:
    deployment.change(phase=phase)
    began = time.time()
    deployment.tell(PhaseStarted(deployment.id, began, phase, hosts))
    return began


def _end(deployment: Deployment, phase: Phase, began: float, note: str) -> None:
    now = time.time()
    deployment.tell(PhaseFinished(deployment.id, now, phase, now - began, note))
