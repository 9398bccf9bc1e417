"""The deploy, from a ref to running hosts. Read `Pipeline.deploy` first.

Every line of it is durable: when a process dies, another one goes on at the step it was in. Up to
the flip any failure takes everything back; after it, too much of it switches the hosts back.
"""

from __future__ import annotations

from shiphorn.deploy import (
    build,
    close,
    discover,
    flip,
    gates,
    lock,
    resolve,
    rollback,
    watch,
)
from shiphorn.deploy.conductor import Conductor, LocalWork
from shiphorn.deploy.deployment import Deployment
from shiphorn.deploy.remedy import Remedy
from shiphorn.deploy.work import HOST_WORK
from shiphorn.deploy.world import World
from shiphorn.engine.crashpoints import reach
from shiphorn.engine.durable import Engine, Handle
from shiphorn.errors import ShiphornError
from shiphorn.model.deploy import NOBODY_YET, Deploy, Kind, Phase


class Pipeline:
    """Runs deploys and rollbacks on an engine. One per process; made before the engine is launched.

    Deploys that share a process with others keep their connections `apart`.
    """

    def __init__(self, world: World, engine: Engine, *, apart: bool = False) -> None:
        self._world = world
        self._engine = engine
        self._conduct = Conductor(world, engine, HOST_WORK, apart=apart)
        engine.workflow(Kind.DEPLOY, self.deploy)
        engine.workflow(Kind.ROLLBACK, self.rollback)
        engine.workflow(Kind.CONVERGE, self.converge)

    async def start(self, record: Deploy) -> Handle:
        """Begin a deploy or rollback that was recorded, or join it when it has begun."""
        reach("start")
        return await self._engine.start(record.order.kind, record.run, record.run)

    def take_at_once(self, record: Deploy) -> None:
        """Take the environment for a deploy that was recorded, or end it. Raises Refused SH501, SH502."""
        lock.take_at_once(self._world.store, record, self._lives)

    async def resume(self, record: Deploy) -> Handle:
        """Go on with a deploy whose process died."""
        reach("resume:claimed")
        self._world.store.deploys.update(record.id, executor=self._engine.executor.id)
        reach("resume:owned")
        await self._engine.recover(record.run)
        reach("resume:recovered")
        return await self.start(record)

    async def forget(self, record: Deploy) -> None:
        """Let go of a deploy that a defect ended."""
        await self._conduct.forget(record.run)

    async def deploy(self, run: str, find: LocalWork = resolve.commit) -> str:
        """Put a commit on the hosts of an environment. Gives the state it ends in."""
        conduct = self._conduct
        try:
            await conduct.step(run, Phase.RESOLVE, find)
            await conduct.step(run, Phase.GATES, gates.pass_all)
            await conduct.step(run, Phase.LOCK, self._lock)
            await conduct.step(run, Phase.DISCOVER, discover.hosts)
            await conduct.step(run, Phase.BUILD, build.artifact)
            await conduct.on_hosts(run, Phase.PROBE)
            await conduct.on_hosts(run, Phase.STAGE)
            await self._switch(run)
        except ShiphornError as error:
            return await self._give_up(run, error)
        return await conduct.end(run, close.deploy)

    async def rollback(self, run: str) -> str:
        """Go back to a release that the hosts kept. Gives the state it ends in."""
        conduct = self._conduct
        try:
            await conduct.step(run, Phase.GATES, gates.pass_all)
            await conduct.step(run, Phase.LOCK, self._lock)
            await conduct.step(run, Phase.DISCOVER, discover.hosts)
            await conduct.on_hosts(run, Phase.PROBE)
            await conduct.step(run, Phase.RESOLVE, resolve.kept_release)
            await self._switch(run)
        except ShiphornError as error:
            return await self._give_up(run, error)
        return await conduct.end(run, close.deploy)

    async def converge(self, run: str) -> str:
        """Bring hosts that are behind to the release that they should run. Gives the state it ends in."""
        return await self.deploy(run, resolve.intended_release)

    async def _switch(self, run: str) -> None:
        """Let one wave after the other switch, and go on only while all that have switched are well."""
        conduct = self._conduct
        for wave in range(1, await conduct.waves(run) + 1):
            await conduct.wave(run, wave)
            await conduct.on_hosts(run, Phase.FLIP, wave, first=flip.agree, then=flip.measure)
            await conduct.on_hosts(run, Phase.RESTART, wave)
            await conduct.step(run, Phase.WATCH, watch.health)
        await conduct.on_hosts(run, Phase.FINISH)

    async def _give_up(self, run: str, error: ShiphornError) -> str:
        """Leave no host half-way: switch back what was switched, and undo the rest."""
        conduct = self._conduct
        if await conduct.remedy(run) == Remedy.ROLLBACK:
            await conduct.on_hosts(
                run,
                Phase.ROLLBACK,
                first=lambda deployment: rollback.agree(deployment, error),
                then=rollback.tally,
            )
            await conduct.step(run, Phase.WATCH, watch.after_rollback, stoppable=False)
        await conduct.across(run, "undo")
        return await conduct.end(run, close.deploy, error)

    async def _lock(self, deployment: Deployment) -> str:
        return await lock.take(deployment, self._lives)

    def _lives(self, executor: str) -> bool:
        """Whether an executor still runs, or is still to come. If not it is claimed: should it only have
        been out of reach, it does not go on once its deploy is abandoned.
        """
        this = self._engine.executor
        return executor in (NOBODY_YET, this.id) or not this.claim(executor)
