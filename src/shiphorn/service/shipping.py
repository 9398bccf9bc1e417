"""Orders that change hosts: deploy, roll back, stop, resume."""

from __future__ import annotations

import time

from shiphorn.config.load import Config
from shiphorn.deploy.close import crashed
from shiphorn.deploy.pipeline import Pipeline
from shiphorn.deploy.world import World
from shiphorn.engine.durable import Engine, Handle
from shiphorn.errors import Refused
from shiphorn.model.deploy import Deploy, DeployState, Order, Wish
from shiphorn.model.events import DeployStarted
from shiphorn.service.records import ask, get


class Shipping:
    """Runs deploys in this process. The engine must be launched, and closed, by the owner."""

    def __init__(self, world: World, engine: Engine) -> None:
        self._world = world
        self._engine = engine
        self._pipeline = Pipeline(world, engine)

    def record(self, config: Config, order: Order, *, wait: bool = True) -> Deploy:
        """Put a new deploy on record. One that does not `wait` for others takes its environment here.

        Raises Refused SH521 for another app than the config's, SH501 or SH502 when it does not wait.
        """
        if order.app != config.app:
            raise Refused(
                "SH521",
                f"{config.path} deploys {config.app}, not {order.app}.",
                hint=f"Leave the app out, or use the config of {order.app}: --config FILE",
            )
        config.environment(order.environment)
        deploys = self._world.store.deploys
        now = time.time()
        made = deploys.open(order, (str(config.path), config.text), self._engine.executor.id, now)
        if not wait:
            self._pipeline.take_at_once(made)
            made = get(self._world.store, made.id)
        self._tell_start(made)
        return made

    async def run(self, record: Deploy) -> Deploy:
        """Carry out a deploy or rollback to its end, good or bad."""
        return await self._wait(record, await self._pipeline.start(record))

    async def resume(self, deploy_id: int) -> Deploy:
        """Bring a deploy whose process died to its end. Raises Refused SH522 to SH524."""
        record = get(self._world.store, deploy_id)
        if not record.state.active:
            raise Refused("SH523", f"deploy {deploy_id} has ended already: it {record.state}.")
        if not self._engine.executor.claim(record.executor):
            raise Refused("SH524", f"deploy {deploy_id} is still being worked on by another process.")
        self._tell_start(record)
        return await self._wait(record, await self._pipeline.resume(record))

    def left(self) -> list[Deploy]:
        """The deploys of all apps whose process died before they were over; those in the queue last."""
        lives = self._engine.executor.lives
        found = [one for one in self._world.store.deploys.active() if not lives(one.executor)]
        return sorted(found, key=lambda one: (one.state == DeployState.QUEUED, one.id))

    def stop(self, deploy_id: int, actor: str) -> None:
        """Ask a deploy to stop, and to take everything back."""
        self._world.tell(ask(self._world.store, deploy_id, Wish.STOP, actor))

    async def _wait(self, record: Deploy, handle: Handle) -> Deploy:
        deploys = self._world.store.deploys
        try:
            await handle.get_result()
        except Exception as error:
            crashed(self._world.store, record.id, error)
            raise
        return deploys.get(record.id) or record

    def _tell_start(self, record: Deploy) -> None:
        order = record.order
        event = DeployStarted(
            record.id, record.started_at, order.app, order.environment, order.kind, order.ref, order.actor
        )
        self._world.store.records.add_events([event])
        self._world.tell(event)
